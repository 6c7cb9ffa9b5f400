"""Peaks of whole networks against PyTorch: inference, training with an optimizer, and what is saved; 0 bytes off.

``python -m tests.torch_backend.test_peaks [NETWORK ...]`` compares every network of the zoo, or those named.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import cnncalc
from cnncalc.autograd.optimizers import OPTIMIZERS
from cnncalc.errors import CnncalcError
from cnncalc.memory.peaks import training
from cnncalc.memory.simulate import Settings, simulate
from cnncalc.torch_backend.tracker import Faked
from tests.torch_backend.test_optimizers import OURS

BATCHES = (1, 8)
#: of every family, convolutional and transformer alike, one of each kind of block
NETWORKS = [
    "alexnet",
    "alexnet_paper",
    "zfnet",
    "vgg11",
    "vgg19_bn",
    "nin",
    "lenet5",
    "lenet5_modern",
    "mnist_mlp",
    "googlenet",
    "googlenet_paper",
    "resnet18",
    "resnet20",
    "resnext50_32x4d",
    "wrn_16_8",
    "densenet_bc_40_12",
    "squeezenet1_0",
    "mobilenet_v1",
    "mobilenet_v3_small",
    "shufflenet_v2_x1_0",
    "shufflenet_v1_g3",
    "mnasnet1_0",
    "efficientnet_b0",
    "regnet_y_400mf",
    "cbam_resnet50",
    "eca_resnet50",
    "vit_b_32",
    "swin_t",
    "convnext_tiny",
    "maxvit_t",
    "highway19",
    "fractalnet20",
    "unet",
    "fcn32s",
    "yolov2",
    "c3d",
    "r2plus1d_18",
    "stylegan",
    "mask_rcnn_r50_fpn",
]
#: trained with every optimizer, whatever the batch. The others are trained with the one that keeps most, and with the
#: smaller batch: no rule of an optimizer asks for a layer or a batch, and test_optimizers has them all.
EVERY_OPTIMIZER = {"alexnet", "lenet5", "mnist_mlp"}
#: what PyTorch can't do
REFUSED = {("simsiam_r50", 1): "batch norm of one value in training"}


def optimizers(name: str, batch: int) -> tuple[str, ...]:
    if name in EVERY_OPTIMIZER:
        return tuple(OPTIMIZERS)
    return ("none", "adam") if batch == min(BATCHES) else ("none",)


def differences(name: str) -> Iterator[tuple[str, int, int]]:
    """What is compared, and our bytes and PyTorch's."""
    network = cnncalc.load(name)
    yield "saved, batch 2", _saved(network), Faked(network.graph, 2).saved()
    for batch in BATCHES:
        faked = Faked(network.graph, batch)
        yield (
            f"inference, batch {batch}",
            simulate(network.graph, batch, Settings(device="cpu")).peak(batch),
            faked.inference().peak,
        )
        if (name, batch) not in REFUSED:
            yield from _training(network, faked, batch, optimizers(name, batch))


def _training(
    network: cnncalc.Network, faked: Faked, batch: int, words: tuple[str, ...]
) -> Iterator[tuple[str, int, int]]:
    """A step without an optimizer; then the second step of each, after the same forward and backward pass."""
    tracker = faked.training()
    peak, held = tracker.peak, tracker.live
    for optimizer in words:
        settings = Settings(training=True, optimizer=optimizer, device="cpu", adds_in_place=False)
        expected = peak
        if optimizer != "none":
            made = OURS[optimizer, True](list(faked.module.parameters()), foreach=True)
            with faked.mode, tracker:
                made.step()
                tracker.peak = tracker.live
                state = tracker.live - held
                made.step()
            expected = max(peak + state, tracker.peak)
            settings = settings._replace(weight_decay=True)
            made.state.clear()
            del made
        found = simulate(network.graph, batch, settings).peak(batch)
        yield f"training, batch {batch}, {optimizer}", found, expected


def _saved(network: cnncalc.Network) -> int:
    """Bytes that the forward pass keeps for the backward pass, by the rules."""
    return sum(held.bytes for held in training(network.graph, 2, Settings(device="cpu")).saved)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_byte_is_off(name: str) -> None:
    rows = list(differences(name))
    assert len(rows) == 1 + sum(1 + len(optimizers(name, batch)) for batch in BATCHES)
    worst = max(rows, key=lambda row: abs(row[1] - row[2]))
    print(f"{name}: {len(rows)} figures, worst error {worst[1] - worst[2]} bytes of {worst[2]:,} ({worst[0]})")
    assert {what: (ours, theirs) for what, ours, theirs in rows if ours != theirs} == {}


if __name__ == "__main__":
    for chosen in sys.argv[1:] or cnncalc.list_specs():
        try:
            found = list(differences(chosen))
        except CnncalcError as error:  # a library of blocks is no network
            print(f"{chosen}: {error}")
            continue
        off = [f"{what}: {ours:,} for {theirs:,}" for what, ours, theirs in found if ours != theirs]
        print(f"{chosen}: {len(found)} figures, {len(off)} off{''.join(f'; {text}' for text in off)}", flush=True)
