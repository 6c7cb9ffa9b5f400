"""A check as Markdown: a report for a file or a pull request, and the parts that GitHub's summary shares with it."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from cnncalc import units
from cnncalc.check import claimtable, wording
from cnncalc.check.model import BUDGET_VERDICTS, CLAIM_VERDICTS, SEVERITIES, Checked, count, ranked
from cnncalc.render import markdown
from cnncalc.render.table import Heading

#: characters of a cell: no text of a spec can drown the rest of a report
CELL_LIMIT = 1_000

#: verdicts on budgets that have a column
_BUDGETS = BUDGET_VERDICTS[:3]


class Section(NamedTuple):
    """A table under a title; ``rows`` are plain text, ``folded`` has to be opened."""

    title: str
    headings: Sequence[Heading]
    rows: list[list[str]]
    folded: bool = False


def write(checked: Sequence[Checked]) -> str:
    """The report: verdict, findings, claims, and the misprints with what is wrong in them."""
    claims = _claims("Claims", checked, CLAIM_VERDICTS, "source")
    return document(checked, [findings(checked), claims, disputed(checked, ("misprint",))])


def _claims(title: str, checked: Iterable[Checked], verdicts: Sequence[str], *more: str) -> Section:
    columns = ("network", "claim", "published", "computed", "difference", "verdict", *more)
    return Section(title, claimtable.headings(columns), claimtable.rows(checked, columns, verdicts))


def findings(checked: Iterable[Checked]) -> Section:
    """Every finding, errors first."""
    rows = [
        [finding.severity, wording.place(finding.location), finding.spec, wording.message(finding), finding.code]
        for finding in ranked(checked)
    ]
    return Section("Findings", _headings(("severity", "place", "spec", "message", "code")), rows)


def disputed(checked: Iterable[Checked], verdicts: Sequence[str] = ("fails", "became true", "misprint")) -> Section:
    """The published figures that are not the computed ones, or are said not to be, with the reason that is given."""
    title = "Misprints" if tuple(verdicts) == ("misprint",) else "Claims that fail, and misprints"
    return _claims(title, checked, verdicts, "because", "source")


def totals(checked: Sequence[Checked]) -> Section:
    """What was counted in each spec, folded."""
    rows = []
    for one in checked:
        claims = [claim.verdict for claim in one.claims]
        budgets = [budget.verdict for budget in one.budgets]
        severities = [finding.severity for finding in one.findings]
        counts = [claims.count(verdict) for verdict in CLAIM_VERDICTS]
        counts += [budgets.count(verdict) for verdict in _BUDGETS]
        counts += [severities.count(severity) for severity in SEVERITIES]
        rows.append([one.name, one.kind, *map(units.grouped, counts)])
    counted = (*CLAIM_VERDICTS, *_BUDGETS, *(f"{severity}s" for severity in SEVERITIES))
    headings = [*_headings(("spec", "kind")), *_headings(counted, True)]
    return Section(f"Totals of {wording.plural(len(checked), 'spec')}", headings, rows, True)


def _headings(titles: Iterable[str], numeric: bool = False) -> list[Heading]:
    return [Heading(title, title, numeric) for title in titles]


def document(checked: Sequence[Checked], sections: Iterable[Section], limit: int | None = None) -> str:
    """The verdict and the sections that have rows; cut by whole rows where it would be more than ``limit`` bytes."""
    notes = count(checked, "note")
    also = f" and {wording.plural(notes, 'note')}" if notes else ""
    pieces = [f"**cnncalc check: {wording.result(checked)}**{also} ({wording.judged(checked)})\n"]
    parts = []
    for section in filter(lambda section: section.rows, sections):
        title = f"<details><summary>{section.title}</summary>" if section.folded else f"### {section.title}"
        first, rule, *lines = markdown.grid(section.headings, section.rows, cell=cell)
        parts.append((section, f"\n{title}\n\n{first}\n{rule}\n", lines))
    fixed = "".join([*pieces, *(head + _tail(section, len(lines)) for section, head, lines in parts)])
    room = sys.maxsize if limit is None else limit - len(fixed.encode())
    for section, head, lines in parts:
        sizes = [0, *accumulate(len(line.encode()) + 1 for line in lines)]
        kept = bisect_right(sizes, max(room, 0)) - 1
        room -= sizes[kept]
        pieces += [head, *(f"{line}\n" for line in lines[:kept]), _tail(section, len(lines) - kept)]
    return "".join(pieces)


def _tail(section: Section, left_out: int) -> str:
    """What stands after them."""
    more = f"\n{wording.plural(left_out, 'more row is', 'more rows are')} left out.\n" if left_out else ""
    return more + ("\n</details>\n" if section.folded else "")


def cell(text: str) -> str:
    """``text`` for a cell of a table: one line, without meaning as markup, cut where it is very long."""
    shown = wording.printable(text)
    if len(shown) > CELL_LIMIT:
        shown = f"{shown[: CELL_LIMIT - 3]}..."
    return markdown.escape(shown).replace("&", "\\&")
