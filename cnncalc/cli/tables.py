"""The table of one network, which the commands summary, params, macs, memory and shapes show with other columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

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
from cnncalc.errors import UsageError

if TYPE_CHECKING:
    from cnncalc.render.table import Options


def table_command(
    name: str, columns: tuple[str, ...], main: str, worked: bool = True
) -> Callable[[Callable[..., None]], click.Command]:
    """A command that shows ``columns``; ``main`` gets the percentage and the bar, and ``worked`` says whether they have
    work. The help is the function's.
    """

    def decorate(function: Callable[..., None]) -> click.Command:
        @click.command(name, help=function.__doc__)
        @click.argument("network", type=SpecName())
        @partial(network_options, worked=worked)
        @rows_options
        @output_options
        def command(network: str, **given: Any) -> None:
            show(network, columns, main, given)

        return command

    return decorate


def show(name: str, columns: tuple[str, ...], main: str, given: dict[str, Any]) -> None:
    """Analyses the network and writes its table or JSON."""
    from cnncalc.cli.output import emit
    from cnncalc.columns import with_work
    from cnncalc.render.table import table

    options, output = take_network(given), take_output(given)
    network = load(name, options.vars, options.input)
    report = report_of(network, options)
    if len({node.shape.layout for node in report.graph.nodes} - {"vector"}) < 2:  # every shape says which it is
        columns = tuple(name for name in columns if name != "layout")
    shown = take_rows(given, with_work(columns, options.convention), main)
    emit(output, lambda data: table(report, shown(data)), report.to_dict, network.document.files)


def take_rows(given: dict[str, Any], usual: tuple[str, ...], main: str) -> Callable[[bool], Options]:
    """Takes the rows and columns that are shown out of a command's keyword arguments.

    The result makes them; its argument says whether data (CSV) is wanted. ``usual`` are the columns if none are named,
    of which ``main`` gets the percentage and the bar.
    """
    from cnncalc.columns import COLUMNS, OF_A_RUN
    from cnncalc.render.table import Options

    columns = given.pop("columns") or usual
    depth, full, folded, sort, top = (given.pop(name) for name in ("depth", "full", "folded", "sort", "top"))
    if folded and full:
        raise UsageError("--folded and --full contradict each other")
    summed = [name for name, column in {**COLUMNS, **OF_A_RUN}.items() if column.total == "sum" and name in columns]
    bar = main if main in columns or not columns else next(iter(summed), None)
    return lambda data: Options(
        columns, bar, depth, full or (data and depth is None and not folded), data and folded, sort, top
    )
