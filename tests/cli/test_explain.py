"""cnncalc explain: the arithmetic of a layer as text, Markdown and JSON; blocks; a network's waterfall; wrong calls."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.render import schemas

from .test_process import terminal

SPEC = """\
cnncalc: 1
name: net
title: A | B
input: [3, 227, 227]
vars: {out: 96}
blocks:
  Pair:
    args: [width]
    layers:
      - {conv: $width, kernel: 1, act: relu}
      - {conv: $width, kernel: 1, bias: false}
layers:
  - {conv: $out, kernel: 11, stride: 4, act: relu, name: conv1}
  - {maxpool: 3, stride: 2}
  - {Pair: 8, name: pair}
  - global_avgpool
  - flatten
  - {linear: 10, name: fc}
"""

PLAIN = """\
net: A | B
input 3x227x227, batch 1, float32, convention macs
conv1: conv: 96, kernel: 11, stride: 4
3x227x227 -> 96x55x55

quantity                formula                         numbers
-------------------------------------------------------------------------------------------------------------------------------------------
output channels         c_out                           96
output height           (h_in - k_h)/s_h + 1            (227 - 11)/4 + 1 = 55
output width            (w_in - k_w)/s_w + 1            (227 - 11)/4 + 1 = 55
weights                 k_h*k_w*c_in*c_out              11*11*3*96 = 34,848 weights
biases                  c_out                           96 biases
params                  weights + biases                34848 + 96 = 34,944 parameters
MACs                    h_out*w_out*c_out*k_h*k_w*c_in  55*55*96*11*11*3 = 105,415,200 MACs
bias additions          h_out*w_out*c_out               55*55*96 = 290,400
FLOPs                   2*macs + bias_additions         2*105415200 + 290400 = 211,120,800 FLOPs
activations             h_out*w_out*c_out               55*55*96 = 290,400 values
activation bytes        activations*b                   290400*4 = 1,161,600 bytes                1.162 MB (1.108 MiB)
saved bytes             h_in*w_in*c_in*b                227*227*3*4 = 618,348 bytes               618.3 kB (603.9 KiB), the network's input
receptive field height  rf_in + (k_h - 1)*jump_in       1 + (11 - 1)*1 = 11
receptive field width   rf_in + (k_w - 1)*jump_in       1 + (11 - 1)*1 = 11
jump height             jump_in*s_h                     1*4 = 4
jump width              jump_in*s_w                     1*4 = 4

c_out, c_in: channels; h_in, h_out: height; k_h, k_w: kernel; s_h, s_w: stride; w_in, w_out: width; b: bytes of a value; \
rf_in: receptive field of the input; jump_in: input pixels from one value of the input to the next
under this path too, each with arithmetic of its own: conv1.relu
"""

# 1*1*96*8 + 8 = 776, 1*1*8*8 = 64; 27*27 = 729 pixels: 729*8*96 = 559,872 and 729*8*8 = 46,656 MACs;
# FLOPs 2*559,872 + 729*8, 729*8, 2*46,656; the relu runs in place
BLOCK = """\
net: A | B
input 3x227x227, batch 1, float32, convention macs
pair: Pair of 3 layers
96x27x27 -> 8x27x27

layer       op    output   params              MACs                          FLOPs  activations
-----------------------------------------------------------------------------------------------
conv1       conv  8x27x27  1*1*96*8 + 8 = 776  27*27*8*1*1*96 = 559,872  1,125,576        5,832
conv1.relu  relu  8x27x27  0                   0                             5,832            0
conv2       conv  8x27x27  1*1*8*8 = 64        27*27*8*1*1*8 = 46,656       93,312        5,832
-----------------------------------------------------------------------------------------------
total                      840                 606,528                   1,224,720       11,664

