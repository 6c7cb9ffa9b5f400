"""Modules for what PyTorch has no module for; operators name them in their lowerings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Join(nn.Module):
    """A join of values that lack so many axes each: those of maps the last ones, others those behind the batch."""

    def __init__(self, missing: tuple[int, ...] = (), channels_first: bool = True) -> None:
        super().__init__()
        self.missing = missing
        self.channels_first = channels_first

    def aligned(self, xs: Sequence[Tensor]) -> Sequence[Tensor]:
        """The inputs with one number of axes."""
        if not self.missing:
            return xs
        batch = ... if self.channels_first else slice(None)
        return [x[(batch, *(None,) * n)] if n else x for x, n in zip(xs, self.missing, strict=True)]


class Add(_Join):
    """Sum of the inputs; ``inplace`` overwrites the first."""

    inplace = False

    def forward(self, *xs: Tensor) -> Tensor:
        first, *others = self.aligned(xs)
        if not self.inplace:
            return reduce(torch.add, others, first)
        for x in others:
            first = first.add_(x)
        return first


class Mul(_Join):
    """Product of the inputs."""

    def forward(self, *xs: Tensor) -> Tensor:
        return reduce(torch.mul, self.aligned(xs))


class Mean(_Join):
    """Mean of the inputs."""

    def forward(self, *xs: Tensor) -> Tensor:
        return reduce(torch.add, self.aligned(xs)) / len(xs)


class Max(_Join):
    """Maximum of the inputs."""

    def forward(self, *xs: Tensor) -> Tensor:
        return reduce(torch.maximum, self.aligned(xs))


class Concat(nn.Module):
    """The inputs, one after the other along an axis; the channels of a map unless said."""

    def __init__(self, axis: int = 1) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *xs: Tensor) -> Tensor:
        return torch.cat(xs, dim=self.axis)


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


class _Features(nn.Module):
    """A module of channels over the features of a sequence, which come first meanwhile."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = super().forward(x.movedim(-1, 1).contiguous())
        return y.movedim(1, -1)


class FeatureBatchNorm(_Features, nn.BatchNorm1d):
    """Batch normalization of the features of a sequence."""


class FeatureGroupNorm(_Features, nn.GroupNorm):
    """Group normalization over tokens and the features of a group."""


class FeatureInstanceNorm(_Features, nn.InstanceNorm1d):
    """Instance normalization over tokens."""


class FeaturePReLU(_Features, nn.PReLU):
    """PReLU with a slope for each feature."""


class TokenAvg(nn.Module):
    """Mean over the tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


class TokenMax(nn.Module):
    """Maximum over the tokens."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(1)


class StochasticDepth(nn.Module):
    """Nothing in evaluation; in training every sample is dropped with probability ``p``, or scaled by 1/(1 - p)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p:
            return x
        if self.p >= 1:
            return x * 0
        kept = torch.rand(x.shape[:1] + (1,) * (x.dim() - 1), device=x.device) >= self.p
        return x * kept / (1 - self.p)


class SparseConv(nn.Module):
    """Convolution in which each output channel reads the input channels of its row of ``connections``."""

    def __init__(
        self,
        connections: tuple[tuple[int, ...], ...],
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        dilation: tuple[int, ...],
        bias: bool,
    ) -> None:
        super().__init__()
        self.conv = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[len(kernel)]
        self.connections = connections
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.weight = nn.Parameter(torch.empty(sum(map(len, connections)), 1, *kernel))
        self.bias = nn.Parameter(torch.zeros(len(connections))) if bias else None
        nn.init.kaiming_uniform_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        first = 0
        for number, row in enumerate(self.connections):
            weight = self.weight[first : first + len(row)].transpose(0, 1)
            bias = None if self.bias is None else self.bias[number : number + 1]
            outputs.append(self.conv(x[:, list(row)], weight, bias, self.stride, self.padding, self.dilation))
            first += len(row)
        return torch.cat(outputs, dim=1)


class Slice(nn.Module):
    """A view of ``ranges`` (start, stop, step) of the axes from ``first`` on."""

    def __init__(self, first: int, ranges: tuple[tuple[int, int, int], ...]) -> None:
        super().__init__()
        self.taken = (slice(None),) * first + tuple(slice(*taken) for taken in ranges)

    def forward(self, x: Tensor) -> Tensor:
        return x[self.taken]


class ZeroPad(nn.Module):
    """Zeros around the spatial axes and the channels; ``padding`` as in ``functional.pad``."""

    def __init__(self, padding: tuple[int, ...]) -> None:
        super().__init__()
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x, self.padding)


class Tokens(nn.Module):
    """The pixels of a map as a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)


