"""What several commands take: the network and its assumptions, and how much of it is shown in which format."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from cnncalc.columns import COLUMNS, DESCRIPTIONS, OF_A_RUN, named
from cnncalc.errors import UsageError, quote

EXPORTS = ("plain", "json", "csv", "tsv", "markdown", "latex", "html")
FORMATS = ("table", *EXPORTS)

Command = TypeVar("Command", bound=Callable[..., Any])


if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from cnncalc.analysis.report import Report
    from cnncalc.network import Network

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType


class SpecName(_ParamType):
    """The name of a spec. What it is taken for is said on standard error, where there was a choice.

    The shell completes it from the file names of the zoo, and nothing is read.
    """

    name = "network"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from cnncalc.spec import zoo

        chosen = None if value == "-" or zoo.is_path(value) else zoo.choose(value)
        if chosen is None:
            return value
        if chosen.note and (chosen.name != value or sys.stdout.isatty()):
            click.echo(f"note: {chosen.note}", err=True)
        return chosen.name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from cnncalc.spec import zoo

        if "/" in incomplete or incomplete.startswith("."):
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(name) for name in zoo.names() if name.startswith(incomplete)]


class Word(_ParamType):
    """One of some words, which the shell completes; what it may be is checked where it is used.

    ``name`` stands for it in the help; ``words`` is ``module:attribute`` of what has them, so that nothing is imported
    before they are asked for.
    """

    def __init__(self, name: str, words: str) -> None:
        self.name = name
        self.words = words

    def known(self) -> list[str]:
        """The words."""
        from importlib import import_module

        module, _, attribute = self.words.partition(":")
        found = getattr(import_module(f"cnncalc.{module}"), attribute)
        return [getattr(word, "name", word) for word in (found() if callable(found) else found)]

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in self.known() if word.startswith(incomplete)]


CONVENTION = Word("convention", "counting.conventions:CONVENTIONS")
DTYPE = Word("dtype", "values:DTYPES")
GPU = Word("gpu", "devices:DEVICES")
RULE = Word("code", "check.lint:RULES")
OPTIMIZER = Word("optimizer", "autograd.optimizers:OPTIMIZERS")
PASS = Word("pass", "counting.backward:PASSES")


class Layer(_ParamType):
    """A layer of the network that stands before it; the shell completes it."""

    name = "layer"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from cnncalc.errors import CnncalcError

        try:
            paths = load(ctx.params["network"], {}, None).graph.paths
        except (CnncalcError, KeyError):
            return []
        return [CompletionItem(path) for path in paths if path.startswith(incomplete)]


class Column(_ParamType):
    """The name of a column, or its header."""

    name = "column"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _columns("", incomplete)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return named(value.strip())


class Columns(_ParamType):
    """``out,params,MACs``: names of columns, or their headers."""

    name = "A,B,..."

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        return _columns(before + comma, last)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        return tuple(named(word.strip()) for word in value.split(",") if word.strip())


def _columns(before: str, incomplete: str) -> list[CompletionItem]:
    """The names of columns that begin so, each after what stands before it."""
    from click.shell_completion import CompletionItem

    known = [*DESCRIPTIONS, *COLUMNS, *OF_A_RUN]
    return [CompletionItem(before + name) for name in known if name.startswith(incomplete)]


class NetworkOptions(NamedTuple):
    """Which form of a network is analysed."""

    vars: Mapping[str, str]
    input: tuple[str, ...] | None
    batch: int
    dtype: str
    convention: str
    with_side: bool
    pass_: str
    written: str | None


class Output(NamedTuple):
    """Where the result goes and in which format."""

    format: str
    export: tuple[str, ...]
    no_color: bool


def with_options(command: Command, options: list[Callable[[Any], Any]]) -> Command:
    """The command with options, shown in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def _assigned(ctx: click.Context, param: click.Parameter, assignments: tuple[str, ...]) -> dict[str, str]:
    """The values of ``--set`` by variable."""
    for assignment in assignments:
        if "=" not in assignment:
            raise UsageError(f"--set takes NAME=VALUE, not {quote(assignment)}")
    return {name: value for name, _, value in (assignment.partition("=") for assignment in assignments)}


def _or_none(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...] | None:
    """What was given; None for nothing."""
    return given or None


def spec_options(command: Command) -> Command:
    """``--set`` and ``--input``: what a spec is expanded with."""
    return with_options(
        command,
        [
            click.option(
                "--set",
                "vars",
                metavar="NAME=VALUE",
                multiple=True,
                callback=_assigned,
                help="Set a variable of the spec.",
            ),
            click.option(
                "--input",
                "input",
                multiple=True,
                metavar="SIZES",
                callback=_or_none,
                help="Another input: 300x300 (the size alone), 3x300x300, or 128 (tokens). NAME=SIZES if the spec has "
                "several inputs.",
            ),
        ],
    )