cnncalc explain NETWORK pair.conv1 says more of that layer
"""


@pytest.fixture(autouse=True)
def net(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(SPEC, "utf-8")


def found(cnncalc, *arguments: str) -> str:
    result = cnncalc("explain", "net.yaml", *arguments)
    assert (result.code, result.err) == (0, "")
    return result.out


def test_a_layer(cnncalc):
    assert found(cnncalc, "conv1") == PLAIN


def test_a_block_is_the_sum_of_its_layers(cnncalc):
    assert found(cnncalc, "pair") == BLOCK


def test_markdown_has_the_formulas_in_latex(cnncalc):
    text = found(cnncalc, "conv1", "--format", "markdown")
    assert text.startswith(
        "net: A \\| B\n\ninput 3x227x227, batch 1, float32, convention macs\n\nconv1: conv: 96, kernel: 11, stride: 4\n"
    )
    for line in (
        r"**output height** $\frac{h_{\text{in}} - k_h}{s_h} + 1$",
        r"$$\frac{227 - 11}{4} + 1 = 55$$",
        r"$$11\cdot 11\cdot 3\cdot 96 = 34{,}848\ \text{weights}$$",
        r"**activation bytes** $\text{activations}\cdot b$: 1.162 MB (1.108 MiB)",
        r"$$1 + \left(11 - 1\right)\cdot 1 = 11$$",
    ):
        assert line in text.split("\n")
    assert text.count("$") % 2 == 0
    assert re.search(r"^- \$c_\{\\text\{out\}\}\$, \$c_\{\\text\{in\}\}\$: channels; ", text, re.MULTILINE)


def test_markdown_of_a_window_that_does_not_fit_evenly(cnncalc):
    text = found(cnncalc, "conv1", "--input", "3x228x228", "--format", "markdown")
    assert r"$$\left\lfloor\frac{228 + 2\cdot 0 - 11}{4}\right\rfloor + 1 = 55$$" in text


def test_markdown_of_a_block_is_a_table(cnncalc):
    text = found(cnncalc, "pair", "--format", "markdown")
    lines = [line for line in text.split("\n") if line.startswith("|")]
    assert lines[0] == "| layer | op | output | params | MACs | FLOPs | activations |"
    assert lines[1] == "| --- | --- | --- | --- | --- | ---: | ---: |"
    assert lines[2] == (
        r"| conv1 | conv | 8x27x27 | $1\cdot 1\cdot 96\cdot 8 + 8 = 776$ "
        r"| $27\cdot 27\cdot 8\cdot 1\cdot 1\cdot 96 = 559{,}872$ | 1,125,576 | 5,832 |"
    )
    assert lines[-1] == "| **total** |  |  | **840** | **606,528** | **1,224,720** | **11,664** |"


@pytest.mark.parametrize("path", ["conv1", "conv1.relu", "input", "flatten1", "pair", "fc", "pair.conv2"])
def test_json_fits_its_schema(cnncalc, path):
    payload = json.loads(found(cnncalc, path, "--format", "json"))
    schema = json.loads(cnncalc("schema", "explain").out)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(schema).validate(payload)
    assert payload["layer"] == path
    assert schemas.schema("explain") == schema


def test_json_has_every_formula(cnncalc):
    payload = json.loads(found(cnncalc, "fc", "--format", "json"))
    by_quantity = {formula["quantity"]: formula for formula in payload["formulas"]}
    assert by_quantity["weights"] == {
        "quantity": "weights",
        "symbolic": "f_in*f_out",
        "substituted": "8*10",
        "value": 80,
        "note": None,
    }
    assert (payload["in"], payload["out"], payload["layers"]) == ([[8]], [10], [])
    assert payload["legend"] == {"f_out": "features", "f_in": "features", "b": "bytes of a value"}


def test_json_of_a_block_has_its_layers(cnncalc):
    payload = json.loads(found(cnncalc, "pair", "--format", "json"))
    sums = {formula["quantity"]: formula for formula in payload["formulas"]}
    assert sums["macs"]["symbolic"] == "pair.conv1 + pair.conv2"
    assert (sums["macs"]["substituted"], sums["macs"]["value"]) == ("559872 + 46656", 606528)
    assert [layer["path"] for layer in payload["layers"]] == ["pair.conv1", "pair.conv1.relu", "pair.conv2"]
    assert "11*11" not in json.dumps(payload["layers"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["conv1", "--set", "out=64"], "weights k_h*k_w*c_in*c_out 11*11*3*64 = 23,232 weights"),
        (["fc", "--batch", "32"], "MACs f_in*f_out*n 8*10*32 = 2,560 MACs times the batch, n = 32"),
        (["fc", "--dtype", "float64"], "activation bytes activations*b 10*8 = 80 bytes"),
        (["conv1.relu"], "activations 0 values in place: written over the output of conv1"),
        (["flatten1"], "activations 0 values a view of its input, no copy"),
    ],
)  # fmt: skip
def test_options_and_reasons(cnncalc, arguments, line):
    shown = [" ".join(text.split()) for text in found(cnncalc, *arguments).split("\n")]
    assert line in shown


def test_a_convention_of_which_no_line_speaks_is_a_note(cnncalc):
    from cnncalc.counting.conventions import CONVENTIONS

    for convention in ("macs", "flops"):
        assert "under the convention" not in found(cnncalc, "fc", "--convention", convention)
    for convention in set(CONVENTIONS) - {"macs", "flops"}:
        assert f"work under the convention {convention}: " in found(cnncalc, "fc", "--convention", convention)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net.yaml", "fc", "--published", "1M"], "--published asks about a network, not a layer"),
        (["net.yaml", "--published", "many"], "published takes a figure like 4.1G, 25.6M or 98MB, not 'many'"),
        (["net.yaml", "--published", ""], "published takes a figure like 4.1G, 25.6M or 98MB, not ''"),
        (["net.yaml", "--published", "1/2"], "published takes a figure like 4.1G, 25.6M or 98MB, not '1/2'"),
        (["net.yaml", "--published", "1M", "--batch", "2"], "--published asks about one sample and takes no --batch"),
        (["net.yaml", "fc", "--published", ""], "--published asks about a network, not a layer"),
        (["net.yaml", "--published", "1M", "--convention", "thop"], "--published asks about every convention and takes no --convention"),
        (["net.yaml", "--convention", "thopp"], "unknown convention 'thopp' (hint: did you mean thop?)"),
        (["net.yaml", "--convention", "thop", "--pass", "step"], "thop counts no backward pass (hint: conventions that do: macs, flops, paper, torch)"),
        (["net.yaml", "fc", "--require-known"], "--require-known asks about a network, not a layer"),
        (["net.yaml", "conv9"], "net has no layer 'conv9' (hint: did you mean conv1?)"),
        (["net.yaml", "conv2"], "net has no layer 'conv2' (hint: did you mean pair.conv2?)"),
        (["net.yaml", ""], "net has no layer '' (hint: cnncalc shapes NETWORK --full lists them)"),
        (["net.yaml", "[/]\x1b\u202e"], r"net has no layer '[/]\x1b\u202e' (hint: cnncalc shapes NETWORK --full lists them)"),
        (["resnet50", "stage1.block_2.add1.shortcut"], "'stage1.block_2.add1.shortcut' has no layers of its own: it is 'stage1.block_1.relu1' as it comes"),
        (["net.yaml", "fc", "--batch", "0"], "invalid value for '--batch': 0 is not in the range 1<=x<=1000000000 (hint: cnncalc explain --help)"),
        (["net.yaml", "fc", "--dtype", "float31"], "unknown data type 'float31' (hint: did you mean float32, float16, bfloat16 or float64?)"),
        (["net.yaml", "fc", "--set", "outs=3"], "net has no variable 'outs' (hint: did you mean out?)"),
    ],
)  # fmt: skip
def test_wrong_calls(cnncalc, arguments, message):
    result = cnncalc("explain", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: {message}\n"


def test_a_wrong_layer_as_json(cnncalc):
    result = cnncalc("explain", "net.yaml", "conv9", "--format", "json")
    assert (result.code, result.out) == (2, "")
    assert json.loads(result.err)["errors"][0]["message"] == "net has no layer 'conv9'"


# -- a network ---------------------------------------------------------------------------------------------------------


def test_a_network_under_every_convention(cnncalc):
    """The figures that eight tools print for torchvision's ResNet-50, as measured (tests/reference/tools.json)."""
    out = cnncalc("explain", "resnet50").out
    for convention, figure in (
        ("torch", "8,178,368,512"), ("fvcore", "4,111,512,576"), ("ptflops", "4,132,436,968"), ("thop", "4,133,742,592"),
        ("ptflops-aten", "4,089,185,256"), ("torchinfo", "4,089,238,376"), ("torchprofile", "4,100,300,288"),
        ("calflops", "8,211,108,352"),
    ):  # fmt: skip
        assert re.search(rf"^{convention} +{figure} ", out, re.MULTILINE), convention
    side_by_side = out.split("\n\n")[1].split("\n")[2:]
    totals = [int(line.split()[1].replace(",", "")) for line in side_by_side]
    assert totals == sorted(totals)
    assert len(totals) == 11
    assert "parameters 25,502,912: weights alone" in out


