"""What fits is what the traces say: the solved batch against trying them all, the searched input against every side."""

from __future__ import annotations

import json
from itertools import chain, combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cnncalc
from cnncalc import devices
from cnncalc.analysis.receptive_field import total_stride
from cnncalc.autograd.tensors import Size
from cnncalc.errors import UsageError
from cnncalc.memory.checkpoint_search import EVENTS, fewest
from cnncalc.memory.checkpointing import candidates, outermost
from cnncalc.memory.input_search import largest_input
from cnncalc.memory.runs import Runs, most_samples
from cnncalc.memory.simulate import Settings, Trace
from tests.conftest import network

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ("lenet5_modern", "vgg11", "resnet18", "densenet121", "googlenet", "squeezenet1_0")


@st.composite
def traces(draw) -> Trace:
    """Storages that are taken and given back in any order; the first is the input, which grows with the batch."""
    number = draw(st.integers(1, 12))
    size = st.integers(0, 1000)
    sizes = [Size(0, draw(st.integers(1, 1000))), *[Size(draw(size), draw(size)) for _ in range(number - 1)]]
    events, alive = [], []
    for storage in range(number):
        events.append(storage)
        alive.append(storage)
        while alive[1:] and draw(st.booleans()):
            events.append(~alive.pop(draw(st.integers(1, len(alive) - 1))))
    return Trace(sizes, ["input"] * number, [("forward", 0)] * number, events, len(events), [], {})


@given(traces(), st.integers(0, 3000))
def test_the_solved_batch_is_the_last_that_fits(run, memory):
    tried = 0
    while run.peak(tried + 1) <= memory:
        tried += 1
    assert most_samples(run, memory) == tried


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
@settings(max_examples=20)
@given(factor=st.fractions(0, 40))
def test_the_solved_batch_of_a_network_brackets_the_memory(name, training, factor):
    runs = RUNS[name, training]
    memory = int(runs.peak(1).bytes * factor)
    largest = runs.largest_batch(memory)
    assert runs.peak(largest + 1).bytes > memory
    if largest:
        assert runs.peak(largest).bytes <= memory


RUNS = {
    (name, training): Runs(cnncalc.load(name).graph, Settings(training))
    for name in NETWORKS
    for training in (False, True)
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_exactly_the_peak_is_enough_and_a_byte_less_is_not(name, training):
    runs = RUNS[name, training]
    for batch in (1, 2, 3, 64):
        size = runs.peak(batch).bytes
        assert runs.largest_batch(size) == batch
        assert runs.largest_batch(size - 1) == batch - 1


def test_one_sample_has_a_trace_of_its_own():
    """Some copies of larger batches are views there."""
    runs = RUNS["lenet5_modern", False]
    assert runs.of(1) is not runs.of(2)
    assert runs.of(2) is runs.of(1000)


# -- inputs ------------------------------------------------------------------------------------------------------------


@given(
    own=st.integers(1, 300),
    step=st.sampled_from([1, 2, 8, 32]),
    fixed=st.integers(0, 10_000),
    each=st.integers(1, 100),
    memory=st.integers(0, 10**8),
    least=st.integers(1, 50),
)
def test_the_search_ends_at_the_largest_side(own, step, fixed, each, memory, least):
    """Against every side; the network takes those that differ by a multiple of the step, from the least on."""

    def size_of(side):
        return fixed + each * side * side if side >= min(least, own) and (side - own) % step == 0 else None

    found = largest_input(own, step, size_of, memory)
    sides = [
        side
        for side in range(own % step or step, 11_000, step)
        if (size := size_of(side)) is not None and size <= memory
    ]
    assert found.largest_side == max(sides, default=None)
    assert found.step == step
    assert found.monotone
    assert found.next_side is not None and (size_of(found.next_side) or memory + 1) > memory
    assert (
        found.next_side
        == (own if found.largest_side is None else found.largest_side) + (step if found.largest_side else 0)
        or found.largest_side is None
    )
    assert len(found.tried_bytes) < 60


def test_a_network_that_takes_its_own_side_alone():
    found = largest_input(32, 8, lambda side: 1000 if side == 32 else None, 2000)
    assert found[:3] == (32, None, 0)
    assert largest_input(32, 8, lambda side: 1000 if side == 32 else None, 999)[:3] == (None, 32, 0)


def test_a_network_of_windows_takes_multiples_of_its_own_side():
    found = largest_input(224, 32, lambda side: side * side if side % 224 == 0 else None, 10**6)
    assert found[:3] == (896, 1120, 224)


def test_a_fall_is_seen():
    found = largest_input(10, 1, lambda side: 100 if side == 11 else side, 500)
    assert not found.monotone


def test_total_strides():
    """A pooled vector is no map: 32 is what the last 7x7 of a residual network stands for."""
    strides = {"resnet18": 32, "vgg16": 32, "lenet5_modern": 4}
    assert {name: total_stride(cnncalc.load(name).graph) for name in strides} == strides


# -- devices -----------------------------------------------------------------------------------------------------------


def test_every_device_with_known_peaks_has_a_memory():
    rows = json.loads((ROOT / "cnncalc/torch_backend/measure/peaks.json").read_text("utf-8"))
    names = [name for row in rows for name in row["names"]]
    assert len(names) > 10
    for name in names:
        assert devices.find(f"NVIDIA {name}").memory > 10**10


def test_devices_are_found_by_any_of_their_names():
    assert {devices.find(name).name for name in ("rtx4090", "RTX-4090", "NVIDIA GeForce RTX 4090", "rtx 4090")} == {
        "rtx4090"
    }
    assert len({device.name for device in devices.DEVICES}) == len(devices.DEVICES)


@pytest.mark.parametrize("device", devices.DEVICES, ids=lambda device: device.name)
def test_pytorch_reports_about_what_the_vendor_states(device):
    """A vendor's gigabyte is 2**30 bytes, of which the driver and error correction keep up to 9%."""
    assert 0.9 * device.gigabytes * 2**30 < device.memory < device.gigabytes * 2**30
    assert device.page.startswith("https://") and device.log


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a100", "a100-40gb or a100-80gb?"),
        ("rtx4091", "did you mean rtx4090"),
        ("", "one of: rtx2080ti, t4"),
        ("\x1b" * 99, "one of:"),
    ],
)
def test_unknown_devices(name, hint):
    with pytest.raises(UsageError, match="unknown GPU") as caught:
        devices.find(name)
    assert (caught.value.hint or "").startswith(hint)


