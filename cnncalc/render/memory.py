"""The memory of inference and of a training step: in words, as a chart over time, and as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cnncalc import units
from cnncalc.autograd.torch_versions import TESTED
from cnncalc.columns import ALIVE, SAVED
from cnncalc.errors import UsageError
from cnncalc.graph.graph import Graph
from cnncalc.memory.peaks import Held, Memory, Peak, Run
from cnncalc.memory.simulate import Settings, attention_assumed, attention_kernels
from cnncalc.render import cuda_memory, plain
from cnncalc.render import table as tables
from cnncalc.render.cuda_memory import PHASES
from cnncalc.render.table import Options, Table

#: columns, before those of the run, and the one with the percentage and the bar
COLUMNS = ("out", "activations", "activation_bytes")
MAIN = "activation_bytes"

#: rows of a chart
HEIGHT = 12
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_SCALE = 10  # characters of "579.7 MB |"


def text(memory: Memory) -> str:
    """The table as a pipe gets it, without the last line break, which ``print`` adds."""
    return plain.write(table(memory, Options((), MAIN))).removesuffix("\n")


def table(memory: Memory, shown: Options, timeline: bool = False) -> Table:
    """The layers with what each keeps and has alive, then the figures that are no column.

    ``shown`` without columns has the usual ones. With ``timeline``, charts stand below.

    Raises:
        UsageError: a column or sort key that does not exist, or that is about training where none is run.
    """
    columns = memory.columns
    if SAVED.name not in columns and SAVED.name in (*shown.columns, shown.sort):
        raise UsageError(f"{SAVED.name} needs a training step", hint="add --train")
    described = [column for column in (SAVED, ALIVE) if column.name in columns]
    totals = {one.name: (sum if one.total == "sum" else max)(columns[one.name]) for one in described}
    shown = shown._replace(columns=shown.columns or (*COLUMNS, *columns))
    found = tables.table(memory.report.beside(columns, totals), shown)
    said = [*found.notes, *notes(memory)]
    said += [] if memory.allocated is None else cuda_memory.notes(memory.allocated)
    return found._replace(notes=said, drawing=drawing(memory) if timeline else None)


def notes(memory: Memory) -> list[str]:
    """The figures that are no column: each with its parts at the peak, its moment, and the largest values there."""
    settings = memory.settings
    found = _figure("inference_memory", memory.inference.peak)
    if memory.order is not None:
        lowest = "lowest possible" if memory.order.lowest_possible else "lowest found"
        own = units.both_bytes(memory.order.own_peak_bytes)
        found.append(f"order of the layers: {lowest}; in the network's own it is {own}")
    if memory.training is not None:
        found += _figure("training_memory", memory.training.peak)
    return [*found, *refusal(memory.refused, memory.inference.batch, settings), assumed(memory.report.graph, settings)]


def refusal(layer: str | None, batch: int, settings: Settings) -> list[str]:
    """That PyTorch refuses what was computed, where it does so at a layer."""
    if layer is None:
        return []
    refused = f"PyTorch refuses to {'train' if settings.training else 'run'} this at batch {batch:,}"
    return [f"{refused}: {layer} would normalize a single value of each channel"]


def _figure(name: str, peak: Peak) -> list[str]:
    parts = " + ".join(f"{units.both_bytes(size)} {spoken(part)}" for part, size in peak.parts.items())
    largest = ", ".join(f"{_named(held)} {units.decimal_bytes(held.bytes)}" for held in peak.largest)
    return [
        f"{name}: {units.both_bytes(peak.bytes)} at its peak, {PHASES[peak.phase]} at {peak.path}",
        f"{name} = {parts}",
        f"largest parts: {largest}",
    ]


def spoken(category: str) -> str:
    """``saved for backward``."""
    return category.replace("_", " ")


def _named(held: Held) -> str:
    """``gradients of fc6``; an input of the network is a layer itself."""
    return held.path if held.category == "input" else f"{spoken(held.category)} of {held.path}"


def assumed(graph: Graph, settings: Settings, alone: bool = True) -> str:
    """What is run, and by whose rules; ``alone`` says that tensors are all that is counted."""
    said = [f"tensors as in PyTorch {TESTED} on {settings.device}"]
    if settings.torch != TESTED:
        said[0] += f", with the rules of {settings.torch} where they differ"
    if not settings.in_place:
        said.append("nothing is written in place")
    if settings.amp:
        said.append(f"mixed precision, {settings.amp}")
    said += attention_assumed(graph, settings)
    if settings.training:
        again = [segment.path for segment in settings.checkpoint]
        said += [f"run again in the backward pass: {_few(again)}"] if again else []
        said += [*_optimizer(settings), "gradients of shared values are added in place"]
    return "; ".join([*said, *(["memory inside libraries is not counted"] if alone else [])])


def _few(paths: Sequence[str]) -> str:
    """The first and the number of the rest."""
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def _optimizer(settings: Settings) -> list[str]:
    if settings.optimizer == "none":
        return ["forward pass, cross entropy and backward pass, without an optimizer"]
    decay = ", weight decay" if settings.weight_decay else ""
    return [f"the second or a later step, optimizer {settings.optimizer} ({settings.implementation}{decay})"]


def drawing(memory: Memory) -> Callable[[int, bool], list[str]]:
    """The charts of inference and training, from a width and whether blocks of an eighth can be shown."""

    def draw(width: int, unicode: bool) -> list[str]:
        lines = chart("inference", memory.inference, width, unicode)
        if memory.training is not None:
            lines += ["", *chart("training", memory.training, width, unicode)]
        return lines

    return draw


def chart(name: str, run: Run, width: int, unicode: bool) -> list[str]:
    """Bytes alive over the layers of a run, :data:`HEIGHT` rows high: the phases below, ``^`` under the peak.

    ``unicode`` says whether blocks of an eighth can be shown.
    """
    moments = [moment for moment in run.timeline if moment.phase != "start"]
    room = max(width - _SCALE, 10)
    places = [range(at * len(moments) // room, max((at + 1) * len(moments) // room, at * len(moments) // room + 1))
              for at in range(room)]  # fmt: skip
    bytes_ = [max(moments[index].bytes for index in place) for place in places]
    phases = [moments[place[0]].phase for place in places]
    most = max(run.peak.bytes, 1)
    lines = [f"{name}: bytes alive, layer by layer"]
    for row in range(HEIGHT - 1, -1, -1):
        label = units.decimal_bytes(most * (row + 1) // HEIGHT) if row % 3 == 2 else ""
        cells = [_cell(value * HEIGHT * 8 // most - 8 * row, unicode) for value in bytes_]
        lines.append(f"{label:>{_SCALE - 2}} |{''.join(cells)}".rstrip())
    peak = bytes_.index(max(bytes_))
    lines.append(" " * (_SCALE - 1) + "+" + "".join("^" if at == peak else "-" for at in range(room)))
    return [*lines, " " * _SCALE + _phases(phases)]


def _cell(eighths: int, unicode: bool) -> str:
    """A character of a column of which so many eighths are filled from its bottom on."""
    if unicode:
        return _EIGHTHS[min(max(eighths, 0), 8)]
    return "#" if eighths >= 4 else " "


def _phases(phases: Sequence[str]) -> str:
    """The name of each phase where it begins, as far as there is room."""
    text = ""
    for at, phase in enumerate(phases):
        if not at or phases[at - 1] != phase:
            length = next((end for end in range(at, len(phases)) if phases[end] != phase), len(phases)) - at
            text += f"|{phase}".ljust(length)[:length] if len(phase) < length else "|".ljust(length)
    return text.rstrip()


def payload(memory: Memory) -> dict[str, Any]:
    """``cnncalc.memory/1``: the report, with the totals, columns, peaks and timeline of the memory."""
    report = memory.report
    paths = report.columns["path"]
    data = {**report.to_dict(), "schema": "cnncalc.memory/1"}
    data["totals"].update(memory.totals)
    columns: dict[str, Sequence[int | None]] = {"saved_bytes": [None] * len(paths), **memory.columns}
    for layer, index in zip(data["layers"], report.counted, strict=True):
        layer.update({name: column[index] for name, column in columns.items()})
    run = memory.training or memory.inference
    own = {
        "settings": run_as(report.graph, memory.settings),
        "peaks": {
            "inference": _peak(memory.inference.peak),
            "training": _peak(memory.training.peak) if memory.training else None,
        },
        "timeline": [{"phase": moment.phase, "layer": moment.path, "bytes": moment.bytes} for moment in run.timeline],
    }
    allocated = None if memory.allocated is None else cuda_memory.payload(memory.allocated)
    return {**data, **own, "best_order": _order(memory, paths), "allocator": allocated}


def _order(memory: Memory, paths: Sequence[str]) -> dict[str, Any] | None:
    order = memory.order
    if order is None:
        return None
    known = {"own_order_bytes": order.own_peak_bytes, "lowest_possible": order.lowest_possible}
    return {**known, "layers": [paths[index] for index in order.order]}


def run_as(graph: Graph, settings: Settings) -> dict[str, Any]:
    """What is run, as data."""
    return {
        "torch": settings.torch,
        "device": settings.device,
        "training": settings.training,
        "optimizer": settings.optimizer if settings.training else None,
        "implementation": settings.implementation if settings.training else None,
        "weight_decay": settings.training and settings.weight_decay,
        "checkpoint": [segment.path for segment in settings.checkpoint],
        "amp": settings.amp or None,
        "attention": attention_kernels(graph, settings),
        "in_place": settings.in_place,
        "gradients_summed_in_place": settings.adds_in_place,
    }


def _peak(peak: Peak) -> dict[str, Any]:
    return {
        "bytes": peak.bytes,
        "phase": peak.phase,
        "layer": peak.path,
        "parts": peak.parts,
        "largest": [_held(held) for held in peak.largest],
    }


def _held(held: Held) -> dict[str, Any]:
    return {"category": held.category, "phase": held.phase, "layer": held.path, "bytes": held.bytes}
