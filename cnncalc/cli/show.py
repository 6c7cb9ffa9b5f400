"""cnncalc show: a spec as it was written."""

from __future__ import annotations

import click

from cnncalc.cli.options import SpecName, debug_option


@click.command("show")
@click.argument("network", type=SpecName())
@debug_option
def command(network: str) -> None:
    """Print a network's spec as it was written.

    \b
    cnncalc show resnet50
    cnncalc show vgg16 > mine.yaml

    With comments, blocks, variables and claims; cnncalc expand prints what it means, layer by layer.
    """
    from cnncalc.cli.output import write_stdout
    from cnncalc.spec import document, reader, zoo

    found = zoo.find(network)
    document.load(found)  # says what is wrong with it
    write_stdout(reader.decoded(found.data, found.name))
