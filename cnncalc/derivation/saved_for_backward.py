"""What training keeps of a layer for its backward pass, beside its weights: whose values they are, and their sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from cnncalc.derivation.expression import Expression, Number, Symbol, ceil, product, total
from cnncalc.derivation.layer import Formula, Layer
from cnncalc.memory.peaks import Held

#: what an operator makes and keeps that is not its output
_MADE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("bn", "layernorm", "groupnorm", "instancenorm"), "mean and deviation"),
        **dict.fromkeys(("maxpool", "global_maxpool"), "where each maximum was found, 8 bytes each"),
        **dict.fromkeys(("dropout", "stochastic_depth"), "the mask of dropout"),
    }
)


def saved(
    layer: Layer,
    index: int,
    held: Iterable[Held],
    size: Expression,
    times: Callable[[Expression], Expression],
    overwritten: int | None,
) -> Formula:
    """The line of a layer.

    Args:
        layer: the operator and its shapes.
        index: that of its node.
        held: what its backward pass needs; parameters and buffers are left out.
        size: bytes of a value.
        times: makes one sample's count that of all.
        overwritten: the input that the result is written over, if any.
    """
    x, y = times(layer.x.values()) * size, times(layer.y.values()) * size
    positions = product(*layer.x.positions())
    rows = [times(positions) * size, times(layer.x.features) * size]
    made = [y, times(layer.y.values()), times(layer.y.values()) * 8, layer.x.features * size, x, *rows]
    if layer.op.name == "attention":
        heads = Symbol("heads", layer.op.heads)
        made += [3 * x, times(heads * (ceil(positions / 32) * 32)) * 4, times(heads * positions) * 4]
    found: dict[str, list[Expression]] = {}
    for one in held:
        if one.category in ("parameters", "buffers"):
            continue
        if one.layer == index:
            same = "a copy of its input, which is overwritten" if overwritten is not None else "its output"
            name = _MADE.get(layer.op.name, same if one.bytes == y.value else "values that it makes on the way")
            known = made
        else:
            name = f"the values of {one.path}" if one.layer else "the network's input"
            name = f"its output, which lies over {name}" if overwritten is not None else name
            known = [x, y, *rows]
        fitting = (expression for expression in known if expression.value == one.bytes)
        found.setdefault(name, []).append(next(fitting, Number(one.bytes)))
    terms = [term for expressions in found.values() for term in _counted(expressions)]
    return Formula("saved_bytes", total(*terms), ", ".join(found) if found else "nothing is kept")


def _counted(expressions: Sequence[Expression]) -> list[Expression]:
    """Equal ones together: ``2*c_in*b``."""
    by_value: dict[int, list[Expression]] = {}
    for expression in expressions:
        by_value.setdefault(expression.value, []).append(expression)
    return [same[0] if len(same) == 1 else len(same) * same[0] for same in by_value.values()]
