"""How a network is run, as the commands about memory take it: in training with which optimizer, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from cnncalc.cli.options import Command, with_options


def running_options(command: Command) -> Command:
    """The options, as keyword arguments of :meth:`cnncalc.network.Network.memory` and ``fit``."""
    options: list[Callable[[Any], Any]] = [
        click.option("--train", is_flag=True, help="A training step too: forward, loss, backward, optimizer."),
        click.option(
            "--optimizer", default="none", metavar="NAME", help="none (default), sgd, momentum, adam or adamw."
        ),
        click.option("--weight-decay", is_flag=True, help="The optimizer has a weight decay that is not 0."),
        click.option(
            "--foreach/--no-foreach", default=None,
            help="The optimizer's step on all parameters at once, or one by one; PyTorch's choice by default: at once "
            "on a GPU.",
        ),
        click.option("--fused", is_flag=True, help="The optimizer's step in one kernel, without temporaries."),
        click.option(
            "--amp", metavar="DTYPE", help="Mixed precision (torch.autocast) of a float32 network: float16 or bfloat16."
        ),
        click.option(
            "--checkpoint", metavar="BLOCK", multiple=True,
            help="Blocks, by name or path, that the backward pass runs again instead of keeping their values; sqrt "
            "cuts the network into about as many parts as each has layers.",
        ),
        click.option("--device", default="cuda", metavar="DEVICE", help="Where it would run: cuda (default) or cpu."),
        click.option("--no-inplace", "inplace", flag_value=False, default=True, help="Nothing is written in place."),
        click.option("--torch", metavar="VERSION", help="Another version of PyTorch than the newest tested, as 1.9."),
        click.option(
            "--allocator", type=click.Choice(("cuda",)),
            help="What PyTorch's caching allocator takes of a GPU for it: requested, allocated and reserved.",
        ),
        click.option(
            "--workspaces", metavar="FILE",
            help="Table of cuDNN's workspaces, of cnncalc profile --workspaces, for --allocator.",
        ),
    ]  # fmt: skip
    return with_options(command, options)
