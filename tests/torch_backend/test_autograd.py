"""What every operator does to memory, against PyTorch: event by event under a tracker, and what it saves by hooks."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks

from cnncalc.autograd.functional import Tape
from cnncalc.autograd.tensors import Edge, Leaf
from cnncalc.ops import OPS
from cnncalc.ops.base import Op
from cnncalc.ops.norm import BatchNorm
from cnncalc.ops.rearrange import ChannelShuffle
from cnncalc.torch_backend.build import resolve, run_in_place
from cnncalc.torch_backend.tracker import Tracker, fake
from cnncalc.values import Shape

SAMPLES = [(op, shapes) for cls in OPS.values() for op, shapes in cls.samples()]
IDS = [f"{op!r} {shapes}" for op, shapes in SAMPLES]
#: PyTorch refuses to train it on one sample of a vector: a channel would have one value
REFUSED = {(BatchNorm(affine=False), ((4,),), 1)}
#: operators that run on real tensors: a fake one's result may be a view of the input where the CPU's kernel copies
REAL = (ChannelShuffle,)
WHOLE = ("num_batches_tracked", "relative_position_index")


def tape_of(op: Op, shapes: tuple[Shape, ...], batch: int, training: bool, itemsize: int = 4) -> Tape:
    tape = Tape(batch, itemsize, adds_in_place=False)
    tape.training = tape.records = training
    tape.inputs, tape.output = shapes, op.shape(*shapes)
    tape.weights = {name: tape.parameter(shape) for name, shape in op.weights(*shapes).items()}
    tape.buffers = {
        name: tape.new(shape, scales=False, itemsize=8 if name in WHOLE else None)
        for name, shape in op.buffers(*shapes).items()
    }
    return tape


def ours(
    op: Op, shapes: tuple[Shape, ...], batch: int, training: bool, needed: bool, in_place: bool, itemsize: int = 4
) -> list[int]:
    """Bytes taken and given back, by the rule."""
    tape = tape_of(op, shapes, batch, training, itemsize)
    leaves = [tape.new((batch, *shape)) for shape in shapes]
    if needed:
        for leaf in leaves:
            tape.lead(leaf, Edge(Leaf(), 0))
    start = len(tape.events)
    xs = [tape.copy(leaf) for leaf in leaves] if in_place else leaves
    tape.in_place = in_place
    out = tape.run(op.run, tape, *xs)
    if in_place:
        tape.release_all(xs)
    if training and out.edge is not None:
        tape.backward(out)
    events = tape.events[start:]
    sizes = [size.at(batch) for size in tape.storages]
    return [size for size in (sizes[event] if event >= 0 else -sizes[~event] for event in events) if size]


def theirs(
    op: Op,
    shapes: tuple[Shape, ...],
    batch: int,
    training: bool,
    needed: bool,
    in_place: bool,
    dtype: torch.dtype = torch.float32,
) -> list[Any]:
    """Bytes taken and given back, by PyTorch, with its operators."""
    with torch.device("meta"):
        module: nn.Module = resolve(op.lowering(*shapes))
    module.train(training).to(dtype)
    if in_place:
        run_in_place(module)
    mode = nullcontext() if isinstance(op, REAL) else FakeTensorMode()
    with mode, torch.set_grad_enabled(training):
        fake(module)
        leaves = [torch.empty(batch, *shape, dtype=dtype, requires_grad=needed) for shape in shapes]
        tracker = Tracker()
        tracker.take([*leaves, *module.parameters(), *module.buffers()])
        start = len(tracker.events)
        with tracker:
            xs = [leaf.clone() for leaf in leaves] if in_place else leaves
            values = list(xs)
            del xs
            out = module(*values)
            del values
            if training and out.requires_grad:
                out.backward(torch.ones_like(out))
        return tracker.events[start:]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("needed", [True, False], ids=["inner", "first"])
@pytest.mark.parametrize(("op", "shapes"), SAMPLES, ids=IDS)
def test_a_step_takes_and_gives_back_the_same_bytes(op: Op, shapes: Any, needed: bool, batch: int) -> None:
    if (op, shapes, batch) in REFUSED:
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            theirs(op, shapes, batch, True, needed, False)
        return
    found = theirs(op, shapes, batch, True, needed, False)
    assert running(ours(op, shapes, batch, True, needed, False)) == running([size for size, _ in found]), found


@pytest.mark.parametrize(("op", "shapes"), SAMPLES, ids=IDS)
def test_a_step_in_16_bits_takes_and_gives_back_the_same_bytes(op: Op, shapes: Any) -> None:
    found = theirs(op, shapes, 3, True, True, False, torch.bfloat16)
    assert running(ours(op, shapes, 3, True, True, False, 2)) == running([size for size, _ in found]), found


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("op", "shapes"), SAMPLES, ids=IDS)
def test_inference_takes_and_gives_back_the_same_bytes(op: Op, shapes: Any, batch: int) -> None:
    found = theirs(op, shapes, batch, False, False, False)
    assert running(ours(op, shapes, batch, False, False, False)) == running([size for size, _ in found]), found


IN_PLACE = [(op, shapes) for op, shapes in SAMPLES if op.can_run_in_place and len({*shapes}) == 1]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("op", "shapes"), IN_PLACE, ids=[f"{op!r} {shapes}" for op, shapes in IN_PLACE])
def test_in_place(op: Op, shapes: Any, training: bool) -> None:
    found = theirs(op, shapes, 2, training, training, True)
    assert running(ours(op, shapes, 2, training, training, True)) == running([size for size, _ in found]), found


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("op", "shapes"), SAMPLES, ids=IDS)
def test_as_many_bytes_are_saved(op: Op, shapes: Any, batch: int) -> None:
    if (op, shapes, batch) in REFUSED:
        return
    module: nn.Module = resolve(op.lowering(*shapes))
    module.train()
    leaves = [torch.rand(batch, *shape).requires_grad_() for shape in shapes]
    own = {tensor.untyped_storage().data_ptr() for tensor in [*module.parameters(), *module.buffers()]}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        module(*leaves)
    tape = tape_of(op, shapes, batch, True)
    before = len(tape.storages)
    values = [tape.new((batch, *shape)) for shape in shapes]
    for value in values:
        tape.lead(value, Edge(Leaf(), 0))
    tape.run(op.run, tape, *values)
    saved = sum(tape.storages[number].at(batch) for number in tape.saved if number >= before)
    inputs = [value.storage.number in tape.saved for value in values]
    assert saved == sum(kept.values())
    assert inputs == [leaf.untyped_storage().data_ptr() in kept for leaf in leaves]


def running(changes: list[int]) -> list[int]:
    """Bytes alive after each time that some are taken; in which order others are given back in between is not said."""
    found, alive = [], 0
    for change in changes:
        alive += change
        if change > 0:
            found.append(alive)
    return found
