"""cnncalc verify: every figure against the network built in PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from cnncalc.cli.options import DTYPE, EXPORTS, SpecName, load, output_options, spec_options, take_output
from cnncalc.errors import CnncalcError, UsageError, format_errors

CHECKS = ("fvcore", "values", "memory")


@click.command("verify")
@click.argument("networks", nargs=-1, metavar="[NETWORK...]", type=SpecName())
@spec_options
@click.option("--all", "all_", is_flag=True, help="Verify every network: those of ./specs, then those of the zoo.")
@click.option("--with-side", is_flag=True, help="Build the side outputs (auxiliary heads) too.")
@click.option(
    "--check",
    type=click.Choice(CHECKS),
    multiple=True,
    help="Check this however long it takes: what fvcore counts, the values of a run, or memory on fake tensors. By "
    "default all three for one network, where that is quick.",
)
@click.option("--skip", type=click.Choice(CHECKS), multiple=True, help="Leave this check out.")
@click.option(
    "--batch", type=click.IntRange(1, 10**9), default=1, metavar="N", help="Number of samples for the memory figures."
)
@click.option(
    "--dtype",
    type=DTYPE,
    default="float32",
    help="Data type of the memory figures, for example float16.",
)
@click.option(
    "--against",
    metavar="PEER",
    help="Compare outputs with torchvision:NAME, timm:NAME or FILE.py:CLASS, on the same weights. The file is run.",
)
@output_options
def command(networks: tuple[str, ...], **given: Any) -> int:
    """Every figure against the network built in PyTorch.

    \b
    cnncalc verify lenet5
    cnncalc verify resnet18 --against torchvision:resnet18

    Compares shapes, parameters, buffers, MACs and depth layer by layer on the device meta, which computes nothing. For
    one network, also compares memory to the byte and the count of fvcore, and runs it forward and backward.

    Exits with 1 if a figure differs. Known limits of a tool are listed and do not count.
    """  # fmt: skip
    from cnncalc.cli.output import check_targets, emit, target
    from cnncalc.render import agreement

    output = take_output(given)
    _refuse(networks, given)
    chosen = {name: True if name in given["check"] else False if name in given["skip"] else None for name in CHECKS}
    options = {**{name: given[name] for name in ("with_side", "batch", "dtype")}, **chosen}
    broken: list[CnncalcError] = []
    found = _every(broken) if given["all_"] else [load(name, given["vars"], given["input"]) for name in networks]
    inputs = [file for network in found for file in network.document.files]
    several = given["all_"] or len(networks) > 1
    if several:
        options.update({name: bool(said) for name, said in chosen.items()})
    else:
        options["against"] = given["against"]
        inputs += [(given["against"] or "").rpartition(":")[0]]
        check_targets([target(export, EXPORTS)[1] for export in output.export], inputs)  # before seconds of work
    results = [network.verify(**options).entry for network in (_progress(found) if several else found)]

    def table(data: bool) -> Any:
        return agreement.overview(results) if several else agreement.table(results[0], data)

    emit(output, table, lambda: agreement.payload(results), inputs)
    for problem in broken:
        for line in format_errors(problem):
            click.echo(line, err=True)
    return 2 if broken else int(not all(result["agrees"] for result in results))


def _refuse(networks: tuple[str, ...], given: dict[str, Any]) -> None:
    """Refuses a call without a network, and options that need exactly one."""
    if not networks and not given["all_"]:
        raise UsageError("verify takes a network, or --all", hint="cnncalc verify resnet18")
    if networks and given["all_"]:
        raise UsageError("--all verifies every network and takes no names")
    if given["against"] and len(networks) != 1:
        raise UsageError("--against takes one network")
    both = [name for name in CHECKS if name in given["check"] and name in given["skip"]]
    if both:
        raise UsageError(f"--check {both[0]} and --skip {both[0]} contradict each other")
    if given["all_"] and (given["vars"] or given["input"]):
        raise UsageError("--all takes no --set and no --input")


def _every(broken: list[CnncalcError]) -> list[Any]:
    """Every network; the errors of specs that have mistakes go to the list."""
    from cnncalc.network import Network
    from cnncalc.spec import zoo
    from cnncalc.spec.expand import networks

    return [Network(*found) for found in networks(zoo.names().values(), broken, zoo.folders())]


def _progress(networks: Sequence[Any]) -> Iterable[Any]:
    """The same, with a bar on a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        return networks
    from cnncalc.render import progress

    return progress.track(networks, len(networks), "verifying")
