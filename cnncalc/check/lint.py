"""Lint: what a spec says and probably does not mean, and what costs without a gain. The rules are in ``rules``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from types import MappingProxyType
from typing import Any

from cnncalc.check.model import Finding
from cnncalc.check.rules import fields, inputs, names, text, weights, windows, wiring
from cnncalc.check.rules.base import Hit, Rule
from cnncalc.check.subject import Subject
from cnncalc.errors import Location, UsageError, quote, suggest
from cnncalc.render.table import Heading, Table

_FILES = (windows, inputs, fields, weights, wiring, names, text)

#: every rule by its code, in order
RULES: Mapping[str, Rule] = MappingProxyType(
    {rule.code: rule for rule in sorted((rule for file in _FILES for rule in file.RULES), key=lambda rule: rule.code)}
)


def check_codes(codes: Iterable[str]) -> None:
    """Refuses a code of no rule.

    Raises:
        UsageError: with a suggestion.
    """
    for code in codes:
        if code not in RULES:
            message, hint = unknown(code)
            raise UsageError(message, hint=hint)


def unknown(code: str) -> tuple[str, str]:
    """What is wrong with the code of no rule, and what to do about it."""
    return f"unknown lint rule {quote(code)}", suggest(code, RULES) or "cnncalc rule lists them"


def run(subject: Subject, ignored: Set[str]) -> list[Finding]:
    """The findings of every rule that is not ignored, on one spec; one for each place in the text."""
    found = []
    for code, place in subject.spec.lint_ignored.items():
        if code not in RULES:
            message, hint = unknown(code)
            found.append(Finding("spec", "error", message, place, subject.name, code, hint))
    ignored = ignored | set(subject.spec.lint_ignored)
    return found + [
        Finding(rule.code, rule.severity, hit.message, hit.location, subject.name, hit.subject, hit.hint)
        for rule in RULES.values()
        if rule.code not in ignored and not (rule.networks_only and subject.spec.is_library)
        for hit in folded(rule.find(subject))
    ]


def folded(hits: Iterable[Hit]) -> list[Hit]:
    """The hits, those at one place as one: the first, and how many more a repeat or a block has made there."""
    places: dict[Location, list[Hit]] = {}
    for hit in hits:
        places.setdefault(hit.location, []).append(hit)
    return [_one(group) for group in places.values()]


def _one(hits: list[Hit]) -> Hit:
    more = len(hits) - 1
    first = hits[0]
    return first._replace(message=f"{first.message} (and {more} more from this place)") if more else first


def table() -> Table:
    """Every rule in a line."""
    headings = [Heading(key, key, False) for key in ("code", "severity", "name", "summary")]
    rows = [[rule.code, rule.severity, rule.name, rule.summary] for rule in RULES.values()]
    return Table([], headings, rows, [], ["cnncalc rule CODE says more"], [], [])


def payload(code: str | None = None) -> dict[str, Any]:
    """``cnncalc.rules/1``: the rule of a code, or all."""
    keys = ("code", "name", "severity", "summary", "page")
    chosen = [RULES[code]] if code else RULES.values()
    return {"schema": "cnncalc.rules/1", "rules": [{key: getattr(rule, key) for key in keys} for rule in chosen]}
