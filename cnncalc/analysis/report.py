"""Report and Row: the figures of a graph under stated assumptions. Data without presentation: ``render`` shows it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from cnncalc import __version__, rendered
from cnncalc.analysis import Columns
from cnncalc.analysis.unread import UnreadLayers, UnreadPixels, diagnostics, unread_layers, unread_pixels
from cnncalc.columns import COLUMNS
from cnncalc.counting import backward, price
from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.errors import UsageError, check_flag, check_whole, check_word
from cnncalc.graph.graph import LIBRARIES, Graph, Node
from cnncalc.ops.base import show
from cnncalc.values import DTYPES, Assumptions, Shape, format_shape, whole

if TYPE_CHECKING:
    from fractions import Fraction

#: what a row says of its layer besides the figures, and how a graph tells it of every node
DESCRIBED: Mapping[str, Callable[[Graph], Sequence[Any]]] = MappingProxyType(
    {
        "path": lambda graph: [node.path for node in graph.nodes],
        "op": lambda graph: [node.op.name for node in graph.nodes],
        "inputs": lambda graph: [[graph.nodes[index].path for index in node.inputs] for node in graph.nodes],
        "in": lambda graph: graph.per_node(lambda signature: signature.inputs),
        "out": lambda graph: [node.shape for node in graph.nodes],
        "layout": lambda graph: [node.shape.layout for node in graph.nodes],
        "count": lambda graph: [node.count for node in graph.nodes],
        "shared_with": lambda graph: [
            None if node.shared is None else graph.nodes[node.shared].path for node in graph.nodes
        ],
        "file": lambda graph: [node.place.location.file for node in graph.nodes],
        "line": lambda graph: [node.place.location.line for node in graph.nodes],
    }
)
#: keys of a row that name and place the layer, in the order of the JSON
IDENTITY = ("path", "op", "inputs", "in", "out", "layout", "count")
ORIGIN = ("shared_with", "file", "line")

#: one sample in float32, forward, without side outputs
USUAL = Assumptions()
BATCH_LIMIT = 10**9


class Claim(Protocol):
    """A published figure, as the spec cites it."""

    def to_dict(self) -> dict[str, Any]: ...


class About(NamedTuple):
    """Where a network comes from: what its spec says besides the layers, the spec's bytes, and the values of its
    variables. ``file`` is None, and ``data`` empty, where there is no spec. ``settings`` are the variables and inputs
    that were set, each as ``classes=10`` or ``input=3x64x64``.
    """

    name: str
    title: str = ""
    source: str = ""
    notes: str = ""
    family: str = ""
    file: str | None = None
    data: bytes = b""
    vars: Mapping[str, Any] = MappingProxyType({})
    claims: Sequence[Claim] = ()
    settings: Sequence[str] = ()

    @property
    def label(self) -> str:
        """The name with what was set: ``vgg16 (classes=10)``."""
        return labelled(self.name, self.settings)


def setting(name: str, value: Any) -> str:
    """``classes=10``: a variable with its value, a word as it is."""
    return f"{name}={value if isinstance(value, str) else show(value)}"


def labelled(name: str, settings: Sequence[str]) -> str:
    """A name with what was set: ``vgg16 (classes=10)``."""
    return f"{name} ({', '.join(settings)})" if settings else name


class Row:
    """One operator's figures: ``row.path``, ``row.params``, ... or ``row["params"]``, by the report's columns.

    Shapes have no batch axis; counts and bytes are of the whole batch.
    """

    __slots__ = ("_columns", "index")

    path: str
    op: str
    inputs: list[str]
    out: Shape
    layout: str
    count: int
    shared_with: str | None
    file: str
    line: int
    params: int
    weights: int
    biases: int
    norm_params: int
    other_params: int
    buffers: int
    running_stats: int
    macs: int
    flops: int
    work: int
    expected_macs: int | Fraction
    activations: int
    activation_bytes: int
    receptive_field: list[int] | None
    receptive_field_min: list[int] | None
    effective_stride: list[int | Fraction] | None
    offset: list[int | Fraction] | None
    depth: int

    def __init__(self, columns: Mapping[str, Sequence[Any]], index: int) -> None:
        self._columns = columns
        self.index = index

    if not TYPE_CHECKING:  # a type checker knows the names above and no other

        def __getattr__(self, name: str) -> Any:
            if name in Row.__slots__ or name not in self._columns:
                raise AttributeError(f"a row has no {name!r}")
            return self._columns[name][self.index]

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self.index]

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *self._columns]

    def __repr__(self) -> str:
        shapes = " ".join([*map(format_shape, self["in"]), "->", format_shape(self.out)])
        return f"<Row {self.path}: {self.op} {shapes}, {self.params:,} params, {self.macs:,} MACs>"

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON data."""
        return _rows(self._columns, [self.index])[0]


