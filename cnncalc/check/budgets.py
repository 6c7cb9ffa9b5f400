"""Judges limits: of the spec itself, and of a configuration for the files that its patterns match; suggests some."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from fractions import Fraction
from itertools import takewhile
from typing import Any, NamedTuple

from cnncalc import units
from cnncalc.analysis.report import Report
from cnncalc.check.claims import figure_text
from cnncalc.check.model import Finding, JudgedBudget
from cnncalc.check.subject import Subject
from cnncalc.columns import COLUMNS
from cnncalc.errors import CnncalcError, Location, SpecError, SpecErrors, escape, quote
from cnncalc.spec import zoo
from cnncalc.spec.claims import MEMORY, Budget, in_bytes, read_figure
from cnncalc.spec.document import SpecDocument
from cnncalc.spec.expand import networks
from cnncalc.values import Assumptions, whole

#: layers that a message about a broken limit names: of the figure, and of its growth
HEAVIEST = 5
GROWN = 3

#: what a budget is suggested for, and the assumptions that each depends on
_SUGGESTED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("params", ()),
    ("macs", ("batch",)),
    ("activation_bytes", ("batch", "dtype")),
)


class Limits(NamedTuple):
    """Budgets of a configuration for the specs in its folder that one of the glob patterns matches, and where in the
    configuration each pattern stands.
    """

    folder: str
    patterns: tuple[str, ...]
    budgets: tuple[Budget, ...]
    places: tuple[Location, ...] = ()


def applying(spec: SpecDocument, limits: Sequence[Limits]) -> list[Budget]:
    """The budgets that hold for a spec: its own, and those of the configuration for its path; each is judged."""
    found = list(spec.budget)
    for one in limits if spec.path else ():
        inside = _inside(one.folder, spec.path or "")
        if any(matches(pattern, path) for path in inside for pattern in one.patterns):
            found += one.budgets
    return found


def check_patterns(limits: Sequence[Limits], found: Sequence[str], chosen: bool) -> None:
    """Refuses a pattern that no spec matches, since its budget would hold for nothing.

    ``found`` are the paths of what is checked; where these were ``chosen`` for once, others may match too.

    Raises:
        SpecError: points at the pattern (:class:`SpecErrors` when several).
    """
    errors: list[CnncalcError] = []
    inside = {one.folder: [path for file in found for path in _inside(one.folder, file)] for one in limits}
    for one in limits:
        for pattern, place in zip(one.patterns, one.places, strict=True):
            if any(matches(pattern, path) for path in inside[one.folder]):
                continue
            there = any(matches(pattern, path) for path in _there(one.folder, pattern))
            if not there:
                errors.append(SpecError(f"no spec matches the pattern {quote(pattern)}", place))
            elif not chosen:
                message = f"what the pattern {quote(pattern)} matches is not checked"
                errors.append(SpecError(message, place, "name it under paths in [check]"))
    if errors:
        raise errors[0] if len(errors) == 1 else SpecErrors(errors)


def _there(folder: str, pattern: str) -> Iterator[str]:
    """The specs below the folders that a pattern names without a wildcard, as the patterns see them."""
    fixed = list(takewhile(lambda part: not set(part) & set("*?["), pattern.split("/")[:-1]))
    for path in zoo.below(os.path.join(folder, *fixed)):
        yield os.path.relpath(path, folder).replace(os.sep, "/")


def _inside(folder: str, path: str) -> set[str]:
    """The path of a spec as a folder's patterns see it: as it is written, and with links followed; none outside."""
    found = set()
    for place, base in ((os.path.abspath(path), folder), (os.path.realpath(path), os.path.realpath(folder))):
        start = base.rstrip(os.sep) + os.sep
        if place.startswith(start):
            found.add(place[len(start) :].replace(os.sep, "/"))
    return found


def matches(pattern: str, path: str) -> bool:
    """Whether a glob pattern matches a path; both have ``/`` between folders, and case counts everywhere.

    ``*``, ``?`` and ``[abc]`` stay within a name; ``**`` stands for any folders, also none, and as the last part for
    everything below.
    """
    parts = pattern.split("/")
    if parts[-1] == "**":
        parts.append("*")

    def with_none(reached: set[int]) -> set[int]:
        """The parts that may come next, where ``**`` may stand for no folder."""
        more = reached
        while more:
            more = {index + 1 for index in more if index < len(parts) and parts[index] == "**"} - reached
            reached = reached | more
        return reached

    reached = with_none({0})
    for name in path.split("/"):
        waiting = {index for index in reached if index < len(parts)}
        over = {index for index in waiting if parts[index] == "**"}
        reached = with_none(over | {index + 1 for index in waiting - over if fnmatchcase(name, parts[index])})
    return len(parts) in reached


