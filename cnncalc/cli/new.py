"""cnncalc new: a first spec."""

from __future__ import annotations

import os

import click

from cnncalc.cli.options import SpecName, debug_option
from cnncalc.errors import UsageError, escape


@click.command("new")
@click.argument("name")
@click.option("--from", "base", type=SpecName(), metavar="NETWORK", help="Copy this network, with its comments.")
@debug_option
def command(name: str, base: str | None) -> None:
    """Write a commented first spec, or a copy of a network.

    \b
    cnncalc new mynet
    cnncalc new mylenet --from lenet5_modern

    Writes NAME.yaml, which must not exist yet. With - for NAME, prints it. Editors that know yaml-language-server check
    it while you type, with the schema in the same folder: cnncalc schema > cnncalc.schema.json.
    """
    from cnncalc.cli.output import write_file, write_stdout
    from cnncalc.spec import document, reader, write, zoo

    path = name if name.endswith(zoo.SUFFIXES) else f"{name}.yaml"
    stem = "my_network" if name == "-" else os.path.basename(path).rsplit(".", 1)[0]
    if base is None:
        text = write.starter(stem)
    else:
        found = zoo.find(base)
        document.load(found)  # says what is wrong with it
        text = write.copy(reader.decoded(found.data, found.name), stem)
    document.load(zoo.Found(path, text.encode(), None if name == "-" else path))  # refuses what can't be its name
    if name == "-":
        write_stdout(text)
        return
    if os.path.lexists(path):
        raise UsageError(f"'{escape(path)}' exists already, and was not changed")
    write_file(path, text)
    write_stdout(f"{path} is written. Try: cnncalc summary {path if '/' in path else './' + path}\n")
