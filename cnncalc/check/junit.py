"""A check as JUnit XML: a suite a spec, a case for each claim, each budget and each finding of lint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.check import wording
from cnncalc.check.model import Checked, Finding
from cnncalc.errors import Location

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


class _Case(NamedTuple):
    """A test case: ``name`` has no line numbers in it, so that a history of it can be kept.

    ``outcome`` is ``error``, ``failure``, ``skipped`` or empty for a case that passes.
    """

    name: str
    location: Location
    findings: Sequence[Finding]
    outcome: str


def write(checked: Sequence[Checked], strict: bool = False) -> str:
    """The XML. A warning fails its case only with ``strict``, else it is what the case prints; so are notes."""
    from xml.etree import ElementTree

    root = ElementTree.Element("testsuites", name="cnncalc")
    named: Counter[tuple[str, str]] = Counter()
    whole: Counter[str] = Counter()
    for one in checked:
        cases = list(_cases(one, strict))
        outcomes = Counter(case.outcome for case in cases)
        whole += outcomes
        suite = ElementTree.SubElement(root, "testsuite", name=wording.printable(one.name))
        _count(suite, outcomes)
        suite.set("skipped", str(outcomes["skipped"]))
        suite.set("file", wording.path(one.file))
        for case in cases:
            name, owner = wording.printable(case.name), wording.printable(one.name)
            named[owner, name] += 1
            repeat = named[owner, name]
            element = ElementTree.SubElement(suite, "testcase")
            element.set("name", f"{name} ({repeat})" if repeat > 1 else name)
            element.set("classname", owner)
            element.set("file", wording.path(case.location.file))
            element.set("line", str(case.location.line))
            _tell(element, case)
    _count(root, whole)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    text = text.replace("##[", "#&#35;[")  # the same text, and no command in the log of a runner
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _cases(one: Checked, strict: bool) -> Iterator[_Case]:
    """What was judged in a spec; of one that can't be read, that alone."""
    if one.kind == "broken":
        yield _Case("spec", one.findings[0].location, one.findings, "error")
        return
    judged = [(f"claim {it.label}: {it.claim['printed']}", it.verdict, it.location) for it in one.claims]
    for budget in one.budgets:
        limits = " ".join(f"{word} {text}" for word, text in (("warn", budget.warn), ("max", budget.max)) if text)
        judged.append((f"budget {budget.quantity}: {limits}", budget.verdict, budget.location))
    about: dict[tuple[str, Location], list[Finding]] = {}
    for finding in one.findings:
        about.setdefault((finding.code, finding.location), []).append(finding)
    for name, verdict, location in judged:
        found = about.pop((name.partition(" ")[0], location), [])
        outcome = _outcome(found, strict)
        yield _Case(name, location, found, "skipped" if not outcome and verdict == "not judged" else outcome)
    rest = [finding for found in about.values() for finding in found]
    for finding in rest:
        yield _Case(f"{finding.code} {finding.subject}", finding.location, [finding], _outcome([finding], strict))
    if not rest:
        yield _Case("lint", Location(one.file, 1, 1), (), "")


def _outcome(found: Sequence[Finding], strict: bool) -> str:
    failing = ("error", "warning") if strict else ("error",)
    return "failure" if any(finding.severity in failing for finding in found) else ""


def _tell(element: Element, case: _Case) -> None:
    """Adds what was found, as the outcome or as output of the case."""
    from xml.etree.ElementTree import SubElement

    if not case.findings:
        return
    lines = [
        f"{wording.place(finding.location)}: {finding.severity}: {wording.message(finding)} [{finding.code}]"
        for finding in case.findings
    ]
    inner = SubElement(element, case.outcome or "system-out")
    inner.text = "\n".join(lines)
    if case.outcome:
        inner.set("type", case.findings[0].code)
        inner.set("message", wording.message(case.findings[0]))


def _count(element: Element, outcomes: Counter[str]) -> None:
    element.set("tests", str(sum(outcomes.values())))
    element.set("failures", str(outcomes["failure"]))
    element.set("errors", str(outcomes["error"]))
