"""cnncalc guide: the documentation."""

from __future__ import annotations

import os
import sys

import click

from cnncalc.cli.options import Word, debug_option
from cnncalc.errors import check_word


@click.command("guide")
@click.argument("page", required=False, type=Word("page", "cli.pages:PAGES"))
@debug_option
def command(page: str | None) -> None:
    """Show a page of the guide.

    \b
    cnncalc guide
    cnncalc guide language

    Without PAGE, lists the pages. In a pipe a page is Markdown.
    """
    from cnncalc.cli import pages
    from cnncalc.cli.output import terminal_width, wants_color, write_stdout

    if page is None:
        width = max(map(len, pages.PAGES))
        lines = [f"cnncalc guide {name:{width}}  {pages.title(name)}" for name in pages.PAGES]
        write_stdout("\n".join(lines) + "\n")
        return
    check_word("page of the guide", page, pages.PAGES)
    text = pages.page(page)
    if sys.stdout is None or not sys.stdout.isatty():
        write_stdout(text)
        return
    from cnncalc.render.page import to_terminal

    shown = to_terminal(text, min(terminal_width(), 100), wants_color())
    if shown.count("\n") < os.get_terminal_size(sys.stdout.fileno()).lines:
        write_stdout(shown)
    else:
        click.echo_via_pager(shown)