class FeatureMap(nn.Module):
    """A sequence as a map of ``size``."""

    def __init__(self, size: tuple[int, ...]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return torch.unflatten(x.transpose(1, 2), 2, self.size)


class Select(nn.Module):
    """One token of a sequence."""

    def __init__(self, token: int) -> None:
        super().__init__()
        self.token = token

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.token]


class Scale(nn.Module):
    """factor*x + shift."""

    def __init__(self, factor: float, shift: float) -> None:
        super().__init__()
        self.factor = factor
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor + self.shift


class Affine(nn.Module):
    """A learned scale and bias of each channel, with ``axes`` spatial axes after it."""

    def __init__(self, channels: int, axes: int, scale: bool, bias: bool) -> None:
        super().__init__()
        self.shape = (channels, *(1,) * axes)
        self.weight = nn.Parameter(torch.ones(channels)) if scale else None
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        if self.weight is not None:
            x = x * self.weight.view(self.shape)
        return x if self.bias is None else x + self.bias.view(self.shape)


class ClassToken(nn.Module):
    """A learned token before the others."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(x.shape[0], -1, -1), x], dim=1)


class PositionEmbedding(nn.Module):
    """A learned value added to each."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight


class Constant(nn.Module):
    """A learned constant, whatever the input."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.once = (1,) * len(shape)
        self.weight = nn.Parameter(torch.randn(shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.repeat(x.shape[0], *self.once)


class Noise(nn.Module):
    """Noise that all channels share, times a learned strength."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.randn_like(x[:, :1])
        return x + self.weight.view((-1,) + (1,) * (x.dim() - 2)) * noise


class PixelNorm(nn.Module):
    """Division by the root mean square along one axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        return x / torch.sqrt((x * x).mean(self.axis, keepdim=True) + 1e-8)


class ChannelMean(nn.Module):
    """Mean over the channels."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True)


