"""cnncalc macs: work."""

from cnncalc.cli.tables import table_command


@table_command("macs", ("out", "macs", "flops"), "macs")
def command() -> None:
    """Multiply-accumulates and FLOPs, layer by layer.

    \b
    cnncalc macs mobilenet_v2
    cnncalc macs resnet50 --pass step
    """
