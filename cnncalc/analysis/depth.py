"""Depth: weighted layers on the longest path from the input, as papers number their networks."""

from __future__ import annotations

from cnncalc.graph.graph import Graph, Signature
from cnncalc.values import Assumptions


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[int]]:
    """For every node, the weighted layers on the longest path up to and with it."""
    depth: list[int] = []
    for node, weighted in zip(graph.nodes, graph.per_node(_weighted), strict=True):
        inputs = node.inputs
        before = depth[inputs[0]] if len(inputs) == 1 else max([depth[index] for index in inputs], default=0)
        depth.append(before + weighted)
    return {"depth": depth}


def _weighted(signature: Signature) -> bool:
    return signature.op.parameter_kind == "weights" and bool(signature.weights)
