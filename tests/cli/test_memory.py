"""cnncalc memory: three numbers, their parts and moments, charts, options."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cnncalc as package
from cnncalc.render import memory, terminal
from cnncalc.render.table import Heading, Table

Run = Callable[..., Any]

# Bytes. Parameters 4*(40 + 10 + 1,290) = 5,360; input 256, a 1,024, b 512, fc 40.
SMALL = """\
cnncalc: 1
name: small
input: [1, 8, 8]
layers:
  - {conv: 4, kernel: 3, pad: 1, name: a}
  - {conv: 2, kernel: 1, name: b}
  - flatten
  - {linear: 10, name: fc}
"""

# inference: in b both a and b are there; in fc a is gone
INFERENCE = """\
small
input 1x8x8, batch 1, float32

layer     op       out    activations  memory       %  alive
------------------------------------------------------------
input     input    1x8x8           64     256   14.0%  5,616  #
a         conv     4x8x8          256   1,024   55.9%  6,640  ######
b         conv     2x8x8          128     512   27.9%  7,152  ###
flatten1  flatten  128              0       0    0.0%  6,128
fc        linear   10              10      40    2.2%  6,168
------------------------------------------------------------
total                             458   1,832  100.0%  7,152

activation_bytes: 1.832 kB (1.789 KiB), float32
inference_memory: 7.152 kB (6.984 KiB) at its peak, in the forward pass at b
inference_memory = 5.360 kB (5.234 KiB) parameters + 256 B input + 1.536 kB (1.500 KiB) activations
largest parts: activations of a 1.024 kB, activations of b 512 B, input 256 B
tensors as in PyTorch 2.13 on cuda; memory inside libraries is not counted
"""

# A step: the target has 8 bytes, nothing kept is freed in the forward pass. In the gradients of b are alive
# what a kept; the output, the loss and its gradient (44 with 4 of them temporary); the gradients of fc and b; those of the
# values of b, 512, and of a, 1,024.
TRAINING = """\
layer     op       out    activations  memory       %  saved  alive
-------------------------------------------------------------------
input     input    1x8x8           64     256   14.0%    256  5,624  #
a         conv     4x8x8          256   1,024   55.9%  1,024  6,648  ######
b         conv     2x8x8          128     512   27.9%    512  7,160  ###
flatten1  flatten  128              0       0    0.0%      0  7,160
fc        linear   10              10      40    2.2%      0  7,200
-------------------------------------------------------------------
total                             458   1,832  100.0%  1,792  7,200
"""
TRAINING_NOTES = """\
training_memory: 13.43 kB (13.12 KiB) at its peak, in the backward pass at b
training_memory = 5.360 kB (5.234 KiB) parameters + 256 B input + 8 B targets + 1.024 kB (1.000 KiB) saved for backward + 44 B activations + \
5.200 kB (5.078 KiB) gradients + 1.540 kB (1.504 KiB) temporary gradients
largest parts: gradients of fc 5.120 kB, saved for backward of a 1.024 kB, temporary gradients of b 1.024 kB, \
temporary gradients of fc 512 B, input 256 B
tensors as in PyTorch 2.13 on cuda; forward pass, cross entropy and backward pass, without an optimizer; gradients \
of shared values are added in place; memory inside libraries is not counted
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return str(path)


def totals(cnncalc: Run, *arguments: str) -> dict[str, Any]:
    result = cnncalc("memory", *arguments, "--format", "json")
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads(result.out)["totals"]
    return found


def test_inference(cnncalc: Run, small: str) -> None:
    assert cnncalc("memory", small).out == INFERENCE


def test_training(cnncalc: Run, small: str) -> None:
    out = cnncalc("memory", small, "--train").out
    assert TRAINING in out
    assert "saved_bytes: 1.792 kB (1.750 KiB), float32\n" in out
    assert INFERENCE.split("\n\n")[2].split("\n", 1)[1].rsplit("tensors", 1)[0] in out
    assert out.endswith(TRAINING_NOTES)


