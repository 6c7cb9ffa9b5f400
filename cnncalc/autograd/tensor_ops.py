"""Arithmetic on tensors, as far as memory goes: what it makes, what it keeps, and what the gradients are.

Where a formula of PyTorch's backward pass (tools/autograd/derivatives.yaml and FunctionsManual.cpp) has several steps,
so has the one here; gradients are made in the order in which PyTorch makes them, that of the inputs' names there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from cnncalc.autograd.autocast import FULL
from cnncalc.autograd.engine import PRODUCT
from cnncalc.autograd.lifetimes import scoped
from cnncalc.autograd.strides import Strides, computed, contiguous, cut, is_channels_last
from cnncalc.autograd.tensors import Backward, Tensor
from cnncalc.autograd.view_ops import Metadata, ViewOps, metadata
from cnncalc.values import Shape

#: bytes of a truth value, and of a whole number
BOOL, WHOLE = 1, 8


class TensorOps(ViewOps):
    """PyTorch's functions on tensors without weights."""

    in_place: bool = False

    def combined(self, *xs: Tensor | Metadata, itemsize: int | None = None) -> Tensor:
        """A new tensor of the shape that all broadcast to."""
        rank = max(len(x.shape) for x in xs)
        shapes = [(1,) * (rank - len(x.shape)) + x.shape for x in xs]
        shape = tuple(map(max, zip(*shapes, strict=True)))
        strides = computed(shape, *[(x.shape, x.strides) for x in xs])
        return self.new(shape, any(x.scales for x in xs), itemsize or max(x.itemsize for x in xs), strides)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """A sum; either may be broadcast. Where the layer is to run in place, it is written over ``x``."""
        return self.add_into(x, y) if self.in_place else self.record(self.combined(x, y), [x, y], _shared)

    def add_into(self, x: Tensor, y: Tensor) -> Tensor:
        """A sum written over ``x``."""
        return self.overwritten([x, y], _shared, [])

    def shifted(self, x: Tensor) -> Tensor:
        """A sum with a number."""
        return self.record(self.like(x), [x], lambda grad, needs: [grad])

    def mul(self, x: Tensor, y: Tensor) -> Tensor:
        """A product; either may be broadcast. Each is kept where the other needs a gradient."""
        others = [metadata(y), metadata(x)]

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            return [self.combined(grad, other) if need else None for other, need in zip(others, needs, strict=True)]

        return self.record(self.combined(x, y), [x, y], backward, factors(x, y))

    def scaled(self, x: Tensor) -> Tensor:
        """A product with a number, or a quotient."""
        return self.record(self.like(x), [x], lambda grad, needs: [self.scaled(grad)])

    def div(self, x: Tensor, y: Tensor) -> Tensor:
        """A quotient; ``y`` may be broadcast. It is kept, and x where the gradient of ``y`` is needed."""
        one, other = metadata(x), metadata(y)

        def divisor(grad: Tensor) -> Tensor:
            quotient = self.combined(one, other)
            twice = self.combined(quotient, other)
            negative = self.like(grad)
            return self.combined(negative, twice)

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            second = self.call(divisor, grad) if needs[1] else None
            return [self.combined(grad, other) if needs[0] else None, second]

        return self.record(self.combined(x, y), [x, y], backward, [y] if y.edge is None else [x, y])

    def maximum(self, x: Tensor, y: Tensor) -> Tensor:
        """The larger of two; either may be broadcast. Where both are the same, each has half of the gradient."""
        one, other = metadata(x), metadata(y)

        def single(grad: Tensor) -> Tensor:
            half = self.like(grad)
            same = self.combined(one, other, itemsize=BOOL)
            chosen = self.combined(same, half, grad, itemsize=grad.itemsize)
            self.combined(one, other, itemsize=BOOL)  # where it is the smaller
            return chosen

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            return [self.call(single, grad) if need else None for need in needs]

        return self.record(self.combined(x, y), [x, y], backward, [x, y])

    def clamp(self, x: Tensor) -> Tensor:
        """Values up to a bound, or from one."""
        before = metadata(x)

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            zero = self.new((), scales=False)
            inside = self.like(before, BOOL)
            return [self.combined(inside, grad, zero, itemsize=grad.itemsize)]

        return self.record(self.like(x), [x], backward, [x])

    def function(self, x: Tensor) -> Tensor:
        """A function of every value whose gradient follows from its result, as those of exp and sigmoid do."""
        out = self.like(x)
        after = metadata(out)
        return self.record(out, [x], lambda grad, needs: [self.combined(grad, after)], [out])

    def sqrt(self, x: Tensor) -> Tensor:
        """Square root: the gradient is divided by twice the result."""
        out = self.like(x)
        after = metadata(out)
        return self.record(out, [x], lambda grad, needs: [self.combined(grad, self.like(after))], [out])

    @scoped
    def pow(self, x: Tensor) -> Tensor:
        """A power; its gradient is made of the power below, and of that times the exponent."""
        given = self.raised(x, on="cuda")
        before = metadata(given)

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            below = self.like(before)
            return [self.combined(grad, self.like(below))]

        return self.record(self.like(given), [given], backward, [given])

    def abs(self, x: Tensor) -> Tensor:
        """Absolute values; the gradient is multiplied by the sign of x."""
        before = metadata(x)
        return self.record(self.like(x), [x], lambda grad, needs: [self.combined(grad, self.like(before))], [x])

    def sign(self, x: Tensor) -> Tensor:
        """Signs; the gradient is zeros."""
        return self.record(self.like(x), [x], lambda grad, needs: [self.like(grad)])

    @scoped
    def softmax(self, x: Tensor) -> Tensor:
        """Softmax along any axis; the result is kept. A GPU's kernel for float16 has a result in 32 bits by itself."""
        widens = self.device == "cuda" and self.autocast == "float16"
        given = x if widens else self.raised(x, on="cuda")
        out = self.new(x.shape, x.scales, FULL if widens else given.itemsize)
        shape, scales, itemsize = given.shape, given.scales, given.itemsize
        return self.record(out, [given], lambda grad, needs: [self.new(shape, scales, itemsize)], [out])

    def along_one_axis(self, x: Tensor, shape: Shape, pool: Callable[[Tensor, Shape], Tensor]) -> Tensor:
        """A pool over one axis: a view of one over two, of which the first has one value."""
        return self.view(pool(self.unsqueeze(x, 2), (*shape[:2], 1, *shape[2:])), shape)

    def mean(self, x: Tensor, axis: int, keepdim: bool = False) -> Tensor:
        """Mean along an axis, which keeps one value or vanishes."""
        return self._total(x, axis, keepdim, self.scaled)

    def sum(self, x: Tensor, axis: int, keepdim: bool = False) -> Tensor:
        """Sum along an axis, which keeps one value or vanishes."""
        return self._total(x, axis, keepdim, lambda grad: grad)

    def _total(self, x: Tensor, axis: int, keepdim: bool, share: Callable[[Tensor], Tensor]) -> Tensor:
        shape, scales = x.shape, x.scales
        one = cut(shape, axis, (1,))
        out = self.new(one if keepdim else cut(shape, axis, ()), scales, x.itemsize)
        return self.record(out, [x], lambda grad, _: [share(self.expand(self.view(grad, one), shape, scales))])

    @scoped
    def mean_of_map(self, x: Tensor) -> Tensor:
        """Mean over space, which keeps one value along each axis, and of the layout that x has."""
        if len(x.shape) == 3:
            return self.along_one_axis(x, (*x.shape[:2], 1), lambda two, _: self.mean_of_map(two))
        x = self.pooled(x)
        shape, scales = x.shape, x.scales
        out = self.new((*shape[:2], *(1 for _ in shape[2:])), scales, x.itemsize)
        self.record(out, [x], lambda grad, needs: [self.scaled(self.expand(grad, shape, scales))])
        if is_channels_last(shape, x.strides):
            return self.as_strided(out, (shape[1], 1, *(shape[1] for _ in shape[2:])))
        return out

    def amax(self, x: Tensor, axis: int, keepdim: bool = False) -> Tensor:
        """Maximum along an axis, which keeps one value or vanishes; all places of the maximum share its gradient."""
        shape = cut(x.shape, axis, (1,))
        out = self.new(shape if keepdim else cut(x.shape, axis, ()), x.scales, x.itemsize)
        before, after = metadata(x), Metadata(shape, contiguous(shape), x.scales, x.itemsize)

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            mask = self.combined(after, before, itemsize=BOOL)
            grad = self.view(grad, shape)
            places = self.new(shape, grad.scales, WHOLE)
            return [self.combined(self.combined(grad, places, itemsize=grad.itemsize), mask, itemsize=grad.itemsize)]

        return self.record(out, [x], backward, [x, out])

    def length(self, x: Tensor) -> Tensor:
        """Euclidean norm along the last axis, which keeps one value; a GPU's kernel makes 32 bits of 16 by itself."""
        widens = self.device == "cuda" and self.autocast
        out = self.new((*x.shape[:-1], 1), x.scales, FULL if widens else x.itemsize)
        before, after = metadata(x), metadata(out)

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            direction = self.combined(before, after)
            self.like(after, BOOL)  # where it is zero
            return [self.combined(grad, direction)]

        return self.record(out, [x], backward, [x, out])

    @scoped
    def normalize(self, x: Tensor) -> Tensor:
        """Division by the length along the last axis."""
        below = self.expand(self.clamp(self.length(x)), x.shape, x.scales)
        return self.div(x, below)

    @scoped
    def matmul(self, x: Tensor, y: Tensor) -> Tensor:
        """Products of matrices, all other axes being the same; what cannot be a view as a batch of them is copied."""
        batch = x.shape[:-2]
        one, other = self.lowered(x, y)
        one = self.reshape(one, (prod(batch), *x.shape[-2:]))
        other = self.reshape(other, (prod(batch), *y.shape[-2:]))
        out = self.product(one, other, (*one.shape[:2], other.shape[2]))
        return self.unsafe_view(out, (*batch, x.shape[-2], y.shape[-1]))

    def product(self, x: Tensor, y: Tensor, shape: Shape) -> Tensor:
        """A product of two matrices, or of two batches of them, of a shape; y's gradient is made before that of x."""
        backward = self.products(y, x)
        out = self.new(shape, x.scales or y.scales)
        self.library_call(PRODUCT)
        return self.record(out, [x, y], lambda grad, needs: backward(grad, needs[::-1])[::-1], factors(x, y))

    def products(self, *values: Tensor) -> Backward:
        """The gradients of factors, products too, in this order; that of a matrix lies in columns where it does."""
        sizes = [(value.shape, value.scales, value.itemsize, _in_columns(value)) for value in values]

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            found: list[Tensor | None] = [None] * len(sizes)
            for index, size in enumerate(sizes):
                if needs[index]:
                    found[index] = self.new(*size)
                    self.library_call(PRODUCT)
            return found

        return backward

    def index(self, x: Tensor, places: Tensor, axis: int = 0) -> Tensor:
        """Some positions of an axis in any order, such as rows of a table; the places are kept."""
        shape, scales = x.shape, x.scales

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            zeros = self.new(shape, scales)
            return [zeros if self.adds_in_place else self.new(shape, scales)]

        out = self.new(cut(shape, axis, places.shape), scales, x.itemsize)
        return self.record(out, [x], backward, [places])

    def repeat(self, x: Tensor, times: int) -> Tensor:
        """A fixed tensor as often as there are samples, or regions of them."""
        out = self.new((times * x.shape[0], *x.shape[1:]), itemsize=x.itemsize)
        return self.record(out, [x], self.gradients(x))

    @scoped
    def chosen(self, shape: Shape) -> Tensor:
        """Truth values, each true with some probability."""
        noise = self.new(shape, itemsize=4)  # torch.rand's, whatever the network's data type
        return self.like(noise, BOOL)

    @scoped
    def grid_sample(self, x: Tensor, grid: Tensor) -> Tensor:
        """A map read at the places of a grid [batch, height, width, 2], whose gradient is made even unneeded."""
        grid, x = self.promoted(self.raised(grid, on="cpu"), self.raised(x, on="cpu"))
        sizes = [(value.shape, value.scales, value.itemsize) for value in (x, grid)]
        out = self.new((*x.shape[:2], *grid.shape[1:3]), itemsize=x.itemsize)

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            found = [self.new(*size) for size in sizes]
            return [found[0]]

        return self.record(out, [x], backward, [x, grid])


def _shared(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
    return [grad if need else None for need in needs]


def _in_columns(x: Tensor) -> Strides | None:
    """The strides of a matrix whose columns lie one after the other; None for any other tensor."""
    return x.strides if len(x.shape) == 2 and x.strides == (1, x.shape[0]) else None


def factors(x: Tensor, y: Tensor) -> list[Tensor]:
    """What a product keeps: each factor where the other needs a gradient."""
    return [kept for kept, other in ((x, y), (y, x)) if other.edge is not None]
