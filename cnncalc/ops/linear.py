"""Fully connected layers, the change of shape before them, and units that measure a distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import Lowering, Op, Product, op
from cnncalc.values import NO_WORK, Shape, Work, elements, format_shape

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Value


@op("linear")
class Linear(Op):
    """Fully connected layer.   [features] -> [out], or [tokens, features] -> [tokens, out];  weight [out, features],
    bias [out].
    """

    takes_norm_act = True
    biases = ("bias",)

    out: int
    bias: bool = True

    def shape(self, x: Shape) -> Shape:
        if len(x) > 2:
            raise ShapeError(
                f"needs [features] or [tokens, features], but the input is a map {format_shape(x)}",
                hint="put flatten or global_avgpool and flatten before it",
            )
        return (*x[:-1], self.out)

    def weights(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (self.out, x[-1])} | ({"bias": (self.out,)} if self.bias else {})

    def work(self, x: Shape, y: Shape) -> Work:
        return Work(mac=elements(y) * x[-1], bias=elements(y) if self.bias else 0)

    def reach(self, x: Shape) -> None:
        return None

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.linear(x, tape.weights["weight"], tape.weights.get("bias"))

    def products(self, x: Shape, y: Shape) -> tuple[Product, ...]:
        return (Product(self.work(x, y)["mac"], ("input", "weight")),)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("torch.nn.Linear", (x[-1], self.out), {"bias": self.bias})

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(10), ((7,),)), (cls(3, bias=False), ((5, 4),))]


@op("flatten")
class Flatten(Op):
    """All values in one vector.   [*any] -> [values];  a view."""

    result = "view"
    writings = ("behind an adaptive pool",)
    memory_format = "first"

    def shape(self, x: Shape) -> Shape:
        return (elements(x),)

    def work(self, x: Shape, y: Shape) -> Work:
        return NO_WORK

    def reach(self, x: Shape) -> None:
        return None

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.flatten(x) if len(x.shape) > 2 else x

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("torch.nn.Flatten")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((3, 4, 5),)), (cls(), ((7,),))]


@op("rbf")
class RadialBasis(Op):
    """Squared distance to fixed vectors: the output units of LeNet-5 (LeCun et al. 1998).   [features] -> [out];
    no parameters, buffer weight [out, features].

    Per output: ``features`` subtractions and squares, ``features - 1`` additions.
    """

    out: int

    def shape(self, x: Shape) -> Shape:
        if len(x) != 1:
            raise ShapeError(f"needs a vector, but the input is {window.show_input(x)}")
        return (self.out,)

    def buffers(self, x: Shape) -> dict[str, Shape]:
        return {"weight": (self.out, x[0])}

    def work(self, x: Shape, y: Shape) -> Work:
        return Work(add=self.out * (2 * x[0] - 1), mul=self.out * x[0])

    def reach(self, x: Shape) -> None:
        return None

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.sum(tape.pow(tape.add(tape.unsqueeze(x, 1), tape.buffers["weight"])), 2)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.RadialBasis", (x[0], self.out))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(10), ((84,),)), (cls(1), ((3,),))]
