"""Expected work under stochastic depth, by hand."""

from __future__ import annotations

from fractions import Fraction
from json import dumps

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


@pytest.mark.parametrize(
    ("drop", "total", "written"),
    [
        ("0.25", 432, "432"),  # 3/4 of 576, a whole number
        ("1/7", Fraction(3456, 7), '"3456/7"'),  # 6/7 of 576
    ],
)
def test_a_total_is_an_int_where_it_is_whole_and_exact_in_json(drop: str, total: object, written: str) -> None:
    layers = f"  - add: {{main: [{{conv: 2}}, {{stochastic_depth: {drop}}}], skip: identity}}\n"
    spec = document.load(zoo.Found("<test>", (HEAD + layers).encode(), None))
    report = cnncalc.Network(spec, *expand(spec)).analyze()
    found = report.totals["expected_macs"]
    assert (type(found), found) == (type(total), total)
    data = report.to_dict()
    assert dumps(data["totals"]["expected_macs"]) == written
    assert [dumps(row["expected_macs"]) for row in data["layers"] if row["op"] == "conv"] == [written]
    assert Fraction(data["totals"]["expected_macs"]) == total


def test_totals_of_a_zoo_network_are_whole_where_they_can_be() -> None:
    """Every layer's share is a fraction, and they add up: 11613205504, as the Fractions' sum has it."""
    totals = cnncalc.load("convnext_base").analyze().totals
    assert {type(total) for total in totals.values()} == {int}


def test_linear_decay() -> None:
    """Huang et al. 2016, section 3: with p_l = 1 - l/L * 1/2 the expected number of blocks is (3L - 1)/4."""
    network = cnncalc.load("resnet110_stochastic_depth")
    ops = [node.op for node in network.graph.nodes if node.op.name == "stochastic_depth"]
    assert len(ops) == 54
    assert sum(op.survival() for op in ops) == Fraction(3 * 54 - 1, 4)
    report = network.analyze()
    assert report.totals["expected_macs"] < report.totals["macs"]
    assert sum(row.expected_macs for row in report.layers) == report.totals["expected_macs"]
