"""A check as lines for people: a finding each, then what was judged."""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.check import wording
from cnncalc.check.model import Checked, count
from cnncalc.render.terminal import styled

_RED, _GREEN, _YELLOW, _CYAN, _BOLD = "31", "32", "33", "36", "1"
_COLORS = {"error": _RED, "warning": _YELLOW, "note": _CYAN}


def write(checked: Sequence[Checked], notes: bool, color: bool) -> str:
    """The findings in the order of the files, with ``notes`` or how many there are of them, and the verdict."""
    shown = [finding for one in checked for finding in one.findings if notes or finding.severity != "note"]
    lines = [_colored(str(finding), finding.severity, color) for finding in shown]
    number = count(checked, "note")
    hidden = f" ({wording.plural(number, 'note')}: --notes shows them)" if number and not notes else ""
    worst = next((severity for severity in ("error", "warning") if count(checked, severity)), "")
    verdict = styled(wording.result(checked), f"{_COLORS.get(worst, _GREEN)};{_BOLD}", color)
    return "\n".join([*lines, wording.judged(checked), verdict + hidden]) + "\n"


def _colored(line: str, severity: str, color: bool) -> str:
    """A finding with its place in bold and its severity in colour."""
    place, mark, said = line.partition(f": {severity}: ")
    return f"{styled(place, _BOLD, color)}: {styled(severity, _COLORS[severity], color)}: {said}" if mark else line