def verdict(spec: SpecDocument, quantity: str, figure: object) -> str | None:
    """What the worst of a spec's budgets on a quantity says of a figure; None where none is about it.

    Other variables, another input or batch make another figure, of which a budget says nothing.
    """
    asked = [budget for budget in spec.budget if budget.quantity == quantity]
    subject = Subject(spec)
    judged = [judge(subject, budget)[0] for budget in asked]
    found = {one.verdict for one in judged if one.computed == figure}
    return next((one for one in ("over max", "over warn", "within") if one in found), None)


def judge(
    subject: Subject, budget: Budget, before: Report | None = None, since: str = "the base"
) -> tuple[JudgedBudget, Finding | None]:
    """A budget beside the computed figure, and a finding where it is over a limit; exactly at it is within.

    Args:
        subject: the network.
        budget: its limits, and the assumptions they are for.
        before: the figures of an earlier version, to say what grew; left out if made under other assumptions.
        since: what messages call that version: a revision.
    """
    try:
        report = subject.report(budget.options)
        computed = _figure(subject, budget, report)
    except CnncalcError as error:
        judged = JudgedBudget(budget.quantity, budget.warn, budget.max, None, "not judged", budget.location)
        return judged, _finding(subject, budget, "error", error.message, error.hint)
    if computed is None:
        judged = JudgedBudget(budget.quantity, budget.warn, budget.max, None, "not judged", budget.location)
        message = f"this version can't compute {_label(budget)}, so its budget is not checked"
        return judged, _finding(subject, budget, "note", message, None)
    verdict, severity = "within", ""
    if _over(computed, budget.max) > 0:
        verdict, severity = "over max", "error"
    elif _over(computed, budget.warn) > 0:
        verdict, severity = "over warn", "warning"
    judged = JudgedBudget(budget.quantity, budget.warn, budget.max, computed, verdict, budget.location)
    if verdict == "within":
        return judged, None
    most = _parts(subject, budget) if budget.quantity in MEMORY else _heaviest(report, budget.quantity)
    said = [_excess(budget, computed, verdict.removeprefix("over ")), most]
    said += subject.attention(budget.options) if budget.quantity in MEMORY else []
    if before is not None:
        said.append(_growth(before, report, budget.quantity, since))
    return judged, _finding(subject, budget, severity, "; ".join(filter(None, said)), None)


def _figure(subject: Subject, budget: Budget, report: Report) -> Any:
    """What a budget limits; None where it is not computed."""
    if budget.quantity == "training_memory" or (budget.quantity in MEMORY and "optimizer" not in budget.options):
        return subject.peak(budget.quantity, budget.options).bytes
    return None if {"optimizer", "attention"} & {*budget.options} else report.totals.get(budget.quantity)


def _over(computed: int | Fraction, limit: str | None) -> Fraction:
    """By how much a figure is over a limit; 0 where there is none."""
    figure = read_figure(limit) if limit else None
    return computed - figure.value if figure else Fraction(0)


