"""Walks over a Graph that several rooms need."""

from __future__ import annotations

from collections.abc import Iterable

from cnncalc.graph.graph import Graph, Node


def last_readers(nodes: Iterable[Node]) -> dict[int, int]:
    """For every value that some of the nodes read, the last of them in the order given."""
    return {index: node.index for node in nodes for index in node.inputs}


def last_uses(graph: Graph, with_side: bool) -> list[int]:
    """For every value, the index of its last reader; its own where nothing reads it, past the end for an output."""
    last = list(range(len(graph.nodes)))
    for index, reader in last_readers(graph.operators(with_side)).items():
        last[index] = reader
    for index in graph.ends(with_side):
        last[index] = len(last)
    return last


def cuts(graph: Graph, with_side: bool) -> list[int]:
    """The operators after which one value alone is alive, their own: nothing later reads what was made before."""
    last = last_uses(graph, with_side)
    until = max(last[index] for index in graph.inputs)
    found = []
    for node in graph.operators(with_side):
        if until <= node.index:
            found.append(node.index)
        until = max(until, last[node.index])
    return found


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
    able = graph.per_node(lambda signature: signature.op.can_run_in_place)
    return [
        _overwritten(graph, node, uses) if can and node.inplace is not False else None
        for node, can in zip(graph.nodes, able, strict=True)
    ]


def overwritten_too_early(graph: Graph) -> tuple[Node, Node, Node | None] | None:
    """The first node that is told to overwrite a value (``inplace: true``) which is needed after it, with the value and
    its last reader; None in place of that where the value is an output. A view shows what is overwritten too.
    """
    shown = list(range(len(graph.nodes)))
    last: dict[int, Node] = {}
    for node in graph.nodes:
        if node.op.result == "view" and node.inputs:
            shown[node.index] = shown[node.inputs[0]]
        last.update((shown[index], node) for index in node.inputs)
    ends = {shown[end] for end in graph.ends(with_side=True)}
    for node in graph.nodes if any(node.inplace for node in graph.nodes) else ():
        same = [index for index in node.inputs if graph.nodes[index].shape == node.shape]
        if node.inplace and same:
            written = shown[same[0]]
            if written in ends or last[written] is not node:
                return node, graph.nodes[same[0]], None if written in ends else last[written]
    return None


def _overwritten(graph: Graph, node: Node, uses: list[int]) -> int | None:
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
