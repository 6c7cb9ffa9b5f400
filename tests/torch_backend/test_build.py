"""The network as a torch.fx.GraphModule: names, sharing, side outputs, devices, memory, in-place results, copies."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from keyword import iskeyword
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import fx, nn

import cnncalc
from cnncalc import Network
from cnncalc.errors import EnvironmentFailure, UsageError
from cnncalc.ops import OPS
from cnncalc.spec import document, zoo
from cnncalc.spec.expand import expand
from cnncalc.torch_backend import build as room
from cnncalc.torch_backend.build import build, outputs

HEAD = "cnncalc: 1\nname: small\ninput: [4, 8, 8]\n"


def network(text: str) -> Network:
    spec = document.load(zoo.Found("<test>", (HEAD + text).encode(), None))
    return Network(spec, *expand(spec))


def targets(module: fx.GraphModule) -> list[str]:
    return [str(node.target) for node in module.graph.nodes if node.op == "call_module"]


def run(module: nn.Module, channels: int = 4, batch: int = 2) -> Any:
    return module(torch.randn(batch, channels, 8, 8, generator=torch.Generator().manual_seed(0)))


# -- names -----------------------------------------------------------------------------------------------------------


def test_names_are_paths() -> None:
    """What follows a layer is beside it, a sum beside its branches; every other name is the layer's path."""
    given = cnncalc.load("resnet18")
    module = build(given.graph, "meta")
    changed = {node.path: name for node, name in zip(given.graph.operators(), targets(module), strict=True)}
    changed = {path: name for path, name in changed.items() if path != name}
    assert changed["conv1.bn"] == "conv1_bn"
    assert changed["stage2.block_1.add1.main.conv1.relu"] == "stage2.block_1.add1.main.conv1_relu"
    assert changed["stage2.block_1.add1"] == "stage2.block_1.add1.add"
    assert len(changed) == 20 + 9 + 8  # norms, activations of a convolution, sums
    assert isinstance(module.get_submodule("stage2.block_1.add1.main.conv1"), nn.Conv2d)
    assert isinstance(module.get_submodule("stage2.block_1.add1.main.conv1_bn"), nn.BatchNorm2d)
    assert {name.rpartition(".")[0] for name, _ in module.named_parameters()} <= set(targets(module))


@pytest.mark.parametrize("word", ["forward", "training", "state_dict", "_modules", "graph", "to", "type_", "__class__"])
def test_a_name_that_every_module_has_gets_an_underscore(word: str) -> None:
    given = network(f"layers: [{{conv: 2, kernel: 1, act: relu, name: {word}}}, {{conv: 3, kernel: 1, name: last}}]\n")
    module = build(given.graph)
    follower = f"{word}_relu" + "_" * word.startswith("_")
    assert targets(module) == [f"{word}_", follower, "last"]
    assert tuple(run(module).shape) == (2, 3, 8, 8)
    assert copy.deepcopy(module).training


CONV = "{conv: 4, kernel: 1, name: "


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        # the layers of the spec keep their names, whatever comes first
        (f"{CONV}a, norm: bn}}, {CONV}a_bn}}", ["a", "a_bn_", "a_bn"]),
        (f"{CONV}a_bn, norm: bn}}, {CONV}a, norm: bn}}", ["a_bn", "a_bn_bn", "a", "a_bn_"]),
        (f"{CONV}a_bn}}, {CONV}a_bn_}}, {CONV}a, norm: bn}}", ["a_bn", "a_bn_", "a", "a_bn__"]),
        # two followers: act leaky_relu of a, act relu of a_leaky
        (f"{CONV}a, act: leaky_relu}}, {CONV}a_leaky, act: relu}}", ["a", "a_leaky_relu", "a_leaky", "a_leaky_relu_"]),
        # a group, a group's layer
        (f"{CONV}a, norm: bn}}, {{layers: [{CONV}a}}], name: a_bn}}", ["a", "a_bn_", "a_bn.a"]),
        (f"{{layers: [{CONV}a, norm: bn}}, {CONV}b}}], name: g}}, {CONV}a_bn}}", ["g.a", "g.a_bn", "g.b", "a_bn"]),
        # branches
        (f"{{add: {{add: [{CONV}a}}], x: identity}}, name: s}}", ["s.add.a", "s.add_"]),
        (f"{{add: {{add: [{CONV}a}}], add_: [{CONV}a}}]}}, name: s}}", ["s.add.a", "s.add_.a", "s.add__"]),
        ("{add: {x: identity, y: identity}, name: s}", ["s"]),
        (f"{CONV}a}}, {{add: [a, input], name: s}}", ["a", "s"]),
    ],
)
def test_no_two_modules_come_to_one_name(layers: str, names: list[str]) -> None:
    module = build(network(f"layers: [{layers}]\n").graph)
    assert targets(module) == names
    assert tuple(run(module).shape) == (2, 4, 8, 8)


