"""cnncalc fit: what it prints and refuses, and its exit codes."""

from __future__ import annotations

import csv
import io
import json
import re

import jsonschema
import pytest

from cnncalc.cli.pages import page
from cnncalc.devices import DEVICES
from tests.cli.conftest import process

# one layer, whose peak by hand is: weights 10*8*4 + 10*4 bytes; of each sample 8*4 in and 10*4 out
SPEC = """\
cnncalc: 1
name: one
input: [8]
layers:
  - {linear: 10, name: fc}
"""
FIXED, EACH = 360, 72

IMAGE = """\
cnncalc: 1
name: image
input: [1, 8, 8]
layers:
  - {conv: 1, kernel: 1, bias: false, name: only}
"""


@pytest.fixture(autouse=True)
def specs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.yaml").write_text(SPEC, "utf-8")
    (tmp_path / "image.yaml").write_text(IMAGE, "utf-8")


def answer(cnncalc, *arguments: str, code: int = 0) -> dict:
    result = cnncalc("fit", *arguments, "--format", "json")
    assert (result.code, result.err) == (code, "")
    return json.loads(result.out)


@pytest.mark.parametrize(
    ("memory", "batch"), [(FIXED + 5 * EACH, 5), (FIXED + 6 * EACH - 1, 5), (FIXED + 6 * EACH, 6), (FIXED + EACH, 1)]
)
def test_by_hand(cnncalc, memory, batch):
    data = answer(cnncalc, "one.yaml", "--memory", str(memory))
    assert [(row["what"], row["batch"], row["memory_bytes"]) for row in data["rows"]] == [
        ("largest", batch, FIXED + batch * EACH),
        ("next", batch + 1, FIXED + (batch + 1) * EACH),
    ]
    assert [row["left_bytes"] for row in data["rows"]] == [memory - row["memory_bytes"] for row in data["rows"]]
    assert {row["layer"] for row in data["rows"]} == {"fc"}


def test_plain(cnncalc):
    result = cnncalc("fit", "one.yaml", "--memory", "1KB", "--reserve", "100")
    assert (result.code, result.err) == (0, "")
    # (1000 - 100 - 360) // 72 = 7; 360 + 7*72 = 864, 360 + 8*72 = 936
    assert result.out.startswith(
        "one\ninput 8, float32, inference\n1.000 kB; 100 B reserved\n\n"
        "          batch  input  memory   of it   left  peak     at\n"
        "----------------------------------------------------------\n"
        "largest       7  8       864 B   96.0%   36 B  forward  fc\n"
        "one more      8  8       936 B  104.0%  -36 B  forward  fc\n\n"
        "largest batch: 7; batch 8 is 36 B too much; computed from every moment of the run, not by trying\n"
    )
    assert "not counted: the CUDA context, workspaces of cuDNN and cuBLAS" in result.out
    assert "100 B are reserved for them (--reserve)" in result.out


def test_nothing_is_reserved_unless_asked_for(cnncalc):
    assert "nothing is reserved for them (--reserve)" in cnncalc("fit", "one.yaml", "--memory", "1KB").out


def test_nothing_fits(cnncalc):
    result = cnncalc("fit", "vgg16", "--memory", "300MB")
    assert (result.code, result.err) == (1, "")
    assert re.search(r"^one sample +1 ", result.out, re.MULTILINE)
    assert "not even one sample fits; batch 1 is 279.7 MB (266.8 MiB) too much" in result.out
    assert "it fits with --dtype float16 (291.5 MB) or --dtype bfloat16 (291.5 MB)\n" in result.out
    assert "it fits on rtx2080ti, t4, v100" in result.out
    data = answer(cnncalc, "vgg16", "--memory", "300MB", code=1)
    assert [row["what"] for row in data["rows"]] == ["next"]
    assert list(data["options"]) == ["--dtype float16", "--dtype bfloat16"]
    for words, size in data["options"].items():
        found = answer(cnncalc, "vgg16", "--memory", str(size), *words.split())
        assert found["rows"][0]["memory_bytes"] == size


