"""Fully connected layers, the change of shape before them, and units that measure a distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from cnncalc.ops.base import FEATURED, Lowering, Op, Product, op
from cnncalc.values import NO_WORK, MapShape, SequenceShape, Shape, TensorShape, ValueShape, VectorShape, Work, elements

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor


@op("linear")
class Linear(Op):
    """Fully connected layer.   [features] -> [out], or [*any, features] -> [*any, out];  weight [out, features],
    bias [out].
    """

    layouts = ("vector", "sequence", "tensor")

    takes_norm_act = True
    writings = ("as own class", "behind a global pool")
    biases = ("bias",)

    out: int
    bias: bool = True

    def shape(self, x: ValueShape) -> ValueShape:
        return x.with_channels(self.out)

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return {"weight": (self.out, x.channels)} | ({"bias": (self.out,)} if self.bias else {})

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(mac=elements(y) * x.channels, bias=elements(y) if self.bias else 0)

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.linear(x, tape.weights["weight"], tape.weights.get("bias"))

    def products(self, x: ValueShape, y: ValueShape) -> tuple[Product, ...]:
        return (Product(self.work(x, y)["mac"], ("input", "weight")),)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("torch.nn.Linear", (x.channels, self.out), {"bias": self.bias})

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(10), (VectorShape(7),)),
            (cls(3, bias=False), (SequenceShape(5, 4),)),
            (cls(3), (TensorShape(2, 5, 4),)),
        ]


@op("flatten")
class Flatten(Op):
    """All values in one vector.   [*any] -> [values];  a view."""

    layouts = FEATURED

    result = "view"
    writings = ("behind an adaptive pool",)
    memory_format = "first"

    def shape(self, x: ValueShape) -> ValueShape:
        return VectorShape(elements(x))

    def work(self, x: ValueShape, y: Shape) -> Work:
        return NO_WORK

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.flatten(x) if len(x.shape) > 2 else x

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("torch.nn.Flatten")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(), (MapShape(3, 4, 5),)), (cls(), (VectorShape(7),))]


@op("rbf")
class RadialBasis(Op):
    """Squared distance to fixed vectors: the output units of LeNet-5 (LeCun et al. 1998).   [features] -> [out];
    no parameters, buffer weight [out, features].

    Per output: ``features`` subtractions and squares, ``features - 1`` additions.
    """

    means: ClassVar[Mapping[str, str]] = {
        "out": "classes, each with a centre that is compared",
    }

    layouts = ("vector",)

    out: int

    def shape(self, x: ValueShape) -> ValueShape:
        return VectorShape(self.out)

    def buffers(self, x: ValueShape) -> dict[str, Shape]:
        return {"weight": (self.out, x[0])}

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(add=self.out * (2 * x[0] - 1), mul=self.out * x[0])

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.sum(tape.pow(tape.add(tape.unsqueeze(x, 1), tape.buffers["weight"])), 2)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.RadialBasis", (x[0], self.out))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(10), (VectorShape(84),)), (cls(1), (VectorShape(3),))]
