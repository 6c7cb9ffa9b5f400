"""Scale and shift by constants, by learned values and by noise; learned values that join a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import Lowering, Op, op
from cnncalc.values import NO_WORK, Shape, Work, elements

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Value


def _features(x: Shape) -> int:
    """Channels of a map, features of a vector or sequence."""
    return x[0] if len(x) > 2 else x[-1]


@op("scale")
class Scale(Op):
    """factor*x + shift with constants: Highway's 1 - x is factor -1, shift 1.   [*any] -> [*any];  no parameters."""

    memory_format = "kept"

    factor: float = 1
    shift: float = 0

    def shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape, y: Shape) -> Work:
        n = elements(y)
        return Work(mul=n if self.factor != 1 else 0, add=n if self.shift != 0 else 0)

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.shifted(tape.scaled(x))

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Scale", (self.factor, self.shift))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(-1, 1), ((3, 4, 5),)), (cls(0.5), ((7,),)), (cls(shift=2.5), ((5, 4),)), (cls(), ((3, 2),))]


@op("affine")
class Affine(Op):
    """Learned ``scale`` and ``bias`` of each channel, or of each feature of a vector or sequence.
    [c, *hw] -> [c, *hw];  weight [c], bias [c]. ConvNeXt's layer scale is ``bias: false``; LeNet-5 subsamples by
    ``avgpool: 2`` and ``affine``.
    """

    parameter_kind = "other_params"
    memory_format = "kept"

    scale: bool = True
    bias: bool = True

    def shape(self, x: Shape) -> Shape:
        if not (self.scale or self.bias):
            raise ShapeError("affine without scale and without bias does nothing")
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        tensor: Shape = (_features(x),)
        return ({"weight": tensor} if self.scale else {}) | ({"bias": tensor} if self.bias else {})

    def work(self, x: Shape, y: Shape) -> Work:
        n = elements(y)
        return Work(mul=n if self.scale else 0, add=n if self.bias else 0)

    def run(self, tape: Tape, x: Value) -> Value:
        for name, combine in (("weight", tape.mul), ("bias", tape.add)):
            if name in tape.weights:
                weight = tape.weights[name]
                axes = len(x.shape) - 2 if len(x.shape) > 3 else 0
                x = combine(x, tape.view(weight, (*weight.shape, *(1,) * axes)))
        return x

    def lowering(self, x: Shape) -> Lowering:
        axes = len(x) - 1 if len(x) > 2 else 0
        return Lowering("cnncalc.torch_backend.modules.Affine", (_features(x), axes, self.scale, self.bias))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [
            (cls(), ((3, 4, 5),)),
            (cls(bias=False), ((5, 4),)),
            (cls(scale=False), ((7,),)),
            (cls(), ((2, 3, 4, 5),)),
        ]


@op("class_token")
class ClassToken(Op):
    """Puts a learned token before the others.   [t, f] -> [t + 1, f];  weight [1, f]; a copy, no arithmetic."""

    parameter_kind = "other_params"

    def shape(self, x: Shape) -> Shape:
        if len(x) != 2:
            raise ShapeError(f"needs [tokens, features], but the input is {window.show_input(x)}")
        return (x[0] + 1, x[1])

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (1, x[1])}

    def work(self, x: Shape, y: Shape) -> Work:
        return NO_WORK

    def reach(self, x: Shape) -> None:
        return None

    def run(self, tape: Tape, x: Value) -> Value:
        token = tape.weights["weight"]
        return tape.cat([tape.expand(token, (x.shape[0], *token.shape), x.scales), x], 1)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.ClassToken", (x[1],))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((5, 4),))]


@op("position_embedding")
class PositionEmbedding(Op):
    """Adds a learned value to each: a token's position as ViT learns it.   [*any] -> [*any];  weight [*any]."""

    parameter_kind = "other_params"

    def shape(self, x: Shape) -> Shape:
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": x}

    def work(self, x: Shape, y: Shape) -> Work:
        return Work(add=elements(y))

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.add(x, tape.weights["weight"])

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.PositionEmbedding", (x,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((5, 4),)), (cls(), ((3, 2, 2),))]


@op("parameter")
class Constant(Op):
    """A learned constant that takes nothing from its input: StyleGAN's is ``parameter: [512, 4, 4]``.
    [*any] -> [channels], [channels, height] or [channels, height, width];  weight of that shape.
    """

    parameter_kind = "other_params"
    reads_input = False

    channels: int
    height: int | None = None
    width: int | None = None

    def shape(self, x: Shape) -> Shape:
        if self.height is None and self.width is not None:
            raise ShapeError("parameter has a width, but no height")
        return tuple(size for size in (self.channels, self.height, self.width) if size is not None)

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": self.shape(x)}

    def work(self, x: Shape, y: Shape) -> Work:
        return NO_WORK

    def reach(self, x: Shape) -> None:
        return None

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.repeat(tape.unsqueeze(tape.weights["weight"], 0))

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Constant", (self.shape(x),))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(6, 4, 4), ((5,),)), (cls(3, 4), ((2, 5, 6),)), (cls(7), ((2, 3),))]


@op("noise")
class Noise(Op):
    """Adds noise, one value a pixel, times a learned strength of each channel, or of all (StyleGAN).
    [c, *hw] -> [c, *hw];  weight [c], or [1] without ``per_channel``.

    A multiplication and an addition per value; drawing the noise is not counted.
    """

    parameter_kind = "other_params"

    per_channel: bool = True

    def shape(self, x: Shape) -> Shape:
        window.spatial(x)
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (x[0] if self.per_channel else 1,)}

    def work(self, x: Shape, y: Shape) -> Work:
        return Work(mul=elements(y), add=elements(y))

    def run(self, tape: Tape, x: Value) -> Value:
        noise = tape.hold(tape.new((x.shape[0], 1, *x.shape[2:])))
        weight = tape.weights["weight"]
        strength = tape.view(weight, (*weight.shape, *(1 for _ in x.shape[2:])))
        return tape.add(x, tape.mul(strength, noise))

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Noise", (x[0] if self.per_channel else 1,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((3, 4, 5),)), (cls(False), ((3, 4),)), (cls(), ((2, 3, 4, 5),))]
