"""The exact text of every message that an operator raises."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

import cnncalc.ops
from cnncalc.errors import Location, ShapeError, SpecError
from cnncalc.graph.builder import GraphBuilder
from cnncalc.ops import (
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
from cnncalc.ops.base import ArgumentError, Op, op, show
from cnncalc.values import IdsShape, MapShape, SequenceShape, TensorShape, VectorShape
from tests.ops.conftest import typed

WHOLE = "floor(), ceil(), round() or div8() makes a whole number of it"

#: what makes the operator, the field at fault, text, hint
ARGUMENTS = [
    (
        lambda: join.Concat("height"),
        "axis",
        "axis must be channels or features or tokens or space, not 'height'",
        None,
    ),
    (lambda: scaling.Constant((3, 0)), "shape", "shape must be from 1 to 2147483647, not 0", None),
    (lambda: conv.Conv(8), "kernel", "conv needs kernel", None),
    (lambda: rearrange.ChannelShuffle(), "groups", "shuffle needs groups", None),
    (lambda: conv.Conv(0, 3), "out", "out must be from 1 to 2147483647, not 0", None),
    (lambda: conv.Conv(-4, 3), "out", "out must be from 1 to 2147483647, not -4", None),
    (lambda: conv.Conv(2**31, 3), "out", "out must be from 1 to 2147483647, not 2147483648", None),
    (lambda: conv.Conv("many", 3), "out", "out must be a whole number, not 'many'", None),
    (lambda: conv.Conv((8, 8), 3), "out", "out must be a whole number, not [8, 8]", None),
    (lambda: conv.Conv(True, 3), "out", "out must be a whole number, not true", None),
    (lambda: conv.Conv(Fraction(7, 2), 3), "out", "out must be a whole number, not 3.5", WHOLE),
    (lambda: conv.Conv(Fraction(10, 3), 3), "out", "out must be a whole number, not 10/3", WHOLE),
    (lambda: conv.Conv(2.5, 3), "out", "out must be a whole number, not 2.5", WHOLE),
    (lambda: conv.Conv(8, 0), "kernel", "kernel must be from 1 to 2147483647, not 0", None),
    (lambda: conv.Conv(8, (3, 0)), "kernel", "kernel must be from 1 to 2147483647, not 0", None),
    (lambda: conv.Conv(8, (3, False)), "kernel", "kernel must be a whole number, not false", None),
    (lambda: conv.Conv(8, (3, (3,))), "kernel", "kernel must be a whole number, not [3]", None),
    (lambda: conv.Conv(8, ()), "kernel", "kernel takes one value or one per axis (1 to 3), not 0", None),
    (lambda: conv.Conv(8, (3, 3, 3, 3)), "kernel", "kernel takes one value or one per axis (1 to 3), not 4", None),
    (lambda: conv.Conv(8, "wide"), "kernel", "kernel must be a whole number, not 'wide'", None),
    (lambda: conv.Conv(8, 3, stride=0), "stride", "stride must be from 1 to 2147483647, not 0", None),
    (lambda: conv.Conv(8, 3, dilation=0), "dilation", "dilation must be from 1 to 2147483647, not 0", None),
    (lambda: conv.Conv(8, 3, groups=0), "groups", "groups must be from 1 to 2147483647, not 0", None),
    (lambda: conv.Conv(8, 3, pad=-1), "pad", "pad must be from 0 to 2147483647, not -1", None),
    (lambda: conv.Conv(8, 3, pad="valid"), "pad", "pad must be same or same_tf or full, not 'valid'", None),
    (lambda: conv.ConvTranspose(8, 2, pad="same"), "pad", "pad must be a whole number, not 'same'", None),
    (lambda: conv.Conv(8, 3, bias=1), "bias", "bias must be true or false, not 1", None),
    (lambda: conv.Conv(8, 3, bias="no"), "bias", "bias must be true or false, not 'no'", None),
    (lambda: activation.LeakyReLU("steep"), "slope", "slope must be a number, not 'steep'", None),
    (lambda: activation.LeakyReLU(True), "slope", "slope must be a number, not true", None),
    (lambda: rearrange.Select(-1), "token", "token must be from 0 to 2147483647, not -1", None),
    (lambda: conv.Conv(1, 3, connections=3), "connections", "connections must be a list of lists, not 3", None),
    (
        lambda: conv.Conv(1, 3, connections=(0, 1)),
        "connections",
        "connections must be a list of lists, not [0, 1]",
        None,
    ),
    (
        lambda: conv.Conv(1, 3, connections=((0, -1),)),
        "connections",
        "connections must be from 0 to 2147483647, not -1",
        None,
    ),
    (
        lambda: conv.Conv(2, 3, connections=((0,), ())),
        "connections",
        "connections: a row needs at least one number, and each only once, but row 2 is []",
        None,
    ),
    (
        lambda: conv.Conv(1, 3, connections=((1, 0, 1),)),
        "connections",
        "connections: a row needs at least one number, and each only once, but row 1 is [1, 0, 1]",
        None,
    ),
    (lambda: pool.Upsample(2, mode="cubic"), "mode", "mode must be nearest or bilinear, not 'cubic'", None),
]

ONE_LAYOUT = "tokens makes a sequence of a map, feature_map a map of a sequence, flatten a vector of either"


class _Place:
    location = Location("net.yaml", 1, 1)


#: operator, inputs, text, hint
SHAPES = [
    (
        pool.AvgPool((5, 4, 4), 1, (2, 1, 1), True),
        ((8, 3, 8, 4),),
        "PyTorch takes no window larger than a map of 3 axes, but 5 is more than 3",
        None,
    ),
    (
        pool.LPPool(5, ceil=True),
        ((2, 4, 4, 4),),
        "PyTorch takes no window larger than a map of 3 axes, but 5 is more than 4",
        None,
    ),
    (
        norm.GroupNorm(4),
        ((4, 1, 1),),
        "has a single value in each group, which PyTorch refuses for one sample",
        None,
    ),
    (
        norm.InstanceNorm(),
        ((4, 1, 1),),
        "normalizes each channel over space, but has a single value of each, which PyTorch refuses",
        None,
    ),
    (
        norm.InstanceNorm(),
        (SequenceShape(1, 4),),
        "normalizes each channel over space, but has a single value of each, which PyTorch refuses",
        None,
    ),
    (
        conv.Conv(8, 3),
        ((5,),),
        "takes maps, but the input is a vector of 5",
        None,
    ),
    (
        pool.GlobalAvgPool(),
        (TensorShape(2, 3, 4, 5, 6),),
        "takes maps or sequences, but the input is a tensor 2x3x4x5x6",
        None,
    ),
    (
        conv.Conv(8, 3),
        (SequenceShape(49, 8),),
        "takes maps, but the input is a sequence of 49 tokens of 8 features",
        "feature_map makes a map of a sequence",
    ),
    (
        linear.Flatten(),
        (IdsShape.of(100, 7),),
        "takes maps, sequences, vectors or tensors, but the input is 7 ids",
        None,
    ),
    (conv.Conv(8, (3, 3)), ((4, 9),), "kernel has 2 values, but the input has 1 spatial axes", None),
    (conv.Conv(8, 3, stride=(1, 2, 3)), ((4, 9, 9),), "stride has 3 values, but the input has 2 spatial axes", None),
    (conv.Conv(8, 3, pad=(1,)), ((4, 9, 9),), "pad has 1 values, but the input has 2 spatial axes", None),
    (pool.MaxPool(3, dilation=(1,)), ((4, 9, 9),), "dilation has 1 values, but the input has 2 spatial axes", None),
    (
        conv.ConvTranspose(8, 3, output_pad=(1,)),
        ((4, 9, 9),),
        "output_pad has 1 values, but the input has 2 spatial axes",
        None,
    ),
    (pool.AdaptiveAvgPool((7, 7)), ((4, 9),), "size has 2 values, but the input has 1 spatial axes", None),
    (pool.Upsample((2, 2)), ((4, 9),), "factor has 2 values, but the input has 1 spatial axes", None),
    (conv.Conv(8, 7), ((3, 5, 5),), "the window does not fit: (5 + 2*0 - 7)/1 + 1 = -1", None),
    (conv.Conv(8, 4, stride=2), ((3, 3, 3),), "the window does not fit: (3 + 2*0 - 4)/2 + 1 = 0", None),
    (
        conv.Conv(8, 3, dilation=4, pad=1),
        ((3, 5, 5),),
        "the window does not fit: (5 + 2*1 - 4*(3 - 1) - 1)/1 + 1 = -1",
        None,
    ),
    # rounding up, the last window may reach past the end, but not a whole stride
    (pool.MaxPool(4, stride=2, ceil=True), ((3, 2, 2),), "the window does not fit: (2 + 2*0 - 4)/2 + 1 = 0", None),
    (
        conv.Conv(8, 4, pad="same"),
        ((3, 5, 5),),
        "pad 'same' is symmetric and needs an odd window, but the kernel is 4",
        "give pad as a number, or pad: same_tf for TensorFlow's rule",
    ),
    (
        conv.Conv(64, 3, groups=3),
        ((64, 9, 9),),
        "groups must divide the input channels, but 3 does not divide 64",
        None,
    ),
    (
        conv.Conv(10, 3, groups=4),
        ((64, 9, 9),),
        "groups must divide the output channels, but 4 does not divide 10",
        None,
    ),
    (
        conv.ConvTranspose(6, 3, groups=3),
        ((4, 9),),
        "groups must divide the input channels, but 3 does not divide 4",
        None,
    ),
    (
        conv.ConvTranspose(5, 3, groups=2),
        ((4, 9),),
        "groups must divide the output channels, but 2 does not divide 5",
        None,
    ),
    (
        conv.ConvTranspose(8, 3, stride=2, output_pad=2),
        ((4, 9),),
        "output_pad must be smaller than stride or dilation, but 2 is not below 2",
        None,
    ),
    (conv.ConvTranspose(8, 1, pad=2), ((4, 3),), "the output is empty: (3 - 1)*1 - 2*2 + 1*(1 - 1) + 0 + 1 = -1", None),
    (
        pool.MaxPool(3, pad=2),
        ((3, 9, 9),),
        "padding of a pool can be at most half its window, but 2 is more than 3/2",
        None,
    ),
    (pool.Upsample(2, mode="bilinear"), ((3, 9),), "bilinear needs 2 spatial axes, but the input has 1", None),
    (norm.GroupNorm(32), ((48, 9, 9),), "groups must divide the channels, but 32 does not divide 48", None),
    (rearrange.ChannelShuffle(3), ((8, 9, 9),), "groups must divide the channels, but 3 does not divide 8", None),
    (structure.Dropout(1.5), ((8,),), "p is a probability and must be from 0 to 1, not 1.5", None),
    (structure.StochasticDepth(-0.5), ((8,),), "p is a probability and must be from 0 to 1, not -0.5", None),
    (
        conv.Conv(4, 3, groups=2, connections=((0,),) * 4),
        ((2, 9, 9),),
        "connections can't be used with groups, but groups is 2",
        None,
    ),
    (
        conv.Conv(3, 3, connections=((0,), (1,))),
        ((2, 9, 9),),
        "connections must have a row for each of 3 outputs, but has 2",
        None,
    ),
    (
        conv.Conv(2, 3, connections=((0,), (1, 2))),
        ((2, 9, 9),),
        "connections numbers the 2 input channels from 0, so 2 is not one of them",
        None,
    ),
    (
        linear.RadialBasis(10),
        (MapShape(84, 1),),
        "takes vectors, but the input is a map 84x1",
        "put flatten, or global_avgpool and flatten, before it",
    ),
    (rearrange.Slice("tokens"), ((5,),), "axis is tokens, but the input is a vector of 5", "a vector has features"),
    (
        rearrange.Slice("features"),
        ((5, 4),),
        "axis is features, but the input is a map 5x4",
        "a map has channels, or space",
    ),
    (
        rearrange.Slice("space"),
        (SequenceShape(5, 4),),
        "axis is space, but the input is a sequence of 5 tokens of 4 features",
        "a sequence has tokens or features",
    ),
    (
        join.Concat(0),
        ((3, 4, 5), (3, 4, 5)),
        "axis 0 is for tensors, but the input is a map 3x4x5",
        "a map has channels here",
    ),
    (
        join.Concat(3),
        (TensorShape(3, 4, 5), TensorShape(3, 4, 5)),
        "axis must be below 3, the number of axes, but is 3",
        None,
    ),
    (
        join.Concat("tokens"),
        (TensorShape(3, 4), TensorShape(3, 4)),
        "axis is tokens, but the input is a tensor 3x4",
        "a tensor has axes by number, and features for the last",
    ),
    (
        join.Concat(),
        (SequenceShape(5, 4), SequenceShape(5, 4)),
        "concat of sequences needs axis",
        "axis: tokens, or axis: features",
    ),
    (
        join.Concat(),
        (SequenceShape(5, 4), MapShape(5, 4)),
        "inputs must have the same layout, but they are a sequence of 5 tokens of 4 features and a map 5x4",
        ONE_LAYOUT,
    ),
    (
        join.Concat("tokens"),
        (SequenceShape(5, 4), SequenceShape(5, 3)),
        "inputs must have the same size on every other axis, but they are 5x4 and 5x3",
        "pad: same with stride: 1 keeps the size (a pool's stride is its window unless said)",
    ),
    (
        join.Add(),
        (SequenceShape(5, 4), MapShape(5, 4)),
        "inputs must have the same layout (a vector joins a map or a sequence), but they are a sequence of 5 tokens of 4 "
        "features and a map 5x4",
        ONE_LAYOUT,
    ),
    (
        join.Add(),
        (TensorShape(5, 4), VectorShape(4)),
        "inputs must have the same layout (a vector joins a map or a sequence), but they are a tensor 5x4 and a vector "
        "of 4",
        ONE_LAYOUT,
    ),
    (
        scaling.Constant((2, 3, 4, 5, 6)),
        ((5,),),
        "shape takes the channels and up to 3 spatial sizes, not 5 values",
        "as: tensor takes any number of axes",
    ),
    (rearrange.Slice("channels", start=5), ((5, 4),), "takes from 5 up to 5, but the axis has 5", None),
    (rearrange.Slice("space", stop=(2, 5)), ((3, 4, 4),), "takes from 0 up to 5, but the axis has 4", None),
    (
        rearrange.Slice("channels", start=(1, 2)),
        ((5, 4),),
        "start takes one value for channels, but has 2",
        None,
    ),
    (
        rearrange.ZeroPad(channels=(1, 2, 3)),
        ((3, 4, 4),),
        "channels takes one value, or before and after, but has 3 values",
        None,
    ),
    (rearrange.Crop(2, after=3), ((3, 9, 5),), "the output is empty: 5 - 2 - 3 = 0", None),
    (rearrange.PixelShuffle(2), ((8, 4),), "needs a map of 2 spatial axes, but the input is 8x4", None),
    (rearrange.PixelShuffle(2), ((6, 4, 4),), "factor^2 must divide the channels, but 4 does not divide 6", None),
    (
        rearrange.SpaceToDepth(2),
        ((6, 4, 5),),
        "factor must divide both spatial sizes, but 2 does not divide 4x5",
        None,
    ),
    (rearrange.FeatureMap(14), ((197, 768),), "size must hold every token, but 14x14 is not 197", None),
    (rearrange.Select(5), ((5, 4),), "token must be below the number of tokens, but 5 is not below 5", None),
    (scaling.Affine(False, False), ((5,),), "affine needs scale or bias, or it does nothing", None),
    (
        scaling.ClassToken(),
        ((3, 4, 4),),
        "takes sequences, but the input is a map 3x4x4",
        "tokens makes a sequence of a map",
    ),
    (channel.MaxOut(3), ((8, 4),), "pieces must divide the channels, but 3 does not divide 8", None),
    (channel.ChannelConv(3), ((8, 1, 2),), "needs a map of one pixel, but the input is 8x1x2", None),
    (channel.ChannelConv(4), ((8, 1, 1),), "kernel must be odd, so that it has a middle, but is 4", None),
    (
        attention.Attention(2),
        ((8, 4, 4),),
        "takes sequences, but the input is a map 8x4x4",
        "tokens makes a sequence of a map",
    ),
    (attention.Attention(3), ((5, 8),), "heads must divide the features, but 3 does not divide 8", None),
    (attention.WindowAttention(2, 7), ((49, 8),), "needs a map of 2 spatial axes, but the input is 49x8", None),
    (
        attention.WindowAttention(2, 2, shift=True, partition="grid"),
        ((8, 4, 4),),
        "shift is for windows, but partition is grid",
        None,
    ),
    (
        attention.WindowAttention(2, 4, partition="grid"),
        ((8, 8, 6),),
        "window must divide both spatial sizes of a grid, but 4 does not divide 8x6",
        None,
    ),
    (detection.RoiAlign(100, 7), ((256,),), "takes maps, but the input is a vector of 256", None),
    (
        linear.Linear(10),
        ((512, 7, 7),),
        "takes vectors, sequences or tensors, but the input is a map 512x7x7",
        "put flatten, or global_avgpool and flatten, before it",
    ),
    (
        join.Add(),
        ((64, 7, 7), (64, 7)),
        "inputs must have the same number of axes, but they are 64x7x7 and 64x7",
        None,
    ),
    (
        join.Mul(),
        ((64, 7, 7), (64, 7, 7), (32, 7, 7)),
        "inputs must have the same shape (or 1 to broadcast), but they are 64x7x7, 64x7x7 and 32x7x7",
        "a convolution with kernel 1 in the shortcut gives it the other's channels, its stride the size",
    ),
    (
        join.Concat(),
        ((64, 7, 7), (64, 14, 14)),
        "inputs must have the same spatial size, but they are 64x7x7 and 64x14x14",
        "pad: same with stride: 1 keeps the size (a pool's stride is its window unless said)",
    ),
]


@pytest.mark.parametrize(("make", "field", "text", "hint"), ARGUMENTS, ids=[row[2] for row in ARGUMENTS])
def test_argument(make: Callable[[], Op], field: str, text: str, hint: str | None) -> None:
    with pytest.raises(ArgumentError) as caught:
        make()
    assert (caught.value.message, caught.value.hint, caught.value.field) == (text, hint, field)


@pytest.mark.parametrize(("operator", "inputs", "text", "hint"), SHAPES, ids=[row[2] for row in SHAPES])
def test_shape(operator: Op, inputs: tuple[tuple[int, ...], ...], text: str, hint: str | None) -> None:
    builder = GraphBuilder()
    given = tuple(builder.input(f"x{number}", shape, _Place()) for number, shape in enumerate(typed(operator, *inputs)))
    with pytest.raises(SpecError) as caught:
        builder.add(operator, given, "layer", _Place())
    assert (caught.value.message, caught.value.hint) == (f"{operator.name} 'layer': {text}", hint)


def test_every_raise_has_a_row() -> None:
    """Each line of cnncalc/ops that raises a ShapeError is the origin of a row's error."""
    folder = Path(cnncalc.ops.__file__).parent
    written = {
        (path.name, number)
        for path in folder.glob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "raise ShapeError(" in line or "raise ArgumentError(" in line
    }
    calls = [row[0] for row in ARGUMENTS]
    for operator, inputs, *_ in SHAPES:
        shapes = typed(operator, *inputs)
        if all(shape.layout in operator.layouts for shape in shapes):  # the builder refuses the others
            calls.append(partial(operator.shape, *shapes))
    reached = set()
    for call in calls:
        with pytest.raises(ShapeError) as caught:
            call()
        origin = caught.traceback[-1]
        reached.add((origin.path.name, origin.lineno + 1))
    assert written - reached == set()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (12, "12"),
        (0.1, "0.1"),
        (1e-5, "1e-05"),
        (Fraction(1, 4), "0.25"),
        (Fraction(1, 3), "1/3"),
        (Decimal("0.5"), "0.5"),
        ("no", "'no'"),
        ((3, "same"), "[3, 'same']"),
    ],
)
def test_values_are_shown_as_the_language_writes_them(value: object, text: str) -> None:
    assert show(value) == text


def test_mistakes_of_a_programmer() -> None:
    with pytest.raises(TypeError, match=r"^relu takes no arguments$"):
        activation.ReLU(1)
    with pytest.raises(TypeError, match=r"^linear takes out, bias$"):
        linear.Linear(8, units=8)
    with pytest.raises(AttributeError, match=r"^linear is immutable$"):
        linear.Linear(8).out = 9
    with pytest.raises(ValueError, match=r"^operator 'relu' is defined twice: ReLU, ReLU6$"):
        op("relu")(activation.ReLU6)
    assert activation.ReLU6.name == "relu6"


def test_equal_arguments_make_equal_operators() -> None:
    assert conv.Conv(8, 3) == conv.Conv(8, kernel=3, stride=1)
    assert hash(conv.Conv(8, 3)) == hash(conv.Conv(8, 3, stride=1))
    assert conv.Conv(8, 3) != conv.Conv(8, 5)
    assert conv.Conv(8, 3) != conv.DepthwiseConv(3)
    assert repr(linear.Linear(8)) == "Linear(out=8, bias=True)"
