"""Graph: typed nodes in call order, plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Protocol, TypeVar

from cnncalc.errors import Location, ShapeError
from cnncalc.ops.base import Field, Lowering, Op
from cnncalc.values import LAYOUTS, NO_WORK, Shape, ValueShape, Work, format_shape

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor

Result = TypeVar("Result")


class Place(Protocol):
    """Anything that knows where it was written."""

    @property
    def location(self) -> Location: ...


class Input(Op):
    """An input of the network; not a keyword of the language.

    ``stated`` is its shape in the spec, in whose place another may have been handed in.
    """

    name = "input"
    fields: ClassVar[Mapping[str, Field]] = {}
    layouts = tuple(LAYOUTS)

    stated: ValueShape

    def __init__(self, stated: ValueShape) -> None:
        super().__init__()
        self.__dict__["stated"] = stated

    def shape(self) -> ValueShape:
        raise ShapeError("the input has the shape that the spec gives")

    def work(self, y: ValueShape) -> Work:
        return NO_WORK

    def lowering(self) -> Lowering:
        return Lowering("torch.nn.Identity")

    def run(self, tape: Tape, *xs: Tensor) -> Tensor:
        raise ShapeError("the input is given")

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return []


class Node:
    """One operator in the network: its path, inputs (indices of earlier nodes) and output shape.

    ``count`` is how many values of that shape it makes, ``shared`` the index of the node whose weights it uses,
    ``side`` the name of the side output it belongs to, ``inplace`` what the spec says of it (None: nothing).
    Nodes of one ``signature`` (an index into the Graph's) have equal operators on equal shapes.
    """

    __slots__ = ("count", "index", "inplace", "inputs", "op", "path", "place", "shape", "shared", "side", "signature")

    def __init__(
        self, index: int, path: str, op: Op, inputs: tuple[int, ...], shape: ValueShape, count: int, place: Place,
        shared: int | None, side: str | None, inplace: bool | None, signature: int,
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
        self.signature = signature

    def __repr__(self) -> str:
        return f"Node({self.index}, {self.path!r}, {self.op!r}, {format_shape(self.shape)})"


#: whose way of writing a network counting tools can be shown: torchvision's are PyTorch's modules, joins ``+`` and
#: ``*``; timm's has attention on linear layers, and the mean over the axes in squeeze-and-excite
LIBRARIES: Final = ("torchvision", "timm")


class Program(NamedTuple):
    """The code that counting tools are shown: the network as a library writes it.

    ``source`` is the file of the library that has the network; None where the library's way in general is meant.
    ``written`` has what this file writes otherwise: by keyword and one of the operator's ``writings`` ("relu as
    function"), the paths of the operators that are written so; ``*`` stands for any part of a path.
    """

    library: str
    source: str | None = None
    written: Mapping[str, str] = MappingProxyType({})

    def __str__(self) -> str:
        """``timm's program``, or where no file is known ``a program written as timm's``."""
        return f"{self.library}'s program" if self.source else f"a program written as {self.library}'s"

    def of(self, nodes: Sequence[Node]) -> dict[str, list[int]]:
        """The nodes that are written in each way, by index."""
        from fnmatch import fnmatchcase

        found = {}
        for writing, path in self.written.items():
            keyword = writing.split()[0]
            found[writing] = [node.index for node in nodes if node.op.name == keyword and fnmatchcase(node.path, path)]
        return found


class Side(NamedTuple):
    """An output off the main path: its name, the node it leaves from and the node it ends in."""

    name: str
    source: int
    output: int


class Signature(NamedTuple):
    """An operator on input shapes, with the output and the weights that follow: what every rule depends on."""

    op: Op
    inputs: tuple[ValueShape, ...]
    output: ValueShape
    weights: Mapping[str, Shape]


class Graph:
    """Nodes in call order, those that are the network's inputs and outputs, the value that each path of the spec
    stands for, the names of the blocks by their paths, the network's name, and the programs that it is written as.

    ``program`` is the one that counting tools are shown, the first of ``programs``.
    """

    __slots__ = ("blocks", "inputs", "name", "nodes", "outputs", "paths", "program", "programs", "sides", "signatures")

    def __init__(
        self,
        nodes: Sequence[Node],
        signatures: Sequence[Signature],
        outputs: Sequence[int],
        sides: Sequence[Side],
        paths: Mapping[str, int],
        blocks: Mapping[str, str],
        name: str = "",
        programs: Sequence[Program] = (),
    ) -> None:
        self.nodes = tuple(nodes)
        self.signatures = tuple(signatures)
        self.inputs = tuple([node.index for node in self.nodes if type(node.op) is Input])
        self.outputs = tuple(outputs)
        self.sides = tuple(sides)
        self.paths = paths
        self.blocks = blocks
        self.name = name
        self.programs = tuple(programs)
        self.program = programs[0] if programs else Program(LIBRARIES[0])

    def written_as(self, library: str) -> Graph:
        """The same network, of which counting tools are shown the program of a library (:data:`LIBRARIES`)."""
        found = next((one for one in self.programs if one.library == library), Program(library))
        rest = [one for one in self.programs if one.library != library]
        return Graph(
            self.nodes, self.signatures, self.outputs, self.sides, self.paths, self.blocks, self.name, (found, *rest)
        )  # fmt: skip

    @property
    def input_sizes(self) -> list[int] | dict[str, list[int]]:
        """The sizes of the only input, or those of several by their names."""
        found = {self.nodes[index].path: list(self.nodes[index].shape) for index in self.inputs}
        return found if len(found) > 1 else next(iter(found.values()))

    def operators(self, with_side: bool = True) -> list[Node]:
        """Every node but the inputs, in call order; without ``with_side`` those of side outputs are left out."""
        return [node for node in self.nodes if type(node.op) is not Input and (with_side or node.side is None)]

    def counted(self, with_side: bool) -> list[Node]:
        """The nodes that are run and counted: those of side outputs only where they are wanted too."""
        return [node for node in self.nodes if with_side or node.side is None]

    def ends(self, with_side: bool) -> list[int]:
        """The nodes that the outputs come from, by index, and where they are wanted too those of the side outputs."""
        return [*self.outputs, *(side.output for side in self.sides if with_side)]

    def per_node(self, rule: Callable[[Signature], Result]) -> list[Result]:
        """What ``rule`` says of every node; it is asked once for each signature."""
        answers = [rule(signature) for signature in self.signatures]
        return [answers[node.signature] for node in self.nodes]
