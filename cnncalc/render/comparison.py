"""A Comparison as a table and as data."""

from __future__ import annotations

from typing import Any

from cnncalc import __version__, units
from cnncalc.analysis.comparison import Comparison, Line
from cnncalc.analysis.report import plain as as_json
from cnncalc.errors import listing
from cnncalc.render import html, plain
from cnncalc.render.table import Heading, Table, captions, counted, made, not_counted, remarks, rule_of


def text(comparison: Comparison) -> str:
    """The table as a pipe gets it, without the last line break, which ``print`` adds."""
    return plain.write(table(comparison)).removesuffix("\n")


def to_html(comparison: Comparison) -> str:
    """The table as a notebook shows it."""
    return html.write(table(comparison))


def table(comparison: Comparison) -> Table:
    """The lines as a Table: a column per network, then its ratio to the first."""
    reports, compared, names = comparison.reports, comparison.lines, comparison.names
    headings = [Heading("part", "part", False), Heading("quantity", "quantity", False), Heading("0", names[0], True)]
    for i, name in enumerate(names[1:], 1):
        headings += [Heading(str(i), name, True), Heading(f"ratio{i}", f"/ {names[0]}", True)]
    rows, values = [], []
    for line in compared:
        cells, raw = [line.part, line.quantity], [line.part, line.quantity, line.values[0]]
        cells.append(units.grouped(line.values[0]))
        for value in line.values[1:]:
            cells += [units.grouped(value), units.ratio(value, line.values[0])]
            raw += [value, units.ratio(value, line.values[0]).removesuffix("x")]
        rows.append(cells)
        values.append(raw)
    keyed = [
        heading._replace(key=names[int(heading.key)] if heading.key.isdigit() else heading.key) for heading in headings
    ]
    totals = [line for line in compared if line.part == "total"]
    notes = [_verdict(names, line) for line in totals if line.quantity in ("params", "macs")]
    shown = [line.quantity for line in totals]
    notes += [f"{name}: {rule_of(name, reports[0].assumptions)}" for name in ("macs", "flops", "work") if name in shown]
    if counted(shown):
        lines = zip(names, map(not_counted, reports), strict=True)
        notes += [f"{name}: {line}" for name, found in lines for line in found]
    notes += [
        f"{name}: {line}" for name, one in zip(names, reports, strict=True) for line in remarks(one, pixels=False)
    ]
    heads = [caption for report in reports for caption in captions(report, counted(shown))]
    return Table(heads, keyed, rows, [], notes, values, [], made=made(reports))


def _verdict(names: list[str], line: Line) -> str:
    """Which network has the most of a quantity, and by how much."""
    largest = max(line.values)
    winners = [name for name, value in zip(names, line.values, strict=True) if value == largest]
    least = min(line.values)
    loser = names[line.values.index(least)]
    if len(winners) == len(names):
        return f"{line.quantity}: {listing(names)} have the same, {units.grouped(largest)}"
    times = f", {units.ratio(largest, least)}" if least else ""
    return (
        f"{line.quantity}: {listing(winners)} has the most, {units.grouped(largest - least)} more than {loser}{times}"
    )


def payload(comparison: Comparison) -> dict[str, Any]:
    """``cnncalc.compare/1``: the summaries, and the lines with their ratios to the first network."""
    return {
        "schema": "cnncalc.compare/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "networks": [report.to_dict() for report in comparison.reports],
        "ratios": {name: Line("total", name, values).ratios for name, values in comparison.totals.items()},
        "parts": [
            {"path": line.part, "quantity": line.quantity, "values": as_json(line.values), "ratios": line.ratios}
            for line in comparison.lines
            if line.part != "total"
        ],
    }