def test_the_table_takes_its_options(cnncalc: Run, small: str) -> None:
    out = cnncalc(
        "memory", small, "--train", "--columns", "saved_bytes,alive_bytes", "--sort", "saved_bytes", "-f", "csv"
    ).out
    assert out.splitlines() == [
        "path,op,saved_bytes,alive_bytes", "a,conv,1024,6648", "b,conv,512,7160", "input,input,256,5624",
        "flatten1,flatten,0,7160", "fc,linear,0,7200",
    ]  # fmt: skip
    rows = cnncalc("memory", small, "--train", "--columns", "saved_bytes,alive_bytes", "--top", "2").out.splitlines()
    assert [row.split() for row in rows[5:8]] == [
        ["input", "input", "256", "14.3%", "5,624", "#"],
        ["a", "conv", "1,024", "57.1%", "6,648", "######"],
        ["(3", "more", "rows)", "512", "28.6%", "###"],
    ]
    assert cnncalc("memory", small, "--columns", "params").out.splitlines()[3].split() == ["layer", "op", "params", "%"]


def test_json(cnncalc: Run, small: str) -> None:
    plain = json.loads(cnncalc("memory", small, "-f", "json").out)
    assert plain["timeline"] == [
        {"phase": "start", "layer": "input", "bytes": 5616},
        {"phase": "forward", "layer": "a", "bytes": 6640},
        {"phase": "forward", "layer": "b", "bytes": 7152},
        {"phase": "forward", "layer": "flatten1", "bytes": 6128},
        {"phase": "forward", "layer": "fc", "bytes": 6168},
    ]
    assert plain["peaks"]["training"] is None
    of_training = ("training_memory_bytes", "saved_bytes", "gradient_bytes", "optimizer_bytes")
    assert [plain["totals"][key] for key in of_training] == [None] * 4
    assert [row["saved_bytes"] for row in plain["layers"]] == [None] * 5
    data = json.loads(cnncalc("memory", small, "-f", "json", "--train", "--optimizer", "momentum", "--no-inplace").out)
    # as without an optimizer, and as many bytes as the parameters for the momentum
    assert data["totals"]["training_memory_bytes"] == data["peaks"]["training"]["bytes"] == 13432 + 5360
    assert data["totals"]["optimizer_bytes"] == data["totals"]["gradient_bytes"] == 5360
    assert data["peaks"]["training"]["largest"][0] == {
        "category": "gradients", "phase": "backward", "layer": "fc", "bytes": 5120,
    }  # fmt: skip
    assert data["settings"] == {
        "torch": "2.13", "device": "cuda", "training": True, "optimizer": "momentum", "implementation": "foreach",
        "weight_decay": False, "checkpoint": [], "amp": None, "attention": [], "in_place": False, "gradients_summed_in_place": True,
    }  # fmt: skip
    assert data["timeline"][-1]["phase"] == "backward"  # the step takes nothing


def test_options_change_what_they_say(cnncalc: Run) -> None:
    usual = totals(cnncalc, "resnet18", "--batch", "8", "--train")
    for options, name, smaller in (
        ("--amp bfloat16", "saved_bytes", True),
        ("--checkpoint Basic", "training_memory_bytes", True),
        ("--checkpoint sqrt", "saved_bytes", True),
        ("--dtype float16", "inference_memory_bytes", True),
        ("--optimizer adamw", "training_memory_bytes", False),
    ):
        changed = totals(cnncalc, "resnet18", "--batch", "8", "--train", *options.split())
        assert (changed[name] < usual[name]) == smaller, options
    adam = ("resnet18", "--train", "--optimizer", "adam")
    steps = [
        totals(cnncalc, *adam, *more)["training_memory_bytes"]
        for more in (["--fused"], ["--no-foreach"], ["--foreach"])
    ]
    assert steps == sorted(set(steps))
    assert totals(cnncalc, *adam)["training_memory_bytes"] == steps[2]  # PyTorch's choice on a GPU
    decayed = totals(cnncalc, "resnet18", "--train", "--optimizer", "sgd", "--foreach", "--weight-decay")
    assert (
        decayed["training_memory_bytes"]
        > totals(cnncalc, "resnet18", "--train", "--optimizer", "sgd")["training_memory_bytes"]
    )
    with_side = totals(cnncalc, "googlenet", "--train", "--with-side")
    assert with_side["parameter_bytes"] > totals(cnncalc, "googlenet", "--train")["parameter_bytes"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--train --optimizer adm", "unknown optimizer 'adm' (hint: did you mean adam or adamw?)"),
        ("--dtype float23", "unknown data type 'float23' (hint: did you mean float32, float64, float16 or bfloat16?)"),
        ("--amp float61", "unknown data type of mixed precision 'float61' (hint: one of: float16, bfloat16)"),
        ("--amp float16 --dtype float16", "--amp needs a float32 network, not float16"),
        ("--device gpu", "unknown device 'gpu' (hint: one of: cpu, cuda)"),
        ("--optimizer adam", "--optimizer needs a training step (hint: add --train)"),
        ("--no-foreach", "--foreach needs a training step (hint: add --train)"),
        ("--checkpoint sqrt", "--checkpoint needs a training step (hint: add --train)"),
        ("--train --fused --foreach", "--foreach and --fused can't be used together"),
        *(
            (f"--train {word}", f"{said} needs an optimizer (hint: for example add --optimizer adam)")
            for word, said in (
                ("--fused", "--fused"),
                ("--weight-decay", "--weight-decay"),
                ("--no-foreach", "--foreach"),
            )
        ),
        (
            "--train --checkpoint input",
            "no block, stage or layer 'input' to checkpoint (hint: one of: a, b, fc, flatten1, sqrt)",
        ),
        ("--train --dtype int8", "int8 has no gradients (hint: training takes a floating-point dtype)"),
        ("--columns saved_bytes", "saved_bytes needs a training step (hint: add --train)"),
        ("--sort saved_bytes", "saved_bytes needs a training step (hint: add --train)"),
        (
            "--train --columns savd_bytes",
            "unknown column 'savd_bytes' (hint: did you mean saved_bytes, alive_bytes or activation_bytes?)",
        ),
    ],
)
def test_what_can_not_be(cnncalc: Run, small: str, options: str, message: str) -> None:
    result = cnncalc("memory", small, *options.split())
    assert (result.code, result.out, result.err) == (2, "", f"error: {message}\n")


