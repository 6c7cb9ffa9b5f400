"""One network under every convention: what each counts, what leads from macs to it, and the parameters in every way."""

from __future__ import annotations

from typing import Any, NamedTuple

from cnncalc import rendered
from cnncalc.analysis.report import Report
from cnncalc.counting.differences import Counted, by_convention, parameters
from cnncalc.values import Assumptions


class Explained(NamedTuple):
    """A network under every convention, the smallest figure first; ``report`` is that of macs.

    ``convention`` is the one that was asked for, None for all. ``print(explained)`` prints what ``cnncalc explain
    NETWORK`` does.
    """

    report: Report
    counted: tuple[Counted, ...]
    convention: str | None = None

    @property
    def conventions(self) -> tuple[Counted, ...]:
        """What was asked for: one convention, or all."""
        return tuple(one for one in self.counted if self.convention in (None, one.convention.name))

    @property
    def totals(self) -> dict[str, int | None]:
        """The figure of each convention, None where it has none."""
        return {one.convention.name: one.total for one in self.conventions}

    @property
    def parameters(self) -> dict[str, int]:
        """The parameters in every way of counting."""
        report = self.report
        ways = parameters(report.totals)
        if report.side and not report.assumed.with_side:
            whole = Report(report.graph, Assumptions(with_side=True))
            ways["params with side outputs"] = whole.totals["params"]
        return ways

    @property
    def is_known(self) -> bool:
        """Whether each has a figure and, where one was asked for, that leaves no arithmetic uncounted."""
        return not any(one.reason or (self.convention and one.uncounted) for one in self.conventions)

    def __repr__(self) -> str:
        shown = [f"{name} {'not known' if total is None else f'{total:,}'}" for name, total in self.totals.items()]
        return f"<Explained {self.report.about.label}: {', '.join(shown)}>"

    def __str__(self) -> str:
        return str(rendered("explained.to_plain", self)).removesuffix("\n")

    def to_markdown(self) -> str:
        """The same as GitHub Markdown."""
        return str(rendered("explained.to_markdown", self))

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON data, ``cnncalc.explain/1``."""
        data: dict[str, Any] = rendered("explained.to_json", self)
        return data


def explain(report: Report, convention: str | None = None) -> Explained:
    """The network of a report of macs under every convention; ``convention`` is the one that is asked for."""
    assumed = report.assumed
    counted = by_convention(report.graph, assumed.batch, assumed.with_side, assumed.pass_)
    return Explained(report, tuple(counted), convention)
