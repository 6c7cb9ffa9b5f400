"""Work under a convention."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cnncalc.analysis.report import Report
from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.counting.price import Term, groups, price, terms, uncounted
from cnncalc.graph.graph import Graph, Signature
from cnncalc.ops.linear import Linear
from cnncalc.values import VectorShape, Work

LENET = """
input: [1, 32, 32]
layers:
  - {conv: 6, kernel: 5, act: relu, name: c1}
  - {maxpool: 2, name: s2}
  - flatten
  - {linear: 10, name: out}
"""

#: path, macs, flops
ROWS = [
    ("input", 0, 0),
    ("c1", 117_600, 239_904),  # 5*5*6 = 150, * 28*28 = 117,600; twice that and 6*28*28 = 4,704 biases
    ("c1.relu", 0, 4_704),  # one comparison for each of 4,704
    ("s2", 0, 3_528),  # 3 comparisons for each of 6*14*14 = 1,176
    ("flatten1", 0, 0),
    ("out", 11_760, 23_530),  # 1,176*10; twice that and 10 biases
]


def test_macs_and_flops_by_hand(analyze: Callable[..., Report]) -> None:
    report = analyze(LENET)
    assert [(row.path, row.macs, row.flops) for row in report.layers] == ROWS
    assert report.totals["macs"] == 117_600 + 11_760
    assert report.totals["flops"] == 239_904 + 4_704 + 3_528 + 23_530


def test_work_is_the_chosen_conventions(analyze: Callable[..., Report]) -> None:
    assert analyze(LENET).totals["work"] == analyze(LENET).totals["macs"]
    flops = analyze(LENET, convention="flops")
    assert flops.totals["work"] == flops.totals["flops"]
    assert flops.totals["macs"] == analyze(LENET).totals["macs"]


@pytest.mark.parametrize("batch", [1, 2, 32, 10**9])
def test_work_is_linear_in_the_batch(batch: int, analyze: Callable[..., Report]) -> None:
    one, many = analyze(LENET), analyze(LENET, batch=batch)
    for name in ("macs", "flops", "work"):
        assert many.totals[name] == batch * one.totals[name]


def test_price_weighs_each_kind() -> None:
    layer = Linear(4)
    kind = Signature(layer, (VectorShape(3),), VectorShape(4), layer.weights(VectorShape(3)))
    work = Work(mac=12, bias=4, cmp=5)
    assert price(kind, work, CONVENTIONS["macs"]) == 12
    assert price(kind, work, CONVENTIONS["flops"]) == 33  # 2*12 + 4 + 5
    assert price(kind, work, CONVENTIONS["torchinfo"]) == 16  # 3*4 weights and 4 biases
    assert price(kind, work, CONVENTIONS["torch"]) == 24


#: what each row counts of LeNet's operators: (op, quantity, layers, elements, weight), from the sizes above
TERMS = {
    "macs": [("conv", "mac", 1, 117_600, 1), ("linear", "mac", 1, 11_760, 1)],
    "torch": [("conv", "mac", 1, 117_600, 2), ("linear", "mac", 1, 11_760, 2)],
    "torchinfo": [
        ("conv", "mac", 1, 117_600, 1),
        ("conv", "bias", 1, 4_704, 1),
        ("linear", "parameters", 1, 11_770, 1),  # 1,176*10 weights and 10 biases
    ],
    "ptflops": [
        ("conv", "mac", 1, 117_600, 1),
        ("conv", "bias", 1, 4_704, 1),
        ("relu", "output", 1, 4_704, 2),
        ("maxpool", "input", 1, 4_704, 2),  # 6*28*28, as the pool reads them
        ("linear", "mac", 1, 11_760, 1),
        ("linear", "bias", 1, 10, 1),
    ],
}


@pytest.mark.parametrize("name", TERMS)
def test_terms_by_hand(name: str, graph: Callable[[str], Graph], analyze: Callable[..., Report]) -> None:
    found = terms(groups(graph(LENET)), CONVENTIONS[name])
    assert [(term.op, term.quantity, term.layers, term.elements, term.weight) for term in found] == TERMS[name]
    assert {term.variant for term in found} == {None}
    assert [term.work for term in found] == [term.elements * term.weight for term in found]
    assert sum(term.work for term in found) == analyze(LENET, convention=name).totals["work"]


def test_terms_are_for_the_batch_and_count_the_layers(graph: Callable[[str], Graph]) -> None:
    twice = graph("input: [4]\nlayers:\n  - {linear: 4, bias: false}\n  - {linear: 4, bias: false}\n")
    found = terms(groups(twice), CONVENTIONS["macs"], batch=3)
    assert found == [Term("linear", None, "mac", 2, 96, 1, 96)]  # 2 layers, 3 * 4*4


SIDE = """
input: [4]
layers:
  - {linear: 4, bias: false, name: a}
  - {linear: 4, bias: false}
side:
  aux:
    from: a
    layers:
      - {linear: 5, bias: false}
      - relu
