"""Joins of several values into one."""

from __future__ import annotations

from abc import abstractmethod
from functools import reduce
from typing import TYPE_CHECKING

from cnncalc.errors import ShapeError
from cnncalc.ops.base import Lowering, Op, op
from cnncalc.values import NO_WORK, Shape, Work, elements, format_shape

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Value

_SAME_CHANNELS = "a convolution with kernel 1 in the shortcut gives it the other's channels, its stride the size"
_SAME_SIZE = "pad: same with stride: 1 keeps the size (a pool's stride is its window unless said)"


class _Elementwise(Op):
    """Value by value; a 1 broadcasts against any size, as in the gate [c, 1, 1] of squeeze-and-excitation."""

    role = "join"
    arity = (2, None)

    def shape(self, *xs: Shape) -> Shape:
        rank = max(map(len, xs))
        if any(len(x) != rank for x in xs):
            raise ShapeError(f"inputs must have the same number of axes, but they are {_list(xs)}")
        sizes = tuple(map(max, zip(*xs, strict=True)))
        if any(n not in (1, size) for x in xs for n, size in zip(x, sizes, strict=True)):
            law = f"inputs must have the same shape (or 1 to broadcast), but they are {_list(xs)}"
            channels = any(x[0] not in (1, sizes[0]) for x in xs)
            raise ShapeError(law, hint=_SAME_CHANNELS if channels else _SAME_SIZE)
        return sizes

    @abstractmethod
    def work(self, *xs_and_y: Shape) -> Work: ...

    def lowering(self, *xs: Shape) -> Lowering:
        return Lowering(f"cnncalc.torch_backend.modules.{type(self).__name__}")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [
            (cls(), ((3, 4, 5), (3, 4, 5))),
            (cls(), ((3, 4, 5), (3, 1, 1))),
            (cls(), ((3, 4, 5),) * 3),
            (cls(), ((1, 4), (3, 1))),
        ]


def _list(xs: tuple[Shape, ...]) -> str:
    return f"{', '.join(map(format_shape, xs[:-1]))} and {format_shape(xs[-1])}"


@op("add")
class Add(_Elementwise):
    """Sum.   [c, *hw], ... -> [c, *hw]"""

    can_run_in_place = True
    memory_format = "kept"

    def work(self, *xs_and_y: Shape) -> Work:
        return Work(add=(len(xs_and_y) - 2) * elements(xs_and_y[-1]))

    def run(self, tape: Tape, *xs: Value) -> Value:
        return reduce(tape.add, xs)


@op("mul")
class Mul(_Elementwise):
    """Product.   [c, *hw], ... -> [c, *hw]"""

    def work(self, *xs_and_y: Shape) -> Work:
        return Work(mul=(len(xs_and_y) - 2) * elements(xs_and_y[-1]))

    def run(self, tape: Tape, *xs: Value) -> Value:
        return reduce(tape.mul, xs)


@op("mean")
class Mean(_Elementwise):
    """Mean.   [c, *hw], ... -> [c, *hw]"""

    def work(self, *xs_and_y: Shape) -> Work:
        n = elements(xs_and_y[-1])
        return Work(add=(len(xs_and_y) - 2) * n, div=n)

    def run(self, tape: Tape, *xs: Value) -> Value:
        return tape.scaled(reduce(tape.add, xs))


@op("max")
class Max(_Elementwise):
    """Maximum.   [c, *hw], ... -> [c, *hw]"""

    def work(self, *xs_and_y: Shape) -> Work:
        return Work(cmp=(len(xs_and_y) - 2) * elements(xs_and_y[-1]))

    def run(self, tape: Tape, *xs: Value) -> Value:
        return reduce(tape.maximum, xs)


@op("concat")
class Concat(Op):
    """Concatenation of channels.   [c1, *hw], [c2, *hw], ... -> [c1 + c2 + ..., *hw];  copies, no arithmetic."""

    role = "join"
    arity = (2, None)

    def shape(self, *xs: Shape) -> Shape:
        if any(x[1:] != xs[0][1:] for x in xs):
            raise ShapeError(f"inputs must have the same spatial size, but they are {_list(xs)}", hint=_SAME_SIZE)
        return (sum(x[0] for x in xs), *xs[0][1:])

    def work(self, *xs_and_y: Shape) -> Work:
        return NO_WORK

    def run(self, tape: Tape, *xs: Value) -> Value:
        return tape.cat(xs, 1)

    def lowering(self, *xs: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.Concat")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((3, 4, 5), (2, 4, 5))), (cls(), ((3,), (4,), (5,)))]
