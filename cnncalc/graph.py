"""The network as data: typed nodes in call order.

A node is typed (its operator's shape rule runs) the moment it is added, so a Graph always has its shapes. This is the
only caller of shape rules, and the one place that adds a path and a :class:`~cnncalc.errors.Location` to their errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar

from cnncalc.errors import LimitError, Location, ShapeError, SpecError
from cnncalc.ops.base import Field, Lowering, Op
from cnncalc.values import NO_WORK, Shape, Work, elements, format_shape

if TYPE_CHECKING:
    from cnncalc.tape.tape import Tape
    from cnncalc.tape.values import Value

LAYER_LIMIT = 100_000
ELEMENT_LIMIT = 2**63 - 1


Result = TypeVar("Result")


class Place(Protocol):
    """Anything that knows where it was written."""

    @property
    def location(self) -> Location: ...


class Input(Op):
    """The network's input; not a keyword of the language."""

    name = "input"
    fields: ClassVar[Mapping[str, Field]] = {}

    def shape(self) -> Shape:
        raise ShapeError("the input has the shape that the spec gives")

    def work(self, y: Shape) -> Work:
        return NO_WORK

    def lowering(self) -> Lowering:
        return Lowering("torch.nn.Identity")

    def run(self, tape: Tape, *xs: Value) -> Value:
        raise ShapeError("the input is given")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return []


class Node:
    """One operator in the network: its path, inputs (indices of earlier nodes) and output shape.

    ``count`` is how many values of that shape it makes, ``shared`` the index of the node whose weights it uses,
    ``side`` the name of the side output it belongs to, ``inplace`` what the spec says of it (None: nothing).
    Nodes of one ``kind`` have equal operators on equal shapes.
    """

    __slots__ = ("count", "index", "inplace", "inputs", "kind", "op", "path", "place", "shape", "shared", "side")

    def __init__(
        self, index: int, path: str, op: Op, inputs: tuple[int, ...], shape: Shape, count: int, place: Place,
        shared: int | None, side: str | None, inplace: bool | None, kind: int,
    ) -> None:  # fmt: skip
        self.index = index
        self.path = path
        self.op = op
        self.inputs = inputs
        self.shape = shape
        self.count = count
        self.place = place
        self.shared = shared
        self.side = side
        self.inplace = inplace
        self.kind = kind

    def __repr__(self) -> str:
        return f"Node({self.index}, {self.path!r}, {self.op!r}, {format_shape(self.shape)})"


class Side(NamedTuple):
    """An output off the main path: its name, the node it leaves from and the node it ends in."""

    name: str
    source: int
    output: int


class Kind(NamedTuple):
    """An operator on input shapes, with the output and the weights that follow: what every rule depends on."""

    op: Op
    inputs: tuple[Shape, ...]
    output: Shape
    weights: Mapping[str, Shape]


class Graph:
    """Nodes in call order (the first is the input), the outputs, the value that each path of the spec stands for,
    the names of the blocks by their paths, and the network's name.
    """

    __slots__ = ("blocks", "kinds", "name", "nodes", "outputs", "paths", "sides")

    def __init__(
        self,
        nodes: Sequence[Node],
        kinds: Sequence[Kind],
        outputs: Sequence[int],
        sides: Sequence[Side],
        paths: Mapping[str, int],
        blocks: Mapping[str, str],
        name: str = "",
    ) -> None:
        self.nodes = tuple(nodes)
        self.kinds = tuple(kinds)
        self.outputs = tuple(outputs)
        self.sides = tuple(sides)
        self.paths = paths
        self.blocks = blocks
        self.name = name

    def counted(self, with_side: bool) -> list[Node]:
        """The nodes that are run and counted: those of side outputs only where they are wanted too."""
        return [node for node in self.nodes if with_side or node.side is None]

    def ends(self, with_side: bool) -> list[int]:
        """The nodes that the outputs come from, by index, and where they are wanted too those of the side outputs."""
        return [*self.outputs, *(side.output for side in self.sides if with_side)]

    def per_node(self, rule: Callable[[Kind], Result]) -> list[Result]:
        """What ``rule`` says of every node; it is asked once for each kind."""
        answers = [rule(kind) for kind in self.kinds]
        return [answers[node.kind] for node in self.nodes]


def _named(kind: Kind) -> str:
    return ", ".join(f"{name} {format_shape(tensor)}" for name, tensor in kind.weights.items()) or "none"


