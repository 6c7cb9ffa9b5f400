"""Convolutions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from math import gcd, prod
from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import MAPS, Lowering, Margin, Op, Pad, Product, Table, Tap, Window, op, turn
from cnncalc.values import MapShape, Shape, ValueShape, Work, elements

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor


def _check_groups(groups: int, inputs: int, outputs: int) -> None:
    for what, channels in (("input", inputs), ("output", outputs)):
        if channels % groups:
            raise ShapeError(f"groups must divide the {what} channels, but {groups} does not divide {channels}")


class _Convolution(Op):
    """What the forward convolutions share: the window, and one multiply-accumulate per weight and output position."""

    layouts = MAPS

    takes_norm_act = True
    biases = ("bias",)
    memory_format = "first"

    kernel: Window
    stride: Window
    pad: Pad
    dilation: Window
    bias: bool

    def _axes(self, x: Shape) -> list[window.Axis]:
        return window.axes(x, self.kernel, self.stride, self.pad, self.dilation)

    @abstractmethod
    def _channels(self, x: Shape) -> tuple[int, int]:
        """Output channels and groups."""

    def shape(self, x: ValueShape) -> ValueShape:
        axes = self._axes(x)
        return MapShape(self._channels(x)[0], *[axis.size for axis in axes])

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        out, groups = self._channels(x)
        kernel = window.per_axis(self.kernel, len(x) - 1, "kernel")
        return {"weight": (out, x[0] // groups, *kernel)} | ({"bias": (out,)} if self.bias else {})

    def work(self, x: ValueShape, y: Shape) -> Work:
        kernel = elements(self.weights(x)["weight"])
        return Work(mac=kernel * elements(y[1:]), bias=elements(y) if self.bias else 0)

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        return tuple(axis.tap for axis in self._axes(x))

    def lowering(self, x: ValueShape) -> Lowering:
        axes = self._axes(x)
        uneven = window.is_uneven(axes)
        arguments = {
            "stride": tuple(axis.stride for axis in axes),
            "padding": (0,) * len(axes) if uneven else tuple(axis.before for axis in axes),
            "dilation": tuple(axis.dilation for axis in axes),
            "bias": self.bias,
        }
        conv = self._module(x, tuple(axis.kernel for axis in axes), arguments)
        if not uneven:
            return conv
        return Lowering("cnncalc.torch_backend.modules.Padded", (conv, window.torch_padding(axes), 0.0))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        shape = self.batched(tape, x)
        axes = self._axes(x.shape[1:]) if self.pad == "same_tf" else []  # no other padding can be uneven
        if window.is_uneven(axes):
            x = tape.hold(tape.pad(x, window.torch_padding(axes)))
        return self._convolve(tape, x, shape)

    def _convolve(self, tape: Tape, x: Tensor, shape: Shape) -> Tensor:
        """What the module of :meth:`_module` does."""
        return tape.conv(x, tape.weights["weight"], tape.weights.get("bias"), shape)

    def products(self, x: ValueShape, y: ValueShape) -> tuple[Product, ...]:
        return (Product(self.work(x, y)["mac"], ("input", "weight"), self._channels(x)[1]),)

    def _module(self, x: Shape, kernel: tuple[int, ...], arguments: dict[str, Any]) -> Lowering:
        """The convolution itself."""
        out, groups = self._channels(x)
        return Lowering(f"torch.nn.Conv{len(kernel)}d", (x[0], out, kernel), {**arguments, "groups": groups})


@op("conv")
class Conv(_Convolution):
    """Convolution.   [c, *hw] -> [out, *hw'];  weight [out, c/groups, *kernel], bias [out].

    Multiply-accumulates: ``out * c/groups * prod(kernel) * prod(hw')``, padding included as frameworks compute it.
    ``connections`` lists for each output map the input maps that it reads, from 0, as table 1 of LeCun et al. 1998
    does for LeNet-5: weight [pairs, 1, *kernel], and ``pairs * prod(kernel) * prod(hw')`` multiply-accumulates.
    """

    means: ClassVar[Mapping[str, str]] = {
        "connections": "for every output channel the input channels that it sees, as in LeNet-5's C3",
    }

    out: int
    kernel: Window
    stride: Window = 1
    pad: Pad = 0
    dilation: Window = 1
    groups: int = 1
    bias: bool = True
    connections: Table | None = None

    def _channels(self, x: Shape) -> tuple[int, int]:
        _check_groups(self.groups, x[0], self.out)
        if self.connections is not None:
            self._check_connections(self.connections, x[0])
        return self.out, self.groups

    def _check_connections(self, rows: Table, inputs: int) -> None:
        if self.groups > 1:
            raise ShapeError(f"connections can't be used with groups, but groups is {self.groups}")
        if len(rows) != self.out:
            raise ShapeError(f"connections must have a row for each of {self.out} outputs, but has {len(rows)}")
        highest = max(map(max, rows))
        if highest >= inputs:
            raise ShapeError(f"connections numbers the {inputs} input channels from 0, so {highest} is not one of them")

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        tensors = super().weights(x)
        if self.connections is not None:
            tensors["weight"] = (sum(map(len, self.connections)), 1, *tensors["weight"][2:])
        return tensors

    def _convolve(self, tape: Tape, x: Tensor, shape: Shape) -> Tensor:
        if self.connections is None:
            return super()._convolve(tape, x, shape)
        outputs = []
        first = 0
        for number, row in enumerate(self.connections):
            taken = range(first, first + len(row))
            weight = tape.transpose(tape.slices(tape.weights["weight"], 0, [taken]), 0, 1)
            bias = tape.slices(tape.weights["bias"], 0, [range(number, number + 1)]) if self.bias else None
            outputs.append(tape.conv(self._read(tape, x, row), weight, bias, (shape[0], 1, *shape[2:])))
            first += len(row)
        return tape.cat(outputs, 1)

    @staticmethod
    def _read(tape: Tape, x: Tensor, row: tuple[int, ...]) -> Tensor:
        """The channels of a row; their numbers become a tensor first."""
        return tape.index(x, tape.new((len(row),), scales=False, itemsize=8), 1)

    def _module(self, x: Shape, kernel: tuple[int, ...], arguments: dict[str, Any]) -> Lowering:
        if self.connections is None:
            return super()._module(x, kernel, arguments)
        return Lowering("cnncalc.torch_backend.modules.SparseConv", (self.connections, kernel), arguments)

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(8, 3), (MapShape(4, 9, 7),)),
            (cls(6, (1, 5), stride=(2, 1), pad=(0, 2), bias=False), (MapShape(3, 8, 8),)),
            (cls(8, 3, stride=2, pad="same", dilation=2, groups=4), (MapShape(4, 15, 15),)),
            (cls(5, 4, stride=3, pad="same_tf"), (MapShape(2, 10, 11),)),
            (cls(5, 2, pad="same_tf"), (MapShape(2, 3, 4, 5),)),
            (cls(4, 3, pad=1), (MapShape(2, 12),)),
            (cls(4, (3, 5), pad="full", dilation=(2, 1)), (MapShape(2, 6, 7),)),
            (cls(4, (3, 1, 1), stride=(1, 2, 2)), (MapShape(2, 5, 6, 6),)),
            (cls(3, 3, pad=1, connections=((0, 1), (2,), (0, 1, 3))), (MapShape(4, 5, 6),)),
            (cls(2, 2, pad="same_tf", bias=False, connections=((1,), (0, 1))), (MapShape(2, 7),)),
        ]


@op("dwconv")
class DepthwiseConv(_Convolution):
    """Depthwise convolution.   [c, *hw] -> [c*multiplier, *hw'];  weight [c*multiplier, 1, *kernel]."""

    means: ClassVar[Mapping[str, str]] = {
        "multiplier": "output channels for every input channel",
    }

    kernel: Window
    stride: Window = 1
    pad: Pad = 0
    dilation: Window = 1
    multiplier: int = 1
    bias: bool = True

    def _channels(self, x: Shape) -> tuple[int, int]:
        return x[0] * self.multiplier, x[0]

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(3, pad="same", stride=2), (MapShape(6, 9, 9),)),
            (cls(5, pad="same_tf", multiplier=2, bias=False), (MapShape(4, 8, 8),)),
            (cls(4, stride=3, pad="same_tf"), (MapShape(3, 11),)),
            (cls((3, 1, 2), dilation=(2, 1, 1)), (MapShape(2, 7, 4, 4),)),
        ]


@op("conv_transpose")
class ConvTranspose(Op):
    """Transposed convolution.   [c, *hw] -> [out, *hw'];  weight [c, out/groups, *kernel], bias [out].

    ``h' = (h - 1)*stride - 2*pad + dilation*(kernel - 1) + output_pad + 1``. Multiply-accumulates:
    ``c * out/groups * prod(kernel) * prod(hw)``: every input value meets every weight of its channel once.
    """

    means: ClassVar[Mapping[str, str]] = {
        "output_pad": "pixels that are added to the size at the end of each axis",
        "pad": "pixels that are cut from both ends of each axis",
        "stride": "pixels from one input pixel's output to the next one's",
    }

    layouts = MAPS
    takes_norm_act = True
    biases = ("bias",)
    memory_format = "first"

    out: int
    kernel: Window
    stride: Window = 1
    pad: Margin = 0
    output_pad: Margin = 0
    dilation: Window = 1
    groups: int = 1
    bias: bool = True

    def _arguments(self, x: Shape) -> tuple[tuple[int, ...], ...]:
        """Kernel, stride, pad, output_pad, dilation, each per axis."""
        axes = len(window.spatial(x))
        named = {
            "kernel": self.kernel,
            "stride": self.stride,
            "pad": self.pad,
            "output_pad": self.output_pad,
            "dilation": self.dilation,
        }
        return tuple(window.per_axis(value, axes, name) for name, value in named.items())

    def shape(self, x: ValueShape) -> ValueShape:
        _check_groups(self.groups, x[0], self.out)
        sizes = []
        for n, k, s, p, o, d in zip(window.spatial(x), *self._arguments(x), strict=True):
            if o >= max(s, d):
                limit = max(s, d)
                raise ShapeError(f"output_pad must be smaller than stride or dilation, but {o} is not below {limit}")
            size = (n - 1) * s - 2 * p + d * (k - 1) + o + 1
            if size < 1:
                raise ShapeError(f"the output is empty: ({n} - 1)*{s} - 2*{p} + {d}*({k} - 1) + {o} + 1 = {size}")
            sizes.append(size)
        return MapShape(self.out, *sizes)

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        kernel = window.per_axis(self.kernel, len(x) - 1, "kernel")
        return {"weight": (x[0], self.out // self.groups, *kernel)} | ({"bias": (self.out,)} if self.bias else {})

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(mac=elements(self.weights(x)["weight"]) * prod(x[1:]), bias=elements(y) if self.bias else 0)

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        from fractions import Fraction

        def tap(k: int, s: int, p: int, d: int) -> Tap:
            if s == 1:
                return Tap(d * (k - 1) + 1, 1, d * (k - 1) - p, d)

            def reads(i: int) -> range:
                """The pixels whose kernels reach position i: pixel (i + p - q*d)/s by its element q."""
                every = s // gcd(d, s)
                q = next((q for q in range(min(k, every)) if (i + p - q * d) % s == 0), None)
                if q is None:
                    return range(0)
                last, more = (i + p - q * d) // s, (k - 1 - q) // every
                step = every * d // s
                return range(last - more * step, last + 1, step)

            # an output pixel meets ceil(extent / stride) neighbouring input pixels
            return Tap(-(-(d * (k - 1) + 1) // s), Fraction(1, s), (d * (k - 1) - p) // s, 1, turn(s, reads))

        return tuple(tap(k, s, p, d) for k, s, p, _, d in zip(*self._arguments(x), strict=True))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        shape = self.batched(tape, x)
        return tape.conv(x, tape.weights["weight"], tape.weights.get("bias"), shape)

    def products(self, x: ValueShape, y: ValueShape) -> tuple[Product, ...]:
        return (Product(self.work(x, y)["mac"], ("input", "weight"), self.groups),)

    def lowering(self, x: ValueShape) -> Lowering:
        kernel, stride, pad, output_pad, dilation = self._arguments(x)
        return Lowering(
            f"torch.nn.ConvTranspose{len(x) - 1}d",
            (x[0], self.out, kernel),
            {
                "stride": stride,
                "padding": pad,
                "output_padding": output_pad,
                "groups": self.groups,
                "bias": self.bias,
                "dilation": dilation,
            },
        )

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(3, 2, stride=2), (MapShape(5, 4, 6),)),
            (cls(6, 4, stride=2, pad=1, groups=2, bias=False), (MapShape(4, 5, 5),)),
            (cls(4, 3, stride=2, pad=1, output_pad=1, dilation=2), (MapShape(2, 5, 5),)),
            (cls(4, 3, stride=(2, 1), pad=(1, 0), output_pad=(1, 0)), (MapShape(2, 5, 4),)),
            (cls(4, 5, stride=3), (MapShape(2, 7),)),
            (cls(2, (1, 2, 2), stride=(1, 2, 2), groups=2), (MapShape(4, 3, 4, 5),)),
        ]
