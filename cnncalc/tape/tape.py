"""The layers of PyTorch, as far as memory goes: what each takes, keeps for the backward pass, delivers there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnncalc.tape.engine import Value
from cnncalc.tape.tensors import Tensors
from cnncalc.values import Shape


class Tape(Tensors):
    """What an operator's rule ``run`` calls, in the order in which its module calls PyTorch.

    ``training`` is the module's mode; ``weights`` and ``buffers`` are those of the layer that runs; ``in_place`` says
    that it is to overwrite its first input.
    """

    training: bool = False
    weights: Mapping[str, Value] = {}
    buffers: Mapping[str, Value] = {}

    def pointwise(self, x: Value, saves: str) -> Value:
        """An activation: ``saves`` is "input", "output" or "nothing".

        Where the layer is to run in place, one that needs its input keeps a copy of it.
        """
        kept = []
        if self.in_place:
            if saves == "input" and self.needs(x):
                kept = [self.like(x)]
            out = x.view(x.shape, x.strides)
        else:
            out = self.like(x)
        if saves == "output":
            kept = [out]
        elif saves == "input" and not self.in_place:
            kept = [x]
        return self.record(out, [x], self.another(x), kept)

    def conv(self, x: Value, weight: Value, bias: Value | None, shape: Shape) -> Value:
        """A convolution of any kind; ``shape`` is the output's, with the batch."""
        out = self.new(shape)
        return self._product(out, [x, weight, *([bias] if bias else [])], [x, weight])

    def _product(self, out: Value, inputs: Sequence[Value], saves: Sequence[Value]) -> Value:
        sizes = [(value.shape, value.scales) for value in inputs]

        def backward(grad: Value, needs: Sequence[bool]) -> list[Value | None]:
            return [
                self.new(shape, scales) if need else None for (shape, scales), need in zip(sizes, needs, strict=True)
            ]

        return self.record(out, inputs, backward, saves)

    def linear(self, x: Value, weight: Value, bias: Value | None) -> Value:
        """x @ weight.T + bias over the last axis."""
        out = self.new((*x.shape[:-1], weight.shape[0]), x.scales)
        return self._product(out, [x, weight, *([bias] if bias else [])], [x, weight])

    def batch_norm(self, x: Value) -> Value:
        """Batch normalization with the layer's weights; in training it keeps mean and variance."""
        channels = x.shape[1]
        out = self.like(x)
        saves = [x]
        if self.training:
            saves += [self.new((channels,), scales=False), self.new((channels,), scales=False)]
        return self._product(out, [x, *self.weights.values()], saves)

    def max_pool(self, x: Value, shape: Shape) -> Value:
        """Maxima, and where each was found."""
        out = self.new(shape)
        found = self.new(shape, itemsize=8)
        return self.record(out, [x], self.another(x), [x, found])

    def pool(self, x: Value, shape: Shape, saves: bool = True) -> Value:
        """Another pool."""
        return self.record(self.new(shape), [x], self.another(x), [x] if saves else [])

    def dropout(self, x: Value) -> Value:
        """Values times noise; a CPU keeps the noise, a GPU a mask of a byte for each."""
        noise = self.like(x)
        return self.record(self.like(x), [x], self.another(x), [noise])

    def cross_entropy(self, x: Value, target: Value) -> Value:
        """Mean cross entropy over axis 1; log-probabilities, and the number of targets, are kept."""
        logs = self.like(x)
        self.record(logs, [x], self.another(x), [logs])
        out, weight = self.new((), scales=False), self.new((), scales=False)
        return self.record(out, [logs], self.another(logs), [logs, target, weight])
