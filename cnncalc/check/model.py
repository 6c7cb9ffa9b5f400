"""What a check finds, as plain values that can travel between processes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from cnncalc.errors import CnncalcError, Location, escape

#: heaviest first; errors fail a check, warnings with ``--strict``, notes never
SEVERITIES = ("error", "warning", "note")

#: what is said of a claim and of a budget, in the order in which they are counted
CLAIM_VERDICTS = ("holds", "misprint", "fails", "became true", "not judged")
BUDGET_VERDICTS = ("within", "over warn", "over max", "not judged")


class Finding(NamedTuple):
    """One problem and its place.

    ``code`` is ``spec``, ``claim``, ``budget`` or a lint rule's (``CN003``); ``spec`` the name of the spec;
    ``subject`` what it is about in words that stay the same when lines move: ``params 138M``, ``stage1.conv1``.
    """

    code: str
    severity: str
    message: str
    location: Location
    spec: str
    subject: str
    hint: str | None = None

    def __str__(self) -> str:
        hint = f" (hint: {escape(self.hint)})" if self.hint else ""
        return f"{self.location}: {self.severity}: {escape(self.message)}{hint} [{self.code}]"


class JudgedClaim(NamedTuple):
    """A published figure beside the computed one.

    ``claim`` is as in the JSON of a report, ``label`` what it is about (``params of fc6``); ``computed`` an int, a
    Fraction for an expected count, a float for a ratio, a list of sizes, or None when there is nothing to compare;
    ``difference`` is computed - published, and ``relative`` that over the published figure. ``verdict`` is one of
    :data:`CLAIM_VERDICTS`: a misprint is said not to hold and does not, and what became true is said not to and does.
    """

    claim: dict[str, Any]
    label: str
    computed: Any
    difference: Any
    relative: float | None
    verdict: str
    location: Location


class JudgedBudget(NamedTuple):
    """A limit beside the computed figure: ``verdict`` is one of :data:`BUDGET_VERDICTS`."""

    quantity: str
    warn: str | None
    max: str | None
    computed: int | Fraction | None
    verdict: str
    location: Location


class Checked(NamedTuple):
    """What was found in one spec: ``kind`` is ``network``, ``library`` or ``broken``.

    ``findings`` holds all, those of claims and budgets too, in the order of the text; ``files`` are the paths of
    everything that was read for it.
    """

    name: str
    file: str
    kind: str
    claims: tuple[JudgedClaim, ...]
    budgets: tuple[JudgedBudget, ...]
    findings: tuple[Finding, ...]
    files: tuple[str, ...]

    def __repr__(self) -> str:
        counts = ("claims", "budgets", "findings")
        return f"<Checked {self.name}: {', '.join(f'{len(getattr(self, name))} {name}' for name in counts)}>"


def spec_findings(error: CnncalcError, name: str, file: str) -> list[Finding]:
    """The errors of a spec that can't be read, as findings; one without a place stands at the top of the file."""
    place = Location(file, 1, 1)
    return [
        Finding("spec", "error", single.message, single.location or place, name, single.message, single.hint)
        for single in error.errors
    ]


def count(checked: Iterable[Checked], severity: str) -> int:
    """How many findings are of a severity."""
    return sum(finding.severity == severity for one in checked for finding in one.findings)


def failed(checked: Sequence[Checked], strict: bool) -> bool:
    """Whether a check of these fails: on errors, and with ``strict`` on warnings."""
    return count(checked, "error") > 0 or (strict and count(checked, "warning") > 0)


def ranked(checked: Iterable[Checked]) -> list[Finding]:
    """Every finding, errors before warnings before notes, and by place."""
    findings = [finding for one in checked for finding in one.findings]
    return sorted(findings, key=lambda finding: (SEVERITIES.index(finding.severity), finding.location))
