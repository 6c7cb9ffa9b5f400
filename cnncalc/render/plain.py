"""Tables as plain text at full width: what a pipe or file gets. Nothing is cut, nothing is coloured."""

from __future__ import annotations

from cnncalc.render.table import BAR_WIDTH, Table

#: of drawings, where nothing says how much room there is
WIDTH = 80


def write(table: Table) -> str:
    """The table in aligned columns of printable text."""
    bars = ["#" * round(share * BAR_WIDTH) for share in table.bars]
    widths = table.widths()
    numeric = [heading.numeric for heading in table.headings]

    def aligned(cells: list[str], bar: str = "") -> str:
        padded = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(cells, widths, numeric, strict=True))
        return "  ".join([*padded, bar]).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    body = [aligned(row, bar) for row, bar in zip(table.rows, bars or [""] * len(table.rows), strict=True)]
    total = [rule, aligned(table.total)] if table.total else []
    notes = ["", *table.notes] if table.notes else []
    head = [*table.captions, ""] if table.captions else []
    drawn = ["", *table.drawing(WIDTH, False)] if table.drawing else []
    lines = [*head, aligned([heading.title for heading in table.headings]), rule, *body, *total, *notes, *drawn]
    return ("\n".join(lines) + "\n").replace("##[", "#\\x23[")  # a command in the log of GitHub's runner
