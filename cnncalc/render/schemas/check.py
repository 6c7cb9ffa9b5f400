"""Schemas of what is judged and refused: check and error."""

from __future__ import annotations

from cnncalc.render.schemas.notation import (
    COUNT,
    EXACT,
    FLAG,
    NUMBER,
    POSITIVE,
    TEXT,
    Schema,
    array,
    const,
    matching,
    nullable,
    output,
    record,
    words,
)  # fmt: skip
from cnncalc.render.schemas.report import CLAIM

_CLAIMS = ("holds", "misprint", "fails", "became true", "not judged")
_BUDGETS = ("within", "over warn", "over max", "not judged")
_SEVERITIES = ("error", "warning", "note")
_KINDS = ("network", "library", "broken")
_PLACE = {"file": TEXT, "line": POSITIVE, "column": POSITIVE}


def _counts(known: tuple[str, ...]) -> Schema:
    return record({word.replace(" ", "_"): COUNT for word in known})


def check() -> Schema:
    """What check and claims print."""
    claim = {
        **CLAIM,
        "column": POSITIVE,
        "label": (TEXT, "what it is about, for example params of fc6"),
        "computed": (
            {**EXACT, "type": ["number", "string", "array", "null"], "items": COUNT},
            "a list for sizes; a ratio may be rounded, an expected count that is no whole number is text, 7/3; null "
            "where there is nothing to compare",
        ),
        "difference": (
            {"type": ["number", "string", "null"], "pattern": "^-?[0-9]+/[0-9]+$"},
            "computed - published, as exact as computed; null for sizes",
        ),
        "relative": (nullable(NUMBER), "difference over the published figure"),
        "verdict": (
            words(_CLAIMS),
            "misprint: said not to hold, and does not; became true: said not to hold, and does",
        ),
    }
    budget = {
        "quantity": TEXT,
        "warn": (nullable(TEXT), "as the limit is written: 25M"),
        "max": nullable(TEXT),
        "computed": nullable(EXACT),
        "verdict": words(_BUDGETS),
        **_PLACE,
    }
    finding = {
        "code": (
            matching("^(spec|claim|budget|CN[0-9]{3})$"),
            "the kind of the finding; CN and digits are a lint rule's",
        ),
        "severity": words(_SEVERITIES),
        "message": TEXT,
        "hint": (nullable(TEXT), "what to do about it"),
        **_PLACE,
        "subject": (TEXT, "what it is about, in words that stay the same when lines move"),
    }
    spec = {
        "name": TEXT,
        "file": TEXT,
        "kind": (words(_KINDS), "broken: it can't be read, and findings say why"),
        "claims": array(record(claim, "A published figure as the spec has it, beside the computed one.")),
        "budgets": array(record(budget)),
        "findings": array(record(finding)),
    }
    totals = {
        "specs": _counts(_KINDS),
        "claims": _counts(_CLAIMS),
        "budgets": _counts(_BUDGETS),
        "findings": _counts(_SEVERITIES),
    }
    return output(
        "check",
        {
            "strict": (FLAG, "whether warnings fail too"),
            "passed": FLAG,
            "totals": record(totals),
            "specs": array(record(spec)),
        },
        "What a check has judged and found: published figures, budgets and lint rules, spec by spec.",
    )


def error() -> Schema:
    """What stands on standard error where JSON was asked for."""
    one = {
        "file": nullable(TEXT),
        "line": nullable(POSITIVE),
        "column": nullable(POSITIVE),
        "message": TEXT,
        "hint": nullable(TEXT),
    }
    return record(
        {"schema": const("cnncalc.error/1"), "exit_code": {"enum": [2, 3, 4]}, "errors": array(record(one), 1)},
        "What went wrong, on standard error, when JSON was asked for.",
        "cnncalc.error/1",
    )
