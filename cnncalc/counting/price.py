"""Work under a convention, of nodes and of equal layers together: raw work and a few more quantities, weighed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import NamedTuple

from cnncalc.counting import memory_format
from cnncalc.counting.conventions import BY_ARGUMENTS, EITHER, SOME, VARIANTS, WAYS, Convention, Weights
from cnncalc.graph.graph import LIBRARIES, Graph, Input, Signature
from cnncalc.values import ValueShape, Work, elements


class Group(NamedTuple):
    """Layers with the same operator, shapes and PyTorch spelling.

    ``work`` is the raw work of one sample, ``names`` the keys that a convention may weigh them by, the most specific
    first, ``layers`` how many there are, ``values`` how many outputs they make in total.
    """

    signature: Signature
    work: Work
    names: tuple[str, ...]
    layers: int
    values: int


class Term(NamedTuple):
    """What a convention counts of one operator: ``elements`` of a quantity in ``layers`` layers, times a ``weight``.

    ``variant`` is the variant of the operator (``conventions.VARIANTS``) that the weight is for, None if it is for any.
    """

    op: str
    variant: str | None
    quantity: str
    layers: int
    elements: int
    weight: int
    work: int


def raw(signature: Signature) -> Work:
    """The raw work of one sample."""
    return signature.op.work(*signature.inputs, signature.output)


def price(signature: Signature, work: Work, convention: Convention, variant: str | None = None) -> int:
    """The work of one sample under a convention; ``work`` is its raw work, ``variant`` how the operator is written."""
    weights = _rule(_names(signature, variant), convention)[1] if convention.by_operator else convention.every
    if weights is convention.every:  # raw work alone, and most rows have more kinds of it than a layer does
        return sum([weights[name] * count for name, count in work.counts.items() if name in weights])
    return sum([weight * _quantity(signature, work, name) for name, weight in weights.items()])


def of_nodes(graph: Graph, works: Sequence[Work], convention: Convention) -> list[int]:
    """The work of every node on one sample, all values that it makes; ``works`` is the raw work of each signature."""
    prices = [price(signature, work, convention) for signature, work in zip(graph.signatures, works, strict=True)]
    found = [prices[node.signature] * node.count for node in graph.nodes]
    known: dict[tuple[int, str], int] = {}
    for index, variant in _variants(graph).items() if convention.by_operator else ():
        node = graph.nodes[index]
        key = (node.signature, variant)
        if variant in convention.by_operator:
            if key not in known:
                known[key] = price(graph.signatures[node.signature], works[node.signature], convention, variant)
            found[index] = known[key] * node.count
    return found


def groups(graph: Graph, with_side: bool = False) -> list[Group]:
    """The layers that a total covers, in the order of the network; the same under every convention."""
    variants = _variants(graph)
    found: dict[tuple[int, str | None], list[int]] = {}
    for node in graph.counted(with_side):
        sums = found.setdefault((node.signature, variants.get(node.index)), [0, 0])
        sums[0] += 1
        sums[1] += node.count
    counted = []
    for (index, variant), (layers, values) in found.items():
        signature = graph.signatures[index]
        counted.append(Group(signature, raw(signature), _names(signature, variant), layers, values))
    return counted


def terms(counted: Sequence[Group], convention: Convention, batch: int = 1) -> list[Term]:
    """What a convention counts, by operator, way of writing it, quantity and weight, in the order of the network.

    The sum of the terms' work is the convention's total, exactly.
    """
    found: dict[tuple[str, str, str, int], list[int]] = {}
    for signature, work, names, layers, values in counted:
        name, weights = _rule(names, convention)
        for quantity, weight in weights.items():
            value = _quantity(signature, work, quantity) * values * batch
            if value:
                sums = found.setdefault((signature.op.name, name, quantity, weight), [0, 0])
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
    for signature, work, names, _, _ in counted:
        if work.counts:
            name, weights = _rule(names, convention)
            worked[name] = worked.get(name, False) or any(_quantity(signature, work, quantity) for quantity in weights)
    return [name for name, is_counted in worked.items() if not is_counted]


def not_known(graph: Graph, convention: Convention) -> str | None:
    """Why the convention has no figure of the network; None where it has one."""
    if not convention.measured:
        for signature in graph.signatures:
            keyword = signature.op.name
            if "mac" not in convention.every and keyword not in convention.by_operator and raw(signature)["mac"]:
                return f"{keyword}: how {convention.name} counts this operator is not known"
        return None
    library, source, _ = graph.program
    if library not in convention.measured:
        return f"how {convention.name} counts {library}'s programs is not known"
    known = convention.measured[library] | (VARIANTS.keys() - BY_ARGUMENTS)
    for signature, _, names, _, _ in groups(graph, with_side=True):
        for name in reversed(names):
            if name in convention.unsettled:
                return f"{name}: {convention.unsettled[name]}"
            if name not in known and not isinstance(signature.op, Input):
                where = "" if library == LIBRARIES[0] else f" in {library}'s programs"
                return f"{name}: how {convention.name} counts this operator{where} is not known"
        for way in () if source else EITHER[library]:
            keyword, _, said = way.partition(" ")
            if keyword == names[-1] and _rule((way, *names), convention)[1] != _rule(names, convention)[1]:
                stated = f"written: {{{library}: {{source: FILE, {keyword}: {said}}}}}"
                return f"{keyword}: some of {library}'s files write it otherwise, which '{stated}' says"
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
    ways = [(name, holds) for name, holds in BY_ARGUMENTS.items() if name.startswith(f"{keyword} ")]
    own = [name for name, holds in ways if holds(dict(signature.op.arguments()))]
    return (*own, keyword) if variant is None else (variant, *own, keyword)


def _quantity(signature: Signature, work: Work, name: str) -> int:
    rule = _QUANTITIES.get(name)
    return work.counts.get(name, 0) if rule is None else rule(signature)


def _in_plane(shape: ValueShape) -> int:
    return elements(shape) if memory_format.is_plane(shape) else 0


def _parameters(signature: Signature, prefix: str | tuple[str, ...] = "", suffix: str = "") -> int:
    named = signature.weights.items()
    return sum([elements(tensor) for name, tensor in named if name.startswith(prefix) and name.endswith(suffix)])


def _windows(signature: Signature) -> tuple[int, int, int, int]:
    """Windows, tokens in each, features and heads of an attention."""
    arguments = dict(signature.op.arguments())
    (x,) = signature.inputs
    if x.layout == "sequence":
        return 1, x[0], x[1], arguments["heads"]
    side = arguments["window"]
    return -(-x[1] // side) * -(-x[2] // side), side**2, x[0], arguments["heads"]


def _scores(signature: Signature) -> int:
    windows, tokens, _, heads = _windows(signature)
    return windows * heads * tokens**2


def _mixing(signature: Signature) -> int:
    windows, tokens, features, _ = _windows(signature)
    return windows * tokens**2 * features


def _projection(signature: Signature) -> int:
    windows, tokens, features, _ = _windows(signature)
    return windows * tokens * 4 * features**2


def _product_printed(signature: Signature) -> int:
    """As fvcore and calflops read einsum's work: numpy prints twice the multiply-accumulates in four digits."""
    return int(float(f"{2 * _mixing(signature):.3e}")) // 2


