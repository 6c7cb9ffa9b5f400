"""Tables in HTML: an element to put into a page, with what it was made of in a comment."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from cnncalc.render.plain import WIDTH
from cnncalc.render.table import Table

_RIGHT = ' style="text-align: right"'


def write(table: Table) -> str:
    """The table, its captions as its caption and its notes as a list after it."""

    def row(cells: Sequence[str], tag: str = "td") -> str:
        made = zip(table.headings, cells, strict=True)
        inner = "".join(f"<{tag}{_RIGHT if heading.numeric else ''}>{escape(cell)}</{tag}>" for heading, cell in made)
        return f"<tr>{inner}</tr>"

    lines = [f"<!-- {escape(line).replace('--', '- -')} -->" for line in table.made]
    lines.append("<table>")
    if table.captions:
        lines.append(f"<caption>{'<br>'.join(map(escape, table.captions))}</caption>")
    lines += ["<thead>", row([heading.title for heading in table.headings], "th"), "</thead>"]
    lines += ["<tbody>", *map(row, table.rows), "</tbody>"]
    if table.total:
        lines += ["<tfoot>", row(table.total, "th"), "</tfoot>"]
    lines.append("</table>")
    if table.notes:
        lines += ["<ul>", *(f"<li>{escape(note)}</li>" for note in table.notes), "</ul>"]
    if table.drawing:
        lines += ["<pre>", *map(escape, table.drawing(WIDTH, False)), "</pre>"]
    return "\n".join(lines) + "\n"
