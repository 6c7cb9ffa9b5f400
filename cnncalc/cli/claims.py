"""cnncalc claims: published figures beside the computed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import SpecName, output_options, take_output

if TYPE_CHECKING:
    from cnncalc.check.model import Checked

#: verdicts that are said otherwise of several claims
MANY = {"holds": "hold", "misprint": "misprints", "fails": "fail"}


@click.command("claims")
@click.argument("networks", nargs=-1, type=SpecName(), metavar="[NETWORK...]")
@click.option("--misprints", is_flag=True, help="Only what does not hold.")
@output_options
def command(networks: tuple[str, ...], **given: Any) -> int:
    """Published figures beside the computed ones, each with its source.

    A misprint is a figure that its own source contradicts, or that follows another rule; the reason stands below.
    Without a name: of every network.
    """
    from cnncalc.check import payload
    from cnncalc.check import session as sessions
    from cnncalc.cli.output import emit
    from cnncalc.spec import zoo

    output = take_output(given)
    paths = sessions.specs_in(networks or list(zoo.names().values()))
    checked = list(sessions.check_all(sessions.Session(claims_only=True), paths))
    if given["misprints"]:
        checked = [one._replace(claims=tuple(c for c in one.claims if c.verdict != "holds")) for one in checked]
    broken = [finding for one in checked if one.kind == "broken" for finding in one.findings]
    if not (networks and broken):  # of the whole zoo the others are shown, of what was named nothing
        emit(output, lambda data: _table(checked, data), lambda: payload.payload(checked, strict=False), paths)
    for finding in broken:
        click.echo(finding, err=True)
    return 2 if broken else 0


def _table(checked: Sequence[Checked], data: bool) -> Any:
    from cnncalc.check import wording
    from cnncalc.check.claims import difference_text, figure_text
    from cnncalc.render.table import Heading, Table

    several = len(checked) > 1
    headings = [Heading("network", "network", False)] if several or data else []
    headings += [
        Heading("claim", "claim", False),
        Heading("published", "published", True),
        Heading("computed", "computed", True),
        Heading("difference", "difference", True),
        Heading("verdict", "verdict", False),
        Heading("source", "source", False),
    ]
    headings += [Heading("because", "because", False)] if data else []
    rows, notes, verdicts = [], [], []
    for one in checked:
        for judged in one.claims:
            claim = judged.claim
            cells = {
                "network": one.name,
                "claim": judged.label,
                "published": claim["printed"],
                "computed": figure_text(claim["quantity"], judged.computed),
                "difference": difference_text(judged).strip(" ()"),
                "verdict": judged.verdict,
                "source": claim.get("source", ""),
                "because": claim.get("because", ""),
            }
            rows.append([cells[heading.key] for heading in headings])
            verdicts.append(judged.verdict)
            if claim.get("because"):
                where = f"{one.name}, " if several else ""
                notes.append(f"{where}{judged.label} {claim['printed']}: {claim['because']}")
    counted = ", ".join(
        wording.plural(verdicts.count(verdict), verdict, MANY.get(verdict, verdict))
        for verdict in dict.fromkeys(verdicts)
    )
    captions = ["published figures" if several else f"{checked[0].name}: published figures"]
    return Table(captions, headings, rows, [], [*notes, counted or "no claims"], rows, [])
