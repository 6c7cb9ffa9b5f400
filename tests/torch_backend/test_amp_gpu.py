"""Mixed precision on a GPU: every operator's forward pass against ``torch.autocast`` over fake tensors of a GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from cnncalc.ops.base import Op
from cnncalc.ops.norm import BatchNorm
from cnncalc.ops.rearrange import ChannelShuffle
from cnncalc.torch_backend.build import DTYPES, resolve
from cnncalc.torch_backend.tracker import Tracker, fake
from cnncalc.values import Shape
from tests.torch_backend.test_autograd import SAMPLES, running, tape_of

#: without what fake tensors can't tell: a fake GPU has a batch normalization take statistics in evaluation too, and
#: whether a fake shuffle is a view depends on what ran before; test_autograd has both, on tensors that can
TOLD = [(op, shapes) for op, shapes in SAMPLES if not isinstance(op, (BatchNorm, ChannelShuffle))]
#: what PyTorch says where it is built for a CPU alone and an operator asks for the GPU itself
NO_GPU = "not linked with support for cuda"


def theirs(op: Op, shapes: tuple[Shape, ...], given: torch.dtype, half: torch.dtype) -> list[Any]:
    """Bytes taken and given back, with the operators. Weights are not learned, so that no cast of one is kept."""
    with torch.device("meta"):
        module: nn.Module = resolve(op.lowering(*shapes))
    module.eval()
    with FakeTensorMode(), torch.no_grad():
        fake(module, "cuda").requires_grad_(False)
        xs = [torch.empty(3, *shape, dtype=given, device="cuda") for shape in shapes]
        tracker = Tracker()
        tracker.take([*xs, *module.parameters(), *module.buffers()])
        tracker.events.clear()
        # torch.autocast("cuda") turns itself off where there is no GPU
        torch.set_autocast_dtype("cuda", half)
        torch.set_autocast_enabled("cuda", True)
        try:
            with tracker:
                out = module(*xs)
            events = list(tracker.events)
        finally:
            torch.set_autocast_enabled("cuda", False)
            torch.set_autocast_dtype("cuda", torch.float16)
        del out
        return events


def ours(op: Op, shapes: tuple[Shape, ...], itemsize: int, half: str) -> list[int]:
    """Bytes taken and given back, by the rule."""
    tape = tape_of(op, shapes, 3, False)
    for weight in tape.weights.values():
        weight.edge = None
    tape.device = "cuda"
    tape.autocast = half
    tape.attention = "math"  # the kernel that a PyTorch built for a CPU alone runs on fake tensors of a GPU
    xs = [tape.new((3, *shape), itemsize=itemsize) for shape in shapes]
    start = len(tape.events)
    tape.begin(xs)
    out = tape.run(op.run, tape, *xs)
    events = tape.events[start:]
    del out
    sizes = [size.at(3) for size in tape.storages]
    return [size for size in (sizes[event] if event >= 0 else -sizes[~event] for event in events) if size]


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
@pytest.mark.parametrize("wide", [True, False], ids=["of 32 bits", "of 16 bits"])
@pytest.mark.parametrize(("op", "shapes"), TOLD, ids=[f"{op!r} {shapes}" for op, shapes in TOLD])
def test_operators(op: Op, shapes: Any, wide: bool, half: str) -> None:
    given = torch.float32 if wide else DTYPES[half]
    try:
        found = theirs(op, shapes, given, DTYPES[half])
    except RuntimeError as error:
        if NO_GPU not in str(error):
            raise
        pytest.skip("it needs a PyTorch built for GPUs")
    assert running(ours(op, shapes, given.itemsize, half)) == running([size for size, _ in found]), found
