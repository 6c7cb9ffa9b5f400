"""A check as JSON data, ``cnncalc.check/1``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from cnncalc.analysis.report import plain
from cnncalc.check.model import (
    BUDGET_VERDICTS,
    CLAIM_VERDICTS,
    SEVERITIES,
    Checked,
    Finding,
    JudgedBudget,
    JudgedClaim,
    failed,
)

_KINDS = ("network", "library", "broken")


def payload(checked: Sequence[Checked], strict: bool) -> dict[str, Any]:
    """Everything that was judged and found; ``passed`` is whether the check does, with or without ``strict``."""
    from cnncalc import __version__

    return {
        "schema": "cnncalc.check/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "strict": strict,
        "passed": not failed(checked, strict),
        "totals": {
            "specs": _counts(_KINDS, (one.kind for one in checked)),
            "claims": _counts(CLAIM_VERDICTS, (claim.verdict for one in checked for claim in one.claims)),
            "budgets": _counts(BUDGET_VERDICTS, (budget.verdict for one in checked for budget in one.budgets)),
            "findings": _counts(SEVERITIES, (finding.severity for one in checked for finding in one.findings)),
        },
        "specs": [
            {
                "name": one.name,
                "file": one.file,
                "kind": one.kind,
                "claims": [_claim(claim) for claim in one.claims],
                "budgets": [_budget(budget) for budget in one.budgets],
                "findings": [_finding(finding) for finding in one.findings],
            }
            for one in checked
        ],
    }


def _counts(names: Iterable[str], found: Iterable[str]) -> dict[str, int]:
    """How often each was found, with underscores for spaces."""
    counted = Counter(found)
    return {name.replace(" ", "_"): counted[name] for name in names}


def _claim(judged: JudgedClaim) -> dict[str, Any]:
    return {
        **judged.claim,
        "column": judged.location.column,
        "label": judged.label,
        "computed": plain(judged.computed),
        "difference": plain(judged.difference),
        "relative": judged.relative,
        "verdict": judged.verdict,
    }


def _budget(judged: JudgedBudget) -> dict[str, Any]:
    return {
        "quantity": judged.quantity,
        "warn": judged.warn,
        "max": judged.max,
        "computed": plain(judged.computed),
        "verdict": judged.verdict,
        "file": judged.location.file,
        "line": judged.location.line,
        "column": judged.location.column,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "hint": finding.hint,
        "file": finding.location.file,
        "line": finding.location.line,
        "column": finding.location.column,
        "subject": finding.subject,
    }
