"""Tables as GitHub Markdown."""

from __future__ import annotations

from cnncalc.render.plain import WIDTH
from cnncalc.render.table import Table

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|~$#"})


def escape(text: str) -> str:
    """``text`` without meaning as markup."""
    return text.translate(_SPECIAL)


def write(table: Table) -> str:
    """The table, its captions before it and its notes as a list after it."""
    titles = [heading.title for heading in table.headings]
    rows = [titles, ["---:" if heading.numeric else "---" for heading in table.headings]]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines += [f"| {' | '.join(map(escape, row))} |" for row in table.rows]
    if table.total:
        lines.append(f"| {' | '.join(f'**{cell}**' if cell else '' for cell in table.total)} |")
    head = [line for caption in table.captions for line in (escape(caption), "")]
    notes = ["", *(f"- {escape(note)}" for note in table.notes)] if table.notes else []
    drawn = ["", "```", *table.drawing(WIDTH, False), "```"] if table.drawing else []
    return "\n".join([*head, *lines, *notes, *drawn]) + "\n"
