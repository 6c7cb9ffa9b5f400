"""Operators that cut, extend or reorder values, without arithmetic."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Literal

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import POINTWISE, Index, Lowering, Margin, Op, Tap, Window, op
from cnncalc.values import NO_WORK, Shape, Work, format_shape

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Value


class _Rearrangement(Op):
    """No arithmetic."""

    def work(self, x: Shape, y: Shape) -> Work:
        return NO_WORK


def _check_tokens(x: Shape) -> None:
    if len(x) != 2:
        raise ShapeError(f"needs [tokens, features], but the input is {window.show_input(x)}")


def _check_plane(x: Shape) -> None:
    if len(x) != 3:
        raise ShapeError(f"needs a map of 2 spatial axes, but the input is {window.show_input(x)}")


def _sides(x: Shape, before: Margin, after: Margin | None) -> list[tuple[int, int]]:
    """Before and after for every spatial axis; ``after`` is ``before`` unless said."""
    axes = len(window.spatial(x))
    first = window.per_axis(before, axes, "space")
    last = first if after is None else window.per_axis(after, axes, "after")
    return list(zip(first, last, strict=True))


@op("slice")
class Slice(_Rearrangement):
    """Every ``step``-th channel, token, or pixel along each spatial axis, from ``start`` up to but not with ``stop``.
    [c, *hw] -> [c', *hw'] or [t, f] -> [t', f];  a view.
    """

    result = "view"

    axis: Literal["channels", "space", "tokens"]
    start: Margin = 0
    stop: Window | None = None
    step: Window = 1

    def _ranges(self, x: Shape) -> list[range]:
        """The positions taken along each axis that is cut."""
        sizes = window.spatial(x) if self.axis == "space" else x[:1]
        if self.axis == "tokens":
            _check_tokens(x)
        starts = self._per_axis(self.start, len(sizes), "start")
        stops = sizes if self.stop is None else self._per_axis(self.stop, len(sizes), "stop")
        steps = self._per_axis(self.step, len(sizes), "step")
        for n, start, stop in zip(sizes, starts, stops, strict=True):
            if not start < stop <= n:
                raise ShapeError(f"takes from {start} up to {stop}, but the axis has {n}")
        return list(map(range, starts, stops, steps))

    def _per_axis(self, value: Window, axes: int, name: str) -> tuple[int, ...]:
        if self.axis != "space" and not isinstance(value, int):
            raise ShapeError(f"{name} takes one value for {self.axis}, but has {len(value)}")
        return window.per_axis(value, axes, name)

    def shape(self, x: Shape) -> Shape:
        taken = tuple(map(len, self._ranges(x)))
        return (x[0], *taken) if self.axis == "space" else (*taken, *x[1:])

    def reach(self, x: Shape) -> tuple[Tap, ...]:
        if self.axis != "space":
            return POINTWISE
        return tuple(Tap(1, taken.step, -taken.start) for taken in self._ranges(x))

    def run(self, tape: Tape, x: Value) -> Value:
        first = 2 if self.axis == "space" else 1
        return tape.slices(x, first, self._ranges(x.shape[1:]))

    def lowering(self, x: Shape) -> Lowering:
        ranges = tuple((taken.start, taken.stop, taken.step) for taken in self._ranges(x))
        return Lowering("cnncalc.torch_backend.modules.Slice", (2 if self.axis == "space" else 1, ranges))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [
            (cls("channels", stop=2), ((5, 4, 4),)),
            (cls("channels", start=2, step=2), ((5, 4, 3),)),
            (cls("channels", stop=3), ((5,),)),
            (cls("space", step=2), ((3, 7, 8),)),
            (cls("space", start=(1, 0), stop=(7, 5), step=(2, 1)), ((3, 7, 8),)),
            (cls("space", start=2), ((3, 7),)),
            (cls("space", stop=2), ((3, 4, 3, 2),)),
            (cls("tokens", start=1), ((5, 4),)),
        ]


@op("pad")
class ZeroPad(_Rearrangement):
    """Zeros around a map: ``space`` before each spatial axis and ``after`` it (the same unless said), ``channels``
    before and after the channels.   [c, *hw] -> [c', *hw'];  a copy. A list gives the axes, or both ends of the
    channels: ``channels: [16, 16]`` is option A of ResNet's shortcuts.
    """

    space: Margin = 0
    after: Margin | None = None
    channels: Margin = 0

    def _channels(self) -> tuple[int, int]:
        if isinstance(self.channels, int):
            return self.channels, self.channels
        if len(self.channels) != 2:
            raise ShapeError(f"channels takes one value, or before and after, but has {len(self.channels)} values")
        return self.channels[0], self.channels[1]

    def shape(self, x: Shape) -> Shape:
        sides = _sides(x, self.space, self.after)
        return (x[0] + sum(self._channels()), *(n + sum(side) for n, side in zip(x[1:], sides, strict=True)))

    def reach(self, x: Shape) -> tuple[Tap, ...]:
        return tuple(Tap(1, 1, before) for before, _ in _sides(x, self.space, self.after))

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.pad(x, self._padding(x.shape[1:]))

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.ZeroPad", (self._padding(x),))

    def _padding(self, x: Shape) -> tuple[int, ...]:
        """Before and after, the last axis first."""
        sides = [*reversed(_sides(x, self.space, self.after)), self._channels()]
        return tuple(n for side in sides for n in side)

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [
            (cls(1), ((3, 4, 5),)),
            (cls((0, 1), after=(1, 0)), ((3, 4, 5),)),
            (cls(channels=(2, 3)), ((3, 4, 5),)),
            (cls(2, channels=1), ((3, 4),)),
            (cls(after=1), ((3, 4, 2, 5),)),
        ]


@op("crop")
class Crop(_Rearrangement):
    """Cuts ``space`` pixels off the start of each spatial axis and ``after`` off its end (the same unless said).
    [c, *hw] -> [c, *hw'];  a view.
    """

    result = "view"

    space: Margin
    after: Margin | None = None

    def shape(self, x: Shape) -> Shape:
        sizes = []
        for n, (before, after) in zip(x[1:], _sides(x, self.space, self.after), strict=True):
            left = n - before - after
            if left < 1:
                raise ShapeError(f"nothing is left: {n} - {before} - {after} = {left}")
            sizes.append(left)
        return (x[0], *sizes)

    def reach(self, x: Shape) -> tuple[Tap, ...]:
        return tuple(Tap(1, 1, -before) for before, _ in _sides(x, self.space, self.after))

    def run(self, tape: Tape, x: Value) -> Value:
        sides = _sides(x.shape[1:], self.space, self.after)
        ranges = [range(before, n - after) for n, (before, after) in zip(x.shape[2:], sides, strict=True)]
        return tape.slices(x, 2, ranges)

    def lowering(self, x: Shape) -> Lowering:
        sides = _sides(x, self.space, self.after)
        ranges = tuple((before, n - after, 1) for n, (before, after) in zip(x[1:], sides, strict=True))
        return Lowering("cnncalc.torch_backend.modules.Slice", (2, ranges))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [
            (cls(1), ((3, 4, 5),)),
            (cls((1, 0), after=(0, 2)), ((3, 4, 5),)),
            (cls(1), ((3, 7),)),
            (cls(0, after=1), ((3, 2, 3, 4),)),
        ]


@op("shuffle")
class ChannelShuffle(_Rearrangement):
    """Channel shuffle (Zhang et al. 2017, figure 1).   [c, *hw] -> [c, *hw];  a copy, no arithmetic."""

    groups: int

    def shape(self, x: Shape) -> Shape:
        window.spatial(x)
        if x[0] % self.groups:
            raise ShapeError(f"groups must divide the channels, but {self.groups} does not divide {x[0]}")
        return x

    def run(self, tape: Tape, x: Value) -> Value:
        # with one group, or one for each channel, nothing moves; the kernel of a CPU copies all the same
        return tape.rearranged(x, x.shape, copies=tape.device == "cpu" or self.groups not in (1, x.shape[1]))

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("torch.nn.ChannelShuffle", (self.groups,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(3), ((6, 4, 5),)), (cls(2), ((4, 7),)), (cls(1), ((2, 3, 4, 5),))]


@op("pixel_shuffle")
class PixelShuffle(_Rearrangement):
    """Channels to space (Shi et al. 2016).   [c, h, w] -> [c/factor^2, h*factor, w*factor];  a copy."""

    factor: int

    def shape(self, x: Shape) -> Shape:
        _check_plane(x)
        square = self.factor * self.factor
        if x[0] % square:
            raise ShapeError(f"factor^2 must divide the channels, but {square} does not divide {x[0]}")
        return (x[0] // square, x[1] * self.factor, x[2] * self.factor)

    def reach(self, x: Shape) -> tuple[Tap, ...]:
        from fractions import Fraction

        return (Tap(1, Fraction(1, self.factor) if self.factor > 1 else 1, 0),) * 2

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.rearranged(x, self.batched(x))

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("torch.nn.PixelShuffle", (self.factor,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(2), ((8, 3, 4),)), (cls(3), ((9, 2, 1),))]


@op("space_to_depth")
class SpaceToDepth(_Rearrangement):
    """Space to channels: the reorganization of YOLOv2, the patches that Swin merges.
    [c, h, w] -> [c*factor^2, h/factor, w/factor];  a copy.
    """

    memory_format = "kept"

    factor: int

    def shape(self, x: Shape) -> Shape:
        _check_plane(x)
        if x[1] % self.factor or x[2] % self.factor:
            size = format_shape(x[1:])
            raise ShapeError(f"factor must divide both spatial sizes, but {self.factor} does not divide {size}")
        return (x[0] * self.factor * self.factor, x[1] // self.factor, x[2] // self.factor)

    def reach(self, x: Shape) -> tuple[Tap, ...]:
        return (Tap(self.factor, self.factor, 0),) * 2

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.rearranged(x, self.batched(x))

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("torch.nn.PixelUnshuffle", (self.factor,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(2), ((3, 4, 6),)), (cls(3), ((2, 3, 9),))]


@op("tokens")
class Tokens(_Rearrangement):
    """A map as a sequence: a token for each pixel, with its channels as features.   [c, *hw] -> [prod(hw), c];  a
    view.
    """

    result = "view"

    def shape(self, x: Shape) -> Shape:
        return (prod(window.spatial(x)), x[0])

    def reach(self, x: Shape) -> None:
        return None

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.transpose(tape.flatten(x, 2), 1, 2)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Tokens")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((3, 4, 5),)), (cls(), ((3, 7),)), (cls(), ((3, 2, 3, 4),))]


@op("feature_map")
class FeatureMap(_Rearrangement):
    """A sequence as a map of ``size``, row by row: what ``tokens`` does, undone.   [t, f] -> [f, *size];  a view."""

    result = "view"

    size: Window

    def shape(self, x: Shape) -> Shape:
        _check_tokens(x)
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        if prod(size) != x[0]:
            raise ShapeError(f"size must hold every token, but {format_shape(size)} is not {x[0]}")
        return (x[1], *size)

    def reach(self, x: Shape) -> None:
        return None

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.unflatten(tape.transpose(x, 1, 2), 2, self.shape(x.shape[1:])[1:])

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.FeatureMap", (self.shape(x)[1:],))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls((4, 3)), ((12, 5),)), (cls(3), ((9, 2),)), (cls((7,)), ((7, 2),)), (cls((1, 2, 3)), ((6, 2),))]


@op("select")
class Select(_Rearrangement):
    """One token, counted from 0.   [t, f] -> [f];  a view."""

    result = "view"

    token: Index

    def shape(self, x: Shape) -> Shape:
        _check_tokens(x)
        if self.token >= x[0]:
            raise ShapeError(f"token must be below the number of tokens, but {self.token} is not below {x[0]}")
        return x[1:]

    def reach(self, x: Shape) -> None:
        return None

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.select(x, 1)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Select", (self.token,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(0), ((5, 4),)), (cls(4), ((5, 4),))]
