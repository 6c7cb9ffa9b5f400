"""What libraries take of a GPU: sizes by hand, convolutions of networks, and their place in a run."""

from __future__ import annotations

from pathlib import Path

import pytest

import cnncalc
from cnncalc.memory.cuda.allocator import Allocator, OutOfMemory, replay
from cnncalc.memory.cuda.cuda_fit import ReservedRuns
from cnncalc.memory.cuda.gpu import reserve
from cnncalc.memory.cuda.workspaces import CUBLAS, CUBLAS_LARGE, Libraries, WorkspaceBytes, convolutions, cublas
from cnncalc.memory.runs import Runs
from cnncalc.memory.simulate import Settings, Trace, simulate

MIB = 2**20
SPEC = """\
cnncalc: 1
name: three
input: [4, 9, 10]
layers:
  - {name: even, conv: 6, kernel: 3, stride: [2, 1], pad: 1, groups: 2}
  - {name: uneven, conv: 6, kernel: 4, pad: same_tf, bias: false}
  - {name: up, conv_transpose: 8, kernel: 2, stride: 2, output_pad: 1}
  - flatten
  - {name: fc, linear: 3}
"""


@pytest.fixture
def three(tmp_path: Path) -> cnncalc.Network:
    path = tmp_path / "three.yaml"
    path.write_text(SPEC, encoding="utf-8")
    return cnncalc.load(str(path))


@pytest.mark.parametrize(
    ("capability", "size"),
    [(None, 8_519_680), ((7, 5), 8_519_680), ((8, 9), 8_519_680), ((9, 0), 33_554_432), ((12, 0), 33_554_432)],
)
def test_workspace_of_cublas(capability: tuple[int, int] | None, size: int) -> None:
    assert cublas(capability) == size


def test_signatures_by_hand(three: cnncalc.Network) -> None:
    """TensorFlow's padding of a kernel of 4 is 1 before and 2 after, which is put around the input first."""
    found = convolutions(three.graph, 7, False)
    assert [one.signature for one in found.values()] == [
        "conv 7x4x9x10 weight 6x2x3x3 stride 2x1 padding 1x1 dilation 1x1 groups 2",
        "conv 7x6x8x13 weight 6x6x4x4 stride 1x1 padding 0x0 dilation 1x1 groups 1",
        "conv_transpose 7x6x5x10 weight 6x8x2x2 stride 2x2 padding 0x0 dilation 1x1 output_padding 1x1 groups 1",
    ]


def run_of(network: cnncalc.Network, batch: int, training: bool) -> Trace:
    return simulate(network.graph, batch, Settings(training, device="cuda"))


def test_calls_of_libraries(three: cnncalc.Network) -> None:
    """Forward once each; backward all but the gradient of the input, which is not needed, the newest layer first."""
    run = run_of(three, 2, True)
    paths = [node.path for node in three.graph.nodes]
    assert [(call.phase, paths[call.layer], call.what) for call in run.calls] == [
        ("forward", "even", "forward"),
        ("forward", "uneven", "forward"),
        ("forward", "up", "forward"),
        ("forward", "fc", "product"),
        ("backward", "fc", "product"),
        ("backward", "fc", "product"),
        ("backward", "up", "input_gradient"),
        ("backward", "up", "weight_gradient"),
        ("backward", "uneven", "input_gradient"),
        ("backward", "uneven", "weight_gradient"),
        ("backward", "even", "weight_gradient"),
    ]
    for call in run.calls:
        taken = run.events[call.at - 1]
        assert taken >= 0
        assert run.origins[taken] == (call.phase, call.layer)
    assert set(run.products) == {"forward", "backward"}
    assert set(run_of(three, 2, False).products) == {"forward"}


