"""What PyTorch and others say of networks, beside the networks' own figures: Tables and ``cnncalc.verify/1``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cnncalc import units
from cnncalc.analysis.report import labelled
from cnncalc.render import plain
from cnncalc.render.table import Heading, Table

#: rows of single layers that a quantity shows; the JSON has all
SHOWN_LAYERS = 20

Networks = Sequence[Mapping[str, Any]]


def payload(networks: Networks) -> dict[str, Any]:
    """``cnncalc.verify/1``."""
    from cnncalc import __version__

    return {
        "schema": "cnncalc.verify/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "networks": list(networks),
    }


def text(network: Mapping[str, Any]) -> str:
    """The table as a pipe gets it, without the last line break, which ``print`` adds."""
    return plain.write(table(network)).removesuffix("\n")


def table(network: Mapping[str, Any], data: bool = False) -> Table:
    """One network: a row for each quantity and peer, then one for each layer that differs.

    Known limits of a peer are not shown layer by layer, unless ``data`` is wanted, which leaves out nothing.
    """
    title = labelled(network["name"], network["set"])
    assumed = f"input {units.cell(network['input'])}" + (", side outputs too" if network["with_side"] else "")
    if any(check["quantity"] == "saved_bytes" for check in network["checks"]):
        assumed += f", memory of batch {network['memory']['batch']}, {network['memory']['dtype']}"
    keys: tuple[str, ...] = ("quantity", "layer", "ours", "theirs", "peer", "verdict")
    shown = list(network["checks"]) if data else list(_shown(network["checks"]))
    if not data and not any(check["layer"] for check in shown):
        keys = tuple(key for key in keys if key != "layer")
    headings = [Heading(key, key, key in ("ours", "theirs")) for key in keys]
    values = [[_peer(check) if key == "peer" else check[key] for key in keys] for check in shown]
    rows = [[units.cell(value) for value in row] for row in values]
    return Table([title, assumed], headings, rows, [], list(_notes(network, shown)), values, [])


def overview(networks: Networks) -> Table:
    """Several networks, one a row."""
    headings = [
        Heading("name", "name", False), Heading("layers", "layers", True), Heading("params", "params", True),
        Heading("macs", "macs", True), Heading("verdict", "verdict", False),
    ]  # fmt: skip
    values = []
    for network in networks:
        figures = {check["quantity"]: check["ours"] for check in reversed(network["checks"]) if not check["layer"]}
        row = [network["name"], network["layers"], figures.get("params"), figures.get("macs")]
        values.append([*row, verdict(network)])
    rows = [[units.cell(value) for value in row] for row in values]
    bad = sum(not network["agrees"] for network in networks)
    plural = "" if len(networks) == 1 else "s"
    differ = f"{bad} of them differ{'s' if bad == 1 else ''}" if bad else "all agree"
    return Table([], headings, rows, [], [f"{len(networks)} network{plural}, {differ}"], values, [])


def verdict(network: Mapping[str, Any]) -> str:
    """``equal``, or what differs, the first layer of it named."""
    if network["agrees"]:
        return "equal"
    found: dict[str, str | None] = {}
    for check in network["checks"]:
        if check["verdict"] == "differs":
            found[check["quantity"]] = found.get(check["quantity"]) or check["layer"]
    return "differs: " + ", ".join(f"{name} from {layer}" if layer else name for name, layer in found.items())


def _shown(checks: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The checks without the layers that a known limit excuses, and without the layers past the first ones."""
    counts: dict[tuple[str, str], int] = {}
    for check in checks:
        if check["layer"] is None:
            yield check
        elif check["verdict"] == "differs":
            key = (check["quantity"], check["peer"])
            counts[key] = counts.get(key, 0) + 1
            if counts[key] <= SHOWN_LAYERS:
                yield check


def _notes(network: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    said: dict[str, list[str]] = {}
    for check in network["checks"]:
        if check["note"] and (check["layer"] is None or check["verdict"] == "differs"):
            said.setdefault(check["note"], []).append(f"{check['quantity']} ({check['peer']})")
    for note, checks in said.items():
        yield f"{', '.join(dict.fromkeys(checks))}: {note}"
    differing = [check for check in network["checks"] if check["verdict"] == "differs"]
    hidden = len(differing) - sum(check["verdict"] == "differs" for check in shown)
    if hidden:
        yield f"{hidden:,} more layers differ (--format json shows all)"
    layers = f"{network['layers']:,} layer{'' if network['layers'] == 1 else 's'}"
    yield f"{layers}: {'all figures agree' if network['agrees'] else verdict(network)}"


def _peer(check: Mapping[str, Any]) -> str:
    return f"{check['peer']} {check['version']}".strip()
