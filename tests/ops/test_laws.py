"""Equivalences between operators: a row is a law."""

from __future__ import annotations

from functools import reduce
from itertools import product

import pytest

from cnncalc.ops import OPS, activation, conv, join, linear, norm, pool, rearrange, structure
from cnncalc.ops.base import Op, Tap
from cnncalc.values import MapShape, Shape, ValueShape, VectorShape, Work, elements
from tests.ops.conftest import typed

X: ValueShape = MapShape(12, 15, 17)


def params(*chain: Op, x: ValueShape = X) -> int:
    """Learned values of operators in a row."""
    total = 0
    for op in chain:
        (x,) = typed(op, x)
        total += sum(map(elements, op.weights(x).values()))
        x = op.shape(x)
    return total


def macs(*chain: Op, x: ValueShape = X) -> int:
    """Multiply-accumulates of operators in a row."""
    total = 0
    for op in chain:
        (x,) = typed(op, x)
        total += op.work(x, op.shape(x))["mac"]
        x = op.shape(x)
    return total


def shape(*chain: Op, x: ValueShape = X) -> Shape:
    return reduce(lambda x, op: op.shape(*typed(op, x)), chain, x)


def sees(*chain: Op, x: ValueShape = X) -> int:
    """Pixels of the first axis that one value at the end sees."""
    size, step = 1, 1
    for op in chain:
        (x,) = typed(op, x)
        taps = op.reach(x)
        tap = taps[0] if taps else Tap(1, 1, 0)
        size, step = size + (tap.extent - 1) * step, step * tap.stride
        x = op.shape(x)
    return size


C = X[0]


def thin(kernel: int, **arguments: object) -> Op:
    """A convolution from 12 to 12 channels without bias."""
    return conv.Conv(C, kernel, bias=False, **arguments)


