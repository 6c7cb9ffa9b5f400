"""Attention against torchvision's modules: tensors, multiply-accumulates and values."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

torch = pytest.importorskip("torch")
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.ops.attention import Attention, WindowAttention
from cnncalc.ops.base import Op
from cnncalc.values import Shape, elements

Build = Callable[[Op, tuple[Shape, ...]], nn.Module]
Forward = Callable[[torch.Tensor], torch.Tensor]


def assert_equal(op: Op, x: Shape, ours: nn.Module, theirs: nn.Module, forward: Forward) -> None:
    """``forward`` runs ``theirs`` on a map or a sequence."""
    parameters = {name: tuple(tensor.shape) for name, tensor in theirs.named_parameters()}
    assert sorted(map(elements, op.weights(x).values())) == sorted(map(elements, parameters.values()))
    buffers = sorted(tensor.numel() for tensor in theirs.buffers())
    assert sorted(map(elements, op.buffers(x).values())) == buffers
    generator = torch.Generator().manual_seed(0)
    for parameter in theirs.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 8
    names = {"to_qkv": "qkv", "merge": "proj"}  # of MaxViT
    state = {}
    for name, tensor in theirs.state_dict().items():
        first, dot, rest = name.partition(".")
        state[names.get(first, first) + dot + rest] = tensor.flatten() if name == "relative_position_index" else tensor
    ours.load_state_dict(state)
    value = torch.randn(2, *x, generator=generator)
    with FlopCounterMode(display=False) as counter:
        forward(value[:1])
    assert counter.get_total_flops() == 2 * op.work(x, x)["mac"]
    torch.testing.assert_close(ours(value), forward(value), atol=1e-5, rtol=1e-4)


def channels_last(module: nn.Module) -> Forward:
    return lambda x: module(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@pytest.mark.parametrize("shift", [False, True])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("x", [(12, 16, 8), (12, 9, 15), (6, 4, 4), (6, 3, 9)], ids=str)
def test_swin(x: Shape, version: int, shift: bool, torchvision: ModuleType, module: Build) -> None:
    from torchvision.models import swin_transformer

    cls = swin_transformer.ShiftedWindowAttention if version == 1 else swin_transformer.ShiftedWindowAttentionV2
    theirs = cls(x[0], [4, 4], [2, 2] if shift else [0, 0], 3)
    op = WindowAttention(3, 4, shift=shift, position="table" if version == 1 else "mlp", cosine=version == 2)
    assert_equal(op, x, module(op, (x,)), theirs.eval(), channels_last(theirs))


@pytest.mark.parametrize("partition", ["window", "grid"])
@pytest.mark.parametrize("x", [(8, 6, 6), (16, 9, 9), (8, 3, 3)], ids=str)
def test_maxvit(x: Shape, partition: str, torchvision: ModuleType, module: Build) -> None:
    from torchvision.models import maxvit

    layer = maxvit.PartitionAttentionLayer(x[0], 4, 3, partition, x[1:], 1, nn.GELU, nn.LayerNorm, 0, 0, 0).eval()
    attention = layer.attn_layer[1]
    attention.scale_factor = attention.head_dim**-0.5  # torchvision scales by all channels; no count depends on it

    def forward(value: torch.Tensor) -> torch.Tensor:
        parts = attention(layer.partition_swap(layer.partition_op(value, layer.p)))
        return layer.departition_op(layer.departition_swap(parts), layer.p, *(n // layer.p for n in x[1:]))

    op = WindowAttention(x[0] // 4, 3, partition=partition)
    assert_equal(op, x, module(op, (x,)), attention, forward)


def test_vit(torchvision: ModuleType, module: Build) -> None:
    from torchvision.models import vision_transformer

    theirs = vision_transformer.EncoderBlock(4, 32, 64, 0.0, 0.0).eval().self_attention
    op = Attention(4)
    x = (17, 32)
    assert op.weights(x) == {name: tuple(tensor.shape) for name, tensor in theirs.named_parameters()}
    # asked for its weights it does not hide the products in a fused kernel
    assert_equal(op, x, module(op, (x,)), theirs, lambda value: theirs(value, value, value)[0])
