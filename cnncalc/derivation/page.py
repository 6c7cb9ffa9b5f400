"""A page of formulas: what is derived of a layer, of a block or of a stage, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cnncalc import rendered
from cnncalc.analysis.report import Report
from cnncalc.analysis.unread import diagnostics, layers_said, pixels_said, unread_layers, unread_pixels
from cnncalc.counting.backward import TITLES
from cnncalc.derivation import Formulas, sums
from cnncalc.derivation.layer import Formula
from cnncalc.errors import UsageError, listing, quote, suggest
from cnncalc.graph.graph import Graph, Node
from cnncalc.memory.simulate import Settings, attention_assumed
from cnncalc.ops.base import Op, show
from cnncalc.values import Shape

SHOWN_PATHS = 5
LISTS = "cnncalc shapes NETWORK --full lists them"


class Part(NamedTuple):
    """A layer of a block: path, operator, output, and the formulas of what it counts."""

    path: str
    op: str
    out: Shape
    formulas: Sequence[Formula]


class Page(NamedTuple):
    """What is derived of a path: what it is, the shapes, its formulas; ``parts`` are the layers of a block.

    ``print(page)`` prints the lines of ``cnncalc explain NETWORK PATH``.
    """

    report: Report
    path: str
    what: str
    inputs: Sequence[Shape]
    out: Shape
    formulas: Sequence[Formula]
    parts: Sequence[Part] = ()
    notes: Sequence[str] = ()
    diagnostics: Sequence[Mapping[str, Any]] = ()

    def __repr__(self) -> str:
        return f"<Page {self.report.about.label} {self.path}: {self.what}>"

    def __str__(self) -> str:
        return str(rendered("formula.to_plain", self)).removesuffix("\n")

    def to_markdown(self) -> str:
        """The page as Markdown, its formulas in LaTeX."""
        return str(rendered("formula.to_markdown", self))

    def to_dict(self) -> dict[str, Any]:
        """The page as JSON data, ``cnncalc.explain/1``."""
        data: dict[str, Any] = rendered("formula.to_json", self)
        return data


def page(report: Report, path: str) -> Page:
    """What is derived of a path, under the assumptions of a report.

    Raises:
        UsageError: the network has no such layer, block or stage.
    """
    graph = report.graph
    formulas = Formulas(graph, report.assumed)
    members = [node for node in graph.nodes if node.path.startswith(f"{path}.")]
    own = next((node for node in graph.nodes if node.path == path), None)
    if own is not None:
        shapes = graph.signatures[own.signature].inputs
        notes = [f"under this path too, each with arithmetic of its own: {_listed(members)}"] if members else []
        said, diagnosed = _remarks(graph, {own.index})
        notes += [*_work(report, [own]), *said]
        lines = formulas.of(own.index)
        if report.assumed.dtype != "int8":  # which nothing is trained in
            after = 1 + max(i for i, line in enumerate(lines) if line.quantity == "activation_bytes")
            lines.insert(after, formulas.saved(own.index))
            if own.op.head(*shapes) is not None:
                notes += attention_assumed(graph, Settings(dtype=report.assumed.dtype))
        return Page(report, path, _written(own.op), shapes, own.shape, lines, (), notes, diagnosed)
    if not members and isinstance(path, str) and path in graph.paths:
        same = graph.nodes[graph.paths[path]].path
        raise UsageError(f"{quote(path)} has no layers of its own: it is {quote(same)} as it comes")
    if not members:
        raise UsageError(f"{report.about.name} has no layer {quote(path)}", hint=_near(path, graph) or LISTS)
    counts = {node.path: formulas.counts(node.index) for node in members}
    parts = [Part(node.path, node.op.name, node.shape, counts[node.path]) for node in members]
    inside = {node.index for node in members}
    entering = dict.fromkeys(index for node in members for index in node.inputs if index not in inside)
    last = graph.nodes[graph.paths.get(path, members[-1].index)]
    what = f"{graph.blocks.get(path, 'a group')} of {len(members)} layers"
    said, diagnosed = _remarks(graph, inside)
    notes = [f"cnncalc explain NETWORK {members[0].path} says more of that layer", *_work(report, members), *said]
    inputs = [graph.nodes[index].shape for index in entering]
    return Page(report, path, what, inputs, last.shape, sums(counts), parts, notes, diagnosed)


def _work(report: Report, nodes: Sequence[Node]) -> list[str]:
    """The figure under a convention, or of a pass, that isn't one of the lines."""
    convention, pass_ = report.assumed.convention, report.assumed.pass_
    if convention in ("macs", "flops") and pass_ == "forward":
        return []
    of = "" if pass_ == "forward" else f" of the {TITLES[pass_]}"
    total = sum(report.columns["work"][node.index] for node in nodes)
    return [f"work{of} under the convention {convention}: {total:,}"]


def _remarks(graph: Graph, nodes: set[int]) -> tuple[list[str], list[dict[str, Any]]]:
    """What some nodes compute for nothing, in lines and as data."""
    layers = [one for one in unread_layers(graph) if not nodes.isdisjoint(node.index for node in one.members)]
    pixels = [one for one in unread_pixels(graph) if one.node.index in nodes]
    return [*([layers_said(layers)] if layers else []), *pixels_said(pixels)], diagnostics(layers, pixels)


def _listed(nodes: Sequence[Node]) -> str:
    paths = [node.path for node in nodes[:SHOWN_PATHS]]
    more = len(nodes) - len(paths)
    return listing([*paths, f"{more} more"] if more else paths)


def _written(op: Op) -> str:
    """The operator as a spec has it: ``conv: 96, kernel: 11``; what is not said is left out."""
    first = next(iter(op.fields), None)
    said: dict[str, str] = {}
    for name, value in op.arguments():
        field = op.fields[name]
        if field.required or value != field.default:
            text = f"{len(value)} rows" if field.type == "table" else value if isinstance(value, str) else show(value)
            said[name] = text if name == first else f"{name}: {text}"
    if not said:
        return op.name
    return f"{op.name}{': ' if first in said else ', '}{', '.join(said.values())}"


def _near(path: str, graph: Graph) -> str | None:
    """Layers that could have been meant: those that end alike, or are spelt alike."""
    ending = [known for known in graph.paths if known.endswith(f".{path}")][:SHOWN_PATHS]
    return f"did you mean {listing(ending, 'or')}?" if ending else suggest(path, graph.paths)
