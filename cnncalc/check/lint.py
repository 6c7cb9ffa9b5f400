"""Lint: what a spec says and probably does not mean, and what costs without a gain. A rule is an entry of ``RULES``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.check.model import Finding
from cnncalc.errors import Location

if TYPE_CHECKING:
    from cnncalc.check.session import Subject


class Hit(NamedTuple):
    """A place where a rule applies: what is wrong there, and what to do about it."""

    message: str
    location: Location
    subject: str
    hint: str | None = None


class Rule(NamedTuple):
    """A lint rule: its code, severity (warning or note), one line of what it finds, and its page.

    ``page`` says why it matters, shows what is found and what to write instead. ``networks_only`` rules are not asked
    about libraries of blocks.
    """

    code: str
    name: str
    severity: str
    summary: str
    page: str
    find: Callable[[Subject], Iterable[Hit]]
    networks_only: bool = True


def _no_source(subject: Subject) -> Iterator[Hit]:
    spec = subject.spec
    if not spec.source:
        place = spec.parts[0].location
        yield Hit("the spec has no source", place, "source", "add source: the paper, slide or code that it follows")


_RULES = (
    Rule(
        "CN012",
        "missing-source",
        "warning",
        "a spec without source",
        """Figures can be cited only when it is known which network they are of.

    cnncalc: 1
    name: resnet50
    source: He et al. 2015, arXiv:1512.03385, table 1
""",
        _no_source,
        networks_only=False,
    ),
)

#: every rule by its code
RULES: Mapping[str, Rule] = MappingProxyType({rule.code: rule for rule in _RULES})


def run(subject: Subject, ignored: Set[str]) -> list[Finding]:
    """The findings of every rule that is not ignored, on one spec."""
    return [
        Finding(rule.code, rule.severity, hit.message, hit.location, subject.name, hit.subject, hit.hint)
        for rule in RULES.values()
        if rule.code not in ignored and not (rule.networks_only and subject.spec.is_library)
        for hit in rule.find(subject)
    ]
