"""Built and written networks look to other tools as torchvision's do: operators are leaves of PyTorch's own classes,
called once each; torchinfo, thop and ptflops count the same.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import fx, nn

import cnncalc
from cnncalc import source
from cnncalc.torch_backend.build import build, outputs
from tests.conftest import network
from tests.reference.measure import TOOLS
from tests.source.test_source import made

#: networks that torchvision has too, with the modules that we have and it has not: its forward calls a function there
TWINS: dict[str, dict[str, int]] = {
    "alexnet": {},
    "resnet18": {},
    "resnext50_32x4d": {},
    "vgg11_bn": {"AdaptiveAvgPool2d": -1},  # it makes 7x7 of 7x7
    "densenet121": {"ReLU": 1, "AdaptiveAvgPool2d": 1},
    "googlenet": {"ReLU": 57},
    "mobilenet_v2": {"AdaptiveAvgPool2d": 1},
    "efficientnet_b0": {},
}
MAKERS: dict[str, Callable[[Any, str], nn.Module]] = {
    "build": lambda network, device: build(network.graph, device),
    "source": lambda network, device: made(source.write(network.graph), device),
}
#: torchvision adds, concatenates, flattens and leaves out branches in functions
FUNCTIONS = ("Flatten", "Identity")


def twin(torchvision: ModuleType, name: str, device: str) -> nn.Module:
    given = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    with torch.device(device):
        model: nn.Module = torchvision.models.get_model(name, weights=None, **given)
    return model


def classes_called(module: nn.Module, shape: tuple[int, ...]) -> Counter[str]:
    """How often modules of PyTorch's own classes without others inside run in a pass, by class."""
    calls: Counter[str] = Counter()
    for part in module.modules():
        if not list(part.children()) and type(part).__module__.startswith("torch.nn."):
            part.register_forward_hook(lambda part, *_: calls.update([type(part).__name__]))
    with torch.no_grad():
        module.eval()(torch.empty(1, *shape, device="meta"))
    return calls


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", TWINS)
def test_classes_run_as_often_as_in_torchvision(torchvision: ModuleType, name: str, maker: str) -> None:
    network = cnncalc.load(name)
    ours = classes_called(MAKERS[maker](network, "meta"), network.input)
    theirs = classes_called(twin(torchvision, name, "meta"), network.input)
    for word in FUNCTIONS:
        ours.pop(word, None)
    theirs.update(TWINS[name])
    assert ours == +theirs
    assert ours["Conv2d"] > 4


KINDS = (
    "resnet18",
    "googlenet",
    "shufflenet_v2_x0_5",
    "unet_small",
    "vit_b_16",
    "swin_v2_t",
    "convnext_tiny",
    "lenet5",
)
#: operators that PyTorch or torchvision make of several modules, and a border around an operator
COMPOSED = ("SelfAttention", "WindowAttention", "Padded")


@pytest.mark.parametrize("name", KINDS)
def test_operators_are_leaves_and_run_once(name: str) -> None:
    network = cnncalc.load(name)
    module = build(network.graph, "meta").eval()
    operators = [str(node.target) for node in module.graph.nodes if node.op == "call_module"]
    assert len(set(operators)) == len(network.graph.operators(with_side=False))
    calls: Counter[str] = Counter()
    for path in operators:
        part = module.get_submodule(path)
        part.register_forward_hook(lambda *_, path=path: calls.update([path]))
        assert not list(part.children()) or type(part).__name__ in COMPOSED
    with torch.no_grad():
        module(torch.empty(1, *network.input, device="meta"))
    assert calls == Counter(operators)
    for part in made(source.write(network.graph), "meta").modules():
        if list(part.parameters(recurse=False)):
            assert not list(part.children()) or type(part).__name__ in COMPOSED


