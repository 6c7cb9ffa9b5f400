"""Every operator against PyTorch: shapes, weights, buffers, multiply-accumulates, and what may be overwritten."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.errors import ShapeError
from cnncalc.ops import (
    OPS,
    activation,
    attention,
    base,
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
from cnncalc.torch_backend import modules
from cnncalc.values import WORK_UNITS, MapShape, SequenceShape, Shape, VectorShape
from tests.ops.conftest import typed

BATCH = 2
Build = Callable[[Op, tuple[Shape, ...]], nn.Module]

SAMPLES = [(op, inputs) for cls in OPS.values() for op, inputs in cls.samples()]
each_sample = pytest.mark.parametrize(("op", "inputs"), SAMPLES, ids=[f"{op!r} on {inputs}" for op, inputs in SAMPLES])
each_operator = pytest.mark.parametrize("cls", OPS.values(), ids=OPS)


def named_shapes(tensors: object) -> dict[str, Shape]:
    return {name.removeprefix("inner."): tuple(tensor.shape) for name, tensor in tensors}


@each_operator
def test_has_samples_of_itself(cls: type[Op]) -> None:
    assert cls.samples(), "an operator without samples is compared with nothing"
    assert all(type(op) is cls for op, _ in cls.samples())


@pytest.mark.parametrize("cls", [cls for cls in OPS.values() if "kernel" in cls.fields], ids=lambda cls: cls.name)
def test_windows_are_sampled_on_one_two_and_three_axes(cls: type[Op]) -> None:
    assert {len(x) - 1 for _, (x,) in cls.samples()} == {1, 2, 3}


@each_sample
def test_sample(op: Op, inputs: tuple[Shape, ...], module: Build) -> None:
    with torch.device("meta"):
        built = module(op, inputs)
        result = built(*[torch.empty(BATCH, *x) for x in inputs])
        with FlopCounterMode(display=False) as counter:
            built(*[torch.empty(1, *x) for x in inputs])
    output = op.shape(*inputs)
    work = op.work(*inputs, output)
    assert tuple(result.shape) == (BATCH * op.count(), *output)
    assert op.weights(*inputs) == named_shapes(built.named_parameters())
    assert op.buffers(*inputs) == named_shapes(built.named_buffers())
    # PyTorch counts 2 for each multiply-accumulate
    assert counter.get_total_flops() == 2 * op.count() * work["mac"]
    assert set(work.counts) <= set(WORK_UNITS)
    assert all(type(count) is int and count > 0 for count in work.counts.values())


@each_sample
def test_products_are_the_multiply_accumulates(op: Op, inputs: tuple[Shape, ...]) -> None:
    shapes = (*inputs, op.shape(*inputs))
    assert sum(product.macs for product in op.products(*shapes) or ()) == op.work(*shapes)["mac"]
    operands = {operand for product in op.products(*shapes) or () for operand in product.operands}
    assert operands <= {"input", "weight", "made", "buffer"}


@each_operator
def test_biases_are_what_pytorch_calls_so(cls: type[Op], module: Build) -> None:
    """Of layers whose parameters are weights; a norm's shift counts with its scale."""
    if cls.parameter_kind != "weights":
        return
    sampled: set[str] = set()
    for op, inputs in cls.samples():
        with torch.device("meta"):
            built = module(op, inputs)
        tensors = named_shapes(built.named_parameters())
        called = {name for name in tensors if "bias" in name} - set(op.other_parameters)
        assert called == set(op.biases) & set(tensors)
        sampled |= called
    assert sampled == {name for op, _ in cls.samples() for name in op.biases}, "a bias that no sample has is not tested"


@each_sample
def test_reach_has_a_tap_for_each_spatial_axis(op: Op, inputs: tuple[Shape, ...]) -> None:
    taps = op.reach(*inputs)
    if taps:
        assert len(taps) == len(inputs[0]) - 1
        assert all(type(tap.extent) is int and type(tap.before) is int for tap in taps)
        assert all(type(tap.stride) in (int, Fraction) for tap in taps)


@each_operator
def test_words_are_known(cls: type[Op]) -> None:
    assert cls.role in ("layer", "norm", "activation", "join")
    assert cls.parameter_kind in ("weights", "norm_params", "other_params")
    assert cls.result in ("new", "view")


