"""cnncalc fit: the largest batch or input that a memory holds."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import DTYPE, GPU, SpecName, load, output_options, spec_options, take_output
from cnncalc.cli.running import running_options


@click.command("fit")
@click.argument("network", type=SpecName())
@click.option(
    "--memory",
    metavar="SIZE",
    help="The memory to fill: 24GB (1 GB = 10^9 bytes), 24GiB (1 GiB = 2^30 bytes), 512MB, or bytes.",
)
@click.option("--gpu", type=GPU, help="Take the memory of a GPU: t4, l4, v100, a100-40gb, rtx4090, h100, ...")
@click.option("--reserve", metavar="SIZE", default="0", help="Bytes to keep free for everything that is not a tensor.")
@click.option(
    "--largest",
    type=click.Choice(("batch", "input")),
    default="batch",
    help="What to look for: the largest batch, or the largest square input at one batch.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 10**9),
    metavar="N",
    help="Check whether this batch fits. With --largest input: the batch to use.",
)
@spec_options
@click.option("--dtype", type=DTYPE, default="float32", help="float64, float32 (default), float16, bfloat16 or int8.")
@click.option("--with-side", is_flag=True, help="Run the side outputs (auxiliary heads) too.")
@running_options
@output_options
def command(network: str, **given: Any) -> int:
    """Find the largest batch (or input size) that fits in memory.

    \b
    cnncalc fit resnet50 --memory 24GB
    cnncalc fit resnet50 --gpu t4 --train

    Exits with 1 if nothing fits, or if the requested batch does not.
    """
    from cnncalc.cli.output import emit
    from cnncalc.render.fit import table

    output = take_output(given)
    loaded = load(network, given.pop("vars"), given.pop("input"))
    found = loaded.fit(**given)
    emit(output, lambda _: table(found), found.to_dict, [*loaded.document.files, given["workspaces"]])
    return 0 if found.fits else 1