FVCORE = """\
macs                                                              4,089,184,256
  bn                  53  11,113,984  input          1  +11,113,984  4,100,298,240
  bn                  53  11,113,984  affine         1  +11,113,984  4,111,412,224
  global_avgpool       1     100,352  input_2d       1     +100,352  4,111,512,576
fvcore                                                  +22,328,320  4,111,512,576
  not counted: relu, maxpool, add
"""


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.strip("\n").split("\n")]


def waterfalls(text: str) -> dict[str, list[list[str]]]:
    """By convention, the lines of its block in the plain text, without the first two of the page and of the table."""
    blocks = [block.split("\n") for block in text.split("\n\n")[2:-1]]
    blocks[0] = blocks[0][2:]
    found = {}
    for block in blocks:
        rows = [line for line in block if not line.startswith("  not counted")]
        found[rows[-1].split()[0]] = [re.split(r"  +", line) for line in rows]
    return found


def test_what_leads_from_macs_to_a_convention(cnncalc):
    """fvcore prints 4,111,512,576 for torchvision's ResNet-50: 2*11,113,984 of batch norms, 2048*7*7 into the pool."""
    shown = cnncalc("explain", "resnet50").out
    assert squeezed(FVCORE) in [squeezed(block) for block in shown.split("\n\n")]
    assert "\npaper equals macs; not counted: bn, relu, maxpool, add, global_avgpool\n" in shown
    assert max(map(len, shown.split("\n\nmacs (what")[0].split("\n"))) <= 100
    one = cnncalc("explain", "resnet50", "--convention", "fvcore").out
    assert squeezed(FVCORE) == squeezed(one.split("\n\n")[2])[2:]
    assert [line.split()[0] for line in one.split("\n\n")[1].split("\n")[2:]] == ["macs", "fvcore"]


