"""Autograd over sizes: storages, values that lie in them, and the backward pass in PyTorch's order.

Nothing is computed; what is modelled is when memory is taken and given back. A storage lives as long as anything refers
to it, exactly as in PyTorch: a local name, a node of the graph that saved it, a gradient. Python's own reference counts
are those counts, so the rules of an operator read like its module's ``forward``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from heapq import heappop, heappush
from math import inf, prod
from typing import Any, NamedTuple

from cnncalc.tape.strides import Strides, computed, contiguous, is_contiguous, is_dense
from cnncalc.values import Shape

#: takes the gradients of the outputs and which inputs need one; gives a gradient for each input, or None
Backward = Callable[..., "Sequence[Value | None]"]
#: takes the inputs of a part of the network, gives its outputs
Part = Callable[["Sequence[Value]"], "Sequence[Value]"]


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

    ``scales`` says that its size goes with the batch; ``edge`` is None where no gradient is needed. A view with a
    history knows the value that it is a view of, which is none itself, and how to make it again.
    """

    __slots__ = ("base", "edge", "itemsize", "replay", "scales", "shape", "storage", "strides")

    def __init__(
        self, shape: Shape, strides: Strides, storage: Storage, itemsize: int, scales: bool, edge: Edge | None = None
    ) -> None:
        self.shape = shape
        self.strides = strides
        self.storage = storage
        self.itemsize = itemsize
        self.scales = scales
        self.edge = edge
        self.base: Value | None = None
        self.replay: Callable[[Value], Value] | None = None

    def view(self, shape: Shape, strides: Strides) -> Value:
        """Another look at the same storage, without a history."""
        return Value(shape, strides, self.storage, self.itemsize, self.scales)


class Node:
    """A step of the backward pass: what it keeps, and where its results go."""

    __slots__ = ("backward", "edges", "grads", "layer", "order", "packed", "saved", "sizes", "waiting")

    def __init__(
        self, order: float, layer: int, backward: Backward, inputs: Sequence[Value], saved: Sequence[Storage]
    ) -> None:
        self.order = order
        self.layer = layer
        self.backward = backward
        self.edges = [value.edge for value in inputs]
        self.sizes = [(value.shape, value.scales, value.itemsize) for value in inputs]
        self.saved = list(saved)
        self.packed: Packed | None = None
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


class Recomputed(Exception):
    """Everything that is needed is there again; ``ran`` says whether the operator that stops has run."""

    def __init__(self, ran: bool) -> None:
        super().__init__()
        self.ran = ran


class Checkpoint:
    """A part of the forward pass whose nodes keep nothing but, together, the part's inputs.

    As ``torch.utils.checkpoint(part, *inputs, use_reentrant=False)``: the first of its nodes that asks for what it
    saved has the whole part run again, up to the last value that is saved. PyTorch saves what an operator reads before
    it runs, and what it makes afterwards, so that an operator which saves only the former isn't run a second time where
    it is the last.
    """

    __slots__ = ("begin", "inputs", "last", "packed", "part", "recomputed", "stop", "wanted")

    def __init__(self, part: Part, inputs: Sequence[Value], begin: int) -> None:
        self.part = part
        self.inputs = inputs
        #: the number of the first storage of the pass through the part that runs; others are counted from it
        self.begin = begin
        #: how many nodes have saved something
        self.packed = 0
        #: where the last of them saves only what it reads: the storage that it makes, and those that it saves
        self.stop: int | None = None
        self.wanted: Collection[int] = ()
        #: by node, in the order of the forward pass, what it needs; None up to the second pass
        self.recomputed: list[list[Storage]] | None = None
        #: of those ``wanted``, the ones made in the second pass; the others live on anyway
        self.last: list[Storage] = []

    def pack(self, outs: Sequence[Value], inputs: Sequence[Value], storages: Sequence[Storage]) -> Packed:
        """Notes, in the first pass, that a node has saved something."""
        self.packed += 1
        self.stop, self.wanted = None, ()
        first = min(out.storage.number for out in outs)
        in_place = any(out.storage is value.storage for out in outs for value in inputs)
        if not in_place and all(storage.number < first for storage in storages):
            self.stop = first - self.begin
            self.wanted = {storage.number - self.begin for storage in storages}
        return Packed(self, self.packed - 1)

    def keep(self, storages: list[Storage]) -> None:
        """Holds, in the second pass, what a node needs.

        Raises:
            Recomputed: it was the last.
        """
        if self.recomputed is not None:
            self.recomputed.append(storages)
            if len(self.recomputed) == self.packed:
                raise Recomputed(True)

    def give(self, position: int) -> list[Storage]:
        """What a node needs; the caller alone holds it from here on."""
        found: list[Storage] = []
        if self.recomputed is not None:
            found, self.recomputed[position] = self.recomputed[position], found
        return found

    def run_again(self, begin: int) -> None:
        """The second pass; its first storage has the number ``begin``."""
        self.recomputed = []
        self.begin = begin
        with suppress(Recomputed):
            self.part(self.inputs)
        if self.stop is not None:
            self.recomputed.append(self.last)
            self.last = []


