"""Receptive field, effective stride and offset of every value, along each spatial axis of the input.

A window over a value moves on by whole values of it. Where all values see as many pixels, k values of a field r and a
stride j see r + (k - 1)*j, and what they make has the stride s*j (Araujo, Norris and Sim 2019, "Computing receptive
fields of convolutional neural networks"). Behind an enlargement neighbours see the same pixels or others, by turns: so
the first and the last pixel are kept of every value of a turn, after which they repeat some pixels further on. What is
reported is the field of the values that see the most.

Where branches meet, the largest and the smallest field are both kept. What is spread over a whole map (the gate of
squeeze-and-excitation, the statistics of instance normalization) shows every position the same pixels; they do not move
with it, no later window widens them, and the offset leaves them out. A learned constant shows nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import gcd, lcm
from typing import Any, NamedTuple

from cnncalc.graph.graph import Graph, Node, Signature
from cnncalc.ops.base import TURN_LIMIT, Tap
from cnncalc.values import Assumptions, Shape, whole

#: the first and the last pixel that a value sees; None where it sees none (between the kernels of a transposed
#: convolution whose stride is larger)
Span = tuple[Any, Any] | None
#: values of a graph that are told apart within their turns; a field behind more of them is not stated
SPAN_LIMIT = 100_000


class Track(NamedTuple):
    """What the values along an axis see: ``spans`` of the first ones; the turn repeats ``jump`` pixels further on, or
    in the same place where that is 0.
    """

    spans: tuple[Span, ...]
    jump: Any

    def at(self, position: int) -> Span:
        """The pixels that the value at a position sees."""
        if not position:
            return self.spans[0]
        turn, place = divmod(position, len(self.spans))
        span = self.spans[place]
        return None if span is None else (span[0] + turn * self.jump, span[1] + turn * self.jump)

    def over(self, positions: range) -> Span:
        """The pixels from the first to the last one that some values see together: those of the first and the last turn
        among them.
        """
        turn = len(self.spans)
        ends = positions if len(positions) <= 2 * turn else (*positions[:turn], *positions[-turn:])
        return _hull(map(self.at, ends))

    def through(self, tap: Tap) -> Track | None:
        """What the values behind a window over these see; None where a turn gets too long."""
        spans, jump = self
        if not jump:
            return self
        if len(spans) == 1 and not tap.phases and spans[0] is not None:
            low, high = spans[0]
            return Track(((low - tap.before * jump, high + (tap.extent - 1 - tap.before) * jump),), jump * tap.stride)
        phases = tap.phases or (range(-tap.before, tap.extent - tap.before, tap.gap),)
        moved = int(tap.stride * len(phases))  # values from a turn of the window to the next
        turns = len(spans) // gcd(len(spans), moved)
        if turns * len(phases) > TURN_LIMIT:
            return None
        seen = [
            self.over(range(reads.start + turn * moved, reads.stop + turn * moved, reads.step))
            for turn in range(turns)
            for reads in phases
        ]
        return Track(tuple(seen), jump * (turns * moved) // len(spans))

    def widest(self, count: int) -> Any:
        """The most pixels from the first to the last one that any of ``count`` values sees."""
        if len(self.spans) == 1 and self.spans[0] is not None:
            low, high = self.spans[0]
            return high - low + 1
        return max([span[1] - span[0] + 1 for span in self.spans[:count] if span], default=0)


class Axis(NamedTuple):
    """The field along one axis: what the values see by all paths that move, and by the narrowest one; ``stride`` pixels
    from one value to the next; ``shown`` are the first and the last pixel that every value sees besides.
    """

    seen: Track
    narrowest: Track
    stride: Any
    shown: Span = None

    def through(self, tap: Tap) -> Axis | None:
        """The field behind a window over this value; None where that is not known."""
        if not tap.stride:
            return self._replace(shown=_hull([self.seen.over(range(tap.extent)), self.shown]))
        if not tap.phases and not isinstance(tap.stride, int):
            return None
        seen = self.seen.through(tap)
        narrowest = seen if self.narrowest is self.seen else self.narrowest.through(tap)
        if seen is None or narrowest is None:
            return None
        return Axis(seen, narrowest, self.stride * tap.stride, self.shown)

    def spread(self) -> Axis:
        """The field of the only value of a map, when it fills a larger one: it does not move."""
        seen = self.seen._replace(jump=0)
        narrowest = seen if self.narrowest is self.seen else self.narrowest._replace(jump=0)
        return Axis(seen, narrowest, self.stride, _hull([self.seen.at(0), self.shown]))

    def widest(self, count: int) -> int:
        """The pixels that the widest path shows to any of ``count`` values."""
        widest: int = self.seen.widest(count)
        return max(widest, self.shown[1] - self.shown[0] + 1) if self.shown else widest

    def row(self, count: int) -> tuple[Any, Any, Any, Any]:
        """What the columns say of the axis, on which there are ``count`` values."""
        widest = self.widest(count)
        least = widest if self.narrowest is self.seen and not self.shown else self.narrowest.widest(count)
        return (widest, least, whole(self.stride), self.centre())

    def centre(self) -> Any:
        """The middle of what value 0 sees, or would see: a whole number, or a Fraction."""
        place, (first, last) = next(((place, span) for place, span in enumerate(self.seen.spans) if span), (0, (0, 0)))
        doubled = first + last - 2 * place * self.stride if place else first + last
        if doubled % 2 == 0:
            return doubled // 2
        from fractions import Fraction

        return Fraction(doubled) / 2


def _hull(spans: Iterable[Span]) -> Span:
    """From the first pixel to the last one of several spans."""
    there = [span for span in spans if span]
    return (min(there)[0], max([high for _, high in there])) if there else None


class Field:
    """The field of a value on every axis, and the row that reports it; values that pass unchanged share one."""

    __slots__ = ("axes", "row")

    axes: tuple[Axis, ...]
    row: tuple[Any, ...]

    def __init__(self, axes: tuple[Axis, ...], sizes: Shape) -> None:
        self.axes = axes
        if axes.count(axes[0]) < len(axes) or sizes.count(sizes[0]) < len(sizes):
            rows = [axis.row(size) for axis, size in zip(axes, sizes, strict=True)]
        else:
            rows = [axes[0].row(sizes[0])] * len(axes)
        self.row = tuple(map(list, zip(*rows, strict=True)))


_SAME_PIXEL = Tap(1, 1, 0)
_UNCHANGED = (_SAME_PIXEL,)
_NAMES = ("receptive_field", "receptive_field_min", "effective_stride", "offset")
_NO_FIELD = (None,) * len(_NAMES)
_PIXEL = Track(((0, 0),), 1)


class FieldTrace:
    """The fields of a graph's nodes, traced one after the other."""

    def __init__(self, graph: Graph) -> None:
        self.fields: list[Field | None] = []
        self._graph = graph
        self._taps = graph.per_node(_reach)
        self._spans = 0

    def to(self, index: int) -> Field | None:
        """The field of a node; None where none is stated, or where too many values had to be told apart for it."""
        for node in self._graph.nodes[len(self.fields) : index + 1]:
            taps = self._taps[node.index]
            if taps is _UNCHANGED:
                self.fields.append(self.fields[node.inputs[0]])
                continue
            field = _field(self._graph, node, taps, self.fields) if self._spans <= SPAN_LIMIT else None
            self._spans += sum([len(axis.seen.spans) - 1 for axis in field.axes]) if field else 0
            self.fields.append(field)
        return self.fields[index]


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[Any]]:
    """The columns, a list per axis for every node, None where no spatial axis is left."""
    trace = FieldTrace(graph)
    trace.to(len(graph.nodes) - 1)
    rows = [_NO_FIELD if field is None else field.row for field in trace.fields]
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


