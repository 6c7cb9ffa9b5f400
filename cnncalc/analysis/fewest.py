"""The fewest parts of a network to checkpoint so that a step of training fits into a memory.

Checkpointing a segment frees, until the loss, at most what it made and what it alone keeps for the backward pass; what
is made or kept elsewhere stays. So the bytes alive in the loss, less the most that k segments free, bound the peak from
below, and rule most choices out without a run. Every choice that is named has been run.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from cnncalc.analysis.checkpoint import Segment, candidates, recomputed_macs
from cnncalc.analysis.fit import Runs
from cnncalc.analysis.footprint import Peak
from cnncalc.analysis.step import Settings, Trace
from cnncalc.graph import Graph

#: choices of as many segments that are run at most, to show that none fits
RUNS = 40
#: limits of what one segment frees, under which choices are made: many small ones have lower peaks than a large one;
#: so many of the largest, and as many of the others
LIMITS = 5


class Found(NamedTuple):
    """Segments with which it fits, the peak then, and the multiply-accumulates that are done again.

    ``fewest`` says that no choice of fewer of the ``considered`` candidates fits; otherwise it was not shown.
    """

    segments: tuple[Segment, ...]
    peak: Peak
    recomputed_macs: int
    fewest: bool
    considered: int


def fewest(graph: Graph, settings: Settings, batch: int, memory: int) -> Found | None:
    """The fewest blocks, stages or joins whose checkpointing makes a step of training fit; None where none was found.

    Of as many segments, those that do the least work again are taken, among the choices that were run.
    """
    return _Search(graph, settings, batch, memory).found()


class _Search:
    def __init__(self, graph: Graph, settings: Settings, batch: int, memory: int) -> None:
        self.graph = graph
        self.settings = settings
        self.batch = batch
        self.memory = memory
        run = Runs(graph, settings).of(batch)
        self.segments = sorted(candidates(graph, settings.with_side), key=lambda segment: segment.stop)
        self.freed = dict(zip(self.segments, freed(run, self.segments, batch), strict=True))
        self.needed = in_the_loss(run, batch) - memory  # bytes that have to go before the backward pass
        self.known: dict[tuple[Segment, ...], Found] = {}

    def found(self) -> Found | None:
        best = self._first()
        most = len(best.segments) if best is not None else 0
        for count in range(1, most):
            choices = list(islice(self._choices(count, 0, self.needed), RUNS + 1))
            if len(choices) > RUNS:
                return best
            fitting = [self.known[choice] for choice in choices if self._fits(choice)]
            if fitting:
                best = min(fitting, key=_effort)
                break
        return None if best is None else best._replace(fewest=True)

    def _first(self) -> Found | None:
        """A choice that fits, of as few segments as were found: those that free most, under several limits for each.

        Under a limit, more segments have lower peaks, as far as bisection goes.
        """
        sizes = sorted({size for size in self.freed.values() if size}, reverse=True)
        best: Found | None = None
        for limit in (*sizes[:LIMITS], *sizes[LIMITS :: max(len(sizes) // LIMITS, 1)]):
            choices = list(self._freeing_most(limit))
            if best is not None:
                choices = choices[: len(best.segments)]
            if choices and self._fits(choices[-1]):
                found = self.known[choices[bisect_left(choices, True, key=self._fits)]]
                if best is None or _effort(found) < _effort(best):
                    best = found
        return best

    def _fits(self, choice: tuple[Segment, ...]) -> bool:
        if sum(self.freed[segment] for segment in choice) < self.needed:
            return False
        if choice not in self.known:
            runs = Runs(self.graph, self.settings._replace(checkpoint=choice))
            macs = recomputed_macs(self.graph, runs.of(self.batch).recomputed, self.batch)
            self.known[choice] = Found(choice, runs.peak(self.batch), macs, False, len(self.segments))
        return self.known[choice].peak.bytes <= self.memory

    def _freeing_most(self, limit: int) -> Iterator[tuple[Segment, ...]]:
        """For every number, the segments of no more than the limit each that free most, none in another."""
        best: list[list[tuple[int, tuple[Segment, ...]]]] = [[(0, ())]]  # of the first so many segments, by number
        for index, segment in enumerate(self.segments):
            row = list(best[index])
            if 0 < self.freed[segment] <= limit:
                before = sum(other.stop <= segment.first for other in self.segments[:index])
                for number, (size, chosen) in enumerate(best[before], 1):
                    with_it = size + self.freed[segment], (*chosen, segment)
                    if number == len(row):
                        row.append(with_it)
                    elif with_it[0] > row[number][0]:
                        row[number] = with_it
            best.append(row)
        yield from (chosen for _, chosen in best[-1][1:])

    def _choices(self, count: int, start: int, needed: int) -> Iterator[tuple[Segment, ...]]:
        """All choices of so many segments from an index on, none in another, that free so many bytes."""
        if not count:
            yield ()
            return
        rest = self.segments[start:]
        if sum(sorted(map(self.freed.__getitem__, rest))[-count:]) < needed:
            return
        for index, segment in enumerate(rest, start):
            for others in self._choices(count - 1, index + 1, needed - self.freed[segment]):
                if all(other.first >= segment.stop for other in others):
                    yield (segment, *others)


def _effort(found: Found) -> tuple[int, int]:
    """Segments, and work that is done again."""
    return len(found.segments), found.recomputed_macs


def freed(run: Trace, segments: Sequence[Segment], batch: int) -> list[int]:
    """For each segment, the most bytes that checkpointing it frees until the loss.

    These are the storages that its layers made in the forward pass and that no layer outside keeps: a value that is
    kept outside stays, and what a segment reads from outside is kept for its second run. What does not grow with the
    batch may be a cast of weights that several segments share (mixed precision): it counts for each of them.
    """
    growing, fixed = [], []
    for number in run.alive(run.forward_end - 1):
        places = [run.origins[number], *run.saved.get(number, ())]
        if len(places) > 1 and {phase for phase, _ in places} == {"forward"}:
            layers, size = [layer for _, layer in places], run.sizes[number]
            if size.per_sample:
                growing.append((min(layers), max(layers), size.at(batch)))
            else:
                fixed.append((layers, size.at(batch)))
    growing.sort()
    firsts = [first for first, _, _ in growing]

    def of(segment: Segment) -> int:
        inside = range(segment.first, segment.stop)
        begun = growing[bisect_left(firsts, segment.first) : bisect_left(firsts, segment.stop)]
        shared = sum(size for layers, size in fixed if any(layer in inside for layer in layers))
        return shared + sum(size for _, last, size in begun if last < segment.stop)

    return [of(segment) for segment in segments]


def in_the_loss(run: Trace, batch: int) -> int:
    """The most bytes alive while the loss is computed, when all that the backward pass needs is there."""
    alive = run.timeline(batch)
    return max(
        size for size, event in zip(alive, run.events, strict=True) if event >= 0 and run.origins[event][0] == "loss"
    )
