"""The counting conventions: data. A convention weighs the kinds of raw work; what it leaves out weighs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from cnncalc.values import WORK_KINDS


class Convention(NamedTuple):
    """A counting rule: the weight of each kind of raw work, and where the rule comes from."""

    name: str
    rule: str
    source: str
    weights: Mapping[str, int]


_ROWS = (
    Convention(
        "macs",
        "1 per multiply-accumulate of convolutions, linear layers and matrix products; no bias, nothing else",
        "what He et al. 2015 and most papers since call FLOPs",
        MappingProxyType({"mac": 1}),
    ),
    Convention(
        "flops",
        "2 per multiply-accumulate and 1 for every other operation: biases, normalization, activations, pools, joins",
        "the arithmetic of the operators, as their pages in the guide state it",
        MappingProxyType({kind: 2 if kind == "mac" else 1 for kind in WORK_KINDS}),
    ),
)

#: every convention by its name
CONVENTIONS: Mapping[str, Convention] = MappingProxyType({row.name: row for row in _ROWS})