class Call(NamedTuple):
    """A call of a library for a result that was just taken: after how many events, in which phase and layer, and what.

    ``what`` is :data:`PRODUCT`, or of a convolution one of :data:`CONVOLUTION`.
    """

    at: int
    phase: str
    layer: int
    what: str


#: a product of matrices; a convolution, and the gradients of its input and its weight
PRODUCT = "product"
CONVOLUTION = ("forward", "input_gradient", "weight_gradient")


class Packed(NamedTuple):
    """Where a node finds what it saved in a checkpoint: its place among the checkpoint's nodes."""

    checkpoint: Checkpoint
    position: int


class Recorder:
    """Records every storage and event of a run, and the graph of its backward pass.

    ``storages`` has the :class:`Size` of each, ``origins`` the phase and the layer in which it was taken, and ``saved``
    by number those that a node keeps, each with the phases and layers of such nodes. ``marks`` has the number of events
    at which each layer begins, its phase and its index: where :attr:`phase` or :attr:`layer` is set. An event is the
    number of a storage that is taken, or ``~number`` of one that is given back. ``calls`` are those of libraries that
    may take memory for themselves. ``adds_in_place`` is how PyTorch sums
    the gradients of a value with several readers: into the first where it can. Under a dispatch mode, as trackers are,
    it never does.
    """

    def __init__(self, batch: int, itemsize: int, adds_in_place: bool = True) -> None:
        self.batch = batch
        self.itemsize = itemsize
        self.adds_in_place = adds_in_place
        self.records = True
        self.marks: list[tuple[int, str, int]] = []
        self.storages: list[Size] = []
        self.origins: list[tuple[str, int]] = []
        self.events: list[int] = []
        self.saved: dict[int, list[tuple[str, int]]] = {}
        self.calls: list[Call] = []
        self._checkpoint: Checkpoint | None = None
        self._order = 0
        self._phase = ""
        self._layer = 0

    @property
    def phase(self) -> str:
        """What the run is at."""
        return self._phase

    @phase.setter
    def phase(self, name: str) -> None:
        self._phase = name
        self._mark()

    @property
    def layer(self) -> int:
        """The index of the layer that runs."""
        return self._layer

    @layer.setter
    def layer(self, index: int) -> None:
        self._layer = index
        self._mark()

    def _mark(self) -> None:
        self.marks.append((len(self.events), self._phase, self._layer))

    def new(
        self, shape: Shape, scales: bool = True, itemsize: int | None = None, strides: Strides | None = None
    ) -> Value:
        """A value with a storage of its own."""
        again = self._checkpoint if self.recomputes else None
        number = len(self.storages)
        if again is not None and number - again.begin == again.stop:
            raise Recomputed(False)
        size = itemsize or self.itemsize
        taken = prod(shape) * size
        self.storages.append(Size(0, taken // self.batch) if scales else Size(taken, 0))
        self.origins.append((self._phase, self._layer))
        storage = Storage(self.events, number)
        if again is not None and number - again.begin in again.wanted:
            again.last.append(storage)
        return Value(shape, contiguous(shape) if strides is None else strides, storage, size, scales)

    def call(self, what: str) -> None:
        """Notes that a library is called for the storage that was taken last."""
        self.calls.append(Call(len(self.events), self._phase, self._layer, what))

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
        self.record_all([out], inputs, backward, saves)
        return out

    def record_all(
        self, outs: Sequence[Value], inputs: Sequence[Value], backward: Backward, saves: Sequence[Value] = ()
    ) -> None:
        """Gives several outputs the one node that leads back to the inputs, where a gradient is needed."""
        if not self.needs(*inputs):
            return
        storages = [value.storage for value in saves]
        within = self._checkpoint if storages else None
        if within is not None and within.recomputed is None:
            node = Node(self._order, self.layer, backward, inputs, ())
            node.packed = within.pack(outs, inputs, storages)
        else:
            for storage in storages:
                self.saved.setdefault(storage.number, []).append((self._phase, self._layer))
            node = Node(self._order, self.layer, backward, inputs, storages)
            if within is not None:
                within.keep(storages)
        self._order += 1
        node.grads = [None] * len(outs)
        for output, out in enumerate(outs):
            out.edge = Edge(node, output)

    @property
    def recomputes(self) -> bool:
        """Whether a part runs for the second time."""
        return self._checkpoint is not None and self._checkpoint.recomputed is not None

    def checkpoint(self, part: Part, inputs: Sequence[Value]) -> Sequence[Value]:
        """The outputs of a part, of which the backward pass keeps the inputs alone and runs it again."""
        within = self._checkpoint = Checkpoint(part, inputs, len(self.storages))
        outputs = part(inputs)
        self._checkpoint = None
        if within.packed:
            for value in inputs:
                self.saved.setdefault(value.storage.number, []).append((self._phase, self._layer))
        return outputs

    def _unpack(self, node: Node) -> list[Storage]:
        """What a node saved; where it did so in a checkpoint, that may have to run again."""
        if node.packed is None:
            return node.saved
        checkpoint, position = node.packed
        if checkpoint.recomputed is None:
            self._checkpoint = checkpoint
            checkpoint.run_again(len(self.storages))
            self._checkpoint = None
            self.layer = node.layer
        return checkpoint.give(position)

    def backward(self, root: Value, start: Value | None = None) -> None:
        """The backward pass: the newest node first of those whose gradients have all arrived.

        It starts from the gradient ``start`` of ``root``, by default a new one; the caller holds that to the end.
        Gradients of parameters end in their leaves.
        """
        if root.edge is None:
            return
        first = root.edge.node
        _count_arrivals(first)
        lies = computed(root.shape, [(root.shape, root.strides)])
        start = start or self.new(root.shape, root.scales, root.itemsize, lies)
        first.grads[root.edge.output] = start
        ready: list[tuple[float, int, Node]] = [(-first.order, 0, first)]
        pushed = 0
        while ready:
            node = heappop(ready)[2]
            if isinstance(node, Leaf):
                self._accumulate(node)
                continue
            results = self._run(node)
            for edge, index in zip(node.edges, range(len(results)), strict=True):
                if edge is None:
                    continue
                self._arrive(edge, results, index)
                target = edge.node
                target.waiting -= 1
                if not target.waiting:
                    pushed += 1
                    heappush(ready, (-target.order, pushed, target))
            node.edges = []
            del results

    def _run(self, node: Node) -> list[Value | None]:
        """The gradients of a node's inputs, each summed over what its input was broadcast along, in its data type."""
        grads, node.grads = node.grads, []
        self.layer = node.layer
        needs = [edge is not None for edge in node.edges]
        results: list[Value | None] = [None] * len(needs)
        saved = self._unpack(node)
        if any(grad is not None for grad in grads):
            results = list(node.backward(*grads, needs))
        del saved
        for index, (shape, scales, itemsize) in enumerate(node.sizes):
            result = results[index]
            if result is not None and result.shape != shape:
                results[index] = result = self.new(shape, scales, result.itemsize)
            if result is not None and result.itemsize != itemsize:
                results[index] = self.new(shape, scales, itemsize)
            del result
        node.saved = []
        node.packed = None
        node.backward = _done
        return results

    def _arrive(self, edge: Edge, results: list[Value | None], index: int) -> None:
        """Delivers a gradient; a second one is added to the first, and lives until the node's others are delivered."""
        grads, grad = edge.node.grads, results[index]
        if grad is None:
            return
        if grads[edge.output] is None:
            grads[edge.output], results[index] = grad, None
        elif not (self.adds_in_place and _is_sole(grads, edge.output)):
            operands = [(value.shape, value.strides) for value in (grads[edge.output], grad) if value is not None]
            grads[edge.output] = self.new(grad.shape, grad.scales, grad.itemsize, computed(grad.shape, operands))

    def _accumulate(self, leaf: Leaf) -> None:
        """The gradient of a parameter: kept as it has arrived where nothing else refers to it and it lies as the
        parameter does, in row order, or else copied. A later one is added to it in place.
        """
        grad, leaf.grads = leaf.grads[0], [None]
        if grad is None or leaf.grad is not None:
            return
        # the two references are this function's own
        kept = sys.getrefcount(grad) == 2 and is_contiguous(grad.shape, grad.strides)
        leaf.grad = grad if kept else self.new(grad.shape, grad.scales, grad.itemsize)


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
