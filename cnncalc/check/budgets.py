"""Judges limits: of the spec itself, and of a configuration for the files that its patterns match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.check.model import Finding, JudgedBudget
from cnncalc.errors import CnncalcError
from cnncalc.report import units
from cnncalc.report.model import Report
from cnncalc.spec.claims import BYTES, Budget, read_figure
from cnncalc.spec.document import SpecDocument

if TYPE_CHECKING:
    from cnncalc.check.session import Subject

#: layers that a message about a broken limit names
HEAVIEST = 5


class Limits(NamedTuple):
    """Budgets of a configuration for the files that a glob pattern matches."""

    pattern: str
    budgets: tuple[Budget, ...]


def applying(spec: SpecDocument, limits: Sequence[Limits]) -> list[Budget]:
    """The budgets that hold for a spec: its own, and those of every pattern that matches its path."""
    from pathlib import PurePath

    path = PurePath(spec.path or "-")
    return [*spec.budget, *(budget for one in limits if path.match(one.pattern) for budget in one.budgets)]


def judge(subject: Subject, budget: Budget) -> tuple[JudgedBudget, Finding | None]:
    """A budget beside the computed figure, and a finding where it is over a limit."""
    try:
        report = subject.report(budget.options)
    except CnncalcError as error:
        judged = JudgedBudget(budget.quantity, budget.warn, budget.max, None, "not judged", budget.location)
        return judged, _finding(subject, budget, "error", error.message, error.hint)
    if budget.quantity not in report.totals or "optimizer" in budget.options:
        judged = JudgedBudget(budget.quantity, budget.warn, budget.max, None, "not judged", budget.location)
        message = f"{budget.quantity} is not computed by this version, so its budget is not judged"
        return judged, _finding(subject, budget, "note", message, None)
    computed = report.totals[budget.quantity]
    verdict, severity, limit = "within", "", None
    if budget.max is not None and _over(computed, budget.max):
        verdict, severity, limit = "over max", "error", budget.max
    elif budget.warn is not None and _over(computed, budget.warn):
        verdict, severity, limit = "over warn", "warning", budget.warn
    judged = JudgedBudget(budget.quantity, budget.warn, budget.max, computed, verdict, budget.location)
    if limit is None:
        return judged, None
    figure = read_figure(limit)
    over = computed - figure.value if figure else 0
    shown = units.both_bytes(computed) if budget.quantity in BYTES else units.grouped(computed)
    share = units.percent(over, figure.value) if figure else ""
    word = "max" if verdict == "over max" else "warn"
    message = f"{budget.quantity} is {shown}, {share} over its {word} of {limit}; {_heaviest(report, budget.quantity)}"
    return judged, _finding(subject, budget, severity, message, None)


def _over(computed: int, limit: str) -> bool:
    figure = read_figure(limit)
    return figure is not None and computed > figure.value


def _heaviest(report: Report, quantity: str) -> str:
    """``heaviest: fc6 102,764,544 (74.3%), ...``."""
    values = report.columns[quantity]
    most = sorted(report.counted, key=lambda index: -values[index])[:HEAVIEST]
    named = [
        f"{report.columns['path'][index]} {units.grouped(values[index])}"
        f" ({units.percent(values[index], report.totals[quantity])})"
        for index in most
        if values[index]
    ]
    return f"heaviest: {', '.join(named)}"


def _finding(subject: Subject, budget: Budget, severity: str, message: str, hint: str | None) -> Finding:
    limits = " ".join(f"{name} {text}" for name, text in (("warn", budget.warn), ("max", budget.max)) if text)
    about = f"{budget.quantity} {limits}"
    return Finding("budget", severity, message, budget.location, subject.name, about, hint)
