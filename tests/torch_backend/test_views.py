"""Where values lie, and what a change in place of a view does, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import permutations, product
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from cnncalc.autograd.functional import Tape
from cnncalc.autograd.strides import computed, is_channels_last, is_contiguous, is_dense, viewed
from cnncalc.autograd.tensors import Edge, Leaf, Tensor
from cnncalc.torch_backend.tracker import Tracker
from cnncalc.values import Shape
from tests.torch_backend.test_autograd import running

SHAPES: list[Shape] = [(2, 3), (1, 4, 5), (2, 3, 4), (2, 3, 4, 5), (3, 1, 4, 1), (1, 5, 1, 1), (2, 1, 6, 6)]


def layouts(shape: Shape) -> list[torch.Tensor]:
    """Tensors of a shape, with and without gaps, with their axes in every order."""
    found = []
    for order in permutations(range(len(shape))):
        back = [order.index(axis) for axis in range(len(shape))]
        stored = [shape[axis] for axis in order]
        found.append(torch.empty(stored).permute(back))
        found.append(torch.empty([size + 1 for size in stored]).permute(back)[tuple(map(slice, shape))])
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_how_a_tensor_lies(shape: Shape) -> None:
    for x in layouts(shape):
        assert is_contiguous(shape, x.stride()) == x.is_contiguous()
        assert is_dense(shape, x.stride()) == torch.ops.aten.is_non_overlapping_and_dense(x)
        if len(shape) == 4:
            suggested = torch._prims_common.suggest_memory_format(x) == torch.channels_last
            assert is_channels_last(shape, x.stride()) == suggested


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_computed_lies_as_its_operands_do(shape: Shape) -> None:
    others = [*layouts(shape)[:8], torch.empty(shape[-1]), torch.empty(1)]
    for x, y in product(layouts(shape), others):
        for first, second in ((x, y), (y, x)):
            operands = [(tuple(value.shape), value.stride()) for value in (first, second)]
            assert computed(shape, *operands) == (first + second).stride(), operands


@pytest.mark.parametrize("into", [(6, 20), (2, 3, 20), (6, 4, 5), (120,), (2, 3, 2, 2, 5), (1, 2, 3, 4, 5, 1), (24, 5)])
def test_what_can_be_a_view(into: Shape) -> None:
    for x in layouts((2, 3, 4, 5)):
        found = viewed(tuple(x.shape), x.stride(), into)
        try:
            expected: Any = x.view(into).stride()
        except RuntimeError:
            expected = None
        assert found == expected


In = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Ours = Callable[[Tape, Tensor, Tensor], Tensor]
#: a view of twice x that is changed in place
CASES: dict[str, tuple[In, Ours]] = {
    "flatten": (lambda x, y: x.flatten(1).add_(y), lambda tape, x, y: tape.add_into(tape.flatten(x), y)),
    "permute": (
        lambda x, y: x.permute(0, 2, 1).add_(y),
        lambda tape, x, y: tape.add_into(tape.permute(x, (0, 2, 1)), y),
    ),
    "slice": (
        lambda x, y: x[:, 1:].add_(y),
        lambda tape, x, y: tape.add_into(tape.slices(x, 1, [range(1, x.shape[1])]), y),
    ),
    "view of a view": (
        lambda x, y: x[:, 1:].transpose(1, 2).add_(y),
        lambda tape, x, y: tape.add_into(tape.transpose(tape.slices(x, 1, [range(1, x.shape[1])]), 1, 2), y),
    ),
    "twice": (
        lambda x, y: x.flatten(1).add_(y).add_(y),
        lambda tape, x, y: tape.add_into(tape.add_into(tape.flatten(x), y), y),
    ),
}


@pytest.mark.parametrize("real", [False, True], ids=["fake", "real"])
@pytest.mark.parametrize("case", CASES)
def test_a_view_that_is_changed_in_place(case: str, real: bool) -> None:
    theirs, ours = CASES[case]
    with nullcontext() if real else FakeTensorMode():
        x = torch.empty(2, 3, 4, requires_grad=True)
        y = torch.empty_like(theirs(x.detach() * 2, torch.zeros(1)), requires_grad=True)
        shape = tuple(y.shape)
        tracker = Tracker()
        tracker.take([x, y])
        start = len(tracker.events)
        with tracker:
            out = theirs(x * 2, y) * 2
            out.backward(torch.ones_like(out))
        found = tracker.events[start:]
    tape = Tape(2, 4, adds_in_place=False)
    tape.replays_views = not real
    leaves = [tape.new((2, 3, 4)), tape.new(shape)]
    for leaf in leaves:
        tape.lead(leaf, Edge(Leaf(), 0))
    start = len(tape.events)
    made = tape.run(lambda: tape.scaled(ours(tape, tape.scaled(leaves[0]), leaves[1])))
    tape.backward(made)
    sizes = [size.at(2) for size in tape.storages]
    events = [sizes[event] if event >= 0 else -sizes[~event] for event in tape.events[start:]]
    assert running(events) == running([size for size, _ in found]), found
