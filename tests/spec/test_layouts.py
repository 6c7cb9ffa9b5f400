"""Channels are channels in every layout: figures of networks in which two numbers could be taken for something else."""

from __future__ import annotations

import pytest

from tests.conftest import network

#: a text; parameters and MACs of the layers that have some, by hand
FIGURES: dict[str, tuple[str, dict[str, tuple[int, int]]]] = {
    "layernorm of a 1-d map is over its channels": (
        "input: [1, 102]\nlayers: [{conv: 8, kernel: 3}, layernorm]",
        {"conv1": (8 * 3 + 8, 100 * 8 * 3), "layernorm1": (2 * 8, 0)},
    ),
    "affine of a 1-d map has the channels'": (
        "input: [8, 39]\nlayers: [{conv: 8, kernel: 3}, affine]",
        {"conv1": (8 * 8 * 3 + 8, 37 * 8 * 8 * 3), "affine1": (2 * 8, 0)},
    ),
    "a norm and an activation of a convolution": (
        "input: [6, 1]\nlayers: [{conv: 32, kernel: 1, norm: layernorm, act: prelu, name: c}]",
        {"c": (32 * 6 + 32, 32 * 6), "c.layernorm": (2 * 32, 0), "c.prelu": (1, 0)},
    ),
    "the mean of tokens keeps their features": (
        "input: [3, 32, 32]\nlayers: [{conv: 64, kernel: 8, stride: 8}, tokens, {attention: 4}, layernorm,"
        " global_avgpool, {linear: 10}]",
        {
            "conv1": (64 * 3 * 64 + 64, 16 * 64 * 3 * 64),
            "attention1": (4 * (64 * 64 + 64), 16 * 4 * 64 * 64 + 2 * 16 * 16 * 64),
            "layernorm1": (2 * 64, 0),
            "linear1": (64 * 10 + 10, 64 * 10),
        },
    ),
    "tokens that are an input": (
        "input: {tokens: 7, features: 12}\nlayers: [layernorm, {linear: 5}, {softmax: []}]",
        {"layernorm1": (2 * 12, 0), "linear1": (12 * 5 + 5, 7 * 12 * 5)},
    ),
    "one convolution for maps of two sizes": (
        "inputs: {small: [1, 16, 16], large: [1, 28, 28]}\n"
        "layers: [{conv: 1, kernel: 3, pad: 1, from: small, name: features},"
        " {conv: 1, kernel: 3, pad: 1, from: large, name: again, shared: features}]\noutputs: [features, again]",
        {"features": (9 + 1, 9 * 16 * 16), "again": (0, 9 * 28 * 28)},
    ),
}


@pytest.mark.parametrize(("text", "figures"), FIGURES.values(), ids=list(FIGURES))
def test_figures(text: str, figures: dict[str, tuple[int, int]]) -> None:
    report = network(text).analyze()
    assert {row.path: (row.params, row.macs) for row in report.layers if row.params or row.macs} == figures
    assert report.totals["params"] == sum(params for params, _ in figures.values())
