"""cnncalc summary: everything about a network."""

from cnncalc.cli.tables import table_command
from cnncalc.render.summary import COLUMNS, MAIN


@table_command("summary", COLUMNS, MAIN)
def command() -> None:
    """Everything about a network, layer by layer."""
