"""cnncalc profile: time, memory and rates as measured in PyTorch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import DTYPE, EXPORTS, SpecName, load, output_options, spec_options, take_output
from cnncalc.errors import UsageError, quote

if TYPE_CHECKING:
    from cnncalc.memory.cuda.workspaces import WorkspaceTable

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType

MODES = ("infer", "train")
BATCH_LIMIT = 10**9
SWEEP_LIMIT = 64
#: the options of :meth:`cnncalc.network.Network.profile` that are called alike
MEASURED = (
    "batch", "dtype", "with_side", "device", "mode", "channels_last", "compile", "cuda_graph", "seconds", "repeat",
    "threads", "max_memory",
)  # fmt: skip


class Batches(_ParamType):
    """``8``, ``1,2,4`` or ``1..256``, which doubles."""

    name = "N[,N...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        found: list[int] = []
        for part in value.split(","):
            ends = re.fullmatch(r"(\d{1,10})(?:\.\.(\d{1,10}))?", part.strip(), re.ASCII)
            if ends is None:
                self.fail(f"'{part}' is not a number of samples, or a range like 1..256", param, ctx)
            first = int(ends[1])
            last = int(ends[2] or first)
            if not 1 <= first <= last <= BATCH_LIMIT:
                self.fail(f"'{part}' is not in the range 1<=x<={BATCH_LIMIT}", param, ctx)
            while first <= last:
                found.append(first)
                first *= 2
        if len(found) > SWEEP_LIMIT or len(set(found)) < len(found):
            self.fail(f"at most {SWEEP_LIMIT} batches, each once", param, ctx)
        return tuple(found)


class Seconds(click.FloatRange):
    """A range of numbers; nan lies in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if found != found:
            self.fail(f"{value} is not in the range {self.min}<=x<={self.max}", param, ctx)
        return found


@click.command("profile")
@click.argument("network", required=False, type=SpecName())
@spec_options
@click.option("--device", metavar="DEVICE", help="cpu, cuda, cuda:1 or mps. By default cuda if there is one, else cpu.")
@click.option(
    "--batch", type=Batches(), default="1", help="Number of samples. Several numbers, or 1..256, make a sweep."
)
@click.option("--dtype", type=DTYPE, default="float32", help="float64, float32 (default), float16 or bfloat16.")
@click.option(
    "--mode", type=click.Choice(MODES), default="infer", help="train adds the backward pass, without an optimizer."
)
@click.option("--with-side", is_flag=True, help="Build the side outputs (auxiliary heads) too.")
@click.option("--channels-last", is_flag=True, help="Store images with their channels last, which some devices prefer.")
@click.option("--compile", is_flag=True, help="Compile the network with torch.compile.")
@click.option("--cuda-graph", is_flag=True, help="Replay the network as a CUDA graph.")
@click.option("--seconds", type=Seconds(0, 3600), default=3.0, metavar="S", help="Repeat the run for S seconds.")
@click.option("--repeat", type=click.IntRange(1, 10_000), metavar="N", help="Time N runs, however long they take.")
@click.option("--threads", type=click.IntRange(1, 1024), metavar="N", help="Number of CPU threads.")
@click.option(
    "--max-memory",
    metavar="SIZE",
    help="Memory that the run may use, for example 24GB. By default what is free.",
)
@click.option("--save", metavar="FILE", help="Write the measurement as JSON, for --show and compare --measured.")
@click.option(
    "--save-workspaces",
    metavar="FILE",
    help="Measure cuDNN's workspace in each convolution on this GPU, and write or extend a table for memory and fit.",
)
@click.option("--show", metavar="FILE", help="Show a saved measurement. Needs no PyTorch.")
@click.option("--sort", metavar="COLUMN", help="Sort by seconds, macs, bytes, flops_per_second, ..., largest first.")
@click.option("--top", type=click.IntRange(0), metavar="N", help="Show the first N rows and sum up the rest.")
@output_options
@click.pass_context
def command(ctx: click.Context, /, network: str | None, **given: Any) -> None:
    """Time, memory and rates of a network, measured in PyTorch.

    \b
    cnncalc profile lenet5 --device cpu
    cnncalc profile resnet18 --device cpu --batch 1,8

    Times the whole network first, then every layer in runs of its own. Shows the predicted figures beside the measured.
    """
    from cnncalc.cli.output import check_targets, emit, target, write_file
    from cnncalc.render import json, measured

    output = take_output(given)
    sort, top, shown = given["sort"], given["top"], given["show"]
    if shown is not None:
        refuse_others(ctx, "--show", ("show", "sort", "top"), network)
        data = read(shown)
        inputs: list[str | None] = [shown]
    else:
        if network is None:
            raise UsageError("profile takes a network, or --show FILE", hint="cnncalc profile resnet18")
        loaded = load(network, given["vars"], given["input"])
        inputs = list(loaded.document.files)
        if sort:
            measured.check_sort(sort, len(given["batch"]) > 1, given["mode"] == "train")
        written = [*output.export]
        for name in ("save", "save_workspaces"):
            if given[name] == "":
                raise UsageError(f"--{name.replace('_', '-')} takes the name of a file")
            written += [] if given[name] is None else [f"json={given[name]}"]
        # before minutes of measuring
        check_targets([target(export, EXPORTS)[1] for export in written], inputs)
        known = _known(given["save_workspaces"]) if given["save_workspaces"] is not None else None
        options = {name: given[name] for name in MEASURED}
        if options["max_memory"] is not None:
            from cnncalc.spec.claims import size_in_bytes

            options["max_memory"] = size_in_bytes("--max-memory", options["max_memory"])
        data = loaded.profile(**options, workspaces=given["save_workspaces"] is not None).to_dict()
        if given["save"] is not None:
            write_file(given["save"], json.write(data))
        if given["save_workspaces"] is not None:
            write_file(given["save_workspaces"], json.write(_table(data, known, given["save_workspaces"])))
    emit(output, lambda _: measured.table(data, sort, top), lambda: data, inputs)


def _known(path: str) -> WorkspaceTable | None:
    """The table that rows are added to; None where the file is to be made."""
    import os

    from cnncalc.network import saved_text
    from cnncalc.render import workspaces

    return workspaces.parse(saved_text(path, "table of workspaces"), path) if os.path.exists(path) else None


def _table(data: dict[str, Any], known: WorkspaceTable | None, path: str) -> dict[str, Any]:
    """The table of a measurement with the rows that were known.

    Raises:
        UsageError: those are of another GPU, version or data type.
    """
    from cnncalc.render import workspaces

    found = [workspaces.of_run(run["workspaces"]) for run in data["runs"]]
    return workspaces.payload(workspaces.joined([*([known] if known is not None else []), *found], path))


def read(path: str) -> dict[str, Any]:
    """A saved measurement.

    Raises:
        SpecNotFoundError: the file can't be read.
        UsageError: it holds something else; with the position.
    """
    from cnncalc.network import saved_text
    from cnncalc.render import measured

    return measured.parse(saved_text(path, "measurement"), path)


def refuse_others(ctx: click.Context, option: str, allowed: Sequence[str], network: str | None = None) -> None:
    """Refuses options that were given and mean nothing beside ``option``, and a network."""
    if network is not None:
        raise UsageError(f"{option} takes no network beside it, but got {quote(network)}")
    known = {*allowed, "format_", "export", "no_color", "debug"}
    for parameter in ctx.command.params:
        name = parameter.name or ""
        given = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if isinstance(parameter, click.Option) and given and name not in known:
            raise UsageError(f"{option} shows what was measured and takes no {parameter.opts[0]}")
