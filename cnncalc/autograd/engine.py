"""Autograd over sizes: storages, values that lie in them, and the backward pass in PyTorch's order.

Nothing is computed; what is modelled is when memory is taken and given back. A storage lives as long as anything refers
to it, exactly as in PyTorch: a local name, a node of the graph that saved it, a gradient. Python's own reference counts
are those counts, so the rules of an operator read like its module's ``forward``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from heapq import heappop, heappush
from math import prod
from typing import NamedTuple

from cnncalc.autograd.recomputation import Checkpoint, Part, Recomputed
from cnncalc.autograd.strides import Strides, computed, contiguous, is_contiguous, is_dense
from cnncalc.autograd.tensors import Backward, Edge, Leaf, Node, Size, Storage, Value, done
from cnncalc.values import Shape


class Call(NamedTuple):
    """A call of a library for a result that was just taken: after how many events, in which phase and layer, and what.

    ``what`` is :data:`PRODUCT` or one of :data:`CONVOLUTION`.
    """

    at: int
    phase: str
    layer: int
    what: str


#: a product of matrices
PRODUCT = "product"
#: a convolution, the gradient of its input, and that of its weight
CONVOLUTION = ("forward", "input_gradient", "weight_gradient")


class Recorder:
    """Records every storage and event of a run, and the graph of its backward pass.

    ``storages`` has the :class:`Size` of each, ``origins`` the phase and the layer in which it was taken, and ``saved``
    by number those that a node keeps, each with the phases and layers of such nodes. ``marks`` has the number of events
    at which each layer begins, its phase and its index: where :attr:`phase` or :attr:`layer` is set. An event is the
    number of a storage that is taken, or ``~number`` of one that is given back. ``calls`` are those of libraries that
    may take memory for themselves. ``records`` says whether gradients are recorded, as in PyTorch's grad mode.
    ``adds_in_place`` is how PyTorch sums the gradients of a value with several readers: into the first where it can.
    Under a dispatch mode, as trackers are, it never does.
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
        """The part of the run that later storages and events belong to, such as forward or backward."""
        return self._phase

    @phase.setter
    def phase(self, name: str) -> None:
        self._phase = name
        self._mark()

    @property
    def layer(self) -> int:
        """The index of the layer that later storages and events belong to."""
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
        """A value with a storage of its own; ``shape`` is with the batch, strides are by default those of row order.

        Raises:
            Recomputed: a part runs again, and what it needs no more comes here.
        """
        number = len(self.storages)
        again = self._checkpoint if self.recomputes else None
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
            # by index: a name for a gradient would be a reference to it
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
        node.backward = done
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
