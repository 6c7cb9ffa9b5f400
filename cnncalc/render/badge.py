"""A figure as a badge: a label and a value side by side, as an SVG image or as data for shields.io."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cnncalc import columns, units
from cnncalc.analysis.report import Report
from cnncalc.columns import COLUMNS, WORK
from cnncalc.counting.conventions import counted_in
from cnncalc.errors import UsageError, escape, quote, suggest

#: colours with a name, which shields.io knows too; white text is readable on every one of them
COLORS: Mapping[str, str] = MappingProxyType(
    {
        "blue": "#1262a8",
        "green": "#1f7a34",
        "orange": "#b25000",
        "red": "#c02626",
        "yellow": "#8a6800",
        "grey": "#5c636b",
    }
)
LABEL_LIMIT = 100
LABEL_COLOR = "#3d434a"
HEIGHT = 20
MARGIN = 6
BASELINE = 14
RADIUS = 3

#: pixels of a character at a size of 11, roughly those of Verdana; any other is as wide as the size
_WIDTHS = MappingProxyType(
    {
        character: width
        for characters, width in (
            ("'ijl|", 3.3),
            (' .,:;!ftIJ()[]/\\-`"r', 4.6),
            ("csz?L*_k", 6.0),
            ("abdeghnopquvxyFPT0123456789$", 6.8),
            ("ABCEKRSVXYZ{}", 7.6),
            ("DGHNOQU&#+<=>^~w", 8.7),
            ("MWm@%", 10.5),
        )
        for character in characters
    }
)


def svg(label: str, message: str, color: str) -> str:
    """The badge as an SVG of 20 pixels' height, in ASCII, readable by a screen reader.

    The text is stretched to the width it is given, so that it fits whatever font is there.

    Raises:
        UsageError: ``color`` is none.
    """
    fill = _hexadecimal(color)
    left, right = _width(label), _width(message)
    split, width = left + 2 * MARGIN, left + right + 4 * MARGIN
    name = _markup(f"{label}: {message}")
    edge, flat, corner = HEIGHT - 2 * RADIUS, width - split - RADIUS, RADIUS
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}" '
        f'role="img" aria-label="{name}">',
        f"<title>{name}</title>",
        f'<path fill="{LABEL_COLOR}" d="M{split} 0v{HEIGHT}H{corner}a{corner} {corner} 0 0 1-{corner}-{corner}v-{edge}'
        f'a{corner} {corner} 0 0 1 {corner}-{corner}z"/>',
        f'<path fill="{fill}" d="M{split} 0h{flat}a{corner} {corner} 0 0 1 {corner} {corner}v{edge}'
        f'a{corner} {corner} 0 0 1-{corner} {corner}H{split}z"/>',
        '<g font-family="Verdana,\'DejaVu Sans\',Geneva,sans-serif" font-size="11">',
        _text(label, MARGIN, left, "#ffffff"),
        _text(message, split + MARGIN, right, _readable_on(fill)),
        "</g>",
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def words(report: Report, quantity: str, label: str | None = None) -> tuple[str, str]:
    """The label and the figure of a total: ``params`` and ``25.56M``; of bytes the decimal multiple, ``44.40 MB``.

    Raises:
        UsageError: the ``label``, other words before the figure, is empty, too long or not printable.
    """
    column, value, assumed, about = COLUMNS[quantity], report.totals[quantity], report.assumed, report.about
    if label is None:
        program = counted_in(assumed.convention, report.graph.program)
        said = [assumed.convention + program] if quantity == "work" else []
        said += [assumed.pass_] if column.unit in WORK and assumed.pass_ != "forward" else []
        said += about.settings
        label = (column.label or columns.words(quantity)) + (f" ({', '.join(said)})" if said else "")
    elif not label.strip() or len(label) > LABEL_LIMIT or not label.isprintable():
        raise UsageError(f"--label takes 1 to {LABEL_LIMIT} printable characters, not {quote(label)}")
    if column.unit == "bytes":
        return label.strip(), units.decimal_bytes(value)
    amount: Any = value if isinstance(value, int) else float(value)  # an expected count may be no whole number
    return label.strip(), units.short(amount) if amount >= 1000 else units.grouped(amount)


def endpoint(label: str, message: str, color: str) -> dict[str, str | int]:
    """The badge as shields.io reads it from an address, version 1 of its endpoint schema.

    Raises:
        UsageError: ``color`` is none.
    """
    shown = color if color in COLORS else _hexadecimal(color)
    return {"schemaVersion": 1, "label": label, "message": message, "color": shown}


def _hexadecimal(color: str) -> str:
    """``#rrggbb`` of a name, ``#rgb`` or ``#rrggbb``."""
    import re

    if color in COLORS:
        return COLORS[color]
    if not re.fullmatch(r"#([0-9a-f]{3}|[0-9a-f]{6})", color, re.ASCII | re.IGNORECASE):
        hint = suggest(color, COLORS) or f"one of: {', '.join(COLORS)}, or #1262a8 and the like"
        raise UsageError(f"{quote(color)} is not a colour", hint=hint)
    digits = color[1:].lower()
    return "#" + (digits if len(digits) == 6 else "".join(2 * digit for digit in digits))


def _readable_on(fill: str) -> str:
    """White or black, whichever stands out more: by the contrast ratio of WCAG 2, where both are equal at 0.179."""
    light = 0.0
    for at, weight in ((1, 0.2126), (3, 0.7152), (5, 0.0722)):
        value = int(fill[at : at + 2], 16) / 255
        light += weight * (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
    return "#ffffff" if light < 0.179 else "#000000"


def _width(text: str) -> int:
    """The whole pixels that a text takes."""
    from math import ceil

    return ceil(sum(_WIDTHS.get(character, 11.0) for character in _printable(text)))


def _printable(text: str) -> str:
    """``text`` without anything that moves, hides or ends text, or that XML can't hold: escaped instead."""
    return "".join(character if character.isprintable() else escape(character) for character in text)


def _markup(text: str) -> str:
    """``text`` without meaning as XML, in ASCII: it is the same text whatever encoding standard output has."""
    from html import escape as escape_markup

    return escape_markup(_printable(text)).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _text(text: str, x: int, width: int, color: str) -> str:
    return f'<text x="{x}" y="{BASELINE}" textLength="{width}" fill="{color}">{_markup(text)}</text>'
