"""--allocator of memory and fit: what it prints, what its JSON has, tables of workspaces, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import cnncalc as package
from cnncalc.cli.main import run
from cnncalc.memory.cuda.gpu import Gpu
from cnncalc.memory.fit import Fit
from cnncalc.memory.simulate import Settings
from cnncalc.render import schemas, workspaces
from cnncalc.render.cuda_memory import assumed
from cnncalc.render.fit import how

MIB = 2**20
SPEC = """\
cnncalc: 1
name: small
input: [1, 8, 8]
layers:
  - {conv: 4, kernel: 3, pad: 1, name: a}
  - flatten
  - {linear: 10, name: fc}
"""
SIGNATURE = "conv 1x1x8x8 weight 4x1x3x3 stride 1x1 padding 1x1 dilation 1x1 groups 1"
TABLE = {
    "schema": "cnncalc.workspaces/1",
    "tool": {"name": "cnncalc", "version": "0.1.0"},
    "gpu": "Tesla T4",
    "sm": [7, 5],
    "cudnn": "91002",
    "torch": "2.13.0",
    "dtype": "float32",
    "layout": "contiguous",
    "benchmark": False,
    "cublas": 8_519_680,
    "rows": [{"signature": SIGNATURE, "forward": 3 * MIB, "input_gradient": 0, "weight_gradient": 5 * MIB}],
}
#: of inference, in blocks of 512: parameters 144, 16, 10,240, 40; input 256; most in fc with a's output 1,024 and its own 40
TENSORS = 144 + 16 + 10_240 + 40 + 256 + 1_024 + 40
BLOCKS = 512 * (1 + 1 + 20 + 1 + 1 + 2 + 1)
CUBLAS = 8_519_680


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SPEC, "utf-8")
    (tmp_path / "table.json").write_text(json.dumps(TABLE), "utf-8")


def data_of(capsys: Any, *arguments: str) -> dict[str, Any]:
    run([*arguments, "--format", "json"])
    captured = capsys.readouterr()
    data: dict[str, Any] = json.loads(captured.out or captured.err)
    return data


def test_the_three_peaks_by_hand(capsys: Any) -> None:
    """The 4 small tensors lie in a segment of 2 MiB; the workspace, below 10 MiB, in one of 20 MiB."""
    found = data_of(capsys, "memory", "small.yaml", "--allocator", "cuda")
    jsonschema.Draft7Validator(schemas.schema("memory")).validate(found)
    assert found["settings"]["device"] == "cuda"
    allocator = found["allocator"]
    assert (allocator["gpu"], allocator["cublas_workspace_bytes"], allocator["cudnn"]) == (None, CUBLAS, None)
    assert allocator["training"] is None
    assert allocator["inference"] == {
        "requested_bytes": TENSORS + CUBLAS,
        "allocated_bytes": BLOCKS + CUBLAS,
        "reserved_bytes": (2 + 20) * MIB,
        "phase": "forward",
        "layer": "fc",
        "parts": {"tensors": TENSORS, "cublas": CUBLAS, "cudnn": 0, "rounding": BLOCKS - TENSORS},
    }


def test_in_words(capsys: Any) -> None:
    assert run(["memory", "small.yaml", "--allocator", "cuda", "--gpu", "h100"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-5:] == [
        "inference_memory on a GPU: 33.57 MB (32.01 MiB) requested, 33.57 MB (32.01 MiB) allocated, "
        "35.65 MB (34.00 MiB) reserved, in the third run",
        "allocated = 11.76 kB (11.48 KiB) tensors + 33.55 MB (32.00 MiB) cuBLAS workspaces + 2.064 kB (2.016 KiB) "
        "rounding and slack of blocks, in the forward pass at fc",
        "cuBLAS workspace: 33.55 MB (32.00 MiB), as h100 has it, once in inference, twice in training where matrices "
        "are multiplied",
        "cuDNN workspaces: excluded (no table for this GPU)",
        "outside the allocator, and not counted: the CUDA context and the libraries' code, which take some hundred MB "
        "of the device; other processes",
    ]


def test_a_table_of_workspaces(capsys: Any) -> None:
    """In the gradient of a's weight: 5 MiB, beside both workspaces of cuBLAS."""
    found = data_of(capsys, "memory", "small.yaml", "--train", "--allocator", "cuda", "--workspaces", "table.json")
    jsonschema.Draft7Validator(schemas.schema("memory")).validate(found)
    allocator = found["allocator"]
    assert allocator["cudnn"] == {
        "file": "table.json",
        **{name: TABLE[name] for name in ("gpu", "cudnn", "torch", "dtype", "layout", "benchmark")},
        "unknown": [],
    }
    inference, training = allocator["inference"], allocator["training"]
    assert inference["parts"]["cudnn"] == 3 * MIB
    assert inference["layer"] == "a"
    assert (training["parts"]["cudnn"], training["parts"]["cublas"]) == (5 * MIB, 2 * CUBLAS)
    assert (training["phase"], training["layer"]) == ("backward", "a")