def _list(numbers: list[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _check_elements(tensor: Shape) -> None:
    if elements(tensor) > ELEMENT_LIMIT:
        raise ShapeError(f"more than 2^63 - 1 elements: {format_shape(tensor)}")


class GraphBuilder:
    """Builds a Graph node by node; equal operators are one object, a rule runs once for each kind.

    Raises SpecError for an input of more than 2**63 - 1 values.

    ``positions`` has the index of every node by its path; ``paths`` the value of every path that stands for more than
    a node (blocks, stages, branches, operators with ``norm`` or ``act``).
    """

    def __init__(self, shape: Shape, place: Place) -> None:
        try:
            _check_elements(shape)
        except ShapeError as error:
            raise SpecError(f"input: {error.message}", place.location) from None
        self.nodes: list[Node] = []
        self.paths: dict[str, int] = {}
        self.sides: list[Side] = []
        self.side: str | None = None
        self.positions: dict[str, int] = {}
        self.blocks: dict[str, str] = {}
        self._ops: dict[tuple[type[Op], str], Op] = {}
        self._kinds: dict[tuple[object, ...], int] = {}
        self._kind_list: list[Kind] = [Kind(Input(), (), shape, {})]
        self._append("input", (), 1, place, None, None, 0)

    def op(self, cls: type[Op], arguments: dict[str, Any]) -> Op:
        """The operator with these arguments; the same object for the same arguments.

        Raises:
            ArgumentError: a value outside its field's kind or range.
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
        key = (id(op), shapes)
        kind = self._kinds.get(key)
        try:
            if kind is None:
                typed = self._typed(op, shapes)
                kind = self._kinds[key] = len(self._kind_list)
                self._kind_list.append(typed)
            count = self._count(op, inputs, self._kind_list[kind].output)
        except ShapeError as error:
            raise SpecError(f"{op.name} '{path}': {error.message}", place.location, error.hint) from None
        if len(nodes) > LAYER_LIMIT:
            raise LimitError(f"more than {LAYER_LIMIT:,} layers", place.location)
        if shared is not None:
            self._check_shared(kind, nodes[shared], path, place)
        return self._append(path, inputs, count, place, shared, inplace, kind)

    def _count(self, op: Op, inputs: tuple[int, ...], output: Shape) -> int:
        """How many values of its shape a node makes."""
        counts = [self.nodes[index].count for index in inputs]
        count = counts[0]
        if counts.count(count) < len(counts):
            raise ShapeError(f"inputs must come in the same number, but there are {_list(counts)} of them")
        count *= op.count()
        if count > 1:
            _check_elements((count, *output))
        return count

    def _typed(self, op: Op, shapes: tuple[Shape, ...]) -> Kind:
        least, most = op.arity
        if len(shapes) < least or (most is not None and len(shapes) > most):
            wanted = f"{least} input" if most == 1 else f"at least {least} inputs"
            raise ShapeError(f"takes {wanted}, but got {len(shapes)}")
        shape = op.shape(*shapes)
        weights = op.weights(*shapes)
        for tensor in (shape, *weights.values()):
            _check_elements(tensor)
        return Kind(op, shapes, shape, weights)

    def _check_shared(self, kind: int, other: Node, path: str, place: Place) -> None:
        ours, theirs = self._kind_list[kind], self._kind_list[other.kind]
        if type(ours.op) is not type(theirs.op) or ours.weights != theirs.weights:
            law = f"its weights ({_named(ours)}) are not those of '{other.path}' ({_named(theirs)})"
            raise SpecError(f"{ours.op.name} '{path}': {law}", place.location)

    def _append(
        self, path: str, inputs: tuple[int, ...], count: int, place: Place,
        shared: int | None, inplace: bool | None, kind: int,
    ) -> int:  # fmt: skip
        index = len(self.nodes)
        op, _, shape, _ = self._kind_list[kind]
        self.nodes.append(Node(index, path, op, inputs, shape, count, place, shared, self.side, inplace, kind))
        self.positions[path] = index
        return index

    def finish(self, outputs: Iterable[int], name: str = "") -> Graph:
        """The Graph of everything added so far."""
        paths = {**self.positions, **self.paths}
        return Graph(self.nodes, self._kind_list, tuple(outputs), self.sides, paths, self.blocks, name)
