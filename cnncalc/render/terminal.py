"""Tables on a terminal: within the width there is, with bars, and in styles where colour is wanted."""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.render.narrow import folded, without
from cnncalc.render.table import BAR_WIDTH, Table

#: how far a layer's name may be folded on a narrow terminal
LABEL_WIDTH = 20
_BOLD, _DIM, _CYAN = "1", "2", "36"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def write(table: Table, room: int, unicode: bool, color: bool) -> str:
    """The table for a terminal.

    Args:
        table: what is shown; columns for which there is no room are left out, and a note names them: the operator
            goes first, then the last column; two figures always stay.
        room: the characters in a line.
        unicode: whether the terminal has more than ASCII.
        color: whether it may be told to print bold, dim and cyan.
    """
    columns = [heading.key for heading in table.headings]
    spare = [*({"op"} & {*columns}), *(key for key in reversed(columns) if key != "op")][: max(len(columns) - 4, 0)]
    table, left_out = without(table, room, spare, LABEL_WIDTH)
    label, *rest = table.widths()
    figures = sum(width + 2 for width in rest)
    bars = [bar(share, unicode) for share in table.bars] if label + figures + BAR_WIDTH + 2 <= room else []
    widths = [min(label, max(room - figures, LABEL_WIDTH)), *rest]  # numbers are never cut: the terminal wraps the line

    def aligned(cells: Sequence[str], style: str = "", bar: str = "") -> list[str]:
        first, *others = folded(cells[:1], widths[0]) or [""]
        shown = []
        for cell, width, heading in zip((first, *cells[1:]), widths, table.headings, strict=True):
            space = " " * (width - len(cell))
            text = styled(cell, style or (_DIM if cell in ("0", "0.0%") else ""), color)
            shown.append(space + text if heading.numeric else text + space)
        return [
            "  ".join([*shown, styled(bar, _CYAN, color)]).rstrip(),
            *(styled(each, style, color) for each in others),
        ]

    notes = [*table.notes, *left_out]
    lines = [styled(line, _BOLD, color) for line in folded(table.captions[:1], room)]
    lines += [*folded(table.captions[1:], room), "", *aligned([heading.title for heading in table.headings], _BOLD)]
    for row, drawn in zip(table.rows, bars or [""] * len(table.rows), strict=True):
        lines += aligned(row, bar=drawn)
    lines += aligned(table.total, _BOLD) if table.total else []
    lines += ["", *(styled(line, _DIM, color) for line in folded(notes, room))] if notes else []
    lines += ["", *table.drawing(room, unicode)] if table.drawing else []
    return "\n".join(lines) + "\n"


def styled(text: str, style: str, color: bool) -> str:
    """The text in a style of ANSI (a number of ECMA-48's SGR), where colour is wanted."""
    return f"\x1b[{style}m{text}\x1b[0m" if color and style and text else text


def bar(share: float, unicode: bool) -> str:
    """A bar of a share from 0 to 1, in eighths of a character where the terminal has them."""
    if not unicode:
        return "#" * round(share * BAR_WIDTH)
    full, eighths = divmod(round(share * BAR_WIDTH * 8), 8)
    return "█" * full + (_EIGHTHS[eighths] if eighths else "")
