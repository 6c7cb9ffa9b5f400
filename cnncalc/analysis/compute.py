"""Work per node and in total: the raw vector, priced by a convention."""

from __future__ import annotations

from cnncalc.analysis.columns import Assumptions, Column
from cnncalc.analysis.conventions import CONVENTIONS, Convention
from cnncalc.graph import Graph, Kind
from cnncalc.values import Work

COLUMNS = (
    Column("macs", "MACs", "count", "sum", CONVENTIONS["macs"].rule),
    Column("flops", "FLOPs", "count", "sum", CONVENTIONS["flops"].rule),
    Column("work", "work", "count", "sum", "the work under the chosen convention"),
)


def raw(kind: Kind) -> Work:
    """The raw work of one sample."""
    return kind.op.work(*kind.inputs, kind.output)


def price(work: Work, convention: Convention) -> int:
    """The work under a convention."""
    weights = convention.weights
    return sum([weights[kind] * count for kind, count in work.counts.items() if kind in weights])


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[int]]:
    """The columns, a value for every node, for the whole batch."""
    wanted = (CONVENTIONS["macs"], CONVENTIONS["flops"], CONVENTIONS[assumptions.convention])

    def prices(kind: Kind) -> tuple[int, ...]:
        work = raw(kind)
        return tuple([price(work, convention) * assumptions.batch for convention in wanted])

    rows = [
        priced if node.count == 1 else tuple([value * node.count for value in priced])
        for node, priced in zip(graph.nodes, graph.per_node(prices), strict=True)
    ]
    return {column.name: list(values) for column, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)}
