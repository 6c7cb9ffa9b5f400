"""Operators of detectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from cnncalc.ops import window
from cnncalc.ops.base import MAPS, Lowering, Op, op
from cnncalc.values import MapShape, Shape, ValueShape, Work, elements

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor


@op("roi_align")
class RoiAlign(Op):
    """Cuts ``regions`` regions out of a map, each sampled to ``size`` (He et al. 2017).   [c, h, w] ->
    [c, size, size], ``regions`` times;  no parameters. All that follows is done and counted for every region.

    A value is the mean of ``samples_per_axis``^2 bilinear samples, of four multiplications and three additions each.
    Where the regions lie is neither counted nor known: no receptive field is stated behind it.
    """

    means: ClassVar[Mapping[str, str]] = {
        "regions": "regions that are cut out",
        "samples_per_axis": "samples along each axis of an output value",
        "size": "height and width of what comes out",
    }

    layouts = MAPS

    regions: int
    size: int
    samples_per_axis: int = 2

    def shape(self, x: ValueShape) -> ValueShape:
        window.check_plane(x)
        return MapShape(x[0], self.size, self.size)

    def count(self) -> int:
        return self.regions

    def work(self, x: ValueShape, y: Shape) -> Work:
        values = elements(y)
        samples = self.samples_per_axis**2
        return Work(mul=4 * samples * values, add=(4 * samples - 1) * values, div=values)

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        count = self.size * self.samples_per_axis
        along = tape.new((count,), scales=False)
        for _ in range(4):
            along = tape.shifted(along)  # times 2, plus 1, divided, minus 1
        rows = tape.new((count * self.regions,), scales=False)
        grid = tape.hold(tape.new((*rows.shape, count, 2), scales=False))
        sampled = tape.hold(tape.grid_sample(x, tape.expand(grid, (x.shape[0], *grid.shape), x.scales)))
        pooled = tape.pool(sampled, (*x.shape[:2], self.regions * self.size, self.size))
        parts = tape.transpose(tape.unflatten(pooled, 2, (self.regions, self.size)), 1, 2)
        return tape.flatten(parts, 0, 1)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.RoiAlign", (self.regions, self.size, self.samples_per_axis))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(3, 2), (MapShape(4, 6, 5),)), (cls(1, 3, samples_per_axis=1), (MapShape(2, 4, 4),))]
