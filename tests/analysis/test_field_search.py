"""Receptive fields of random networks against two references that know nothing of the engine: which pixels reach which
value, position by position, and the gradients of the network in PyTorch.

``python -m tests.analysis.test_field_search 3000`` tries as many networks as are asked for.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from cnncalc.analysis import receptive_field
from cnncalc.errors import SpecError
from cnncalc.graph.graph import Graph, Node
from cnncalc.values import Assumptions
from tests.conftest import network

LENGTH = 180
NETWORKS = 300


class Seen(NamedTuple):
    """Of a value: the pixels that reach it, a bit each, and whether something outside of the input would too."""

    pixels: int
    cut: bool


NOTHING = Seen(0, False)


def together(values: list[Seen]) -> Seen:
    pixels = 0
    for value in values:
        pixels |= value.pixels
    return Seen(pixels, any(value.cut for value in values))


def read(x: list[Seen], positions: list[int]) -> Seen:
    return together([x[i] if 0 <= i < len(x) else Seen(0, True) for i in positions])


def one(value: Any) -> int:
    return value if isinstance(value, int) else value[0]


def reaching(graph: Graph) -> list[list[Seen] | None]:
    """For every node, what reaches each of its values along the only spatial axis; None of a constant."""
    found: list[list[Seen] | None] = []
    for node in graph.nodes:
        xs = [found[index] for index in node.inputs]
        found.append(_of(graph, node, xs))
    return found


def _of(graph: Graph, node: Node, xs: list[list[Seen] | None]) -> list[Seen] | None:
    op, size = node.op, node.shape[-1]
    if op.name == "input":
        return [Seen(1 << i, False) for i in range(size)]
    if op.name == "parameter":
        return None
    given = [x for x in xs if x is not None]
    if not given:
        return None
    x, n = given[0], len(given[0])
    if op.name in ("add", "mul", "concat", "max"):
        return [together([x[0] if len(x) == 1 else x[i] for x in given]) for i in range(size)]
    if op.name in ("conv", "dwconv", "maxpool", "avgpool", "lppool"):
        kernel, dilation = one(op.kernel), one(getattr(op, "dilation", 1))
        stride = one(op.stride) if op.stride is not None else kernel
        reach = dilation * (kernel - 1)
        before = reach // 2 if op.pad == "same" else op.pad
        if op.pad == "same_tf":
            before = max(0, (size - 1) * stride + reach + 1 - n) // 2
        return [read(x, [i * stride - before + t * dilation for t in range(kernel)]) for i in range(size)]
    if op.name == "conv_transpose":
        kernel, stride, pad, dilation = map(one, (op.kernel, op.stride, op.pad, op.dilation))
        return [
            read(
                x, [(i + pad - q * dilation) // stride for q in range(kernel) if (i + pad - q * dilation) % stride == 0]
            )
            for i in range(size)
        ]
    if op.name == "upsample":
        return [x[i // one(op.factor)] for i in range(size)]
    if op.name in ("adaptive_avgpool", "adaptive_maxpool"):
        return [together(x[i * n // size : -(-(i + 1) * n // size)]) for i in range(size)]
    if op.name in ("global_avgpool", "global_maxpool"):
        return [together(x)]
    if op.name == "pad":
        space, after = one(op.space), one(op.space if op.after is None else op.after)
        return [*[Seen(0, True)] * space, *x, *[Seen(0, True)] * after]
    if op.name == "crop":
        space = one(op.space)
        return x[space : space + size]
    if op.name == "slice":
        return x[one(op.start) :: one(op.step)][:size]
    assert len(x) == size, op
    return x


#: layers by chance; each a text and what a size becomes, roughly
def layers(chance: random.Random) -> str:
    """Some layers, of which one enlarges."""
    parts = [_layer(chance) for _ in range(chance.randint(2, 6))]
    parts.insert(chance.randint(0, len(parts)), _enlargement(chance))
    return f"[{', '.join(parts)}]"


def _enlargement(chance: random.Random) -> str:
    stride = chance.choice([2, 2, 3, 4])
    kernel, dilation = chance.randint(1, 5), chance.choice([1, 1, 1, 2, 3])
    pad = chance.randint(0, min(2, kernel - 1))
    return chance.choice([
        f"{{upsample: {stride}}}",
        f"{{conv_transpose: 2, kernel: {stride}, stride: {stride}}}",
        f"{{conv_transpose: 2, kernel: {kernel}, stride: {stride}, pad: {pad}, dilation: {dilation}}}",
    ])  # fmt: skip


def _layer(chance: random.Random) -> str:
    kernel, stride, dilation = chance.randint(1, 5), chance.choice([1, 1, 2, 2, 3]), chance.choice([1, 1, 1, 2, 3])
    odd = kernel | 1
    return chance.choice([
        f"{{conv: 2, kernel: {kernel}, stride: {stride}, dilation: {dilation}}}",
        f"{{conv: 2, kernel: {odd}, stride: {stride}, pad: same}}",
        f"{{conv: 2, kernel: {kernel}, stride: {stride}, pad: same_tf}}",
        f"{{avgpool: {kernel}}}",
        f"{{avgpool: {kernel}, stride: {stride}}}",
        f"{{slice: space, start: {chance.randint(0, 3)}, step: {stride}}}",
        f"{{crop: {chance.randint(1, 3)}}}",
        f"{{pad: {chance.randint(1, 3)}}}",
        f"{{add: {{a: [{{conv: 2, kernel: {odd}, pad: same, dilation: {dilation}}}], b: identity}}}}",
        "{concat: {a: [{upsample: 2}], b: [{conv_transpose: 2, kernel: 2, stride: 2}]}}",
        "{add: {a: [{avgpool: 2}, {upsample: 2}], b: [{conv: 2, kernel: 2, stride: 2}, {upsample: 2}]}}",
        "relu",
        _enlargement(chance),
    ])  # fmt: skip


def built(seed: int) -> Graph | None:
    """A random network; None where its layers do not fit, or grow too large."""
    chance = random.Random(seed)
    try:
        graph = network(f"input: [2, {LENGTH}]\nlayers: {layers(chance)}").graph
    except SpecError:
        return None
    return graph if all(node.shape[-1] <= 4000 for node in graph.nodes) else None


def widths(seen: list[Seen]) -> list[int]:
    """Pixels from the first to the last one that each value sees, of those that see none beyond the input's ends."""
    return [
        value.pixels.bit_length() - (value.pixels & -value.pixels).bit_length() + 1
        for value in seen
        if not value.cut and value.pixels
    ]


