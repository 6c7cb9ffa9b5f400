"""What was measured (``cnncalc.profile/1``) as a Table: layer by layer, batch by batch, or several files side by side.

Nothing here needs PyTorch. Rates and shares are worked out from times, MACs and bytes as they are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cnncalc import units
from cnncalc.analysis.report import labelled
from cnncalc.errors import Location, UsageError, check_word, quote
from cnncalc.render import plain
from cnncalc.render.table import Heading, Table, title

SCHEMA = "cnncalc.profile/1"
#: figures of a layer that the table may be sorted by, and their titles
LAYER_FIGURES = {
    "seconds": "time",
    "backward_seconds": "backward",
    "macs": "MACs",
    "flops_per_second": "FLOP/s",
    "bytes": "bytes",
    "bytes_per_second": "B/s",
    "flops_per_byte": "FLOP/B",
}
RULE = "FLOPs are 2 per MAC; bytes are those of each layer's inputs, weights and output, moved once"
TRAINING_RULE = "; training adds the gradients"
MODES = {"infer": "inference", "train": "training"}


def parse(text: str, file: str) -> dict[str, Any]:
    """The data of a saved measurement.

    Raises:
        UsageError: it is not JSON, or not a measurement that this version reads; with the position in the file.
    """
    return read_data(text, file, "profile", "measurement", "cnncalc profile NETWORK --save FILE.json makes one")


def read_data(text: str, file: str, kind: str, what: str, hint: str) -> dict[str, Any]:
    """JSON data of the schema ``cnncalc.kind/1``, which is ``what``.

    Raises:
        UsageError: it is not JSON, or does not fit the schema; with the position in the file.
    """
    from json import JSONDecodeError, loads

    from cnncalc.render import schemas
    from cnncalc.render.schemas import validate

    start = Location(file, 1, 1)
    try:
        data = loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        found = data.get("schema") if isinstance(data, dict) else None
        if found != f"cnncalc.{kind}/1":
            stated = f"schema is {quote(found)}" if isinstance(found, str) else "it has no schema"
            message = f"not a {what} that this cnncalc reads: {stated}, not 'cnncalc.{kind}/1'"
            raise UsageError(message, _place(text, file, found), hint)
        wrong = validate.misfit(data, schemas.made(kind))
    except JSONDecodeError as error:
        raise UsageError(f"not JSON: {error.msg}", Location(file, error.lineno, error.colno)) from None
    except RecursionError:
        raise UsageError(f"not a {what}: nested too deeply", start) from None
    except ValueError as error:  # a key twice, NaN, a number of thousands of digits
        raise UsageError(f"not JSON: {str(error)[:100]}", start) from None
    if wrong:
        raise UsageError(f"not a {what}: {wrong}", start)
    read: dict[str, Any] = data
    return read


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("duplicate key in one object")
    return result


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a number")


def _place(text: str, file: str, value: Any) -> Location:
    """Where a string stands in the text, as far as it can be found."""
    from json import dumps

    at = text.find(dumps(value)) if isinstance(value, str) else -1
    if at < 0:
        return Location(file, 1, 1)
    before = text[:at]
    return Location(file, before.count("\n") + 1, at - before.rfind("\n"))


def text(data: Mapping[str, Any]) -> str:
    """The table as a pipe gets it, without the last line break, which ``print`` adds."""
    return plain.write(table(data)).removesuffix("\n")


def table(data: Mapping[str, Any], sort: str | None = None, top: int | None = None) -> Table:
    """Layers of a measurement of one batch, or the batches of a sweep.

    Raises:
        UsageError: a sort column that is not there.
    """
    if len(data["runs"]) > 1 or not data["layers"]:
        return _batches(data, sort, top)
    return _layers(data, sort, top)


def check_sort(sort: str, sweep: bool, training: bool) -> None:
    """Refuses a sort column that the table will not have, of a sweep or of layers.

    Raises:
        UsageError: with a suggestion.
    """
    check_word("sort column", sort, ("batch", *_RUN_FIGURES) if sweep else _layer_keys(training))


def _layer_keys(training: bool) -> list[str]:
    return [key for key in LAYER_FIGURES if training or key != "backward_seconds"]


def figures(row: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's figures with the rates; None where they say nothing, as without time or traffic."""
    flops, seconds, moved = 2 * row["macs"], row["seconds"], row["bytes"]
    return {
        "seconds": seconds,
        "backward_seconds": row.get("backward_seconds"),
        "macs": row["macs"],
        "flops_per_second": flops / seconds if seconds else None,
        "bytes": moved,
        "bytes_per_second": moved / seconds if seconds else None,
        "flops_per_byte": flops / moved if moved else None,
    }


