"""Receptive field, effective stride and offset of every value, along each spatial axis of the input.

A window of ``extent`` pixels and stride s over a value with receptive field r, effective stride j and first pixel a
gives r + (extent - 1)*j, s*j and a - before*j (Araujo, Norris and Sim 2019, "Computing receptive fields of
convolutional neural networks"). Where branches meet, the largest and the smallest field are both kept. What is spread
over a whole map (the gate of squeeze-and-excitation, the statistics of instance normalization) shows every position
the same pixels; they do not move with it, no later window widens them, and the offset leaves them out.
"""

from __future__ import annotations

from math import ceil
from typing import Any, NamedTuple

from cnncalc.graph.graph import Graph, Node, Signature
from cnncalc.ops.base import Tap
from cnncalc.values import Assumptions, Shape, whole


class Axis(NamedTuple):
    """The field along one axis: ``size`` pixels from ``first`` on for value 0, ``stride`` pixels to the next value,
    ``least`` pixels on the narrowest path; ``step`` is how far the field moves from one value to the next, ``stride``
    or 0; ``shown`` are the pixels (the first, and the one after the last) that every value sees besides. Whole numbers,
    or Fractions behind an enlargement.
    """

    size: Any
    least: Any
    stride: Any
    first: Any
    step: Any
    shown: tuple[Any, Any] | None = None

    def through(self, tap: Tap) -> Axis:
        """The field behind a window over this value."""
        more = tap.extent - 1
        if not tap.stride:
            return self._replace(shown=self.over(more))
        size, least, stride, first, step, shown = self
        return Axis(
            size + more * step,
            least + more * step,
            stride * tap.stride,
            first - tap.before * step,
            step * tap.stride,
            shown,
        )

    def over(self, more: int) -> tuple[Any, Any]:
        """The pixels that value 0 and ``more`` values after it see together."""
        low, high = self.first, self.first + self.size + more * self.step
        return (min(low, self.shown[0]), max(high, self.shown[1])) if self.shown else (low, high)

    def widest(self) -> int:
        """The pixels that the widest path shows."""
        shown = self.shown[1] - self.shown[0] if self.shown else 0
        widest: int = ceil(max(self.size, shown))
        return widest

    def row(self) -> tuple[Any, Any, Any, Any]:
        """What the columns say of the axis."""
        return (self.widest(), ceil(self.least), whole(self.stride), whole(self.centre()))

    def centre(self) -> Any:
        """The middle of value 0's field: a whole number, or a Fraction."""
        doubled = 2 * self.first + self.size - 1
        if doubled % 2 == 0:
            return doubled // 2
        from fractions import Fraction

        return Fraction(doubled) / 2


class Field:
    """The field of a value on every axis, and the row that reports it; values that pass unchanged share one.

    Behind an enlargement some values see a pixel more than others: a size is rounded up to what the most see.
    """

    __slots__ = ("axes", "row")

    def __init__(self, axes: tuple[Axis, ...]) -> None:
        self.axes = axes
        rows = [axis.row() for axis in axes] if axes.count(axes[0]) < len(axes) else [axes[0].row()] * len(axes)
        self.row = tuple(map(list, zip(*rows, strict=True)))


_SAME_PIXEL = Tap(1, 1, 0)
_UNCHANGED = (_SAME_PIXEL,)
_NAMES = ("receptive_field", "receptive_field_min", "effective_stride", "offset")
_NO_FIELD = (None,) * len(_NAMES)


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[Any]]:
    """The columns, a list per axis for every node, None where no spatial axis is left."""
    fields: list[Field | None] = []
    for node, taps in zip(graph.nodes, graph.per_node(_reach), strict=True):
        if taps is _UNCHANGED:
            fields.append(fields[node.inputs[0]])
        else:
            fields.append(_field(node, graph.signatures[node.signature].inputs, taps, fields))
    rows = [_NO_FIELD if field is None else field.row for field in fields]
    return dict(zip(_NAMES, map(list, zip(*rows, strict=True)), strict=True))


def total_stride(graph: Graph) -> int:
    """Pixels of the input from one value of the coarsest map to the next; a single value is no map."""
    strides = measure(graph, Assumptions())["effective_stride"]
    maps = [axes for axes, node in zip(strides, graph.nodes, strict=True) if axes and max(node.shape[1:]) > 1]
    return max([int(stride) for axes in maps for stride in axes], default=1) or 1


def _reach(signature: Signature) -> tuple[Tap, ...] | None:
    """The taps of a signature; ``_UNCHANGED`` where each value sees what the same value of the only input sees."""
    taps = signature.op.reach(*signature.inputs)
    if taps is None or len(signature.inputs) != 1 or taps.count(_SAME_PIXEL) < len(taps):
        return taps
    (shape,) = signature.inputs
    if shape.layout != "map":
        return _UNCHANGED
    return taps if 1 in shape[1:] and shape[1:] != signature.output[1:] else _UNCHANGED


def _field(
    node: Node, shapes: tuple[Shape, ...], taps: tuple[Tap, ...] | None, fields: list[Field | None]
) -> Field | None:
    if taps is None:
        return None
    if not node.inputs:
        return Field((Axis(1, 1, 1, 0, 1),) * (len(node.shape) - 1)) if node.shape.layout == "map" else None
    seen = []
    for index, shape in zip(node.inputs, shapes, strict=True):
        field = fields[index]
        if field is None:
            return None
        seen.append(_spread(field, shape, node.shape) if 1 in shape[1:] else field)
    met = seen[0]
    if len(seen) > 1:
        met = Field(tuple(map(_meet, zip(*[field.axes for field in seen], strict=True))))
    if not taps:
        return met
    axes = met.axes
    if taps.count(taps[0]) == len(taps) and axes.count(axes[0]) == len(axes):
        return Field((axes[0].through(taps[0]),) * len(axes))
    return Field(tuple([axis.through(tap) for axis, tap in zip(axes, taps, strict=True)]))


def _spread(field: Field, shape: Shape, output: Shape) -> Field:
    """The field of a map of one pixel that fills a larger one: it does not move."""
    if shape[1:] == output[1:]:
        return field
    sizes = zip(field.axes, shape[1:], output[1:], strict=True)
    return Field(tuple([axis._replace(step=0, shown=axis.over(0)) if n == 1 < m else axis for axis, n, m in sizes]))


def _meet(branches: tuple[Axis, ...]) -> Axis:
    """The field where branches meet.

    From the first pixel to the last one that value 0 sees along any branch that moves, beside what any of them shows
    every value.
    """
    moving = [axis for axis in branches if axis.step] or branches
    first = min([axis.first for axis in moving])
    last = max([axis.first + axis.size for axis in moving])
    shown = [axis.shown for axis in branches if axis.shown]
    return Axis(
        last - first,
        min([axis.least for axis in branches]),
        min([axis.stride for axis in branches]),
        first,
        min([axis.step for axis in moving]),
        (min([low for low, _ in shown]), max([high for _, high in shown])) if shown else None,
    )
