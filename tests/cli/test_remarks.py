"""What a network computes for nothing is said in a line: layers that no output needs, pixels that no window reads."""

from __future__ import annotations

import json
import random

import jsonschema
import pytest

from cnncalc import load
from cnncalc.analysis.unread import unread_layers, unread_pixels
from cnncalc.render import schemas

#: a branch that nothing reads, 8*16 + 8 + 16 parameters; and the exercise "3x3 at stride 3 on 7x7"
TEXT = """cnncalc: 1
name: both
input: [16, 7, 7]
layers:
  - {conv: 16, kernel: 3, pad: same, name: stem}
  - {conv: 8, kernel: 1, norm: bn, name: left}
  - {conv: 16, kernel: 3, stride: 3, from: stem, name: right}
"""
UNREAD = "nothing reads left.bn: the totals have 2 operators and 152 parameters that no output needs"
ROUNDED = "right: 3x3 stride 3 on 7x7 leaves 1 row and 1 column unread"


@pytest.fixture
def both(tmp_path):
    path = tmp_path / "both.yaml"
    path.write_text(TEXT)
    return str(path)


#: a command, and how its lines begin
COMMANDS = [
    (["summary"], [UNREAD, ROUNDED]),
    (["shapes"], [UNREAD, ROUNDED]),
    (["params"], [UNREAD]),
    (["macs"], [UNREAD]),
    (["memory"], [UNREAD]),
    (["memory", "--columns", "out,receptive_field"], [UNREAD, ROUNDED]),
    (["explain"], [UNREAD, ROUNDED]),
    (["explain", "--convention", "flops"], [UNREAD, ROUNDED]),
    (["explain", "--published", "5K"], [UNREAD]),
    (["fit", "--memory", "1GB"], [UNREAD]),
    (["compare", "alexnet"], [f"both: {UNREAD}"]),
]


@pytest.mark.parametrize("form", ["plain", "markdown"])
@pytest.mark.parametrize(("arguments", "lines"), COMMANDS, ids=lambda value: " ".join(value[:1]))
def test_every_command_that_counts_says_it_once(cnncalc, both, arguments, lines, form):
    command, *options = arguments
    out = cnncalc(command, both, *options, "-f", form).out.replace("\\_", "_").split("\n")
    assert [line.removeprefix("- ") for line in out if "nothing reads" in line or "leaves" in line] == lines


@pytest.mark.parametrize("layer", ["left", "left.bn", "stem", "right"])
def test_explain_of_a_layer_says_what_holds_for_it(cnncalc, both, layer):
    out = cnncalc("explain", both, layer).out.split("\n")
    said = [line for line in out if "nothing reads" in line or "leaves" in line]
    assert said == {"left": [UNREAD], "left.bn": [UNREAD], "right": [ROUNDED], "stem": []}[layer]


def test_explain_of_a_block_says_what_holds_for_its_layers(cnncalc, tmp_path):
    path = tmp_path / "g.yaml"
    path.write_text(
        TEXT.replace("layers:\n", "layers:\n - name: g\n   layers:\n", 1).replace("  - {conv", "    - {conv")
    )
    lines = [UNREAD.replace("left", "g.left"), ROUNDED.replace("right", "g.right")]
    assert cnncalc("explain", str(path), "g").out.split("\n")[-3:-1] == lines
    data = json.loads(cnncalc("explain", str(path), "g", "-f", "json").out)
    assert [one["message"] for one in data["diagnostics"]] == lines


def test_a_badge_says_it_on_standard_error(cnncalc, both):
    shown = cnncalc("badge", both, "params", "-f", "json")
    assert (shown.code, shown.err) == (0, f"note: {UNREAD}\n")
    assert json.loads(shown.out)["message"] == "4.792K"


