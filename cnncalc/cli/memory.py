"""cnncalc memory: activations."""

from cnncalc.cli.tables import table_command


@table_command("memory", ("out", "activations", "activation_bytes"), "activation_bytes")
def command() -> None:
    """Activations of a forward pass, layer by layer.

    Values, and bytes at a data type.
    """