def _rows(columns: Mapping[str, Sequence[Any]], indices: Sequence[int]) -> list[dict[str, Any]]:
    """Rows as JSON data, column by column, which is quick."""
    names = (*IDENTITY, *(column.name for column in COLUMNS.values() if column.in_rows), *ORIGIN)
    values = [[plain(column[index]) for index in indices] for column in map(columns.__getitem__, names)]
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


class Totals(Mapping[str, Any]):
    """The total of every figure that has one, over some of the rows; each is added up when it is first asked for."""

    def __init__(self, columns: Mapping[str, Sequence[Any]], members: Sequence[int]) -> None:
        self._columns = columns
        self._members = members
        self._names = [column.name for column in COLUMNS.values() if column.total != "none"]
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            if name not in self._names:
                raise KeyError(name)
            values = self._columns[name]
            every = len(self._members) == len(values)
            picked = values if every else [values[index] for index in self._members]
            self._known[name] = whole(sum(picked)) if COLUMNS[name].total == "sum" else max(picked, default=0)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Report:
    """What is known of a graph under stated assumptions. It does not change; every figure is computed when it is first
    asked for. ``print(report)`` prints the table of ``cnncalc summary``.

    Raises:
        UsageError: an unknown data type, convention, pass or library, a batch below 1, a convention whose tool counts
            by what the network does not say, or that counts no backward pass.
    """

    graph: Graph
    about: About
    assumed: Assumptions

    def __init__(self, graph: Graph, assumptions: Assumptions = USUAL, about: About | None = None) -> None:
        about = about or About(graph.name)
        batch, dtype, convention, with_side, pass_, written = assumptions
        check_whole("batch", batch, 1, BATCH_LIMIT)
        check_flag("with_side", with_side)
        check_word("data type", dtype, DTYPES)
        graph = as_written(graph, written)
        reason = not_known(graph, convention, pass_)
        if reason is not None:
            message = f"the figure of {convention} is not known for {about.name}: {reason}"
            raise UsageError(message, hint=f"cnncalc explain {about.name} shows the conventions that have one")
        self.__dict__.update(graph=graph, assumed=assumptions, about=about)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a report does not change: {name!r} can't be set")

    def __repr__(self) -> str:
        totals = self.totals
        return f"<Report {self.about.label}: {totals['params']:,} params, {totals['macs']:,} MACs>"

    def __str__(self) -> str:
        return str(rendered("summary.text", self))

    def _repr_html_(self) -> str:
        return str(rendered("summary.to_html", self))

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with a row for each of the layers, indexed by path, and a column per figure.

        Raises:
            EnvironmentFailure: pandas is not installed.
        """
        return rendered("frame.of", self)

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """Where the network comes from, as the JSON has it, with the SHA-256 of the spec."""
        from hashlib import sha256

        about = self.about
        return {
            **{name: getattr(about, name) for name in ("name", "title", "source", "notes", "family", "file")},
            "sha256": sha256(about.data).hexdigest(),
            "vars": about.vars,
            "set": list(about.settings),
        }

    @cached_property
    def assumptions(self) -> Mapping[str, Any]:
        """What the figures depend on, as the JSON has it: the sizes of the input, of several by their names, and the
        fields of Assumptions, with the library whose program it is.
        """
        return {"input": self.graph.input_sizes, **self.assumed.to_dict(), "written": self.graph.program.library}

    @cached_property
    def columns(self) -> Mapping[str, Sequence[Any]]:
        """A list for every figure and description, with a value per operator in call order, side outputs included."""
        described = {name: partial(tell, self.graph) for name, tell in DESCRIBED.items()}
        return Columns(self.graph, self.assumed, described)

    @cached_property
    def counted(self) -> Sequence[int]:
        """The indices of the rows that add up to the totals."""
        return [node.index for node in self.graph.counted(self.assumed.with_side)]

    @cached_property
    def totals(self) -> Mapping[str, Any]:
        """The total of every figure that has one: an int, or a Fraction where a count is expected."""
        return Totals(self.columns, self.counted)

    @cached_property
    def layers(self) -> Sequence[Row]:
        """The rows that add up to the totals, in call order, inputs included."""
        return [Row(self.columns, index) for index in self.counted]

    @cached_property
    def side(self) -> Sequence[Mapping[str, Any]]:
        """The side outputs, as the JSON has them, with the indices of their rows."""
        nodes = self.graph.nodes
        members = {side: [node.index for node in nodes if node.side == side.name] for side in self.graph.sides}
        return [
            {
                "name": side.name,
                "from": nodes[side.source].path,
                "out": nodes[side.output].shape,
                "totals": Totals(self.columns, indices),
                "layers": indices,
            }
            for side, indices in members.items()
        ]

    @property
    def blocks(self) -> Mapping[str, str]:
        """The block that each path which is one was made from."""
        return self.graph.blocks

    @cached_property
    def claims(self) -> Sequence[Mapping[str, Any]]:
        """The figures that the spec says are published, as the JSON has them; nothing judges them here."""
        return [claim.to_dict() for claim in self.about.claims]

    @cached_property
    def uncounted(self) -> Sequence[str]:
        """The operators that do arithmetic of which the column ``work`` has nothing, in call order."""
        worked: dict[str, int] = {}
        works, work = self.graph.per_node(price.raw), self.columns["work"]
        for index in self.counted:
            if works[index].counts:
                keyword = self.graph.nodes[index].op.name
                worked[keyword] = worked.get(keyword, 0) + work[index]
        return [keyword for keyword, total in worked.items() if not total]

    @cached_property
    def unread_layers(self) -> Sequence[UnreadLayers]:
        """What is counted and no output needs."""
        found = [one._replace(members=tuple(filter(self._counts, one.members))) for one in unread_layers(self.graph)]
        return [one for one in found if one.members]

    @cached_property
    def unread_pixels(self) -> Sequence[UnreadPixels]:
        """The layers whose windows end before their input does."""
        return [one for one in unread_pixels(self.graph) if self._counts(one.node)]

    def _counts(self, node: Node) -> bool:
        return self.assumed.with_side or node.side is None

    @cached_property
    def diagnostics(self) -> Sequence[Mapping[str, Any]]:
        """Remarks on the figures, as the JSON has them: layers and pixels that nothing reads."""
        return diagnostics(self.unread_layers, self.unread_pixels)

    def beside(self, columns: Mapping[str, Sequence[Any]], totals: Mapping[str, int]) -> Report:
        """The report with more columns for its tables, and their totals."""
        report = Report(self.graph, self.assumed, self.about)
        report.__dict__.update(  # what no table asks for is not computed
            columns=ChainMap(dict(columns), cast(Any, self.columns)),
            totals=ChainMap(dict(totals), cast(Any, self.totals)),
        )
        return report

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON data, ``cnncalc.summary/1``."""
        return {
            "schema": "cnncalc.summary/1",
            "tool": {"name": "cnncalc", "version": __version__},
            "spec": plain(self.spec, float),
            "assumptions": plain(self.assumptions),
            "totals": plain(self.totals),
            "uncounted": list(self.uncounted),
            "layers": _rows(self.columns, self.counted),
            "side": [{**plain(side), "layers": _rows(self.columns, side["layers"])} for side in self.side],
            "claims": [dict(claim) for claim in self.claims],
            "diagnostics": list(self.diagnostics),
        }


