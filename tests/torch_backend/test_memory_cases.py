"""Small networks whose memory was once another than PyTorch's, and others of their kind: equal to the byte."""

from __future__ import annotations

import pytest

from cnncalc.torch_backend.verify.checks import EQUAL, verify
from tests.conftest import network

CASES = {
    "all is dropped": "input: [3, 9, 9]\nlayers: [{conv: 4, kernel: 3}, {dropout: 1}]",
    "all is dropped in the middle": (
        "input: [3, 9, 9]\nlayers: [{conv: 4, kernel: 3, act: relu}, {dropout: 1}, {conv: 2, kernel: 3}]"
    ),
    "all of a vector is dropped": "input: [7]\nlayers: [{linear: 5}, {dropout: 1}, relu, {linear: 3}]",
    "nothing is dropped": "input: [3, 9, 9]\nlayers: [{conv: 4, kernel: 3}, {dropout: 0}, {conv: 2, kernel: 3}]",
    "a branch is dropped always": (
        "input: [3, 9, 9]\nlayers: [{conv: 4, kernel: 1}, {add: {x: [{conv: 4, kernel: 1}, {stochastic_depth: 1}],"
        " y: identity}}]"
    ),
    "a constant after regions": (
        "input: [4, 4, 12]\nlayers: [{roi_align: 3, size: 1}, {parameter: [4, 3, 3]}, {adaptive_avgpool: 7}]"
    ),
    "a constant joins regions": (
        "input: [4, 8, 8]\nlayers: [{roi_align: 5, size: 3, name: r}, {parameter: [4, 3, 3], name: p}, {add: [r, p]},"
        " {conv: 2, kernel: 3}]"
    ),
    "linear layers that share weights": (
        "input: [6]\nlayers: [{linear: 6, name: a}, relu, {linear: 6, shared: a, name: b}, {linear: 6, shared: a}]"
    ),
    "linear layers without biases that share weights": (
        "input: {tokens: 5, features: 6}\nlayers: [{linear: 6, bias: false, name: a}, gelu,"
        " {linear: 6, bias: false, shared: a}]"
    ),
    "attention that shares weights": (
        "input: {tokens: 5, features: 8}\nlayers: [{attention: 2, name: a}, layernorm, {attention: 2, shared: a}]"
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("text", CASES.values(), ids=list(CASES))
def test_bytes(text: str, batch: int, dtype: str) -> None:
    found = verify(network(text).graph, fvcore=False, values=False, memory=True, batch=batch, dtype=dtype)
    compared = [check for check in found.checks if check.quantity.endswith("_bytes") and not check.layer]
    assert [check for check in compared if check.verdict != EQUAL] == []
    assert len(compared) == 3