@pytest.mark.parametrize("op", [cls() for cls in OPS.values() if cls.role == "activation"], ids=lambda op: op.name)
def test_activations_run_in_place_where_pytorch_can(op: Op, module: Build) -> None:
    built = module(op, ((4, 3, 3),))
    assert op.can_run_in_place == ("inplace" in inspect.signature(type(built)).parameters)
    if op.can_run_in_place:
        built.inplace = True
    before = torch.randn(BATCH, 4, 3, 3, requires_grad=True)
    value = built(before * 2)
    value += 1
    if op.saves_output:
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            value.sum().backward()
    else:
        value.sum().backward()


@pytest.mark.parametrize(
    ("op", "x"),
    [(op, inputs[0]) for op, inputs in SAMPLES if len(inputs) == 1 and type(op) is not pool.Upsample],
    ids=lambda value: repr(value),
)
def test_views_share_memory_and_nothing_else_does(op: Op, x: Shape, module: Build) -> None:
    value = torch.rand(BATCH, *x)
    result = module(op, (x,))(value)
    assert (result.untyped_storage().data_ptr() == value.untyped_storage().data_ptr()) == (op.result == "view")


def test_an_operator_with_weights_says_which_are_biases() -> None:
    class Silent(Op):
        layouts = ("vector",)

        def weights(self, x: Shape) -> dict[str, Shape]:
            return {"bias_ih_l0": x}

    with pytest.raises(ValueError, match="operator 'silent' has weights and does not say which of them are biases"):
        base.op("silent")(Silent)


def test_an_operator_says_which_layouts_it_takes() -> None:
    class Silent(Op):
        biases = ()

    with pytest.raises(ValueError, match="operator 'silent' does not say which layouts it takes"):
        base.op("silent")(Silent)


# -- values: the modules that stand in for what PyTorch lacks ------------------------------------------------------


def values(*shapes: Shape) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(BATCH, *shape, generator=generator) for shape in shapes]


JOINS = [
    (join.Add(), lambda a, b, c: a + b + c),
    (join.Mul(), lambda a, b, c: a * b * c),
    (join.Mean(), lambda a, b, c: (a + b + c) / 3),
    (join.Max(), lambda a, b, c: torch.where(torch.where(a > b, a, b) > c, torch.where(a > b, a, b), c)),
]


@pytest.mark.parametrize(("op", "expected"), JOINS, ids=lambda value: getattr(value, "name", ""))
@pytest.mark.parametrize("shapes", [((3, 4, 5),) * 3, ((3, 4, 5), (3, 1, 1), (1, 4, 5)), ((7,),) * 3], ids=str)
def test_join_values(op: Op, expected: Callable[..., torch.Tensor], shapes: tuple[Shape, ...], module: Build) -> None:
    inputs = values(*shapes)
    torch.testing.assert_close(module(op, shapes)(*inputs), expected(*inputs))


def test_concat_keeps_the_order_of_its_inputs(module: Build) -> None:
    a, b = values((3, 4), (2, 4))
    result = module(join.Concat(), ((3, 4), (2, 4)))(a, b)
    torch.testing.assert_close(result[:, :3], a)
    torch.testing.assert_close(result[:, 3:], b)


@pytest.mark.parametrize("bias", [True, False])
def test_same_tf_convolution_pads_the_odd_pixel_after(bias: bool, module: Build) -> None:
    built = module(conv.Conv(5, 4, stride=(3, 2), pad="same_tf", bias=bias), ((2, 10, 11),))
    (x,) = values((2, 10, 11))
    # rows: (4 - 1)*3 + 4 - 10 = 3, 1 before and 2 after; columns: (6 - 1)*2 + 4 - 11 = 3
    padded = functional.pad(x, (1, 2, 1, 2))
    expected = functional.conv2d(padded, built.inner.weight, built.inner.bias, stride=(3, 2))
    torch.testing.assert_close(built(x), expected)


def test_same_tf_maximum_never_takes_the_border(module: Build) -> None:
    built = module(pool.MaxPool(3, stride=2, pad="same_tf"), ((1, 4, 4),))
    x = -torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    # one row and column of padding after: windows 0-2 and 2-3, and the largest is the first of each
    torch.testing.assert_close(built(x), torch.tensor([[[[-1.0, -3.0], [-9.0, -11.0]]]]))


