"""Rules of the tape that depend on PyTorch's version or on the device, against the PyTorch that is here."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from cnncalc.autograd.functional import Tape
from cnncalc.autograd.tensors import Edge, Leaf
from cnncalc.autograd.torch_versions import TESTED, VERSIONS, Rules, is_newer, rules
from cnncalc.ops.base import Op
from cnncalc.ops.norm import GroupNorm, InstanceNorm, LayerNorm
from cnncalc.torch_backend.build import resolve
from cnncalc.torch_backend.tracker import Tracker, fake
from cnncalc.torch_backend.verify.probe import OVERWRITING, copies_overwritten
from cnncalc.values import Shape
from tests.torch_backend.test_autograd import tape_of


def test_the_row_of_a_version_is_the_last_that_is_not_newer() -> None:
    assert rules("1.9.1") == VERSIONS["1.0"]
    assert rules("1.10.0+cu118") == rules("1.13.1") == rules("2.13.0+cpu") == VERSIONS["1.10"]
    assert rules("0.4.1") == VERSIONS["1.0"]
    assert rules() == rules(TESTED)
    assert [is_newer(version) for version in ("1.99", TESTED, f"{TESTED}.9+cpu", "99.0")] == [False, False, False, True]


@pytest.mark.parametrize("name", OVERWRITING)
def test_this_version_copies_what_is_overwritten_as_its_row_says(name: str) -> None:
    assert copies_overwritten(name) == rules(torch.__version__).copies_overwritten


def in_place(row: Rules) -> Tape:
    """What relu6 in place does by a row."""
    tape = Tape(2, 4)
    tape.rules = row
    tape.in_place = True
    x = tape.new((2, 8))
    tape.lead(x, Edge(Leaf(), 0))
    tape.pointwise(x, "input")
    return tape


def test_a_copy_is_taken_only_where_the_row_says_so() -> None:
    assert len(in_place(Rules(copies_overwritten=True)).storages) == 2
    assert len(in_place(Rules(copies_overwritten=False)).storages) == 1


class DropoutOnGPU(nn.Module):
    """What ``functional.dropout`` calls for a tensor of a GPU: the rule of ``is_fused_kernel_acceptable``, Dropout.cpp."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.native_dropout(x, 0.5, True)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("device", "module"), [("cpu", nn.Dropout(0.5)), ("cuda", DropoutOnGPU())])
def test_dropout_keeps_noise_on_a_cpu_and_a_mask_on_a_gpu(device: str, module: nn.Module, dtype: torch.dtype) -> None:
    with FakeTensorMode():
        x = torch.empty(3, 7, dtype=dtype, requires_grad=True)
        tracker = Tracker()
        tracker.take([x])
        with tracker:
            module(x).backward(torch.empty(3, 7, dtype=dtype))
    tape = Tape(3, dtype.itemsize, adds_in_place=False)
    tape.device = device
    tape.training = True
    value = tape.new((3, 7))
    tape.lead(value, Edge(Leaf(), 0))
    out = tape.dropout(value, 0.5)
    tape.backward(out)
    taken = [tape.storages[event].at(3) for event in tape.events if event >= 0]
    expected = [size for size, _ in tracker.events if size > 0]
    assert taken == expected


NORMS = [
    (op, shapes)
    for cls in (LayerNorm, GroupNorm, InstanceNorm)
    for op, shapes in cls.samples()
    if shapes[0].layout == "map"
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(("op", "shapes"), NORMS, ids=[f"{op!r} {shapes}" for op, shapes in NORMS])
def test_statistics_of_a_norm_have_the_bytes_of_the_device(
    op: Op, shapes: tuple[Shape, ...], device: str, dtype: torch.dtype
) -> None:
    """Without gradients, as autograd refuses tensors of a device that this build of PyTorch does not have.

    Batch normalization is not among them: a fake tensor of a GPU never gets to cuDNN, which a real one runs it with.
    """
    with torch.device("meta"):
        module: nn.Module = resolve(op.lowering(*shapes))
    module.to(dtype)
    with FakeTensorMode(), torch.no_grad():
        fake(module, device)
        x = torch.empty(3, *shapes[0], dtype=dtype, device=device)
        tracker = Tracker()
        tracker.take([x, *module.parameters()])
        start = len(tracker.events)
        with tracker:
            module(x)
    tape = tape_of(op, shapes, 3, False, dtype.itemsize)
    tape.device = device
    value = tape.new(x.shape)
    begin = len(tape.storages)
    tape.run(op.run, tape, value)
    taken = [size.at(3) for size in tape.storages[begin:]]
    assert taken == [size for size, _ in tracker.events[start:] if size > 0]
