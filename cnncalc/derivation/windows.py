"""Convolutions and pools: windows over the spatial axes."""

from __future__ import annotations

from math import gcd
from typing import Any

from cnncalc.derivation.expression import Expression, Number, Symbol, ceil, floor, product
from cnncalc.derivation.layer import Layer, Parts, Step, rule


class _Window:
    """Kernel, stride, padding and dilation on every spatial axis of the input."""

    def __init__(self, layer: Layer, pad: Any, ceil_mode: bool = False, dilation: Any = 1) -> None:
        op = layer.op
        self.sizes_in = layer.x.axes
        self.kernel = layer.per_axis("k", op.kernel)
        self.stride = layer.per_axis("s", op.kernel if op.stride is None else op.stride)
        self.dilation = layer.per_axis("d", dilation)
        self.tensorflow = pad == "same_tf"
        if pad == "same":
            pad = tuple(d.value * (k.value - 1) // 2 for d, k in zip(self.dilation, self.kernel, strict=True))
        if pad == "full":
            pad = tuple(d.value * (k.value - 1) for d, k in zip(self.dilation, self.kernel, strict=True))
        self.pad = layer.per_axis("p", 0 if self.tensorflow else pad)
        self.ceil_mode = ceil_mode

    def sizes(self) -> list[Expression]:
        """The output's spatial sizes by the window formula."""
        return [
            ceil(n / s) if self.tensorflow else self._size(n, k, s, p, d)
            for n, k, s, p, d in zip(self.sizes_in, self.kernel, self.stride, self.pad, self.dilation, strict=True)
        ]

    def _size(self, n: Symbol, k: Symbol, s: Symbol, p: Symbol, d: Symbol) -> Expression:
        def steps(size: Expression) -> Expression:
            return (size - k if d.value == 1 else size - d * (k - 1) - 1) / s

        if not p.value and isinstance(steps(n).value, int):
            return steps(n) + 1
        size = (ceil if self.ceil_mode else floor)(steps(n + 2 * p)) + 1
        # a window that would start in the padding after the end is left out
        return size - 1 if self.ceil_mode and (size.value - 1) * s.value >= n.value + p.value else size

    def outside(self) -> list[tuple[Symbol, Symbol]]:
        """On every axis, the taps of windows that lie in the padding or past the end, and the windows that have no
        other. Only windows at the ends are looked at.
        """
        found = []
        for n, k, s, p, d, m in zip(
            self.sizes_in, self.kernel, self.stride, self.pad, self.dilation, self.sizes(), strict=True
        ):
            span, last = d.value * (k.value - 1), (m.value - 1) * s.value
            before = max(last + span + 1 - n.value, 0) // 2 if self.tensorflow else p.value
            first_whole = min(-(-before // s.value), m.value)
            last_whole = (n.value - 1 - span + before) // s.value
            cut = empty = 0
            for i in (*range(first_whole), *range(max(first_whole, last_whole + 1), m.value)):
                start = i * s.value - before
                inside = range(max(-(start // d.value), 0), min((n.value - 1 - start) // d.value + 1, k.value))
                cut += k.value - len(inside)
                empty += not inside
            axis = k.name.partition("_")[2]
            found.append((Symbol(f"cut_{axis}", cut), Symbol(f"empty_{axis}", empty)))
        return found

    def reach(self) -> list[Step]:
        """Each output reads the dilated window, a stride after the one before it."""
        windows = zip(self.kernel, self.stride, self.dilation, strict=True)
        return [Step(k - 1 if d.value == 1 else d * (k - 1), s) for k, s, d in windows]


def _channels_read(layer: Layer, groups: int) -> Expression:
    return layer.x.features if groups == 1 else layer.x.features / Symbol("g", groups)


@rule("conv", "dwconv")
def _conv(layer: Layer) -> Parts:
    op, y = layer.op, layer.y
    window = _Window(layer, op.pad, dilation=op.dilation)
    channels: Expression = Symbol("c_out", op.out) if op.name == "conv" else layer.x.features
    if op.name == "dwconv" and op.multiplier > 1:
        channels = channels * Symbol("multiplier", op.multiplier)
    positions, kernel = y.positions(), window.kernel
    table = getattr(op, "connections", None)
    if table is not None:
        pairs = Symbol("pairs", sum(map(len, table)))
        weights, mac = product(*kernel, pairs), product(*positions, pairs, *kernel)
    elif op.name == "dwconv":
        weights, mac = product(*kernel, y.features), product(*positions, y.features, *kernel)
    else:
        read = _channels_read(layer, op.groups)
        weights, mac = product(*kernel, read, y.features), product(*positions, y.features, *kernel, read)
    params = {"weights": weights}
    work = {"mac": mac}
    if op.bias:
        params["biases"] = y.features
        work["bias"] = y.values()
    return Parts([channels, *window.sizes()], params, work, window.reach())


@rule("conv_transpose")
def _conv_transpose(layer: Layer) -> Parts:
    op, x, y = layer.op, layer.x, layer.y
    arguments = [(letter, getattr(op, name)) for letter, name in _TRANSPOSED]
    kernel, stride, pad, more, dilation = [layer.per_axis(letter, value) for letter, value in arguments]
    sizes, reach = [], []
    for n, k, s, p, o, d in zip(x.axes, kernel, stride, pad, more, dilation, strict=True):
        size = (n - 1) * s
        size = size - 2 * p if p.value else size
        size = size + k if d.value == 1 else size + d * (k - 1) + 1
        sizes.append(size + o if o.value else size)
        extent = k if d.value == 1 else d * (k - 1) + 1
        reach.append(Step((extent if s.value == 1 else ceil(extent / s)) - 1, 1 / s))
    outputs = y.features if op.groups == 1 else y.features / Symbol("g", op.groups)
    params = {"weights": product(*kernel, x.features, outputs)}
    work = {"mac": product(*x.positions(), x.features, *kernel, outputs)}
    if op.bias:
        params["biases"] = y.features
        work["bias"] = y.values()
    return Parts([Symbol("c_out", op.out), *sizes], params, work, reach)


_TRANSPOSED = (("k", "kernel"), ("s", "stride"), ("p", "pad"), ("o", "output_pad"), ("d", "dilation"))


@rule("maxpool", "avgpool", "lppool")
def _pool(layer: Layer) -> Parts:
    op, channels = layer.op, layer.x.features
    window = _Window(layer, op.pad, op.ceil, getattr(op, "dilation", 1))
    values = layer.y.values()
    if any(cut.value for cut, _ in window.outside()):
        taps, windows = [], []
        for m, k, (cut, empty) in zip(layer.y.axes, window.kernel, window.outside(), strict=True):
            taps.append(m * k - cut if cut.value else m * k)
            windows.append(m - empty if empty.value else m)
        read, joined = product(*taps, channels), (product(*taps) - product(*windows)) * channels
    else:  # each window reads all of its pixels
        area = product(*window.kernel)
        read, joined = values * area, values * (area - 1)
    if op.name == "maxpool":
        work = {"cmp": joined}
    elif op.name == "avgpool":
        work = {"add": joined, "div": values}
    else:
        work = {"add": joined, **_powers(op.power, values, read)}
    return Parts([channels, *window.sizes()], work=work, reach=window.reach())


def _powers(power: int, values: Expression, read: Expression) -> dict[str, Expression]:
    """Every value ``read`` is multiplied by itself; the root of a sum is a square root, or exp of log over power."""
    order = Symbol("power", power)
    if power == 1:
        return {}
    if power == 2:
        return {"mul": read * (order - 1), "sqrt": values}
    return {"mul": read * (order - 1) + values, "log": values, "exp": values}


@rule("adaptive_avgpool", "adaptive_maxpool")
def _adaptive(layer: Layer) -> Parts:
    op, x, y = layer.op, layer.x, layer.y
    sizes = [
        Symbol(n.name.replace("in", "out"), m.value) for n, m in zip(x.axes, layer.per_axis("", op.size), strict=True)
    ]
    common = [Symbol(f"gcd_{axis}", gcd(n.value, m.value)) for axis, n, m in zip(x.letters, x.axes, sizes, strict=True)]
    read = [n + m - both for n, m, both in zip(x.axes, y.axes, common, strict=True)]
    once = product(*read, x.features) - y.values()
    work = {"cmp": once} if op.name == "adaptive_maxpool" else {"add": once, "div": y.values()}
    reach = [Step(ceil((n - both) / m), n / m) for n, m, both in zip(x.axes, y.axes, common, strict=True)]
    return Parts([x.features, *sizes], work=work, reach=reach)


@rule("global_avgpool", "global_maxpool")
def _global(layer: Layer) -> Parts:
    x = layer.x
    once = x.features * (product(*x.axes) - 1)
    work = {"cmp": once} if layer.op.name == "global_maxpool" else {"add": once, "div": x.features}
    if x.layout == "sequence":
        return Parts([x.features], work=work, reach=None)
    return Parts([x.features, *[Number(1)] * len(x.axes)], work=work, reach=[Step(n - 1, n) for n in x.axes])


@rule("upsample")
def _upsample(layer: Layer) -> Parts:
    op, x = layer.op, layer.x
    factors = layer.per_axis("u", op.factor)
    bilinear = op.mode == "bilinear"
    values = layer.y.values()
    work = {"mul": 4 * values, "add": 3 * values} if bilinear else {}
    reach = [Step(Number(int(bilinear and u.value > 1)), 1 / u if u.value > 1 else Number(1)) for u in factors]
    return Parts([x.features, *[u * n for u, n in zip(factors, x.axes, strict=True)]], work=work, reach=reach)


@rule("roi_align")
def _roi_align(layer: Layer) -> Parts:
    op = layer.op
    samples = Symbol("samples", op.samples_per_axis)
    values = layer.y.values()
    work = {"mul": values * 4 * samples * samples, "add": values * (4 * samples * samples - 1), "div": values}
    return Parts([layer.x.features, Number(op.size), Number(op.size)], work=work, reach=None)
