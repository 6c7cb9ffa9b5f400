"""A check as SARIF 2.1.0, which code scanning reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from cnncalc.check import lint, wording
from cnncalc.check.model import Checked, Finding
from cnncalc.check.rules.base import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


class _Kind(NamedTuple):
    """What is judged beside lint, in the words of a rule."""

    code: str
    name: str
    severity: str
    summary: str
    why: str

    @property
    def page(self) -> str:
        return f"{self.code} {self.name}: {self.summary}\n\n{self.why}\n"


_KINDS = (
    _Kind(
        "spec",
        "invalid-spec",
        "error",
        "a spec that can't be read, or that breaks a rule of the language",
        "Nothing of such a spec can be counted. The message says what is wrong at that place, and what to write.",
    ),
    _Kind(
        "claim",
        "published-figure",
        "error",
        "a published figure that is not the computed one",
        "A whole number must agree exactly, a rounded one to its printed digits, or within its tol. Correct the spec "
        "or the figure; where the source itself is wrong, keep the figure with holds: false and because.",
    ),
    _Kind(
        "budget",
        "over-budget",
        "error",
        "a figure over the limit that is set for it",
        "The message names the layers that weigh most. Over warn is a warning, over max an error.",
    ),
)


def write(checked: Sequence[Checked]) -> str:
    """The log: one run with every rule, and a result a finding."""
    from json import dumps

    from cnncalc import __version__

    rules: list[_Kind | Rule] = [*_KINDS, *lint.RULES.values()]
    order = {rule.code: index for index, rule in enumerate(rules)}
    seen: Counter[str] = Counter()
    results = []
    for one in checked:
        for finding in one.findings:
            mark = _fingerprint(finding)
            seen[mark] += 1
            results.append(_result(finding, order[finding.code], f"{mark}:{seen[mark]}"))
    driver = {"name": "cnncalc", "semanticVersion": __version__, "rules": [_rule(rule) for rule in rules]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    text = dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)
    return text.replace("##[", "#\\u0023[") + "\n"  # the same string, and no command in the log of a runner


def _rule(rule: _Kind | Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": " ".join(rule.why.split())},
        "help": {"text": rule.page, "markdown": rule.page},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(finding: Finding, index: int, fingerprint: str) -> dict[str, Any]:
    place = finding.location
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": _text(wording.message(finding))},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri(place.file)},
                    "region": {"startLine": place.line, "startColumn": place.column},
                }
            }
        ],
        "partialFingerprints": {"findingHash/v1": fingerprint},
    }


def _text(text: str) -> str:
    """``text`` without a link: SARIF reads ``[words](target)`` as one, and a backslash before a bracket as none."""
    return text.replace("[", "\\[").replace("]", "\\]") if "](" in text else text


def _fingerprint(finding: Finding) -> str:
    """What stays the same when lines move."""
    from hashlib import sha256

    parts = "\0".join((finding.spec, finding.code, finding.subject))
    return sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def uri(file: str) -> str:
    """A path as a reference: relative to the folder of the call, or ``file://`` where it is absolute."""
    from pathlib import PurePath
    from urllib.parse import quote

    path = PurePath(file)
    quoted = quote(path.as_posix().encode("utf-8", "surrogatepass"))
    return f"file:///{quoted.lstrip('/')}" if path.is_absolute() else quoted
