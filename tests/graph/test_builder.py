"""The graph and its builder."""

from __future__ import annotations

import pickle
from typing import Any, NamedTuple

import pytest

from cnncalc.errors import LimitError, Location, ShapeError, SpecError
from cnncalc.graph import builder as home
from cnncalc.graph.builder import GraphBuilder
from cnncalc.graph.graph import Input, Side
from cnncalc.ops import OPS
from cnncalc.ops.base import ArgumentError
from cnncalc.values import NO_WORK, MapShape, Shape, VectorShape


class Place(NamedTuple):
    """Where a layer of these tests was written."""

    location: Location


START = Place(Location("net.yaml", 2, 8))
HERE = Place(Location("net.yaml", 14, 9))


def builder(*shape: int) -> GraphBuilder:
    build = GraphBuilder()
    build.input("input", VectorShape(*shape) if len(shape) == 1 else MapShape(*(shape or (3, 8, 8))), START)
    return build


def add(to: GraphBuilder, name: str, inputs: tuple[int, ...] = (-1,), path: str = "", **arguments: Any) -> int:
    """Adds an operator after the last node; its index."""
    last = len(to.nodes) - 1
    positive = tuple(last if index == -1 else index for index in inputs)
    return to.add(to.rules.op(OPS[name], arguments), positive, path or f"{name}{last + 1}", HERE)


def test_nodes_are_typed_when_they_are_added() -> None:
    build = builder(3, 8, 8)
    first = add(build, "conv", out=16, kernel=3, path="a.conv1")
    node = build.nodes[first]
    assert (node.index, node.path, node.shape, node.inputs, node.count) == (1, "a.conv1", (16, 6, 6), (0,), 1)
    assert node.place.location == HERE.location
    assert (node.shared, node.side, node.inplace) == (None, None, None)
    assert repr(node).startswith("Node(1, 'a.conv1', Conv(out=16, kernel=3,")


def test_the_first_node_is_the_input() -> None:
    node = builder(3, 8, 8).finish([0]).nodes[0]
    assert (node.path, node.shape, node.inputs, node.op.name) == ("input", (3, 8, 8), (), "input")


def test_the_input_is_no_operator_of_the_language() -> None:
    assert "input" not in OPS
    assert Input(MapShape(3, 8, 8)).work(MapShape(3, 8, 8)) == NO_WORK
    assert Input(MapShape(3, 8, 8)).lowering().target == "torch.nn.Identity"
    assert Input.samples() == []
    with pytest.raises(ShapeError):
        Input(MapShape(3, 8, 8)).shape()


def test_equal_operators_are_one_object_and_one_kind() -> None:
    build = builder(4, 8, 8)
    for _ in range(3):
        add(build, "conv", out=4, kernel=3, pad=1)
    add(build, "relu")
    add(build, "conv", out=4, kernel=3)
    add(build, "conv", out=4, kernel=3)
    nodes = build.nodes
    assert nodes[1].op is nodes[2].op is nodes[3].op
    # input; three equal ones; relu; 8 to 6; and the same operator on another shape, 6 to 4
    assert [node.signature for node in nodes] == [0, 1, 1, 1, 2, 3, 4]
    assert nodes[5].op is nodes[6].op


def test_rules_are_empty_in_another_process() -> None:
    build = builder(3, 8, 8)
    add(build, "relu")
    assert len(build.rules) == 2
    assert len(pickle.loads(pickle.dumps(build.rules))) == 0


def test_a_rule_is_asked_once_for_each_kind() -> None:
    build = builder(4, 8, 8)
    for _ in range(5):
        add(build, "relu")
    asked = []
    answers = build.finish([5]).per_node(lambda kind: asked.append(kind) or len(asked))
    assert answers == [1, 2, 2, 2, 2, 2]
    assert [kind.op.name for kind in asked] == ["input", "relu"]


