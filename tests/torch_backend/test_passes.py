"""The work of the backward pass is what PyTorch counts where it counts right, and its faults where they are asked for."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cnncalc import UsageError, load
from cnncalc.network import Network
from cnncalc.spec import document
from cnncalc.spec.expand import expand
from cnncalc.spec.zoo import Found
from cnncalc.torch_backend.build import build, outputs

#: without grouped convolutions: FlopCounterMode is right; lenet5 ends in distances to a buffer, swin_v2_t has a network
#: that reads one
UNGROUPED = (
    "resnet18", "vgg11", "densenet121", "googlenet", "vit_b_16", "unet_small", "lenet5", "swin_t", "swin_v2_t",
)  # fmt: skip
GROUPED = ("mobilenet_v2", "resnext50_32x4d", "shufflenet_v2_x1_0", "convnext_tiny", "efficientnet_b0")


def network(layers: str, size: str = "[8, 6, 6]") -> Network:
    spec = document.load(Found("<test>", f"cnncalc: 1\ninput: {size}\nlayers:\n{layers}".encode(), None))
    return Network(spec, *expand(spec))


def counted(model: torch.nn.Module, x: torch.Tensor) -> tuple[int, int]:
    """FLOPs of a forward pass in training and of the backward pass from all outputs, as PyTorch counts them."""
    with FlopCounterMode(display=False) as forward:
        results = outputs(model.train()(x))
    with FlopCounterMode(display=False) as backward:
        torch.autograd.backward(results, [torch.empty_like(result) for result in results])
    return forward.get_total_flops(), backward.get_total_flops()


def on_meta(given: Network, with_side: bool = False) -> tuple[int, int]:
    model = build(given.graph, device="meta", with_side=with_side)
    return counted(model, torch.empty(1, *given.input, device="meta"))


@cache
def zoo_on_meta(name: str) -> tuple[int, int]:
    return on_meta(load(name))


def figures(given: Network, convention: str, with_side: bool = False) -> list[int]:
    """Forward, backward and step under a convention."""
    passes = ("forward", "backward", "step")
    return [given.analyze(convention=convention, with_side=with_side, pass_=pass_).totals["work"] for pass_ in passes]


@pytest.mark.parametrize("name", UNGROUPED)
def test_macs_are_half_of_what_pytorch_counts(name):
    given = load(name)
    forward, backward = zoo_on_meta(name)
    assert [2 * macs for macs in figures(given, "macs")] == [forward, backward, forward + backward]


@pytest.mark.parametrize("name", ["googlenet", "googlenet_paper"])
def test_with_side_outputs(name):
    given = load(name)
    forward, backward = on_meta(given, with_side=True)
    assert [2 * macs for macs in figures(given, "macs", True)] == [forward, backward, forward + backward]
    assert figures(given, "macs", True)[1] > figures(given, "macs")[1]


@pytest.mark.parametrize("name", [name for name in UNGROUPED if name != "vit_b_16"] + list(GROUPED))
def test_the_convention_torch_is_what_pytorch_counts(name):
    given = load(name)
    forward, backward = zoo_on_meta(name)
    assert figures(given, "torch") == [forward, backward, forward + backward]


@pytest.mark.parametrize("name", ["resnet18", *GROUPED])
def test_the_convention_torch_is_what_pytorch_counts_of_torchvision(torchvision, name):
    given = load(name)
    with torch.device("meta"):
        model = torchvision.models.get_model(name)
    forward, backward = counted(model, torch.empty(1, *given.input, device="meta"))
    assert figures(given, "torch") == [forward, backward, forward + backward]


def test_a_multilayer_perceptron_by_hand():
    given = network("  - {linear: 5, act: relu}\n  - {linear: 3}\n", "[7]")
    # the first layer: the gradient of its weights; the second one: weights and input
    assert figures(given, "macs") == [7 * 5 + 5 * 3, 7 * 5 + 2 * 5 * 3, 2 * 7 * 5 + 3 * 5 * 3]
    assert on_meta(given) == (2 * (35 + 15), 2 * (35 + 30))


SMALL = {
    "grouped": "  - {conv: 8, kernel: 1}\n  - {conv: 4, kernel: 3, groups: 4}\n",
    "transposed": "  - {conv_transpose: 4, kernel: 2, stride: 2}\n  - {conv_transpose: 6, kernel: 3, stride: 2, groups: 2}\n",
    "uneven padding": "  - {conv: 4, kernel: 4, stride: 2, pad: same_tf}\n  - {dwconv: 2, pad: same_tf, multiplier: 3}\n",
    "sparse": "  - {conv: 3, kernel: 1}\n  - {conv: 2, kernel: 3, connections: [[0, 1], [2]]}\n",
    "channels": "  - {conv: 4, kernel: 1}\n  - global_avgpool\n  - {channel_conv: 3}\n",
    "a norm first": "  - bn\n  - {conv: 4, kernel: 3}\n",
    "nothing trained first": "  - relu\n  - {maxpool: 2}\n  - {conv: 4, kernel: 3}\n",
    "a constant": "  - {conv: 4, kernel: 1}\n  - {parameter: [4, 3, 3]}\n  - {conv: 2, kernel: 1}\n",
    "attention first": "  - tokens\n  - {attention: 2}\n  - {attention: 2}\n",
    "window attention first": "  - {window_attention: 2, window: 4, position: mlp, cosine: true}\n",
    "two branches": "  - {add: {a: identity, b: [{conv: 8, kernel: 1}]}}\n  - {conv: 2, kernel: 1}\n",
    "shared weights": "  - {conv: 8, kernel: 1, name: a}\n  - {conv: 8, kernel: 1, shared: a}\n",
}


@pytest.mark.parametrize("layers", SMALL.values(), ids=SMALL)
def test_small_networks(layers):
    given = network(layers)
    size = (2, *given.input)  # a norm of single values needs two samples
    forward, backward = counted(build(given.graph, device="meta", inplace=False), torch.empty(size, device="meta"))
    if "position: mlp" in layers:  # the network that makes biases runs once, and is counted once for every sample
        forward, backward = (2 * count for count in on_meta(given))
    report = given.analyze(batch=2, pass_="backward")
    assert 2 * given.analyze(batch=2).totals["macs"] == forward
    grouped = any("dwconv" in line or "groups" in line for line in layers.split("\n"))
    assert (2 * report.totals["macs"] == backward) != grouped
    if " {attention" not in layers:
        assert given.analyze(batch=2, convention="torch", pass_="backward").totals["work"] == backward


def test_pytorch_counts_the_gradient_of_a_depthwise_kernel_as_if_it_had_no_groups(capsys):
    """Of 8 channels that of the weights is 8 times too high, and with that of the input (1 + 8)/2 = 4.5 times."""
    given = network("  - {conv: 8, kernel: 1, name: a}\n  - {dwconv: 3, pad: same, name: b}\n")
    model = build(given.graph, device="meta")
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 8, 6, 6, device="meta")).sum().backward()
    by_layer = {name.rpartition(".")[2]: sum(ops.values()) for name, ops in counter.get_flop_counts().items()}
    rows = {row.path: row for row in given.analyze(convention="torch", pass_="backward").layers}
    forward = {row.path: row.macs for row in given.analyze().layers}
    assert rows["a"].work == 2 * rows["a"].macs == by_layer["a"] - 2 * forward["a"]
    measured = by_layer["b"] - 2 * forward["b"]
    assert rows["b"].work == measured
    assert rows["b"].macs == 2 * 8 * 36 * 9  # the gradients of input and weights
    ratio = measured / (2 * rows["b"].macs)
    with capsys.disabled():
        print(f" FlopCounterMode counts {ratio:.2f}x of a depthwise layer's backward pass ", end="")
    assert ratio == 4.5


def test_what_pytorch_counts_of_attention_in_training_depends_on_the_program():
    """So the convention torch has no figure for it, and says so."""
    module = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    totals = set()
    for need_weights in (True, False):
        x = torch.randn(1, 5, 8)
        with FlopCounterMode(display=False) as counter:
            module(x, x, x, need_weights=need_weights)[0].sum().backward()
        totals.add(counter.get_total_flops())
    assert len(totals) == 2
    given = network("  - {attention: 2}\n", "{tokens: 5, features: 8}")
    for pass_ in ("backward", "step"):
        with pytest.raises(UsageError, match="attention: which kernel training runs depends on device and program"):
            given.analyze(convention="torch", pass_=pass_)
