"""The layers of PyTorch, as far as memory goes: what each takes, keeps for the backward pass, delivers there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Literal

from cnncalc.autograd.attention import AttentionOps
from cnncalc.autograd.engine import CONVOLUTION, PRODUCT
from cnncalc.autograd.lifetimes import scoped
from cnncalc.autograd.strides import contiguous, is_contiguous, preferred
from cnncalc.autograd.tensor_ops import WHOLE, factors
from cnncalc.autograd.tensors import Backward, Tensor
from cnncalc.autograd.torch_versions import Rules, rules
from cnncalc.autograd.view_ops import metadata
from cnncalc.values import Shape, TensorShape, ValueShape

#: the buffers that a mean and a variance are averaged in
RUNNING = ("running_mean", "running_var")
#: what an activation keeps: see :meth:`Tape.pointwise`
Keeps = Literal["input", "output", "input, or output in place"]


class Tape(AttentionOps):
    """What an operator's rule ``run`` calls, in the order in which its module calls PyTorch.

    ``training`` is the module's mode; ``weights`` and ``buffers`` are those of the layer that runs; ``in_place`` says
    that it is to overwrite its first input. ``device`` is "cpu" or "cuda", ``rules`` those of a version of PyTorch.
    """

    training: bool = False
    #: of the layer that runs: the shapes of its inputs, in the order of the values, and of its output, without batch
    inputs: Sequence[ValueShape] = ()
    output: ValueShape = TensorShape()
    weights: Mapping[str, Tensor] = MappingProxyType({})
    buffers: Mapping[str, Tensor] = MappingProxyType({})
    rules: Rules = rules()

    def pointwise(self, x: Tensor, keeps: Keeps) -> Tensor:
        """An activation. In place, one that needs its input keeps a copy of it, or by older rules its result."""
        before = metadata(x)

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            return [self.combined(grad, before, itemsize=grad.itemsize)]

        if not self.in_place:
            out = self.like(x)
            return self.record(out, [x], backward, [out if keeps == "output" else x])
        kept = x
        if keeps == "input" and self.rules.copies_overwritten and self.needs(x):
            kept = self.like(x)
        return self.overwritten([x], backward, [kept])

    @scoped
    def prelu(self, x: Tensor) -> Tensor:
        """x, or the layer's slope times x; both gradients are as large as x, until the slope's is summed."""
        given, weight = self.lowered(x, self.weights["weight"])
        weight = self.reshape(weight, (1, *weight.shape, *(1 for _ in x.shape[2:])))
        shape, scales = x.shape, x.scales

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            both = [self.new(shape, scales) for _ in needs]
            return [value if need else None for value, need in zip(both, needs, strict=True)]

        return self.record(self.like(given), [given, weight], backward, [given, weight])

    @scoped
    def conv(self, x: Tensor, weight: Tensor, bias: Tensor | None, shape: Shape) -> Tensor:
        """A convolution of any kind; ``shape`` is the output's, with the batch. It keeps x and the weight always."""
        inputs = self.lowered(x, weight, *([bias] if bias is not None else []))
        out = self.alike(shape, inputs[0])
        self.library_call(CONVOLUTION[0])
        return self.record(out, inputs, self.gradients(*inputs, calls=CONVOLUTION[1:]), inputs[:2])

    @scoped
    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """x @ weight.T + bias over the last axis.

        The bias is part of the product where the rows of x lie one after the other, and added afterwards where they
        must be copied for it. Without a bias the weight's gradient comes before that of x. The weight is read through a
        transposed view: its gradient arrives one step after that of the bias.
        """
        inputs = self.lowered(x, weight, *([bias] if bias is not None else []))
        given, weight, *biases = map(self.hold, inputs)
        shape = (*x.shape[:-1], weight.shape[0])
        rows = given if len(shape) == 2 else self.reshape(given, (prod(shape[:-1]), x.shape[-1]))
        turned = self.transpose(weight, 0, 1)
        if biases and (len(shape) == 2 or is_contiguous(given.shape, given.strides)):
            products = self.products(rows, turned)

            def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
                return [grad if needs[0] else None, *products(grad, needs[1:])]  # the bias was broadcast

            out = self.new((rows.shape[0], shape[-1]), x.scales)
            self.library_call(PRODUCT)
            self.record(out, [*biases, rows, turned], backward, factors(rows, turned))
            return out if len(shape) == 2 else self.view(out, shape)
        out = self.product(rows, turned, (rows.shape[0], shape[-1]))
        if len(shape) != 2:
            out = self.unsafe_view(out, shape)
        for added in biases:
            out = self.add_into(out, added) if self.adds_in_place else self.add(out, added)
        return out

    def batch_norm(self, x: Tensor) -> Tensor:
        """Batch normalization with the layer's weights; in training it keeps mean and variance."""
        return self._batch_norm(x, list(self.weights.values()), self.training)

    def _batch_norm(self, x: Tensor, weights: Sequence[Tensor], own_statistics: bool, scales: bool = False) -> Tensor:
        out = self.like(x)
        shape = (x.shape[1],)
        size = self._statistics_bytes(x, *weights, *(self.buffers[name] for name in RUNNING if name in self.buffers))
        statistics = [self.new(shape, scales, size) for _ in range(2)] if own_statistics else []
        return self.record(out, [x, *weights], self._norm_gradients(x, *weights), [x, *weights[:1], *statistics])

    def _norm_gradients(self, *values: Tensor) -> Backward:
        """Gradients of which the first is made whether it is needed or not."""
        backward = self.gradients(*values)

        def always_first(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            first, *others = backward(grad, [True, *needs[1:]])
            return [first if needs[0] else None, *others]

        return always_first

    def _statistics_bytes(self, *read: Tensor) -> int:
        """Bytes of a mean: of the widest of the tensors that are read; on a GPU those of float32 at least."""
        return max([value.itemsize for value in read] + [4] * (self.device == "cuda"))

    @scoped
    def instance_norm(self, x: Tensor) -> Tensor:
        """Batch normalization of a single sample that has the channels of all of them; weights are repeated for it."""
        batch, channels = x.shape[:2]
        weights = [self._for_each_sample(weight) for weight in self.weights.values()]
        joined = self.reshape(x, (1, batch * channels, *x.shape[2:]))
        return self.reshape(self._batch_norm(joined, weights, True, scales=True), x.shape)

    def _for_each_sample(self, weight: Tensor) -> Tensor:
        """A weight of channels, repeated; gradients of several samples are summed."""
        shape = weight.shape
        out = self.new((self.batch * shape[0],), itemsize=weight.itemsize)

        def backward(grad: Tensor, needs: Sequence[bool]) -> list[Tensor | None]:
            return [self.new(shape, scales=False) if self.batch > 1 else self.view(grad, shape)]

        return self.record(out, [weight], backward)

    @scoped
    def layer_norm(self, x: Tensor) -> Tensor:
        """Normalization along the last axis; mean and deviation are made, and kept where a gradient is needed."""
        inputs = [self.raised(x, on="cuda"), *self.weights.values()]
        out = self.new(x.shape, x.scales, inputs[0].itemsize)
        size = self._statistics_bytes(*inputs)
        statistics = [self.new((*x.shape[:-1], 1), x.scales, size) for _ in range(2)]
        return self.record(out, inputs, self.gradients(*inputs), [inputs[0], *statistics])

    @scoped
    def group_norm(self, x: Tensor, groups: int) -> Tensor:
        """Normalization over the channels of a group, and over space; a GPU makes no wider statistics than a CPU.

        A GPU takes x and the gradient in row order, a CPU in the layout of x.
        """
        given = self.raised(x, on="cuda")
        on_cpu = self.device == "cpu"
        lies = preferred(x.shape, (x.shape, given.strides)) if on_cpu else contiguous(x.shape)
        inputs = [self.laid(given, lies), *self.weights.values()]
        made = self.gradients(*inputs)

        def backward(grad: Tensor, needs: Sequence[bool]) -> Sequence[Tensor | None]:
            self.hold(self.laid(grad, lies))
            return made(grad, needs)

        out = self.like(inputs[0])
        size = max(value.itemsize for value in inputs)
        statistics = [self.new((x.shape[0], groups), x.scales, size) for _ in range(2)]
        return self.record(out, inputs, backward, [inputs[0], *statistics])

    @scoped
    def local_response_norm(self, x: Tensor, size: int) -> Tensor:
        """x over a power of the mean of squares of neighbouring channels, as ``functional.local_response_norm``."""
        shape = x.shape
        below = self.unsqueeze(self.mul(x, x), 1)  # the channels become an axis of the map
        below = self.pad(below, (0,) * (2 * len(shape) - 4) + (size // 2, (size - 1) // 2))
        below = self.pool(below, (shape[0], 1, *shape[1:]))
        mean = self.hold(self.view(below, shape))
        below = self.pow(self.shifted(self.scaled(mean)))
        self.drop(mean)
        return self.div(x, below)

    @scoped
    def max_pool(self, x: Tensor, shape: Shape) -> Tensor:
        """Maxima, and where each was found."""
        if len(shape) == 3:
            return self.along_one_axis(x, shape, self.max_pool)
        given = self.pooled(x)
        out = self.alike(shape, given)
        found = self.new(shape, itemsize=WHOLE)
        return self.record(out, [given], self.gradients(given), [given, found])

    @scoped
    def pool(self, x: Tensor, shape: Shape) -> Tensor:
        """A mean, or a sum, of the values in each window."""
        if len(shape) == 3:
            return self.along_one_axis(x, shape, self.pool)
        given = self.pooled(x)
        return self.record(self.alike(shape, given), [given], self.gradients(given), [given])

    @scoped
    def resize(self, x: Tensor, shape: Shape) -> Tensor:
        """A map in another size (``functional.interpolate``); nothing is kept."""
        given = self.raised(x, on="cuda")
        return self.record(self.alike(shape, given), [given], self.gradients(given))

    @scoped
    def dropout(self, x: Tensor, p: float) -> Tensor:
        """A tensor times noise; a CPU makes the noise first and keeps it, a GPU a mask of a byte for each. Where all is
        dropped, it is multiplied by a single 0, which is kept.
        """
        if p >= 1:
            return self.mul(x, self.new((), False, x.itemsize))
        if self.device == "cuda":
            out = self.like(x)
            return self.record(out, [x], self.gradients(x), [self.new(x.shape, x.scales, 1)])
        noise = self.like(x)
        return self.record(self.like(x), [x], self.gradients(x), [noise])

    @scoped
    def cross_entropy(self, x: Tensor, target: Tensor) -> Tensor:
        """Mean cross entropy over axis 1; log-probabilities, and the number of targets, are kept.

        With autocast a CPU takes 32 bits for all of it, a GPU for the mean.
        """
        given = self.hold(self.raised(x, on="cpu"))
        made = given.shape, given.scales, given.itemsize
        logs = self.new(*made)
        self.record(logs, [given], lambda grad, needs: [self.new(*made)], [logs])
        logs = self.raised(logs)
        out, weight = self.new((), scales=False), self.new((), scales=False)
        return self.record(out, [logs], self.gradients(logs), [logs, target, weight])
