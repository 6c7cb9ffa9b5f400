"""Work that training expects under stochastic depth (Huang et al. 2016): a dropped branch is not run.

A node is run when something that needs it is: all of the network's outputs, and what is behind a stochastic depth with
its probability of survival. Branches that are dropped lie beside or inside one another, so of several readers the
likeliest decides.
"""

from __future__ import annotations

from typing import Any

from cnncalc.graph.graph import Graph
from cnncalc.values import whole


def expected(graph: Graph, macs: list[int]) -> list[Any]:
    """MACs of every node times the probability that training runs it: whole numbers, or Fractions."""
    if all(signature.op.survival() == 1 for signature in graph.signatures):
        return macs
    needed: list[Any] = [0] * len(graph.nodes)
    for index in (*graph.outputs, *(side.output for side in graph.sides)):
        needed[index] = 1
    for node in reversed(graph.nodes):
        arriving = needed[node.index] * node.op.survival()
        for index in node.inputs:
            needed[index] = max(needed[index], arriving)
    return [whole(work * share) for work, share in zip(macs, needed, strict=True)]
