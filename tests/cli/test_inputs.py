"""What every command says of the inputs."""

from __future__ import annotations

import json

import pytest

TWO = """cnncalc: 1
source: a test
inputs: {image: [3, 8, 8], text: {tokens: 7, features: 5}}
layers:
  - {conv: 4, kernel: 3, from: image}
  - global_avgpool
  - {flatten: [], name: seen}
  - {linear: 4, from: text}
  - {global_avgpool: [], name: read}
  - {add: [seen, read]}
"""


@pytest.fixture
def two(tmp_path):
    path = tmp_path / "two.yaml"
    path.write_text(TWO)
    return str(path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "input image=3x8x8 text=7x5, batch 1"),
        (["image=16"], "input image=3x16x16 text=7x5, batch 1"),
        (["image=16x12", "text=9"], "input image=3x16x12 text=9x5, batch 1"),
        (["image=1x8x8"], "input image=1x8x8 text=7x5 (the spec's is image=3x8x8), batch 1"),
        (["image=1x8x8", "text=7x6"],
         "input image=1x8x8 text=7x6 (the spec's is image=3x8x8 text=7x5), batch 1"),
    ],
)  # fmt: skip
def test_the_header_names_every_input(cnncalc, two, given, said):
    options = [word for sizes in given for word in ("--input", sizes)]
    for command in ("summary", "params", "macs", "shapes", "memory"):
        assert cnncalc(command, two, *options).out.split("\n")[1].startswith(said), command
    shown = cnncalc("fit", two, "--memory", "1GB", *options).out.split("\n")[1]
    assert shown.startswith(said.removesuffix("batch 1"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("160", "input 3x160x160, batch 1"),
        ("3x160x160", "input 3x160x160, batch 1"),
        ("1x160x160", "input 1x160x160 (the spec's is 3x224x224), batch 1"),
    ],
)
def test_the_header_names_other_channels(cnncalc, given, said):
    assert cnncalc("params", "resnet18", "--input", given).out.split("\n")[1].startswith(said)


def test_json_has_the_sizes_by_name(cnncalc, two):
    read = json.loads(cnncalc("summary", two, "-f", "json").out)
    assert read["assumptions"]["input"] == {"image": [3, 8, 8], "text": [7, 5]}
    assert [(row["path"], row["layout"]) for row in read["layers"]] == [
        ("image", "map"), ("text", "sequence"), ("conv1", "map"), ("global_avgpool1", "map"), ("seen", "vector"),
        ("linear1", "sequence"), ("read", "vector"), ("add1", "vector"),
    ]  # fmt: skip
    assert json.loads(cnncalc("summary", "lenet5", "-f", "json").out)["assumptions"]["input"] == [1, 32, 32]


@pytest.mark.parametrize(
    ("network", "columns"), [("vit_b_16", "in,out,layout,"), ("lenet5", "in,out,"), ("bare", "in,out,")]
)
def test_shapes_has_layouts_where_two_numbers_can_be_either(cnncalc, tmp_path, network, columns):
    path = tmp_path / "bare.yaml"
    path.write_text("cnncalc: 1\ninput: {tokens: 4, features: 3}\nlayers: [{linear: 2}, {select: 0}]\n")
    out = cnncalc("shapes", str(path) if network == "bare" else network, "-f", "csv").out
    assert out.startswith(f"path,op,{columns}receptive_field,effective_stride\n")


def test_layouts_are_a_column(cnncalc, two):
    lines = cnncalc("shapes", two, "--columns", "layout,out", "-f", "csv").out.split("\n")
    assert lines[:3] == ["path,op,layout,out", "image,input,map,3x8x8", "text,input,sequence,7x5"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["16"], "input 16 needs a name: two has image and text (hint: for example image=16)"),
        (["16x12", "text=9"], "input 16x12 needs a name: two has image and text (hint: for example image=16x12)"),
        (["image=3x16"],
         "input 3x16 may begin with the 3 channels (hint: give every size: 3x16x16, or 3x3x16)"),
        (["text=9x6x2"], "input 9x6x2 can't replace 7x5 of two (hint: give 7 for the number of tokens, or 7x5)"),
        (["left=3"], "two has no input 'left' (hint: one of: image, text)"),
    ],
)  # fmt: skip
def test_sizes_that_could_be_misread(cnncalc, two, given, message):
    shown = cnncalc("params", two, *[word for sizes in given for word in ("--input", sizes)])
    assert (shown.code, shown.out, shown.err) == (2, "", f"error: {message}\n")


def test_what_was_replaced_is_named(cnncalc, tmp_path):
    path = tmp_path / "add.yaml"
    path.write_text("cnncalc: 1\ninputs: {a: [3, 8, 8], b: [3, 8, 8]}\nlayers: [{add: [a, b]}]\n")
    shown = cnncalc("params", str(path), "--input", "a=9")
    assert "add 'add1': " in shown.err
    assert "; --input a=9 replaces the spec's 3x8x8" in shown.err
    assert "3x8x8 and 3x8x8" not in shown.err