def test_a_checkpoint_like_no_other(cnncalc: Run) -> None:
    result = cnncalc("memory", "resnet18", "--train", "--checkpoint", "nowhere")
    hint = "sqrt, a block's name or a path: cnncalc shapes NETWORK --full lists them"
    assert result == (2, "", f"error: no block, stage or layer 'nowhere' to checkpoint (hint: {hint})\n")


def test_a_side_output_that_is_not_run_is_no_checkpoint(cnncalc: Run) -> None:
    side = json.loads(cnncalc("shapes", "googlenet", "--with-side", "--format", "json").out)["layers"][-1]["path"]
    options = ("memory", "googlenet", "--train", "--checkpoint", side.partition(".")[0])
    message = f"error: '{options[-1]}' is in a side output, which is not run (hint: add --with-side)\n"
    assert cnncalc(*options) == (2, "", message)
    assert cnncalc(*options, "--with-side").code == 0


def test_what_pytorch_refuses_is_said(cnncalc: Run, small: str) -> None:
    text = Path(small).read_text("utf-8").replace("flatten", "{linear: 3, norm: bn, name: n}").replace("  - {conv", "#")
    Path(small).write_text(text.replace("[1, 8, 8]", "[8]"), "utf-8")
    for command in (("memory",), ("fit", "--memory", "500")):
        name, *options = command
        out = cnncalc(name, small, "--train", *options).out
        assert (
            "\nPyTorch refuses to train this at batch 1: n.bn would normalize a single value of each channel\n" in out
        )
        assert "refuses" not in cnncalc(name, small, *options).out
    assert "refuses" not in cnncalc("memory", small, "--train", "--batch", "2").out
    assert "refuses" not in cnncalc("fit", small, "--train", "--memory", "1MB").out


