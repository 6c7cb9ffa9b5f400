"""Equal calls of a block are expanded once: the others are copies, and no different from what they would have been."""

from __future__ import annotations

from typing import Any

import pytest

from cnncalc.errors import CnncalcError, format_error
from cnncalc.graph import builder
from cnncalc.graph.graph import Graph
from cnncalc.spec import document, expand, zoo
from cnncalc.spec.zoo import Found

#: text of a spec after its input, and how many calls are copies of others
SPECS: dict[str, tuple[str, int]] = {
    "equal calls": ("blocks: {B: {layers: [{conv: 4, kernel: 1}, relu]}}\nlayers: [B, B, B]", 2),
    "the first has another input": ("blocks: {B: {layers: [{conv: 8, kernel: 1}, relu]}}\nlayers: [B, B, B]", 1),
    "other arguments": (
        "blocks: {B: {args: [k], layers: [{conv: 4, kernel: $k}]}}\nlayers: [{B: 1}, {B: 3}, {B: 1}]",
        0,
    ),
    "true is not 1": (
        "blocks: {B: {args: [k], layers: [{when: $k == 1, relu: []}]}}\nlayers: [{B: 1}, {B: 1}, {B: 1.0}]",
        2,
    ),
    "another layout of the same sizes": (
        "inputs: {m: [16, 16], s: {tokens: 16, features: 16}}\nblocks: {B: {layers: [relu]}}\n"
        "layers: [{B: [], from: m}, {B: [], from: s}, B]\noutputs: [B1, B3]",
        1,
    ),
    "calls inside of calls": (
        "blocks: {A: {layers: [relu]}, B: {layers: [A, A, {add: {x: [relu], y: []}}]}}\nlayers: [B, B]",
        2,
    ),
    "a name outside": ("blocks: {B: {layers: [{add: [prev, p]}]}}\nlayers: [{relu: [], name: p}, B, B]", 0),
    "a name outside of the call around": (
        "blocks: {A: {layers: [{add: [prev, p]}]}, B: {layers: [{relu: [], name: p}, A, relu]}}\nlayers: [B, B]",
        1,
    ),
    "a name outside that is the input too": (
        "blocks: {B: {layers: [relu, {add: [prev, p]}]}}\nlayers: [{relu: [], name: p}, B, B]",
        0,
    ),
    "two inputs, which the first call has from one value": (
        "blocks: {B: {inputs: [a, b], layers: [{add: [a, b]}, {add: [prev, a]}]}}\n"
        "layers: [{relu: [], name: p}, {B: [], from: [p, prev]}, {B: [], from: [p, prev]}, {B: [], from: [prev, p]}]",
        1,
    ),
    "a layer inside of an input": (
        "blocks: {B: {inputs: [a], layers: [{add: [a, a.x.r]}]}}\n"
        "layers: [{add: {x: [{relu: [], name: r}], y: []}}, B, {add: {x: [{relu: [], name: r}], y: []}}, B]",
        0,
    ),
    "weights of the same call": (
        "blocks: {B: {layers: [{conv: 4, kernel: 1, name: c}, {conv: 4, kernel: 1, shared: c}]}}\nlayers: [B, B]",
        0,
    ),
    "weights of another call": (
        "blocks: {B: {layers: [{conv: 4, kernel: 1}]}}\nlayers: [B, {B: [], shared: B1}, B, {B: [], shared: B1}]",
        1,
    ),
    "an empty block": ("blocks: {B: {layers: []}}\nlayers: [relu, B, relu, B, {add: [B1, B2]}]", 1),
    "in a side output": (
        "blocks: {B: {layers: [{conv: 4, kernel: 1, name: c}]}}\nlayers: [B, B]\n"
        "side: {s: {from: B1.c, layers: [B, {relu: [], from: B1.c}, B]}}",
        2,
    ),
    "stages and groups": (
        "blocks: {B: {args: [n], layers: [{stages: {w: [4, 8]}, each: [{conv: $w, kernel: 1, repeat: $n}]}, "
        "{layers: [relu, {conv: 4, kernel: 1}], name: g}]}}\nlayers: [{B: 2}, {B: 2}, {relu: [], from: B2.g.conv1}]",
        1,
    ),
    "too deep for a copy": (
        "blocks: {A: {layers: [relu]}, B: {layers: [A]}}\nlayers: [A, B, B]",
        1,
    ),
}  # fmt: skip


