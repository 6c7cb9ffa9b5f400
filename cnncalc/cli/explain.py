"""cnncalc explain: a network under every convention, or a layer's arithmetic with its numbers put in."""

from __future__ import annotations

import sys
from typing import Any

import click

from cnncalc.cli.options import SpecName, debug_option, load, network_options, report_of, take_network
from cnncalc.errors import UsageError


@click.command("explain")
@click.argument("network", type=SpecName())
@click.argument("layer", required=False)
@network_options
@click.option("--published", metavar="FIGURE", help="Who counts like that? As in --published 4.1G.")
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with 1 where a convention's figure is not known; of the one that --convention names, where it "
    "leaves arithmetic uncounted too.",
)
@click.option(
    "--format",
    "-f",
    "format_",
    type=click.Choice(("plain", "markdown", "json")),
    default="plain",
    help="For a layer, markdown has the formulas in LaTeX.",
)
@debug_option
@click.pass_context
def command(ctx: click.Context, /, network: str, layer: str | None, **given: Any) -> int:
    """What is counted, by whom, and why figures differ.

    Without LAYER: the network under every convention, what leads from macs to each figure, and its parameters in every
    way of counting; with --convention, under that one. With LAYER, a path as the other commands show it: sizes,
    parameters, MACs and FLOPs, activations and the receptive field, every formula with its numbers put in; a block or
    a stage is the sum of its layers.
    """
    from cnncalc.cli.output import write_stdout
    from cnncalc.derivation.page import page
    from cnncalc.render import formula, json

    options = take_network(given)
    loaded = load(network, options.vars, options.input)
    given["room"] = _room(ctx)
    if layer is None:
        chosen = ctx.get_parameter_source("convention") is click.core.ParameterSource.COMMANDLINE
        return _network(loaded, options, options.convention if chosen else None, given)
    for option in ("published", "strict"):
        if given[option] not in (None, False):
            raise UsageError(f"--{option} asks about a network, not a layer")
    found = page(report_of(loaded, options), layer)
    if given["format_"] == "json":
        write_stdout(json.write(formula.to_json(found)))
    elif given["format_"] == "plain":
        write_stdout(formula.to_plain(found, given["room"]))
    else:
        write_stdout(formula.to_markdown(found))
    return 0


def _room(ctx: click.Context) -> int | None:
    """The width of the terminal that is written to; None where it is no terminal, or a format was asked for."""
    from cnncalc.cli.output import terminal_width

    asked = ctx.get_parameter_source("format_") is click.core.ParameterSource.COMMANDLINE
    if asked or sys.stdout is None or not sys.stdout.isatty():
        return None
    return terminal_width()


def _network(loaded: Any, options: Any, chosen: str | None, given: dict[str, Any]) -> int:
    """The network under every convention, or the chosen one; or who counts as a published figure says."""
    from cnncalc.analysis.report import check_counted
    from cnncalc.cli.output import write_stdout
    from cnncalc.counting.conventions import CONVENTIONS
    from cnncalc.counting.differences import by_convention
    from cnncalc.render import explained, json, waterfall

    if given["published"] is not None:
        return _published(loaded, options, chosen, given)
    check_counted(options.convention, options.pass_)
    report = report_of(loaded, options._replace(convention="macs"))  # which has a figure where the chosen one has none
    counted = by_convention(loaded.graph, options.batch, options.with_side, options.pass_)
    shown = [one for one in counted if chosen in (None, one.convention.name)]
    side = None
    if report.side and not options.with_side:
        side = loaded.analyze(options.batch, options.dtype, with_side=True).totals
    if given["format_"] == "json":
        write_stdout(json.write(explained.payload(report, shown, side, options.convention)))
    else:
        first = explained.table(report, [one for one in counted if one in shown or one.convention.name == "macs"])
        blocks = waterfall.blocks(shown, explained.macs_of(counted))
        notes = explained.notes(report, shown, side)
        if chosen is None and options.pass_ != "forward":
            names = {one.convention.name for one in counted}
            others = [name for name in CONVENTIONS if name not in names]
            notes.append(f"these count no backward pass: {', '.join(others)}")
        if given["format_"] == "plain":
            write_stdout(explained.to_plain(first, blocks, notes, given["room"]))
        else:
            write_stdout(explained.to_markdown(first, blocks, notes))
    failed = any(one.reason or (chosen and one.uncounted) for one in shown)
    return int(given["strict"] and failed)


def _published(loaded: Any, options: Any, chosen: str | None, given: dict[str, Any]) -> int:
    """Who counts like that."""
    from cnncalc.check import published
    from cnncalc.cli.output import write_stdout, write_terminal
    from cnncalc.render import explained, json, markdown, plain

    if chosen is not None:
        raise UsageError("--published asks about every convention and takes no --convention")
    if options.batch != 1:
        raise UsageError("--published asks about one sample and takes no --batch")
    if options.pass_ != "forward":
        raise UsageError("--published asks about a forward pass and takes no --pass")
    report = report_of(loaded, options)
    matches, agree = published.who_counts(given["published"], loaded.document, loaded.graph, options.vars)
    if given["format_"] == "json":
        write_stdout(json.write(explained.published_payload(report, given["published"], matches, agree)))
    else:
        table = explained.published(report, given["published"], matches, agree)
        if given["room"] is not None:
            write_terminal(table, no_color=True)
        else:
            write_stdout(plain.write(table) if given["format_"] == "plain" else markdown.write(table))
    return 0
