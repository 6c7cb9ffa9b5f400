"""What PyTorch refuses to normalize, held against PyTorch."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch

import cnncalc
from cnncalc.memory.peaks import refused
from cnncalc.memory.simulate import Settings
from cnncalc.torch_backend.build import build

SPEC = """\
cnncalc: 1
name: one
input: INPUT
layers:
  - {conv: 4, kernel: 1, norm: NORM, name: maps}
  - global_avgpool
  - {conv: 4, kernel: 1, norm: NORM, name: one}
"""
LINEAR = "cnncalc: 1\nname: one\ninput: INPUT\nlayers:\n  - {linear: 4, norm: NORM, name: one}\n"


def test_regions_are_samples_of_their_own(tmp_path: Path) -> None:
    """PyTorch has them as its batch: two of one image are normalized, a single one is refused."""
    path = tmp_path / "regions.yaml"
    for batch, regions, at in ((1, 1, "norm"), (1, 2, None), (2, 2, None)):
        layers = f"[{{roi_align: {regions}, size: 1}}, {{bn: [], name: norm}}]"
        path.write_text(f"{{cnncalc: 1, name: regions, input: [3, 8, 8], layers: {layers}}}", "utf-8")
        graph = cnncalc.load(str(path)).graph
        found = refused(graph, batch, Settings(training=True))
        assert found == at


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    ("input_", "norm"),
    [
        *product(("[3, 5]", "[3, 5, 5]", "[3, 2, 5, 5]"), ("bn", "instancenorm", "layernorm")),
        ("[3]", "bn"),
        ("[3]", "layernorm"),
        *product(("{tokens: 1, features: 3}", "{tokens: 5, features: 3}"), ("bn", "instancenorm")),
    ],
)
def test_as_pytorch_does(tmp_path: Path, input_: str, norm: str, batch: int, training: bool) -> None:
    spec = (LINEAR if input_ == "[3]" or "tokens" in input_ else SPEC).replace("INPUT", input_)
    path = tmp_path / "one.yaml"
    path.write_text(spec.replace("NORM", norm), "utf-8")
    if norm == "instancenorm" and input_ != "{tokens: 5, features: 3}":  # at any time, so it is no network
        message = "normalizes each channel over space, but has a single value of each, which PyTorch refuses"
        with pytest.raises(cnncalc.SpecError, match=message):
            cnncalc.load(str(path))
        with pytest.raises(ValueError, match="Expected more than 1"):
            torch.nn.InstanceNorm1d(3).train(training)(torch.zeros(batch, 3, 1))
        return
    network = cnncalc.load(str(path))
    module = build(network.graph, device="cpu").train(training)
    at = refused(network.graph, batch, Settings(training))
    x = torch.zeros(batch, *network.graph.nodes[0].shape)
    if at is None:
        module(x)
    else:
        assert at == f"one.{norm}"
        with pytest.raises(ValueError, match="Expected more than 1"):
            module(x)
