"""cnncalc summary: everything about a network."""

from cnncalc.cli.tables import table_command
from cnncalc.render.summary import COLUMNS, MAIN


@table_command("summary", COLUMNS, MAIN)
def command() -> None:
    """Everything about a network, layer by layer.

    \b
    cnncalc summary vgg16
    cnncalc summary resnet50 --input 160 --batch 8
    """
