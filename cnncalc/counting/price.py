"""Work per node and in total: the raw vector and a few more quantities, priced by a convention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import NamedTuple

from cnncalc.counting import backward, memory_format
from cnncalc.counting.conventions import BY_ARGUMENTS, CONVENTIONS, NOT_REPRODUCIBLE, Convention, Weights
from cnncalc.graph.graph import Graph, Signature
from cnncalc.values import Assumptions, Shape, Work, elements


class Group(NamedTuple):
    """Layers of one kind that are written alike: the raw ``work`` of a sample, the ``names`` by which a convention may
    weigh them (the most telling first, the keyword last), how many ``layers``, and the ``values`` that they make.
    """

    kind: Signature
    work: Work
    names: tuple[str, ...]
    layers: int
    values: int


class Term(NamedTuple):
    """What a convention counts of one operator: ``elements`` of a quantity over some ``layers``, times a ``weight``.

    ``variant`` is the way of writing it (``conventions.VARIANTS``) that the weight is for, None if it is for any.
    """

    op: str
    variant: str | None
    quantity: str
    layers: int
    elements: int
    weight: int
    work: int


def raw(kind: Signature) -> Work:
    """The raw work of one sample."""
    return kind.op.work(*kind.inputs, kind.output)


def price(kind: Signature, work: Work, convention: Convention, variant: str | None = None) -> int:
    """The work of one sample under a convention; ``work`` is its raw work, ``variant`` how the operator is written."""
    weights = _rule(_names(kind, variant), convention)[1] if convention.by_operator else convention.every
    if weights is convention.every:  # raw work alone, and most rows have more kinds of it than a layer does
        return sum([weights[name] * count for name, count in work.counts.items() if name in weights])
    return sum([weight * _quantity(kind, work, name) for name, weight in weights.items()])


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[int]]:
    """The columns, a value for every node, for the whole batch and the pass of the assumptions."""
    macs, flops, chosen = CONVENTIONS["macs"], CONVENTIONS["flops"], CONVENTIONS[assumptions.convention]
    same = {"macs": 0, "flops": 1}.get(chosen.name)

    def prices(kind: Signature) -> tuple[int, ...]:
        work = raw(kind)
        priced = [price(kind, work, macs), price(kind, work, flops)]
        priced.append(price(kind, work, chosen) if same is None else priced[same])
        return tuple([value * assumptions.batch for value in priced])

    rows = [
        priced if node.count == 1 else tuple([value * node.count for value in priced])
        for node, priced in zip(graph.nodes, graph.per_node(prices), strict=True)
    ]
    columns = dict(zip(("macs", "flops", "work"), map(list, zip(*rows, strict=True)), strict=True))
    known: dict[tuple[int, str], int] = {}
    for index, variant in _variants(graph).items() if chosen.by_operator else ():
        node = graph.nodes[index]
        key = (node.signature, variant)
        if variant in chosen.by_operator:
            if key not in known:
                kind = graph.signatures[node.signature]
                known[key] = price(kind, raw(kind), chosen, variant)
            columns["work"][index] = known[key] * node.count * assumptions.batch
    return backward.through(graph, assumptions, columns)


def groups(graph: Graph, with_side: bool = False) -> list[Group]:
    """The layers that a total covers, in the order of the network; the same under every convention."""
    variants = _variants(graph)
    found: dict[tuple[int, str | None], list[int]] = {}
    for node in graph.nodes:
        if with_side or node.side is None:
            sums = found.setdefault((node.signature, variants.get(node.index)), [0, 0])
            sums[0] += 1
            sums[1] += node.count
    kinds = graph.signatures
    return [
        Group(kinds[kind], raw(kinds[kind]), _names(kinds[kind], variant), layers, values)
        for (kind, variant), (layers, values) in found.items()
    ]


def terms(counted: Sequence[Group], convention: Convention, batch: int = 1) -> list[Term]:
    """What a convention counts, by operator, way of writing it, quantity and weight, in the order of the network.

    The sum of the terms' work is the convention's total, exactly.
    """
    found: dict[tuple[str, str, str, int], list[int]] = {}
    for kind, work, names, layers, values in counted:
        name, weights = _rule(names, convention)
        for quantity, weight in weights.items():
            value = _quantity(kind, work, quantity) * values * batch
            if value:
                sums = found.setdefault((kind.op.name, name, quantity, weight), [0, 0])
                sums[0] += layers
                sums[1] += value
    return [
        Term(op, None if name == op else name, quantity, layers, values, weight, values * weight)
        for (op, name, quantity, weight), (layers, values) in found.items()
    ]


def uncounted(counted: Sequence[Group], convention: Convention) -> list[str]:
    """Operators that do arithmetic of which the convention counts nothing, in the network's order.

    By keyword; by variant where the convention counts another way of writing the operator.
    """
    worked: dict[str, bool] = {}
    for kind, work, names, _, _ in counted:
        if work.counts:
            name, weights = _rule(names, convention)
            worked[name] = worked.get(name, False) or any(_quantity(kind, work, quantity) for quantity in weights)
    return [name for name, is_counted in worked.items() if not is_counted]


def not_reproducible(graph: Graph, convention: Convention) -> str | None:
    """Why the convention's total is not what its tool prints for the network; None where it is."""
    listed = NOT_REPRODUCIBLE.get(convention.name, {}).get(graph.name)
    if listed is not None:
        return listed
    for kind in graph.signatures if convention.unsettled else ():
        for name in reversed(_names(kind)):
            if name in convention.unsettled:
                return f"{name}: {convention.unsettled[name]}"
    return None


