"""Specs as Python data: they count as their text does, and a problem is found by a path into the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

import cnncalc
from cnncalc.errors import format_errors
from cnncalc.spec.data import written

TEXT = """cnncalc: 1
name: mine
input: [3, 32, 32]
vars: {width: 16}
layers:
  - {conv: $width, kernel: [3, 3], pad: same, bias: false, norm: bn, act: relu}
  - {dropout: 0.5}
  - global_avgpool
  - flatten
  - {linear: 10}
"""
DATA: dict[str, Any] = {
    "cnncalc": 1,
    "name": "mine",
    "input": (3, 32, 32),
    "vars": {"width": 16},
    "layers": [
        {"conv": "$width", "kernel": [3, 3], "pad": "same", "bias": False, "norm": "bn", "act": "relu"},
        {"dropout": 0.5},
        "global_avgpool",
        "flatten",
        {"linear": 10},
    ],
}


def test_data_is_the_network_of_its_text() -> None:
    data, text = cnncalc.load(DATA).analyze(), cnncalc.load(TEXT).analyze()
    assert data.totals == text.totals
    assert data.totals["params"] == 3 * 3 * 3 * 16 + 2 * 16 + 16 * 10 + 10
    rows = [[(row.path, row.op, row.out, row.macs) for row in report.layers] for report in (data, text)]
    assert rows[0] == rows[1]
    assert (data.spec["name"], data.spec["file"], text.spec["file"]) == ("mine", "<dict>", "<text>")


def test_a_spec_without_a_name_is_called_after_where_it_comes_from() -> None:
    bare = {key: value for key, value in DATA.items() if key != "name"}
    assert cnncalc.load(bare).name == "dict"
    assert cnncalc.load(TEXT.replace("name: mine\n", "")).name == "text"


RING: list[Any] = []
RING += [RING] * 5
WRONG = [
    ({"layers": ["relu", {"conv": 8, "kernel": 33}]}, "<dict>: layers[1]: error: conv 'conv1': the window does not fit: (32 + 2*0 - 33)/1 + 1 = 0"),
    ({"layers": [{"conv": 8, "kernal": 3}]}, "<dict>: layers[0].kernal: error: conv has no argument 'kernal' (hint: did you mean kernel?)"),
    ({"layers": [{"name": "b", "layers": ["relu", {"linear": "4*"}]}]}, "<dict>: layers[0].layers[1].linear: error: the expression '4*' ends too early"),
    ({"layers": [{"linear": "$widht"}]}, "<dict>: layers[0].linear: error: unknown variable $widht (hint: did you mean width?)"),
    ({"layer": []}, "<dict>: layer: error: unknown key 'layer' (hint: did you mean layers?)"),
    ({"layers": [{"linear": None}]}, "<dict>: layers[0].linear: error: a value of the type NoneType has no form in YAML"),
    ({"layers": [{3: 4}]}, "<dict>: layers[0]: error: a key must be a word, but this is of the type int"),
    ({"layers": [{"linear": 10**5000}]}, "<dict>: layers[0].linear: error: the number has too many digits"),
    ({"layers": [{"linear": "a\0b"}]}, "<dict>: layers[0].linear: error: the escaped character U+0000 is not allowed"),
    ({"layers": ["relu"] * 50_000}, "<dict>: layers[49989]: error: more than 50,000 nodes"),
    ({"layers": RING}, f"<dict>: layers{'[0]' * 64}: error: nested more than 64 levels deep"),
    ({"cnncalc": 2}, "<dict>: cnncalc: error: the version of the language must be 1, not '2' (hint: pip install --upgrade cnncalc)"),
    ({"lay\ners": 1}, "<dict>: lay\\ners: error: unknown key 'lay\\ners' (hint: did you mean layers?)"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "line"), WRONG)
def test_problems_are_found_by_a_path(wrong: Mapping[Any, Any], line: str) -> None:
    with pytest.raises(cnncalc.SpecError) as caught:
        cnncalc.load({**DATA, **wrong})
    assert format_errors(caught.value)[0] == line


def test_a_line_of_the_text_for_every_path() -> None:
    data, paths = written({"a": [1, {"b": "x"}], "c": {}}, "<dict>")
    assert list(zip(data.decode().split("\n"), paths, strict=True)) == [
        ("{", ""),
        ('"a": [', "a"),
        ("1,", "a[0]"),
        ("{", "a[1]"),
        ('"b": "x"', "a[1].b"),
        ("}", "a[1]"),
        ("],", "a"),
        ('"c": {', "c"),
        ("}", "c"),
        ("}", ""),
    ]
