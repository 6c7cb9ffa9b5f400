"""What fits into a memory, as a Table and as data."""

from __future__ import annotations

from typing import Any

from cnncalc import units
from cnncalc.analysis.report import plain as as_json
from cnncalc.devices import Device
from cnncalc.errors import listing
from cnncalc.memory.checkpoint_search import Checkpoints
from cnncalc.memory.cuda.gpu import Gpu
from cnncalc.memory.fit import Candidate, Fit
from cnncalc.memory.input_search import InputSearch
from cnncalc.render import cuda_memory, memory, plain
from cnncalc.render.cuda_memory import PARTS
from cnncalc.render.table import Heading, Table, inputs, remarks, title

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


def text(answer: Fit) -> str:
    """The table as a pipe gets it, without the last line break, which ``print`` adds."""
    return plain.write(table(answer)).removesuffix("\n")


def table(answer: Fit) -> Table:
    """A line for the largest that fits, the next, and what was asked for; what is not counted, and what would help."""
    rows, values = [], []
    for row in answer.candidates:
        left = answer.room_bytes - row.peak.bytes
        place = [row.peak.phase, row.peak.path]
        rows.append(
            [
                _word(row, answer.search),
                units.grouped(row.batch),
                units.cell(row.input),
                units.both_bytes(row.peak.bytes),
                units.of_limit(row.peak.bytes, answer.room_bytes),
                units.both_bytes(left) if left >= 0 else f"-{units.both_bytes(-left).replace('(', '(-')}",
                *place,
            ]
        )
        values.append([row.what, row.batch, row.input, row.peak.bytes, left, *place])
    notes = [_verdict(answer), *_search(answer.search)]
    first = answer.candidates[0]
    notes += memory.refusal(first.refused, first.batch, answer.settings)
    notes += _peak(answer)
    notes += remarks(answer.report, pixels=False)
    notes += [*_remedies(answer), memory.assumed(answer.report.graph, answer.settings, answer.gpu is None)]
    known = [_excluded(answer)] if answer.gpu is None else cuda_memory.assumed(answer.gpu, answer.unknown_convolutions)
    notes += known
    return Table(_captions(answer), _HEADINGS, rows, [], notes, values, [])


def _word(row: Candidate, search: InputSearch | None) -> str:
    if row.what == "next":
        return "next size" if search else "one more" if row.batch > 1 else "one sample"
    return "asked for" if row.what == "asked" else "largest"


def _captions(answer: Fit) -> list[str]:
    about, given = answer.report.about, answer.report.assumptions
    assumed = [inputs(answer.report), str(given["dtype"])]
    assumed.append("training" if answer.settings.training else "inference")
    if given["with_side"]:
        assumed.append("side outputs counted")
    return [title(about.label, about.title), ", ".join(assumed), _memory(answer)]


def _memory(answer: Fit) -> str:
    """``15.66 GB (14.58 GiB) on t4: what PyTorch reports of the 16 GB that its vendor states``."""
    shown = units.both_bytes(answer.memory_bytes)
    if answer.device is not None:
        device = answer.device
        shown += f" on {device.name}: what PyTorch reports of the {device.gigabytes} GB that its vendor states"
    return f"{shown}; {units.both_bytes(answer.reserve_bytes)} reserved" if answer.reserve_bytes else shown


def _verdict(answer: Fit) -> str:
    """What the answer is, in a sentence."""
    by_what = {row.what: row for row in answer.candidates}
    largest, following, asked = (by_what.get(what) for what in ("largest", "next", "asked"))
    if answer.search is not None:
        if largest is None:
            return f"no input that the network accepts fits at batch {answer.candidates[-1].batch}"
        return f"largest input: {units.cell(largest.input)} at batch {largest.batch}"
    said = f"largest batch: {largest.batch:,}" if largest else "not even one sample fits"
    over = asked if asked is not None and not answer.fits else following
    if over is None:
        return said
    by = units.both_bytes(over.peak.bytes - answer.room_bytes)
    return f"{said}; batch {over.batch:,} is {by} too much; {how(answer)}"


def how(answer: Fit) -> str:
    """How a largest batch was found."""
    if answer.gpu is None:
        return "computed from every moment of the run, not by trying"
    count = len(answer.tried_batches)
    words = f"{count} batch{'es were' if count > 1 else ' was'} replayed through PyTorch's allocator"
    grows = "and a larger one may fit: what it reserves does not always grow"
    return words if answer.batches_monotone else f"{words}, {grows}"


