"""Mixed precision against ``torch.autocast`` under a tracker, event by event: networks, and every operator."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

import cnncalc
from cnncalc.autograd.tensors import Edge, Leaf
from cnncalc.memory.simulate import Settings, simulate
from cnncalc.ops.base import Op
from cnncalc.torch_backend.build import DTYPES, build, outputs, resolve
from cnncalc.torch_backend.tracker import Tracker
from cnncalc.values import Shape
from tests.torch_backend.test_autograd import IDS, SAMPLES, running, tape_of

NETWORKS = ("mobilenet_v3_small", "resnet18", "shufflenet_v2_x0_5", "squeezenet1_1")


def mixed(network: cnncalc.Network, batch: int, training: bool, dtype: str) -> Tracker:
    """A pass of inference, or a step, with autocast around the forward pass and the loss.

    The tensors are real: of a batch normalization of mixed data types fake ones say that its statistics have 16 bits,
    but the kernel of a CPU makes them in 32.
    """
    module = build(network.graph).train(training)
    x = torch.zeros(batch, *network.input)
    shape = tuple(outputs(module(x))[0].shape)
    target = torch.zeros(shape[:1] + shape[2:], dtype=torch.int64)
    tracker = Tracker()
    tracker.take([*module.parameters(), *module.buffers(), x, *([target] if training else [])])
    tracker.events.clear()
    with tracker, torch.set_grad_enabled(training):
        with torch.autocast("cpu", dtype=DTYPES[dtype]):
            result = outputs(module(x))
            loss = functional.cross_entropy(result[0], target) if training else None
        if loss is not None:
            loss.backward()
    del result
    return tracker


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str, batch: int, training: bool) -> None:
    dtype = "float16" if name == "squeezenet1_1" else "bfloat16"
    network = cnncalc.load(name, input=(3, 48, 48))
    theirs = mixed(network, batch, training, dtype)
    found = simulate(network.graph, batch, Settings(training, amp=dtype, adds_in_place=False, device="cpu"))
    sizes = [size.at(batch) for size in found.sizes]
    before = sum(phase == "start" for phase, _ in found.origins)
    changes = [sizes[event] if event >= 0 else -sizes[~event] for event in found.events[before:]]
    print(f"{name} {batch}: {found.peak(batch) - theirs.peak:+} B of {theirs.peak:,}")
    assert running([change for change in changes if change]) == running([size for size, _ in theirs.events])
    assert found.peak(batch) == theirs.peak


def their_operator(op: Op, shapes: tuple[Shape, ...], dtype: torch.dtype, training: bool) -> list[Any]:
    """Bytes taken and given back by an operator on inputs of a data type, whose weights are in float32.

    The tensors are real: some kernels of a CPU differ in data types from what fake tensors tell.
    """
    module: nn.Module = resolve(op.lowering(*shapes))
    module.train(training)
    with torch.set_grad_enabled(training):
        # not leaves, of which autocast would keep the casts
        xs = [torch.empty(3, *shape, dtype=dtype, requires_grad=training).view(3, *shape) for shape in shapes]
        tracker = Tracker()
        tracker.take([*xs, *module.parameters(), *module.buffers()])
        tracker.events.clear()
        with tracker:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out = module(*xs)
            if out.requires_grad:
                out.backward(torch.ones_like(out))
        return tracker.events


def our_operator(op: Op, shapes: tuple[Shape, ...], itemsize: int, training: bool) -> list[int]:
    """Bytes taken and given back, by the rule."""
    tape = tape_of(op, shapes, 3, training)
    xs = [tape.new((3, *shape), itemsize=itemsize) for shape in shapes]
    if training:
        for x in xs:
            tape.lead(x, Edge(Leaf(), 0))
        xs = [tape.view(x, x.shape) for x in xs]
    start = len(tape.events)
    tape.autocast = True
    tape.begin(xs)
    out = tape.run(op.run, tape, *xs)
    tape.end_autocast()
    if out.edge is not None:
        tape.backward(out)
    changes = [
        tape.storages[event].at(3) if event >= 0 else -tape.storages[~event].at(3) for event in tape.events[start:]
    ]
    return [change for change in changes if change]


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("op", "shapes"), SAMPLES, ids=IDS)
def test_operators(op: Op, shapes: Any, dtype: str, training: bool) -> None:
    found = their_operator(op, shapes, DTYPES[dtype], training)
    ours = our_operator(op, shapes, DTYPES[dtype].itemsize, training)
    assert running(ours) == running([size for size, _ in found]), found
