"""Linear layers, units that measure a distance, attention."""

from __future__ import annotations

from cnncalc.derivation.expression import Expression, Symbol, ceil, product, total
from cnncalc.derivation.layer import Layer, Parts, rule


@rule("linear")
def _linear(layer: Layer) -> Parts:
    op, x, y = layer.op, layer.x, layer.y
    outputs = Symbol("f_out", op.out)
    params: dict[str, Expression] = {"weights": x.features * outputs}
    work = {"mac": product(*x.positions(), x.features, outputs)}
    if op.bias:
        params["biases"] = outputs
        work["bias"] = product(*x.positions(), outputs)
    sizes = [outputs] if len(y.sizes) == 1 else [*x.positions(), outputs]
    return Parts(sizes, params, work, None)


@rule("rbf")
def _rbf(layer: Layer) -> Parts:
    read, outputs = layer.x.features, Symbol("f_out", layer.op.out)
    # a difference and a square for each input, and their sum
    work = {"add": outputs * (2 * read - 1), "mul": outputs * read}
    return Parts([outputs], work=work, reach=None)


def _softmax(rows: Expression, length: Expression) -> dict[str, Expression]:
    """Work of a softmax over rows: maximum, differences, exponentials, sum, quotients."""
    pairs = rows * length
    return {"cmp": rows * (length - 1), "add": pairs + rows * (length - 1), "exp": pairs, "div": pairs}


@rule("attention")
def _attention(layer: Layer) -> Parts:
    t, f = layer.x.sizes
    heads = Symbol("heads", layer.op.heads)
    params = {"weights": 3 * f * f + f * f}
    work = {"mac": 4 * t * f * f + 2 * t * t * f, "mul": t * f, **_softmax(heads * t, t)}
    if layer.op.bias:
        params["biases"] = 3 * f + f
        work["bias"] = 3 * t * f + t * f
    return Parts(layer.same, params, work, None)


@rule("window_attention")
def _window_attention(layer: Layer) -> Parts:
    """Each window is attention over its m*m pixels; work inside it is done for every window."""
    op = layer.op
    c, h, w = layer.x.sizes
    heads, m = Symbol("heads", op.heads), Symbol("m", op.window)
    windows = ceil(h / m) * ceil(w / m)
    t = m * m
    rows = heads * t
    offsets = (2 * m - 1) * (2 * m - 1)
    moved = op.shift and any(n.value > op.window for n in (h, w)) and op.window > 1
    inside = _softmax(rows, t)
    inside["mac"] = 4 * t * c * c + 2 * t * t * c
    if op.bias:
        inside["bias"] = 4 * t * c
    added = (op.position != "none") + moved  # the position bias, and the mask of windows that moved
    if added:
        inside["add"] = inside["add"] + added * rows * t
    if op.cosine:
        # queries and keys are divided by their lengths, the products multiplied by a learned scale
        vectors = 2 * t * heads
        inside["mul"] = 2 * t * c + rows * t
        inside["add"] = inside["add"] + 2 * t * c - vectors
        inside["sqrt"] = vectors
        inside["cmp"] = inside["cmp"] + vectors
        inside["div"] = inside["div"] + 2 * t * c
    else:
        inside["mul"] = t * c
    work = {kind: windows * count for kind, count in inside.items()}
    weights, biases = [3 * c * c, c * c], [3 * c, c] if op.bias else []
    others: list[Expression] = []
    if op.position == "table":
        others = [offsets * heads]
    elif op.position == "mlp":
        width = Symbol("hidden", 512)
        hidden = offsets * width
        weights += [2 * width, heads * width]
        biases = [*biases, width]
        once = {"mac": hidden * (2 + heads), "bias": hidden, "cmp": hidden}
        once |= dict.fromkeys(("exp", "add", "div", "mul"), rows * t)
        _add(work, once)
    if op.cosine:
        others.append(heads)
        _add(work, {"cmp": heads, "exp": heads})
    params = {"weights": weights, "biases": biases, "other_params": others}
    return Parts(layer.same, {kind: total(*terms) for kind, terms in params.items() if terms}, work, None)


def _add(work: dict[str, Expression], more: dict[str, Expression]) -> None:
    for kind, count in more.items():
        work[kind] = work[kind] + count if kind in work else count
