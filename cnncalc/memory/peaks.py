"""What a network takes of memory: the most that is alive at once in inference and in training, when, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from cnncalc import rendered, units
from cnncalc.analysis.report import Report
from cnncalc.columns import ALIVE, SAVED
from cnncalc.graph.graph import Graph
from cnncalc.memory import layer_order
from cnncalc.memory.cuda.gpu import Gpu, Reserved, reserve
from cnncalc.memory.simulate import Settings, Trace, simulate
from cnncalc.values import elements

#: how many storages are named at a peak, and the categories that are there throughout and are not named
LARGEST = 5
LASTING = ("parameters", "buffers", "optimizer")


class Held(NamedTuple):
    """A storage: its category (:data:`~cnncalc.memory.simulate.STORAGE_CATEGORIES`), the phase and the index of the
    layer in which it was taken, its bytes, and the layer's path.
    """

    category: str
    phase: str
    layer: int
    bytes: int
    path: str


class Moment(NamedTuple):
    """A layer in a phase, the most bytes alive while it runs, and its path."""

    phase: str
    layer: int
    bytes: int
    path: str


class Peak(NamedTuple):
    """The most bytes alive at once: the phase and layer in which they first are, the bytes of each category, the
    largest storages that are not :data:`LASTING`, and the layer's path.
    """

    bytes: int
    phase: str
    layer: int
    parts: dict[str, int]
    largest: list[Held]
    path: str


class Run:
    """What a pass of inference, or a step of training, has alive at a batch."""

    def __init__(self, graph: Graph, run: Trace, batch: int) -> None:
        self.graph = graph
        self.trace = run
        self.batch = batch

    def __repr__(self) -> str:
        return f"<Run of {self.graph.name} at batch {self.batch:,}: {units.decimal_bytes(self.peak.bytes)}>"

    @cached_property
    def timeline(self) -> list[Moment]:
        """Layer by layer, as they run; what is there before the pass is the first."""
        alive = self.trace.timeline(self.batch)
        marks = self.trace.marks
        ends = [*[begin for begin, _, _ in marks[1:]], len(alive)]
        found: list[Moment] = []
        entered = ""
        for (begin, phase, layer), end in zip(marks, ends, strict=True):
            begun, entered = entered, phase
            before = alive[begin - 1] if begin else 0
            if phase == "start":
                first = self.graph.inputs[0]
                found = [Moment(phase, first, alive[end - 1] if end else 0, self.graph.nodes[first].path)]
                continue
            if begin == end and phase != begun:
                continue  # where a phase begins, before its first layer
            most = max(before, *alive[begin:end]) if end > begin else before
            moment = Moment(phase, layer, most, self.graph.nodes[layer].path)
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
        transient = [self.held(number) for number in storages if run.categories[number] not in LASTING]
        largest = sorted(transient, key=lambda held: -held.bytes)[:LARGEST]
        parts = run.by_category(self.batch, storages)
        return Peak(sum(parts.values()), phase, layer, parts, largest, self.graph.nodes[layer].path)

    def held(self, number: int) -> Held:
        run = self.trace
        phase, layer = run.origins[number]
        size = run.sizes[number].at(self.batch)
        return Held(run.categories[number], phase, layer, size, self.graph.nodes[layer].path)

    def category(self, name: str) -> int:
        """Bytes of all storages of a category that live as long as the run: parameters, buffers, gradients, ..."""
        run = self.trace
        sizes = zip(run.sizes, run.categories, strict=True)
        return sum(size.at(self.batch) for size, category in sizes if category == name)

    @cached_property
    def saved(self) -> list[Held]:
        """What the backward pass keeps at the end of the forward pass, other than parameters and buffers."""
        run = self.trace
        there = run.alive(run.forward_end - 1)
        return [
            self.held(number)
            for number in there
            if any(phase == "forward" for phase, _ in run.saved.get(number, ()))
            and run.categories[number] not in ("parameters", "buffers")
        ]


class Allocated(NamedTuple):
    """Inference, and training where it is asked for, through the allocator of a GPU.

    ``unknown`` are the paths of the convolutions that its table of workspaces does not have.
    """

    gpu: Gpu
    unknown: Sequence[str]
    inference: Reserved
    training: Reserved | None


class Memory(NamedTuple):
    """A network's memory under ``settings``, beside its report. ``print(memory)`` prints what ``cnncalc memory`` does.

    ``training`` is None unless it was asked for, ``order`` where inference runs in the network's own. ``allocated`` is
    None unless a GPU was given.
    """

    report: Report
    settings: Settings
    inference: Run
    training: Run | None = None
    order: layer_order.LayerOrder | None = None
    allocated: Allocated | None = None

    def __repr__(self) -> str:
        runs = {"inference": self.inference, "training": self.training}
        shown = [f"{name} {units.decimal_bytes(run.peak.bytes)}" for name, run in runs.items() if run is not None]
        return f"<Memory {self.report.about.label} at batch {self.inference.batch:,}: {', '.join(shown)}>"

    def __str__(self) -> str:
        return str(rendered("memory.text", self))

    def to_dict(self) -> dict[str, Any]:
        """The memory as JSON data, ``cnncalc.memory/1``."""
        data: dict[str, Any] = rendered("memory.payload", self)
        return data

    @property
    def refused(self) -> str | None:
        """The layer at which PyTorch refuses the network, see :func:`refused`."""
        return refused(self.report.graph, self.inference.batch, self.settings)

    @property
    def totals(self) -> dict[str, int | None]:
        """Bytes by the names of the JSON; what training alone has is None where there is none."""
        training = self.training
        return {
            "inference_memory_bytes": self.inference.peak.bytes,
            "training_memory_bytes": training.peak.bytes if training else None,
            "saved_bytes": sum(held.bytes for held in training.saved) if training else None,
            "parameter_bytes": self.inference.category("parameters"),
            "buffer_bytes": self.inference.category("buffers"),
            "gradient_bytes": training.category("gradients") if training else None,
            "optimizer_bytes": training.category("optimizer") if training else None,
        }

    @property
    def columns(self) -> dict[str, list[int]]:
        """Bytes for every node: :data:`~cnncalc.columns.ALIVE`, of the forward pass, and in training ``SAVED``."""
        run, graph = self.training or self.inference, self.report.graph
        alive = [0] * len(graph.nodes)
        for moment in run.timeline:
            if moment.phase in ("start", "forward"):
                for layer in graph.inputs if moment.phase == "start" else (moment.layer,):
                    alive[layer] = max(alive[layer], moment.bytes)
        if self.training is None:
            return {ALIVE.name: alive}
        saved = [0] * len(alive)
        for held in self.training.saved:
            saved[held.layer] += held.bytes
        return {SAVED.name: saved, ALIVE.name: alive}


def measure(report: Report, settings: Settings, best_order: bool = False, gpu: Gpu | None = None) -> Memory:
    """The memory of inference and, where ``settings`` ask for it, of a step of training.

    Args:
        report: the network's figures; its batch is the one that runs.
        settings: how it is run, as :meth:`cnncalc.memory.options.Options.settings` makes them.
        best_order: whether inference runs the layers in the order with the lowest peak that is found.
        gpu: where its allocator is to be replayed.

    Raises:
        UsageError: training in a data type without gradients; a GPU whose workspaces were measured otherwise.
    """
    graph, batch = report.graph, report.assumed.batch
    if gpu is not None:
        gpu.check(settings)
    trained = training(graph, batch, settings) if settings.training else None
    order = layer_order.lowest(graph, batch, settings) if best_order else None
    run = Run(graph, order.run, batch) if order else inference(graph, batch, settings)
    allocated = None
    if gpu is not None:
        unknown = gpu.libraries.unknown(graph, batch, settings.with_side)
        there = reserve(run.trace, graph, batch, settings, gpu.libraries)
        trained_there = reserve(trained.trace, graph, batch, settings, gpu.libraries) if trained else None
        allocated = Allocated(gpu, [graph.nodes[layer].path for layer in unknown], there, trained_there)
    return Memory(report, settings, run, trained, order, allocated)


def refused(graph: Graph, batch: int, settings: Settings) -> str | None:
    """The path of the first batch norm that would normalize one value of each channel by itself, which PyTorch refuses
    in training (``_verify_batch_size`` of torch.nn.functional).
    """
    normalized = (node for node in graph.operators(settings.with_side) if node.op.normalizes_batch)
    alone = (node.path for node in normalized if elements(node.shape) * batch * node.count == node.shape.channels)
    return next(alone, None) if settings.training else None


def inference(graph: Graph, batch: int, settings: Settings) -> Run:
    """A pass of inference."""
    return Run(graph, simulate(graph, batch, settings._replace(training=False)), batch)


def training(graph: Graph, batch: int, settings: Settings) -> Run:
    """A step of training.

    Raises:
        UsageError: a data type without gradients.
    """
    return Run(graph, simulate(graph, batch, settings._replace(training=True)), batch)


def kept_by(run: Run, layer: int) -> list[Held]:
    """What the forward pass of one layer keeps for the backward pass, parameters among it; each storage once."""
    return [run.held(number) for number, keepers in run.trace.saved.items() if ("forward", layer) in keepers]