def test_a_graph_keeps_outputs_paths_blocks_and_sides() -> None:
    build = builder()
    a = add(build, "relu", path="block1.relu1")
    build.paths["block1"] = a
    build.blocks["block1"] = "Block"
    build.side = "aux"
    b = add(build, "flatten", path="aux.flatten1")
    build.sides.append(Side("aux", a, b))
    graph = build.finish([a])
    assert graph.outputs == (a,)
    assert graph.paths == {"input": 0, "block1.relu1": a, "aux.flatten1": b, "block1": a}
    assert graph.blocks == {"block1": "Block"}
    assert graph.sides == (Side("aux", a, b),)
    assert [node.side for node in graph.nodes] == [None, None, "aux"]


def test_counts_pass_from_node_to_node() -> None:
    build = builder()
    build.nodes[0].count = 5
    add(build, "relu")
    add(build, "add", inputs=(0, 1))
    assert [node.count for node in build.nodes] == [5, 5, 5]


def test_regions_multiply_the_count() -> None:
    build = builder()
    add(build, "roi_align", regions=100, size=7)
    add(build, "roi_align", regions=2, size=3)
    add(build, "flatten")
    assert [node.count for node in build.nodes] == [1, 100, 200, 200]
    assert build.nodes[2].shape == (3, 3, 3)


def test_values_that_come_in_different_numbers_do_not_join() -> None:
    build = builder(3, 7, 7)
    add(build, "roi_align", regions=100, size=7)
    with pytest.raises(SpecError) as caught:
        add(build, "add", (0, 1, 1), "a.b")
    assert (
        caught.value.message
        == "add 'a.b': inputs must have the same number of values, but have 1, 100 and 100: roi_align makes one per region"
    )
    assert caught.value.location == HERE.location
    add(build, "add", (1, 1))
    assert build.nodes[-1].count == 100


def test_regions_of_more_elements_are_refused() -> None:
    build = builder(3, 7, 7)
    add(build, "roi_align", regions=2**31 - 1, size=1)
    with pytest.raises(SpecError) as caught:
        add(build, "roi_align", regions=2**31 - 1, size=2, path="a.b")
    assert caught.value.message == "roi_align 'a.b': more than 2^63 - 1 elements: 4611686014132420609x3x2x2"


#: operator, arguments, inputs, shape of the network's input, message
MESSAGES = [
    ("conv", {"out": 8, "kernel": 3, "groups": 2}, (0,), (3, 8, 8),
     "conv 'a.b': groups must divide the input channels, but 2 does not divide 3"),
    ("linear", {"out": 10}, (0,), (3, 8, 8),
     "linear 'a.b': takes vectors, sequences or tensors, but the input is a map 3x8x8"),
    ("relu", {}, (0, 0), (3, 8, 8), "relu 'a.b': takes 1 input, but got 2"),
    ("concat", {}, (0,), (3, 8, 8), "concat 'a.b': takes at least 2 inputs, but got 1"),
    ("conv", {"out": 2**31 - 1, "kernel": 1}, (0,), (1, 2**31 - 1, 3),
     "conv 'a.b': more than 2^63 - 1 elements: 2147483647x2147483647x3"),
    ("linear", {"out": 2**31 - 1}, (0,), (2**33,),
     "linear 'a.b': more than 2^63 - 1 elements: 2147483647x8589934592"),
    ("upsample", {"factor": 2**31 - 1}, (0,), (3, 1, 1),
     "upsample 'a.b': more than 2^63 - 1 elements: 3x2147483647x2147483647"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "inputs", "shape", "message"), MESSAGES, ids=[row[4] for row in MESSAGES]
)
def test_errors_get_operator_path_and_location(
    name: str, arguments: dict[str, Any], inputs: tuple[int, ...], shape: Shape, message: str
) -> None:
    build = builder(*shape)
    with pytest.raises(SpecError) as caught:
        add(build, name, inputs, "a.b", **arguments)
    assert caught.value.message == message
    assert caught.value.location == HERE.location
    assert len(build.nodes) == 1


def test_the_hint_of_a_rule_stays() -> None:
    with pytest.raises(SpecError) as caught:
        add(builder(), "linear", out=10)
    assert caught.value.hint == "put flatten, or global_avgpool and flatten, before it"