def test_devices_that_are_large_enough():
    names = [device.name for device in devices.large_enough(40 * 10**9)]
    assert names[0] == "a100-40gb" and names[-1] == "h200"
    assert devices.large_enough(10**15) == []


# -- checkpoints -------------------------------------------------------------------------------------------------------

SMALL = ("vgg11", "squeezenet1_0")


@pytest.fixture(scope="module", params=SMALL)
def choices(request):
    """Every set of candidates of a small network, none in another, with its trace."""
    graph = cnncalc.load(request.param).graph
    sets = {outermost(part) for part in chain.from_iterable(combinations(candidates(graph), n) for n in range(9))}
    return graph, {part: Runs(graph, Settings(True, checkpoint=part)) for part in sets}


def test_checkpoints_against_every_choice_there_is(choices):
    """Whatever is found fits; and mostly, where any choice fits, one of the fewest segments is found."""
    _, runs = choices
    peaks = {part: one.peak(64).bytes for part, one in runs.items()}
    assert len(peaks) > 15
    missed, more = 0, 0
    for percent in range(40, 100):
        memory = peaks[()] * percent // 100
        fitting = [part for part, size in peaks.items() if size <= memory]
        found = fewest(runs[()], 64, memory)
        assert found is None or (found.segments in fitting and found.peak.bytes == peaks[found.segments])
        missed += found is None and bool(fitting)
        more += found is not None and len(found.segments) > min(map(len, fitting))
    assert (missed, more) == (0, 0)


@pytest.mark.parametrize("percent", [85, 60, 50, 35])
def test_the_work_of_a_search_is_bounded(monkeypatch, percent):
    """In events of the steps that are run; the last may go beyond the bound."""
    events = []

    class Counted(Runs):
        def of(self, batch):
            if not self._known:
                events.append(len(super().of(batch).events))
            return super().of(batch)

    runs = Runs(cnncalc.load("efficientnet_b7").graph, Settings(True, amp="float16"))
    memory = runs.peak(32).bytes * percent // 100
    monkeypatch.setattr("cnncalc.memory.checkpoint_search.Runs", Counted)
    found = fewest(runs, 32, memory)
    assert found is not None and found.peak.bytes <= memory
    assert sum(events) <= EVENTS + max(events)


