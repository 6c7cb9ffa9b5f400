"""cnncalc memory: activations, and the most that is alive at once in inference and in training."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import SpecName, load, network_options, output_options, rows_options, take_output
from cnncalc.cli.running import running_options


@click.command("memory")
@click.argument("network", type=SpecName())
@network_options
@running_options
@click.option("--gpu", metavar="NAME", help="The GPU of --allocator: t4, l4, v100, a100-40gb, rtx4090, h100, ...")
@click.option("--best-order", is_flag=True, help="Inference in the order of layers with the lowest peak.")
@click.option("--timeline", is_flag=True, help="A chart of the bytes alive, layer by layer.")
@rows_options
@output_options
def command(network: str, **given: Any) -> None:
    """Memory: activations, inference_memory, and with --train training_memory.

    Activations are a sum over the layers, values and bytes. The other two are the most bytes alive at once: with the
    weights, and in training with what the backward pass keeps, the gradients and the optimizer's state. With
    --allocator cuda, what PyTorch's allocator takes of a GPU for that stands beside it.
    """
    from cnncalc.cli.output import emit
    from cnncalc.cli.tables import take_rows
    from cnncalc.render.memory import MAIN, table

    output, timeline = take_output(given), given.pop("timeline")
    loaded = load(network, given.pop("vars"), given.pop("input"))
    shown = take_rows(given, (), MAIN)
    found = loaded.memory(**given)
    emit(output, lambda data: table(found, shown(data), timeline), found.to_dict, [loaded.document.file])
