"""The fewest parts of a network to checkpoint so that a step of training fits into a memory.

Checkpointing a segment frees, until the loss, at most what it made and what it alone keeps for the backward pass; what
is made or kept elsewhere stays. From that a choice of segments is made by estimate, and run: every choice that is named
has been. And the bytes alive in the loss, less the most that k segments free, bound the peak from below, which rules
most choices of fewer out without a run. The others are run, as far as the work of the search goes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import islice, pairwise
from typing import NamedTuple

from cnncalc.memory.checkpointing import Segment, candidates, inputs, outermost, recomputed_macs
from cnncalc.memory.fit import Runs
from cnncalc.memory.peaks import Peak, Run
from cnncalc.memory.simulate import Trace

#: the work of a search, in events of the steps that are run, each some 10 microseconds; at least that of so many steps
EVENTS = 25_000
LEAST = 2
#: choices of as many segments that are looked at, to show that none fits
CHOICES = 1000
#: limits of what one segment frees, under which choices are made: so many of the largest sizes, about as many others
LIMITS = 16


class Found(NamedTuple):
    """Segments with which it fits, the peak then, and the multiply-accumulates that are done again.

    ``fewest`` says that no choice of fewer of the ``considered`` candidates fits; otherwise it was not shown.
    """

    segments: tuple[Segment, ...]
    peak: Peak
    recomputed_macs: int
    fewest: bool
    considered: int


def fewest(runs: Runs, batch: int, memory: int) -> Found | None:
    """The fewest blocks, stages or joins whose checkpointing makes a step of training fit; None where none was found.

    ``runs`` are those without checkpoints. Of as many segments, those that do the least work again are taken, among the
    choices that were run.
    """
    return _Search(runs, batch, memory).found()


class _Kind(NamedTuple):
    """Segments that free no more than ``limit`` bytes, and from the layer ``cut`` on lie in no other."""

    limit: int
    cut: int


class _Search:
    """Bytes that segments ``freed`` at most, and ``gains`` by estimate; the work that is ``left``, in events."""

    def __init__(self, runs: Runs, batch: int, memory: int) -> None:
        self.runs = runs
        self.batch = batch
        self.memory = memory
        run = runs.of(batch)
        self.segments = sorted(candidates(runs.graph, runs.settings.with_side), key=lambda segment: segment.stop)
        self.outer = outermost(self.segments)
        self.freed = dict(zip(self.segments, freed(run, self.segments, batch), strict=True))
        self.kept = set(run.alive(run.forward_end - 1))
        self.gains = {segment: self._gain(run, segment) for segment in self.segments}
        self.needed = in_the_loss(run, batch) - memory  # bytes that have to go before the backward pass
        self.start, self.alive = _alive(Run(run, batch), self.segments)
        self.events = len(run.events)
        self.left = max(EVENTS, LEAST * self.events)
        self.known: dict[tuple[Segment, ...], Found] = {}

    def found(self) -> Found | None:
        best = self._first()
        if best is None:
            return None
        for count in range(1, len(best.segments)):
            choices = list(islice(self._choices(count), CHOICES + 1))
            disjoint = [choice for choice in choices if all(a.stop <= b.first for a, b in pairwise(choice))]
            if len(choices) > CHOICES or len(set(disjoint) - self.known.keys()) * self.events > self.left:
                return best
            fitting = [found for found in map(self._run, disjoint) if found.peak.bytes <= self.memory]
            if fitting:
                best = min(fitting, key=_effort)
                break
        return best._replace(fewest=True)

    def _first(self) -> Found | None:
        """The first choice that fits, those of fewest segments and least work first, each made by :meth:`_chosen`.

        By how much one falls short, so much less memory is assumed for the next of its kind.
        """
        sizes = sorted({size for size in self.gains.values() if size > 0}, reverse=True)
        plans: list[tuple[int, int, _Kind, int, tuple[Segment, ...]]] = []

        def plan(kind: _Kind, memory: int) -> None:
            choice, peak = self._chosen(kind, memory)
            if choice:
                layers = (index for segment in choice for index in range(segment.first, segment.stop))
                macs = recomputed_macs(self.runs.graph, layers, self.batch)
                heappush(plans, (len(choice), macs, kind, peak, choice))

        for limit in (*sizes[:LIMITS], *sizes[LIMITS :: max(len(sizes) // LIMITS, 1)]):
            plan(_Kind(limit, len(self.runs.graph.nodes)), self.memory)
        for segment in self.outer if sizes else ():
            plan(_Kind(sizes[0], segment.first), self.memory)
        while plans and (plans[0][-1] in self.known or self.left > 0):
            *_, kind, estimate, choice = heappop(plans)
            found = self._run(choice)
            if found.peak.bytes <= self.memory:
                return found
            plan(kind, estimate - (found.peak.bytes - self.memory))
        return None

    def _chosen(self, kind: _Kind, memory: int) -> tuple[tuple[Segment, ...], int]:
        """Few segments of a kind and the peak with them, by estimate; none where they are not enough.

        The estimate is that while a layer runs, forward or backward, what the segments before it free is gone, and all
        else is there. So layer by layer, wherever that is more than the memory, the segment before it is taken that
        frees most, as one stops for fuel.
        """
        free: list[tuple[int, int]] = []  # bytes below 0 and index of the segments before a layer
        taken = bytearray(len(self.runs.graph.nodes))
        chosen = []
        gone, peak = 0, self.start
        for index, (segment, alive) in enumerate(zip(self.segments, self.alive, strict=True)):
            if 0 < self.gains[segment] <= kind.limit and (segment.first < kind.cut or segment in self.outer):
                heappush(free, (-self.gains[segment], index))
            while alive - gone > memory and free:
                largest = self.segments[heappop(free)[1]]
                if not any(taken[largest.first : largest.stop]):
                    taken[largest.first : largest.stop] = bytes([1]) * (largest.stop - largest.first)
                    gone += self.gains[largest]
                    chosen.append(largest)
            peak = max(peak, alive - gone)
        return tuple(sorted(chosen, key=_first_layer)) if peak <= memory else (), peak

    def _gain(self, run: Trace, segment: Segment) -> int:
        """What it frees, by estimate: its input is kept for the second run, though no layer may have needed it."""
        given = inputs(self.runs.graph, segment, self.runs.settings.with_side)
        more = {run.places[index] for index in given} - self.kept
        return self.freed[segment] - sum(run.sizes[number].at(self.batch) for number in more)

    def _run(self, choice: tuple[Segment, ...]) -> Found:
        if choice not in self.known:
            runs = Runs(self.runs.graph, self.runs.settings._replace(checkpoint=choice))
            run = runs.of(self.batch)
            macs = recomputed_macs(runs.graph, run.recomputed, self.batch)
            self.known[choice] = Found(choice, runs.peak(self.batch), macs, False, len(self.segments))
            self.left -= len(run.events)
        return self.known[choice]

    def _choices(self, count: int) -> Iterator[tuple[Segment, ...]]:
        """All choices of so many segments that may free enough before the backward pass; some lie in others."""
        ordered = sorted(self.segments, key=lambda segment: -self.freed[segment])
        sizes = [self.freed[segment] for segment in ordered]

        def choices(count: int, start: int, needed: int) -> Iterator[tuple[Segment, ...]]:
            if not count:
                yield ()
            for index in range(start, len(sizes) - count + 1) if count else ():
                if sum(sizes[index : index + count]) < needed:
                    return
                for others in choices(count - 1, index + 1, needed - sizes[index]):
                    yield (ordered[index], *others)

        return (tuple(sorted(choice, key=_first_layer)) for choice in choices(count, 0, self.needed))


def _first_layer(segment: Segment) -> int:
    return segment.first


def _effort(found: Found) -> tuple[int, int]:
    """Segments, and work that is done again."""
    return len(found.segments), found.recomputed_macs


def _alive(run: Run, segments: Sequence[Segment]) -> tuple[int, list[int]]:
    """The most bytes alive before any segment has run; and after each, up to the end of the next, forward and backward.

    ``segments`` are in the order in which they end.
    """
    start, alive = 0, [0] * len(segments)
    stops = [segment.stop for segment in segments]
    for moment in run.timeline:
        index = bisect_right(stops, moment.layer) - 1 if moment.phase in ("forward", "loss", "backward") else -1
        if index < 0:
            start = max(start, moment.bytes)
        else:
            alive[index] = max(alive[index], moment.bytes)
    return start, alive


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
            if size.per_sample or len(set(layers)) == 1:
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
