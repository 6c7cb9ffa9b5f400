"""Activations: one value in, one value out. Each row states the operations for one value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from cnncalc.ops.base import FEATURED, Lowering, Op, op
from cnncalc.values import MapShape, SequenceShape, Shape, TensorShape, ValueShape, VectorShape, Work, elements

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Keeps, Tape
    from cnncalc.autograd.tensors import Tensor


class _Activation(Op):
    """Shape stays; ``unit`` is the work for one value; ``module`` is PyTorch's name for it.

    ``keeps`` is what the backward pass needs, as in :meth:`cnncalc.autograd.functional.Tape.pointwise`.
    """

    layouts = FEATURED

    role = "activation"
    memory_format = "kept"

    unit: ClassVar[Work]
    module: ClassVar[str]
    keeps: ClassVar[Keeps] = "input"

    @property
    def saves_output(self) -> bool:
        return self.keeps != "input"

    def shape(self, x: ValueShape) -> ValueShape:
        return x

    def work(self, x: ValueShape, y: Shape) -> Work:
        return self.unit * elements(y)

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.pointwise(x, self.keeps)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering(f"torch.nn.{self.module}", tuple(value for _, value in self.arguments()))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(), (MapShape(3, 4, 5),)), (cls(), (VectorShape(7),))]


@op("relu")
class ReLU(_Activation):
    """max(x, 0).   [*any] -> [*any]"""

    writings = ("as function",)
    unit = Work(cmp=1)
    module = "ReLU"
    can_run_in_place = True
    keeps = "output"


@op("relu6")
class ReLU6(_Activation):
    """min(max(x, 0), 6).   [*any] -> [*any]"""

    unit = Work(cmp=2)
    module = "ReLU6"
    can_run_in_place = True


@op("leaky_relu")
class LeakyReLU(_Activation):
    """x, or slope*x below 0.   [*any] -> [*any]"""

    means: ClassVar[Mapping[str, str]] = {
        "slope": "the factor below zero",
    }

    unit = Work(cmp=1, mul=1)
    module = "LeakyReLU"
    can_run_in_place = True
    keeps = "input, or output in place"

    slope: float = 0.01


@op("elu")
class ELU(_Activation):
    """x, or alpha*(exp(x) - 1) below 0.   [*any] -> [*any]"""

    means: ClassVar[Mapping[str, str]] = {
        "alpha": "the value that it nears below zero, with the sign changed",
    }

    unit = Work(cmp=1, exp=1, add=1, mul=1)
    module = "ELU"
    can_run_in_place = True
    keeps = "input, or output in place"

    alpha: float = 1.0


@op("selu")
class SELU(_Activation):
    """scale * ELU with the two constants of Klambauer et al. 2017.   [*any] -> [*any]"""

    unit = Work(cmp=1, exp=1, add=1, mul=2)
    module = "SELU"
    can_run_in_place = True
    keeps = "input, or output in place"


@op("gelu")
class GELU(_Activation):
    """x/2 * (1 + erf(x/sqrt 2)).   [*any] -> [*any]"""

    writings = ("as function",)
    unit = Work(mul=3, erf=1, add=1)
    module = "GELU"


@op("silu")
class SiLU(_Activation):
    """x * sigmoid(x), also called swish.   [*any] -> [*any]"""

    unit = Work(exp=1, add=1, div=1, mul=1)
    module = "SiLU"
    can_run_in_place = True


@op("mish")
class Mish(_Activation):
    """x * tanh(log(1 + exp x)).   [*any] -> [*any]"""

    unit = Work(exp=1, add=1, log=1, tanh=1, mul=1)
    module = "Mish"
    can_run_in_place = True


@op("hardswish")
class Hardswish(_Activation):
    """x * relu6(x + 3) / 6.   [*any] -> [*any]"""

    unit = Work(add=1, cmp=2, mul=1, div=1)
    module = "Hardswish"
    can_run_in_place = True


@op("hardsigmoid")
class Hardsigmoid(_Activation):
    """relu6(x + 3) / 6.   [*any] -> [*any]"""

    unit = Work(add=1, cmp=2, div=1)
    module = "Hardsigmoid"
    can_run_in_place = True


@op("sigmoid")
class Sigmoid(_Activation):
    """1 / (1 + exp(-x)).   [*any] -> [*any]"""

    unit = Work(exp=1, add=1, div=1)
    module = "Sigmoid"
    keeps = "output"


@op("tanh")
class Tanh(_Activation):
    """Hyperbolic tangent.   [*any] -> [*any]"""

    unit = Work(tanh=1)
    module = "Tanh"
    keeps = "output"


@op("softplus")
class Softplus(_Activation):
    """log(1 + exp x).   [*any] -> [*any]"""

    unit = Work(exp=1, add=1, log=1)
    module = "Softplus"

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.pointwise(tape.raised(x, on="cuda"), self.keeps)


@op("softmax")
class Softmax(_Activation):
    """exp(x) over its sum, across the channels of a map or the features of anything else.   [*any] -> [*any]

    For n values: n - 1 comparisons for the maximum, n subtractions, n exponentials, n - 1 additions, n divisions.
    """

    keeps = "output"

    def work(self, x: ValueShape, y: Shape) -> Work:
        n = elements(x)
        rows = n // x.channels
        return Work(cmp=n - rows, add=2 * n - rows, exp=n, div=n)

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.softmax(x)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("torch.nn.Softmax", (1 if x.layout == "map" else -1,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        shapes = (SequenceShape(5, 4), MapShape(4, 7), MapShape(2, 3, 4, 5), TensorShape(2, 3, 4, 5))
        return [*super().samples(), *((cls(), (shape,)) for shape in shapes)]


@op("prelu")
class PReLU(_Activation):
    """x, or a learned slope times x below 0.   [*any] -> [*any];  weight [1], or [c] with ``per_channel``: a slope for
    each channel of a map, or feature of anything else.
    """

    unit = Work(cmp=1, mul=1)
    parameter_kind = "other_params"

    per_channel: bool = False

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return {"weight": (x.channels if self.per_channel else 1,)}

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        if not self._moves(tape.inputs[0]):
            return tape.prelu(x)
        return tape.movedim(tape.prelu(tape.contiguous(tape.movedim(x, -1, 1))), 1, -1)

    def lowering(self, x: ValueShape) -> Lowering:
        home = "cnncalc.torch_backend.modules.Feature" if self._moves(x) else "torch.nn."
        return Lowering(f"{home}PReLU", (x.channels if self.per_channel else 1,))

    def _moves(self, x: ValueShape) -> bool:
        """Whether the slopes are along an axis that PyTorch's module does not have the channels on."""
        return self.per_channel and x.layout in ("sequence", "tensor")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        shapes = (MapShape(3, 4, 5), MapShape(3, 7), VectorShape(7), SequenceShape(5, 4), TensorShape(2, 3, 4, 5))
        return [(cls(), (shapes[0],)), *((cls(per_channel=True), (shape,)) for shape in shapes)]
