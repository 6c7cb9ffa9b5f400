"""The replay of PyTorch's caching allocator: hand-worked cases of its rules, and a published measurement."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnncalc
from cnncalc.autograd.tensors import Size
from cnncalc.memory.cuda.allocator import GRAIN, Allocator, replay
from cnncalc.memory.simulate import Settings, Trace, simulate

KIB, MIB = 2**10, 2**20


@pytest.mark.parametrize(
    ("requested", "allocated", "reserved"),
    [
        (1, 512, 2 * MIB),
        (512, 512, 2 * MIB),
        (513, 1024, 2 * MIB),
        (MIB, MIB, 2 * MIB),
        (MIB + 1, MIB + 512, 20 * MIB),
        (10 * MIB - 512, 10 * MIB - 512, 20 * MIB),
        (10 * MIB, 10 * MIB, 10 * MIB),
        (10 * MIB + 1, 10 * MIB + 512, 12 * MIB),
        (11 * MIB - 512, 11 * MIB - 512, 12 * MIB),
        (11 * MIB, 12 * MIB, 12 * MIB),  # 1 MiB to spare is not split off
    ],
)
def test_one_tensor(requested: int, allocated: int, reserved: int) -> None:
    allocator = Allocator()
    allocator.take(requested)
    assert allocator.reserved == reserved
    assert allocator.allocated == allocated


def test_a_cached_block_is_taken_before_a_segment_and_the_smallest_that_holds_it() -> None:
    allocator = Allocator()
    large, between, small = allocator.take(30 * MIB), allocator.take(12 * MIB), allocator.take(14 * MIB)
    allocator.give_back(large)
    allocator.give_back(small)
    assert allocator.take(13 * MIB + 1) == small  # 1 MiB less a block to spare: it goes with it
    assert allocator.allocated == (12 + 14) * MIB
    assert allocator.take(13 * MIB) == large
    assert allocator.allocated == (12 + 14 + 13) * MIB
    assert allocator.reserved == (30 + 12 + 14) * MIB
    assert between not in (large, small)


def test_neighbours_that_are_free_become_one() -> None:
    allocator = Allocator()
    parts = [allocator.take(5 * MIB) for _ in range(4)]
    assert allocator.reserved == 20 * MIB
    for part in (parts[0], parts[2], parts[1]):
        allocator.give_back(part)
    assert allocator.take(15 * MIB) == parts[0]
    assert allocator.reserved == 20 * MIB


def test_parameters_stay_where_the_first_step_found_them() -> None:
    """They are taken once: in a step that took them anew they would be in the segment of 18 MiB, and 15 in none."""
    sizes = [Size(4 * MIB, 0), Size(18 * MIB, 0), Size(15 * MIB, 0)]
    origins = [("start", 0), ("forward", 1), ("forward", 2)]
    run = Trace(sizes, ["parameters", "activations", "activations"], origins, [0, 1, 2, ~2, ~1], 3, [], {})
    assert replay(run, 1).reserved_bytes == (20 + 18) * MIB


@given(st.lists(st.tuples(st.integers(1, 64 * MIB), st.integers(0, 5)), min_size=1, max_size=60))
def test_what_is_given_back_is_whole_again(steps: list[tuple[int, int]]) -> None:
    """Blocks never overlap, hold what was asked for, and come together again when all are given back."""
    allocator = Allocator()
    held: list[tuple[int, int]] = []
    for size, drop in steps:
        held.append((allocator.take(size), size))
        places = sorted(held)
        assert all(a + size <= b for (a, size), (b, _) in pairwise(places))
        assert all(address % GRAIN == 0 for address, _ in held)
        assert sum(size for _, size in held) <= allocator.allocated <= allocator.reserved
        if drop < len(held):
            allocator.give_back(held.pop(drop)[0])
    for address, _ in held:
        allocator.give_back(address)
    reserved = allocator.reserved
    assert allocator.allocated == 0
    for size, _ in steps[:1]:
        allocator.take(size)
    assert allocator.reserved == reserved


#: conv, average pool and linear layer at batch 128, trained on an RTX 4090 (torch 2.0.1, cuDNN 8.9) with SGD, float32:
#: https://github.com/WSShiro/vramexp, vramexp1.ipynb, prints "max allocated = 530.9 MiB, reserved = 604.0MiB"
PUBLISHED = """\
cnncalc: 1
name: one_convolution
input: [3, 224, 224]
layers:
  - conv: 8
    kernel: 3
  - avgpool: 2
  - flatten
  - linear: 10
"""
PUBLISHED_ALLOCATED, PUBLISHED_RESERVED = 530.9, 604.0
CUBLAS_WORKSPACE = 8_519_680


def test_published_measurement(tmp_path: Path) -> None:
    spec = tmp_path / "one_convolution.yaml"
    spec.write_text(PUBLISHED, encoding="utf-8")
    run = simulate(cnncalc.load(str(spec)).graph, 128, Settings(training=True))
    peaks = replay(run, 128, CUBLAS_WORKSPACE)
    assert round(peaks.allocated_bytes / MIB, 1) == PUBLISHED_ALLOCATED
    assert round(peaks.reserved_bytes / MIB, 1) == PUBLISHED_RESERVED


@pytest.mark.parametrize("name", ["resnet50", "densenet121"])
@pytest.mark.parametrize("batch", [1, 32])
def test_the_tensors_of_the_replay_are_those_of_the_step(name: str, batch: int) -> None:
    run = simulate(cnncalc.load(name).graph, batch, Settings(training=True))
    peaks = replay(run, batch)
    assert peaks.requested_bytes == run.peak(batch)
    assert peaks.requested_bytes < peaks.allocated_bytes < peaks.reserved_bytes