class ChannelMax(nn.Module):
    """Maximum over the channels."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax(1, keepdim=True)


class MaxOut(nn.Module):
    """Maximum of each ``pieces`` neighbours along an axis."""

    def __init__(self, pieces: int, axis: int) -> None:
        super().__init__()
        self.pieces = pieces
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        return torch.unflatten(x, self.axis, (-1, self.pieces)).amax(self.axis + 1)


class ChannelConv(nn.Conv1d):
    """Convolution along the channels of a map of one pixel."""

    def __init__(self, kernel: int, bias: bool) -> None:
        super().__init__(1, 1, kernel, padding=kernel // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1).unsqueeze(1)).view(x.shape)


class RadialBasis(nn.Module):
    """Squared distance to fixed vectors."""

    weight: Tensor

    def __init__(self, features: int, out: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.randn(out, features).sign())

    def forward(self, x: Tensor) -> Tensor:
        return (x.unsqueeze(1) - self.weight).square().sum(2)


class RoiAlign(nn.Module):
    """Regions of a map, sampled to ``size``; every region is the whole map, which costs what any other does.

    The regions of all samples come out one after the other, along the batch.
    """

    def __init__(self, regions: int, size: int, samples_per_axis: int) -> None:
        super().__init__()
        self.regions = regions
        self.size = size
        self.samples_per_axis = samples_per_axis

    def forward(self, x: Tensor) -> Tensor:
        count = self.size * self.samples_per_axis
        along = (torch.arange(count, dtype=x.dtype, device=x.device) * 2 + 1) / count - 1
        rows = along.repeat(self.regions)
        grid = torch.stack([along.expand(count * self.regions, -1), rows[:, None].expand(-1, count)], dim=2)
        sampled = functional.grid_sample(x, grid.expand(x.shape[0], -1, -1, -1), align_corners=False)
        pooled = functional.avg_pool2d(sampled, self.samples_per_axis)
        return torch.unflatten(pooled, 2, (self.regions, self.size)).transpose(1, 2).flatten(0, 1)


class SelfAttention(nn.MultiheadAttention):
    """Self-attention by ``scaled_dot_product_attention``, in evaluation too."""

    def __init__(self, features: int, heads: int, bias: bool) -> None:
        super().__init__(features, heads, bias=bias, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        projected = functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = torch.unflatten(projected, 2, (3, self.num_heads, self.head_dim)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v)
        y: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return y


class WindowAttention(nn.Module):
    """Self-attention inside windows of a map, or among the pixels of a grid; tensors are named as torchvision's are."""

    relative_position_index: Tensor
    relative_coords_table: Tensor

    def __init__(
        self,
        channels: int,
        heads: int,
        window: int,
        shifts: tuple[int, int],
        grid: bool,
        position: str,
        cosine: bool,
        bias: bool,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.shifts = shifts
        self.grid = grid
        self.position = position
        self.qkv = nn.Linear(channels, 3 * channels, bias=bias)
        self.proj = nn.Linear(channels, channels, bias=bias)
        self.logit_scale = nn.Parameter(torch.full((heads, 1, 1), 10.0).log()) if cosine else None
        if position == "table":
            self.relative_position_bias_table = nn.Parameter(torch.randn((2 * window - 1) ** 2, heads) * 0.02)
        if position == "mlp":
            self.cpb_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, heads, bias=False))
            offset = torch.arange(1.0 - window, window) * 8 / max(window - 1, 1)
            offset = offset.sign() * (offset.abs() + 1).log2() / 3
            table = torch.stack(torch.meshgrid(offset, offset, indexing="ij"), dim=2)
            self.register_buffer("relative_coords_table", table.unsqueeze(0))
        if position != "none":
            pixel = torch.arange(window**2)
            rows = pixel.div(window, rounding_mode="floor")
            columns = pixel % window
            down = rows[:, None] - rows + window - 1
            right = columns[:, None] - columns + window - 1
            self.register_buffer("relative_position_index", (down * (2 * window - 1) + right).flatten())

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        size = self.window
        x = functional.pad(x, (0, -width % size, 0, -height % size)).roll([-shift for shift in self.shifts], (2, 3))
        parts = self.partition(x)
        q, k, v = torch.unflatten(self.project(parts), 3, (3, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        scores = self.compare(q, k) + self.position_bias()
        if any(self.shifts):
            area = self.partition(self.areas(x))
            # the product is in float32, whatever the module's data type
            scores = scores + ((area != area.transpose(2, 3)).unsqueeze(2) * -100.0).to(scores.dtype)
        y = self.proj((scores.softmax(4) @ v).transpose(2, 3).flatten(3))
        y = self.join(y, x).roll(self.shifts, (2, 3))
        return y[:, :, :height, :width].contiguous()

    def partition(self, x: Tensor) -> Tensor:
        """[batch, channels, height, width] to [batch, windows, tokens, channels]."""
        inner = (self.window, -1) if self.grid else (-1, self.window)
        cut = torch.unflatten(torch.unflatten(x, 3, inner), 2, inner)
        cut = cut.permute((0, 3, 5, 2, 4, 1) if self.grid else (0, 2, 4, 3, 5, 1))
        return cut.flatten(3, 4).flatten(1, 2)

    def join(self, parts: Tensor, x: Tensor) -> Tensor:
        """What ``partition`` does, undone."""
        height, width = x.shape[2:]
        rows, columns = height // self.window, width // self.window
        cut = torch.unflatten(torch.unflatten(parts, 2, (self.window, self.window)), 1, (rows, columns))
        order = (0, 5, 3, 1, 4, 2) if self.grid else (0, 5, 1, 3, 2, 4)
        return cut.permute(order).flatten(4, 5).flatten(2, 3)

    def areas(self, x: Tensor) -> Tensor:
        """A number for each part of the map that the shift did not bring beside another."""
        axes = []
        height, width = x.shape[2:]
        for n, shift in zip((height, width), self.shifts, strict=True):
            position = torch.arange(n, device=x.device)
            axes.append((position >= n - self.window).int() + (position >= n - shift).int())
        return (axes[0][:, None] * 3 + axes[1])[None, None]

    def project(self, parts: Tensor) -> Tensor:
        """Queries, keys and values; the cosine takes no bias on its keys."""
        bias = self.qkv.bias
        if bias is not None and self.logit_scale is not None:
            q, k, v = bias.chunk(3)
            return functional.linear(parts, self.qkv.weight, torch.cat([q, k * 0, v]))
        return functional.linear(parts, self.qkv.weight, bias)

    def compare(self, q: Tensor, k: Tensor) -> Tensor:
        """The scores of all pairs."""
        if self.logit_scale is None:
            scaled: Tensor = q * q.shape[-1] ** -0.5
            return scaled @ k.transpose(3, 4)
        angles: Tensor = functional.normalize(q, dim=-1) @ functional.normalize(k, dim=-1).transpose(3, 4)
        scale: Tensor = self.logit_scale.clamp(max=log(100)).exp()
        return angles * scale

    def position_bias(self) -> Tensor | float:
        """[heads, tokens, tokens], or nothing."""
        if self.position == "none":
            return 0.0
        table: Tensor = self.relative_position_bias_table if self.position == "table" else self.made_table()
        bias = torch.unflatten(table[self.relative_position_index], 0, (self.window**2, -1)).permute(2, 0, 1)
        return bias if self.position == "table" else 16 * bias.sigmoid()

    def made_table(self) -> Tensor:
        """The table that the network makes."""
        table: Tensor = self.cpb_mlp(self.relative_coords_table)
        return table.flatten(0, 2)
