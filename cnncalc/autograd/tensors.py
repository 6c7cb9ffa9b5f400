"""What lives on a tape: storages, the values that lie in them, and the nodes of the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.autograd.strides import Strides
from cnncalc.values import Shape

if TYPE_CHECKING:
    from cnncalc.autograd.recomputation import Packed

#: takes the gradients of the outputs, one after the other, and then a list: which inputs need one; gives for each
#: input a gradient, or None
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

    @property
    def grad(self) -> Value | None:
        """The gradient of a parameter, where there is one."""
        leaf = self.edge.node if self.edge else None
        return leaf.grad if isinstance(leaf, Leaf) else None

    def view(self, shape: Shape, strides: Strides) -> Value:
        """Another look at the same storage, without a history."""
        return Value(shape, strides, self.storage, self.itemsize, self.scales)


class Node:
    """A step of the backward pass: what it keeps, and where its results go.

    ``order`` counts nodes as they are made; ``sizes`` are shape, scales and itemsize of each input; ``grads`` those of
    the outputs that have arrived; ``waiting`` how many are still to come. ``packed`` is where a checkpoint has what the
    node would have saved.
    """

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
        super().__init__(inf, 0, done, (), ())
        self.grad: Value | None = None


def done(*_: Any) -> Sequence[Value | None]:
    """The backward pass of a node that has run."""
    raise RuntimeError("a node of the backward pass runs once")
