"""Parameters by kind, and buffers. Weights that several layers share count once, at the first."""

from __future__ import annotations

from cnncalc.graph.graph import Graph, Signature
from cnncalc.ops.base import Op
from cnncalc.values import Assumptions, elements

_NAMES = ("params", "weights", "biases", "norm_params", "other_params", "buffers", "running_stats")
_NOTHING = (0,) * len(_NAMES)


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[int]]:
    """The columns, a value for every node."""
    own = graph.per_node(_parameters)
    rows = [_NOTHING if node.shared is not None else row for node, row in zip(graph.nodes, own, strict=True)]
    return dict(zip(_NAMES, map(list, zip(*rows, strict=True)), strict=True))


def _parameters(signature: Signature) -> tuple[int, ...]:
    op = signature.op
    buffers = op.buffers(*signature.inputs)
    if not (signature.weights or buffers):
        return _NOTHING
    counts = {"weights": 0, "biases": 0, "norm_params": 0, "other_params": 0}
    for name, shape in signature.weights.items():
        counts[_counted_as(op, name)] += elements(shape)
    running = [elements(shape) for name, shape in buffers.items() if name.startswith("running_")]
    return (sum(counts.values()), *counts.values(), sum(map(elements, buffers.values())), sum(running))


def _counted_as(op: Op, tensor: str) -> str:
    if tensor in op.other_parameters:
        return "other_params"
    return "biases" if tensor in op.biases else op.parameter_kind