def differing(graph: Graph) -> tuple[int, list[tuple[str, int, int]]]:
    """How many values were compared, and what differs: the path, our field, and the widest that is reached."""
    fields = receptive_field.measure(graph, Assumptions())["receptive_field"]
    compared, found = 0, []
    for node, field, seen in zip(graph.nodes, fields, reaching(graph), strict=True):
        if seen is None or field is None:
            continue
        whole = widths(seen)
        if len(whole) < 40:  # the ends cut too many to be sure that one of each turn is left
            continue
        compared += 1
        if field[0] != max(whole):
            found.append((node.path, field[0], max(whole)))
    return compared, found


def searched(count: int, first: int = 0) -> tuple[int, int, list[Any]]:
    """So many networks: how many were built, how many fields were compared, and what differs."""
    networks, compared, found = 0, 0, []
    for seed in range(first, first + count):
        graph = built(seed)
        if graph is not None:
            networks += 1
            more, differ = differing(graph)
            compared += more
            found += [(seed, *one) for one in differ]
    return networks, compared, found


def test_the_reference_by_hand() -> None:
    """Three rows of an enlargement by 4 lie on two of the pooled ones."""
    graph = network("input: [1, 64]\nlayers: [{avgpool: 4}, {upsample: 4}, {conv: 1, kernel: 3}]").graph
    assert [max(widths(seen)) for seen in reaching(graph)] == [1, 4, 4, 8]
    assert differing(graph) == (3, [])


def test_random_networks_with_enlargements() -> None:
    networks, compared, found = searched(NETWORKS)
    assert found == []
    assert networks > 150
    assert compared > 600


def test_gradients_reach_what_the_reference_says(run: Callable[[Graph, Any], Any]) -> None:
    """Value by value and pixel by pixel, also at the ends, in 200 networks."""
    import torch

    proved = 0
    for seed in range(10_000, 10_400):
        graph = built(seed)
        if graph is None or max(node.shape[-1] for node in graph.nodes) > 400:
            continue
        x = torch.rand(1, 2, LENGTH, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) + 1
        gradients = torch.autograd.functional.jacobian(
            lambda x, graph=graph: run(graph, x).sum((0, 1)), x, vectorize=True
        )
        reached = (gradients.sum((1, 2)) != 0).tolist()
        wanted = reaching(graph)[-1]
        assert wanted is not None
        bits = [sum(1 << pixel for pixel, there in enumerate(row) if there) for row in reached]
        assert bits == [seen.pixels for seen in wanted], seed
        proved += 1
        if proved == 200:
            return
    raise AssertionError(f"only {proved} networks were built")


if __name__ == "__main__":
    print(searched(int(sys.argv[1])))
