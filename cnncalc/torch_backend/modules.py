"""Modules for what PyTorch has no module for; operators name them in their lowerings."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional


class Add(nn.Module):
    """Sum of the inputs."""

    def forward(self, *xs: Tensor) -> Tensor:
        return reduce(torch.add, xs)


class Mul(nn.Module):
    """Product of the inputs."""

    def forward(self, *xs: Tensor) -> Tensor:
        return reduce(torch.mul, xs)


class Mean(nn.Module):
    """Mean of the inputs."""

    def forward(self, *xs: Tensor) -> Tensor:
        return reduce(torch.add, xs) / len(xs)


class Max(nn.Module):
    """Maximum of the inputs."""

    def forward(self, *xs: Tensor) -> Tensor:
        return reduce(torch.maximum, xs)


class Concat(nn.Module):
    """Channels of the inputs, one after the other."""

    def forward(self, *xs: Tensor) -> Tensor:
        return torch.cat(xs, dim=1)


class Padded(nn.Module):
    """A module over a constant border that differs before and after; ``padding`` as in ``functional.pad``."""

    def __init__(self, inner: nn.Module, padding: tuple[int, ...], value: float) -> None:
        super().__init__()
        self.inner = inner
        self.padding = padding
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(functional.pad(x, self.padding, value=self.value))
        return y


class AvgPoolSameTF(nn.Module):
    """Mean over a window with TensorFlow's padding: the border does not count."""

    def __init__(self, kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]) -> None:
        super().__init__()
        pool = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}
        self.pool = pool[len(kernel)]
        self.kernel = kernel
        self.stride = stride
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        inside = functional.pad(torch.ones_like(x[:1, :1]), self.padding)
        total = self.pool(functional.pad(x, self.padding), self.kernel, self.stride)
        return total / self.pool(inside, self.kernel, self.stride)


class ChannelLayerNorm(nn.LayerNorm):
    """Layer normalization over the channels of each pixel of a map."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
