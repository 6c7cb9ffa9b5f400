"""The activations of one forward pass: the input and every output once, as the lectures' memory column counts.

Views, dropout in evaluation and results written in place occupy nothing of their own.
"""

from __future__ import annotations

from cnncalc.analysis.columns import Assumptions, Column
from cnncalc.graph import Graph, Node
from cnncalc.values import dtype_bytes, elements

COLUMNS = (
    Column("activations", "activations", "count", "sum", "values of the output, 0 for a view or an in-place result"),
    Column("activation_bytes", "memory", "bytes", "sum", "bytes of those values"),
)


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[int]]:
    """The columns, a value for every node, for the whole batch."""
    size = dtype_bytes(assumptions.dtype)
    replaced = overwritten(graph, assumptions.with_side)
    values = [
        0 if index is not None or node.op.result == "view" else elements(node.shape) * node.count * assumptions.batch
        for node, index in zip(graph.nodes, replaced, strict=True)
    ]
    return {"activations": values, "activation_bytes": [value * size for value in values]}


def overwritten(graph: Graph, with_side: bool) -> list[int | None]:
    """For every node, the input that its result overwrites, None where it has a place of its own.

    By default an operator that PyTorch can run in place does so where the value it overwrites is not needed again:
    nothing else reads it, it is not the network's input or output, and its own operator does not keep it for the
    backward pass. ``inplace:`` in the spec decides otherwise.
    """
    uses = [0] * len(graph.nodes)
    for node in graph.counted(with_side):
        for index in node.inputs:
            uses[index] += 1
    for index in graph.ends(with_side):
        uses[index] += 1
    return [_overwritten(graph, node, uses) for node in graph.nodes]


def _overwritten(graph: Graph, node: Node, uses: list[int]) -> int | None:
    if not node.op.can_run_in_place or node.inplace is False:
        return None
    same = [index for index in node.inputs if graph.nodes[index].shape == node.shape]
    free = [index for index in same if _free(graph, index, uses)]
    return next(iter(free or (same if node.inplace else ())), None)


def _free(graph: Graph, index: int, uses: list[int]) -> bool:
    """Whether one reader may overwrite the value; a view is as free as what it shows."""
    node = graph.nodes[index]
    if uses[index] != 1 or not node.inputs:
        return False
    if node.op.result == "view":
        return _free(graph, node.inputs[0], uses)
    return not node.op.saves_output
