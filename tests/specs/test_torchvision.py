"""Networks of the zoo against torchvision's modules of the same name, measured once in tests/reference."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

import cnncalc
from cnncalc import Network

ROOT = Path(__file__).parents[2]
SPECS = {path.stem: path for path in sorted((ROOT / "specs").rglob("*.yaml"))}
NETWORKS: dict[str, dict[str, Any]] = json.loads(
    (ROOT / "tests" / "reference" / "torchvision.json").read_text(encoding="utf-8")
)["networks"]

#: specs with the name of a torchvision model that has no row in the reference, and why
WITHOUT_ROW: dict[str, str] = {}

#: modules whose parameters and buffers were measured with their auxiliary heads; their layers and MACs without,
#: because a head runs in training only
WITH_HEADS = ("googlenet", "inception_v3")


def load(name: str) -> Network:
    """The spec on the input that the module was measured on; efficientnet_b3 was measured at 224x224."""
    return cnncalc.load(str(SPECS[name]), input=NETWORKS[name]["input"][1:])


def differences(name: str, network: Network, row: dict[str, Any]) -> list[str]:
    """What the spec and the measured module do not agree on."""
    main = network.analyze()
    whole = network.analyze(with_side=name in WITH_HEADS)
    ours = [(list(layer.out), layer.params) for layer in main.layers if layer.params]
    theirs = [(shape[1:], params) for _, _, shape, params in row["layers"] if params]
    pairs = {
        "weighted layers": (len(ours), len(theirs)),
        "parameters": (whole.totals["params"], row["params"]),
        "buffers": (whole.totals["buffers"], row["buffers"]),
        "MACs, doubled": (2 * main.totals["macs"], row["tools"]["torch"]),
        "output": (list(network.graph.nodes[network.graph.outputs[0]].shape), row["output"][1:]),
    }
    for number, pair in enumerate(zip(ours, theirs, strict=False), 1):
        pairs[f"weighted layer {number}"] = pair  # type: ignore[assignment]
    return [
        f"{what}: {mine} in the spec, {measured} measured"
        for what, (mine, measured) in pairs.items()
        if mine != measured
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_spec_equals_module(name: str) -> None:
    assert differences(name, load(name), NETWORKS[name]) == []


# one number off, in the second network with a head too
@pytest.mark.parametrize("name", ["vgg16", "googlenet"])
@pytest.mark.parametrize(
    ("key", "found"),
    [
        (("params",), "parameters"),
        (("buffers",), "buffers"),
        (("tools", "torch"), "MACs, doubled"),
        (("output", 1), "output"),
        (("layers", 0, 3), "weighted layer 1"),
        (("layers", 0, 2, 1), "weighted layer 1"),
    ],
)
def test_a_number_that_is_off_is_found(name: str, key: tuple[Any, ...], found: str) -> None:
    row = deepcopy(NETWORKS[name])
    place: Any = row
    for step in key[:-1]:
        place = place[step]
    place[key[-1]] += 1
    assert [text.split(":")[0] for text in differences(name, load(name), row)] == [found]


def test_a_missing_layer_is_found() -> None:
    row = deepcopy(NETWORKS["alexnet"])
    del row["layers"][0]
    assert "weighted layers: 8 in the spec, 7 measured" in differences("alexnet", load("alexnet"), row)


def test_heads_count_only_where_the_module_has_them() -> None:
    with_side = [name for name in NETWORKS if load(name).graph.sides]
    assert sorted(with_side) == sorted(WITH_HEADS)


def test_every_row_has_a_spec() -> None:
    assert [name for name in NETWORKS if name not in SPECS] == []


def test_every_spec_with_a_torchvision_name_has_a_row(torchvision: Any) -> None:
    named = [name for name in SPECS if name in torchvision.models.list_models()]
    assert len(named) >= len(NETWORKS)
    assert [name for name in named if name not in NETWORKS] == sorted(WITHOUT_ROW)
