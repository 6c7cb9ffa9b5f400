"""cnncalc schema: JSON Schemas, of the language and of what the commands print."""

from __future__ import annotations

import click

from cnncalc.cli.options import debug_option

OUTPUTS = (
    "summary", "memory", "fit", "compare", "compare_measured", "diff", "list", "check", "verify", "profile",
    "workspaces", "explain", "error",
)  # fmt: skip


@click.command("schema")
@click.argument("what", type=click.Choice(("spec", *OUTPUTS)), default="spec")
@debug_option
def command(what: str) -> None:
    """The JSON Schema of specs, or of the output.

    Editors check a spec while it is typed; a program checks what it reads.
    """
    from json import dumps

    from cnncalc.cli.output import write_stdout

    if what == "spec":
        from cnncalc.spec import schema

        write_stdout(dumps(schema.schema(), indent=2) + "\n")
    else:
        from cnncalc.render import schemas

        write_stdout(schemas.read(what))
