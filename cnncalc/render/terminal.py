"""Tables on a terminal, with rich: colour, bars, and the width there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from cnncalc.errors import listing
from cnncalc.render import plain
from cnncalc.render.table import BAR_WIDTH, Table

if TYPE_CHECKING:
    from rich.console import JustifyMethod

#: how far a layer's name may be folded on a narrow terminal
LABEL_WIDTH = 20
#: beyond this rich takes seconds, and nobody reads the colours
ROW_LIMIT = 2_000
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def write(table: Table, file: TextIO, color: bool) -> str:
    """The table for the terminal that ``file`` is; as plain text when it is very long."""
    if len(table.rows) > ROW_LIMIT:
        return plain.write(table)
    import io

    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    encoding = (file.encoding or "ascii").lower().replace("-", "")
    room = Console(file=file).width
    table, left_out = _fitting(table, room)
    label, *rest = table.widths()
    figures = sum(width + 2 for width in rest)
    bars = bool(table.bars) and label + figures + BAR_WIDTH + 2 <= room
    width = max(room, min(label, LABEL_WIDTH) + figures)  # numbers are never cut: the terminal wraps the line
    console = Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        no_color=not color,
        highlight=False,
        emoji=False,
        color_system="standard" if color else None,
        legacy_windows=False,
    )
    grid = RichTable(
        box=None,
        pad_edge=False,
        show_footer=bool(table.total),
        header_style="bold",
        footer_style="bold",
        padding=(0, 2, 0, 0),
    )
    footers = table.total or [""] * len(table.headings)
    for i, (heading, footer) in enumerate(zip(table.headings, footers, strict=True)):
        justify: JustifyMethod = "right" if heading.numeric else "left"
        grid.add_column(Text(heading.title), Text(footer), justify=justify, no_wrap=i > 0, overflow="fold")
    if bars:
        grid.add_column("", width=BAR_WIDTH)
    for i, row in enumerate(table.rows):
        cells = [Text(cell, style="dim" if cell in ("0", "0.0%") else "") for cell in row]
        if bars:
            cells.append(Text(bar(table.bars[i], encoding.startswith("utf")), style="cyan"))
        grid.add_row(*cells)
    for caption in table.captions:
        console.print(Text(caption, style="bold" if caption is table.captions[0] else ""))
    console.print()
    console.print(grid)
    notes = [*table.notes]
    if left_out:
        notes.append(f"no room here for {listing(left_out)}: a wider terminal or --format plain shows it all")
    if notes:
        console.print()
    for note in notes:
        console.print(Text(note, style="dim"))
    if table.drawing:
        console.print()
    for line in table.drawing(room, encoding.startswith("utf")) if table.drawing else ():
        console.print(Text(line), no_wrap=True, crop=False)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _fitting(table: Table, room: int) -> tuple[Table, list[str]]:
    """The table without the columns that the terminal has no room for, and their names.

    The operator goes first, then the last column; two figures always stay.
    """
    left_out: list[str] = []
    while True:
        label, *rest = table.widths()
        titles = [heading.key for heading in table.headings]
        if min(label, LABEL_WIDTH) + sum(width + 2 for width in rest) <= room or len(titles) <= 4:
            return table, left_out
        column = titles.index("op") if "op" in titles else len(titles) - 1
        left_out.append(titles[column])
        table = table.without(column)


def bar(share: float, unicode: bool) -> str:
    """A bar of a share from 0 to 1, in eighths of a character where the terminal has them."""
    if not unicode:
        return "#" * round(share * BAR_WIDTH)
    full, eighths = divmod(round(share * BAR_WIDTH * 8), 8)
    return "█" * full + (_EIGHTHS[eighths] if eighths else "")
