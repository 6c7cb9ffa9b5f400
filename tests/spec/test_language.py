"""Every construct of the language on the smallest spec that shows it: the paths, the shapes, where each value comes from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnncalc.columns import COLUMNS
from cnncalc.errors import CnncalcError
from cnncalc.network import Network
from cnncalc.values import format_shape

Read = Callable[..., Network]
Folder = Callable[..., Callable[[str], Network]]

INPUT = "cnncalc: 1\ninput: [3, 8, 8]\n"


def shapes(network: Network) -> str:
    return " ".join(f"{node.path}:{format_shape(node.shape)}" for node in network.graph.nodes[1:])


def sources(network: Network) -> str:
    """``conv1<-input``: every layer and where its values come from."""
    nodes = network.graph.nodes
    return " ".join(f"{node.path}<-{','.join(nodes[i].path for i in node.inputs)}" for node in nodes[1:])


def figures(network: Network) -> Any:
    report = network.analyze()
    return report.totals, report.columns["out"]


#: a spec, its paths and shapes
SHAPES = [
    ("layers: [{conv: 4, kernel: 1}, {conv: 4, kernel: 1}, relu, {conv: 4, kernel: 1}]",
     "conv1:4x8x8 conv2:4x8x8 relu1:4x8x8 conv3:4x8x8"),
    ("layers: [{conv: 4, kernel: 1, norm: bn, act: relu}, {conv: 4, kernel: 1, name: c, act: relu}]",
     "conv1:4x8x8 conv1.bn:4x8x8 conv1.relu:4x8x8 c:4x8x8 c.relu:4x8x8"),
    ("layers: [{conv: 4, kernel: 1, repeat: 1}, {conv: 4, kernel: 1, repeat: 2}, {conv: 5, kernel: 1, name: b, repeat: 2}, {conv: 6, kernel: 1, repeat: 0}, {conv: 6, kernel: 1}]",
     "conv1_1:4x8x8 conv2_1:4x8x8 conv2_2:4x8x8 b_1:5x8x8 b_2:5x8x8 conv3:6x8x8"),
    ("layers: [{conv: 4*$i, kernel: 1, repeat: 3}]",
     "conv1_1:4x8x8 conv1_2:8x8x8 conv1_3:12x8x8"),
    ("layers: [{conv: 4, kernel: 3, pad: 1, repeat: 3, first: {stride: 2}}]",
     "conv1_1:4x4x4 conv1_2:4x4x4 conv1_3:4x4x4"),
    ("layers: [{conv: 4, kernel: 1, repeat: 2, first: {out: 7}}]",
     "conv1_1:7x8x8 conv1_2:4x8x8"),
    ("layers: [{name: g, layers: [{conv: 4, kernel: 1}, relu]}, {layers: [relu]}, {layers: [relu], repeat: 2}]",
     "g.conv1:4x8x8 g.relu1:4x8x8 layers1.relu1:4x8x8 layers2_1.relu1:4x8x8 layers2_2.relu1:4x8x8"),
    ("layers: [{add: {main: [{conv: 3, kernel: 1}], skip: identity}}, {concat: {a: relu, b: []}, name: cat}]",
     "add1.main.conv1:3x8x8 add1:3x8x8 cat.a.relu1:3x8x8 cat:6x8x8"),
    ("layers: [{conv: 3, kernel: 1, name: a}, relu, {add: [prev, a, input]}, {concat: [prev, prev2, add1]}]",
     "a:3x8x8 relu1:3x8x8 add1:3x8x8 concat1:9x8x8"),
    ("layers: [{add: {main: [{conv: 3, kernel: 1}], skip: {when: false, layers: []}}}, relu]",
     "add1.main.conv1:3x8x8 relu1:3x8x8"),
    ("layers: [{add: {a: [], b: {when: false, layers: [relu]}}}, relu]",
     "relu1:3x8x8"),
    ("vars: {on: false}\nlayers: [{relu: [], when: $on}, {sigmoid: [], when: not $on}]",
     "sigmoid1:3x8x8"),
    ("layers: [{stages: {w: [4, 5]}, each: [{conv: $w, kernel: 1, repeat: 2, norm: bn}]}, {concat: [stage1.conv1_2, stage1, stage2.conv1_1.bn, prev]}]",
     "stage1.conv1_1:4x8x8 stage1.conv1_1.bn:4x8x8 stage1.conv1_2:4x8x8 stage1.conv1_2.bn:4x8x8 stage2.conv1_1:5x8x8 stage2.conv1_1.bn:5x8x8 stage2.conv1_2:5x8x8 stage2.conv1_2.bn:5x8x8 concat1:18x8x8"),
    ("layers: [{stages: {w: [4, 5], n: [1, 2]}, each: [{conv: $w, kernel: 1, repeat: $n}]}, {stages: {w: [6]}, each: [{conv: $w, kernel: 1}]}]",
     "stage1.conv1_1:4x8x8 stage2.conv1_1:5x8x8 stage2.conv1_2:5x8x8 stage3.conv1:6x8x8"),
    ("layers: [{stages: [[w, n], [4, 1], [5, 2]], each: [{conv: $w, kernel: 1, repeat: $n}]}]",
     "stage1.conv1_1:4x8x8 stage2.conv1_1:5x8x8 stage2.conv1_2:5x8x8"),
    ("vars: {widths: [4, 5]}\nlayers: [{stages: {w: $widths}, each: [{conv: $w * $stage * $stages, kernel: 1}], name: s}]",
     "s1.conv1:8x8x8 s2.conv1:20x8x8"),
    ("layers: [{stages: {w: [1, 2]}, each: [relu]}, {stages: {w: [1]}, each: [relu], name: s}, {stages: {w: [1, 2]}, each: [relu]}]",
     "stage1.relu1:3x8x8 stage2.relu1:3x8x8 s1.relu1:3x8x8 stage3.relu1:3x8x8 stage4.relu1:3x8x8"),
    ("layers: [{stages: {w: [1]}, each: [relu], when: false}, relu]",
     "relu1:3x8x8"),
    ("defaults: {conv: {kernel: 3, pad: same, norm: bn, act: relu}}\nlayers: [{conv: 4}, {conv: 5, act: none}, {conv: 6, norm: none, kernel: 1}]",
     "conv1:4x8x8 conv1.bn:4x8x8 conv1.relu:4x8x8 conv2:5x8x8 conv2.bn:5x8x8 conv3:6x8x8 conv3.relu:6x8x8"),
    ("defaults: {conv: {kernel: 1, norm: groupnorm}, groupnorm: {groups: 2}}\nlayers: [{conv: 4}]",
     "conv1:4x8x8 conv1.groupnorm:4x8x8"),
    ("vars: {act: relu}\nlayers: [{conv: 4, kernel: 1, act: $act, norm: none}]",
     "conv1:4x8x8 conv1.relu:4x8x8"),
    ("blocks: {B: {args: [width, stride=1, out=4*$width], layers: [{conv: $width, kernel: 1}, {conv: $out, kernel: 3, pad: 1, stride: $stride}]}}\nlayers: [{B: 2}, {B: [2, 2]}, {B: 3, out: 5}, {B: [], width: 1, stride: 2}, {name: n, B: 1}]",
     "B1.conv1:2x8x8 B1.conv2:8x8x8 B2.conv1:2x8x8 B2.conv2:8x4x4 B3.conv1:3x4x4 B3.conv2:5x4x4 B4.conv1:1x4x4 B4.conv2:4x2x2 n.conv1:1x2x2 n.conv2:4x2x2"),
    ("blocks: {B: {args: [a, b, c], layers: [{concat: {x: [{conv: $a, kernel: 1}], y: [{conv: $b, kernel: 1}], z: [{conv: $c, kernel: 1}]}}]}}\nlayers: [{B: [1, 2, 3]}]",
     "B1.concat1.x.conv1:1x8x8 B1.concat1.y.conv1:2x8x8 B1.concat1.z.conv1:3x8x8 B1.concat1:6x8x8"),
    ("blocks: {F: {args: [n], layers: [{conv: 4, kernel: 1}, {F: $n - 1, when: $n > 1}]}}\nlayers: [{F: 3}]",
     "F1.conv1:4x8x8 F1.F1.conv1:4x8x8 F1.F1.F1.conv1:4x8x8"),
    ("blocks: {B: {args: [s=1], layers: [{conv: $in * 2 + $in_h + $in_w, kernel: 1}, {conv: $prev + $in, kernel: 1}]}}\nlayers: [{conv: 2, kernel: 2, stride: 2}, {conv: $in + $prev, kernel: 1}, B]",
     "conv1:2x4x4 conv2:5x4x4 B1.conv1:18x4x4 B1.conv2:23x4x4"),
    ("blocks: {B: {layers: [{conv: $i, kernel: 1}]}}\nlayers: [{B: [], repeat: 2}, {layers: [{conv: $i, kernel: 1}], repeat: 2}]",
     "B1_1.conv1:1x8x8 B1_2.conv1:1x8x8 layers1_1.conv1:1x8x8 layers1_2.conv1:2x8x8"),
    ("blocks: {B: {layers: []}}\nlayers: [{conv: 4, kernel: 1}, B, relu]",
     "conv1:4x8x8 relu1:4x8x8"),
    ("layers: [{stages: {w: [4, 5]}, each: [{conv: $w, kernel: 1, name: c$w}]}, {relu: [], name: r$i, repeat: 2}]",
     "stage1.c4:4x8x8 stage2.c5:5x8x8 r1_1:5x8x8 r1_2:5x8x8"),
    ("layers: [{relu: [], name: no}, {relu: [], name: on}, {relu: [], name: 1x1}, {relu: [], name: 012}, {relu: [], name: 3a}, {relu: [], name: 1e3}, {relu: [], name: null}, {relu: [], name: 'true'}, {relu: [], name: _x-1}]",
     "no:3x8x8 on:3x8x8 1x1:3x8x8 012:3x8x8 3a:3x8x8 1e3:3x8x8 null:3x8x8 true:3x8x8 _x-1:3x8x8"),
    ("layers: [{conv: 2, kernel: 1, name: conv2}, {conv: 3, kernel: 1}, {conv: 4, kernel: 1}]",
     "conv2:2x8x8 conv1:3x8x8 conv3:4x8x8"),
    ("layers: [{max: {a: [], b: [relu]}}, {mul: {a: [], g: [global_avgpool, {conv: 3, kernel: 1}]}}, {mean: [prev, input]}]",
     "max1.b.relu1:3x8x8 max1:3x8x8 mul1.g.global_avgpool1:3x1x1 mul1.g.conv1:3x1x1 mul1:3x8x8 mean1:3x8x8"),
    ("layers: relu",
     "relu1:3x8x8"),
    ("layers: {add: {x: relu, y: {conv: 3, kernel: 1}}}",
     "add1.x.relu1:3x8x8 add1.y.conv1:3x8x8 add1:3x8x8"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SHAPES, ids=lambda value: None)
def test_paths_and_shapes(network: Read, text: str, expected: str) -> None:
    assert shapes(network(INPUT + text)) == expected


#: a spec, and where each layer takes its values from
SOURCES = [
    # prev is the value just before, prev2 the one before that
    ("layers: [{conv: 4, kernel: 1}, {conv: 5, kernel: 1}, {relu: [], from: prev2}, {relu: [], from: prev2}]",
     "conv1<-input conv2<-conv1 relu1<-conv1 relu2<-conv2"),
    # the sequence goes on through stages
    ("layers: [{conv: 4, kernel: 1, name: a}, {stages: {w: [5, 6]}, each: [{conv: $w, kernel: 1}, {relu: [], from: prev2}]}]",
     "a<-input stage1.conv1<-a stage1.relu1<-a stage2.conv1<-stage1.relu1 stage2.relu1<-stage1.relu1"),
    # a branch sees what stands before its join
    ("layers: [{conv: 4, kernel: 1, name: a}, {conv: 5, kernel: 1, name: b}, {concat: {x: [{relu: [], from: prev2}], y: []}}]",
     "a<-input b<-a concat1.x.relu1<-a concat1<-concat1.x.relu1,b"),
    # a group goes on too; what is inside is one value outside
    ("layers: [relu, {layers: [{sigmoid: [], from: prev2}, tanh]}, {relu: [], from: prev2}]",
     "relu1<-input layers1.sigmoid1<-input layers1.tanh1<-layers1.sigmoid1 relu2<-relu1"),
    # a block starts with its input alone
    ("blocks: {B: {layers: [{conv: 7, kernel: 1}, {relu: [], from: prev2}]}}\nlayers: [{conv: 4, kernel: 1}, relu, B]",
     "conv1<-input relu1<-conv1 B1.conv1<-relu1 B1.relu1<-relu1"),
    # NASNet's cells take the two values before them
    ("blocks: {Cell: {inputs: [h, p], layers: [{concat: [h, p]}]}}\nlayers: [{conv: 4, kernel: 1}, {conv: 5, kernel: 1}, {Cell: [], from: [prev, prev2], repeat: 3}]",
     "conv1<-input conv2<-conv1 Cell1_1.concat1<-conv2,conv1 Cell1_2.concat1<-Cell1_1.concat1,conv2 Cell1_3.concat1<-Cell1_2.concat1,Cell1_1.concat1"),
    # from, on every kind of layer
    ("layers: [{conv: 4, kernel: 1, name: a}, {conv: 5, kernel: 1}, {from: a, conv: 6, kernel: 1}, {from: input, layers: [relu]}, {from: a, add: {x: [relu], y: []}}]",
     "a<-input conv1<-a conv2<-a layers1.relu1<-input add1.x.relu1<-a add1<-add1.x.relu1,a"),
    ("layers: [{conv: 5, kernel: 1, name: a}, {conv: 6, kernel: 1}, {conv: 4, kernel: 1, repeat: 2, first: {from: a}}]",
     "a<-input conv1<-a conv2_1<-a conv2_2<-conv2_1"),
    # repeats are a chain: the first reads from, each later one the repeat before
    ("layers: [{conv: 5, kernel: 1, name: a}, {conv: 6, kernel: 1}, {conv: 5, kernel: 1, repeat: 3, from: a}]",
     "a<-input conv1<-a conv2_1<-a conv2_2<-conv2_1 conv2_3<-conv2_2"),
    ("layers: [{conv: 5, kernel: 1, name: a}, {conv: $prev + 1, kernel: 1, repeat: 2, from: input, first: {kernel: 3, pad: 1}, when: $prev == 3}]",
     "a<-input conv1_1<-input conv1_2<-conv1_1"),
    ("layers: [{conv: 5, kernel: 1, name: a}, {layers: [relu, tanh], repeat: 2, from: input, name: g}]",
     "a<-input g_1.relu1<-input g_1.tanh1<-g_1.relu1 g_2.relu1<-g_1.tanh1 g_2.tanh1<-g_2.relu1"),
    ("blocks: {B: {layers: [relu]}}\nlayers: [{stages: {w: [4, 5]}, each: [{conv: $w, kernel: 1, name: c}, relu, {B: [], repeat: 2, from: c}]}]",
     "stage1.c<-input stage1.relu1<-stage1.c stage1.B1_1.relu1<-stage1.c stage1.B1_2.relu1<-stage1.B1_1.relu1 "
     "stage2.c<-stage1.B1_2.relu1 stage2.relu1<-stage2.c stage2.B1_1.relu1<-stage2.c stage2.B1_2.relu1<-stage2.B1_1.relu1"),
    ("layers: [{conv: 4, kernel: 1, name: a}, relu, {add: {x: [tanh], y: []}, repeat: 2, from: a}]",
     "a<-input relu1<-a add1_1.x.tanh1<-a add1_1<-add1_1.x.tanh1,a add1_2.x.tanh1<-add1_1 add1_2<-add1_2.x.tanh1,add1_1"),
    # prev2 is what stands before the first
    ("layers: [{conv: 4, kernel: 1}, {conv: 5, kernel: 1}, {relu: [], repeat: 3, from: prev2}]",
     "conv1<-input conv2<-conv1 relu1_1<-conv1 relu1_2<-relu1_1 relu1_3<-relu1_2"),
    # a list with prev, and names with $i, say what each repeat reads
    ("blocks: {B: {inputs: [x, y], layers: [{concat: [x, y]}]}}\nlayers: [{conv: 4, kernel: 1, name: a}, {B: [], from: [a, prev], repeat: 2}, {add: [prev, B1], repeat: 2}]",
     "a<-input B1_1.concat1<-a,a B1_2.concat1<-a,B1_1.concat1 add1_1<-B1_2.concat1,B1_2.concat1 add1_2<-add1_1,B1_2.concat1"),
    ("layers: [{relu: [], repeat: 2, name: a}, {tanh: [], from: a_$i, repeat: 2}, {mul: [a_$i, tanh1_$i], repeat: 2}]",
     "a_1<-input a_2<-a_1 tanh1_1<-a_1 tanh1_2<-a_2 mul1_1<-a_1,tanh1_1 mul1_2<-a_2,tanh1_2"),
    # the plain name of repeats, and of named stages, is the last of them: inside of it too, and in each call of a block
    ("layers: [{conv: 4, kernel: 1, norm: bn, repeat: 2, name: a}, relu, {relu: [], from: a}, {relu: [], from: a.bn}]",
     "a_1<-input a_1.bn<-a_1 a_2<-a_1.bn a_2.bn<-a_2 relu1<-a_2.bn relu2<-a_2.bn relu3<-a_2.bn"),
    ("layers: [{stages: {w: [4, 5]}, each: [{relu: [], repeat: $stage, name: r}], name: s}, tanh, {tanh: [], from: s}, {tanh: [], from: s.r}, {tanh: [], from: s1.r}]",
     "s1.r_1<-input s2.r_1<-s1.r_1 s2.r_2<-s2.r_1 tanh1<-s2.r_2 tanh2<-s2.r_2 tanh3<-s2.r_2 tanh4<-s1.r_1"),
    ("blocks: {B: {layers: [{layers: [relu, {tanh: [], name: t}], repeat: 2, name: g}]}}\nlayers: [B, {B: [], name: b}, {relu: [], from: B1.g.relu1}, {relu: [], from: b.g}]",
     "B1.g_1.relu1<-input B1.g_1.t<-B1.g_1.relu1 B1.g_2.relu1<-B1.g_1.t B1.g_2.t<-B1.g_2.relu1 "
     "b.g_1.relu1<-B1.g_2.t b.g_1.t<-b.g_1.relu1 b.g_2.relu1<-b.g_1.t b.g_2.t<-b.g_2.relu1 relu1<-B1.g_2.relu1 relu2<-b.g_2.t"),
    # names are looked up outwards, the nearest first
    ("layers: [{conv: 4, kernel: 1, name: a}, {name: g, layers: [{conv: 5, kernel: 1}, {relu: [], from: a}]}, {relu: [], from: g.conv1}]",
     "a<-input g.conv1<-a g.relu1<-a relu1<-g.conv1"),
    ("layers: [{conv: 4, kernel: 1, name: a}, {name: g, layers: [{conv: 5, kernel: 1, name: a}, {relu: [], from: a}]}, {relu: [], from: a}]",
     "a<-input g.a<-a g.relu1<-g.a relu1<-a"),
    # a dotted name: a stage, a row of a stage, a branch, the row that norm adds
    ("layers: [{stages: {w: [4]}, each: [{conv: $w, kernel: 1, norm: bn}]}, {concat: {x: [relu], y: []}}, {concat: [stage1, stage1.conv1.bn, concat1.x, concat1.x.relu1, concat1.y, concat1]}]",
     "stage1.conv1<-input stage1.conv1.bn<-stage1.conv1 concat1.x.relu1<-stage1.conv1.bn concat1<-concat1.x.relu1,stage1.conv1.bn "
     "concat2<-stage1.conv1.bn,stage1.conv1.bn,concat1.x.relu1,concat1.x.relu1,stage1.conv1.bn,concat1"),
    # several inputs by name
    ("blocks: {Up: {inputs: [x, skip], layers: [{conv: 2, kernel: 1, from: x}, {concat: [prev, skip]}]}}\nlayers: [{conv: 4, kernel: 1, name: a}, {conv: 5, kernel: 1}, {Up: [], from: [prev, a]}]",
     "a<-input conv1<-a Up1.conv1<-conv1 Up1.concat1<-Up1.conv1,a"),
    # side outputs come last, and may start from one another
    ("layers: [{conv: 4, kernel: 1, name: a}, relu]\nside: {aux: {from: a, layers: [{conv: 2, kernel: 1}, flatten]}, aux2: {from: aux.conv1, layers: relu}}",
     "a<-input relu1<-a aux.conv1<-a aux.flatten1<-aux.conv1 aux2.relu1<-aux.conv1"),
    # an absent branch, and one that is left alone
    ("layers: [{add: {a: [tanh], b: {when: false, layers: [relu]}, c: []}}, {add: {a: [tanh], b: {when: false, layers: [relu]}}}, relu]",
     "add1.a.tanh1<-input add1<-add1.a.tanh1,input add2.a.tanh1<-add1 relu1<-add2.a.tanh1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SOURCES, ids=lambda value: None)
def test_where_values_come_from(network: Read, text: str, expected: str) -> None:
    assert sources(network(INPUT + text)) == expected


def test_repeats_with_from_count_like_the_layers_by_hand(network: Read) -> None:
    """Four 3x3 windows after a 3x3 see 11 pixels, and a step of training keeps what each of them reads."""
    start = "layers: [{conv: 16, kernel: 3, pad: same, name: p}, {conv: 16, kernel: 3, pad: same, "
    repeated = network(f"{INPUT}{start}from: p, repeat: 4, name: c}}]")
    by_hand = network(
        INPUT + start + "}, {conv: 16, kernel: 3, pad: same, ".join(f"name: c_{i}" for i in range(1, 5)) + "}]"
    )
    one, other = repeated.analyze(), by_hand.analyze()
    assert one.columns["receptive_field"][-1] == [11, 11]
    assert [one.columns[name] for name in COLUMNS] == [other.columns[name] for name in COLUMNS]
    assert repeated.memory(train=True).totals == by_hand.memory(train=True).totals


def test_a_block_sees_no_value_before_its_input(network: Read) -> None:
    with pytest.raises(CnncalcError, match="prev2 is the value before the last one"):
        network(INPUT + "blocks: {B: {layers: [{relu: [], from: prev2}]}}\nlayers: [relu, relu, B]")


def test_axes_of_the_input(network: Read) -> None:
    one = network("cnncalc: 1\ninput: [3, 9]\nlayers: [{conv: $in_w, kernel: 3}, flatten, {linear: $prev}]")
    assert shapes(one) == "conv1:9x7 flatten1:63 linear1:63"
    three = network("cnncalc: 1\ninput: [1, 4, 5, 6]\nlayers: [{conv: $in_d * 100 + $in_h * 10 + $in_w, kernel: 1}]")
    assert shapes(three) == "conv1:456x4x5x6"


def test_side_outputs_and_outputs(network: Read) -> None:
    net = network(
        INPUT
        + "layers: [{conv: 4, kernel: 1, name: a}, relu]\nside: {aux: {from: a, layers: [flatten]}}\noutputs: [a, prev]"
    )
    nodes = net.graph.nodes
    assert [nodes[index].path for index in net.graph.outputs] == ["a", "relu1"]
    assert [(side.name, nodes[side.source].path, nodes[side.output].path) for side in net.graph.sides] == [
        ("aux", "a", "aux.flatten1")
    ]
    assert [node.side for node in nodes] == [None, None, None, "aux"]
    assert network(INPUT + "layers: [relu, relu]").graph.outputs == (2,)


def test_shared_weights_count_once_and_work_each_time(network: Read) -> None:
    conv = "{conv: 3, kernel: 1, name: a}"
    once, twice = (
        network(INPUT + f"layers: [{conv}, {{conv: 3, kernel: 1{shared}}}]") for shared in (", shared: a", "")
    )
    # 3 * 3 + 3 = 12 parameters; 3 * 3 * 64 = 576 multiply-accumulates
    assert (once.analyze().totals["params"], once.analyze().totals["macs"]) == (12, 2 * 576)
    assert (twice.analyze().totals["params"], twice.analyze().totals["macs"]) == (24, 2 * 576)


def test_shared_blocks(network: Read) -> None:
    text = (
        "blocks: {B: {layers: [{conv: 3, kernel: 1, norm: bn, act: relu}, {add: {x: [{conv: 3, kernel: 1}], y: []}}]}}\n"
        "layers: [{B: [], name: p}, {B: [], name: q, shared: p}, {B: [], shared: q}]"
    )
    nodes = network(INPUT + text).graph.nodes
    taken = {node.path: nodes[node.shared].path for node in nodes if node.shared is not None}
    assert taken == {
        f"{name}.{row}": f"p.{row}" for name in ("q", "B1") for row in ("conv1", "conv1.bn", "add1.x.conv1")
    }
    assert network(INPUT + text).analyze().totals["params"] == 2 * 12 + 6


def test_words_take_values(network: Read) -> None:
    text = "vars: {act: none, on: true, p: 0.1, norm: bn}\nlayers: [{conv: 4, kernel: 1, act: $act, norm: $norm, bias: $on}, {dropout: $p, name: d-$on}]"
    assert shapes(network(INPUT + text)) == "conv1:4x8x8 conv1.bn:4x8x8 d-true:4x8x8"
    nodes = network(INPUT + text, {"act": "tanh", "norm": "none"}).graph.nodes
    assert [node.path for node in nodes[1:]] == ["conv1", "conv1.tanh", "d-true"]
    assert dict(nodes[3].op.arguments()) == {"p": 0.1}


def test_inplace(network: Read) -> None:
    text = "layers: [{relu: [], inplace: false}, {conv: 3, kernel: 1, act: relu, inplace: false}, {add: [prev, input], inplace: true}, relu]"
    nodes = network(INPUT + text).graph.nodes
    assert {node.path: node.inplace for node in nodes[1:]} == {
        "relu1": False, "conv1": None, "conv1.relu": False, "add1": True, "relu2": None,
    }  # fmt: skip


def test_variables_and_input_can_be_replaced(network: Read) -> None:
    text = (
        INPUT
        + "vars: {w: 4, act: relu, ws: [1, 2], deep: 2*$w}\nlayers: [{conv: $deep, kernel: 1, act: $act}, {stages: {c: $ws}, each: [{conv: $c, kernel: 1}]}]"
    )
    assert shapes(network(text)) == "conv1:8x8x8 conv1.relu:8x8x8 stage1.conv1:1x8x8 stage2.conv1:2x8x8"
    changed = network(text, {"w": "6", "act": "tanh", "ws": "[5]"}, (1, 2, 2))
    assert shapes(changed) == "conv1:12x2x2 conv1.tanh:12x2x2 stage1.conv1:5x2x2"
    assert changed.vars == {"w": 6, "act": "tanh", "ws": (5,), "deep": 12}


def test_the_input_may_use_variables(network: Read) -> None:
    net = network("cnncalc: 1\nvars: {n: 4}\ninput: [3, $n, 2*$n]\nlayers: [relu]")
    assert net.input == (3, 4, 8)


# -- several files ----------------------------------------------------------------------------------------------

BASE = (
    "cnncalc: 1\nname: base\ntitle: Base\ninput: [3, 8, 8]\nvars: {w: 4, k: 1}\ndefaults: {conv: {kernel: $k}}\n"
    "blocks: {B: {layers: [{conv: $w}]}}\nlayers: [B, relu]\nclaims: [{params: 16, source: x}]\nfacts: [{top1: 70%, source: x}]\n"
    "budget: {params: {max: 20}}\n"
)


def test_extends_takes_everything_but_what_is_said_of_the_base(folder: Folder) -> None:
    load = folder(base=BASE, same="cnncalc: 1\nextends: base\n")
    base, same = load("base.yaml"), load("same.yaml")
    assert shapes(same) == shapes(base) == "B1.conv1:4x8x8 relu1:4x8x8"
    assert figures(same) == figures(base)
    assert (same.name, same.title) == ("same", "")
    assert len(base.document.claims) == len(base.document.facts) == len(base.document.budget) == 1
    assert not same.document.claims
    assert not same.document.facts
    assert not same.document.budget


def test_extends_merges_variables_and_replaces_keys(folder: Folder) -> None:
    load = folder(
        base=BASE,
        wide="cnncalc: 1\nextends: base\nvars: {w: 6}\n",
        wider="cnncalc: 1\nextends: wide\nvars: {k: 3}\ninput: [1, 9, 9]\n",
        other="cnncalc: 1\nextends: base.yaml\nlayers: [tanh, B]\ndefaults: {conv: {kernel: 1, norm: bn}}\n",
    )
    assert shapes(load("wide.yaml")) == "B1.conv1:6x8x8 relu1:6x8x8"
    assert shapes(load("wider.yaml")) == "B1.conv1:6x7x7 relu1:6x7x7"
    assert shapes(load("other.yaml")) == "tanh1:3x8x8 B1.conv1:4x8x8 B1.conv1.bn:4x8x8"


def test_extends_merges_blocks_and_defaults_by_name_and_adds_libraries(folder: Folder) -> None:
    load = folder(
        one="cnncalc: 1\nblocks: {One: {layers: [tanh]}}\n",
        two="cnncalc: 1\nblocks: {Two: {layers: [sigmoid]}}\n",
        base=INPUT + "uses: one\ndefaults: {conv: {kernel: 1, bias: false}, linear: {bias: false}}\n"
        "blocks: {A: {layers: [B, One]}, B: {layers: []}}\nlayers: [A, {conv: 4}, flatten, {linear: 2}]\n",
        net="cnncalc: 1\nextends: base\nuses: two\ndefaults: {conv: {kernel: 3}}\nblocks: {B: {layers: [Two]}}\n",
    )
    assert shapes(load("base.yaml")) == "A1.One1.tanh1:3x8x8 conv1:4x8x8 flatten1:256 linear1:2"
    net = load("net.yaml")
    assert shapes(net) == "A1.B1.Two1.sigmoid1:3x8x8 A1.One1.tanh1:3x8x8 conv1:4x6x6 flatten1:144 linear1:2"
    assert net.analyze().totals["params"] == 4 * 3 * 9 + 144 * 2  # neither has a bias, still


def test_layers_go_on_from_those_of_the_base(folder: Folder) -> None:
    load = folder(
        base=INPUT + "vars: {w: 4}\nlayers: [{kernel: 1, conv: $w}, relu, {stages: {w: [4]}, each: [tanh]},"
        " {conv: 5, kernel: 1, name: last}, flatten]\n",
        word="cnncalc: 1\nextends: base\nvars: {w: 6}\nlayers: [{base: conv}, sigmoid]\n",
        stages="cnncalc: 1\nextends: base\nlayers: [{base: stages}, {maxpool: 2}]\n",
        name="cnncalc: 1\nextends: stages\nlayers: [{base: maxpool}, {conv: 1, kernel: 1, from: stage1}]\n",
        whole="cnncalc: 1\nextends: base\nlayers:\n  - {base: flatten}\n  - {linear: 2}\n",
    )
    assert shapes(load("word.yaml")) == "conv1:6x8x8 sigmoid1:6x8x8"
    assert shapes(load("stages.yaml")) == "conv1:4x8x8 relu1:4x8x8 stage1.tanh1:4x8x8 maxpool1:4x4x4"
    assert shapes(load("name.yaml")) == ("conv1:4x8x8 relu1:4x8x8 stage1.tanh1:4x8x8 maxpool1:4x4x4 conv2:1x8x8")
    assert shapes(load("whole.yaml")).endswith("last:5x8x8 flatten1:320 linear1:2")


def test_a_library_keeps_its_own_defaults_and_variables(folder: Folder) -> None:
    load = folder(
        library="cnncalc: 1\nvars: {k: 3}\ndefaults: {conv: {pad: same, norm: bn}}\nblocks: {C: {args: [w], layers: [{conv: $w, kernel: $k}]}}\n",
        net=INPUT
        + "uses: [library]\nvars: {k: 5}\ndefaults: {conv: {act: relu}}\nlayers: [{C: 4}, {conv: 2, kernel: $k}]\n",
    )
    assert shapes(load("net.yaml")) == "C1.conv1:4x8x8 C1.conv1.bn:4x8x8 conv1:2x4x4 conv1.relu:2x4x4"


def test_a_library_may_use_a_library_and_two_the_same(folder: Folder) -> None:
    load = folder(
        c="cnncalc: 1\nblocks: {C: {layers: [relu]}}\n",
        a="cnncalc: 1\nuses: c\nblocks: {A: {layers: [C]}}\n",
        b="cnncalc: 1\nuses: [c]\nblocks: {B: {layers: [C, tanh]}}\n",
        net=INPUT + "uses: [a, b]\nlayers: [A, B, C]\n",
    )
    assert shapes(load("net.yaml")) == "A1.C1.relu1:3x8x8 B1.C1.relu1:3x8x8 B1.tanh1:3x8x8 C1.relu1:3x8x8"


def test_a_spec_of_the_zoo_and_one_beside(folder: Folder) -> None:
    load = folder(
        vgg16=BASE, small="cnncalc: 1\nextends: vgg16\n", net="cnncalc: 1\nextends: vgg19\nvars: {classes: 10}\n"
    )
    assert shapes(load("small.yaml")) == "B1.conv1:4x8x8 relu1:4x8x8"  # the file beside comes first
    assert load("net.yaml").graph.nodes[-1].shape == (10,)


# -- what changes nothing ---------------------------------------------------------------------------------------

PLAIN = """cnncalc: 1
name: net
input: [3, 32, 32]
vars: {blocks: [1, 2], on: true}
defaults:
  conv: {pad: same, bias: false, norm: bn, act: relu}
