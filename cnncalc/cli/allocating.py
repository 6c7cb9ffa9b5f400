"""Where a network is run as PyTorch's allocator on a GPU sees it: ``--allocator``, and what is known of the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import Command, with_options
from cnncalc.errors import UsageError

if TYPE_CHECKING:
    from cnncalc.memory.cuda.gpu import Gpu


def allocator_options(command: Command) -> Command:
    """The options, as keyword arguments that :func:`take_gpu` collects."""
    return with_options(
        command,
        [
            click.option(
                "--allocator", type=click.Choice(("cuda",)),
                help="What PyTorch's caching allocator takes of a GPU for it: requested, allocated and reserved.",
            ),
            click.option(
                "--workspaces", metavar="FILE",
                help="Table of cuDNN's workspaces, of cnncalc profile --workspaces, for --allocator.",
            ),
        ],
    )  # fmt: skip


def take_gpu(given: dict[str, Any], name: str | None) -> Gpu | None:
    """Takes what :func:`allocator_options` gave out of a command's keyword arguments: the GPU, if one is replayed.

    Raises:
        SpecNotFoundError: the table can't be read.
        UsageError: options that mean nothing without ``--allocator``; an unknown GPU.
    """
    from cnncalc import devices
    from cnncalc.cli.profile import read_text
    from cnncalc.memory.cuda.gpu import Gpu
    from cnncalc.render.workspaces import parse

    allocator, file = given.pop("allocator"), given.pop("workspaces")
    if allocator is None:
        if file is not None:
            raise UsageError("--workspaces is about the allocator of a GPU", hint="add --allocator cuda")
        return None
    device = devices.find(name) if name is not None else None
    return Gpu(device, parse(read_text(file, "table of workspaces"), file) if file is not None else None, file)