def test_arguments_are_checked_when_the_operator_is_made() -> None:
    with pytest.raises(ArgumentError) as caught:
        builder().rules.op(OPS["conv"], {"out": 0, "kernel": 1})
    assert caught.value.message == "out must be from 1 to 2147483647, not 0"


@pytest.mark.parametrize(
    ("good", "wrong"),
    [
        ({"out": 1, "kernel": 1}, {"out": True, "kernel": 1}),
        ({"out": 1, "kernel": 1, "bias": True}, {"out": 1, "kernel": 1, "bias": 1}),
        ({"out": 1, "kernel": (3, 1)}, {"out": 1, "kernel": (3, True)}),
        ({"out": 2, "kernel": 1}, {"out": 2.0, "kernel": 1}),
    ],
    ids=str,
)
def test_a_known_operator_does_not_hide_a_wrong_argument(good: dict[str, Any], wrong: dict[str, Any]) -> None:
    build = builder()
    build.rules.op(OPS["conv"], good)
    with pytest.raises(ArgumentError):
        build.rules.op(OPS["conv"], wrong)


def test_as_many_elements_as_63_bits_count() -> None:
    # 2^63 - 1 = 7 * 7 * 73 * 127 * 337 * 92737 * 649657
    parts = (7 * 7 * 73 * 127, 337 * 92737, 649657)
    assert parts[0] * parts[1] * parts[2] == 2**63 - 1
    build = builder(*parts)
    assert build.nodes[add(build, "relu")].shape == parts


def test_an_input_of_more_elements_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        builder(2**31, 2**31, 2)
    assert caught.value.message == "input: more than 2^63 - 1 elements: 2147483648x2147483648x2"
    assert caught.value.location == START.location


def test_layers_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert home.LAYER_LIMIT == 100_000
    monkeypatch.setattr(home, "LAYER_LIMIT", 3)
    build = builder()
    for _ in range(3):
        add(build, "relu")
    with pytest.raises(LimitError) as caught:
        add(build, "relu")
    assert caught.value.message == "more than 3 layers"
    assert caught.value.location == HERE.location
    assert len(build.nodes) == 1 + 3


def share(first: dict[str, Any], second: dict[str, Any], between: dict[str, Any] | None = None) -> GraphBuilder:
    """Two operators in a row, the second with the weights of the first."""
    build = builder(4, 8, 8)
    add(build, **first, path="one")
    if between:
        add(build, **between)
    op = build.rules.op(OPS[second.pop("name")], second)
    build.add(op, (len(build.nodes) - 1,), "two", HERE, shared=1)
    return build


CONV = {"name": "conv", "out": 4, "kernel": 3}


def test_weights_can_be_shared_where_they_are_equal() -> None:
    assert share(CONV, dict(CONV)).nodes[2].shared == 1
    # another stride or padding uses the same weights
    assert share(CONV, {**CONV, "stride": 2, "pad": 1}).nodes[2].shape == (4, 3, 3)


@pytest.mark.parametrize(
    ("second", "between", "message"),
    [
        (
            {**CONV, "out": 8},
            None,
            "conv 'two': its weights (weight 8x4x3x3, bias 8) differ from those of 'one' (weight 4x4x3x3, bias 4)",
        ),
        (
            {**CONV, "bias": False},
            None,
            "conv 'two': its weights (weight 4x4x3x3) differ from those of 'one' (weight 4x4x3x3, bias 4)",
        ),
        (
            dict(CONV),
            {"name": "concat", "inputs": (1, 1)},
            "conv 'two': its weights (weight 4x8x3x3, bias 4) differ from those of 'one' (weight 4x4x3x3, bias 4)",
        ),
        ({"name": "relu"}, None, "relu 'two': weights are shared by layers of one operator, but 'one' is conv"),
        (
            {"name": "conv_transpose", "out": 4, "kernel": 3},
            None,
            "conv_transpose 'two': weights are shared by layers of one operator, but 'one' is conv",
        ),
    ],
)
def test_other_weights_cant_be_shared(second: dict[str, Any], between: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        share(CONV, dict(second), between)
    assert caught.value.message == message
    assert caught.value.location == HERE.location
