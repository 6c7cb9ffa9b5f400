"""Operators that change nothing in evaluation, which is what is counted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from cnncalc.errors import ShapeError
from cnncalc.ops.base import FEATURED, Lowering, Op, op, show
from cnncalc.values import NO_WORK, MapShape, Shape, ValueShape, VectorShape, Work

if TYPE_CHECKING:
    from fractions import Fraction

    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor
    from cnncalc.ops.base import Rational


class _Dropped(Op):
    """What training leaves out with probability ``p``."""

    layouts = FEATURED

    result = "view"
    memory_format = "kept"

    p: Rational

    @abstractmethod
    def _module(self) -> str:
        """The module that leaves it out."""

    def shape(self, x: ValueShape) -> ValueShape:
        if not 0 <= self.p <= 1:
            raise ShapeError(f"p is a probability and must be from 0 to 1, not {show(self.p)}")
        return x

    def work(self, x: ValueShape, y: Shape) -> Work:
        return NO_WORK

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering(self._module(), (float(self.p),))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(), (MapShape(3, 4, 5),)),
            (cls(0.2), (VectorShape(7),)),
            (cls(0), (MapShape(3, 4, 5),)),
            (cls(1), (MapShape(3, 4, 5),)),
        ]


@op("dropout")
class Dropout(_Dropped):
    """Dropout with probability ``p``.   [*any] -> [*any];  nothing in evaluation, which is what is counted."""

    means: ClassVar[Mapping[str, str]] = {
        "p": "the probability that a value is dropped in training",
    }

    p: float = 0.5

    def _module(self) -> str:
        return "torch.nn.Dropout"

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.dropout(x, self.p) if tape.training and self.p else x


@op("stochastic_depth")
class StochasticDepth(_Dropped):
    """Drops the whole branch with probability ``p`` (Huang et al. 2016).   [*any] -> [*any];  nothing in evaluation,
    which is what is counted.
    """

    means: ClassVar[Mapping[str, str]] = {
        "p": "the probability that a branch is left out in training",
    }

    p: Rational = 0.5

    def survival(self) -> Fraction:
        from fractions import Fraction

        return 1 - Fraction(self.p)

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        if not tape.training or not self.p:
            return x
        if self.p >= 1:
            return tape.scaled(x)
        kept = tape.hold(tape.chosen((x.shape[0], *(1 for _ in x.shape[1:]))))
        return tape.scaled(tape.mul(x, kept))

    def _module(self) -> str:
        return "cnncalc.torch_backend.modules.StochasticDepth"
