"""Several Reports side by side: totals, ratios to the first, and the parts whose names match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncalc import units
from cnncalc.analysis.report import Report, plain
from cnncalc.columns import PARTS, unasked
from cnncalc.errors import check_word, listing
from cnncalc.render.table import Heading, Table, captions, counted, not_counted, rule_of


class Line:
    """One quantity of one part (``total`` or a path) in every network."""

    __slots__ = ("part", "quantity", "values")

    def __init__(self, part: str, quantity: str, values: list[int]) -> None:
        self.part = part
        self.quantity = quantity
        self.values = values

    @property
    def ratios(self) -> list[float | None]:
        """Each value by the first; None where the first is 0."""
        base = self.values[0]
        return [float(value / base) if base else None for value in self.values]


def lines(
    reports: Sequence[Report],
    quantities: Sequence[str],
    depth: int = 1,
    sort: str | None = None,
    top: int | None = None,
) -> list[Line]:
    """Totals first, then every part (a path of ``depth`` names) that all networks have and that is not nothing.

    ``sort`` orders the parts by the largest difference in a quantity, ``top`` keeps that many parts.

    Raises:
        UsageError: a quantity that has no total.
    """
    for quantity in (*quantities, *([sort] if sort else [])):
        check_word("quantity", quantity, reports[0].totals)
    result = [Line("total", quantity, [report.totals[quantity] for report in reports]) for quantity in quantities]
    parts = [_parts(report, depth) for report in reports]
    shared = [part for part in parts[0] if part != "input" and all(part in other for other in parts)]

    def line(part: str, quantity: str) -> Line:
        sums = [_sum(report, members[part], quantity) for report, members in zip(reports, parts, strict=True)]
        return Line(part, quantity, sums)

    if sort:
        shared.sort(key=lambda part: _spread(line(part, sort).values), reverse=True)
    for part in shared[:top]:
        found = [line(part, quantity) for quantity in quantities if quantity in unasked(PARTS)]
        result += [single for single in found if any(single.values)]
    return result


def _spread(values: list[int]) -> int:
    return max(values) - min(values)


def _sum(report: Report, members: list[int], quantity: str) -> int:
    column = report.columns[quantity]
    return sum([column[index] for index in members])


def _parts(report: Report, depth: int) -> dict[str, list[int]]:
    """The rows below each path of at most ``depth`` names."""
    parts: dict[str, list[int]] = {}
    for index in report.counted:
        name = ".".join(report.columns["path"][index].split(".")[:depth])
        parts.setdefault(name, []).append(index)
    return parts


def labels(reports: Sequence[Report]) -> list[str]:
    """The networks' names, numbered where one stands twice."""
    names = [report.about.name for report in reports]
    return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def table(reports: Sequence[Report], compared: Sequence[Line]) -> Table:
    """The lines as a Table: a column per network, then its ratio to the first."""
    names = labels(reports)
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
    heads = [caption for report in reports for caption in captions(report, counted(shown))]
    return Table(heads, keyed, rows, [], notes, values, [])


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


def payload(reports: Sequence[Report], compared: Sequence[Line]) -> dict[str, Any]:
    """``cnncalc.compare/1``: the summaries, and the lines with their ratios to the first network."""
    from cnncalc import __version__

    return {
        "schema": "cnncalc.compare/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "networks": [report.to_dict() for report in reports],
        "ratios": {
            quantity: plain(Line("total", quantity, [report.totals[quantity] for report in reports]).ratios)
            for quantity in reports[0].totals
        },
        "parts": [
            {"path": line.part, "quantity": line.quantity, "values": plain(line.values), "ratios": plain(line.ratios)}
            for line in compared
            if line.part != "total"
        ],
    }
