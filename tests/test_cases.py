"""Small networks that once gave a wrong figure, by what is right: of PyTorch, of a paper or by hand, never our own."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

import cnncalc
from cnncalc.cli.main import run

CASES = Path(__file__).resolve().parent / "cases"
TORCH = importlib.util.find_spec("torch") is not None


def load(name: str) -> cnncalc.Network:
    return cnncalc.load(CASES / f"{name}.yaml")


#: receptive fields by gradients of the built network
FIELDS = {
    "a1_field_upsample4_conv3": ("conv1", [8]),
    "a2_field_transposed_decoder": ("conv2_1", [16]),
    "a3_field_tf_then_transposed": ("conv2", [5, 5]),
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name):
    path, field = FIELDS[name]
    (row,) = [row for row in load(name).analyze().layers if row.path == path]
    assert list(row.receptive_field) == field


#: parameters of a layer (None: of all): 8 channels with scale and shift; 64 features to 10; one kernel of 9 and a bias
PARAMS = [
    ("b1_layernorm_after_conv1d", "layernorm1", 16),
    ("b2_global_avgpool_of_tokens", "linear1", 650),
    ("b2_global_avgpool_of_tokens", None, 29_770),
    ("c1_two_inputs_two_sizes_named", None, 10),
    ("rel_map_1d_is_sequence", "affine1", 16),
    ("rel_source_layernorm_1d", "conv1.layernorm", 16),
    ("rel_source_prelu_1d", None, 225),
]


@pytest.mark.parametrize(("name", "path", "params"), PARAMS)
def test_params(name, path, params):
    report = load(name).analyze()
    found = report.totals["params"] if path is None else sum(row.params for row in report.layers if row.path == path)
    assert found == params


def test_a_shared_convolution_works_at_each_size():
    assert load("c1_two_inputs_two_sizes_named").analyze().totals["macs"] == 9 * (16 * 16 + 28 * 28)


def test_a_cut_window_has_fewer_additions():
    assert load("j1_truncated_windows").analyze().totals["flops"] == 2 + 1 + 2  # and a division for each


#: what is refused: each with the place, the reason and the way over, where there is one
REFUSED = {
    "c1_two_inputs_two_sizes": "3:8: input takes one shape, not a list of shapes",
    "d1_lstm": "5:6: unknown operator 'lstm' (hint: there are no recurrent layers yet)",
    "d2_embedding": "5:6: unknown operator 'embedding' (hint: there is no embedding of ids yet",
    "e1_upsample_to_size": "6:20: upsample has no argument 'size' (hint: upsample takes a whole factor",
    "e2_upsample_trilinear": "5:25: mode must be nearest or bilinear, not 'trilinear' (hint: other interpolations are not",
    "f1_tied_transposed_conv": "6:5: conv_transpose 'conv_transpose1': weights are shared by layers of one operator",
    "g1_attention_head_dim": "5:21: attention has no argument 'head_dim' (hint: attention has features / heads",
    "h1_unpool": "6:6: unknown operator 'max_unpool' (hint: there is no unpooling yet",
    "i1_reflect": "5:34: conv has no argument 'pad_mode' (hint: padding is zeros",
    "l2_avgpool3d_small": "5:5: avgpool 'avgpool1': PyTorch takes no window larger than a map of 3 axes",
    "m1_typo_beside_pad": "5:6: unknown operator 'cov' (hint: did you mean conv",
    "n1_frozen": "5:26: conv has no argument 'frozen' (hint: there are no frozen weights yet",
    "o2_spectral_norm": "5:27: conv has no argument 'spectral_norm' (hint: there is no norm of weights yet",
    "rel_slow_doubling_blocks": "more than 100,000 layers",
    "rel_slow_nested_repeats": "6:72: more than 100,000 layers",
    "rel_torch_refuses_avgpool_3d": "6:5: avgpool 'avgpool1': PyTorch takes no window larger",
    "rel_torch_refuses_instancenorm": "6:5: instancenorm 'instancenorm1': normalizes each channel over space, but has a single",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, capsys):
    assert run(["params", str(CASES / f"{name}.yaml")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert REFUSED[name] in err.replace(" error: ", " ")


@pytest.mark.parametrize(
    "words", [["--timeline"], ["--allocator", "cuda"], ["--train", "--timeline"], ["--train", "--allocator", "cuda"]]
)
def test_views_alone_have_a_memory(capsys, words):
    assert run(["memory", str(CASES / "rel_views_only.yaml"), *words]) == 0
    assert "1.024 kB" in capsys.readouterr().out  # the input: 4 * 8 * 8 values of 4 bytes


#: bytes of PyTorch, at a batch of 2 on a CPU
BYTES = {
    "rel_memory_dropout_1": ("saved_bytes", 32_860),
    "rel_memory_parameter_after_regions": ("inference_memory", 7_248),
}


@pytest.mark.parametrize("name", BYTES)
def test_memory(name, capsys):
    quantity, expected = BYTES[name]
    words = ["memory", str(CASES / f"{name}.yaml"), "--batch", "2", "--train", "--device", "cpu", "-f", "json"]
    assert run(words) == 0
    data: Any = json.loads(capsys.readouterr().out)
    run_of = {"inference_memory": "inference", "training_memory": "training"}
    found = data["totals"][quantity] if quantity in data["totals"] else data["peaks"][run_of[quantity]]["bytes"]
    assert found == expected


@pytest.mark.skipif(not TORCH, reason="PyTorch is not installed")
@pytest.mark.parametrize("name", [*BYTES, "rel_memory_two_bytes", "rel_views_only"])
def test_memory_is_that_of_a_run(name):
    """Also of what was two bytes off: a depth that always drops, whose module draws no mask."""
    verified = load(name).verify(batch=2, values=False, fvcore=False, memory=True)
    assert {check.quantity for check in verified.checks} >= {
        "saved_bytes",
        "inference_memory_bytes",
        "training_memory_bytes",
    }
    assert verified.agrees


def test_a_hundred_thousand_layers_have_a_memory():
    """49,999 convolutions with relu; that it is soon done is a benchmark."""
    report = load("rel_slow_memory_100k").analyze()
    assert len(report.layers) == 1 + 2 * 49_999
    assert report.totals["params"] == 49_999 * (4 * 4 * 9 + 4)


@pytest.mark.skipif(not TORCH, reason="PyTorch is not installed")
def test_a_written_module_is_counted_by_others(tmp_path, monkeypatch):
    """torchinfo's figure of nn.Sequential of the same layers."""
    torchinfo = pytest.importorskip("torchinfo")
    namespace: dict[str, Any] = {}
    source = load("k1_source_for_other_counters").to_source()
    exec(compile(source, "net.py", "exec"), namespace)
    (net,) = [
        value
        for key, value in namespace.items()
        if getattr(value, "__module__", None) == "builtins" and key.startswith("K1")
    ]
    found = torchinfo.summary(net(), input_size=(1, 8, 9, 9), verbose=0)
    assert found.total_mult_adds == 28_873


@pytest.mark.skipif(not TORCH, reason="PyTorch is not installed")
@pytest.mark.parametrize("name", ["rel_source_layernorm_1d", "rel_source_prelu_1d"])
def test_a_written_module_has_the_parameters(name):
    namespace: dict[str, Any] = {"__name__": "written"}
    exec(compile(load(name).to_source(), "net.py", "exec"), namespace)
    (net,) = [value for key, value in namespace.items() if key == "Rel"]
    assert sum(parameter.numel() for parameter in net().parameters()) == load(name).analyze().totals["params"]


def test_every_case_is_tested():
    tested = {
        *FIELDS,
        *(name for name, *_ in PARAMS),
        *REFUSED,
        *BYTES,
        "rel_memory_two_bytes",
        "j1_truncated_windows",
        "rel_views_only",
        "rel_slow_memory_100k",
        "k1_source_for_other_counters",
    }
    assert {path.stem for path in CASES.iterdir()} == tested
