"""The receptive field with its numbers put in: ``rf_in + (k - 1)*jump_in``, and what becomes of it where branches meet,
behind an enlargement, and behind what shows every position the whole map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cnncalc.analysis import receptive_field
from cnncalc.derivation.expression import Expression, Number, Quotient, Symbol, ceil
from cnncalc.derivation.layer import Formula, Step
from cnncalc.graph.graph import Graph, Node
from cnncalc.ops.base import Tap


class Fields:
    """The receptive fields of a network; they are traced up to the one that is asked for."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._traced: list[receptive_field.Field | None] = []
        self._taps: dict[int, tuple[Tap, ...] | None] = {}

    def lines(self, node: Node, axes: Sequence[str], reach: Sequence[Step] | None) -> list[Formula]:
        """Field and jump of every axis; nothing where no field is stated."""
        if reach is None or not axes:
            return []
        grown: list[tuple[Expression, str | None, Expression]]
        if not node.inputs:
            grown = [(Number(1), None, Number(1))] * len(axes)
        else:
            seen = self._seen(node)
            if seen is None:
                return []
            steps: Sequence[Step | None] = reach or [None] * len(axes)
            grown = [_axis([field.axes[i] for field in seen], steps[i]) for i in range(len(axes))]
        fields = [
            Formula(f"receptive_field_{name}", size, note) for name, (size, note, _) in zip(axes, grown, strict=True)
        ]
        return fields + [Formula(f"jump_{name}", jump) for name, (_, _, jump) in zip(axes, grown, strict=True)]

    def _seen(self, node: Node) -> list[receptive_field.Field] | None:
        """The fields of the inputs as the node takes them; None where one has none."""
        shapes = self._graph.signatures[node.signature].inputs
        seen = []
        for index, shape in zip(node.inputs, shapes, strict=True):
            field = self._of(index)
            if field is None:
                return None
            seen.append(receptive_field._spread(field, shape, node.shape) if 1 in shape[1:] else field)
        return seen

    def _of(self, index: int) -> receptive_field.Field | None:
        graph, traced = self._graph, self._traced
        for node in graph.nodes[len(traced) : index + 1]:
            signature = graph.signatures[node.signature]
            if node.signature not in self._taps:
                self._taps[node.signature] = receptive_field._reach(signature)
            taps = self._taps[node.signature]
            if taps is receptive_field._UNCHANGED:
                traced.append(traced[node.inputs[0]])
            else:
                traced.append(receptive_field._field(node, signature.inputs, taps, traced))
        return traced[index]


def _axis(branches: list[receptive_field.Axis], step: Step | None) -> tuple[Expression, str | None, Expression]:
    """The field, a word on it, and the jump, along one axis."""
    met = branches[0] if len(branches) == 1 else receptive_field._meet(tuple(branches))
    base, note = _met(branches, met)
    jump = Symbol("jump_in", met.stride)
    if step is not None and step.stride.value == 0:
        if not met.shown:
            size = base + step.more * jump if met.step else base
            return _whole(size), "every value sees the whole axis", jump
        low, high = met.over(step.more.value)
        return _whole(_span(low, high)), "every value sees the whole axis", jump
    size = base
    if step is not None and met.step and not _is(step.more, 0):
        size = base + step.more * jump
    if met.shown and met.shown[1] - met.shown[0] >= size.value:
        low, high = met.shown
        known = [branch for branch in branches if branch.shown and branch.widest() == math.ceil(high - low)]
        if known:
            return Symbol("rf_in", known[0].widest()), "every value sees the whole axis already", _stride(jump, step)
        return _whole(_span(low, high)), "every value sees the whole axis already", _stride(jump, step)
    return _whole(size), note, _stride(jump, step)


def _met(branches: list[receptive_field.Axis], met: receptive_field.Axis) -> tuple[Expression, str | None]:
    """The field before the operator's own window."""
    if any(branch.first == met.first and branch.size == met.size for branch in branches):
        note = "the widest input holds the others" if len(branches) > 1 else None
        if met.shown and met.widest() > met.size:
            note = f"rf_in: what moves with the value, beside {met.shown[1] - met.shown[0]} pixels that all of them see"
        return Symbol("rf_in", met.size), note
    return _span(met.first, met.first + met.size), "from the first pixel to the last one that any input sees"


def _span(low: Any, high: Any) -> Expression:
    return Symbol("last", high - 1) - Symbol("first", low) + 1


def _stride(jump: Symbol, step: Step | None) -> Expression:
    if step is None or _is(step.stride, 1):
        return jump
    stride = step.stride
    return jump / stride.bottom if isinstance(stride, Quotient) and _is(stride.top, 1) else jump * stride


def _is(expression: Expression, value: int) -> bool:
    """Whether it is this number as it stands, with no name to it."""
    return isinstance(expression, Number) and expression.value == value


def _whole(size: Expression) -> Expression:
    """Behind an enlargement some values see a pixel more than others: what the most see."""
    return size if isinstance(size.value, int) else ceil(size)
