"""What the graph says before anything runs: work and traffic of every layer in a pass, and the memory of a pass."""

from __future__ import annotations

from typing import NamedTuple

from cnncalc.analysis.report import Report
from cnncalc.counting import backward
from cnncalc.graph.graph import Graph, Node
from cnncalc.memory import peaks
from cnncalc.memory.cuda.allocator import AllocatorPeaks
from cnncalc.memory.cuda.gpu import reserve
from cnncalc.memory.cuda.workspaces import Libraries
from cnncalc.memory.simulate import Settings, simulate
from cnncalc.values import Assumptions, dtype_bytes, elements


class Layer(NamedTuple):
    """One operator in a pass: its MACs, and the bytes it has to read and write when each tensor moves once."""

    path: str
    op: str
    macs: int
    bytes: int


def layers(graph: Graph, batch: int, dtype: str, with_side: bool, training: bool) -> list[Layer]:
    """Every layer that is run.

    Training adds the backward pass (:mod:`cnncalc.counting.backward`): the gradient of the output, inputs and weights
    are read, the gradients of inputs and weights written.
    """
    size = dtype_bytes(dtype)
    given = Assumptions(batch, dtype, with_side=with_side, pass_="step" if training else "forward")
    macs = Report(graph, given).columns["macs"]
    needs = backward.needs(graph, with_side)
    found = []
    for node in graph.operators(with_side):
        weights = sum(map(elements, graph.signatures[node.signature].weights.values()))
        inputs = sum(_elements(graph.nodes[index]) for index in node.inputs) * batch
        output = _elements(node) * batch
        needed = needs[node.index]
        moved = inputs + weights + output
        if training and needed.output:
            moved += output + inputs + weights + weights + (inputs if needed.input else 0)
        found.append(Layer(node.path, node.op.name, macs[node.index], 0 if node.op.result == "view" else moved * size))
    return found


def weight_bytes(graph: Graph, dtype: str, with_side: bool) -> int:
    """Bytes of parameters and buffers."""
    run = _inference(graph, 1, dtype, with_side)
    return run.category("parameters") + run.category("buffers")


def live_bytes(graph: Graph, batch: int, dtype: str, with_side: bool) -> int:
    """The most bytes of values alive at once in inference, without parameters and buffers, which always are."""
    run = _inference(graph, batch, dtype, with_side)
    return run.peak.bytes - run.category("parameters") - run.category("buffers")


def reserved(
    graph: Graph, batch: int, dtype: str, with_side: bool, training: bool, libraries: Libraries
) -> AllocatorPeaks:
    """What PyTorch's allocator takes of a GPU for a pass, or for a step without an optimizer."""
    settings = Settings(training=training, dtype=dtype, with_side=with_side, device="cuda")
    run = simulate(graph, batch, settings)
    return reserve(run, graph, batch, settings, libraries).peaks


def _inference(graph: Graph, batch: int, dtype: str, with_side: bool) -> peaks.Run:
    return peaks.inference(graph, batch, Settings(dtype=dtype, with_side=with_side))


def _elements(node: Node) -> int:
    return elements(node.shape) * node.count
