"""What editors are told: the JSON Schema describes every key, and what it marks is the word that is wrong."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from cnncalc.ops import OPS
from cnncalc.ops.arguments import _SHARED, about, meaning
from cnncalc.spec.compile.words import MODIFIERS
from cnncalc.spec.document import TOP_LEVEL
from cnncalc.spec.schema import schema

SCHEMA = schema()
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def found(*layers: Any) -> list[tuple[list[Any], str]]:
    """What is wrong with these layers: the place among them, and the message's first words."""
    spec = {"cnncalc": 1, "name": "x", "input": [3, 8, 8], "layers": list(layers)}
    return [(list(error.path)[1:], error.message.split(" is not one of ")[0]) for error in VALIDATOR.iter_errors(spec)]


@pytest.mark.parametrize(
    ("layer", "place", "message"),
    [
        ({"conv": 3, "kernel": 3, "kernal": 3}, [], "Additional properties are not allowed ('kernal' was unexpected)"),
        ({"cov": 3}, [], "'cov'"),
        ("cov", [], "'cov'"),
        ({"kernel": 3}, [], "'kernel'"),
        ({"maxpool": 2, "ceil": "yes"}, ["ceil"], "'yes' is not of type 'boolean'"),
        ({"conv": 3, "kernel": 3, "act": "rellu"}, ["act"], "'rellu'"),
        ({"upsample": 2, "mode": "linear"}, ["mode"], "'linear'"),
        ({"add": {"a": [], "b": [{"conv": 1, "krnel": 1}]}}, ["add", "b", 0], "Additional properties are not allowed ('krnel' was unexpected)"),
        ({"name": "stem", "layers": ["rellu"]}, ["layers", 0], "'rellu'"),
        ({"stages": [["a"], [1]], "eech": []}, [], "Additional properties are not allowed ('eech' was unexpected)"),
        ({"conv": 3, "kernel": 3, "repeet": 2}, [], "Additional properties are not allowed ('repeet' was unexpected)"),
    ],
)  # fmt: skip
def test_one_word_is_marked(layer, place, message):
    assert found("relu", layer) == [([1, *place], message)]


@pytest.mark.parametrize(
    "layer",
    [
        "relu", "Block", {"Block": 3, "anything": 4}, {"conv": 3, "kernel": [3, 1], "pad": "full", "norm": "bn"},
        {"conv": [64, 3]}, {"conv": "$width", "kernel": "$k", "act": "$act", "bias": "$bias"},
        {"parameter": [3, 4, 4]}, {"parameter": {"tokens": 3, "features": 4}}, {"add": ["a", "b"]},
        {"add": {"main": [{"conv": 3, "kernel": 1}], "shortcut": "identity", "third": {"when": "$a > 1", "layers": "identity"}}},
        {"layers": ["relu"], "name": "stem", "repeat": 2}, {"pad": [1, 1]}, {"relu": [], "name": "act1"},
    ],
)  # fmt: skip
def test_nothing_is_marked(layer):
    assert found("relu", layer) == []


def test_every_operator_and_argument_is_described():
    cases = SCHEMA["definitions"]["layer_mapping"]["else"]["then"]["allOf"]
    described = {name: case["then"]["properties"] for case in cases for name in [case["if"]["required"][0]]}
    assert set(described) == {*OPS, "layers", "stages"}
    for name, properties in described.items():
        for key, value in properties.items():
            assert len(value["description"]) > 5, f"{key} of {name}"
    for name, op in OPS.items():
        assert about(op) in described[name][name]["description"]
        for argument in op.fields:
            if argument != name:
                assert described[name][argument]["description"] == meaning(op, argument)


def test_no_meaning_is_left_over():
    used = {argument for op in OPS.values() for argument in op.fields if argument not in op.means}
    assert used == set(_SHARED)
    assert [name for name, op in OPS.items() if not set(op.means) <= set(op.fields)] == []


def test_every_key_of_a_spec_is_described():
    assert {key: value["description"] for key, value in SCHEMA["properties"].items()} == TOP_LEVEL
    assert set(SCHEMA["definitions"]["modifiers"]["properties"]) == set(MODIFIERS)
