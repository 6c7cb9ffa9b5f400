"""The public Python API."""

from __future__ import annotations

import json
import subprocess
import sys
from math import prod
from pathlib import Path

import pytest

import cnncalc
from cnncalc.analysis.report import DESCRIBED, Report, Row
from cnncalc.cli.main import run
from cnncalc.columns import COLUMNS
from cnncalc.values import Assumptions

NET = cnncalc.load({"cnncalc": 1, "name": "net", "input": [3, 8, 8], "layers": [{"conv": 4, "kernel": 3}]})


def test_load_and_analyze():
    network = cnncalc.load("vgg16")
    assert (network.name, network.input) == ("vgg16", (3, 224, 224))
    report = network.analyze()
    assert report.totals["params"] == 138_357_544  # torchvision VGG16_Weights.num_params
    first = report.layers[1]
    assert (first.path, first.op, first.out, first.params) == (
        "stage1.conv_1",
        "conv",
        (64, 224, 224),
        1792,
    )  # 3*3*3*64 + 64
    assert first["params"] == first.params
    with pytest.raises(AttributeError, match="a row has no 'parms'"):
        _ = first.parms
    assert report.to_dict()["schema"] == "cnncalc.summary/1"


def test_a_graph_alone_has_a_report():
    network = cnncalc.load("googlenet_paper")
    report = Report(network.graph, Assumptions(batch=2, with_side=True))
    whole = network.analyze(batch=2, with_side=True)
    assert (report.totals, report.side, report.uncounted) == (whole.totals, whole.side, whole.uncounted)
    assert (report.spec["name"], report.spec["file"], report.claims) == ("googlenet_paper", None, [])


def test_a_report_does_not_change():
    report = cnncalc.load("alexnet").analyze()
    with pytest.raises(AttributeError, match="a report does not change: 'totals' can't be set"):
        report.totals = {}
    with pytest.raises(AttributeError):
        report.layers[0].params = 1


def test_repr():
    network = cnncalc.load("vgg16")
    report = network.analyze()
    assert repr(network) == "<Network vgg16: 39 operators>"
    # 138,357,544 parameters: torchvision VGG16_Weights.num_params
    assert repr(report) == f"<Report vgg16: 138,357,544 params, {report.totals['macs']:,} MACs>"
    # 3*3*3*64 + 64 parameters, 3*3*3*64 * 224*224 MACs
    assert repr(report.layers[1]) == (
        "<Row stage1.conv_1: conv 3x224x224 -> 64x224x224, 1,792 params, 86,704,128 MACs>"
    )


@pytest.mark.parametrize("given", [{}, {"convention": "torch", "batch": 2}, {"with_side": True}])
def test_str_is_the_table_of_the_command(given, capsys):
    report = cnncalc.load("googlenet_paper").analyze(**given)
    options = [f"--{key.replace('_', '-')}" + ("" if value is True else f"={value}") for key, value in given.items()]
    run(["summary", "googlenet_paper", "-f", "plain", *options])
    assert str(report) == capsys.readouterr().out.removesuffix("\n")


def test_to_pandas(monkeypatch):
    report = cnncalc.load("googlenet_paper").analyze()
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(cnncalc.EnvironmentFailure) as caught:
        report.to_pandas()
    assert str(caught.value) == "error: to_pandas needs pandas, which is not installed (hint: pip install pandas)"
    monkeypatch.undo()
    pytest.importorskip("pandas")
    frame = report.to_pandas()
    assert list(frame.index) == [row.path for row in report.layers]
    assert list(frame.columns) == [name for name in report.columns if name != "path"]
    assert frame["params"].sum() == report.totals["params"]
    assert frame.loc["conv1", "params"] == 7 * 7 * 3 * 64 + 64


def test_a_row_has_the_columns_that_type_checkers_know():
    names = [*DESCRIBED, *COLUMNS]
    assert set(Row.__annotations__) == set(names) - {"in"}  # a word of Python: row["in"]
    assert set(names) <= set(dir(cnncalc.load("alexnet").analyze().layers[0]))


#: a line, and the start of what mypy says of it
TYPED = {
    "n: int = row.params": None,
    "row.parms": '"Row" has no attribute "parms"; maybe "params"?',
    "s: str = row.params": 'Incompatible types in assignment (expression has type "int", variable has type "str")',
    "report.total": '"Report" has no attribute "total"; maybe "totals"?',
    "b: int = network.memory().inference.peak.bytes": None,
    "network.memory().inference.peak.byts": '"Peak" has no attribute "byts"',
    "network.fit('1GB').larges": '"Fit" has no attribute "larges"',
    "network.explain().total": '"Explained" has no attribute "total"',
    "network.verify().agree": '"Verified" has no attribute "agree"',
    "network.profile().run": '"Profile" has no attribute "run"',
    "network.fit(memry=3)": 'Unexpected keyword argument "memry" for "fit" of "Network"; did you mean "memory"?',
}


