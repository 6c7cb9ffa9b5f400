"""What fits into a memory: the largest batch, which is solved, and the largest input, which is searched for.

The storages of a run are fixed bytes and bytes for each sample, and what happens to them is the same at every batch
from 2 on (:func:`cnncalc.memory.simulate.trace`). So the bytes alive after event i are F_i + S_i*n at batch n, and all
are within M exactly if n <= (M - F_i)/S_i for every event: nothing is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import accumulate
from math import isqrt
from types import MappingProxyType
from typing import NamedTuple

from cnncalc.analysis import receptive_field
from cnncalc.errors import UsageError
from cnncalc.graph.graph import Graph
from cnncalc.memory.peaks import Peak, Run, refused
from cnncalc.memory.simulate import Settings, Trace, trace
from cnncalc.values import DTYPES, Assumptions, Shape, format_shape

#: data types of which gradients are computed
FLOATS = tuple(name for name in DTYPES if name != "int8")


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
            self._known[key] = trace(self.graph, key, self.settings)
        return self._known[key]

    def peak(self, batch: int) -> Peak:
        """The most bytes alive at once at a batch, and the moment."""
        return Run(self.of(batch), batch).peak

    def refused(self, batch: int) -> int | None:
        """The layer at which PyTorch refuses a batch, see :func:`~cnncalc.memory.peaks.refused`."""
        return refused(self.graph, batch, self.settings)

    def largest_batch(self, memory: int) -> int:
        """The largest batch whose peak is within so many bytes; 0 where one sample's is not."""
        samples = most_samples(self.of(2), memory)
        if samples >= 2:
            return samples
        return 1 if self.peak(1).bytes <= memory else 0


