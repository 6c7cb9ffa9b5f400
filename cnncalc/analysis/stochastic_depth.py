"""Work that training expects under stochastic depth (Huang et al. 2016): a dropped branch is not run.

A node is run when something that needs it is: all of the network's outputs, and what is behind a stochastic depth with
its probability of survival. Branches that are dropped lie beside or inside one another, so of several readers the
likeliest decides.
"""

from __future__ import annotations

from typing import Any

from cnncalc.counting import price
from cnncalc.graph.graph import Graph
from cnncalc.values import Assumptions, whole


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[Any]]:
    """The column, a value for every node: a whole number, or a Fraction."""
    macs: list[Any] = price.measure(graph, assumptions)["macs"]
    if all(kind.op.survival() == 1 for kind in graph.signatures):
        return {"expected_macs": macs}
    needed: list[Any] = [0] * len(graph.nodes)
    for index in (*graph.outputs, *(side.output for side in graph.sides)):
        needed[index] = 1
    for node in reversed(graph.nodes):
        arriving = needed[node.index] * node.op.survival()
        for index in node.inputs:
            needed[index] = max(needed[index], arriving)
    return {"expected_macs": [whole(work * share) for work, share in zip(macs, needed, strict=True)]}
