"""Networks with several inputs, built, written, verified and measured: a tensor for each, in the order of the spec."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor, nn

from cnncalc import Network, source
from cnncalc.errors import EnvironmentFailure, UsageError
from cnncalc.torch_backend.build import build, inputs
from cnncalc.torch_backend.measure.passes import Settings
from cnncalc.torch_backend.measure.profile import profile
from cnncalc.torch_backend.onnx import export
from cnncalc.torch_backend.verify.against import Peer, compare
from cnncalc.torch_backend.verify.checks import EQUAL, verify
from tests.conftest import network
from tests.source.test_source import made

TWO = """
inputs:
  image: [3, 8, 8]
  text: {tokens: 5, features: 6}
layers:
  - {conv: 4, kernel: 3, from: image, norm: bn, act: relu}
  - global_avgpool
  - {flatten: [], name: seen}
  - {linear: 4, from: text}
  - {global_avgpool: [], name: read}
  - {concat: [seen, read]}
  - {linear: 3}
"""
#: names that are no arguments: a word of Python, that of the module itself, and two that come to one
HOSTILE = """
inputs:
  lambda: [4]
  self: [4]
  a-b: [4]
  a_b: [4]
  x: [4]
layers:
  - {add: [lambda, self]}
  - {mul: [prev, a-b, a_b, x]}
  - {linear: 2}
"""
#: no operator is needed to see that ids arrive
IDS = """
inputs: {image: [4], text: {tokens: 7, ids: 11}, one: {ids: 3}}
layers: [{linear: 2, from: image}]
outputs: [linear1, text, one]
"""
SPECS = {"two": TWO, "hostile": HOSTILE, "ids": IDS}


@pytest.fixture(params=SPECS)
def given(request: pytest.FixtureRequest) -> Network:
    return network(SPECS[request.param])


def arguments(module: nn.Module) -> list[str]:
    return list(inspect.signature(module.forward).parameters)


def test_arguments_have_the_names_of_the_inputs() -> None:
    wanted = [["image", "text"], ["lambda_", "self_", "a_b", "a_b_", "x"], ["image", "text", "one"], ["x"]]
    specs = [*SPECS.values(), "input: [4]\nlayers: [relu]"]
    for text, names in zip(specs, wanted, strict=True):
        graph = network(text).graph
        assert arguments(build(graph, "meta")) == arguments(made(source.write(graph), "meta")) == names


def test_what_is_written_gives_the_same(given: Network) -> None:
    built = build(given.graph, dtype="float64").eval()
    written = made(source.write(given.graph)).double().eval()
    written.load_state_dict(built.state_dict())
    xs = inputs(given.graph, 2, dtype=torch.float64)
    ours, theirs = built(*xs), written(*xs)
    pairs = zip(ours, theirs, strict=True) if isinstance(ours, tuple) else [(ours, theirs)]
    assert all(torch.equal(one, other) for one, other in pairs)


def test_ids_are_whole_numbers_below_a_limit() -> None:
    image, text, one = inputs(network(IDS).graph, 50, dtype=torch.float16)
    assert [(x.dtype, tuple(x.shape)) for x in (image, text, one)] == [
        (torch.float16, (50, 4)),
        (torch.int64, (50, 7)),
        (torch.int64, (50,)),
    ]
    assert (int(text.min()), int(text.max())) == (0, 10)
    assert (int(one.min()), int(one.max())) == (0, 2)


def test_a_written_file_tries_itself(capsys: pytest.CaptureFixture[str]) -> None:
    text = source.write(network(IDS).graph)
    assert "10 parameters; 8 MACs for inputs of 4, 7 ids and one id.\n" in text
    exec(compile(text, "written.py", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == "10 parameters\n(1, 2)\n(1, 7)\n(1,)\n"


@pytest.mark.parametrize("name", ["two", "hostile"])
def test_all_figures_agree(name: str) -> None:
    found = verify(network(SPECS[name]).graph, fvcore=True, values=True, memory=True)
    assert [check for check in found.checks if check.verdict != EQUAL] == []
    assert len(found.checks) == 12


@pytest.mark.parametrize("training", [False, True])
def test_they_are_measured(training: bool) -> None:
    settings = Settings(batches=(2,), training=training, repeat=1, seconds=0.0, channels_last=True, threads=1)
    data = profile(network(TWO).graph, settings, "cnncalc profile two")
    rows = {row["quantity"]: (row["measured"], row["predicted"]) for row in data["runs"][0]["compared"]}
    assert [quantity for quantity, (measured, predicted) in rows.items() if measured != predicted] == []
    assert len(rows) == 6
    assert len(data["layers"]) == 9


def test_an_output_without_classes_is_not_trained() -> None:
    settings = Settings(training=True, repeat=1, seconds=0.0, threads=1)
    with pytest.raises(EnvironmentFailure, match=r"PyTorch can't run .* for training in float32 on cpu: "):
        profile(network(IDS).graph, settings, "cnncalc profile ids")


def test_channels_last_needs_an_image_among_them() -> None:
    with pytest.raises(UsageError, match="channels last is an order of images"):
        profile(network(HOSTILE).graph, Settings(channels_last=True), "cnncalc profile hostile")


class Peer2(nn.Module):
    """What TWO describes, by hand; ``swapped`` takes the inputs in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.linear = nn.Linear(6, 4)
        self.last = nn.Linear(8, 3)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        seen = self.norm(self.conv(image)).relu().mean((2, 3))
        return self.last(torch.cat([seen, self.linear(text).mean(1)], 1))


class Swapped(Peer2):
    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        return super().forward(text, image)


def test_another_implementation_takes_them_in_this_order() -> None:
    graph = network(TWO).graph
    assert [check.verdict for check in compare(graph, Peer(Peer2(), "file", ""))] == [EQUAL, EQUAL]
    with pytest.raises(UsageError, match="file fails on 3x8x8 and 5x6: "):
        compare(graph, Peer(Swapped(), "file", ""))


def test_onnx_has_them_by_name() -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    model = onnx.load_from_string(export(network(TWO).graph, 18))
    onnx.checker.check_model(model)
    shapes = [
        (value.name, [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim])
        for value in model.graph.input
    ]
    assert shapes == [("image", ["batch", 3, 8, 8]), ("text", ["batch", 5, 6])]