def test_without_a_product_there_is_no_workspace(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("{cnncalc: 1, name: one, input: [3, 8, 8], layers: [{conv: 4, kernel: 3}]}", encoding="utf-8")
    run = run_of(cnncalc.load(str(path)), 1, False)
    assert replay(run, 1, CUBLAS_LARGE) == replay(run, 1, 0)


@pytest.mark.parametrize(("training", "threads"), [(False, 1), (True, 2)])
def test_the_workspace_of_cublas_is_there_throughout(three: cnncalc.Network, training: bool, threads: int) -> None:
    run = run_of(three, 2, training)
    without, peaks = replay(run, 2), replay(run, 2, CUBLAS)
    assert peaks.requested_bytes == without.requested_bytes + threads * CUBLAS
    assert peaks.parts["cublas"] == threads * CUBLAS
    assert peaks.parts["tensors"] == without.requested_bytes == run.peak(2)


@pytest.mark.parametrize("what", WorkspaceBytes._fields)
def test_a_workspace_of_cudnn_is_there_in_its_call_alone(three: cnncalc.Network, what: str) -> None:
    """With one that is larger than all else, the peak is in that call: what lives then, and the workspace."""
    run = run_of(three, 2, True)
    index, one = list(convolutions(three.graph, 2, False).items())[1]
    rows = {one.signature: WorkspaceBytes(0, 0, 0)._replace(**{what: 64 * MIB})}
    libraries = Libraries(0, rows)
    call = next(call for call in run.calls if (call.layer, call.what) == (index, what))
    assert libraries.taken(run, three.graph, 2, False) == {call.at: 64 * MIB}
    found = reserve(run, three.graph, 2, Settings(True, device="cuda"), libraries)
    assert found.peaks.requested_bytes == run.timeline(2)[call.at - 1] + 64 * MIB
    assert found.peaks.parts["cudnn"] == 64 * MIB
    assert (found.phase, found.layer) == ("forward" if what == "forward" else "backward", index)
    assert libraries.unknown(three.graph, 2, False) == [at for at in convolutions(three.graph, 2, False) if at != index]


def test_a_checkpoint_convolves_again(three: cnncalc.Network) -> None:
    from cnncalc.memory import checkpointing

    network = cnncalc.load("resnet18")
    segments = checkpointing.resolve(network.graph, ("stage2.block_1",), False)
    run = simulate(network.graph, 2, Settings(True, checkpoint=segments))
    again = [call for call in run.calls if call.what == "forward" and call.phase == "backward"]
    assert again
    assert {call.layer for call in again} <= set(run.recomputed)


@pytest.mark.parametrize("name", ["resnet50", "vit_b_16", "googlenet"])
@pytest.mark.parametrize("training", [False, True])
def test_parts_add_up(name: str, training: bool) -> None:
    network = cnncalc.load(name)
    peaks = replay(run_of(network, 8, training), 8, CUBLAS)
    assert sum(peaks.parts.values()) == peaks.allocated_bytes
    assert min(peaks.parts.values()) >= 0


# a device without room


def test_segments_are_given_back_before_there_is_no_room() -> None:
    allocator = Allocator(room=40 * MIB)
    first, second = allocator.take(20 * MIB), allocator.take(20 * MIB)
    allocator.give_back(first)
    with pytest.raises(OutOfMemory):
        allocator.take(30 * MIB)
    assert allocator.reserved == 20 * MIB  # the first was given back in vain
    allocator.give_back(second)
    allocator.take(30 * MIB)
    assert (allocator.allocated, allocator.reserved) == (30 * MIB, 30 * MIB)


def test_a_segment_of_which_a_part_is_taken_stays() -> None:
    allocator = Allocator(room=40 * MIB)
    whole = allocator.take(20 * MIB)
    allocator.give_back(whole)
    allocator.take(5 * MIB)
    with pytest.raises(OutOfMemory):
        allocator.take(21 * MIB)
    assert (allocator.allocated, allocator.reserved) == (5 * MIB, 20 * MIB)


def test_tensors_that_fit_where_no_segment_does() -> None:
    graph = cnncalc.load("lenet5").graph
    room = Runs(graph, Settings()).peak(2).bytes
    assert room < MIB
    runs = ReservedRuns(graph, Settings(), Libraries(CUBLAS), room)
    assert runs.largest_batch(room) == 0
    assert runs.tried[1] is False


def test_where_no_tensors_fit_one_sample_alone_is_tried() -> None:
    runs = ReservedRuns(cnncalc.load("lenet5").graph, Settings(), Libraries(CUBLAS), 1000)
    assert runs.largest_batch(1000) == 0
    assert runs.tried == {1: False}


def test_parts_are_those_that_take_something(tmp_path: Path) -> None:
    """Two segments of 20 MiB, both taken whole: nothing is rounded or cached."""
    path = tmp_path / "relu.yaml"
    path.write_text("{cnncalc: 1, name: relu, input: [5, 1024, 1024], layers: [{relu: [], inplace: false}]}", "utf-8")
    runs = ReservedRuns(cnncalc.load(str(path)).graph, Settings(), Libraries(CUBLAS), 40 * MIB)
    assert runs.peak(1).parts == {"input": 20 * MIB, "activations": 20 * MIB}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", ["resnet18", "googlenet", "vit_b_16"])
def test_the_largest_batch_is_the_last_that_fits(name: str, training: bool) -> None:
    """Of all batches up to the one whose tensors fit, none that is larger fits."""
    graph = cnncalc.load(name).graph
    settings = Settings(training, device="cuda")
    room = Runs(graph, settings).peak(12).bytes + 60 * MIB
    runs = ReservedRuns(graph, settings, Libraries(CUBLAS), room)
    largest = runs.largest_batch(room)
    assert 1 <= largest <= Runs(graph, settings).largest_batch(room)
    fits = []
    for batch in range(1, Runs(graph, settings).largest_batch(room) + 2):
        try:
            peaks = reserve(runs.of(batch), graph, batch, settings, Libraries(CUBLAS), room).peaks
        except OutOfMemory:
            continue
        assert peaks.reserved_bytes <= room
        fits.append(batch)
    assert largest in fits
    assert largest == max(fits) or fits != list(range(1, max(fits) + 1))
    assert runs.peak(largest).bytes <= room < runs.peak(max(fits) + 1).bytes
    for batch in (largest, max(fits) + 1):
        peak = runs.peak(batch)
        assert sum(peak.parts.values()) == peak.bytes