def _offsets(signature: Signature) -> int:
    """The offsets that a network makes position biases from, 0 without one."""
    return prod(signature.op.buffers(*signature.inputs).get("relative_coords_table", (0,))[:3])


def _position_scores(signature: Signature) -> int:
    _, tokens, _, heads = _windows(signature)
    return heads * tokens**2 if _offsets(signature) else 0


#: the quantities besides raw work, of one sample
_QUANTITIES: Mapping[str, Callable[[Signature], int]] = MappingProxyType(
    {
        "input": lambda one: elements(one.inputs[0]),
        "output": lambda one: elements(one.output),
        "input_2d": lambda one: _in_plane(one.inputs[0]),
        "output_2d": lambda one: _in_plane(one.output),
        "affine": lambda one: elements(one.output) if one.weights else 0,
        "parameters": _parameters,
        "swept": lambda one: elements(one.weights["weight"]) * prod(one.output[1:]),
        "layers": lambda one: 1,
        "scores": _scores,
        "mixing": _mixing,
        "product_printed": _product_printed,
        "projection": _projection,
        "projection_parameters": lambda one: _parameters(one, ("qkv.", "proj.")),
        "projection_by_window": lambda one: _windows(one)[0] * _parameters(one, ("qkv.", "proj.")),
        "position": lambda one: _offsets(one) * _parameters(one, "cpb_mlp.", ".weight"),
        "position_hidden": lambda one: _offsets(one) * _parameters(one, "cpb_mlp.0.bias"),
        "position_parameters": lambda one: _parameters(one, "cpb_mlp."),
        "position_scores": _position_scores,
    }
)


def ways(graph: Graph) -> list[str]:
    """The variants of operators that the network has for how its program is written, in its order."""
    return list(dict.fromkeys(way for _, way in sorted(_written(graph).items())))


def _variants(graph: Graph) -> dict[int, str]:
    """By index, the nodes that are written in a way which some conventions count otherwise."""
    return {**memory_format.variants(graph), **_written(graph)}


def _written(graph: Graph) -> dict[int, str]:
    """Those that the program writes so: what its library does everywhere, then what the program does."""
    program = graph.program
    some: set[int] = set()
    if SOME.intersection(WAYS[program.library]):
        last, _ = memory_format.channels_last(graph)
        some = _gates(graph) | {node.index for node in graph.nodes if any(last[index] for index in node.inputs)}
    found: dict[int, str] = {}
    for way in WAYS[program.library]:
        same = [node.index for node in graph.nodes if node.op.name == way.split()[0]]
        found |= dict.fromkeys([index for index in same if way not in SOME or index in some], way)
    for way, indices in program.of(graph.nodes).items():
        found |= dict.fromkeys(indices, way)
    return found


def _gates(graph: Graph) -> set[int]:
    """The nodes whose value ends, on a path of its own, as the factor of a product with what it is made of."""
    readers: list[list[int]] = [[] for _ in graph.nodes]
    for node in graph.nodes:
        for index in node.inputs:
            readers[index].append(node.index)
    multiplies = graph.per_node(lambda one: len(one.inputs) > 1 and raw(one) == Work(mul=elements(one.output)))
    products: list[int | None] = [None] * len(graph.nodes)  # the first on the path of each value, if it has one
    found = set()
    for node in reversed(graph.nodes):
        if len(readers[node.index]) == 1:
            (reader,) = readers[node.index]
            products[node.index] = product = reader if multiplies[reader] else products[reader]
            if product is not None and node.inputs and node.inputs[0] in graph.nodes[product].inputs:
                found.add(node.index)
    return found
