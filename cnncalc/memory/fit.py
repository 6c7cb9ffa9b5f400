"""What fits into a memory: the largest batch, which is solved, and the largest input, which is searched for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from cnncalc import devices, rendered, units
from cnncalc.analysis.receptive_field import total_stride
from cnncalc.analysis.report import Report
from cnncalc.devices import Device
from cnncalc.errors import UsageError, quote
from cnncalc.graph.graph import Graph, Node
from cnncalc.memory.checkpoint_search import Checkpoints, fewest
from cnncalc.memory.cuda.cuda_fit import ReservedRuns
from cnncalc.memory.cuda.gpu import Gpu
from cnncalc.memory.input_search import InputSearch, largest_input
from cnncalc.memory.options import Options
from cnncalc.memory.peaks import Peak
from cnncalc.memory.runs import Runs
from cnncalc.memory.simulate import Settings
from cnncalc.values import DTYPES, Shape, format_shape

#: data types of which gradients are computed
FLOATS = tuple(name for name in DTYPES if name != "int8")
#: inference in float32
USUAL = Options()


class Candidate(NamedTuple):
    """A batch and an input with their peak: ``what`` is largest, next (the first too large) or asked.

    ``input`` has the sizes of the only input, or of several by their names. ``refused`` is the path of the layer at
    which PyTorch refuses it, if it does.
    """

    what: str
    batch: int
    input: Any
    peak: Peak
    refused: str | None = None


class Fit(NamedTuple):
    """What fits into ``memory_bytes``, of which ``reserve_bytes`` are left alone; ``device`` is whose memory it is.
    ``print(fit)`` prints what ``cnncalc fit`` does.

    ``fits`` is whether what was asked for does: the batch ``asked``, or, without one, anything at all. ``search`` is
    that of the largest input, None where the largest batch was asked for.

    What would help is there where it does not fit: ``smaller_options``, by the words of the command, with the bytes of
    the peak then; ``larger_devices``, the smallest first; and of training ``checkpoints``, if some were found.

    With ``gpu``, bytes are those that PyTorch's allocator reserves there, otherwise those of tensors;
    ``unknown_convolutions`` are the paths of those that its table of workspaces does not have, and ``tried_batches``
    says of every batch that was replayed whether it fits.
    """

    report: Report
    settings: Settings
    memory_bytes: int
    reserve_bytes: int
    device: Device | None
    asked: int | None
    fits: bool = False
    candidates: Sequence[Candidate] = ()
    search: InputSearch | None = None
    smaller_options: Mapping[str, int] = MappingProxyType({})
    larger_devices: Sequence[Device] = ()
    checkpoints: Checkpoints | None = None
    gpu: Gpu | None = None
    unknown_convolutions: Sequence[str] = ()
    tried_batches: Mapping[int, bool] = MappingProxyType({})

    @property
    def room_bytes(self) -> int:
        """Bytes that are not left alone."""
        return self.memory_bytes - self.reserve_bytes

    @property
    def largest(self) -> Candidate | None:
        """The largest that fits; None where nothing does."""
        return next((one for one in self.candidates if one.what == "largest"), None)

    @property
    def batches_monotone(self) -> bool:
        """Whether, of the batches that were tried, every one below the largest that fits also fits."""
        fits = [fit for _, fit in sorted(self.tried_batches.items())]
        return fits == sorted(fits, reverse=True)

    def __repr__(self) -> str:
        room, found = units.decimal_bytes(self.room_bytes), self.largest
        if found is None:
            return f"<Fit: nothing in {room}>"
        said = f"batch {found.batch:,}" if self.search is None else f"input {units.cell(found.input)}"
        return f"<Fit: largest {said}, {units.decimal_bytes(found.peak.bytes)} of {room}>"

    def __str__(self) -> str:
        return str(rendered("fit.text", self))

    def to_dict(self) -> dict[str, Any]:
        """The answer as JSON data, ``cnncalc.fit/1``."""
        data: dict[str, Any] = rendered("fit.payload", self)
        return data


def fit(
    report: Report,
    memory: int | Device,
    options: Options = USUAL,
    *,
    largest: str = "batch",
    batch: int | None = None,
    reserve_bytes: int = 0,
    gpu: Gpu | None = None,
    graph_of: Callable[[str, Shape], Graph | None] | None = None,
) -> Fit:
    """Find the largest batch, or square input, that fits in a memory; and what would help if it does not fit.

    Args:
        report: the network's figures.
        memory: bytes, or the device that has them.
        options: how the network is run.
        largest: batch, or input: the first image among the inputs, whose channels and the other inputs stay.
        batch: does this one fit? For the largest input, the batch at which it is sought, by default 1.
        reserve_bytes: bytes to keep free for everything that is not a tensor.
        gpu: whose allocator is replayed, to count what it reserves; None counts tensors.
        graph_of: the network with another shape (without batch) for the input of a path; None where it refuses that.

    Raises:
        UsageError: no room; options that :meth:`Options.settings` or :meth:`Gpu.check` refuse; for the largest input,
            no image among the inputs, or a network that takes no square one.
    """
    if largest not in ("batch", "input"):
        raise UsageError(f"largest must be batch or input, not {quote(largest)}")
    graph = report.graph
    device = memory if isinstance(memory, Device) else None
    memory_bytes = memory.memory if isinstance(memory, Device) else memory
    if memory_bytes < 1:
        raise UsageError("memory must be more than 0 bytes")
    room = memory_bytes - reserve_bytes
    if room < 1:
        raise UsageError(f"reserve leaves nothing: {reserve_bytes:,} of {memory_bytes:,} bytes")
    settings = options.settings(graph)
    if gpu is not None:
        gpu.check(settings)

    def runs_of(graph: Graph, settings: Settings) -> Runs:
        return Runs(graph, settings) if gpu is None else ReservedRuns(graph, settings, gpu.libraries, room)

    def on(name: str, shape: Shape, options: Options) -> Runs | None:
        other = graph_of(name, shape) if graph_of is not None else None
        return runs_of(other, options.settings(other)) if other is not None else None

    runs = runs_of(graph, settings)
    found = Fit(report, settings, memory_bytes, reserve_bytes, device, batch, gpu=gpu)
    image = _image(graph)
    if largest == "batch":
        candidates, fits = _by_batch(runs, image.shape, room, batch)
        found = found._replace(fits=fits)
    else:
        stride = total_stride(graph)
        candidates, search = _by_input(image, room, batch or 1, lambda shape: on(image.path, shape, options), stride)
        found = found._replace(fits=search.largest_side is not None, search=search)
    found = found._replace(candidates=[one._replace(input=_inputs(graph, image, one.input)) for one in candidates])
    if gpu is not None:
        measured = gpu.libraries if largest == "batch" else gpu.libraries._replace(cudnn=None)  # not of other inputs
        layers = {layer for one in candidates for layer in measured.unknown(graph, one.batch, settings.with_side)}
        tried = runs.tried if isinstance(runs, ReservedRuns) else {}
        unknown = [graph.nodes[layer].path for layer in sorted(layers)]
        found = found._replace(unknown_convolutions=unknown, tried_batches=tried)
    if found.fits:
        return found
    over = candidates[-1]
    if gpu is None or gpu.table is None:  # a table is of one GPU in one data type
        there: Runs | None = runs
        if settings.device != "cuda":  # where other tensors are taken
            moved = options._replace(device="cuda", attention=None)
            there = runs_of(graph, moved.settings(graph)) if largest == "batch" else on(image.path, over.input, moved)
        peak = over.peak if settings.device == "cuda" or there is None else there.peak(over.batch)
        found = found._replace(larger_devices=devices.large_enough(peak.bytes + reserve_bytes))
        if largest == "batch":
            found = found._replace(smaller_options=_smaller(runs, runs_of, over.batch, room))
    if largest == "batch" and gpu is None and settings.training and not settings.checkpoint:
        found = found._replace(checkpoints=fewest(runs, over.batch, room))
    return found


def _image(graph: Graph) -> Node:
    """The first input with height and width, or the first at all."""
    inputs = [graph.nodes[index] for index in graph.inputs]
    return next(filter(_has_sides, inputs), inputs[0])


def _inputs(graph: Graph, image: Node, shape: Shape) -> Shape | dict[str, Any]:
    """The sizes of the inputs, by their names where there are several, with a shape in place of one."""
    sizes = graph.input_sizes
    return {**sizes, image.path: list(shape)} if isinstance(sizes, dict) else shape


def _has_sides(node: Node) -> bool:
    return node.shape.layout == "map" and len(node.shape) > 2


def _by_batch(runs: Runs, shape: Shape, room: int, asked: int | None) -> tuple[list[Candidate], bool]:
    """The largest batch, the next larger one and the requested one; and whether the requested one fits."""
    largest = runs.largest_batch(room)
    batches = {**({largest: "largest"} if largest else {}), largest + 1: "next"}
    if asked is not None:
        batches.setdefault(asked, "asked")
    found = [Candidate(what, batch, shape, runs.peak(batch), runs.refused(batch)) for batch, what in batches.items()]
    return found, largest > 0 if asked is None else runs.peak(asked).bytes <= room


def _by_input(
    image: Node, room: int, batch: int, runs_on: Callable[[Shape], Runs | None], stride: int
) -> tuple[list[Candidate], InputSearch]:
    """The largest square input at a batch, and the next one; and how they were found.

    ``runs_on`` makes the runs of another input, None where the network refuses it. ``stride``, the pixels from one
    value of the coarsest map to the next, are the steps of sides that are tried where it refuses steps of 1.

    Raises:
        UsageError: the input is no image, so that there is no square; or the network refuses the one of its own side.
    """
    shape = image.shape
    if not _has_sides(image):
        raise UsageError(f"the input {format_shape(shape)} has no height and width", hint="--largest batch")
    peaks: dict[int, tuple[Peak, str | None]] = {}

    def squared(side: int) -> Shape:
        return (*shape[:-2], side, side)

    def size_of(side: int) -> int | None:
        runs = runs_on(squared(side))
        if runs is None:
            return None
        peaks[side] = runs.peak(batch), runs.refused(batch)
        return peaks[side][0].bytes

    own = max(shape[-2:])
    if runs_on(squared(own)) is None:
        raise UsageError(f"the network refuses the square input {format_shape(squared(own))}", hint="--input CxHxW")
    search = largest_input(own, stride, size_of, room)
    known = {side: peak.parts["parameters"] for side, (peak, _) in sorted(peaks.items()) if "parameters" in peak.parts}
    sides = (("largest", search.largest_side), ("next", search.next_side))
    found = [Candidate(what, batch, squared(side), *peaks[side]) for what, side in sides if side in peaks]
    return found, search._replace(parameter_bytes=known)


def _smaller(runs: Runs, runs_of: Callable[[Graph, Settings], Runs], batch: int, room: int) -> dict[str, int]:
    """The options with which it would fit, with their peaks in bytes: smaller data types, or mixed precision.

    Data types are those of floating point, which all operators and gradients take.
    """
    settings = runs.settings
    fewer = [] if settings.amp else [name for name in FLOATS if DTYPES[name] < DTYPES[settings.dtype]]
    others = {f"--dtype {name}": settings._replace(dtype=name) for name in fewer}
    if settings.training and settings.dtype == "float32":
        others.update({f"--amp {name}": settings._replace(amp=name) for name in fewer})
    alike = {words: (DTYPES[other.dtype], bool(other.amp)) for words, other in others.items()}  # as many bytes, one run
    different = {alike[words]: other for words, other in others.items()}
    peaks = {sizes: runs_of(runs.graph, other).peak(batch).bytes for sizes, other in different.items()}
    return {words: peaks[sizes] for words, sizes in alike.items() if peaks[sizes] <= room}