@pytest.mark.parametrize(
    ("kernel", "stride", "x"), [(3, 2, (2, 8)), (3, 2, (2, 7)), (4, 3, (2, 9, 10)), (2, 2, (1, 3, 4, 5))], ids=str
)
def test_same_tf_mean_counts_input_pixels_only(kernel: int, stride: int, x: Shape, module: Build) -> None:
    built = module(pool.AvgPool(kernel, stride=stride, pad="same_tf"), (x,))
    (value,) = values(x)
    result = built(value)
    starts = []
    for n in x[1:]:
        size = -(-n // stride)
        before = max((size - 1) * stride + kernel - n, 0) // 2
        starts.append([i * stride - before for i in range(size)])
    assert result.shape[2:] == tuple(map(len, starts))
    for position in product(*map(range, result.shape[2:])):
        windows = [axis[i] for axis, i in zip(starts, position, strict=True)]
        inside = [slice(max(start, 0), start + kernel) for start in windows]
        expected = value[(..., *inside)].flatten(2).mean(2)
        torch.testing.assert_close(result[(..., *position)], expected)


@pytest.mark.parametrize("affine", [True, False])
def test_channel_layernorm_normalizes_each_pixel(affine: bool, module: Build) -> None:
    built = module(norm.LayerNorm(affine=affine), ((6, 3, 4),))
    (x,) = values((6, 3, 4))
    centred = x - x.mean(1, keepdim=True)
    expected = centred / torch.sqrt((centred**2).mean(1, keepdim=True) + 1e-5)
    if affine:
        nn.init.normal_(built.weight)
        nn.init.normal_(built.bias)
        expected = expected * built.weight[:, None, None] + built.bias[:, None, None]
    torch.testing.assert_close(built(x), expected)


def test_softmax_sums_to_one_over_channels_or_features(module: Build) -> None:
    for x, axis in ((MapShape(4, 3, 3), 1), (MapShape(5, 4), 1), (SequenceShape(5, 4), 2), (VectorShape(7), 1)):
        (value,) = values(x)
        total = module(activation.Softmax(), (x,))(value).sum(axis)
        torch.testing.assert_close(total, torch.ones_like(total))


def test_pools_divide_by_what_the_spec_says(module: Build) -> None:
    ones = torch.ones(1, 1, 4)
    # pad 1: the first window of 3 has one pixel of padding
    for count_include_pad, expected in ((True, 2 / 3), (False, 1.0)):
        built = module(pool.AvgPool(3, stride=1, pad=1, count_include_pad=count_include_pad), ((1, 4),))
        assert built(ones)[0, 0, 0].item() == pytest.approx(expected)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 12])
