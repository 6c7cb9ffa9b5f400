"""cnncalc fit: the largest batch or input that a memory holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.allocating import allocator_options, take_gpu
from cnncalc.cli.options import SpecName, load, output_options, spec_options, take_output
from cnncalc.cli.running import running_options, take_options
from cnncalc.errors import SpecError, UsageError

if TYPE_CHECKING:
    from cnncalc.graph.graph import Graph
    from cnncalc.network import Network
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
    from cnncalc.analysis.receptive_field import total_stride
    from cnncalc.cli.output import emit
    from cnncalc.memory.fit import fit
    from cnncalc.render import fit as shown

    output = take_output(given)
    if (given["gpu"] is None) == (given["memory"] is None):
        raise UsageError("fit takes either --memory or --gpu", hint="--memory 24GB or --gpu t4")
    memory = devices.find(given["gpu"]) if given["gpu"] is not None else given["memory"]
    gpu = take_gpu(given, given["gpu"])
    options = take_options(given, given["dtype"], given["with_side"])
    loaded = load(network, given["vars"], given["input"])
    graph, batch, largest = loaded.graph, given["batch"], given["largest"]
    answer = fit(
        graph,
        memory,
        options,
        largest=largest,
        batch=batch,
        reserve_bytes=given["reserve"],
        gpu=gpu,
        graph_of=lambda name, shape: _graph_on(loaded, name, shape),
        stride=total_stride(graph) if largest == "input" else 1,
    )
    report = loaded.analyze(batch or 1, options.dtype, with_side=options.with_side)
    files = list(loaded.document.files)
    emit(output, lambda _: shown.table(report, answer), lambda: shown.payload(report, answer), files)
    return 0 if answer.fits else 1


def _graph_on(network: Network, name: str, shape: Shape) -> Graph | None:
    """The network with another shape of one input; None where it refuses that."""
    try:
        return network.on({name: shape}).graph
    except SpecError:
        return None
