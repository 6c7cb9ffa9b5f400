"""The arithmetic of a layer with its numbers put in: a second derivation of the engine's figures, from shapes and
arguments alone.

``layer`` says what a rule is; the families (``windows``, ``dense``, ``pointwise``, ``rearrange``) have a rule for every
operator, ``field`` that of the receptive field. Here they become lines. What enters is exact and has no layout: how an
expression is written is decided in ``render``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from cnncalc.counting import backward
from cnncalc.derivation import dense, gradients, pointwise, rearrange, windows
from cnncalc.derivation.expression import Expression, Number, Symbol, total
from cnncalc.derivation.field import Fields
from cnncalc.derivation.layer import RULES, Formula, Layer, Parts
from cnncalc.derivation.saved_for_backward import saved
from cnncalc.errors import UsageError
from cnncalc.graph.graph import Graph, Node
from cnncalc.graph.walk import overwritten
from cnncalc.memory import peaks
from cnncalc.memory.simulate import Settings
from cnncalc.values import WORK_UNITS, Assumptions, dtype_bytes

__all__ = [
    "PARAMS", "RULES", "SUMMED", "WORK", "Formula", "Formulas", "dense", "params_of", "pointwise", "rearrange", "sums",
    "windows",
]  # fmt: skip

#: the columns of parameters, in order
PARAMS = ("weights", "biases", "norm_params", "other_params")
#: the quantity of each unit of raw work
WORK: Mapping[str, str] = MappingProxyType(
    {
        "mac": "macs",
        "bias": "bias_additions",
        "add": "additions",
        "mul": "multiplications",
        "div": "divisions",
        "cmp": "comparisons",
        "exp": "exponentials",
        "log": "logarithms",
        "sqrt": "square_roots",
        "tanh": "hyperbolic_tangents",
        "erf": "error_functions",
    }
)
#: the figures that layers add up to
SUMMED = ("params", *PARAMS, "macs", "flops", "backward_macs", "step_macs", "activations", "activation_bytes")


class Formulas:
    """The formulas of a network's layers under stated assumptions."""

    def __init__(self, graph: Graph, assumptions: Assumptions) -> None:
        self._graph = graph
        self._assumptions = assumptions
        self._fields = Fields(graph)
        self._overwritten: list[int | None] | None = None
        self._counts: dict[tuple[object, ...], list[Formula]] = {}
        self._needed: list[backward.Needs] = []
        self._steps: dict[bool, peaks.Run] = {}
        self._known: dict[int, tuple[Layer, Parts]] = {}

    def of(self, index: int) -> list[Formula]:
        """Every line of one layer: sizes, parameters, work, activations, receptive field."""
        node = self._graph.nodes[index]
        layer, parts = self._layer(node), self._parts(node)
        sizes = [Formula(f"output_{name}", size) for name, size in zip(layer.y.names, parts.output, strict=True)]
        return [*sizes, *self.counts(index), *self._fields.lines(node, layer.y.spatial, parts.reach)]

    def counts(self, index: int) -> list[Formula]:
        """The lines of one layer that count something: parameters, work, activations. Equal layers share them."""
        node = self._graph.nodes[index]
        key = (
            node.signature,
            node.count,
            node.shared,
            self._occupies_nothing(node),
            self._needs(node),
        )
        if key not in self._counts:
            self._counts[key] = [*self._params(node), *self._work(node), *self._activations(node)]
        return self._counts[key]

    def saved(self, index: int) -> Formula:
        """What a training step keeps for the backward pass of one layer, as PyTorch does.

        Raises:
            UsageError: a data type without gradients.
        """
        node = self._graph.nodes[index]
        assumed = self._assumptions
        settings = Settings(dtype=assumed.dtype, with_side=assumed.with_side or node.side is not None)
        if settings.with_side not in self._steps:
            self._steps[settings.with_side] = peaks.training(self._graph, assumed.batch, settings)
        run = self._steps[settings.with_side]
        size = Symbol("b", dtype_bytes(assumed.dtype))
        over = overwritten(self._graph, settings.with_side)[index]
        held = peaks.kept_by(run, index)
        return saved(self._layer(node), index, held, size, lambda count: self._times(node, count), over)

    def _layer(self, node: Node) -> Layer:
        return self._derived(node)[0]

    def _parts(self, node: Node) -> Parts:
        return self._derived(node)[1]

    def _derived(self, node: Node) -> tuple[Layer, Parts]:
        """The layer in symbols, and its arithmetic: once for equal operators on equal shapes.

        Raises:
            UsageError: nobody has derived the operator.
        """
        op, inputs, output, _ = self._graph.signatures[node.signature]
        if node.signature not in self._known:
            if op.name not in RULES:
                raise UsageError(f"no formulas are known for {op.name} '{node.path}'", hint="tables have its figures")
            layer = Layer(op, inputs, output)
            self._known[node.signature] = layer, RULES[op.name](layer)
        return self._known[node.signature]

    def _params(self, node: Node) -> list[Formula]:
        if node.shared is not None:
            owner = self._graph.nodes[node.shared].path
            return [Formula("params", Number(0), f"the parameters of {owner}, counted there")]
        given = self._parts(node).params
        lines = [Formula(name, given[name]) for name in PARAMS if name in given]
        if not lines:
            return [Formula("params", Number(0), "nothing is learned")]
        return [*lines, Formula("params", total(*[Symbol(line.quantity, line.value) for line in lines]))]

    def _work(self, node: Node) -> list[Formula]:
        given = self._parts(node).work
        lines = []
        for unit in WORK_UNITS:
            if unit in given:
                lines.append(Formula(WORK[unit], self._times(node, given[unit]), self._batch_note()))
        if "mac" not in given:
            lines.insert(0, Formula("macs", Number(0)))
        # 2 for a multiply-accumulate, 1 for every other operation
        amounts = [Symbol(line.quantity, line.value) for line in lines if line.value]
        twice = [2 * amount if amount.name == "macs" else amount for amount in amounts]
        forward = [*lines, Formula("flops", total(*twice), None if amounts else "no arithmetic")]
        macs = next(line.value for line in lines if line.quantity == "macs")
        return [*forward, *self._gradients(node, Symbol("macs", macs))]

    def _gradients(self, node: Node, macs: Expression) -> list[Formula]:
        """The lines of a pass that is not the forward pass."""
        if self._assumptions.pass_ == "forward":
            return []
        line = gradients.backward(self._layer(node), macs, self._needs(node), lambda count: self._times(node, count))
        if self._assumptions.pass_ == "backward":
            return [line]
        return [line, Formula("step_macs", macs + Symbol("backward_macs", line.value))]

    def _needs(self, node: Node) -> backward.Needs:
        if not self._needed:
            self._needed = backward.needs(self._graph, self._assumptions.with_side)
        return self._needed[node.index]

    def _activations(self, node: Node) -> list[Formula]:
        size = Symbol("b", dtype_bytes(self._assumptions.dtype))
        reason = self._occupies_nothing(node)
        if reason:
            return [Formula("activations", Number(0), reason), Formula("activation_bytes", Number(0))]
        values = Formula("activations", self._times(node, self._layer(node).y.values()), self._batch_note())
        return [values, Formula("activation_bytes", Symbol("activations", values.value) * size)]

    def _occupies_nothing(self, node: Node) -> str | None:
        """Why a result has no place of its own."""
        if node.op.result == "view":
            nothing = node.op.name in ("dropout", "stochastic_depth")
            return "does nothing in evaluation: its result is its input" if nothing else "a view of its input, no copy"
        if self._overwritten is None:
            self._overwritten = overwritten(self._graph, self._assumptions.with_side)
        over = self._overwritten[node.index]
        return None if over is None else f"in place: written over the output of {self._graph.nodes[over].path}"

    def _times(self, node: Node, count: Expression) -> Expression:
        """What one value of one sample costs, for all of them."""
        if node.count > 1:
            count = count * Symbol("r", node.count)
        return count * Symbol("n", self._assumptions.batch) if self._assumptions.batch > 1 else count

    def _batch_note(self) -> str | None:
        return f"times the batch, n = {self._assumptions.batch}" if self._assumptions.batch > 1 else None


def sums(layers: Mapping[str, Sequence[Formula]]) -> list[Formula]:
    """What layers add up to: of every figure the sum of theirs, each by its path, without those that have none."""
    terms: dict[str, list[Expression]] = {}
    for path, formulas in layers.items():
        for formula in formulas:
            if formula.quantity in SUMMED:
                mine = terms.setdefault(formula.quantity, [])
                if formula.value:
                    mine.append(Symbol(path, formula.value))
    return [Formula(quantity, total(*terms[quantity])) for quantity in SUMMED if quantity in terms]


def params_of(formulas: Sequence[Formula]) -> Expression:
    """A layer's parameters in one expression, without the names of other lines."""
    return total(*[formula.expression for formula in formulas if formula.quantity in PARAMS])
