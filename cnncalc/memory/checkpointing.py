"""Activation checkpointing: parts of a network that training runs again instead of keeping their values.

What is kept is counted as tensors of the run. The state of the random generator that ``torch.utils.checkpoint`` saves
beside them, so that dropout drops the same values again, is in the memory of the host and not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import isqrt
from typing import NamedTuple

from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.counting.price import price, raw
from cnncalc.errors import UsageError, suggest
from cnncalc.graph.graph import Graph, Node
from cnncalc.graph.walk import cuts, last_uses, overwritten

#: the word for segments of about equal length, as many as the square root of the network's
SQRT = "sqrt"


class Segment(NamedTuple):
    """The layers from index ``first`` up to, without, ``stop``; ``path`` is that of the spec, or a range of two.

    As run by ``torch.utils.checkpoint.checkpoint(use_reentrant=False)``: the backward pass keeps what they read from
    outside, and runs them again before it needs what they would have saved.
    """

    path: str
    first: int
    stop: int


def resolve(graph: Graph, words: Iterable[str], with_side: bool = False) -> tuple[Segment, ...]:
    """The segments that words ask for, in the order of the network; of nested ones, the outer.

    A word is ``sqrt`` (see :func:`sqrt`), the name of a block, all of whose instances are segments, or a path, which is
    one.

    Raises:
        UsageError: no block, and no layers below a path, of this name; or only side outputs, which are not run.
    """
    found: set[Segment] = set()
    by_path = _spans(graph)
    for word in words:
        paths = [path for path, name in graph.blocks.items() if name == word] or [word]
        spans = [by_path[path] for path in paths if path in by_path]
        if word == SQRT:
            spans = sqrt(graph, with_side)
        elif not spans:
            known = [SQRT, *dict.fromkeys(graph.blocks.values()), *(path for path in graph.paths if path != "input")]
            hint = suggest(word, known) or f"{SQRT}, a block's name or a path: cnncalc shapes NETWORK --full lists them"
            raise UsageError(f"no block, stage or layer '{word}' to checkpoint", hint=hint)
        elif not any(_nodes(graph, span, with_side) for span in spans):
            raise UsageError(f"'{word}' is in a side output, which is not run", hint="add --with-side")
        found.update(spans)
    return outermost(found)


def outermost(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Those that lie in no other, in the order of the network.

    Raises:
        UsageError: two overlap, and neither lies in the other.
    """
    outer: list[Segment] = []
    for segment in sorted(segments, key=lambda segment: (segment.first, -segment.stop)):
        if not outer or segment.first >= outer[-1].stop:
            outer.append(segment)
        elif segment.stop > outer[-1].stop:
            raise UsageError(f"checkpoints '{outer[-1].path}' and '{segment.path}' overlap")
    return tuple(outer)


def candidates(graph: Graph, with_side: bool = False) -> tuple[Segment, ...]:
    """What one would checkpoint: blocks, stages and joins with one input and one output.

    These are all instances of blocks, and of the paths of the top level those that stand for more than an operator with
    what follows it (``norm``, ``act``). Some lie within others: see :func:`outermost`.
    """
    nodes = graph.nodes
    top = dict.fromkeys(node.path.partition(".")[0] for node in nodes)
    by_path, used = _spans(graph), last_uses(graph, with_side)
    found = []
    for path in dict.fromkeys((*graph.blocks, *top)):
        segment = by_path.get(path)
        if segment is None or segment.stop - segment.first < 2 or nodes[segment.first].path == path:
            continue
        if len(inputs(graph, segment, with_side)) == len(_outputs(graph, segment, with_side, used)) == 1:
            found.append(segment)
    return tuple(sorted(found, key=lambda segment: (segment.first, -segment.stop)))


def inputs(graph: Graph, segment: Segment, with_side: bool = False) -> list[int]:
    """The values that a segment reads from outside, by index."""
    read = (index for node in _nodes(graph, segment, with_side) for index in node.inputs)
    return list(dict.fromkeys(index for index in read if not segment.first <= index < segment.stop))


