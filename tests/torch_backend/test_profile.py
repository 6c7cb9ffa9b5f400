"""Measuring: what is counted agrees with what is predicted, times are sane, and what does not fit ends cleanly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import cnncalc
from cnncalc.cli.main import run
from cnncalc.errors import EnvironmentFailure, UsageError
from cnncalc.memory.cuda.gpu import reserve
from cnncalc.memory.cuda.workspaces import Libraries, WorkspaceBytes, convolutions
from cnncalc.memory.simulate import Settings as Run
from cnncalc.memory.simulate import simulate
from cnncalc.render import measured, schemas
from cnncalc.torch_backend.build import build
from cnncalc.torch_backend.measure import cudnn_workspaces, machine, passes, per_layer, predicted, profile, timing
from cnncalc.torch_backend.measure.passes import Settings, Subject, Taken
from tests.conftest import network as small

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")
MIB = 2**20
SPEC = """
cnncalc: 1
name: tiny
input: [3, 8, 8]
layers:
  - {name: stem, conv: 4, kernel: 3, pad: 1, bias: false, norm: bn, act: relu}
  - add:
      main: [{conv: 4, kernel: 3, pad: 1, act: relu}]
      shortcut: identity
  - {name: pool, maxpool: 2}
  - flatten
  - {name: fc, linear: 5}
