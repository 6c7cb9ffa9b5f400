"""Whether a shape of two sizes is a sequence ``[tokens, features]`` or a map ``[channels, length]``: for its words."""

from __future__ import annotations

from cnncalc.graph.graph import Graph
from cnncalc.ops.base import Op

_OF_SEQUENCES = frozenset(("linear", "attention", "class_token", "feature_map", "select"))
_OF_MAPS = frozenset(
    (
        "conv", "dwconv", "conv_transpose", "maxpool", "avgpool", "lppool", "adaptive_avgpool", "adaptive_maxpool",
        "global_avgpool", "global_maxpool", "upsample", "bn", "groupnorm", "instancenorm", "lrn", "channel_mean",
        "channel_max", "channel_conv", "pad", "crop", "shuffle", "noise", "tokens",
    )
)  # fmt: skip


def sequences(graph: Graph) -> list[tuple[bool, bool]]:
    """For every node, whether it takes sequences and whether it makes one; the network's input is a map."""
    found: list[tuple[bool, bool]] = []
    for node in graph.nodes:
        own = _says(node.op)
        takes = own if own is not None else bool(node.inputs) and found[node.inputs[0]][1]
        makes = node.op.name == "tokens" if node.op.name in ("tokens", "feature_map", "parameter") else takes
        found.append((takes, makes))
    return found


def _says(op: Op) -> bool | None:
    """What the operator itself takes its input for; None where it doesn't matter to it."""
    if op.name == "slice":
        return bool(dict(op.arguments())["axis"] == "tokens")
    return True if op.name in _OF_SEQUENCES else False if op.name in _OF_MAPS else None
