"""Figures against PyTorch and fvcore: what agrees, what differs and where, known limits, and the command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import cnncalc
from cnncalc import Network
from cnncalc.cli.main import run as run_command
from cnncalc.errors import EnvironmentFailure
from cnncalc.ops import OPS, attention, conv, linear, norm
from cnncalc.ops.base import Lowering
from cnncalc.spec import document, zoo
from cnncalc.spec.expand import expand
from cnncalc.torch_backend.build import resolve
from cnncalc.torch_backend.verify import checks as room
from cnncalc.torch_backend.verify.checks import DIFFERS, EQUAL, LIMIT, NOT_RUN, Check, verify
from cnncalc.torch_backend.verify.fvcore_counts import count_with_fvcore
from cnncalc.torch_backend.verify.limits import LIMITS
from cnncalc.values import Work, elements

HEAD = "cnncalc: 1\nname: small\ninput: [4, 8, 8]\n"
SMALL = (
    HEAD + "layers:\n  - {conv: 6, kernel: 3, norm: bn, act: relu, name: c}\n  - flatten\n  - {linear: 5, name: fc}\n"
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are small, and other tests may run beside these
    yield
    torch.set_num_threads(before)


def network(text: str) -> Network:
    spec = document.load(zoo.Found("<test>", text.encode(), None))
    return Network(spec, *expand(spec))


def rows(checks: tuple[Check, ...]) -> list[tuple[Any, ...]]:
    return [(check.quantity, check.layer, check.ours, check.theirs, check.peer, check.verdict) for check in checks]


def differences(given: Network, **options: Any) -> list[tuple[Any, ...]]:
    found = verify(given.graph, **options)
    assert not found.agrees
    return [row[:4] for row in rows(found.checks) if row[5] == DIFFERS]


# -- what agrees -----------------------------------------------------------------------------------------------------


def test_every_quantity_of_a_small_network() -> None:
    found = verify(network(SMALL).graph)
    params = 6 * 4 * 9 + 6 + 2 * 6 + 5 * 6 * 6 * 6 + 5
    macs = 6 * 4 * 9 * 6 * 6 + 5 * 6 * 6 * 6
    x, map_, statistics = 4 * 4 * 64, 4 * 6 * 36, 2 * 4 * 6
    saved = x + 2 * map_ + statistics  # of the norm its input, and the relu's result in place, which flatten views
    weights = 4 * params + 4 * 12 + 8
    inference = weights + x + 2 * map_  # norm
    # the relu's backward: beside what is kept are a target, the output, the loss and its gradient, the gradients of the
    # linear layer, and those of the relu's result and of what it was given
    training = weights + 8 + saved + 4 * 5 + 4 + 4 + 4 * 1085 + 2 * map_
    assert rows(found.checks) == [
        ("output shapes", None, 5, 5, "torch", EQUAL),
        ("params", None, params, params, "torch", EQUAL),
        ("buffers", None, 13, 13, "torch", EQUAL),  # mean and variance of 6 channels, and a count
        ("macs", None, macs, macs, "FlopCounterMode", EQUAL),
        ("depth", None, 2, 2, "torch.fx", EQUAL),
        ("saved_bytes", None, saved, saved, "saved_tensors_hooks", EQUAL),
        ("inference_memory_bytes", None, inference, inference, "FakeTensorMode", EQUAL),
        ("training_memory_bytes", None, training, training, "FakeTensorMode", EQUAL),
        ("macs", None, macs, macs, "fvcore", EQUAL),
        ("activations", None, 6 * 6 * 6 + 5, 6 * 6 * 6 + 5, "fvcore", EQUAL),
        ("finite values", None, 2 * 5, 2 * 5, "torch", EQUAL),  # two samples, for batch norm
        ("gradients", None, 6, 6, "torch", EQUAL),
    ]
    assert found.agrees
    assert found.layers == 5
    assert {check.version for check in found.checks} == {str(torch.__version__), room.fvcore_version()}


@pytest.mark.parametrize(
    ("name", "with_side"),
    [
        ("googlenet", True),
        ("inception_v3", True),
        ("swin_v2_t", False),
        ("maxvit_t", False),
        ("mask_rcnn_r50_fpn", False),
        ("simsiam_r50", False),
        ("cbam_resnet50", False),
        ("fractalnet20", False),
        ("stylegan", False),
        ("lenet5", False),
        ("r2plus1d_18", False),
        ("fcn8s", False),
        ("preact_resnet164", False),
    ],
)
def test_networks_agree_on_meta(name: str, with_side: bool) -> None:
    found = verify(cnncalc.load(name).graph, with_side, fvcore=False, values=False, memory=False)
    assert [(check.quantity, check.verdict) for check in found.checks] == [
        (quantity, EQUAL) for quantity in ("output shapes", "params", "buffers", "macs", "depth")
    ]
    assert found.layers == len(cnncalc.load(name).analyze(with_side=with_side).layers) - 1


@pytest.mark.parametrize("name", ["lenet5", "mnist_cnn_32", "conv_1x1_64_32", "resnet20", "mnist_mlp"])
def test_small_networks_agree_with_values_too(name: str) -> None:
    found = verify(cnncalc.load(name).graph)
    assert [check.verdict for check in found.checks] == [EQUAL] * 12


def test_side_outputs_are_verified_when_asked_for() -> None:
    given = network(SMALL + "side: {aux: {from: c, layers: [{conv: 3, kernel: 1}, {conv: 2, kernel: 6}]}}\n")
    main, both = verify(given.graph), verify(given.graph, with_side=True)
    assert (main.layers, both.layers) == (5, 7)
    more = 3 * 6 + 3 + 2 * 3 * 36 + 2
    params = [check.theirs for found in (main, both) for check in found.checks if check.quantity == "params"]
    assert params == [given.analyze().totals["params"], given.analyze().totals["params"] + more]
    values = [check.ours for check in both.checks if check.quantity == "finite values"]
    assert values == [2 * (5 + 2)]
    assert main.agrees
    assert both.agrees


def test_nothing_is_left_behind() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    verify(network(SMALL).graph)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("name", OPS)
def test_fvcore_counts_every_operator_alike(name: str) -> None:
    """Apart from the limits, and there it does not."""
    excused = {operator for limit in LIMITS for operator in limit.operators if limit.quantity == "activations"}
    for op, shapes in OPS[name].samples():
        module = resolve(op.lowering(*shapes)).eval()
        counts = count_with_fvcore(module, *(torch.randn(1, *shape) for shape in shapes))[""]
        output = op.shape(*shapes)
        macs = op.work(*shapes, output)["mac"]
        assert counts["macs"] == macs
        activations = op.count() * elements(output) if macs else 0
        assert (counts["activations"] == activations) == (name not in excused)


# -- what differs ----------------------------------------------------------------------------------------------------


def wrong_work(monkeypatch: pytest.MonkeyPatch) -> None:
    right = conv.Conv.work
    monkeypatch.setattr(conv.Conv, "work", lambda self, x, y: right(self, x, y) + Work(mac=1))


def wrong_params(monkeypatch: pytest.MonkeyPatch) -> None:
    right = linear.Linear.weights
    monkeypatch.setattr(
        linear.Linear, "weights", lambda self, x: {**right(self, x), "bias": (right(self, x)["bias"][0] + 1,)}
    )


def wrong_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norm.BatchNorm, "buffers", lambda self, x: {"running_mean": (x[0],)})


def wrong_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPS["relu"], "lowering", lambda self, *x: Lowering("torch.nn.Flatten"))


def wrong_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear.Linear, "parameter_kind", "norm_params")


MACS = 6 * 4 * 9 * 6 * 6 + 5 * 6 * 6 * 6


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (
            wrong_work,
            [
                ("macs", None, MACS + 1, MACS),
                ("macs", "c", 6 * 4 * 9 * 36 + 1, 6 * 4 * 9 * 36),
                ("macs", None, MACS + 1, MACS),  # fvcore
                ("macs", "c", 6 * 4 * 9 * 36 + 1, 6 * 4 * 9 * 36),
            ],
        ),
        (wrong_params, [("params", None, 222 + 12 + 1086, 222 + 12 + 1085), ("params", "fc", 1086, 1085)]),
        (wrong_buffers, [("buffers", None, 6, 13), ("buffers", "c.bn", 6, 13)]),
        (wrong_depth, [("depth", None, 1, 2), ("depth", "fc", 1, 2)]),
    ],
)
def test_a_wrong_rule_is_found_and_its_layer_named(
    spoil: Callable[[pytest.MonkeyPatch], None], expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch)
    assert differences(network(SMALL), memory=False) == expected


def test_a_wrong_shape_is_found_and_its_layer_named(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_shape(monkeypatch)
    found = differences(network(SMALL), fvcore=False, values=False, memory=False)
    assert found == [("output shapes", None, 5, 4), ("output shapes", "c.relu", [6, 6, 6], [6 * 6 * 6])]


def test_two_errors_that_cancel_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    work = conv.Conv.work
    monkeypatch.setattr(conv.Conv, "work", lambda self, x, y: work(self, x, y) + Work(mac=36 if self.out == 6 else -36))
    text = HEAD + "layers: [{conv: 6, kernel: 3, name: a}, {conv: 5, kernel: 3, name: b}]\n"
    total = 6 * 4 * 9 * 36 + 5 * 6 * 9 * 16
    assert differences(network(text), fvcore=False, values=False, memory=False) == [
        ("macs", None, total, total),
        ("macs", "a", 6 * 4 * 9 * 36 + 36, 6 * 4 * 9 * 36),
        ("macs", "b", 5 * 6 * 9 * 16 - 36, 5 * 6 * 9 * 16),
    ]


def test_shared_weights_count_once() -> None:
    text = HEAD + "layers: [{conv: 4, kernel: 1, name: a}, {conv: 4, kernel: 1, shared: a, name: b}]\n"
    found = verify(network(text).graph, fvcore=False, values=False, memory=False)
    assert found.agrees
    assert ("params", None, 20, 20, "torch", EQUAL) in rows(found.checks)
    assert ("macs", None, 2 * 16 * 64, 2 * 16 * 64, "FlopCounterMode", EQUAL) in rows(found.checks)


def test_a_layer_that_pytorch_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear.Linear, "lowering", lambda self, x: Lowering("torch.nn.Linear", (7, self.out)))
    found = verify(network(SMALL).graph)
    assert [check[:4] for check in found.checks] == [("forward", "fc", None, None)]
    assert found.checks[0].verdict == DIFFERS
    assert "[1, 216]" in (found.checks[0].note or "")


def test_a_module_that_pytorch_refuses_to_make_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear.Linear, "lowering", lambda self, x: Lowering("torch.nn.Linear", (-3, self.out)))
    found = verify(network(SMALL).graph)
    assert [(check.quantity, check.verdict) for check in found.checks] == [("build", DIFFERS)]
    assert "negative" in (found.checks[0].note or "")


def test_what_pytorch_refuses_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """No layer is known that it refuses and we do not: one that does is made."""

    def forward(self: torch.nn.ReLU, x: torch.Tensor) -> torch.Tensor:
        raise ValueError("Expected something else")

    monkeypatch.setattr(torch.nn.ReLU, "forward", forward)
    last = verify(network(HEAD + "layers: [relu]\n").graph).checks[-1]
    assert (last.quantity, last.verdict, last.note) == ("forward", DIFFERS, "Expected something else")


def test_values_that_are_not_finite_are_found() -> None:
    text = HEAD + "layers: [{conv: 2, kernel: 8, name: a}, {scale: 1e15, repeat: 3, name: b}]\n"
    found = differences(network(text), fvcore=False)
    assert ("finite values", None, 2, 0) in found


def test_a_parameter_without_a_gradient_is_named() -> None:
    text = HEAD + "layers: [{conv: 2, kernel: 1, name: a}, {conv: 3, kernel: 1, name: b}]\noutputs: [a]\n"
    found = verify(network(text).graph, fvcore=False)
    last = found.checks[-1]
    assert last[:4] == ("gradients", None, 4, 2)
    assert last.verdict == DIFFERS
    assert last.note == "no finite gradient reaches b.weight and b.bias"


# -- known limits, each in isolation ---------------------------------------------------------------------------------


def test_fvcore_counts_the_inside_of_attention() -> None:
    """Tokens t, features f, h heads: 3tf for the projections, h*t*t scores, tf mixed, tf in the end."""
    module = resolve(attention.Attention(2).lowering((5, 8))).eval()
    inside = 3 * 5 * 8 + 2 * 5 * 5 + 5 * 8 + 5 * 8
    assert count_with_fvcore(module, torch.randn(1, 5, 8))[""]["activations"] == inside
    text = "cnncalc: 1\nname: t\ninput: [8, 5, 1]\nlayers: [tokens, {attention: 2, name: a}, {linear: 3, name: b}]\n"
    found = verify(network(text).graph, values=False)
    assert rows(found.checks)[-2:] == [
        ("activations", None, 5 * 8 + 5 * 3, inside + 5 * 3, "fvcore", LIMIT),
        ("activations", "a", 5 * 8, inside, "fvcore", LIMIT),
    ]
    whose = "of the module cnncalc builds; explain --convention fvcore is of a program written as torchvision's"
    assert found.checks[-2].note == (
        f"1 layers, where each product inside attention counts, not the output alone; {whose}"
    )
    assert found.checks[-3].note == whose  # of the multiply-accumulates
    assert found.agrees


def test_a_limit_excuses_its_own_quantity_and_operators_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "cnncalc: 1\nname: t\ninput: [8, 5, 1]\nlayers: [tokens, {attention: 2, name: a}, {linear: 3, name: b}]\n"
    right = attention.Attention.work
    with monkeypatch.context() as patch:
        patch.setattr(attention.Attention, "work", lambda self, x, y: right(self, x, y) + Work(mac=1))
        found = differences(network(text), values=False)
    assert [row[:2] for row in found] == [("macs", None), ("macs", "a")] * 2
    count = count_with_fvcore

    def one_more(module: nn.Module, *inputs: torch.Tensor) -> Any:
        counts = count(module, *inputs)
        for name in ("b", ""):
            counts[name]["activations"] += 1
        return counts

    monkeypatch.setattr(room, "count_with_fvcore", one_more)
    assert [row[:2] for row in differences(network(text), values=False)] == [
        ("activations", None),
        ("activations", "b"),
    ]


def test_fvcore_counts_batch_norm_pooling_and_enlarging() -> None:
    from fvcore.nn import FlopCountAnalysis

    x = torch.randn(1, 4, 8, 8)
    for module in (nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Upsample(scale_factor=2), nn.LayerNorm(8)):
        assert FlopCountAnalysis(module.eval(), x).total() > 0
        assert count_with_fvcore(module, x)[""].get("macs", 0) == 0


class Fused(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


def test_fvcore_counts_nothing_for_fused_attention() -> None:
    from fvcore.nn import FlopCountAnalysis

    x = torch.randn(1, 2, 5, 4)
    assert FlopCountAnalysis(Fused(), x).total() == 0
    assert count_with_fvcore(Fused(), x)[""]["macs"] == 2 * 5 * 5 * 4 * 2


def test_pytorch_counts_nothing_for_fused_attention_on_the_cpu() -> None:
    heads = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    ours = resolve(attention.Attention(2).lowering((5, 8))).eval()
    macs = 5 * 8 * 24 + 2 * 5 * 5 * 4 * 2 + 5 * 8 * 8
    x = torch.randn(1, 5, 8)
    with torch.no_grad():
        with FlopCounterMode(display=False) as fused:
            heads(x, x, x)
        with FlopCounterMode(display=False) as written_out:
            ours.to("meta")(x.to("meta"))
    assert fused.get_total_flops() == 0
    assert written_out.get_total_flops() == 2 * macs


def test_every_limit_is_either_excused_or_avoided() -> None:
    assert all(bool(limit.operators) != bool(limit.handling) for limit in LIMITS)
    assert {operator for limit in LIMITS for operator in limit.operators} <= set(OPS)


# -- what is not run -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("BYTES_LIMIT", 100, "weights take 5,328 bytes"),
        ("OPERATOR_LIMIT", 4, "there are 5 layers"),
        ("WORK_LIMIT", 100, "it takes 8,856 MACs"),
    ],
)
def test_what_takes_long_is_not_run_unless_asked_for(
    name: str, value: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, name, value)
    skipped = [check for check in verify(network(SMALL).graph, memory=False).checks if check.verdict == NOT_RUN]
    assert [(check.quantity, check.peer) for check in skipped] == [
        ("macs", "fvcore"),
        ("activations", "fvcore"),
        ("finite values", "torch"),
        ("gradients", "torch"),
    ]
    assert skipped[0].note == f"{reason} (--fvcore)"
    training = reason.replace("8,856", f"{2 * 3 * 8_856:,}")
    assert skipped[2].note == f"{training} (--values)"
    assert verify(network(SMALL).graph).agrees
    asked = verify(network(SMALL).graph, fvcore=True, values=True, memory=True)
    assert [check.verdict for check in asked.checks] == [EQUAL] * 12


def test_what_does_not_fit_into_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda _: 5_000)
    activations = 4 * (4 * 64 + 6 * 36 * 2 + 5)  # input, conv, bn; relu in place, flatten a view; linear
    need = 4 * (1319 + 13) + activations
    skipped = [check.note for check in verify(network(SMALL).graph).checks if check.verdict == NOT_RUN]
    assert skipped[0] == f"weights and activations take {need:,} bytes, but 5,000 are free"
    with pytest.raises(EnvironmentFailure) as caught:
        verify(network(SMALL).graph, fvcore=True)
    assert str(caught.value) == f"error: small: weights and activations take {need:,} bytes, but 5,000 are free"
    twice = 2 * (4 * (1319 + 13) + 2 * activations)  # two samples; gradients as much again
    with pytest.raises(EnvironmentFailure, match=f"take {twice:,} bytes"):
        verify(network(SMALL).graph, fvcore=False, values=True)


def test_fvcore_may_fail_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> Any:
        raise AssertionError("unsupported\nmore")

    monkeypatch.setattr(room, "count_with_fvcore", failing)
    found = verify(network(SMALL).graph, fvcore=True)
    assert found.agrees
    skipped = [(check.verdict, check.note) for check in found.checks if check.peer == "fvcore"]
    assert skipped == [(NOT_RUN, "it fails: unsupported")] * 2


def test_a_network_without_parameters() -> None:
    found = verify(network(HEAD + "layers: [relu]\n").graph, memory=False)
    assert [row[2:4] for row in rows(found.checks)] == [(1, 1), *[(0, 0)] * 6, (4 * 64, 4 * 64), (0, 0)]
    assert found.agrees


def test_without_fvcore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "fvcore_version", lambda: "")
    found = verify(network(SMALL).graph)
    assert found.agrees
    assert [check.note for check in found.checks if check.peer == "fvcore"] == ["fvcore is not installed"] * 2
    with pytest.raises(EnvironmentFailure) as caught:
        verify(network(SMALL).graph, fvcore=True)
    assert str(caught.value) == "error: fvcore is not installed (hint: pip install 'cnncalc[torch]')"


# -- the command -----------------------------------------------------------------------------------------------------


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def run(*arguments: str) -> Result:
        code = run_command(["verify", *arguments])
        return Result(code, *capsys.readouterr())

    return run


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


def test_the_table_of_a_network(call: Callable[..., Result], small: str) -> None:
    result = call(small, "--skip", "fvcore", "--skip", "values", "--skip", "memory")
    version = torch.__version__
    assert (result.code, result.err) == (0, "")
    assert [line.rstrip() for line in result.out.splitlines()] == [
        "small",
        "input 4x8x8",
        "",
        f"quantity        ours  theirs  peer                        {'verdict':>7}".replace(
            "peer                        ", "peer".ljust(len(f"FlopCounterMode {version}")) + "  "
        ),
        "-" * (13 + 2 + 5 + 2 + 6 + 2 + len(f"FlopCounterMode {version}") + 2 + 7),
        *(
            f"{quantity:<13}  {figure:>5}  {figure:>6}  {peer + ' ' + version:<{len('FlopCounterMode ' + version)}}  equal"
            for quantity, figure, peer in [
                ("output shapes", "5", "torch"),
                ("params", "1,319", "torch"),
                ("buffers", "13", "torch"),
                ("macs", "8,856", "FlopCounterMode"),
                ("depth", "2", "torch.fx"),
            ]
        ),
        "",
        "5 layers: all figures agree",
    ]


def test_a_difference_exits_with_1(call: Callable[..., Result], small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_work(monkeypatch)
    result = call(small, "--skip", "fvcore", "--skip", "values", "--skip", "memory")
    assert result.code == 1
    lines = [line.split() for line in result.out.splitlines()]
    assert ["macs", "8,857", "8,856", "FlopCounterMode", str(torch.__version__), "differs"] in lines
    assert ["macs", "c", "7,777", "7,776", "FlopCounterMode", str(torch.__version__), "differs"] in lines
    assert result.out.endswith("\n5 layers: differs: macs from c\n")


def test_layers_past_the_first_twenty_are_counted(
    call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong_work(monkeypatch)
    path = tmp_path / "long.yaml"
    path.write_text(HEAD + "layers: [{conv: 4, kernel: 1, repeat: 23, name: c}]\n", encoding="utf-8")
    result = call(str(path), "--skip", "fvcore", "--skip", "values", "--skip", "memory")
    assert "\n3 more layers differ (--format json shows all)\n" in result.out
    assert "c_20" in result.out
    assert "c_21" not in result.out
    csv = call(str(path), "--skip", "fvcore", "--skip", "values", "--skip", "memory", "--format", "csv")
    assert "\nmacs,c_23,1025,1024," in csv.out.replace("\r", "")


def test_several_networks_are_a_line_each(call: Callable[..., Result], small: str) -> None:
    result = call(small, "lenet5")
    assert result.code == 0
    lines = [line.split() for line in result.out.splitlines()]
    assert lines[2:4] == [["small", "5", "1,319", "8,856", "equal"], ["lenet5", "16", "60,000", "325,680", "equal"]]
    assert result.out.endswith("\n2 networks, all agree\n")


def test_every_network(
    call: Callable[..., Result], small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library.yaml"
    library.write_text("cnncalc: 1\nname: library\nblocks: {A: {layers: [relu]}}\n", encoding="utf-8")
    names = {"small": small, "library": str(library)}
    monkeypatch.setattr(zoo, "names", lambda: names)
    result = call("--all")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("\n1 network, all agree\n")
    broken = tmp_path / "broken.yaml"
    broken.write_text("cnncalc: 1\nlayers: []\n", encoding="utf-8")
    names["broken"] = str(broken)
    result = call("--all")
    assert result.code == 2
    assert "small" in result.out
    assert "broken.yaml:" in result.err
    wrong_work(monkeypatch)
    del names["broken"]
    result = call("--all")
    assert result.code == 1
    assert result.out.endswith("differs: macs from c\n\n1 network, 1 of them differs\n")


@pytest.mark.parametrize("arguments", [[], ["--with-side"], ["lenet5"]])
def test_the_json_fits_its_schema(
    call: Callable[..., Result], capsys: pytest.CaptureFixture[str], small: str, arguments: list[str]
) -> None:
    run_command(["schema", "verify"])
    schema = json.loads(capsys.readouterr().out)
    payload = json.loads(call(small, *arguments, "--format", "json").out)
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(schema).validate(payload)
    assert [one["name"] for one in payload["networks"]] == ["small", *(["lenet5"] if "lenet5" in arguments else [])]
    assert payload["networks"][0]["agrees"] is True
    payload["networks"][0]["checks"][0]["verdict"] = "nearly"
    assert not jsonschema.Draft7Validator(schema).is_valid(payload)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error: verify takes a network, or --all (hint: cnncalc verify resnet18)\n"),
        (["--all", "lenet5"], "error: --all verifies every network and takes no names\n"),
        (["--all", "--input", "3x8x8"], "error: --all takes no --set and no --input\n"),
        (["--all", "--against", "timm:x"], "error: --against takes one network\n"),
        (["lenet5", "vgg16", "--against", "timm:x"], "error: --against takes one network\n"),
        (["lenet5", "--export", "json"], "error: --export takes FORMAT=FILE, not 'json' (hint: formats: plain, json, csv, tsv, markdown, latex, html)\n"),
    ],
)  # fmt: skip
def test_a_wrong_call(call: Callable[..., Result], arguments: list[str], message: str) -> None:
    result = call(*arguments)
    assert (result.code, result.out, result.err) == (2, "", message)


def test_without_pytorch(call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "cnncalc.torch_backend.verify.checks")
    monkeypatch.setitem(sys.modules, "torch", None)
    result = call("lenet5")
    message = "error: verify needs PyTorch, which is not installed (hint: pip install 'cnncalc[torch]')\n"
    assert (result.code, result.out, result.err) == (3, "", message)


def test_with_a_broken_pytorch(call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "cnncalc.torch_backend.verify.checks")
    monkeypatch.delitem(sys.modules, "torch")
    result = call("lenet5")
    message = "PyTorch can't be imported: libcudart.so.13: cannot open shared object file"
    assert (result.code, result.out) == (3, "")
    assert result.err == f"error: {message} (hint: pip install 'cnncalc[torch]')\n"


def test_a_bar_on_a_terminal_alone(call: Callable[..., Result], small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(small, small).err == ""
    seen: list[Any] = []
    monkeypatch.setattr("cnncalc.render.progress.track", lambda items, total, label: seen.append(label) or items)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    call(small, small)
    assert seen == ["verifying"]
    assert os.path.exists(small)
