"""The activations of one forward pass: the input and every output once, as the lectures' memory column counts.

Views, dropout in evaluation and results written in place occupy nothing of their own.
"""

from __future__ import annotations

from cnncalc.graph.graph import Graph
from cnncalc.graph.walk import overwritten
from cnncalc.values import Assumptions, dtype_bytes, elements


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[int]]:
    """The columns, a value for every node, for the whole batch."""
    size = dtype_bytes(assumptions.dtype)
    replaced = overwritten(graph, assumptions.with_side)
    made = graph.per_node(lambda one: 0 if one.op.result == "view" else elements(one.output) * assumptions.batch)
    values = [
        value * node.count if index is None else 0
        for value, node, index in zip(made, graph.nodes, replaced, strict=True)
    ]
    return {"activations": values, "activation_bytes": [value * size for value in values]}
