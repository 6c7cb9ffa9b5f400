"""Normalization."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.errors import ShapeError
from cnncalc.ops.base import FEATURED, MAPS, POINTWISE, Lowering, Op, Tap, op
from cnncalc.values import MapShape, SequenceShape, Shape, TensorShape, ValueShape, VectorShape, Work, elements

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor


def _affine_weights(channels: int) -> dict[str, Shape]:
    return {"weight": (channels,), "bias": (channels,)}


def _statistics_work(x: Shape, groups: int) -> Work:
    """Mean and variance of ``groups`` parts of ``x``, then the normalization itself.

    For a part of n values: the mean takes n - 1 additions and a division; the variance n subtractions, n squares,
    n - 1 additions and a division; then epsilon is added, a root taken, and n values are divided by it.
    """
    n = elements(x)
    return Work(add=3 * n - groups, mul=n, div=n + 2 * groups, sqrt=groups)


def _whole_map(x: ValueShape) -> tuple[Tap, ...] | None:
    return tuple(Tap(n, 0, 0) for n in x[1:]) if x.layout == "map" else None


def _by_features(x: ValueShape, module: str, axes: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Lowering:
    """PyTorch's module, which has the channels first; of a sequence, one that has the features there meanwhile."""
    if x.layout == "sequence":
        return Lowering(f"cnncalc.torch_backend.modules.Feature{module}", arguments, named)
    return Lowering(f"torch.nn.{module}{f'{axes}d' if axes else ''}", arguments, named)


def _channels_first(tape: Tape, x: Tensor, normalize: Callable[[Tensor], Tensor]) -> Tensor:
    """``normalize`` of a value whose channels come first; the features of a sequence come there and back."""
    if tape.inputs[0].layout != "sequence":
        return normalize(x)
    return tape.movedim(normalize(tape.contiguous(tape.movedim(x, -1, 1))), 1, -1)


@op("bn")
class BatchNorm(Op):
    """Batch normalization of channels, or of features.   [c, *hw] -> [c, *hw], [t, f] -> [t, f];  weight [c], bias [c];
    buffers running_mean [c], running_var [c], num_batches_tracked [].

    Work in evaluation: a multiplication and an addition per value, with the statistics folded into scale and shift.
    """

    layouts = ("map", "sequence", "vector")

    role = "norm"
    parameter_kind = "norm_params"
    writings = ("with activation",)
    normalizes_batch = True

    affine: bool = True
    eps: float = 1e-5

    def shape(self, x: ValueShape) -> ValueShape:
        return x

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return _affine_weights(x.channels) if self.affine else {}

    def buffers(self, x: ValueShape) -> dict[str, Shape]:
        return {"running_mean": (x.channels,), "running_var": (x.channels,), "num_batches_tracked": ()}

    def work(self, x: ValueShape, y: Shape) -> Work:
        return Work(mul=elements(y), add=elements(y))

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return _channels_first(tape, x, tape.batch_norm)

    def lowering(self, x: ValueShape) -> Lowering:
        named = {"affine": self.affine, "eps": self.eps}
        return _by_features(x, "BatchNorm", max(len(x) - 1, 1), (x.channels,), named)

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(), (MapShape(4, 5, 6),)),
            (cls(affine=False), (VectorShape(4),)),
            (cls(), (MapShape(4, 7),)),
            (cls(), (MapShape(2, 3, 4, 5),)),
            (cls(), (SequenceShape(5, 4),)),
        ]


@op("layernorm")
class LayerNorm(Op):
    """Layer normalization over the features of each token, or the channels of each pixel.   [t, f] -> [t, f],
    [c, *hw] -> [c, *hw];  weight, bias [f] or [c].
    """

    layouts = FEATURED

    role = "norm"
    parameter_kind = "norm_params"
    writings = ("as own class",)
    memory_format = "last"

    affine: bool = True
    eps: float = 1e-5

    def shape(self, x: ValueShape) -> ValueShape:
        return x

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return _affine_weights(x.channels) if self.affine else {}

    def work(self, x: ValueShape, y: Shape) -> Work:
        affine = elements(x) if self.affine else 0
        return _statistics_work(x, elements(x) // x.channels) + Work(mul=affine, add=affine)

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        return POINTWISE

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        if tape.inputs[0].layout != "map":
            return tape.layer_norm(x)
        return tape.movedim(tape.layer_norm(tape.movedim(x, 1, -1)), -1, 1)

    def lowering(self, x: ValueShape) -> Lowering:
        target = "cnncalc.torch_backend.modules.ChannelLayerNorm" if x.layout == "map" else "torch.nn.LayerNorm"
        return Lowering(target, (x.channels,), {"elementwise_affine": self.affine, "eps": self.eps})

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(), (SequenceShape(5, 8),)),
            (cls(affine=False), (VectorShape(8),)),
            (cls(), (MapShape(4, 3, 5),)),
            (cls(), (MapShape(4, 7),)),
            (cls(), (MapShape(2, 3, 4, 5),)),
            (cls(), (TensorShape(2, 3, 4, 5),)),
        ]


