"""Networks of the zoo against torchvision's of the same name: as measured once in tests/reference, and as built here."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from math import prod
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

import pytest

import cnncalc
from cnncalc import Network

ROOT = Path(__file__).parents[2]
SPECS = {path.stem: path for path in sorted((ROOT / "specs").rglob("*.yaml"))}
NETWORKS: dict[str, dict[str, Any]] = json.loads(
    (ROOT / "tests" / "reference" / "torchvision.json").read_text(encoding="utf-8")
)["networks"]

#: torchvision's networks for classification; written out, so that nothing heavy is imported to collect the tests
_NAMES = """
alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161 densenet169 densenet201
efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 efficientnet_b6
efficientnet_b7 efficientnet_v2_l efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5
mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf regnet_x_1_6gf
regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf regnet_y_128gf regnet_y_16gf
regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18
resnet34 resnet50 resnext101_32x8d resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0
shufflenet_v2_x1_5 shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t swin_v2_b swin_v2_s
swin_v2_t vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32
wide_resnet101_2 wide_resnet50_2
"""
MODELS = tuple(_NAMES.split())
PEERS = [name for name in MODELS if name in SPECS]

#: the models without a spec: one that gets its spec leaves this list
STILL_MISSING: tuple[str, ...] = ()

#: models whose parameters and buffers are counted with their auxiliary heads; their layers and MACs without, because a
#: head runs in training only
WITH_HEADS = ("googlenet", "inception_v3")


class Measured(NamedTuple):
    """What a module has; ``layers`` are the weighted ones in call order, each with its output and parameters."""

    params: int
    buffers: int
    flops: int
    output: list[int]
    layers: list[tuple[list[int], int]]


def measured_once(row: dict[str, Any]) -> Measured:
    """The row of a module in the reference."""
    layers = [(shape[1:], params) for _, _, shape, params in row["layers"] if params]
    return Measured(row["params"], row["buffers"], row["tools"]["torch"], row["output"][1:], layers)


def build(torchvision: ModuleType, name: str, size: int) -> Any:
    """The module with random weights, in evaluation, on the meta device: shapes without values."""
    import torch
    from torchvision.models import regnet

    options: dict[str, Any] = {}
    if name in WITH_HEADS:
        options = {"init_weights": False}
    elif name.startswith("vit_"):
        options = {"image_size": size}
    elif name.startswith("maxvit_"):
        options = {"input_size": (size, size)}
    widths = regnet.BlockParams.from_init_params

    def on_cpu(*args: Any, **kwargs: Any) -> Any:
        with torch.device("cpu"):  # RegNet computes its widths with tensors
            return widths(*args, **kwargs)

    with torch.device("meta"), mock.patch.object(regnet.BlockParams, "from_init_params", on_cpu):
        return torchvision.models.get_model(name, weights=None, **options).eval()


def attention_macs(module: Any, shape: list[int]) -> int:
    """The two products of an attention module on an input with a batch axis of 1: 2*t^2*f for t tokens."""
    if hasattr(module, "shift_size"):  # Swin: windows of a map [h, w, f], padded to whole windows
        windows = prod(-(-n // window) for n, window in zip(shape[1:3], module.window_size, strict=True))
        return 2 * windows * prod(module.window_size) ** 2 * shape[-1]
    tokens = shape[-2]  # [t, f], or MaxViT's [windows, t, f]
    return 2 * prod(shape[:-2]) * tokens**2 * shape[-1]


@cache
def measure(torchvision: ModuleType, name: str, size: int) -> Measured:
    """The module on an RGB image.

    Its weighted layers are the modules without children that have parameters, attention as a whole, and every module
    that has both children and a parameter of its own, with that.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from torchvision.models import maxvit, swin_transformer, vision_transformer

    attention = (
        torch.nn.MultiheadAttention,
        swin_transformer.ShiftedWindowAttention,
        maxvit.RelativePositionalMultiHeadAttention,
    )
    model = build(torchvision, name, size)
    layers: list[tuple[list[int], int]] = []
    products = 0

    def watch(module: Any) -> None:
        whole = isinstance(module, attention)
        count = sum(tensor.numel() for tensor in module.parameters(recurse=whole))

        def after(_: Any, inputs: tuple[Any, ...], output: Any) -> None:
            nonlocal products
            result = output[0] if isinstance(output, tuple) else output  # attention may return its weights too
            layers.append((list(result.shape[1:]), count))
            if whole:
                products += attention_macs(module, list(inputs[0].shape))

        def tokens(_: Any, inputs: tuple[Any, ...]) -> None:
            # ViT's class token joins just before the encoder, which adds the positions before its layers
            shape = list(inputs[0].shape[1:])
            layers.extend([(shape, model.class_token.numel()), (shape, module.pos_embedding.numel())])

        if isinstance(module, vision_transformer.Encoder):
            module.register_forward_pre_hook(tokens)
        elif count and not isinstance(module, vision_transformer.VisionTransformer):
            module.register_forward_hook(after)
        for child in () if whole else module.children():
            watch(child)

    watch(model)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        output = model(torch.empty(1, 3, size, size, device="meta"))
    return Measured(
        params=sum(tensor.numel() for tensor in model.parameters()),
        buffers=sum(tensor.numel() for tensor in model.buffers()),
        flops=with_attention(counter.get_flop_counts()["Global"], 2 * products),
        output=list(output.shape[1:]),
        layers=layers,
    )


