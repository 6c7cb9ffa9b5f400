"""What leads from macs to each convention's figure, a block of rows each with the running total."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cnncalc import units
from cnncalc.counting.differences import Counted, Difference
from cnncalc.render import markdown, narrow, plain
from cnncalc.render.table import Heading, Table
from cnncalc.values import WORK_UNITS

HEADINGS = [
    Heading("operator", "operator", False),
    Heading("layers", "layers", True),
    Heading("elements", "elements", True),
    Heading("of", "of", False),
    Heading("weight", "weight", True),
    Heading("work", "work", True),
    Heading("total", "running total", True),
]
#: columns that a narrow terminal can do without, in this order: work and its total say the same
SPARE = ("total", "elements", "layers", "of")
#: kinds of work that are named in one row; of more it says how many
NAMED = 3


def blocks(counted: Sequence[Counted], macs: int) -> list[Table]:
    """A Table for each convention: from ``macs``, its total, over the differences to the convention's own total.

    That of macs itself is the sum of its terms. A convention without a difference has no rows and says so.
    """
    macs_first = sorted(counted, key=lambda one: one.convention.name != "macs")
    return [_block(one, macs) for one in macs_first if one.reason is None]


def _block(one: Counted, macs: int) -> Table:
    name = one.convention.name
    notes = [f"not counted: {', '.join(one.uncounted)}"] if one.uncounted else []
    own = name == "macs"
    differences = [Difference(*term[:6], 0, term.work) for term in one.terms] if own else one.differences
    if not differences:
        said = "macs: 0" if own else f"{name} equals macs"
        return Table([], HEADINGS, [], [], ["; ".join([said, *notes])], [], [])
    rows = [] if own else [["macs", "", "", "", "", "", units.grouped(macs)]]
    start = running = 0 if own else macs
    for same in _rows(differences):
        running += same.work
        weight = f"{same.macs_weight} -> {same.weight}" if same.macs_weight else str(same.weight)
        cells = [same.variant or same.op, str(same.layers), units.grouped(same.elements), same.quantity, weight]
        rows.append([*cells, f"{same.work:+,}", units.grouped(running)])
    total = [name, "", "", "", "", f"{running - start:+,}", units.grouped(running)]
    return Table([], HEADINGS, rows, total, notes, [], [])


def _rows(differences: Iterable[Difference]) -> list[Difference]:
    """The differences, the largest first; single operations of the same layers with the same weight are one row."""
    alike: dict[tuple[str, str | None, int, int, int, str], list[Difference]] = {}
    for one in differences:
        single = one.quantity in WORK_UNITS and not one.macs_weight
        key = (one.op, one.variant, one.layers, one.weight, one.macs_weight, "" if single else one.quantity)
        alike.setdefault(key, []).append(one)
    rows = []
    for same in alike.values():
        kinds = [one.quantity for one in same]
        of = ", ".join(kinds) if len(kinds) <= NAMED else f"{len(kinds)} kinds of work"
        elements, work = sum(one.elements for one in same), sum(one.work for one in same)
        rows.append(same[0]._replace(quantity=of, elements=elements, work=work))
    return sorted(rows, key=lambda one: -abs(one.work))


def to_plain(tables: Sequence[Table], room: int | None = None) -> str:
    """The blocks under one row of titles, their columns aligned: a block's rows are indented, its total is not.

    ``room`` is the width of a terminal, if that is what they are for.
    """
    shaped = []
    for table in tables:
        rows = [[f"  {cells[0]}", *cells[1:]] if cells[1] else cells for cells in table.rows]
        shaped.append([*rows, *([table.total] if rows else [])])
    whole = Table([], HEADINGS, [row for rows in shaped for row in rows], [], [], [], [])
    fitting, left_out = narrow.without(whole, room, SPARE)
    title, rule, *lines = plain.write(fitting).rstrip("\n").split("\n")
    written = [title, rule] if lines else []
    for table, rows in zip(tables, shaped, strict=True):
        written += lines[: len(rows)]
        written += narrow.folded([f"  {note}" if rows else note for note in table.notes], room, "  ")
        written.append("")
        lines = lines[len(rows) :]
    if left_out:
        written += [*narrow.folded(left_out, room), ""]
    return "\n".join(written)


def to_markdown(tables: Sequence[Table]) -> str:
    """A table for each block."""
    written = [markdown.write(one) if one.rows else f"{markdown.escape(one.notes[0])}\n" for one in tables]
    return "\n".join(written)
