"""What fits into a memory, as a Table and as data."""

from __future__ import annotations

from typing import Any, NamedTuple

from cnncalc import units
from cnncalc.analysis.report import Report, plain
from cnncalc.devices import Device
from cnncalc.errors import listing
from cnncalc.memory.checkpoint_search import Checkpoints
from cnncalc.memory.fit import Row, Search
from cnncalc.memory.simulate import Settings
from cnncalc.render import memory
from cnncalc.render.cuda_memory import OUTSIDE, PARTS, Fitted
from cnncalc.render.table import Heading, Table, title

#: what takes memory of a device and is no tensor
EXCLUDED = (
    "the CUDA context",
    "workspaces of cuDNN and cuBLAS",
    "slack and fragmentation of the allocator",
)
SHOWN_DEVICES = 5
_HEADINGS = [
    Heading("what", "", False),
    Heading("batch", "batch", True),
    Heading("input", "input", False),
    Heading("memory_bytes", "memory", True),
    Heading("percent", "of it", True),  # no value of its own, so that CSV leaves it out
    Heading("left_bytes", "left", True),
    Heading("phase", "peak", False),
    Heading("layer", "at", False),
]


class Answer(NamedTuple):
    """What fits into ``memory`` bytes, of which ``reserve`` are left alone; ``device`` is whose memory it is, if known.

    ``fits`` is whether what was asked for does: the batch ``asked``, or, without one, anything at all. ``search`` is of
    the largest input, None where the largest batch was asked for. What would help is there where it does not fit: the
    peaks under other options, the devices that are large enough, and, of training, what to checkpoint. With
    ``allocator``, bytes are those that PyTorch's allocator reserves, otherwise those of tensors.
    """

    memory: int
    reserve: int
    device: Device | None
    asked: int | None
    fits: bool
    rows: list[Row]
    search: Search | None
    options: dict[str, int]
    larger_devices: list[Device]
    checkpoint: Checkpoints | None
    allocator: Fitted | None

    @property
    def room(self) -> int:
        """Bytes that are not left alone."""
        return self.memory - self.reserve


def table(report: Report, answer: Answer, settings: Settings) -> Table:
    """A line for the largest that fits, the next, and what was asked for; what is not counted, and what would help."""
    paths = report.columns["path"]
    rows, values = [], []
    for row in answer.rows:
        left = answer.room - row.peak.bytes
        place = [row.peak.phase, paths[row.peak.layer]]
        rows.append(
            [
                _word(row, answer.search),
                units.grouped(row.batch),
                units.cell(row.input),
                units.both_bytes(row.peak.bytes),
                units.of_limit(row.peak.bytes, answer.room),
                units.both_bytes(left) if left >= 0 else f"-{units.both_bytes(-left).replace('(', '(-')}",
                *place,
            ]
        )
        values.append([row.what, row.batch, row.input, row.peak.bytes, left, *place])
    notes = [_verdict(answer), *_search(answer.search)]
    notes += [note for row in answer.rows[:1] for note in memory.refusal(row.refused, row.batch, settings, paths)]
    notes += _peak(answer)
    notes += [*_remedies(answer, report.totals["macs"]), memory.assumed(settings, answer.allocator is None)]
    notes += [_excluded(answer)] if answer.allocator is None else answer.allocator.assumed(paths)
    return Table(_captions(report, answer, settings), _HEADINGS, rows, [], notes, values, [])


def _word(row: Row, search: Search | None) -> str:
    if row.what == "next":
        return "next size" if search else "one more" if row.batch > 1 else "one sample"
    return "asked for" if row.what == "asked" else "largest"


def _captions(report: Report, answer: Answer, settings: Settings) -> list[str]:
    given = report.assumptions
    assumed = [f"input {units.cell(given['input'])}", str(given["dtype"])]
    assumed.append("training" if settings.training else "inference")
    if given["with_side"]:
        assumed.append("side outputs counted")
    return [title(report.about.name, report.about.title), ", ".join(assumed), _memory(answer)]


def _memory(answer: Answer) -> str:
    """``15.66 GB (14.58 GiB) on t4: what PyTorch reports of the 16 GB that its vendor states``."""
    shown = units.both_bytes(answer.memory)
    if answer.device is not None:
        device = answer.device
        shown += f" on {device.name}: what PyTorch reports of the {device.gigabytes} GB that its vendor states"
    return f"{shown}; {units.both_bytes(answer.reserve)} reserved" if answer.reserve else shown


def _verdict(answer: Answer) -> str:
    """What the answer is, in a sentence."""
    by_what = {row.what: row for row in answer.rows}
    largest, following, asked = (by_what.get(what) for what in ("largest", "next", "asked"))
    if answer.search is not None:
        if largest is None:
            return f"no input that the network accepts fits at batch {answer.rows[-1].batch}"
        return f"largest input: {units.cell(largest.input)} at batch {largest.batch}"
    said = f"largest batch: {largest.batch:,}" if largest else "not even one sample fits"
    over = asked if asked is not None and not answer.fits else following
    if over is None:
        return said
    by = units.both_bytes(over.peak.bytes - answer.room)
    how = "solved from every moment of the run, nothing was tried"
    return f"{said}; batch {over.batch:,} is {by} too much; {how if answer.allocator is None else answer.allocator.how}"


