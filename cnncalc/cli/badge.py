"""cnncalc badge: a figure as an image."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import (
    Column,
    NetworkOptions,
    SpecName,
    debug_option,
    load,
    network_options,
    report_of,
    take_network,
)
from cnncalc.errors import UsageError, check_word, quote

FORMATS = ("svg", "json")
LABEL_LIMIT = 100
VERDICT_COLORS = {"over max": "red", "over warn": "orange", "within": "green"}


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

    QUANTITY is for example params, macs, flops, work or activations. The budget in the spec sets the colour: green
    within it, orange over its warn, red over its max, blue without one.
    """
    from cnncalc.cli.output import target, write_file, write_stdout
    from cnncalc.render import badge, json

    options = take_network(given)
    loaded = load(network, options.vars, options.input)
    report = report_of(loaded, options)
    check_word("quantity", quantity, report.totals)
    path = given["output"]
    if path == "":
        raise UsageError("--output takes the name of a file")
    if path is not None:
        path = target(f"{given['format_']}={path}", FORMATS, loaded.document.files)[1]
    label = _label(quantity, options, given["label"])
    message = _message(quantity, report.totals[quantity])
    color = given["color"]
    if color is None:
        color = _color(loaded, quantity, report.totals[quantity])
    if given["format_"] == "json":
        text = json.write(badge.endpoint(label, message, color))
    else:
        text = badge.svg(label, message, color)
    if path is None:
        write_stdout(text)
    else:
        write_file(path, text)


def _label(quantity: str, options: NetworkOptions, given: str | None) -> str:
    """What stands before the figure: the words that were given, or those of the quantity."""
    from cnncalc.columns import COLUMNS, WORK, words

    if given is None:
        column = COLUMNS[quantity]
        said = [options.convention] if quantity == "work" else []
        said += [options.pass_] if column.unit in WORK and options.pass_ != "forward" else []
        label = column.label or words(quantity)
        return f"{label} ({', '.join(said)})" if said else label
    if not given.strip() or len(given) > LABEL_LIMIT or not given.isprintable():
        raise UsageError(f"--label takes 1 to {LABEL_LIMIT} printable characters, not {quote(given)}")
    return given.strip()


def _message(quantity: str, value: Any) -> str:
    """``25.56M``; of bytes the decimal multiple alone, ``44.40 MB``."""
    from cnncalc import units
    from cnncalc.columns import COLUMNS

    if COLUMNS[quantity].unit == "bytes":
        return units.decimal_bytes(value)
    amount: Any = value if isinstance(value, int) else float(value)  # an expected count may be no whole number
    return units.short(amount) if amount >= 1000 else units.grouped(amount)


def _color(network: Any, quantity: str, value: Any) -> str:
    """The verdict of the budgets on the figure. A budget says nothing of what it isn't about: other variables, input
    or batch make another figure.
    """
    budgets = [budget for budget in network.document.budget if budget.quantity == quantity]
    if not budgets:
        return "blue"
    from cnncalc.check.budgets import judge
    from cnncalc.check.subject import Subject

    subject = Subject(network.document)
    judged = [judge(subject, budget)[0] for budget in budgets]
    verdicts = {one.verdict for one in judged if one.computed == value}
    return next((color for verdict, color in VERDICT_COLORS.items() if verdict in verdicts), "blue")
