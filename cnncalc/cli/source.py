"""cnncalc source: a network as readable PyTorch."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import SpecName, debug_option, load, spec_options
from cnncalc.errors import UsageError

OPSET = 18


@click.command("source")
@click.argument("network", type=SpecName())
@spec_options
@click.option("--with-side", is_flag=True, help="Write the side outputs (auxiliary heads) too.")
@click.option("--output", metavar="FILE", help="Write to this file, not to standard output.")
@click.option("--onnx", metavar="FILE", help="Write the network with random weights as ONNX instead.")
@click.option(
    "--opset", type=click.IntRange(18, 25), default=OPSET, show_default=True, help="Version of ONNX's operators."
)
@debug_option
def command(network: str, **given: Any) -> None:
    """A network as readable PyTorch.

    \b
    cnncalc source lenet5_modern
    cnncalc source resnet18 --output resnet18.py

    The file needs PyTorch alone. Blocks become classes and repeats become loops. Modules have the names of the spec,
    so weights load into the network that cnncalc builds, and back.
    """
    from cnncalc.cli.output import check_targets, write_file, write_stdout

    loaded = load(network, given["vars"], given["input"])
    path, onnx_path = (_path(f"--{name}", given[name]) for name in ("output", "onnx"))
    check_targets([file for file in (path, onnx_path) if file is not None], loaded.document.files)
    data = None if onnx_path is None else loaded.to_onnx(given["opset"], given["with_side"])
    if path is not None or onnx_path is None:
        text = loaded.to_source(given["with_side"])
        write_stdout(text) if path is None else write_file(path, text)
    if onnx_path is not None and data is not None:
        write_file(onnx_path, data)


def _path(option: str, given: str | None) -> str | None:
    """The file of an option."""
    if given is None:
        return None
    if not given:
        raise UsageError(f"{option} takes the name of a file")
    from cnncalc.cli.output import target

    return target(f"source={given}", ("source",))[1]
