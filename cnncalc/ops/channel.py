"""Operators across the channels of a pixel."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import Lowering, Op, Product, op
from cnncalc.values import Shape, Work, elements, format_shape

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Value


class _ChannelPool(Op):
    """One value from all channels of a pixel."""

    def shape(self, x: Shape) -> Shape:
        return (1, *window.spatial(x))

    def lowering(self, x: Shape) -> Lowering:
        return Lowering(f"cnncalc.torch_backend.modules.{type(self).__name__}")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((4, 3, 5),)), (cls(), ((4, 7),)), (cls(), ((2, 3, 4, 5),))]


@op("channel_mean")
class ChannelMean(_ChannelPool):
    """Mean over the channels of each pixel.   [c, *hw] -> [1, *hw];  no parameters."""

    def work(self, x: Shape, y: Shape) -> Work:
        return Work(add=elements(x) - elements(y), div=elements(y))

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.mean(x, 1, keepdim=True)


@op("channel_max")
class ChannelMax(_ChannelPool):
    """Maximum over the channels of each pixel.   [c, *hw] -> [1, *hw];  no parameters."""

    def work(self, x: Shape, y: Shape) -> Work:
        return Work(cmp=elements(x) - elements(y))

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.amax(x, 1, keepdim=True)


@op("maxout")
class MaxOut(Op):
    """Maximum of each ``pieces`` neighbouring channels (Goodfellow et al. 2013).   [c, *hw] -> [c/pieces, *hw];  no
    parameters.
    """

    pieces: int

    def shape(self, x: Shape) -> Shape:
        if x[0] % self.pieces:
            raise ShapeError(f"pieces must divide the channels, but {self.pieces} does not divide {x[0]}")
        return (x[0] // self.pieces, *x[1:])

    def work(self, x: Shape, y: Shape) -> Work:
        return Work(cmp=elements(x) - elements(y))

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.amax(tape.unflatten(x, 1, (-1, self.pieces)), 2)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.MaxOut", (self.pieces,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(2), ((4, 3, 5),)), (cls(3), ((6,),)), (cls(5), ((10, 4),)), (cls(2), ((2, 3, 4, 5),))]


@op("channel_conv")
class ChannelConv(Op):
    """Convolution along the channels of a map of one pixel, with padding that keeps them (ECA, Wang et al. 2019).
    [c, 1, 1] -> [c, 1, 1];  weight [1, 1, kernel], bias [1].

    Multiply-accumulates: ``kernel`` per channel, padding included.
    """

    biases = ("bias",)

    kernel: int
    bias: bool = True

    def shape(self, x: Shape) -> Shape:
        if prod(window.spatial(x)) != 1:
            raise ShapeError(f"needs a map of one pixel, but the input is {format_shape(x)}")
        if self.kernel % 2 == 0:
            raise ShapeError(f"kernel must be odd, so that it has a middle, but is {self.kernel}")
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (1, 1, self.kernel)} | ({"bias": (1,)} if self.bias else {})

    def work(self, x: Shape, y: Shape) -> Work:
        return Work(mac=self.kernel * x[0], bias=x[0] if self.bias else 0)

    def run(self, tape: Tape, x: Value) -> Value:
        row = tape.unsqueeze(tape.flatten(x), 1)
        return tape.view(tape.conv(row, tape.weights["weight"], tape.weights.get("bias"), row.shape), x.shape)

    def products(self, x: Shape, y: Shape) -> tuple[Product, ...]:
        return (Product(self.work(x, y)["mac"], ("input", "weight")),)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.ChannelConv", (self.kernel, self.bias))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(3), ((8, 1, 1),)), (cls(5, bias=False), ((6, 1),)), (cls(3), ((4, 1, 1, 1),))]
