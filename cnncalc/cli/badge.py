"""cnncalc badge: a figure as an image."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import (
    Column,
    SpecName,
    debug_option,
    load,
    network_options,
    report_of,
    take_network,
)
from cnncalc.errors import UsageError, check_word

FORMATS = ("svg", "json")
#: what a budget says of a figure, and the colour for it
VERDICT_COLORS = {"over max": "red", "over warn": "orange", "within": "green", None: "blue"}


@click.command("badge")
@click.argument("network", type=SpecName())
@click.argument("quantity", type=Column())
@network_options
@click.option(
    "--format", "-f", "format_", type=click.Choice(FORMATS), default="svg", help="svg, or json for shields.io."
)
@click.option("--output", metavar="FILE", help="Write to this file, not to standard output.")
@click.option("--label", metavar="TEXT", help="The words before the figure.")
@click.option("--color", metavar="COLOR", help="A name or #hex. By default the colour that the budget sets.")
@debug_option
def command(network: str, quantity: str, **given: Any) -> None:
    """A total as a badge for a README.

    \b
    cnncalc badge resnet50 params
    cnncalc badge resnet50 macs --format json

    QUANTITY is for example params, macs, flops, work or activations. The budget in the spec sets the colour: green
    within it, orange over its warn, red over its max, blue without one.
    """
    from cnncalc.check import budgets
    from cnncalc.cli.output import check_targets, target, write_file, write_stdout
    from cnncalc.render import badge, json
    from cnncalc.render import table as tables

    options, path = take_network(given), given["output"]
    loaded = load(network, options.vars, options.input)
    report = report_of(loaded, options)
    check_word("quantity", quantity, report.totals)
    if path == "":
        raise UsageError("--output takes the name of a file")
    if path is not None:
        path = target(f"{given['format_']}={path}", FORMATS)[1]
        check_targets([path], loaded.document.files)
    color = given["color"]
    if color is None:
        color = VERDICT_COLORS[budgets.verdict(loaded.document, quantity, report.totals[quantity])]
    words = badge.words(report, quantity, given["label"])
    text = json.write(badge.endpoint(*words, color)) if given["format_"] == "json" else badge.svg(*words, color)
    for remark in tables.remarks(report, pixels=False):
        click.echo(f"note: {remark}", err=True)
    write_stdout(text) if path is None else write_file(path, text)
