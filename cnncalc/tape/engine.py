"""Autograd over sizes: storages, values that lie in them, and the backward pass in PyTorch's order.

Nothing is computed; what is modelled is when memory is taken and given back. A storage lives as long as anything refers
to it, exactly as in PyTorch: a local name, a node of the graph that saved it, a gradient. Python's own reference counts
are those counts, so the rules of an operator read like its module's ``forward``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from math import inf, prod
from typing import Any, NamedTuple

from cnncalc.values import Shape

Strides = tuple[int, ...]
#: takes the gradients of the outputs and which inputs need one; gives a gradient for each input, or None
Backward = Callable[..., "Sequence[Value | None]"]


class Size(NamedTuple):
    """Bytes: ``fixed``, and so many more for each sample of the batch."""

    fixed: int
    per_sample: int

    def at(self, batch: int) -> int:
        """Bytes at a batch."""
        return self.fixed + self.per_sample * batch


class Storage:
    """Memory of its own. It is given back when nothing refers to it any more."""

    __slots__ = ("events", "number")

    def __init__(self, events: list[int], number: int) -> None:
        self.events = events
        self.number = number
        events.append(number)

    def __del__(self) -> None:
        self.events.append(~self.number)


class Value:
    """A tensor: its shape with the batch, how it lies in its storage, and the node that made it.

    ``scales`` says that its size goes with the batch; ``edge`` is None where no gradient is needed.
    """

    __slots__ = ("edge", "itemsize", "scales", "shape", "storage", "strides")

    def __init__(
        self, shape: Shape, strides: Strides, storage: Storage, itemsize: int, scales: bool, edge: Edge | None = None
    ) -> None:
        self.shape = shape
        self.strides = strides
        self.storage = storage
        self.itemsize = itemsize
        self.scales = scales
        self.edge = edge

    def view(self, shape: Shape, strides: Strides) -> Value:
        """Another look at the same storage, without a history."""
        return Value(shape, strides, self.storage, self.itemsize, self.scales)


class Node:
    """A step of the backward pass: what it keeps, and where its results go."""

    __slots__ = ("backward", "edges", "grads", "layer", "order", "saved", "shapes", "waiting")

    def __init__(
        self, order: float, layer: int, backward: Backward, inputs: Sequence[Value], saved: Sequence[Storage]
    ) -> None:
        self.order = order
        self.layer = layer
        self.backward = backward
        self.edges = [value.edge for value in inputs]
        self.shapes = [value.shape for value in inputs]
        self.saved = list(saved)
        self.grads: list[Value | None] = [None]
        self.waiting = 0


class Edge(NamedTuple):
    """Where a gradient goes: a node, and which of its outputs it is the gradient of."""

    node: Node
    output: int


class Leaf(Node):
    """Where the gradient of a parameter ends."""

    __slots__ = ("grad",)

    def __init__(self) -> None:
        super().__init__(inf, 0, _done, (), ())
        self.grad: Value | None = None


def contiguous(shape: Shape) -> Strides:
    """Strides of values in row order."""
    strides = []
    step = 1
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


def is_contiguous(shape: Shape, strides: Strides) -> bool:
    """Whether values lie in row order; an axis of one value may have any stride."""
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1:
            if stride != step:
                return False
            step *= size
    return True


def is_dense(shape: Shape, strides: Strides) -> bool:
    """Whether values fill their place without gaps or overlaps, in some order of the axes."""
    step = 1
    for stride, size in sorted((stride, size) for size, stride in zip(shape, strides, strict=True) if size != 1):
        if stride != step:
            return False
        step *= size
    return True


class Recorder:
    """Records every storage and event of a run, and the graph of its backward pass.

    ``storages`` has the :class:`Size` of each, ``origins`` the phase and the layer in which it was taken, and ``saved``
    the numbers of those that a node keeps. An event is the number of a storage that is taken, or ``~number`` of one
    that is given back. ``adds_in_place`` is how PyTorch sums the gradients of a value with several readers: into the first
    one where it can. Under a dispatch mode, as trackers are, it never does.
    """

    def __init__(self, batch: int, itemsize: int, adds_in_place: bool = True) -> None:
        self.batch = batch
        self.itemsize = itemsize
        self.adds_in_place = adds_in_place
        self.records = True
        self.phase = ""
        self.layer = 0
        self.storages: list[Size] = []
        self.origins: list[tuple[str, int]] = []
        self.events: list[int] = []
        self.saved: set[int] = set()
        self._order = 0

    def new(
        self, shape: Shape, scales: bool = True, itemsize: int | None = None, strides: Strides | None = None
    ) -> Value:
        """A value with a storage of its own."""
        size = itemsize or self.itemsize
        taken = prod(shape) * size
        self.storages.append(Size(0, taken // self.batch) if scales else Size(taken, 0))
        self.origins.append((self.phase, self.layer))
        storage = Storage(self.events, len(self.storages) - 1)
        return Value(shape, contiguous(shape) if strides is None else strides, storage, size, scales)

    def parameter(self, shape: Shape) -> Value:
        """A learned tensor."""
        value = self.new(shape, scales=False)
        value.edge = Edge(Leaf(), 0)
        return value

    def needs(self, *values: Value) -> bool:
        """Whether a gradient is needed of any."""
        return self.records and any(value.edge is not None for value in values)

    def record(self, out: Value, inputs: Sequence[Value], backward: Backward, saves: Sequence[Value] = ()) -> Value:
        """Gives ``out`` the node that leads back to the inputs, where a gradient is needed."""
        if not self.needs(*inputs):
            return out
        storages = [value.storage for value in saves]
        self.saved.update(storage.number for storage in storages)
        node = Node(self._order, self.layer, backward, inputs, storages)
        self._order += 1
        out.edge = Edge(node, 0)
        return out

    def backward(self, root: Value, start: Value | None = None) -> None:
        """The backward pass: the newest node first of those whose gradients have all arrived.

        It starts from the gradient ``start`` of ``root``, by default a new one; the caller holds that to the end.
        Gradients of parameters end in their leaves.
        """
        if root.edge is None:
            return
        first = root.edge.node
        _count_arrivals(first)
        start = start or self.new(root.shape, root.scales)
        first.grads[root.edge.output] = start
        ready: list[tuple[float, int, Node]] = [(-first.order, 0, first)]
        pushed = 0
        while ready:
            node = heappop(ready)[2]
            results = self._run(node)
            for edge, index in zip(node.edges, range(len(results)), strict=True):
                result, results[index] = results[index], None
                if edge is None:
                    continue
                if result is not None:
                    self._arrive(edge, result)
                del result
                target = edge.node
                target.waiting -= 1
                if not target.waiting and not isinstance(target, Leaf):
                    pushed += 1
                    heappush(ready, (-target.order, pushed, target))
            node.edges = []

    def _run(self, node: Node) -> list[Value | None]:
        """The gradients of a node's inputs, each summed over what its input was broadcast along."""
        grads, node.grads = node.grads, []
        self.layer = node.layer
        needs = [edge is not None for edge in node.edges]
        if any(grad is None for grad in grads):
            return [None] * len(needs)
        results = list(node.backward(*grads, needs))
        for index, (result, shape) in enumerate(zip(results, node.shapes, strict=True)):
            if result is not None and result.shape != shape:
                results[index] = self.new(shape, scales=result.scales and shape[:1] == result.shape[:1])
            del result
        node.saved = []
        node.backward = _done
        return results

    def _arrive(self, edge: Edge, grad: Value) -> None:
        """Delivers a gradient; a second one is added to the first."""
        target = edge.node
        if isinstance(target, Leaf):
            self._accumulate(target, grad)
            return
        grads = target.grads
        if grads[edge.output] is None:
            grads[edge.output] = grad
        elif not (self.adds_in_place and _is_sole(grads, edge.output)):
            grads[edge.output] = self.new(grad.shape, grad.scales)

    def _accumulate(self, leaf: Leaf, grad: Value) -> None:
        """The first gradient of a parameter is kept as it is, or copied where something else holds it too."""
        if leaf.grad is None:
            leaf.grad = grad


def _done(*_: Any) -> Sequence[Value | None]:
    raise RuntimeError("a node of the backward pass runs once")


def _is_sole(grads: list[Value | None], index: int) -> bool:
    """Whether nothing but this place refers to a gradient or its storage, and it has no gaps."""
    value = grads[index]
    if value is None:
        return False
    # two references to the value are this function's own, one to the storage is the call's
    sole = sys.getrefcount(value) == 3 and sys.getrefcount(value.storage) == 2
    return sole and is_dense(value.shape, value.strides)


def _count_arrivals(first: Node) -> None:
    """For every node, how many gradients will come."""
    stack = [first]
    seen = {id(first)}
    while stack:
        for edge in stack.pop().edges:
            if edge is not None:
                edge.node.waiting += 1
                if id(edge.node) not in seen:
                    seen.add(id(edge.node))
                    stack.append(edge.node)
