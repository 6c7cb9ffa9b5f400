"""A check on GitHub Actions: annotations on the lines of a pull request, and the summary of the step."""

import os
from collections.abc import Sequence

from cnncalc.check import markdown, wording
from cnncalc.check.model import Checked, Finding, ranked

#: annotations of a kind that GitHub shows for a step; it drops the rest
LIMIT = 10
#: bytes; GitHub drops the summary of a step at 1 MiB, and other commands of the step may add to it
SUMMARY_LIMIT = 1_000_000

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def folder(workspace: str | None) -> str:
    """The working directory as seen from the repository's folder on a runner; empty where it is that, or outside."""
    inside = os.path.relpath(os.getcwd(), os.path.realpath(workspace)) if workspace else os.curdir
    return "" if inside == os.curdir or inside.startswith(os.pardir) else inside


def annotations(checked: Sequence[Checked], limit: int = LIMIT, notes: bool = False, folder: str = "") -> str:
    """A workflow command a line: errors, warnings, and notes if asked for, the first ``limit`` of each.

    The last one of a kind says how many more there are. ``folder`` is the working directory as seen from that of the
    repository, where GitHub looks for files.
    """
    findings = ranked(checked)
    lines = []
    for severity in _COMMANDS if notes else ("error", "warning"):
        found = [finding for finding in findings if finding.severity == severity]
        more = len(found) - limit
        for number, finding in enumerate(found[:limit], 1):
            last = f" (and {wording.plural(more, f'more {severity}')})" if number == limit and more > 0 else ""
            lines.append(_command(finding, last, folder))
    return "".join(f"{line}\n" for line in lines)


def summary(checked: Sequence[Checked], limit: int = SUMMARY_LIMIT) -> str:
    """The Markdown of the step's summary in at most ``limit`` bytes: what was found, and the totals folded away."""
    sections = [markdown.findings(checked), markdown.disputed(checked), markdown.totals(checked)]
    return markdown.document(checked, sections, limit)


def _command(finding: Finding, last: str, folder: str) -> str:
    place = finding.location
    file = wording.path(os.path.normpath(os.path.join(folder, place.file)) if folder else place.file)
    properties = {
        "file": f"./{file}" if file.startswith("=") else file,  # the runner drops a = at the start of a value
        "line": str(place.line),
        "col": str(place.column),
        "title": wording.printable(f"{finding.spec}: {finding.code}"),
    }
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[finding.severity]} {given}::{_data(wording.message(finding) + last)}"


def _data(text: str) -> str:
    """``text``, printable, as the runner reads it back; the older form of a command, ``##[``, is broken up."""
    return text.replace("##[", "#\\x23[").replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
