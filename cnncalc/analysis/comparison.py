"""Reports side by side: totals, ratios to the first, and the parts whose names match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cnncalc import rendered
from cnncalc.analysis.report import Report, labelled
from cnncalc.columns import COMPARE, PARTS, unasked, with_work
from cnncalc.errors import UsageError, check_whole, check_word, checked_words

DEPTH_LIMIT = 200


class Line(NamedTuple):
    """One quantity of one part (``total`` or a path) in every network."""

    part: str
    quantity: str
    values: tuple[Any, ...]

    @property
    def ratios(self) -> list[float | None]:
        """Each value by the first; None where the first is 0."""
        base = self.values[0]
        return [float(value / base) if base else None for value in self.values]


class Comparison(NamedTuple):
    """Networks side by side. ``print(comparison)`` prints the table of ``cnncalc compare``."""

    reports: tuple[Report, ...]
    lines: tuple[Line, ...]

    @property
    def totals(self) -> Mapping[str, tuple[Any, ...]]:
        """Every total, a value for each network."""
        return {name: tuple(report.totals[name] for report in self.reports) for name in self.reports[0].totals}

    @property
    def names(self) -> list[str]:
        """The networks' names, with what was not set in all of them, numbered where one stands twice."""
        abouts = [report.about for report in self.reports]
        shared = frozenset(abouts[0].settings).intersection(*(about.settings for about in abouts))
        names = [labelled(about.name, [one for one in about.settings if one not in shared]) for about in abouts]
        return [f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)]

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.names)}: {len(self.lines)} lines>"

    def __str__(self) -> str:
        return str(rendered("comparison.text", self))

    def _repr_html_(self) -> str:
        return str(rendered("comparison.to_html", self))

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON data, ``cnncalc.compare/1``."""
        data: dict[str, Any] = rendered("comparison.payload", self)
        return data


def compare(
    reports: Sequence[Report],
    quantities: Sequence[str] = (),
    depth: int = 1,
    sort: str | None = None,
    top: int | None = None,
) -> Comparison:
    """Totals first, then every part (a path of ``depth`` names) that all networks have and that is not nothing.

    Args:
        reports: the networks' figures, two or more.
        quantities: the totals to compare; the usual ones if there are none.
        depth: names in a part's path.
        sort: orders the parts by their largest difference in this quantity.
        top: keeps so many parts.

    Raises:
        UsageError: a quantity that has no total, or fewer than two networks.
    """
    if len(reports) < 2:
        raise UsageError("compare takes at least two networks", hint="cnncalc compare resnet50 densenet121")
    quantities = checked_words("quantities", quantities)
    check_whole("depth", depth, 1, DEPTH_LIMIT)
    if top is not None:
        check_whole("top", top, 0)
    first = reports[0]
    chosen = quantities or with_work(unasked(COMPARE), first.assumed.convention)
    for quantity in (*chosen, *([] if sort is None else [sort])):
        check_word("quantity", quantity, first.totals)
    result = [Line("total", quantity, tuple(report.totals[quantity] for report in reports)) for quantity in chosen]
    parts = [_parts(report, depth) for report in reports]
    shared = [part for part in parts[0] if part != "input" and all(part in other for other in parts)]

    def line(part: str, quantity: str) -> Line:
        sums = [_sum(report, members[part], quantity) for report, members in zip(reports, parts, strict=True)]
        return Line(part, quantity, tuple(sums))

    if sort is not None:
        shared.sort(key=lambda part: _spread(line(part, sort).values), reverse=True)
    for part in shared[:top]:
        found = [line(part, quantity) for quantity in chosen if quantity in unasked(PARTS)]
        result += [single for single in found if any(single.values)]
    return Comparison(tuple(reports), tuple(result))


def _spread(values: Sequence[Any]) -> Any:
    return max(values) - min(values)


def _sum(report: Report, members: Sequence[int], quantity: str) -> Any:
    column = report.columns[quantity]
    return sum([column[index] for index in members])


def _parts(report: Report, depth: int) -> dict[str, list[int]]:
    """The rows below each path of at most ``depth`` names."""
    parts: dict[str, list[int]] = {}
    for index in report.counted:
        name = ".".join(report.columns["path"][index].split(".")[:depth])
        parts.setdefault(name, []).append(index)
    return parts
