"""Operators that the language does not have yet fit the Graph: recurrent, looked up by ids, of two values, of none."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import pytest

from cnncalc.analysis.report import Report
from cnncalc.errors import Location, ShapeError, SpecError
from cnncalc.graph.builder import GraphBuilder
from cnncalc.graph.graph import Graph
from cnncalc.memory.peaks import Run
from cnncalc.memory.simulate import Settings, simulate
from cnncalc.ops import OPS, base
from cnncalc.ops.base import Lowering, Op, op
from cnncalc.values import NO_WORK, IdsShape, MapShape, SequenceShape, TensorShape, ValueShape, VectorShape, Work


class LSTM(Op):
    """A recurrent layer, with two tensors of biases.   [t, f] -> [t, hidden]"""

    layouts = ("sequence",)
    biases = ("bias_ih_l0", "bias_hh_l0")

    hidden: int

    def shape(self, x: SequenceShape) -> ValueShape:
        return x.with_channels(self.hidden)

    def weights(self, x: SequenceShape) -> dict[str, tuple[int, ...]]:
        kernels = {"weight_ih_l0": (4 * self.hidden, x[1]), "weight_hh_l0": (4 * self.hidden, self.hidden)}
        return {**kernels, "bias_ih_l0": (4 * self.hidden,), "bias_hh_l0": (4 * self.hidden,)}

    def work(self, x: SequenceShape, y: SequenceShape) -> Work:
        return Work(mac=x[0] * 4 * self.hidden * (x[1] + self.hidden))

    def reach(self, x: SequenceShape) -> None:
        return None

    def lowering(self, x: SequenceShape) -> Lowering:
        return Lowering("torch.nn.LSTM", (x[1], self.hidden))

    def run(self, tape: Any, x: Any) -> Any:
        gates = tape.hold(tape.linear(x, tape.weights["weight_ih_l0"], tape.weights["bias_ih_l0"]))
        state = tape.slices(gates, 2, [range(self.hidden)])
        gates = tape.add(gates, tape.linear(state, tape.weights["weight_hh_l0"], tape.weights["bias_hh_l0"]))
        return tape.slices(gates, 2, [range(self.hidden)])

    @classmethod
    def samples(cls) -> list[Any]:
        return []


class Embedding(Op):
    """A vector for each id.   [t] -> [t, width]"""

    layouts = ("ids",)
    biases = ()

    width: int

    def shape(self, x: IdsShape) -> ValueShape:
        return SequenceShape(x[0], self.width) if x else VectorShape(self.width)

    def weights(self, x: IdsShape) -> dict[str, tuple[int, ...]]:
        return {"weight": (x.below, self.width)}

    def work(self, x: IdsShape, y: ValueShape) -> Work:
        return NO_WORK

    def reach(self, x: IdsShape) -> None:
        return None

    def lowering(self, x: IdsShape) -> Lowering:
        return Lowering("torch.nn.Embedding", (x.below, self.width))

    def run(self, tape: Any, x: Any) -> Any:
        weight = tape.weights["weight"]
        out = tape.new((*x.shape, self.width))
        return tape.record(out, [weight], lambda grad, needs: [tape.new(weight.shape, False)], [x])

    @classmethod
    def samples(cls) -> list[Any]:
        return []


class Product(Op):
    """A product of matrices.   [*, n, k], [*, k, m] -> [*, n, m]"""

    layouts = ("sequence", "tensor")
    arity = (2, 2)

    def shape(self, x: ValueShape, y: ValueShape) -> ValueShape:
        if x[-1] != y[-2]:
            raise ShapeError(f"columns must equal rows, but {x[-1]} is not {y[-2]}")
        return x.like(*x[:-1], y[-1])

    def work(self, x: ValueShape, y: ValueShape, out: ValueShape) -> Work:
        return Work(mac=out[0] * out[-1] * x[-1]) if len(out) == 2 else Work(mac=out[0] * out[1] * out[2] * x[-1])

    def reach(self, *inputs: ValueShape) -> None:
        return None

    def lowering(self, *inputs: ValueShape) -> Lowering:
        return Lowering("torch.matmul")

    def run(self, tape: Any, x: Any, y: Any) -> Any:
        return tape.matmul(x, y)

    @classmethod
    def samples(cls) -> list[Any]:
        return []


class Constant(Op):
    """Numbers that are not learned and read nothing.   -> [n]"""

    layouts = ("vector",)
    arity = (0, 0)

    size: int

    def shape(self) -> ValueShape:
        return VectorShape(self.size)

    def work(self, out: ValueShape) -> Work:
        return NO_WORK

    def reach(self) -> None:
        return None

    def buffers(self) -> dict[str, tuple[int, ...]]:
        return {"value": (self.size,)}

    def lowering(self) -> Lowering:
        return Lowering("torch.nn.Buffer")

    def run(self, tape: Any) -> Any:
        return tape.expand(tape.buffers["value"], (tape.batch, self.size), True)

    @classmethod
    def samples(cls) -> list[Any]:
        return []


NEW: dict[str, type[Op]] = {"lstm": LSTM, "embedding": Embedding, "matmul": Product, "constant": Constant}
HERE = type("Place", (), {"location": Location("net.yaml", 3, 5)})()


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operators are here only."""
    known = dict(base._REGISTRY)
    monkeypatch.setattr(base, "_REGISTRY", known)
    for name, made in NEW.items():
        known.pop(name, None)
        op(name)(made)


