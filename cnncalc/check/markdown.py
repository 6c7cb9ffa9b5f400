"""A check as Markdown: a report for a file or a pull request, and the parts that GitHub's summary shares with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cnncalc import units
from cnncalc.check import wording
from cnncalc.check.claims import difference_text, figure_text
from cnncalc.check.model import BUDGET_VERDICTS, CLAIM_VERDICTS, SEVERITIES, Checked, JudgedClaim, count, ranked
from cnncalc.render import markdown

#: characters of a cell: no text of a spec can drown the rest of a report
CELL_LIMIT = 1_000

#: verdicts on budgets that have a column
_BUDGETS = BUDGET_VERDICTS[:3]


class Section(NamedTuple):
    """A table under a title; ``rows`` are plain text, ``numeric`` the headings of numbers, ``folded`` to open it."""

    title: str
    headings: tuple[str, ...]
    rows: list[list[str]]
    numeric: frozenset[str] = frozenset()
    folded: bool = False


def write(checked: Sequence[Checked]) -> str:
    """The report: verdict, findings, claims, and the misprints with what is wrong in them."""
    claims = Section(
        "Claims",
        ("spec", "claim", "published", "computed", "difference", "verdict", "source"),
        [
            [*_compared(one, claim), claim.verdict, claim.claim.get("source", "")]
            for one in checked
            for claim in one.claims
        ],
        frozenset(("published", "computed", "difference")),
    )
    return document(checked, [findings(checked), claims, disputed(checked, ("misprint",))])


def findings(checked: Iterable[Checked]) -> Section:
    """Every finding, errors first."""
    rows = [
        [finding.severity, wording.place(finding.location), finding.spec, wording.message(finding), finding.code]
        for finding in ranked(checked)
    ]
    return Section("Findings", ("severity", "place", "spec", "message", "code"), rows)


def disputed(checked: Iterable[Checked], verdicts: Sequence[str] = ("fails", "became true", "misprint")) -> Section:
    """The published figures that are not the computed ones, or are said not to be, with the reason that is given."""
    rows = [
        [*_compared(one, claim), claim.verdict, claim.claim.get("because", ""), claim.claim.get("source", "")]
        for one in checked
        for claim in one.claims
        if claim.verdict in verdicts
    ]
    title = "Misprints" if tuple(verdicts) == ("misprint",) else "Claims that fail, and misprints"
    headings = ("spec", "claim", "published", "computed", "difference", "verdict", "because", "source")
    return Section(title, headings, rows, frozenset(("published", "computed", "difference")))


def totals(checked: Sequence[Checked]) -> Section:
    """What was counted in each spec, folded."""
    headings = ("spec", "kind", *CLAIM_VERDICTS, *_BUDGETS, *(f"{severity}s" for severity in SEVERITIES))
    rows = []
    for one in checked:
        claims = [claim.verdict for claim in one.claims]
        budgets = [budget.verdict for budget in one.budgets]
        severities = [finding.severity for finding in one.findings]
        counts = [claims.count(verdict) for verdict in CLAIM_VERDICTS]
        counts += [budgets.count(verdict) for verdict in _BUDGETS]
        counts += [severities.count(severity) for severity in SEVERITIES]
        rows.append([one.name, one.kind, *map(units.grouped, counts)])
    return Section(f"Totals of {wording.plural(len(checked), 'spec')}", headings, rows, frozenset(headings[2:]), True)


def _compared(one: Checked, claim: JudgedClaim) -> list[str]:
    """The spec, the claim, what is published, what is computed, and by how much that is more."""
    computed = figure_text(claim.claim["quantity"], claim.computed)
    difference = difference_text(claim).strip(" ()")
    return [one.name, claim.label, claim.claim["printed"], computed, difference]


def document(checked: Sequence[Checked], sections: Iterable[Section], limit: int | None = None) -> str:
    """The verdict and the sections that have rows; cut by whole rows where it would be more than ``limit`` bytes."""
    parts = [(_head(section), section) for section in sections if section.rows]
    notes = count(checked, "note")
    also = f" and {wording.plural(notes, 'note')}" if notes else ""
    verdict = f"**cnncalc check: {wording.result(checked)}**{also} ({wording.judged(checked)})\n"
    room = None
    if limit is not None:
        fixed = "".join([verdict, *(head + _tail(section, len(section.rows)) for head, section in parts)])
        room = limit - len(fixed.encode())
    pieces = [verdict]
    for head, section in parts:
        pieces.append(head)
        left_out = 0
        for number, row in enumerate(section.rows):
            line = f"| {' | '.join(map(cell, row))} |\n"
            if room is not None:
                room -= len(line.encode())
                if room < 0:
                    left_out = len(section.rows) - number
                    break
            pieces.append(line)
        pieces.append(_tail(section, left_out))
    return "".join(pieces)


def _head(section: Section) -> str:
    """What stands before the rows of a table."""
    title = f"<details><summary>{section.title}</summary>" if section.folded else f"### {section.title}"
    rules = ["---:" if heading in section.numeric else "---" for heading in section.headings]
    return f"\n{title}\n\n| {' | '.join(section.headings)} |\n| {' | '.join(rules)} |\n"


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
