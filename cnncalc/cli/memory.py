"""cnncalc memory: activations, and the most that is alive at once in inference and in training."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import GPU, SpecName, load, network_options, output_options, rows_options, take_output
from cnncalc.cli.running import running_options


@click.command("memory")
@click.argument("network", type=SpecName())
@network_options
@running_options
@click.option("--gpu", type=GPU, help="The GPU for --allocator: t4, l4, v100, a100-40gb, rtx4090, h100, ...")
@click.option("--best-order", is_flag=True, help="Run inference in the order of layers with the lowest peak.")
@click.option("--timeline", is_flag=True, help="Draw the bytes alive, layer by layer.")
@rows_options
@output_options
def command(network: str, **given: Any) -> None:
    """Activations, and the peak memory of inference and training.

    \b
    cnncalc memory resnet50 --batch 32
    cnncalc memory resnet50 --train --optimizer adam

    Shows three figures: the sum of all activations, and the peak memory of inference and (with --train) of a training
    step. A peak has the weights, and in training also what the backward pass keeps, the gradients and the optimizer's
    state. --allocator cuda adds the GPU memory that PyTorch's allocator reserves.
    """
    from cnncalc.cli.output import emit
    from cnncalc.cli.tables import take_rows
    from cnncalc.render.memory import MAIN, table

    output, timeline = take_output(given), given.pop("timeline")
    loaded = load(network, given.pop("vars"), given.pop("input"))
    shown = take_rows(given, (), MAIN)
    found = loaded.memory(**given)
    inputs = [*loaded.document.files, given["workspaces"]]
    emit(output, lambda data: table(found, shown(data), timeline), found.to_dict, inputs)