@pytest.mark.parametrize("n", [1, 2, 3, 6, 7, 10])
def test_adaptive_bins_are_pytorchs(size: int, n: int) -> None:
    op = pool.AdaptiveAvgPool(size)
    x = torch.ones(1, 1, n, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(lambda x: functional.adaptive_avg_pool1d(x, size)[0, 0], x)[:, 0, 0]
    read = (jacobian != 0).sum(1)
    assert op.work((1, n), (1, size))["add"] == int(read.sum()) - size
    assert op.reach((1, n))[0].extent == int(read.max())


def test_every_module_of_the_backend_is_the_target_of_a_sample(module: Build) -> None:
    built = {type(part) for op, inputs in SAMPLES for part in module(op, inputs).modules()}
    ours = {cls for cls in vars(modules).values() if isinstance(cls, type) and cls.__module__ == modules.__name__}
    ours = {cls for cls in ours if not cls.__name__.startswith("_")}
    assert ours <= built


# -- random arguments: our rule equals PyTorch's answer, or both refuse --------------------------------------------

derandomized = settings(max_examples=150)


@st.composite
def cases(draw: st.DrawFn, **ranges: tuple[int, int]) -> tuple[Shape, dict[str, Shape]]:
    """A map of 4 channels, and a value per axis for every argument."""
    axes = draw(st.integers(1, 3))

    def one_per_axis(least: int, most: int) -> Shape:
        return tuple(draw(st.lists(st.integers(least, most), min_size=axes, max_size=axes)))

    return (4, *one_per_axis(1, 9)), {name: one_per_axis(*span) for name, span in ranges.items()}


def our_shape(op: Op, x: Shape) -> Shape | None:
    try:
        return op.shape(*typed(op, x))
    except ShapeError:
        return None


def torch_shape(name: str, x: Shape, device: str, *args: object, **kwargs: object) -> Shape | None:
    try:
        with torch.device(device):
            built = getattr(nn, f"{name}{len(x) - 1}d")(*args, **kwargs)
            shape = tuple(built(torch.zeros(1, *x)).shape[1:])
    except (RuntimeError, ValueError):
        return None
    return shape if all(shape) else None  # some return an empty tensor instead of refusing


GROUPS = st.sampled_from([1, 2, 3, 4])


@derandomized
@given(cases(kernel=(1, 4), stride=(1, 4), pad=(0, 2), dilation=(1, 3)), GROUPS)
def test_any_convolution(case: tuple[Shape, dict[str, Shape]], groups: int) -> None:
    x, a = case
    ours = our_shape(conv.Conv(4, **a, groups=groups), x)
    assert ours == torch_shape("Conv", x, "meta", 4, 4, *a.values(), groups=groups)


@derandomized
@given(cases(kernel=(1, 4), stride=(1, 4), pad=(0, 2), output_pad=(0, 2), dilation=(1, 3)), st.sampled_from([1, 2, 4]))
def test_any_transposed_convolution(case: tuple[Shape, dict[str, Shape]], groups: int) -> None:
    x, a = case
    ours = our_shape(conv.ConvTranspose(4, **a, groups=groups), x)
    # the meta device does not refuse an output padding as large as the stride; the processor does
    *rest, dilation = a.values()
    theirs = torch_shape("ConvTranspose", x, "cpu", 4, 4, *rest, groups, dilation=dilation)
    assert ours == theirs


@derandomized
@given(cases(kernel=(1, 4), stride=(1, 4), pad=(0, 2), dilation=(1, 3)), st.booleans())
def test_any_maximum(case: tuple[Shape, dict[str, Shape]], ceil: bool) -> None:
    x, a = case
    ours = our_shape(pool.MaxPool(**a, ceil=ceil), x)
    assert ours == torch_shape("MaxPool", x, "meta", *a.values(), ceil_mode=ceil)


@derandomized
@given(cases(kernel=(1, 4), stride=(1, 4), pad=(0, 2)), st.booleans(), st.booleans())
def test_any_mean(case: tuple[Shape, dict[str, Shape]], ceil: bool, count_include_pad: bool) -> None:
    x, a = case
    # over three axes PyTorch refuses an input smaller than the window even where padding makes up for it
    assume(len(x) < 4 or all(n >= k for n, k in zip(x[1:], a["kernel"], strict=True)))
    ours = our_shape(pool.AvgPool(**a, ceil=ceil, count_include_pad=count_include_pad), x)
    assert ours == torch_shape("AvgPool", x, "meta", *a.values(), ceil, count_include_pad)


@derandomized
@given(cases(size=(1, 9)), st.sampled_from(["AvgPool", "MaxPool"]))
def test_any_adaptive_pool(case: tuple[Shape, dict[str, Shape]], kind: str) -> None:
    x, a = case
    op = OPS[f"adaptive_{kind.lower()}"](**a)
    assert our_shape(op, x) == torch_shape(f"Adaptive{kind}", x, "meta", a["size"])


@derandomized
@given(cases(kernel=(1, 5), stride=(1, 4), dilation=(1, 3)), st.sampled_from(["same", "same_tf"]))
def test_any_named_padding(case: tuple[Shape, dict[str, Shape]], pad: str) -> None:
    x, a = case
    op = conv.Conv(4, **a, pad=pad)
    odd = all(d * (k - 1) % 2 == 0 for k, d in zip(a["kernel"], a["dilation"], strict=True))
    shape = our_shape(op, x)
    if pad == "same" and not odd:
        assert shape is None
        return
    # either way one output for every stride begun
    assert shape == (4, *(-(-n // s) for n, s in zip(x[1:], a["stride"], strict=True)))
    target, args, kwargs = op.lowering(x)
    if target == "cnncalc.torch_backend.modules.Padded":
        (_, (inputs, out, kernel), kwargs), padding, _ = args
        assert not any(kwargs["padding"])
        widened = [n + before + after for n, before, after in zip(x[1:], padding[-2::-2], padding[::-2], strict=True)]
        theirs = torch_shape("Conv", (4, *widened), "meta", inputs, out, kernel, **kwargs)
    else:
        theirs = torch_shape("Conv", x, "meta", *args, **kwargs)
    assert shape == theirs


@pytest.mark.parametrize("x", [(3, 4, 5), (7,)], ids=str)
@pytest.mark.parametrize("cls", [structure.Dropout, structure.StochasticDepth], ids=lambda cls: cls.name)
def test_dropout_does_nothing_in_evaluation(cls: type[Op], x: Shape, module: Build) -> None:
    (value,) = values(x)
    assert torch.equal(module(cls(0.9), (x,))(value), value)


def test_stochastic_depth_drops_whole_samples_in_training(module: Build) -> None:
    torch.manual_seed(0)
    ones = torch.ones(64, 3, 4)
    result = module(structure.StochasticDepth(0.25), ((3, 4),)).train()(ones)
    kept = result[:, :1, :1]
    assert kept.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert torch.equal(result, kept.expand_as(result))
    assert not module(structure.StochasticDepth(1.0), ((3, 4),)).train()(ones).any()
    assert torch.equal(module(structure.StochasticDepth(0.0), ((3, 4),)).train()(ones), ones)


# -- values of rearrangements, scales and channels -----------------------------------------------------------------

X = torch.arange(2 * 4 * 5 * 6.0).reshape(2, 4, 5, 6)
V = torch.arange(2 * 6.0).reshape(2, 6)

VALUES = [
    (rearrange.Slice("channels", start=1, stop=4, step=2), X, X[:, 1:4:2]),
    (rearrange.Slice("space", start=(1, 0), stop=(5, 4), step=(3, 2)), X, X[:, :, 1:5:3, 0:4:2]),
    (rearrange.Slice("tokens", start=2), X[:, 0], X[:, 0, 2:]),
    (rearrange.Crop((1, 0), after=(0, 2)), X, X[:, :, 1:, :-2]),
    (rearrange.ZeroPad((1, 0), after=(0, 2), channels=(1, 3)), X, functional.pad(X, (0, 2, 1, 0, 1, 3))),
    (rearrange.Tokens(), X, X.permute(0, 2, 3, 1).reshape(2, 30, 4)),
    (rearrange.FeatureMap((5, 6)), X.permute(0, 2, 3, 1).reshape(2, 30, 4), X),
    (rearrange.Select(3), X[:, 0], X[:, 0, 3]),
    (scaling.Scale(-1, 1), X, 1 - X),
    (channel.ChannelMean(), X, (X[:, :1] + X[:, 1:2] + X[:, 2:3] + X[:, 3:]) / 4),
    (channel.ChannelMax(), -X, -X[:, :1]),
    (channel.MaxOut(2), X, X[:, 1::2]),
    (channel.MaxOut(3), V, V[:, 2::3]),
    (norm.PixelNorm(), X + 1, (X + 1) / ((X + 1) ** 2).mean(1, keepdim=True).sqrt()),
    (norm.PixelNorm(), X[:, 0] + 1, (X[:, 0] + 1) / ((X[:, 0] + 1) ** 2).mean(2, keepdim=True).sqrt()),
    (norm.PixelNorm(), V + 1, (V + 1) / ((V + 1) ** 2).mean(1, keepdim=True).sqrt()),
    (pool.LPPool(2, power=3, stride=1), V[:, None], (V[:, None, 1:] ** 3 + V[:, None, :-1] ** 3) ** (1 / 3)),
]


@pytest.mark.parametrize(("op", "x", "expected"), VALUES, ids=[repr(row[0]) for row in VALUES])
def test_values(op: Op, x: torch.Tensor, expected: torch.Tensor, module: Build) -> None:
    # values of two axes are sequences here
    shape = SequenceShape(*x.shape[1:]) if x.dim() == 3 else tuple(x.shape[1:])
    torch.testing.assert_close(module(op, (shape,))(x), expected)


def test_the_rows_of_connections_are_a_convolution_with_the_rest_at_zero(module: Build) -> None:
    rows = ((0, 2), (1,), (3, 0, 1))
    built = module(conv.Conv(3, 3, pad=1, stride=2, connections=rows), ((4, 5, 6),))
    nn.init.normal_(built.bias)
    dense = torch.zeros(3, 4, 3, 3)
    weights = iter(built.weight[:, 0])
    for output, row in enumerate(rows):
        for source in row:
            dense[output, source] = next(weights)
    (x,) = values((4, 5, 6))
    torch.testing.assert_close(built(x), functional.conv2d(x, dense, built.bias, stride=2, padding=1))


@pytest.mark.parametrize("x", [MapShape(3, 4, 5), SequenceShape(5, 3), VectorShape(3)], ids=str)
def test_affine_scales_channels_or_features(x: Shape, module: Build) -> None:
    built = module(scaling.Affine(), (x,))
    nn.init.normal_(built.weight)
    nn.init.normal_(built.bias)
    (value,) = values(x)
    weight, bias = (tensor[:, None, None] if len(x) == 3 else tensor for tensor in (built.weight, built.bias))
    torch.testing.assert_close(built(value), value * weight + bias)


def test_learned_tokens_positions_and_constants_stand_where_they_should(module: Build) -> None:
    (x,) = values((5, 4))
    token = module(scaling.ClassToken(), ((5, 4),))
    nn.init.normal_(token.weight)
    torch.testing.assert_close(token(x), torch.stack([torch.cat([token.weight, sample]) for sample in x]))
    position = module(scaling.PositionEmbedding(), ((5, 4),))
    torch.testing.assert_close(position(x) - x, torch.stack([position.weight] * BATCH))
    constant = module(scaling.Constant((3, 2, 2)), ((5, 4),))
    torch.testing.assert_close(constant(x), torch.stack([constant.weight] * BATCH))


@pytest.mark.parametrize("per_channel", [True, False])
def test_noise_is_one_value_a_pixel_times_a_strength(per_channel: bool, module: Build) -> None:
    built = module(scaling.Noise(per_channel), ((3, 4, 5),))
    (x,) = values((3, 4, 5))
    assert torch.equal(built(x), x)  # a strength of 0
    strength = torch.tensor([1.0, 2.0, 3.0]) if per_channel else torch.tensor([2.0])
    built.weight.data = strength
    noise = (built(x) - x) / strength[:, None, None]
    torch.testing.assert_close(noise, noise[:, :1].expand_as(noise))
    assert noise.std() > 0.5


def test_a_convolution_along_channels_reads_neighbours(module: Build) -> None:
    built = module(channel.ChannelConv(3), ((4, 1, 1),))
    built.weight.data = torch.tensor([[[1.0, 10.0, 100.0]]])
    built.bias.data = torch.tensor([0.5])
    x = torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1)
    # 10*1 + 100*2; 1 + 10*2 + 100*3; 2 + 10*3 + 100*4; 3 + 10*4
    assert built(x).flatten().tolist() == [210.5, 321.5, 432.5, 43.5]


def test_radial_units_are_squared_distances(module: Build) -> None:
    built = module(linear.RadialBasis(3), ((4,),))
    (x,) = values((4,))
    torch.testing.assert_close(built(x), torch.cdist(x, built.weight) ** 2)


def test_regions_are_samples_of_the_map_one_after_the_other(module: Build) -> None:
    (x,) = values((3, 8, 8))
    result = module(detection.RoiAlign(5, 4), ((3, 8, 8),))(x)
    # two samples a bin along an axis of 8 pixels fall on the pixels
    torch.testing.assert_close(result, functional.avg_pool2d(x, 2).repeat_interleave(5, dim=0))


def test_attention_is_pytorchs(module: Build) -> None:
    for bias in (True, False):
        built = module(attention.Attention(4, bias=bias), ((5, 8),))
        (x,) = values((5, 8))
        expected, _ = nn.MultiheadAttention.forward(built, x, x, x)
        torch.testing.assert_close(built(x), expected)
