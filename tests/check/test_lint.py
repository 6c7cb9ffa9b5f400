"""The lint rules: what each finds, in exact words and at which place, what it leaves alone, and its page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cnncalc.check.lint import RULES
from cnncalc.check.model import Finding
from cnncalc.check.session import Session, specs_in
from cnncalc.cli.main import run

ROOT = Path(__file__).resolve().parents[2]
Lint = Callable[..., list[Finding]]


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lint:
    """What lint finds in ``net.yaml``: ``lint(text, base=...)`` writes the other files too. No claim may fail."""
    monkeypatch.chdir(tmp_path)

    def check(text: str, ignored: tuple[str, ...] = (), **files: str) -> list[Finding]:
        for name, content in {"net": text, **files}.items():
            Path(f"{name}.yaml").write_text(content, encoding="utf-8")
        checked = Session(ignored=ignored).check("net.yaml")
        assert [finding for finding in checked.findings if not finding.code.startswith("CN")] == []
        return list(checked.findings)

    return check


def network(layers: str, input: str = "[3, 3, 3]", more: str = "") -> str:
    """A spec; its layers begin on line 5."""
    return f"cnncalc: 1\nsource: a test\ninput: {input}\nlayers:\n{layers.strip(chr(10))}\n{more}"


def codes(findings: list[Finding]) -> list[str]:
    return [finding.code for finding in findings]


# -- every rule ---------------------------------------------------------------------------------------------------


def test_codes_are_numbered_and_say_what_they_find():
    assert list(RULES) == [f"CN{number:03}" for number in range(1, 17)]
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
    for rule in RULES.values():
        assert rule.severity in ("warning", "note")
        assert rule.page.isascii()
        assert max(map(len, rule.page.split("\n"))) <= 100, rule.code


@pytest.mark.parametrize("code", RULES)
def test_the_examples_of_a_rule_are_true(lint, code):
    rule = RULES[code]
    assert codes(lint(rule.bad.strip())) == [code]
    assert code not in codes(lint(rule.good.strip()))


@pytest.mark.parametrize("code", RULES)
def test_a_spec_or_a_session_ignores_a_rule(lint, code):
    bad = RULES[code].bad.strip()
    assert lint(f"{bad}\nlint: {{ignore: [{code}]}}\n") == []
    assert lint(bad, ignored=(code,)) == []


# -- what is said -------------------------------------------------------------------------------------------------

#: what it is about, the spec, every finding of its rule
FOUND = [
    (
        "one row",
        network("  - {maxpool: [[3, 1], [2, 1]], name: pool}", "[3, 8, 8]"),
        "net.yaml:5:5: warning: maxpool 'pool': 3x1 stride 2x1 on 8x8 leaves 1 row unread"
        " (hint: ceil: true or padding reads the rest; 7x8 fits) [CN001]",
    ),
    (
        "on one axis",
        network("  - {conv: 4, kernel: 5, stride: 4, name: conv}", "[3, 12]"),
        "net.yaml:5:5: warning: conv 'conv': 5 stride 4 on 12 leaves 3 positions unread"
        " (hint: padding reads the rest; 9 fits) [CN001]",
    ),
    (
        "on three axes",
        network("  - {avgpool: 2, name: pool}", "[3, 5, 4, 5]"),
        "net.yaml:5:5: warning: avgpool 'pool': 2x2x2 stride 2 on 5x4x5 leaves 1 plane and 1 column unread"
        " (hint: ceil: true or padding reads the rest; 4x4x4 fits) [CN001]",
    ),
    (
        "a gap wider than what the stride skips anyway",  # reads 0-2 and 5-7 of 12; 8 and 9 are skipped as 3 and 4 are
        network("  - {dwconv: 3, stride: 5, name: conv}", "[3, 12]"),
        "net.yaml:5:5: warning: dwconv 'conv': 3 stride 5 on 12 leaves 2 positions unread"
        " (hint: padding reads the rest; 10 fits) [CN001]",
    ),
    (
        "a dilated window",  # reads 0, 2, 4 and 3, 5, 7
        network("  - {conv: 4, kernel: 3, stride: 3, dilation: 2, name: conv}", "[3, 9]"),
        "net.yaml:5:5: warning: conv 'conv': 3 dilation 2 stride 3 on 9 leaves 1 position unread"
        " (hint: padding reads the rest; 8 fits) [CN001]",
    ),
    (
        "an even pool",
        network("  - {maxpool: 2, stride: 1, pad: same_tf, name: pool}"),
        "net.yaml:5:5: warning: maxpool 'pool': 2x2 stride 1 with pad: same_tf shifts its output by half a pixel:"
        " 0 before, 1 after (hint: an odd kernel has a middle pixel) [CN002]",
    ),
    (
        "an even kernel after uneven padding",
        network("  - {pad: 0, after: 1}\n  - {conv: 8, kernel: 2, name: conv}"),
        "net.yaml:6:5: warning: conv 'conv': 2x2 stride 1 after pad shifts its output by half a pixel:"
        " 0 before, 1 after (hint: an odd kernel has a middle pixel) [CN002]",
    ),
    (
        "a bias before a batch norm of its own line",
        network("  - {conv: 8, kernel: 3, name: conv}\n  - bn\n  - flatten\n  - {linear: 4}"),
        "net.yaml:5:5: warning: conv 'conv': the batch norm after it cancels its bias; 8 parameters not needed"
        " (hint: bias: false) [CN003]",
    ),
    (
        "the bias of a linear layer",
        network("  - flatten\n  - {linear: 16, norm: bn, name: fc}\n  - {linear: 4}"),
        "net.yaml:6:5: warning: linear 'fc': the batch norm after it cancels its bias; 16 parameters not needed"
        " (hint: bias: false) [CN003]",
    ),
    (
        "each width once, the last layer's not at all",
        network(
            "  - {conv: 12, kernel: 3, pad: 1, repeat: 3, name: a}\n"
            "  - {conv: 6, kernel: 3, name: b}\n  - {conv: 10, kernel: 1}"
        ),
        "net.yaml:5:5: note: 8 does not divide 2 layer widths: 12 ('a_1') and 6 ('b')"
        " (hint: div8(x) rounds a width, and tensor cores are built for it) [CN004]",
    ),
    (
        "many widths",
        network("".join(f"  - {{conv: {width}, kernel: 1, name: c{width}}}\n" for width in (1, 2, 3, 4, 5, 6, 7, 10))),
        "net.yaml:5:5: note: 8 does not divide 7 layer widths: 1 ('c1'), 2 ('c2'), 3 ('c3'), 4 ('c4'), 5 ('c5')"
        " and 2 more (hint: div8(x) rounds a width, and tensor cores are built for it) [CN004]",
    ),
    (
        "groups",
        network(
            "  - {conv: 64, kernel: 3, pad: 1}\n  - {conv: 64, kernel: 3, groups: 16, name: grouped}\n"
            "  - {conv: 8, kernel: 1}"
        ),
        "net.yaml:6:5: note: 8 does not divide a group width: 4 ('grouped')"
        " (hint: div8(x) rounds a width, and tensor cores are built for it) [CN004]",
    ),
    (
        "a branch that is left out of its join",
        network(
            "  - {conv: 8, kernel: 1, name: left}\n"
            "  - {conv: 8, kernel: 1, norm: bn, bias: false, act: relu, name: lost, from: input}\n"
            "  - {relu: [], from: left}"
        ),
        "net.yaml:6:5: warning: relu 'lost.relu': nothing reads its value, and 2 more operators lead only to it;"
        " 40 parameters not used (hint: remove it, or name it under outputs: or side:) [CN005]",  # 3*8 + 2*8
    ),
    (
        "two ends of what nothing reads",  # a counts for the later of its two readers
        network(
            "  - {conv: 8, kernel: 1, name: a}\n  - {relu: [], name: b}\n  - {sigmoid: [], from: a, name: c}\n"
            "  - {conv: 8, kernel: 3, from: input}"
        ),
        "net.yaml:6:5: warning: relu 'b': nothing reads its value"
        " (hint: remove it, or name it under outputs: or side:) [CN005]\n"
        "net.yaml:7:5: warning: sigmoid 'c': nothing reads its value, and 1 more operator leads only to it;"
        " 32 parameters not used (hint: remove it, or name it under outputs: or side:) [CN005]",
    ),
    (
        "a last layer beside the outputs",
        network("  - {conv: 8, kernel: 1, name: a}\n  - {relu: [], name: b}", more="outputs: [a]"),
        "net.yaml:6:5: warning: relu 'b': nothing reads its value"
        " (hint: remove it, or name it under outputs: or side:) [CN005]",
    ),
    (
        "weights that are another's",
        network(
            "  - {conv: 3, kernel: 1, name: a}\n  - {conv: 3, kernel: 1, shared: a, name: b}\n  - {relu: [], from: a}"
        ),
        "net.yaml:6:5: warning: conv 'b': nothing reads its value"
        " (hint: remove it, or name it under outputs: or side:) [CN005]",
    ),
    (
        "a number inside a named block",
        network(
            "  - {Unit: 8, repeat: 2, name: unit}",
            more="blocks:\n  Unit: {args: [width], layers: [{add: {x: [{conv: $width, kernel: 1}], y: {conv: $width,"
            " kernel: 1}}}]}\nclaims:\n  - {at: unit_2.add1, shape: [8, 3, 3], source: a test}",
        ),
        "net.yaml:9:23: warning: the claim is at 'unit_2.add1', but 'add1' has no name of its own: another one before it moves the"
        " claim (hint: give that layer a name) [CN006]",
    ),
    (
        "a number with repeat",
        network("  - {conv: 8, kernel: 1, repeat: 2}", more="claims:\n  - {params: 72, at: conv1_2, source: 8*8 + 8}"),
        "net.yaml:7:6: warning: the claim is at 'conv1_2', but 'conv1_2' has no name of its own: another one before it moves the"
        " claim (hint: give that layer a name) [CN006]",
    ),
    (
        "a number in a side output",
        network(
            "  - {conv: 8, kernel: 1, name: conv}",
            more="side:\n  aux: {from: conv, layers: [relu]}\n"
            "claims:\n  - {shape: [8, 3, 3], at: aux.relu1, with_side: true, source: a test}",
        ),
        "net.yaml:9:6: warning: the claim is at 'aux.relu1', but 'relu1' has no name of its own: another one before it moves the"
        " claim (hint: give that layer a name) [CN006]",
    ),
    (
        "a block whose name ends in a number, in a name with a variable",
        network(
            "  - {layers: [{Unit2: []}], name: part$width}",
            more="vars: {width: 8}\nblocks: {Unit2: {layers: [{conv: 8, kernel: 1, name: conv}]}}\n"
            "claims:\n  - {params: 32, at: part8.Unit21.conv, source: 3*8 + 8}",
        ),
        "net.yaml:9:6: warning: the claim is at 'part8.Unit21.conv', but 'Unit21' has no name of its own: another one before it"
        " moves the claim (hint: give that layer a name) [CN006]",
    ),
    (
        "fully connected layers",
        # 8*3*25 + 8 = 608;  8*16*64 + 64 = 8256;  64*10 + 10 = 650;  with the mean 8*64 + 64 = 576
        network(
            "  - {conv: 8, kernel: 5, pad: 2}\n  - {flatten: [], name: flat}\n  - {dropout: 0.5}\n"
            "  - {linear: 64, act: relu}\n  - {linear: 10}",
            "[3, 4, 4]",
        ),
        "net.yaml:6:5: note: flatten 'flat': linear layers after 8x4x4 hold 8,906 of 9,514 parameters, 93.6%"
        " (hint: global_avgpool before the flatten leaves 1,834) [CN007]",
    ),
    (
        "fully connected layers, those of a side output left out",
        network(
            "  - {conv: 8, kernel: 5, pad: 2, name: conv}\n  - {flatten: [], name: flat}\n  - {linear: 64}",
            "[3, 4, 4]",
            "side: {aux: {from: conv, layers: [flatten, {linear: 1000}]}}",
        ),
        "net.yaml:6:5: note: flatten 'flat': linear layers after 8x4x4 hold 8,256 of 8,864 parameters, 93.1%"
        " (hint: global_avgpool before the flatten leaves 1,184) [CN007]",
    ),
    (
        "fields past the input",  # 7, 9, 11 of 7
        network("  - {conv: 8, kernel: 7, pad: 3}\n  - {conv: 8, kernel: 3, pad: 1, repeat: 2, name: c}", "[3, 7, 7]"),
        "net.yaml:6:5: note: conv 'c_1': its input already sees 7x7, all of 7x7; from there on 2 windows widen the"
        " receptive field to 11x11 (hint: a larger input gives these layers more to see) [CN008]",
    ),
    (
        "a field within the input",  # 3, then 3 + 2*2
        network("  - {conv: 8, kernel: 3, stride: 2, pad: 1}\n  - {conv: 8, kernel: 3, pad: 1, name: last}\n  - relu",
                "[3, 9, 9]"),
        "net.yaml:6:5: note: conv 'last': the widest receptive field is 7x7, of an input of 9x9"
        " (hint: a stride, a dilation or more windows widen it) [CN009]",
    ),
    (
        "a field within the input on one axis",
        network("  - {conv: 8, kernel: 3, name: last}", "[3, 3, 9]"),
        "net.yaml:5:5: note: conv 'last': the widest receptive field is 3x3, of an input of 3x9"
        " (hint: a stride, a dilation or more windows widen it) [CN009]",
    ),
    (
        "relu twice",
        network("  - {conv: 8, kernel: 3, act: relu, name: conv}\n  - {relu: [], name: again}"),
        "net.yaml:6:5: warning: relu 'again' comes directly after relu 'conv.relu'"
        " (hint: remove it, or write act: none before it) [CN010]",
    ),
    (
        "a 1x1 pool with stride 2",
        network("  - {maxpool: 1, stride: 2, name: p6}"),
        "net.yaml:5:5: note: maxpool 'p6': 1x1 stride 2 reads 1 of 4 pixels of 3x3 (hint: an average pool of the stride"
        " before it, or a kernel as large as the stride, reads all) [CN011]",
    ),
    (
        "a 1x1 on a map of one row",
        network("  - {conv: 8, kernel: 1, stride: 2, name: c}", "[3, 1, 4]"),
        "net.yaml:5:5: note: conv 'c': 1x1 stride 2 reads 1 of 2 pixels of 1x4 (hint: an average pool of the stride"
        " before it, or a kernel as large as the stride, reads all) [CN011]",
    ),
    (
        "a stride beyond the kernel on one axis of three",
        network("  - {conv: 8, kernel: [3, 2, 2], stride: [1, 3, 2], name: c}", "[3, 3, 8, 4]"),
        "net.yaml:5:5: note: conv 'c': 3x2x2 stride 1x3x2 reads 2 of 3 pixels of 3x8x4 (hint: an average pool of the"
        " stride before it, or a kernel as large as the stride, reads all) [CN011]",
    ),
    (
        "no source",
        "cnncalc: 1\ninput: [3, 3, 3]\nlayers: [{conv: 8, kernel: 3}]\n",
        "net.yaml:1:1: warning: the spec has no source"
        " (hint: add source: the paper, slide or code that it follows) [CN012]",
    ),
    (
        "a variable that an argument and a column hide",
        network(
            "  - stages: {width: [8, 8]}\n    each: [{Unit: $width}]",
            more="blocks:\n  Unit:\n    args: [depth]\n    layers: [{conv: $depth, kernel: 1}]\n"
            "vars: {depth: 3, width: 8, height: 1}",
        ),
        "net.yaml:11:8: warning: nothing uses the variable $depth (hint: remove it, or use it) [CN013]\n"
        "net.yaml:11:18: warning: nothing uses the variable $width (hint: remove it, or use it) [CN013]\n"
        "net.yaml:11:28: warning: nothing uses the variable $height (hint: remove it, or use it) [CN013]",
    ),
    (
        "blocks that only one another use",
        network("  - {conv: 8, kernel: 3}", more="blocks:\n  Inner: {layers: [relu]}\n  Outer: {layers: [Inner]}"),
        "net.yaml:7:3: warning: nothing uses the block Inner (hint: remove it, or move it to a library) [CN014]\n"
        "net.yaml:8:3: warning: nothing uses the block Outer (hint: remove it, or move it to a library) [CN014]",
    ),
    (
        "defaults of a word that is cancelled",
        network("  - {conv: 8, kernel: 3, act: none}",
                more="defaults:\n  conv: {act: leaky_relu}\n  leaky_relu: {slope: 0.1}"),
        "net.yaml:8:3: warning: no layer of this file uses the defaults of leaky_relu (hint: remove them) [CN015]",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_what_is_found(lint, text, message):
    code = message[-6:-1]
    assert "\n".join(str(finding) for finding in lint(text) if finding.code == code) == message


#: code, what it is about, a spec that it does not find
NOT_FOUND = [
    ("CN001", "padding alone is dropped", network("  - {conv: 8, kernel: 3, stride: 2, pad: 1}", "[3, 4, 4]")),
    ("CN001", "rounds up", network("  - {maxpool: 3, stride: 3, ceil: true}", "[3, 7, 7]")),
    ("CN001", "skipped everywhere", network("  - {conv: 8, kernel: 1, stride: 2}", "[3, 4, 4]")),
    ("CN001", "transposed", network("  - {conv_transpose: 8, kernel: 3, stride: 2, pad: 1}", "[3, 4, 4]")),
    ("CN001", "transposed and cut", network("  - {conv_transpose: 8, kernel: 2, stride: 2, pad: 1}", "[3, 4, 4]")),
    ("CN001", "cropped on purpose", network("  - {crop: 1}", "[3, 7, 7]")),
    ("CN002", "a patch", network("  - {conv: 8, kernel: 2, stride: 2, pad: same_tf}", "[3, 4, 4]")),
    ("CN002", "an odd kernel", network("  - {conv: 8, kernel: 3, stride: 2, pad: same_tf}", "[3, 4, 4]")),
    ("CN002", "even padding for it", network("  - {pad: 1}\n  - {conv: 8, kernel: 2}")),
    ("CN002", "uneven padding twice", network("  - {pad: 1, after: 2}\n  - {conv: 8, kernel: 4, stride: 2}", "[3, 4, 4]")),
    ("CN003", "no bias", network("  - {conv: 8, kernel: 3, bias: false, norm: bn}")),
    ("CN003", "an activation between", network("  - {conv: 8, kernel: 3, act: relu}\n  - bn")),
    ("CN003", "another reader", network("  - {conv: 3, kernel: 1, name: c}\n  - bn\n  - add: [c, prev]")),
    ("CN003", "an output itself", network("  - {conv: 3, kernel: 1, name: c}\n  - {bn: [], name: b}", more="outputs: [c, b]")),
    ("CN003", "a layer norm", network("  - {conv: 8, kernel: 3, norm: layernorm}")),
    ("CN004", "the number of classes", network("  - {conv: 8, kernel: 3}\n  - flatten\n  - {linear: 10}\n  - softmax")),
    ("CN004", "the classes, enlarged", network("  - {conv: 21, kernel: 3}\n  - {conv_transpose: 21, kernel: 4}")),
    ("CN004", "shuffled groups", network("  - {conv: 24, kernel: 3}\n  - {shuffle: 6}\n  - {conv: 8, kernel: 1}")),
    ("CN004", "the classes of tokens", network("  - {linear: 16}\n  - {linear: 10}", "{tokens: 6, features: 8}")),
    ("CN004", "depthwise", network("  - {dwconv: 3, pad: 1}\n  - {conv: 8, kernel: 3}")),
    ("CN005", "two outputs", network("  - {conv: 8, kernel: 1, name: a}\n  - {relu: [], name: b}", more="outputs: [a, b]")),
    (
        "CN005",
        "for a side output",
        network("  - {conv: 8, kernel: 1, name: a}\n  - {relu: [], from: input}", more="side:\n  aux: {from: a, layers: [relu]}"),
    ),
    ("CN005", "the input itself", network("  - {parameter: [8, 3, 3]}")),
    (
        "CN006",
        "names, stages and repeats",
        network(
            "  - stages: {width: [8]}\n    each: [{conv: $width, kernel: 1, repeat: 2, name: unit}]\n"
            "  - {conv: 8, kernel: 1, name: conv$width, act: relu}",
            more="vars: {width: 8}\nclaims:\n  - {at: stage1.unit_2, shape: [8, 3, 3], source: a test}\n"
            "  - {at: conv8.relu, shape: [8, 3, 3], source: a test}\n  - {at: input, shape: [3, 3, 3], source: a test}",
        ),
    ),
    (
        "CN006",
        "a name that looks numbered, and one name for two that exclude each other",
        network(
            "  - {conv: 8, kernel: 1, name: conv1_1}\n  - {conv: 8, kernel: 1}\n"
            "  - {when: $in != 3, layers: [{conv: 8, kernel: 1}], name: x}\n"
            "  - {when: $in == 3, layers: [{conv: 8, kernel: 1, name: conv1}], name: x}",
            more="claims:\n  - {at: conv1_1, shape: [8, 3, 3], source: a test}\n"
            "  - {at: x.conv1, shape: [8, 3, 3], source: a test}",
        ),
    ),
    ("CN007", "one pixel", network("  - {conv: 8, kernel: 3}\n  - flatten\n  - {linear: 512}")),
    ("CN007", "fewer than half", network("  - {conv: 8, kernel: 3, pad: 1}\n  - flatten\n  - {linear: 2}")),
    ("CN007", "no convolution", network("  - flatten\n  - {linear: 512}")),
    ("CN008", "a gate sees all, and no window widens that", network(
        "  - mul: {x: identity, gate: [global_avgpool, sigmoid]}\n  - {conv: 8, kernel: 3, pad: 1}")),
    ("CN008", "on one axis only", network("  - {conv: 8, kernel: 3, pad: 1, repeat: 2, name: c}", "[3, 3, 9]")),
    ("CN008", "in a side output", network(
        "  - {conv: 8, kernel: 3, pad: 1, name: c}", more="side: {aux: {from: c, layers: [{conv: 8, kernel: 3}]}}")),
    ("CN008", "one pixel", network("  - {conv: 8, kernel: 3}\n  - {conv: 8, kernel: 1, repeat: 3, name: c}")),
    ("CN009", "attention", network(
        "  - {conv: 8, kernel: 2, stride: 2}\n  - tokens\n  - {attention: 2}", "[3, 8, 8]")),
    ("CN009", "as large as the input", network("  - {conv: 8, kernel: 3}")),
    ("CN010", "another one", network("  - {conv: 8, kernel: 3, act: relu}\n  - sigmoid")),
    ("CN010", "a pool between", network("  - relu\n  - {maxpool: 3}\n  - relu")),
    ("CN010", "another slope", network("  - {leaky_relu: 0.1}\n  - {leaky_relu: 0.2}")),
    ("CN011", "as large as the stride", network("  - {maxpool: 2}\n  - {conv: 8, kernel: [1, 2], stride: [1, 2]}", "[3, 8, 8]")),
    ("CN011", "dilated over the gap", network("  - {conv: 8, kernel: 2, dilation: 2, stride: 3}", "[3, 6]")),
    (
        "CN013",
        "in a variable, an input, a default, an argument",
        "cnncalc: 1\nsource: a test\nvars: {a: 1, b: 2*$a, size: 3, slope: 0.1, width: 8}\ninput: [3, $size, $size]\n"
        "defaults: {leaky_relu: {slope: $slope}}\nblocks: {Unit: {args: [out=$b*$width], layers: [{conv: $out, kernel: 3, act:"
        " leaky_relu}]}}\nlayers: [Unit]\n",
    ),
    (
        "CN014",
        "by another block, a branch, a side output",
        network(
            "  - add: {x: [A], y: identity}\n  - {relu: [], name: r}",
            more="blocks: {A: {layers: [B]}, B: {layers: [relu]}, C: {layers: [relu]}}\nside: {aux: {from: r, layers: [C]}}",
        ),
    ),
    ("CN014", "under a condition that is false", network(
        "  - {when: 1 > 2, A: []}\n  - relu", more="blocks: {A: {layers: [relu]}}")),
    ("CN015", "as norm and act", network(
        "  - {conv: 8, kernel: 3, bias: false, norm: bn, act: $act}",
        more="vars: {act: elu}\ndefaults: {bn: {affine: false}, elu: {alpha: 2}}")),
    ("CN015", "in a block, in the first repeat", network(
        "  - {conv: 8, kernel: 1, act: none, repeat: 2, first: {act: elu}, name: c}\n  - Unit",
        more="defaults: {elu: {alpha: 2}, dropout: {p: 0.1}}\nblocks: {Unit: {layers: [dropout]}}")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "text"), [(row[0], row[2]) for row in NOT_FOUND], ids=[" ".join(row[:2]) for row in NOT_FOUND]
)
def test_what_is_not_found(lint, code, text):
    assert [str(finding) for finding in lint(text) if finding.code == code] == []


# -- one place, one finding ---------------------------------------------------------------------------------------


def test_repeats_are_one_finding(lint):
    unit = "blocks:\n  Unit:\n    layers:\n      - {conv: 8, kernel: 3, pad: 1, norm: bn, name: conv}\n"
    text = network("  - stages: {n: [2, 3]}\n    each: [{Unit: [], repeat: $n, name: unit}]", more=unit)
    assert [str(finding) for finding in lint(text) if finding.code == "CN003"] == [
        "net.yaml:10:9: warning: conv 'stage1.unit_1.conv': the batch norm after it cancels its bias;"
        " 8 parameters not needed (and 4 more from this place) (hint: bias: false) [CN003]"
    ]


def test_two_places_are_two_findings_in_the_order_of_the_text(lint):
    findings = lint(network("  - {conv: 8, kernel: 3, norm: bn, act: relu}\n  - relu\n  - relu"))
    assert [(finding.code, finding.location.line) for finding in findings] == [("CN003", 5), ("CN010", 6), ("CN010", 7)]


# -- bases and libraries ------------------------------------------------------------------------------------------

BASE = network(
    "  - {Unit: $width, name: unit}\n  - {conv: 8, kernel: 1}",
    more="vars: {width: 8, old: 1}\nblocks: {Unit: {args: [out], layers: [{conv: $out, kernel: 3}]}, Old: {layers: [relu]}}\n"
    "defaults: {conv: {act: relu}, avgpool: {ceil: true}}",
)


def test_only_a_files_own_text_is_looked_at(lint):
    assert codes(lint(BASE)) == ["CN013", "CN014", "CN015"]
    assert lint("cnncalc: 1\nsource: a test\nextends: base\n", base=BASE) == []


def test_a_base_uses_what_its_heir_sets(lint):
    heir = (
        "cnncalc: 1\nsource: a test\nextends: base\nvars: {width: 16}\n"
        "blocks: {Unit: {args: [out], layers: [{conv: $out, kernel: 3}]}}\ndefaults: {conv: {act: elu}, elu: {alpha: 2}}\n"
    )
    assert lint(heir, base=BASE) == []


def test_what_an_heir_adds_for_nothing(lint):
    heir = (
        "cnncalc: 1\nsource: a test\nextends: base\n"
        "blocks:\n  Other: {layers: [relu]}\ndefaults:\n  maxpool: {ceil: true}\n"
    )
    assert [str(finding) for finding in lint(heir, base=BASE)] == [
        "net.yaml:5:3: warning: nothing uses the block Other (hint: remove it, or move it to a library) [CN014]",
        "net.yaml:7:3: warning: no layer of this file uses the defaults of maxpool (hint: remove them) [CN015]",
    ]


def test_a_finding_points_into_the_base(lint):
    base = network("  - {conv: 8, kernel: 3, name: conv}\n  - bn")
    (finding,) = lint("cnncalc: 1\nsource: a test\nextends: base\n", base=base)
    assert (finding.code, str(finding.location), finding.spec) == ("CN003", "base.yaml:5:5", "net")


def test_blocks_of_a_library_are_for_others(lint):
    library = (
        "cnncalc: 1\nsource: a test\nvars: {unused: 1}\ndefaults: {avgpool: {ceil: true}, conv: {bias: false}}\n"
        "blocks: {Unit: {layers: [{conv: 8, kernel: 3}]}}\n"
    )
    assert codes(lint(library)) == ["CN013", "CN015"]
    user = network("  - Unit", more="uses: [library]\ndefaults: {conv: {bias: false}}")
    assert codes(lint(user, library=library)) == ["CN015"]


# -- any network --------------------------------------------------------------------------------------------------

ODD = [
    network("  - {linear: 16, act: relu}\n  - {linear: 4}", "[8]"),
    network(
        "  - {linear: 16, norm: layernorm}\n  - {attention: 4}\n  - {select: 0}\n  - {linear: 4}",
        "{tokens: 6, features: 8}",
    ),
    network(
        "  - {conv: 8, kernel: 3, pad: same, act: relu}\n  - global_avgpool\n  - flatten\n  - {linear: 4}", "[2, 9]"
    ),
    network(
        "  - {conv: 8, kernel: [1, 3, 3], stride: [1, 2, 2]}\n  - {maxpool: 2}\n  - flatten\n  - {linear: 4}",
        "[2, 4, 9, 9]",
    ),
    network("  - {conv_transpose: 8, kernel: 4, stride: 2, pad: 1}\n  - {upsample: 2}\n  - {conv: 3, kernel: 3}"),
    network("  - {parameter: [4, 4, 4]}\n  - {conv: 8, kernel: 3, pad: 1}"),
    network("  - relu"),
]


@pytest.mark.parametrize("text", ODD)
def test_no_rule_fails_on_an_odd_network(lint, text):
    assert all(finding.severity in ("warning", "note") for finding in lint(text))


def test_the_zoo_has_no_warnings():
    session = Session()
    checked = [session.check(path) for path in specs_in([str(ROOT / "specs")])]
    assert [str(finding) for one in checked for finding in one.findings if finding.severity != "note"] == []
    assert {finding.code for one in checked for finding in one.findings} >= {
        "CN004",
        "CN007",
        "CN008",
        "CN009",
        "CN011",
    }


def test_names_that_exclude_each_other_are_followed_once(lint):
    """Forty blocks, each with two layers of one name: 2^40 ways through them."""
    blocks = [
        f"  B{n}:\n    layers:\n      - {{when: $in == 3, B{n + 1}: [], name: x}}\n"
        f"      - {{when: $in != 3, B{n + 1}: [], name: x}}\n"
        for n in range(40)
    ]
    at = ".".join(["x"] * 41)
    more = f"blocks:\n{''.join(blocks)}  B40: {{layers: [relu]}}\nclaims:\n  - {{at: {at}.relu1, params: 0, source: a test}}"
    (finding,) = lint(network("  - {B0: [], name: x}", more=more))
    assert finding.message == (
        f"the claim is at '{at[:57]}...', but 'relu1' has no name of its own: another one before it moves the claim"
    )


# -- cnncalc rule -------------------------------------------------------------------------------------------------


def test_rule_lists_all(capsys):
    assert run(["rule"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines[0].split() == ["code", "severity", "name", "summary"]
    assert [line.split()[:3] for line in lines[2:18]] == [
        [rule.code, rule.severity, rule.name] for rule in RULES.values()
    ]


def test_rule_prints_a_page(capsys):
    assert run(["rule", "CN013"]) == 0
    assert capsys.readouterr().out == RULES["CN013"].page
    page = RULES["CN013"].page.split("\n")
    assert page[0] == "CN013 unused-variable (warning): a variable that nothing uses"
    assert page[-2] == "    lint: {ignore: [CN013]}"
    assert "      - {conv: $width, kernel: 3}" in page


def test_rule_as_json(capsys):
    run(["rule", "--format", "json"])
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "cnncalc.rules/1"
    assert [rule["code"] for rule in data["rules"]] == list(RULES)
    run(["rule", "CN003", "--format", "json"])
    (rule,) = json.loads(capsys.readouterr().out)["rules"]
    assert rule == {
        "code": "CN003",
        "name": "bias-before-norm",
        "severity": "warning",
        "summary": "a bias that the batch norm after it cancels",
        "page": RULES["CN003"].page,
    }


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("cn003", "error: unknown lint rule 'cn003' (hint: did you mean CN003?)"),
        ("bias\n", "error: unknown lint rule 'bias\\n' (hint: cnncalc rule lists them)"),
    ],
)
def test_rule_without_such_a_code(capsys, code, message):
    assert run(["rule", code]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{message}\n")


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            "[9, 9, 3]",
            "net.yaml:4:8: warning: input 9x9x3 has the channels last: the spec that it extends has 3x8x8"
            " (hint: channels come first, did you mean 3x9x9?) [CN016]",
        ),
        (
            "[2, 3, 8, 8]",
            "net.yaml:4:8: warning: input 2x3x8x8 has a batch axis: the spec that it extends has 3x8x8"
            " (hint: no batch axis: 3x8x8, and --batch 2) [CN016]",
        ),
        ("[1, 9, 9]", None),
        ("[3, 9, 3]", None),
        ("[$n, 9, 3]", None),
        ("{tokens: 9, features: 3}", None),
    ],
)
def test_an_input_is_held_against_that_of_the_base(lint, own, message):
    layers = "layers:\n  - {affine: [], name: a}\n"
    base = f"cnncalc: 1\nsource: a test\ninput: [3, 8, 8]\nvars: {{n: 9}}\n{layers}"
    heir = f"cnncalc: 1\nsource: a test\nextends: base\ninput: {own}\n"
    found = [str(finding) for finding in lint(heir, base=base) if finding.code == "CN016"]
    assert found == ([] if message is None else [message])
