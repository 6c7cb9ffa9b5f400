"""What the commands say on wrong calls: exact text on standard error, exit code, nothing on standard output."""

from __future__ import annotations

import json

import pytest

WRONG_CALLS = [
    (["params", "vgg61"], "error: no spec is named 'vgg61' (hint: did you mean vgg16?)"),
    (["parms", "vgg16"], "error: 'parms' is no command and no network (hint: did you mean params or vars?)"),
    (["params"], "error: missing argument 'NETWORK' (hint: cnncalc params --help)"),
    (["params", "vgg16", "--bach", "3"], "error: no such option: --bach (hint: did you mean --batch?)"),
    (
        ["params", "vgg16", "--batch", "0"],
        "error: invalid value for '--batch': 0 is not in the range 1<=x<=1000000000 (hint: cnncalc params --help)",
    ),
    (
        ["params", "vgg16", "--batch", "x"],
        "error: invalid value for '--batch': 'x' is not a valid integer range (hint: cnncalc params --help)",
    ),
    (["params", "vgg16", "--set", "clases=3"], "error: the spec has no variable 'clases' (hint: did you mean classes?)"),
    (["params", "vgg16", "--set", "classes"], "error: --set takes NAME=VALUE, not 'classes'"),
    (["params", "vgg16", "--columns", "parms"], "error: unknown column 'parms' (hint: did you mean params or norm_params?)"),
    (["params", "vgg16", "--sort", "parms"], "error: unknown sort column 'parms' (hint: did you mean params or norm_params?)"),
    (["params", "vgg16", "--dtype", "float31"], "error: unknown data type 'float31' (hint: did you mean float32, float16, bfloat16 or float64?)"),
    (["macs", "vgg16", "--convention", "mac"], "error: unknown convention 'mac' (hint: did you mean macs?)"),
    (
        ["params", "vgg16", "--input", "3x0x3"],
        "error: a size of the input must be a whole number from 1 to 2147483647, not '0'",
    ),
    (["params", "vgg16", "--input", "9999999999x1"], "error: a size of the input must be a whole number from 1 to 2147483647, not '9999999999'"),
    (["params", "vgg16", "--export", "jsn=x"], "error: unknown format 'jsn' to export (hint: did you mean json?)"),
    (
        ["params", "vgg16", "--export", "json"],
        "error: --export takes FORMAT=FILE, not 'json' (hint: formats: plain, json, csv, tsv, markdown)",
    ),
    (["params", "vgg16", "--export", "json=/"], "error: '/' is a directory, not a file to write"),
    (["compare", "vgg16"], "error: compare takes at least two networks (hint: cnncalc compare resnet50 densenet121)"),
    (["compare", "vgg16", "vgg19", "--columns", "parms"], "error: unknown quantity 'parms' (hint: did you mean params or norm_params?)"),
    (["list", "--filter", "parms < 3"], "error: --filter: unknown word 'parms' in an expression at character 1 (hint: did you mean params or norm_params?)"),
    (["expand", "blocks_se"], None),
    (["params", "\x1b[31m"], "error: no spec is named '\\x1b[31m' (hint: cnncalc list shows every spec)"),
]  # fmt: skip


@pytest.mark.usefixtures("small_zoo")
@pytest.mark.parametrize(
    ("arguments", "message"), WRONG_CALLS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_wrong_calls(cnncalc, arguments, message):
    result = cnncalc(*arguments)
    assert result.code == 2
    assert result.out == ""
    if message is not None:
        assert result.err == f"{message}\n"
    assert len(result.err.splitlines()) == 1
    assert result.err[:-1].isascii() and result.err[:-1].isprintable()


def test_a_filter_that_is_no_condition(cnncalc):
    result = cnncalc("list", "--filter", "depth and true")
    assert (result.code, result.out) == (2, "")
    # the first network of the list is AlexNet, with 8 weighted layers
    assert result.err == (
        "error: --filter: expected true or false, not 8 (hint: for example 'params < 10M and macs < 1G')\n"
    )


@pytest.mark.parametrize("form", [["--format", "json"], ["--format=json"], ["-f", "json"]])
@pytest.mark.parametrize(
    "arguments", [["params", "vgg61"], ["params", "vgg16", "--batch", "0"], ["summary", "vgg16", "--nope"]]
)
def test_errors_are_json_when_json_was_asked_for(cnncalc, form, arguments):
    result = cnncalc(*arguments, *form)
    assert (result.code, result.out) == (2, "")
    payload = json.loads(result.err)
    assert payload["schema"] == "cnncalc.error/1"
    assert payload["exit_code"] == 2
    assert payload["errors"][0]["message"]


def test_a_wrong_spec_as_json(cnncalc, tmp_path):
    spec = tmp_path / "wrong.yaml"
    spec.write_text("cnncalc: 1\ninput: [3, 8, 8]\nlayers:\n  - {conv: 8, kernal: 3}\n  - rellu\n")
    payload = json.loads(cnncalc("params", str(spec), "-f", "json").err)
    assert [(e["line"], e["column"], e["hint"]) for e in payload["errors"]] == [
        (4, 15, "did you mean kernel?"),
        (5, 5, "did you mean relu, relu6, prelu, elu or selu?"),
    ]


def test_an_export_never_replaces_the_spec(cnncalc, tmp_path):
    spec = tmp_path / "mine.yaml"
    spec.write_text("cnncalc: 1\ninput: [2]\nlayers: [{linear: 3}]\n")
    before = spec.read_bytes()
    result = cnncalc("params", str(spec), "--export", f"json={spec}")
    assert result.code == 2
    assert "was read, so it must not be overwritten" in result.err
    assert spec.read_bytes() == before


def test_nothing_is_written_when_the_spec_is_wrong(cnncalc, tmp_path):
    target = tmp_path / "out.json"
    assert cnncalc("params", "vgg61", "--export", f"json={target}").code == 2
    assert not target.exists()


def test_an_internal_error_is_one_line(cnncalc, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("a fault\nin the engine")

    monkeypatch.setattr("cnncalc.analysis.params.measure", fail)
    result = cnncalc("params", "vgg16")
    assert (result.code, result.out) == (4, "")
    assert (
        result.err == "internal error: RuntimeError: a fault\\nin the engine; please report it, --debug shows where\n"
    )
    with pytest.raises(RuntimeError):
        cnncalc("params", "vgg16", "--debug")