def _search(search: InputSearch | None) -> list[str]:
    if search is None:
        return []
    count = f"{len(search.tried_bytes)} input{'s were' if len(search.tried_bytes) > 1 else ' was'} tried"
    if not search.step:
        steps = "the network accepts no other side (in steps of 1, of the total stride or of its own side)"
    else:
        steps = f"sides in steps of {search.step}"
        refused = sum(size is None for size in search.tried_bytes.values())
        steps += f", {refused} refused" if refused else ""
    grows = (
        "memory grows with the input"
        if search.monotone
        else "memory does not always grow with the input: a larger one may fit"
    )
    return [f"{count}, {steps}; {grows}", *_parameters(search)]


def _parameters(search: InputSearch) -> list[str]:
    """That another input makes another network, where it does."""
    sizes = search.parameter_bytes
    if len(set(sizes.values())) < 2:
        return []
    shown = [f"{units.both_bytes(sizes[side])} at side {side}" for side in (min(sizes), max(sizes))]
    return [f"the network's parameters change with its input: {', '.join(shown)}"]


def _peak(answer: Fit) -> list[str]:
    row = answer.candidates[0]
    named = {part: PARTS.get(part, memory.spoken(part)) for part in row.peak.parts}
    parts = " + ".join(f"{units.both_bytes(size)} {named[part]}" for part, size in row.peak.parts.items())
    return [f"{units.both_bytes(row.peak.bytes)} = {parts}"]


def _remedies(answer: Fit) -> list[str]:
    notes = []
    if answer.checkpoints is not None:
        notes.append(_checkpoints(answer.checkpoints, answer.report.totals["macs"]))
    if answer.smaller_options:
        fitting = [f"{words} ({units.decimal_bytes(size)})" for words, size in answer.smaller_options.items()]
        notes.append(f"it fits with {listing(fitting, 'or')}")
    if answer.larger_devices:
        names = [device.name for device in answer.larger_devices]
        more = len(names) - SHOWN_DEVICES
        notes.append(f"it fits on {', '.join(names[:SHOWN_DEVICES])}{f' and {more} larger' if more > 0 else ''}")
    return notes


def _checkpoints(found: Checkpoints, macs: int) -> str:
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


def _excluded(answer: Fit) -> str:
    """What is counted nowhere, and the room that is kept for it."""
    kept = f"{units.both_bytes(answer.reserve_bytes)} are" if answer.reserve_bytes else "nothing is"
    return f"not counted: {', '.join(EXCLUDED)}; {kept} reserved for them (--reserve)"


def payload(answer: Fit) -> dict[str, Any]:
    """``cnncalc.fit/1``."""
    from cnncalc import __version__

    report, search = answer.report, answer.search
    return {
        "schema": "cnncalc.fit/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "spec": as_json(report.spec, float),
        "assumptions": {name: as_json(report.assumptions[name]) for name in ("input", "dtype", "with_side")},
        "settings": memory.run_as(answer.report.graph, answer.settings),
        "memory": {
            "bytes": answer.memory_bytes,
            "reserve_bytes": answer.reserve_bytes,
            "device": None if answer.device is None else _device(answer.device),
            "excluded": list(EXCLUDED if answer.gpu is None else cuda_memory.OUTSIDE),
        },
        "asked": answer.asked,
        "fits": answer.fits,
        "rows": [
            {
                "what": row.what,
                "batch": row.batch,
                "input": as_json(row.input),
                "memory_bytes": row.peak.bytes,
                "left_bytes": answer.room_bytes - row.peak.bytes,
                "phase": row.peak.phase,
                "layer": row.peak.path,
                "parts": row.peak.parts,
            }
            for row in answer.candidates
        ],
        "search": None
        if search is None
        else {
            "step": search.step,
            "monotone": search.monotone,
            "tried": [{"side": side, "memory_bytes": size} for side, size in search.tried_bytes.items()],
        },
        "options": dict(answer.smaller_options),
        "larger_devices": [device.name for device in answer.larger_devices],
        "checkpoint": None if answer.checkpoints is None else _found(answer.checkpoints),
        "allocator": None if answer.gpu is None else _allocator(answer, answer.gpu),
        "diagnostics": list(report.diagnostics),
    }


def _allocator(answer: Fit, gpu: Gpu) -> dict[str, Any]:
    """What is known of the libraries, and the batches that were tried."""
    return {
        **cuda_memory.libraries(gpu, answer.unknown_convolutions),
        "tried": [{"batch": batch, "fits": fits} for batch, fits in answer.tried_batches.items()],
        "monotone": answer.batches_monotone,
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