def _rule(names: tuple[str, ...], convention: Convention) -> tuple[str, Weights]:
    """The first of the names that the convention has weights for, and these; the keyword, if it has for none."""
    for name in names:
        if name in convention.by_operator:
            return name, convention.by_operator[name]
    return names[-1], convention.every


def _names(signature: Signature, variant: str | None = None) -> tuple[str, ...]:
    """What an operator goes by: how it is written, what its arguments make it, its keyword."""
    keyword = signature.op.name
    own, holds = BY_ARGUMENTS.get(keyword, (keyword, None))
    if holds is None or not holds(dict(signature.op.arguments())):
        return (keyword,) if variant is None else (variant, keyword)
    return (own, keyword) if variant is None else (variant, own, keyword)


def _quantity(kind: Signature, work: Work, name: str) -> int:
    rule = _QUANTITIES.get(name)
    return work.counts.get(name, 0) if rule is None else rule(kind)


def _in_plane(shape: Shape) -> int:
    return elements(shape) if len(shape) == 3 else 0


def _parameters(kind: Signature, prefix: str | tuple[str, ...] = "", suffix: str = "") -> int:
    named = kind.weights.items()
    return sum([elements(tensor) for name, tensor in named if name.startswith(prefix) and name.endswith(suffix)])


def _windows(kind: Signature) -> tuple[int, int, int, int]:
    """Windows, tokens in each, features and heads of an attention."""
    arguments = dict(kind.op.arguments())
    (x,) = kind.inputs
    if len(x) == 2:
        return 1, x[0], x[1], arguments["heads"]
    side = arguments["window"]
    return -(-x[1] // side) * -(-x[2] // side), side**2, x[0], arguments["heads"]


def _scores(kind: Signature) -> int:
    windows, tokens, _, heads = _windows(kind)
    return windows * heads * tokens**2


def _mixing(kind: Signature) -> int:
    windows, tokens, features, _ = _windows(kind)
    return windows * tokens**2 * features


def _projection(kind: Signature) -> int:
    windows, tokens, features, _ = _windows(kind)
    return windows * tokens * 4 * features**2


def _product_printed(kind: Signature) -> int:
    """As fvcore and calflops read einsum's work: numpy prints twice the multiply-accumulates in four digits."""
    return int(float(f"{2 * _mixing(kind):.3e}")) // 2


def _offsets(kind: Signature) -> int:
    """The offsets that a network makes position biases from, 0 without one."""
    return prod(kind.op.buffers(*kind.inputs).get("relative_coords_table", (0,))[:3])


def _position_scores(kind: Signature) -> int:
    _, tokens, _, heads = _windows(kind)
    return heads * tokens**2 if _offsets(kind) else 0


#: the quantities besides raw work, of one sample
_QUANTITIES: Mapping[str, Callable[[Signature], int]] = MappingProxyType(
    {
        "input": lambda kind: elements(kind.inputs[0]),
        "output": lambda kind: elements(kind.output),
        "input_2d": lambda kind: _in_plane(kind.inputs[0]),
        "output_2d": lambda kind: _in_plane(kind.output),
        "affine": lambda kind: elements(kind.output) if kind.weights else 0,
        "parameters": _parameters,
        "swept": lambda kind: elements(kind.weights["weight"]) * prod(kind.output[1:]),
        "layers": lambda kind: 1,
        "scores": _scores,
        "mixing": _mixing,
        "product_printed": _product_printed,
        "projection": _projection,
        "projection_parameters": lambda kind: _parameters(kind, ("qkv.", "proj.")),
        "position": lambda kind: _offsets(kind) * _parameters(kind, "cpb_mlp.", ".weight"),
        "position_hidden": lambda kind: _offsets(kind) * _parameters(kind, "cpb_mlp.0.bias"),
        "position_parameters": lambda kind: _parameters(kind, "cpb_mlp."),
        "position_scores": _position_scores,
    }
)


def _variants(graph: Graph) -> dict[int, str]:
    """By index, the nodes that are written in a way which some conventions count otherwise."""
    program = graph.program.of(graph.nodes) if graph.program else {}
    written = {index: writing for writing, indices in program.items() for index in indices}
    return {**memory_format.variants(graph), **written}
