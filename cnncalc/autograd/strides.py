"""How the values of a tensor lie in its storage: PyTorch's rules for strides, which decide what needs a copy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

from cnncalc.values import Shape

#: a network has few shapes, and asks the same of them for every layer
_kept = lru_cache(1 << 12)

#: how far apart neighbours along each axis lie in the storage, counted in values
Strides = tuple[int, ...]


@_kept
def contiguous(shape: Shape) -> Strides:
    """Strides of values in row order."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= size or 1
    return tuple(reversed(strides))


def ordered(shape: Shape, axes: Sequence[int]) -> Strides:
    """Strides of values without gaps, where ``axes`` run from the slowest to the fastest."""
    strides = [0] * len(shape)
    step = 1
    for axis in reversed(axes):
        strides[axis] = step
        step *= max(shape[axis], 1)
    return tuple(strides)


@_kept
def is_contiguous(shape: Shape, strides: Strides) -> bool:
    """Whether values lie in row order; an axis of one value may have any stride."""
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True


@_kept
def is_dense(shape: Shape, strides: Strides) -> bool:
    """Whether values fill their place without gaps or overlaps, in some order of the axes."""
    step = 1
    for stride, size in sorted((stride, size) for size, stride in zip(shape, strides, strict=True) if size != 1):
        if stride != step:
            return False
        step *= size
    return True


@_kept
def is_channels_last(shape: Shape, strides: Strides) -> bool:
    """Whether PyTorch takes a tensor for a map with the channels of a pixel side by side.

    The rule of ``is_channels_last_strides_2d`` and ``_3d`` (c10/core/MemoryFormat.h), with what it says of axes of
    one value.
    """
    rank = len(shape)
    if rank not in (4, 5) or strides[1] == 0:
        return False
    least = 0
    for axis in (1, *range(rank - 1, 1, -1), 0):
        if shape[axis] == 0 or strides[axis] < least or (axis == 0 and least == strides[1]):
            return False
        least = strides[axis] * max(shape[axis], 1)
    return True


@_kept
def preferred(shape: Shape, *like: tuple[Shape, Strides]) -> Strides:
    """Strides of a new map of the layout that all of ``like`` have (``suggest_memory_format``)."""
    if len(shape) in (4, 5) and all(is_channels_last(*one) for one in like):
        return ordered(shape, (0, *range(2, len(shape)), 1))
    return contiguous(shape)


@_kept
def computed(shape: Shape, *operands: tuple[Shape, Strides]) -> Strides:
    """Strides of what is computed value by value from operands that broadcast to ``shape``.

    TensorIterator (aten/src/ATen/TensorIterator.cpp) keeps a layout that all operands share; otherwise it sorts the
    axes by the strides of the first operand that tells two of them apart, a broadcast axis telling nothing.
    """
    first = operands[0][1]
    if all(size == shape for size, _ in operands):
        if all(is_contiguous(*operand) for operand in operands):
            return contiguous(shape)
        if is_dense(shape, first) and all(strides == first for _, strides in operands):
            return first
    spread = [_spread(shape, *operand) for operand in operands]
    order = list(reversed(range(len(shape))))  # the fastest axis first
    for start in range(1, len(order)):
        at = start
        for before in reversed(range(start)):
            comparison = _compare(shape, spread, order[before], order[at])
            if comparison > 0:
                order[before], order[at] = order[at], order[before]
                at = before
            elif comparison < 0:
                break
    return ordered(shape, order[::-1])


def _spread(shape: Shape, size: Shape, strides: Strides) -> Strides:
    """Strides of an operand over the whole shape: 0 where it is broadcast."""
    missing = len(shape) - len(size)
    own = [0 if n == 1 and whole != 1 else step for n, whole, step in zip(size, shape[missing:], strides, strict=True)]
    return (*(0,) * missing, *own)


def _compare(shape: Shape, operands: Sequence[Strides], before: int, after: int) -> int:
    """1 where the two axes should change places, -1 where they should not, 0 where nothing tells."""
    for strides in operands:
        one, other = strides[before], strides[after]
        if not one or not other:
            continue
        if one != other:
            return 1 if one > other else -1
        if shape[before] > shape[after]:
            return 1
    return 0


def viewed(shape: Shape, strides: Strides, into: Shape) -> Strides | None:
    """Strides of the same values in another shape, or None where they must be copied for it.

    The rule of ``computeStride`` (aten/src/ATen/TensorUtils.cpp): axes that lie as one may be cut anew.
    """
    if not shape:
        return (1,) * len(into)
    found = [0] * len(into)
    at = len(into) - 1
    base = strides[-1]
    size = taken = 1
    for axis in reversed(range(len(shape))):
        size *= shape[axis]
        if axis and (shape[axis - 1] == 1 or strides[axis - 1] == size * base):
            continue
        while at >= 0 and (taken < size or into[at] == 1):
            found[at] = taken * base
            taken *= into[at]
            at -= 1
        if taken != size:
            return None
        if axis:
            base = strides[axis - 1]
            size = taken = 1
    return tuple(found) if at < 0 else None


def cut(shape: Shape, axis: int, into: Shape) -> Shape:
    """A shape, or strides, with other numbers in place of that of one axis; of a shape, -1 is what is left."""
    if -1 in into:
        left = shape[axis] // -prod(into)
        into = tuple(left if size == -1 else size for size in into)
    return (*shape[:axis], *into, *shape[axis + 1 :])
