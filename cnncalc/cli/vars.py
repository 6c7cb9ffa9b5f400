"""cnncalc vars: the variables of a network."""

from __future__ import annotations

import click

from cnncalc.cli.options import SpecName, debug_option


@click.command("vars")
@click.argument("network", type=SpecName())
@debug_option
def command(network: str) -> None:
    """List the variables of a network, with their values.

    \b
    cnncalc vars resnet50
    cnncalc summary resnet50 --set classes=10

    Each can be changed with --set NAME=VALUE.
    """
    from cnncalc.cli.options import load
    from cnncalc.cli.output import write_stdout
    from cnncalc.ops.base import show

    found = load(network, {}, None).vars
    lines = [f"{name}={show(value).replace(' ', '')}\n" for name, value in found.items()]
    write_stdout("".join(lines) or f"{network} has no variables\n")
