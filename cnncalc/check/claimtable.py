"""Published figures beside the computed ones, as rows and as a Table."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from cnncalc.check import wording
from cnncalc.check.claims import difference_text, figure_text
from cnncalc.check.model import CLAIM_VERDICTS, Checked
from cnncalc.render.table import Heading, Table

#: every column, and whether it holds numbers
COLUMNS = {
    "network": False, "claim": False, "published": True, "computed": True, "difference": True, "verdict": False,
    "source": False, "because": False,
}  # fmt: skip
#: verdicts that are said otherwise of several claims
MANY = {"holds": "hold", "misprint": "misprints", "fails": "fail"}


def headings(columns: Iterable[str]) -> list[Heading]:
    """The headings of some of :data:`COLUMNS`."""
    return [Heading(column, column, COLUMNS[column]) for column in columns]


def rows(
    checked: Iterable[Checked], columns: Iterable[str], verdicts: Container[str] = CLAIM_VERDICTS
) -> list[list[str]]:
    """The cells of some of :data:`COLUMNS` for every claim with one of the verdicts."""
    cells = [
        {
            "network": one.name,
            "claim": judged.label,
            "published": judged.claim["printed"],
            "computed": figure_text(judged.claim["quantity"], judged.computed),
            "difference": difference_text(judged).strip(" ()"),
            "verdict": judged.verdict,
            "source": judged.claim.get("source", ""),
            "because": judged.claim.get("because", ""),
        }
        for one in checked
        for judged in one.claims
        if judged.verdict in verdicts
    ]
    return [[row[column] for column in columns] for row in cells]


def table(checked: Sequence[Checked], data: bool) -> Table:
    """Every claim; for people (not ``data``) the reasons of misprints stand below, with how many hold."""
    several = len(checked) > 1
    columns = [column for column in COLUMNS if data or column != "because"][not (several or data) :]
    notes = []
    for name, label, printed, because in rows(checked, ("network", "claim", "published", "because")):
        if because:
            notes.append(f"{f'{name}, ' if several else ''}{label} {printed}: {because}")
    verdicts = [judged.verdict for one in checked for judged in one.claims]
    counted = [
        wording.plural(verdicts.count(verdict), verdict, MANY.get(verdict, verdict))
        for verdict in dict.fromkeys(verdicts)
    ]
    caption = "published figures" if several else f"{checked[0].name}: published figures"
    cells = rows(checked, columns)
    return Table([caption], headings(columns), cells, [], [*notes, ", ".join(counted) or "no claims"], cells, [])
