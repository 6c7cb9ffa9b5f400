"""What all outputs of a check say in the same words: a message, a place, a verdict in a line; text made harmless."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from cnncalc.check.model import Checked, Finding, count
from cnncalc.errors import Location, escape, listing


def printable(text: str) -> str:
    """``text`` in one line, any script: what is invisible or steers a screen or a reader as a backslash escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else escape(c) for c in text)


def message(finding: Finding) -> str:
    """What is wrong, and what to do about it."""
    hint = f" (hint: {finding.hint})" if finding.hint else ""
    return printable(finding.message + hint)


def path(file: str) -> str:
    """A file as a repository names it: with forward slashes and no ``./`` in front."""
    return printable(PurePath(file).as_posix())


def place(location: Location) -> str:
    """``specs/vgg16.yaml:14:9``."""
    return f"{path(location.file)}:{location.line}:{location.column}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 error``, ``2 errors``, ``1 claim holds``, ``1,024 claims hold``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def result(checked: Sequence[Checked]) -> str:
    """``2 errors and 1 warning``, or ``nothing found``; notes are not counted."""
    counts = [(count(checked, severity), severity) for severity in ("error", "warning")]
    return listing([plural(number, word) for number, word in counts if number] or ["nothing found"])


def judged(checked: Sequence[Checked]) -> str:
    """What was looked at: ``3 specs, 12 claims hold, 1 misprint, 2 budgets kept``."""
    claims = [claim.verdict for one in checked for claim in one.claims]
    kept = sum(budget.verdict == "within" for one in checked for budget in one.budgets)
    parts = [plural(len(checked), "spec"), plural(claims.count("holds"), "claim holds", "claims hold")]
    if "misprint" in claims:
        parts.append(plural(claims.count("misprint"), "misprint"))
    if kept:
        parts.append(plural(kept, "budget kept", "budgets kept"))
    return ", ".join(parts)
