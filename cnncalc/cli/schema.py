"""cnncalc schema: JSON Schemas, of the language and of what the commands print."""

from __future__ import annotations

import click

from cnncalc.cli.options import debug_option
from cnncalc.render.schemas import NAMES


@click.command("schema")
@click.argument("what", type=click.Choice(("spec", *NAMES)), default="spec")
@debug_option
def command(what: str) -> None:
    """The JSON Schema of specs, or of the output.

    \b
    cnncalc schema
    cnncalc schema summary

    An editor can check a spec while you type it; a program can check the output that it reads.
    """
    from json import dumps

    from cnncalc.cli.output import write_stdout

    if what == "spec":
        from cnncalc.spec.schema import schema

        found = schema()
    else:
        from cnncalc.render import schemas

        found = schemas.schema(what)
    write_stdout(dumps(found, indent=2) + "\n")
