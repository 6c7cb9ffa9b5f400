"""cnncalc shapes: sizes."""

from cnncalc.cli.tables import table_command


@table_command("shapes", ("in", "out", "layout", "receptive_field", "effective_stride"), "", worked=False)
def command() -> None:
    """Sizes and receptive field, layer by layer.

    \b
    cnncalc shapes lenet5
    cnncalc shapes unet_small --full

    Shows layouts too, where a network has both maps and sequences.
    """
