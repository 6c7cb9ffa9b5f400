"""Plain text within the width of a terminal: sentences are folded, tables lose columns."""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.errors import listing
from cnncalc.render.table import Table


def folded(lines: Sequence[str], room: int | None, indent: str = "") -> list[str]:
    """The lines, those longer than ``room`` characters as several, of which all but the first are indented.

    Without a ``room`` they are as they come.
    """
    if room is None or all(len(line) <= room for line in lines):
        return list(lines)
    from textwrap import wrap

    width = max(room, len(indent) + 1)
    return [part for line in lines for part in wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)]


def fits(table: Table, room: int | None, label: int | None = None) -> bool:
    """Whether the columns do, the first of them folded to ``label`` characters where that is less."""
    first, *rest = table.widths()
    return room is None or min(first, label or first) + sum(width + 2 for width in rest) <= room


def without(table: Table, room: int | None, spare: Sequence[str], label: int | None = None) -> tuple[Table, list[str]]:
    """The table without as many of the ``spare`` columns, in their order, as do not fit, and a note that names them."""
    left_out = []
    for key in spare:
        if fits(table, room, label):
            break
        column = [heading.key for heading in table.headings].index(key)
        left_out.append(table.headings[column].title)
        table = table.without(column)
    if not left_out:
        return table, []
    return table, [f"no room here for {listing(left_out)}: a wider terminal or --format plain shows it all"]
