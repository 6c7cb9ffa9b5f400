"""Tables on a terminal, with rich: colour, bars, and the width there is."""

from __future__ import annotations

from typing import TextIO

from cnncalc.report import plain
from cnncalc.report.view import BAR_WIDTH, Table

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
    unicode = encoding.startswith("utf")
    width = max(Console(file=file).width, 60)
    console = Console(
        file=io.StringIO(), width=width, force_terminal=color, no_color=not color, highlight=False, emoji=False,
        color_system="standard" if color else None, legacy_windows=False,
    )  # fmt: skip
    grid = RichTable(box=None, pad_edge=False, show_footer=bool(table.total), header_style="bold", footer_style="bold")
    footers = table.total or [""] * len(table.headings)
    for heading, footer in zip(table.headings, footers, strict=True):
        grid.add_column(
            Text(heading.title),
            Text(footer),
            justify="right" if heading.numeric else "left",
            no_wrap=heading.numeric or heading.key == "op",
            overflow="fold",
        )
    if table.bars:
        grid.add_column("", width=BAR_WIDTH)
    for i, row in enumerate(table.rows):
        cells = [Text(cell, style="dim" if cell in ("0", "0.0%") else "") for cell in row]
        if table.bars:
            cells.append(Text(bar(table.bars[i], unicode), style="cyan"))
        grid.add_row(*cells)
    for caption in table.captions:
        console.print(Text(caption, style="bold" if caption is table.captions[0] else ""))
    console.print()
    console.print(grid)
    if table.notes:
        console.print()
    for note in table.notes:
        console.print(Text(note, style="dim"))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.split("\n"))


def bar(share: float, unicode: bool) -> str:
    """A bar of a share from 0 to 1, in eighths of a character where the terminal has them."""
    if not unicode:
        return "#" * round(share * BAR_WIDTH)
    full, eighths = divmod(round(share * BAR_WIDTH * 8), 8)
    return "█" * full + (_EIGHTHS[eighths] if eighths else "")
