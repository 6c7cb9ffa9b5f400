"""cnncalc explain: a network under every convention, or a layer's arithmetic with its numbers put in."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import (
    Layer,
    NetworkOptions,
    SpecName,
    debug_option,
    load,
    network_options,
    page_option,
    take_network,
)
from cnncalc.errors import UsageError


@click.command("explain")
@click.argument("network", type=SpecName())
@click.argument("layer", required=False, type=Layer())
@network_options
@click.option("--published", metavar="FIGURE", help="Find who counts like that, for example --published 4.1G.")
@click.option(
    "--require-known",
    is_flag=True,
    help="Exit with 1 if a convention's figure is not known, or if that of --convention leaves out arithmetic.",
)
@page_option
@debug_option
@click.pass_context
def command(ctx: click.Context, /, network: str, layer: str | None, **given: Any) -> int:
    """What is counted, by whom, and why figures differ.

    \b
    cnncalc explain resnet50
    cnncalc explain vgg16 fc6

    Without LAYER, shows the network under every convention (or under --convention alone), why each figure differs from
    macs, and every way to count the parameters.

    With LAYER, a path from the other commands, shows the formulas of its sizes, parameters, MACs, FLOPs, activations
    and receptive field, with the numbers put in. A block or a stage is the sum of its layers.
    """
    from cnncalc.cli.output import room, write_stdout, write_terminal
    from cnncalc.render import explained, formula, json, markdown

    options, figure = take_network(given), given["published"]
    convention = options.convention if _is_given(ctx, "convention") else None
    _refuse(options, layer, figure, given["require_known"], convention)
    loaded = load(network, options.vars, options.input)
    width = room(ctx)
    found: Any
    if layer is not None:
        found = loaded.derive(layer, *options[2:])
        texts = {"plain": lambda: formula.to_plain(found, width), "markdown": found.to_markdown}
    elif figure is not None:
        found = loaded.who_counts(figure)
        texts = {"plain": lambda: f"{found}\n", "markdown": lambda: markdown.write(found.table())}
    else:
        found = loaded.explain(options.batch, options.dtype, convention, *options[5:])
        texts = {"plain": lambda: explained.to_plain(found, width), "markdown": found.to_markdown}
    if figure is not None and width is not None:
        write_terminal(found.table(), no_color=True)
    else:
        texts = {**texts, "table": texts["plain"], "json": lambda: json.write(found.to_dict())}
        write_stdout(texts[given["format_"]]())
    return int(given["require_known"] and figure is None and not found.is_known)


def _is_given(ctx: click.Context, name: str) -> bool:
    """Whether an option stands on the command line."""
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def _refuse(
    options: NetworkOptions, layer: str | None, figure: str | None, strict: bool, convention: str | None
) -> None:
    """Refuses options that mean nothing beside a layer or a published figure."""
    if layer is not None and (strict or figure is not None):
        raise UsageError(f"--{'require-known' if figure is None else 'published'} asks about a network, not a layer")
    if figure is not None and convention is not None:
        raise UsageError("--published asks about every convention and takes no --convention")
    if figure is not None and options.batch != 1:
        raise UsageError("--published asks about one sample and takes no --batch")
    if figure is not None and options.pass_ != "forward":
        raise UsageError("--published asks about a forward pass and takes no --pass")
