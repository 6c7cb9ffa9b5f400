"""Receptive fields: by hand, against the literature, and against the pixels that a gradient reaches."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from cnncalc import network
from cnncalc.analysis import receptive_field
from cnncalc.graph.graph import Graph
from cnncalc.values import Assumptions

NAMES = ("receptive_field", "receptive_field_min", "effective_stride", "offset")

ALEXNET = """
input: [3, 227, 227]
layers:
  - {conv: 96, kernel: 11, stride: 4, name: conv1}
  - {maxpool: 3, stride: 2, name: pool1}
  - {conv: 256, kernel: 5, pad: 2, name: conv2}
  - {maxpool: 3, stride: 2, name: pool2}
  - {conv: 384, kernel: 3, pad: 1, name: conv3}
  - {conv: 384, kernel: 3, pad: 1, name: conv4}
  - {conv: 256, kernel: 3, pad: 1, name: conv5}
  - {maxpool: 3, stride: 2, name: pool5}
  - flatten
"""

#: field, stride and offset of the first value's centre
ALEXNET_ROWS = {
    "input": (1, 1, 0),
    "conv1": (11, 4, 5),  # 0 to 10
    "pool1": (19, 8, 9),  # 11 + 2*4
    "conv2": (51, 8, 9),  # 19 + 4*8; the padding of 2 moves the first pixel from 0 to -16
    "pool2": (67, 16, 17),  # 51 + 2*8
    "conv3": (99, 16, 17),  # 67 + 2*16
    "conv4": (131, 16, 17),
    "conv5": (163, 16, 17),
    "pool5": (195, 32, 33),  # 163 + 2*16; 195 and 32 in Araujo, Norris and Sim 2019 as well
}


def test_alexnet(column: Callable[..., dict[str, Any]]) -> None:
    fields = column(receptive_field, "receptive_field", ALEXNET)
    strides = column(receptive_field, "effective_stride", ALEXNET)
    offsets = column(receptive_field, "offset", ALEXNET)
    for path, (field, stride, offset) in ALEXNET_ROWS.items():
        assert (fields[path], strides[path], offsets[path]) == ([field] * 2, [stride] * 2, [offset] * 2), path
    assert fields["flatten1"] is None


def test_vgg16() -> None:
    rows = {row.path: row for row in network.load("vgg16").analyze().layers}
    expected = {
        "stage1.conv_2": 5,  # 1 + 2 + 2
        "stage1.pool": 6,
        "stage2.pool": 16,  # 6 + 2*2 + 2*2 + 2
        "stage3.pool": 44,  # 16 + 3*2*4 + 4
        "stage4.pool": 100,  # 44 + 3*2*8 + 8
        "stage5.conv_3": 196,  # 100 + 3*2*16
        "stage5.pool": 212,
    }
    assert {path: rows[path].receptive_field for path in expected} == {path: [n, n] for path, n in expected.items()}
    assert rows["stage5.pool"].effective_stride == [32, 32]


#: layers, and field, narrowest field, stride and offset of the last value along one axis
BY_HAND = {
    "a convolution": ("[{conv: 2, kernel: 5}]", (5, 5, 1, 2)),
    "padding moves the centre back": ("[{conv: 2, kernel: 5, pad: 2}]", (5, 5, 1, 0)),
    "an even window has its centre between pixels": ("[{conv: 2, kernel: 4, stride: 2}]", (4, 4, 2, Fraction(3, 2))),
    "same_tf pads the odd pixel after": (  # 64 to 32 takes 1 pixel, after: 0 to 2
        "[{conv: 2, kernel: 3, stride: 2, pad: same_tf}]",
        (3, 3, 2, 1),
    ),
    "dilation": ("[{conv: 2, kernel: 3, dilation: 4}]", (9, 9, 1, 4)),  # 4*(3 - 1) + 1
    "dilations of 1, 2 and 4": (  # 3, 3 + 4, 7 + 8 (Yu and Koltun 2015, figure 1)
        "[{conv: 2, kernel: 3}, {conv: 2, kernel: 3, dilation: 2}, {conv: 2, kernel: 3, dilation: 4}]",
        (15, 15, 1, 7),
    ),
    "stride widens what comes after": (  # 3 + 2*2
        "[{conv: 2, kernel: 3, stride: 2}, {conv: 2, kernel: 3}]",
        (7, 7, 2, 3),
    ),
    "branches keep the widest and the narrowest": (
        "[{concat: {a: [{conv: 2, kernel: 5, pad: 2}], b: [{conv: 2, kernel: 3, pad: 1}], c: identity}}]",
        (5, 1, 1, 0),
    ),
    "what follows branches widens both": (
        "[{add: {a: [{conv: 2, kernel: 3, pad: 1}], b: identity}}, {conv: 2, kernel: 3, pad: 1}]",
        (5, 3, 1, 0),
    ),
    "a global pool sees everything": ("[global_avgpool]", (64, 64, 64, Fraction(63, 2))),
    "an enlargement halves the stride": ("[{avgpool: 2}, {upsample: 2}]", (2, 2, 1, Fraction(1, 2))),
    "three rows of an enlargement by 4 lie on two pooled ones": (
        "[{avgpool: 4}, {upsample: 4}, {conv: 2, kernel: 3}]",
        (8, 8, 1, Fraction(3, 2)),  # 2*4; value 0 reads three rows of the first one
    ),
    "a decoder of transposed convolutions": (  # value 0: -2 to 2, -1 to 1, -3 to 3, pooled -2 to 1, pixels -8 to 7
        "[{avgpool: 4}, {conv_transpose: 2, kernel: 2, stride: 2}, {conv: 2, kernel: 3, pad: same, repeat: 2},"
        " {conv_transpose: 2, kernel: 2, stride: 2}, {conv: 2, kernel: 3, pad: same, repeat: 2}]",
        (16, 16, 1, Fraction(-1, 2)),
    ),
    "a window in phase with an enlargement sees one value": (
        "[{avgpool: 2}, {upsample: 2}, {conv: 2, kernel: 2, stride: 2}]",
        (2, 2, 2, Fraction(1, 2)),
    ),
    "a kernel below its stride leaves gaps, and two of three values see nothing": (
        "[{conv_transpose: 2, kernel: 1, stride: 3}, {conv: 2, kernel: 3}]",
        (1, 1, Fraction(1, 3), 0),
    ),
    "rows between kernels shift what value 0 would see": (
        "[{conv_transpose: 2, kernel: 1, stride: 2}, {crop: 1}]",
        (1, 1, Fraction(1, 2), Fraction(1, 2)),  # value 1 sees pixel 1, half a pixel further
    ),
    "a learned constant widens nothing": (
        "[{conv: 2, kernel: 3, name: c}, {parameter: [2, 62], name: p}, {add: [c, p]}, {conv: 2, kernel: 3}]",
        (5, 5, 1, 2),
    ),
    "nor does what is made of constants alone": (
        "[{conv: 2, kernel: 3, name: c}, {parameter: [2, 64]}, {conv: 2, kernel: 3, name: p}, {add: [c, p]}]",
        (3, 3, 1, 1),
    ),
    "what is spread over a map stays the narrowest path": (
        "[{concat: {a: [{conv: 2, kernel: 5, pad: 2}, {conv: 2, kernel: 65, pad: same}], b: [global_avgpool,"
        " {upsample: 64}]}}, {conv: 2, kernel: 3, pad: same}]",
        (71, 64, 1, 0),
    ),
    "a window over an enlargement sees one value further": (  # 2 + 2 * 2/2
        "[{avgpool: 2}, {upsample: 2}, {conv: 2, kernel: 3}]",
        (4, 4, 1, Fraction(3, 2)),
    ),
    "a gate shows everything, beside a path that does not": (
        "[{mul: {x: [{conv: 2, kernel: 3, pad: 1}], gate: [global_avgpool, {conv: 2, kernel: 1}, sigmoid]}}]",
        (64, 3, 1, 0),
    ),
    "two gates show no more than one": (
        "[{mul: {x: identity, gate: [global_avgpool]}}, {mul: {x: identity, gate: [global_avgpool]}}]",
        (64, 1, 1, 0),
    ),
    "a window behind a gate widens the narrow path alone": (
        "[{mul: {x: identity, gate: [global_avgpool]}}, {conv: 2, kernel: 3, stride: 2}]",
        (64, 3, 2, 1),
    ),
    "instance normalization shows everything": ("[instancenorm, {conv: 2, kernel: 3}]", (64, 3, 1, 1)),
    "a path may grow past everything that a gate shows": (
        "[{mul: {x: identity, gate: [global_avgpool]}}, {conv: 2, kernel: 81, pad: same}]",
        (81, 81, 1, 0),
    ),
    "one value spread over a map does not move, and no window widens it": (
        "[{conv: 2, kernel: 3}, global_avgpool, {upsample: 8}, {conv: 2, kernel: 3}]",
        (64, 64, Fraction(31, 4), Fraction(63, 2)),  # 62 values in 8
    ),
    "a transposed convolution of 2 by 2 sees one value": (
        "[{conv: 2, kernel: 3}, {conv_transpose: 2, kernel: 2, stride: 2}]",
        (3, 3, Fraction(1, 2), 1),
    ),
    "a transposed convolution of 4 by 4 sees two values, the first of them before the map": (
        "[{conv_transpose: 2, kernel: 4, stride: 2, pad: 1}]",
        (2, 2, Fraction(1, 2), Fraction(-1, 2)),  # ceil((0 + 1 - 3)/2) = -1 and 0
    ),
    "bins of an adaptive pool": (
        "[{adaptive_avgpool: 5}]",
        (14, 14, Fraction(64, 5), 6),  # 64/5 = 12.8: bin 0 is 0 to 12, bin 1 is 12 to 25
    ),
    "a strided slice skips pixels": ("[{slice: space, start: 3, step: 2}, {conv: 2, kernel: 3}]", (5, 5, 2, 5)),
    "a crop starts further in": ("[{conv: 2, kernel: 3}, {crop: 4}]", (3, 3, 1, 5)),
    "padding of its own moves the first pixel before the map": (
        "[{pad: 2, after: 1}, {conv: 2, kernel: 4}]",
        (4, 4, 1, Fraction(-1, 2)),  # -2 to 1
    ),
    "padding of channels moves nothing": ("[{conv: 2, kernel: 3}, {pad: 0, channels: [3, 3]}]", (3, 3, 1, 1)),
    "a slice of channels moves nothing": ("[{conv: 2, kernel: 3}, {slice: channels, start: 1}]", (3, 3, 1, 1)),
    "pointwise operators change nothing": ("[{conv: 2, kernel: 3, norm: bn, act: relu}, lrn, dropout]", (3, 3, 1, 1)),
}


@pytest.mark.parametrize(("layers", "figures"), BY_HAND.values(), ids=BY_HAND)
def test_by_hand(layers: str, figures: tuple[Any, ...], graph: Callable[[str], Graph]) -> None:
    measured = receptive_field.measure(graph(f"input: [2, 64]\nlayers: {layers}"), Assumptions())
    assert tuple(measured[name][-1] for name in NAMES) == tuple([figure] for figure in figures)
    for name in NAMES[:2]:
        assert type(measured[name][-1][0]) is int


def test_axes_are_apart(graph: Callable[[str], Graph]) -> None:
    built = graph("input: [1, 40, 30]\nlayers: [{conv: 1, kernel: [5, 3], stride: [1, 2], pad: [2, 0]}]")
    measured = receptive_field.measure(built, Assumptions())
    assert [measured[name][-1] for name in NAMES] == [[5, 3], [5, 3], [1, 2], [0, 1]]


def test_bilinear_enlargement_starts_before_the_map(graph: Callable[[str], Graph]) -> None:
    built = graph("input: [1, 6, 6]\nlayers: [{upsample: 2, mode: bilinear}]")
    measured = receptive_field.measure(built, Assumptions())
    # value 0 lies a quarter of a pixel before pixel 0, between -1 and 0
    assert [measured[name][-1][0] for name in NAMES] == [2, 2, Fraction(1, 2), Fraction(-1, 2)]


def test_space_and_depth(graph: Callable[[str], Graph]) -> None:
    built = graph("input: [2, 32, 32]\nlayers: [{space_to_depth: 4}, {conv: 4, kernel: 3}, {pixel_shuffle: 2}]")
    measured = receptive_field.measure(built, Assumptions())
    # 4 pixels in one; 4 + 2*4, the first in the middle of 0 to 11; every value twice
    assert [measured["receptive_field"][i][0] for i in (1, 2, 3)] == [4, 12, 12]
    assert [measured["effective_stride"][i][0] for i in (1, 2, 3)] == [4, 4, 2]
    assert [measured["offset"][i][0] for i in (1, 2, 3)] == [Fraction(3, 2), Fraction(11, 2), Fraction(11, 2)]


NO_FIELD = [
    "{window_attention: 1, window: 4}",
    "{roi_align: 10, size: 7}",
    "tokens",
    "{parameter: [2, 8, 8]}",
]


@pytest.mark.parametrize("layer", NO_FIELD)
def test_no_field_is_stated_where_it_does_not_follow_from_the_position(
    layer: str, graph: Callable[[str], Graph]
) -> None:
    measured = receptive_field.measure(graph(f"input: [2, 8, 8]\nlayers: [{layer}, relu]"), Assumptions())
    assert [measured[name][-1] for name in NAMES] == [None] * 4


def test_vectors_have_no_field(graph: Callable[[str], Graph]) -> None:
    measured = receptive_field.measure(graph("input: [8]\nlayers: [{linear: 4}, relu]"), Assumptions())
    assert [measured[name] for name in NAMES] == [[None] * 3] * 4


SE = "{mul: {x: identity, gate: [global_avgpool, {conv: 2, kernel: 1}, sigmoid]}}"

#: networks without padding before their ends: no field is cut off, so the gradient shows it whole
UNPADDED = {
    "convolutions": "[{conv: 2, kernel: 3}, {conv: 2, kernel: 5, stride: 2}, {conv: 2, kernel: 3, dilation: 2}]",
    "pools": "[{conv: 2, kernel: 2}, {avgpool: 3, stride: 2}, {conv: 2, kernel: 3}, {avgpool: 2}]",
    "branches": "[{conv: 2, kernel: 3}, {add: {a: [{conv: 2, kernel: 1}], b: identity}}, {conv: 2, kernel: 3}]",
    "gate": f"[{{conv: 2, kernel: 3}}, {SE}, {{conv: 2, kernel: 3}}]",
    "gates": f"[{{conv: 2, kernel: 3}}, {SE}, {{conv: 2, kernel: 3, stride: 2}}, {SE}, {{conv: 2, kernel: 3}}]",
    "image pooling": (
        "[{conv: 2, kernel: 3}, {concat: {a: identity, b: [global_avgpool, {conv: 2, kernel: 1}, {upsample: 19}]}},"
        " {conv: 2, kernel: 3}]"
    ),
    "instance normalization": "[{conv: 2, kernel: 3}, instancenorm, {conv: 2, kernel: 3}]",
    "group normalization": "[{conv: 2, kernel: 3}, {groupnorm: 2}, {conv: 2, kernel: 3}]",
    "normalization of channels": "[{conv: 2, kernel: 3}, layernorm, {conv: 2, kernel: 3}]",
    "depthwise": "[{dwconv: 5, stride: 2}, {conv: 2, kernel: 1}]",
    "adaptive pool": "[{conv: 2, kernel: 3}, {adaptive_avgpool: 5}]",
    "adaptive pool that enlarges": "[{avgpool: 4}, {adaptive_avgpool: 7}]",
    "enlargement by 2": "[{conv: 2, kernel: 3}, {upsample: 2}, {conv: 2, kernel: 3}]",
    "enlargement by 2 and an even window": "[{conv: 2, kernel: 3}, {upsample: 2}, {conv: 2, kernel: 2}]",
    "enlargement by 3 and an even window": "[{conv: 2, kernel: 3}, {upsample: 3}, {conv: 2, kernel: 2}]",
    "enlargement by 1": "[{conv: 2, kernel: 3}, {upsample: 1}, {conv: 2, kernel: 2}]",
    "slice": "[{conv: 2, kernel: 3}, {slice: space, start: 1, stop: 17, step: 3}, {conv: 2, kernel: 2}]",
    "crop": "[{conv: 2, kernel: 3}, {crop: 3, after: 1}, {conv: 2, kernel: 3, stride: 2}]",
    "channels": "[{conv: 2, kernel: 3}, channel_mean, {affine: true}, {conv: 2, kernel: 3}]",
    "power pool": "[{conv: 2, kernel: 3}, {lppool: 3, stride: 2}, {conv: 2, kernel: 2}]",
}


def reached(run: Callable[..., Any], graph: Graph) -> list[tuple[int, int]]:
    """The first and last input pixel along the first axis whose gradient is not zero, for every output position."""
    import torch

    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, *graph.nodes[0].shape, generator=generator, dtype=torch.float64).requires_grad_()
    y = run(graph, x)
    y = y if y.ndim == 3 else y[..., y.shape[3] // 2]
    spans = []
    for position in range(y.shape[2]):
        (gradient,) = torch.autograd.grad(y[0, :, position].sum(), x, retain_graph=True)
        along = gradient[0].abs().sum(0) if x.ndim == 3 else gradient[0].abs().sum((0, 2))
        seen = along.nonzero().flatten().tolist()
        spans.append((seen[0], seen[-1]))
    return spans


@pytest.mark.parametrize("layers", UNPADDED.values(), ids=UNPADDED)
def test_unpadded_networks_see_what_the_gradient_reaches(
    layers: str, graph: Callable[[str], Graph], run: Callable[..., Any]
) -> None:
    built = graph(f"input: [2, 21]\nlayers: {layers}")
    field, _, stride, offset = (receptive_field.measure(built, Assumptions())[name][-1][0] for name in NAMES)
    spans = reached(run, built)
    sizes = [last - first + 1 for first, last in spans]
    assert max(sizes) == field
    if type(stride) is int and min(sizes) == field and field < 21:
        assert [Fraction(first + last, 2) for first, last in spans] == [offset + i * stride for i in range(len(spans))]


#: networks whose borders see less; the middle of a large input shows the field whole
PADDED = {
    "zeros": "[{pad: 2, after: 3}, {conv: 2, kernel: 5}, {conv: 2, kernel: 3, stride: 2}]",
    "same convolutions": "[{conv: 2, kernel: 3, pad: same}, {conv: 2, kernel: 5, pad: same, stride: 2}]",
    "branches": "[{concat: {a: [{conv: 2, kernel: 7, pad: 3}], b: [{conv: 2, kernel: 3, pad: 1}], c: identity}}]",
    "bilinear enlargement by 2": "[{conv: 2, kernel: 3}, {upsample: 2, mode: bilinear}, {conv: 2, kernel: 3}]",
    "bilinear enlargement by 3": "[{conv: 2, kernel: 3}, {upsample: 3, mode: bilinear}, {conv: 2, kernel: 4}]",
    "bilinear enlargement by 1": "[{conv: 2, kernel: 3}, {upsample: 1, mode: bilinear}, {conv: 2, kernel: 3}]",
    **{
        f"transposed {kernel} by {stride}": (
            f"[{{conv: 2, kernel: 3}}, {{conv_transpose: 2, kernel: {kernel}, stride: {stride}, pad: {pad},"
            f" dilation: {dilation}}}, {{conv: 2, kernel: 3}}]"
        )
        for kernel, stride, pad, dilation in [
            (2, 2, 0, 1), (3, 2, 1, 1), (4, 2, 1, 1), (3, 1, 0, 1), (5, 3, 2, 1), (3, 2, 1, 2), (2, 2, 0, 3),
            (5, 2, 4, 3),
        ]
    },
    "u-net": (
        "[{conv: 2, kernel: 3, pad: 1, name: e}, {avgpool: 2}, {conv: 2, kernel: 3, pad: 1},"
        " {conv_transpose: 2, kernel: 2, stride: 2}, {concat: [prev, e]}, {conv: 2, kernel: 3, pad: 1}]"
    ),
}  # fmt: skip


@pytest.mark.parametrize("layers", PADDED.values(), ids=PADDED)
def test_the_middle_sees_what_the_gradient_reaches(
    layers: str, graph: Callable[[str], Graph], run: Callable[..., Any]
) -> None:
    flat = "bilinear" not in layers
    built = graph(f"input: {[2, 40] if flat else [2, 24, 12]}\nlayers: {layers}")
    field = receptive_field.measure(built, Assumptions())["receptive_field"][-1][0]
    assert max(last - first + 1 for first, last in reached(run, built)) == field


def test_channel_operators_see_no_neighbour(graph: Callable[[str], Graph], run: Callable[..., Any]) -> None:
    layers = "[{conv: 3, kernel: 3}, layernorm, softmax, lrn, prelu, {shuffle: 3}, {conv: 2, kernel: 3}]"
    built = graph(f"input: [3, 12, 12]\nlayers: {layers}")
    assert receptive_field.measure(built, Assumptions())["receptive_field"][-1] == [5, 5]
    assert {last - first + 1 for first, last in reached(run, built)} == {5}


def test_too_many_values_to_tell_apart_are_no_field(graph: Callable[[str], Graph]) -> None:
    """Enlargements and windows without end take bounded work: a turn of 1,000 values, 100 times 999 spans."""
    built = graph("input: [1, 1000]\nlayers: [{upsample: 1000}, {conv: 1, kernel: 3, pad: same, repeat: 150}]")
    fields = receptive_field.measure(built, Assumptions())["receptive_field"]
    assert [fields[index] for index in (1, 2, 100)] == [[1], [2], [2]]
    assert fields[110] is None
    assert fields[-1] is None


def test_a_turn_that_is_too_long_is_no_field(graph: Callable[[str], Graph]) -> None:
    for layer in ("{upsample: 2000}", "{conv_transpose: 1, kernel: 3, stride: 2000}", "{adaptive_avgpool: 1999}"):
        built = graph(f"input: [1, 1000]\nlayers: [{layer}, relu]")
        assert receptive_field.measure(built, Assumptions())["receptive_field"][1:] == [None, None]
