"""What other tools are known to count in another way."""

from __future__ import annotations

from typing import NamedTuple


class Limit(NamedTuple):
    """What a peer is known to count in another way. ``operators`` are those whose figures then differ; without any,
    ``handling`` says how it is asked so that they do not.
    """

    peer: str
    quantity: str
    fault: str
    operators: frozenset[str] = frozenset()
    handling: str = ""


LIMITS = (
    Limit(
        "fvcore",
        "activations",
        "each product inside attention counts, not the output alone",
        operators=frozenset({"attention", "window_attention"}),
    ),
    Limit(
        "fvcore",
        "macs",
        "batch norm, pooling and enlarging count too, in units of their own",
        handling="it is asked for convolutions, linear layers and matrix products alone",
    ),
    Limit(
        "fvcore",
        "macs",
        "fused attention counts nothing",
        handling="both products are written out for it",
    ),
    Limit(
        "FlopCounterMode",
        "macs",
        "multi-head attention counts nothing on the CPU in evaluation, where it is one fused kernel",
        handling="the built network is counted on the device meta, where both products are written out",
    ),
    Limit(
        "FakeTensorMode",
        "memory",
        "channel shuffle in groups of one, or in one, is a view, where the kernel of a CPU copies",
        handling="the tracker copies such a view",
    ),
    Limit(
        "FakeTensorMode",
        "memory",
        "group norm of one sample whose channels lie last has strides of its own, where the kernel of a CPU keeps them",
        handling="the tracker lays it as its input lies",
    ),
)
