"""What training keeps of a layer, in symbols: worth what the step keeps, and by hand."""

from __future__ import annotations

import pytest

import cnncalc
from cnncalc.derivation import Formulas
from cnncalc.memory.peaks import kept_by, training
from cnncalc.memory.simulate import Settings
from cnncalc.render.formula import write
from cnncalc.values import Assumptions
from tests.conftest import network
from tests.derivation.test_derivation import by_quantity

NETWORKS = (
    "resnet18",
    "googlenet",
    "mobilenet_v3_small",
    "densenet121",
    "vit_b_16",
    "swin_t",
    "convnext_tiny",
    "lenet5",
)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of_a_network(name: str, batch: int) -> None:
    graph = cnncalc.load(name).graph
    formulas = Formulas(graph, Assumptions(batch, "float16", with_side=True))
    run = training(graph, batch, Settings(dtype="float16", with_side=True))
    for node in graph.nodes:
        line = formulas.saved(node.index)
        held = [one.bytes for one in kept_by(run, node.index) if one.category not in ("parameters", "buffers")]
        assert by_quantity([line]) == {"saved_bytes": sum(held)}, node.path
        assert (line.note == "nothing is kept") == (not held)


LAYERS = """
input: [3, 8, 8]
layers:
  - {conv: 4, kernel: 3, pad: 1, norm: bn, act: relu, name: c}
  - {conv: 4, kernel: 1, act: hardswish, name: d}
  - {maxpool: 2, name: pool}
  - {add: {f: [{conv: 4, kernel: 1, name: e}], skip: identity}, name: sum}
  - flatten
  - {dropout: 0.5, name: drop}
  - {linear: 5, name: fc}
"""


@pytest.mark.parametrize(
    ("path", "symbols", "numbers", "note"),
    [
        ("c", "h_in*w_in*c_in*n*b", "8*8*3*2*4", "the network's input"),
        ("c.bn", "h_in*w_in*c_in*n*b + 2*c_in*b", "8*8*4*2*4 + 2*4*4", "the values of c, mean and deviation"),
        ("c.relu", "h_in*w_in*c_in*n*b", "8*8*4*2*4", "its output, which lies over the values of c.bn"),
        ("d", "h_in*w_in*c_in*n*b", "8*8*4*2*4", "the values of c.bn"),
        ("d.hardswish", "h_out*w_out*c_out*n*b", "8*8*4*2*4", "a copy of its input, which is overwritten"),
        (
            "pool",
            "h_in*w_in*c_in*n*b + h_out*w_out*c_out*n*8",
            "8*8*4*2*4 + 4*4*4*2*8",
            "the values of d, where each maximum was found, 8 bytes each",
        ),
        ("sum", "0", "0", "nothing is kept"),
        ("flatten1", "0", "0", "nothing is kept"),
        ("drop", "f_out*n", "64*2", "the mask of dropout"),
        ("fc", "f_in*n*b", "64*2*4", "the values of drop"),
    ],
)
def test_by_hand(path: str, symbols: str, numbers: str, note: str) -> None:
    graph = network(LAYERS).graph
    line = Formulas(graph, Assumptions(2)).saved(next(node.index for node in graph.nodes if node.path == path))
    assert (write(line.expression, False), write(line.expression, True), line.note) == (symbols, numbers, note)
