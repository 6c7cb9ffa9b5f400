"""The backward pass of a layer: the products that make its gradients, derived apart from the engine's.

Each product of the forward pass has two operands, and the gradient of either costs as much as the product. So a layer
costs twice its forward pass, without the gradients that are not needed.
"""

from __future__ import annotations

from collections.abc import Callable

from cnncalc.counting.backward import Needs
from cnncalc.derivation.expression import Expression, Number, Symbol, ceil
from cnncalc.derivation.layer import Formula, Layer
from cnncalc.errors import UsageError

#: operators that are one product of the input with their weights
_ONE_PRODUCT = frozenset(("conv", "dwconv", "conv_transpose", "channel_conv", "linear"))


def backward(layer: Layer, macs: Expression, needed: Needs, times: Callable[[Expression], Expression]) -> Formula:
    """The line of the backward pass; ``macs`` is the forward pass, ``times`` makes one sample's count that of all."""
    if not macs.value:
        return Formula("backward_macs", Number(0))
    if not needed.output:
        return Formula("backward_macs", Number(0), "no gradient is needed")
    if layer.op.name in _ONE_PRODUCT:
        if needed.input:
            return Formula("backward_macs", 2 * macs, "input and weights")
        return Formula("backward_macs", macs, "weights alone: nothing before them is trained")
    left_out = [times(count) for count in _not_needed(layer, needed)]
    reason = "both operands of each product" + (", as far as they are made of weights" if left_out else "")
    cost: Expression = 2 * macs
    for count in left_out:
        cost = cost - count
    return Formula("backward_macs", cost, reason)


def _not_needed(layer: Layer, needed: Needs) -> list[Expression]:
    """Inside an attention, the gradients of an input that nothing trained lies before, and of the table of offsets.

    Raises:
        UsageError: nobody has derived the operator's gradients.
    """
    op = layer.op
    if op.name == "attention":
        t, f = layer.x.sizes
        return [] if needed.input else [t * f * 3 * f]
    if op.name != "window_attention":
        raise UsageError(f"no formula is known for the gradients of {op.name}")
    c, h, w = layer.x.sizes
    m = Symbol("m", op.window)
    counts = [] if needed.input else [ceil(h / m) * ceil(w / m) * m * m * c * 3 * c]
    if op.position == "mlp":
        counts.append((2 * m - 1) * (2 * m - 1) * 2 * Symbol("hidden", 512))
    return counts
