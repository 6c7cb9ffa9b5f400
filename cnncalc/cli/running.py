"""How a network is run, as the commands about memory take it: in training with which optimizer, and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cnncalc.errors import UsageError, quote, suggest

if TYPE_CHECKING:
    from cnncalc.cli.options import NetworkOptions
    from cnncalc.graph.graph import Graph
    from cnncalc.memory.simulate import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

#: options that say something of training alone, as they are written, with what they are where nothing is said
TRAINING: Mapping[str, tuple[str, Any]] = {
    "optimizer": ("--optimizer", "none"),
    "weight_decay": ("--weight-decay", False),
    "foreach": ("--foreach", None),
    "fused": ("--fused", False),
    "checkpoint": ("--checkpoint", ()),
}
#: those of them that say something of the optimizer's step alone
OF_THE_STEP = ("weight_decay", "foreach", "fused")
#: data types of mixed precision
AMP = ("float16", "bfloat16")


def running_options(command: Command) -> Command:
    """The options, as keyword arguments that :func:`take_settings` collects."""
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
        click.option("--no-inplace", is_flag=True, help="Nothing is written in place."),
        click.option("--torch", metavar="VERSION", help="Another version of PyTorch than the newest tested, as 1.9."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def take_settings(given: dict[str, Any], options: NetworkOptions, graph: Graph) -> Settings:
    """Takes what :func:`running_options` gave out of a command's keyword arguments; ``graph`` is the network that runs.

    Raises:
        UsageError: an unknown word, with a suggestion; options that exclude each other, or that are of training alone
            where none is asked for.
    """
    from cnncalc.autograd.optimizers import OPTIMIZERS
    from cnncalc.autograd.torch_versions import TESTED, VERSIONS, is_known
    from cnncalc.memory import checkpointing
    from cnncalc.memory.simulate import Settings
    from cnncalc.values import dtype_bytes

    dtype_bytes(options.dtype)
    train, device, amp = given.pop("train"), given.pop("device"), given.pop("amp")
    torch = given.pop("torch") or TESTED
    of_training = {name: given.pop(name) for name in TRAINING}
    if not train:
        for name, value in of_training.items():
            option, usual = TRAINING[name]
            if value != usual:
                raise UsageError(f"{option} is about training", hint="add --train")
    optimizer, foreach, fused = (of_training[name] for name in ("optimizer", "foreach", "fused"))
    _check("optimizer", optimizer, OPTIMIZERS)
    _check("device", device, ("cpu", "cuda"))
    if amp is not None:
        _check("data type of mixed precision", amp, AMP)
        if options.dtype != "float32":
            raise UsageError(f"--amp is of a float32 network, not of {options.dtype}")
    if not is_known(torch):
        first, *changes = VERSIONS
        hint = f"known are {first} to {TESTED}; rules changed in {', '.join(changes)}"
        raise UsageError(f"unknown version of PyTorch {quote(torch)}", hint=hint)
    if fused and foreach:
        raise UsageError("--foreach and --fused are two ways of the same step")
    for name in OF_THE_STEP if optimizer == "none" else ():
        option, usual = TRAINING[name]
        if of_training[name] != usual:
            raise UsageError(f"{option} is about the optimizer's step", hint="add --optimizer adam, or another")
    if foreach is None:
        foreach = device == "cuda"
    return Settings(
        training=train,
        dtype=options.dtype,
        with_side=options.with_side,
        in_place=not given.pop("no_inplace"),
        device=device,
        optimizer=optimizer,
        implementation="fused" if fused else "foreach" if foreach else "for-loop",
        weight_decay=of_training["weight_decay"],
        checkpoint=checkpointing.resolve(graph, of_training["checkpoint"], options.with_side),
        amp=amp or "",
        torch=torch,
    )


def _check(what: str, word: str, known: Any) -> None:
    if word not in known:
        hint = suggest(word, known) if len(known) > 2 else None  # gpu is no cpu, however alike
        raise UsageError(f"unknown {what} {quote(word)}", hint=hint or f"one of: {', '.join(known)}")
