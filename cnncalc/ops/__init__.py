"""The operators: one frozen class each, one file per family, standard library only.

What enters here is exact arithmetic on shapes: no float touches a dimension or a count, no rule knows a counting
convention, a node's name or a file. Families never import each other; what they share is in ``base`` and ``window``.
"""

from cnncalc.ops import (
    activation,
    attention,
    channel,
    conv,
    detection,
    join,
    linear,
    norm,
    pool,
    rearrange,
    scaling,
    structure,
)
from cnncalc.ops.base import OPS

__all__ = [
    "OPS",
    "activation",
    "attention",
    "channel",
    "conv",
    "detection",
    "join",
    "linear",
    "norm",
    "pool",
    "rearrange",
    "scaling",
    "structure",
]
