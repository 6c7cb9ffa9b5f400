"""Joins of several values into one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from cnncalc.errors import ShapeError
from cnncalc.ops.base import FEATURED, Axis, Lowering, Op, axis_of, op
from cnncalc.values import (
    NO_WORK,
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

_SAME_CHANNELS = "a convolution with kernel 1 in the shortcut gives it the other's channels, its stride the size"
_SAME_SIZE = "pad: same with stride: 1 keeps the size (a pool's stride is its window unless said)"


_ONE_LAYOUT = "tokens makes a sequence of a map, feature_map a map of a sequence, flatten a vector of either"


class _Elementwise(Op):
    """Value by value; a 1 broadcasts against any size, as in the gate [c, 1, 1] of squeeze-and-excitation.

    A vector joins a map or a sequence on the channel axis, where PyTorch would align it with the last: the module says
    what is meant. Tensors align their last axes. The result has the larger layout.
    """

    role = "join"
    arity = (2, None)
    layouts = FEATURED

    def shape(self, *xs: ValueShape) -> ValueShape:
        if all(x == xs[0] and x.layout == xs[0].layout for x in xs):
            return xs[0]
        largest = _largest(xs)
        if any(x.layout not in (largest.layout, "vector") for x in xs) or (largest.layout == "tensor" and _mixed(xs)):
            law = (
                f"inputs must have the same layout (a vector joins a map or a sequence), but they are {_described(xs)}"
            )
            raise ShapeError(law, hint=_ONE_LAYOUT)
        aligned = [_aligned(x, largest) for x in xs]
        if any(len(x) != len(largest) for x in aligned):
            raise ShapeError(f"inputs must have the same number of axes, but they are {_list(xs)}")
        sizes = tuple(map(max, zip(*aligned, strict=True)))
        if any(n not in (1, size) for x in aligned for n, size in zip(x, sizes, strict=True)):
            law = f"inputs must have the same shape (or 1 to broadcast), but they are {_list(xs)}"
            channels = any(x[largest.axis or 0] not in (1, sizes[largest.axis or 0]) for x in aligned)
            raise ShapeError(law, hint=_SAME_CHANNELS if channels else _SAME_SIZE)
        return largest.like(*sizes)

    @abstractmethod
    def work(self, *xs_and_y: ValueShape) -> Work: ...

    @abstractmethod
    def combine(self, tape: Tape, xs: Sequence[Tensor]) -> Tensor:
        """The join of values that have one number of axes."""

    def run(self, tape: Tape, *xs: Tensor) -> Tensor:
        shapes = [_aligned(x, tape.output) for x in tape.inputs]
        pairs = zip(xs, tape.inputs, shapes, strict=True)
        return self.combine(
            tape, [x if shape == given else tape.view(x, (x.shape[0], *shape)) for x, given, shape in pairs]
        )

    def lowering(self, *xs: ValueShape) -> Lowering:
        largest = _largest(xs)
        missing = tuple(len(largest) - len(x) for x in xs)
        arguments = (missing, largest.layout == "map") if any(missing) else ()
        return Lowering(f"cnncalc.torch_backend.modules.{type(self).__name__}", arguments)

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(), (MapShape(3, 4, 5), MapShape(3, 4, 5))),
            (cls(), (MapShape(3, 4, 5), MapShape(3, 1, 1))),
            (cls(), (MapShape(3, 4, 5),) * 3),
            (cls(), (MapShape(1, 4), MapShape(3, 1))),
            (cls(), (MapShape(3, 4, 5), VectorShape(3))),
            (cls(), (VectorShape(4), SequenceShape(5, 4))),
            (cls(), (TensorShape(2, 3, 4), TensorShape(3, 1))),
        ]


def _largest(xs: tuple[ValueShape, ...]) -> ValueShape:
    """The input whose layout the result has."""
    return max(xs, key=lambda x: (x.layout != "vector", len(x)))


def _mixed(xs: tuple[ValueShape, ...]) -> bool:
    return any(x.layout != xs[0].layout for x in xs)


def _aligned(x: ValueShape, largest: ValueShape) -> Shape:
    """The sizes of an input with as many axes as the largest: of a vector in a map, its channels come first."""
    missing = (1,) * (len(largest) - len(x))
    if x.layout == largest.layout != "tensor":
        return x
    return (*x, *missing) if largest.layout == "map" else (*missing, *x)


def _list(xs: tuple[ValueShape, ...]) -> str:
    return f"{', '.join(map(format_shape, xs[:-1]))} and {format_shape(xs[-1])}"


def _described(xs: tuple[ValueShape, ...]) -> str:
    return f"{', '.join(x.describe() for x in xs[:-1])} and {xs[-1].describe()}"


@op("add")
class Add(_Elementwise):
    """Sum.   [c, *hw], ... -> [c, *hw]"""

    can_run_in_place = True
    memory_format = "kept"

    def work(self, *xs_and_y: ValueShape) -> Work:
        return Work(add=(len(xs_and_y) - 2) * elements(xs_and_y[-1]))

    def combine(self, tape: Tape, xs: Sequence[Tensor]) -> Tensor:
        return reduce(tape.add, xs)


@op("mul")
class Mul(_Elementwise):
    """Product.   [c, *hw], ... -> [c, *hw]"""

    def work(self, *xs_and_y: ValueShape) -> Work:
        return Work(mul=(len(xs_and_y) - 2) * elements(xs_and_y[-1]))

    def combine(self, tape: Tape, xs: Sequence[Tensor]) -> Tensor:
        return reduce(tape.mul, xs)


@op("mean")
class Mean(_Elementwise):
    """Mean.   [c, *hw], ... -> [c, *hw]"""

    def work(self, *xs_and_y: ValueShape) -> Work:
        n = elements(xs_and_y[-1])
        return Work(add=(len(xs_and_y) - 2) * n, div=n)

    def combine(self, tape: Tape, xs: Sequence[Tensor]) -> Tensor:
        return tape.scaled(reduce(tape.add, xs))


@op("max")
class Max(_Elementwise):
    """Maximum.   [c, *hw], ... -> [c, *hw]"""

    def work(self, *xs_and_y: ValueShape) -> Work:
        return Work(cmp=(len(xs_and_y) - 2) * elements(xs_and_y[-1]))

    def combine(self, tape: Tape, xs: Sequence[Tensor]) -> Tensor:
        return reduce(tape.maximum, xs)


@op("concat")
class Concat(Op):
    """Concatenation along the channels, or along ``axis``; sequences say which.   [c1, *hw], [c2, *hw], ... ->
    [c1 + c2 + ..., *hw], or [t1, f], [t2, f] -> [t1 + t2, f];  copies, no arithmetic.
    """

    role = "join"
    arity = (2, None)
    layouts = FEATURED

    axis: Axis | None = None

    def joined(self, x: ValueShape) -> int:
        """The axis along which values are joined, without the batch.

        Raises:
            ShapeError: a sequence for which none is said, or an axis that the value does not have.
        """
        if self.axis is None and x.layout == "sequence":
            raise ShapeError("concat of sequences needs axis", hint="axis: tokens, or axis: features")
        return axis_of(x, "channels" if self.axis is None else self.axis)

    def shape(self, *xs: ValueShape) -> ValueShape:
        if _mixed(xs):
            law = f"inputs must have the same layout, but they are {_described(xs)}"
            raise ShapeError(law, hint=_ONE_LAYOUT)
        axis = self.joined(xs[0])
        rest = {(*x[:axis], *x[axis + 1 :]) for x in xs}
        if len(rest) > 1:
            what = "spatial size" if xs[0].layout == "map" else "size on every other axis"
            raise ShapeError(f"inputs must have the same {what}, but they are {_list(xs)}", hint=_SAME_SIZE)
        return xs[0].like(*xs[0][:axis], sum(x[axis] for x in xs), *xs[0][axis + 1 :])

    def work(self, *xs_and_y: ValueShape) -> Work:
        return NO_WORK

    def run(self, tape: Tape, *xs: Tensor) -> Tensor:
        return tape.cat(xs, self.joined(tape.output) + 1)

    def lowering(self, *xs: ValueShape) -> Lowering:
        axis = self.joined(xs[0]) + 1
        return Lowering("cnncalc.torch_backend.modules.Concat", () if axis == 1 else (axis,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(), (MapShape(3, 4, 5), MapShape(2, 4, 5))),
            (cls(), (VectorShape(3), VectorShape(4), VectorShape(5))),
            (cls("tokens"), (SequenceShape(3, 4), SequenceShape(2, 4))),
            (cls("features"), (SequenceShape(3, 4), SequenceShape(3, 2))),
            (cls(1), (TensorShape(2, 3, 4), TensorShape(2, 1, 4))),
            (cls(), (TensorShape(2, 3, 4), TensorShape(2, 3, 1))),
        ]
