"""What fits on a GPU: the largest batch whose run PyTorch's allocator has room for.

Bytes of blocks and segments are no straight line over the batch, so that batches are tried; none is larger than the
one whose tensors alone fit, which is solved.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from cnncalc.graph.graph import Graph
from cnncalc.memory.cuda.allocator import OutOfMemory, Peaks, replay
from cnncalc.memory.cuda.workspaces import Libraries
from cnncalc.memory.fit import Runs
from cnncalc.memory.peaks import Peak, Run
from cnncalc.memory.simulate import Settings, Trace

#: parts of what is reserved beside the tensors, whose kinds have names of their own
BESIDE = ("cublas", "cudnn", "rounding")


class Reserved(NamedTuple):
    """A run of a network through the allocator, and the phase and layer in which most is allocated."""

    peaks: Peaks
    phase: str
    layer: int


def reserve(run: Trace, graph: Graph, batch: int, settings: Settings, libraries: Libraries, room: float = inf) -> Peaks:
    """The peaks of a run on a GPU with ``room`` for so many bytes.

    Raises:
        OutOfMemory: they are too few.
    """
    passing = libraries.taken(run, graph, batch, settings.with_side)
    return replay(run, batch, libraries.cublas, passing, room)


def reserved(run: Trace, graph: Graph, batch: int, settings: Settings, libraries: Libraries) -> Reserved:
    """The peaks of a run on a GPU that has room for everything, and where they are."""
    peaks = reserve(run, graph, batch, settings, libraries)
    return Reserved(peaks, *_place(run, peaks))


def _place(run: Trace, peaks: Peaks) -> tuple[str, int]:
    """The phase and layer of the event at which most is first allocated."""
    event = run.events[max(peaks.events - 1, 0)]
    return run.origins[max(event, ~event)]


class ReservedRuns(Runs):
    """The runs of a network on a GPU with ``room`` for so many bytes; ``tried`` says which batches fit."""

    def __init__(self, graph: Graph, settings: Settings, libraries: Libraries, room: int) -> None:
        super().__init__(graph, settings)
        self._libraries = libraries
        self._room = room
        self.tried: dict[int, bool] = {}

    @property
    def monotone(self) -> bool:
        """Whether no batch fits of those tried that is larger than one which does not."""
        fits = [fit for _, fit in sorted(self.tried.items())]
        return fits == sorted(fits, reverse=True)

    def peak(self, batch: int) -> Peak:
        """The bytes that are reserved: within the room, where segments given back make room; else without a limit.

        The moment is that at which most is allocated; parts are those there, and what is ``cached`` beside it.
        """
        run = self.of(batch)
        peaks = self._within(batch) or self._replay(batch, inf)
        parts = run.by_kind(batch, run.alive(max(peaks.events - 1, 0)))
        parts.update({part: peaks.parts[part] for part in BESIDE if peaks.parts[part]})
        cached = peaks.reserved - peaks.allocated
        parts.update({"cached": cached} if cached else {})
        return Peak(peaks.reserved, *_place(run, peaks), parts, Run(run, batch).peak.largest)

    def largest_batch(self, memory: int) -> int:
        """The largest batch for which there is room; 0 where there is none for one sample.

        Batches are halved from the largest whose tensors fit, and the step that fits is searched by bisection.
        """
        high = super().largest_batch(memory)
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

    def _within(self, batch: int) -> Peaks | None:
        """The peaks where there is room for a batch."""
        try:
            peaks = self._replay(batch, self._room)
        except OutOfMemory:
            self.tried[batch] = False
            return None
        self.tried[batch] = True
        return peaks

    def _replay(self, batch: int, room: float) -> Peaks:
        return reserve(self.of(batch), self.graph, batch, self.settings, self._libraries, room)
