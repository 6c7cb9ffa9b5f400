"""Every operator against figures worked out on paper; the arithmetic stands beside each row."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest

from cnncalc.ops import OPS, activation, conv, join, linear, norm, pool, structure
from cnncalc.ops.base import Op
from cnncalc.values import NO_WORK, Shape, Work

Tensors = Mapping[str, Shape]


class Row(NamedTuple):
    op: Op
    inputs: tuple[Shape, ...]
    output: Shape
    weights: Tensors
    work: Work
    buffers: Tensors = MappingProxyType({})


CONVOLUTIONS = [
    Row(  # AlexNet's first layer
        conv.Conv(96, 11, stride=4),
        ((3, 227, 227),),
        (96, 55, 55),  # (227 - 11)/4 + 1 = 55
        {"weight": (96, 3, 11, 11), "bias": (96,)},  # 11*11*3*96 = 34,848 weights
        Work(mac=105_415_200, bias=290_400),  # 34,848 * 55*55; 96 * 55*55
    ),
    Row(  # AlexNet's second layer, in two groups
        conv.Conv(256, 5, pad=2, groups=2),
        ((96, 27, 27),),
        (256, 27, 27),  # 27 + 2*2 - 5 + 1 = 27
        {"weight": (256, 48, 5, 5), "bias": (256,)},  # 5*5 * 96/2 * 256 = 307,200 weights
        Work(mac=223_948_800, bias=186_624),  # 307,200 * 27*27; 256 * 27*27
    ),
    Row(  # ResNet's first layer: the window does not fit evenly
        conv.Conv(64, 7, stride=2, pad=3, bias=False),
        ((3, 224, 224),),
        (64, 112, 112),  # floor((224 + 6 - 7)/2) + 1 = floor(111.5) + 1 = 112
        {"weight": (64, 3, 7, 7)},  # 7*7*3*64 = 9,408 weights
        Work(mac=118_013_952),  # 9,408 * 112*112
    ),
    Row(  # VGG's 3x3
        conv.Conv(64, 3, pad="same"),
        ((3, 224, 224),),
        (64, 224, 224),  # 224 + 2 - 3 + 1 = 224
        {"weight": (64, 3, 3, 3), "bias": (64,)},  # 3*3*3*64 = 1,728 weights
        Work(mac=86_704_128, bias=3_211_264),  # 1,728 * 224*224; 64 * 224*224
    ),
    Row(  # dilation spreads the window: 2*(3 - 1) + 1 = 5 pixels
        conv.Conv(4, 3, dilation=2, bias=False),
        ((2, 10, 10),),
        (4, 6, 6),  # 10 - 5 + 1 = 6
        {"weight": (4, 2, 3, 3)},  # 3*3*2*4 = 72 weights, as without dilation
        Work(mac=2_592),  # 72 * 6*6
    ),
    Row(  # pad: same under dilation is 2*(3 - 1)/2 = 2
        conv.Conv(4, 3, dilation=2, pad="same", bias=False),
        ((2, 10, 10),),
        (4, 10, 10),  # 10 + 4 - 5 + 1 = 10
        {"weight": (4, 2, 3, 3)},
        Work(mac=7_200),  # 72 * 10*10
    ),
    Row(  # pad: same with a stride rounds down
        conv.Conv(1, 3, stride=2, pad="same", bias=False),
        ((1, 8, 7),),
        (1, 4, 4),  # floor((8 + 2 - 3)/2) + 1 = 4; (7 + 2 - 3)/2 + 1 = 4
        {"weight": (1, 1, 3, 3)},
        Work(mac=144),  # 9 * 4*4
    ),
    Row(  # TensorFlow's same, with an even window
        conv.Conv(1, 4, stride=3, pad="same_tf", bias=False),
        ((1, 10, 11),),
        (1, 4, 4),  # ceil(10/3) = 4; ceil(11/3) = 4
        {"weight": (1, 1, 4, 4)},
        Work(mac=256),  # 16 * 4*4
    ),
    Row(  # TensorFlow's same where the stride skips more than the window: no padding
        conv.Conv(1, 1, stride=3, pad="same_tf", bias=False),
        ((1, 8),),
        (1, 3),  # ceil(8/3) = 3
        {"weight": (1, 1, 1)},
        Work(mac=3),  # 1 * 3
    ),
    Row(  # every argument differs by axis
        conv.Conv(6, (1, 5), stride=(2, 1), pad=(0, 2), bias=False),
        ((3, 8, 9),),
        (6, 4, 9),  # floor((8 - 1)/2) + 1 = 4; 9 + 4 - 5 + 1 = 9
        {"weight": (6, 3, 1, 5)},  # 1*5*3*6 = 90 weights
        Work(mac=3_240),  # 90 * 4*9
    ),
    Row(  # one axis
        conv.Conv(16, 3, stride=2),
        ((4, 12),),
        (16, 5),  # floor((12 - 3)/2) + 1 = 5
        {"weight": (16, 4, 3), "bias": (16,)},  # 3*4*16 = 192 weights
        Work(mac=960, bias=80),  # 192 * 5; 16 * 5
    ),
    Row(  # three axes
        conv.Conv(8, (3, 1, 1), pad=(1, 0, 0), stride=(1, 2, 2), bias=False),
        ((2, 5, 6, 7),),
        (8, 5, 3, 4),  # 5 + 2 - 3 + 1 = 5; floor(5/2) + 1 = 3; 6/2 + 1 = 4
        {"weight": (8, 2, 3, 1, 1)},  # 3*2*8 = 48 weights
        Work(mac=2_880),  # 48 * 5*3*4
    ),
    Row(  # MobileNet's depthwise layer
        conv.DepthwiseConv(3, pad=1),
        ((32, 112, 112),),
        (32, 112, 112),
        {"weight": (32, 1, 3, 3), "bias": (32,)},  # 3*3*32 = 288 weights
        Work(mac=3_612_672, bias=401_408),  # 288 * 112*112; 32 * 112*112
    ),
    Row(
        conv.DepthwiseConv(5, stride=2, multiplier=2, bias=False),
        ((3, 9),),
        (6, 3),  # 3*2 channels; (9 - 5)/2 + 1 = 3
        {"weight": (6, 1, 5)},  # 5*6 = 30 weights
        Work(mac=90),  # 30 * 3
    ),
    Row(  # U-Net's way up
        conv.ConvTranspose(64, 2, stride=2),
        ((128, 28, 28),),
        (64, 56, 56),  # (28 - 1)*2 + (2 - 1) + 1 = 56
        {"weight": (128, 64, 2, 2), "bias": (64,)},  # 2*2*128*64 = 32,768 weights
        Work(mac=25_690_112, bias=200_704),  # 32,768 * 28*28 inputs; 64 * 56*56 outputs
    ),
    Row(
        conv.ConvTranspose(6, 3, stride=2, pad=1, output_pad=1, groups=2, bias=False),
        ((4, 5),),
        (6, 10),  # (5 - 1)*2 - 2*1 + (3 - 1) + 1 + 1 = 10
        {"weight": (4, 3, 3)},  # 3 * 4 * 6/2 = 36 weights
        Work(mac=180),  # 36 * 5
    ),
    Row(
        conv.ConvTranspose(1, 3, dilation=(1, 2, 3), bias=False),
        ((1, 2, 2, 2),),
        (1, 4, 6, 8),  # (2 - 1) + d*(3 - 1) + 1 for d = 1, 2, 3
        {"weight": (1, 1, 3, 3, 3)},
        Work(mac=216),  # 27 * 2*2*2
    ),
    Row(
        linear.Linear(4096),
        ((25_088,),),
        (4096,),
        {"weight": (4096, 25_088), "bias": (4096,)},  # 512*7*7 = 25,088; 25,088 * 4,096 = 102,760,448 weights
        Work(mac=102_760_448, bias=4_096),
    ),
    Row(  # once for every token
        linear.Linear(8, bias=False),
        ((5, 4),),
        (5, 8),
        {"weight": (8, 4)},  # 4*8 = 32 weights
        Work(mac=160),  # 32 * 5
    ),
    Row(linear.Flatten(), ((512, 7, 7),), (25_088,), {}, NO_WORK),  # 512*7*7 = 25,088
]

POOLS = [
    Row(  # AlexNet's overlapping pool
        pool.MaxPool(3, stride=2),
        ((96, 55, 55),),
        (96, 27, 27),  # (55 - 3)/2 + 1 = 27
        {},
        Work(cmp=559_872),  # (3*3 - 1) * 96*27*27
    ),
    Row(  # the stride is the window unless said
        pool.MaxPool(2),
        ((64, 9, 8),),
        (64, 4, 4),  # floor((9 - 2)/2) + 1 = 4
        {},
        Work(cmp=3_072),  # 3 * 64*4*4
    ),
    Row(  # GoogLeNet: rounding down would leave the last row and column
        pool.MaxPool(3, stride=2, ceil=True),
        ((64, 112, 112),),
        (64, 56, 56),  # ceil((112 - 3)/2) + 1 = ceil(54.5) + 1 = 56
        {},
        Work(cmp=1_605_632),  # 8 * 64*56*56
    ),
    Row(  # rounding down instead
        pool.MaxPool(3, stride=2),
        ((1, 112, 112),),
        (1, 55, 55),  # floor(54.5) + 1 = 55
        {},
        Work(cmp=24_200),  # 8 * 55*55
    ),
    Row(  # ceil, but the last window would start in the padding and is left out
        pool.MaxPool(2, stride=2, pad=1, ceil=True),
        ((1, 5),),
        (1, 3),  # ceil((5 + 2 - 2)/2) + 1 = 4, and (4 - 1)*2 = 6 >= 5 + 1: 3
        {},
        Work(cmp=3),  # 1 * 3
    ),
    Row(  # ceil, and the last window starts on the last input pixel: it stays
        pool.MaxPool(2, stride=2, pad=1, ceil=True),
        ((1, 6),),
        (1, 4),  # (6 + 2 - 2)/2 + 1 = 4, and (4 - 1)*2 = 6 < 6 + 1
        {},
        Work(cmp=4),
    ),
    Row(  # ceil with a window larger than the input: one part of a window
        pool.MaxPool(3, stride=2, ceil=True),
        ((1, 2),),
        (1, 1),  # ceil((2 - 3)/2) + 1 = 1
        {},
        Work(cmp=2),
    ),
    Row(  # ceil where it fits evenly changes nothing
        pool.MaxPool(2, ceil=True),
        ((1, 8),),
        (1, 4),  # (8 - 2)/2 + 1 = 4
        {},
        Work(cmp=4),
    ),
    Row(
        pool.MaxPool((1, 3), stride=(1, 2), dilation=(1, 2)),
        ((2, 4, 11),),
        (2, 4, 4),  # (11 - 2*(3 - 1) - 1)/2 + 1 = 4
        {},
        Work(cmp=64),  # (1*3 - 1) * 2*4*4
    ),
    Row(
        pool.MaxPool(2),
        ((2, 4, 6, 8),),
        (2, 2, 3, 4),
        {},
        Work(cmp=336),  # (2*2*2 - 1) * 2*2*3*4
    ),
    Row(
        pool.MaxPool(3, stride=2, pad="same_tf"),
        ((1, 8, 9),),
        (1, 4, 5),  # ceil(8/2), ceil(9/2)
        {},
        Work(cmp=160),  # 8 * 4*5
    ),
    Row(  # GoogLeNet's auxiliary head
        pool.AvgPool(5, stride=3),
        ((512, 14, 14),),
        (512, 4, 4),  # (14 - 5)/3 + 1 = 4
        {},
        Work(add=196_608, div=8_192),  # 24 * 512*4*4; 512*4*4
    ),
    Row(
        pool.AvgPool(2, stride=2, pad=1, ceil=True),
        ((1, 5),),
        (1, 3),  # as the maximum above
        {},
        Work(add=3, div=3),
    ),
    Row(
        pool.AdaptiveAvgPool((3, 1)),
        ((2, 10, 4),),
        (2, 3, 1),  # bins of 10 in 3: 0-3, 3-6, 6-9, 4 pixels each
        {},
        Work(add=90, div=6),  # 2 * (3*4 * 4) = 96 pixels read - 6; one division per value
    ),
    Row(
        pool.AdaptiveMaxPool(3),
        ((1, 2),),
        (1, 3),  # bins of 2 in 3: 0, 0-1, 1
        {},
        Work(cmp=1),  # 4 pixels read - 3
    ),
    Row(  # in as many bins as pixels
        pool.AdaptiveAvgPool(7),
        ((512, 7, 7),),
        (512, 7, 7),
        {},
        Work(div=25_088),  # each of 512*7*7 is its own mean
    ),
    Row(
        pool.GlobalAvgPool(),
        ((2048, 7, 7),),
        (2048, 1, 1),
        {},
        Work(add=98_304, div=2_048),  # 48 * 2,048; one division per channel
    ),
    Row(pool.GlobalAvgPool(), ((3, 2, 2, 2),), (3, 1, 1, 1), {}, Work(add=21, div=3)),  # (8 - 1) * 3
    Row(pool.GlobalMaxPool(), ((3, 5),), (3, 1), {}, Work(cmp=12)),  # (5 - 1) * 3
    Row(pool.Upsample(2), ((3, 4, 5),), (3, 8, 10), {}, NO_WORK),
    Row(pool.Upsample((1, 2, 3)), ((1, 2, 2, 2),), (1, 2, 4, 6), {}, NO_WORK),
    Row(
        pool.Upsample(2, mode="bilinear"),
        ((1, 3, 3),),
        (1, 6, 6),
        {},
        Work(mul=144, add=108),  # 4 and 3 for each of 36
    ),
]

NORMS = [
    Row(
        norm.BatchNorm(),
        ((64, 56, 56),),
        (64, 56, 56),
        {"weight": (64,), "bias": (64,)},
        Work(mul=200_704, add=200_704),  # 64*56*56 of each
        {"running_mean": (64,), "running_var": (64,), "num_batches_tracked": ()},  # 64 + 64 + 1 = 129
    ),
    Row(
        norm.BatchNorm(affine=False),
        ((5,),),
        (5,),
        {},
        Work(mul=5, add=5),
        {"running_mean": (5,), "running_var": (5,), "num_batches_tracked": ()},
    ),
    Row(  # 4 tokens of 3: each subtracts a mean (2 + 1), a variance (3 + 3 + 2 + 1), epsilon, a root and a division
        norm.LayerNorm(),
        ((4, 3),),
        (4, 3),
        {"weight": (3,), "bias": (3,)},
        # add: 4 * (2 + 3 + 2 + 1) = 32, and 12 shifts; mul: 12 squares and 12 scales; div: 4 * (1 + 1 + 3) = 20
        Work(add=44, mul=24, div=20, sqrt=4),
    ),
    Row(  # the channels of each of 2*2 pixels
        norm.LayerNorm(affine=False),
        ((3, 2, 2),),
        (3, 2, 2),
        {},
        Work(add=32, mul=12, div=20, sqrt=4),  # as 4 tokens of 3, without scale and shift
    ),
    Row(  # 2 groups of 2*3 = 6 values
        norm.GroupNorm(2),
        ((4, 3),),
        (4, 3),
        {"weight": (4,), "bias": (4,)},
        # add: 2 * (5 + 6 + 5 + 1) = 34, and 12 shifts; mul: 12 + 12; div: 2 * (1 + 1 + 6) = 16
        Work(add=46, mul=24, div=16, sqrt=2),
    ),
    Row(  # 4 channels of 3 values
        norm.InstanceNorm(),
        ((4, 3),),
        (4, 3),
        {},
        Work(add=32, mul=12, div=20, sqrt=4),  # add: 4 * (2 + 3 + 2 + 1); div: 4 * (1 + 1 + 3)
    ),
    Row(
        norm.InstanceNorm(affine=True),
        ((4, 3),),
        (4, 3),
        {"weight": (4,), "bias": (4,)},
        Work(add=44, mul=24, div=20, sqrt=4),  # 12 more of each for scale and shift
    ),
    Row(
        norm.LocalResponseNorm(5),
        ((96, 27, 27),),
        (96, 27, 27),
        {},
        # 96*27*27 = 69,984 values: 3 multiplications, 5 additions, a logarithm, an exponential and a division each
        Work(mul=209_952, add=349_920, log=69_984, exp=69_984, div=69_984),
    ),
]

#: the work for one value
ACTIVATIONS = [
    (activation.ReLU(), Work(cmp=1)),  # one comparison with 0
    (activation.ReLU6(), Work(cmp=2)),  # with 0 and with 6
    (activation.LeakyReLU(0.2), Work(cmp=1, mul=1)),  # slope * x
    (activation.ELU(), Work(cmp=1, exp=1, add=1, mul=1)),  # alpha * (exp x - 1)
    (activation.SELU(), Work(cmp=1, exp=1, add=1, mul=2)),  # scale * that
    (activation.GELU(), Work(mul=3, erf=1, add=1)),  # x * 1/2 * (1 + erf(x * 1/sqrt 2))
    (activation.SiLU(), Work(exp=1, add=1, div=1, mul=1)),  # x * 1/(1 + exp -x)
    (activation.Mish(), Work(exp=1, add=1, log=1, tanh=1, mul=1)),  # x * tanh(log(1 + exp x))
    (activation.Hardswish(), Work(add=1, cmp=2, mul=1, div=1)),  # x * relu6(x + 3) / 6
    (activation.Hardsigmoid(), Work(add=1, cmp=2, div=1)),  # relu6(x + 3) / 6
    (activation.Sigmoid(), Work(exp=1, add=1, div=1)),  # 1/(1 + exp -x)
    (activation.Tanh(), Work(tanh=1)),
    (activation.Softplus(), Work(exp=1, add=1, log=1)),  # log(1 + exp x)
]

OTHERS = [
    *(Row(op, ((2, 3, 4),), (2, 3, 4), {}, unit * 24) for op, unit in ACTIVATIONS),  # 2*3*4 = 24 values
    Row(activation.PReLU(), ((3, 4),), (3, 4), {"weight": (1,)}, Work(cmp=12, mul=12)),
    Row(activation.PReLU(per_channel=True), ((3, 4),), (3, 4), {"weight": (3,)}, Work(cmp=12, mul=12)),
    Row(activation.Softmax(), ((10,),), (10,), {}, Work(cmp=9, add=19, exp=10, div=10)),  # 9; 10 + 9; 10; 10
    Row(  # 5 tokens of 4: per token 3; 4 + 3; 4; 4
        activation.Softmax(), ((5, 4),), (5, 4), {}, Work(cmp=15, add=35, exp=20, div=20)
    ),
    Row(  # 3*2 pixels of 4 channels
        activation.Softmax(), ((4, 3, 2),), (4, 3, 2), {}, Work(cmp=18, add=42, exp=24, div=24)
    ),
    Row(join.Add(), ((2, 3), (2, 3)), (2, 3), {}, Work(add=6)),
    Row(join.Add(), ((2, 3), (2, 3), (2, 1)), (2, 3), {}, Work(add=12)),  # 2 additions for each of 6
    Row(join.Mul(), ((8, 5, 5), (8, 1, 1)), (8, 5, 5), {}, Work(mul=200)),  # 8*5*5
    Row(join.Mul(), ((8, 5, 5), (1, 5, 5)), (8, 5, 5), {}, Work(mul=200)),
    Row(join.Mean(), ((2, 3),) * 3, (2, 3), {}, Work(add=12, div=6)),
    Row(join.Max(), ((2, 3),) * 4, (2, 3), {}, Work(cmp=18)),  # 3 comparisons for each of 6
    Row(join.Concat(), ((64, 28, 28), (128, 28, 28), (32, 28, 28)), (224, 28, 28), {}, NO_WORK),  # 64 + 128 + 32 = 224
    Row(join.Concat(), ((3,), (4,)), (7,), {}, NO_WORK),
    Row(structure.Dropout(), ((4096,),), (4096,), {}, NO_WORK),
    Row(structure.ChannelShuffle(3), ((6, 4, 5),), (6, 4, 5), {}, NO_WORK),
]

ROWS = [*CONVOLUTIONS, *POOLS, *NORMS, *OTHERS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.op!r} on {row.inputs}")
def test_row(row: Row) -> None:
    assert row.op.shape(*row.inputs) == row.output
    assert row.op.weights(*row.inputs) == row.weights
    assert row.op.work(*row.inputs, row.output) == row.work
    assert row.op.buffers(*row.inputs) == row.buffers


def test_every_operator_has_a_row() -> None:
    assert {row.op.name for row in ROWS} == set(OPS)