def test_the_names_do_not_depend_on_the_side_outputs_being_built() -> None:
    given = network(f"layers: [{CONV}a, norm: bn}}, {CONV}b}}]\nside: {{a_bn: {{from: a, layers: [{CONV}c}}]}}}}\n")
    assert targets(build(given.graph)) == ["a", "a_bn_", "b"]
    assert targets(build(given.graph, with_side=True)) == ["a", "a_bn_", "b", "a_bn.c"]


def test_no_two_layers_come_to_one_name() -> None:
    given = network("layers: [{conv: 2, kernel: 1, name: to}, {conv: 3, kernel: 1, name: to_}]\n")
    module = build(given.graph)
    assert targets(module) == ["to_", "to__"]
    assert tuple(run(module).shape) == (2, 3, 8, 8)


def test_a_branch_may_be_called_as_an_attribute_of_its_join() -> None:
    given = network("layers: [{add: {x: identity, inplace: [{conv: 4, kernel: 1}]}, name: sum}]\n")
    module = build(given.graph)
    assert targets(module) == ["sum.inplace_.conv1", "sum.add"]
    assert tuple(run(module).shape) == (2, 4, 8, 8)


def test_names_may_have_hyphens_and_digits_first() -> None:
    given = network("layers: [{conv: 2, kernel: 1, name: 3a-b}, {layers: [relu], name: 4}]\n")
    module = build(given.graph)
    assert targets(module) == ["3a-b", "4.relu1"]
    assert [name for name, _ in module.named_parameters()] == ["3a-b.weight", "3a-b.bias"]
    assert tuple(run(module).shape) == (2, 2, 8, 8)
    assert torch.equal(run(copy.deepcopy(module)), run(module))


def test_the_class_is_called_as_the_network() -> None:
    assert type(build(cnncalc.load("lenet5").graph, "meta")).__name__ == "Lenet5"
    assert type(build(cnncalc.load("mobilenet_v1_x0_5").graph, "meta")).__name__ == "Mobilenet_V1_X0_5"
    given = network("layers: [relu]\n")
    given.graph.name = "3-d"
    assert type(build(given.graph, "meta")).__name__ == "Network_3_D"


# -- sharing, side outputs -------------------------------------------------------------------------------------------


def test_shared_weights_are_one_storage() -> None:
    given = network(
        "layers:\n"
        "  - {conv: 4, kernel: 3, pad: same, norm: bn, name: first}\n"
        "  - {conv: 4, kernel: 3, pad: same, norm: bn, shared: first, name: second}\n"
    )
    module = build(given.graph)
    tensors = dict([*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)])
    first, second = module.get_submodule("first"), module.get_submodule("second")
    assert first is not second
    for name in ("weight", "bias", "_bn.weight", "_bn.running_mean"):
        name = name if name.startswith("_") else f".{name}"
        assert tensors[f"first{name}"] is tensors[f"second{name}"], name
    assert sum(tensor.numel() for tensor in module.parameters()) == given.analyze().totals["params"] == 4 * 4 * 9 + 12
    with torch.no_grad():
        first.get_parameter("weight").zero_()
    assert not second.get_parameter("weight").any()
    half = module.to(torch.float16)  # the tie survives a change of type
    assert half.get_submodule("first").get_parameter("weight") is half.get_submodule("second").get_parameter("weight")


