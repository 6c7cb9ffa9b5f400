"""What the arguments of operators mean: for the guide, ``cnncalc help`` and editors.

A word means one thing wherever operators share it; an operator that means something else by it, or has a word of its
own, says so in ``means``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cnncalc.ops.base import Op

_SHARED: Mapping[str, str] = MappingProxyType(
    {
        "affine": "whether it learns a scale and a shift for every channel",
        "after": "pixels after each spatial axis; as many as space unless said",
        "axis": "the axis it works along: channels, tokens, features, or the number of an axis of a tensor",
        "bias": "whether a bias is added to every output channel",
        "ceil": "whether the size is rounded up, so that the last window may be cut",
        "channels": "channels before and after the channels",
        "dilation": "pixels from one tap of the window to the next",
        "eps": "what is added to the variance before its root",
        "factor": "how many times larger or smaller each spatial axis becomes",
        "groups": "parts of the channels that do not see each other",
        "heads": "heads of the attention; they divide the features",
        "kernel": "pixels of the window along each spatial axis, one number or one per axis",
        "out": "output channels, or features of a sequence or a vector",
        "pad": "zeros around the map: a number, one per axis, same, same_tf (TensorFlow's rule) or full",
        "per_channel": "whether every channel has its own value, not one for all",
        "size": "the spatial size that comes out, one number or one per axis",
        "space": "pixels before and after each spatial axis",
        "stride": "pixels from one window to the next; of a pool the window unless said",
    }
)


def meaning(op: type[Op], argument: str) -> str:
    """What an argument of an operator means."""
    return op.means.get(argument) or _SHARED[argument]


def about(op: type[Op]) -> str:
    """What an operator does, in a line: the first paragraph of its documentation."""
    return " ".join((op.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")
