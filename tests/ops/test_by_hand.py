"""Every operator against figures worked out on paper; the arithmetic stands beside each row."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest

from cnncalc.ops import (
    OPS,
    activation,
    attention,
    channel,
    conv,
    detection,
    join,
    linear,
    norm,
    pool,
    rearrange,
    scaling,
    structure,
)
from cnncalc.ops.base import Op
from cnncalc.values import NO_WORK, MapShape, SequenceShape, Shape, TensorShape, VectorShape, Work
from tests.ops.conftest import typed

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
        Work(cmp=1_584_192),  # 64 * ((56*3 - 1)*(56*3 - 1) - 56*56): the last row and column have 2 pixels
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
        Work(cmp=2),  # pixel 0; 1 and 2; 3 and 4
    ),
    Row(  # ceil, and the last window starts on the last input pixel: it stays
        pool.MaxPool(2, stride=2, pad=1, ceil=True),
        ((1, 6),),
        (1, 4),  # (6 + 2 - 2)/2 + 1 = 4, and (4 - 1)*2 = 6 < 6 + 1
        {},
        Work(cmp=2),  # pixel 0; 1 and 2; 3 and 4; 5
    ),
    Row(  # ceil with a window larger than the input: one part of a window
        pool.MaxPool(3, stride=2, ceil=True),
        ((1, 2),),
        (1, 1),  # ceil((2 - 3)/2) + 1 = 1
        {},
        Work(cmp=1),
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
        Work(cmp=123),  # (4*3 - 1)*(5*3 - 2) - 4*5: a row past the end, a column on each side
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
        Work(add=2, div=3),
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
        (SequenceShape(4, 3),),
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
    Row(  # a map of one axis has channels as any other: 2 positions of 3
        norm.LayerNorm(affine=False),
        (MapShape(3, 2),),
        (3, 2),
        {},
        Work(add=16, mul=6, div=10, sqrt=2),  # half of 4 tokens of 3, without scale and shift
    ),
    Row(  # features of a sequence are its channels
        norm.BatchNorm(),
        (SequenceShape(4, 3),),
        (4, 3),
        {"weight": (3,), "bias": (3,)},
        Work(mul=12, add=12),
        {"running_mean": (3,), "running_var": (3,), "num_batches_tracked": ()},
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
        activation.Softmax(), (SequenceShape(5, 4),), (5, 4), {}, Work(cmp=15, add=35, exp=20, div=20)
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
]

#: LeNet-5's C3 (LeCun et al. 1998, table 1): 6 maps read 3 neighbours, 6 read 4, 3 read 4 in two pairs, 1 reads all
LENET_ROWS = (
    *(tuple(sorted((i + j) % 6 for j in range(3))) for i in range(6)),
    *(tuple(sorted((i + j) % 6 for j in range(4))) for i in range(6)),
    *(tuple(sorted((i + j) % 6 for j in (0, 1, 3, 4))) for i in range(3)),
    (0, 1, 2, 3, 4, 5),
)

#: 16 windows of 49 pixels with 8 channels in 2 heads
WINDOWED = {
    "mac": 16 * (4 * 49 * 64 + 2 * 49 * 49 * 8),  # projections of 8 by 8; two products
    "bias": 16 * 4 * 49 * 8,
    "mul": 16 * 49 * 8,  # the queries are scaled
    "cmp": 16 * 98 * 48,  # 2*49 rows of 49
    "add": 16 * (98 * (49 + 48) + 98 * 49),  # softmax; the position bias
    "exp": 16 * 98 * 49,
    "div": 16 * 98 * 49,
}

SEQUENCES = [
    Row(  # ViT-B/16
        attention.Attention(12),
        ((197, 768),),
        (197, 768),
        {
            "in_proj_weight": (2304, 768),  # 3 * 768
            "in_proj_bias": (2304,),
            "out_proj.weight": (768, 768),
            "out_proj.bias": (768,),
        },
        Work(
            mac=464_781_312 + 59_610_624,  # 4 * 197 * 768^2; 2 * 197^2 * 768
            bias=605_184,  # 4 * 768 * 197
            mul=151_296,  # 197 * 768
            # 12 * 197 = 2,364 rows of 197: 196; 197 + 196; 197; 197 each
            cmp=463_344,
            add=929_052,
            exp=465_708,
            div=465_708,
        ),
    ),
    Row(
        attention.Attention(1, bias=False),
        ((2, 3),),
        (2, 3),
        {"in_proj_weight": (9, 3), "out_proj.weight": (3, 3)},
        # 4*2*9 + 2*4*3 = 96; 2*3 scalings; 2 rows of 2
        Work(mac=96, mul=6, cmp=2, add=6, exp=4, div=4),
    ),
    Row(  # 25 is padded to 28: 4 by 4 windows of 7
        attention.WindowAttention(2, 7),
        ((8, 25, 28),),
        (8, 25, 28),
        {
            "qkv.weight": (24, 8),
            "qkv.bias": (24,),
            "proj.weight": (8, 8),
            "proj.bias": (8,),
            "relative_position_bias_table": (169, 2),  # (2*7 - 1)^2 offsets
        },
        Work(**WINDOWED),
        {"relative_position_index": (2401,)},  # 49 * 49 pairs
    ),
    Row(  # shifted: a mask of 16 * 2 * 49*49 is added as well
        attention.WindowAttention(2, 7, shift=True, bias=False),
        ((8, 28, 28),),
        (8, 28, 28),
        {"qkv.weight": (24, 8), "proj.weight": (8, 8), "relative_position_bias_table": (169, 2)},
        Work(**{**WINDOWED, "bias": 0, "add": WINDOWED["add"] + 76_832}),
        {"relative_position_index": (2401,)},
    ),
    Row(  # a single window is not shifted
        attention.WindowAttention(1, 2, shift=True, position="none"),
        ((1, 2, 2),),
        (1, 2, 2),
        {"qkv.weight": (3, 1), "qkv.bias": (3,), "proj.weight": (1, 1), "proj.bias": (1,)},
        # 4*4 + 2*16 = 48; 4*4 biases; 4 scalings; 4 rows of 4: 3; 4 + 3; 4; 4
        Work(mac=48, bias=16, mul=4, cmp=12, add=28, exp=16, div=16),
    ),
    Row(  # a grid of 2 by 2 over 4 by 6: 6 groups of 4 pixels
        attention.WindowAttention(1, 2, partition="grid"),
        ((2, 4, 6),),
        (2, 4, 6),
        {
            "qkv.weight": (6, 2),
            "qkv.bias": (6,),
            "proj.weight": (2, 2),
            "proj.bias": (2,),
            "relative_position_bias_table": (9, 1),
        },
        # 6 times: 4*4*4 + 2*16*2 = 128; 4*4*2; 4*2; 4 rows of 4, with 16 position biases
        Work(mac=768, bias=192, mul=48, cmp=72, add=264, exp=96, div=96),
        {"relative_position_index": (16,)},
    ),
    Row(  # Swin V2: one window of 4 pixels with 2 channels in 1 head
        attention.WindowAttention(1, 2, position="mlp", cosine=True),
        ((2, 2, 2),),
        (2, 2, 2),
        {
            "qkv.weight": (6, 2),
            "qkv.bias": (6,),
            "proj.weight": (2, 2),
            "proj.bias": (2,),
            "cpb_mlp.0.weight": (512, 2),
            "cpb_mlp.0.bias": (512,),
            "cpb_mlp.2.weight": (1, 512),
            "logit_scale": (1, 1, 1),
        },
        Work(
            mac=128 + 13_824,  # as in one group above; 9 offsets * 512 * (2 + 1)
            bias=32 + 4_608,  # 4*4*2; 9 * 512
            # softmax 12; 8 lengths of queries and keys kept from 0; 9 * 512 rectified; 1 scale limited
            cmp=12 + 8 + 4_608 + 1,
            # softmax 28; position 16; 8 sums of 2 squares; 16 sigmoids
            add=28 + 16 + 8 + 16,
            exp=16 + 16 + 1,  # softmax; sigmoids; the scale
            div=16 + 16 + 16,  # softmax; 8 vectors of 2 by their lengths; sigmoids
            mul=16 + 16 + 16,  # 8 * 2 squares; 16 pairs times the scale; 16 times a sigmoid
            sqrt=8,
        ),
        {"relative_position_index": (16,), "relative_coords_table": (1, 3, 3, 2)},
    ),
    Row(scaling.ClassToken(), ((196, 768),), (197, 768), {"weight": (1, 768)}, NO_WORK),
    Row(scaling.PositionEmbedding(), ((197, 768),), (197, 768), {"weight": (197, 768)}, Work(add=151_296)),
    Row(rearrange.Tokens(), ((768, 14, 14),), (196, 768), {}, NO_WORK),  # 14 * 14
    Row(rearrange.FeatureMap(14), ((196, 768),), (768, 14, 14), {}, NO_WORK),
    Row(rearrange.Select(0), ((197, 768),), (768,), {}, NO_WORK),
    Row(rearrange.Slice("tokens", start=1), (SequenceShape(197, 768),), (196, 768), {}, NO_WORK),
]

REARRANGEMENTS = [
    Row(rearrange.Slice("channels", stop=58), ((116, 28, 28),), (58, 28, 28), {}, NO_WORK),
    Row(rearrange.Slice("space", step=2), ((16, 32, 31),), (16, 16, 16), {}, NO_WORK),  # 0, 2 .. 30 of both
    Row(rearrange.Slice("space", start=(1, 0), stop=(8, 5), step=3), ((2, 9, 9),), (2, 3, 2), {}, NO_WORK),
    Row(rearrange.ZeroPad(channels=(8, 8)), ((16, 16, 16),), (32, 16, 16), {}, NO_WORK),  # 8 + 16 + 8
    Row(rearrange.ZeroPad((1, 2), after=0), ((3, 4, 5),), (3, 5, 7), {}, NO_WORK),
    Row(rearrange.ZeroPad(3, channels=1), ((3, 4),), (5, 10), {}, NO_WORK),
    Row(rearrange.Crop(4), ((64, 64, 63),), (64, 56, 55), {}, NO_WORK),
    Row(rearrange.Crop((0, 1), after=(2, 0)), ((3, 4, 5),), (3, 2, 4), {}, NO_WORK),
    Row(rearrange.PixelShuffle(3), ((27, 10, 20),), (3, 30, 60), {}, NO_WORK),  # 27/9
    Row(rearrange.SpaceToDepth(2), ((64, 26, 26),), (256, 13, 13), {}, NO_WORK),  # 64*4
    Row(rearrange.ChannelShuffle(3), ((6, 4, 5),), (6, 4, 5), {}, NO_WORK),
]

SCALES = [
    Row(scaling.Scale(-1, 1), ((2, 3),), (2, 3), {}, Work(mul=6, add=6)),
    Row(scaling.Scale(0.5), ((6,),), (6,), {}, Work(mul=6)),
    Row(scaling.Scale(shift=3), ((6,),), (6,), {}, Work(add=6)),
    Row(scaling.Scale(), ((6,),), (6,), {}, NO_WORK),
    Row(  # LeNet-5's S2: 6 coefficients and 6 biases
        scaling.Affine(), ((6, 14, 14),), (6, 14, 14), {"weight": (6,), "bias": (6,)}, Work(mul=1_176, add=1_176)
    ),
    Row(scaling.Affine(bias=False), (MapShape(5, 4),), (5, 4), {"weight": (5,)}, Work(mul=20)),
    Row(activation.PReLU(per_channel=True), (SequenceShape(5, 4),), (5, 4), {"weight": (4,)}, Work(cmp=20, mul=20)),
    Row(pool.GlobalAvgPool(), (SequenceShape(5, 4),), (4,), {}, Work(add=16, div=4)),  # 4 means of 5 tokens
    Row(channel.MaxOut(2), (SequenceShape(5, 4),), (5, 2), {}, Work(cmp=10)),
    Row(join.Add(), (MapShape(4, 3, 2), VectorShape(4)), (4, 3, 2), {}, Work(add=24)),  # not aligned with the width
    Row(join.Mul(), (SequenceShape(3, 4), VectorShape(4)), (3, 4), {}, Work(mul=12)),
    Row(join.Concat("tokens"), (SequenceShape(1, 4), SequenceShape(3, 4)), (4, 4), {}, NO_WORK),
    Row(join.Concat("features"), (SequenceShape(3, 1), SequenceShape(3, 4)), (3, 5), {}, NO_WORK),
    Row(linear.Linear(2), (TensorShape(3, 4, 5),), (3, 4, 2), {"weight": (2, 5), "bias": (2,)}, Work(mac=120, bias=24)),
    Row(scaling.Constant(SequenceShape(4, 3)), ((7,),), (4, 3), {"weight": (4, 3)}, NO_WORK),
    Row(scaling.Affine(bias=False), (SequenceShape(5, 4),), (5, 4), {"weight": (4,)}, Work(mul=20)),
    Row(scaling.Affine(scale=False), ((5,),), (5,), {"bias": (5,)}, Work(add=5)),
    Row(scaling.Constant((512, 4, 4)), ((512,),), (512, 4, 4), {"weight": (512, 4, 4)}, NO_WORK),
    Row(scaling.Constant(7), ((3, 4, 5),), (7,), {"weight": (7,)}, NO_WORK),
    Row(scaling.Noise(), ((3, 4, 5),), (3, 4, 5), {"weight": (3,)}, Work(mul=60, add=60)),
    Row(scaling.Noise(False), ((3, 4),), (3, 4), {"weight": (1,)}, Work(mul=12, add=12)),
    Row(norm.PixelNorm(), ((512,),), (512,), {}, Work(mul=512, add=512, div=513, sqrt=1)),  # add: 511 and epsilon
    Row(norm.PixelNorm(), ((4, 3, 2),), (4, 3, 2), {}, Work(mul=24, add=24, div=30, sqrt=6)),  # 6 pixels of 4
    Row(norm.PixelNorm(), (SequenceShape(5, 4),), (5, 4), {}, Work(mul=20, add=20, div=25, sqrt=5)),  # 5 tokens of 4
    Row(structure.StochasticDepth(0.2), ((64, 7, 7),), (64, 7, 7), {}, NO_WORK),
]

CHANNELS = [
    Row(channel.ChannelMean(), ((64, 7, 7),), (1, 7, 7), {}, Work(add=3_087, div=49)),  # 63 * 49
    Row(channel.ChannelMax(), ((64, 7),), (1, 7), {}, Work(cmp=441)),  # 63 * 7
    Row(channel.MaxOut(4), ((8, 3, 3),), (2, 3, 3), {}, Work(cmp=54)),  # 3 * 2*9
    Row(channel.MaxOut(5), ((240,),), (48,), {}, Work(cmp=192)),  # 4 * 48
    Row(  # ECA: 3 weights for each of 64 channels, at both ends into the padding
        channel.ChannelConv(3), ((64, 1, 1),), (64, 1, 1), {"weight": (1, 1, 3), "bias": (1,)}, Work(mac=192, bias=64)
    ),
    Row(channel.ChannelConv(5, bias=False), ((64, 1),), (64, 1), {"weight": (1, 1, 5)}, Work(mac=320)),
]

PARTS = [
    Row(  # 6*3 + 9*4 + 6 = 60 pairs of maps, 25 weights each: 1,500 and 16 biases are 1,516 parameters
        conv.Conv(16, 5, connections=LENET_ROWS),
        ((6, 14, 14),),
        (16, 10, 10),
        {"weight": (60, 1, 5, 5), "bias": (16,)},
        Work(mac=150_000, bias=1_600),  # 151,600 connections, as the paper counts
    ),
    Row(
        linear.RadialBasis(10),
        ((84,),),
        (10,),
        {},
        Work(add=1_670, mul=840),  # 10 * (84 + 83); 10 * 84
        {"weight": (10, 84)},
    ),
    Row(pool.LPPool(2), ((3, 8, 9),), (3, 4, 4), {}, Work(mul=192, add=144, sqrt=48)),  # 4 and 3 for each of 48
    Row(pool.LPPool(3, stride=2, power=3), ((1, 5),), (1, 2), {}, Work(mul=14, add=4, log=2, exp=2)),  # 2*3*2 + 2
    Row(pool.LPPool(2, power=1, ceil=True), ((1, 5),), (1, 3), {}, Work(add=2)),  # the last window has one pixel
    Row(  # per value 4 samples of 4 multiplications and 3 additions, 3 additions and a division for their mean
        detection.RoiAlign(1000, 7), ((256, 50, 50),), (256, 7, 7), {}, Work(mul=200_704, add=188_160, div=12_544)
    ),
]

ROWS = [*CONVOLUTIONS, *POOLS, *NORMS, *OTHERS, *SEQUENCES, *REARRANGEMENTS, *SCALES, *CHANNELS, *PARTS]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.op!r} on {row.inputs}")
def test_row(row: Row) -> None:
    inputs = typed(row.op, *row.inputs)
    output = row.op.shape(*inputs)
    assert output == row.output
    assert row.op.weights(*inputs) == row.weights
    assert row.op.work(*inputs, output) == row.work
    assert row.op.buffers(*inputs) == row.buffers


def test_every_operator_has_a_row() -> None:
    assert {row.op.name for row in ROWS} == set(OPS)
