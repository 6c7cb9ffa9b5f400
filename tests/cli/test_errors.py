"""What the commands say on wrong calls: exact text on standard error, exit code, nothing on standard output."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from .conftest import process

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
    (["params", "vgg16", "--set", "clases=3"], "error: vgg16 has no variable 'clases' (hint: did you mean classes?)"),
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
        "error: --export takes FORMAT=FILE, not 'json' (hint: formats: plain, json, csv, tsv, markdown, latex, html)",
    ),
    (["params", "vgg16", "--export", "json=/"], "error: '/' is a directory, not a file to write"),
    (["compare", "vgg16"], "error: compare takes at least two networks (hint: cnncalc compare resnet50 densenet121)"),
    (["compare", "vgg16", "vgg19", "--columns", "parms"], "error: unknown quantity 'parms' (hint: did you mean params or norm_params?)"),
    (["list", "--filter", "accuracy > 3"], "error: --filter: unknown word 'accuracy' in an expression at character 1 (hint: one of: activation_bytes, activations, biases, buffers, depth, expected_macs, flops, macs, norm_params, other_params, params, running_stats, weights, work)"),
    (["list", "--filter", "macs < 3 or year == 2014"], "error: --filter: unknown word 'year' in an expression at character 13 (hint: one of: activation_bytes, activations, biases, buffers, depth, expected_macs, flops, macs, norm_params, other_params, params, running_stats, weights, work)"),
    (["compare", "resnet18", "lenet5", "--input", "image=32"], "error: resnet18 has no input 'image' (hint: one of: input)"),
    (["compare", "resnet18", "vit_b_16", "--input", "3x32x32x32"], "error: input 3x32x32x32 can't replace 3x224x224 of resnet18 (hint: give 224x224 for the sizes alone, or 3x224x224; the channels come first)"),
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


BROKEN = "cnncalc: 1\nlayer: []\n"
SOUND = "cnncalc: 1\nname: sound\nsource: s\ninput: [3, 8, 8]\nlayers: [{conv: 4, kernel: 3}]\n"


@pytest.mark.parametrize("order", ["./bad.yaml ./sound.yaml", "./sound.yaml ./bad.yaml", "./bad.yaml ./bad.yaml"])
@pytest.mark.parametrize("option", ["", "--exit-zero"])
def test_a_diff_of_a_spec_that_cannot_be_read(cnncalc, tmp_path, monkeypatch, order, option):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(BROKEN)
    (tmp_path / "sound.yaml").write_text(SOUND)
    code, out, err = cnncalc("diff", *order.split(), *option.split())
    line = "./bad.yaml:2:1: error: unknown key 'layer' (hint: did you mean layers?)\n"
    assert (code, out, err) == (2, "", line * order.count("bad"))
    code, out, err = cnncalc("diff", *order.split(), "-f", "json")
    assert (code, out, json.loads(err)["exit_code"]) == (2, "", 2)


def test_a_diff_of_folders_shows_the_others(cnncalc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "bad.yaml").write_text(BROKEN)
        (tmp_path / folder / "net.yaml").write_text(SOUND.replace("conv: 4", "conv: 5") if folder == "b" else SOUND)
    code, out, err = cnncalc("diff", "a", "b")
    assert (code, err) == (2, "")
    assert "unknown key 'layer'" in out
    assert "conv1" in out
    assert cnncalc("diff", "a", "b", "--exit-zero").code == 2


def test_an_empty_revision_is_none(cnncalc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    (tmp_path / "sound.yaml").write_text(SOUND)
    assert cnncalc("check", "sound.yaml", "--since", "")[::2] == (2, "error: git has no revision ''\n")
    assert cnncalc("diff", "", "--", "sound.yaml")[::2] == (2, "error: git has no revision ''\n")


@pytest.mark.parametrize("large", [BROKEN, "#" * 1_100_000, "\udcff"])
def test_one_bad_file_does_not_end_a_list(cnncalc, tmp_path, monkeypatch, large):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(large, "utf-8", "surrogateescape")
    (tmp_path / "specs" / "sound.yaml").write_text(SOUND)
    code, out, err = cnncalc("list", "--filter", "params < 113")
    assert code == 2
    assert "sound" in out
    assert err.startswith("specs/a.yaml:")
    assert err.count("\n") == 1


def test_virtual_environments_are_not_searched(cnncalc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("env/lib/specs", "node_modules/x", ".hidden", "deep/specs", "deep/node_modules", "deep/env/bin"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.yaml").write_text(SOUND if folder == "deep/specs" else BROKEN)
    for folder in ("env", "deep/env"):
        (tmp_path / folder / "pyvenv.cfg").touch()
    code, out, _ = cnncalc("check", ".")
    assert (code, out) == (0, "1 spec, 0 claims hold\nnothing found (1 note: --notes shows them)\n")


def test_a_spec_can_extend_the_one_of_its_name(cnncalc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    wide = "cnncalc: 1\nname: vgg11\nextends: vgg11\nvars: {classes: 3}\n"
    (tmp_path / "specs" / "vgg11.yaml").write_text(wide)
    assert cnncalc("params", "vgg11", "-f", "csv").out.splitlines()[-1] == f"fc8,linear,3,{3 * 4096 + 3}"
    (tmp_path / "specs" / "mine.yaml").write_text(wide.replace("vgg11", "mine"))
    assert cnncalc("shapes", "mine").err == (
        "specs/mine.yaml:3:10: error: a spec can't extend or use itself: mine.yaml -> mine.yaml\n"
    )


def test_the_hint_names_another_file(cnncalc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "netz.yaml").mkdir()
    (tmp_path / "net.yaml").symlink_to("nowhere.yaml")
    (tmp_path / "nets.yaml").write_text(SOUND)
    assert cnncalc("params", "net.yaml").err == (
        "net.yaml:1:1: error: can't read the spec: No such file or directory (hint: did you mean nets.yaml?)\n"
    )


def test_paths_from_the_root_of_the_disk(cnncalc, tmp_path, monkeypatch):
    (tmp_path / "base.yaml").write_text(SOUND)
    (tmp_path / "net.yaml").write_text("cnncalc: 1\nname: net\nextends: base\nlayers: [{base: conv}, rleu]\n")
    (tmp_path / "base.yaml").write_text(BROKEN)
    monkeypatch.chdir("/")
    assert cnncalc("params", str(tmp_path / "net.yaml")).err.startswith(f"{tmp_path}/base.yaml:2:1: error: unknown key")


@pytest.mark.parametrize("level", ["1", "2"])
@pytest.mark.parametrize("command", ["", "check", "macs", "profile"])
def test_help_is_the_same_without_docstrings(command, level):
    usual = process(*command.split(), "--help").stdout
    assert process(*command.split(), "--help", env={**os.environ, "PYTHONOPTIMIZE": level}).stdout == usual
    assert len(usual) > 600