def described(graph: Graph) -> list[Any]:
    nodes = [
        (node.index, node.path, node.op, node.inputs, node.shape.describe(), node.count, node.place.location,
         node.shared, node.side, node.inplace, node.signature)
        for node in graph.nodes
    ]  # fmt: skip
    return [*nodes, graph.signatures, list(graph.paths.items()), list(graph.blocks.items()), graph.outputs, graph.sides]


def expanded(found: Found, monkeypatch: pytest.MonkeyPatch) -> tuple[Graph, Graph, int]:
    """The graph, what it would be without copies, and how many calls were copies."""
    copies = 0
    copy = expand._Expander.repeat

    def counted(*call: Any) -> int:
        nonlocal copies
        copies += 1
        return copy(*call)

    with monkeypatch.context() as patch:
        patch.setattr(expand._Expander, "repeat", counted)
        graph, _ = expand.expand(document.load(found))
    with monkeypatch.context() as patch:
        patch.setattr(expand._Expander, "has_room", lambda *call: False)
        whole, _ = expand.expand(document.load(found))
    return graph, whole, copies


@pytest.mark.parametrize("what", SPECS)
def test_copies_are_what_expansion_makes(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, wanted = SPECS[what]
    given = "" if text.startswith("inputs") else "input: [4, 8, 8]\n"
    found = Found("net.yaml", f"cnncalc: 1\n{given}{text}\n".encode(), None)
    graph, whole, copies = expanded(found, monkeypatch)
    assert described(graph) == described(whole)
    assert copies == wanted


@pytest.mark.parametrize(("name", "wanted"), [("resnet50", 12), ("googlenet", 0), ("vit_b_16", 11), ("unet", 0)])
def test_copies_in_the_zoo(name: str, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, whole, copies = expanded(zoo.find(name), monkeypatch)
    assert described(graph) == described(whole)
    assert copies == wanted


def test_a_spec_expands_to_the_same_again() -> None:
    """What an expansion leaves with the document changes no other, whatever the variables and the input are."""
    spec = document.load(zoo.find("resnet50"))
    first = described(expand.expand(spec)[0])
    given = document.assigned({"width_factor": 2, "classes": 10}, spec)
    other = described(expand.expand(spec, given, (3, 64, 64))[0])
    assert described(expand.expand(spec)[0]) == first
    assert other == described(expand.expand(document.load(zoo.find("resnet50")), given, (3, 64, 64))[0])


def test_what_a_document_keeps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expand, "RULES_LIMIT", 60)
    spec = document.load(zoo.find("resnet50"))
    for size in range(64, 128, 16):
        expand.expand(spec, None, (3, size, size))
        assert len(spec.rules) <= 60 + 60


@pytest.mark.parametrize(
    ("limit", "value", "refusal"),
    [
        ("STEP_LIMIT", 9, "net.yaml:3:45: error: more than 9 expansion steps"),
        ("PATH_LIMIT", 60, "net.yaml:3:45: error: the paths of all layers have more than 60 characters"),
        ("LAYER_LIMIT", 7, "net.yaml:3:45: error: more than 7 layers"),
        ("CALL_LIMIT", 1, "net.yaml:3:66: error: more than 1 nested block calls: B -> A"),
    ],
)
def test_copies_keep_the_limits(limit: str, value: int, refusal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "blocks: {A: {layers: [{conv: 4, kernel: 1}, relu]}, B: {layers: [A]}}\nlayers: [A, A, B, A, A]"
    found = Found("net.yaml", f"cnncalc: 1\ninput: [4, 8, 8]\n{text}\n".encode(), None)
    monkeypatch.setattr(expand, limit, value)
    if limit == "LAYER_LIMIT":
        monkeypatch.setattr(builder, limit, value)
    for room in (True, False):
        if not room:
            monkeypatch.setattr(expand._Expander, "has_room", lambda *call: False)
        with pytest.raises(CnncalcError) as caught:
            expand.expand(document.load(found))
        assert format_error(caught.value) == refusal
