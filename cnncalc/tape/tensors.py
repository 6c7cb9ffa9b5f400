"""Arithmetic, joins and views of values, as far as memory goes: what lies where, and what the gradients are."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from operator import add

from cnncalc.tape.engine import Backward, Recorder, Strides, Value, contiguous, is_contiguous, is_dense
from cnncalc.values import Shape


class Tensors(Recorder):
    """PyTorch's functions on tensors without weights."""

    in_place: bool = False

    def like(self, x: Value) -> Value:
        """A new value of the same shape, which lies as ``x`` does where that has no gaps."""
        strides = x.strides if is_dense(x.shape, x.strides) else None
        return self.new(x.shape, x.scales, x.itemsize, strides)

    def another(self, x: Value) -> Backward:
        """A backward pass that makes a gradient as large as ``x``, and needs nothing else."""
        shape, scales = x.shape, x.scales
        return lambda grad, needs: [self.new(shape, scales) if need else None for need in needs]

    def add(self, x: Value, y: Value) -> Value:
        """A sum; either may be broadcast. Where the layer is to run in place, it is written over ``x``."""
        out = x.view(x.shape, x.strides) if self.in_place else self.combined(x, y)
        return self.record(out, [x, y], lambda grad, needs: [grad if need else None for need in needs])

    def mul(self, x: Value, y: Value) -> Value:
        """A product; either may be broadcast. Each is kept where the other needs a gradient."""
        out = self.combined(x, y)
        shape, scales = out.shape, out.scales
        saves = [kept for kept, other in ((x, y), (y, x)) if other.edge is not None]

        def backward(grad: Value, needs: Sequence[bool]) -> list[Value | None]:
            return [self.new(shape, scales) if need else None for need in needs]

        return self.record(out, [x, y], backward, saves)

    def combined(self, x: Value, y: Value) -> Value:
        """A new value of the shape that both broadcast to."""
        if x.shape == y.shape:
            return self.like(x)
        rank = max(len(x.shape), len(y.shape))
        shapes = [(1,) * (rank - len(value.shape)) + value.shape for value in (x, y)]
        shape = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
        for value in (x, y):
            if value.shape == shape:
                return self.new(shape, x.scales or y.scales, strides=self.like_strides(value))
        return self.new(shape, x.scales or y.scales)

    @staticmethod
    def like_strides(x: Value) -> Strides | None:
        """How a value that is computed from ``x`` lies."""
        return x.strides if is_dense(x.shape, x.strides) else None

    def cat(self, xs: Sequence[Value], axis: int) -> Value:
        """The values one after the other; the gradients are views of the whole's."""
        shape = list(xs[0].shape)
        shape[axis] = sum(x.shape[axis] for x in xs)
        out = self.new(tuple(shape), any(x.scales for x in xs))
        shapes = [x.shape for x in xs]

        def backward(grad: Value, needs: Sequence[bool]) -> list[Value | None]:
            return [grad.view(shape, grad.strides) if need else None for shape, need in zip(shapes, needs, strict=True)]

        return self.record(out, xs, backward)

    def reshape(self, x: Value, shape: Shape) -> Value:
        """A view where the values lie in row order, or else a copy."""
        if not is_contiguous(x.shape, x.strides):
            x = self.copy(x)
        before = x.shape
        out = x.view(shape, contiguous(shape))
        return self.record(out, [x], lambda grad, needs: [self.reshape(grad, before)])

    def copy(self, x: Value) -> Value:
        """The values in row order."""
        out = self.new(x.shape, x.scales, x.itemsize)
        return self.record(out, [x], lambda grad, needs: [grad])

    def flatten(self, x: Value) -> Value:
        """All values of a sample in one row."""
        return self.reshape(x, (x.shape[0], prod(x.shape[1:])))

    def pad(self, x: Value, padding: Sequence[int]) -> Value:
        """A copy with a constant border; ``padding`` is before and after, the last axis first."""
        sides = [sum(padding[at : at + 2]) for at in range(0, len(padding), 2)]
        sides = [0] * (len(x.shape) - len(sides)) + sides[::-1]
        out = self.new(tuple(map(add, x.shape, sides)), x.scales)
        return self.record(out, [x], self.another(x))
