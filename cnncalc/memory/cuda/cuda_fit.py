"""What fits on a GPU: the largest batch whose run PyTorch's allocator has room for.

Bytes of blocks and segments are no straight line over the batch, so that batches are tried; none is larger than the
one whose tensors alone fit, which is solved.
"""

from __future__ import annotations

from math import inf

from cnncalc.graph.graph import Graph
from cnncalc.memory.cuda.allocator import OutOfMemory
from cnncalc.memory.cuda.gpu import Reserved, reserve
from cnncalc.memory.cuda.workspaces import Libraries
from cnncalc.memory.peaks import Peak, Run
from cnncalc.memory.runs import Runs
from cnncalc.memory.simulate import Settings

#: parts of what is reserved beside the tensors, whose categories have names of their own
BESIDE = ("cublas", "cudnn", "rounding")


class ReservedRuns(Runs):
    """The runs of a network on a GPU with ``room_bytes``; ``tried`` says which batches fit."""

    def __init__(self, graph: Graph, settings: Settings, libraries: Libraries, room_bytes: int) -> None:
        super().__init__(graph, settings)
        self._libraries = libraries
        self._room_bytes = room_bytes
        self.tried: dict[int, bool] = {}

    def peak(self, batch: int) -> Peak:
        """The bytes that are reserved: within the room, where segments given back make room; else without a limit.

        The moment is that at which most is allocated; parts are those there, and what is ``cached`` beside it.
        """
        run = self.of(batch)
        peaks, phase, layer, path = self._within(batch) or self._reserve(batch, inf)
        parts = run.by_category(batch, run.alive(max(peaks.events - 1, 0)))
        parts.update({part: peaks.parts[part] for part in BESIDE if peaks.parts[part]})
        cached = peaks.reserved_bytes - peaks.allocated_bytes
        parts.update({"cached": cached} if cached else {})
        return Peak(peaks.reserved_bytes, phase, layer, parts, Run(self.graph, run, batch).peak.largest, path)

    def largest_batch(self, memory_bytes: int) -> int:
        """The largest batch for which there is room; 0 where there is none for one sample.

        Batches are halved from the largest whose tensors fit, and the step that fits is searched by bisection.
        """
        high = super().largest_batch(memory_bytes)
        if not high or self._fits(high):
            return high
        step = max(high // 64, 1)
        low = high - step
        while low > 0 and not self._fits(low):
            high, step = low, 2 * step
            low = high - step
        low = max(low, 0)
        while high - low > 1:
            middle = (low + high) // 2
            if self._fits(middle):
                low = middle
            else:
                high = middle
        return low

    def _fits(self, batch: int) -> bool:
        return self._within(batch) is not None

    def _within(self, batch: int) -> Reserved | None:
        """The peaks where there is room for a batch."""
        try:
            found = self._reserve(batch, self._room_bytes)
        except OutOfMemory:
            self.tried[batch] = False
            return None
        self.tried[batch] = True
        return found

    def _reserve(self, batch: int, room_bytes: float) -> Reserved:
        return reserve(self.of(batch), self.graph, batch, self.settings, self._libraries, room_bytes)