def test_side_outputs_come_after_the_output() -> None:
    given = network(
        "layers: [{conv: 2, kernel: 1, name: a}, {conv: 3, kernel: 1, name: b}]\n"
        "side: {aux: {from: a, layers: [{conv: 5, kernel: 1}, relu]}}\n"
    )
    assert tuple(run(build(given.graph)).shape) == (2, 3, 8, 8)
    assert targets(build(given.graph)) == ["a", "b"]
    both = build(given.graph, with_side=True)
    assert targets(both) == ["a", "b", "aux.conv1", "aux.relu1"]
    assert [tuple(one.shape) for one in run(both)] == [(2, 3, 8, 8), (2, 5, 8, 8)]


def test_a_side_output_of_what_would_be_overwritten_is_kept() -> None:
    """In place only where the side output does not need the value."""
    given = network(
        "layers: [{conv: 4, kernel: 1, name: a}, {relu: [], name: b}]\n"
        "side: {aux: {from: a, layers: [{scale: 1, name: c}]}}\n"
    )
    assert build(given.graph).get_submodule("b").inplace is True
    module = build(given.graph, with_side=True)
    assert module.get_submodule("b").inplace is False
    main, side = run(module)
    assert (side < 0).any()
    assert torch.equal(main, side.relu())


def test_several_outputs_are_a_tuple() -> None:
    given = network("layers: [{conv: 2, kernel: 1, name: a}, {conv: 3, kernel: 1, name: b}]\noutputs: [a, b]\n")
    assert [tuple(one.shape) for one in run(build(given.graph))] == [(2, 2, 8, 8), (2, 3, 8, 8)]
    assert len(outputs(run(build(given.graph)))) == 2
    assert len(outputs(torch.ones(1))) == 1