def most_samples(run: Trace, memory: int) -> int:
    """The largest number of samples at which a trace stays within so many bytes, 0 where none does."""
    fixed = accumulate(run.sizes[e].fixed if e >= 0 else -run.sizes[~e].fixed for e in run.events)
    scaled = accumulate(run.sizes[e].per_sample if e >= 0 else -run.sizes[~e].per_sample for e in run.events)
    alive = set(zip(fixed, scaled, strict=True))
    if any(start > memory for start, _ in alive):
        return 0
    return min((memory - start) // each for start, each in alive if each)  # the input alone grows with the batch


class Search(NamedTuple):
    """What the search for the largest input found: sides of square inputs.

    ``largest`` is None where none was found that fits, ``next`` is the first that is too large. ``step`` is that of the
    sides that were considered, 0 where the network takes none but its own. ``tried`` has the bytes of every side that
    was tried, None where the network refuses it; they are ``monotone`` if none of a larger input are fewer.
    ``parameters`` has the bytes of the parameters at the same sides, where they are known: a layer may have weights for
    every value that it is given.
    """

    largest: int | None
    next: int | None
    step: int
    tried: dict[int, int | None]
    parameters: Mapping[int, int] = MappingProxyType({})

    @property
    def monotone(self) -> bool:
        """Whether bytes never fall as the side grows, among those that were tried."""
        sizes = [size for _, size in sorted(self.tried.items()) if size is not None]
        return sizes == sorted(sizes)


def total_stride(graph: Graph) -> int:
    """Pixels of the input from one value of the coarsest map to the next; a single value is no map."""
    strides = receptive_field.measure(graph, Assumptions())["effective_stride"]
    maps = [axes for axes, node in zip(strides, graph.nodes, strict=True) if axes and max(node.shape[1:]) > 1]
    return max([int(stride) for axes in maps for stride in axes], default=1) or 1


def largest_input(own: int, stride: int, size_of: Callable[[int], int | None], memory: int) -> Search:
    """The largest side whose bytes are within the memory, in the finest steps that the network accepts.

    Args:
        own: a side that the network accepts.
        stride: the steps that are tried where the network refuses steps of 1; after those come steps of its own side.
        size_of: the bytes at a side; None where the network refuses it.
        memory: bytes.
    """
    tried: dict[int, int | None] = {}

    def measured(side: int) -> int | None:
        if side not in tried:
            tried[side] = size_of(side)
        return tried[side]

    for step in dict.fromkeys((1, stride, own)):
        found = _within_steps(own, step, measured, memory)
        if found is not None:
            return Search(found[0], found[1], step, tried)
    fits = (measured(own) or 0) <= memory
    return Search(own if fits else None, None if fits else own, 0, tried)


def _within_steps(
    own: int, step: int, measured: Callable[[int], int | None], memory: int
) -> tuple[int | None, int] | None:
    """The largest side own + k*step that fits, and the next; None where the network refuses one larger than its own.

    Bisection between a side that fits and one that does not. Bytes are about a + b*side**2 at a pair of them, which
    says where to cut; every second cut is in the middle, so that there are few whatever the bytes are.
    """
    if measured(own + step) is None:
        return None
    low, high = own, own + step
    if (measured(own) or 0) > memory:
        low, high = own - step * (1 + (own - 1) // step), own  # not above 0: nothing is known to fit
    else:
        while (size := measured(high)) is not None and size <= memory:
            low, high = high, own + 2 * (high - own)
        if size is None:
            return None
    middle = False
    while high - low > step:
        cut = (high - low) // (2 * step)
        below, above = measured(low) if low > 0 else None, measured(high)
        if not middle and below is not None and above is not None and above > below:
            side = isqrt(low * low + (memory - below) * (high * high - low * low) // (above - below))
            cut = min(max((side - low) // step, 1), (high - low) // step - 1)
        middle = not middle
        at = low + cut * step
        size = measured(at)
        if size is None and at > own:
            return None
        if size is not None and size > memory:
            high = at
        else:
            low = at  # what is refused below its own is too small for the network
    fits = low > 0 and measured(low) is not None
    return (low if fits else None), high


class Row(NamedTuple):
    """A batch and an input with their peak: ``what`` is largest, next (the first too large) or asked.

    ``refused`` is the layer at which PyTorch refuses it, if it does.
    """

    what: str
    batch: int
    input: Shape
    peak: Peak
    refused: int | None = None


def by_batch(graph: Graph, runs: Runs, room: int, asked: int | None) -> tuple[list[Row], bool]:
    """The largest batch, the next one and the one that was asked for, each once; and whether that one fits."""
    largest = runs.largest_batch(room)
    batches = {**({largest: "largest"} if largest else {}), largest + 1: "next"}
    if asked is not None:
        batches.setdefault(asked, "asked")
    shape = graph.nodes[graph.inputs[0]].shape
    rows = [Row(what, batch, shape, runs.peak(batch), runs.refused(batch)) for batch, what in batches.items()]
    return rows, largest > 0 if asked is None else runs.peak(asked).bytes <= room


def by_input(graph: Graph, room: int, batch: int, runs_of: Callable[[Shape], Runs | None]) -> tuple[list[Row], Search]:
    """The largest square input at a batch, and the next one; and how they were found.

    ``runs_of`` makes the runs of another input, None where the network refuses it.

    Raises:
        UsageError: the input is no image, so that there is no square; or the network refuses the one of its own side.
    """
    shape = graph.nodes[graph.inputs[0]].shape
    if len(shape) < 3:
        raise UsageError(f"the input {format_shape(shape)} has no height and width", hint="--largest batch")
    peaks: dict[int, Peak] = {}
    refusals: dict[int, int | None] = {}

    def squared(side: int) -> Shape:
        return (*shape[:-2], side, side)

    def size_of(side: int) -> int | None:
        runs = runs_of(squared(side))
        if runs is None:
            return None
        peaks[side], refusals[side] = runs.peak(batch), runs.refused(batch)
        return peaks[side].bytes

    own = max(shape[-2:])
    if runs_of(squared(own)) is None:
        raise UsageError(f"the network refuses the square input {format_shape(squared(own))}", hint="--input CxHxW")
    search = largest_input(own, total_stride(graph), size_of, room)
    known = {side: peak.parts["parameters"] for side, peak in peaks.items() if "parameters" in peak.parts}
    search = search._replace(parameters=dict(sorted(known.items())))
    sides = (("largest", search.largest), ("next", search.next))
    found = [(what, side) for what, side in sides if side in peaks]
    return [Row(what, batch, squared(side), peaks[side], refusals[side]) for what, side in found], search


def smaller(runs_of: Callable[[Settings], Runs], settings: Settings, batch: int, room: int) -> dict[str, int]:
    """The peaks under other options of the command that fit: data types of fewer bytes, or mixed precision.

    Data types are those of floating point, which all operators and gradients take.
    """
    fewer = [] if settings.amp else [name for name in FLOATS if DTYPES[name] < DTYPES[settings.dtype]]
    others = {f"--dtype {name}": settings._replace(dtype=name) for name in fewer}
    if settings.training and settings.dtype == "float32":
        others.update({f"--amp {name}": settings._replace(amp=name) for name in fewer})
    alike = {words: (DTYPES[other.dtype], bool(other.amp)) for words, other in others.items()}  # as many bytes, one run
    runs = {alike[words]: runs_of(other) for words, other in others.items()}
    peaks = {sizes: run.peak(batch).bytes for sizes, run in runs.items()}
    return {words: peaks[sizes] for words, sizes in alike.items() if peaks[sizes] <= room}
