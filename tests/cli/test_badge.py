"""cnncalc badge: which figure, in which words and colour, and where it goes."""

from __future__ import annotations

import json
import os
import stat
from xml.etree import ElementTree

import pytest

SPEC = """\
cnncalc: 1
name: net
input: [10]
vars: {out: 100}
layers: [{linear: $out}]
"""  # 10 * 100 weights + 100 biases = 1,100 params; 1,000 macs; 10 + 100 = 110 activations, 440 bytes


@pytest.fixture
def net(tmp_path, monkeypatch):
    """Writes ``net.yaml`` in the working directory, with a budget."""
    monkeypatch.chdir(tmp_path)

    def write(budget: str = "") -> None:
        (tmp_path / "net.yaml").write_text(SPEC + budget, "utf-8")

    write()
    return write


def endpoint(cnncalc, *arguments: str) -> tuple[str, str, str]:
    result = cnncalc("badge", *arguments, "--format", "json")
    assert (result.code, result.err) == (0, "")
    payload = json.loads(result.out)
    assert payload.pop("schemaVersion") == 1
    assert list(payload) == ["label", "message", "color"]
    return tuple(payload.values())


@pytest.mark.parametrize(
    ("arguments", "label", "message"),
    [
        (["params"], "params", "1.100K"),
        (["biases"], "biases", "100"),
        (["norm_params"], "norm params", "0"),
        (["macs"], "MACs", "1.000K"),
        (["macs", "--batch", "3"], "MACs", "3.000K"),
        (["flops"], "FLOPs", "2.100K"),  # 2 * 1,000 + 100 biases
        (["work"], "work (macs)", "1.000K"),
        (["work", "--convention", "flops"], "work (flops)", "2.100K"),
        (["expected_macs"], "expected MACs", "1.000K"),
        (["activations"], "activations", "110"),
        (["activation_bytes"], "activation memory", "440 B"),
        (["activation_bytes", "--batch", "10"], "activation memory", "4.400 kB"),
        (["activation_bytes", "--dtype", "float16"], "activation memory", "220 B"),
        (["depth"], "depth", "1"),
        (["params", "--set", "out=10"], "params (out=10)", "110"),
        (["macs", "--input", "20"], "MACs (input=20)", "2.000K"),
        (["params", "--label", " my net "], "my net", "1.100K"),
    ],
)
def test_figures(cnncalc, net, arguments, label, message):
    assert endpoint(cnncalc, "net.yaml", *arguments) == (label, message, "blue")


def test_side_outputs_are_counted_when_asked(cnncalc):
    # GoogLeNet_Weights.IMAGENET1K_V1.num_params of torchvision is without the auxiliary heads
    assert endpoint(cnncalc, "googlenet", "params")[1] == "6.625M"
    assert endpoint(cnncalc, "googlenet", "params", "--with-side")[1] == "13.00M"


def test_an_expected_count_that_is_no_whole_number(cnncalc, net, tmp_path):
    drop = "cnncalc: 1\ninput: [3]\nlayers: [{add: {a: [{linear: 3}, {stochastic_depth: 0.3}], b: identity}}]\n"
    (tmp_path / "net.yaml").write_text(drop, "utf-8")
    assert endpoint(cnncalc, "net.yaml", "expected_macs")[1:] == ("6.3", "blue")  # 0.7 * 9
    for limit, color in (("6.3", "green"), ("6.29", "red")):
        (tmp_path / "net.yaml").write_text(f"{drop}budget: {{expected_macs: {{max: {limit}}}}}\n", "utf-8")
        assert endpoint(cnncalc, "net.yaml", "expected_macs")[2] == color


