"""Receptive field, effective stride and offset of every value, along each spatial axis of the input.

A window of ``extent`` pixels and stride s over a value with receptive field r, effective stride j and first pixel a
gives r + (extent - 1)*j, s*j and a - before*j (Araujo, Norris and Sim 2019, "Computing receptive fields of
convolutional neural networks"). Where branches meet, the largest and the smallest field are both kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from cnncalc.analysis.columns import Assumptions, Column
from cnncalc.graph import Graph, Kind, Node
from cnncalc.ops.base import Tap

COLUMNS = (
    Column("receptive_field", "field", "pixels", "none", "input pixels that the widest path lets one value see, per axis"),
    Column("receptive_field_min", "min field", "pixels", "none", "the same along the narrowest path"),
    Column("effective_stride", "stride", "pixels", "none", "input pixels from one value to the next, per axis"),
    Column("offset", "offset", "pixels", "none", "centre of the first value's field, in input pixels from the first one"),
)


class Axis(NamedTuple):
    """The field along one axis: ``size`` pixels from ``first`` on for value 0, ``stride`` pixels to the next value,
    ``least`` pixels on the narrowest path. Whole numbers, or Fractions behind an enlargement."""

    size: Any
    least: Any
    stride: Any
    first: Any

    def through(self, tap: Tap) -> Axis:
        """The field behind a window over this value."""
        size, least, stride, first = self
        more = (tap.extent - 1) * stride
        return Axis(size + more, least + more, stride * tap.stride, first - tap.before * stride)

    def centre(self) -> Any:
        """The middle of value 0's field: a whole number, or a Fraction."""
        doubled = 2 * self.first + self.size - 1
        if doubled % 2 == 0:
            return doubled // 2
        from fractions import Fraction

        return Fraction(doubled) / 2


class Field:
    """The field of a value on every axis, and the row that reports it; values that pass unchanged share one."""

    __slots__ = ("axes", "row")

    def __init__(self, axes: tuple[Axis, ...]) -> None:
        self.axes = axes
        self.row = (
            [_plain(axis.size) for axis in axes],
            [_plain(axis.least) for axis in axes],
            [_plain(axis.stride) for axis in axes],
            [_plain(axis.centre()) for axis in axes],
        )


_NO_FIELD = (None,) * len(COLUMNS)


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[Any]]:
    """The columns, a list per axis for every node, None where no spatial axis is left."""
    fields: list[Field | None] = []
    for node, taps in zip(graph.nodes, graph.per_node(_reach), strict=True):
        fields.append(_field(node, taps, fields))
    rows = [_NO_FIELD if field is None else field.row for field in fields]
    return {column.name: list(values) for column, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)}


def _reach(kind: Kind) -> tuple[Tap, ...] | None:
    return kind.op.reach(*kind.inputs)


def _field(node: Node, taps: tuple[Tap, ...] | None, fields: list[Field | None]) -> Field | None:
    if not node.inputs:
        return Field((Axis(1, 1, 1, 0),) * (len(node.shape) - 1)) if len(node.shape) > 1 else None
    if taps is None:
        return None
    met = fields[node.inputs[0]]
    if met is None:
        return None
    if len(node.inputs) > 1:
        axes = [met.axes]
        for index in node.inputs[1:]:
            other = fields[index]
            if other is None:
                return None
            axes.append(other.axes)
        met = Field(tuple([_meet(along) for along in zip(*axes, strict=True)]))
    if not taps:
        return met
    return Field(tuple([axis.through(tap) for axis, tap in zip(met.axes, taps, strict=True)]))


def _meet(along: tuple[Axis, ...]) -> Axis:
    """The field where branches meet: from the first pixel to the last one seen by value 0 of any branch.

    A branch with another stride is one value that is broadcast; it moves no further than the map it meets.
    """
    first = min([axis.first for axis in along])
    last = max([axis.first + axis.size for axis in along])
    return Axis(last - first, min([axis.least for axis in along]), min([axis.stride for axis in along]), first)


def _plain(value: Any) -> Any:
    """An int where the value is whole, else the Fraction."""
    return value if type(value) is int or value.denominator != 1 else value.numerator