def test_what_a_convention_weighs_otherwise_or_leaves_out(cnncalc):
    lines = squeezed(cnncalc("explain", "swin_t").out)
    # each of 12 attentions has the products with 4*c*c weights, and two without weights, 49 tokens a window
    tokens = [(2, 96, 64), (2, 192, 16), (6, 384, 4), (2, 768, 1)]  # layers, features, windows: 7*7 values in each
    inner = sum(layers * windows * 2 * 49**2 * c for layers, c, windows in tokens)
    assert f"window_attention 12 {inner:,} mac 1 -> 0 -{inner:,}" in [line.rsplit(" ", 1)[0] for line in lines]
    conv = 3 * 96 * 16 * 56 * 56
    assert [line for line in lines if line.startswith(f"conv 1 {conv:,} mac 1 -> 2 +{conv:,} ")]
    assert [line for line in lines if re.match(r"layernorm 29 [\d,]+ 4 kinds of work 1 ", line)]


SAMPLE = [
    "alexnet", "vgg16", "resnet50", "resnext50_32x4d", "densenet121", "googlenet", "inception_v3", "mobilenet_v2",
    "mobilenet_v3_large", "shufflenet_v2_x1_0", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "vit_b_16",
    "swin_t", "swin_v2_t", "maxvit_t", "unet_small", "lenet5", "squeezenet1_0",
]  # fmt: skip


