"""Memory of inference and training: against PyTorch, and what must hold between its figures."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

import cnncalc
from cnncalc.memory import checkpointing
from cnncalc.memory.peaks import Memory, measure
from cnncalc.memory.simulate import STORAGE_CATEGORIES, Settings
from cnncalc.network import Network
from tests.conftest import network

NETWORKS = ("vgg16", "resnet18", "googlenet", "densenet121", "mobilenet_v2", "vit_b_16", "unet_small")


def footprint(net: Network | str, batch: int = 1, **settings: Any) -> Memory:
    loaded = cnncalc.load(net) if isinstance(net, str) else net
    return measure(loaded.analyze(batch), Settings(**{"training": True, **settings}))


def saved_by_pytorch(net: Network, batch: int) -> int:
    """Bytes of the storages that autograd saves in a forward pass, each once, without parameters and buffers."""
    torch = pytest.importorskip("torch")
    from torch.autograd.graph import saved_tensors_hooks

    from cnncalc.torch_backend.build import build

    model = build(net.graph).train()
    own = {tensor.untyped_storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    kept: dict[int, Any] = {}

    def pack(tensor: Any) -> Any:
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)  # held, so that no address is used twice
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        out = model(torch.rand(batch, *net.input))
    total = sum(tensor.untyped_storage().nbytes() for address, tensor in kept.items() if address not in own)
    del out
    return total


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121", "squeezenet1_0", "mobilenet_v3_small"])
def test_saved_is_what_autograd_saves(name: str, batch: int) -> None:
    net = cnncalc.load(name, input=[3, 64, 64])
    assert footprint(net, batch, device="cpu").totals["saved_bytes"] == saved_by_pytorch(net, batch)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_the_figures_fit_together(name: str, batch: int) -> None:
    found = footprint(name, batch, optimizer="adam")
    totals = found.totals
    inference, training = found.inference, found.training
    assert training is not None
    for run, total in ((inference, "inference_memory_bytes"), (training, "training_memory_bytes")):
        peak = run.peak
        assert peak.bytes == totals[total] == sum(peak.parts.values()) == max(moment.bytes for moment in run.timeline)
        assert all(one[:2] != after[:2] for one, after in pairwise(run.timeline))
        assert peak.bytes in [one.bytes for one in run.timeline if (one.phase, one.layer) == (peak.phase, peak.layer)]
        assert set(peak.parts) <= set(STORAGE_CATEGORIES) and min(peak.parts.values()) > 0
        assert peak.parts["parameters"] == totals["parameter_bytes"]
        sizes = [held.bytes for held in peak.largest]
        assert sizes == sorted(sizes, reverse=True)
        assert all(held.bytes <= peak.parts[held.category] for held in peak.largest)
    net = cnncalc.load(name)
    report = net.analyze(batch)
    assert totals["parameter_bytes"] == totals["gradient_bytes"] == 4 * report.totals["params"]
    held = totals["parameter_bytes"] + totals["gradient_bytes"] + totals["optimizer_bytes"]
    assert totals["training_memory_bytes"] >= held
    assert totals["training_memory_bytes"] >= totals["parameter_bytes"] + totals["saved_bytes"]
    assert totals["training_memory_bytes"] > totals["inference_memory_bytes"]
    saved, alive = (found.columns[key] for key in ("saved_bytes", "alive_bytes"))
    assert sum(saved) == totals["saved_bytes"]
    for node, value in zip(net.graph.nodes, alive, strict=True):
        assert value >= held - totals["gradient_bytes"] if node.side is None else value == 0, node.path


@pytest.mark.parametrize("name", NETWORKS)
def test_phases_come_in_their_order(name: str) -> None:
    found = footprint(name, optimizer="adam", implementation="foreach").training
    assert found is not None
    phases = list(dict.fromkeys(moment.phase for moment in found.timeline))
    assert phases == ["start", "forward", "loss", "backward", "optimizer"]
    order = [moment.layer for moment in found.timeline if moment.phase == "forward"]
    assert order == sorted(order)


@pytest.mark.parametrize("name", NETWORKS)
def test_bytes_grow_evenly_with_the_batch(name: str) -> None:
    saved = [footprint(name, batch).totals["saved_bytes"] for batch in (2, 3, 4)]
    assert saved[2] - saved[1] == saved[1] - saved[0] > 0
    for total in ("inference_memory_bytes", "training_memory_bytes"):
        # the most of several straight lines: it bends upwards
        peaks = [footprint(name, batch).totals[total] for batch in (2, 10, 18, 26)]
        steps = [after - before for before, after in pairwise(peaks)]
        assert steps == sorted(steps)
        assert steps[0] > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_what_costs_more(name: str) -> None:
    usual = footprint(name, 8).totals
    apart = footprint(name, 8, in_place=False).totals
    half = footprint(name, 8, dtype="float16").totals
    for total in ("inference_memory_bytes", "training_memory_bytes", "saved_bytes"):
        # what is written over a view has its gradient copied in the backward pass: there in place can cost more
        if (name, total) != ("vit_b_16", "training_memory_bytes"):
            assert apart[total] >= usual[total]
        assert 2 * half[total] >= usual[total] >= half[total]  # indices and targets stay whole numbers of 8 bytes
    assert 2 * half["parameter_bytes"] == usual["parameter_bytes"]
    steps = [
        footprint(name, 8, optimizer=word).totals["training_memory_bytes"] for word in ("none", "momentum", "adam")
    ]
    assert steps == sorted(set(steps))


def test_checkpoints_keep_less() -> None:
    net = cnncalc.load("resnet50")
    parts = checkpointing.resolve(net.graph, ["Bottleneck"])
    usual, less = footprint(net, 16), footprint(net, 16, checkpoint=parts)
    assert less.totals["saved_bytes"] < usual.totals["saved_bytes"]
    assert less.totals["training_memory_bytes"] < usual.totals["training_memory_bytes"]
    assert less.totals["inference_memory_bytes"] == usual.totals["inference_memory_bytes"]


def test_by_hand() -> None:
    # c is 2*4*4 values and b overwritten by r; the sum needs c's storage no more; fc is kept by nothing
    net = network(
        "input: [1, 4, 4]\nlayers: [{conv: 2, kernel: 1, name: c}, {bn: [], name: b}, {relu: [], name: r}, flatten, {linear: 3, name: fc}]"
    )
    found = footprint(net, 2)
    # bytes for each sample: input 64, c 128, b 128, fc 12; c and b are kept, and 2 means and deviations
    assert found.totals["saved_bytes"] == 2 * (64 + 128 + 128) + 2 * 2 * 4
    parameters = 4 * (2 + 2 + 2 + 2 + 32 * 3 + 3)
    buffers = 4 * (2 + 2) + 8  # the statistics, and a count of batches
    assert (found.totals["parameter_bytes"], found.totals["buffer_bytes"]) == (parameters, buffers)
    held = parameters + buffers + 2 * 64
    # c and b are alive together in b; before fc, c is gone
    assert found.totals["inference_memory_bytes"] == held + 2 * (128 + 128)
    assert found.columns["saved_bytes"] == [128, 256, 256 + 16, 0, 0, 0]
    held += 2 * 8  # a target for each sample
    assert found.columns["alive_bytes"] == [held, *[held + alive for alive in (256, 528, 528, 528, 552)]]


def test_a_network_without_parameters_has_no_backward_pass() -> None:
    found = footprint(network("input: [1, 4, 4]\nlayers: [maxpool: 2]"))
    assert found.totals["saved_bytes"] == found.totals["gradient_bytes"] == found.totals["parameter_bytes"] == 0
    assert found.totals["inference_memory_bytes"] == 64 + 16 + 32  # input, maxima, where each was found
    assert found.training is not None
    assert {moment.phase for moment in found.training.timeline} <= {"start", "forward", "loss"}


def test_training_needs_gradients() -> None:
    with pytest.raises(cnncalc.CnncalcError, match="int8 has no gradients"):
        footprint("vgg16", dtype="int8")
    assert measure(cnncalc.load("vgg16").analyze(), Settings(dtype="int8")).training is None


def test_every_input_is_alive_throughout() -> None:
    """A row of the table for each; none of them is let go, or has a gradient."""
    two = network(
        "inputs: {a: [4], b: [6]}\nlayers: [{linear: 2, from: a, name: x}, {linear: 2, from: b}, {add: [prev, x]}]"
    )
    found = footprint(two, 3)
    assert found.training is not None
    assert found.training.peak.parts["input"] == 3 * 4 * (4 + 6)
    assert [found.columns["alive_bytes"][index] for index in two.graph.inputs] == [
        found.training.timeline[0].bytes,
        found.training.timeline[0].bytes,
    ]
    assert found.columns["saved_bytes"][:2] == [3 * 4 * 4, 3 * 4 * 6]
    # 24 weights and biases, 3 times 10 values of input, and 3 times 2 of each layer, the sum over one of them
    assert repr(measure(two.analyze(3), Settings())) == "<Memory test at batch 3: inference 264 B>"