class Made:
    """A graph of inputs, and operators on the values of a name."""

    def __init__(self, **inputs: ValueShape) -> None:
        self.builder = GraphBuilder()
        self.named = {name: self.builder.input(name, shape, HERE) for name, shape in inputs.items()}

    def add(self, name: str, keyword: str, *read: str, **arguments: Any) -> Made:
        made = self.builder.rules.op(NEW.get(keyword) or OPS[keyword], arguments)
        self.named[name] = self.builder.add(made, tuple(self.named[one] for one in read), name, HERE)
        return self

    def graph(self) -> Graph:
        return self.builder.finish([len(self.builder.nodes) - 1], "later")


def recurrent() -> Graph:
    made = Made(x=SequenceShape(5, 8)).add("lstm1", "lstm", "x", hidden=6).add("head", "linear", "lstm1", out=3)
    return made.graph()


def looked_up() -> Graph:
    made = Made(words=IdsShape.of(100, 7)).add("table", "embedding", "words", width=4)
    return made.add("norm", "layernorm", "table").add("head", "linear", "norm", out=2).graph()


def multiplied() -> Graph:
    made = Made(left=TensorShape(2, 5, 4), right=TensorShape(2, 4, 3)).add("m", "matmul", "left", "right")
    return made.add("act", "relu", "m").graph()


def standing_alone() -> Graph:
    made = Made(x=MapShape(3, 4, 4)).add("conv", "conv", "x", out=2, kernel=3).add("flat", "flatten", "conv")
    return (
        made.add("bias", "constant", size=8).add("sum", "add", "flat", "bias").add("fc", "linear", "sum", out=2).graph()
    )


#: path: layout and sizes, parameters, MACs of each; by hand
FIGURES: list[tuple[Callable[[], Graph], dict[str, tuple[str, list[int], int, int]]]] = [
    (recurrent, {
        "x": ("sequence", [5, 8], 0, 0),
        # four gates of 6, each with 8 and 6 weights and two biases, for 5 tokens
        "lstm1": ("sequence", [5, 6], 4 * 6 * (8 + 6 + 2), 5 * 4 * 6 * (8 + 6)),
        "head": ("sequence", [5, 3], 6 * 3 + 3, 5 * 6 * 3),
    }),
    (looked_up, {
        "words": ("ids", [7], 0, 0),
        "table": ("sequence", [7, 4], 100 * 4, 0),
        "norm": ("sequence", [7, 4], 2 * 4, 0),  # over features
        "head": ("sequence", [7, 2], 4 * 2 + 2, 7 * 4 * 2),
    }),
    (multiplied, {
        "left": ("tensor", [2, 5, 4], 0, 0),
        "right": ("tensor", [2, 4, 3], 0, 0),
        "m": ("tensor", [2, 5, 3], 0, 2 * 5 * 3 * 4),
        "act": ("tensor", [2, 5, 3], 0, 0),
    }),
    (standing_alone, {
        "x": ("map", [3, 4, 4], 0, 0),
        "conv": ("map", [2, 2, 2], 2 * 3 * 9 + 2, 4 * 2 * 3 * 9),
        "flat": ("vector", [8], 0, 0),
        "bias": ("vector", [8], 0, 0),
        "sum": ("vector", [8], 0, 0),
        "fc": ("vector", [2], 8 * 2 + 2, 8 * 2),
    }),
]  # fmt: skip


@pytest.mark.parametrize(("made", "figures"), FIGURES, ids=lambda given: getattr(given, "__name__", ""))
def test_figures(made: Callable[[], Graph], figures: dict[str, tuple[str, list[int], int, int]]) -> None:
    report = Report(made())
    rows = [row.to_dict() for row in report.layers]
    assert {row["path"]: (row["layout"], row["out"], row["params"], row["macs"]) for row in rows} == figures
    assert report.totals["params"] == sum(row[2] for row in figures.values())
    assert str(report).count("\n") >= len(figures)


@pytest.mark.parametrize("made", [made for made, _ in FIGURES], ids=lambda made: made.__name__)
@pytest.mark.parametrize("training", [False, True])
def test_memory(made: Callable[[], Graph], training: bool) -> None:
    """Parameters and inputs are all there at any moment, and training frees what it saved."""
    graph = made()
    report = Report(graph)
    run = Run(graph, simulate(graph, 2, Settings(training=training)), 2)
    assert run.category("parameters") == 4 * report.totals["params"]
    given = [graph.nodes[index].shape for index in graph.inputs]
    assert run.category("input") == 2 * sum((8 if x.layout == "ids" else 4) * prod(x) for x in given)
    assert run.category("gradients") == (4 * report.totals["params"] if training else 0)
    assert run.peak.bytes > run.category("parameters") + run.category("input")


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            lambda: Made(x=MapShape(3, 4, 4)).add("lstm1", "lstm", "x", hidden=6),
            "lstm 'lstm1': takes sequences, but the input is a map 3x4x4",
        ),
        (
            lambda: Made(x=SequenceShape(3, 4)).add("table", "embedding", "x", width=6),
            "embedding 'table': takes ids, but the input is a sequence of 3 tokens of 4 features",
        ),
        (
            lambda: Made(x=TensorShape(3, 4)).add("m", "matmul", "x", "x"),
            "matmul 'm': columns must equal rows, but 4 is not 3",
        ),
        (lambda: Made(x=TensorShape(3, 4)).add("m", "matmul", "x"), "matmul 'm': takes 2 inputs, but got 1"),
        (lambda: Made(x=VectorShape(3)).add("c", "constant", "x", size=4), "constant 'c': takes 0 inputs, but got 1"),
    ],
    ids=["layout", "ids", "law", "few", "many"],
)
def test_errors(made: Callable[[], Made], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        made()
    assert caught.value.message == message
