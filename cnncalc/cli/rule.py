"""cnncalc rule: the lint rules, and what each is about."""

from __future__ import annotations

import click

from cnncalc.cli.options import RULE, debug_option


@click.command("rule")
@click.argument("code", required=False, type=RULE)
@click.option(
    "--format", "-f", "format_", type=click.Choice(("table", "plain", "json")), default="table", help="How to print it."
)
@debug_option
def command(code: str | None, format_: str) -> None:
    """Say what a lint rule finds, why, and how to put it right.

    \b
    cnncalc rule
    cnncalc rule CN003

    CODE is a rule, for example CN003. Without CODE, lists all rules.
    """
    from cnncalc.check import lint
    from cnncalc.cli.output import write_stdout
    from cnncalc.render import json, plain

    lint.check_codes([code] if code is not None else [])
    if format_ == "json":
        write_stdout(json.write(lint.payload(code)))
    else:
        write_stdout(lint.RULES[code].page if code else plain.write(lint.table()))
