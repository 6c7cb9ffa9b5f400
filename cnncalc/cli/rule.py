"""cnncalc rule: the lint rules, and what each is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from cnncalc.cli.options import debug_option
from cnncalc.errors import UsageError, quote, suggest

if TYPE_CHECKING:
    from cnncalc.check.rules.base import Rule


@click.command("rule")
@click.argument("code", required=False)
@click.option("--format", "-f", "format_", type=click.Choice(("plain", "json")), default="plain", help="plain or json.")
@debug_option
def command(code: str | None, format_: str) -> None:
    """Say what a lint rule finds, why, and how to put it right.

    CODE is as in CN003; without it all rules are listed.
    """
    from cnncalc.check.lint import RULES
    from cnncalc.cli.output import write_stdout

    if code is not None and code not in RULES:
        message = f"no rule has the code {quote(code)}"
        raise UsageError(message, hint=suggest(code, RULES) or "cnncalc rule lists them")
    chosen = {code: RULES[code]} if code else RULES
    if format_ == "json":
        from cnncalc.render import json

        write_stdout(json.write({"schema": "cnncalc.rules/1", "rules": list(map(_data, chosen.values()))}))
    else:
        write_stdout(RULES[code].page if code else _list(RULES))


def _data(rule: Rule) -> dict[str, str]:
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity,
        "summary": rule.summary,
        "page": rule.page,
    }


def _list(rules: Mapping[str, Rule]) -> str:
    from cnncalc.render import plain
    from cnncalc.render.table import Heading, Table

    headings = [Heading(key, key, False) for key in ("code", "severity", "name", "summary")]
    rows = [[rule.code, rule.severity, rule.name, rule.summary] for rule in rules.values()]
    return plain.write(Table([], headings, rows, [], ["cnncalc rule CODE says more"], [], []))
