"""cnncalc expand: a spec with everything written out."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import SpecName, debug_option, load, spec_options


@click.command("expand")
@click.argument("network", type=SpecName())
@spec_options
@debug_option
def command(network: str, **given: Any) -> None:
    """A spec with everything written out.

    \b
    cnncalc expand resnet50
    cnncalc expand vgg16 --set classes=10

    Writes out every default, block and repeat. The result is a spec with the same figures.
    """
    from cnncalc.cli.output import write_stdout

    write_stdout(load(network, given["vars"], given["input"]).expand())