"""


def test_side_outputs_are_left_out_unless_asked_for(graph: Callable[[str], Graph]) -> None:
    built = graph(SIDE)
    macs, own, both = CONVENTIONS["macs"], groups(built), groups(built, with_side=True)
    assert terms(own, macs) == [Term("linear", None, "mac", 2, 32, 1, 32)]
    assert terms(both, macs) == [Term("linear", None, "mac", 3, 52, 1, 52)]  # and 4*5
    assert uncounted(own, macs) == []
    assert uncounted(both, macs) == ["relu"]


@pytest.mark.parametrize(
    ("convention", "left_out"),
    [
        ("macs", ["relu", "maxpool"]),
        ("flops", []),
        ("ptflops", []),
        ("thop", ["relu", "maxpool"]),
        ("calflops", []),
    ],
)
def test_what_a_convention_leaves_out_is_named(
    convention: str, left_out: list[str], graph: Callable[[str], Graph]
) -> None:
    assert uncounted(groups(graph(LENET)), CONVENTIONS[convention]) == left_out  # flatten does no arithmetic


def test_the_papers_way_leaves_the_products_of_attention_out(analyze: Callable[..., Report]) -> None:
    report = analyze("input: {tokens: 5, features: 8}\nlayers:\n  - {attention: 2}\n", convention="paper")
    assert report.totals["macs"] == 4 * 5 * 8**2 + 2 * 5**2 * 8
    assert report.totals["work"] == 4 * 5 * 8**2


CHANNELS = """
input: [3, 8, 8]
layers:
  - {conv: 4, kernel: 1, norm: layernorm, name: stem}
  - {dwconv: 3, pad: same, norm: layernorm, name: deep}
  - {conv: 8, kernel: 1, act: gelu, name: up}
  - {conv: 4, kernel: 1, name: down}
  - {conv: 4, kernel: 3, pad: same, name: last}
"""


def test_a_1x1_convolution_behind_a_layer_norm_is_a_linear_layer(analyze: Callable[..., Report]) -> None:
    rows = {row.path: row.work for row in analyze(CHANNELS, convention="torchinfo").layers}
    assert rows["stem"] == (3 * 4 + 4) * 64
    assert rows["deep"] == (9 * 4 + 4) * 64
    assert rows["up"] == 4 * 8 + 8  # learned values, once
    assert rows["down"] == 8 * 4 + 4  # through the activation
    assert rows["last"] == (4 * 9 * 4 + 4) * 64
    assert rows["deep.layernorm"] == 8


def test_a_layer_norm_before_a_larger_convolution_has_channels_first(analyze: Callable[..., Report]) -> None:
    rows = {row.path: row.work for row in analyze(CHANNELS, convention="thop").layers}
    assert rows["stem.layernorm"] == 0  # torchvision's LayerNorm2d, which thop does not know
    assert rows["deep.layernorm"] == 4 * 4 * 64


def test_a_way_of_writing_is_named_where_it_makes_a_difference(graph: Callable[[str], Graph]) -> None:
    layers = groups(graph(CHANNELS))
    thop = terms(layers, CONVENTIONS["thop"])
    assert {(term.op, term.variant) for term in thop if term.op != "dwconv"} == {("conv", None), ("layernorm", None)}
    assert uncounted(layers, CONVENTIONS["thop"]) == ["layernorm channels first", "gelu"]
    torchinfo = {(term.op, term.variant) for term in terms(layers, CONVENTIONS["torchinfo"])}
    assert torchinfo >= {("conv", None), ("conv", "conv as linear"), ("layernorm", None)}


MIXED = """
input: [4, 8, 8]
layers:
  - add:
      skip: identity
      f:
        - layernorm
        - {conv: 4, kernel: 1, name: inner}
  - {conv: 4, kernel: 1, name: outer}
"""


def test_a_sum_with_channels_first_has_channels_first(analyze: Callable[..., Report]) -> None:
    rows = [row.work for row in analyze(MIXED, convention="torchinfo").layers if row.op == "conv"]
    assert rows == [20, 20 * 64]


REGIONS = """
input: [4, 20, 20]
layers:
  - {roi_align: 100, size: 7, name: regions}
  - {conv: 8, kernel: 3, name: head}
  - flatten
  - {linear: 2, name: out}
"""


def test_what_follows_regions_is_done_for_each(analyze: Callable[..., Report]) -> None:
    report = analyze(REGIONS, batch=3)
    rows = {row.path: row for row in report.layers}
    # 100 regions of 4*7*7 = 196 values, 4 samples each: 16 multiplications, 15 additions, a division
    assert rows["regions"].flops == 3 * 100 * 196 * 32
    assert rows["head"].macs == 3 * 100 * 7_200  # 3*3*4*8 = 288, * 5*5
    assert rows["out"].macs == 3 * 100 * 400  # 200*2
    assert [row.activations for row in report.layers] == [3 * n for n in (1_600, 19_600, 20_000, 0, 200)]
    assert report.totals["params"] == 288 + 8 + 400 + 2  # once
