"""A network under settings at every batch: two traces say all.

The storages of a run are fixed bytes and bytes for each sample, and what happens to them is the same at every batch
from 2 on (:func:`cnncalc.memory.simulate.simulate`). So the bytes alive after event i are F_i + S_i*n at batch n, and
all are within M exactly if n <= (M - F_i)/S_i for every event: nothing is tried.
"""

from __future__ import annotations

from itertools import accumulate

from cnncalc.graph.graph import Graph
from cnncalc.memory.peaks import Peak, Run, refused
from cnncalc.memory.simulate import Settings, Trace, simulate


class Runs:
    """The traces of a network under settings: that of one sample, and that of every larger batch."""

    def __init__(self, graph: Graph, settings: Settings) -> None:
        self.graph = graph
        self.settings = settings
        self._known: dict[int, Trace] = {}

    def of(self, batch: int) -> Trace:
        """The trace that holds at a batch.

        Raises:
            UsageError: training in a data type without gradients.
        """
        key = min(batch, 2)
        if key not in self._known:
            self._known[key] = simulate(self.graph, key, self.settings)
        return self._known[key]

    def peak(self, batch: int) -> Peak:
        """The most bytes alive at once at a batch, and the moment."""
        return Run(self.graph, self.of(batch), batch).peak

    def refused(self, batch: int) -> str | None:
        """The layer at which PyTorch refuses a batch, see :func:`~cnncalc.memory.peaks.refused`."""
        return refused(self.graph, batch, self.settings)

    def largest_batch(self, memory_bytes: int) -> int:
        """The largest batch whose peak is within so many bytes; 0 where one sample's is not."""
        samples = most_samples(self.of(2), memory_bytes)
        if samples >= 2:
            return samples
        return 1 if self.peak(1).bytes <= memory_bytes else 0


def most_samples(run: Trace, memory_bytes: int) -> int:
    """The largest number of samples at which a trace stays within so many bytes, 0 where none does."""
    fixed = accumulate(run.sizes[e].fixed if e >= 0 else -run.sizes[~e].fixed for e in run.events)
    scaled = accumulate(run.sizes[e].per_sample if e >= 0 else -run.sizes[~e].per_sample for e in run.events)
    alive = set(zip(fixed, scaled, strict=True))
    if any(start > memory_bytes for start, _ in alive):
        return 0
    return min((memory_bytes - start) // each for start, each in alive if each)  # the input alone grows with the batch
