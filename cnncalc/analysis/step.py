"""A pass of inference, or a step of training, as storages that are taken and given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from cnncalc.analysis.memory import overwritten
from cnncalc.graph import Graph, Node
from cnncalc.tape.engine import Leaf, Size, Value
from cnncalc.tape.tape import Tape
from cnncalc.values import dtype_bytes

#: buffers that hold whole numbers of 8 bytes, whatever the data type of the network
WHOLE_BUFFERS = ("num_batches_tracked", "relative_position_index")
#: the kinds of storages, and what each is
KINDS: Mapping[str, str] = {
    "parameters": "learned tensors",
    "buffers": "tensors that are kept but not learned",
    "input": "the network's input, and in training the target classes",
    "saved": "values that the backward pass needs",
    "activations": "other values of the forward pass and the loss",
    "gradients": "gradients of parameters",
    "passing": "gradients of activations, and what else lives in the backward pass alone",
    "optimizer": "the optimizer's state, and its temporaries",
}


class Settings(NamedTuple):
    """What is run: with ``training``, a forward pass, cross entropy, and the backward pass; otherwise inference.

    Several outputs have the sum of their cross entropies as loss. ``adds_in_place`` is how gradients of a value with
    several readers are summed: into the first where possible, as PyTorch does, or, as under a tracker, never.
    """

    training: bool = False
    dtype: str = "float32"
    with_side: bool = False
    in_place: bool = True
    adds_in_place: bool = True


class Trace(NamedTuple):
    """What a run did to memory.

    ``sizes``, ``kinds`` (see :data:`KINDS`) and ``origins`` (phase, index of the layer) are of each storage; an event
    is the number of one that is taken, or ``~number`` of one that is given back. Phases are start, forward, loss,
    backward and optimizer. ``outputs`` is how many events there are up to the end of the forward pass.
    """

    sizes: Sequence[Size]
    kinds: Sequence[str]
    origins: Sequence[tuple[str, int]]
    events: Sequence[int]
    forward_end: int

    def timeline(self, batch: int) -> list[int]:
        """Bytes alive after each event."""
        sizes = [size.at(batch) for size in self.sizes]
        return list(accumulate(sizes[event] if event >= 0 else -sizes[~event] for event in self.events))

    def peak(self, batch: int) -> int:
        """The most bytes alive at once."""
        return max(self.timeline(batch))

    def highest(self, batch: int) -> int:
        """The index of the event that makes the peak, the first of several."""
        alive = self.timeline(batch)
        return alive.index(max(alive))

    def alive(self, event: int) -> list[int]:
        """The storages alive after an event, by its index."""
        there: dict[int, None] = {}
        for number in self.events[: event + 1]:
            if number >= 0:
                there[number] = None
            else:
                del there[~number]
        return list(there)

    def by_kind(self, batch: int, storages: Sequence[int]) -> dict[str, int]:
        """Bytes of some storages by kind, none of them 0."""
        found = dict.fromkeys(KINDS, 0)
        for number in storages:
            found[self.kinds[number]] += self.sizes[number].at(batch)
        return {kind: size for kind, size in found.items() if size}


def trace(graph: Graph, batch: int, settings: Settings) -> Trace:
    """Runs the network over sizes.

    What it does is the same at every batch above 1, where sizes are :class:`~cnncalc.tape.engine.Size`; with one sample
    some copies are views, so that its trace is its own.
    """
    tape = Tape(min(batch, 2), dtype_bytes(settings.dtype), settings.adds_in_place)
    return _Run(graph, settings, tape).trace()


class _Run:
    def __init__(self, graph: Graph, settings: Settings, tape: Tape) -> None:
        self.graph = graph
        self.settings = settings
        self.tape = tape
        self.kinds: dict[int, str] = {}
        self.weights: dict[int, dict[str, Value]] = {}
        self.buffers: dict[int, dict[str, Value]] = {}
        self.nodes = [node for node in graph.nodes if settings.with_side or node.side is None]
        self.ends = [*graph.outputs, *([side.output for side in graph.sides] if settings.with_side else [])]

    def trace(self) -> Trace:
        tape = self.tape
        tape.training = tape.records = self.settings.training
        tape.phase = "start"
        for node in self.nodes[1:]:
            self._place(node)
        tape.layer = 0
        x = self._mark(tape.new((tape.batch, *self.graph.nodes[0].shape)), "input")
        targets = self._targets() if self.settings.training else []
        tape.phase = "forward"
        outputs = self._forward(x)
        forward_end = len(tape.events)
        if targets:
            tape.phase = "loss"
            loss = self._loss(outputs, targets)
            tape.phase = "backward"
            tape.backward(loss)
        events = list(tape.events)  # what is freed from here on is no part of the run
        return Trace(tape.storages, self._kinds(), tape.origins, events, forward_end)

    def _kinds(self) -> list[str]:
        """The kind of every storage."""
        by_phase = {"forward": "activations", "loss": "activations", "backward": "passing", "optimizer": "optimizer"}
        kinds = dict(self.kinds)
        for weights in self.weights.values():
            for value in weights.values():
                leaf = value.edge.node if value.edge else None
                if isinstance(leaf, Leaf) and leaf.grad is not None:
                    kinds[leaf.grad.storage.number] = "gradients"
        for number in self.tape.saved:
            kinds.setdefault(number, "saved")
        return [kinds.get(number) or by_phase[phase] for number, (phase, _) in enumerate(self.tape.origins)]

    def _mark(self, value: Value, kind: str) -> Value:
        self.kinds[value.storage.number] = kind
        return value

    def _place(self, node: Node) -> None:
        """The parameters and buffers of a layer."""
        if node.shared is not None:
            self.weights[node.index] = self.weights[node.shared]
            self.buffers[node.index] = self.buffers[node.shared]
            return
        tape = self.tape
        tape.layer = node.index
        kind = self.graph.kinds[node.kind]
        self.weights[node.index] = {
            name: self._mark(tape.parameter(shape), "parameters") for name, shape in kind.weights.items()
        }
        self.buffers[node.index] = {
            name: self._mark(tape.new(shape, scales=False, itemsize=_buffer_bytes(name)), "buffers")
            for name, shape in node.op.buffers(*kind.inputs).items()
        }

    def _targets(self) -> list[Value]:
        """For every output, a class for each place."""
        found = []
        for end in self.ends:
            node = self.graph.nodes[end]
            self.tape.layer = end
            shape = (self.tape.batch * node.count, *node.shape[1:])
            found.append(self._mark(self.tape.new(shape, itemsize=8), "input"))
        return found

    def _forward(self, x: Value) -> list[Value]:
        """The outputs; every other value is let go after its last use, the input never."""
        tape = self.tape
        replaced = overwritten(self.graph, self.settings.with_side) if self.settings.in_place else None
        last = {index: node.index for node in self.nodes for index in node.inputs}
        last.update(dict.fromkeys(self.ends, -1))
        values: dict[int, Value] = {0: x}
        for node in self.nodes[1:]:
            inputs = list(node.inputs)
            first = replaced[node.index] if replaced else None
            if first is not None:
                inputs.remove(first)
                inputs.insert(0, first)
            tape.in_place = first is not None
            tape.layer = node.index
            tape.weights = self.weights[node.index]
            tape.buffers = self.buffers[node.index]
            values[node.index] = node.op.run(tape, *[values[index] for index in inputs])
            for index in {*node.inputs, node.index}:
                if last.get(index, node.index) == node.index:
                    del values[index]
        return [values[end] for end in self.ends]

    def _loss(self, outputs: Sequence[Value], targets: Sequence[Value]) -> Value:
        tape = self.tape
        tape.in_place = False
        losses: list[Value] = []
        for end, output, target in zip(self.ends, outputs, targets, strict=True):
            tape.layer = end
            single = tape.cross_entropy(output, target)
            losses = [tape.add(losses[0], single) if losses else single]
        return losses[0]


def _buffer_bytes(name: str) -> int | None:
    """Bytes of a value of a buffer, None where the network's data type has them."""
    return 8 if name.rpartition(".")[2] in WHOLE_BUFFERS else None