def test_what_a_table_does_not_have_is_named(capsys: Any) -> None:
    assert run(["memory", "small.yaml", "--batch", "2", "--allocator", "cuda", "--workspaces", "table.json"]) == 0
    words = "cuDNN workspaces: measured on Tesla T4, cuDNN 91002, torch 2.13.0, float32, contiguous; excluded, because "
    assert f"{words}they are not in the table: a\n" in capsys.readouterr().out


def test_of_many_that_a_table_does_not_have_three_are_named() -> None:
    table = workspaces.parse(json.dumps(TABLE), "table.json")
    gpu = Gpu(None, table, "table.json")
    assert assumed(gpu, list("abc"))[1].endswith(": a, b, c")
    assert assumed(gpu, list("abcde"))[1].endswith(": a, b, c and 2 more")


def test_fit(capsys: Any) -> None:
    """24 MiB hold the 20 of cuBLAS's segment, and 4 for tensors; the tensors alone of many more samples would fit."""
    arguments = ["fit", "small.yaml", "--memory", "24MiB"]
    alone = data_of(capsys, *arguments)
    assert alone["allocator"] is None
    found = data_of(capsys, *arguments, "--allocator", "cuda")
    jsonschema.Draft7Validator(schemas.schema("fit")).validate(found)
    largest, following = found["rows"]
    assert largest["batch"] < alone["rows"][0]["batch"]
    assert following["batch"] == largest["batch"] + 1
    for row in found["rows"]:
        assert sum(row["parts"].values()) == row["memory_bytes"]
    tried = {row["batch"]: row["fits"] for row in found["allocator"]["tried"]}
    assert tried[largest["batch"]]
    assert not tried[following["batch"]]
    assert run([*arguments, "--allocator", "cuda"]) == 0
    shown = capsys.readouterr().out
    assert f"{len(tried)} batches were replayed through PyTorch's allocator\n" in shown
    assert "nothing was tried" not in shown


@pytest.mark.parametrize(
    ("tried", "words"),
    [
        ({1: False}, "1 batch was replayed through PyTorch's allocator"),
        ({3: False, 2: True}, "2 batches were replayed through PyTorch's allocator"),
        (
            {1: True, 2: False, 3: True},
            "3 batches were replayed through PyTorch's allocator, and a larger one may fit: what it reserves does not "
            "always grow",
        ),
    ],
)
def test_how_the_largest_batch_was_found(tried: dict[int, bool], words: str) -> None:
    report = package.load("lenet5").analyze()
    assert how(Fit(report, Settings(), 1, 0, None, None, gpu=Gpu(), tried_batches=tried)) == words


def test_a_table_says_nothing_of_other_gpus_and_data_types(capsys: Any) -> None:
    arguments = ["fit", "small.yaml", "--memory", "1MiB", "--allocator", "cuda"]
    found = data_of(capsys, *arguments)
    assert found["larger_devices"]
    found = data_of(capsys, *arguments, "--workspaces", "table.json")
    assert (found["options"], found["larger_devices"]) == ({}, [])


