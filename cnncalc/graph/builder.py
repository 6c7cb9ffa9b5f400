"""GraphBuilder: types a node (its operator's shape rule runs) the moment it is added, so a Graph always has its shapes.

This is the only caller of shape rules, and the one place that adds a path and a :class:`~cnncalc.errors.Location` to
their errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from cnncalc.errors import LimitError, ShapeError, SpecError
from cnncalc.graph.graph import Graph, Input, Node, Place, Program, Side, Signature
from cnncalc.ops.base import Op
from cnncalc.values import Shape, ValueShape, format_shape

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
    if prod(tensor) > ELEMENT_LIMIT:
        raise ShapeError(f"more than 2^63 - 1 elements: {format_shape(tensor)}")


class Rules:
    """Operators, and what their rules say, for graphs that are built of the same ones: each is made once."""

    def __init__(self) -> None:
        self._ops: dict[tuple[type[Op], str], Op] = {}
        #: signatures by operator and shapes, and (those ``known``) by operator and the signatures that make these
        self._signatures: dict[tuple[object, ...], Signature] = {}
        self.known: dict[tuple[int, ...], Signature] = {}

    def __len__(self) -> int:
        return len(self._signatures)

    def __reduce__(self) -> tuple[type[Rules], tuple[()]]:
        return Rules, ()  # objects are known by their identity, which another process does not share

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

    def input(self, shape: ValueShape, stated: ValueShape) -> Signature:
        """The signature of an input.

        Raises:
            ShapeError: more than 2**63 - 1 values.
        """
        key = (Input, shape, shape.identity, stated)
        if key not in self._signatures:
            _check_elements(shape)
            self._signatures[key] = Signature(Input(stated), (), shape, {})
        return self._signatures[key]

    def after(self, op: Op, before: Sequence[Signature]) -> Signature:
        """The signature of an operator on what these make; the same object for the same operator and shapes.

        Raises:
            ShapeError: the operator refuses the shapes, or a tensor has more than 2**63 - 1 values.
        """
        after = (id(op), *map(id, before))
        known = self.known.get(after)
        if known is None:
            shapes = tuple([signature.output for signature in before])
            key = (id(op), shapes, *[shape.identity for shape in shapes])
            known = self._signatures.get(key)
            if known is None:
                known = self._signatures[key] = _typed(op, shapes)
            self.known[after] = known
        return known


def _typed(op: Op, shapes: tuple[ValueShape, ...]) -> Signature:
    least, most = op.arity
    if len(shapes) < least or (most is not None and len(shapes) > most):
        wanted = f"{'' if least == most else 'at least '}{least} input{'' if least == 1 else 's'}"
        raise ShapeError(f"takes {wanted}, but got {len(shapes)}")
    for given in shapes:
        if given.layout not in op.layouts:
            raise ShapeError(f"takes {_layouts(op)}, but the input is {given.describe()}", hint=_way(op, given))
    shape = op.shape(*shapes)
    if not isinstance(shape, ValueShape):
        raise TypeError(f"{op.name} does not say the layout of its output")
    weights = op.weights(*shapes)
    _check_elements(shape)
    for tensor in weights.values():
        _check_elements(tensor)
    return Signature(op, shapes, shape, weights)


class GraphBuilder:
    """Builds a Graph node by node; equal operators are one object, a rule runs once for each signature.

    ``positions`` has the index of every node by its path; ``paths`` the value of every path that stands for more than
    a node (blocks, stages, branches, operators with ``norm`` or ``act``). ``rules`` may know operators from graphs that
    were built before.
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.nodes: list[Node] = []
        self.paths: dict[str, int] = {}
        self.sides: list[Side] = []
        self.side: str | None = None
        self.positions: dict[str, int] = {}
        self.blocks: dict[str, str] = {}
        self.rules = Rules() if rules is None else rules
        self._signatures: list[Signature] = []
        #: their positions, by the object
        self._listed: dict[int, int] = {}

    def input(self, path: str, shape: ValueShape, place: Place, stated: ValueShape | None = None) -> int:
        """Adds an input, in place of the one that is ``stated``; its index. Inputs come before operators.

        Raises:
            SpecError: more than 2**63 - 1 values.
        """
        try:
            signature = self.rules.input(shape, stated or shape)
        except ShapeError as error:
            raise SpecError(f"{path}: {error.message}", place.location) from None
        return self._append(path, (), 1, place, None, None, signature)

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
        signatures = self._signatures
        signature, count = None, 0
        if len(inputs) == 1:  # the short path
            before = nodes[inputs[0]]
            signature = self.rules.known.get((id(op), id(signatures[before.signature])))
            count = before.count * op.count()
        try:
            if signature is None:
                signature = self.rules.after(op, [signatures[nodes[index].signature] for index in inputs])
            if count != 1:
                count = self._count(op, inputs, signature.output)
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
        count = counts[0] if counts else 1
        if counts.count(count) < len(counts):
            raise ShapeError(
                f"inputs must have the same number of values, but have {_list(counts)}: roi_align makes one per region"
            )
        count *= op.count()
        if count > 1:
            _check_elements((count, *output))
        return count

    def _check_shared(self, ours: Signature, other: Node, path: str, place: Place) -> None:
        theirs = self._signatures[other.signature]
        if type(ours.op) is not type(theirs.op):
            law = f"weights are shared by layers of one operator, but '{other.path}' is {theirs.op.name}"
            raise SpecError(f"{ours.op.name} '{path}': {law}", place.location)
        if ours.weights != theirs.weights:
            law = f"its weights ({_named(ours)}) differ from those of '{other.path}' ({_named(theirs)})"
            raise SpecError(f"{ours.op.name} '{path}': {law}", place.location)

    def _append(
        self, path: str, inputs: tuple[int, ...], count: int, place: Place,
        shared: int | None, inplace: bool | None, signature: Signature,
    ) -> int:  # fmt: skip
        position = self._listed.get(id(signature))
        if position is None:
            position = self._listed[id(signature)] = len(self._signatures)
            self._signatures.append(signature)
        index = len(self.nodes)
        op, _, shape, _ = signature
        self.nodes.append(Node(index, path, op, inputs, shape, count, place, shared, self.side, inplace, position))
        self.positions[path] = index
        return index

    def copy(self, span: range, old: str, new: str, inputs: Mapping[int, int]) -> None:
        """Adds the nodes of ``span`` again, under the path ``new`` instead of ``old``.

        Args:
            span: indices of nodes that read each other and ``inputs``, and share no weights with others.
            old: what their paths begin with.
            new: what the copies' paths begin with.
            inputs: for each value before the span that they read, the value of the same shape that the copies read.
        """
        start, cut = span.start, len(old)
        shift = len(self.nodes) - start
        for node in self.nodes[start : span.stop]:
            moved = tuple([index + shift if index >= start else inputs[index] for index in node.inputs])
            shared = None if node.shared is None else node.shared + shift
            copy = Node(
                node.index + shift, new + node.path[cut:], node.op, moved, node.shape, node.count, node.place, shared,
                self.side, node.inplace, node.signature,
            )  # fmt: skip
            self.nodes.append(copy)
            self.positions[copy.path] = copy.index

    def finish(self, outputs: Iterable[int], name: str = "", programs: Sequence[Program] = ()) -> Graph:
        """The Graph of everything added so far."""
        paths = {**self.positions, **self.paths}
        return Graph(self.nodes, self._signatures, tuple(outputs), self.sides, paths, self.blocks, name, programs)
