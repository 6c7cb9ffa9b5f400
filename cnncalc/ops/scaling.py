"""Scale and shift by constants, by learned values and by noise; learned values that join a sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from cnncalc.errors import ShapeError
from cnncalc.ops.base import FEATURED, MAPS, Lowering, Op, Sizes, op, shaped
from cnncalc.values import (
    LAYOUTS,
    NO_WORK,
    MapShape,
    SequenceShape,
    Shape,
    TensorShape,
    ValueShape,
    VectorShape,
    Work,
    elements,
)

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor


@op("scale")
class Scale(Op):
    """factor*x + shift with constants: Highway's 1 - x is factor -1, shift 1.   [*any] -> [*any];  no parameters."""

    means: ClassVar[Mapping[str, str]] = {
        "factor": "what every value is multiplied with",
        "shift": "what is then added",
    }

    layouts = FEATURED
    memory_format = "kept"

    factor: float = 1
    shift: float = 0

    def shape(self, x: ValueShape) -> ValueShape:
        return x

    def work(self, x: ValueShape, y: Shape) -> Work:
        n = elements(y)
        return Work(mul=n if self.factor != 1 else 0, add=n if self.shift != 0 else 0)

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.shifted(tape.scaled(x))

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Scale", (self.factor, self.shift))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(-1, 1), (MapShape(3, 4, 5),)),
            (cls(0.5), (VectorShape(7),)),
            (cls(shift=2.5), (SequenceShape(5, 4),)),
            (cls(), (SequenceShape(3, 2),)),
        ]


@op("affine")
class Affine(Op):
    """Learned ``scale`` and ``bias`` of each channel of a map, or of each feature of anything else.
    [c, *hw] -> [c, *hw];  weight [c], bias [c]. ConvNeXt's layer scale is ``bias: false``; LeNet-5 subsamples by
    ``avgpool: 2`` and ``affine``.
    """

    means: ClassVar[Mapping[str, str]] = {
        "scale": "whether it learns a scale, and not the bias alone",
    }

    layouts = FEATURED

    parameter_kind = "other_params"
    writings = ("with mul",)
    memory_format = "kept"

    scale: bool = True
    bias: bool = True

    def shape(self, x: ValueShape) -> ValueShape:
        if not (self.scale or self.bias):
            raise ShapeError("affine needs scale or bias, or it does nothing")
        return x

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        tensor: Shape = (x.channels,)
        return ({"weight": tensor} if self.scale else {}) | ({"bias": tensor} if self.bias else {})

    def work(self, x: ValueShape, y: Shape) -> Work:
        n = elements(y)
        return Work(mul=n if self.scale else 0, add=n if self.bias else 0)

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        for name, combine in (("weight", tape.mul), ("bias", tape.add)):
            if name in tape.weights:
                weight = tape.weights[name]
                axes = len(x.shape) - 2 if tape.inputs[0].layout == "map" else 0
                x = combine(x, tape.view(weight, (*weight.shape, *(1,) * axes)))
        return x

    def lowering(self, x: ValueShape) -> Lowering:
        axes = len(x) - 1 if x.layout == "map" else 0
        return Lowering("cnncalc.torch_backend.modules.Affine", (x.channels, axes, self.scale, self.bias))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(), (MapShape(3, 4, 5),)),
            (cls(bias=False), (SequenceShape(5, 4),)),
            (cls(scale=False), (VectorShape(7),)),
            (cls(), (MapShape(2, 3, 4, 5),)),
            (cls(), (MapShape(3, 7),)),
            (cls(), (TensorShape(2, 3, 4, 5),)),
        ]


@op("class_token")
class ClassToken(Op):
    """Puts a learned token before the others.   [t, f] -> [t + 1, f];  weight [1, f]; a copy, no arithmetic."""

    layouts = ("sequence",)

    parameter_kind = "other_params"

    def shape(self, x: ValueShape) -> ValueShape:
        return SequenceShape(x[0] + 1, x[1])

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return {"weight": (1, x[1])}

    def work(self, x: ValueShape, y: Shape) -> Work:
        return NO_WORK

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        token = tape.weights["weight"]
        return tape.cat([tape.expand(token, (x.shape[0], *token.shape), x.scales), x], 1)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.ClassToken", (x[1],))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(), (SequenceShape(5, 4),))]


@op("position_embedding")
class PositionEmbedding(Op):
    """Adds a learned value to each: a token's position as ViT learns it.   [*any] -> [*any];  weight [*any]."""

    layouts = FEATURED

    parameter_kind = "other_params"

    def shape(self, x: ValueShape) -> ValueShape:
        return x

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return {"weight": tuple(x)}

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(add=elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.add(x, tape.weights["weight"])

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.PositionEmbedding", (tuple(x),))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(), (SequenceShape(5, 4),)), (cls(), (MapShape(3, 2, 2),))]


@op("parameter")
class Constant(Op):
    """A learned value that takes nothing from its input but the batch and the count: StyleGAN's is
    ``parameter: [512, 4, 4]``.   [*any] -> [*shape];  weight [*shape]; a copy for each of the batch.

    The shape is written as that of an input: a number or a list of one is a vector, a longer list a map,
    ``{tokens: 4, features: 8}`` a sequence; with ``as: tensor`` any list is a tensor.
    """

    means: ClassVar[Mapping[str, str]] = {
        "shape": "its shape, as input states one: a list, or tokens and features",
        "as": "tensor, where the shape is none of a map, a sequence or a vector",
    }

    layouts = tuple(LAYOUTS)
    parameter_kind = "other_params"
    reads_input = False

    shape_: Sizes
    as_: Literal["tensor"] | None = None

    def shape(self, x: ValueShape) -> ValueShape:
        return shaped(self.shape_, self.as_)

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return {"weight": tuple(self.shape(x))}

    def work(self, x: ValueShape, y: Shape) -> Work:
        return NO_WORK

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.repeat(tape.unsqueeze(tape.weights["weight"], 0), x.shape[0])

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Constant", (tuple(self.shape(x)),))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls((6, 4, 4)), (VectorShape(5),)),
            (cls((3, 4)), (MapShape(2, 5, 6),)),
            (cls(7), (SequenceShape(2, 3),)),
            (cls(SequenceShape(4, 3)), (VectorShape(5),)),
            (cls((2, 3, 4, 5, 6), as_="tensor"), (VectorShape(5),)),
        ]


@op("noise")
class Noise(Op):
    """Adds noise, one value a pixel, times a learned strength of each channel, or of all (StyleGAN).
    [c, *hw] -> [c, *hw];  weight [c], or [1] without ``per_channel``.

    A multiplication and an addition per value; drawing the noise is not counted.
    """

    layouts = MAPS

    parameter_kind = "other_params"

    per_channel: bool = True

    def shape(self, x: ValueShape) -> ValueShape:
        return x

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return {"weight": (x.channels if self.per_channel else 1,)}

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(mul=elements(y), add=elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        noise = tape.hold(tape.new((x.shape[0], 1, *x.shape[2:])))
        weight = tape.weights["weight"]
        strength = tape.view(weight, (*weight.shape, *(1 for _ in x.shape[2:])))
        return tape.add(x, tape.mul(strength, noise))

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Noise", (x.channels if self.per_channel else 1,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(), (MapShape(3, 4, 5),)), (cls(False), (MapShape(3, 4),)), (cls(), (MapShape(2, 3, 4, 5),))]