def test_fit_of_other_inputs_has_no_workspaces(capsys: Any) -> None:
    """A table is of one input: that of the network's own is not the one that is found."""
    Path("image.yaml").write_text("{cnncalc: 1, name: image, input: [1, 8, 8], layers: [{conv: 4, kernel: 3, pad: 1}]}")
    arguments = ["fit", "image.yaml", "--memory", "24MiB", "--largest", "input", "--allocator", "cuda"]
    found = data_of(capsys, *arguments, "--workspaces", "table.json")
    jsonschema.Draft7Validator(schemas.schema("fit")).validate(found)
    assert found["allocator"]["cudnn"]["unknown"] == ["conv1"]
    assert found["allocator"]["tried"] == []
    assert found["search"]["tried"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["memory", "small.yaml", "--workspaces", "table.json"], "--workspaces needs --allocator cuda"),
        (["memory", "small.yaml", "--gpu", "t4"], "--gpu needs --allocator cuda"),
        (["memory", "small.yaml", "--allocator", "cuda", "--device", "cpu"], "--allocator cuda needs the device cuda, not cpu"),
        (["memory", "small.yaml", "--allocator", "cuda", "--gpu", "t44"], "unknown GPU 't44'"),
        (
            ["memory", "small.yaml", "--allocator", "cuda", "--gpu", "h100", "--workspaces", "table.json"],
            "the workspaces of table.json were measured on Tesla T4, not on h100",
        ),
        (
            ["memory", "small.yaml", "--allocator", "cuda", "--amp", "float16", "--workspaces", "table.json"],
            "the workspaces were measured in float32, but convolutions run in float16",
        ),
        (
            ["fit", "small.yaml", "--gpu", "t4", "--allocator", "cuda", "--dtype", "bfloat16", "--workspaces", "table.json"],
            "the workspaces were measured in float32, but convolutions run in bfloat16",
        ),
        (["fit", "small.yaml", "--gpu", "t4", "--workspaces", "table.json"], "--workspaces needs --allocator cuda"),
        (["memory", "small.yaml", "--allocator", "cuda", "--workspaces", "none.json"], "none.json:1:1: error: can't read the table of workspaces"),
    ],
)  # fmt: skip
def test_what_is_refused(capsys: Any, arguments: list[str], message: str) -> None:
    assert run(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "cnncalc.profile/1"}, "not a table of workspaces that this cnncalc reads: schema is 'cnncalc.profile/1'"),
        ({"sm": [9]}, "not a table of workspaces: /sm has 1 items"),
        ({"dtype": "int8"}, "not a table of workspaces: /dtype must be one of float64, float32, float16, bfloat16"),
        ({"rows": [{"signature": "conv", "forward": 1}]}, "not a table of workspaces: /rows/0 needs input_gradient"),
        ({"rows": TABLE["rows"] * 2}, "the table has 'conv 1x1x8x8 weight"),
        ({"more": 1}, "not a table of workspaces: / has an unknown key 'more'"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table(capsys: Any, change: dict[str, Any], message: str) -> None:
    Path("bad.json").write_text(json.dumps({**TABLE, **change}), "utf-8")
    assert run(["memory", "small.yaml", "--allocator", "cuda", "--workspaces", "bad.json"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "bad.json:1:" in error


def test_a_table_is_written_as_it_was_read() -> None:
    table = workspaces.parse(json.dumps(TABLE), "table.json")
    assert {**workspaces.payload(table), "tool": TABLE["tool"]} == TABLE
    jsonschema.Draft7Validator(schemas.schema("workspaces")).validate(workspaces.payload(table))


def test_tables_of_the_same_gpu_are_joined() -> None:
    table = workspaces.parse(json.dumps(TABLE), "table.json")
    row = table.rows[SIGNATURE]
    other = table._replace(rows={SIGNATURE: row._replace(forward=1), "conv": row})
    assert workspaces.joined([table, other], "table.json").rows == other.rows
    with pytest.raises(Exception, match=r"the rows of 'table.json' are of cudnn 91002, not 91100"):
        workspaces.joined([table, other._replace(cudnn="91100")], "table.json")
