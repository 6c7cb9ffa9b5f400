"""Published figures beside the computed ones, as rows and as a Table."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

from cnncalc.check import wording
from cnncalc.check.claims import difference_text, figure_text
from cnncalc.check.model import CLAIM_VERDICTS, Checked, JudgedClaim
from cnncalc.render.table import Heading, Table
from cnncalc.spec.claims import read_figure

#: every column, and whether it holds numbers
COLUMNS = {
    "network": False, "claim": False, "published": True, "computed": True, "difference": True, "verdict": False,
    "source": False, "because": False, "printed": False, "relative": True,
}  # fmt: skip
#: those of CSV, where what is published is a number beside what is printed
DATA = (
    "network", "claim", "printed", "published", "computed", "difference", "relative", "verdict", "source", "because",
)  # fmt: skip
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
    """Every claim: as ``data`` plain values; for people the reasons of misprints stand below, with how many hold."""
    if data:
        values = [_values(one.name, judged) for one in checked for judged in one.claims]
        return Table([], headings(DATA), [], [], [], values, [])
    several = len(checked) > 1
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
    columns = ("network", "claim", "published", "computed", "difference", "verdict", "source")[not several :]
    cells = rows(checked, columns)
    return Table([caption], headings(columns), cells, [], [*notes, ", ".join(counted) or "no claims"], [], [])


def _values(network: str, judged: JudgedClaim) -> list[Any]:
    """The values of a claim for the columns of :data:`DATA`."""
    claim = judged.claim
    figure = read_figure(claim["printed"]) if judged.difference is not None else None
    published = claim["printed"] if figure is None else figure.value
    relative = None if judged.relative is None else float(f"{judged.relative:.6g}")
    figures = (claim["printed"], published, judged.computed, judged.difference, relative)
    return [network, judged.label, *figures, judged.verdict, claim.get("source", ""), claim.get("because", "")]