def _field(graph: Graph, node: Node, taps: tuple[Tap, ...] | None, fields: list[Field | None]) -> Field | None:
    """The field of a node, of those of the nodes before it; None where none is stated."""
    if not node.op.reads_input:
        return _CONSTANT
    if taps is None:
        return None
    sizes = node.shape[1:]
    if not node.inputs:
        return Field((Axis(_PIXEL, _PIXEL, 1),) * len(sizes), sizes) if node.shape.layout == "map" else None
    seen = entering(graph, node, fields)
    if not seen:
        return seen if seen is None else _CONSTANT
    axes: Sequence[Axis | None] = seen[0]
    if len(seen) > 1:
        known: dict[Any, Axis | None] = {}  # axes are alike where maps are square
        axes = [
            known.get(met) or known.setdefault(met, meet(met[:-1], met[-1])) for met in zip(*seen, sizes, strict=True)
        ]
    if taps and taps.count(taps[0]) == len(taps) and axes.count(axes[0]) == len(axes):
        axes = (axes[0] and axes[0].through(taps[0]),) * len(axes)
    elif taps:
        axes = tuple([axis and axis.through(tap) for axis, tap in zip(axes, taps, strict=True)])
    there = tuple([axis for axis in axes if axis])
    return Field(there, sizes) if len(there) == len(axes) else None


def entering(graph: Graph, node: Node, fields: list[Field | None]) -> list[tuple[Axis, ...]] | None:
    """The axes of the inputs' fields as the node takes them, constants left out; None where one is not known."""
    seen = []
    for index, shape in zip(node.inputs, graph.signatures[node.signature].inputs, strict=True):
        field = fields[index]
        if field is None:
            return None
        if field is _CONSTANT:
            continue
        axes = field.axes
        if 1 in shape[1:]:
            pairs = zip(axes, shape[1:], node.shape[1:], strict=True)
            axes = tuple([axis.spread() if n == 1 < m else axis for axis, n, m in pairs])
        seen.append(axes)
    return seen


def meet(branches: Sequence[Axis], count: int) -> Axis | None:
    """The field where branches meet on an axis of ``count`` values; None where it is not known.

    From the first pixel to the last one that a value sees along any branch that moves, beside what any of them shows
    every value.
    """
    first = branches[0]
    if branches.count(first) == len(branches):
        return first
    moving = [axis for axis in branches if axis.seen.jump] or branches
    stride = min([axis.stride for axis in moving])
    length = lcm(*[len(axis.seen.spans) for axis in moving])
    jumps = {axis.seen.jump * (length // len(axis.seen.spans)) for axis in moving}
    jump = jumps.pop()
    if jumps:
        length, jump = count, int(stride * count)  # they drift apart: no turn, and every value counts
    if length > TURN_LIMIT:
        return None
    spans = tuple([_hull([axis.seen.at(place) for axis in moving]) for place in range(length)])
    narrowest = min([axis.narrowest for axis in branches], key=lambda track: track.widest(count))
    seen = Track(spans, jump)
    return Axis(seen, seen if narrowest == seen else narrowest, stride, _hull([axis.shown for axis in branches]))


class _Constant(Field):
    """What shows nothing of the input."""

    def __init__(self) -> None:
        self.axes = ()
        self.row = _NO_FIELD


_CONSTANT = _Constant()
