"""One network under every counting convention: the terms that make each figure, and what makes it differ from macs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

from cnncalc.counting import backward
from cnncalc.counting.conventions import CONVENTIONS, EVALUATED, Convention
from cnncalc.counting.price import Group, Term, groups, not_known, terms, uncounted
from cnncalc.graph.graph import Graph

GRADIENTS: Final = ("gradients of weights", "gradients of values")
#: quantities that are some of a layer's multiply-accumulates, and not something besides them
PARTS: Final = frozenset(("mac", "projection", "mixing", "position"))


class Difference(NamedTuple):
    """One reason why a figure is not that of macs: ``elements`` of a quantity over some ``layers`` have a ``weight``
    that is not the ``macs_weight``: 1 for a multiply-accumulate, 0 for anything else.

    ``work`` is what that makes, below 0 for what the convention leaves out of macs.
    """

    op: str
    variant: str | None
    quantity: str
    layers: int
    elements: int
    weight: int
    macs_weight: int
    work: int


class Counted(NamedTuple):
    """A network's work under one convention.

    ``total`` is the sum of the ``terms``, and that of macs plus the ``differences``. Where the convention has no figure
    of the network, ``reason`` says why, and there is no total, term or difference. ``uncounted`` are operators, or
    variants of them, that do arithmetic of which nothing is counted.
    """

    convention: Convention
    total: int | None
    reason: str | None
    terms: list[Term]
    differences: list[Difference]
    uncounted: list[str]


class _Trained(NamedTuple):
    """How many layers of one signature, and values that they make, need the same gradients."""

    layers: int
    values: int


_Counts = TypeVar("_Counts", Term, Difference)
_Trainings = Mapping[tuple[int, backward.Needs], _Trained]


def by_convention(graph: Graph, batch: int = 1, with_side: bool = False, pass_: str = "forward") -> list[Counted]:
    """The network under every convention, the smallest figure first; those that have none come last.

    Of a backward pass, under the conventions that count one.

    Args:
        graph: the network.
        batch: samples at once.
        with_side: whether side outputs are counted.
        pass_: whose work it is (:data:`cnncalc.counting.backward.PASSES`).
    """
    layers = groups(graph, with_side)
    forward = [] if pass_ == "backward" else layers
    trained = {} if pass_ == "forward" else _trained(graph, with_side)
    base: list[list[Term]] = []  # that of macs, which is the first of both
    found = []
    for name in CONVENTIONS if pass_ == "forward" else backward.BACKWARD:
        convention = CONVENTIONS[name]
        source = convention.source if pass_ == "forward" else convention.source.removesuffix(EVALUATED)
        stated = convention._replace(rule=backward.rule(name, pass_, convention.rule), source=source)
        reason = not_known(graph, convention)
        if pass_ != "forward":
            reason = reason or backward.not_known(graph, name)
        if reason:
            found.append(Counted(stated, None, reason, [], [], []))
            continue
        pieces = _pieces(graph, convention, batch, forward, trained)
        base = base or pieces
        counted = _summed(term for piece in pieces for term in piece)
        found.append(
            Counted(
                stated,
                sum(term.work for term in counted),
                None,
                sorted(counted, key=lambda term: -term.work),
                _differences(zip(pieces, base, strict=True), convention.every.get("mac", 1)),
                _without(layers, counted) if pass_ == "backward" else uncounted(layers, convention),
            )
        )
    return sorted(found, key=lambda one: (one.total is None, one.total or 0))


def _pieces(
    graph: Graph, convention: Convention, batch: int, forward: list[Group], trained: _Trainings
) -> list[list[Term]]:
    """What a convention counts of each group of equal layers; the same groups, in the same order, whatever it is."""
    pieces = [terms([group], convention, batch) for group in forward]
    for (index, needed), (layers, values) in trained.items():
        rule, signature = backward.BACKWARD[convention.name], graph.signatures[index]
        macs = [count * values * batch for count in backward.gradients(signature, needed, rule)]
        pieces.append(
            [
                Term(signature.op.name, None, quantity, layers, count, rule.weight, count * rule.weight)
                for quantity, count in zip(GRADIENTS, macs, strict=True)
                if count
            ]
        )
    return pieces


def _trained(graph: Graph, with_side: bool) -> _Trainings:
    """The layers that a total covers, by signature and by the gradients that they need."""
    found: dict[tuple[int, backward.Needs], _Trained] = {}
    for node, needed in zip(graph.nodes, backward.needs(graph, with_side), strict=True):
        if with_side or node.side is None:
            layers, values = found.get((node.signature, needed), (0, 0))
            found[node.signature, needed] = _Trained(layers + 1, values + node.count)
    return found


def _summed(ones: Iterable[_Counts]) -> list[_Counts]:
    """Those that differ in nothing but layers, elements and work, added up."""
    found: dict[_Counts, _Counts] = {}
    for one in ones:
        key = one._replace(layers=0, elements=0, work=0)
        old = found.get(key, key)
        layers, elements, work = old.layers + one.layers, old.elements + one.elements, old.work + one.work
        found[key] = one._replace(layers=layers, elements=elements, work=work)
    return list(found.values())


def _without(layers: list[Group], counted: list[Term]) -> list[str]:
    """Operators that do arithmetic and have none of the terms."""
    named = {term.op for term in counted}
    return [op for op in dict.fromkeys(one.signature.op.name for one in layers if one.work.counts) if op not in named]


def _differences(pairs: Iterable[tuple[list[Term], list[Term]]], weight_of_a_mac: int) -> list[Difference]:
    """What leads from macs to a convention, the largest first; ``pairs`` are its terms and those of macs."""
    found = _summed(one for counted, base in pairs for one in _between(counted, base, weight_of_a_mac))
    return sorted(found, key=lambda one: -abs(one.work))


def _between(counted: list[Term], base: list[Term], weight_of_a_mac: int) -> Iterator[Difference]:
    """What makes a convention's terms of some layers differ from those of macs.

    A convention may name a part of the multiply-accumulates, as the projections of an attention, and may have one part
    stand for two alike, with twice the weight: so they are compared in numbers of multiply-accumulates.
    """
    products = {term.quantity: term.elements for term in base}
    seen: dict[str, int] = {}
    for term in counted:
        if term.quantity in PARTS or term.quantity in GRADIENTS:
            quantity = "mac" if term.quantity in PARTS else term.quantity
            seen[quantity] = seen.get(quantity, 0) + term.work // weight_of_a_mac
        else:
            yield Difference(*term[:6], 0, term.work)
    for quantity in dict.fromkeys((*products, *seen)):
        op, variant, _, layers, *_ = (counted or base)[0]
        had, has = products.get(quantity, 0), seen.get(quantity, 0)
        for elements, weight, macs_weight in (
            (min(had, has), weight_of_a_mac, 1),
            (had - has, 0, 1),
            (has - had, weight_of_a_mac, 0),
        ):
            if elements > 0 and weight != macs_weight:
                work = elements * (weight - macs_weight)
                yield Difference(op, variant, quantity, layers, elements, weight, macs_weight, work)


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
