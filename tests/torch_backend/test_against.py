"""Outputs against other implementations, with their weights copied."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import cnncalc
from cnncalc import Network
from cnncalc.cli.main import run as run_command
from cnncalc.errors import EnvironmentFailure, UsageError
from cnncalc.spec import document, zoo
from cnncalc.spec.expand import expand
from cnncalc.torch_backend.verify import against as room
from cnncalc.torch_backend.verify.against import Peer, compare, find_peer, randomize, tensors_of, used
from cnncalc.torch_backend.verify.checks import DIFFERS, EQUAL, LIMIT, Check

#: of every family, the smaller ones
_NAMES = """
convnext_tiny densenet121 efficientnet_b0 efficientnet_b1 googlenet mnasnet0_5 mnasnet1_0 mobilenet_v2
mobilenet_v3_large mobilenet_v3_small regnet_x_400mf regnet_x_800mf regnet_y_400mf regnet_y_800mf resnet18 resnet50
resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 squeezenet1_0 squeezenet1_1 swin_t swin_v2_t
"""
MODELS = tuple(_NAMES.split())


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are small, and other tests may run beside these
    yield
    torch.set_num_threads(before)


def network(text: str) -> Network:
    spec = document.load(zoo.Found("<test>", ("cnncalc: 1\nname: small\n" + text).encode(), None))
    return Network(spec, *expand(spec))


def verdicts(checks: list[Check]) -> list[tuple[str, str]]:
    return [(check.quantity, check.verdict) for check in checks]


AGREES = [("weight tensors", EQUAL), ("output", EQUAL)]


# -- torchvision, timm -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_outputs_equal_those_of_torchvision(name: str, torchvision: ModuleType) -> None:
    given = cnncalc.load(name, input=(3, 64, 64))
    assert verdicts(compare(given.graph, find_peer(f"torchvision:{name}", given.input))) == AGREES


def test_a_vision_transformer_equals_that_of_torchvision(torchvision: ModuleType) -> None:
    given = cnncalc.load("vit_b_16", {"patch": 8, "width": 96, "depth": 3, "heads": 3}, (3, 32, 32))
    theirs = torchvision.models.VisionTransformer(32, 8, 3, 3, 96, 384)
    checks = compare(given.graph, Peer(theirs, "torchvision", ""))
    assert verdicts(checks) == AGREES
    assert checks[0].ours == 4 + 3 * 12 + 4  # patches, class token and positions; blocks; norm and head


def small_maxvit(torchvision: ModuleType) -> nn.Module:
    """MaxViT-T with windows of 2x2, for 64x64."""
    widths, layers = [64, 128, 256, 512], [2, 2, 5, 2]
    module: nn.Module = torchvision.models.MaxVit((64, 64), 64, 2, widths, layers, 32, 0.2)
    return module


def test_maxvit_equals_that_of_torchvision_once_it_scales_by_head(torchvision: ModuleType) -> None:
    given = cnncalc.load("maxvit_t", {"window": 2}, (3, 64, 64))
    checks = compare(given.graph, Peer(small_maxvit(torchvision), "torchvision", ""))
    assert verdicts(checks) == [("weight tensors", EQUAL), ("output", LIMIT)]
    assert (checks[1].note or "").endswith(
        "of the scale; its attention scales by all channels, and was made to scale by those of a head"
    )


def test_without_the_departure_maxvit_differs(torchvision: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "DEPARTURES", {})
    given = cnncalc.load("maxvit_t", {"window": 2}, (3, 64, 64))
    assert verdicts(compare(given.graph, Peer(small_maxvit(torchvision), "torchvision", ""))) == [
        ("weight tensors", EQUAL),
        ("output", DIFFERS),
    ]


def test_average_pooling_of_timm_once_it_leaves_the_border_out(
    torchvision: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = pytest.importorskip("timm.layers")
    text = "input: [3, 7, 7]\nlayers: [{conv: 2, kernel: 1}, {avgpool: 3, stride: 2, pad: same_tf, count_include_pad: false}]\n"

    def peer() -> Peer:
        return Peer(nn.Sequential(nn.Conv2d(3, 2, 1), layers.AvgPool2dSame(3, 2)), "timm", "")

    check = compare(network(text).graph, peer())[1]
    assert check.verdict == LIMIT
    assert (check.note or "").endswith("counts the zeros of the border, and was made to leave them out")
    monkeypatch.setattr(room, "DEPARTURES", {})
    assert compare(network(text).graph, peer())[1].verdict == DIFFERS


def test_without_the_order_of_merged_pixels_swin_differs(
    torchvision: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_MERGES", {})
    given = cnncalc.load("swin_t", input=(3, 64, 64))
    assert verdicts(compare(given.graph, find_peer("torchvision:swin_t", given.input)))[1] == ("output", DIFFERS)


def test_outputs_equal_those_of_timm() -> None:
    pytest.importorskip("timm")
    for name in ("resnet18", "densenet121"):
        given = cnncalc.load(name, input=(3, 64, 64))
        checks = compare(given.graph, find_peer(f"timm:{name}", given.input))
        assert verdicts(checks) == AGREES
        assert checks[0].peer == f"timm:{name}"
        assert checks[0].version


def test_the_peer_is_made_for_the_input(torchvision: ModuleType) -> None:
    module = find_peer("torchvision:vit_b_32", (3, 64, 64)).module
    assert module.image_size == 64
    pytest.importorskip("timm")
    with torch.device("meta"):
        assert find_peer("timm:vit_tiny_patch16_224", (3, 64, 64)).module.pos_embed.shape[1] == 1 + 16
        assert find_peer("timm:resnet18", (1, 64, 64)).module.conv1.weight.shape[1] == 1


# -- that it can fail ------------------------------------------------------------------------------------------------

BLOCK = "input: [3, 16, 16]\nlayers:\n  - {conv: 4, kernel: 3, pad: 1, norm: bn, act: relu}\n  - {maxpool: 2}\n  - flatten\n  - {linear: 5}\n"


class Right(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4 * 8 * 8, 5)  # not in the order of use
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> Any:
        return self.fc(nn.functional.max_pool2d(self.bn(self.conv(x)).relu(), 2).flatten(1))


def test_the_block_equals_its_module() -> None:
    checks = compare(network(BLOCK).graph, Peer(Right(), "file", ""))
    assert verdicts(checks) == AGREES
    assert (checks[0].ours, checks[0].theirs) == (8, 8)  # the running statistics too
    assert (checks[1].ours, checks[1].theirs) == ([5], [5])
    assert checks[1].note == "largest difference 0.0e+00 of the scale"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("act: relu", "act: silu"),
        ("maxpool: 2", "avgpool: 2"),
        ("norm: bn", "norm: bn, name: c}\n  - {scale: 1, shift: 0.000001"),
        ("layers:", "defaults: {bn: {eps: 0.00002}}\nlayers:"),
    ],
)
def test_what_computes_something_else_differs(right: str, wrong: str) -> None:
    assert BLOCK.count(right) == 1
    if "shift" in wrong:
        text = BLOCK.replace(", act: relu}", "}\n  - relu").replace(right, wrong)
    else:
        text = BLOCK.replace(right, wrong)
    check = compare(network(text).graph, Peer(Right(), "file", ""))[1]
    assert check.verdict == DIFFERS
    assert (check.note or "").startswith("differs by ")


def test_a_peer_without_its_statistics_differs() -> None:
    """Random statistics and affine parameters make it show."""

    class Plain(Right):
        def forward(self, x: torch.Tensor) -> Any:
            y = nn.functional.batch_norm(
                self.conv(x), self.bn.running_mean * 0, self.bn.running_var * 0 + 1, self.bn.weight, self.bn.bias
            )
            return self.fc(nn.functional.max_pool2d(y.relu(), 2).flatten(1))

    check = compare(network(BLOCK).graph, Peer(Plain(), "file", ""))[-1]
    assert check.verdict == DIFFERS


def test_values_that_are_no_numbers_differ() -> None:
    class Broken(Right):
        def forward(self, x: torch.Tensor) -> Any:
            return super().forward(x) * float("nan")

    check = compare(network(BLOCK).graph, Peer(Broken(), "file", ""))[1]
    assert (check.verdict, check.note) == (DIFFERS, "differs by nan of the scale")


@pytest.mark.parametrize(
    ("right", "wrong", "note"),
    [
        (
            "conv: 4, kernel: 3, pad: 1",
            "conv: 4, kernel: 5, pad: 2",
            "no partner for ours conv1.weight (4x3x5x5) and theirs conv.weight (4x3x3x3)",
        ),
        ("linear: 5", "linear: 6", "no partner for ours linear1.weight (6x256) and theirs fc.weight (5x256)"),
        ("norm: bn, ", "", "no partner for theirs bn.running_mean (4)"),
        ("linear: 5", "linear: 5}\n  - {linear: 5", "no partner for ours linear2.weight (5x5)"),
    ],
)
def test_weights_that_do_not_match_are_named(right: str, wrong: str, note: str) -> None:
    assert BLOCK.count(right) == 1
    checks = compare(network(BLOCK.replace(right, wrong)).graph, Peer(Right(), "file", ""))
    assert verdicts(checks) == [("weight tensors", DIFFERS)]
    assert checks[0].note == note


def test_what_was_constant_is_made_random() -> None:
    module = Right()
    with torch.no_grad():
        module.fc.weight.zero_()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    randomize(module)
    same = {name for name, tensor in module.state_dict().items() if torch.equal(tensor, before[name])}
    assert same == {"conv.weight", "bn.num_batches_tracked"}
    assert float(module.bn.running_var.min()) > 0


def test_tensors_come_in_the_order_of_first_use() -> None:
    found, result = used(Right().eval(), torch.randn(2, 3, 16, 16))
    assert [one.name for one in found] == [
        "conv.weight",
        "conv.bias",
        "bn.running_mean",
        "bn.running_var",
        "bn.weight",
        "bn.bias",
        "fc.weight",
        "fc.bias",
    ]
    assert result.shape == (2, 5)


# -- what peers return -----------------------------------------------------------------------------------------------

ONE, TWO = torch.ones(1), torch.zeros(2)


@pytest.mark.parametrize(
    "result",
    [
        (ONE, TWO),
        [ONE, [TWO]],
        {"logits": ONE, "aux": TWO},
        SimpleNamespace(logits=ONE, loss=None, aux=TWO),
        (ONE, None, "text", 3, (TWO,)),
    ],
)
def test_tensors_are_found_in_what_is_returned(result: Any) -> None:
    found = list(tensors_of(result))
    assert [id(tensor) for tensor in found] == [id(ONE), id(TWO)]


@pytest.mark.parametrize("wrap", [lambda y: (y, None), lambda y: {"logits": y}, lambda y: SimpleNamespace(logits=y)])
def test_a_peer_may_return_an_object(wrap: Callable[[torch.Tensor], Any]) -> None:
    class Wrapped(Right):
        def forward(self, x: torch.Tensor) -> Any:
            return wrap(super().forward(x))

    assert verdicts(compare(network(BLOCK).graph, Peer(Wrapped(), "file", ""))) == AGREES


def test_several_outputs_and_their_shapes() -> None:
    text = "input: [2, 4, 4]\nlayers: [{conv: 3, kernel: 1, name: a}, {conv: 2, kernel: 1, name: b}]\noutputs: [a, b]\n"

    class Two(nn.Module):
        def __init__(self, kind: str) -> None:
            super().__init__()
            self.kind = kind
            self.a = nn.Conv2d(2, 3, 1)
            self.b = nn.Conv2d(3, 2, 1)

        def forward(self, x: torch.Tensor) -> Any:
            y = self.a(x)
            z = self.b(y)
            return {"both": (y, z), "one": (y,), "flat": (y, z.flatten(1))}[self.kind]

    found = {kind: compare(network(text).graph, Peer(Two(kind), "file", ""))[1:] for kind in ("both", "one", "flat")}
    assert verdicts(found["both"]) == [("output 1", EQUAL), ("output 2", EQUAL)]
    assert found["one"][1][2:4] == ([2, 4, 4], None)
    assert (found["one"][1].verdict, found["one"][1].note) == (DIFFERS, "there is no output 2")
    assert found["flat"][1][2:4] == ([2, 4, 4], [32])
    assert found["flat"][1].verdict == DIFFERS


def test_the_generator_of_the_process_is_as_before() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    peer = Peer(Right(), "file", "")
    torch.manual_seed(3)
    compare(network(BLOCK).graph, peer)
    assert torch.equal(torch.rand(1), expected)


def test_both_have_to_fit_into_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_memory", lambda _: 20_000)
    with pytest.raises(EnvironmentFailure, match="but 10,000 are free"):
        compare(network(BLOCK).graph, Peer(Right(), "file", ""))


# -- peers that are not there ----------------------------------------------------------------------------------------

FORMS = "torchvision:NAME, timm:NAME or FILE.py:CLASS"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("resnet50", f"error: 'resnet50' is not the name of an implementation (hint: {FORMS})"),
        ("torchvision:", f"error: 'torchvision:' is not the name of an implementation (hint: {FORMS})"),
        (":resnet50", f"error: ':resnet50' is not the name of an implementation (hint: {FORMS})"),
        ("keras:ResNet50", f"error: unknown source 'keras' (hint: {FORMS})"),
        ("nowhere/net.py:Net", "error: there is no file 'nowhere/net.py'"),
    ],
)
def test_a_word_that_names_no_peer(word: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_peer(word, (3, 64, 64))
    assert str(caught.value) == message


def test_a_model_that_torchvision_has_not(torchvision: ModuleType) -> None:
    with pytest.raises(UsageError) as caught:
        find_peer("torchvision:resnet51", (3, 64, 64))
    assert str(caught.value).startswith("error: torchvision has no model 'resnet51' (hint: did you mean resnet")
    with pytest.raises(UsageError) as caught:
        find_peer("torchvision:vit_b_16", (3, 65, 65))
    assert str(caught.value).startswith("error: torchvision:vit_b_16 can't be made for 3x65x65: ")


def test_a_model_that_timm_has_not() -> None:
    pytest.importorskip("timm")
    with pytest.raises(UsageError, match=r"timm has no model 'resnet51' \(hint: did you mean resnet"):
        find_peer("timm:resnet51", (3, 64, 64))


@pytest.mark.parametrize("name", ["torchvision", "timm"])
def test_a_package_that_is_not_installed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str) -> Any:
        raise ModuleNotFoundError(f"No module named '{module}'", name=module)

    monkeypatch.setattr(room, "import_module", missing)
    room._torchvision.cache_clear()
    with pytest.raises(EnvironmentFailure) as caught:
        find_peer(f"{name}:resnet18", (3, 64, 64))
    room._torchvision.cache_clear()
    assert str(caught.value) == f"error: {name} is not installed (hint: pip install {name})"


def test_a_peer_that_does_not_take_the_input(torchvision: ModuleType) -> None:
    given = cnncalc.load("vit_b_16", {"patch": 8, "width": 96, "depth": 1, "heads": 3}, (3, 32, 32))
    theirs = torchvision.models.VisionTransformer(64, 8, 1, 3, 96, 384)
    with pytest.raises(UsageError) as caught:
        compare(given.graph, Peer(theirs, "file.py:Net", ""))
    assert str(caught.value).startswith("error: file.py:Net fails on 3x32x32: Wrong image height!")


# -- a user's file ---------------------------------------------------------------------------------------------------

FILE = """
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Result:
    logits: torch.Tensor


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.bn = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width * 64, 5)

    def forward(self, x):
        y = nn.functional.max_pool2d(self.bn(self.conv(x)).relu(), 2)
        return Result(self.fc(y.flatten(1)))