def work_options(command: Command) -> Command:
    """``--convention``, ``--pass`` and ``--written``: how work is counted."""
    return with_options(
        command,
        [
            click.option(
                "--convention",
                type=CONVENTION,
                default="macs",
                help="Count the way a paper or another tool does, in the column work: macs (default), flops, paper, "
                "torch, fvcore, ptflops, ptflops-aten, thop, torchinfo, torchprofile, calflops.",
            ),
            click.option(
                "--pass",
                "pass_",
                type=PASS,
                default="forward",
                help="Which pass to count: forward (default), backward, or step for both.",
            ),
            click.option(
                "--written",
                metavar="LIBRARY",
                help="Whose program of the network a tool counts: torchvision or timm. By default the one that the "
                "spec names, torchvision if it names none.",
            ),
        ],
    )


def network_options(command: Command, worked: bool = True) -> Command:
    """:class:`NetworkOptions`, as keyword arguments that :func:`take_network` collects; ``worked`` says whether work is
    shown, and may be counted in another way.
    """
    return with_options(
        command,
        [
            spec_options,
            click.option("--batch", type=click.IntRange(1, 10**9), default=1, metavar="N", help="Number of samples."),
            click.option(
                "--dtype",
                type=DTYPE,
                default="float32",
                help="Data type: float64, float32, float16, bfloat16 or int8.",
            ),
            *([work_options] if worked else []),
            click.option("--with-side", is_flag=True, help="Count the side outputs (auxiliary heads) too."),
        ],
    )


def output_options(command: Command) -> Command:
    """:class:`Output`, as keyword arguments that :func:`take_output` collects."""
    return with_options(
        command,
        [
            click.option(
                "--format", "-f", "format_", type=click.Choice(FORMATS), default="table",
                help="How to print it. A table becomes plain text in a pipe.",
            ),
            click.option(
                "--export", metavar="FORMAT=FILE", multiple=True, help=f"Write a file too: {', '.join(EXPORTS)}."
            ),
            click.option("--no-color", is_flag=True, help="No colour (NO_COLOR does the same)."),
            debug_option,
        ],
    )  # fmt: skip


def page_option(command: Command) -> Command:
    """``--format`` of what is no table: pages of formulas, and what conventions count."""
    formats = click.Choice(("table", "plain", "markdown", "json"))
    said = "How to print it. For a layer, markdown has the formulas in LaTeX."
    return click.option("--format", "-f", "format_", type=formats, default="table", help=said)(command)


def debug_option(command: Command) -> Command:
    """``--debug``; the entry point looks for it itself."""
    return click.option("--debug", is_flag=True, expose_value=False, help="Show tracebacks.")(command)


def rows_options(command: Command) -> Command:
    """Which rows and columns a table shows."""
    return with_options(
        command,
        [
            click.option(
                "--depth", type=click.IntRange(1, 200), metavar="N", help="Sum up layers that are nested deeper."
            ),
            click.option("--full", is_flag=True, help="Show one row per operator; fold nothing."),
            click.option(
                "--folded", is_flag=True, help="In CSV and TSV too, show the rows of the table and the total."
            ),
            click.option("--columns", type=Columns(), help="Show these columns, in this order."),
            click.option("--sort", type=Column(), metavar="COLUMN", help="Sort by this column, largest first."),
            click.option(
                "--top", type=click.IntRange(0), metavar="N", help="Show the first N rows and sum up the rest."
            ),
        ],
    )


def take_network(given: dict[str, Any]) -> NetworkOptions:
    """Takes the network's options out of a command's keyword arguments."""
    usual = {"convention": "macs", "pass_": "forward", "written": None}
    taken = {name: given.pop(name) for name in ("batch", "dtype", "with_side")}
    taken.update({name: given.pop(name, value) for name, value in usual.items()})
    return NetworkOptions(given.pop("vars"), given.pop("input"), **taken)


def take_output(given: dict[str, Any]) -> Output:
    """Takes the output's options out of a command's keyword arguments."""
    return Output(given.pop("format_"), given.pop("export"), given.pop("no_color"))


def load(name: str, vars: Mapping[str, str], input: tuple[str, ...] | None) -> Network:
    """The Network of a name, a path or ``-``, with ``--set`` and ``--input``."""
    from cnncalc.network import Spec
    from cnncalc.spec import document, zoo

    return Spec(document.load(zoo.find(name))).network(vars, input)


def report_of(network: Network, options: NetworkOptions) -> Report:
    """The Report of a network under the options."""
    return network.analyze(options.batch, options.dtype, *options[4:])
