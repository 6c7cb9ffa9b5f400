"""The window formula: how a kernel with stride, padding and dilation maps one spatial axis. The only place for it."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from cnncalc.errors import ShapeError
from cnncalc.ops.base import Pad, Tap, Window
from cnncalc.values import Shape, format_shape


class Axis(NamedTuple):
    """One axis of a window laid over an input of ``pixels``: output size, padding before and after, and the arguments
    used.
    """

    pixels: int
    size: int
    before: int
    after: int
    kernel: int
    stride: int
    dilation: int

    @property
    def extent(self) -> int:
        """Input pixels from the first to the last one read: ``dilation * (kernel - 1) + 1``."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def read(self) -> int:
        """Pixels of the input that all windows read together; what lies in the padding or past the end is none."""

        def taps_before(end: int) -> int:
            """Taps of all windows that lie before ``end``, counted from the first pixel of the padding."""
            whole = min(max(-(-(end - self.dilation * (self.kernel - 1)) // self.stride), 0), self.size)
            some = min(max(-(-end // self.stride), whole), self.size)
            last = end - (some - 1) * self.stride + self.dilation - 1
            return whole * self.kernel + _sum_of_floors(some - whole, self.stride, last, self.dilation)

        return taps_before(self.before + self.pixels) - taps_before(self.before)

    @property
    def reading(self) -> int:
        """Windows that read a pixel: all, but for those whose taps lie around a map smaller than the dilation."""
        if self.pixels >= self.dilation:
            return self.size
        outside = min(-(-self.before // self.stride), self.size)  # windows that begin in the padding
        steps = [
            _sum_of_floors(outside, self.stride, start - self.before, self.dilation)
            for start in (0, self.dilation - self.pixels)
        ]
        return self.size - (steps[1] - steps[0])

    @property
    def tap(self) -> Tap:
        return Tap(self.extent, self.stride, self.before, self.dilation)


def _sum_of_floors(count: int, step: int, start: int, divisor: int) -> int:
    """The sum of ``floor((start + i*step)/divisor)`` over the first ``count`` i from 0 on, by Euclid's algorithm."""
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (step // divisor) + count * (start // divisor)
        step, start = step % divisor, start % divisor
        count, start = divmod(count * step + start, divisor)
        step, divisor = divisor, step
    return total


def pooled(axes: list[Axis]) -> tuple[int, int]:
    """Pixels of one channel that all windows read together, and how many windows read one."""
    return prod([axis.read for axis in axes]), prod([axis.reading for axis in axes])


def per_axis(value: Window, axes: int, name: str) -> tuple[int, ...]:
    """One value for each spatial axis.

    Raises:
        ShapeError: a list of another length.
    """
    if isinstance(value, int):
        return (value,) * axes
    if len(value) != axes:
        raise ShapeError(f"{name} has {len(value)} values, but the input has {axes} spatial axes")
    return value


def spatial(x: Shape) -> Shape:
    """The spatial sizes of a map ``[c, *spatial]``."""
    return x[1:]


def check_plane(x: Shape) -> None:
    """Refuses a map that has not 2 spatial axes.

    Raises:
        ShapeError: with its sizes.
    """
    if len(x) != 3:
        raise ShapeError(f"needs a map of 2 spatial axes, but the input is {format_shape(x)}")


def axes(
    x: Shape, kernel: Window, stride: Window | None, pad: Pad, dilation: Window = 1, ceil: bool = False
) -> list[Axis]:
    """The window on every spatial axis of ``x``.

    An axis of ``n`` becomes ``floor((n + before + after - dilation * (kernel - 1) - 1) / stride) + 1``. With
    ``ceil`` the division rounds up, but a window that would start in the padding after the end is left out, as in
    Caffe and PyTorch. ``pad: same`` is ``dilation * (kernel - 1) / 2`` on both sides; ``pad: same_tf`` makes the
    output ``ceil(n / stride)`` with the odd pixel after (TensorFlow's rule). ``pad: full`` is
    ``dilation * (kernel - 1)`` on both sides: every window that sees a pixel.

    Raises:
        ShapeError: no window fits, or ``same`` on an even window.
    """
    sizes = spatial(x)
    count = len(sizes)
    step = kernel if stride is None else stride
    if (
        isinstance(kernel, int)
        and isinstance(step, int)
        and isinstance(dilation, int)
        and not isinstance(pad, tuple)
        and sizes.count(sizes[0]) == count
    ):
        return [_axis(sizes[0], kernel, step, pad, dilation, ceil)] * count
    kernels = per_axis(kernel, count, "kernel")
    strides = per_axis(step, count, "stride")
    dilations = per_axis(dilation, count, "dilation")
    pads: tuple[int | str, ...] = (pad,) * count if isinstance(pad, str) else per_axis(pad, count, "pad")
    given = zip(sizes, kernels, strides, pads, dilations, strict=True)
    return [_axis(*axis, ceil) for axis in given]


def _axis(n: int, k: int, s: int, pad: int | str, d: int, ceil: bool) -> Axis:
    reach = d * (k - 1)
    if pad == "same_tf":
        size = -(-n // s)
        total = max((size - 1) * s + reach + 1 - n, 0)
        return Axis(n, size, total // 2, total - total // 2, k, s, d)
    if pad == "full":
        pad = reach
    if isinstance(pad, str):
        if reach % 2:
            raise ShapeError(
                f"pad 'same' is symmetric and needs an odd window, but the kernel is {k}",
                hint="give pad as a number, or pad: same_tf for TensorFlow's rule",
            )
        pad = reach // 2
    room = n + 2 * pad - reach - 1
    size = (-(-room // s) if ceil else room // s) + 1
    if size < 1:
        window = f"{d}*({k} - 1) - 1" if d > 1 else f"{k}"
        raise ShapeError(f"the window does not fit: ({n} + 2*{pad} - {window})/{s} + 1 = {size}")
    if ceil and (size - 1) * s >= n + pad:
        size -= 1
    return Axis(n, size, pad, pad, k, s, d)


def is_uneven(axes: list[Axis]) -> bool:
    """Whether padding differs before and after an axis: PyTorch's modules then need it as a step of its own."""
    return any(axis.before != axis.after for axis in axes)


def torch_padding(axes: list[Axis]) -> tuple[int, ...]:
    """Padding in the order of ``torch.nn.functional.pad``: last axis first, before and after."""
    return tuple(side for axis in reversed(axes) for side in (axis.before, axis.after))