def _excess(budget: Budget, computed: int | Fraction, word: str) -> str:
    """``params is 138,357,544: 38,357,544 (38.4%) over its max of 100M``."""
    limit = budget.max if word == "max" else budget.warn
    over = _over(computed, limit)
    shown = units.both_bytes(int(computed)) if in_bytes(budget.quantity) else units.grouped(computed)
    share = units.percent(over, computed - over)
    # a part of one more counts as one: that much has to go
    by = _amount(budget.quantity, -int(-over // 1)) + (f" ({share})" if share else "")
    return f"{_label(budget)} is {shown}: {by} over its {word} of {limit}"


def _label(budget: Budget) -> str:
    """``training_memory (batch 32)``."""
    given = ", ".join(f"{key} {value}" for key, value in budget.options.items())
    return f"{budget.quantity} ({given})" if given else budget.quantity


def _amount(quantity: str, value: Any) -> str:
    """A figure within a sentence: in full, bytes in short."""
    return f"{units.short(value)}B" if in_bytes(quantity) else units.grouped(value)


def _by_layer(report: Report, quantity: str) -> dict[str, Any]:
    """The figure of every layer that has any, by its path; nothing where layers do not add up to the total."""
    if COLUMNS[quantity].total != "sum":
        return {}
    paths, values = report.columns["path"], report.columns[quantity]
    return {paths[index]: values[index] for index in report.counted if values[index]}


def _most(values: Mapping[str, Any], number: int) -> list[tuple[str, Any]]:
    return sorted(values.items(), key=lambda item: -item[1])[:number]


def _heaviest(report: Report, quantity: str) -> str:
    """``heaviest: fc6 102,764,544 (74.3%), ...``."""
    total = report.totals[quantity]
    named = [
        f"{path} {_amount(quantity, value)} ({units.percent(value, total)})"
        for path, value in _most(_by_layer(report, quantity), HEAVIEST)
    ]
    return f"heaviest: {', '.join(named)}" if named else ""


def _parts(subject: Subject, budget: Budget) -> str:
    """``at its peak: 553.4MB parameters, 25.69MB activations``."""
    parts = subject.peak(budget.quantity, budget.options).parts
    named = [f"{_amount(budget.quantity, size)} {kind}" for kind, size in _most(parts, HEAVIEST)]
    return f"at its peak: {', '.join(named)}"


def _growth(before: Report, now: Report, quantity: str, since: str) -> str:
    """``since main: +1,234,567 (+12.0%): fc6 +1,000,000, head.conv +200,000 (new)``."""
    same = all(before.assumptions[key] == now.assumptions[key] for key in Assumptions().to_dict())
    if not same or quantity not in before.totals:
        return ""
    old, new = _by_layer(before, quantity), _by_layer(now, quantity)
    start = before.totals[quantity]
    change = whole(now.totals[quantity] - start)
    if not change:
        return f"since {since}: unchanged"
    sign = "+" if change > 0 else "-"
    share = units.percent(abs(change), start)
    by = f"{sign}{_amount(quantity, abs(change))}" + (f" ({sign}{share})" if share else "")
    grown = {path: whole(value - old.get(path, 0)) for path, value in new.items() if value > old.get(path, 0)}
    there = frozenset(before.columns["path"])
    named = [
        f"{path} +{_amount(quantity, value)}{'' if path in there else ' (new)'}" for path, value in _most(grown, GROWN)
    ]
    return f"since {since}: {by}" + (f": {', '.join(named)}" if named else "")


def _finding(subject: Subject, budget: Budget, severity: str, message: str, hint: str | None) -> Finding:
    limits = " ".join(f"{name} {text}" for name, text in (("warn", budget.warn), ("max", budget.max)) if text)
    about = f"{_label(budget)} {limits}"
    if budget.location.file != subject.spec.file:  # the place is in the configuration, and says nothing of the spec
        message = f"{subject.name}: {message}"
    return Finding("budget", severity, message, budget.location, subject.name, about, hint)


def suggest(report: Report, headroom_percent: int | Fraction = 5, warn_percent: int | Fraction = 2) -> str:
    """A ``budget`` block of YAML that a network keeps with headroom: as text, ready to be put into its spec.

    Args:
        report: the figures of the spec as it stands, on its own input.
        headroom_percent: how far ``max`` is above each figure, from 0 on.
        warn_percent: how far ``warn`` is; it is left out where it would be no less than ``max``.
    """
    usual = Assumptions().to_dict()
    lines = ["budget:"]
    for quantity, depends in _SUGGESTED:
        value = report.totals[quantity]
        limits = {"warn": ceiling(value, warn_percent, quantity), "max": ceiling(value, headroom_percent, quantity)}
        if warn_percent >= headroom_percent or limits["warn"] == limits["max"]:
            del limits["warn"]
        given = {key: report.assumptions[key] for key in depends if report.assumptions[key] != usual[key]}
        entries = ", ".join(f"{key}: {item}" for key, item in {**limits, **given}.items())
        lines.append(f"  {quantity}: {{{entries}}}  # {figure_text(quantity, value)}")
    return "\n".join(lines) + "\n"


def suggested(paths: Sequence[str], broken: list[CnncalcError], places: Sequence[str]) -> str:
    """The suggested blocks of every network among the specs at some paths; where there are several each has a title.

    The errors of a spec with mistakes go to ``broken``; ``places`` are as in :func:`cnncalc.spec.expand.networks`.
    """
    titled = len(paths) > 1
    blocks = [
        (f"# {escape(spec.file)}\n" if titled else "") + suggest(Report(graph))
        for spec, graph, _ in networks(paths, broken, places)
    ]
    return "\n".join(blocks)


def ceiling(value: int, percent: int | Fraction, quantity: str) -> str:
    """``value`` and so many percent more as a figure of the language, rounded up to three digits: ``146M``, ``61.3MB``.

    It is at least that much, and more by less than 1%, or by less than 1 where that is more.
    """
    byte = "B" if in_bytes(quantity) else ""
    whole = -int(-Fraction(value) * (100 + Fraction(percent)) / 100 // 1)
    if whole < 1000:
        return f"{whole}{byte}"
    digit = 10 ** (len(str(whole)) - 3)
    rounded = -(-whole // digit) * digit
    size, multiple = next(pair for pair in units.MULTIPLES if rounded >= pair[0])
    decimals = f"{rounded % size:0{len(str(size)) - 1}d}".rstrip("0")
    return f"{rounded // size}{'.' if decimals else ''}{decimals}{multiple}{byte}"
