"""One network under every counting convention, and the terms that make each figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cnncalc.analysis import passes
from cnncalc.analysis.compute import Term, groups, not_reproducible, terms, uncounted
from cnncalc.analysis.conventions import CONVENTIONS, Convention
from cnncalc.graph import Graph


class Counted(NamedTuple):
    """A network's work under one convention.

    ``total`` is the sum of the ``terms``; it is not what the convention's tool prints where ``reason`` says why not.
    ``uncounted`` are operators, or ways of writing them, that do arithmetic of which nothing is counted.
    """

    convention: Convention
    total: int
    reason: str | None
    terms: list[Term]
    uncounted: list[str]


def by_convention(graph: Graph, batch: int = 1, with_side: bool = False, pass_: str = "forward") -> list[Counted]:
    """The network under every convention, the smallest figure first; those that no tool would print come last.

    Of a backward pass, under the conventions that count one.

    Args:
        graph: the network.
        batch: samples at once.
        with_side: whether side outputs are counted.
        pass_: whose work it is (:data:`cnncalc.analysis.passes.PASSES`).
    """
    layers = groups(graph, with_side)
    found = []
    for name in CONVENTIONS if pass_ == "forward" else passes.BACKWARD:
        convention = CONVENTIONS[name]
        counted = [] if pass_ == "backward" else terms(layers, convention, batch)
        reason = not_reproducible(graph, convention)
        if pass_ != "forward":
            counted += _gradients(graph, name, batch, with_side)
            reason = reason or passes.refusal(graph, name)
        found.append(
            Counted(
                convention._replace(rule=passes.rule(name, pass_, convention.rule)),
                sum(term.work for term in counted),
                reason,
                sorted(counted, key=lambda term: -term.work),
                uncounted(layers, convention),
            )
        )
    return sorted(found, key=lambda one: (one.reason is not None, one.total))


def _gradients(graph: Graph, convention: str, batch: int, with_side: bool) -> list[Term]:
    """What a convention counts of the gradients, by operator, those of weights and of values apart."""
    rule = passes.BACKWARD[convention]
    sums: dict[tuple[str, str], list[int]] = {}
    for node, needed in zip(graph.nodes, passes.needs(graph, with_side), strict=True):
        if node.side is not None and not with_side:
            continue
        macs = passes.gradients(graph.kinds[node.kind], needed, rule)
        for quantity, count in zip(("gradients of weights", "gradients of values"), macs, strict=True):
            if count:
                found = sums.setdefault((node.op.name, quantity), [0, 0])
                found[0] += 1
                found[1] += count * node.count * batch
    return [
        Term(op, None, quantity, layers, macs, rule.weight, macs * rule.weight)
        for (op, quantity), (layers, macs) in sums.items()
    ]


#: ways of counting parameters: what they are called, and the totals that they add up
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "weights alone": ("weights",),
    "without norms": ("weights", "biases", "other_params"),
    "params": ("params",),
    "params and running statistics": ("params", "running_stats"),
    "params and buffers": ("params", "buffers"),
}


def parameters(totals: Mapping[str, int]) -> dict[str, int]:
    """The parameters, counted in every way of :data:`PARAMETERS`, from a report's totals."""
    return {rule: sum(totals[name] for name in names) for rule, names in PARAMETERS.items()}
