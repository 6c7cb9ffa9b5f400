"""How a network is run, as the commands about memory take it: in training with which optimizer, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from cnncalc.cli.options import OPTIMIZER, Command, with_options


def running_options(command: Command) -> Command:
    """The options, as keyword arguments of :meth:`cnncalc.network.Network.memory` and ``fit``."""
    options: list[Callable[[Any], Any]] = [
        click.option("--train", is_flag=True, help="Run a training step too: forward, loss, backward, optimizer."),
        click.option(
            "--optimizer", type=OPTIMIZER, default="none", help="none (default), sgd, momentum, adam or adamw."
        ),
        click.option("--weight-decay", is_flag=True, help="The optimizer uses weight decay."),
        click.option(
            "--foreach/--no-foreach", default=None,
            help="Update all parameters at once, or one by one. By default as PyTorch does: at once on a GPU.",
        ),
        click.option("--fused", is_flag=True, help="Run the optimizer's step in one kernel, without temporaries."),
        click.option(
            "--amp", metavar="DTYPE", help="Run a float32 network in mixed precision: float16 or bfloat16."
        ),
        click.option(
            "--checkpoint", metavar="BLOCK", multiple=True,
            help="Checkpoint a block (name or path): the backward pass runs it again instead of keeping its values. "
            "sqrt cuts the network into even parts. May be repeated.",
        ),
        click.option("--device", default="cuda", metavar="DEVICE", help="Where it runs: cuda (default) or cpu."),
        click.option(
            "--attention", metavar="KERNEL",
            help="The kernel of scaled_dot_product_attention: flash, efficient or math. By default as PyTorch chooses.",
        ),
        click.option("--no-inplace", "inplace", flag_value=False, default=True, help="Write nothing in place."),
        click.option("--torch", metavar="VERSION", help="Follow another version of PyTorch, for example 1.9."),
        click.option(
            "--allocator", type=click.Choice(("cuda",)),
            help="Show the GPU memory that PyTorch's caching allocator requests, allocates and reserves.",
        ),
        click.option(
            "--workspaces", metavar="FILE",
            help="Take the sizes of cuDNN's workspaces from this file (written by cnncalc profile --save-workspaces).",
        ),
    ]  # fmt: skip
    return with_options(command, options)
