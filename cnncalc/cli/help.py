"""cnncalc help: a line a command, and what a word means."""

from __future__ import annotations

import click

from cnncalc.cli import commands
from cnncalc.cli.commands import COMMANDS
from cnncalc.cli.options import debug_option
from cnncalc.errors import UsageError, quote, suggest
from cnncalc.ops import OPS


@click.command("help", context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, metavar="[WORD]...")
@debug_option
@click.pass_context
def command(ctx: click.Context, /, words: tuple[str, ...]) -> None:
    """Say what a word means.

    \b
    cnncalc help memory
    cnncalc help depthwise

    WORD is a command, a page of the guide, an operator, an argument, a convention, a lint rule, a column or a term.
    Without one, lists the commands.
    """
    from cnncalc.cli import pages
    from cnncalc.cli.output import write_stdout

    if not words:
        write_stdout(commands.command_lines())
        return
    word = " ".join(words)
    name = word.removeprefix("cnncalc ")
    blocks = []
    if name in COMMANDS:
        asked = commands.command(name)
        blocks.append(asked.get_help(click.Context(asked, ctx.parent, name)))
    blocks += [f"{word} ({kind}): {text}" for kind, text in pages.meanings(word)]
    if word in pages.PAGES:
        blocks.append(f"cnncalc guide {word} is a page: {pages.title(word)}")
    found = [f"cnncalc guide {page}: {heading}" for page, heading in pages.sections(word)]
    if found:
        blocks.append("\n".join(["In the guide:", *found]))
    if not blocks:
        known = [*COMMANDS, *pages.PAGES, *OPS, *pages.terms()]
        raise UsageError(
            f"nothing is known of {quote(word)}", None, suggest(word, known) or "cnncalc guide lists the pages"
        )
    write_stdout("\n\n".join(blocks) + "\n")