"""
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(SPEC, "utf-8")
    return cnncalc.load(str(path))


def quick(**given) -> Settings:
    return Settings(**{"repeat": 3, "seconds": 0.0, "threads": 1, **given})


def measured_of(network, **given):
    return profile.profile(network.graph, quick(**given), about=network.about)


@pytest.mark.parametrize(
    "given", [{}, {"training": True}, {"dtype": "bfloat16"}, {"channels_last": True, "batches": (3,)}]
)
def test_a_measurement_adds_up(tiny, given):
    data = measured_of(tiny, **given)
    run_ = data["runs"][0]
    assert len(run_["sample_seconds"]) == 3
    ordered = [run_[f"{key}_seconds"] for key in ("least", "lower_quartile", "median", "upper_quartile")]
    assert ordered[0] > 0 and ordered == sorted(ordered)
    assert run_["samples_per_second"] == pytest.approx(run_["batch"] / run_["median_seconds"], rel=1e-3)
    assert [row["path"] for row in data["layers"]] == [node.path for node in tiny.graph.nodes[1:]]
    assert all(row["seconds"] > 0 for row in data["layers"] if row["op"] == "conv")
    for key in ("macs", "bytes"):
        assert sum(row[key] for row in data["layers"]) == run_[key]
    trained = "training" in given
    assert all(("backward_seconds" in row) == trained for row in data["layers"])
    assert all(row.get("backward_seconds", 0) <= row["seconds"] for row in data["layers"])


@pytest.mark.parametrize("given", [{}, {"training": True}, {"batches": (1, 2)}])
def test_a_measurement_fits_its_schema_and_is_read_back(tiny, given):
    import jsonschema

    from cnncalc.render import json as writer

    data = measured_of(tiny, **given)
    jsonschema.Draft7Validator(schemas.schema("profile")).validate(data)
    assert measured.parse(writer.write(data), "x.json") == data


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["tiny", "lenet5_modern"])
def test_what_is_predicted_is_what_is_measured(tiny, name, dtype, batch):
    network = tiny if name == "tiny" else cnncalc.load(name)
    rows = measured_of(network, dtype=dtype, batches=(batch,))["runs"][0]["compared"]
    quantities = ["params", "buffers", "macs", "activation_bytes", "weight_bytes", "memory_bytes"]
    assert [row["quantity"] for row in rows] == quantities
    assert {row["quantity"]: row["measured"] for row in rows} == {row["quantity"]: row["predicted"] for row in rows}


TRAINED = {
    "tiny": "",
    # of the map, one gradient comes from the loss and one from what follows it
    "two outputs, one a map": "input: [3, 8, 8]\nlayers:\n  - {conv: 4, kernel: 3, act: relu, name: a}\n  - flatten\n  - {linear: 5}\noutputs: [a, linear1]",
    "a sequence": "input: [8, 4, 4]\nlayers:\n  - tokens\n  - {attention: 2}\n  - {select: 0}\n  - {linear: 3}",
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", TRAINED)
def test_training_memory_is_predicted(tiny, name, batch):
    network = small(TRAINED[name]) if TRAINED[name] else tiny
    row = measured_of(network, training=True, batches=(batch,))["runs"][0]["compared"][-1]
    assert row["quantity"] == "memory_bytes"
    assert row["measured"] == row["predicted"] > 2 * predicted.weight_bytes(network.graph, "float32", False)
    assert ("without one it adds them in place" in row["note"]) == (name == "two outputs, one a map")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "layers",
    [
        "[{conv: 4, kernel: 3}, {groupnorm: 2}, silu, {dropout: 0.5}, flatten, {linear: 3}]",
        "[{conv: 4, kernel: 1, norm: bn, act: relu}, {maxpool: 3, stride: 2, ceil: true}, {upsample: 2}, flatten]",
        "[{add: {x: identity, main: [{dwconv: 3, pad: 1}, gelu]}}, layernorm, global_avgpool, flatten, {linear: 3}]",
    ],
)
def test_training_memory_is_predicted_of_other_operators(layers, dtype):
    network = small(f"input: [4, 8, 8]\nlayers: {layers}\n")
    row = measured_of(network, training=True, dtype=dtype, batches=(2,))["runs"][0]["compared"][-1]
    assert (row["quantity"], row["measured"]) == ("memory_bytes", row["predicted"])


def test_training_memory_stands_beside_the_measured_one(tmp_path, capsys):
    (tmp_path / "tiny.yaml").write_text(SPEC, "utf-8")
    words = [
        "profile",
        str(tmp_path / "tiny.yaml"),
        "--mode",
        "train",
        "--device",
        "cpu",
        "--repeat",
        "1",
        "-f",
        "plain",
    ]
    assert run(words) == 0
    (line,) = [line for line in capsys.readouterr().out.split("\n") if line.startswith("memory_bytes: ")]
    assert line.endswith(
        "measured (tensors alive at once in one pass, as PyTorch's operations return them), as predicted"
    )


# by hand, float32, batch 2; the second convolution has 4*4*9 + 4 weights and maps of 4*8*8 values
@pytest.mark.parametrize(
    ("training", "path", "macs", "moved"),
    [
        (False, "stem", 2 * 64 * 4 * 27, 4 * (2 * 192 + 108 + 2 * 256)),
        # its input needs no gradient: forward and the gradient of the weights
        (True, "stem", 2 * 2 * 64 * 4 * 27, 4 * ((2 * 192 + 108 + 2 * 256) + (2 * 256 + 2 * 192 + 108) + 108)),
        (False, "add1.main.conv1", 2 * 64 * 4 * 36, 4 * (2 * 256 + 148 + 2 * 256)),
        (True, "add1.main.conv1", 3 * 2 * 64 * 4 * 36, 4 * (3 * (2 * 256 + 148) + 2 * 2 * 256 - 148 + 148)),
        (False, "pool", 0, 4 * 2 * (256 + 64)),
        (False, "flatten1", 0, 0),
        (False, "fc", 2 * 64 * 5, 4 * (2 * 64 + 64 * 5 + 5 + 2 * 5)),
    ],
)
def test_work_and_traffic_of_a_layer(tiny, training, path, macs, moved):
    rows = {row.path: row for row in predicted.layers(tiny.graph, 2, "float32", False, training)}
    assert (rows[path].macs, rows[path].bytes) == (macs, moved)


def test_the_work_of_training_is_what_pytorch_counts(tiny):
    from torch.utils.flop_counter import FlopCounterMode

    model = build(tiny.graph)
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(2, 3, 8, 8)).sum().backward()
    rows = predicted.layers(tiny.graph, 2, "float32", False, training=True)
    assert 2 * sum(row.macs for row in rows) == counter.get_total_flops()


def test_values_alive_at_once_by_hand(tiny):
    # the input, 192, lives throughout; most is alive at the addition: both its inputs are results of relus, which a
    # backward pass would need, so the sum has a place of its own
    assert predicted.live_bytes(tiny.graph, 1, "float32", False) == 4 * (192 + 256 + 256 + 256)
    assert predicted.live_bytes(tiny.graph, 5, "float16", False) == 2 * 5 * (192 + 256 + 256 + 256)


def test_the_network_is_left_as_it_was(tiny):
    model = build(tiny.graph).eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    subject = Subject(model, tiny.graph, 1, CPU, quick())
    per_layer.times(model, subject.inputs, subject.timer, False, 0.0, 2)
    per_layer.observe(model, subject.inputs)
    subject.memory()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not model.training


def test_threads_are_those_of_before(tiny):
    before = torch.get_num_threads()
    assert measured_of(tiny, threads=1)["machine"]["threads"] == 1
    assert torch.get_num_threads() == before


def test_the_whole_is_timed_before_any_layer(tiny, monkeypatch):
    order = []
    whole, layers = Subject.samples, per_layer.times
    monkeypatch.setattr(Subject, "samples", lambda self: order.append("whole") or whole(self))
    monkeypatch.setattr(per_layer, "times", lambda *given: order.append("layers") or layers(*given))
    measured_of(tiny)
    assert order == ["whole", "layers"]


def test_a_sweep_has_a_run_for_every_batch_and_no_layers(tiny):
    data = measured_of(tiny, batches=(1, 2, 4))
    assert [run_["batch"] for run_ in data["runs"]] == [1, 2, 4]
    assert (data["layers"], data["stopped"]) == ([], None)


def test_a_sweep_ends_before_what_does_not_fit(tiny):
    room = 20_000
    need = {batch: profile._need(tiny.graph, quick(), CPU, batch) for batch in (1, 2, 4)}
    assert need[2] < room < need[4]
    data = measured_of(tiny, batches=(1, 2, 4, 8), max_memory=room)
    assert [run_["batch"] for run_ in data["runs"]] == [1, 2]
    reason = f"it takes about {need[4]:,} bytes, and 20,000 are free"
    assert data["stopped"] == {"batch": 4, "reason": reason, "largest_batch": 2}


def test_a_batch_that_does_not_fit_names_the_largest_that_does(tiny):
    with pytest.raises(EnvironmentFailure) as caught:
        measured_of(tiny, batches=(64,), max_memory=20_000)
    need = profile._need(tiny.graph, quick(), CPU, 64)
    assert str(caught.value) == (
        f"error: tiny does not fit on cpu at batch 64: it takes about {need:,} bytes, and 20,000 are free "
        "(hint: the largest batch known to fit is 3; --max-memory overrides)"
    )
    assert profile._refusal(tiny.graph, quick(max_memory=20_000), CPU, 3) is None
    assert profile._refusal(tiny.graph, quick(max_memory=20_000), CPU, 4) is not None


def test_not_even_one_sample_fits(tiny):
    with pytest.raises(EnvironmentFailure, match="not even one sample fits"):
        measured_of(tiny, max_memory=100)


@pytest.fixture
def room_for_five(monkeypatch):
    """PyTorch runs out of memory above five samples."""
    step = Subject.step

    def limited(self):
        if len(self.inputs[0]) > 5:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:124] data. DefaultCPUAllocator: can't allocate\nmore")
        step(self)

    monkeypatch.setattr(Subject, "step", limited)


def test_a_sweep_ends_where_pytorch_runs_out_of_memory(tiny, room_for_five):
    data = measured_of(tiny, batches=(1, 4, 16, 64))
    assert [run_["batch"] for run_ in data["runs"]] == [1, 4]
    reason = "[enforce fail at alloc_cpu.cpp:124] data. DefaultCPUAllocator: can't allocate"
    assert data["stopped"] == {"batch": 16, "reason": reason, "largest_batch": 4}


def test_out_of_memory_at_once_is_followed_by_smaller_batches(tiny, room_for_five):
    with pytest.raises(EnvironmentFailure) as caught:
        measured_of(tiny, batches=(32,))
    assert caught.value.hint == "the largest batch known to fit is 4; --max-memory overrides"


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"), True),
        (MemoryError(), True),
        (RuntimeError("shapes do not match"), False),
        (ValueError("not enough memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, is_one):
    assert passes.out_of_memory(error) is is_one


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"device": "gpu"}, UsageError, "unknown device 'gpu'"),
        ({"device": "meta"}, UsageError, "the device meta computes nothing, so it can't be measured"),
        ({"cuda_graph": True}, UsageError, "a CUDA graph needs a CUDA device, not 'cpu'"),
        ({"dtype": "int8"}, UsageError, "unknown data type 'int8'"),
        ({"dtype": "float33"}, UsageError, "unknown data type 'float33'"),
        ({"batches": (0,)}, UsageError, "batch must be a whole number from 1 to 1,000,000,000, not 0"),
        ({"device": "cuda:99"}, EnvironmentFailure, "no device 'cuda:99'"),
    ],
)
def test_settings_that_cannot_be(tiny, given, kind, message):
    with pytest.raises(kind) as caught:
        measured_of(tiny, **given)
    assert caught.value.message.startswith(message)


def test_a_data_type_that_networks_are_not_built_in_is_not_suggested(tiny):
    with pytest.raises(UsageError) as caught:
        measured_of(tiny, dtype="complex")
    assert caught.value.hint == "one of: bfloat16, float16, float32, float64"


def test_channels_last_is_for_images(tmp_path):
    path = tmp_path / "vector.yaml"
    path.write_text("{cnncalc: 1, input: [4], layers: [{linear: 2}]}", "utf-8")
    with pytest.raises(UsageError, match="channels last needs images, and no input is one"):
        measured_of(cnncalc.load(str(path)), channels_last=True)


def test_what_pytorch_refuses_is_said_on_one_line(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text("{cnncalc: 1, name: one, input: [4, 1, 1], layers: [bn]}", "utf-8")
    with pytest.raises(EnvironmentFailure) as caught:
        measured_of(cnncalc.load(str(path)), training=True)
    assert caught.value.message.startswith(
        "PyTorch can't run one for training in float32 on cpu: Expected more than 1 value"
    )
    assert "\n" not in str(caught.value)


def test_a_compiled_network_is_one_layer(tiny, monkeypatch):
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model, **given: compiled(model, backend="eager", **given))
    data = measured_of(tiny, compile=True)
    assert [(row["path"], row["op"]) for row in data["layers"]] == [("(fused)", "compiled")]
    assert data["layers"][0]["macs"] == data["runs"][0]["macs"] > 0
    assert data["layers_timed"].startswith("fused: ")
    assert data["runs"][0]["compared"][-1]["measured_by"].endswith(", uncompiled")


def test_a_compiler_that_fails_is_said_on_one_line(tiny, monkeypatch):
    def broken(model, **given):
        def call(x):
            raise LookupError("no C++ compiler\nand a long trace")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(EnvironmentFailure) as caught:
        measured_of(tiny, compile=True)
    assert str(caught.value) == "error: PyTorch can't compile tiny for inference in float32 on cpu: no C++ compiler"


def test_the_samples_of_a_time():
    found = timing.spread([0.004, 0.001, 0.002, 0.0030000004, 0.005])
    assert found.samples == [0.004, 0.001, 0.002, 0.003, 0.005]
    assert (found.lower_quartile, found.median, found.upper_quartile, found.least) == (0.002, 0.003, 0.004, 0.001)
    assert timing.spread([0.0]).median == 0.000001  # nothing is divided by 0
    assert timing.spread([0.25])[1:] == (0.25, 0.25, 0.25, 0.25)


@pytest.mark.parametrize(("seconds", "times", "kept"), [(0.0, None, 5), (0.0, 2, 2), (0.0, 9, 9)])
def test_how_often_is_measured(seconds, times, kept):
    calls = []
    samples = timing.repeat(lambda: calls.append(1) or 0.5, seconds, times)
    assert (len(samples), len(calls)) == (kept, kept + timing.WARM_UP)


@pytest.mark.parametrize(
    ("name", "arithmetic", "peak"),
    [
        ("NVIDIA H200", "bfloat16", (989_400_000_000_000, 4_800_000_000_000)),
        ("NVIDIA H100 80GB HBM3", "float32", (66_900_000_000_000, 3_350_000_000_000)),
        ("A100-SXM4-40GB", "tf32", (156_000_000_000_000, 1_555_000_000_000)),
        ("Tesla T4", "float16", (65_000_000_000_000, 320_000_000_000)),
        ("Tesla T4", "bfloat16", None),  # it has none
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "float32", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "float32", None),
        ("AMD EPYC", "float32", None),
    ],
)
def test_peaks_of_a_device(name, arithmetic, peak):
    found = machine.peak(name, arithmetic)
    assert (found and (found["flops_per_second"], found["bytes_per_second"])) == peak


def test_every_peak_has_its_source():
    rows = json.loads((ROOT / "cnncalc" / "torch_backend" / "measure" / "peaks.json").read_text("utf-8"))
    names = [name for row in rows for name in row["names"]]
    assert len(names) == len(set(names))
    assert all(row["source"].startswith("https://") for row in rows)


# memory of a GPU, as far as it is done without one


@pytest.fixture
def of_gpu(monkeypatch):
    """A pass measured as on a GPU of compute capability 9.0, of made-up figures."""
    machine_ = {
        "gpu": "GPU", "sm": [9, 0], "cudnn": "9", "torch": "2", "dtype": "float32", "layout": "contiguous",
        "benchmark": False, "cublas": 32 * MIB,
    }  # fmt: skip
    taken = Taken(36 * MIB, passes.BY_ALLOCATOR, 35 * MIB, 40 * MIB)
    monkeypatch.setattr(Subject, "memory", lambda self: taken)
    monkeypatch.setattr(cudnn_workspaces, "needs_gpu", lambda device: None)

    def table(graph, subject, given, batch):
        rows = [{"signature": signature, **row._asdict()} for signature, row in rows_of(graph, batch).items()]
        return {**machine_, "rows": rows}

    monkeypatch.setattr(profile, "_workspaces", table)


def rows_of(graph, batch):
    """Of every convolution 1 MiB in each call."""
    found = convolutions(graph, batch, False).values()
    return {one.signature: WorkspaceBytes(MIB, MIB, MIB) for one in found}


@pytest.mark.parametrize("training", [False, True])
def test_three_peaks_of_a_gpu(tiny, of_gpu, training):
    data = measured_of(tiny, training=training, batches=(2,))
    run_ = data["runs"][0]
    rows = {row["quantity"]: row for row in run_["compared"][-3:]}
    assert [row["measured"] for row in rows.values()] == [35 * MIB, 40 * MIB, 36 * MIB]
    settings = Run(training, device="cuda")
    step = simulate(tiny.graph, 2, settings)
    expected = reserve(step, tiny.graph, 2, settings, Libraries(32 * MIB, rows_of(tiny.graph, 2))).peaks
    assert expected.parts["cudnn"] == MIB
    predicted_ = {
        "requested": expected.requested_bytes,
        "reserved": expected.reserved_bytes,
        "memory": expected.allocated_bytes,
    }
    assert {name: rows[f"{name}_bytes"]["predicted"] for name in predicted_} == predicted_
    parts = " + ".join(f"{size:,} {part}" for part, size in expected.parts.items())
    assert rows["memory_bytes"]["note"] == f"predicted allocation: {parts}"
    assert measured.parse(json.dumps(data), "x.json") == data
    assert run_["workspaces"]["rows"][0]["forward"] == MIB


def test_the_command_writes_and_adds_to_a_table(tiny, of_gpu, tmp_path, capsys):
    from cnncalc.render import workspaces as tables

    spec, file = str(tmp_path / "tiny.yaml"), tmp_path / "table.json"
    arguments = ["profile", spec, "--repeat", "1", "--device", "cpu", "--save-workspaces", str(file)]
    assert run([*arguments, "--batch", "1"]) == 0
    assert run([*arguments, "--batch", "1,3"]) == 0
    table = tables.parse(file.read_text("utf-8"), str(file))
    wanted = [*convolutions(tiny.graph, 1, False).values(), *convolutions(tiny.graph, 3, False).values()]
    assert list(table.rows) == [one.signature for one in wanted]
    file.write_text(file.read_text("utf-8").replace('"cudnn": "9"', '"cudnn": "8"'), "utf-8")
    capsys.readouterr()
    assert run([*arguments, "--batch", "1"]) == 2
    assert "are of cudnn 8, not 9 (hint: write another file)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cpu", "workspaces of cuDNN are measured on a CUDA device, not on 'cpu'"),
        ("cuda:99", "no device 'cuda:99'"),
    ],
)
def test_a_table_needs_a_gpu(tiny, tmp_path, capsys, device, message):
    file = tmp_path / "table.json"
    assert run(["profile", str(tmp_path / "tiny.yaml"), "--device", device, "--save-workspaces", str(file)]) == 3
    assert message in capsys.readouterr().err
    assert not file.exists()


def test_a_table_is_of_plain_calls(tiny, of_gpu, tmp_path, capsys):
    arguments = ["profile", str(tmp_path / "tiny.yaml"), "--device", "cpu", "--compile"]
    assert run([*arguments, "--save-workspaces", str(tmp_path / "table.json")]) == 2
    assert "--save-workspaces can't be measured with --compile or --cuda-graph" in capsys.readouterr().err


# the command


def test_the_command_saves_and_shows(tiny, tmp_path, capsys):
    spec, file = str(tmp_path / "tiny.yaml"), tmp_path / "out.json"
    code = run(["profile", spec, "--repeat", "2", "--threads", "1", "--device", "cpu", "--save", str(file)])
    shown = capsys.readouterr().out
    assert code == 0
    data = json.loads(file.read_text("utf-8"))
    command = "cnncalc profile tiny --device cpu --batch 1 --dtype float32 --mode infer --repeat 2 --threads 1"
    assert data["command"] == command
    assert str(tmp_path) not in file.read_text("utf-8")
    assert run(["profile", "--show", str(file)]) == 0
    assert capsys.readouterr().out == shown


def test_the_default_device_is_said(tiny, tmp_path, capsys):
    run(["profile", str(tmp_path / "tiny.yaml"), "--repeat", "1"])
    word = "cuda" if torch.cuda.is_available() else "cpu"
    assert f"no --device was given: {word} is the default here\n" in capsys.readouterr().out


def test_an_interrupt_leaves_no_file(tiny, tmp_path, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Subject, "memory", interrupted)
    assert run(["profile", str(tmp_path / "tiny.yaml"), "--save", str(tmp_path / "out.json")]) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def test_what_can_not_be_written_is_said_before_measuring(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(profile, "profile", lambda *_: pytest.fail("it measured"))
    spec = str(tmp_path / "tiny.yaml")
    for arguments in (["--save", str(tmp_path)], ["--save", spec], ["--export", "cvs=x"]):
        assert run(["profile", spec, *arguments]) == 2
    assert "it measured" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sort", "median_seconds"], "unknown sort column 'median_seconds'"),
        (["--sort", "macs", "--batch", "1,2"], "unknown sort column 'macs'"),
        (["--sort", "backward_seconds"], "unknown sort column 'backward_seconds'"),
        (["--seconds", "nan"], "invalid value for '--seconds': nan is not in the range 0<=x<=3600"),
    ],
)
def test_what_can_not_be_shown_is_said_before_measuring(tiny, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr(profile, "profile", lambda *_: pytest.fail("it measured"))
    assert run(["profile", str(tmp_path / "tiny.yaml"), *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_an_empty_device_is_no_default(tiny, tmp_path, capsys):
    assert run(["profile", str(tmp_path / "tiny.yaml"), "--device", ""]) == 2
    assert capsys.readouterr().err.startswith("error: unknown device ''")


@pytest.mark.parametrize(
    ("text", "batches"),
    [
        ("8", [8]),
        ("1,2,4", [1, 2, 4]),
        ("1..8", [1, 2, 4, 8]),
        ("3..20,64", [3, 6, 12, 64]),
        ("5..5", [5]),
    ],
)
def test_batches(tiny, tmp_path, monkeypatch, text, batches):
    seen = []

    def stop(network, given, *_):
        seen.extend(given.batches)
        raise EnvironmentFailure("enough")

    monkeypatch.setattr(profile, "profile", stop)
    run(["profile", str(tmp_path / "tiny.yaml"), "--batch", text])
    assert seen == batches


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "'0' is not in the range 1<=x<=1000000000"),
        ("-1", "'-1' is not a number of samples, or a range like 1..256"),
        ("x", "'x' is not a number of samples, or a range like 1..256"),
        ("1,,2", "'' is not a number of samples, or a range like 1..256"),
        ("8..1", "'8..1' is not in the range 1<=x<=1000000000"),
        ("2000000000", "'2000000000' is not in the range 1<=x<=1000000000"),
        ("1,1", "at most 64 batches, each once"),
    ],
)
def test_batches_that_can_not_be(capsys, text, message):
    assert run(["profile", "vgg16", "--batch", text]) == 2
    hint = "(hint: cnncalc profile --help)"
    assert capsys.readouterr().err == f"error: invalid value for '--batch': {message} {hint}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["profile"], "error: profile takes a network, or --show FILE (hint: cnncalc profile resnet18)"),
        (["profile", "vgg16", "--show", "m.json"], "error: --show takes no network beside it, but got 'vgg16'"),
        (["profile", "--show", "m.json", "--batch", "2"], "error: --show shows what was measured and takes no --batch"),
        (["profile", "--show", "m.json", "--save", "x"], "error: --show shows what was measured and takes no --save"),
        (["profile", "--show", "none.json"], "none.json:1:1: error: can't read the measurement: No such file or directory"),
        (["profile", "--show", "."], ".:1:1: error: this is a directory, not a measurement"),
        (["profile", "vgg16", "--save", ""], "error: --save takes the name of a file"),
        (["compare", "--measured", "m.json", "n.json", "--dtype", "float16"],
         "error: --measured shows what was measured and takes no --dtype"),
        (["compare", "--measured", "m.json"],
         "error: compare --measured takes at least two files"),
    ],
)  # fmt: skip
def test_calls_that_can_not_be(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert capsys.readouterr() == ("", f"{message}\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"a":\n "\xff"}', "m.json:2:3: error: not UTF-8: byte 0xff (hint: save it as UTF-8)"),
        (b"{} {}", "m.json:1:4: error: not JSON: Extra data"),
        (b" " * (2**26 + 1), "m.json:1:1: error: the file has more than 67,108,864 bytes"),
    ],
)
def test_files_that_are_no_measurement(tmp_path, monkeypatch, capsys, data, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.json").write_bytes(data)
    for arguments in (["profile", "--show", "m.json"], ["compare", "--measured", "m.json", "m.json"]):
        assert run(arguments) == 2
        assert capsys.readouterr() == ("", f"{message}\n")


def process(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)


def test_without_pytorch_it_says_what_to_install():
    code = (
        "import sys; sys.modules['torch'] = None\nfrom cnncalc.cli.main import run\nsys.exit(run(['profile', 'vgg16']))"
    )
    done = process(code)
    message = "error: profile needs PyTorch, which is not installed (hint: pip install 'cnncalc[torch]')\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, "", message)


def test_a_saved_measurement_is_shown_without_pytorch(tiny, tmp_path, capsys):
    file = tmp_path / "out.json"
    run(["profile", str(tmp_path / "tiny.yaml"), "--repeat", "1", "--save", str(file)])
    code = (
        "import sys; sys.modules['torch'] = None\nfrom cnncalc.cli.main import run\n"
        f"sys.exit(run(['profile', '--show', {str(file)!r}]) or run(['compare', '--measured', {str(file)!r}, {str(file)!r}]))"
    )
    done = process(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert "tiny (2)" in done.stdout


# on a GPU


@needs_cuda
@pytest.mark.parametrize(
    "given", [{}, {"training": True}, {"cuda_graph": True}, {"cuda_graph": True, "training": True}]
)
def test_on_a_gpu(tiny, given):
    data = measured_of(tiny, device="cuda", **given)
    run_ = data["runs"][0]
    assert run_["median_seconds"] > 0
    assert all(row["seconds"] >= 0 for row in data["layers"])
    assert run_["compared"][-1]["measured_by"].startswith("torch.cuda.max_memory_allocated")
    assert run_["memory_bytes"] > run_["weight_bytes"]
    compared = {row["quantity"]: row for row in run_["compared"]}
    exact = ("params", "buffers", "macs", "activation_bytes", "weight_bytes")
    assert all(compared[name]["predicted"] == compared[name]["measured"] for name in exact)
    of_allocator = [compared[name]["predicted"] for name in ("requested_bytes", "reserved_bytes", "memory_bytes")]
    assert of_allocator.count(None) == (3 if "cuda_graph" in given else 0)
    assert ("workspaces" in run_) == ("cuda_graph" not in given)
    assert data["machine"]["cuda"] and data["machine"]["memory_bytes"] > 0


@needs_cuda
def test_a_sweep_on_a_gpu_ends_at_its_memory(tiny):
    data = measured_of(tiny, device="cuda", batches=(1, 2, 10**8))
    assert [run_["batch"] for run_ in data["runs"]] == [1, 2]
    assert data["stopped"]["largest_batch"] == 2