@pytest.mark.parametrize("network", SAMPLE)
@pytest.mark.parametrize("arguments", [[], ["--pass", "step", "--batch", "3"], ["--pass", "backward", "--with-side"]])
def test_from_macs_over_the_differences_to_every_total(cnncalc, network, arguments):
    payload = json.loads(cnncalc("explain", network, *arguments, "-f", "json").out)
    shown = {row["name"]: row for row in payload["conventions"] if row["reproducible"]}
    blocks = waterfalls(cnncalc("explain", network, *arguments).out)
    assert set(blocks) == set(shown) and {"macs", "flops", "paper"} <= set(shown)
    macs = shown["macs"]["total"]
    for name, row in shown.items():
        assert sum(term["work"] for term in row["terms"]) == row["total"], name
        assert all(term["elements"] * term["weight"] == term["work"] for term in row["terms"])
        differences = row["difference_from_macs"]
        assert macs + sum(one["work"] for one in differences) == row["total"], name
        for one in differences:
            assert one["work"] == one["elements"] * (one["weight"] - one["macs_weight"]) != 0
        sizes = [abs(one["work"]) for one in differences]
        assert sizes == sorted(sizes, reverse=True)
        if blocks[name][0][0].startswith(f"{name} equals macs"):
            assert row["total"] == macs
            continue
        start = [] if name == "macs" else [blocks[name].pop(0)]
        assert [cells[-1] for cells in start] == [f"{macs:,}"] * len(start)
        running = 0 if name == "macs" else macs
        *rows, total = blocks[name]
        for cells in rows:
            running += int(cells[-2].replace(",", ""))
            assert cells[-1] == f"{running:,}"
        assert total[-1] == f"{running:,}" == f"{row['total']:,}"


def test_side_outputs_are_a_way_of_counting_parameters(cnncalc):
    payload = json.loads(cnncalc("explain", "googlenet", "-f", "json").out)
    assert {row["rule"]: row["total"] for row in payload["parameters"]}["params with side outputs"] == 13_004_888


def test_a_network_that_multiplies_nothing(cnncalc, tmp_path):
    (tmp_path / "relu.yaml").write_text("cnncalc: 1\ninput: [2, 3, 3]\nlayers: [relu]\n", "utf-8")
    lines = squeezed(cnncalc("explain", "relu.yaml").out)
    assert "macs: 0; not counted: relu" in lines and "torch equals macs; not counted: relu" in lines
    assert lines[lines.index("flops +18 18") - 2 :][:2] == ["macs 0", "relu 1 18 cmp 1 +18 18"]  # 2*3*3


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["vgg16"], 0),  # every figure is reproducible
        (["vit_b_16"], 1),
        (["vit_b_16", "--convention", "torchprofile"], 1),
        (["vgg16", "--convention", "fvcore"], 1),  # nothing of relu
        (["vgg16", "--convention", "macs"], 1),
        (["vgg16", "--convention", "flops"], 0),
        (["vit_b_16", "--convention", "flops"], 0),
        (["vgg16", "--convention", "flops", "--pass", "backward"], 1),  # nothing of relu
        (["vit_b_16", "--published", "17.6G"], 0),  # which asks who counts like that, and judges nothing
    ],
)
def test_strict_asks_for_a_figure_and_of_one_convention_for_all_arithmetic(cnncalc, arguments, code):
    for form in ("plain", "markdown", "json"):
        assert cnncalc("explain", *arguments, "--require-known", "-f", form).code == code
        assert cnncalc("explain", *arguments, "-f", form).code == 0


