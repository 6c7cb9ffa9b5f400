"""cnncalc claims: published figures beside the computed ones."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import SpecName, output_options, take_output


@click.command("claims")
@click.argument("networks", nargs=-1, type=SpecName(), metavar="[NETWORK...]")
@click.option("--misprints", is_flag=True, help="Show misprints only.")
@output_options
def command(networks: tuple[str, ...], **given: Any) -> int:
    """Published figures with their sources, and the computed ones.

    \b
    cnncalc claims vgg16
    cnncalc claims vgg16 --misprints

    A misprint is a published figure that is wrong, or that was counted by another rule. The reason stands below the
    table. Without NETWORK, shows the figures of every network.
    """
    from cnncalc.check import claimtable, payload
    from cnncalc.check import session as sessions
    from cnncalc.cli.output import emit
    from cnncalc.spec import zoo

    output = take_output(given)
    paths = sessions.specs_in(networks or list(zoo.names().values()))
    session = sessions.Session(claims_only=True, places=networks or zoo.folders())
    checked = list(sessions.check_all(session, paths))
    if given["misprints"]:
        checked = [one._replace(claims=tuple(c for c in one.claims if c.verdict != "holds")) for one in checked]
    broken = [finding for one in checked if one.kind == "broken" for finding in one.findings]
    if not (networks and broken):  # of the whole zoo the others are shown, of what was named nothing
        read = [file for one in checked for file in one.files]
        emit(output, lambda data: claimtable.table(checked, data), lambda: payload.payload(checked, strict=False), read)
    for finding in broken:
        click.echo(finding, err=True)
    return 2 if broken else 0
