"""Badges: geometry by hand, text that stays text, colours that can be read."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from cnncalc.errors import UsageError
from cnncalc.render import badge

SVG = "{http://www.w3.org/2000/svg}"


def parse(label: str, message: str = "1", color: str = "blue") -> ElementTree.Element:
    return ElementTree.fromstring(badge.svg(label, message, color))


def texts(image: ElementTree.Element) -> list[ElementTree.Element]:
    return list(image.iter(f"{SVG}text"))


def test_layout():
    """By hand, in pixels: 6 on either side of each text."""
    image = parse("il", "MM", "red")
    # il: 2 * 3.3 = 6.6, so 7; MM: 2 * 10.5 = 21; 7 + 21 + 4 margins of 6 = 52
    assert (image.get("width"), image.get("height"), image.get("viewBox")) == ("52", "20", "0 0 52 20")
    assert [(text.get("x"), text.get("textLength")) for text in texts(image)] == [("6", "7"), ("25", "21")]
    left, right = image.iter(f"{SVG}path")
    assert left.get("d") == "M19 0v20H3a3 3 0 0 1-3-3v-14a3 3 0 0 1 3-3z"  # 7 + 2 * 6 = 19
    assert right.get("d") == "M19 0h30a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H19z"  # 19 + 30 + 3 = 52
    assert right.get("fill") == badge.COLORS["red"]


def test_a_screen_reader_reads_it():
    image = parse("params", "25.56M")
    assert (image.get("role"), image.get("aria-label")) == ("img", "params: 25.56M")
    assert image.findtext(f"{SVG}title") == "params: 25.56M"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><svg onload="x">',
        "'",
        "&amp;",
        "]]>",
        "<!--",
        "a\\b",
        "{x}",
        "%s",
        "\u00e9\u6570\U0001f600",
    ],
)
def test_text_stays_text(text):
    written = badge.svg(text, text, "blue")
    image = ElementTree.fromstring(written)
    assert [element.text for element in texts(image)] == [text, text]
    assert image.get("aria-label") == image.findtext(f"{SVG}title") == f"{text}: {text}"
    assert sorted(element.tag.removeprefix(SVG) for element in image.iter()) == sorted(
        ["svg", "title", "path", "path", "g", "text", "text"]
    )
    assert written.isascii()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\0b", "a\\x00b"),
        ("a\nb", "a\\nb"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x85", "\\x85"),
        ("\u202eab", "\\u202eab"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("\ufffe", "\\ufffe"),
    ],
)
def test_no_control_characters(text, shown):
    image = parse("label", text)
    assert texts(image)[1].text == shown
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", badge.svg(text, text, "blue"))


@pytest.mark.parametrize(
    ("color", "fill", "text", "named"),
    [
        ("blue", "#1262a8", "#ffffff", "blue"),  # shields.io knows the names
        ("#1262A8", "#1262a8", "#ffffff", "#1262a8"),
        ("#fff", "#ffffff", "#000000", "#ffffff"),
        ("#4c1", "#44cc11", "#000000", "#44cc11"),
        ("#000", "#000000", "#ffffff", "#000000"),
    ],
)
def test_colors(color, fill, text, named):
    image = parse("a", "b", color)
    assert [path.get("fill") for path in image.iter(f"{SVG}path")][1] == fill
    assert texts(image)[1].get("fill") == text
    assert badge.endpoint("a", "b", color)["color"] == named


@pytest.mark.parametrize(
    ("color", "hint"),
    [
        ("bleu", "did you mean blue?"),
        ("#12", "one of: blue, green, orange, red, yellow, grey, or #1262a8 and the like"),
        ("#12345g", "one of: blue, green, orange, red, yellow, grey, or #1262a8 and the like"),
        ("#123\n", "one of: blue, green, orange, red, yellow, grey, or #1262a8 and the like"),
        ('red"/><x', "one of: blue, green, orange, red, yellow, grey, or #1262a8 and the like"),
        ("", "one of: blue, green, orange, red, yellow, grey, or #1262a8 and the like"),
    ],
)
@pytest.mark.parametrize("write", [badge.svg, badge.endpoint])
def test_what_is_no_color(write, color, hint):
    with pytest.raises(UsageError, match="is not a colour") as caught:
        write("a", "b", color)
    assert caught.value.hint == hint


def contrast(color: str) -> float:
    """With white: 1.05 over the relative luminance and 0.05, as WCAG 2.2 has it."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


@pytest.mark.parametrize("color", [*badge.COLORS.values(), badge.LABEL_COLOR])
def test_white_text_is_readable(color):
    assert contrast(color) >= 4.5  # WCAG 2.2, level AA


def test_endpoint():
    assert badge.endpoint("params", "25.56M", "blue") == {
        "schemaVersion": 1,
        "label": "params",
        "message": "25.56M",
        "color": "blue",
    }
