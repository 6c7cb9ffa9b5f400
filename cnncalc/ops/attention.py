"""Attention over tokens, and inside the windows of a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import MAPS, Lowering, Op, Product, op
from cnncalc.values import MapShape, SequenceShape, Shape, ValueShape, Work, elements, format_shape

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor

#: Width of the network that makes continuous position biases (Liu et al. 2021, "Swin Transformer V2").
_POSITION_WIDTH = 512


def _check_heads(heads: int, features: int) -> None:
    if features % heads:
        raise ShapeError(f"heads must divide the features, but {heads} does not divide {features}")


def _projection_work(tokens: int, features: int, bias: bool) -> Work:
    """Queries, keys, values and the output: four products with a matrix of features by features."""
    return Work(mac=4 * tokens * features * features, bias=4 * tokens * features if bias else 0)


def _attention_work(tokens: int, features: int, heads: int) -> Work:
    """The two products, and a softmax over every row, without the scaling of what goes in."""
    rows = heads * tokens
    pairs = rows * tokens
    return Work(mac=2 * tokens * tokens * features, cmp=pairs - rows, add=2 * pairs - rows, exp=pairs, div=pairs)


def _products(windows: int, tokens: int, features: int) -> tuple[Product, ...]:
    """Queries, keys and values; their two products; the output."""
    return (
        Product(windows * tokens * 3 * features**2, ("input", "weight")),
        Product(windows * tokens**2 * features, ("made", "made")),
        Product(windows * tokens**2 * features, ("made", "made")),
        Product(windows * tokens * features**2, ("made", "weight")),
    )


@op("attention")
class Attention(Op):
    """Multi-head self-attention (Vaswani et al. 2017).   [t, f] -> [t, f];  in_proj_weight [3f, f], out_proj.weight
    [f, f], biases [3f] and [f].

    Multiply-accumulates: ``4*t*f^2`` for the projections, ``2*t^2*f`` for the two products. The queries are scaled
    (t*f multiplications), and each of heads*t rows goes through a softmax.
    """

    layouts = ("sequence",)
    biases = ("in_proj_bias", "out_proj.bias")
    writings = ("with linear layers",)

    heads: int
    bias: bool = True

    def shape(self, x: ValueShape) -> ValueShape:
        _check_heads(self.heads, x[1])
        return x

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        f = x[1]
        tensors: dict[str, Shape] = {"in_proj_weight": (3 * f, f), "out_proj.weight": (f, f)}
        return tensors | ({"in_proj_bias": (3 * f,), "out_proj.bias": (f,)} if self.bias else {})

    def head(self, x: ValueShape) -> int:
        return x[1] // self.heads

    def work(self, x: ValueShape, y: Shape) -> Work:
        t, f = x
        return _projection_work(t, f, self.bias) + Work(mul=elements(x)) + _attention_work(t, f, self.heads)

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        weights = tape.weights
        projected = tape.hold(tape.linear(x, weights["in_proj_weight"], weights.get("in_proj_bias")))
        parts = tape.unflatten(projected, 2, (3, self.heads, -1))
        mixed = tape.hold(tape.scaled_dot_product_attention(*tape.unbind(tape.permute(parts, (2, 0, 3, 1, 4)))))
        mixed = tape.flatten(tape.transpose(mixed, 1, 2), 2)
        return tape.linear(mixed, weights["out_proj.weight"], weights.get("out_proj.bias"))

    def products(self, x: ValueShape, y: ValueShape) -> tuple[Product, ...]:
        return _products(1, *x)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.SelfAttention", (x[1], self.heads, self.bias))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(2), (SequenceShape(5, 8),)), (cls(4, bias=False), (SequenceShape(3, 8),))]


@op("window_attention")
class WindowAttention(Op):
    """Self-attention inside each window of a map, or among the pixels of a grid over it (MaxViT).
    [c, h, w] -> [c, h, w];  qkv.weight [3c, c], proj.weight [c, c], biases [3c] and [c].

    ``shift`` moves the windows by half their size, where more than one fits. Windows that reach over the end are
    padded and count whole, as in Swin; a grid must divide the map.
    ``position: table`` learns a bias for every offset, [(2*window - 1)^2, heads]; ``mlp`` has a network make it from
    the offset, 2 to 512 to heads (Swin V2), counted once for every sample. ``cosine`` compares directions, times a
    learned scale [heads, 1, 1].
    Multiply-accumulates, for each window of ``t = window^2`` pixels: ``4*t*c^2 + 2*t^2*c``.
    How far a window reaches from a pixel depends on where the pixel lies: no receptive field is stated behind it.
    """

    means: ClassVar[Mapping[str, str]] = {
        "cosine": "whether queries and keys are compared by their cosine, as in Swin V2",
        "partition": "window for windows side by side, grid for every n-th pixel",
        "position": "how the position is told: a table of biases, a small mlp, or none",
        "shift": "whether the windows are moved by half of one",
        "window": "pixels of a window along both axes",
    }

    layouts = MAPS

    other_parameters = ("relative_position_bias_table", "logit_scale")
    writings = ("with einsum", "with linear layers")
    memory_format = "last"
    biases = ("qkv.bias", "proj.bias", "cpb_mlp.0.bias")

    heads: int
    window: int
    shift: bool = False
    partition: Literal["window", "grid"] = "window"
    position: Literal["none", "table", "mlp"] = "table"
    cosine: bool = False
    bias: bool = True

    def shape(self, x: ValueShape) -> ValueShape:
        window.check_plane(x)
        _check_heads(self.heads, x[0])
        if self.partition == "grid":
            if self.shift:
                raise ShapeError("shift is for windows, but partition is grid")
            if x[1] % self.window or x[2] % self.window:
                law = "window must divide both spatial sizes of a grid"
                raise ShapeError(f"{law}, but {self.window} does not divide {format_shape(x[1:])}")
        return x

    def _shifts(self, x: Shape) -> tuple[int, int]:
        """Pixels that the windows move along each axis: none where a single window holds it."""
        half = self.window // 2 if self.shift else 0
        return half if x[1] > self.window else 0, half if x[2] > self.window else 0

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        c, heads = x[0], self.heads
        tensors: dict[str, Shape] = {"qkv.weight": (3 * c, c), "proj.weight": (c, c)}
        if self.bias:
            tensors |= {"qkv.bias": (3 * c,), "proj.bias": (c,)}
        if self.position == "table":
            tensors["relative_position_bias_table"] = ((2 * self.window - 1) ** 2, heads)
        elif self.position == "mlp":
            tensors["cpb_mlp.0.weight"] = (_POSITION_WIDTH, 2)
            tensors["cpb_mlp.0.bias"] = (_POSITION_WIDTH,)
            tensors["cpb_mlp.2.weight"] = (heads, _POSITION_WIDTH)
        return tensors | ({"logit_scale": (heads, 1, 1)} if self.cosine else {})

    def buffers(self, x: ValueShape) -> dict[str, Shape]:
        offsets = 2 * self.window - 1
        tensors: dict[str, Shape] = {} if self.position == "none" else {"relative_position_index": (self.window**4,)}
        return tensors | ({"relative_coords_table": (1, offsets, offsets, 2)} if self.position == "mlp" else {})

    def work(self, x: ValueShape, y: Shape) -> Work:
        c, h, w = x
        windows = -(-h // self.window) * -(-w // self.window)
        tokens = self.window**2
        pairs = self.heads * tokens * tokens
        added = (self.position != "none") + any(self._shifts(x))  # the position bias, and the mask of shifted windows
        inside = _projection_work(tokens, c, self.bias) + _attention_work(tokens, c, self.heads)
        inside += self._comparison_work(tokens, c) + Work(add=added * pairs)
        total = inside * windows
        if self.position == "mlp":
            total += self._position_work(pairs)
        return total + Work(cmp=self.heads, exp=self.heads) if self.cosine else total

    def _comparison_work(self, tokens: int, c: int) -> Work:
        """Scaling of the queries; or for the cosine, queries and keys divided by their length, and a learned scale."""
        if not self.cosine:
            return Work(mul=tokens * c)
        vectors = 2 * tokens * self.heads
        values = 2 * tokens * c
        scaled = self.heads * tokens * tokens
        return Work(mul=values + scaled, add=values - vectors, sqrt=vectors, cmp=vectors, div=values)

    def _position_work(self, pairs: int) -> Work:
        """The network over every offset, then 16 times a sigmoid for every pair."""
        offsets = (2 * self.window - 1) ** 2
        hidden = offsets * _POSITION_WIDTH
        network = Work(mac=hidden * (2 + self.heads), bias=hidden, cmp=hidden)
        return network + Work(exp=pairs, add=pairs, div=pairs, mul=pairs)

    def reach(self, x: ValueShape) -> None:
        return None

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        shifts = self._shifts(x.shape[1:])
        x = tape.hold(tape.roll(tape.pad(x, (0, -width % self.window, 0, -height % self.window))))
        parts = tape.hold(self._partitioned(tape, x))
        cut = tape.unflatten(self._projected(tape, parts), 3, (3, self.heads, -1))
        q, k, v = map(tape.hold, tape.unbind(tape.permute(cut, (3, 0, 1, 4, 2, 5))))
        scores = self._biased(tape, self._compared(tape, q, k))
        if any(shifts):
            area = tape.hold(self._partitioned(tape, tape.call(self._areas, tape, x)))
            scores = tape.add(scores, tape.call(self._mask, tape, area, scores.itemsize))
        mixed = tape.matmul(tape.softmax(tape.hold(scores)), v)
        y = tape.flatten(tape.transpose(mixed, 2, 3), 3)
        y = tape.hold(tape.linear(y, tape.weights["proj.weight"], tape.weights.get("proj.bias")))
        moved = tape.hold(tape.roll(self._joined(tape, y, x)))
        tape.drop(y)
        inside = tape.slices(moved, 2, (range(height), range(width)))
        return tape.alias(moved) if inside is moved else tape.contiguous(inside)

    def products(self, x: ValueShape, y: ValueShape) -> tuple[Product, ...]:
        c, h, w = x
        inside = _products(-(-h // self.window) * -(-w // self.window), self.window**2, c)
        if self.position != "mlp":
            return inside
        hidden = (2 * self.window - 1) ** 2 * _POSITION_WIDTH  # the table of offsets has no gradient
        return (*inside, Product(2 * hidden, ("buffer", "weight")), Product(hidden * self.heads, ("made", "weight")))

    def _partitioned(self, tape: Tape, x: Tensor) -> Tensor:
        grid = self.partition == "grid"
        inner = (self.window, -1) if grid else (-1, self.window)
        cut = tape.unflatten(tape.unflatten(x, 3, inner), 2, inner)
        cut = tape.permute(cut, (0, 3, 5, 2, 4, 1) if grid else (0, 2, 4, 3, 5, 1))
        return tape.flatten(tape.flatten(cut, 3, 4), 1, 2)

    def _joined(self, tape: Tape, parts: Tensor, x: Tensor) -> Tensor:
        rows, columns = (n // self.window for n in x.shape[2:])
        cut = tape.unflatten(tape.unflatten(parts, 2, (self.window, self.window)), 1, (rows, columns))
        order = (0, 5, 3, 1, 4, 2) if self.partition == "grid" else (0, 5, 1, 3, 2, 4)
        return tape.flatten(tape.flatten(tape.permute(cut, order), 4, 5), 2, 3)

    def _projected(self, tape: Tape, parts: Tensor) -> Tensor:
        bias = tape.weights.get("qkv.bias")
        if bias is not None and self.cosine:
            q, k, v = tape.chunk(bias, 3)
            return tape.linear(parts, tape.weights["qkv.weight"], tape.cat([q, tape.scaled(k), v], 0))
        return tape.linear(parts, tape.weights["qkv.weight"], bias)

    def _compared(self, tape: Tape, q: Tensor, k: Tensor) -> Tensor:
        if not self.cosine:
            scaled = tape.scaled(q)
            return tape.matmul(scaled, tape.transpose(k, 3, 4))
        angles = tape.matmul(tape.normalize(q), tape.transpose(tape.normalize(k), 3, 4))
        return tape.mul(angles, tape.function(tape.clamp(tape.weights["logit_scale"])))

    def _biased(self, tape: Tape, scores: Tensor) -> Tensor:
        if self.position == "none":
            return tape.shifted(scores)
        return tape.add(scores, tape.call(self._position_bias, tape))

    def _position_bias(self, tape: Tape) -> Tensor:
        learned = self.position == "table"
        table = tape.weights["relative_position_bias_table"] if learned else tape.hold(self._made_table(tape))
        rows = tape.unflatten(tape.index(table, tape.buffers["relative_position_index"]), 0, (self.window**2, -1))
        bias = tape.hold(tape.permute(rows, (2, 0, 1)))
        return bias if learned else tape.scaled(tape.function(bias))

    def _made_table(self, tape: Tape) -> Tensor:
        weights = tape.weights
        made = tape.buffers["relative_coords_table"]
        made = tape.linear(made, weights["cpb_mlp.0.weight"], weights["cpb_mlp.0.bias"])
        made = tape.pointwise(made, "output")
        made = tape.linear(made, weights["cpb_mlp.2.weight"], None)
        return tape.flatten(made, 0, 2)

    def _areas(self, tape: Tape, x: Tensor) -> Tensor:
        """The number of each pixel's area, of 4 bytes."""
        axes: list[Tensor] = []
        positions: list[Tensor] = []
        for size in x.shape[2:]:
            positions.append(tape.hold(tape.new((size,), scales=False, itemsize=8)))
            for before in positions[:-1]:
                tape.drop(before)
            first, second = (tape.cast(tape.cast(positions[-1], 1), 4) for _ in range(2))
            axes.append(tape.hold(tape.add(first, second)))
        areas = tape.add(tape.shifted(tape.unsqueeze(axes[0], 1)), axes[1])
        return tape.view(areas, (1, 1, *areas.shape))

    def _mask(self, tape: Tape, area: Tensor, itemsize: int) -> Tensor:
        """Large and negative for each pair of pixels that are not of the same area: made in float32, then cast."""
        differs = tape.combined(area, tape.transpose(area, 2, 3), itemsize=1)
        made = tape.new((*differs.shape[:2], 1, *differs.shape[2:]), scales=False, itemsize=4)
        tape.drop(differs)
        return made if itemsize == 4 else tape.new(made.shape, scales=False, itemsize=itemsize)

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering(
            "cnncalc.torch_backend.modules.WindowAttention",
            (x[0], self.heads, self.window, self._shifts(x)),
            {"grid": self.partition == "grid", "position": self.position, "cosine": self.cosine, "bias": self.bias},
        )

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(2, 3), (MapShape(4, 6, 9),)),
            (cls(2, 3, shift=True), (MapShape(4, 7, 3),)),
            (cls(1, 4, shift=True), (MapShape(4, 3, 4),)),
            (cls(2, 2, partition="grid"), (MapShape(8, 4, 6),)),
            (cls(2, 4, shift=True, position="mlp", cosine=True), (MapShape(4, 8, 5),)),
            (cls(4, 2, position="none", bias=False), (MapShape(4, 4, 4),)),
        ]