def with_attention(counts: dict[Any, int], products: int) -> int:
    """The counted work, with the products of attention where a fused kernel hid them from the counter."""
    linear = ("aten.convolution", "aten.addmm", "aten.mm")
    seen = sum(count for function, count in counts.items() if str(function) not in linear)
    assert seen in (0, products), f"{seen} for the products of attention, but their shapes make {products}"
    return sum(counts.values()) - seen + products


def layout(name: str) -> Callable[[list[int]], Any]:
    """What of a layer's output is compared: its sizes in order. Transformers keep channels last in places, so there the
    sizes in any order; MaxViT keeps windows as an axis of their own, so there the number of values.
    """
    if name.startswith("maxvit_"):
        return prod
    return sorted if name.startswith(("convnext_", "swin_", "vit_")) else list


def load(name: str) -> Network:
    """The spec on the input that the module was measured on; efficientnet_b3 was measured at 224x224."""
    return cnncalc.load(str(SPECS[name]), input=NETWORKS[name]["input"][1:])


def differences(name: str, network: Network, module: Measured) -> list[str]:
    """What the spec and the measured module do not agree on."""
    main = network.analyze()
    whole = network.analyze(with_side=name in WITH_HEADS)
    pairs: dict[str, tuple[Any, Any]] = {
        "parameters": (whole.totals["params"], module.params),
        "buffers": (whole.totals["buffers"], module.buffers),
        "MACs, doubled": (2 * main.totals["macs"], module.flops),
        "output": (list(network.graph.nodes[network.graph.outputs[0]].shape), module.output),
    }
    look = layout(name)
    ours = [(look(list(layer.out)), layer.params) for layer in main.layers if layer.params]
    theirs = [(look(shape), params) for shape, params in module.layers]
    pairs["weighted layers"] = (len(ours), len(theirs))
    for number, pair in enumerate(zip(ours, theirs, strict=False), 1):
        pairs[f"weighted layer {number}"] = pair
    return [
        f"{what}: {mine} in the spec, {measured} measured"
        for what, (mine, measured) in pairs.items()
        if mine != measured
    ]


# -- the measured rows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_spec_equals_row(name: str) -> None:
    assert differences(name, load(name), measured_once(NETWORKS[name])) == []


# one number off, in the second network with a head too
@pytest.mark.parametrize("name", ["vgg16", "googlenet"])
@pytest.mark.parametrize(
    ("key", "found"),
    [
        (("params",), "parameters"),
        (("buffers",), "buffers"),
        (("tools", "torch"), "MACs, doubled"),
        (("output", 1), "output"),
        (("layers", 0, 3), "weighted layer 1"),
        (("layers", 0, 2, 1), "weighted layer 1"),
    ],
)
def test_a_number_that_is_off_is_found(name: str, key: tuple[Any, ...], found: str) -> None:
    row = deepcopy(NETWORKS[name])
    place: Any = row
    for step in key[:-1]:
        place = place[step]
    place[key[-1]] += 1
    assert [text.split(":")[0] for text in differences(name, load(name), measured_once(row))] == [found]


def test_a_missing_layer_is_found() -> None:
    row = deepcopy(NETWORKS["alexnet"])
    del row["layers"][0]
    found = differences("alexnet", load("alexnet"), measured_once(row))
    assert "weighted layers: 8 in the spec, 7 measured" in found


