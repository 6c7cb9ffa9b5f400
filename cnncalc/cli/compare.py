"""cnncalc compare: networks side by side."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import (
    Column,
    Columns,
    SpecName,
    load,
    network_options,
    output_options,
    report_of,
    take_network,
    take_output,
)
from cnncalc.errors import UsageError


@click.command("compare")
@click.argument("networks", nargs=-1, required=True, type=SpecName(), metavar="NETWORK NETWORK...")
@network_options
@click.option("--columns", type=Columns(), help="Compare these quantities, in this order.")
@click.option(
    "--depth", type=click.IntRange(1, 200), default=1, metavar="N", help="Compare parts whose path has N names."
)
@click.option(
    "--sort", type=Column(), metavar="QUANTITY", help="Sort the parts by their largest difference in this quantity."
)
@click.option("--top", type=click.IntRange(0), metavar="N", help="Show the first N parts.")
@click.option("--measured", is_flag=True, help="Compare files that cnncalc profile --save has written.")
@output_options
@click.pass_context
def command(ctx: click.Context, /, networks: tuple[str, ...], **given: Any) -> None:
    """Networks side by side.

    \b
    cnncalc compare resnet50 densenet121
    cnncalc compare mobilenet_v2 mobilenet_v3_large --columns params,macs

    Shows totals, ratios to the first network, and the parts whose names match. --measured compares the times and rates
    of saved measurements.
    """
    from cnncalc.analysis.comparison import compare
    from cnncalc.cli.output import emit
    from cnncalc.render import comparison

    if given["measured"]:
        return _measured(ctx, networks, given)
    options, output = take_network(given), take_output(given)
    loaded = [load(name, options.vars, options.input) for name in networks]
    reports = [report_of(network, options) for network in loaded]
    compared = compare(reports, given["columns"] or (), given["depth"], given["sort"], given["top"])
    inputs = [file for network in loaded for file in network.document.files]
    emit(output, lambda _: comparison.table(compared), compared.to_dict, inputs)


def _measured(ctx: click.Context, files: tuple[str, ...], given: dict[str, Any]) -> None:
    """Saved measurements side by side."""
    from cnncalc.cli import profile
    from cnncalc.cli.output import emit
    from cnncalc.render import measured_sides

    if len(files) < 2:
        raise UsageError("compare --measured takes at least two files")
    profile.refuse_others(ctx, "--measured", ("measured", "top"))
    sides = [profile.read(file) for file in files]
    lines = measured_sides.lines(sides, given["top"])
    emit(
        take_output(given),
        lambda _: measured_sides.table(sides, lines),
        lambda: measured_sides.payload(sides, lines),
        files,
    )
