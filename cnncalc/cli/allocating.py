"""Where a network is run as PyTorch's allocator on a GPU sees it: ``--allocator``, and what is known of the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import Command, with_options
from cnncalc.errors import UsageError

if TYPE_CHECKING:
    from cnncalc.memory.simulate import Settings
    from cnncalc.render.cuda_memory import Given
    from cnncalc.render.workspaces import Table


def allocator_options(command: Command) -> Command:
    """The options, as keyword arguments that :func:`take_allocator` collects."""
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


def take_allocator(given: dict[str, Any], gpu: str | None) -> Given | None:
    """Takes what :func:`allocator_options` gave out of a command's keyword arguments.

    Raises:
        SpecNotFoundError: the table can't be read.
        UsageError: options that mean nothing without ``--allocator``; a table of another GPU.
    """
    from cnncalc import devices
    from cnncalc.cli.profile import read_text
    from cnncalc.memory.cuda import workspaces
    from cnncalc.render import cuda_memory
    from cnncalc.render.workspaces import parse

    allocator, file = given.pop("allocator"), given.pop("workspaces")
    if allocator is None:
        if file is not None:
            raise UsageError("--workspaces is about the allocator of a GPU", hint="add --allocator cuda")
        return None
    if given["device"] != "cuda":
        raise UsageError(f"--allocator cuda is no allocator of {given['device']}", hint="--device cuda")
    device = devices.find(gpu) if gpu is not None else None
    table = parse(read_text(file, "table of workspaces"), file) if file is not None else None
    if device is not None and table is not None and table.capability != device.capability:
        raise UsageError(f"the workspaces of {file} were measured on {table.gpu}, not on {device.name}")
    if table is not None:
        libraries = workspaces.Libraries(table.cublas, table.rows)
    else:
        libraries = workspaces.Libraries(workspaces.cublas(device.capability if device else None))
    return cuda_memory.Given(device, file, table, libraries)


def check_table(table: Table | None, settings: Settings) -> None:
    """Refuses a table of another data type than that of the convolutions that run.

    Raises:
        UsageError: it is.
    """
    runs = settings.amp or settings.dtype
    if table is not None and table.dtype != runs:
        raise UsageError(f"the workspaces were measured in {table.dtype}, but convolutions run in {runs}")
