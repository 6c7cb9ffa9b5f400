"""Autograd over sizes: storages, tensors that lie in them, and the backward pass in PyTorch's order.

Nothing is computed; what is modelled is when memory is taken and given back. A storage lives as long as anything refers
to it, exactly as in PyTorch: a name of a function, a node of the graph that saved it, a gradient. What refers to what
is counted, see :mod:`cnncalc.autograd.lifetimes`, and decides whether a gradient is summed in place, or kept as it
arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from math import prod
from typing import NamedTuple

from cnncalc.autograd.lifetimes import Lifetimes
from cnncalc.autograd.recomputation import Checkpoint, PackedNode, Part
from cnncalc.autograd.strides import Strides, computed, contiguous, is_contiguous, is_dense
from cnncalc.autograd.tensors import Backward, Edge, GradNode, Leaf, Size, Storage, Tensor, done
from cnncalc.values import Shape


class LibraryCall(NamedTuple):
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


class Recorder(Lifetimes):
    """Records every storage and event of a run, and the graph of its backward pass.

    ``storages`` has the :class:`Size` of each, ``origins`` the phase and the layer in which it was taken, and ``saved``
    by number those that a node keeps, each with the phases and layers of such nodes. ``marks`` has the number of events
    at which each layer begins, its phase and its index: where :attr:`phase` or :attr:`layer` is set; one for the start.
    ``calls`` are those of libraries that may take memory for themselves. ``records`` says whether gradients are
    recorded, as in PyTorch's grad mode. ``adds_in_place`` is how PyTorch sums the gradients of a tensor with several
    readers: into the first where it can. Under a dispatch mode, as trackers are, it never does.
    """

    def __init__(self, batch: int, itemsize: int, adds_in_place: bool = True) -> None:
        super().__init__()
        self.batch = batch
        self.itemsize = itemsize
        self.adds_in_place = adds_in_place
        self.records = True
        self.marks: list[tuple[int, str, int]] = []
        self.storages: list[Size] = []
        self.origins: list[tuple[str, int]] = []
        self.saved: dict[int, list[tuple[str, int]]] = {}
        self.calls: list[LibraryCall] = []
        self._checkpoint: Checkpoint | None = None
        self._order = 0
        self._phase = ""
        self._layer = 0
        self._origin = ("", 0)
        #: sizes by shape, bytes of a value, and whether they go with the batch: a network has few
        self._sizes: dict[tuple[Shape, int, bool], Size] = {}

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
        self._origin = (self._phase, self._layer)
        if self._phase == "start" and self.marks:
            self.marks.pop()  # before the run all is one
        self.marks.append((len(self.events), *self._origin))

    def new(
        self, shape: Shape, scales: bool = True, itemsize: int | None = None, strides: Strides | None = None
    ) -> Tensor:
        """A tensor with a storage of its own; ``shape`` is with the batch, strides are by default those of row order.

        Raises:
            Recomputed: a part runs again, and what it needs no more comes here.
        """
        storage = Storage(len(self.storages))
        if self._checkpoint is not None:
            self._checkpoint.make(storage)
        size = itemsize or self.itemsize
        known = self._sizes.get((shape, size, scales))
        if known is None:
            taken = prod(shape) * size
            known = self._sizes[shape, size, scales] = Size(0, taken // self.batch) if scales else Size(taken, 0)
        self.storages.append(known)
        self.origins.append(self._origin)
        self.events.append(storage.number)
        return self.own(Tensor(shape, contiguous(shape) if strides is None else strides, storage, size, scales))

    def look(self, x: Tensor, shape: Shape, strides: Strides) -> Tensor:
        """Another look at the storage of ``x``, without a history."""
        return self.own(Tensor(shape, strides, x.storage, x.itemsize, x.scales))

    def library_call(self, what: str) -> None:
        """Notes that a library is called for the storage that was taken last."""
        self.calls.append(LibraryCall(len(self.events), self._phase, self._layer, what))

    def parameter(self, shape: Shape) -> Tensor:
        """A learned tensor."""
        tensor = self.new(shape, scales=False)
        self.lead(tensor, Edge(Leaf(), 0))
        return tensor

    def lead(self, tensor: Tensor, edge: Edge) -> None:
        """Has a tensor lead back by an edge, in place of the one that it has."""
        edge.node.references += 1
        before, tensor.edge = tensor.edge, edge
        if before is not None:
            self.forget(before.node)

    def needs(self, *tensors: Tensor) -> bool:
        """Whether a gradient is needed of any."""
        return self.records and any(tensor.edge is not None for tensor in tensors)

    def record(self, out: Tensor, inputs: Sequence[Tensor], backward: Backward, saves: Sequence[Tensor] = ()) -> Tensor:
        """Gives ``out`` the node that leads back to the inputs, where a gradient is needed."""
        self.record_all([out], inputs, backward, saves)
        return out

    def record_all(
        self, outs: Sequence[Tensor], inputs: Sequence[Tensor], backward: Backward, saves: Sequence[Tensor] = ()
    ) -> None:
        """Gives several outputs the one node that leads back to the inputs, where a gradient is needed.

        The call that makes the outputs ends here: inputs, and what it saves, go where the function made them for it.

        Raises:
            RuntimeError: an input was given back before.
        """
        needed = False
        for tensor in inputs:
            if not tensor.references:
                raise RuntimeError(f"a tensor of shape {tensor.shape} is used after it was given back: hold it")
            needed = needed or tensor.edge is not None
        if needed and self.records:
            node = self._node(outs, inputs, backward, [tensor.storage for tensor in saves])
            self._order += 1
            node.grads = [None] * len(outs)
            for output, out in enumerate(outs):
                self.lead(out, Edge(node, output))
        self.spend(inputs, outs)
        self.spend(saves, outs)

    def _node(
        self, outs: Sequence[Tensor], inputs: Sequence[Tensor], backward: Backward, storages: list[Storage]
    ) -> GradNode:
        within = self._checkpoint if storages else None
        if within is not None and within.recomputed is None:
            position = within.pack(outs, inputs, storages)
            return PackedNode(self._order, self.layer, backward, inputs, within, position)
        for storage in storages:
            self.saved.setdefault(storage.number, []).append(self._origin)
        if within is not None:
            within.keep(storages)
        return GradNode(self._order, self.layer, backward, inputs, storages)

    @property
    def recomputes(self) -> bool:
        """Whether a part runs for the second time."""
        return self._checkpoint is not None and self._checkpoint.recomputed is not None

    def checkpoint(self, part: Part, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The outputs of a part, of which the backward pass keeps the inputs alone and runs it again."""
        within = self._checkpoint = Checkpoint(self, part, inputs, len(self.storages))
        outputs = part(inputs)
        self._checkpoint = None
        within.leave()
        if within.packed:
            for tensor in inputs:
                self.saved.setdefault(tensor.storage.number, []).append(self._origin)
        return outputs

    def _unpack(self, node: GradNode) -> list[Storage]:
        """What a node saved in a checkpoint, which may have to run again for it; the caller has to free that."""
        if not isinstance(node, PackedNode) or node.checkpoint is None:
            return []
        checkpoint = node.checkpoint
        if checkpoint.recomputed is None:
            self._checkpoint = checkpoint
            checkpoint.run_again(len(self.storages))
            self._checkpoint = None
            self.layer = node.layer
        return checkpoint.give(node.position)

    def backward(self, root: Tensor) -> None:
        """The backward pass: the newest node first of those whose gradients have all arrived.

        It starts from a new gradient of ``root``, which the caller holds to the end. Gradients of parameters end in
        their leaves.
        """
        if root.edge is None:
            return
        first = root.edge.node
        _count_arrivals(first)
        lies = computed(root.shape, (root.shape, root.strides))
        start = self.new(root.shape, root.scales, root.itemsize, lies)
        first.grads[root.edge.output] = self.retain(start)
        ready: list[tuple[float, int, GradNode]] = [(-first.order, 0, first)]
        pushed = 0
        while ready:
            node = heappop(ready)[2]
            if isinstance(node, Leaf):
                self._accumulate(node)
                continue
            edges = node.edges
            results = self._run(node)
            for edge, index in zip(edges, range(len(results)), strict=True):
                if edge is None:
                    continue
                self._arrive(edge, results, index)
                target = edge.node
                target.waiting -= 1
                if not target.waiting:
                    pushed += 1
                    heappush(ready, (-target.order, pushed, target))
            self.release_all(results)
        self.release(start)

    def _run(self, node: GradNode) -> list[Tensor | None]:
        """The gradients of a node's inputs, each summed over what its input was broadcast along, in its data type."""
        grads, node.grads = node.grads, []
        self.layer = node.layer
        needs = [edge is not None for edge in node.edges]
        results: list[Tensor | None] = [None] * len(needs)
        recomputed = self._unpack(node)
        if any(grad is not None for grad in grads):
            results = self.run(lambda: list(node.backward(*grads, needs)))
        self.free(recomputed)
        for index, (shape, scales, itemsize) in enumerate(node.sizes):
            result = results[index]
            if result is not None and result.shape != shape:
                results[index] = self.new(shape, scales, result.itemsize)
                self.release(result)
            result = results[index]
            if result is not None and result.itemsize != itemsize:
                results[index] = self.new(shape, scales, itemsize)
                self.release(result)
        self.finish(node)
        self.release_all(grads)
        node.backward = done
        return results

    def _arrive(self, edge: Edge, results: list[Tensor | None], index: int) -> None:
        """Delivers a gradient; a second one is added to the first, and lives until the node's others are delivered."""
        grads, grad = edge.node.grads, results[index]
        if grad is None:
            return
        first = grads[edge.output]
        if first is None:
            grads[edge.output], results[index] = grad, None
        elif not (self.adds_in_place and _is_sole(first)):
            operands = [(tensor.shape, tensor.strides) for tensor in (first, grad)]
            grads[edge.output] = self.new(grad.shape, grad.scales, grad.itemsize, computed(grad.shape, *operands))
            self.release(first)

    def _accumulate(self, leaf: Leaf) -> None:
        """The gradient of a parameter: kept as it has arrived where nothing else refers to it and it lies as the
        parameter does, in row order, or else copied. A later one is added to it in place.
        """
        grad, leaf.grads = leaf.grads[0], [None]
        if grad is None:
            return
        if leaf.grad is None and grad.references == 1 and is_contiguous(grad.shape, grad.strides):
            leaf.grad = grad
            return
        if leaf.grad is None:
            leaf.grad = self.new(grad.shape, grad.scales, grad.itemsize)
        self.release(grad)


def _is_sole(tensor: Tensor) -> bool:
    """Whether nothing but one place refers to a gradient or its storage, and it has no gaps."""
    return tensor.references == tensor.storage.references == 1 and is_dense(tensor.shape, tensor.strides)


def _count_arrivals(first: GradNode) -> None:
    """For every node, how many gradients will come."""
    stack = [first]
    seen = {first}
    while stack:
        for edge in stack.pop().edges:
            if edge is not None:
                edge.node.waiting += 1
                if edge.node not in seen:
                    seen.add(edge.node)
                    stack.append(edge.node)