def as_written(graph: Graph, library: str | None) -> Graph:
    """The network as a library writes it; as it is for None.

    Raises:
        UsageError: an unknown library.
    """
    if library is None:
        return graph
    check_word("library", library, LIBRARIES)
    return graph.written_as(library)


def not_known(graph: Graph, convention: str, pass_: str) -> str | None:
    """Why the convention has no figure of the graph's pass; None where it has one.

    Raises:
        UsageError: an unknown convention or pass, or a convention that counts no backward pass.
    """
    check_counted(convention, pass_)
    reason = price.not_known(graph, CONVENTIONS[convention])
    if reason is None and pass_ != "forward":
        reason = backward.not_known(graph, convention)
    return reason


def check_counted(convention: str, pass_: str) -> None:
    """Refuses what no graph can be counted by.

    Raises:
        UsageError: an unknown convention or pass, with a suggestion, or a convention that counts no backward pass.
    """
    check_word("convention", convention, CONVENTIONS)
    check_word("pass", pass_, backward.PASSES)
    if pass_ != "forward" and convention not in backward.BACKWARD:
        hint = f"conventions that do: {', '.join(backward.BACKWARD)}"
        raise UsageError(f"{convention} counts no backward pass", hint=hint)


def plain(value: Any, fraction: Callable[[Any], Any] = str) -> Any:
    """``value`` as JSON has it: lists for tuples; a fraction as an int where it is whole, else exactly, ``3/4``; where
    it is a setting and no count, ``float`` has it as a spec does: ``0.75``.
    """
    if value is None or isinstance(value, (int, str, float)):
        return value
    if isinstance(value, (tuple, list)):
        return [plain(item, fraction) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item, fraction) for key, item in value.items()}
    exact = whole(value)
    return exact if isinstance(exact, int) else fraction(exact)
