"""cnncalc memory: activations, and the most that is alive at once in inference and in training."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.allocating import allocator_options, take_gpu
from cnncalc.cli.options import (
    SpecName,
    load,
    network_options,
    output_options,
    report_of,
    rows_options,
    take_network,
    take_output,
)
from cnncalc.cli.running import running_options, take_options
from cnncalc.errors import UsageError

COLUMNS = ("out", "activations", "activation_bytes")


@click.command("memory")
@click.argument("network", type=SpecName())
@network_options
@running_options
@allocator_options
@click.option("--gpu", metavar="NAME", help="The GPU of --allocator: t4, l4, v100, a100-40gb, rtx4090, h100, ...")
@click.option("--best-order", is_flag=True, help="Inference in the order of layers with the lowest peak.")
@click.option("--timeline", is_flag=True, help="A chart of the bytes alive, layer by layer.")
@rows_options
@output_options
def command(network: str, **given: Any) -> None:
    """Memory: activations, inference_memory, and with --train training_memory.

    Activations are a sum over the layers, values and bytes. The other two are the most bytes alive at once: with the
    weights, and in training with what the backward pass keeps, the gradients and the optimizer's state. With
    --allocator cuda, what PyTorch's allocator takes of a GPU for that stands beside it.
    """
    from cnncalc.cli.output import emit
    from cnncalc.cli.tables import table_of
    from cnncalc.columns import ALIVE, SAVED
    from cnncalc.memory import peaks
    from cnncalc.render import cuda_memory
    from cnncalc.render import memory as shown

    options, output = take_network(given), take_output(given)
    loaded = load(network, options.vars, options.input)
    name = given.pop("gpu")
    if name is not None and given["allocator"] is None:
        raise UsageError("--gpu is about the allocator of a GPU", hint="add --allocator cuda")
    gpu = take_gpu(given, name)
    settings = take_options(given, options.dtype, options.with_side).settings(loaded.graph)
    timeline, best_order = given.pop("timeline"), given.pop("best_order")
    report = report_of(loaded, options)
    found = peaks.measure(loaded.graph, options.batch, settings, best_order, gpu)
    columns, paths = found.columns, report.columns["path"]
    if SAVED.name not in columns and SAVED.name in (*(given["columns"] or ()), given["sort"]):
        raise UsageError(f"{SAVED.name} is about training", hint="add --train")
    described = [column for column in (SAVED, ALIVE) if column.name in columns]
    totals = {one.name: (sum if one.total == "sum" else max)(columns[one.name]) for one in described}
    wanted = given["columns"] or (*COLUMNS, *columns)
    make = table_of(report.beside(columns, totals), wanted, "activation_bytes", given)

    def table(data: bool) -> Any:
        plain = make(data)
        notes = [*plain.notes, *shown.notes(found, paths)]
        notes += cuda_memory.notes(found.allocated, paths) if found.allocated is not None else []
        return plain._replace(notes=notes, drawing=shown.drawing(found) if timeline else None)

    def payload() -> dict[str, Any]:
        allocated = cuda_memory.payload(found.allocated, paths) if found.allocated is not None else None
        return {**shown.payload(report, found), "allocator": allocated}

    emit(output, table, payload, [report.about.file])