LAWS = {
    "two 3x3 see what one 5x5 sees": (sees(thin(3), thin(3)), sees(thin(5))),
    "three 3x3 see what one 7x7 sees": (sees(thin(3), thin(3), thin(3)), sees(thin(7))),
    "three 3x3 leave the size that one 7x7 leaves": (shape(thin(3), thin(3), thin(3)), shape(thin(7))),
    "three 3x3 cost 27 C^2": (params(thin(3), thin(3), thin(3)), 27 * C**2),
    "one 7x7 costs 49 C^2": (params(thin(7)), 49 * C**2),
    "a 1x7 and a 7x1 cost 14 C^2": (params(thin((1, 7)), thin((7, 1))), 14 * C**2),
    "a 1x7 and a 7x1 leave what a 7x7 leaves": (shape(thin((1, 7)), thin((7, 1))), shape(thin(7))),
    "3x3 with dilation 2 sees what 5x5 sees": (sees(thin(3, dilation=2)), sees(thin(5))),
    "3x3 with dilation 2 leaves what 5x5 leaves": (shape(thin(3, dilation=2)), shape(thin(5))),
    "dilation changes no parameter": (params(thin(3, dilation=2)), params(thin(3))),
    "kernel 1 with any dilation changes nothing": (
        (shape(thin(1, dilation=5)), sees(thin(1, dilation=5)), macs(thin(1, dilation=5))),
        (shape(thin(1)), sees(thin(1)), macs(thin(1))),
    ),
    "depthwise is a convolution in as many groups as channels": (
        (params(conv.DepthwiseConv(3)), macs(conv.DepthwiseConv(3)), shape(conv.DepthwiseConv(3))),
        (params(conv.Conv(C, 3, groups=C)), macs(conv.Conv(C, 3, groups=C)), shape(conv.Conv(C, 3, groups=C))),
    ),
    "a multiplier of 2 doubles depthwise weights": (
        params(conv.DepthwiseConv(3, multiplier=2)),
        2 * params(conv.DepthwiseConv(3)),
    ),
    "a 1x1 convolution is a linear layer at every pixel": (
        (params(conv.Conv(10, 1)), macs(conv.Conv(10, 1))),
        (params(linear.Linear(10), x=(C,)), macs(linear.Linear(10), x=(C,)) * 15 * 17),
    ),
    "a convolution as large as its input is a linear layer": (
        (params(conv.Conv(10, (15, 17))), macs(conv.Conv(10, (15, 17)))),
        (params(linear.Flatten(), linear.Linear(10)), macs(linear.Flatten(), linear.Linear(10))),
    ),
    "without bias there are as many fewer parameters as outputs": (
        params(conv.Conv(10, 3)) - params(conv.Conv(10, 3, bias=False)),
        10,
    ),
    "twice the channels in and out cost four times the macs": (
        macs(conv.Conv(20, 3), x=(24, 9, 9)),
        4 * macs(conv.Conv(10, 3), x=(12, 9, 9)),
    ),
    "twice the height and width cost four times the macs of a same convolution": (
        macs(thin(3, pad="same"), x=(C, 30, 34)),
        4 * macs(thin(3, pad="same"), x=(C, 15, 17)),
    ),
    "same_tf is same for an odd window at stride 1": (shape(thin(3, pad="same_tf")), shape(thin(3, pad="same"))),
    "same_tf keeps the size for an even window at stride 1": (shape(thin(4, pad="same_tf")), X),
    "a global pool is an adaptive pool to 1": (
        (shape(pool.GlobalAvgPool()), pool.GlobalAvgPool().work(X, MapShape(C, 1, 1)), pool.GlobalAvgPool().reach(X)),
        (
            shape(pool.AdaptiveAvgPool(1)),
            pool.AdaptiveAvgPool(1).work(X, MapShape(C, 1, 1)),
            pool.AdaptiveAvgPool(1).reach(X),
        ),
    ),
    "an adaptive pool to 3 of 9 is a pool of 3": (
        (pool.AdaptiveMaxPool(3).reach((1, 9)), pool.AdaptiveMaxPool(3).work((1, 9), (1, 3))),
        (pool.MaxPool(3).reach((1, 9)), pool.MaxPool(3).work((1, 9), (1, 3))),
    ),
    "a pool of 1 changes nothing": (
        (shape(pool.MaxPool(1)), sees(pool.MaxPool(1)), pool.MaxPool(1).work(X, X)),
        (X, 1, Work()),
    ),
    "ceil changes nothing where the window fits": (
        shape(pool.MaxPool(3, ceil=True), x=(1, 9, 15)),
        shape(pool.MaxPool(3), x=(1, 9, 15)),
    ),
    "an enlargement undoes a pool": (shape(pool.AvgPool(2), pool.Upsample(2), x=(1, 8, 6)), (1, 8, 6)),
    "behind a pool and an enlargement a 3x3 sees one value further": (
        sees(pool.AvgPool(2), pool.Upsample(2), thin(3), x=(1, 8, 8)),
        2 + 2,
    ),
    "concat adds channels": (join.Concat().shape(MapShape(3, 4), MapShape(5, 4), MapShape(7, 4)), (3 + 5 + 7, 4)),
    "the order of concat changes no shape": (
        join.Concat().shape(MapShape(3, 4), MapShape(5, 4)),
        join.Concat().shape(MapShape(5, 4), MapShape(3, 4)),
    ),
    "the order of add changes nothing": (
        (join.Add().shape(X, MapShape(C, 1, 1)), join.Add().work(X, MapShape(C, 1, 1), X)),
        (join.Add().shape(MapShape(C, 1, 1), X), join.Add().work(MapShape(C, 1, 1), X, X)),
    ),
    "an add of three is two adds": (
        join.Add().work(X, X, X, X),
        join.Add().work(X, X, X) + join.Add().work(X, X, X),
    ),
    "one group over all channels is layer normalization over all values": (
        norm.GroupNorm(1, affine=False).work(MapShape(4, 6), MapShape(4, 6)),
        norm.LayerNorm(affine=False).work(VectorShape(24), VectorShape(24)),
    ),
    "a group for each channel is instance normalization": (
        (params(norm.GroupNorm(C)), norm.GroupNorm(C).work(X, X)),
        (params(norm.InstanceNorm(affine=True)), norm.InstanceNorm(affine=True).work(X, X)),
    ),
    "channel shuffle, dropout and identity joins move no shape": (
        shape(rearrange.ChannelShuffle(4), structure.Dropout(), activation.ReLU()),
        X,
    ),
}


@pytest.mark.parametrize(("left", "right"), LAWS.values(), ids=LAWS)
def test_law(left: object, right: object) -> None:
    assert left == right


