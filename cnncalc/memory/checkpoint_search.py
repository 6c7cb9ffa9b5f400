"""A few parts of a network to checkpoint so that a step of training fits into a memory.

Checkpointing a segment frees, until the loss, the values that only its layers keep for the backward pass. The search
estimates which segments are enough, and runs those choices, fewest segments first, until one fits. So the answer has
been run. A choice of fewer segments may exist.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from cnncalc.memory.checkpointing import Segment, candidates, inputs, recomputed_macs
from cnncalc.memory.peaks import Peak, Run
from cnncalc.memory.runs import Runs

#: the work of a search, in events of the steps that are run, each some 10 microseconds; at least that of so many steps
EVENTS = 25_000
LEAST = 2
#: choices that are made at first, each of segments that free no more than another size
CHOICES = 32


class Checkpoints(NamedTuple):
    """The fewest segments that were found with which a step fits, the peak then, and the work that is done again.

    ``recomputed_macs`` are multiply-accumulates. ``considered`` is how many blocks, stages and joins there are.
    """

    segments: tuple[Segment, ...]
    peak: Peak
    recomputed_macs: int
    considered: int


def fewest(runs: Runs, batch: int, memory_bytes: int) -> Checkpoints | None:
    """The fewest segments found with which a step of training fits; None if no choice was found.

    ``runs`` are those without checkpoints. Among equally many segments, the least work is run first. If a choice is too
    large by some bytes, the next choice is made for that much less memory.
    """
    graph = runs.graph
    segments = sorted(candidates(graph, runs.settings.with_side), key=lambda segment: segment.stop)
    estimate = _Estimate(runs, batch, segments)
    plans: list[tuple[int, int, int, int, tuple[Segment, ...]]] = []

    def plan(most: int, memory_bytes: int) -> None:
        choice, peak = estimate.choice(most, memory_bytes)
        if choice:
            layers = (index for segment in choice for index in range(segment.first, segment.stop))
            heappush(plans, (len(choice), recomputed_macs(graph, layers, batch), most, peak, choice))

    sizes = sorted({size for size in estimate.gains if size > 0}, reverse=True)
    for most in sizes[:: max(len(sizes) // CHOICES, 1)]:
        plan(most, memory_bytes)
    peaks: dict[tuple[Segment, ...], Peak] = {}
    left = max(EVENTS, LEAST * len(runs.of(batch).events))
    while plans:
        *_, most, estimated, choice = heappop(plans)
        if choice not in peaks:
            if left <= 0:
                break
            again = Runs(graph, runs.settings._replace(checkpoint=choice))
            run, peaks[choice] = again.of(batch), again.peak(batch)
            left -= len(run.events)
            if peaks[choice].bytes <= memory_bytes:
                macs = recomputed_macs(graph, run.recomputed, batch)
                return Checkpoints(choice, peaks[choice], macs, len(segments))
        plan(most, estimated - (peaks[choice].bytes - memory_bytes))
    return None


class _Estimate:
    """By segment, in the order in which they end, the bytes that checkpointing it frees (``gains``); and the most alive
    from its end up to that of the next, forward and backward. ``start`` is the most before the first ends.
    """

    def __init__(self, runs: Runs, batch: int, segments: Sequence[Segment]) -> None:
        self.segments = segments
        run = runs.of(batch)
        kept = set(run.alive(run.forward_end - 1))
        spans = []
        for number in kept:
            places = [run.origins[number], *run.saved.get(number, ())]
            if len(places) > 1 and {phase for phase, _ in places} == {"forward"}:
                layers = [layer for _, layer in places]
                spans.append((min(layers), max(layers), run.sizes[number].at(batch)))
        spans.sort()
        self.gains = []
        for segment in segments:
            begun = spans[bisect_left(spans, (segment.first,)) : bisect_left(spans, (segment.stop,))]
            given = inputs(runs.graph, segment, runs.settings.with_side)
            more = {run.places[index] for index in given} - kept  # kept for the second run alone
            gain = sum(size for _, last, size in begun if last < segment.stop)
            self.gains.append(gain - sum(run.sizes[number].at(batch) for number in more))
        self.start, self.alive = 0, [0] * len(segments)
        stops = [segment.stop for segment in segments]
        for moment in Run(runs.graph, run, batch).timeline:
            index = bisect_right(stops, moment.layer) - 1 if moment.phase in ("forward", "loss", "backward") else -1
            if index < 0:
                self.start = max(self.start, moment.bytes)
            else:
                self.alive[index] = max(self.alive[index], moment.bytes)

    def choice(self, most: int, memory_bytes: int) -> tuple[tuple[Segment, ...], int]:
        """Greedily pick segments until the estimated peak fits; returns them and the peak, or () if no choice does.

        No segment frees more than ``most`` bytes. While a layer runs, the bytes that earlier chosen segments free are
        gone. So layer by layer, if the rest is more than the memory, the earlier segment that frees most is chosen.
        """
        free: list[tuple[int, int]] = []  # bytes below 0 and number of the segments before a layer
        chosen: list[Segment] = []
        gone, peak = 0, self.start
        for index, (gain, alive) in enumerate(zip(self.gains, self.alive, strict=True)):
            if 0 < gain <= most:
                heappush(free, (-gain, index))
            while alive - gone > memory_bytes and free:
                segment = self.segments[free[0][1]]
                size = -heappop(free)[0]
                if all(segment.stop <= other.first or other.stop <= segment.first for other in chosen):
                    gone += size
                    chosen.append(segment)
            peak = max(peak, alive - gone)
        return tuple(sorted(chosen, key=lambda segment: segment.first)) if peak <= memory_bytes else (), peak
