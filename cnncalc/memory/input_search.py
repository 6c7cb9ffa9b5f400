"""The largest square input that a memory holds, by running a network on one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class InputSearch(NamedTuple):
    """What the search for the largest input found: sides of square inputs.

    ``largest_side`` is None where none was found that fits, ``next_side`` is the first that is too large. ``step`` is
    that of the sides that were considered, 0 where the network takes none but its own. ``tried_bytes`` has the bytes of
    every side that was tried, None where the network refuses it. ``parameter_bytes`` has those of the parameters at the
    same sides, where they are known: a layer may have weights for every value that it is given.
    """

    largest_side: int | None
    next_side: int | None
    step: int
    tried_bytes: Mapping[int, int | None]
    parameter_bytes: Mapping[int, int] = MappingProxyType({})

    @property
    def monotone(self) -> bool:
        """Whether bytes never fall as the side grows, among those that were tried."""
        sizes = [size for _, size in sorted(self.tried_bytes.items()) if size is not None]
        return sizes == sorted(sizes)


def largest_input(own: int, stride: int, size_of: Callable[[int], int | None], memory_bytes: int) -> InputSearch:
    """The largest side whose bytes are within the memory, in the finest steps that the network accepts.

    Args:
        own: a side that the network accepts.
        stride: the steps that are tried where the network refuses steps of 1; after those come steps of its own side.
        size_of: the bytes at a side; None where the network refuses it.
        memory_bytes: the bytes that there are.
    """
    tried: dict[int, int | None] = {}

    def measured(side: int) -> int | None:
        if side not in tried:
            tried[side] = size_of(side)
        return tried[side]

    for step in dict.fromkeys((1, stride, own)):
        found = _within_steps(own, step, measured, memory_bytes)
        if found is not None:
            return InputSearch(*found, step, tried)
    fits = (measured(own) or 0) <= memory_bytes
    return InputSearch(own if fits else None, None if fits else own, 0, tried)


def _within_steps(
    own: int, step: int, measured: Callable[[int], int | None], memory_bytes: int
) -> tuple[int | None, int] | None:
    """The largest side own + k*step that fits, and the next; None where the network refuses one larger than its own.

    Sides are doubled until one is too large, then bisected. What is refused below its own is too small for the network.
    """
    if measured(own + step) is None:
        return None
    low, high = own - step * (1 + (own - 1) // step), own  # not above 0: nothing is known to fit
    while (size := measured(high)) is not None and size <= memory_bytes:
        low, high = high, high + step * -(-high // step)
    if size is None:
        return None
    while high - low > step:
        at = low + (high - low) // (2 * step) * step
        size = measured(at)
        if size is None and at > own:
            return None
        if size is not None and size > memory_bytes:
            high = at
        else:
            low = at
    return (low if low > 0 and measured(low) is not None else None), high