def bound(flops_per_byte: float | None, peak: Mapping[str, Any] | None) -> str:
    """Whether arithmetic or memory limits a layer on a device of known peaks: on which side of the ridge it lies."""
    if peak is None or flops_per_byte is None:
        return ""
    return "compute" if flops_per_byte >= peak["flops_per_second"] / peak["bytes_per_second"] else "bandwidth"


def _layers(data: Mapping[str, Any], sort: str | None, top: int | None) -> Table:
    peak = data["machine"]["peak"]
    training = data["settings"]["mode"] == "train"
    keys = _layer_keys(training)
    rows = list(data["layers"])
    if sort:
        check_sort(sort, False, training)
        rows.sort(key=lambda row: figures(row)[sort] or 0, reverse=True)
    if top is not None and len(rows) > top:
        rows = [*rows[:top], _summed(f"({len(rows) - top} more rows)", rows[top:])]
    whole = sum(row["seconds"] for row in data["layers"])
    headings = [Heading("path", "layer", False), Heading("op", "op", False)]
    headings += [Heading(key, LAYER_FIGURES[key], True) for key in keys]
    headings.insert(3, Heading("percent", "%", True))
    if peak:
        headings.append(Heading("bound", "bound", False))

    def cells(row: Mapping[str, Any]) -> list[str]:
        found = figures(row)
        shown = {key: _cell(key, found[key]) for key in keys}
        shown.update(path=row["path"], op=row["op"], percent=units.percent(row["seconds"], whole))
        shown["bound"] = bound(found["flops_per_byte"], peak)
        return [shown[heading.key] for heading in headings]

    def exact(row: Mapping[str, Any]) -> list[Any]:
        found = figures(row)
        limit = [bound(found["flops_per_byte"], peak)] if peak else []
        return [row["path"], row["op"], *(_plain(found[key]) for key in keys), *limit]

    total = cells(_summed("total", data["layers"]))
    if peak:
        total[-1] = ""
    bars = [row["seconds"] / whole if whole else 0.0 for row in rows]
    captions = [*_captions(data), *_whole(data, data["runs"][0])]
    return Table(captions, headings, list(map(cells, rows)), total, _notes(data), list(map(exact, rows)), bars)


def _summed(label: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = [key for key in ("seconds", "backward_seconds", "macs", "bytes") if any(key in row for row in rows)]
    return {"path": label, "op": "", **{key: sum(row.get(key, 0) for row in rows) for key in keys}}


def _cell(key: str, value: Any) -> str:
    if value is None:
        return ""
    if key.endswith("_per_second"):
        return units.short(round(value))
    if key in ("seconds", "backward_seconds"):
        return units.seconds(value)
    return units.grouped(value)


def _plain(value: Any) -> Any:
    """A figure as CSV has it: as exact as it was measured."""
    return f"{value:.7g}" if isinstance(value, float) else value


#: figures of a batch, with their titles
_RUN_FIGURES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "median_seconds": ("median", units.seconds),
    "lower_quartile_seconds": ("lower quartile", units.seconds),
    "upper_quartile_seconds": ("upper quartile", units.seconds),
    "least_seconds": ("least", units.seconds),
    "samples_per_second": ("samples/s", units.grouped),
    "flops_per_second": ("FLOP/s", units.short),
    "bytes_per_second": ("B/s", units.short),
    "memory_bytes": ("memory", units.grouped),
}


def _batches(data: Mapping[str, Any], sort: str | None, top: int | None) -> Table:
    runs = list(data["runs"])
    if sort:
        check_sort(sort, True, False)
        runs.sort(key=lambda run: run[sort], reverse=True)
    runs = runs[:top]
    peak = data["machine"]["peak"]
    headings = [Heading("batch", "batch", True)]
    headings += [Heading(key, title, True) for key, (title, _) in _RUN_FIGURES.items()]
    if peak:
        headings.append(Heading("percent", "% of peak", True))
    rows = []
    for run in runs:
        share = [units.percent(run["flops_per_second"], peak["flops_per_second"])] if peak else []
        rows.append([str(run["batch"]), *(show(run[key]) for key, (_, show) in _RUN_FIGURES.items()), *share])
    values = [[run["batch"], *(_plain(run[key]) for key in _RUN_FIGURES)] for run in runs]
    return Table(_captions(data), headings, rows, [], _notes(data), values, [])


