"""Activations: what occupies memory of its own, and what is written over an input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cnncalc.analysis import activations
from cnncalc.analysis.report import Report

#: layers after an input of 2x4x4, and the paths whose result is written in place (or is a view)
ROWS = {
    "relu writes over a convolution": ("[{conv: 2, kernel: 1, name: c}, {relu: [], name: r}]", {"r"}),
    "relu may not write over the input": ("[{relu: [], name: r}]", set()),
    "relu leaves a value that is read again": (
        "[{conv: 2, kernel: 1, name: c}, {relu: [], name: r}, {add: [r, c], name: a}]",
        set(),  # two read c, and the result of relu stays for its backward pass
    ),
    "relu writes over a normalization": ("[{bn: [], name: n}, {relu: [], name: r}]", {"r"}),
    "relu writes over a sum": (
        "[{conv: 2, kernel: 1, name: c}, {add: [c, input], name: a}, {relu: [], name: r}]",
        {"a", "r"},
    ),
    "sigmoid never writes in place": ("[{conv: 2, kernel: 1, name: c}, {sigmoid: [], name: s}]", set()),
    "a sum is written over its first branch": (
        "[{conv: 2, kernel: 1, name: c}, {add: [c, input], name: a}]",
        {"a"},
    ),
    "a sum is written over its second branch where the first is taken": (
        "[{conv: 2, kernel: 1, name: c}, {add: [input, c], name: a}]",
        {"a"},
    ),
    "a sum never overwrites the result of relu": (
        "[{conv: 2, kernel: 1, act: relu, name: c}, {add: [c, input], name: a}]",
        {"c.relu"},
    ),
    "a sum overwrites the result of relu6": (
        "[{conv: 2, kernel: 1, act: relu6, name: c}, {add: [c, input], name: a}]",
        {"c.relu6", "a"},
    ),
    "a sum never overwrites the result of leaky_relu": (
        "[{conv: 2, kernel: 1, act: leaky_relu, name: c}, {add: [c, input], name: a}]",
        {"c.leaky_relu"},
    ),
    "a sum never overwrites a smaller branch": (
        "[{conv: 2, kernel: 1, name: c}, {global_avgpool: [], name: g}, {add: [g, input], name: a}]",
        set(),
    ),
    "a sum of a value with itself has no branch to overwrite": (
        "[{conv: 2, kernel: 1, name: c}, {add: [c, c], name: a}]",
        set(),
    ),
    "a product and a mean never write in place": (
        "[{conv: 2, kernel: 1, name: c}, {mul: [c, input], name: m}, {mean: [m, input], name: n}]",
        set(),
    ),
    "flatten and dropout are views": ("[{dropout: [], name: d}, {flatten: [], name: f}]", {"d", "f"}),
    "relu writes over a convolution that it sees through a view": (
        "[{conv: 2, kernel: 1, name: c}, {dropout: [], name: d}, {relu: [], name: r}]",
        {"d", "r"},
    ),
    "relu may not write over the input that it sees through a view": (
        "[{dropout: [], name: d}, {relu: [], name: r}]",
        {"d"},
    ),
    "relu leaves a value that is read again behind a view": (
        "[{conv: 2, kernel: 1, name: c}, {dropout: [], name: d}, {relu: [], name: r}, {add: [c, r], name: a}]",
        {"d"},  # c is read by d as well, and r keeps its result
    ),
    "a sum never overwrites the result of relu behind a view": (
        "[{conv: 2, kernel: 1, act: relu, name: c}, {dropout: [], name: d}, {add: [d, input], name: a}]",
        {"c.relu", "d"},
    ),
    "inplace: false": ("[{conv: 2, kernel: 1, name: c}, {relu: [], inplace: false, name: r}]", set()),
    "inplace: true": ("[{relu: [], inplace: true, name: r}]", {"r"}),
    "inplace of a convolution is its activation's": (
        "[{conv: 2, kernel: 1, act: relu, inplace: false, name: c}]",
        set(),
    ),
}


@pytest.mark.parametrize(("text", "expected"), ROWS.values(), ids=ROWS)
def test_in_place(text: str, expected: set[str], column: Callable[..., dict[str, Any]]) -> None:
    values = column(activations, "activations", f"input: [2, 4, 4]\nlayers: {text}")
    assert {path for path, value in values.items() if value == 0} == expected


OUTPUTS = "input: [2, 4, 4]\nlayers: [{conv: 2, kernel: 1, name: c}, relu]\n"


def test_an_output_of_the_network_is_never_overwritten(column: Callable[..., dict[str, Any]]) -> None:
    assert column(activations, "activations", OUTPUTS)["relu1"] == 0
    assert column(activations, "activations", OUTPUTS + "outputs: [c, relu1]")["relu1"] == 32  # 2*4*4


SIDE = "input: [2, 4, 4]\nlayers: [{conv: 2, kernel: 1, name: c}, relu]\nside: {aux: {from: c, layers: [flatten]}}"


def test_a_side_output_is_a_reader_only_when_it_is_counted(column: Callable[..., dict[str, Any]]) -> None:
    assert column(activations, "activations", SIDE)["relu1"] == 0
    assert column(activations, "activations", SIDE, with_side=True)["relu1"] == 32


SIDES = """
input: [2, 4, 4]
layers: [{conv: 2, kernel: 1, name: c}]
side:
  early: {from: c, layers: [{conv: 2, kernel: 1}]}
  late: {from: early, layers: [relu]}
"""


def test_a_side_output_is_never_overwritten(column: Callable[..., dict[str, Any]]) -> None:
    assert column(activations, "activations", SIDES, with_side=True)["late.relu1"] == 32


NET = """
input: [3, 8, 8]
layers:
  - {conv: 4, kernel: 3, norm: bn, act: relu, name: c}
  - {maxpool: 2, name: p}
  - flatten
  - {linear: 10, name: out}
"""


@pytest.mark.parametrize(
    ("batch", "dtype", "size"), [(1, "float32", 4), (32, "float16", 2), (3, "int8", 1), (2, "float64", 8)]
)
def test_the_column_by_hand(batch: int, dtype: str, size: int, analyze: Callable[..., Report]) -> None:
    report = analyze(NET, batch=batch, dtype=dtype)
    expected = {
        "input": 192,  # 3*8*8
        "c": 144,  # 4*6*6
        "c.bn": 144,  # counts: it is no view
        "c.relu": 0,  # written over the normalization
        "p": 36,  # 4*3*3
        "flatten1": 0,
        "out": 10,
    }
    assert {row.path: row.activations for row in report.layers} == {path: n * batch for path, n in expected.items()}
    assert report.totals["activations"] == 526 * batch  # 192 + 144 + 144 + 36 + 10
    assert report.totals["activation_bytes"] == 526 * batch * size
