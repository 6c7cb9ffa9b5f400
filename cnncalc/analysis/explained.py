"""One network under every counting convention, and the terms that make each figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cnncalc.analysis.compute import Term, not_reproducible, terms, uncounted
from cnncalc.analysis.conventions import CONVENTIONS, Convention
from cnncalc.graph import Graph


class Counted(NamedTuple):
    """A network's work under one convention.

    ``total`` is the sum of the ``terms``; it is not what the convention's tool prints where ``reason`` says why not.
    ``uncounted`` are operators that do arithmetic of which nothing is counted.
    """

    convention: Convention
    total: int
    reason: str | None
    terms: list[Term]
    uncounted: list[str]


def by_convention(network: str, graph: Graph, batch: int = 1, with_side: bool = False) -> list[Counted]:
    """The network under every convention, the smallest figure first; those that no tool would print come last.

    Args:
        network: its name, by which some tools' exceptions are known.
        graph: the network.
        batch: samples at once.
        with_side: whether side outputs are counted.
    """
    found = []
    for convention in CONVENTIONS.values():
        counted = sorted(terms(graph, convention, batch, with_side), key=lambda term: -term.work)
        found.append(
            Counted(
                convention,
                sum(term.work for term in counted),
                not_reproducible(network, graph, convention),
                counted,
                uncounted(graph, convention, with_side),
            )
        )
    return sorted(found, key=lambda one: (one.reason is not None, one.total))


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
