"""Operators across the channels of a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, ClassVar

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import FEATURED, MAPS, Lowering, Op, Product, op
from cnncalc.values import (
    MapShape,
    SequenceShape,
    Shape,
    TensorShape,
    ValueShape,
    VectorShape,
    Work,
    elements,
    format_shape,
)

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor


class _ChannelPool(Op):
    """One value from all channels of a pixel."""

    layouts = MAPS

    def shape(self, x: ValueShape) -> ValueShape:
        return MapShape(1, *x[1:])

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering(f"cnncalc.torch_backend.modules.{type(self).__name__}")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(), (MapShape(4, 3, 5),)), (cls(), (MapShape(4, 7),)), (cls(), (MapShape(2, 3, 4, 5),))]


@op("channel_mean")
class ChannelMean(_ChannelPool):
    """Mean over the channels of each pixel.   [c, *hw] -> [1, *hw];  no parameters."""

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(add=elements(x) - elements(y), div=elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.mean(x, 1, keepdim=True)


@op("channel_max")
class ChannelMax(_ChannelPool):
    """Maximum over the channels of each pixel.   [c, *hw] -> [1, *hw];  no parameters."""

    @property
    def saves_output(self) -> bool:
        return True

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(cmp=elements(x) - elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.amax(x, 1, keepdim=True)


@op("maxout")
class MaxOut(Op):
    """Maximum of each ``pieces`` neighbouring channels, or features (Goodfellow et al. 2013).   [c, *hw] ->
    [c/pieces, *hw], [t, f] -> [t, f/pieces];  no parameters.
    """

    means: ClassVar[Mapping[str, str]] = {
        "pieces": "channels that become one",
    }

    layouts = FEATURED

    pieces: int

    @property
    def saves_output(self) -> bool:
        return True

    def shape(self, x: ValueShape) -> ValueShape:
        if x.channels % self.pieces:
            raise ShapeError(f"pieces must divide the channels, but {self.pieces} does not divide {x.channels}")
        return x.with_channels(x.channels // self.pieces)

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(cmp=elements(x) - elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        axis = 1 if tape.inputs[0].layout == "map" else len(x.shape) - 1
        return tape.amax(tape.unflatten(x, axis, (-1, self.pieces)), axis + 1)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.MaxOut", (self.pieces, 1 if x.layout == "map" else len(x)))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(2), (MapShape(4, 3, 5),)),
            (cls(3), (VectorShape(6),)),
            (cls(2), (SequenceShape(5, 4),)),
            (cls(2), (TensorShape(2, 3, 4),)),
            (cls(5), (MapShape(10, 4),)),
            (cls(2), (MapShape(2, 3, 4, 5),)),
        ]


@op("channel_conv")
class ChannelConv(Op):
    """Convolution along the channels of a map of one pixel, with padding that keeps them (ECA, Wang et al. 2019).
    [c, 1, 1] -> [c, 1, 1];  weight [1, 1, kernel], bias [1].

    Multiply-accumulates: ``kernel`` per channel, padding included.
    """

    means: ClassVar[Mapping[str, str]] = {
        "kernel": "channels in the window",
    }

    layouts = MAPS
    biases = ("bias",)

    kernel: int
    bias: bool = True

    def shape(self, x: ValueShape) -> ValueShape:
        if prod(window.spatial(x)) != 1:
            raise ShapeError(f"needs a map of one pixel, but the input is {format_shape(x)}")
        if self.kernel % 2 == 0:
            raise ShapeError(f"kernel must be odd, so that it has a middle, but is {self.kernel}")
        return x

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return {"weight": (1, 1, self.kernel)} | ({"bias": (1,)} if self.bias else {})

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(mac=self.kernel * x[0], bias=x[0] if self.bias else 0)

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        row = tape.unsqueeze(tape.flatten(x), 1)
        return tape.view(tape.conv(row, tape.weights["weight"], tape.weights.get("bias"), row.shape), x.shape)

    def products(self, x: ValueShape, y: ValueShape) -> tuple[Product, ...]:
        return (Product(self.work(x, y)["mac"], ("input", "weight")),)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.ChannelConv", (self.kernel, self.bias))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(3), (MapShape(8, 1, 1),)),
            (cls(5, bias=False), (MapShape(6, 1),)),
            (cls(3), (MapShape(4, 1, 1, 1),)),
        ]
