"""cnncalc list: every network with its totals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import Column, Columns, Word, output_options, take_output, work_options
from cnncalc.errors import CnncalcError, check_word, format_errors
from cnncalc.spec.naming import folded

if TYPE_CHECKING:
    from cnncalc.values import Assumptions


@click.command("list")
@click.argument("text", nargs=-1)
@click.option(
    "--family", type=Word("family", "spec.zoo:families"), help="List only networks of this family, for example lecture."
)
@click.option(
    "--filter",
    "filter_",
    metavar="CONDITION",
    help="List only networks for which this is true, for example 'params < 10M and macs < 1G'.",
)
@click.option("--columns", type=Columns(), help="Show these columns, in this order.")
@click.option("--sort", type=Column(), metavar="COLUMN", help="Sort by this column, largest first.")
@click.option("--top", type=click.IntRange(0), metavar="N", help="Show the first N networks.")
@work_options
@click.option("--with-side", is_flag=True, help="Count the side outputs (auxiliary heads) too.")
@output_options
def command(**given: Any) -> int:
    """Every network, with its totals.

    \b
    cnncalc list resnet
    cnncalc list --filter 'params < 10M and macs < 1G' --sort macs

    With TEXT, lists those that have it in their name, title or family. Takes ./specs first, then the zoo. Networks for
    which a convention has no figure are named below the table.

    Errors in a spec go to standard error; the others are still listed, and the exit code is 2.
    """
    from cnncalc.analysis.report import check_counted
    from cnncalc.cli.output import emit
    from cnncalc.columns import COLUMNS, with_work
    from cnncalc.render import catalog
    from cnncalc.spec import expressions, zoo
    from cnncalc.values import Assumptions

    output = take_output(given)
    totals = [column.name for column in COLUMNS.values() if column.total != "none"]
    holds = expressions.condition(given["filter_"], totals) if given["filter_"] else None
    keys = [*catalog.DESCRIPTIONS, *totals]
    if given["sort"]:
        check_word("sort column", given["sort"], keys)
    counted = Assumptions(
        convention=given["convention"], with_side=given["with_side"], pass_=given["pass_"], written=given["written"]
    )
    check_counted(counted.convention, counted.pass_)
    entries, left_out, broken = _entries(counted, keys)
    if given["family"] is not None:
        check_word("family", given["family"], sorted({entry["family"] for entry in entries}))
        entries = [entry for entry in entries if entry["family"] == given["family"]]
    entries = [entry for entry in entries if all(_has(entry, word) for word in given["text"])]
    if holds:
        entries = list(filter(holds, entries))
    if given["sort"]:
        entries.sort(key=lambda item: item[given["sort"]], reverse=given["sort"] in totals)
    entries = entries[: given["top"]]
    columns = given["columns"] or with_work(catalog.DEFAULT_COLUMNS, counted.convention)
    assumed = counted.to_dict()
    emit(
        output,
        lambda _: catalog.table(entries, columns, assumed, left_out),
        lambda: catalog.payload(entries, assumed, left_out),
        zoo.names().values(),
    )
    for problem in broken:
        for line in format_errors(problem):
            click.echo(line, err=True)
    return 2 if broken else 0


def _has(entry: Mapping[str, Any], text: str) -> bool:
    """Whether a network has a text in its name, title or family, however it is written."""
    return any(folded(text) in folded(str(entry[key])) for key in ("name", "title", "family"))


def _entries(
    counted: Assumptions, keys: Sequence[str]
) -> tuple[list[dict[str, Any]], dict[str, str], list[CnncalcError]]:
    """Every network's entry, which has ``keys``; why others have no figure under the convention; the errors of the
    specs with mistakes.
    """
    from cnncalc.analysis.report import USUAL
    from cnncalc.spec import index, zoo

    paths = list(zoo.names().values())
    known = index.known(paths, keys) if counted == USUAL else {}
    left_out: dict[str, str] = {}
    broken: list[CnncalcError] = []
    rest = [path for path in paths if path not in known]
    computed = _computed(rest, counted, left_out, broken) if rest else {}
    found = (known.get(path) or computed.get(path) for path in paths)
    return [entry for entry in found if entry], left_out, broken


def _computed(
    paths: Sequence[str], counted: Assumptions, left_out: dict[str, str], broken: list[CnncalcError]
) -> dict[str, dict[str, Any]]:
    """The entries of the networks among the specs at some paths; libraries of blocks are none."""
    from cnncalc.analysis.report import as_written, not_known
    from cnncalc.network import Network
    from cnncalc.render import catalog
    from cnncalc.spec import zoo
    from cnncalc.spec.expand import networks

    entries = {}
    for found in networks(paths, broken, zoo.folders()):
        network = Network(*found)
        reason = not_known(as_written(network.graph, counted.written), counted.convention, counted.pass_)
        if reason is None:
            entries[network.document.path or ""] = catalog.entry(network.analyze(**counted._asdict()))
        else:
            left_out[network.name] = reason
    return entries


def index_text() -> str:
    """What the zoo's index should be."""
    from cnncalc.analysis.report import USUAL
    from cnncalc.spec import index, zoo

    broken: list[CnncalcError] = []
    entries = _computed(list(zoo.names([zoo.packaged()]).values()), USUAL, {}, broken)
    for problem in broken:
        raise problem
    return index.text(entries)


if __name__ == "__main__":  # writes the zoo's index
    from cnncalc.cli.output import write_file
    from cnncalc.spec.index import where

    write_file(where(), index_text())
