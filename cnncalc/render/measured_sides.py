"""Several measurements side by side: the whole network batch by batch, then the layers whose paths all have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cnncalc import units
from cnncalc.analysis.report import labelled
from cnncalc.errors import UsageError
from cnncalc.render.measured import MODES
from cnncalc.render.table import Heading, Table

SCHEMA = "cnncalc.compare_measured/1"
#: figures of a batch that are compared, and how they are shown
QUANTITIES = {
    "median_seconds": units.seconds,
    "samples_per_second": units.grouped,
    "flops_per_second": units.short,
    "bytes_per_second": units.short,
    "memory_bytes": units.grouped,
}

Measurement = Mapping[str, Any]


class Line(NamedTuple):
    """One quantity of a batch or a layer in every measurement; ``ratios`` are to the first, None where that is 0."""

    part: str
    quantity: str
    values: list[Any]

    @property
    def ratios(self) -> list[float | None]:
        return [value / self.values[0] if self.values[0] else None for value in self.values]


def lines(sides: Sequence[Measurement], top: int | None = None) -> list[Line]:
    """What all the measurements have: batches, and layers by the time of the first, largest first; ``top`` of them.

    Raises:
        UsageError: they have no batch in common, and are not of one batch each.
    """
    runs = [{run["batch"]: run for run in side["runs"]} for side in sides]
    shared = [batch for batch in runs[0] if all(batch in other for other in runs)]
    if shared:
        pairs = [(f"batch {batch}", [side[batch] for side in runs]) for batch in shared]
    elif all(len(side) == 1 for side in runs):
        pairs = [("whole", [next(iter(side.values())) for side in runs])]
    else:
        raise UsageError("the measurements have no batch in common, so there is nothing to compare")
    found = [Line(part, name, [run[name] for run in each]) for part, each in pairs for name in QUANTITIES]
    layers = [{row["path"]: row["seconds"] for row in side["layers"]} for side in sides]
    paths = sorted(
        (path for path in layers[0] if all(path in other for other in layers)),
        key=lambda path: layers[0][path],
        reverse=True,
    )
    return found + [Line(path, "seconds", [side[path] for side in layers]) for path in paths[:top]]


def labels(sides: Sequence[Measurement]) -> list[str]:
    """The networks' names, with what tells the measurements apart, else a number."""
    words = [_words(side) for side in sides]
    apart = [column for column in zip(*words, strict=True) if len(set(column)) > 1]
    told = [" ".join(word for word in row if word) for row in zip(*apart, strict=True)] or [""] * len(sides)
    names = [" ".join(filter(None, (_name(side), word))) for side, word in zip(sides, told, strict=True)]
    return [f"{name} ({i})" if names.count(name) > 1 else name for i, name in enumerate(names, 1)]


def _name(side: Measurement) -> str:
    return labelled(side["spec"]["name"], side["spec"].get("set", ()))


def _words(side: Measurement) -> list[str]:
    """What may tell a measurement from another of the same network."""
    settings, machine = side["settings"], side["machine"]
    batches = ",".join(str(run["batch"]) for run in side["runs"])
    flags = [key.replace("_", "-") for key in ("channels_last", "compile", "cuda_graph", "with_side") if settings[key]]
    words = [machine["device"], f"batch {batches}", settings["dtype"], MODES[settings["mode"]], " ".join(flags)]
    return [*words, f"threads {machine['threads']}", f"torch {machine['torch']}"]


def table(sides: Sequence[Measurement], compared: Sequence[Line]) -> Table:
    """The lines as a Table: a column per measurement, then its ratio to the first."""
    names = labels(sides)
    headings = [Heading("part", "part", False), Heading("quantity", "quantity", False)]
    headings.append(Heading(names[0], names[0], True))
    for i, name in enumerate(names[1:], 1):
        headings += [Heading(name, name, True), Heading(f"ratio{i}", "ratio", True)]
    rows, values = [], []
    for line in compared:
        show = QUANTITIES.get(line.quantity, units.seconds)
        cells, plain = [line.part, line.quantity, show(line.values[0])], [line.part, line.quantity, f"{line.values[0]}"]
        for value, ratio in zip(line.values[1:], line.ratios[1:], strict=True):
            shown = units.ratio(value, line.values[0])
            cells += [show(value), shown]
            plain += [f"{value}", "" if ratio is None else f"{ratio:.4g}"]
        rows.append(cells)
        values.append(plain)
    captions = [f"{name}: {side['command']}" for name, side in zip(names, sides, strict=True)]
    notes = [f"ratio: to {names[0]}"]
    if any(side["spec"]["sha256"] != sides[0]["spec"]["sha256"] for side in sides):
        notes.append("the measurements are of different specs")
    return Table(captions, headings, rows, [], notes, values, [])


def payload(sides: Sequence[Measurement], compared: Sequence[Line]) -> dict[str, Any]:
    """``cnncalc.compare_measured/1``: what was measured where, and the lines with their ratios to the first."""
    from cnncalc import __version__

    return {
        "schema": SCHEMA,
        "tool": {"name": "cnncalc", "version": __version__},
        "measurements": [
            {"label": label, **{key: side[key] for key in ("command", "spec", "settings", "machine")}}
            for label, side in zip(labels(sides), sides, strict=True)
        ],
        "lines": [
            {"part": line.part, "quantity": line.quantity, "values": line.values, "ratios": line.ratios}
            for line in compared
        ],
    }
