"""A pass of inference, or a step of training, as storages that are taken and given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, groupby
from types import MappingProxyType
from typing import NamedTuple

from cnncalc.autograd.attention import KERNELS, kernel
from cnncalc.autograd.autocast import HALF
from cnncalc.autograd.engine import PRODUCT, LibraryCall
from cnncalc.autograd.functional import Tape
from cnncalc.autograd.optimizers import Optimizer
from cnncalc.autograd.recomputation import Recomputed
from cnncalc.autograd.tensor_ops import WHOLE
from cnncalc.autograd.tensors import Size, Tensor
from cnncalc.autograd.torch_versions import TESTED, rules
from cnncalc.errors import UsageError, listing
from cnncalc.graph.graph import Graph, Node
from cnncalc.graph.walk import last_readers, overwritten
from cnncalc.memory.checkpointing import Segment, protect
from cnncalc.values import ID_BYTES, dtype_bytes

#: buffers that hold whole numbers, whatever the data type of the network
WHOLE_BUFFERS = ("num_batches_tracked", "relative_position_index")
#: what storages are, in the words of the JSON
STORAGE_CATEGORIES: Mapping[str, str] = {
    "parameters": "learned tensors",
    "buffers": "tensors that are kept but not learned",
    "input": "the network's inputs",
    "targets": "the classes that the loss compares outputs with",
    "saved_for_backward": "values that the backward pass needs",
    "activations": "other values of the forward pass and the loss",
    "gradients": "gradients of parameters",
    "temporary_gradients": "gradients of activations, and what else lives in the backward pass alone",
    "optimizer": "the optimizer's state",
    "update": "what the optimizer's step takes and gives back",
}
_NONE: Mapping[str, Tensor] = MappingProxyType({})
#: and by the phase in which they are taken, where nothing else says it
_OTHERWISE = {
    "forward": "activations",
    "loss": "activations",
    "backward": "temporary_gradients",
    "optimizer": "update",
}


class Settings(NamedTuple):
    """What is run: with ``training``, a forward pass, cross entropy, and the backward pass; otherwise inference.

    Several outputs have the sum of their cross entropies as loss. ``adds_in_place`` is how gradients of a value with
    several readers are summed: into the first where possible, as PyTorch does, or, as under a tracker, never.
    ``device`` is cpu or cuda. ``optimizer`` is one of ``optimizers.OPTIMIZERS``; its step follows the
    backward pass. The step of training is then the second or a later one: the optimizer's state is there, and
    ``zero_grad`` has freed the gradients. ``implementation`` is one of
    ``optimizers.IMPLEMENTATIONS``, ``weight_decay`` says that it is not 0. ``checkpoint`` are parts
    of the network that training runs again for the backward pass instead of keeping their values; none overlap.
    ``amp`` is the 16-bit data type of ``torch.autocast`` around the forward pass and the loss of a network in float32:
    float16 or bfloat16; scaling of the loss is left out, which takes a few values. ``torch`` is the version of PyTorch
    whose rules are followed, see :mod:`cnncalc.autograd.torch_versions`. ``attention`` is the only kernel of attention
    that may run, one of ``attention.KERNELS``; empty is PyTorch's choice.
    """

    training: bool = False
    dtype: str = "float32"
    with_side: bool = False
    in_place: bool = True
    adds_in_place: bool = True
    device: str = "cuda"
    optimizer: str = "none"
    implementation: str = "foreach"
    weight_decay: bool = False
    checkpoint: tuple[Segment, ...] = ()
    amp: str = ""
    torch: str = TESTED
    attention: str = ""


class Trace(NamedTuple):
    """What a run did to memory.

    ``sizes`` (bytes), ``categories`` (see :data:`STORAGE_CATEGORIES`) and ``origins`` (phase, index of the layer) are
    of each storage; an event is the number of one that is taken, or ``~number`` of one that is given back. Phases are
    start, forward, loss, backward and optimizer. ``forward_end`` is how many events there are up to the end of the
    forward pass. ``marks`` and ``saved`` are as in ``engine.Recorder``. ``recomputed`` are the indices of the layers
    that the backward pass runs again, ``places`` by layer the storage of its result. ``calls`` are those of libraries.
    """

    sizes: Sequence[Size]
    categories: Sequence[str]
    origins: Sequence[tuple[str, int]]
    events: Sequence[int]
    forward_end: int
    marks: Sequence[tuple[int, str, int]]
    saved: Mapping[int, Sequence[tuple[str, int]]]
    recomputed: Sequence[int] = ()
    places: Mapping[int, int] = MappingProxyType({})
    calls: Sequence[LibraryCall] = ()

    def __repr__(self) -> str:
        return f"<Trace of {len(self.sizes):,} storages>"

    @property
    def products(self) -> dict[str, int]:
        """By thread, forward or backward, the number of events before the first product of matrices."""
        found: dict[str, int] = {}
        for call in self.calls:
            if call.what == PRODUCT:
                found.setdefault("backward" if call.phase == "backward" else "forward", call.at)
        return found

    def timeline(self, batch: int) -> list[int]:
        """Bytes alive after each event."""
        bytes_of = {size: size.at(batch) for size in set(self.sizes)}
        sizes = [bytes_of[size] for size in self.sizes]
        return list(accumulate([sizes[event] if event >= 0 else -sizes[~event] for event in self.events]))

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

    def by_category(self, batch: int, storages: Sequence[int]) -> dict[str, int]:
        """Bytes of some storages by category, none of them 0."""
        found = dict.fromkeys(STORAGE_CATEGORIES, 0)
        for number in storages:
            found[self.categories[number]] += self.sizes[number].at(batch)
        return {category: size for category, size in found.items() if size}


def attention_kernels(graph: Graph, settings: Settings) -> list[str]:
    """The kernels that run its attention, each once; none where no layer runs ``scaled_dot_product_attention``.

    Raises:
        UsageError: the one that alone may run can't.
    """
    signatures = [graph.signatures[node.signature] for node in graph.operators(settings.with_side)]
    heads = {signature.op.head(*signature.inputs) for signature in signatures} - {None}
    size = HALF if settings.amp else dtype_bytes(settings.dtype)
    try:
        found = {kernel(settings.device, size, head, settings.attention) for head in heads if head is not None}
    except ValueError as obstacle:
        hint = "leave it out for the kernel that PyTorch picks"
        raise UsageError(f"attention by {settings.attention} {obstacle}", hint=hint) from None
    return [name for name in KERNELS if name in found]


def attention_assumed(graph: Graph, settings: Settings) -> list[str]:
    """A line that names its kernels of attention, and says how that is known; none without attention."""
    found = attention_kernels(graph, settings)
    known = " (by PyTorch's source, not measured)" if settings.device == "cuda" else ""
    return [f"kernel{'s' * (len(found) > 1)} of attention: {listing(found)}{known}"] if found else []


def simulate(graph: Graph, batch: int, settings: Settings, order: Sequence[int] | None = None) -> Trace:
    """Runs the network over sizes.

    What it does is the same at every batch above 1, where sizes are ``tensors.Size``; with one sample
    some copies are views, so that its trace is its own. ``order`` has the indices of the layers in the order in which
    they run, the input not among them; by default it is the graph's.

    Raises:
        UsageError: an unknown data type, or training in one without gradients; a kernel of attention that can't run.
    """
    if settings.training and settings.dtype == "int8":
        raise UsageError("int8 has no gradients", hint="training takes a floating-point dtype")
    if settings.amp and settings.dtype != "float32":
        raise UsageError(f"mixed precision is for float32, not {settings.dtype}", hint="leave out one of the two")
    attention_kernels(graph, settings)  # refuses what can't run
    tape = Tape(min(batch, 2), dtype_bytes(settings.dtype), settings.adds_in_place)
    return _Simulation(graph, settings, tape, order).run()


class _Simulation:
    def __init__(self, graph: Graph, settings: Settings, tape: Tape, order: Sequence[int] | None) -> None:
        self.graph = graph
        self.settings = settings
        self.tape = tape
        self.categories: dict[int, str] = {}
        self.weights: dict[int, Mapping[str, Tensor]] = {}
        self.buffers: dict[int, Mapping[str, Tensor]] = {}
        self.placed = [(one.weights, one.op.buffers(*one.inputs)) for one in graph.signatures]
        self.nodes = graph.counted(settings.with_side)
        self.ends = graph.ends(settings.with_side)
        self.order = graph.operators(settings.with_side) if order is None else [graph.nodes[index] for index in order]
        self.segments = settings.checkpoint if settings.training else ()
        self.replaced: list[int | None] = [None] * len(graph.nodes)
        if settings.in_place:
            self.replaced = protect(graph, overwritten(graph, settings.with_side), self.segments)
        self.recomputed: list[int] = []
        self.places: dict[int, int] = {}

    def run(self) -> Trace:
        tape = self.tape
        tape.training = tape.records = self.settings.training
        tape.device = self.settings.device
        tape.rules = rules(self.settings.torch)
        tape.attention = self.settings.attention
        tape.phase = "start"
        for node in self.graph.operators(self.settings.with_side):
            self._place(node)
        given = {index: self._input(self.graph.nodes[index]) for index in self.graph.inputs}
        targets = self._targets() if self.settings.training else []
        optimizer = self._optimizer() if self.settings.training else None
        tape.phase = "forward"
        tape.autocast = self.settings.amp
        outputs = self._forward(given)
        forward_end = len(tape.events)
        if targets:
            tape.phase = "loss"
            loss = tape.run(self._loss, outputs, targets)
            tape.end_autocast()
            tape.phase = "backward"
            tape.backward(loss)
        if optimizer is not None:
            tape.phase = "optimizer"
            optimizer.step()
        return Trace(
            tape.storages,
            self._categories(),
            tape.origins,
            tape.events,
            forward_end,
            tape.marks,
            tape.saved,
            self.recomputed,
            self.places,
            tape.calls,
        )

    def _categories(self) -> list[str]:
        """The category of every storage."""
        found = dict(self.categories)
        for weights in self.weights.values():
            for value in weights.values():
                if value.grad is not None:
                    found[value.grad.storage.number] = "gradients"
        for number in self.tape.saved:
            found.setdefault(number, "saved_for_backward")
        return [found.get(number) or _OTHERWISE[phase] for number, (phase, _) in enumerate(self.tape.origins)]

    def _mark(self, value: Tensor, category: str) -> Tensor:
        self.categories[value.storage.number] = category
        return value

    def _place(self, node: Node) -> None:
        """The parameters and buffers of a layer."""
        if node.shared is not None:
            self.weights[node.index] = self.weights[node.shared]
            self.buffers[node.index] = self.buffers[node.shared]
            return
        tape = self.tape
        tape.layer = node.index
        weights, buffers = self.placed[node.signature]
        self.weights[node.index] = self.buffers[node.index] = _NONE
        if weights:
            self.weights[node.index] = {
                name: self._mark(tape.parameter(shape), "parameters") for name, shape in weights.items()
            }
        if buffers:
            self.buffers[node.index] = {
                name: self._mark(tape.new(shape, False, WHOLE if name in WHOLE_BUFFERS else None), "buffers")
                for name, shape in buffers.items()
            }

    def _targets(self) -> list[Tensor]:
        """For every output, a class for each place."""
        found = []
        for end in self.ends:
            node = self.graph.nodes[end]
            self.tape.layer = end
            shape = (self.tape.batch * node.count, *node.shape[1:])
            found.append(self._mark(self.tape.new(shape, itemsize=WHOLE), "targets"))
        return found

    def _optimizer(self) -> Optimizer:
        settings = self.settings
        own = [node.index for node in self.graph.operators(self.settings.with_side) if node.shared is None]
        parameters = [(index, value) for index in own for value in self.weights[index].values()]
        optimizer = Optimizer(
            self.tape, parameters, settings.optimizer, settings.implementation, settings.weight_decay, settings.device
        )
        for values in optimizer.state:
            for value in values:
                self._mark(value, "optimizer")
        return optimizer

    def _input(self, node: Node) -> Tensor:
        """A batch of an input; ids have the bytes of theirs under any data type."""
        self.tape.layer = node.index
        size = ID_BYTES if node.shape.layout == "ids" else None
        return self._mark(self.tape.new((self.tape.batch, *node.shape), itemsize=size), "input")

    def _forward(self, given: Mapping[int, Tensor]) -> list[Tensor]:
        """The outputs; every other value is let go after its last use, the inputs never."""
        last = last_readers(self.order)
        last.update(dict.fromkeys(self.ends, -1))
        values = {index: self.tape.retain(x) for index, x in given.items()}
        self.places.update((index, x.storage.number) for index, x in given.items())
        segments = {index: segment for segment in self.segments for index in range(segment.first, segment.stop)}
        for segment, nodes in groupby(self.order, lambda node: segments.get(node.index)):
            if segment is None:
                self._execute(nodes, values, last)
            else:
                self._checkpoint(list(nodes), values, last)
        return [values[end] for end in self.ends]

    def _execute(self, nodes: Iterable[Node], values: dict[int, Tensor], last: Mapping[int, int]) -> None:
        """Runs layers; a value is let go after its last use."""
        tape = self.tape
        for node in nodes:
            inputs: Sequence[int] = node.inputs
            first = self.replaced[node.index]
            if first is not None and first != inputs[0]:
                rest = list(inputs)
                rest.remove(first)
                inputs = [first, *rest]
            tape.in_place = first is not None
            tape.layer = node.index
            tape.inputs = [self.graph.nodes[index].shape for index in inputs]
            tape.output = node.shape
            tape.weights = self.weights[node.index]
            tape.buffers = self.buffers[node.index]
            given = [values[index] for index in inputs]
            tape.begin(given)
            taken = len(tape.storages)
            try:
                values[node.index] = tape.run(node.op.run, tape, *given)
            except Recomputed as stop:
                if stop.ran or len(tape.storages) > taken:
                    self.recomputed.append(node.index)
                raise
            if tape.recomputes:
                self.recomputed.append(node.index)
            self.places[node.index] = values[node.index].storage.number
            for index in {*node.inputs, node.index}:
                if last.get(index, node.index) == node.index:
                    tape.release(values.pop(index))

    def _checkpoint(self, nodes: Sequence[Node], values: dict[int, Tensor], last: Mapping[int, int]) -> None:
        """Runs the layers of a segment, of which the backward pass keeps what they read from outside."""
        tape = self.tape
        own = {node.index for node in nodes}
        read = list(dict.fromkeys(index for node in nodes for index in node.inputs if index not in own))
        made = [node.index for node in nodes if last.get(node.index, node.index) not in own]
        last_within = last_readers(nodes)
        last_within.update(dict.fromkeys(made, -1))

        def part(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
            within = {index: tape.retain(value) for index, value in zip(read, inputs, strict=True)}
            try:
                self._execute(nodes, within, last_within)
                return [within.pop(index) for index in made]
            finally:
                tape.in_place = False
                tape.release_all(within.values())

        values.update(zip(made, tape.checkpoint(part, [values[index] for index in read]), strict=True))
        for index in read:
            if last[index] in own:
                tape.release(values.pop(index))

    def _loss(self, outputs: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        """The sum of the cross entropies of all outputs; each is let go when it is added."""
        tape = self.tape
        tape.in_place = False
        losses = []
        for end, output, target in zip(self.ends, outputs, targets, strict=True):
            tape.layer = end
            losses.append(tape.cross_entropy(output, target))
        total = losses.pop(0)
        while losses:
            total = tape.add(total, losses.pop(0))
        return total