def test_types_as_mypy_sees_them(tmp_path):
    pytest.importorskip("mypy")
    file = tmp_path / "snippet.py"
    first = "import cnncalc; network = cnncalc.load('vgg16'); report = network.analyze(); row = report.layers[0]"
    file.write_text("\n".join([first, *TYPED]))
    # other packages, PyTorch above all, take mypy half a minute, and no line is about them
    alone = ["--follow-imports=silent", "--no-site-packages", "--ignore-missing-imports", "--hide-error-context"]
    command = [sys.executable, "-m", "mypy", *alone, f"--cache-dir={tmp_path}", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    *errors, _ = result.stdout.splitlines()
    found = [text.removeprefix(f"{file}:").rsplit("  [", 1)[0] for text in errors if ": note: " not in text]
    assert found == [f"{number}: error: {said}" for number, said in enumerate(TYPED.values(), 2) if said]


@pytest.mark.parametrize(
    ("name", "given", "params"),
    [
        ("vgg16", {"vars": {"classes": 10}}, 134_301_514),  # 138,357,544 - 990*4,097
        ("vgg16", {"vars": {"convs": [2, 2, 4, 4, 4]}}, 143_667_240),  # torchvision VGG19_Weights.num_params
        ("vgg16", {"vars": {"convs": "[2, 2, 4, 4, 4]"}}, 143_667_240),
        ("resnet50", {"vars": {"stride_on_3x3": False}}, 25_557_032),
        ("efficientnet_b0", {"vars": {"width": 1.2, "depth": 1.4}, "input": [3, 300, 300]}, 12_233_232),
    ],
)
def test_variables_and_input(name, given, params):
    assert cnncalc.load(name, **given).analyze().totals["params"] == params


def test_batch_dtype_convention_side():
    network = cnncalc.load("googlenet_paper")
    one, four = network.analyze(), network.analyze(batch=4)
    assert four.totals["params"] == one.totals["params"]
    assert four.totals["macs"] == 4 * one.totals["macs"]
    assert four.totals["activations"] == 4 * one.totals["activations"]
    half = network.analyze(dtype="float16")
    assert 2 * half.totals["activation_bytes"] == one.totals["activation_bytes"]
    assert network.analyze(convention="flops").totals["work"] == one.totals["flops"]
    # each head: 1x1 conv 128, fc 1024 on 4*4*128 values, fc 1000
    heads = sum((c * 128 + 128) + (4 * 4 * 128 * 1024 + 1024) + (1024 * 1000 + 1000) for c in (512, 528))
    assert network.analyze(with_side=True).totals["params"] == one.totals["params"] + heads


#: a call, and all that its error says
ERRORS = [
    (lambda: cnncalc.load("vgg61"), cnncalc.SpecNotFoundError, "no spec is named 'vgg61' (hint: did you mean vgg16?)"),
    (lambda: cnncalc.load(None), cnncalc.UsageError, "a spec must be a name, a path, a text or a mapping, not None"),
    (lambda: cnncalc.load(3), cnncalc.UsageError, "a spec must be a name, a path, a text or a mapping, not 3"),
    (lambda: cnncalc.load("vgg16", vars={"clases": 3}), cnncalc.UsageError, "vgg16 has no variable 'clases' (hint: did you mean classes?)"),
    (lambda: cnncalc.load("vgg16", vars=3), cnncalc.UsageError, "vars is a mapping of variables to values, not 3"),
    (lambda: cnncalc.load("vgg16", input=[3, 0, 3]), cnncalc.UsageError, "a size of the input must be a whole number from 1 to 2147483647, not '0'"),
    (lambda: cnncalc.load("vgg16", input={"x": 3}), cnncalc.UsageError, "vgg16 has no input 'x' (hint: one of: input)"),
    (lambda: NET.analyze(batch=0), cnncalc.UsageError, "batch must be a whole number from 1 to 1,000,000,000, not 0"),
    (lambda: NET.analyze(batch=True), cnncalc.UsageError, "batch must be a whole number from 1 to 1,000,000,000, not True"),
    (lambda: NET.analyze(batch="2"), cnncalc.UsageError, "batch must be a whole number from 1 to 1,000,000,000, not '2'"),
    (lambda: NET.analyze(batch=2.0), cnncalc.UsageError, "batch must be a whole number from 1 to 1,000,000,000, not 2.0"),
    (lambda: NET.analyze(dtype=None), cnncalc.UsageError, "unknown data type None (hint: one of: bfloat16, float16, float32, float64, int8)"),
    (lambda: NET.analyze(convention="flop"), cnncalc.UsageError, "unknown convention 'flop' (hint: did you mean flops, ptflops or calflops?)"),
    (lambda: NET.analyze(pass_=None), cnncalc.UsageError, "unknown pass None (hint: one of: backward, forward, step)"),
    (lambda: NET.analyze(with_side=1), cnncalc.UsageError, "with_side must be True or False, not 1"),
    (lambda: NET.derive(None), cnncalc.UsageError, "net has no layer None (hint: one of: conv1, input)"),
    (lambda: NET.who_counts("many"), cnncalc.UsageError, "published takes a figure like 4.1G, 25.6M or 98MB, not 'many'"),
    (lambda: NET.memory(dtype="float31"), cnncalc.UsageError, "unknown data type 'float31' (hint: did you mean float32, float16, bfloat16 or float64?)"),
    (lambda: NET.memory(train=True, checkpoint="sqrt"), cnncalc.UsageError, "checkpoint is a list of words, not 'sqrt'"),
    (lambda: NET.memory(train=True, checkpoint=["conv7"]), cnncalc.UsageError, "no block, stage or layer 'conv7' to checkpoint (hint: did you mean conv1?)"),
    (lambda: NET.memory(train=True, foreach="no"), cnncalc.UsageError, "foreach must be True or False, not 'no'"),
    (lambda: NET.memory(gpu="t4"), cnncalc.UsageError, "--gpu needs --allocator cuda"),
    (lambda: NET.memory(allocator="cpu"), cnncalc.UsageError, "unknown allocator 'cpu' (hint: one of: cuda)"),
    (lambda: NET.memory(allocator="cuda", gpu=4), cnncalc.UsageError, "the name of a GPU must be a word, not 4 (hint: t4, l4, v100, a100-40gb, h100, ...)"),
    (lambda: NET.memory(allocator="cuda", workspaces=4), cnncalc.UsageError, "workspaces takes the name of a file, not 4"),
    (lambda: NET.fit(), cnncalc.UsageError, "fit takes either --memory or --gpu (hint: --memory 24GB or --gpu t4)"),
    (lambda: NET.fit("x"), cnncalc.UsageError, "memory must be a size like 24GB, 24GiB, 512MB or 16000000000, not 'x'"),
    (lambda: NET.fit(-1), cnncalc.UsageError, "memory must be a size like 24GB, 24GiB, 512MB or 16000000000, not -1"),
    (lambda: NET.fit(1, reserve="0.5"), cnncalc.UsageError, "reserve must be a whole number of bytes, not '0.5'"),
    (lambda: NET.fit("2000TB"), cnncalc.UsageError, "memory must be at most a petabyte, not '2000TB'"),
    (lambda: NET.to_source(with_side=None), cnncalc.UsageError, "with_side must be True or False, not None"),
    (lambda: cnncalc.compare(1), cnncalc.UsageError, "a spec must be a name, a path, a text or a mapping, not 1"),
    (lambda: cnncalc.compare(NET), cnncalc.UsageError, "compare takes at least two networks (hint: cnncalc compare resnet50 densenet121)"),
    (lambda: cnncalc.compare(NET, NET, quantities="params"), cnncalc.UsageError, "quantities is a list of words, not 'params'"),
    (lambda: cnncalc.diff(None, None), cnncalc.UsageError, "a spec must be a name, a path, a text or a mapping, not None"),
    (lambda: cnncalc.check_specs("specs/"), cnncalc.UsageError, "places is a list of words, not 'specs/'"),
    (lambda: cnncalc.check_specs([], limits=3), cnncalc.UsageError, "limits is a list of Limits, not 3"),
    (lambda: cnncalc.check_specs([], ignored=["CN999"]), cnncalc.UsageError, "unknown lint rule 'CN999' (hint: did you mean CN009?)"),
]  # fmt: skip
#: the same of calls that need PyTorch
ERRORS_OF_TORCH = [
    (lambda: NET.to_torch(device="gpu"), "unknown device 'gpu' (hint: did you mean cpu?)"),
    (lambda: NET.to_torch(dtype="int8"), "unknown data type 'int8' (hint: one of: bfloat16, float16, float32, float64)"),
    (lambda: NET.to_torch(max_memory=1.5), "max_memory must be a whole number of at least 1, not 1.5"),
    (lambda: NET.to_onnx(opset=17), "opset must be a whole number from 18 to 25, not 17"),
    (lambda: NET.verify(against="resnet"), "'resnet' is not the name of an implementation (hint: torchvision:NAME, timm:NAME or FILE.py:CLASS)"),
    (lambda: NET.profile(batch=[]), "a sweep takes 1 to 64 batches, each once"),
    (lambda: NET.profile(mode="training"), "unknown mode 'training' (hint: did you mean train?)"),
    (lambda: NET.profile(seconds="3"), "seconds must be a number from 0 to 3,600, not '3'"),
    (lambda: NET.profile(device="meta"), "the device meta computes nothing, so it can't be measured (hint: --device cpu)"),
]  # fmt: skip


@pytest.mark.usefixtures("small_zoo")
@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == f"error: {message}"
    assert isinstance(caught.value, cnncalc.CnncalcError)


@pytest.mark.parametrize(("call", "message"), ERRORS_OF_TORCH)
def test_errors_of_what_needs_pytorch(call, message):
    pytest.importorskip("torch")
    test_errors(call, cnncalc.UsageError, message)


class Odd:
    """What no argument is meant to be."""

    def __repr__(self):
        return "<Odd>"


ODD = [
    None,
    True,
    -1,
    0,
    2,
    1.5,
    float("nan"),
    10**30,
    "",
    "x",
    "2",
    "\ud800",
    b"x",
    [],
    [1],
    (3, True),
    {},
    {1: 2},
    Odd(),
    Odd,
]
#: every public call, with an argument to be replaced by each of those
CALLS = {
    "load": lambda odd: cnncalc.load(odd),
    "read": lambda odd: cnncalc.read(odd),
    "load(vars)": lambda odd: cnncalc.load("vgg16", vars=odd),
    "load(vars: a name)": lambda odd: cnncalc.load("vgg16", vars={odd if odd.__hash__ else "odd": 3}),
    "load(vars: a value)": lambda odd: cnncalc.load("vgg16", vars={"classes": odd}),
    "load(input)": lambda odd: cnncalc.load("vgg16", input=odd),
    "load(input: a size)": lambda odd: cnncalc.load("vgg16", input=[3, 224, odd]),
    "analyze(batch)": lambda odd: cnncalc.load("alexnet").analyze(batch=odd),
    "analyze(dtype)": lambda odd: cnncalc.load("alexnet").analyze(dtype=odd),
    "analyze(convention)": lambda odd: cnncalc.load("alexnet").analyze(convention=odd),
    "analyze(with_side)": lambda odd: cnncalc.load("alexnet").analyze(with_side=odd),
    "analyze(pass_)": lambda odd: cnncalc.load("alexnet").analyze(pass_=odd),
    "derive(path)": lambda odd: cnncalc.load("alexnet").derive(odd),
    "compare": lambda odd: cnncalc.compare("alexnet", odd),
    "compare(quantities)": lambda odd: cnncalc.compare("alexnet", "alexnet", quantities=odd),
    "compare(depth)": lambda odd: cnncalc.compare("alexnet", "alexnet", depth=odd),
    "compare(sort)": lambda odd: cnncalc.compare("alexnet", "alexnet", sort=odd),
    "compare(top)": lambda odd: cnncalc.compare("alexnet", "alexnet", top=odd),
    "compare(batch)": lambda odd: cnncalc.compare("alexnet", "alexnet", batch=odd),
    "diff(before)": lambda odd: cnncalc.diff(odd, "alexnet"),
    "diff(after)": lambda odd: cnncalc.diff("alexnet", odd),
    "diff(vars)": lambda odd: cnncalc.diff("alexnet", "alexnet", vars=odd),
    "diff(input)": lambda odd: cnncalc.diff("alexnet", "alexnet", input=odd),
    "diff(dtype)": lambda odd: cnncalc.diff("alexnet", "alexnet", dtype=odd),
    **{
        f"memory({name})": lambda odd, name=name: cnncalc.load("lenet5").memory(
            **{"train": True, "optimizer": "adam", name: odd}
        )
        for name in (
            "batch",
            "dtype",
            "with_side",
            "train",
            "optimizer",
            "weight_decay",
            "foreach",
            "fused",
            "amp",
            "checkpoint",
            "device",
            "inplace",
            "torch",
            "best_order",
            "gpu",
            "workspaces",
        )
    },
    **{
        f"memory({name}) on a GPU": lambda odd, name=name: cnncalc.load("lenet5").memory(
            **{"allocator": "cuda", name: odd}
        )
        for name in ("allocator", "gpu", "workspaces")
    },
    **{
        f"fit({name})": lambda odd, name=name: cnncalc.load("lenet5").fit(**{"memory": 10**6, "train": True, name: odd})
        for name in ("memory", "reserve", "largest", "batch", "dtype", "with_side", "train", "checkpoint", "torch")
    },
    "fit(gpu)": lambda odd: cnncalc.load("lenet5").fit(gpu=odd),
    "explain(convention)": lambda odd: cnncalc.load("lenet5").explain(convention=odd),
    "explain(dtype)": lambda odd: cnncalc.load("lenet5").explain(dtype=odd),
    "explain(pass_)": lambda odd: cnncalc.load("lenet5").explain(pass_=odd),
    "who_counts": lambda odd: cnncalc.load("lenet5").who_counts(odd),
    "to_source(with_side)": lambda odd: cnncalc.load("lenet5").to_source(odd),
    "check_specs": lambda odd: cnncalc.check_specs(odd),
    "check_specs(a place)": lambda odd: cnncalc.check_specs([odd]),
    "check_specs(limits)": lambda odd: cnncalc.check_specs([], odd),
    "check_specs(limits: one)": lambda odd: cnncalc.check_specs([], [odd]),
    "check_specs(ignored)": lambda odd: cnncalc.check_specs([], ignored=odd),
    "on": lambda odd: NET.on(odd),
    "derive(batch)": lambda odd: cnncalc.load("alexnet").derive("conv1", batch=odd),
}


#: the same of calls that need PyTorch
CALLS_OF_TORCH = {
    **{
        f"to_torch({name})": lambda odd, name=name: cnncalc.load("lenet5").to_torch(**{"device": "meta", name: odd})
        for name in ("device", "dtype", "with_side", "inplace", "max_memory")
    },
    **{
        f"verify({name})": lambda odd, name=name: cnncalc.load("lenet5").verify(
            **{"fvcore": False, "values": False, "memory": False, name: odd}
        )
        for name in ("with_side", "fvcore", "values", "memory", "batch", "dtype", "against")
    },
    **{
        f"profile({name})": lambda odd, name=name: cnncalc.load("lenet5").profile(**{"repeat": 1, name: odd})
        for name in (
            "batch",
            "dtype",
            "with_side",
            "device",
            "mode",
            "channels_last",
            "cuda_graph",
            "seconds",
            "repeat",
            "threads",
            "max_memory",
            "workspaces",
        )
    },
    **{
        f"to_onnx({name})": lambda odd, name=name: cnncalc.load("lenet5").to_onnx(**{"opset": 3, name: odd})
        for name in ("opset", "with_side")
    },
}


def refusals(call):
    """What a call says of odd arguments. Each is refused with an error of ours, or has a value."""
    refused = []
    for odd in ODD:
        try:
            call(odd)
        except cnncalc.CnncalcError as error:
            refused.append(str(error))
    assert all(text.isascii() and text.isprintable() for text in refused)
    return refused


@pytest.mark.parametrize("call", CALLS)
def test_odd_arguments_are_refused_with_an_error_of_ours(call):
    assert len(refusals(CALLS[call])) > len(ODD) / 2


@pytest.mark.parametrize("call", CALLS_OF_TORCH)
def test_odd_arguments_of_what_needs_pytorch(call):
    pytest.importorskip("torch")
    assert len(refusals(CALLS_OF_TORCH[call])) > len(ODD) / 2


def test_input_as_the_command_line_has_it():
    for given in ("3x160x160", [3, 160, 160], (3, 160, 160)):
        assert cnncalc.load("vgg16", input=given).input == (3, 160, 160)


def test_sources(tmp_path):
    file = tmp_path / "net.yaml"
    file.write_text("cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{conv: 4, kernel: 3}]\n")
    for source in (
        file,
        str(file),
        file.read_text(),
        {"cnncalc": 1, "input": [3, 8, 8], "layers": [{"conv": 4, "kernel": 3}]},
    ):
        assert cnncalc.load(source).analyze().totals["params"] == 3 * 3 * 3 * 4 + 4
    with pytest.raises(cnncalc.SpecNotFoundError):
        cnncalc.load(Path("vgg16"))  # a path is no name


def test_a_spec_is_read_once(monkeypatch):
    spec = cnncalc.read("vgg16")
    assert repr(spec).startswith("<Spec vgg16: VGG-16")
    assert spec.variables == ("convs", "lrn", "classes")
    monkeypatch.setattr("builtins.open", None)
    assert spec.network({"classes": 10}).analyze().totals["params"] == 134_301_514  # 138,357,544 - 990*4,097
    assert spec.network(input="3x64x64").analyze().totals["params"] < spec.network().analyze().totals["params"]


def test_derive(capsys):
    page = cnncalc.load("vgg16").derive("stage1.conv_1", batch=2)
    assert repr(page) == "<Page vgg16 stage1.conv_1: conv: 64, kernel: 3, pad: 1>"
    assert {line.quantity: line.value for line in page.formulas}["macs"] == 2 * 224 * 224 * 64 * 3 * 3 * 3
    assert run(["explain", "vgg16", "stage1.conv_1", "--batch=2"]) == 0
    assert str(page) == capsys.readouterr().out.removesuffix("\n")
    assert run(["explain", "vgg16", "stage1.conv_1", "--batch=2", "-f", "markdown"]) == 0
    assert page.to_markdown() == capsys.readouterr().out
    assert run(["explain", "vgg16", "stage1.conv_1", "--batch=2", "-f", "json"]) == 0
    assert page.to_dict() == json.loads(capsys.readouterr().out)


#: a call, and the command that prints the same
PRINTED = {
    "compare": (lambda: cnncalc.compare("resnet18", cnncalc.load("resnet34"), batch=2, top=1), "compare resnet18 resnet34 --batch 2 --top 1"),
    "diff": (lambda: cnncalc.diff("resnet18", "resnet34", vars={"classes": 10}), "diff resnet18 resnet34 --set classes=10"),
    "explain": (lambda: cnncalc.load("googlenet_paper").explain(batch=2), "explain googlenet_paper --batch 2"),
    "explain one": (lambda: cnncalc.load("resnet18").explain(convention="thop"), "explain resnet18 --convention thop"),
    "explain backward": (lambda: cnncalc.load("resnet18").explain(pass_="backward"), "explain resnet18 --pass backward"),
    "who counts": (lambda: cnncalc.load("resnet50", {"classes": 10}).who_counts("4.1G"), "explain resnet50 --set classes=10 --published 4.1G"),
    "memory": (lambda: cnncalc.load("googlenet_paper").memory(4, with_side=True, train=True, optimizer="adam", checkpoint=["sqrt"], device="cpu"), "memory googlenet_paper --batch 4 --with-side --train --optimizer adam --checkpoint sqrt --device cpu"),
    "memory in the best order": (lambda: cnncalc.load("resnet18").memory(best_order=True, allocator="cuda", gpu="t4"), "memory resnet18 --best-order --allocator cuda --gpu t4"),
    "fit": (lambda: cnncalc.load("resnet18").fit("300MB", reserve="1MB", batch=11, train=True), "fit resnet18 --memory 300MB --reserve 1MB --batch 11 --train"),
    "fit of the input": (lambda: cnncalc.load("resnet18").fit(gpu="t4", largest="input", batch=64), "fit resnet18 --gpu t4 --largest input --batch 64"),
    "fit on a GPU": (lambda: cnncalc.load("lenet5").fit(gpu="t4", allocator="cuda"), "fit lenet5 --gpu t4 --allocator cuda"),
    "diff of equals": (lambda: cnncalc.diff("vgg11", "vgg11", input=64), "diff vgg11 vgg11 --input 64"),
}  # fmt: skip


@pytest.mark.parametrize("printed", PRINTED)
def test_results_print_and_hold_what_the_command_does(printed, capsys):
    call, line = PRINTED[printed]
    result = call()
    run([*line.split(), "-f", "plain"])
    assert str(result) == capsys.readouterr().out.removesuffix("\n")
    run([*line.split(), "-f", "json"])
    assert result.to_dict() == json.loads(capsys.readouterr().out)


def test_compare_and_diff():
    compared = cnncalc.compare("resnet18", "resnet34", quantities=["params"])
    assert repr(compared).startswith("<Comparison of resnet18, resnet34: ")
    # torchvision ResNet18_Weights.num_params, ResNet34_Weights.num_params
    assert compared.totals["params"] == (11_689_512, 21_797_672)
    assert compared.lines[0].ratios == [1.0, 21_797_672 / 11_689_512]
    changed = cnncalc.diff("resnet18", "resnet34")
    assert repr(changed) == "<Differences resnet18 -> resnet34: 1 changed>"
    assert (changed.differ, cnncalc.diff("resnet18", "resnet18").differ) == (True, False)
    assert changed.changes[0].totals["params"] == (11_689_512, 21_797_672)
    with pytest.raises(cnncalc.UsageError, match="compare takes at least two networks"):
        cnncalc.compare("resnet18")


def test_explain():
    vgg = cnncalc.load("vgg16")
    found = vgg.explain()
    assert found.totals["macs"] == vgg.analyze().totals["macs"]
    assert found.totals["fvcore"] == vgg.analyze(convention="fvcore").totals["work"]
    assert found.is_known and found.convention is None
    assert found.parameters["params"] == 138_357_544  # torchvision VGG16_Weights.num_params
    [thop] = vgg.explain(convention="thop").conventions
    assert thop.total == sum(term.work for term in thop.terms)
    assert thop.total == found.totals["macs"] + sum(difference.work for difference in thop.differences)
    assert repr(vgg.explain(convention="thop")) == f"<Explained vgg16: thop {thop.total:,}>"


def test_who_counts():
    found = cnncalc.load("vgg16").who_counts("138M")
    assert found.agree
    assert {match.rule: match.computed for match in found.matches if match.network == "vgg16"}["params"] == 138_357_544
    assert repr(found) == f"<Published '138M' of vgg16: {len(found.matches)} ways agree with its digits>"
    far = cnncalc.load("vgg16").who_counts("7")
    assert not far.agree and len(far.matches) == 3
    assert repr(far) == "<Published '7' of vgg16: none agrees with its digits; these come nearest>"


def test_memory():
    """In b both a and b are alive: of 8x8 values, a has 4 maps and b 2; 4*1 + 2*4 weights, 4 + 2 biases."""
    layers = [{"conv": 4, "kernel": 1, "name": "a"}, {"conv": 2, "kernel": 1, "name": "b"}]
    found = cnncalc.load({"cnncalc": 1, "name": "two", "input": [1, 8, 8], "layers": layers}).memory(3)
    weights = 4 * (4 * 1 + 4 + 2 * 4 + 2)
    assert repr(found) == f"<Memory two at batch 3: inference {(weights + 3 * 4 * 64 * 7) / 1000:.3f} kB>"
    assert repr(found.inference) == f"<Run of two at batch 3: {(weights + 3 * 4 * 64 * 7) / 1000:.3f} kB>"
    peak = found.inference.peak
    assert (peak.phase, peak.path, peak.bytes) == ("forward", "b", weights + 3 * 4 * 64 * (1 + 4 + 2))
    assert peak.parts == {"parameters": weights, "input": 3 * 4 * 64, "activations": 3 * 4 * 64 * 6}
    assert repr(found.inference.trace) == f"<Trace of {len(found.inference.trace.sizes)} storages>"
    assert found.training is None and found.totals["training_memory_bytes"] is None
    assert found.report.totals["params"] == weights // 4


def test_fit():
    lenet = cnncalc.load("lenet5")
    found = lenet.fit("1GB", reserve="1kB", train=True)
    assert found.fits and found.largest is not None
    alone, above = (lenet.memory(found.largest.batch + more, train=True) for more in (0, 1))
    assert alone.totals["training_memory_bytes"] == found.largest.peak.bytes <= found.room_bytes == 10**9 - 1000
    assert above.totals["training_memory_bytes"] > found.room_bytes


def test_diff_of_folders_and_data(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    spec = {"cnncalc": 1, "name": "net", "input": [3, 8, 8], "layers": [{"conv": 4, "kernel": 3}]}
    for folder, out in (("one", 4), ("two", 5)):
        text = f"cnncalc: 1\nname: net\ninput: [3, 8, 8]\nlayers: [{{conv: {out}, kernel: 3}}]\n"
        (tmp_path / folder / "net.yaml").write_text(text)
    for changed in (cnncalc.diff(tmp_path / "one", tmp_path / "two"), cnncalc.diff(spec, text)):
        [change] = changed.changes
        assert change.totals["params"] == (3 * 3 * 3 * 4 + 4, 3 * 3 * 3 * 5 + 5)
        [layer] = change.layers
        assert repr(change) == "<Change of net: changed, 1 layers>"
        assert (layer.kind, layer.paths) == ("changed", ("conv1", "conv1"))
        assert (layer.before.out, layer.after.out) == ((4, 6, 6), (5, 6, 6))
    [broken] = cnncalc.diff(spec, {**spec, "layers": ["convv"]}).changes
    assert (broken.status, str(broken.findings[0].location)) == ("broken", "<dict>: layers[0]")


def test_expand():
    network = cnncalc.load("googlenet_paper")
    assert cnncalc.load(network.expand()).analyze(with_side=True).totals == network.analyze(with_side=True).totals


def test_to_source(capsys):
    network = cnncalc.load("googlenet_paper")
    run(["source", "googlenet_paper", "--with-side"])
    assert network.to_source(with_side=True) == capsys.readouterr().out
    assert network.to_source() != network.to_source(with_side=True)


def test_to_torch():
    torch = pytest.importorskip("torch")
    network = cnncalc.load("googlenet_paper")
    model = network.to_torch(device="meta", dtype="float16", with_side=True)
    assert isinstance(model, torch.fx.GraphModule) and model.training
    assert sum(p.numel() for p in model.parameters()) == network.analyze(with_side=True).totals["params"]
    outputs = model(torch.empty(2, 3, 224, 224, device="meta", dtype=torch.float16))
    assert [tuple(output.shape) for output in outputs] == [(2, 1000)] * 3
    with pytest.raises(cnncalc.EnvironmentFailure) as caught:
        network.to_torch(max_memory=1000)
    assert str(caught.value).startswith("error: weights and activations of googlenet_paper take ")


def test_to_onnx():
    pytest.importorskip("torch")
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    lenet = cnncalc.load("lenet5_modern")
    model = onnx.load_from_string(lenet.to_onnx())
    weights = [tensor for tensor in model.graph.initializer if tensor.name.endswith(("weight", "bias"))]
    assert sum(prod(tensor.dims) for tensor in weights) == lenet.analyze().totals["params"]
    assert model.opset_import[0].version == 18


def test_verify(capsys):
    pytest.importorskip("torch")
    lenet = cnncalc.load("lenet5_modern")
    found = lenet.verify(batch=2, fvcore=False)
    assert found.agrees and {check.verdict for check in found.checks} == {"equal"}
    assert repr(found) == f"<Verified lenet5_modern: {len(found.checks)} checks, equal>"
    assert {check.quantity: check.theirs for check in found.checks}["params"] == lenet.analyze().totals["params"]
    assert run(["verify", "lenet5_modern", "--batch=2", "--skip", "fvcore"]) == 0
    assert str(found) == capsys.readouterr().out.removesuffix("\n")
    assert run(["verify", "lenet5_modern", "--batch=2", "--skip", "fvcore", "-f", "json"]) == 0
    assert found.to_dict() == json.loads(capsys.readouterr().out)


def test_profile(tmp_path):
    pytest.importorskip("torch")
    small = {
        "cnncalc": 1,
        "name": "small",
        "vars": {"c": 4},
        "input": [1, 8, 8],
        "layers": [{"conv": "$c", "kernel": 3}],
    }
    network = cnncalc.load(small, vars={"c": 5}, input="1x9x9")
    found = network.profile([1, 2], mode="train", device="cpu", repeat=1, threads=1)
    assert [run.batch for run in found.runs] == [1, 2] and found.layers == ()
    assert found.runs[1].macs == 2 * 7 * 7 * 5 * 3 * 3 * 2  # the gradient of the weights takes as many again
    assert repr(found).startswith("<Profile small on cpu: batch 1 in ")
    options = "--device cpu --batch 1,2 --dtype float32 --mode train --repeat 1 --threads 1"
    assert found.data["command"] == f"cnncalc profile small --set c=5 --input 1x9x9 {options}"
    one = network.profile(repeat=1)
    assert [layer.path for layer in one.layers] == ["conv1"]
    assert sum(layer.bytes for layer in one.layers) == one.runs[0].bytes


def test_a_profile_prints_what_is_shown_of_a_saved_one(tmp_path, capsys):
    pytest.importorskip("torch")
    found = cnncalc.load("lenet5_modern").profile(repeat=1)
    (tmp_path / "m.json").write_text(json.dumps(found.to_dict()))
    assert run(["profile", "--show", str(tmp_path / "m.json")]) == 0
    assert str(found) == capsys.readouterr().out.removesuffix("\n")


#: calls that need PyTorch, and what each is, where there is none
WITHOUT_PYTORCH = """
import sys
sys.modules["torch"] = None
import cnncalc
lenet = cnncalc.load("lenet5")
for name in ("to_torch", "to_onnx", "verify", "profile"):
    try:
        getattr(lenet, name)()
    except cnncalc.EnvironmentFailure as error:
        print(error)
print(len(lenet.to_source()) > 0, lenet.memory().inference.peak.bytes > 0)
"""


def test_what_needs_pytorch_says_so():
    done = subprocess.run([sys.executable, "-c", WITHOUT_PYTORCH], capture_output=True, text=True, check=True)
    needs = "error: {} needs PyTorch, which is not installed (hint: pip install 'cnncalc[torch]')"
    said = [needs.format(what) for what in ("building a network", "writing ONNX", "verify", "profile")]
    assert done.stdout.splitlines() == [*said, "True True"]


def test_every_public_name_is_there():
    for name in cnncalc.__all__:
        assert getattr(cnncalc, name) is not None
    assert set(dir(cnncalc)) == set(cnncalc.__all__)
    with pytest.raises(AttributeError):
        _ = cnncalc.nothing


def test_list_specs():
    names = cnncalc.list_specs()
    assert names == sorted(names)
    assert {"vgg16", "resnet50", "inception_v3"} <= set(names)


def test_check_specs(tmp_path):
    (tmp_path / "net.yaml").write_text(
        "cnncalc: 1\nname: net\ninput: [3, 8, 8]\nlayers: [relu]\nclaims:\n  - {params: 1, source: x}\n"
    )
    [checked] = cnncalc.check_specs([str(tmp_path)])
    assert [claim.verdict for claim in checked.claims] == ["fails"]
    assert {finding.code for finding in checked.findings} == {"claim", "CN012"}
    assert repr(checked) == "<Checked net: 1 claims, 0 budgets, 2 findings>"


def test_inputs_have_names_and_layouts() -> None:
    text = "inputs: {image: [3, 8, 8], text: {tokens: 7, ids: 11}}\nlayers: [{conv: 4, kernel: 3, from: image}]\noutputs: [conv1, text]"
    network = cnncalc.load(f"cnncalc: 1\n{text}", input={"image": 6})
    assert network.inputs == {"image": (3, 6, 6), "text": (7,)}
    assert [shape.layout for shape in network.inputs.values()] == ["map", "ids"]
    assert network.input is network.inputs["image"]
    assert cnncalc.load("lenet5").inputs == {"input": (1, 32, 32)}