def test_exactly_the_peak_of_a_choice_is_enough(choices):
    _, runs = choices
    least = min(one.peak(64).bytes for part, one in runs.items() if len(part) == 1)
    found = fewest(runs[()], 64, least)
    assert found is not None and (len(found.segments), found.peak.bytes) == (1, least)


def test_checkpoints_that_do_not_help():
    graph = cnncalc.load("vgg11").graph
    assert fewest(Runs(graph, Settings(True)), 2, 10**6) is None


# -- the call ----------------------------------------------------------------------------------------------------------

TWO = """\
inputs:
  text: {tokens: 7, features: 16}
  image: [3, 8, 8]
layers:
  - {conv: 8, kernel: 1, from: image}
  - global_avgpool
  - {flatten: [], name: f}
  - {linear: 8, from: text}
  - {global_avgpool: [], name: m}
  - {add: [f, m]}
"""


def test_of_several_inputs_the_first_image_is_resized():
    """Every input is alive throughout; of the image, bytes are those of the run on it."""
    two = network(TWO)
    found = two.fit(40_000, largest="input")
    assert found.search is not None and found.largest is not None
    side = found.search.largest_side
    assert found.largest.input == {"text": [7, 16], "image": [3, side, side]}
    for one in found.candidates:
        run = Runs(two.on(one.input).graph, Settings())
        assert run.peak(1).bytes == one.peak.bytes
        assert one.peak.parts["input"] == 4 * (7 * 16 + 3 * one.input["image"][1] ** 2)
    assert found.candidates[0].peak.bytes <= 40_000 < found.candidates[1].peak.bytes


def test_a_network_without_an_image_has_no_largest_input():
    words = network("input: {tokens: 7, features: 16}\nlayers: [{linear: 8}]")
    with pytest.raises(UsageError, match="the input 7x16 has no height and width"):
        words.fit(10**6, largest="input")


def test_the_answer_of_a_device_is_that_of_its_bytes():
    resnet, t4 = cnncalc.load("resnet18"), devices.find("t4")
    on_device, on_bytes = resnet.fit(gpu="t4", reserve="1GB"), resnet.fit(t4.memory, reserve=10**9)
    assert on_device._replace(report=on_bytes.report, candidates=()) == on_bytes._replace(device=t4, candidates=())
    assert on_device.candidates == on_bytes.candidates
    assert on_device.largest is not None and on_device.fits
    assert repr(on_device) == f"<Fit: largest batch {on_device.largest.batch:,}, 14.65 GB of 14.66 GB>"


def test_what_would_help_is_there_where_nothing_fits():
    resnet = cnncalc.load("resnet18")
    found = resnet.fit("300MB", batch=11, train=True)
    assert not found.fits and found.candidates[-1].what == "asked"
    assert set(found.smaller_options) <= {"--dtype float16", "--dtype bfloat16", "--amp float16", "--amp bfloat16"}
    assert list(found.larger_devices) == list(devices.DEVICES)
    assert found.checkpoints is not None
    assert found.checkpoints.peak.bytes <= 300 * 10**6 < found.candidates[-1].peak.bytes
    assert repr(resnet.fit(1000)) == "<Fit: nothing in 1.000 kB>"


@pytest.mark.parametrize(
    ("memory", "given", "message"),
    [
        (0, {}, "memory must be more than 0 bytes"),
        (10, {"reserve": 10}, "reserve leaves nothing: 10 of 10 bytes"),
        (10, {"largest": "depth"}, "largest must be batch or input, not 'depth'"),
        (10, {"allocator": "cuda", "device": "cpu"}, "--allocator cuda needs the device cuda, not cpu"),
        (10, {"fused": True}, "--fused needs a training step"),
        (10, {"dtype": "float61"}, "unknown data type 'float61'"),
        (10, {"device": "gpu"}, "unknown device 'gpu'"),
        (10, {"amp": "int8"}, "unknown data type of mixed precision 'int8'"),
        (10, {"torch": "0.1"}, "unknown version of PyTorch '0.1'"),
        (10, {"train": True, "fused": True}, "--fused needs an optimizer"),
    ],
)
def test_what_is_refused(memory, given, message):
    with pytest.raises(UsageError) as caught:
        cnncalc.load("lenet5").fit(memory, **given)
    assert caught.value.message == message
