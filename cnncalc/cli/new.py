"""cnncalc new: a first spec."""

from __future__ import annotations

import os

import click

from cnncalc.cli.options import debug_option
from cnncalc.errors import UsageError, escape


@click.command("new")
@click.argument("name")
@debug_option
def command(name: str) -> None:
    """Write a commented first spec.

    \b
    cnncalc new mynet
    cnncalc new -

    Writes NAME.yaml, which must not exist yet. With - for NAME, prints it.
    """
    from cnncalc.cli.output import write_file, write_stdout
    from cnncalc.spec import document, write
    from cnncalc.spec.zoo import Found

    path = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
    stem = os.path.basename(path).rsplit(".", 1)[0]
    if name == "-":
        write_stdout(write.starter("my_network"))
        return
    text = write.starter(stem)
    document.load(Found(path, text.encode(), None))  # refuses what can't be the name of a spec
    if os.path.lexists(path):
        raise UsageError(f"'{escape(path)}' exists already, and was not changed")
    write_file(path, text)
    write_stdout(f"{path} is written. Try: cnncalc summary {path if '/' in path else './' + path}\n")