def test_one_convention_as_json(cnncalc):
    payload = json.loads(cnncalc("explain", "resnet50", "--convention", "thop", "-f", "json").out)
    assert [row["name"] for row in payload["conventions"]] == ["thop"]
    assert payload["assumptions"]["convention"] == "thop"


def test_nothing_but_products_is_counted_of_a_backward_pass(cnncalc):
    payload = json.loads(cnncalc("explain", "resnet18", "--pass", "backward", "-f", "json").out)
    for row in payload["conventions"]:
        assert row["uncounted"] == ["bn", "relu", "maxpool", "add", "global_avgpool"], row["name"]


def test_what_is_not_known_is_said(cnncalc):
    code, out, _ = cnncalc("explain", "vit_b_16")
    assert code == 0
    assert re.search(r"^torchprofile +not known", out, re.MULTILINE)
    assert "torchprofile: not known: attention: torchprofile 0.1.0 fails on PyTorch's fused attention" in out
    rows = {row["name"]: row for row in json.loads(cnncalc("explain", "vit_b_16", "-f", "json").out)["conventions"]}
    assert (rows["torchprofile"]["total"], rows["torchprofile"]["terms"]) == (None, [])


def test_the_program_whose_figures_are_shown_is_named(cnncalc):
    """Tools that count modules alone, or twice, count torchvision's DenseNet by what it calls as functions."""
    out = cnncalc("explain", "densenet121").out
    assert re.search(r"^  relu +120 +15,617,280 +output +2 ", out, re.MULTILINE)
    assert re.search(r"^  relu as function +1 +50,176 +output +1 ", out, re.MULTILINE)  # 1024*7*7
    assert re.search(r"^thop .*\n  not counted: relu, maxpool, global_avgpool as function$", out, re.MULTILINE)
    source = "torchvision 0.28.0, torchvision/models/densenet.py"
    assert "float32, tools count torchvision's program\n" in out
    assert f"\ntools count torchvision's program: {source}, with relu as function, global_avgpool as function\n" in out
    payload = json.loads(cnncalc("explain", "densenet121", "-f", "json").out)
    written = ["relu as function", "global_avgpool as function"]
    assert payload["program"] == {"library": "torchvision", "source": source, "written": written}
    assert payload["assumptions"]["written"] == "torchvision"
    whose = {row["name"]: row["program"] for row in payload["conventions"]}
    assert whose == {name: "torchvision" if row.measured else None for name, row in CONVENTIONS.items()}
    rows = {row["name"]: row for row in payload["conventions"]}
    relus = {term["variant"]: term["count"] for term in rows["ptflops"]["terms"] if term["op_kind"] == "relu"}
    assert relus == {None: 120, "relu as function": 1}
    resnet = json.loads(cnncalc("explain", "resnet50", "-f", "json").out)["program"]
    assert resnet == {
        "library": "torchvision",
        "source": "torchvision 0.28.0, torchvision/models/resnet.py",
        "written": [],
    }
    assert "tools count" not in cnncalc("explain", "resnet50", "--convention", "macs").out


ATTENTION = """cnncalc: 1
input: {tokens: 50, features: 64}
layers: [{attention: 4}, {linear: 10}]
"""


