"""cnncalc params: parameters."""

from cnncalc.cli.tables import table_command


@table_command("params", ("out", "params"), "params", worked=False)
def command() -> None:
    """Parameters, layer by layer.

    \b
    cnncalc params vgg16
    cnncalc params vgg16 --set classes=10
    """