def test_a_diff_says_it_of_what_is_new(cnncalc, both, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(TEXT.replace("name: both", "name: other").replace(", from: stem", ""))
    assert cnncalc("diff", both, str(other)).out.count("nothing reads") == 0
    assert cnncalc("diff", str(other), both).out.endswith(f"\n\nother -> both: {UNREAD}\n")
    assert f"\n- {UNREAD}\n" in cnncalc("diff", str(other), both, "-f", "markdown").out
    data = json.loads(cnncalc("diff", str(other), both, "-f", "json").out)
    jsonschema.Draft7Validator(schemas.schema("diff")).validate(data)
    assert [one["message"] for one in data["networks"][0]["diagnostics"]] == [UNREAD, ROUNDED]


@pytest.mark.parametrize(
    "arguments", [["summary"], ["memory"], ["explain"], ["explain", "--published", "5K"], ["fit", "--memory", "1GB"]]
)
def test_json_has_it_as_data(cnncalc, both, arguments):
    command, *options = arguments
    data = json.loads(cnncalc(command, both, *options, "-f", "json").out)
    jsonschema.Draft7Validator(schemas.schema(command)).validate(data)
    assert data["diagnostics"] == [
        {"kind": "unread_layers", "layers": ["left", "left.bn"], "message": UNREAD},
        {"kind": "unread_pixels", "layers": ["right"], "message": ROUNDED},
    ]


def test_few_are_named_and_the_rest_counted():
    repeated = ", ".join(f"{{conv: 4, kernel: 1, from: input, name: c{i}}}" for i in range(8))
    text = f"cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{repeated}]"
    assert (
        "\nnothing reads c0, c1, c2, c3, c4 and 2 more: the totals have 7 operators and 112 parameters that no output "
        "needs\n" in f"{load(text).analyze()}\n"
    )
    pools = ", ".join(f"{{maxpool: [{size}, {size}], from: input}}" for size in range(8, 17))
    said = str(load(f"cnncalc: 1\ninput: [3, 41, 41]\nlayers: [{{relu: []}}, {pools}]").analyze())
    lines = [line for line in said.split("\n") if "unread" in line]
    # 41 = 8*5 + 1 = 9*4 + 5 = 10*4 + 1 = 11*3 + 8 = 12*3 + 5 = ...
    assert lines == [
        "maxpool1: 8x8 stride 8 on 41x41 leaves 1 row and 1 column unread",
        "maxpool2: 9x9 stride 9 on 41x41 leaves 5 rows and 5 columns unread",
        "maxpool3: 10x10 stride 10 on 41x41 leaves 1 row and 1 column unread",
        "maxpool4: 11x11 stride 11 on 41x41 leaves 8 rows and 8 columns unread",
        "maxpool5: 12x12 stride 12 on 41x41 leaves 5 rows and 5 columns unread",
        "4 more sizes leave pixels unread",
    ]


def test_equal_windows_are_one_line():
    text = "cnncalc: 1\ninput: [3, 7, 7]\nlayers: [{concat: {a: {maxpool: 2}, b: {avgpool: 2}}}]"
    assert "\nconcat1.a.maxpool1 and concat1.b.avgpool1: 2x2 stride 2 on 7x7 leaves 1 row and 1 column unread" in str(
        load(text).analyze()
    )


def test_patches_of_a_transformer_leave_pixels(cnncalc):
    """200 = 12*16 + 8."""
    line = "\npatches: 16x16 stride 16 on 200x200 leaves 8 rows and 8 columns unread\n"
    assert line in cnncalc("shapes", "vit_b_16", "--input", "200x200").out
    assert "unread" not in cnncalc("shapes", "vit_b_16").out


def test_a_single_layer_says_it(cnncalc):
    """The exercise of the lectures: 3x3 at stride 3 on 7x7 does not fit."""
    out = cnncalc("layer", "conv", "8", "--kernel", "3", "--stride", "3", "--input", "1x7x7").out
    assert out.endswith("\nconv1: 3x3 stride 3 on 7x7 leaves 1 row and 1 column unread\n")
    assert "unread" not in cnncalc("layer", "conv", "8", "--kernel", "3", "--stride", "2", "--input", "1x7x7").out
    line = "\nconv: 3x3 stride 3 on 7x7 leaves 1 row and 1 column unread\n"
    for words in (("shapes",), ("summary",), ("explain",)):
        assert line in cnncalc(*words, "window_7x7_stride3").out


def test_side_outputs_are_spoken_of_where_they_are_counted():
    text = (
        "cnncalc: 1\ninput: [3, 7, 7]\nlayers: [{conv: 3, kernel: 1, name: a}, relu]\n"
        "side: {aux: {from: a, layers: [{maxpool: 2}, relu, {tanh: [], from: a}]}}"
    )
    assert load(text).analyze().diagnostics == []
    said = [one["message"] for one in load(text).analyze(with_side=True).diagnostics]
    assert said == [
        "nothing reads aux.relu1: the totals have 2 operators that no output needs",
        "aux.maxpool1: 2x2 stride 2 on 7x7 leaves 1 row and 1 column unread",
    ]


def test_what_only_a_side_output_needs_is_read():
    text = "cnncalc: 1\ninput: [3]\nlayers: [{relu: [], name: a}, {tanh: [], from: input}]\nside: {aux: {from: a, layers: [relu]}}"
    assert not load(text).analyze().diagnostics


@pytest.mark.parametrize("seed", range(20))
def test_unread_layers_of_random_networks_are_those_that_change_nothing(seed):
    """A layer is unread if and only if what can be reached from it, forwards, has no output."""
    choice = random.Random(seed)
    names = ["input"]
    lines = []
    for i in range(30):
        op = choice.choice(["relu", "tanh"])
        if len(names) > 2 and choice.random() < 0.3:
            lines.append(f"  - {{add: [{choice.choice(names)}, {choice.choice(names)}], name: n{i}}}")
        else:
            lines.append(f"  - {{{op}: [], from: {choice.choice(names[-6:])}, name: n{i}}}")
        names.append(f"n{i}")
    graph = load("cnncalc: 1\ninput: [3]\nlayers:\n" + "\n".join([*lines, "  - {add: [n29, input]}\n"])).graph
    readers = {node.index: [other.index for other in graph.nodes if node.index in other.inputs] for node in graph.nodes}

    def reaches(index):
        return index in graph.outputs or any(map(reaches, readers[index]))

    found = unread_layers(graph)
    members = [node.index for one in found for node in one.members]
    assert sorted(members) == [node.index for node in graph.nodes if not reaches(node.index)]
    assert all(not readers[one.end.index] for one in found)
    assert {one.end.index for one in found} == {index for index in members if not readers[index]}
    assert not list(unread_pixels(graph))


@pytest.mark.parametrize("seed", range(40))
def test_unread_pixels_are_those_that_no_window_covers(seed):
    """Each axis is swept by hand: a window after the other, as long as it fits."""
    choice = random.Random(seed)
    size, kernel, stride, pad = choice.randint(8, 30), choice.randint(2, 5), choice.randint(2, 6), choice.randint(0, 1)
    text = f"cnncalc: 1\ninput: [1, {size}]\nlayers: [{{conv: 1, kernel: {kernel}, stride: {stride}, pad: {pad}}}]"
    covered, start = -pad, -pad
    while start + kernel <= size + pad:
        covered = start + kernel
        start += stride
    # what a stride larger than the window skips between two windows is no remainder
    left = max(0, size - covered - max(0, stride - kernel))
    words = f"{kernel} stride {stride} on {size} leaves {left} position{'s' * (left > 1)} unread"
    assert [one.said for one in unread_pixels(load(text).graph)] == ([words] if left else [])
