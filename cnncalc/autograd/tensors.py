"""What lives on a tape: storages, the tensors that lie in them, and the nodes of the backward pass.

Their ``references`` are counted by :mod:`cnncalc.autograd.lifetimes`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

from cnncalc.autograd.strides import Strides
from cnncalc.values import Shape

#: takes the gradients of the outputs, one after the other, and then a list: which inputs need one; gives for each
#: input a gradient, or None
Backward = Callable[..., "Sequence[Tensor | None]"]


class Size(NamedTuple):
    """Bytes: ``fixed``, and so many more for each sample of the batch."""

    fixed: int
    per_sample: int

    def at(self, batch: int) -> int:
        """Bytes at a batch."""
        return self.fixed + self.per_sample * batch


class Storage:
    """Memory of its own, by its number among those of a run."""

    __slots__ = ("number", "references")

    def __init__(self, number: int) -> None:
        self.number = number
        self.references = 0


class Tensor:
    """Its shape with the batch, how it lies in its storage, and the node that made it.

    ``scales`` says that its size goes with the batch; ``edge`` is None where no gradient is needed. A view with a
    history knows the tensor that it is a view of, which is none itself, and how to make it again.
    """

    __slots__ = ("base", "edge", "itemsize", "references", "replay", "scales", "shape", "storage", "strides")

    def __init__(self, shape: Shape, strides: Strides, storage: Storage, itemsize: int, scales: bool) -> None:
        self.shape = shape
        self.strides = strides
        self.storage = storage
        self.itemsize = itemsize
        self.scales = scales
        self.references = 1
        self.edge: Edge | None = None
        self.base: Tensor | None = None
        self.replay: Callable[[Tensor], Tensor] | None = None

    @property
    def grad(self) -> Tensor | None:
        """The gradient of a parameter, where there is one."""
        leaf = self.edge.node if self.edge else None
        return leaf.grad if isinstance(leaf, Leaf) else None


class GradNode:
    """A step of the backward pass: what it keeps, and where its results go.

    ``order`` counts nodes as they are made; ``sizes`` are shape, scales and itemsize of each input; ``grads`` those of
    the outputs that have arrived; ``waiting`` how many are still to come.
    """

    __slots__ = ("backward", "edges", "grads", "layer", "order", "references", "saved", "sizes", "waiting")

    def __init__(
        self, order: float, layer: int, backward: Backward, inputs: Sequence[Tensor], saved: Sequence[Storage]
    ) -> None:
        self.order = order
        self.layer = layer
        self.backward = backward
        self.edges: Sequence[Edge | None] = [tensor.edge for tensor in inputs]
        self.sizes: Sequence[tuple[Shape, bool, int]] = [(x.shape, x.scales, x.itemsize) for x in inputs]
        self.saved: Sequence[Storage] = saved
        self.grads: list[Tensor | None] = [None]
        self.waiting = 0
        self.references = 0
        for edge in self.edges:
            if edge is not None:
                edge.node.references += 1
        for storage in saved:
            storage.references += 1

    def leave(self) -> None:
        """The node is done, and no longer part of a checkpoint."""


class Edge(NamedTuple):
    """Where a gradient goes: a node, and which of its outputs it is the gradient of."""

    node: GradNode
    output: int


class Leaf(GradNode):
    """Where the gradient of a parameter ends."""

    __slots__ = ("grad",)

    def __init__(self) -> None:
        self.order = inf
        self.layer = 0
        self.backward = done
        self.edges = self.sizes = self.saved = ()
        self.grads = [None]
        self.waiting = self.references = 0
        self.grad: Tensor | None = None


def done(*_: Any) -> Sequence[Tensor | None]:
    """The backward pass of a node that has run."""
    raise RuntimeError("a node of the backward pass runs once")