@pytest.mark.parametrize("groups", [1, 2, 3, 4, 6, 12])
@pytest.mark.parametrize("cls", [conv.Conv, conv.ConvTranspose])
def test_groups_divide_weights_and_macs(cls: type[Op], groups: int) -> None:
    whole, grouped = cls(24, 3), cls(24, 3, groups=groups)
    assert params(grouped) - 24 == (params(whole) - 24) // groups  # the biases stay
    assert macs(grouped) * groups == macs(whole)
    assert shape(grouped) == shape(whole)
    assert grouped.reach(X) == whole.reach(X)


@pytest.mark.parametrize(("kernel", "out"), list(product([2, 3, 5, 7], [2, 12, 40])))
def test_depthwise_and_pointwise_cost_no_more_than_the_full_convolution(kernel: int, out: int) -> None:
    separable = (conv.DepthwiseConv(kernel, bias=False), conv.Conv(out, 1, bias=False))
    full = conv.Conv(out, kernel, bias=False)
    assert params(*separable) <= params(full)
    assert macs(*separable) <= macs(full)
    assert shape(*separable) == shape(full)
    # 1/out + 1/kernel^2 of it (Howard et al. 2017, section 3.1)
    assert macs(*separable) * out * kernel**2 == macs(full) * (kernel**2 + out)


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (3, 1), (5, 1), (2, 2), (3, 3), (4, 2)])
def test_same_keeps_the_size(kernel: int, dilation: int) -> None:
    assert shape(thin(kernel, dilation=dilation, pad="same")) == X


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "dilation"), list(product([1, 2, 3, 4], [1, 2, 3], [0, 1], [1, 2]))
)
def test_transposed_convolution_gives_the_size_back(kernel: int, stride: int, pad: int, dilation: int) -> None:
    arguments = {"kernel": kernel, "stride": stride, "pad": pad, "dilation": dilation}
    forward = conv.Conv(5, **arguments, bias=False)
    small = shape(forward)
    lost = tuple((n + 2 * pad - dilation * (kernel - 1) - 1) % stride for n in X[1:])
    back = conv.ConvTranspose(C, **arguments, output_pad=lost, bias=False)
    assert back.shape(small) == X
    assert back.weights(small) == forward.weights(X)
    # every product of a weight and an input of the one is a product of the other
    assert back.work(small, X)["mac"] == forward.work(X, small)["mac"]


def turned(value: object) -> object:
    if isinstance(value, ValueShape):
        return value.like(*value[:-2], value[-1], value[-2])
    return value[:-2] + value[:-3:-1] if isinstance(value, tuple) and len(value) > 1 else value


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (op, inputs)
        for cls in OPS.values()
        for op, inputs in cls.samples()
        if all(len(x) == 3 and x.layout == "map" for x in inputs) and cls.name != "parameter"  # it reads no size
    ],
    ids=str,
)
def test_turning_height_and_width_turns_the_shapes_and_keeps_the_counts(op: Op, inputs: tuple[Shape, ...]) -> None:
    other = type(op)(**{name: turned(value) for name, value in op.arguments()})
    sides = [turned(x) for x in inputs]
    output = op.shape(*inputs)
    turned_output = turned(output) if len(output) == 3 and output.layout == "map" else output
    assert other.shape(*sides) == turned_output
    assert other.work(*sides, turned_output) == op.work(*inputs, output)
    weights = {name: turned(tensor) if len(tensor) == 4 else tensor for name, tensor in op.weights(*inputs).items()}
    assert other.weights(*sides) == weights
    assert (other.reach(*sides) or ())[::-1] == tuple(op.reach(*inputs) or ())


@pytest.mark.parametrize(
    ("op", "inputs"), [sample for cls in OPS.values() for sample in cls.samples() if sample[0].takes_norm_act], ids=str
)
def test_macs_are_weights_times_positions(op: Op, inputs: tuple[Shape, ...]) -> None:
    (x,) = inputs
    output = op.shape(x)
    kernel = elements(op.weights(x)["weight"])
    if op.name == "linear":
        positions = elements(output) // output[-1]
    else:
        positions = elements((x if op.name == "conv_transpose" else output)[1:])
    work = op.work(x, output)
    assert work["mac"] == kernel * positions
    assert work["bias"] == (elements(output) if "bias" in op.weights(x) else 0)


def test_large_bins_are_counted_without_a_loop() -> None:
    huge = 2**31 - 1
    # neighbouring bins of a size that shares no divisor with the input overlap in one pixel: 5 + size - 1 read
    assert pool.AdaptiveMaxPool(huge).work((1, 5), (1, huge)) == Work(cmp=4)
