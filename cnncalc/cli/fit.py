"""cnncalc fit: the largest batch or input that a memory holds."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import SpecName, load, output_options, spec_options, take_output
from cnncalc.cli.running import running_options


@click.command("fit")
@click.argument("network", type=SpecName())
@click.option("--memory", metavar="SIZE", help="What there is: 24GB (of 10^9 bytes), 24GiB (of 2^30), 512MB or bytes.")
@click.option("--gpu", metavar="NAME", help="A GPU's memory: t4, l4, v100, a100-40gb, rtx4090, h100, ...")
@click.option("--reserve", metavar="SIZE", default="0", help="Bytes of it that are left for what is no tensor.")
@click.option(
    "--largest",
    type=click.Choice(("batch", "input")),
    default="batch",
    help="What is sought: the largest batch, or the largest square input at a batch.",
)
@click.option("--batch", type=click.IntRange(1, 10**9), metavar="N", help="Does this batch fit? With input: its batch.")
@spec_options
@click.option("--dtype", default="float32", help="float64, float32, float16, bfloat16 or int8.")
@click.option("--with-side", is_flag=True, help="Run the side outputs (auxiliary heads) too.")
@running_options
@output_options
def command(network: str, **given: Any) -> int:
    """The largest batch, or the largest input, that a memory holds.

    The exit code is 1 where nothing fits, or not the batch that was asked for.
    """
    from cnncalc.cli.output import emit
    from cnncalc.render.fit import table

    output = take_output(given)
    loaded = load(network, given.pop("vars"), given.pop("input"))
    found = loaded.fit(**given)
    emit(output, lambda _: table(found), found.to_dict, loaded.document.files)
    return 0 if found.fits else 1