# -- devices, data types, memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "error: unknown device 'gpu' (hint: did you mean cpu?)"),
        ("cdua", "error: unknown device 'cdua' (hint: did you mean cuda?)"),
        ("cuda:x", "error: unknown device 'cuda:x' (hint: did you mean cuda?)"),
        ("cuda:", "error: unknown device 'cuda:' (hint: did you mean cuda?)"),
        ("cuda:1000", "error: unknown device 'cuda:1000' (hint: did you mean cuda?)"),
        ("cuda:²", "error: unknown device 'cuda:\\xb2' (hint: did you mean cuda?)"),
        ("", "error: unknown device '' (hint: one of: cpu, cuda, meta, mps)"),
    ],
)
def test_an_unknown_device_is_a_wrong_call(device: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        build(network("layers: [relu]\n").graph, device)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("device", "count", "message"),
    [
        ("cuda", 0, "error: no device 'cuda': this PyTorch finds no CUDA device (hint: --device cpu)"),
        ("cuda:7", 0, "error: no device 'cuda:7': this PyTorch finds no CUDA device (hint: --device cpu)"),
        ("cuda:7", 1, "error: no device 'cuda:7': there is 1 (hint: --device cpu)"),
        ("cuda:2", 2, "error: no device 'cuda:2': there are 2 (hint: --device cpu)"),
        ("mps", 0, "error: no device 'mps': this PyTorch finds none (hint: --device cpu)"),
        ("cpu:1", 0, "error: no device 'cpu:1': there is 1"),
        ("meta:2", 0, "error: no device 'meta:2': there is 1"),
    ],
)
def test_a_device_that_is_not_there_is_the_environment(
    device: str, count: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(EnvironmentFailure) as caught:
        build(network("layers: [relu]\n").graph, device)
    assert str(caught.value) == message


def test_tensors_are_on_the_device_and_of_the_type() -> None:
    module = build(cnncalc.load("lenet5").graph, "meta", "bfloat16")
    assert {tensor.device.type for tensor in module.parameters()} == {"meta"}
    assert {tensor.dtype for tensor in module.parameters()} == {torch.bfloat16}
    assert {tensor.dtype for tensor in build(cnncalc.load("resnet18").graph, "meta", "float64").parameters()} == {
        torch.float64
    }
    with pytest.raises(UsageError) as caught:
        build(cnncalc.load("lenet5").graph, dtype="flaot16")
    assert str(caught.value) == "error: unknown data type 'flaot16' (hint: did you mean float16, bfloat16 or float64?)"
    with pytest.raises(UsageError, match="unknown data type 'int8'"):
        build(cnncalc.load("lenet5").graph, dtype="int8")


def test_what_does_not_fit_is_refused_before_anything_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(room, "_module", lambda *_: made.append(0))
    # 4 bytes each: 4 * 4 weights and 4 biases; an input and an output of 4 * 8 * 8
    given = network("layers: [{conv: 4, kernel: 1}]\n")
    need = 4 * (4 * 4 + 4) + 4 * 2 * 4 * 8 * 8
    with pytest.raises(EnvironmentFailure) as caught:
        build(given.graph, max_memory=need - 1)
    assert str(caught.value) == (
        f"error: weights and activations of small take {need:,} bytes, but {need - 1:,} are free "
        "(hint: --max-memory overrides, --device meta needs none)"
    )
    monkeypatch.setattr(room, "free_memory", lambda _: 10)
    with pytest.raises(EnvironmentFailure, match="but 10 are free"):
        build(given.graph)
    assert made == []


def test_what_fits_is_built() -> None:
    given = network("layers: [{conv: 4, kernel: 1}]\n")
    build(given.graph, max_memory=4 * (4 * 4 + 4) + 4 * 2 * 4 * 8 * 8)
    build(given.graph, dtype="float16", max_memory=2 * (4 * 4 + 4) + 2 * 2 * 4 * 8 * 8)
    build(given.graph, "meta", max_memory=1)


# -- in place --------------------------------------------------------------------------------------------------------


def test_what_the_memory_column_calls_in_place_is() -> None:
    given = cnncalc.load("resnet18")
    module = build(given.graph, "meta")
    columns = given.analyze().columns
    inplace = {
        node.path
        for node, target in zip(given.graph.operators(), targets(module), strict=True)
        if getattr(module.get_submodule(target), "inplace", False)
    }
    words = {"relu", "add"}
    assert inplace == {
        path
        for path, op, values in zip(columns["path"], columns["op"], columns["activations"], strict=True)
        if op in words and values == 0
    }
    assert len(inplace) == 25  # 17 activations, 8 sums
    assert not any(getattr(one, "inplace", False) for one in build(given.graph, "meta", inplace=False).modules())


def test_in_place_and_not_give_the_same() -> None:
    given = cnncalc.load("resnet20", input=(3, 8, 8))
    one = build(given.graph).eval()
    other = build(given.graph, inplace=False).eval()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    kept = x.clone()
    with torch.no_grad():
        assert torch.equal(one(x), other(x))
    assert torch.equal(x, kept)  # the input is nobody's to overwrite


def test_values_are_freed_after_their_last_use() -> None:
    """The code sets each to None with its last reader."""
    given = network("layers: [{conv: 2, kernel: 1, name: a}, {conv: 2, kernel: 1, name: b}, {add: [a, b], name: c}]\n")
    lines = [
        line.partition(";") for line in build(given.graph, "meta").code.splitlines() if "self" in line and "=" in line
    ]
    freed = [set(after.split("=")[:-1]) for _, _, after in lines]
    assert [{name.strip() for name in names} for names in freed] == [{"x"}, set(), {"a", "b"}]


# -- copies ----------------------------------------------------------------------------------------------------------


def through_pickle(module: nn.Module) -> nn.Module:
    copied: nn.Module = pickle.loads(pickle.dumps(module))
    return copied


def through_file(module: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    copied: nn.Module = torch.load(file, weights_only=False)
    return copied


def through_state(module: nn.Module) -> nn.Module:
    fresh = build(cnncalc.load("shufflenet_v2_x0_5", input=(3, 32, 32)).graph).eval()
    assert any(not torch.equal(a, b) for a, b in zip(fresh.parameters(), module.parameters(), strict=True))
    fresh.load_state_dict(module.state_dict())
    return fresh


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle, through_file, through_state])
def test_a_copy_gives_the_same(copied: Callable[[nn.Module], nn.Module]) -> None:
    module = build(cnncalc.load("shufflenet_v2_x0_5", input=(3, 32, 32)).graph).eval()
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(copied(module)(x), module(x))