@pytest.mark.parametrize(
    ("library", "figure", "said"),
    [
        # 50 tokens of 64 features, to 10
        ("torchvision", 50 * 64 * 10, "PyTorch's modules, joins as + and *"),
        ("timm", 4 * 50 * 64 * 64 + 50 * 64 * 10, "with attention with linear layers"),
    ],
)
def test_a_spec_or_the_option_names_whose_program_is_counted(cnncalc, tmp_path, library, figure, said):
    (tmp_path / "mine.yaml").write_text(ATTENTION, "utf-8")
    (tmp_path / "own.yaml").write_text(f"{ATTENTION}written: {library}\n", "utf-8")
    own = cnncalc("explain", "own.yaml", "--convention", "fvcore").out
    assert (
        own.replace("own", "mine", 1)
        == cnncalc("explain", "mine.yaml", "--convention", "fvcore", "--written", library).out
    )
    assert re.search(rf"^fvcore +{figure:,} ", own, re.MULTILINE)
    assert f"float32, tools count a program written as {library}'s\n" in own
    assert f"\ntools count a program written as {library}'s: {said}\n" in own
    table = cnncalc("macs", "own.yaml", "--convention", "fvcore").out
    assert f"float32, convention fvcore of a program written as {library}'s\n" in table
    listed = cnncalc("list", "--convention", "fvcore", "--written", library, "--filter", "params < 10").out
    assert listed.startswith(f"convention fvcore of a program written as {library}'s\n")


def test_what_each_network_is_counted_as_is_said_beside_others(cnncalc):
    out = cnncalc("compare", "resnet18", "se_resnet50", "--convention", "thop").out
    assert "float32, convention thop of torchvision's program\n" in out
    assert "float32, convention thop of timm's program\n" in out
    assert cnncalc("list", "--convention", "thop", "--top", "1").out.startswith(
        "convention thop of each network's own program\n"
    )
    assert cnncalc("list", "--top", "1").out.startswith("convention macs\n")


def test_a_library_that_is_not_known_is_refused(cnncalc):
    result = cnncalc("macs", "resnet18", "--written", "keras")
    assert (result.code, result.err) == (2, "error: unknown library 'keras' (hint: one of: timm, torchvision)\n")


def test_published_figures_are_looked_for_in_every_program(cnncalc):
    """timm's densenet121 leaves batch norms to a module of its own, which thop does not see."""
    out = cnncalc("explain", "densenet121", "--published", "2834388480").out
    assert "\ntools count programs as torchvision writes them, unless another is named\n" in out
    assert re.search(r"^densenet121  thop of timm's program +3x224x224 +2,834,388,480 ", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("network", "figure", "line"),
    [
        ("resnet50", "4.1G", r"resnet50 +fvcore +3x224x224 +4,111,512,576 +\+0.28%"),
        ("resnet50_paper", "4.089G", r"resnet50 +macs +3x224x224 +4,089,184,256"),  # a variant
        # 4 * 4,087,136,256 of the convolutions, and 2,048,000
        ("resnet50", "16.35G", r"resnet50 +macs +3x448x448 +16,350,593,024"),
        ("vgg16", "528MB", r"vgg16 +params, float32, in 1024s +3x224x224 +553,430,176"),
        ("eca_resnet50", "3.86G", r"eca_resnet50 +thop, in 1024s +3x224x224 +4,139,364,864"),
        ("googlenet", "13.0M", r"googlenet +params with side outputs +3x224x224 +13,004,888"),
        ("resnet50", "3.3G", r"none agrees with its digits; these come nearest"),
        ("vit_b_16", "86M", r"\n1 way agrees with its digits\n"),
        ("resnet50", "25557032", r"\n2 ways agree with its digits\n"),  # the paper's form too
        ("resnet50", "1000000G", r"resnet50 +flops +3x448x448 +32,857,392,168 +-100%\n"),
        # 11,506,880 / 2**20 = 10.974
        ("resnet18_paper", "1.0M", r"resnet18_paper +weights alone, in 1024s +3x224x224 +11,506,880 +\+997%\n"),
    ],
)
def test_who_counts_like_that(cnncalc, network, figure, line):
    assert re.search(line, cnncalc("explain", network, "--published", figure).out)


