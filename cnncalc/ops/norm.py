"""Normalization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnncalc.errors import ShapeError
from cnncalc.ops import window
from cnncalc.ops.base import POINTWISE, Lowering, Op, Tap, op
from cnncalc.values import Shape, Work, elements

if TYPE_CHECKING:
    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Value


def _affine_weights(channels: int) -> dict[str, Shape]:
    return {"weight": (channels,), "bias": (channels,)}


def _statistics_work(x: Shape, groups: int) -> Work:
    """Mean and variance of ``groups`` parts of ``x``, then the normalization itself.

    For a part of n values: the mean takes n - 1 additions and a division; the variance n subtractions, n squares,
    n - 1 additions and a division; then epsilon is added, a root taken, and n values are divided by it.
    """
    n = elements(x)
    return Work(add=3 * n - groups, mul=n, div=n + 2 * groups, sqrt=groups)


def _whole_map(x: Shape) -> tuple[Tap, ...]:
    return tuple(Tap(n, 0, 0) for n in x[1:])


@op("bn")
class BatchNorm(Op):
    """Batch normalization.   [c, *hw] -> [c, *hw];  weight [c], bias [c]; buffers
    running_mean [c], running_var [c], num_batches_tracked [].

    Work in evaluation: a multiplication and an addition per value, with the statistics folded into scale and shift.
    """

    role = "norm"
    parameter_kind = "norm_params"

    affine: bool = True
    eps: float = 1e-5

    def shape(self, x: Shape) -> Shape:
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return _affine_weights(x[0]) if self.affine else {}

    def buffers(self, x: Shape) -> dict[str, Shape]:
        return {"running_mean": (x[0],), "running_var": (x[0],), "num_batches_tracked": ()}

    def work(self, x: Shape, y: Shape) -> Work:
        return Work(mul=elements(y), add=elements(y))

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.batch_norm(x)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering(f"torch.nn.BatchNorm{max(len(x) - 1, 1)}d", (x[0],), {"affine": self.affine, "eps": self.eps})

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((4, 5, 6),)), (cls(affine=False), ((4,),)), (cls(), ((4, 7),)), (cls(), ((2, 3, 4, 5),))]


@op("layernorm")
class LayerNorm(Op):
    """Layer normalization over the features of each token, or the channels of each pixel.   [t, f] -> [t, f],
    [c, h, w] -> [c, h, w];  weight, bias [f] or [c].
    """

    role = "norm"
    parameter_kind = "norm_params"
    memory_format = "last"

    affine: bool = True
    eps: float = 1e-5

    def _features(self, x: Shape) -> int:
        return x[0] if len(x) > 2 else x[-1]

    def shape(self, x: Shape) -> Shape:
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return _affine_weights(self._features(x)) if self.affine else {}

    def work(self, x: Shape, y: Shape) -> Work:
        affine = elements(x) if self.affine else 0
        return _statistics_work(x, elements(x) // self._features(x)) + Work(mul=affine, add=affine)

    def reach(self, x: Shape) -> tuple[Tap, ...]:
        return _whole_map(x) if len(x) == 2 else POINTWISE

    def run(self, tape: Tape, x: Value) -> Value:
        if len(x.shape) <= 3:
            return tape.layer_norm(x)
        return tape.movedim(tape.layer_norm(tape.movedim(x, 1, -1)), -1, 1)

    def lowering(self, x: Shape) -> Lowering:
        target = "torch.nn.LayerNorm" if len(x) <= 2 else "cnncalc.torch_backend.modules.ChannelLayerNorm"
        return Lowering(target, (self._features(x),), {"elementwise_affine": self.affine, "eps": self.eps})

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((5, 8),)), (cls(affine=False), ((8,),)), (cls(), ((4, 3, 5),))]


@op("groupnorm")
class GroupNorm(Op):
    """Group normalization over space and the channels of a group.   [c, *hw] -> [c, *hw];  weight [c], bias [c]."""

    role = "norm"
    parameter_kind = "norm_params"

    groups: int = 32
    affine: bool = True
    eps: float = 1e-5

    def shape(self, x: Shape) -> Shape:
        window.spatial(x)
        if x[0] % self.groups:
            raise ShapeError(f"groups must divide the channels, but {self.groups} does not divide {x[0]}")
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return _affine_weights(x[0]) if self.affine else {}

    def work(self, x: Shape, y: Shape) -> Work:
        affine = elements(x) if self.affine else 0
        return _statistics_work(x, self.groups) + Work(mul=affine, add=affine)

    def reach(self, x: Shape) -> tuple[Tap, ...]:
        return _whole_map(x)

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.group_norm(x, self.groups)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("torch.nn.GroupNorm", (self.groups, x[0]), {"affine": self.affine, "eps": self.eps})

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(4), ((8, 5, 6),)), (cls(affine=False), ((64, 3),)), (cls(1), ((2, 3, 4, 5),))]


@op("instancenorm")
class InstanceNorm(Op):
    """Instance normalization over space, each channel by itself.   [c, *hw] -> [c, *hw];  weight [c], bias [c]
    with ``affine: true``.
    """

    role = "norm"
    parameter_kind = "norm_params"

    affine: bool = False
    eps: float = 1e-5

    def shape(self, x: Shape) -> Shape:
        window.spatial(x)
        return x

    def weights(self, x: Shape) -> dict[str, Shape]:
        return _affine_weights(x[0]) if self.affine else {}

    def work(self, x: Shape, y: Shape) -> Work:
        affine = elements(x) if self.affine else 0
        return _statistics_work(x, x[0]) + Work(mul=affine, add=affine)

    def reach(self, x: Shape) -> tuple[Tap, ...]:
        return _whole_map(x)

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.instance_norm(x)

    def lowering(self, x: Shape) -> Lowering:
        return Lowering(f"torch.nn.InstanceNorm{len(x) - 1}d", (x[0],), {"affine": self.affine, "eps": self.eps})

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((8, 5, 6),)), (cls(affine=True), ((4, 3),)), (cls(), ((2, 3, 4, 5),))]


@op("pixelnorm")
class PixelNorm(Op):
    """Division by the root mean square of the channels of each pixel, or of the features of a vector or token
    (Karras et al. 2017).   [c, *hw] -> [c, *hw], [t, f] -> [t, f];  no parameters.

    For n values: n squares, n - 1 additions, a division, epsilon, a root, n divisions.
    """

    role = "norm"

    def _features(self, x: Shape) -> int:
        return x[0] if len(x) > 2 else x[-1]

    def shape(self, x: Shape) -> Shape:
        return x

    def work(self, x: Shape, y: Shape) -> Work:
        n = elements(x)
        parts = n // self._features(x)
        return Work(mul=n, add=n, div=n + parts, sqrt=parts)

    def reach(self, x: Shape) -> tuple[Tap, ...]:
        return _whole_map(x) if len(x) == 2 else POINTWISE

    def run(self, tape: Tape, x: Value) -> Value:
        axis = 1 if len(x.shape) > 3 else len(x.shape) - 1
        return tape.div(x, tape.sqrt(tape.shifted(tape.mean(tape.mul(x, x), axis, keepdim=True))))

    def lowering(self, x: Shape) -> Lowering:
        return Lowering("cnncalc.torch_backend.modules.PixelNorm", (1 if len(x) > 2 else -1,))

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((4, 3, 5),)), (cls(), ((7,),)), (cls(), ((5, 4),)), (cls(), ((2, 3, 4, 5),))]


@op("lrn")
class LocalResponseNorm(Op):
    """Local response normalization across ``size`` neighbouring channels (Krizhevsky et al. 2012, section 3.3).
    [c, *hw] -> [c, *hw];  no parameters.

    ``x / (k + alpha/size * sum of size squares) ** beta``: per value three multiplications, ``size`` additions,
    a logarithm, an exponential and a division (the power is ``exp(beta * log)``).
    """

    role = "norm"

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def shape(self, x: Shape) -> Shape:
        window.spatial(x)
        return x

    def work(self, x: Shape, y: Shape) -> Work:
        n = elements(y)
        return Work(mul=3 * n, add=self.size * n, log=n, exp=n, div=n)

    def run(self, tape: Tape, x: Value) -> Value:
        return tape.local_response_norm(x, self.size)

    def lowering(self, x: Shape) -> Lowering:
        constants = {"alpha": self.alpha, "beta": self.beta, "k": self.k}
        return Lowering("torch.nn.LocalResponseNorm", (self.size,), constants)

    @classmethod
    def samples(cls) -> list[tuple[Op, tuple[Shape, ...]]]:
        return [(cls(), ((8, 5, 6),)), (cls(3), ((4, 7),)), (cls(2), ((2, 3, 4, 5),))]