def test_it_can_be_exported() -> None:
    module = build(cnncalc.load("lenet5_modern").graph).eval()
    x = torch.randn(2, *cnncalc.load("lenet5_modern").input)
    program = torch.export.export(module, (x,))
    torch.testing.assert_close(program.module()(x), module(x))


# -- operators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OPS)
def test_every_lowering_names_a_module(name: str) -> None:
    for op, shapes in OPS[name].samples():
        with torch.device("meta"):
            module = room.resolve(op.lowering(*shapes))
        assert isinstance(module, nn.Module)


@pytest.mark.parametrize(
    ("layer", "cls"),
    [
        ("{bn: [], eps: 0.25}", nn.BatchNorm2d),
        ("{layernorm: [], eps: 0.25}", nn.LayerNorm),
        ("{groupnorm: 2, eps: 0.25}", nn.GroupNorm),
        ("{instancenorm: [], eps: 0.25}", nn.InstanceNorm2d),
    ],
)
def test_the_epsilon_of_a_norm_goes_into_its_module(layer: str, cls: type[nn.Module]) -> None:
    module = build(network(f"layers: [{{{layer[1:-1]}, name: n}}]\n").graph, "meta").get_submodule("n")
    assert isinstance(module, cls)
    assert module.eps == 0.25
    other = build(network(f"layers: [{{{layer[1:-1].replace(', eps: 0.25', '')}, name: n}}]\n").graph, "meta")
    assert other.get_submodule("n").eps == 1e-5


@pytest.mark.parametrize(
    ("name", "epsilons"),
    [
        ("resnet50", {1e-5}),
        ("efficientnet_b0", {1e-5}),
        ("efficientnet_b7", {1e-3}),
        ("efficientnet_v2_s", {1e-3}),
        ("mobilenet_v2", {1e-5}),
        ("mobilenet_v3_small", {1e-3}),
        ("googlenet", {1e-3}),
        ("vit_b_32", {1e-6}),
        ("convnext_tiny", {1e-6}),
        ("swin_t", {1e-5}),
        ("maxvit_t", {1e-3, 1e-5}),  # batch norm, layer norm
    ],
)
def test_networks_have_the_epsilon_of_their_library(name: str, epsilons: set[float]) -> None:
    found = {module.eps for module in build(cnncalc.load(name).graph, "meta").modules() if hasattr(module, "eps")}
    assert found == epsilons


def test_the_state_dict_is_in_call_order() -> None:
    network = cnncalc.load("resnet18")
    names = zip(network.graph.operators(), targets(build(network.graph, "meta")), strict=True)
    wanted = [f"{name}.weight" for node, name in names if node.op.name in ("conv", "bn", "linear")]
    assert [key for key in build(network.graph, "meta").state_dict() if key.endswith(".weight")] == wanted
    assert wanted[:3] == ["conv1.weight", "conv1_bn.weight", "stage1.block_1.add1.main.conv1.weight"]


@pytest.mark.parametrize("name", ["class", "self", "None", "import", "a-b", "3a", "lambda"])
def test_a_name_may_be_a_word_of_python(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(f"cnncalc: 1\ninput: [3, 4, 4]\nlayers:\n  - {{conv: 2, kernel: 1, name: {name}}}\n  - relu\n")
    module = build(cnncalc.load(str(path)).graph)
    shown = f"{name}_" if iskeyword(name) else name
    assert next(iter(module.state_dict())) == f"{shown}.weight"
    assert module(torch.zeros(1, 3, 4, 4)).shape == (1, 2, 4, 4)
