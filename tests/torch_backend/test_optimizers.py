"""A step of training with an optimizer, against torch.optim under a tracker: the second step, when its state is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.optim import SGD, Adam, AdamW, Optimizer

import cnncalc
from cnncalc.autograd.optimizers import IMPLEMENTATIONS, OPTIMIZERS
from cnncalc.memory.simulate import Settings, Trace, simulate
from cnncalc.spec.claims import WORDS
from cnncalc.torch_backend.build import build
from cnncalc.torch_backend.tracker import Tracker, fake
from tests.torch_backend.test_autograd import running
from tests.torch_backend.test_build import network

#: two layers have the same weights; one of them, and a third, has no bias
SHARED = (
    "layers:\n"
    "  - {conv: 4, kernel: 3, pad: same, bias: false, name: first}\n"
    "  - relu\n"
    "  - {conv: 4, kernel: 3, pad: same, bias: false, shared: first, name: second}\n"
    "  - {conv: 8, kernel: 3, pad: same, norm: bn, name: third}\n"
    "  - flatten\n"
    "  - {linear: 5, name: out}\n"
)
LARGE = {"resnet18": True, "mobilenet_v2": False}
NETWORKS = (*LARGE, "mnist_mlp", "shared")
#: what each word means, with and without weight decay
OURS: dict[tuple[str, bool], Callable[..., Optimizer]] = {
    ("sgd", False): lambda given, **how: SGD(given, lr=0.1, **how),
    ("sgd", True): lambda given, **how: SGD(given, lr=0.1, weight_decay=0.01, **how),
    ("momentum", False): lambda given, **how: SGD(given, lr=0.1, momentum=0.9, **how),
    ("momentum", True): lambda given, **how: SGD(given, lr=0.1, momentum=0.9, weight_decay=0.01, **how),
    ("adam", False): lambda given, **how: Adam(given, **how),
    ("adam", True): lambda given, **how: Adam(given, weight_decay=0.01, **how),
    ("adamw", False): lambda given, **how: AdamW(given, weight_decay=0.0, **how),
    ("adamw", True): lambda given, **how: AdamW(given, **how),
}
HOW: dict[str, dict[str, Any]] = {
    "foreach": {"foreach": True},
    "for-loop": {"foreach": False},
    "fused": {"fused": True},
}


def given(name: str) -> cnncalc.Network:
    return network(SHARED) if name == "shared" else cnncalc.load(name)


def second_step(network: cnncalc.Network, batch: int, make: Callable[..., Optimizer]) -> tuple[int, int, list[Any]]:
    """Bytes before the second step, its peak, and its events."""
    module = build(network.graph, device="meta")
    with FakeTensorMode():
        fake(module)
        x = torch.empty(batch, *network.input)
        target = torch.empty(batch, dtype=torch.int64)
        optimizer = make(module.parameters())
        tracker = Tracker()
        tracker.take([*module.parameters(), *module.buffers(), x, target])

        def step() -> None:
            optimizer.zero_grad()
            output = module(x)
            loss = functional.cross_entropy(output, target)
            loss.backward()
            optimizer.step()

        with tracker:
            step()
            optimizer.zero_grad()
            start = tracker.peak = tracker.live
            tracker.events.clear()
            step()
        return start, tracker.peak, tracker.events


def ours(network: cnncalc.Network, batch: int, **settings: Any) -> tuple[int, list[int], Trace]:
    """Bytes before the step, and its changes."""
    found = simulate(network.graph, batch, Settings(training=True, adds_in_place=False, device="cpu", **settings))
    before = sum(phase == "start" for phase, _ in found.origins)
    sizes = [size.at(batch) for size in found.sizes]
    changes = [sizes[event] if event >= 0 else -sizes[~event] for event in found.events[before:]]
    return sum(sizes[:before]), [change for change in changes if change], found


def test_the_words_are_those_of_claims() -> None:
    assert tuple(OPTIMIZERS) == WORDS["optimizer"]
    assert {"none", *(word for word, _ in OURS)} == set(OPTIMIZERS)
    assert HOW.keys() == IMPLEMENTATIONS.keys()


#: all there is on the small networks; on a large one with weight decay, on another without
CASES = [
    (name, word, decay, implementation)
    for name in NETWORKS
    for word, decay in OURS
    for implementation in HOW
    if name not in LARGE or LARGE[name] == decay
]


@pytest.mark.parametrize(("name", "word", "decay", "implementation"), CASES)
def test_the_second_step(name: str, word: str, decay: bool, implementation: str) -> None:
    net = given(name)
    start, peak, events = second_step(net, 2, lambda given: OURS[word, decay](given, **HOW[implementation]))
    settings = {"optimizer": word, "implementation": implementation, "weight_decay": decay}
    before, changes, found = ours(net, 2, **settings)
    print(f"{name} {word} {implementation}: {found.peak(2) - peak:+} B of {peak:,}")
    assert before == start
    assert running(changes) == running([size for size, _ in events])
    assert found.peak(2) == peak
