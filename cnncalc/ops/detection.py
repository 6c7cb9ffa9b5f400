"""Operators of detectors."""

from __future__ import annotations

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import Lowering, Op, op
from cnncalc.values import Shape, Work, elements


@op("roi_align")
class RoiAlign(Op):
    """Cuts ``regions`` regions out of a map, each sampled to ``size`` (He et al. 2017).   [c, h, w] ->
    [c, size, size], ``regions`` times;  no parameters. All that follows is done and counted for every region.

    A value is the mean of ``samples_per_axis``^2 bilinear samples, of four multiplications and three additions each.
    Where the regions lie is neither counted nor known: no receptive field is stated behind it.
    """

    regions: int
    size: int
    samples_per_axis: int = 2

    def shape(self, x: Shape) -> Shape:
        if len(x) != 3:
            raise ShapeError(f"needs a map of 2 spatial axes, but the input is {window.show_input(x)}")
        return (x[0], self.size, self.size)

    def count(self) -> int:
        return self.regions

    def work(self, x: Shape, y: Shape) -> Work:
        values = elements(y)
        samples = self.samples_per_axis**2
        return Work(mul=4 * samples * values, add=(4 * samples - 1) * values, div=values)

    def reach(self, x: Shape) -> None:
        return None

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.RoiAlign", (self.regions, self.size, self.samples_per_axis))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(3, 2), ((4, 6, 5),)), (cls(1, 3, samples_per_axis=1), ((2, 4, 4),))]
