"""Operators that cut, extend or reorder values, without arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, ClassVar

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import MAPS, POINTWISE, Axis, Index, Lowering, Margin, Op, Tap, Window, axis_of, op, turn
from cnncalc.values import NO_WORK, MapShape, SequenceShape, Shape, ValueShape, VectorShape, Work, format_shape

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor


class _Rearrangement(Op):
    """No arithmetic."""

    def work(self, x: ValueShape, y: Shape) -> Work:
        return NO_WORK


def _sides(x: Shape, before: Margin, after: Margin | None) -> list[tuple[int, int]]:
    """Before and after for every spatial axis; ``after`` is ``before`` unless said."""
    axes = len(window.spatial(x))
    first = window.per_axis(before, axes, "space")
    last = first if after is None else window.per_axis(after, axes, "after")
    return list(zip(first, last, strict=True))


@op("slice")
class Slice(_Rearrangement):
    """Every ``step``-th channel, feature, token, or pixel along each spatial axis, from ``start`` up to but not with
    ``stop``.   [c, *hw] -> [c', *hw'], [t, f] -> [t', f'] or [f] -> [f'];  a view.
    """

    means: ClassVar[Mapping[str, str]] = {
        "start": "the first one that is taken",
        "stop": "the first one that is not taken",
        "step": "from one that is taken to the next",
    }

    result = "view"
    layouts = ("map", "sequence", "vector")

    axis: Axis
    start: Margin = 0
    stop: Window | None = None
    step: Window = 1

    def _cut(self, x: ValueShape) -> tuple[int, list[range]]:
        """The first axis that is cut, and the positions taken along it and those after it."""
        first = 1 if self.axis == "space" and x.layout == "map" else axis_of(x, self.axis, space=True)
        sizes = x[1:] if self.axis == "space" else x[first : first + 1]
        starts = self._per_axis(self.start, len(sizes), "start")
        stops = sizes if self.stop is None else self._per_axis(self.stop, len(sizes), "stop")
        steps = self._per_axis(self.step, len(sizes), "step")
        for n, start, stop in zip(sizes, starts, stops, strict=True):
            if not start < stop <= n:
                raise ShapeError(f"takes from {start} up to {stop}, but the axis has {n}")
        return first, list(map(range, starts, stops, steps))

    def _per_axis(self, value: Window, axes: int, name: str) -> tuple[int, ...]:
        if self.axis != "space" and not isinstance(value, int):
            raise ShapeError(f"{name} takes one value for {self.axis}, but has {len(value)}")
        return window.per_axis(value, axes, name)

    def shape(self, x: ValueShape) -> ValueShape:
        first, taken = self._cut(x)
        return x.like(*x[:first], *map(len, taken), *x[first + len(taken) :])

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        if self.axis != "space":
            return POINTWISE
        return tuple(Tap(1, taken.step, -taken.start) for taken in self._cut(x)[1])

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        first, taken = self._cut(tape.inputs[0])
        return tape.slices(x, first + 1, taken)

    def lowering(self, x: ValueShape) -> Lowering:
        first, cut = self._cut(x)
        ranges = tuple((taken.start, taken.stop, taken.step) for taken in cut)
        return Lowering("cnncalc.torch_backend.modules.Slice", (first + 1, ranges))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls("channels", stop=2), (MapShape(5, 4, 4),)),
            (cls("channels", start=2, step=2), (MapShape(5, 4, 3),)),
            (cls("channels", stop=3), (VectorShape(5),)),
            (cls("space", step=2), (MapShape(3, 7, 8),)),
            (cls("space", start=(1, 0), stop=(7, 5), step=(2, 1)), (MapShape(3, 7, 8),)),
            (cls("space", start=2), (MapShape(3, 7),)),
            (cls("space", stop=2), (MapShape(3, 4, 3, 2),)),
            (cls("tokens", start=1), (SequenceShape(5, 4),)),
            (cls("features", stop=3), (SequenceShape(5, 4),)),
        ]


@op("pad")
class ZeroPad(_Rearrangement):
    """Zeros around a map: ``space`` before each spatial axis and ``after`` it (the same unless said), ``channels``
    before and after the channels.   [c, *hw] -> [c', *hw'];  a copy. A list gives the axes, or both ends of the
    channels: ``channels: [16, 16]`` is option A of ResNet's shortcuts.
    """

    layouts = MAPS

    space: Margin = 0
    after: Margin | None = None
    channels: Margin = 0

    def _channels(self) -> tuple[int, int]:
        if isinstance(self.channels, int):
            return self.channels, self.channels
        if len(self.channels) != 2:
            raise ShapeError(f"channels takes one value, or before and after, but has {len(self.channels)} values")
        return self.channels[0], self.channels[1]

    def shape(self, x: ValueShape) -> ValueShape:
        sides = _sides(x, self.space, self.after)
        return MapShape(x[0] + sum(self._channels()), *(n + sum(side) for n, side in zip(x[1:], sides, strict=True)))

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        return tuple(Tap(1, 1, before) for before, _ in _sides(x, self.space, self.after))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.pad(x, self._padding(x.shape[1:]))

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.ZeroPad", (self._padding(x),))

    def _padding(self, x: Shape) -> tuple[int, ...]:
        """Before and after, the last axis first."""
        sides = [*reversed(_sides(x, self.space, self.after)), self._channels()]
        return tuple(n for side in sides for n in side)

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(1), (MapShape(3, 4, 5),)),
            (cls((0, 1), after=(1, 0)), (MapShape(3, 4, 5),)),
            (cls(channels=(2, 3)), (MapShape(3, 4, 5),)),
            (cls(2, channels=1), (MapShape(3, 4),)),
            (cls(after=1), (MapShape(3, 4, 2, 5),)),
        ]


@op("crop")
class Crop(_Rearrangement):
    """Cuts ``space`` pixels off the start of each spatial axis and ``after`` off its end (the same unless said).
    [c, *hw] -> [c, *hw'];  a view.
    """

    means: ClassVar[Mapping[str, str]] = {
        "after": "pixels cut after each spatial axis; as many as space unless said",
        "space": "pixels cut before and after each spatial axis",
    }

    layouts = MAPS

    result = "view"

    space: Margin
    after: Margin | None = None

    def shape(self, x: ValueShape) -> ValueShape:
        sizes = []
        for n, (before, after) in zip(x[1:], _sides(x, self.space, self.after), strict=True):
            left = n - before - after
            if left < 1:
                raise ShapeError(f"the output is empty: {n} - {before} - {after} = {left}")
            sizes.append(left)
        return MapShape(x[0], *sizes)

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        return tuple(Tap(1, 1, -before) for before, _ in _sides(x, self.space, self.after))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        sides = _sides(x.shape[1:], self.space, self.after)
        ranges = [range(before, n - after) for n, (before, after) in zip(x.shape[2:], sides, strict=True)]
        return tape.slices(x, 2, ranges)

    def lowering(self, x: ValueShape) -> Lowering:
        sides = _sides(x, self.space, self.after)
        ranges = tuple((before, n - after, 1) for n, (before, after) in zip(x[1:], sides, strict=True))
        return Lowering("cnncalc.torch_backend.modules.Slice", (2, ranges))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(1), (MapShape(3, 4, 5),)),
            (cls((1, 0), after=(0, 2)), (MapShape(3, 4, 5),)),
            (cls(1), (MapShape(3, 7),)),
            (cls(0, after=1), (MapShape(3, 2, 3, 4),)),
        ]


@op("shuffle")
class ChannelShuffle(_Rearrangement):
    """Channel shuffle (Zhang et al. 2017, figure 1).   [c, *hw] -> [c, *hw];  a copy, no arithmetic."""

    means: ClassVar[Mapping[str, str]] = {
        "groups": "parts of the channels, whose members are dealt out in turn",
    }

    layouts = MAPS

    groups: int

    def shape(self, x: ValueShape) -> ValueShape:
        if x[0] % self.groups:
            raise ShapeError(f"groups must divide the channels, but {self.groups} does not divide {x[0]}")
        return x

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        # with one group, or one for each channel, nothing moves; the kernel of a CPU copies all the same
        return tape.rearranged(x, x.shape, copies=tape.device == "cpu" or self.groups not in (1, x.shape[1]))

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("torch.nn.ChannelShuffle", (self.groups,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(3), (MapShape(6, 4, 5),)), (cls(2), (MapShape(4, 7),)), (cls(1), (MapShape(2, 3, 4, 5),))]


@op("pixel_shuffle")
class PixelShuffle(_Rearrangement):
    """Channels to space (Shi et al. 2016).   [c, h, w] -> [c/factor^2, h*factor, w*factor];  a copy."""

    layouts = MAPS

    factor: int

    def shape(self, x: ValueShape) -> ValueShape:
        window.check_plane(x)
        square = self.factor * self.factor
        if x[0] % square:
            raise ShapeError(f"factor^2 must divide the channels, but {square} does not divide {x[0]}")
        return MapShape(x[0] // square, x[1] * self.factor, x[2] * self.factor)

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        from fractions import Fraction

        f = self.factor
        return (Tap(1, Fraction(1, f), 0, 1, turn(f, lambda _: range(1))) if f > 1 else Tap(1, 1, 0),) * 2

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.rearranged(x, self.batched(tape, x))

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("torch.nn.PixelShuffle", (self.factor,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(2), (MapShape(8, 3, 4),)), (cls(3), (MapShape(9, 2, 1),))]


@op("space_to_depth")
class SpaceToDepth(_Rearrangement):
    """Space to channels: the reorganization of YOLOv2, the patches that Swin merges.
    [c, h, w] -> [c*factor^2, h/factor, w/factor];  a copy.
    """

    layouts = MAPS
    memory_format = "kept"

    factor: int

    def shape(self, x: ValueShape) -> ValueShape:
        window.check_plane(x)
        if x[1] % self.factor or x[2] % self.factor:
            size = format_shape(x[1:])
            raise ShapeError(f"factor must divide both spatial sizes, but {self.factor} does not divide {size}")
        return MapShape(x[0] * self.factor * self.factor, x[1] // self.factor, x[2] // self.factor)

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        return (Tap(self.factor, self.factor, 0),) * 2

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.rearranged(x, self.batched(tape, x))

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("torch.nn.PixelUnshuffle", (self.factor,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(2), (MapShape(3, 4, 6),)), (cls(3), (MapShape(2, 3, 9),))]


@op("tokens")
class Tokens(_Rearrangement):
    """A map as a sequence: a token for each pixel, with its channels as features.   [c, *hw] -> [prod(hw), c];  a
    view.
    """

    layouts = MAPS
    memory_format = "transposed"

    result = "view"

    def shape(self, x: ValueShape) -> ValueShape:
        return SequenceShape(prod(x[1:]), x[0])

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.transpose(tape.flatten(x, 2), 1, 2)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Tokens")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(), (MapShape(3, 4, 5),)), (cls(), (MapShape(3, 7),)), (cls(), (MapShape(3, 2, 3, 4),))]


@op("feature_map")
class FeatureMap(_Rearrangement):
    """A sequence as a map of ``size``, row by row: what ``tokens`` does, undone.   [t, f] -> [f, *size];  a view."""

    means: ClassVar[Mapping[str, str]] = {
        "size": "height and width of the map; they multiply to the tokens",
    }

    layouts = ("sequence",)

    result = "view"

    size: Window

    def shape(self, x: ValueShape) -> ValueShape:
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        if prod(size) != x[0]:
            raise ShapeError(f"size must hold every token, but {format_shape(size)} is not {x[0]}")
        return MapShape(x[1], *size)

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.unflatten(tape.transpose(x, 1, 2), 2, tape.output[1:])

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.FeatureMap", (self.shape(x)[1:],))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls((4, 3)), (SequenceShape(12, 5),)),
            (cls(3), (SequenceShape(9, 2),)),
            (cls((7,)), (SequenceShape(7, 2),)),
            (cls((1, 2, 3)), (SequenceShape(6, 2),)),
        ]


@op("select")
class Select(_Rearrangement):
    """One token, counted from 0.   [t, f] -> [f];  a view."""

    means: ClassVar[Mapping[str, str]] = {
        "token": "which token, counted from 0",
    }

    layouts = ("sequence",)

    result = "view"

    token: Index

    def shape(self, x: ValueShape) -> ValueShape:
        if self.token >= x[0]:
            raise ShapeError(f"token must be below the number of tokens, but {self.token} is not below {x[0]}")
        return VectorShape(x[1])

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.select(x, 1)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Select", (self.token,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(0), (SequenceShape(5, 4),)), (cls(4), (SequenceShape(5, 4),))]