def test_every_row_has_a_spec() -> None:
    assert [name for name in NETWORKS if name not in SPECS] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_module_equals_row(name: str, torchvision: ModuleType) -> None:
    assert measure(torchvision, name, NETWORKS[name]["input"][-1]) == measured_once(NETWORKS[name])


# -- the modules -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PEERS)
def test_spec_equals_module(name: str, torchvision: ModuleType) -> None:
    network = cnncalc.load(str(SPECS[name]))
    channels, height, width = network.input
    assert (channels, height) == (3, width)
    assert differences(name, network, measure(torchvision, name, height)) == []


# one number off, in a module of every layout
@pytest.mark.parametrize(
    "name", [name for name in ("resnet50", "convnext_tiny", "maxvit_t", "swin_t", "vit_b_16") if name in SPECS]
)
def test_a_module_that_differs_is_found(name: str, torchvision: ModuleType) -> None:
    network = cnncalc.load(str(SPECS[name]))
    module = measure(torchvision, name, network.input[-1])
    *before, (shape, params) = module.layers
    last = f"weighted layer {len(module.layers)}"
    for found, wrong in [
        ("parameters", module._replace(params=module.params + 1)),
        ("buffers", module._replace(buffers=module.buffers + 1)),
        ("MACs, doubled", module._replace(flops=module.flops + 1)),
        ("output", module._replace(output=[1, *module.output])),
        ("weighted layers", module._replace(layers=before)),
        (last, module._replace(layers=[*before, (shape, params + 1)])),
        (last, module._replace(layers=[*before, ([shape[0] + 1, *shape[1:]], params)])),
    ]:
        assert [text.split(":")[0] for text in differences(name, network, wrong)] == [found]


# a spec with one word changed
@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("conv: 64", "conv: 63", {"parameters", "MACs, doubled", "weighted layer 1", "weighted layer 2"}),
        ("stride: 4, pad: 2", "stride: 4, pad: same", {"MACs, doubled", "weighted layer 1"}),
        ("conv: 192, kernel: 5", "conv: 192, kernel: 3", {"parameters", "MACs, doubled", "weighted layer 2"}),
        (
            "conv: 384",
            "conv: 384, norm: bn",
            {"parameters", "buffers", "weighted layers", *(f"weighted layer {n}" for n in range(4, 9))},
        ),
        ("name: fc7", "bias: false, name: fc7", {"parameters", "weighted layer 7"}),
        ("classes: 1000", "classes: 1001", {"parameters", "MACs, doubled", "output", "weighted layer 8"}),
    ],
)
def test_a_wrong_spec_is_found(
    right: str, wrong: str, found: set[str], torchvision: ModuleType, tmp_path: Path
) -> None:
    text = SPECS["alexnet"].read_text(encoding="utf-8")
    assert text.count(right) == 1
    spec = tmp_path / "alexnet.yaml"
    spec.write_text(text.replace(right, wrong), encoding="utf-8")
    texts = differences("alexnet", cnncalc.load(str(spec)), measure(torchvision, "alexnet", 224))
    assert {text.split(":")[0] for text in texts} == found


def test_products_of_attention_that_a_fused_kernel_hides_are_added() -> None:
    assert with_attention({"aten.addmm": 100, "aten.bmm": 8}, 8) == 108
    assert with_attention({"aten.addmm": 100}, 8) == 108
    with pytest.raises(AssertionError, match="9 for the products of attention, but their shapes make 8"):
        with_attention({"aten.addmm": 100, "aten.bmm": 9}, 8)


def test_heads_count_only_where_the_module_has_them() -> None:
    with_side = [name for name in PEERS if cnncalc.load(str(SPECS[name])).graph.sides]
    assert with_side == list(WITH_HEADS)


def test_models_are_those_of_torchvision(torchvision: ModuleType) -> None:
    assert torchvision.models.list_models(module=torchvision.models) == sorted(MODELS)


def test_models_without_a_spec_are_listed() -> None:
    without = {name for name in MODELS if name not in SPECS}
    listed = set(STILL_MISSING)
    assert listed == without, (
        f"with a spec, but listed: {sorted(listed - without)}; without, but not listed: {sorted(without - listed)}"
    )