@pytest.mark.parametrize(
    ("budget", "arguments", "color"),
    [
        ("{params: {max: 1100}}", ["params"], "green"),
        ("{params: {max: 1099}}", ["params"], "red"),
        ("{params: {warn: 1099, max: 2K}}", ["params"], "orange"),
        ("{params: {warn: 1K, max: 1K}}", ["params"], "red"),
        ("{params: {warn: 2K}}", ["params"], "green"),
        ("{macs: {max: 1}}", ["params"], "blue"),
        ("{params: {max: 1}}", ["params", "--color", "green"], "green"),
        # a budget says nothing of another form of the network
        ("{params: {max: 1}}", ["params", "--set", "out=10"], "blue"),
        ("{macs: {max: 1}}", ["macs", "--batch", "2"], "blue"),
        ("{macs: {max: 1, batch: 2}}", ["macs", "--batch", "2"], "red"),
        ("{macs: {max: 1, batch: 2}}", ["macs"], "blue"),
        ("{activation_bytes: {max: 1K, dtype: float16}}", ["activation_bytes", "--dtype", "float16"], "green"),
    ],
)
def test_the_budget_colours_its_figure(cnncalc, net, budget, arguments, color):
    net(f"budget: {budget}\n")
    assert endpoint(cnncalc, "net.yaml", *arguments)[2] == color


def test_svg_is_what_is_printed(cnncalc, net):
    result = cnncalc("badge", "net.yaml", "params", "--label", "<b> & \u00e9")
    assert (result.code, result.err) == (0, "")
    assert ElementTree.fromstring(result.out).get("aria-label") == "<b> & \u00e9: 1.100K"
    assert cnncalc("badge", "net.yaml", "params", "--label", "<b> & \u00e9").out == result.out


def test_a_file_is_written_as_a_whole(cnncalc, net, tmp_path):
    printed = cnncalc("badge", "net.yaml", "params").out
    file = tmp_path / "a=b.svg"
    file.write_text("old")
    file.chmod(0o640)
    before = file.stat().st_ino
    result = cnncalc("badge", "net.yaml", "params", "--output", "a=b.svg")
    assert result == (0, "", "")
    assert file.read_text("utf-8") == printed
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert file.stat().st_ino != before  # renamed over the old one, not written into it
    assert sorted(os.listdir(tmp_path)) == ["a=b.svg", "net.yaml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["parms"], "error: unknown quantity 'parms' (hint: did you mean params or norm_params?)\n"),
        (["receptive_field"], "error: unknown quantity 'receptive_field' (hint: "),
        (["params", "--color", "bleu"], "error: 'bleu' is not a colour (hint: did you mean blue?)\n"),
        (["params", "--color", ""], "error: '' is not a colour (hint: one of: blue, "),
        (["params", "--label", ""], "error: --label takes 1 to 100 printable characters, not ''\n"),
        (["params", "--label", "a\nb"], "error: --label takes 1 to 100 printable characters, not 'a\\nb'\n"),
        (["params", "--label", "\x1b[1m"], "error: --label takes 1 to 100 printable characters, not '\\x1b[1m'\n"),
        (["params", "--label", "x" * 101], "error: --label takes 1 to 100 printable characters, not 'xxx"),
        (["params", "--output", ""], "error: --output takes the name of a file\n"),
        (["params", "--output", "."], "error: '.' is a directory, not a file to write\n"),
        (["params", "--output", "net.yaml"], "error: 'net.yaml' was read, so it must not be overwritten\n"),
        (
            ["params", "--output", "./link.yaml"],
            "error: './link.yaml' was read, so it must not be overwritten\n",
        ),
        (["params", "--output", "base.yaml"], "error: 'base.yaml' was read, so it must not be overwritten\n"),
        (
            ["params", "--format", "png"],
            "error: invalid value for '--format' / '-f': 'png' is not one of 'svg', 'json'",
        ),
    ],
)
def test_refused(cnncalc, net, tmp_path, arguments, message):
    (tmp_path / "net.yaml").rename(tmp_path / "base.yaml")
    (tmp_path / "net.yaml").write_text("cnncalc: 1\nextends: base\n", "utf-8")
    (tmp_path / "link.yaml").symlink_to("net.yaml")
    result = cnncalc("badge", "net.yaml", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(message)
    assert (tmp_path / "net.yaml").read_text("utf-8") == "cnncalc: 1\nextends: base\n"
    assert (tmp_path / "base.yaml").read_text("utf-8") == SPEC


def test_a_folder_that_is_not_there(cnncalc, net):
    result = cnncalc("badge", "net.yaml", "params", "--output", "nowhere/x.svg")
    assert (result.code, result.out) == (3, "")
    assert result.err == "error: cannot write 'nowhere/x.svg': No such file or directory\n"