def test_variables_hold_on_other_inputs(cnncalc, tmp_path):
    spec = (
        "cnncalc: 1\nname: w\ninput: [1, 8, 8]\nvars: {width: 4}\nlayers:\n  - {conv: $width, kernel: 1, bias: false}\n"
    )
    (tmp_path / "w.yaml").write_text(spec, "utf-8")
    out = cnncalc("explain", "w.yaml", "--set", "width=5", "--published", "250880").out  # 5*224*224
    assert re.search(r"^w +macs +1x224x224 +250,880 +\+0%$", out, re.MULTILINE)
    assert "none agrees" in cnncalc("explain", "w.yaml", "--published", "250880").out


@pytest.mark.parametrize(
    "arguments",
    [
        ["resnet50"],
        ["resnet50", "--published", "4.1G"],
        ["resnet50", "--published", "3.8G"],
        ["resnet50", "--batch", "2"],
        ["maxvit_t"],
        ["vit_b_16", "--convention", "torchprofile"],
    ],
)
def test_json_of_a_network_fits_its_schema(cnncalc, arguments):
    schema = json.loads(cnncalc("schema", "explain").out)
    payload = json.loads(cnncalc("explain", *arguments, "-f", "json").out)
    validator = jsonschema.Draft7Validator(schema)
    validator.validate(payload)
    assert not validator.is_valid({**payload, "extra": 1})


def test_markdown_of_a_network(cnncalc):
    text = cnncalc("explain", "resnet50", "-f", "markdown").out
    assert "| torch | 8,178,368,512 | 2x |\n" in text
    assert "| conv | 53 | 4,087,136,256 | mac | 1 -\\> 2 | +4,087,136,256 | 8,176,320,512 |\n" in text
    assert (
        "| **fvcore** |  |  |  |  | **+22,328,320** | **4,111,512,576** |\n\n- not counted: relu, maxpool, add\n"
        in text
    )
    assert "\n\npaper equals macs; not counted: " in text
    assert "\n\n- macs (what " in text


def test_the_source_of_a_backward_pass_says_nothing_of_evaluation(cnncalc):
    assert "FlopCounterMode, in evaluation without gradients): 2 per" in cnncalc("explain", "resnet18").out
    for pass_ in ("backward", "step"):
        out = cnncalc("explain", "resnet18", "--pass", pass_).out
        assert "FlopCounterMode): " in out
        assert "in evaluation" not in out


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    "arguments",
    [
        ["resnet50"],
        ["vit_b_16", "--pass", "step"],
        ["resnet50", "--published", "4.1G"],
        ["vit_b_16", "block_1.add1.f.attention1", "--batch", "2"],
        ["resnet50", "stage1.block_1", "--pass", "step"],
    ],
)
def test_a_terminal_is_wide_enough(cnncalc, arguments, width):
    """Nothing is wider than the terminal, and no number is lost but those of columns that are named."""
    shown = terminal("explain", *arguments, COLUMNS=str(width))
    assert max(map(len, shown.splitlines())) <= width
    whole = cnncalc("explain", *arguments).out
    numbers, there = (set(re.findall(r"\d[\d,]*", text)) for text in (whole, shown))
    assert numbers <= there or "no room here for" in shown


def test_a_format_by_name_is_as_wide_as_it_is(cnncalc):
    whole = cnncalc("explain", "resnet50").out
    assert terminal("explain", "resnet50", "--format", "plain", COLUMNS="60").splitlines() == whole.splitlines()


def test_a_formula_on_a_narrow_terminal_is_a_sentence():
    shown = terminal("explain", "alexnet_single_tower", "conv1", COLUMNS="60").splitlines()
    assert "weights: k_h*k_w*c_in*c_out = 11*11*3*96 = 34,848 weights" in shown
    at = shown.index("MACs: h_out*w_out*c_out*k_h*k_w*c_in = 55*55*96*11*11*3 =")
    assert shown[at + 1] == "    105,415,200 MACs"