def test_what_would_help_in_training(cnncalc):
    """Each option that is named, and the checkpoints, give the memory that is said."""
    at = ("resnet18", "--train", "--batch", "64", "--memory", "1.3GB")
    data = answer(cnncalc, *at, code=1)
    assert {"--amp float16", "--dtype bfloat16"} <= set(data["options"])
    for words, size in data["options"].items():
        assert _training(cnncalc, *words.split()) == size
    found = data["checkpoint"]
    assert found["memory_bytes"] <= 1.3 * 10**9
    words = [word for path in found["segments"] for word in ("--checkpoint", path)]
    assert _training(cnncalc, *words) == found["memory_bytes"]
    assert answer(cnncalc, *at, *words)["fits"]
    text = cnncalc("fit", *at).out
    number = len(found["segments"])
    assert (
        f"it fits with {number} checkpoint{'s' * (number > 1)} (the fewest found, of {found['considered']} blocks"
        in text
    )
    assert re.search(r"; peak 1\.\d+ GB \(.*\); [\d.]+G MACs again, [\d.]+% of the forward pass$", text, re.MULTILINE)


def test_checkpoints_one_after_the_other_are_folded(cnncalc):
    at = ("resnet18", "--train", "--batch", "32", "--memory", "624MB")
    segments = answer(cnncalc, *at, code=1)["checkpoint"]["segments"]
    assert segments[:2] == ["stage1.block_1", "stage1.block_2"]
    assert "joins): stage1.block_1 ... block_2, " in cnncalc("fit", *at).out


def _training(cnncalc, *options: str) -> int:
    out = cnncalc("memory", "resnet18", "--train", "--batch", "64", *options, "--format", "json").out
    return json.loads(out)["totals"]["training_memory_bytes"]


def test_a_batch_that_is_asked_for(cnncalc):
    at = ("one.yaml", "--memory", str(FIXED + 5 * EACH), "--batch")
    assert [row["what"] for row in answer(cnncalc, *at, "3")["rows"]] == ["largest", "next", "asked"]
    data = answer(cnncalc, *at, "5")
    assert ([row["what"] for row in data["rows"]], data["asked"]) == (["largest", "next"], 5)
    assert [row["what"] for row in answer(cnncalc, *at, "6", code=1)["rows"]] == ["largest", "next"]
    data = answer(cnncalc, *at, "9", code=1)
    assert data["rows"][-1]["left_bytes"] == -4 * EACH
    assert "batch 9 is 288 B too much" in cnncalc("fit", *at, "9").out


def test_the_same_figures_as_the_command_memory(cnncalc):
    options = ("resnet18", "--train", "--optimizer", "adam", "--dtype", "float64")
    rows = answer(cnncalc, *options, "--memory", "8GB")["rows"]
    for row in rows:
        memory = json.loads(cnncalc("memory", *options, "--batch", str(row["batch"]), "--format", "json").out)
        assert memory["totals"]["training_memory_bytes"] == row["memory_bytes"]
    assert rows[0]["memory_bytes"] <= 8 * 10**9 < rows[1]["memory_bytes"]


def test_a_gpu_has_what_pytorch_reports(cnncalc):
    data = answer(cnncalc, "resnet18", "--gpu", "t4")
    assert data["memory"]["bytes"] == 14_930 * 2**20
    assert (data["settings"]["device"], data["memory"]["device"]["stated_gigabytes"]) == ("cuda", 16)
    assert answer(cnncalc, "resnet18", "--gpu", "t4", "--device", "cpu")["settings"]["device"] == "cpu"
    assert answer(cnncalc, "resnet18", "--memory", "8GB")["memory"]["device"] is None
    assert (
        "on t4: what PyTorch reports of the 16 GB that its vendor states" in cnncalc("fit", "vgg11", "--gpu", "t4").out
    )


def test_devices_are_large_enough_for_the_run_on_them(cnncalc):
    """Adam's step takes temporaries of all parameters at once on a GPU, and of one after the other on a CPU."""
    train = ("resnet18", "--train", "--optimizer", "adam")
    peaks = {}
    for device in ("cpu", "cuda"):
        out = cnncalc("memory", *train, "--device", device, "--format", "json").out
        peaks[device] = json.loads(out)["totals"]["training_memory_bytes"]
    assert peaks["cpu"] < peaks["cuda"]
    by_size = sorted(DEVICES, key=lambda device: device.memory)
    reserve = by_size[0].memory - peaks["cpu"]  # of the smallest, what a CPU's run leaves
    at = ("--memory", str(reserve + 1), "--reserve", str(reserve))
    for device in ("cpu", "cuda"):
        data = answer(cnncalc, *train, *at, "--device", device, code=1)
        assert data["larger_devices"] == [device.name for device in by_size[1:]]


def test_what_is_too_much_is_below_zero_in_both_units(cnncalc):
    out = cnncalc("fit", "vgg16", "--memory", "300MB").out
    assert "  -279.7 MB (-266.8 MiB)  " in out


