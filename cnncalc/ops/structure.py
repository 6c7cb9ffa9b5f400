"""Operators that move values or change nothing."""

from __future__ import annotations

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import Lowering, Op, op, show
from cnncalc.values import NO_WORK, Shape, Work


@op("dropout")
class Dropout(Op):
    """Dropout with probability ``p``.   [*any] -> [*any];  nothing in evaluation, which is what is counted."""

    result = "view"

    p: float = 0.5

    def shape(self, x: Shape) -> Shape:
        if not 0 <= self.p <= 1:
            raise ShapeError(f"p is a probability and must be from 0 to 1, not {show(self.p)}")
        return x

    def work(self, x: Shape, y: Shape) -> Work:
        return NO_WORK

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("torch.nn.Dropout", (self.p,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((3, 4, 5),)), (cls(0.2), ((7,),))]


@op("shuffle")
class ChannelShuffle(Op):
    """Channel shuffle (Zhang et al. 2017, figure 1).   [c, *hw] -> [c, *hw];  a copy, no arithmetic."""

    groups: int

    def shape(self, x: Shape) -> Shape:
        window.spatial(x)
        if x[0] % self.groups:
            raise ShapeError(f"groups must divide the channels, but {self.groups} does not divide {x[0]}")
        return x

    def work(self, x: Shape, y: Shape) -> Work:
        return NO_WORK

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("torch.nn.ChannelShuffle", (self.groups,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(3), ((6, 4, 5),)), (cls(2), ((4, 7),)), (cls(1), ((2, 3, 4, 5),))]
