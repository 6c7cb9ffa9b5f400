"""What cuts, extends or reorders values."""

from __future__ import annotations

from typing import Any

from cnncalc.derivation.expression import Expression, Number, Symbol, ceil, product
from cnncalc.derivation.layer import Layer, Parts, Step, rule

_ONE = Number(1)
_NONE = Number(0)


@rule("flatten")
def _flatten(layer: Layer) -> Parts:
    return Parts([layer.x.values()], reach=None)


@rule("tokens")
def _tokens(layer: Layer) -> Parts:
    return Parts([product(*layer.x.axes), layer.x.features], reach=None)


@rule("feature_map")
def _feature_map(layer: Layer) -> Parts:
    size = layer.op.size
    sizes = (size, size) if isinstance(size, int) else size
    axes = [Symbol(n.name, size) for n, size in zip(layer.y.axes, sizes, strict=True)]
    return Parts([layer.x.features, *axes], reach=None)


@rule("select")
def _select(layer: Layer) -> Parts:
    return Parts([layer.x.features], reach=None)


@rule("class_token")
def _class_token(layer: Layer) -> Parts:
    tokens, features = layer.x.sizes
    return Parts([tokens + 1, features], {"other_params": features}, reach=None)


@rule("parameter")
def _parameter(layer: Layer) -> Parts:
    op = layer.op
    given = (op.shape_,) if isinstance(op.shape_, int) else op.shape_
    sizes = [Symbol(n.name, size) for n, size in zip(layer.y.sizes, given, strict=True)]
    axes, features = (sizes[1:], sizes[0]) if layer.y.layout == "map" else (sizes[:-1], sizes[-1])
    return Parts([*sizes], {"other_params": product(*axes, features)}, reach=None)


@rule("slice")
def _slice(layer: Layer) -> Parts:
    op, x = layer.op, layer.x
    space = op.axis == "space"
    tokens = op.axis == "tokens"
    cut = x.axes if space or tokens else [x.features]
    count = len(cut)

    def each(value: Any) -> tuple[Any, ...]:
        return (value,) * count if value is None or isinstance(value, int) else tuple(value)

    taken: list[Expression] = []
    reach = []
    for n, start, stop, step in zip(cut, each(op.start), each(op.stop), each(op.step), strict=True):
        letter = n.name.partition("_")[0]
        end = n if stop is None else Symbol(f"stop_{letter}", stop)
        length = end - Symbol(f"start_{letter}", start)
        apart = Symbol(f"s_{letter}", step)
        taken.append(length if step == 1 else ceil(length / apart))
        reach.append(Step(_NONE, apart))
    sizes = [x.features, *taken] if space else [*taken, x.features] if tokens else x.with_features(taken[0])
    return Parts(sizes, reach=reach if space else ())


def _sides(layer: Layer) -> list[tuple[Expression, Symbol, Symbol]]:
    """Size, and what is put or cut before and after, of every axis."""
    op = layer.op
    before = layer.per_axis("before", op.space)
    after = layer.per_axis("after", op.space if op.after is None else op.after)
    return list(zip(layer.x.axes, before, after, strict=True))


@rule("pad")
def _pad(layer: Layer) -> Parts:
    channels = layer.op.channels
    more = (channels, channels) if isinstance(channels, int) else channels
    first: Expression = layer.x.features
    if any(more):
        first = first + Symbol("before_c", more[0]) + Symbol("after_c", more[1])
    sizes = [n + before + after for n, before, after in _sides(layer)]
    return Parts([first, *sizes], reach=[Step(_NONE, _ONE)] * len(sizes))


@rule("crop")
def _crop(layer: Layer) -> Parts:
    sizes = [n - before - after for n, before, after in _sides(layer)]
    return Parts([layer.x.features, *sizes], reach=[Step(_NONE, _ONE)] * len(sizes))


@rule("shuffle")
def _shuffle(layer: Layer) -> Parts:
    return Parts(layer.same)


@rule("pixel_shuffle")
def _pixel_shuffle(layer: Layer) -> Parts:
    u = Symbol("u", layer.op.factor)
    sizes = [layer.x.features / (u * u), *[n * u for n in layer.x.axes]]
    return Parts(sizes, reach=[Step(_NONE, 1 / u)] * 2)


@rule("space_to_depth")
def _space_to_depth(layer: Layer) -> Parts:
    u = Symbol("u", layer.op.factor)
    sizes = [layer.x.features * u * u, *[n / u for n in layer.x.axes]]
    return Parts(sizes, reach=[Step(u - 1, u)] * 2)