def test_every_gpu_is_documented():
    listed = re.findall(r"^\| `([\w-]+)` \| \d+ GB \| [\d.]+ GB \|$", page("memory"), re.MULTILINE)
    assert listed == [device.name for device in DEVICES]


@pytest.mark.parametrize(
    ("size", "number"),
    [
        ("24GB", 24 * 10**9),
        ("24GiB", 24 * 2**30),
        ("512MB", 512 * 10**6),
        ("1.5 GB", 1_500_000_000),
        ("600kB", 600_000),
        ("16000000000", 16 * 10**9),
    ],
)
def test_sizes(cnncalc, size, number):
    assert answer(cnncalc, "lenet5_modern", "--memory", size)["memory"]["bytes"] == number


# -- inputs ------------------------------------------------------------------------------------------------------------


def test_the_largest_input_by_hand(cnncalc):
    """4 bytes of weights; of each sample s*s*4 in and as many out: 4 + 2*8*s*s at batch 2."""
    data = answer(cnncalc, "image.yaml", "--memory", "100000", "--largest", "input", "--batch", "2")
    side = 79  # 4 + 16*79*79 = 99,860; 16*80*80 = 102,400
    assert [(row["what"], row["input"], row["memory_bytes"]) for row in data["rows"]] == [
        ("largest", [1, side, side], 4 + 16 * side**2),
        ("next", [1, side + 1, side + 1], 4 + 16 * (side + 1) ** 2),
    ]
    assert (data["search"]["step"], data["search"]["monotone"]) == (1, True)
    text = cnncalc("fit", "image.yaml", "--memory", "100000", "--largest", "input").out
    assert re.search(r"^\d+ inputs were tried, sides in steps of 1; memory grows with the input$", text, re.MULTILINE)


def test_a_smaller_input_than_its_own(cnncalc):
    data = answer(cnncalc, "image.yaml", "--memory", "100", "--largest", "input")
    assert data["rows"][0]["input"] == [1, 3, 3]  # 4 + 8*9 = 76, 4 + 8*16 = 132
    data = answer(cnncalc, "image.yaml", "--memory", "11", "--largest", "input", code=1)
    assert [row["what"] for row in data["rows"]] == ["next"]


def test_no_input_is_small_enough(cnncalc):
    """One pixel takes 4 bytes of weights, and for each sample 4 in and 4 out."""
    arguments = ("image.yaml", "--largest", "input", "--batch", "2", "--memory")
    result = cnncalc("fit", *arguments, "19")
    assert result.code == 1
    assert "\nno input that the network accepts fits at batch 2\n" in result.out
    assert cnncalc("fit", *arguments, "20").code == 0


def test_an_input_that_is_no_square(cnncalc, tmp_path):
    (tmp_path / "wide.yaml").write_text(IMAGE.replace("8, 8", "4, 8"), "utf-8")
    assert answer(cnncalc, "wide.yaml", "--memory", "100", "--largest", "input")["rows"][0]["input"] == [1, 3, 3]
    fixed = IMAGE.replace("8, 8", "4, 8") + "  - {adaptive_avgpool: [[4, 8]]}\n  - {add: [only, prev]}\n"
    (tmp_path / "fixed.yaml").write_text(fixed, "utf-8")
    result = cnncalc("fit", "fixed.yaml", "--memory", "100", "--largest", "input")
    assert (result.code, result.err) == (2, "error: the network refuses the square input 1x8x8 (hint: --input CxHxW)\n")


def test_steps_of_the_total_stride(cnncalc, tmp_path):
    """A skip around a pool and an upsampling fits at even sides alone."""
    spec = """\
cnncalc: 1
name: skip
input: [1, 8, 8]
layers:
  - {conv: 1, kernel: 1, name: first}
  - {maxpool: 2}
  - {conv_transpose: 1, kernel: 2, stride: 2}
  - {add: [first, prev]}
"""
    (tmp_path / "skip.yaml").write_text(spec, "utf-8")
    data = answer(cnncalc, "skip.yaml", "--memory", "100000", "--largest", "input")
    assert data["search"]["step"] == 2
    assert data["rows"][0]["input"][1] % 2 == 0
    assert {"side": 9, "memory_bytes": None} in data["search"]["tried"]


def test_variables_hold_for_other_inputs_and_standard_input_is_read_once(tmp_path):
    spec = IMAGE.replace("layers", "vars: {k: 1}\nlayers").replace("kernel: 1", "kernel: $k")
    found = process("fit", "-", "--set", "k=3", "--memory", "4000", "--largest", "input", "-f", "json", input=spec)
    assert (found.returncode, found.stderr) == (0, "")
    row = json.loads(found.stdout)["rows"][0]
    side = row["input"][1]
    assert row["memory_bytes"] == 4 * (9 + side**2 + (side - 2) ** 2)


