"""The front door: a network without a command, one layer without a file, help by a word, the guide, show and vars."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cnncalc.cli import pages
from tests.cli.conftest import process
from tests.cli.test_process import terminal

ROOT = Path(__file__).resolve().parents[2]


def test_a_network_alone_is_its_summary(cnncalc):
    assert cnncalc("vgg16") == cnncalc("summary", "vgg16")
    assert cnncalc("VGG16", "--batch", "2").out == cnncalc("summary", "vgg16", "--batch", "2").out


def test_a_file_and_standard_input_alone_are_summaries(cnncalc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "cnncalc: 1\nname: own\ninput: [3, 8, 8]\nlayers: [relu]\n"
    Path("own.yaml").write_text(text)
    assert cnncalc("./own.yaml").out == cnncalc("summary", "./own.yaml").out
    assert process("-", input=text).stdout.startswith("own\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["parms"], "error: 'parms' is no command and no network (hint: did you mean params or vars?)\n"),
        (
            ["inceptin_v3"],
            "error: 'inceptin_v3' is no command and no network (hint: did you mean inception_v3 or inception_v4?)\n",
        ),
        (
            ["qqqq"],
            "error: 'qqqq' is no command and no network (hint: cnncalc help lists the commands, cnncalc list the networks)\n",
        ),
        (["guide", "memry"], "error: unknown page of the guide 'memry' (hint: did you mean memory?)\n"),
        (["help", "qqqq"], "error: nothing is known of 'qqqq' (hint: cnncalc guide lists the pages)\n"),
        (["help", "dephwise"], "error: nothing is known of 'dephwise' (hint: did you mean depthwise or depth?)\n"),
        (
            ["layer", "cov", "3", "--input", "3x8x8"],
            "error: unknown operator 'cov' (hint: did you mean conv or dwconv?)\n",
        ),
        (
            ["layer", "conv", "3"],
            "error: conv needs an input (hint: say what it reads, for example --input 3x227x227)\n",
        ),
        (
            ["layer", "add", "--input", "3x4x4"],
            "error: add needs at least 2 inputs, but got 1 (hint: give --input once more)\n",
        ),
        (
            ["layer", "conv", "3", "--kernal", "3", "--input", "3x8x8"],
            "error: conv has no argument 'kernal' (hint: did you mean kernel?)\n",
        ),
        (
            ["layer", "conv", "3", "--kernel", "9", "--input", "3x8x8"],
            "error: conv 'conv1': the window does not fit: (8 + 2*0 - 9)/1 + 1 = 0\n",
        ),
        (["layer", "conv", "3", "--kernel", "3", "--kernel=3", "--input", "3x8x8"], "error: --kernel is given twice\n"),
        (
            ["layer", "linear", "3", "--input", "3x8x8"],
            "error: linear 'linear1': takes vectors, sequences or tensors, but the input is a map 3x8x8 (hint: put flatten, or global_avgpool and flatten, before it)\n",
        ),
        (["list", "--family", "lectures"], "error: unknown family 'lectures' (hint: did you mean lecture?)\n"),
    ],
)
def test_wrong_words(cnncalc, words, message):
    assert cnncalc(*words)[:3] == (2, "", message)


@pytest.mark.parametrize(
    ("words", "out", "params", "macs"),
    [
        # the figures of the lecture's slides: 55x55x96, 11*11*3*96 weights and 96 biases
        ("conv 96 --kernel 11 --stride 4 --input 3x227x227", [96, 55, 55], 34_944, 105_415_200),
        ("linear 10 --input 4096", [10], 40_970, 40_960),
        ("linear 1000 --input [30000]", [1000], 30_001_000, 30_000_000),
        ("maxpool 3 --stride 2 --input 96x55x55", [96, 27, 27], 0, 0),
        ("conv 8 --kernel [1,3] --pad [0,1] --bias false --input 3x8x8", [8, 8, 8], 72, 4_608),
        ("conv 6 --kernel 3 --pad full --input 1x5x5", [6, 7, 7], 60, 2_646),
        ("layernorm --input 197x768", [197, 768], 394, 0),
        ("attention 12 --input 197x768", [197, 768], 2_362_368, 524_391_936),
        ("linear 3 --input tokens:4,features:5", [4, 3], 18, 60),
        ("add --input 3x4x4 --input 3x1x1", [3, 4, 4], 0, 0),
        ("avgpool 2 --ceil --input 3x5x5", [3, 3, 3], 0, 0),
    ],
)
def test_one_layer(cnncalc, words, out, params, macs):
    result = cnncalc("layer", *words.split(), "--format", "json")
    assert (result.code, result.err) == (0, "")
    data = json.loads(result.out)
    values = {formula["quantity"]: formula["value"] for formula in data["formulas"]}
    assert data["out"] == out
    assert values.get("params", 0) == params
    assert values.get("macs", 0) == macs


def test_one_layer_is_that_of_a_network(cnncalc):
    alone = cnncalc("layer", "conv", "96", "--kernel", "11", "--stride", "4", "--input", "3x227x227").out
    within = cnncalc("explain", "alexnet_single_tower", "conv1").out
    assert alone.split("\n")[2:-2] == within.split("\n")[2:-3]


def test_one_layer_is_counted_as_asked(cnncalc):
    words = ["layer", "conv", "4", "--kernel", "3", "--input", "3x8x8", "--convention", "ptflops", "--batch", "2"]
    assert "work under the convention ptflops: 8,064" in cnncalc(*words).out  # (27 + 1) * 4 * 6 * 6 * 2


def test_a_spec_is_shown_as_it_was_written(cnncalc):
    (path,) = (ROOT / "specs").rglob("resnet50.yaml")
    assert cnncalc("show", "resnet50").out == path.read_text("utf-8")


def test_what_is_shown_is_a_spec(cnncalc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("broken.yaml").write_text("cnncalc: 1\nname: own\ninput: [3, 8, 8]\nlayer: [relu]\n")
    result = cnncalc("show", "./broken.yaml")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("./broken.yaml:4:1: error: unknown key 'layer'")


def test_variables_are_listed_as_set_takes_them(cnncalc):
    out = cnncalc("vars", "resnet50").out
    assert out == "blocks=[3,4,6,3]\nwidth_factor=1\ngroups=1\nstride_on_3x3=true\nclasses=1000\n"
    words = [word for line in out.split() for word in ("--set", line)]
    assert cnncalc("params", "resnet50", *words, "-f", "csv").out == cnncalc("params", "resnet50", "-f", "csv").out
    assert cnncalc("vars", "six_filters_5x5").out == "six_filters_5x5 has no variables\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["memory"], ["Usage: cnncalc memory", "cnncalc guide memory is a page: Memory: three numbers"]),
        (["depthwise"], ["depthwise (term): a convolution in which every output channel sees one input channel"]),
        (["conv"], ["conv (operator): Convolution.", "\n  kernel: pixels of the window along each spatial axis"]),
        (
            ["kernel"],
            [
                "kernel (argument): of conv, dwconv, conv_transpose",
                "kernel (argument): of channel_conv: channels in the window",
            ],
        ),
        (["fvcore"], ["fvcore (convention): 1 per multiply-accumulate;"]),
        (["field"], ["field (term): how many input pixels", "field (column): receptive_field, in pixels:"]),
        (["MACs"], ["MACs (term): one multiplication and one addition"]),
        (["cn003"], ["cn003 (lint rule): bias-before-norm (warning)"]),
        (["t4"], ["t4 (GPU): 15.66 GB as PyTorch reports it"]),
        (["--optimizer"], ["--optimizer (option): --optimizer of memory, fit: "]),
        (["training", "memory"], ["training memory (term): the peak of a training step"]),
        (["vgg16"], ["vgg16 (network): cnncalc summary vgg16"]),
        (["broadcast"], ["In the guide:\ncnncalc guide "]),
    ],
)
def test_help_says_what_a_word_means(cnncalc, words, said):
    result = cnncalc("help", *words)
    assert (result.code, result.err) == (0, "")
    assert all(text in result.out for text in said), result.out


def test_the_guide_lists_its_pages(cnncalc):
    lines = cnncalc("guide").out.splitlines()
    assert [line.split()[2] for line in lines] == list(pages.PAGES)
    assert sorted(pages.PAGES) == sorted(path.stem for path in (ROOT / "cnncalc" / "guide").glob("*.md"))


@pytest.mark.parametrize("name", pages.PAGES)
def test_a_page_is_markdown_in_a_pipe(cnncalc, name):
    out = cnncalc("guide", name).out
    assert out.startswith("# ")
    assert "<!--" not in out


def test_a_page_fits_a_terminal():
    out = terminal("guide", "glossary", COLUMNS="70", PAGER="cat")
    assert max(map(len, out.splitlines())) <= 70
    assert "jump" in out and "**" not in out


def test_names_of_the_repository_come_from_the_metadata(monkeypatch):
    assert "uses: actions" in pages.page("check")
    assert "rev:" not in pages.page("check")
    found = {"Project-URL": ["Repository, https://github.com/example/cnncalc"]}

    class Metadata:
        def get_all(self, key: str) -> list[str] | None:
            return found.get(key)

    monkeypatch.setattr("importlib.metadata.metadata", lambda name: Metadata())
    page = pages.page("check")
    assert f"uses: example/cnncalc/.github/actions/check@v{pages.__version__}" in page
    assert f"repo: https://github.com/example/cnncalc\n    rev: v{pages.__version__}" in page


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["u-net"], ["unet", "unet_small"]),
        (["Single", "tower"], ["alexnet_single_tower"]),
        (["wide", "resnet", "101"], ["wide_resnet101_2"]),
        (["densenet", "--family", "dense", "--filter", "params < 8M"], None),
        (["nosuchnetwork"], []),
    ],
)
def test_networks_are_found_by_text(cnncalc, words, names):
    data = json.loads(cnncalc("list", *words, "-f", "json").out)
    found = [network["name"] for network in data["networks"]]
    if names is None:
        assert found and all(network["family"] == "dense" and network["params"] < 8e6 for network in data["networks"])
    else:
        assert found == names


def test_the_guide_is_in_the_package():
    result = process("guide", "start", cwd=os.sep)
    assert result.returncode == 0
    assert result.stdout.startswith("# Your first network in ten minutes\n")


LINE = "# yaml-language-server: $schema=./cnncalc.schema.json\n"


@pytest.mark.parametrize(
    "name", ["lenet5_modern", "resnet50", "mobilenet_v3_large", "swin_t", "stylegan", "se_resnet50"]
)
def test_a_copy_of_a_network_is_that_network(cnncalc, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert cnncalc("new", "mine", "--from", name) == (0, "mine.yaml is written. Try: cnncalc summary ./mine.yaml\n", "")
    text = Path("mine.yaml").read_text("utf-8")
    original = cnncalc("show", name).out
    assert text.startswith(LINE)
    changed = [line for line in text.removeprefix(LINE).splitlines() if line not in original.splitlines()]
    assert changed == ["name: mine"]
    totals = [json.loads(cnncalc("summary", spec, "-f", "json").out)["totals"] for spec in (name, "./mine.yaml")]
    assert totals[0] == totals[1]


def test_a_copy_of_a_copy_names_the_schema_once(cnncalc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cnncalc("new", "one")
    cnncalc("new", "two", "--from", "./one.yaml")
    assert Path("two.yaml").read_text("utf-8").count(LINE) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new", "mine", "--from", "qqqq"], "error: no spec is named 'qqqq' (hint: cnncalc list shows every spec)\n"),
        (["new", "there", "--from", "vgg16"], "error: 'there.yaml' exists already, and was not changed\n"),
    ],
)
def test_no_copy(cnncalc, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    Path("there.yaml").write_text("")
    assert cnncalc(*words)[:3] == (2, "", message)
    assert os.listdir() == ["there.yaml"] and Path("there.yaml").read_text() == ""


def test_what_expand_writes_names_the_schema(cnncalc):
    assert cnncalc("expand", "lenet5").out.startswith(LINE)
