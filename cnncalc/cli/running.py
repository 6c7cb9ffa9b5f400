"""How a network is run, as the commands about memory take it: in training with which optimizer, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from cnncalc.memory.options import Options

Command = TypeVar("Command", bound=Callable[..., Any])


def running_options(command: Command) -> Command:
    """The options, as keyword arguments that :func:`take_options` collects."""
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
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def take_options(given: dict[str, Any], dtype: str, with_side: bool) -> Options:
    """Takes what :func:`running_options` gave out of a command's keyword arguments."""
    from cnncalc.memory.options import Options

    names = (
        "train",
        "optimizer",
        "weight_decay",
        "foreach",
        "fused",
        "amp",
        "checkpoint",
        "device",
        "inplace",
        "torch",
    )
    return Options(dtype=dtype, with_side=with_side, **{name: given.pop(name) for name in names})
