"""Expected work under stochastic depth, by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

import cnncalc
from cnncalc.spec import document, zoo
from cnncalc.spec.expand import expand

# a 3x3 convolution of 2 channels to 2 on 4x4 pixels: 3*3*2*2 * 16 = 576 MACs
HEAD = "cnncalc: 1\ninput: [2, 4, 4]\ndefaults: {conv: {kernel: 3, pad: 1}}\nlayers:\n"


def totals(layers: str) -> dict:
    spec = document.load(zoo.Found("<test>", (HEAD + layers).encode(), None))
    return dict(cnncalc.Network(spec, *expand(spec)).analyze().totals)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("  - {conv: 2}\n", 576),
        # the branch survives with 3/4
        ("  - add: {main: [{conv: 2}, {stochastic_depth: 0.25}], skip: identity}\n", Fraction(3, 4) * 576),
        ("  - add: {main: [{conv: 2}, {stochastic_depth: 1/3}], skip: identity}\n", Fraction(2, 3) * 576),
        # what is before the block is needed by the shortcut, and so runs always
        ("  - {conv: 2}\n  - add: {main: [{conv: 2}, {stochastic_depth: 0.5}], skip: identity}\n", 576 + 288),
        # without a shortcut everything before it is dropped with it
        ("  - {conv: 2}\n  - {stochastic_depth: 0.5}\n  - {conv: 2}\n", 288 + 576),
        # one inside the other: 1/2 * 1/2 for the inner convolution
        (
            "  - add:\n      main:\n        - {conv: 2}\n        - add: {main: [{conv: 2}, {stochastic_depth: 0.5}], skip: identity}\n"
            "        - {stochastic_depth: 0.5}\n      skip: identity\n",
            288 + 144,
        ),
        # dropout drops values, no work
        ("  - {conv: 2}\n  - {dropout: 0.5}\n", 576),
    ],
)
def test_by_hand(layers: str, expected: object) -> None:
    found = totals(layers)
    assert found["expected_macs"] == expected
    assert found["macs"] % 576 == 0


def test_linear_decay() -> None:
    """Huang et al. 2016, section 3: with p_l = 1 - l/L * 1/2 the expected number of blocks is (3L - 1)/4."""
    network = cnncalc.load("resnet110_stochastic_depth")
    ops = [node.op for node in network.graph.nodes if node.op.name == "stochastic_depth"]
    assert len(ops) == 54
    assert sum(op.survival() for op in ops) == Fraction(3 * 54 - 1, 4)
    report = network.analyze()
    assert report.totals["expected_macs"] < report.totals["macs"]
    assert sum(row.expected_macs for row in report.layers) == report.totals["expected_macs"]
