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
#: one tower for both images
SIAMESE = """
inputs: {left: [1, 28, 28], right: [1, 28, 28]}
blocks:
  Tower:
    layers:
      - {conv: 8, kernel: 5, act: relu}
      - {maxpool: 2}
      - flatten
      - {linear: 16}
layers:
  - {Tower: [], from: left, name: one}
  - {Tower: [], from: right, name: other, shared: one}
  - {mul: [one, other]}
  - {linear: 2}
"""
#: appearance, and ten fields of motion
TWO_STREAM = """
inputs: {frame: [3, 32, 32], motion: [20, 32, 32]}
layers:
  - {conv: 8, kernel: 3, stride: 2, norm: bn, act: relu, from: frame}
  - global_avgpool
  - {flatten: [], name: spatial}
  - {conv: 8, kernel: 3, stride: 2, norm: bn, act: relu, from: motion}
  - global_avgpool
  - {flatten: [], name: temporal}
  - {concat: [spatial, temporal]}
  - {linear: 5}
"""
IMAGE_AND_TEXT = """
inputs: {image: [3, 64, 64], text: {tokens: 77, features: 512}}
layers:
  - {conv: 32, kernel: 16, stride: 16, from: image, name: patches}
  - {tokens: [], name: seen}
  - {linear: 32, from: text, name: words}
  - {concat: [seen, words], axis: tokens}
  - {attention: 4}
  - layernorm
  - global_avgpool
  - {linear: 10}
"""
SPECS = {
    "two": TWO,
    "hostile": HOSTILE,
    "ids": IDS,
    "siamese": SIAMESE,
    "two_stream": TWO_STREAM,
    "image_and_text": IMAGE_AND_TEXT,
}
#: parameters, MACs and sizes of the inputs, by hand
FIGURES = {
    # 8 kernels of 25 and a bias, 24*24 places; 8*12*12 values to 16; the tower runs twice on weights counted once
    "siamese": (
        8 * 25 + 8 + 1152 * 16 + 16 + 16 * 2 + 2,
        2 * (24 * 24 * 8 * 25 + 1152 * 16) + 16 * 2,
        {"left": [1, 28, 28], "right": [1, 28, 28]},
    ),
    # 15*15 places of a stride of 2; the norm has 2 for each channel
    "two_stream": (
        8 * 9 * (3 + 20) + 2 * 8 * 2 + 16 * 5 + 5 + 2 * 8,
        15 * 15 * 8 * 9 * (3 + 20) + 16 * 5,
        {"frame": [3, 32, 32], "motion": [20, 32, 32]},
    ),
    # 16 patches of 16*16*3 values and 77 words of 512 make 93 tokens of 32; attention projects them 4 times, and
    # multiplies 93*93 pairs twice
    "image_and_text": (
        32 * 768 + 32 + 512 * 32 + 32 + 4 * (32 * 32 + 32) + 2 * 32 + 32 * 10 + 10,
        16 * 32 * 768 + 77 * 512 * 32 + 4 * 93 * 32 * 32 + 2 * 93 * 93 * 32 + 32 * 10,
        {"image": [3, 64, 64], "text": [77, 512]},
    ),
}


@pytest.fixture(params=SPECS)
def given(request: pytest.FixtureRequest) -> Network:
    return network(SPECS[request.param])


def arguments(module: nn.Module) -> list[str]:
    return list(inspect.signature(module.forward).parameters)


def test_arguments_have_the_names_of_the_inputs() -> None:
    wanted = [["image", "text"], ["lambda_", "self_", "a_b", "a_b_", "x"], ["image", "text", "one"]]
    wanted += [[*sizes] for _, _, sizes in FIGURES.values()] + [["x"]]
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


@pytest.mark.parametrize("name", FIGURES)
def test_they_are_analyzed(name: str) -> None:
    report = network(SPECS[name]).analyze()
    found = (report.totals["params"], report.totals["macs"], report.assumptions["input"])
    assert found == FIGURES[name]
    assert [row.path for row in report.layers if row.op == "input"] == [*FIGURES[name][2]]


@pytest.mark.parametrize("name", ["two", "hostile", *FIGURES])
def test_all_figures_agree(name: str) -> None:
    found = verify(network(SPECS[name]).graph, fvcore=True, values=True, memory=True)
    limits = [(check.peer, check.quantity) for check in found.checks if check.verdict != EQUAL and not check.layer]
    assert limits == ([("fvcore", "activations")] if name == "image_and_text" else [])  # products inside attention
    assert found.agrees
    assert len([check for check in found.checks if not check.layer]) == 12


#: bytes that kernels of inference take inside themselves at batch 2, where no tracker sees them: the indices of a pool
#: of maxima
INSIDE = {"siamese": 2 * 8 * 12 * 12 * 8}


@pytest.mark.parametrize("name", ["two", *FIGURES])
@pytest.mark.parametrize("training", [False, True])
def test_they_are_measured(training: bool, name: str) -> None:
    settings = Settings(batches=(2,), training=training, repeat=1, seconds=0.0, channels_last=True, threads=1)
    given = network(SPECS[name])
    data = profile(given.graph, settings, "cnncalc profile two")
    rows = {row["quantity"]: (row["measured"], row["predicted"]) for row in data["runs"][0]["compared"]}
    off = {quantity: predicted - measured for quantity, (measured, predicted) in rows.items() if measured != predicted}
    if name == "siamese":
        assert off.pop("activation_bytes") == 2 * -2 * 8 * 12 * 12 * 4  # flatten copies maps whose channels lie last
    if not training and name in INSIDE:
        assert off.pop("memory_bytes") == INSIDE[name]
    assert off == {}
    assert len(rows) == 6
    assert len(data["layers"]) == len(given.graph.operators())


def test_an_output_without_classes_is_not_trained() -> None:
    settings = Settings(training=True, repeat=1, seconds=0.0, threads=1)
    with pytest.raises(EnvironmentFailure, match=r"PyTorch can't run .* for training in float32 on cpu: "):
        profile(network(IDS).graph, settings, "cnncalc profile ids")


def test_channels_last_needs_an_image_among_them() -> None:
    with pytest.raises(UsageError, match="channels last needs images, and no input is one"):
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
