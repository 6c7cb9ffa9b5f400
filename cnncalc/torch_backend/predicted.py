"""What the graph says before anything runs: work and traffic of every layer in a pass, and the memory of a pass."""

from __future__ import annotations

from typing import NamedTuple

from cnncalc.analysis.memory import overwritten
from cnncalc.graph import Graph, Node
from cnncalc.network import Network
from cnncalc.values import dtype_bytes, elements

#: buffers that hold whole numbers of 8 bytes, whatever the data type of the network
WHOLE_BUFFERS = ("num_batches_tracked", "relative_position_index")


class Layer(NamedTuple):
    """One operator in a pass: its MACs, and the bytes it has to read and write when each tensor moves once."""

    path: str
    op: str
    macs: int
    bytes: int


def counted(network: Network, with_side: bool) -> list[Node]:
    """The nodes that are run, without the input."""
    return [node for node in network.graph.nodes[1:] if with_side or node.side is None]


def layers(network: Network, batch: int, dtype: str, with_side: bool, training: bool) -> list[Layer]:
    """Every layer that is run.

    Training adds the backward pass. The gradients of inputs and weights are as many MACs as the output each; those
    of the network's input are not computed. The gradient of the output, inputs and weights are read, the gradients
    of inputs and weights written.
    """
    size = dtype_bytes(dtype)
    graph = network.graph
    macs = network.analyze(batch, dtype, with_side=with_side).columns["macs"]
    needs = _needing_gradients(graph) if training else [False] * len(graph.nodes)
    found = []
    for node in counted(network, with_side):
        weights = sum(map(elements, graph.kinds[node.kind].weights.values()))
        inputs = sum(_elements(graph.nodes[index]) for index in node.inputs) * batch
        output = _elements(node) * batch
        passed = any(needs[index] for index in node.inputs)
        moved = inputs + weights + output
        if needs[node.index]:
            moved += output + inputs + weights + weights + (inputs if passed else 0)
        work = macs[node.index] * (1 + (needs[node.index] and bool(weights)) + passed)
        found.append(Layer(node.path, node.op.name, work, 0 if node.op.result == "view" else moved * size))
    return found


def weight_bytes(network: Network, dtype: str, with_side: bool) -> int:
    """Bytes of parameters and buffers."""
    size = dtype_bytes(dtype)
    graph = network.graph
    total = 0
    for node in counted(network, with_side):
        if node.shared is None:
            kind = graph.kinds[node.kind]
            total += size * sum(map(elements, kind.weights.values()))
            for name, shape in kind.op.buffers(*kind.inputs).items():
                total += elements(shape) * (8 if name.rpartition(".")[2] in WHOLE_BUFFERS else size)
    return total


def live_bytes(network: Network, batch: int, dtype: str, with_side: bool) -> int:
    """The most bytes of values alive at once in inference: each is freed after its last use, the input never."""
    graph = network.graph
    nodes = [graph.nodes[0], *counted(network, with_side)]
    home = _storages(graph, with_side)
    kept = [*graph.outputs, *([side.output for side in graph.sides] if with_side else []), 0]
    last = {home[index]: len(graph.nodes) for index in kept}
    for node in nodes:
        for index in (*node.inputs, node.index):
            last[home[index]] = max(last.get(home[index], 0), node.index)
    ending: dict[int, list[int]] = {}
    for storage, end in last.items():
        ending.setdefault(end, []).append(storage)
    alive = most = 0
    for node in nodes:
        if home[node.index] == node.index:
            alive += _elements(node)
        most = max(most, alive)
        alive -= sum(_elements(graph.nodes[storage]) for storage in ending.get(node.index, ()))
    return most * batch * dtype_bytes(dtype)


def _elements(node: Node) -> int:
    return elements(node.shape) * node.count


def _storages(graph: Graph, with_side: bool) -> list[int]:
    """For every node, the one whose memory its value lies in."""
    replaced = overwritten(graph, with_side)
    home: list[int] = []
    for node in graph.nodes:
        source = replaced[node.index]
        if source is None and node.op.result == "view":
            source = node.inputs[0]
        home.append(node.index if source is None else home[source])
    return home


def _needing_gradients(graph: Graph) -> list[bool]:
    """Whether training computes the gradient of each value."""
    needs: list[bool] = []
    for node in graph.nodes:
        needs.append(bool(graph.kinds[node.kind].weights) or any(needs[index] for index in node.inputs))
    return needs
