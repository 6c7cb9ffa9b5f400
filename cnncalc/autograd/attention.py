"""``scaled_dot_product_attention``: which kernel PyTorch runs, what that makes, and what it keeps.

The choice is that of ``sdp_utils_cpp.cpp`` on a CPU, and on a GPU that of ``cuda/sdp_utils.cpp`` for compute
capability 8.0 and above, without a mask and without dropout.
"""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.autograd.autocast import FULL, HALF
from cnncalc.autograd.lifetimes import scoped
from cnncalc.autograd.strides import ordered
from cnncalc.autograd.tensor_ops import WHOLE, TensorOps
from cnncalc.autograd.tensors import Tensor

#: by what ``--attention`` names, in the order in which PyTorch tries them
KERNELS = ("flash", "efficient", "math")
#: features of a head that the flash kernel of a GPU takes at most, and pads to a multiple of
_LARGEST_HEAD, _PADDED = 256, 8
#: queries that the efficient kernel pads its log-sums to a multiple of
_ALIGNED = 32


def kernel(device: str, itemsize: int, head: int, wanted: str = "") -> str:
    """The kernel that PyTorch runs for heads of so many features.

    Args:
        device: cpu or cuda.
        itemsize: bytes of a value of queries, keys and values.
        head: features of a head.
        wanted: the only one of :data:`KERNELS` that may run, as in ``torch.nn.attention.sdpa_kernel``; any without.

    Raises:
        ValueError: that one can't; the message goes on behind its name.
    """
    obstacles = [_obstacle(name, device, itemsize, head) for name in KERNELS]
    if wanted:
        obstacle = obstacles[KERNELS.index(wanted)]
        if obstacle is not None:
            raise ValueError(obstacle)
        return wanted
    return KERNELS[obstacles.index(None)]


def _obstacle(name: str, device: str, itemsize: int, head: int) -> str | None:
    """Why a kernel can't run; None where it can."""
    if name == "math" or (name == "flash" and device == "cpu"):
        return None
    if device == "cpu":
        return "needs the device cuda"
    if name == "flash":
        if itemsize != HALF:
            return "needs float16 or bfloat16 on the device cuda"
        return f"takes heads of at most {_LARGEST_HEAD} features, not {head}" if head > _LARGEST_HEAD else None
    if itemsize not in (HALF, FULL):
        return "needs float32, float16 or bfloat16"
    multiple = 16 // itemsize
    return f"takes heads of a multiple of {multiple} features, not {head}" if head % multiple else None


class AttentionOps(TensorOps):
    """Attention of queries over keys. ``attention`` is the only kernel that may run; any where it is empty."""

    attention: str = ""

    @scoped
    def scaled_dot_product_attention(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Values mixed by the softmax of the products of queries and keys, all [batch, heads, tokens, features].

        Raises:
            ValueError: the kernel that alone may run can't.
        """
        given = list(map(self.hold, self.lowered(q, k, v)))
        found = kernel(self.device, given[0].itemsize, q.shape[3], self.attention)
        if found == "math":
            return self._math(*given)
        return self._flash(*given) if found == "flash" else self._efficient(*given)

    def _flash(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """A GPU's kernel pads heads, and has the state of a generator of random numbers."""
        features = q.shape[3]
        gpu = self.device == "cuda"
        if gpu and features % _PADDED:
            q, k, v = (self.hold(self.pad(x, (0, -features % _PADDED))) for x in (q, k, v))
        out = self.like(q)
        state = [self.new((2,), False, WHOLE), self.new((), False, WHOLE)] if gpu else []
        self._kept(out, [q, k, v], [self.new(q.shape[:3], q.scales, max(q.itemsize, FULL)), *state])
        return self.slices(out, 3, [range(features)])

    def _efficient(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = self.new(q.shape, q.scales, q.itemsize, ordered(q.shape, (0, 2, 1, 3)))
        rows = -(-q.shape[2] // _ALIGNED) * _ALIGNED if self.needs(q, k, v) else 0
        return self._kept(out, [q, k, v], [self.new((*q.shape[:2], rows), q.scales, FULL)])

    def _kept(self, out: Tensor, given: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
        """The output of a fused kernel, which keeps all of them. Its gradients lie token by token."""
        sizes = [(x.shape, x.scales, x.itemsize, ordered(x.shape, (0, 2, 1, 3))) for x in given]
        return self.record(out, given, lambda grad, needs: [self.new(*size) for size in sizes], [*given, out, *others])

    def _math(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The two products written out, in float32 where values have 16 bits; both factors of the first are scaled.

        Autocast does not reach inside.
        """
        outer = self.autocast, self.itemsize
        before = q.itemsize
        self.autocast, self.itemsize = "", max(before, FULL)
        q, k, v = (self.hold(self.cast(x, self.itemsize)) for x in (q, k, v))
        scaled = self.hold(self.scaled(q))
        scores = self.hold(self.matmul(scaled, self.scaled(self.transpose(k, 2, 3))))
        weights = self.hold(self.softmax(scores))
        self.drop(scores)
        self.hold(self.cast(weights, before))
        out = self.cast(self.matmul(weights, v), before)
        self.autocast, self.itemsize = outer
        return out
