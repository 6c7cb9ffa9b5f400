"""GraphBuilder: types a node (its operator's shape rule runs) the moment it is added, so a Graph always has its shapes.

This is the only caller of shape rules, and the one place that adds a path and a :class:`~cnncalc.errors.Location` to
their errors.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnncalc.errors import LimitError, ShapeError, SpecError
from cnncalc.graph.graph import Graph, Input, Node, Place, Program, Side, Signature
from cnncalc.ops.base import Op
from cnncalc.values import Shape, ValueShape, elements, format_shape

LAYER_LIMIT = 100_000
ELEMENT_LIMIT = 2**63 - 1


def _named(signature: Signature) -> str:
    return ", ".join(f"{name} {format_shape(tensor)}" for name, tensor in signature.weights.items()) or "none"


def _list(numbers: list[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


#: by (what is there, what is wanted): what makes the one of the other
_WAYS = {
    ("map", "sequence"): "tokens makes a sequence of a map",
    ("map", "vector"): "put flatten, or global_avgpool and flatten, before it",
    ("sequence", "map"): "feature_map makes a map of a sequence",
    ("sequence", "vector"): "select takes one token, global_avgpool the mean of all, flatten every value",
}


def _layouts(op: Op) -> str:
    """``maps``, ``vectors, sequences or tensors``."""
    *others, last = [f"{layout}{'s' * (layout != 'ids')}" for layout in op.layouts]
    return f"{', '.join(others)} or {last}" if others else last


def _way(op: Op, given: ValueShape) -> str | None:
    return next((_WAYS[given.layout, wanted] for wanted in op.layouts if (given.layout, wanted) in _WAYS), None)


def _check_elements(tensor: Shape) -> None:
    if elements(tensor) > ELEMENT_LIMIT:
        raise ShapeError(f"more than 2^63 - 1 elements: {format_shape(tensor)}")


class GraphBuilder:
    """Builds a Graph node by node; equal operators are one object, a rule runs once for each signature.

    ``positions`` has the index of every node by its path; ``paths`` the value of every path that stands for more than
    a node (blocks, stages, branches, operators with ``norm`` or ``act``).
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.paths: dict[str, int] = {}
        self.sides: list[Side] = []
        self.side: str | None = None
        self.positions: dict[str, int] = {}
        self.blocks: dict[str, str] = {}
        self._ops: dict[tuple[type[Op], str], Op] = {}
        self._known: dict[tuple[object, ...], int] = {}
        self._signatures: list[Signature] = []

    def input(self, path: str, shape: ValueShape, place: Place) -> int:
        """Adds an input of the network; its index. Inputs come before operators.

        Raises:
            SpecError: more than 2**63 - 1 values.
        """
        try:
            _check_elements(shape)
        except ShapeError as error:
            raise SpecError(f"{path}: {error.message}", place.location) from None
        self._signatures.append(Signature(Input(), (), shape, {}))
        return self._append(path, (), 1, place, None, None, len(self._signatures) - 1)

    def op(self, cls: type[Op], arguments: dict[str, Any]) -> Op:
        """The operator with these arguments; the same object for the same arguments.

        Raises:
            ArgumentError: a value outside its field's type or range.
        """
        key = (cls, repr(arguments))  # 1 and true are equal, but not the same argument
        known = self._ops.get(key)
        if known is None:
            known = self._ops[key] = cls(**arguments)
        return known

    def add(
        self, op: Op, inputs: tuple[int, ...], path: str, place: Place,
        shared: int | None = None, inplace: bool | None = None,
    ) -> int:  # fmt: skip
        """Types a node and appends it; its index.

        Raises:
            SpecError: the shape rule refuses, a tensor has more than 2**63 - 1 values, the weights to share differ, or
                the inputs come in different numbers.
            LimitError: past 100,000 layers.
        """
        nodes = self.nodes
        shapes = tuple([nodes[index].shape for index in inputs])
        key = (id(op), shapes, *[shape.identity for shape in shapes])
        signature = self._known.get(key)
        try:
            if signature is None:
                typed = self._typed(op, shapes)
                signature = self._known[key] = len(self._signatures)
                self._signatures.append(typed)
            count = self._count(op, inputs, self._signatures[signature].output)
        except ShapeError as error:
            raise SpecError(f"{op.name} '{path}': {error.message}", place.location, error.hint) from None
        if len(nodes) > LAYER_LIMIT:
            raise LimitError(f"more than {LAYER_LIMIT:,} layers", place.location)
        if shared is not None:
            self._check_shared(signature, nodes[shared], path, place)
        return self._append(path, inputs, count, place, shared, inplace, signature)

    def _count(self, op: Op, inputs: tuple[int, ...], output: ValueShape) -> int:
        """How many values of its shape a node makes."""
        counts = [self.nodes[index].count for index in inputs]
        count = counts[0]
        if counts.count(count) < len(counts):
            raise ShapeError(f"inputs must come in the same number, but there are {_list(counts)} of them")
        count *= op.count()
        if count > 1:
            _check_elements((count, *output))
        return count

    def _typed(self, op: Op, shapes: tuple[ValueShape, ...]) -> Signature:
        least, most = op.arity
        if len(shapes) < least or (most is not None and len(shapes) > most):
            wanted = f"{least} input" if most == 1 else f"at least {least} inputs"
            raise ShapeError(f"takes {wanted}, but got {len(shapes)}")
        for given in shapes:
            if given.layout not in op.layouts:
                raise ShapeError(f"takes {_layouts(op)}, but the input is {given.describe()}", hint=_way(op, given))
        shape = op.shape(*shapes)
        if not isinstance(shape, ValueShape):
            raise TypeError(f"{op.name} does not say the layout of its output")
        weights = op.weights(*shapes)
        for tensor in (shape, *weights.values()):
            _check_elements(tensor)
        return Signature(op, shapes, shape, weights)

    def _check_shared(self, signature: int, other: Node, path: str, place: Place) -> None:
        ours, theirs = self._signatures[signature], self._signatures[other.signature]
        if type(ours.op) is not type(theirs.op) or ours.weights != theirs.weights:
            law = f"its weights ({_named(ours)}) are not those of '{other.path}' ({_named(theirs)})"
            raise SpecError(f"{ours.op.name} '{path}': {law}", place.location)

    def _append(
        self, path: str, inputs: tuple[int, ...], count: int, place: Place,
        shared: int | None, inplace: bool | None, signature: int,
    ) -> int:  # fmt: skip
        index = len(self.nodes)
        op, _, shape, _ = self._signatures[signature]
        self.nodes.append(Node(index, path, op, inputs, shape, count, place, shared, self.side, inplace, signature))
        self.positions[path] = index
        return index

    def finish(self, outputs: Iterable[int], name: str = "", program: Program | None = None) -> Graph:
        """The Graph of everything added so far."""
        paths = {**self.positions, **self.paths}
        return Graph(self.nodes, self._signatures, tuple(outputs), self.sides, paths, self.blocks, name, program)
