"""Work of every layer and value for the whole batch: under macs, flops and the chosen convention, and as expected."""

from __future__ import annotations

from typing import Any

from cnncalc.analysis import stochastic_depth
from cnncalc.counting import backward, price
from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.graph.graph import Graph
from cnncalc.values import Assumptions


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[Any]]:
    """The columns, a value for every node, of the pass of the assumptions."""
    works = [price.raw(signature) for signature in graph.signatures]
    needed = [] if assumptions.pass_ == "forward" else backward.needs(graph, assumptions.with_side)

    def under(convention: str) -> list[int]:
        passes = []
        if assumptions.pass_ != "backward":
            passes.append(price.of_nodes(graph, works, CONVENTIONS[convention]))
        if assumptions.pass_ != "forward":
            passes.append(backward.of_nodes(graph, needed, backward.BACKWARD[convention]))
        return [sum(counts) * assumptions.batch for counts in zip(*passes, strict=True)]

    made = {convention: under(convention) for convention in dict.fromkeys(("macs", "flops", assumptions.convention))}
    return {
        "macs": made["macs"],
        "flops": made["flops"],
        "work": made[assumptions.convention],
        "expected_macs": stochastic_depth.expected(graph, made["macs"]),
    }
