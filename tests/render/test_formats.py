"""Layouts frozen as golden files, and text from a spec that must stay text in every format."""

from __future__ import annotations

import csv
import io
import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

import cnncalc
from cnncalc.render import delimited, markdown, plain, table, terminal
from cnncalc.render import json as json_format

GOLDEN = Path(__file__).parent / "golden"
NASTY = [
    "[/]", "[bold red]x[/bold red]", "[link=https://example.invalid]x[/link]", "=1+1", "+1", "-1", "@x", "::error::x",
    "</script><script>alert(1)</script>", "a|b", "`x`", "*x*", "_x_", "# x", "$x$", "~x~", "\\", "x\\|y", "<b>", "&amp;",
    "![x](y)", "{{x}}", "%s", "\u00e9\u4e2d\U0001f600", "'", '"', ",", ";",
]  # fmt: skip


def made(name: str, columns: tuple[str, ...], main: str, **options: object) -> table.Table:
    report = cnncalc.load(name).analyze()
    return table.table(report, table.Options(columns, main, **options))


@pytest.mark.parametrize(
    ("golden", "written"),
    [
        (
            "inception_bottleneck.txt",
            lambda: plain.write(made("inception_bottleneck", ("out", "params", "macs"), "macs")),
        ),
        ("inception_bottleneck.md", lambda: markdown.write(made("inception_bottleneck", ("out", "params"), "params"))),
        ("se_block.csv", lambda: delimited.write(made("se_block", ("in", "out", "params"), "params", full=True), ",")),
        ("resnet50_depth1.txt", lambda: plain.write(made("resnet50", ("out", "activations"), "activations", depth=1))),
    ],
)
def test_layout(golden, written):
    """The layout only: the numbers have their own tests."""
    assert written() == (GOLDEN / golden).read_text("utf-8")


@pytest.mark.parametrize("text", NASTY)
def test_text_stays_text(text, tmp_path):
    """A title with meaning in some format is shown as it is, and adds no cell, row, markup or escape."""
    spec = tmp_path / "nasty.yaml"
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    spec.write_text(f'cnncalc: 1\ntitle: "{quoted}"\ninput: [2]\nlayers: [{{linear: 3}}]\n', "utf-8")
    report = cnncalc.load(str(spec)).analyze()
    shown = table.table(report, table.Options(("out", "params"), "params"))
    for written in (plain.write(shown), terminal.write(shown, 80, True, True)):
        assert written.split("\n")[0].replace("\x1b[1m", "").replace("\x1b[0m", "") == f"nasty: {text}"
    assert "\x1b]8" not in terminal.write(shown, 80, True, True)
    lines = markdown.write(shown).split("\n")
    assert lines[0] == f"nasty: {markdown.escape(text)}"
    assert {line.count("|") for line in lines if line.startswith("|")} == {6}
    assert json.loads(json_format.write(report.to_dict()))["spec"]["title"] == text


@pytest.mark.parametrize("text", NASTY)
def test_csv_runs_nothing(text):
    heading = table.Heading("path", "layer", False)
    written = delimited.write(table.Table([], [heading], [], [], [], [[text]], []), ",")
    (cell,) = list(csv.reader(io.StringIO(written)))[1]
    assert cell in (text, f"'{text}")
    assert cell[:1] not in ("=", "+", "-", "@")


@pytest.mark.parametrize("text", NASTY)
def test_markdown_cells(text):
    """No unescaped character that means something."""
    left = markdown.escape(text).replace("@<!-- -->", "@")
    for character in "\\`*_[]<>|~$#":
        left = left.replace(f"\\{character}", "")
    assert not set(left) & set("\\`*_[]<>|~$#")


@pytest.mark.parametrize("room", [1, 50, 72, 120])
@pytest.mark.parametrize("unicode", [False, True])
def test_a_terminal_shows_the_same_figures_in_styles(room, unicode):
    shown = made("resnet50", ("out", "params", "macs"), "params")
    coloured, bare = (terminal.write(shown, room, unicode, color) for color in (True, False))
    assert set(re.findall(r"\x1b\[\d*m", coloured)) - {"\x1b[36m"} == {"\x1b[1m", "\x1b[2m", "\x1b[0m"}
    assert re.sub(r"\x1b\[\d*m", "", coloured) == bare
    assert re.findall(r"[\d,]+ +\d+\.\d%", bare) == re.findall(r"[\d,]+ +\d+\.\d%", plain.write(shown))
    assert bare.isascii() or unicode
    assert ("##" in bare or "██" in bare) == (room == 120)
    assert max(map(len, bare.splitlines())) <= max(room, 55)  # the figures alone take so much


def test_a_bar_is_as_long_as_its_share():
    assert terminal.bar(1.0, True) == "█" * 10
    assert terminal.bar(0.5, True) == "█" * 5
    assert terminal.bar(0.0, True) == ""
    assert terminal.bar(0.74, False) == "#" * 7


def test_a_fraction_in_csv_is_a_number():
    """A spreadsheet adds them up: no separators, no text."""
    heads = [table.Heading("n", "n", True)]
    one = table.Table([], heads, [], [], [], [[Fraction(7334, 4)], [1234567]], [])
    assert delimited.write(one, ",") == "n\n1833.5\n1234567\n"