def _captions(data: Mapping[str, Any]) -> list[str]:
    """What was measured, on what, and how."""
    spec, settings, machine = data["spec"], data["settings"], data["machine"]
    on = [f"measured on {settings['device']} ({machine['device']})"]
    on += [f"{machine['threads']} threads" if machine["threads"] > 1 else "1 thread"]
    on += [f"torch {machine['torch']}"]
    on += [f"{name} {machine[key]}" for key, name in _VERSIONS.items() if machine[key] is not None]
    on += [f"Python {machine['python']}", f"cnncalc {data['tool']['version']}"]
    if machine["clocks"]:
        on += [f"{key.removesuffix('_mhz').replace('_', ' ')} {value} MHz" for key, value in machine["clocks"].items()]
    batches = [str(run["batch"]) for run in data["runs"]]
    how = [f"input {units.cell(spec['input'])}", f"batch {', '.join(batches)}", settings["dtype"]]
    if machine["arithmetic"] != settings["dtype"]:
        how[-1] += f" (convolutions may use {machine['arithmetic']})"
    how += [MODES[settings["mode"]]]
    how += [words for key, words in _OPTIONS.items() if settings[key]]
    lines = [title(labelled(spec["name"], spec.get("set", ())), spec["title"]), ", ".join(on), ", ".join(how)]
    if not settings["device_chosen"]:
        lines.append(f"no --device was given: {settings['device']} is the default here")
    return lines


_VERSIONS = {"cuda": "CUDA", "cudnn": "cuDNN", "driver": "driver"}
_OPTIONS = {
    "with_side": "side outputs counted",
    "channels_last": "channels last",
    "compile": "compiled",
    "cuda_graph": "CUDA graph",
}


def _whole(data: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    """The figures of the network as a whole."""
    peak = data["machine"]["peak"]
    spread = (
        f"quartiles {units.seconds(run['lower_quartile_seconds'])} to {units.seconds(run['upper_quartile_seconds'])}"
    )
    count = len(run["sample_seconds"])
    latency = (
        f"latency {units.seconds(run['median_seconds'])} (median of {count} run{'s' * (count > 1)}, {spread}, "
        f"minimum {units.seconds(run['least_seconds'])}), {units.grouped(run['samples_per_second'])} samples/s"
    )
    rates = [f"{units.short(run['flops_per_second'])} FLOP/s", f"{units.short(run['bytes_per_second'])} B/s"]
    if peak:
        for i, key in enumerate(("flops_per_second", "bytes_per_second")):
            rates[i] += f" ({units.percent(run[key], peak[key])} of peak)"
    if run["bytes"]:
        rates.append(f"{units.grouped(2 * run['macs'] / run['bytes'])} FLOP/B")
    memory = f"memory {units.both_bytes(run['memory_bytes'])}, of which weights {units.both_bytes(run['weight_bytes'])}"
    return [latency, ", ".join(rates), memory]


def _notes(data: Mapping[str, Any]) -> list[str]:
    """The rules, what is predicted, and where it ended."""
    settings, peak = data["settings"], data["machine"]["peak"]
    notes = [f"layers: {data['layers_timed']}"]
    if len(data["runs"]) == 1:
        whole, parts = data["runs"][0]["median_seconds"], sum(row["seconds"] for row in data["layers"])
        if len(data["layers"]) > 1:
            notes[0] += f"; their sum is {units.ratio(parts, whole)} the whole"
        notes += [_compared(row) for row in data["runs"][0]["compared"]]
    notes.append(RULE + (TRAINING_RULE if settings["mode"] == "train" else ""))
    if settings["loss"]:
        notes.append(f"loss: {settings['loss']}; no optimizer")
    if peak:
        ridge = units.grouped(peak["flops_per_second"] / peak["bytes_per_second"])
        stated = f"{units.short(peak['flops_per_second'])} FLOP/s in {peak['arithmetic']}"
        notes.append(
            f"peak: {stated}, {units.short(peak['bytes_per_second'])} B/s, ridge at {ridge} FLOP/B ({peak['source']})"
        )
    stopped = data["stopped"]
    if stopped:
        largest = stopped["largest_batch"]
        notes.append(
            f"batch {stopped['batch']:,} does not fit: {stopped['reason']}; the largest that fits is {largest}"
        )
    return notes


def _compared(row: Mapping[str, Any]) -> str:
    """A predicted figure beside the measured one."""
    found, expected = row["measured"], row["predicted"]
    show = units.both_bytes if row["quantity"].endswith("bytes") else units.grouped
    text = f"{row['quantity']}: {show(found)} measured ({row['measured_by']})"
    if expected is None:
        return f"{text}; {row['note']}" if row["note"] else text
    if found == expected:
        return f"{text}, as predicted"
    more = f"{show(abs(found - expected))} {'more' if found > expected else 'less'} than the {show(expected)} predicted"
    return f"{text}, {more}" + (f"; {row['note']}" if row["note"] else "")
