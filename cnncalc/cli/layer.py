"""cnncalc layer: one layer without a file."""

from __future__ import annotations

from collections.abc import Callable

import click

from cnncalc.cli.options import DTYPE, debug_option, page_option, work_options
from cnncalc.errors import SpecError, UsageError


@click.command("layer", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, required=True, metavar="OPERATOR [VALUE] [--ARGUMENT VALUE]...")
@click.option("--input", "inputs", multiple=True, metavar="SIZES", help="What it reads; once more for a join's next.")
@click.option("--batch", type=click.IntRange(1, 10**9), default=1, metavar="N", help="Number of samples.")
@click.option("--dtype", type=DTYPE, default="float32", help="float64, float32 (default), float16, bfloat16 or int8.")
@work_options
@page_option
@debug_option
@click.pass_context
def command(
    ctx: click.Context, /, words: tuple[str, ...], inputs: tuple[str, ...], batch: int, dtype: str, convention: str,
    pass_: str, written: str | None, format_: str,
) -> None:  # fmt: skip
    """The arithmetic of one layer, without a file.

    \b
    cnncalc layer conv 96 --kernel 11 --stride 4 --input 3x227x227
    cnncalc layer linear 10 --input 4096
    cnncalc layer attention --heads 12 --input 197x768

    OPERATOR and its arguments are those of the language (cnncalc guide operators), with -- before their names. Two
    sizes are a sequence for an operator that takes no map; "tokens: 197, features: 768" is one anywhere.
    """
    from cnncalc.cli.output import room, write_stdout
    from cnncalc.network import Spec
    from cnncalc.render import formula, json
    from cnncalc.spec import document
    from cnncalc.spec.layer import one_layer

    try:
        network = Spec(document.load(one_layer(words, inputs))).network()
    except SpecError as error:
        raise UsageError(error.message, None, error.hint) from None
    found = network.derive(f"{words[0]}1", batch, dtype, convention, False, pass_, written)
    texts: dict[str, Callable[[], str]] = {
        "plain": lambda: formula.to_plain(found, room(ctx)),
        "markdown": found.to_markdown,
        "json": lambda: json.write(found.to_dict()),
    }
    write_stdout(texts[format_.replace("table", "plain")]())
