"""Memory in ``cnncalc verify``: what agrees, a wrong rule, what PyTorch refuses, versions, and the tracker itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

import cnncalc
from cnncalc.autograd.functional import Tape
from cnncalc.autograd.torch_versions import VERSIONS, Rules
from cnncalc.cli.main import run
from cnncalc.errors import UsageError
from cnncalc.memory.peaks import training
from cnncalc.memory.simulate import Settings
from cnncalc.torch_backend.tracker import Faked, Tracker
from cnncalc.torch_backend.verify import checks as room
from cnncalc.torch_backend.verify import memory_checks
from cnncalc.torch_backend.verify.checks import DIFFERS, EQUAL, NOT_RUN, Check, verify
from tests.torch_backend.test_verify import HEAD, SMALL, network

NAMES = list(memory_checks.QUANTITIES)
COPYING = HEAD + "layers: [{conv: 4, kernel: 1, act: relu6}, {conv: 4, kernel: 1, act: hardswish}]\n"


def memory(given: cnncalc.Network, **options: Any) -> dict[str, Check]:
    """The checks of memory alone, by quantity."""
    found = verify(given.graph, fvcore=False, values=False, **options)
    return {check.quantity: check for check in found.checks if check.quantity in (*NAMES, memory_checks.COPIES)}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {"batch": 7, "dtype": "bfloat16"}),
        ("googlenet", {"with_side": True, "batch": 2}),
        ("mask_rcnn_r50_fpn", {}),
        ("vit_b_32", {"batch": 3, "dtype": "float64"}),
        ("shufflenet_v1_g1", {"batch": 2}),
    ],
)
def test_networks_agree_to_the_byte(name: str, options: dict[str, Any]) -> None:
    given = cnncalc.load(name)
    found = memory(given, **options)
    assert [found[quantity].verdict for quantity in NAMES] == [EQUAL] * 3
    weights = given.analyze(with_side=options.get("with_side", False)).totals["params"]
    size = torch.empty(0, dtype=getattr(torch, options.get("dtype", "float32"))).itemsize
    assert found["inference_memory_bytes"].theirs > weights * size


def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    before = memory(network(SMALL))
    right = Tape.batch_norm
    # a copy of its input that is not there, and is kept in its place
    monkeypatch.setattr(Tape, "batch_norm", lambda tape, x: right(tape, tape.copy(x)))
    found = memory(network(SMALL))
    assert [found[quantity].verdict for quantity in NAMES] == [EQUAL, DIFFERS, EQUAL]
    assert [found[quantity].theirs for quantity in NAMES] == [before[quantity].theirs for quantity in NAMES]
    assert found["inference_memory_bytes"].ours == before["inference_memory_bytes"].ours + 4 * 6 * 36
    assert not verify(network(SMALL).graph, fvcore=False, values=False).agrees


def test_a_rule_that_keeps_too_little_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnncalc.memory.simulate.rules", lambda _: Rules(copies_overwritten=False))
    found = memory(network(COPYING))
    # without copies, relu6 would keep what the next convolution keeps too
    assert found["saved_bytes"].theirs - found["saved_bytes"].ours == 4 * 4 * 64
    assert [found[quantity].verdict for quantity in NAMES] == [DIFFERS, EQUAL, DIFFERS]


def test_gradients_of_several_readers_are_said_to_be_summed_in_another_way() -> None:
    # of the first output, one gradient comes from the loss and one from what follows it
    given = network(
        HEAD + "layers: [{conv: 6, kernel: 3, act: relu, name: a}, flatten, {linear: 5}]\noutputs: [a, linear1]\n"
    )
    found = memory(given)["training_memory_bytes"]
    usual = training(given.graph, 1, Settings(device="cpu")).peak.bytes
    assert found.verdict == EQUAL
    assert found.ours > usual
    assert found.note is not None
    assert found.note.endswith(f"without one it adds them in place, and the peak is {usual:,}")
    assert memory(network(SMALL))["training_memory_bytes"].note is None


# -- what is not measured --------------------------------------------------------------------------------------------


def test_what_pytorch_refuses_to_train_is_named_and_is_no_difference() -> None:
    given = network(HEAD + "layers: [{conv: 6, kernel: 3}, global_avgpool, flatten, bn, {linear: 5}]\n")
    found = memory(given)
    assert [found[quantity].verdict for quantity in NAMES] == [NOT_RUN, EQUAL, NOT_RUN]
    note = found["training_memory_bytes"].note or ""
    assert note.startswith("PyTorch refuses it, with fake tensors: Expected more than 1 value per channel")
    assert found["training_memory_bytes"][2:4] == (None, None)
    assert verify(given.graph, fvcore=False, values=False).agrees
    assert [memory(given, batch=2)[quantity].verdict for quantity in NAMES] == [EQUAL] * 3


def test_what_has_no_parameters_is_not_trained() -> None:
    found = memory(network(HEAD + "layers: [relu]\n"))
    assert [found[quantity].verdict for quantity in NAMES] == [EQUAL, EQUAL, NOT_RUN]
    assert "does not require grad" in (found["training_memory_bytes"].note or "")


def test_many_layers_are_not_run_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "OPERATOR_LIMIT", 4)
    notes = {quantity: check.note for quantity, check in memory(network(SMALL)).items()}
    assert notes == dict.fromkeys(NAMES, "there are 5 layers (--check memory)")
    assert [check.verdict for check in memory(network(SMALL), memory=True).values()] == [EQUAL] * 3
    assert memory(network(SMALL), memory=False) == {}


def test_a_data_type_that_pytorch_has_no_networks_in() -> None:
    with pytest.raises(UsageError, match="unknown data type 'int8'"):
        verify(network(SMALL).graph, dtype="int8")


# -- versions --------------------------------------------------------------------------------------------------------


def test_copies_of_what_is_overwritten_are_tried_where_the_network_has_such() -> None:
    found = memory(network(COPYING))[memory_checks.COPIES]
    assert found[:5] == (memory_checks.COPIES, None, 2, 2, "torch")
    assert (found.verdict, found.version, found.note) == (EQUAL, torch.__version__, None)
    assert memory_checks.COPIES not in memory(network(SMALL))


def test_a_version_that_behaves_otherwise_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_checks, "copies_overwritten", lambda name: name == "relu6")
    found = memory(network(COPYING))[memory_checks.COPIES]
    assert found[2:4] == (2, 1)
    assert found.verdict == DIFFERS
    assert found.note == f"in PyTorch {torch.__version__}, hardswish in place keeps no copy"


def test_a_version_newer_than_the_rules_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory(network(SMALL))["saved_bytes"].note is None
    monkeypatch.setattr(torch, "__version__", "99.1.0")
    note = "PyTorch 99.1.0 is newer than 2.13, the newest that cnncalc was tested with"
    assert {check.note for check in memory(network(SMALL)).values()} == {note}


def test_the_row_is_that_of_the_installed_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", "1.9.0")
    assert not VERSIONS["1.0"].copies_overwritten
    found = memory(network(COPYING))
    assert found[memory_checks.COPIES][2:4] == (0, 2)
    assert found["saved_bytes"].verdict == DIFFERS


# -- the tracker -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("grad", [False, True])
def test_a_fake_channel_shuffle_takes_what_a_real_one_takes(groups: int, grad: bool) -> None:
    def events(x: Tensor) -> list[int]:
        tracker = Tracker()
        tracker.take([x])
        with tracker:
            out = nn.ChannelShuffle(groups)(x)
            if grad:
                out.backward(torch.ones_like(out))
            del out
        return [size for size, _ in tracker.events]

    with FakeTensorMode():
        for _ in range(2):  # a view from the first call, a copy from a cache
            found = events(torch.empty(2, 4, 3, 3, requires_grad=grad))
            assert found == events_of_real(events, grad)


def events_of_real(events: Any, grad: bool) -> list[int]:
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    with unset_fake_temporarily():
        found: list[int] = events(torch.zeros(2, 4, 3, 3, requires_grad=grad))
    return found


def test_passes_do_not_change_each_other() -> None:
    faked = Faked(cnncalc.load("resnet18").graph, 2)
    first = (faked.training().peak, faked.saved(), faked.inference().peak)
    again = (faked.inference().peak, faked.saved(), faked.training().peak)
    assert first == again[::-1]


def test_what_a_dead_branch_packs_is_not_kept() -> None:
    """Its nodes are gone at the end of the forward pass, and so is what they kept."""
    text = HEAD + "layers: [{conv: 2, kernel: 1, name: a}, sigmoid, {conv: 3, kernel: 1, name: b}]\noutputs: [a]\n"
    faked = Faked(network(text).graph, 1)
    assert faked.saved() == 4 * 4 * 64  # the input, for the weights of a
    assert memory(network(text))["saved_bytes"].verdict == EQUAL


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "lenet5", "--skip", "fvcore", "--skip", "values", "--batch", "3", "--dtype", "float16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "input 1x32x32, memory of batch 3, float16"
    assert [line.split()[0] for line in lines if "_bytes" in line] == NAMES
    assert run(["verify", "lenet5", "--skip", "fvcore", "--skip", "values", "--skip", "memory"]) == 0
    assert "_bytes" not in capsys.readouterr().out


def test_several_networks_count_no_memory_unless_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    figures = memory_checks.figures
    monkeypatch.setattr(memory_checks, "figures", lambda *given: seen.append(given[0].name) or figures(*given))
    assert run(["verify", "lenet5", "mnist_mlp"]) == 0
    assert seen == []
    assert run(["verify", "lenet5", "mnist_mlp", "--check", "memory"]) == 0
    assert seen == ["lenet5", "mnist_mlp"]
    capsys.readouterr()


def test_a_group_norm_of_one_fake_sample_lies_otherwise() -> None:
    """A kernel of a CPU keeps the layout; the tracker has fake tensors do so too."""

    def lies(samples: int) -> tuple[int, ...]:
        x = torch.zeros(samples, 7, 8, 4).movedim(-1, 1)
        return torch.nn.functional.group_norm(x, 2).stride()

    assert lies(1) == lies(2) == (7 * 8 * 4, 1, 8 * 4, 4)
    with FakeTensorMode():
        assert lies(1) != lies(2)
        with Tracker():
            assert lies(1) == lies(2)
