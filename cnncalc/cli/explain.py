"""cnncalc explain: a network under every convention, or a layer's arithmetic with its numbers put in."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import SpecName, debug_option, load, network_options, report_of, take_network
from cnncalc.errors import UsageError, listing, quote, suggest

if TYPE_CHECKING:
    from cnncalc.graph.graph import Graph
    from cnncalc.render.formula import Page

SHOWN_PATHS = 5
LISTS = "cnncalc shapes NETWORK --full lists them"


@click.command("explain")
@click.argument("network", type=SpecName())
@click.argument("layer", required=False)
@network_options
@click.option("--published", metavar="FIGURE", help="Who counts like that? As in --published 4.1G.")
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with 1 where a convention's figure is not reproducible; of the one that --convention names, where it "
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
    report = report_of(loaded, options)
    page = _page(loaded.graph, report, layer, options)
    if given["format_"] == "json":
        write_stdout(json.write(formula.to_json(page)))
    elif given["format_"] == "plain":
        write_stdout(formula.to_plain(page, given["room"]))
    else:
        write_stdout(formula.to_markdown(page))
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


def _page(graph: Graph, report: Any, path: str, options: Any) -> Page:
    """What is to be said of a path."""
    from cnncalc.derivation import Formulas, sums
    from cnncalc.render.formula import Page, Part
    from cnncalc.values import Assumptions

    assumed = Assumptions(options.batch, options.dtype, options.convention, options.with_side, options.pass_)
    formulas = Formulas(graph, assumed)
    members = [node for node in graph.nodes if node.path.startswith(f"{path}.")]
    own = next((node for node in graph.nodes if node.path == path), None)
    if own is not None:
        shapes = graph.signatures[own.signature].inputs
        notes = [f"under this path too, each with arithmetic of its own: {_listed(members)}"] if members else []
        notes += _work(report, [own])
        lines = formulas.of(own.index)
        if options.dtype != "int8":  # which nothing is trained in
            after = 1 + max(i for i, line in enumerate(lines) if line.quantity == "activation_bytes")
            lines.insert(after, formulas.saved(own.index))
        return Page(report, path, _written(own.op), shapes, own.shape, lines, notes=notes)
    if not members and path in graph.paths:
        same = graph.nodes[graph.paths[path]].path
        raise UsageError(f"{quote(path)} has no layers of its own: it is {quote(same)} as it comes")
    if not members:
        raise UsageError(f"{report.about.name} has no layer {quote(path)}", hint=_near(path, graph) or LISTS)
    counts = {node.path: formulas.counts(node.index) for node in members}
    parts = [Part(node.path, node.op.name, node.shape, counts[node.path]) for node in members]
    inside = {node.index for node in members}
    entering = dict.fromkeys(index for node in members for index in node.inputs if index not in inside)
    last = graph.nodes[graph.paths.get(path, members[-1].index)]
    what = f"{graph.blocks.get(path, 'a group')} of {len(members)} layers"
    notes = [f"cnncalc explain NETWORK {members[0].path} says more of that layer", *_work(report, members)]
    inputs = [graph.nodes[index].shape for index in entering]
    return Page(report, path, what, inputs, last.shape, sums(counts), parts, notes)


def _work(report: Any, nodes: list[Any]) -> list[str]:
    """The figure under a convention, or of a pass, that isn't one of the lines."""
    from cnncalc.counting.backward import TITLES

    convention, pass_ = report.assumptions["convention"], report.assumptions["pass"]
    if convention in ("macs", "flops") and pass_ == "forward":
        return []
    of = "" if pass_ == "forward" else f" of the {TITLES[pass_]}"
    total = sum(report.columns["work"][node.index] for node in nodes)
    return [f"work{of} under the convention {convention}: {total:,}"]


def _listed(nodes: list[Any]) -> str:
    paths = [node.path for node in nodes[:SHOWN_PATHS]]
    more = len(nodes) - len(paths)
    return listing([*paths, f"{more} more"] if more else paths)


def _written(op: Any) -> str:
    """The operator as a spec has it: ``conv: 96, kernel: 11``; what is not said is left out."""
    from cnncalc.ops.base import show

    said = [
        (name, value) for name, value in op.arguments() if op.fields[name].required or value != op.fields[name].default
    ]
    first = next(iter(op.fields), None)
    texts = {
        name: f"{len(value)} rows"
        if op.fields[name].type == "table"
        else value
        if isinstance(value, str)
        else show(value)
        for name, value in said
    }
    shown = [text if name == first else f"{name}: {text}" for name, text in texts.items()]
    if not said:
        return str(op.name)
    return f"{op.name}: {', '.join(shown)}" if said[0][0] == first else f"{op.name}, {', '.join(shown)}"


def _near(path: str, graph: Graph) -> str | None:
    """Layers that could have been meant: those that end alike, or are spelt alike."""
    ending = [known for known in graph.paths if known.endswith(f".{path}")][:SHOWN_PATHS]
    return f"did you mean {listing(ending, 'or')}?" if ending else suggest(path, graph.paths)
