"""Views and copies of tensors, as far as memory goes: what lies where, and what the gradients are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

from cnncalc.autograd.autocast import Autocast
from cnncalc.autograd.lifetimes import scoped
from cnncalc.autograd.strides import Strides, computed, contiguous, cut, preferred, viewed
from cnncalc.autograd.tensors import Backward, Tensor
from cnncalc.values import Shape


class Metadata(NamedTuple):
    """What a backward pass has to know of a tensor that it reads; the node itself keeps the storage."""

    shape: Shape
    strides: Strides
    scales: bool
    itemsize: int


def metadata(x: Tensor) -> Metadata:
    """The metadata of a tensor."""
    return Metadata(x.shape, x.strides, x.scales, x.itemsize)


class ViewOps(Autocast):
    """PyTorch's functions that look at tensors in another way, move them or join them.

    ``replays_views`` says that tensors are fake, as a tracker's are: see :meth:`overwritten`.
    """

    def __init__(self, batch: int, itemsize: int, adds_in_place: bool = True) -> None:
        super().__init__(batch, itemsize, adds_in_place)
        self.replays_views = not adds_in_place

    def like(self, x: Tensor | Metadata, itemsize: int | None = None) -> Tensor:
        """A new tensor of the same shape, which lies as ``x`` does where that has no gaps."""
        return self.new(x.shape, x.scales, itemsize or x.itemsize, computed(x.shape, (x.shape, x.strides)))

    def alike(self, shape: Shape, x: Tensor | Metadata, itemsize: int | None = None) -> Tensor:
        """A new tensor of a shape, with the channels of a pixel side by side where those of the map ``x`` are."""
        return self.new(shape, x.scales, itemsize or x.itemsize, preferred(shape, (x.shape, x.strides)))

    def gradients(self, *values: Tensor, calls: Sequence[str] = ()) -> Backward:
        """A backward pass that makes a gradient as large as each tensor, in this order, and needs nothing else.

        Where the first is a map with the channels of a pixel side by side, all of them lie so. ``calls`` names
        what is called for the gradients of the first ones.
        """
        first = metadata(values[0])
        sizes = [(value.shape, value.scales, value.itemsize) for value in values]
        named = [*calls, *("" for _ in values[len(calls) :])]

        def made(size: tuple[Shape, bool, int], what: str) -> Tensor:
            found = self.new(*size, preferred(size[0], (first.shape, first.strides)))
            if what:
                self.library_call(what)
            return found

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            return [made(size, what) if need else None for size, what, need in zip(sizes, named, needs, strict=True)]

        return backward

    def _view(self, out: Tensor, x: Tensor, backward: Backward, again: Callable[[Tensor], Tensor]) -> Tensor:
        """Records a view of x; ``again`` makes it of another tensor."""
        if self.needs(x):
            before = x.replay
            out.base = self.retain(x.base or x)
            out.replay = again if before is None else lambda base: again(before(base))
        return self.record(out, [x], backward)

    @scoped
    def overwritten(self, inputs: Sequence[Tensor], backward: Backward, saves: Sequence[Tensor]) -> Tensor:
        """The first of the inputs after an operator that ran in place.

        Where it is a view with a history, the tensor that it is a view of changes too (CopySlices): the gradient of
        that is copied, the view's part of the copy too, and the operator's gradient is put in its place. The history of
        the view is then made anew: that of fake tensors by the same functions, any other's by ``as_strided``, whose
        gradient is put into zeros.
        """
        x = inputs[0]
        base, replay = x.base, x.replay
        if base is None or replay is None or not self.needs(*inputs):
            return self.record(self.look(x, x.shape, x.strides), inputs, backward, saves)
        whole, part = metadata(base), metadata(x)

        def slices(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            copy = self.new(whole.shape, whole.scales, strides=whole.strides)
            return [copy, *list(backward(self.like(part), needs))[1:]]

        changed = self.record(self.look(base, base.shape, base.strides), [base, *inputs[1:]], slices, saves)
        if changed.edge is not None:
            self.lead(base, changed.edge)
        if self.replays_views:
            return replay(base)
        out = self.look(x, x.shape, x.strides)
        out.base, out.replay = self.retain(base), replay
        return self.record(out, [base], self.gradients(base))

    def view(self, x: Tensor, shape: Shape) -> Tensor:
        """The same values in another shape.

        Raises:
            RuntimeError: they would have to be copied.
        """
        before = x.shape
        out = self._seen(x, shape)
        return self._view(out, x, lambda grad, _: [self.reshape(grad, before)], lambda base: self.view(base, shape))

    def unsafe_view(self, x: Tensor, shape: Shape) -> Tensor:
        """The same of a tensor that nothing else refers to: PyTorch does not take it for a view."""
        before = x.shape
        return self.record(self._seen(x, shape), [x], lambda grad, _: [self.reshape(grad, before)])

    def _seen(self, x: Tensor, shape: Shape) -> Tensor:
        strides = viewed(x.shape, x.strides, shape)
        if strides is None:
            raise RuntimeError(f"{x.shape} with strides {x.strides} has no view of {shape}")
        return self.look(x, shape, strides)

    def reshape(self, x: Tensor, shape: Shape) -> Tensor:
        """A view where that is possible, or else a copy."""
        if viewed(x.shape, x.strides, shape) is not None:
            return self.view(x, shape)
        return self.unsafe_view(self.copy(x), shape)

    def copy(self, x: Tensor) -> Tensor:
        """The values in row order."""
        return self.record(self.new(x.shape, x.scales, x.itemsize), [x], lambda grad, needs: [grad])

    def contiguous(self, x: Tensor) -> Tensor:
        """The values in row order: ``x`` itself, or a copy."""
        return self.laid(x, contiguous(x.shape))

    def laid(self, x: Tensor, strides: Strides) -> Tensor:
        """The values with these strides, which have no gaps: ``x`` itself, or a copy."""
        if all(size == 1 or one == other for size, one, other in zip(x.shape, x.strides, strides, strict=True)):
            return x
        return self.record(self.new(x.shape, x.scales, x.itemsize, strides), [x], lambda grad, needs: [grad])

    def flatten(self, x: Tensor, first: int = 1, last: int | None = None) -> Tensor:
        """The axes from ``first`` to ``last`` as one; by default all values of a sample in one row."""
        end = len(x.shape) if last is None else last + 1
        return self.reshape(x, (*x.shape[:first], prod(x.shape[first:end]), *x.shape[end:]))

    def unflatten(self, x: Tensor, axis: int, into: Shape) -> Tensor:
        """One axis as several; a size of -1 is what is left."""
        return self.view(x, cut(x.shape, axis, into))

    def unsqueeze(self, x: Tensor, axis: int) -> Tensor:
        """A view with an axis of one value before ``axis``."""
        return self.view(x, (*x.shape[:axis], 1, *x.shape[axis:]))

    def permute(self, x: Tensor, order: Sequence[int]) -> Tensor:
        """The axes in another order."""
        out = self.look(x, tuple(x.shape[axis] for axis in order), tuple(x.strides[axis] for axis in order))
        back = [order.index(axis) for axis in range(len(order))]
        return self._view(out, x, lambda grad, _: [self.permute(grad, back)], lambda base: self.permute(base, order))

    def transpose(self, x: Tensor, one: int, other: int) -> Tensor:
        """Two axes change places."""
        order = list(range(len(x.shape)))
        order[one], order[other] = order[other], order[one]
        return self.permute(x, order)

    def movedim(self, x: Tensor, source: int, target: int) -> Tensor:
        """One axis moves; the others keep their order."""
        rank = len(x.shape)
        order = [axis for axis in range(rank) if axis != source % rank]
        order.insert(target % rank, source % rank)
        return self.permute(x, order)

    def expand(self, x: Tensor, shape: Shape, scales: bool) -> Tensor:
        """A view in which values come as often as ``shape`` needs; the gradient is their sum."""
        strides: list[int] = []
        sizes = (1,) * (len(shape) - len(x.shape)) + x.shape
        for axis in reversed(range(len(shape))):
            own = axis - len(shape) + len(x.shape)
            step = x.strides[own] if own >= 0 else shape[axis + 1] * strides[0]
            strides.insert(0, step if sizes[axis] == shape[axis] else 0)
        out = self.own(Tensor(shape, tuple(strides), x.storage, x.itemsize, scales))
        return self.record(out, [x], lambda grad, needs: [grad])

    def slices(self, x: Tensor, first: int, ranges: Sequence[range]) -> Tensor:
        """Some positions of the axes from ``first`` on: a view; the gradient is zeros around each axis' own."""
        for axis, taken in enumerate(ranges, first):
            if len(taken) < x.shape[axis]:
                x = self._slice(x, axis, taken)
        return x

    def _slice(self, x: Tensor, axis: int, taken: range) -> Tensor:
        out = self.look(x, cut(x.shape, axis, (len(taken),)), cut(x.strides, axis, (x.strides[axis] * taken.step,)))
        return self._view(out, x, self.gradients(x), lambda base: self._slice(base, axis, taken))

    def alias(self, x: Tensor) -> Tensor:
        """A view of everything."""
        return self._view(self.look(x, x.shape, x.strides), x, lambda grad, _: [grad], self.alias)

    def as_strided(self, x: Tensor, strides: Strides) -> Tensor:
        """A view with other strides; the gradient is put into zeros."""
        out = self.look(x, x.shape, strides)
        return self._view(out, x, self.gradients(x), lambda base: self.as_strided(base, strides))

    def select(self, x: Tensor, axis: int) -> Tensor:
        """One position of an axis; the gradient is zeros around it."""
        out = self.look(x, cut(x.shape, axis, ()), cut(x.strides, axis, ()))
        return self._view(out, x, self.gradients(x), lambda base: self.select(base, axis))

    def unbind(self, x: Tensor) -> list[Tensor]:
        """Views of each position of the first axis; the gradient is those of all, stacked."""
        outs = [self.look(x, x.shape[1:], x.strides[1:]) for _ in range(x.shape[0])]
        self.record_all(outs, [x], self._joined(x))
        return outs

    def chunk(self, x: Tensor, count: int) -> list[Tensor]:
        """Views of equal parts of the first axis; the gradient is those of all, one after the other."""
        shape = (x.shape[0] // count, *x.shape[1:])
        outs = [self.look(x, shape, x.strides) for _ in range(count)]
        self.record_all(outs, [x], self._joined(x))
        return outs

    def _joined(self, x: Tensor) -> Backward:
        shape, scales = x.shape, x.scales
        return lambda *_: [self.new(shape, scales)]

    @scoped
    def cat(self, xs: Sequence[Tensor], axis: int) -> Tensor:
        """The tensors one after the other; the gradients are views of the whole's.

        With autocast all are cast to the widest data type, but on a GPU, whose kernel takes several.
        """
        if self.device == "cpu":
            xs = self.promoted(*xs)
        whole = cut(xs[0].shape, axis, (sum(x.shape[axis] for x in xs),))
        lies = preferred(whole, *[(x.shape, x.strides) for x in xs])
        out = self.new(whole, any(x.scales for x in xs), max(x.itemsize for x in xs), lies)
        shapes = [x.shape for x in xs]

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            parts = zip(shapes, needs, strict=True)
            return [self.look(grad, shape, grad.strides) if need else None for shape, need in parts]

        return self.record(out, xs, backward)

    def pad(self, x: Tensor, padding: Sequence[int]) -> Tensor:
        """A copy with a constant border; ``padding`` is before and after, the last axis first, cut off if negative."""
        sides = [sum(padding[at : at + 2]) for at in range(0, len(padding), 2)]
        sides = [0] * (len(x.shape) - len(sides)) + sides[::-1]
        shape = tuple(size + side for size, side in zip(x.shape, sides, strict=True))
        lies = [(x.shape, x.strides)]
        strides = preferred(shape, *lies) if any(side > 0 for side in padding) else computed(shape, *lies)
        out = self.new(shape, x.scales, x.itemsize, strides)
        return self.record(out, [x], lambda grad, needs: [self.pad(grad, [-side for side in padding])])

    def roll(self, x: Tensor) -> Tensor:
        """A copy whose values have moved along an axis, round its end."""
        return self.rearranged(x, x.shape)

    def rearranged(self, x: Tensor, shape: Shape, copies: bool = True) -> Tensor:
        """The values of another shape at other places; without ``copies`` these are the same."""
        before = x.shape
        out = self.new(shape, x.scales, x.itemsize) if copies else self._seen(x, shape)
        return self.record(out, [x], lambda grad, needs: [self.rearranged(grad, before, copies)])