def outputs(graph: Graph, segment: Segment, with_side: bool = False) -> list[int]:
    """The values of a segment that are read outside, or are the network's, by index."""
    return _outputs(graph, segment, with_side, last_uses(graph, with_side))


def _outputs(graph: Graph, segment: Segment, with_side: bool, used: Sequence[int]) -> list[int]:
    return [node.index for node in _nodes(graph, segment, with_side) if used[node.index] >= segment.stop]


def sqrt(graph: Graph, with_side: bool = False) -> list[Segment]:
    """Segments for memory that goes with the square root of the depth (Chen et al. 2016, arXiv:1604.06174).

    The network is cut wherever one value alone is alive, but not before an operator that overwrites this value. That
    makes it a chain of n functions, of which ``checkpoint_sequential(functions, isqrt(n), x)`` makes the segments: each
    of ``n // isqrt(n)`` functions, and the last, which has the remainder too, is none: its values are needed at once.
    """
    operators = graph.operators(with_side)
    replaced = overwritten(graph, with_side)
    written = {index for node in operators for index in _written(graph, replaced, node)}
    ends = set(cuts(graph, with_side)) - written
    inner = [after.index for before, after in pairwise(operators) if before.index in ends]
    functions = list(pairwise([operators[0].index, *inner, len(graph.nodes)]))
    count = isqrt(len(functions))
    size = len(functions) // max(count, 1)
    starts = range(0, size * (count - 1), max(size, 1))
    nodes = graph.nodes
    return [
        Segment(f"{nodes[first].path} ... {nodes[stop - 1].path}", first, stop)
        for first, stop in ((functions[start][0], functions[start + size - 1][1]) for start in starts)
    ]


def protect(graph: Graph, replaced: Sequence[int | None], segments: Sequence[Segment]) -> list[int | None]:
    """``replaced`` (:func:`~cnncalc.graph.walk.overwritten`) without what would overwrite the input of a segment.

    The second run would start from something else; PyTorch refuses that.
    """
    kept = {index for segment in segments for index in inputs(graph, segment, with_side=True)}
    result = list(replaced)
    for node in graph.nodes:
        if not kept.isdisjoint(_written(graph, result, node)):
            result[node.index] = None
    return result


def recomputed_macs(graph: Graph, layers: Iterable[int], batch: int) -> int:
    """Multiply-accumulates of layers that are run again (``Trace.recomputed``), counted as those of a forward pass.

    The last layer of a segment is none of them where it makes nothing that the backward pass needs. One of several
    steps counts as a whole, even if the second run ends within it.
    """
    macs = CONVENTIONS["macs"]
    prices = graph.per_node(lambda kind: price(kind, raw(kind), macs))
    return sum(prices[index] * graph.nodes[index].count for index in layers) * batch


def _spans(graph: Graph) -> dict[str, Segment]:
    """By path, the layers at and below it, where no others lie between them."""
    own: dict[str, list[int]] = {}
    for node in graph.operators():
        path = node.path
        while path:
            own.setdefault(path, []).append(node.index)
            path = path.rpartition(".")[0]
    return {path: Segment(path, at[0], at[-1] + 1) for path, at in own.items() if at[-1] - at[0] < len(at)}


def _nodes(graph: Graph, segment: Segment, with_side: bool) -> list[Node]:
    nodes = graph.nodes[segment.first : segment.stop]
    return [node for node in nodes if with_side or node.side is None]


def _written(graph: Graph, replaced: Sequence[int | None], node: Node) -> Iterator[int]:
    """The values that an operator writes over: what it is given, and what that is a view of or was written over."""
    shown = replaced[node.index]
    while shown is not None:
        yield shown
        before = graph.nodes[shown]
        shown = before.inputs[0] if before.op.result == "view" and before.inputs else replaced[shown]