@pytest.mark.parametrize("name", [*KINDS, "stylegan", "mask_rcnn_r50_fpn", "maxvit_t"])
def test_it_can_be_traced(name: str) -> None:
    network = cnncalc.load(name)
    module = build(network.graph, "meta")
    fx.symbolic_trace(module)  # in training samples are dropped at random
    traced = fx.symbolic_trace(module.eval())
    x = torch.empty(2, *network.input, device="meta")
    with torch.no_grad():
        shapes = [[tuple(y.shape) for y in outputs(run(x))] for run in (module, traced)]
    assert shapes[0] == shapes[1]


def test_what_is_traced_gives_the_same() -> None:
    network = cnncalc.load("resnet18", input=(3, 32, 32))
    module = build(network.graph).eval()
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(fx.symbolic_trace(module)(x), module(x))


# -- the tools themselves --------------------------------------------------------------------------------------------


def torchinfo(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    tool = pytest.importorskip("torchinfo")
    found = tool.summary(module, input_data=torch.zeros(1, *shape), verbose=0)
    return found.total_params, found.total_mult_adds


def thop(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    tool = pytest.importorskip("thop")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        macs, params = tool.profile(module, (torch.zeros(1, *shape),), verbose=False)
    return int(params), int(macs)


def ptflops(module: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    tool = pytest.importorskip("ptflops")
    with contextlib.redirect_stdout(io.StringIO()):
        macs, params = tool.get_model_complexity_info(
            module, tuple(shape), as_strings=False, print_per_layer_stat=False, backend="pytorch"
        )
    return int(params), int(macs)


@pytest.mark.parametrize(
    ("count", "name"),
    [
        *((count, "resnet18") for count in (torchinfo, thop, ptflops)),
        *((torchinfo, name) for name in ("densenet121", "googlenet", "mobilenet_v2")),
    ],
    ids=lambda given: getattr(given, "__name__", given),
)
def test_other_tools_count_the_same(torchvision: ModuleType, count: Callable[..., Any], name: str) -> None:
    network = cnncalc.load(name)
    theirs = count(twin(torchvision, name, "cpu").eval(), network.input)
    assert theirs[0] == network.analyze().totals["params"]
    for make in MAKERS.values():
        assert count(make(network, "cpu").eval(), network.input) == theirs


def test_torchinfo_counts_what_has_no_twin() -> None:
    """28,873: 8*3*3*8 + 8 for each of 7*7 pixels; 16 of a norm and 1 of PReLU, once; 8*8/4 for each of 3*5 pixels."""
    layers = """
input: [8, 9, 9]
layers:
  - {conv: 8, kernel: 3, norm: bn, act: prelu}
  - {avgpool: 3, stride: 2, ceil: true}
  - {upsample: 2, mode: bilinear}
  - {adaptive_avgpool: [[3, 5]]}
  - {conv: 8, kernel: 1, groups: 4, bias: false, norm: instancenorm}
"""
    given = network(layers)
    assert 49 * (8 * 9 * 8 + 8) + 16 + 1 + 15 * 8 * 2 == 28873
    for make in MAKERS.values():
        assert torchinfo(make(given, "cpu").eval(), (8, 9, 9))[1] == 28873


class Attended(nn.Module):
    """Attention as torchvision has it, then a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        return self.head(self.attention(x, x, x, need_weights=False)[0])


@pytest.mark.parametrize("tool", ["torch", "fvcore", "ptflops", "ptflops-aten", "thop", "torchinfo"])
@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_tools_on_a_users_attention_print_what_is_said_of_the_library(
    torchvision: ModuleType, library: str, tool: str
) -> None:
    """Neither network is in the zoo; the tools are asked as for the reference."""
    pytest.importorskip({"ptflops-aten": "ptflops"}.get(tool, tool))
    layers = pytest.importorskip("timm.layers")
    text = f"input: {{tokens: 50, features: 64}}\nlayers: [{{attention: 4}}, {{linear: 10}}]\nwritten: {library}\n"
    timm = nn.Sequential(layers.Attention(64, 4, qkv_bias=True), nn.Linear(64, 10))
    module = (Attended() if library == "torchvision" else timm).eval()
    with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
        printed = TOOLS[tool][1](module, torch.rand(1, 50, 64))
    assert printed == network(text).analyze(convention=tool).totals["work"]
