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
    "a group norm where channels lie last": (
        "input: [4, 7, 8]\nlayers: [layernorm, {groupnorm: 2}, {conv: 3, kernel: 3}]"
    ),
    "a group norm whose gradient has channels last": (
        "input: [4, 7, 8]\nlayers: [{conv: 4, kernel: 3}, {groupnorm: 2}, layernorm, {conv: 3, kernel: 3}]"
    ),
    "a group norm of three axes, of a part where channels lie last": (
        "input: [4, 5, 6, 3]\nlayers: [layernorm, {slice: space, stop: 3}, {groupnorm: 2}, relu]"
    ),
    "a softmax where channels lie last": (
        "input: [4, 7, 8]\nlayers: [layernorm, softmax, {groupnorm: 2}, {conv: 3, kernel: 3}]"
    ),
    "an output whose channels lie last": "input: [4, 7, 8]\nlayers: [{conv: 4, kernel: 3}, {groupnorm: 1}, layernorm]",
    "in place over maxima along one axis": (
        "input: [4, 9]\nlayers: [{conv: 6, kernel: 3}, {maxpool: 2}, relu, {conv: 2, kernel: 2}]"
    ),
    "in place over means along one axis": (
        "input: [4, 9]\nlayers: [{conv: 6, kernel: 3}, {avgpool: 2}, elu, {conv: 2, kernel: 2}]"
    ),
    "in place over bins along one axis": (
        "input: [4, 9]\nlayers: [{conv: 6, kernel: 3}, {adaptive_maxpool: 3}, mish, {adaptive_avgpool: 2}, relu6, flatten,"
        " {linear: 3}]"
    ),
    "in place over one mean along one axis": (
        "input: [4, 9]\nlayers: [{conv: 6, kernel: 3}, global_avgpool, hardswish, flatten, {linear: 3}]"
    ),
    "a pool along one axis of what lies token by token": (
        "input: {tokens: 8, features: 6}\nlayers: [{linear: 4}, {feature_map: [[8]]}, {avgpool: 2}, relu, {conv: 2, kernel: 2}]"
    ),
    "after the maximum of channels, which is kept": (
        "input: [4, 6, 6]\nlayers: [{conv: 4, kernel: 3}, channel_max, relu, {conv: 2, kernel: 3}]"
    ),
    "after maxima of pieces, which are kept": "input: [8]\nlayers: [{linear: 8}, {maxout: 2}, elu, {linear: 3}]",
    "after the maximum of tokens, which is kept": (
        "input: {tokens: 5, features: 6}\nlayers: [{linear: 6}, global_maxpool, hardswish, {linear: 3}]"
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
