"""How values lie in memory where that changes what PyTorch runs: maps with channels last, tokens that lie transposed.

Inferred from what stands around.
"""

from __future__ import annotations

from cnncalc.counting.conventions import VARIANTS
from cnncalc.graph.graph import Graph, Signature
from cnncalc.values import ValueShape


def variants(graph: Graph) -> dict[int, str]:
    """By index, the operators that are written otherwise for it (:data:`cnncalc.counting.conventions.VARIANTS`).

    The tokens of a map lie as the map does, which has channels first; a copy of them does not.
    """
    last, found = channels_last(graph)
    if not any(one.op.memory_format == "transposed" for one in graph.signatures):
        return found
    transposed = [False] * len(graph.nodes)
    for node in graph.nodes:
        form, writing = node.op.memory_format, f"{node.op.name} of transposed tokens"
        if form == "transposed":
            transposed[node.index] = not last[node.inputs[0]] and min(node.shape) > 1
        elif len(node.inputs) == 1 and transposed[node.inputs[0]]:
            transposed[node.index] = form == "kept"
            if writing in VARIANTS:
                found[node.index] = writing
    return found


def channels_last(graph: Graph) -> tuple[list[bool], dict[int, str]]:
    """Whether each node's value is a map with channels last, and by index what is written otherwise for it.

    Channels are last from a layer norm or window attention of a map on, through what works value by value, and a sum
    of such values; a 1x1 convolution there is a linear layer. What feeds a larger convolution or a flattening has
    channels first, and so has its layer norm.
    """
    if not any(one.op.memory_format == "last" and is_plane(one.output) for one in graph.signatures):
        return [False] * len(graph.nodes), {}
    pointwise = graph.per_node(_is_pointwise)
    first = [False] * len(graph.nodes)
    for node in reversed(graph.nodes):
        asks = node.op.memory_format == "first" and not pointwise[node.index]
        if asks or (first[node.index] and node.op.memory_format == "kept" and len(node.inputs) == 1):
            for index in node.inputs:
                first[index] = True
    last = [False] * len(graph.nodes)
    found: dict[int, str] = {}
    for node in graph.nodes:
        before = bool(node.inputs) and all(last[index] for index in node.inputs)
        if not is_plane(node.shape):
            continue
        if node.op.memory_format == "last":
            writing = f"{node.op.name} channels first"
            if first[node.index] and writing in VARIANTS:
                found[node.index] = writing
            else:
                last[node.index] = True
        elif before and pointwise[node.index]:
            last[node.index] = True
            found[node.index] = f"{node.op.name} as linear"
        else:
            last[node.index] = before and node.op.memory_format == "kept"
    return last, found


def is_plane(shape: ValueShape) -> bool:
    """Whether it is a map of two spatial axes."""
    return shape.layout == "map" and len(shape) == 3


def _is_pointwise(signature: Signature) -> bool:
    """Whether a convolution of a map joins the channels of each pixel alone, all of them, as a linear layer does."""
    if f"{signature.op.name} as linear" not in VARIANTS or not is_plane(signature.output):
        return False
    (x,) = signature.inputs
    return signature.weights["weight"] == (signature.output[0], x[0], 1, 1) and signature.output[1:] == x[1:]
