"""Whole networks in other data types than float32, loss included, against PyTorch under a tracker, event by event."""

from __future__ import annotations

from itertools import product

import pytest

import cnncalc
from cnncalc.memory.simulate import Settings, simulate
from cnncalc.torch_backend.tracker import measure
from tests.torch_backend.test_autograd import running


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *product(["densenet_bc_40_12", "googlenet", "resnet18", "squeezenet1_1", "vgg11"], ["bfloat16", "float64"]),
        ("resnet18", "float16"),  # as many bytes as bfloat16
    ],
)
def test_networks(name: str, dtype: str, training: bool) -> None:
    network = cnncalc.load(name)
    theirs = measure(network.graph, 8, training, dtype)
    found = simulate(network.graph, 8, Settings(training, dtype, adds_in_place=False, device="cpu"))
    sizes = [size.at(8) for size in found.sizes]
    changes = [sizes[event] if event >= 0 else -sizes[~event] for event in found.events]
    before = sum(phase == "start" and size > 0 for (phase, _), size in zip(found.origins, sizes, strict=True))
    print(f"{name} {dtype}: {found.peak(8) - theirs.peak:+} B of {theirs.peak:,}")
    # what is there from the start comes in another order
    assert (
        running([change for change in changes if change])[before:]
        == running([size for size, _ in theirs.events])[before:]
    )
    assert found.peak(8) == theirs.peak
