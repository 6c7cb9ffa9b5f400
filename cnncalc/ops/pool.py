"""Pooling."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from math import gcd, prod
from typing import TYPE_CHECKING, ClassVar, Literal

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import MAPS, Lowering, Op, Pad, Tap, Window, op, turn
from cnncalc.values import NO_WORK, MapShape, SequenceShape, Shape, ValueShape, VectorShape, Work, elements

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor


class _WindowPool(Op):
    """A window that moves over every channel by itself."""

    layouts = MAPS

    #: PyTorch refuses a window that is larger than a map of 3 spatial axes without its padding
    within_maps: ClassVar[bool] = False

    kernel: Window
    stride: Window | None
    pad: Pad
    ceil: bool

    def _axes(self, x: Shape) -> list[window.Axis]:
        axes = window.axes(x, self.kernel, self.stride, self.pad, self._dilation(), self.ceil)
        for axis in axes:
            if self.pad != "same_tf" and axis.before > axis.kernel // 2:
                raise ShapeError(
                    f"padding of a pool can be at most half its window, but {axis.before} is more than {axis.kernel}/2"
                )
        return axes

    def _dilation(self) -> Window:
        return 1

    def shape(self, x: ValueShape) -> ValueShape:
        axes = self._axes(x)
        if self.within_maps and len(axes) == 3 and self.pad != "same_tf":
            for axis, n in zip(axes, x[1:], strict=True):
                if axis.kernel > n:
                    raise ShapeError(
                        f"PyTorch takes no window larger than a map of 3 axes, but {axis.kernel} is more than {n}"
                    )
        return MapShape(x[0], *[axis.size for axis in axes])

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        return tuple(axis.tap for axis in self._axes(x))


@op("maxpool")
class MaxPool(_WindowPool):
    """Maximum over a window.   [c, *hw] -> [c, *hw'];  no parameters. ``stride`` is the window unless said.

    Comparisons: for each output value one fewer than its window has pixels (padding and what lies past the end are
    none).
    """

    writings = ("as function",)

    kernel: Window
    stride: Window | None = None
    pad: Pad = 0
    dilation: Window = 1
    ceil: bool = False

    def _dilation(self) -> Window:
        return self.dilation

    def work(self, x: ValueShape, y: Shape) -> Work:
        read, windows = window.pooled(self._axes(x))
        return Work(cmp=x[0] * (read - windows))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        shape = self.batched(tape, x)
        axes = self._axes(x.shape[1:])
        if window.is_uneven(axes):
            x = tape.pad(x, window.torch_padding(axes))
        return tape.max_pool(x, shape)

    def lowering(self, x: ValueShape) -> Lowering:
        axes = self._axes(x)
        uneven = window.is_uneven(axes)
        pool = Lowering(
            f"torch.nn.MaxPool{len(axes)}d",
            (tuple(axis.kernel for axis in axes),),
            {
                "stride": tuple(axis.stride for axis in axes),
                "padding": 0 if uneven else tuple(axis.before for axis in axes),
                "dilation": tuple(axis.dilation for axis in axes),
                "ceil_mode": self.ceil,
            },
        )
        if not uneven:
            return pool
        padding = window.torch_padding(axes)
        return Lowering("cnncalc.torch_backend.modules.Padded", (pool, padding, float("-inf")))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(2), (MapShape(3, 8, 9),)),
            (cls(3, stride=2, ceil=True), (MapShape(3, 8, 8),)),
            (cls(3, stride=2, pad=1, ceil=True), (MapShape(3, 7, 10),)),
            (cls(2, stride=3, ceil=True), (MapShape(1, 6, 7),)),
            (cls(3, stride=1, pad="same"), (MapShape(2, 5, 5),)),
            (cls(3, stride=2, pad="same_tf"), (MapShape(2, 8, 8),)),
            (cls((1, 3), stride=(1, 2), dilation=(1, 2)), (MapShape(2, 4, 11),)),
            (cls(3, stride=2, ceil=True), (MapShape(2, 2),)),
            (cls(2, ceil=True), (MapShape(2, 3, 5, 7),)),
        ]


@op("avgpool")
class AvgPool(_WindowPool):
    """Mean over a window.   [c, *hw] -> [c, *hw'];  no parameters. ``stride`` is the window unless said.

    ``count_include_pad: false`` divides by the input pixels alone; ``pad: same_tf`` always does.
    For each output value: one addition fewer than its window has pixels (padding and what lies past the end are none),
    and one division.
    """

    means: ClassVar[Mapping[str, str]] = {
        "count_include_pad": "whether padding counts in the mean",
    }

    writings = ("as function",)

    within_maps = True

    kernel: Window
    stride: Window | None = None
    pad: Pad = 0
    ceil: bool = False
    count_include_pad: bool = True

    def work(self, x: ValueShape, y: Shape) -> Work:
        read, windows = window.pooled(self._axes(x))
        return Work(add=x[0] * (read - windows), div=elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        shape = self.batched(tape, x)
        if self.pad != "same_tf":
            return tape.pool(x, shape)
        padding = window.torch_padding(self._axes(x.shape[1:]))
        inside = tape.hold(tape.pad(tape.new((1, 1, *x.shape[2:]), scales=False), padding))
        total = tape.pool(tape.pad(x, padding), shape)
        return tape.div(total, tape.pool(inside, (1, 1, *shape[2:])))

    def lowering(self, x: ValueShape) -> Lowering:
        axes = self._axes(x)
        kernel = tuple(axis.kernel for axis in axes)
        stride = tuple(axis.stride for axis in axes)
        if self.pad == "same_tf":
            padding = window.torch_padding(axes)
            return Lowering("cnncalc.torch_backend.modules.AvgPoolSameTF", (kernel, stride, padding))
        return Lowering(
            f"torch.nn.AvgPool{len(axes)}d",
            (kernel,),
            {
                "stride": stride,
                "padding": tuple(axis.before for axis in axes),
                "ceil_mode": self.ceil,
                "count_include_pad": self.count_include_pad,
            },
        )

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(2), (MapShape(3, 8, 9),)),
            (cls(5, stride=3), (MapShape(3, 14, 14),)),
            (cls(3, stride=2, pad=1, ceil=True, count_include_pad=False), (MapShape(3, 8, 8),)),
            (cls(3, stride=2, pad="same_tf"), (MapShape(3, 8, 8),)),
            (cls(3, stride=1, pad="same"), (MapShape(2, 9),)),
            (cls(2, pad="same_tf"), (MapShape(2, 3, 4, 5),)),
        ]


@op("lppool")
class LPPool(_WindowPool):
    """Root of the sum of powers over a window.   [c, *hw] -> [c, *hw'];  no parameters. ``stride`` is the window unless
    said.

    ``(sum of x^power)^(1/power)``: for each output value ``power - 1`` multiplications of each pixel in its window, one
    addition fewer than these pixels, and the root: a square root, or a logarithm, a multiplication and an exponential.
    """

    means: ClassVar[Mapping[str, str]] = {
        "power": "the exponent p of the norm",
    }

    pad = 0

    within_maps = True

    kernel: Window
    stride: Window | None = None
    power: int = 2
    ceil: bool = False

    def work(self, x: ValueShape, y: Shape) -> Work:
        n = elements(y)
        read, windows = window.pooled(self._axes(x))
        sums = Work(mul=x[0] * (self.power - 1) * read, add=x[0] * (read - windows))
        if self.power == 1:
            return sums
        return sums + (Work(sqrt=n) if self.power == 2 else Work(log=n, mul=n, exp=n))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        out = tape.hold(tape.pool(tape.pow(x), self.batched(tape, x)))
        return tape.pow(tape.scaled(tape.mul(tape.sign(out), tape.pointwise(tape.abs(out), "output"))))

    def lowering(self, x: ValueShape) -> Lowering:
        axes = self._axes(x)
        kernel = tuple(axis.kernel for axis in axes)
        stride = tuple(axis.stride for axis in axes)
        if len(axes) == 1:  # LPPool1d takes no tuples
            return Lowering("torch.nn.LPPool1d", (self.power, *kernel), {"stride": stride[0], "ceil_mode": self.ceil})
        arguments = {"stride": stride, "ceil_mode": self.ceil}
        return Lowering(f"torch.nn.LPPool{len(axes)}d", (self.power, kernel), arguments)

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(2), (MapShape(3, 8, 9),)),
            (cls(3, stride=2, power=3, ceil=True), (MapShape(3, 8, 8),)),
            (cls((2, 1), stride=(1, 2), power=1), (MapShape(3, 5, 4),)),
            (cls(3, stride=1), (MapShape(2, 5),)),
            (cls(2), (MapShape(2, 3, 4, 5),)),
        ]


class _AdaptivePool(Op):
    """A pool that is told its output; bin ``i`` of ``n`` covers ``floor(i*h/n)`` to ``ceil((i+1)*h/n)``."""

    layouts = MAPS

    size: Window

    def _sizes(self, x: Shape) -> tuple[int, ...]:
        return window.per_axis(self.size, len(window.spatial(x)), "size")

    def _inputs_read(self, x: Shape) -> int:
        """Input values read, over all bins of one channel.

        Along an axis two bins share a pixel wherever ``i*n/size`` is no whole number: ``size - gcd(n, size)`` times.
        """
        return prod(n + size - gcd(n, size) for size, n in zip(self._sizes(x), x[1:], strict=True))

    def shape(self, x: ValueShape) -> ValueShape:
        return MapShape(x[0], *self._sizes(x))

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        from fractions import Fraction

        def tap(n: int, size: int) -> Tap:
            if n % size == 0:
                return Tap(n // size, n // size, 0)
            bins = turn(size // gcd(n, size), lambda i: range(i * n // size, -(-(i + 1) * n // size)))
            # bin i starts at most 1 - gcd/size of a pixel after its first one
            return Tap(-(-(n - gcd(n, size)) // size) + 1, Fraction(n, size), 0, 1, bins)

        return tuple(tap(n, size) for size, n in zip(self._sizes(x), x[1:], strict=True))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(1), (MapShape(4, 7, 5),)),
            (cls((6, 3)), (MapShape(2, 13, 10),)),
            (cls(7), (MapShape(2, 7, 7),)),
            (cls(3), (MapShape(2, 2),)),
            (cls(2), (MapShape(2, 3, 4, 5),)),
        ]


@op("adaptive_avgpool")
class AdaptiveAvgPool(_AdaptivePool):
    """Mean over bins, to a stated size.   [c, *hw] -> [c, *size];  no parameters."""

    writings = ("as function",)

    size: Window

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(add=x[0] * self._inputs_read(x) - elements(y), div=elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        sizes = self._sizes(x.shape[1:])
        return tape.pool(x, (*x.shape[:2], *sizes)) if any(size != 1 for size in sizes) else tape.mean_of_map(x)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering(f"torch.nn.AdaptiveAvgPool{len(x) - 1}d", (self._sizes(x),))


@op("adaptive_maxpool")
class AdaptiveMaxPool(_AdaptivePool):
    """Maximum over bins, to a stated size.   [c, *hw] -> [c, *size];  no parameters."""

    size: Window

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(cmp=x[0] * self._inputs_read(x) - elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.max_pool(x, (*x.shape[:2], *self._sizes(x.shape[1:])))

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering(f"torch.nn.AdaptiveMaxPool{len(x) - 1}d", (self._sizes(x),))


class _GlobalPool(Op):
    """One value per channel from the whole map, or per feature from all tokens."""

    layouts = ("map", "sequence")

    @abstractmethod
    def _module(self) -> str:
        """The PyTorch module without its number of axes."""

    def shape(self, x: ValueShape) -> ValueShape:
        return VectorShape(x[1]) if x.layout == "sequence" else MapShape(x[0], *(1 for _ in x[1:]))

    def reach(self, x: ValueShape) -> tuple[Tap, ...] | None:
        return None if x.layout == "sequence" else tuple(Tap(n, n, 0) for n in x[1:])

    def lowering(self, x: ValueShape) -> Lowering:
        if x.layout == "sequence":
            return Lowering(f"cnncalc.torch_backend.modules.Token{self._module()[8:-4]}")
        return Lowering(f"torch.nn.{self._module()}{len(x) - 1}d", (1,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(), (MapShape(4, 7, 5),)),
            (cls(), (MapShape(4, 9),)),
            (cls(), (MapShape(2, 3, 4, 5),)),
            (cls(), (SequenceShape(5, 4),)),
        ]


@op("global_avgpool")
class GlobalAvgPool(_GlobalPool):
    """Mean of each channel, or of the tokens.   [c, *hw] -> [c, 1, 1], [t, f] -> [f];  no parameters."""

    writings = ("as function", "as mean")

    def _module(self) -> str:
        return "AdaptiveAvgPool"

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(add=elements(x) - elements(y), div=elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.mean(x, 1) if tape.inputs[0].layout == "sequence" else tape.mean_of_map(x)


@op("global_maxpool")
class GlobalMaxPool(_GlobalPool):
    """Maximum of each channel, or of the tokens.   [c, *hw] -> [c, 1, 1], [t, f] -> [f];  no parameters."""

    @property
    def saves_output(self) -> bool:
        return True

    def _module(self) -> str:
        return "AdaptiveMaxPool"

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(cmp=elements(x) - elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        if tape.inputs[0].layout == "sequence":
            return tape.amax(x, 1)
        return tape.max_pool(x, self.batched(tape, x))


@op("upsample")
class Upsample(Op):
    """Enlargement by a whole factor.   [c, *hw] -> [c, *factor*hw];  no parameters.

    ``nearest`` repeats pixels and costs nothing; ``bilinear`` takes four multiplications and three additions per value.
    """

    means: ClassVar[Mapping[str, str]] = {
        "mode": "nearest, or bilinear for maps of two axes",
    }

    layouts = MAPS

    factor: Window
    mode: Literal["nearest", "bilinear"] = "nearest"

    def _factors(self, x: ValueShape) -> tuple[int, ...]:
        return window.per_axis(self.factor, len(window.spatial(x)), "factor")

    def shape(self, x: ValueShape) -> ValueShape:
        factors = self._factors(x)
        if self.mode == "bilinear" and len(factors) != 2:
            raise ShapeError(f"bilinear needs 2 spatial axes, but the input has {len(factors)}")
        return MapShape(x[0], *(n * factor for n, factor in zip(x[1:], factors, strict=True)))

    def work(self, x: ValueShape, y: Shape) -> Work:
        return NO_WORK if self.mode == "nearest" else Work(mul=4 * elements(y), add=3 * elements(y))

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        from fractions import Fraction

        def tap(f: int) -> Tap:
            if f == 1:
                return Tap(1, 1, 0)
            if self.mode == "nearest":
                return Tap(1, Fraction(1, f), 0, 1, turn(f, lambda _: range(1)))
            # value i lies at (2i + 1 - f)/2f, on a pixel or between two
            places = turn(f, lambda i: range((2 * i + 1 - f) // (2 * f), -((f - 2 * i - 1) // (2 * f)) + 1))
            return Tap(2, Fraction(1, f), 1, 1, places)

        return tuple(map(tap, self._factors(x)))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.resize(x, self.batched(tape, x))

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("torch.nn.Upsample", (), {"scale_factor": self._factors(x), "mode": self.mode})

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(2), (MapShape(3, 4, 5),)),
            (cls((2, 3), mode="bilinear"), (MapShape(3, 4, 5),)),
            (cls(2), (MapShape(3, 4),)),
            (cls((1, 2, 3)), (MapShape(2, 3, 4, 5),)),
        ]
