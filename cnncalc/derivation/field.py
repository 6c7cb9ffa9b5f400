"""The receptive field with its numbers put in: ``rf_in + (k - 1)*jump_in``, and what becomes of it where branches meet,
behind an enlargement, and behind what shows every position the whole map.
"""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.analysis import receptive_field
from cnncalc.analysis.receptive_field import Axis, Span
from cnncalc.derivation.expression import Expression, Number, Quotient, Symbol
from cnncalc.derivation.layer import Formula, Step
from cnncalc.graph.graph import Graph, Node

Grown = tuple[Expression, str | None, Expression]


class Fields:
    """The receptive fields of a network; they are traced up to the one that is asked for."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._trace = receptive_field.FieldTrace(graph)

    def lines(self, node: Node, axes: Sequence[str], reach: Sequence[Step] | None) -> list[Formula]:
        """Field and jump of every axis; nothing where no field is stated."""
        if reach is None or not axes:
            return []
        grown: list[Grown]
        if not node.inputs:
            grown = [(Number(1), None, Number(1))] * len(axes)
        else:
            field = self._trace.to(node.index)
            if field is None or not field.axes:
                return []
            steps: Sequence[Step | None] = reach or [None] * len(axes)
            entering = receptive_field.entering(self._graph, node, self._trace.fields) or []
            branches = zip(*entering, strict=True)
            sizes = self._graph.signatures[node.signature].inputs[0][1:] if reach else node.shape[1:]
            rows = zip(branches, steps, field.axes, sizes, node.shape[1:], strict=True)
            grown = [_axis(list(met), step, after, *counts) for met, step, after, *counts in rows]
        fields = [
            Formula(f"receptive_field_{name}", size, note) for name, (size, note, _) in zip(axes, grown, strict=True)
        ]
        return fields + [Formula(f"jump_{name}", jump) for name, (_, _, jump) in zip(axes, grown, strict=True)]


def _axis(branches: list[Axis], step: Step | None, after: Axis, size: int, count: int) -> Grown:
    """The field, a word on it, and the jump, along one axis of ``size`` values that becomes one of ``count``."""
    met = receptive_field.meet(branches, size) or after
    jump = Symbol("jump_in", met.stride)
    if step is not None and step.stride.value == 0:
        if met.shown or len(met.seen.spans) > 1:
            return _span(after.shown), "every value sees the whole axis", jump
        grown = Symbol("rf_in", met.seen.widest(size))
        return grown + step.more * jump if met.seen.jump else grown, "every value sees the whole axis", jump
    jump_out = _stride(jump, step)
    widest = after.seen.widest(count)
    if after.shown and after.shown[1] - after.shown[0] + 1 >= widest:
        whole = after.widest(count)
        known = any(branch.widest(size) == whole for branch in branches)
        shown = Symbol("rf_in", whole) if known else _span(after.shown)
        return shown, "every value sees the whole axis already", jump_out
    base, note = _met(branches, met, size)
    if base is not None and (step is None or _is(step.more, 0) or not met.seen.jump):
        if base.value == widest:
            return base, note, jump_out
    elif base is not None and step is not None and len(after.seen.spans) == len(met.seen.spans) == 1:
        return base + step.more * jump, note, jump_out
    spans = [span for span in after.seen.spans[:count] if span]
    most = next(span for span in spans if span[1] - span[0] + 1 == widest)
    few = len(spans) > 1 or len(branches) == 1
    return _span(most), "of the values that see the most" if few else note, jump_out


def _met(branches: list[Axis], met: Axis, size: int) -> tuple[Expression | None, str | None]:
    """The field before the operator's own window, where it is that of one input; and a word on it."""
    if any(branch.seen == met.seen for branch in branches):
        note = "the widest input holds the others" if len(branches) > 1 else None
        if met.shown and met.widest(size) > met.seen.widest(size):
            pixels = met.shown[1] - met.shown[0] + 1
            note = f"rf_in: what moves with the value, beside {pixels} pixels that all of them see"
        return Symbol("rf_in", met.seen.widest(size)), note
    note = "from the first pixel to the last one that any input sees"
    return (_span(met.seen.spans[0]) if len(met.seen.spans) == 1 else None), note


def _span(span: Span) -> Expression:
    first, last = span or (0, -1)
    return Symbol("last", last) - Symbol("first", first) + 1


def _stride(jump: Symbol, step: Step | None) -> Expression:
    if step is None or _is(step.stride, 1):
        return jump
    stride = step.stride
    return jump / stride.bottom if isinstance(stride, Quotient) and _is(stride.top, 1) else jump * stride


def _is(expression: Expression, value: int) -> bool:
    """Whether it is this number as it stands, with no name to it."""
    return isinstance(expression, Number) and expression.value == value
