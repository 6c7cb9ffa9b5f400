"""What a network takes of memory: the most that is alive at once in inference and in training, when, and what it is."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

from cnncalc.columns import ALIVE, SAVED
from cnncalc.graph.graph import Graph
from cnncalc.memory import layer_order
from cnncalc.memory.simulate import Settings, Trace, trace
from cnncalc.values import elements

#: storages that are named at a peak, and the kinds that are there throughout and are not
LARGEST = 5
LASTING = ("parameters", "buffers", "optimizer")


class Held(NamedTuple):
    """A storage: its kind (:data:`~cnncalc.memory.simulate.KINDS`), where it was taken, and its bytes."""

    kind: str
    phase: str
    layer: int
    bytes: int


class Moment(NamedTuple):
    """A layer in a phase, and the most bytes alive while it runs."""

    phase: str
    layer: int
    bytes: int


class Peak(NamedTuple):
    """The most bytes alive at once: the phase and layer in which they first are, their kinds, the largest of
    them that are not :data:`LASTING`.
    """

    bytes: int
    phase: str
    layer: int
    parts: dict[str, int]
    largest: list[Held]


class Run:
    """What a pass of inference, or a step of training, has alive at a batch."""

    def __init__(self, run: Trace, batch: int) -> None:
        self.trace = run
        self.batch = batch

    @cached_property
    def timeline(self) -> list[Moment]:
        """Layer by layer, as they run; what is there before the pass is the first."""
        alive = self.trace.timeline(self.batch)
        marks = self.trace.marks
        ends = [*[begin for begin, _, _ in marks[1:]], len(alive)]
        found: list[Moment] = []
        for (begin, phase, layer), end in zip(marks, ends, strict=True):
            before = alive[begin - 1] if begin else 0
            if phase == "start":
                found = [Moment(phase, 0, alive[end - 1] if end else 0)]
                continue
            if begin == end and phase != (found[-1].phase if found else ""):
                continue  # where a phase begins, before its first layer
            moment = Moment(phase, layer, max(before, *alive[begin:end]) if end > begin else before)
            if found and found[-1][:2] == moment[:2]:
                moment = max(found.pop(), moment)
            found.append(moment)
        return found

    @cached_property
    def peak(self) -> Peak:
        """The moment at which most is alive, the first of several."""
        run = self.trace
        event = run.highest(self.batch)
        storages = run.alive(event)
        phase, layer = run.origins[run.events[event]]
        transient = [self.held(number) for number in storages if run.kinds[number] not in LASTING]
        largest = sorted(transient, key=lambda held: -held.bytes)[:LARGEST]
        parts = run.by_kind(self.batch, storages)
        return Peak(sum(parts.values()), phase, layer, parts, largest)

    def held(self, number: int) -> Held:
        run = self.trace
        return Held(run.kinds[number], *run.origins[number], run.sizes[number].at(self.batch))

    def kind(self, name: str) -> int:
        """Bytes of all storages of a kind that lives as long as the run does: parameters, buffers, gradients, ..."""
        run = self.trace
        sizes = zip(run.sizes, run.kinds, strict=True)
        return sum(size.at(self.batch) for size, kind in sizes if kind == name)

    @cached_property
    def saved(self) -> list[Held]:
        """What the backward pass keeps at the end of the forward pass, other than parameters and buffers."""
        run = self.trace
        there = run.alive(run.forward_end - 1)
        return [
            self.held(number)
            for number in there
            if any(phase == "forward" for phase, _ in run.saved.get(number, ()))
            and run.kinds[number] not in ("parameters", "buffers")
        ]


class Footprint:
    """A network's memory at a batch; ``training`` is None unless it was asked for. ``order`` is that of
    inference, None where it runs in the network's own. ``refused`` is the layer at which PyTorch refuses that, see
    :func:`refused`.
    """

    def __init__(
        self,
        graph: Graph,
        inference: Run,
        training: Run | None = None,
        order: layer_order.LayerOrder | None = None,
        refused: int | None = None,
    ) -> None:
        self._graph = graph
        self.inference = inference
        self.training = training
        self.order = order
        self.refused = refused

    @property
    def totals(self) -> dict[str, int | None]:
        """By the names of the JSON; what training alone has is None where there is none."""
        training = self.training
        return {
            "inference_memory_bytes": self.inference.peak.bytes,
            "training_memory_bytes": training.peak.bytes if training else None,
            "saved_bytes": sum(held.bytes for held in training.saved) if training else None,
            "parameter_bytes": self.inference.kind("parameters"),
            "buffer_bytes": self.inference.kind("buffers"),
            "gradient_bytes": training.kind("gradients") if training else None,
            "optimizer_bytes": training.kind("optimizer") if training else None,
        }

    @property
    def columns(self) -> dict[str, list[int]]:
        """A value for every node: :data:`~cnncalc.columns.ALIVE`, of the forward pass, and in training ``SAVED``."""
        run = self.training or self.inference
        alive = [0] * len(self._graph.nodes)
        for moment in run.timeline:
            if moment.phase in ("start", "forward"):
                alive[moment.layer] = max(alive[moment.layer], moment.bytes)
        if self.training is None:
            return {ALIVE.name: alive}
        saved = [0] * len(alive)
        for held in self.training.saved:
            saved[held.layer] += held.bytes
        return {SAVED.name: saved, ALIVE.name: alive}


def measure(graph: Graph, batch: int, settings: Settings, best_order: bool = False) -> Footprint:
    """The memory of inference and, where ``settings`` ask for it, of a step of training.

    With ``best_order`` inference runs the layers in the order with the lowest peak that is found.

    Raises:
        UsageError: training in a data type without gradients.
    """
    trained = training(graph, batch, settings) if settings.training else None
    order = layer_order.lowest(graph, batch, settings) if best_order else None
    run = Run(order.run, batch) if order else inference(graph, batch, settings)
    return Footprint(graph, run, trained, order, refused(graph, batch, settings))


def refused(graph: Graph, batch: int, settings: Settings) -> int | None:
    """The first layer that would normalize one value of each channel by itself, which PyTorch refuses; None without.

    That is a batch norm in training, over samples and positions (``_verify_batch_size`` of torch.nn.functional), and an
    instance norm at any time, over positions (``_verify_spatial_size``).
    """
    refusing = ("bn", "instancenorm") if settings.training else ("instancenorm",)
    for node in graph.nodes:
        samples = batch * node.count if node.op.name == "bn" else 1
        alone = node.op.name in refusing and samples * elements(node.shape[1:]) == 1
        if alone and (node.side is None or settings.with_side):
            return node.index
    return None


def inference(graph: Graph, batch: int, settings: Settings) -> Run:
    """A pass of inference."""
    return Run(trace(graph, batch, settings._replace(training=False)), batch)


def training(graph: Graph, batch: int, settings: Settings) -> Run:
    """A step of training.

    Raises:
        UsageError: a data type without gradients.
    """
    return Run(trace(graph, batch, settings._replace(training=True)), batch)


def kept_by(run: Run, layer: int) -> list[Held]:
    """What the forward pass of one layer keeps for the backward pass, parameters among it; each storage once."""
    return [run.held(number) for number, keepers in run.trace.saved.items() if ("forward", layer) in keepers]