def test_targets_are_named(cnncalc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """8 bytes for each of 64 classes that a map has: more than its values of 4."""
    monkeypatch.chdir(tmp_path)
    spec = "cnncalc: 1\nname: map\ninput: [1, 8, 8]\nlayers:\n  - {conv: 1, kernel: 1, name: a}\n"
    Path("map.yaml").write_text(spec, "utf-8")
    assert "largest parts: targets of a 512 B, input 256 B" in cnncalc("memory", "map.yaml", "--train").out


def test_the_chart(cnncalc: Run, small: str) -> None:
    out = cnncalc("memory", small, "--timeline").out
    assert out.startswith(INFERENCE)
    lines = out[len(INFERENCE) :].splitlines()
    assert lines[:2] == ["", "inference: bytes alive, layer by layer"]
    assert len(lines) == 2 + memory.HEIGHT + 2
    assert out.isascii() and max(map(len, lines)) <= 80
    # four layers share 70 columns; a twelfth of 7,152 is 596: 6,640 fills 11 rows, 7,152 12, the rest 10
    starts = [0, 17.5, 35, 52.5, 70]
    heights = {"a": 11, "b": 12, "flatten1": 10, "fc": 10}
    for row, line in enumerate(lines[2 : 2 + memory.HEIGHT]):
        cells = line[10:].ljust(70)
        for at, height in enumerate(heights.values()):
            middle = int(starts[at] + 8)
            assert cells[middle] == ("#" if memory.HEIGHT - row <= height else " "), (row, at)
    assert lines[-2].index("+-") == lines[2].index("|")
    assert lines[-2].count("^") == 1
    assert 17 <= lines[-2].index("^") - 10 <= 35
    assert lines[-1].split() == ["|forward"]


@pytest.mark.parametrize("width", [40, 61, 80, 133])
@pytest.mark.parametrize("name", ["vgg16", "resnet50", "lenet5_modern"])
def test_charts_fit(name: str, width: int) -> None:
    found = package.load(name).memory(4, train=True, optimizer="adam")
    assert found.training is not None
    for unicode in (False, True):
        lines = memory.drawing(found)(width, unicode)
        assert len(lines) == 2 * (memory.HEIGHT + 3) + 1
        assert max(map(len, lines)) <= width
        assert "\n".join(lines).isascii() is not unicode
        assert sum(line.count("^") for line in lines) == 2
        phases = lines[-1]
        for phase in ("forward", "backward", "optimizer") if width >= 80 else ():
            assert f"|{phase}" in phases


def test_a_terminal_gets_blocks_as_wide_as_it_is() -> None:
    asked: list[tuple[int, bool]] = []

    def draw(width: int, unicode: bool) -> list[str]:
        asked.append((width, unicode))
        return ["x" * width]

    table = Table(["t"], [Heading("a", "a", False)], [["1"]], [], ["note"], [], [], draw)
    assert terminal.write(table, 50, True, False).endswith(f"note\n\n{'x' * 50}\n")
    assert asked == [(50, True)]


# the wide branch has 32 maps alive at once; run first, it has not the narrow one's result beside it
BRANCHES = """\
cnncalc: 1
name: branches
input: [4, 8, 8]
layers:
  - concat:
      narrow: [{conv: 1, kernel: 1, bias: false}]
      wide: [{conv: 32, kernel: 1, bias: false}, {maxpool: 8}, {upsample: 8}, {conv: 1, kernel: 1, bias: false}]
"""


def test_the_best_order(cnncalc: Run, tmp_path: Path) -> None:
    path = tmp_path / "branches.yaml"
    path.write_text(BRANCHES)
    usual = json.loads(cnncalc("memory", str(path), "-f", "json").out)
    best = json.loads(cnncalc("memory", str(path), "-f", "json", "--best-order").out)
    assert usual["best_order"] is None
    found = best["best_order"]
    assert found["own_order_bytes"] == usual["totals"]["inference_memory_bytes"]
    assert best["totals"]["inference_memory_bytes"] < found["own_order_bytes"]
    assert found["lowest_possible"]
    assert sorted(found["layers"]) == sorted(row["path"] for row in best["layers"][1:])
    ran = [moment["layer"] for moment in best["timeline"][1:]]
    assert ran == found["layers"]
    out = cnncalc("memory", str(path), "--best-order").out
    assert "order of the layers: lowest possible; in the network's own it is " in out


@pytest.mark.parametrize("more", [["--timeline"], ["--allocator", "cuda"], ["--train", "--timeline"], ["--best-order"]])
def test_a_network_that_makes_nothing(cnncalc, tmp_path, more):
    """Views alone: the input is all there is, 4*8*8 values of 4 bytes."""
    path = tmp_path / "views.yaml"
    path.write_text("cnncalc: 1\ninput: [4, 8, 8]\nlayers: [flatten]\n")
    shown = cnncalc("memory", str(path), *more, "--format", "json")
    assert (shown.code, shown.err) == (0, "")
    assert json.loads(shown.out)["peaks"]["inference"]["bytes"] == 4 * 8 * 8 * 4
    assert cnncalc("memory", str(path), *more).code == 0
