"""What leaves the sizes alone, or joins: activations, normalization, scales, joins, operators across channels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cnncalc.derivation.expression import Expression, Number, Symbol, product, total
from cnncalc.derivation.layer import Layer, Parts, Step, Value, rule

#: operations that an activation takes for one value
_FOR_A_VALUE: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "relu": {"cmp": 1},  # max(x, 0)
        "relu6": {"cmp": 2},  # min(max(x, 0), 6)
        "leaky_relu": {"cmp": 1, "mul": 1},  # x < 0, slope*x
        "elu": {"cmp": 1, "exp": 1, "add": 1, "mul": 1},  # x < 0, alpha*(exp(x) - 1)
        "selu": {"cmp": 1, "exp": 1, "add": 1, "mul": 2},  # scale*alpha*(exp(x) - 1)
        "gelu": {"mul": 3, "erf": 1, "add": 1},  # (x*0.5)*(1 + erf(x*c))
        "silu": {"exp": 1, "add": 1, "div": 1, "mul": 1},  # x*(1/(1 + exp(-x)))
        "mish": {"exp": 1, "add": 1, "log": 1, "tanh": 1, "mul": 1},  # x*tanh(log(1 + exp(x)))
        "hardswish": {"add": 1, "cmp": 2, "mul": 1, "div": 1},  # x*relu6(x + 3)/6
        "hardsigmoid": {"add": 1, "cmp": 2, "div": 1},  # relu6(x + 3)/6
        "sigmoid": {"exp": 1, "add": 1, "div": 1},  # 1/(1 + exp(-x))
        "tanh": {"tanh": 1},
        "softplus": {"exp": 1, "add": 1, "log": 1},  # log(1 + exp(x))
        "prelu": {"cmp": 1, "mul": 1},  # x < 0, slope*x
    }
)


@rule(*_FOR_A_VALUE)
def _activation(layer: Layer) -> Parts:
    op, values = layer.op, layer.x.values()
    unit = _FOR_A_VALUE[op.name]
    params = {}
    if op.name == "prelu":
        params["other_params"] = layer.x.features if op.per_channel else Number(1)
    return Parts(layer.same, params, {kind: values if n == 1 else n * values for kind, n in unit.items()})


def _whole(x: Value) -> list[Step] | None:
    """Every position reads all of every spatial axis."""
    return [Step(n - 1, Number(0)) for n in x.axes] if x.layout == "map" else None


@rule("softmax")
def _softmax(layer: Layer) -> Parts:
    x = layer.x
    (rows, length), values = x.rows(), x.values()
    less = rows * (length - 1)
    work = {"cmp": less, "add": values + less, "exp": values, "div": values}
    return Parts(layer.same, work=work)


@rule("bn")
def _bn(layer: Layer) -> Parts:
    values = layer.x.values()
    channels = layer.x.features
    return Parts(layer.same, {"norm_params": 2 * channels} if layer.op.affine else {}, {"mul": values, "add": values})


@rule("layernorm", "groupnorm", "instancenorm")
def _statistics(layer: Layer) -> Parts:
    """Each part of the input is normalized by a mean and a variance of its own."""
    op, x = layer.op, layer.x
    values = x.values()
    normalized: Expression = x.features
    if op.name == "layernorm":
        parts, length = x.rows()
        normalized = length
    else:
        groups: Expression = x.features if op.name == "instancenorm" else Symbol("g", op.groups)
        within = x.positions() if op.name == "instancenorm" else [*x.positions(), x.features / groups]
        parts, length = groups, product(*within)
    # sums for mean and variance, what is taken from each value, epsilon
    add = 2 * parts * (length - 1) + values + parts
    work = {"add": add, "mul": values, "div": 2 * parts + values, "sqrt": parts}
    if op.affine:
        work |= {"add": add + values, "mul": 2 * values}
    return Parts(
        layer.same,
        {"norm_params": 2 * normalized} if op.affine else {},
        work,
        () if op.name == "layernorm" else _whole(x),
    )


@rule("pixelnorm")
def _pixelnorm(layer: Layer) -> Parts:
    x = layer.x
    (parts, length), values = x.rows(), x.values()
    work = {"mul": values, "add": parts * (length - 1) + parts, "div": parts + values, "sqrt": parts}
    return Parts(layer.same, work=work)


@rule("lrn")
def _lrn(layer: Layer) -> Parts:
    values = layer.x.values()
    work = {
        "mul": 3 * values,
        "add": Symbol("size", layer.op.size) * values,
        "log": values,
        "exp": values,
        "div": values,
    }
    return Parts(layer.same, work=work)


@rule("scale")
def _scale(layer: Layer) -> Parts:
    values = layer.x.values()
    used = {"mul": layer.op.factor != 1, "add": layer.op.shift != 0}
    return Parts(layer.same, work={kind: values for kind, needed in used.items() if needed})


@rule("affine")
def _affine(layer: Layer) -> Parts:
    values, (_, features) = layer.x.values(), layer.x.rows()
    used = {"mul": layer.op.scale, "add": layer.op.bias}
    learned = total(*[features for needed in used.values() if needed])
    work = {kind: values for kind, needed in used.items() if needed}
    return Parts(layer.same, {"other_params": learned}, work)


@rule("noise")
def _noise(layer: Layer) -> Parts:
    values = layer.x.values()
    strengths = layer.x.features if layer.op.per_channel else Number(1)
    return Parts(layer.same, {"other_params": strengths}, {"mul": values, "add": values})


@rule("position_embedding")
def _position_embedding(layer: Layer) -> Parts:
    values = layer.x.values()
    return Parts(layer.same, {"other_params": values}, {"add": values})


@rule("dropout", "stochastic_depth")
def _nothing(layer: Layer) -> Parts:
    return Parts(layer.same)


@rule("add", "mul", "mean", "max")
def _join(layer: Layer) -> Parts:
    inputs, y = Symbol("inputs", len(layer.inputs)), layer.y
    # a 1 broadcasts: the largest of the inputs' sizes; a vector has its features alone
    axes = len(layer.y.sizes)
    aligned = [
        (*x, *(1,) * (axes - len(x))) if y.layout == "map" else (*(1,) * (axes - len(x)), *x) for x in layer.inputs
    ]
    largest = [max(sizes) for sizes in zip(*aligned, strict=True)]
    sizes = [Symbol(n.name.replace("out", "in"), size) for n, size in zip(y.sizes, largest, strict=True)]
    kind = {"add": "add", "mul": "mul", "mean": "add", "max": "cmp"}[layer.op.name]
    values = y.values()
    work = {kind: (inputs - 1) * values}
    return Parts([*sizes], work=work | ({"div": values} if layer.op.name == "mean" else {}))


@rule("concat")
def _concat(layer: Layer) -> Parts:
    axis = _concat_axis(layer)
    sizes: list[Expression] = [*layer.x.sizes]
    letter = layer.x.sizes[axis].name.partition("_")[0]
    sizes[axis] = total(*[Symbol(f"{letter}_{number}", x[axis]) for number, x in enumerate(layer.inputs, 1)])
    return Parts(sizes)


def _concat_axis(layer: Layer) -> int:
    axis = layer.op.axis
    if isinstance(axis, int):
        return axis
    return 0 if axis == "tokens" or layer.x.layout == "map" else len(layer.x.sizes) - 1


@rule("channel_mean", "channel_max")
def _channel_pool(layer: Layer) -> Parts:
    pixels = product(*layer.x.axes)
    once = product(*layer.x.axes, layer.x.features - 1)
    work = {"cmp": once} if layer.op.name == "channel_max" else {"add": once, "div": pixels}
    return Parts([Number(1), *layer.x.axes], work=work)


@rule("maxout")
def _maxout(layer: Layer) -> Parts:
    pieces = Symbol("pieces", layer.op.pieces)
    return Parts(layer.x.with_features(layer.x.features / pieces), work={"cmp": layer.y.values() * (pieces - 1)})


@rule("channel_conv")
def _channel_conv(layer: Layer) -> Parts:
    kernel, channels = Symbol("k", layer.op.kernel), layer.x.features
    params: dict[str, Expression] = {"weights": kernel}
    work = {"mac": channels * kernel}
    if layer.op.bias:
        params["biases"] = Number(1)
        work["bias"] = channels
    return Parts(layer.same, params, work)
