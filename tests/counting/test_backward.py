"""The backward pass: which gradients are needed, what they cost by hand, and the two derivations of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cnncalc import UsageError, load
from cnncalc.analysis import work
from cnncalc.analysis.report import Report
from cnncalc.counting.backward import BACKWARD, PASSES, TITLES, needs
from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.counting.differences import by_convention
from cnncalc.derivation import Formulas
from cnncalc.graph.graph import Graph
from cnncalc.values import Assumptions

CHAIN = "input: [3, 8, 8]\nlayers:\n  - {conv: 4, kernel: 3, name: a}\n  - {conv: 5, kernel: 3, name: b}\n  - relu\n"
A, B = 6 * 6 * 4 * 3 * 9, 4 * 4 * 5 * 4 * 9
NETWORKS = ("resnet18", "googlenet", "mobilenet_v2", "vit_b_16", "swin_t", "swin_v2_t", "lenet5", "unet_small")


def test_by_hand(analyze: Callable[..., Report]) -> None:
    forward = analyze(CHAIN)
    backward, step = (analyze(CHAIN, pass_=pass_) for pass_ in ("backward", "step"))
    rows = {row.path: row for row in backward.layers}
    assert (rows["a"].macs, rows["b"].macs) == (A, 2 * B)  # the network's input needs no gradient
    assert (rows["a"].flops, rows["b"].flops, rows["relu1"].flops) == (2 * A, 4 * B, 0)
    assert step.totals["macs"] == 2 * A + 3 * B
    assert step.totals["flops"] == forward.totals["flops"] + backward.totals["flops"]
    assert analyze(CHAIN, pass_="step", batch=3).totals["macs"] == 3 * step.totals["macs"]
    for name in ("params", "activations", "receptive_field"):
        assert list(step.columns[name]) == list(forward.columns[name])


def test_what_the_json_says(analyze: Callable[..., Report]) -> None:
    assert analyze(CHAIN).to_dict()["assumptions"]["pass"] == "forward"
    assert analyze(CHAIN, pass_="step").to_dict()["assumptions"]["pass"] == "step"


@pytest.mark.parametrize(
    ("layers", "wanted"),
    [
        # output and input of every node, the network's input first
        ("[relu, {conv: 2, kernel: 1}, relu]", ["--", "--", "o-", "oi"]),
        ("[bn, {conv: 2, kernel: 1}]", ["--", "o-", "oi"]),
        ("[{conv: 2, kernel: 1}, {parameter: [2, 1, 1]}, {conv: 2, kernel: 1}]", ["--", "--", "o-", "oi"]),
        ("[{conv: 2, kernel: 1}, relu, {parameter: [2, 1, 1]}, {conv: 2, kernel: 1}]", ["--", "--", "--", "o-", "oi"]),
        ("[{add: {a: [relu], b: [{conv: 3, kernel: 1}]}}]", ["--", "--", "o-", "oi"]),
        ("[flatten, {linear: 4}, {rbf: 2}]", ["--", "--", "o-", "oi"]),
    ],
)
def test_which_gradients_are_needed(graph: Callable[[str], Graph], layers: str, wanted: list[str]) -> None:
    found = needs(graph(f"input: [3, 4, 4]\nlayers: {layers}\n"))
    assert ["o"[: one.output].ljust(1, "-") + "i"[: one.input].ljust(1, "-") for one in found] == wanted


def test_a_side_output_that_is_not_counted_asks_for_nothing(graph: Callable[[str], Graph]) -> None:
    text = (
        "input: [3, 4, 4]\nlayers:\n  - {conv: 3, kernel: 1, name: a}\n  - {parameter: [3, 4, 4]}\n"
        "side: {aux: {from: a, layers: [{conv: 2, kernel: 1}]}}\n"
    )
    assert [one.output for one in needs(graph(text))] == [False, False, True, True]
    assert [one.output for one in needs(graph(text), with_side=True)] == [False, True, True, True]


@pytest.mark.parametrize(
    ("convention", "work"),
    [
        # a grouped layer of 4 groups behind one without: the gradients of weights and of inputs
        ("macs", 16 * 4 * 3 + 2 * 16 * 8),
        ("paper", 16 * 4 * 3 + 2 * 16 * 8),
        ("flops", 2 * (16 * 4 * 3 + 2 * 16 * 8)),
        ("torch", 2 * (16 * 4 * 3 + (4 + 1) * 16 * 8)),
    ],
)
def test_conventions(analyze: Callable[..., Report], convention: str, work: int) -> None:
    text = "input: [3, 4, 4]\nlayers: [{conv: 4, kernel: 1}, {conv: 8, kernel: 1, groups: 4}]\n"
    assert analyze(text, convention=convention, pass_="backward").totals["work"] == work


def test_paper_leaves_out_the_gradients_of_attentions_products(analyze: Callable[..., Report]) -> None:
    text = "input: {tokens: 5, features: 8}\nlayers: [{linear: 8}, {attention: 2}]\n"
    linear, projections, products = 5 * 8 * 8, 4 * 5 * 8 * 8, 2 * 5 * 5 * 8
    assert analyze(text, pass_="backward").totals["macs"] == linear + 2 * (projections + products)
    assert analyze(text, pass_="backward", convention="paper").totals["work"] == linear + 2 * projections


def test_no_tool_but_torch_counts_a_backward_pass(analyze: Callable[..., Report]) -> None:
    for name in CONVENTIONS:
        if name in BACKWARD:
            assert analyze(CHAIN, convention=name, pass_="step").totals["work"] > 0
        else:
            with pytest.raises(UsageError) as caught:
                analyze(CHAIN, convention=name, pass_="step")
            assert caught.value.message == f"{name} counts no backward pass"
            assert caught.value.hint == "conventions that do: macs, flops, paper, torch"


def test_an_unknown_pass(analyze: Callable[..., Report]) -> None:
    with pytest.raises(UsageError) as caught:
        analyze(CHAIN, pass_="backwards")
    assert (caught.value.message, caught.value.hint) == ("unknown pass 'backwards'", "did you mean backward?")
    assert tuple(TITLES) == PASSES


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("pass_", ["backward", "step"])
def test_the_formulas_come_to_the_same(name: str, pass_: str) -> None:
    graph = load(name).graph
    for batch, with_side in ((1, False), (2, True)):
        assumptions = Assumptions(batch=batch, with_side=with_side, pass_=pass_)
        macs = work.measure(graph, assumptions)["macs"]
        formulas = Formulas(graph, assumptions)
        for node in graph.nodes:
            lines = {line.quantity: line.value for line in formulas.counts(node.index)}
            assert lines[f"{pass_}_macs"] == macs[node.index], node.path


@pytest.mark.parametrize("name", ["mobilenet_v2", "googlenet", "swin_t"])
def test_the_terms_of_a_pass_add_up(name: str) -> None:
    network = load(name)
    for pass_ in PASSES:
        for one in by_convention(network.graph, 2, False, pass_):
            if one.reason is None:
                report = network.analyze(2, convention=one.convention.name, pass_=pass_)
                assert one.total == sum(term.work for term in one.terms) == report.totals["work"]