blocks:
  Basic:
    args: [width, stride=1]
    layers:
      - add:
          main:
            - {conv: $width, kernel: 3, stride: $stride}
            - {conv: $width, kernel: 3, act: none}
          shortcut:
            - {when: $stride != 1 or $in != $width, conv: $width, kernel: 1, stride: $stride, act: none}
      - relu
layers:
  - {conv: 8, kernel: 3, name: stem}
  - stages:
      width: [8, 16]
      stride: [1, 2]
      blocks: $blocks
    each:
      - {Basic: $width, repeat: $blocks, first: {stride: $stride}, name: block}
  - global_avgpool
  - flatten
  - {linear: 10, when: $on}
"""

SAME = {
    "BOM": "\ufeff" + PLAIN,
    "CRLF": PLAIN.replace("\n", "\r\n"),
    "document markers": "%YAML 1.2\n---\n" + PLAIN + "...\n",
    "comments and blank lines": "# a net\n\n" + PLAIN.replace("\n", "  # why\n\n"),
    "indentation": PLAIN.partition("layers:\n  - {conv: 8")[0] + re.sub("^  ", "", PLAIN[PLAIN.index("layers:\n  - {conv: 8") :], flags=re.MULTILINE),
    "quotes": PLAIN.replace("conv: 8", "'conv': \"8\"").replace("conv: $width, kernel: 3", "conv: '$width', 'kernel': 3").replace("- relu", '- "relu"').replace("true", "'true'"),
    "block style": PLAIN.replace("  - {conv: 8, kernel: 3, name: stem}", "  - conv: 8\n    kernel: 3\n    name: stem").replace("[8, 16]", "\n        - 8\n        - 16"),
    "flow style": PLAIN.replace("  - global_avgpool\n", "  - {global_avgpool: []}\n").replace("      - relu\n", "      - {relu: []}\n"),
    "key order in layers": PLAIN.replace("{conv: 8, kernel: 3, name: stem}", "{name: stem, kernel: 3, conv: 8}").replace(
        "{Basic: $width, repeat: $blocks, first: {stride: $stride}, name: block}", "{name: block, first: {stride: $stride}, repeat: $blocks, Basic: $width}"
    ),
    "by position": PLAIN.replace("{conv: 8, kernel: 3, name: stem}", "{conv: [8, 3], name: stem}"),
    "by name": PLAIN.replace("{conv: 8, kernel: 3, name: stem}", "{conv: [], out: 8, kernel: 3, name: stem}").replace("{Basic: $width,", "{Basic: [], width: $width,"),
    "a table": PLAIN.replace(
        "      width: [8, 16]\n      stride: [1, 2]\n      blocks: $blocks\n", "      - [width, stride, blocks]\n      - [8, 1, 1]\n      - [16, 2, 2]\n"
    ),
    "identity in a word": PLAIN.replace("relu\nlayers", "relu\n  Empty: {layers: [{add: {a: identity, b: []}}]}\nlayers"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_form_changes_nothing(network: Read, name: str) -> None:
    assert SAME[name] != PLAIN
    plain, same = network(PLAIN), network(SAME[name])
    assert shapes(same) == shapes(plain)
    assert sources(same) == sources(plain)
    assert figures(same) == figures(plain)


def test_key_order_at_the_top_changes_nothing(network: Read) -> None:
    head, *rest = [part for part in PLAIN.replace("\n ", "\n\0").split("\n") if part]
    keys: list[str] = []
    for line in rest:
        if line.startswith("\0"):
            keys[-1] += "\n" + line.replace("\0", " ")
        else:
            keys.append(line)
    turned = "\n".join([head, *reversed(keys)]) + "\n"
    assert shapes(network(turned)) == shapes(network(PLAIN))


#: two specs with the same rows up to names
EQUAL = [
    # repeat writes the body n times
    ("layers: [{conv: 4, kernel: 3, pad: 1, repeat: 3}]", "layers: [{conv: 4, kernel: 3, pad: 1}, {conv: 4, kernel: 3, pad: 1}, {conv: 4, kernel: 3, pad: 1}]"),
    # a block is its body
    ("blocks: {B: {args: [w], layers: [{conv: $w, kernel: 1}, relu]}}\nlayers: [{B: 4}, {B: 5}]", "layers: [{conv: 4, kernel: 1}, relu, {conv: 5, kernel: 1}, relu]"),
    # and so are stages and groups
    ("layers: [{stages: {w: [4, 5]}, each: [{conv: $w, kernel: 1}]}]", "layers: [{conv: 4, kernel: 1}, {layers: [{conv: 5, kernel: 1}]}]"),
    # defaults stand for the arguments
    ("defaults: {conv: {kernel: 3, pad: same}}\nlayers: [{conv: 4}, {conv: 5, kernel: 1}]", "layers: [{conv: 4, kernel: 3, pad: 1}, {conv: 5, kernel: 1}]"),
    # norm and act are rows
    ("layers: [{conv: 4, kernel: 1, norm: bn, act: relu}]", "layers: [{conv: 4, kernel: 1}, bn, relu]"),
    # first is another layer
    ("layers: [{conv: 4, kernel: 1, repeat: 2, first: {stride: 2}}]", "layers: [{conv: 4, kernel: 1, stride: 2}, {conv: 4, kernel: 1}]"),
    # an empty branch is the value itself
    ("layers: [{add: {a: [relu], b: []}}]", "layers: [relu, {add: [prev, input]}]"),
    # permuted branches of a sum
    ("layers: [{add: {a: [{conv: 3, kernel: 1}], b: [relu]}}]", "layers: [{add: {b: [relu], a: [{conv: 3, kernel: 1}]}}]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "same"), EQUAL, ids=lambda value: None)
def test_constructs_are_what_they_stand_for(network: Read, text: str, same: str) -> None:
    one, other = network(INPUT + text), network(INPUT + same)
    assert sorted((node.op.name, node.shape) for node in one.graph.nodes) == sorted(
        (node.op.name, node.shape) for node in other.graph.nodes
    )
    assert one.analyze().totals["params"] == other.analyze().totals["params"]
    assert one.analyze().totals["macs"] == other.analyze().totals["macs"]


DUMP = """
import sys
import cnncalc
for name in sys.argv[1:]:
    for node in cnncalc.load(name).graph.nodes:
        print(node.index, node.path, node.op.name, node.shape, node.inputs)
"""


def test_the_hash_seed_and_asserts_change_nothing(tmp_path: Path) -> None:
    outputs = set()
    for seed, options in (("0", []), ("1", ["-O"]), ("2", ["-OO"])):
        result = subprocess.run(
            [sys.executable, *options, "-c", DUMP, "densenet121", "googlenet_paper"],
            cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True,
        )  # fmt: skip
        outputs.add(result.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) > 500
