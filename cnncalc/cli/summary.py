"""cnncalc summary: everything about a network."""

from cnncalc.cli.tables import table_command


@table_command("summary", ("out", "params", "macs", "activations", "receptive_field"), "params")
def command() -> None:
    """Everything about a network, layer by layer."""