def _search(search: Search | None) -> list[str]:
    if search is None:
        return []
    count = f"{len(search.tried)} input{'s were' if len(search.tried) > 1 else ' was'} tried"
    if not search.step:
        steps = "no side but its own is accepted, in steps of 1, of the total stride or of that side"
    else:
        steps = f"sides in steps of {search.step}"
        refused = sum(size is None for size in search.tried.values())
        steps += f", {refused} refused" if refused else ""
    grows = "memory grows with them" if search.monotone else "memory does not always grow with them: a larger may fit"
    return [f"{count}, {steps}; {grows}", *_parameters(search)]


def _parameters(search: Search) -> list[str]:
    """That another input makes another network, where it does."""
    sizes = search.parameters
    if len(set(sizes.values())) < 2:
        return []
    shown = [f"{units.both_bytes(sizes[side])} at side {side}" for side in (min(sizes), max(sizes))]
    return [f"the network's parameters change with its input: {', '.join(shown)}"]


def _peak(answer: Answer) -> list[str]:
    row = answer.rows[0]
    parts = " + ".join(f"{units.both_bytes(size)} {PARTS.get(kind, kind)}" for kind, size in row.peak.parts.items())
    return [f"{units.both_bytes(row.peak.bytes)} = {parts}"]


def _remedies(answer: Answer, macs: int) -> list[str]:
    notes = []
    if answer.checkpoint is not None:
        notes.append(_checkpoint(answer.checkpoint, macs))
    if answer.options:
        fitting = [f"{words} ({units.decimal_bytes(size)})" for words, size in answer.options.items()]
        notes.append(f"it fits with {listing(fitting, 'or')}")
    if answer.larger_devices:
        names = [device.name for device in answer.larger_devices]
        more = len(names) - SHOWN_DEVICES
        notes.append(f"it fits on {', '.join(names[:SHOWN_DEVICES])}{f' and {more} larger' if more > 0 else ''}")
    return notes


def _checkpoint(found: Checkpoints, macs: int) -> str:
    """Which segments, the peak, and the work that is done again."""
    number = len(found.segments)
    word = f"{number} checkpoint{'s' * (number > 1)}"
    again = f"{units.short(found.recomputed_macs)} MACs again, {units.percent(found.recomputed_macs, macs)}"
    return (
        f"it fits with {word} (the fewest found, of {found.considered} blocks, stages and joins): "
        f"{', '.join(_folded([segment.path for segment in found.segments]))}; "
        f"peak {units.both_bytes(found.peak.bytes)}; {again} of the forward pass"
    )


def _folded(paths: list[str]) -> list[str]:
    """``stage1.block_1 ... block_4`` for four blocks one after the other."""
    runs: list[list[str]] = []
    for path in paths:
        name, _, number = path.rpartition("_")
        if runs and number.isdecimal() and runs[-1][-1] == f"{name}_{int(number) - 1}":
            runs[-1].append(path)
        else:
            runs.append([path])
    return [run[0] if len(run) == 1 else f"{run[0]} ... {run[-1].rpartition('.')[2]}" for run in runs]


def _excluded(answer: Answer) -> str:
    """What is counted nowhere, and the room that is kept for it."""
    kept = f"{units.both_bytes(answer.reserve)} are" if answer.reserve else "nothing is"
    return f"not counted: {', '.join(EXCLUDED)}; {kept} reserved for them (--reserve)"


def payload(report: Report, answer: Answer, settings: Settings) -> dict[str, Any]:
    """``cnncalc.fit/1``."""
    from cnncalc import __version__

    paths = report.columns["path"]
    search = answer.search
    return {
        "schema": "cnncalc.fit/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "spec": plain(report.spec),
        "assumptions": {name: plain(report.assumptions[name]) for name in ("input", "dtype", "with_side")},
        "settings": memory.run_as(settings),
        "memory": {
            "bytes": answer.memory,
            "reserve_bytes": answer.reserve,
            "device": None if answer.device is None else _device(answer.device),
            "excluded": list(EXCLUDED if answer.allocator is None else OUTSIDE),
        },
        "asked": answer.asked,
        "fits": answer.fits,
        "rows": [
            {
                "what": row.what,
                "batch": row.batch,
                "input": plain(row.input),
                "memory_bytes": row.peak.bytes,
                "left_bytes": answer.room - row.peak.bytes,
                "phase": row.peak.phase,
                "layer": paths[row.peak.layer],
                "parts": row.peak.parts,
            }
            for row in answer.rows
        ],
        "search": None
        if search is None
        else {
            "step": search.step,
            "monotone": search.monotone,
            "tried": [{"side": side, "memory_bytes": size} for side, size in search.tried.items()],
        },
        "options": answer.options,
        "larger_devices": [device.name for device in answer.larger_devices],
        "checkpoint": None if answer.checkpoint is None else _found(answer.checkpoint),
        "allocator": None if answer.allocator is None else answer.allocator.payload(paths),
    }


def _device(device: Device) -> dict[str, Any]:
    return {
        "name": device.name,
        "stated_gigabytes": device.gigabytes,
        "stated_source": device.page,
        "reported_bytes": device.memory,
        "reported_source": device.log,
    }


def _found(found: Checkpoints) -> dict[str, Any]:
    return {
        "segments": [segment.path for segment in found.segments],
        "memory_bytes": found.peak.bytes,
        "recomputed_macs": found.recomputed_macs,
        "considered": found.considered,
    }
