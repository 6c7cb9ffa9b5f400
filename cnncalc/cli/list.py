"""cnncalc list: every network with its totals."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import Columns, output_options, take_output
from cnncalc.errors import CnncalcError, ExpressionError, UsageError, format_errors


@click.command("list")
@click.option("--filter", "filter_", metavar="CONDITION", help="As in 'params < 10M and macs < 1G'.")
@click.option("--columns", type=Columns(), help="Other columns, in this order.")
@click.option("--sort", metavar="COLUMN", help="Largest first.")
@click.option("--top", type=click.IntRange(1), metavar="N", help="The first N networks.")
@click.option("--with-side", is_flag=True, help="Count the side outputs (auxiliary heads) too.")
@output_options
def command(**given: Any) -> int:
    """Every network, with its totals.

    Those of ./specs, then those of the zoo.

    A spec with mistakes is named on standard error; the others are listed, and the exit code is 2.
    """
    from cnncalc import analysis
    from cnncalc.cli.output import emit
    from cnncalc.report import catalog
    from cnncalc.report.view import check_column
    from cnncalc.spec import expressions

    output = take_output(given)
    figures = [column for column in analysis.COLUMNS if column.total != "none"]
    totals = [figure.name for figure in figures]
    condition = None
    if given["filter_"]:
        try:
            condition = expressions.parse(given["filter_"], bare_names=totals)
        except ExpressionError as error:
            place = f" at character {error.offset + 1}"
            raise UsageError(f"--filter: {error.message}{place}", None, error.hint) from None
    if given["sort"]:
        check_column(given["sort"], [*catalog.DESCRIPTIONS, *totals], "sort column")
    entries, broken = _entries(given["with_side"])
    if condition:
        entries = [item for item in entries if _holds(condition, item)]
    if given["sort"]:
        entries.sort(key=lambda item: item[given["sort"]], reverse=given["sort"] in totals)
    entries = entries[: given["top"]]
    columns = given["columns"] or catalog.DEFAULT_COLUMNS
    emit(output, lambda _: catalog.table(entries, columns, figures), lambda: catalog.payload(entries), [])
    for problem in broken:
        for line in format_errors(problem):
            click.echo(line, err=True)
    return 2 if broken else 0


def _entries(with_side: bool) -> tuple[list[dict[str, Any]], list[CnncalcError]]:
    """Every network's entry, and the errors of the specs that have mistakes. Libraries of blocks are no networks."""
    from cnncalc.network import Network
    from cnncalc.report import catalog
    from cnncalc.spec import document, zoo
    from cnncalc.spec.expand import expand

    entries, broken = [], []
    for path in zoo.names().values():
        try:
            spec = document.load(zoo.find(path))
            if not spec.is_library:
                entries.append(catalog.entry(Network(spec, *expand(spec)).analyze(with_side=with_side)))
        except CnncalcError as error:
            broken.append(error)
    return entries, broken


class _Names:
    """The totals of a network as the names of a filter."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.item = item

    def lookup(self, name: str) -> Any:
        return self.item[name]


def _holds(condition: Any, item: dict[str, Any]) -> bool:
    from cnncalc.spec import expressions

    try:
        return expressions.truth(condition, _Names(item))
    except ExpressionError as error:
        raise UsageError(f"--filter: {error.message}", None, "as in 'params < 10M and macs < 1G'") from None