def make():
    return Net()


number = 3


class Failing(nn.Module):
    def __init__(self):
        raise ValueError("no\\nway")


class Needs(nn.Module):
    def __init__(self, width):
        super().__init__()
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "net.py"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


def test_the_name_of_a_file_is_printable(tmp_path: Path) -> None:
    path = tmp_path / "n\x1bet.py"
    path.write_text(FILE, encoding="utf-8")
    assert find_peer(f"{path}:Net", (3, 16, 16)).name == f"{tmp_path}/n\\x1bet.py:Net"


@pytest.mark.parametrize("name", ["Net", "make"])
def test_a_users_file(name: str, file: str) -> None:
    peer = find_peer(f"{file}:{name}", (3, 16, 16))
    assert verdicts(compare(network(BLOCK).graph, peer)) == AGREES
    assert (peer.name, peer.version) == (f"{file}:{name}", "")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Nte", "does not define 'Nte' (hint: did you mean Net?)"),
        ("number", "error: 'number' of "),
        ("Result", "fails: TypeError: Result.__init__() missing 1 required positional argument: 'logits'"),
        ("Failing", "fails: ValueError: no"),
        ("Needs", "fails: TypeError: Needs.__init__() missing 1 required positional argument: 'width'"),
        ("dataclass", "does not make a torch.nn.Module"),
    ],
)
def test_a_users_file_that_is_of_no_use(name: str, message: str, file: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_peer(f"{file}:{name}", (3, 16, 16))
    assert message in str(caught.value)


def test_a_users_file_with_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("class Net(:\n", encoding="utf-8")
    with pytest.raises(UsageError, match="fails: SyntaxError: invalid syntax"):
        find_peer(f"{path}:Net", (3, 16, 16))


@pytest.mark.parametrize("status", ["0", "7"])
def test_a_users_file_that_ends_the_process(
    status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(f"raise SystemExit({status})", encoding="utf-8")
    assert run_command(["verify", "lenet5", "--against", "net.py:Net"]) == 2
    assert capsys.readouterr() == ("", f"error: 'net.py' fails: SystemExit: {status}\n")


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command(tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "small.yaml"
    spec.write_text("cnncalc: 1\nname: small\n" + BLOCK, encoding="utf-8")
    quick = ["--skip", "fvcore", "--skip", "values"]
    assert run_command(["verify", str(spec), "--against", f"{file}:Net", *quick, "-f", "json"]) == 0
    checks = json.loads(capsys.readouterr().out)["networks"][0]["checks"]
    assert [(check["quantity"], check["verdict"]) for check in checks[-2:]] == AGREES
    spec.write_text("cnncalc: 1\nname: small\n" + BLOCK.replace("relu", "silu"), encoding="utf-8")
    assert run_command(["verify", str(spec), "--against", f"{file}:Net", *quick]) == 1
    out = capsys.readouterr().out
    assert f"\noutput ({file}:Net): differs by " in out
    assert out.endswith(" layers: differs: output\n")
    assert run_command(["verify", str(spec), "--against", "nowhere.py:Net"]) == 2
    assert capsys.readouterr().err == "error: there is no file 'nowhere.py'\n"


def test_the_help_says_that_a_file_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    run_command(["verify", "--help"])
    assert "The file is run." in " ".join(capsys.readouterr().out.split())
