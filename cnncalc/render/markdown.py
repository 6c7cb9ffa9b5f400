"""Tables as GitHub Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from cnncalc.render.plain import WIDTH
from cnncalc.render.table import Heading, Table

_MENTION = re.compile(r"@(?=\w)")
_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|~$#"})


def escape(text: str) -> str:
    """``text`` without meaning as markup; a comment behind ``@``, so that GitHub calls nobody."""
    return _MENTION.sub("@<!-- -->", text.translate(_SPECIAL))


def grid(
    headings: Sequence[Heading],
    rows: Iterable[Sequence[str]],
    total: Sequence[str] = (),
    cell: Callable[[str], str] = escape,
) -> list[str]:
    """The lines of a table: titles, a rule, the rows, and a last one in bold; ``cell`` makes Markdown of a cell."""
    rules = ["---:" if heading.numeric else "---" for heading in headings]
    last = [[f"**{sum}**" if sum else "" for sum in total]] if total else []
    lines = [[heading.title for heading in headings], rules, *([*map(cell, row)] for row in rows), *last]
    return [f"| {' | '.join(line)} |" for line in lines]


def write(table: Table) -> str:
    """The table, its captions before it and its notes as a list after it."""
    head = [line for caption in table.captions for line in (escape(caption), "")]
    lines = grid(table.headings, table.rows, table.total)
    notes = ["", *(f"- {escape(note)}" for note in table.notes)] if table.notes else []
    drawn = ["", "```", *table.drawing(WIDTH, False), "```"] if table.drawing else []
    return "\n".join([*head, *lines, *notes, *drawn]) + "\n"
