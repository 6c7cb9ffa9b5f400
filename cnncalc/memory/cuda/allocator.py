"""PyTorch's caching allocator on a GPU, as a replay: what tensors take, rounded, split and cached.

The rules are those of PyTorch 2.13 with its default settings: ``c10/core/AllocatorConfig.h`` has the sizes, and
``c10/cuda/CUDACachingAllocator.cpp`` the search for a block, ``should_split``, and what is given back to a device that
has no room left. Segments are taken at rising addresses.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from cnncalc.memory.simulate import Trace

#: bytes that every block is a multiple of
GRAIN = 512
#: the largest size of the small pool, whose segments are of SMALL_SEGMENT; a large block with more to spare is split
SMALL = 2**20
SMALL_SEGMENT = 2 * 2**20
#: below MIDDLE, a large segment is of MIDDLE_SEGMENT; from there on of its own size, in steps of LARGE_STEP
MIDDLE = 10 * 2**20
MIDDLE_SEGMENT = 20 * 2**20
LARGE_STEP = 2 * 2**20

#: a step is repeated so often before its peaks are taken: the first finds no cached blocks
WARM_UP = 2


#: what allocated bytes consist of: tensors, what libraries take for themselves, and what blocks have too much
PARTS = ("tensors", "cublas", "cudnn", "rounding")


class AllocatorPeaks(NamedTuple):
    """The highest bytes at once: requested, allocated as blocks for it, reserved as segments for those.

    They are PyTorch's ``requested_bytes.all.peak``, ``allocated_bytes.all.peak`` and ``reserved_bytes.all.peak``.
    ``parts`` are the bytes of :data:`PARTS` when most is first allocated, after so many ``events``.
    """

    requested_bytes: int
    allocated_bytes: int
    reserved_bytes: int
    parts: Mapping[str, int]
    events: int


class OutOfMemory(Exception):
    """The device has no room for a segment, not even when all is given back that is whole and free."""


class _Block:
    """A part of a segment of the small or the large pool, between its neighbours there."""

    __slots__ = ("address", "after", "before", "free", "size", "small")

    def __init__(self, address: int, size: int, small: bool) -> None:
        self.address = address
        self.size = size
        self.small = small
        self.free = False
        self.before: _Block | None = None
        self.after: _Block | None = None


class Allocator:
    """Blocks and segments on a device with ``room`` for so many bytes; ``allocated`` and ``reserved`` are bytes now."""

    def __init__(self, room: float = inf) -> None:
        self.allocated = 0
        self.reserved = 0
        self._room = room
        self._free: dict[bool, list[tuple[int, int]]] = {True: [], False: []}  # size and address, by whether small
        self._at: dict[int, _Block] = {}
        self._end = 0

    def take(self, requested: int) -> int:
        """The address of a block for so many bytes, the smallest that is cached, or a part of a new segment.

        Raises:
            OutOfMemory: there is no room for the segment.
        """
        size = -(-max(requested, 1) // GRAIN) * GRAIN
        small = size <= SMALL
        cached = self._free[small]
        position = bisect_left(cached, (size, 0))
        block = self._at[cached.pop(position)[1]] if position < len(cached) else self._segment(size)
        block.free = False
        spare = block.size - size
        if spare >= GRAIN if small else spare > SMALL:
            self._split(block, size)
        self.allocated += block.size
        return block.address

    def give_back(self, address: int) -> None:
        """Caches a block, in one with the free ones beside it."""
        block = self._at[address]
        self.allocated -= block.size
        cached = self._free[block.small]
        for other in (block.before, block.after):
            if other is not None and other.free:
                del cached[bisect_left(cached, (other.size, other.address))]
                block = self._merge(*((other, block) if other.address < block.address else (block, other)))
        block.free = True
        insort(cached, (block.size, block.address))

    def _segment(self, size: int) -> _Block:
        if size <= SMALL:
            whole = SMALL_SEGMENT
        elif size < MIDDLE:
            whole = MIDDLE_SEGMENT
        else:
            whole = -(-size // LARGE_STEP) * LARGE_STEP
        if self.reserved + whole > self._room:
            self._release()
        if self.reserved + whole > self._room:
            raise OutOfMemory
        block = self._at[self._end] = _Block(self._end, whole, size <= SMALL)
        self._end += whole
        self.reserved += whole
        return block

    def _release(self) -> None:
        """Gives every segment back of which nothing is taken."""
        for cached in self._free.values():
            for size, address in list(cached):
                block = self._at[address]
                if block.before is None and block.after is None:
                    cached.remove((size, address))
                    del self._at[address]
                    self.reserved -= size

    def _split(self, block: _Block, size: int) -> None:
        rest = self._at[block.address + size] = _Block(block.address + size, block.size - size, block.small)
        rest.free = True
        rest.before, rest.after, block.after = block, block.after, rest
        if rest.after is not None:
            rest.after.before = rest
        block.size = size
        insort(self._free[block.small], (rest.size, rest.address))

    def _merge(self, first: _Block, second: _Block) -> _Block:
        first.size += second.size
        first.after = second.after
        if second.after is not None:
            second.after.before = first
        del self._at[second.address]
        return first


def replay(
    trace: Trace,
    batch: int,
    workspace: int = 0,
    convolutions: Mapping[int, int] = MappingProxyType({}),
    room: float = inf,
) -> AllocatorPeaks:
    """The peaks of a step, or of a pass, once others like it have gone before.

    Args:
        trace: what the network does to memory.
        batch: samples at once.
        workspace: bytes that cuBLAS keeps for its matrix products, from the first one on: once in the thread of the
            forward pass, once in that of the backward pass.
        convolutions: bytes that cuDNN takes and gives back, by the number of events before.
        room: bytes that the device has for segments.

    Raises:
        OutOfMemory: they are too few.
    """
    sizes = [size.at(batch) for size in trace.sizes]
    running = (at for at, event in enumerate(trace.events) if trace.origins[max(event, ~event)][0] != "start")
    first = next(running, len(trace.events))
    kept = dict.fromkeys(trace.products.values(), workspace) if workspace else {}
    replayed = _Replay(trace.events, sizes, kept, convolutions, room)
    replayed.run(0, first)
    lasting = set(replayed.addresses)
    for _ in range(WARM_UP):
        replayed.run(first, len(trace.events))
        replayed.give_back(replayed.addresses.keys() - lasting)
    return replayed.run(first, len(trace.events))


class _Replay:
    """Storages by their numbers in the blocks of an allocator.

    What is taken for ``kept`` is never given back, what is taken for ``passing`` at once.
    """

    def __init__(
        self, events: Sequence[int], sizes: Sequence[int], kept: dict[int, int], passing: Mapping[int, int], room: float
    ) -> None:
        self.allocator = Allocator(room)
        self.addresses: dict[int, int] = {}
        self._events = events
        self._sizes = sizes
        self._kept = kept
        self._passing = passing
        self._bytes = {"tensors": 0, "cublas": 0, "cudnn": 0}

    def peaks(self, at: int) -> AllocatorPeaks:
        """What is there now, after so many events."""
        requested, allocated = sum(self._bytes.values()), self.allocator.allocated
        parts = {**self._bytes, "rounding": allocated - requested}
        return AllocatorPeaks(requested, allocated, self.allocator.reserved, parts, at)

    def run(self, start: int, stop: int) -> AllocatorPeaks:
        """The peaks over some of the events, and what libraries take before each and after the last."""
        highest = self.peaks(start)
        for at in range(start, stop + 1):
            if at in self._kept:
                self._take("cublas", self._kept.pop(at))
                highest = self._higher(highest, at)
            if self._passing.get(at):
                address = self._take("cudnn", self._passing[at])
                highest = self._higher(highest, at)
                self._give_back("cudnn", self._passing[at], address)
            if at == stop:
                break
            event = self._events[at]
            if event < 0:
                self.give_back([~event])
            elif self._sizes[event]:
                self.addresses[event] = self._take("tensors", self._sizes[event])
                highest = self._higher(highest, at + 1)
        return highest

    def _higher(self, highest: AllocatorPeaks, at: int) -> AllocatorPeaks:
        """The peaks with what is there now."""
        requested = max(highest.requested_bytes, sum(self._bytes.values()))
        reserved = max(highest.reserved_bytes, self.allocator.reserved)
        if self.allocator.allocated > highest.allocated_bytes:
            highest = self.peaks(at)
        return highest._replace(requested_bytes=requested, reserved_bytes=reserved)

    def _take(self, part: str, size: int) -> int:
        address = self.allocator.take(size)
        self._bytes[part] += size
        return address

    def _give_back(self, part: str, size: int, address: int) -> None:
        self._bytes[part] -= size
        self.allocator.give_back(address)

    def give_back(self, numbers: Iterable[int]) -> None:
        """Gives back storages, those of no bytes not."""
        for number in sorted(numbers):
            if number in self.addresses:
                self._give_back("tensors", self._sizes[number], self.addresses.pop(number))