# -- formats, and wrong calls ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["resnet18", "--gpu", "h100", "--train", "--optimizer", "adamw"],
        ["vgg16", "--memory", "300MB", "--reserve", "10MB"],
        ["image.yaml", "--memory", "1MB", "--largest", "input"],
        ["one.yaml", "--memory", "1KB", "--batch", "400"],
    ],
)
def test_json_fits_its_schema(cnncalc, arguments):
    schema = json.loads(cnncalc("schema", "fit").out)
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    payload = json.loads(cnncalc("fit", *arguments, "--format", "json").out)
    validator.validate(payload)
    assert not validator.is_valid({**payload, "extra": 1})
    assert not validator.is_valid({**payload, "rows": []})


def test_csv_and_markdown(cnncalc):
    out = cnncalc("fit", "one.yaml", "--memory", "1KB", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[0] == {"what": "largest", "batch": "8", "input": "8", "memory_bytes": "936", "left_bytes": "64", "phase": "forward", "layer": "fc"}  # fmt: skip
    assert "| largest | 8 |" in cnncalc("fit", "one.yaml", "--memory", "1KB", "--format", "markdown").out


SIZE = "memory must be a size like 24GB, 24GiB, 512MB or 16000000000"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "fit takes either --memory or --gpu (hint: --memory 24GB or --gpu t4)"),
        (["--memory", "1GB", "--gpu", "t4"], "fit takes either --memory or --gpu (hint: --memory 24GB or --gpu t4)"),
        (["--gpu", "a100"], "unknown GPU 'a100' (hint: a100-40gb or a100-80gb?)"),
        (["--memory", "-5GB"], f"{SIZE}, not '-5GB'"),
        (["--memory", "24QB"], f"{SIZE}, not '24QB'"),
        (["--memory", "1/2"], f"{SIZE}, not '1/2'"),
        (["--memory", "nan"], f"{SIZE}, not 'nan'"),
        (["--memory", "0.5"], "memory must be a whole number of bytes, not '0.5'"),
        (["--memory", "1e99"], "memory must be at most a petabyte, not '1e99'"),
        (["--memory", "1000001GB"], "memory must be at most a petabyte, not '1000001GB'"),
        (["--memory", "0"], "memory must be more than 0 bytes"),
        (["--memory", "1GB", "--reserve", "1GB"], "reserve leaves nothing: 1,000,000,000 of 1,000,000,000 bytes"),
        (["--memory", "1GB", "--batch", "0"], "invalid value for '--batch': 0 is not in the range 1<=x<=1000000000 (hint: cnncalc fit --help)"),
        (["--memory", "1GB", "--optimizer", "adam"], "--optimizer needs a training step (hint: add --train)"),
        (["--memory", "1GB", "--train", "--optimizer", "adm"], "unknown optimizer 'adm' (hint: did you mean adam or adamw?)"),
        (["--memory", "1GB", "--train", "--dtype", "int8"], "int8 has no gradients (hint: training takes a floating-point dtype)"),
        (["--memory", "1GB", "--dtype", "float31"], "unknown data type 'float31' (hint: did you mean float32, float16, bfloat16 or float64?)"),
        (["--memory", "1GB", "--largest", "input"], "the input 8 has no height and width (hint: --largest batch)"),
    ],
)  # fmt: skip
def test_wrong_calls(cnncalc, arguments, message):
    result = cnncalc("fit", "one.yaml", *arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"error: {message}\n"


def test_parameters_that_change_with_the_input(cnncalc, tmp_path):
    """A linear layer has weights for every value: 4*(s*s + 1) bytes, and the convolution 4."""
    spec = IMAGE + "  - flatten\n  - {linear: 1, name: fc}\n"
    (tmp_path / "grows.yaml").write_text(spec, "utf-8")
    out = cnncalc("fit", "grows.yaml", "--memory", "40000", "--largest", "input").out
    tried = answer(cnncalc, "grows.yaml", "--memory", "40000", "--largest", "input")["search"]["tried"]
    most = max(one["side"] for one in tried)
    assert f"the network's parameters change with its input: {4 * (8 * 8 + 2)} B at side 8, " in out
    assert f" at side {most}\n" in out
    assert "parameters change" not in cnncalc("fit", "image.yaml", "--memory", "40000", "--largest", "input").out
