"""cnncalc fit: the largest batch or input that a memory holds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.allocating import allocator_options, check_table, take_allocator
from cnncalc.cli.options import NetworkOptions, SpecName, load, output_options, spec_options, take_output
from cnncalc.cli.running import running_options, take_settings
from cnncalc.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnncalc.graph.graph import Graph
    from cnncalc.memory.fit import Runs
    from cnncalc.memory.simulate import Settings
    from cnncalc.values import Shape

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType

#: no device has more
BYTE_LIMIT = 10**15


class Bytes(_ParamType):
    """``24GB`` (of 10**9 bytes), ``24GiB`` (of 2**30), ``512MB`` or plain bytes."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from cnncalc.spec.claims import read_figure

        if isinstance(value, int):
            return value
        figure = read_figure(value.replace("kB", "KB"))
        if figure is None or "/" in value:
            self.fail(f"'{value}' is no size like 24GB, 24GiB, 512MB or 16000000000", param, ctx)
        if figure.value.denominator != 1:
            self.fail(f"'{value}' is no whole number of bytes", param, ctx)
        if figure.value > BYTE_LIMIT:
            self.fail(f"'{value}' is more than a petabyte", param, ctx)
        return int(figure.value)


@click.command("fit")
@click.argument("network", type=SpecName())
@click.option("--memory", type=Bytes(), help="What there is: 24GB (of 10^9 bytes), 24GiB (of 2^30), 512MB or bytes.")
@click.option("--gpu", metavar="NAME", help="A GPU's memory: t4, l4, v100, a100-40gb, rtx4090, h100, ...")
@click.option("--reserve", type=Bytes(), default=0, help="Bytes of it that are left for what is no tensor.")
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
@allocator_options
@output_options
def command(network: str, **given: Any) -> int:
    """The largest batch, or the largest input, that a memory holds.

    The exit code is 1 where nothing fits, or not the batch that was asked for.
    """
    from cnncalc import devices
    from cnncalc.cli.output import emit
    from cnncalc.memory import fit
    from cnncalc.memory.checkpoint_search import fewest
    from cnncalc.render import fit as shown

    output = take_output(given)
    device, memory = _memory(given["gpu"], given["memory"])
    allocator = take_allocator(given, given["gpu"])
    reserve = given["reserve"]
    if reserve >= memory:
        raise UsageError(f"--reserve leaves nothing: {reserve:,} of {memory:,} bytes")
    options = NetworkOptions(given["vars"], given["input"], 1, given["dtype"], "macs", given["with_side"], "forward")
    loaded = load(network, options.vars, options.input)
    settings = take_settings(dict(given), options, loaded.graph)  # it is taken again for every other input
    graph, asked, room = loaded.graph, given["batch"], memory - reserve
    if allocator is not None:
        check_table(allocator.table, settings)

    def runs_of(graph: Graph, settings: Settings) -> Runs:
        return fit.Runs(graph, settings) if allocator is None else allocator.runs(graph, settings, room)

    search, runs = None, None
    if given["largest"] == "input":
        rows, search = fit.by_input(graph, room, asked or 1, _resizer(loaded, options, given, runs_of))
        fits = search.largest is not None
    else:
        runs = runs_of(graph, settings)
        rows, fits = fit.by_batch(graph, runs, room, asked)
    over = [row for row in rows if row.what != "largest"]
    known = allocator is not None and allocator.table is not None  # of one GPU in one data type
    others = {} if fits or search or known else fit.smaller(partial(runs_of, graph), settings, over[-1].batch, room)
    larger = []
    if not fits and not known:
        on_gpu = over[-1].peak
        if settings.device != "cuda":  # there other tensors are taken
            runs_there = _resizer(loaded, options, {**given, "device": "cuda"}, runs_of)(over[-1].input)
            on_gpu = runs_there.peak(over[-1].batch) if runs_there else on_gpu
        larger = devices.large_enough(on_gpu.bytes + reserve)
    checkpoint = None
    if settings.training and not settings.checkpoint and not fits and runs is not None and allocator is None:
        checkpoint = fewest(runs, over[-1].batch, room)
    reserved = allocator and allocator.fitted(graph, settings, [row.batch for row in rows], runs)
    answer = shown.Answer(memory, reserve, device, asked, fits, rows, search, others, larger, checkpoint, reserved)
    report = loaded.analyze(asked or 1, settings.dtype, with_side=settings.with_side)
    emit(
        output,
        lambda _: shown.table(report, answer, settings),
        lambda: shown.payload(report, answer, settings),
        list(loaded.document.files),
    )
    return 0 if fits else 1


def _memory(gpu: str | None, memory: int | None) -> tuple[Any, int]:
    """The device, if one is named, and its bytes or those that are given."""
    from cnncalc import devices

    if (gpu is None) == (memory is None):
        raise UsageError("fit takes either --memory or --gpu", hint="--memory 24GB or --gpu t4")
    if memory is not None:
        if not memory:
            raise UsageError("--memory must be more than 0 bytes")
        return None, memory
    device = devices.find(gpu or "")
    return device, device.memory


def _resizer(
    loaded: Any, options: NetworkOptions, given: dict[str, Any], runs_of: Callable[[Graph, Settings], Runs]
) -> Callable[[Shape], Runs | None]:
    """Makes the runs of a network under the same options on another input; None where it refuses that."""
    from cnncalc.errors import SpecError

    def resized(shape: Shape) -> Runs | None:
        try:
            graph = loaded.on(shape).graph
        except SpecError:
            return None
        return runs_of(graph, take_settings(dict(given), options, graph))

    return resized
