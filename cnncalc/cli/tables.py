"""The table of one network, which the commands summary, params, macs, memory and shapes show with other columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from cnncalc.cli.options import (
    SpecName,
    analyze,
    network_options,
    output_options,
    rows_options,
    take_network,
    take_output,
)


def table_command(name: str, columns: tuple[str, ...], main: str) -> Callable[[Callable[..., None]], click.Command]:
    """A command that shows ``columns``; ``main`` gets the percentage and the bar. The help is the function's."""

    def decorate(function: Callable[..., None]) -> click.Command:
        @click.command(name, help=function.__doc__)
        @click.argument("network", type=SpecName())
        @network_options
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

    options, output = take_network(given), take_output(given)
    report = analyze(name, options)
    wanted = given["columns"] or with_work(columns, options.convention)
    emit(output, table_of(report, wanted, main, given), report.to_dict, [report.about.file])


def table_of(report: Any, wanted: tuple[str, ...], main: str, given: dict[str, Any]) -> Callable[[bool], Any]:
    """What makes the Table of a report; its argument says whether data (CSV) is wanted."""

    def table(data: bool) -> Any:
        from cnncalc.columns import COLUMNS, OF_A_RUN
        from cnncalc.render import table

        summed = [name for name, column in {**COLUMNS, **OF_A_RUN}.items() if column.total == "sum" and name in wanted]
        shown = table.Options(
            wanted,
            main if main in wanted else next(iter(summed), None),
            given["depth"],
            given["full"] or (data and given["depth"] is None),
            given["sort"],
            given["top"],
        )
        return table.table(report, shown)

    return table