@op("groupnorm")
class GroupNorm(Op):
    """Group normalization over space (or tokens) and the channels (features) of a group.   [c, *hw] -> [c, *hw],
    [t, f] -> [t, f];  weight [c], bias [c].
    """

    means: ClassVar[Mapping[str, str]] = {
        "groups": "parts of the channels, each normalized alone",
    }

    layouts = ("map", "sequence", "vector")

    role = "norm"
    parameter_kind = "norm_params"

    groups: int = 32
    affine: bool = True
    eps: float = 1e-5

    def shape(self, x: ValueShape) -> ValueShape:
        if x.channels % self.groups:
            raise ShapeError(f"groups must divide the channels, but {self.groups} does not divide {x.channels}")
        if elements(x) == self.groups:
            raise ShapeError("has a single value in each group, which PyTorch refuses for one sample")
        return x

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return _affine_weights(x.channels) if self.affine else {}

    def work(self, x: ValueShape, y: Shape) -> Work:
        affine = elements(x) if self.affine else 0
        return _statistics_work(x, self.groups) + Work(mul=affine, add=affine)

    def reach(self, x: ValueShape) -> tuple[Tap, ...] | None:
        return _whole_map(x)

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return _channels_first(tape, x, partial(tape.group_norm, groups=self.groups))

    def lowering(self, x: ValueShape) -> Lowering:
        named = {"affine": self.affine, "eps": self.eps}
        return _by_features(x, "GroupNorm", 0, (self.groups, x.channels), named)

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(4), (MapShape(8, 5, 6),)),
            (cls(affine=False), (MapShape(64, 3),)),
            (cls(1), (MapShape(2, 3, 4, 5),)),
            (cls(2), (VectorShape(8),)),
            (cls(2), (SequenceShape(5, 8),)),
        ]


@op("instancenorm")
class InstanceNorm(Op):
    """Instance normalization over space (or tokens), each channel (feature) by itself.   [c, *hw] -> [c, *hw],
    [t, f] -> [t, f];  weight [c], bias [c] with ``affine: true``.
    """

    layouts = ("map", "sequence")

    role = "norm"
    parameter_kind = "norm_params"

    affine: bool = False
    eps: float = 1e-5

    def shape(self, x: ValueShape) -> ValueShape:
        if elements(x) == x.channels:
            raise ShapeError(
                "normalizes each channel over space, but has a single value of each, which PyTorch refuses"
            )
        return x

    def weights(self, x: ValueShape) -> dict[str, Shape]:
        return _affine_weights(x.channels) if self.affine else {}

    def work(self, x: ValueShape, y: Shape) -> Work:
        affine = elements(x) if self.affine else 0
        return _statistics_work(x, x.channels) + Work(mul=affine, add=affine)

    def reach(self, x: ValueShape) -> tuple[Tap, ...] | None:
        return _whole_map(x)

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return _channels_first(tape, x, tape.instance_norm)

    def lowering(self, x: ValueShape) -> Lowering:
        return _by_features(x, "InstanceNorm", len(x) - 1, (x.channels,), {"affine": self.affine, "eps": self.eps})

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(), (MapShape(8, 5, 6),)),
            (cls(affine=True), (MapShape(4, 3),)),
            (cls(), (MapShape(2, 3, 4, 5),)),
            (cls(affine=True), (SequenceShape(5, 4),)),
        ]


@op("pixelnorm")
class PixelNorm(Op):
    """Division by the root mean square of the channels of each pixel, or of the features of a vector or token
    (Karras et al. 2017).   [c, *hw] -> [c, *hw], [t, f] -> [t, f];  no parameters.

    For n values: n squares, n - 1 additions, a division, epsilon, a root, n divisions.
    """

    layouts = FEATURED

    role = "norm"

    def shape(self, x: ValueShape) -> ValueShape:
        return x

    def work(self, x: ValueShape, y: Shape) -> Work:
        n = elements(x)
        parts = n // x.channels
        return Work(mul=n, add=n, div=n + parts, sqrt=parts)

    def reach(self, x: ValueShape) -> tuple[Tap, ...]:
        return POINTWISE

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        axis = 1 if tape.inputs[0].layout == "map" else len(x.shape) - 1
        return tape.div(x, tape.sqrt(tape.shifted(tape.mean(tape.mul(x, x), axis, keepdim=True))))

    def lowering(self, x: ValueShape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.PixelNorm", (1 if x.layout == "map" else -1,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [
            (cls(), (MapShape(4, 3, 5),)),
            (cls(), (VectorShape(7),)),
            (cls(), (SequenceShape(5, 4),)),
            (cls(), (MapShape(4, 7),)),
            (cls(), (MapShape(2, 3, 4, 5),)),
            (cls(), (TensorShape(2, 3, 4, 5),)),
        ]


@op("lrn")
class LocalResponseNorm(Op):
    """Local response normalization across ``size`` neighbouring channels (Krizhevsky et al. 2012, section 3.3).
    [c, *hw] -> [c, *hw];  no parameters.

    ``x / (k + alpha/size * sum of size squares) ** beta``: per value three multiplications, ``size`` additions,
    a logarithm, an exponential and a division (the power is ``exp(beta * log)``).
    """

    means: ClassVar[Mapping[str, str]] = {
        "alpha": "factor of the sum of squares",
        "beta": "exponent of the denominator",
        "k": "what is added to the sum",
        "size": "channels in the sum",
    }

    layouts = MAPS

    role = "norm"

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def shape(self, x: ValueShape) -> ValueShape:
        return x

    def work(self, x: ValueShape, y: Shape) -> Work:
        n = elements(y)
        return Work(mul=3 * n, add=self.size * n, log=n, exp=n, div=n)

    def run(self, tape: Tape, x: Tensor) -> Tensor:
        return tape.local_response_norm(x, self.size)

    def lowering(self, x: ValueShape) -> Lowering:
        constants = {"alpha": self.alpha, "beta": self.beta, "k": self.k}
        return Lowering("torch.nn.LocalResponseNorm", (self.size,), constants)

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        return [(cls(), (MapShape(8, 5, 6),)), (cls(3), (MapShape(4, 7),)), (cls(2), (MapShape(2, 3, 4, 5),))]
