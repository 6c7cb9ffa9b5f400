"""The largest batch that fits, against PyTorch: that batch stays within the memory under the tracker, one more does not."""

from __future__ import annotations

import pytest

import cnncalc
from cnncalc.memory.runs import Runs
from cnncalc.memory.simulate import Settings
from cnncalc.torch_backend.tracker import measure

#: networks, and memories in which few samples fit, so that each term counts
CASES = [
    ("lenet5_modern", False, 400_000),
    ("lenet5_modern", True, 900_000),
    ("vgg11", False, 700_000_000),
    ("vgg11", True, 1_500_000_000),
    ("resnet18", False, 60_000_000),
    ("resnet18", True, 400_000_000),
    ("squeezenet1_0", False, 100_000_000),
    ("squeezenet1_0", True, 300_000_000),
    ("googlenet", False, 50_000_000),
    ("googlenet", True, 150_000_000),
]


@pytest.mark.parametrize(("name", "training", "memory"), CASES)
def test_the_batch_is_bracketed(name: str, training: bool, memory: int) -> None:
    network = cnncalc.load(name)
    # under a tracker, gradients of values with several readers are summed out of place
    batch = Runs(network.graph, Settings(training, adds_in_place=False, device="cpu")).largest_batch(memory)
    assert batch >= 1
    assert measure(network.graph, batch, training).peak <= memory < measure(network.graph, batch + 1, training).peak


@pytest.mark.parametrize(("name", "training"), [("vgg11", False), ("resnet18", True)])
def test_exactly_what_one_sample_takes_is_enough(name: str, training: bool) -> None:
    network = cnncalc.load(name)
    runs = Runs(network.graph, Settings(training, adds_in_place=False, device="cpu"))
    size = measure(network.graph, 1, training).peak
    assert (runs.largest_batch(size), runs.largest_batch(size - 1)) == (1, 0)


def test_the_input_is_bracketed() -> None:
    memory = 150_000_000
    found = cnncalc.load("resnet18").fit(memory, largest="input", batch=2, device="cpu")
    largest, following = found.candidates
    assert found.search is not None
    assert (found.search.step, following.input[1]) == (1, largest.input[1] + 1)
    sizes = [measure(cnncalc.load("resnet18", input=row.input).graph, 2, False).peak for row in (largest, following)]
    assert sizes[0] <= memory < sizes[1]
    assert sizes == [largest.peak.bytes, following.peak.bytes]
