"""Differences as a Table, and as Markdown for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from cnncalc import units
from cnncalc.analysis.report import Row
from cnncalc.check.diff import STATUSES, Change, LayerChange, Version, figures
from cnncalc.columns import COLUMNS, DIFF, DIFFERING, PARTS, unasked
from cnncalc.errors import check_word, escape, listing
from cnncalc.ops.base import show
from cnncalc.render import markdown
from cnncalc.render.table import Heading, Table, remarks

#: more lines about layers than this are folded away in a pull request
FOLDED = 8
HEADINGS = (
    Heading("network", "network", False),
    Heading("part", "part", False),
    Heading("what", "what", False),
    Heading("before", "before", True),
    Heading("after", "after", True),
    Heading("difference", "change", True),
    Heading("relative", "%", True),
)


class Shown(NamedTuple):
    """What is shown: totals of which quantities, how deep a path, how many parts of a network."""

    quantities: tuple[str, ...]
    depth: int | None = None
    top: int | None = None


class Line(NamedTuple):
    """One line: ``before`` and ``after`` are numbers, or what else an argument, a shape or a layer is."""

    part: str
    what: str
    before: Any
    after: Any

    @property
    def is_figure(self) -> bool:
        """Whether its difference says something: not of an argument, though it be a number."""
        return self.part == "total" or self.what in figures()

    def cells(self) -> list[str]:
        """The line as text: part, what, before, after, difference, percentage."""
        change, percent = changed(self.before, self.after) if self.is_figure else ("", "")
        return [self.part, self.what, _cell(self, self.before), _cell(self, self.after), change, percent]


def headline(changes: Sequence[Change]) -> str:
    """``2 changed, 1 added, 40 unchanged``."""
    counts = {status: sum(change.status == status for change in changes) for status in STATUSES}
    return ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "no networks"


def table(changes: Sequence[Change], captions: Sequence[str], shown: Shown, fold: bool) -> Table:
    """A row for every total of each network that is not the same, then one for every difference of a layer.

    With ``fold``, for people, parts that differ in the same way are one row, and a network's name stands above its
    rows; without, as data, it is a column.

    Raises:
        UsageError: a quantity that has no total.
    """
    rows, values, notes = [], [], []
    for change in changes:
        if change.status == "unchanged":
            continue
        lines, more = _parts(change, shown, fold)
        rows.append([_title(change), change.status, *[""] * 4])
        for line in [*_totals(change, shown.quantities), *lines]:
            part, *cells = line.cells()
            rows.append([f"  {part}", *cells])
            values.append([_title(change), line.part, line.what, *_values(line)])
        notes += [f"{_title(change)}: {more} more parts"] if more else []
        notes += [f"{_title(change)}: {remark}" for remark in _remarks(change)]
        notes += [f"{finding}" for finding in change.findings]
    head = [*captions, headline(changes)]
    headings = list(HEADINGS[1:] if fold else HEADINGS)
    return Table(head, headings, rows, [], notes, values, [])


def text(changes: Sequence[Change], captions: Sequence[str], shown: Shown) -> str:
    """Markdown: a table of totals for each network that is not the same, and its layers, folded when they are many.

    Raises:
        UsageError: a quantity that has no total.
    """
    lines = [f"**{markdown.escape(headline(changes))}**: {markdown.escape(', '.join(captions))}", ""]
    for change in changes:
        if change.status == "unchanged":
            continue
        lines += [f"### {markdown.escape(_title(change))}{_noun(change)}", ""]
        lines += [f"- {markdown.escape(str(finding))}" for finding in change.findings]
        lines += [f"- {markdown.escape(remark)}" for remark in _remarks(change)]
        lines += [""] if change.findings or _remarks(change) else []
        totals = [line.cells()[1:] for line in _totals(change, shown.quantities)]
        if totals:
            lines += [*markdown.grid([Heading("", "", False), *HEADINGS[3:]], totals), ""]
        parts, more = _parts(change, shown)
        if parts:
            grid = markdown.grid([Heading("layer", "layer", False), *HEADINGS[2:]], [line.cells() for line in parts])
            grid += ["", f"and {more} more"] if more else []
            if len(parts) > FOLDED:
                said = markdown.escape(_layers_said(change.layers))
                grid = [f"<details><summary>{said}</summary>", "", *grid, "", "</details>"]
            lines += [*grid, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _title(change: Change) -> str:
    """The name, or both where they differ; a name may be that of a file, and hold anything.

    It begins a line of the table, where GitHub's runner takes ``::`` for a command.
    """
    names = [version.name for version in (change.before, change.after) if version]
    title = escape(" -> ".join(dict.fromkeys(names)))
    return f"./{title}" if title.lstrip().startswith(":") else title


def _remarks(change: Change) -> list[str]:
    """What the new version computes for nothing."""
    return remarks(change.after.report, pixels=False) if change.after and change.after.report else []


def _noun(change: Change) -> str:
    return "" if change.status == "changed" else f" ({change.status})"


def _layers_said(layers: Iterable[LayerChange]) -> str:
    """``12 layers changed, 3 added``."""
    kinds = [layer.kind for layer in layers]
    said = [f"{kinds.count(kind)} {kind}" for kind in ("changed", "renamed", "added", "removed") if kind in kinds]
    return "Layers: " + listing(said)


def _totals(change: Change, quantities: Sequence[str]) -> Iterator[Line]:
    """The chosen quantities, and whatever other total is not the same."""
    totals = change.totals
    if not totals:
        return
    usual = tuple(quantities) == unasked(DIFF)
    for name in quantities:
        check_word("quantity", name, totals)
    for name, (old, new) in totals.items():
        further = usual and change.status == "changed" and old != new and COLUMNS[name].prominence >= DIFFERING
        if name == "expected_macs" and (old, new) == totals["macs"]:
            further = False
        if name in quantities or further:
            yield Line("total", name, old, new)


def _parts(change: Change, shown: Shown, fold: bool = True) -> tuple[list[Line], int]:
    """The lines about layers, and how many parts there are beyond ``top``."""
    groups = list(_summed(change, shown.depth) if shown.depth else _single(change, fold))
    groups = _folded(groups) if fold else groups
    kept = groups if shown.top is None else groups[: shown.top]
    return [line for group in kept for line in group], len(groups) - len(kept)


def _folded(groups: Sequence[list[Line]]) -> list[list[Line]]:
    """Parts whose paths differ in numbers alone, and that differ in the same way, as one."""
    alike: dict[tuple[Any, ...], list[list[Line]]] = {}
    for group in groups:
        alike.setdefault(tuple(map(_alike, group)), []).append(group)
    return [
        [
            line._replace(part=f"{line.part} ... {last.part}  x{len(same)}")
            for line, last in zip(same[0], same[-1], strict=True)
        ]
        if len(same) > 1
        else same[0]
        for same in alike.values()
    ]


def _alike(line: Line) -> tuple[str, ...]:
    """What a line has in common with those it is folded with; in the names of renamed parts numbers say nothing."""
    values = (repr(line.before), repr(line.after))
    return (_numberless(line.part), line.what, *(map(_numberless, values) if line.what == "renamed" else values))


def _numberless(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _single(change: Change, fold: bool) -> Iterator[list[Line]]:
    """Each layer's lines; neighbours that were added, removed or renamed together are one.

    Folded, layers are counted in the last line whose shape alone follows that of their input.
    """
    following = 0
    around = (_prefixes(change.before), _prefixes(change.after))
    for shared, run in groupby(change.layers, lambda layer: _together(layer, around)):
        layers = list(run)
        if layers[0].kind == "changed":
            telling = [layer for layer in layers if not fold or not _FOLLOWING.issuperset(_what(layer))]
            following += len(layers) - len(telling)
            yield from (list(_changed(layer)) for layer in telling)
        else:
            yield [_joined(layers, shared, fold)]
    if following:
        yield [Line("layers after those", "shape alone", None, following)]


#: what follows from another input without saying anything of the layer
_FOLLOWING = frozenset({"in", "shape", "flops", "activations"})


def _what(layer: LayerChange) -> set[str]:
    return {difference.what for difference in layer.differences}


def _together(layer: LayerChange, around: tuple[set[str], set[str]]) -> tuple[str, str, str]:
    """What it has in common with its neighbours: the names that changed, or the outermost part that is new or gone."""
    old, new = layer.paths
    if layer.kind == "changed":
        return layer.kind, "", ""
    if layer.kind == "renamed":
        then, now = old.split("."), new.split(".")
        while len(then) > 1 and len(now) > 1 and then[-1] == now[-1]:
            then.pop()
            now.pop()
        return layer.kind, ".".join(then), ".".join(now)
    names = (new or old).split(".")
    others = around[layer.kind == "removed"]
    level = next((i for i in range(1, len(names)) if ".".join(names[:i]) not in others), len(names))
    return layer.kind, ".".join(names[:level]), ""


def _prefixes(version: Version | None) -> set[str]:
    """Every path of a version, and of all that stands around one."""
    paths = version.report.graph.paths if version and version.report else ()
    split = [path.split(".") for path in paths]
    return {".".join(names[:i]) for names in split for i in range(1, len(names) + 1)}


def _joined(run: Sequence[LayerChange], shared: tuple[str, str, str], fold: bool) -> Line:
    kind, part = run[0].kind, shared[1]
    count = f" ({len(run)} layers)" if len(run) > 1 else ""
    if kind == "renamed":
        return Line(part + count, "renamed", part, shared[2])
    described = _described([row for layer in run for row in (layer.before, layer.after) if row], fold)
    return Line(part + count, kind, *((described, None) if kind == "removed" else (None, described)))


def _described(rows: Sequence[Row], fold: bool) -> str:
    """``conv 64x112x112, 9,408 params``, as data without the comma; of several layers the figures alone."""
    params = sum(row.params for row in rows)
    said = [f"{units.grouped(params) if fold else params} params"] if params else []
    if len(rows) == 1:
        said.insert(0, f"{rows[0].op} {units.cell(rows[0].out)}")
    return ", ".join(said) or "no params"


def _changed(layer: LayerChange) -> Iterator[Line]:
    """A line for each difference; a figure that follows from another is left out."""
    old, new = layer.paths
    part = new if old == new else f"{old} -> {new}"
    differing = _what(layer)
    for what, before, after in layer.differences:
        follows = (
            (what == "in" and "shape" in differing)
            or (what == "flops" and not differing.isdisjoint(("macs", "shape", "in")))
            or (what == "activations" and "shape" in differing)
            or (what == "buffers" and "params" in differing)
        )
        if not follows:
            yield Line(part, what, before, after)


def _summed(change: Change, depth: int) -> Iterator[list[Line]]:
    """Every part of ``depth`` names that has a difference: the sums that differ, or how many layers do."""
    touched: dict[str, int] = {}
    for layer in change.layers:
        for path in dict.fromkeys(layer.paths):
            part = ".".join(path.split(".")[:depth])
            if part:
                touched[part] = touched.get(part, 0) + 1
    old, new = (_sums(version, depth, touched) for version in (change.before, change.after))
    for part, count in touched.items():
        lines = [
            Line(part, quantity, old[part].get(quantity), new[part].get(quantity))
            for quantity in unasked(PARTS)
            if old[part].get(quantity) != new[part].get(quantity)
        ]
        yield lines or [Line(part, "layers changed", None, count)]


def _sums(version: Version | None, depth: int, parts: Iterable[str]) -> dict[str, dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {part: {} for part in parts}
    for row in version.report.layers if version and version.report else ():
        found = sums.get(".".join(row.path.split(".")[:depth]))
        if found is not None:
            for quantity in unasked(PARTS):
                found[quantity] = found.get(quantity, 0) + row[quantity]
    return sums


def _is_number(value: Any) -> bool:
    return not isinstance(value, (bool, str, tuple, list)) and value is not None


def changed(before: Any, after: Any) -> tuple[str, str]:
    """``+1,024`` and ``+0.5%``; nothing where one is no number, no percentage of nothing."""
    if not _is_number(before) or not _is_number(after) or before == after:
        return "", ""
    sign = "+" if after > before else "-"
    percent = units.percent(abs(after - before), before)
    return sign + units.grouped(abs(after - before)), sign + percent if percent else ""


def _cell(line: Line, value: Any) -> str:
    """A figure or shape as everywhere, an argument as the language writes it."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, list):
        return ", ".join(value)
    return units.cell(value) if line.is_figure or line.what in ("in", "shape") else show(value)


def _values(line: Line) -> list[Any]:
    """Before, after, their difference and ratio, for CSV."""
    before, after = line.before, line.after
    numbers = line.is_figure and _is_number(before) and _is_number(after)
    shown = [
        value if _is_number(value) and (line.is_figure or isinstance(value, int)) else _cell(line, value)
        for value in (before, after)
    ]
    relative = float(f"{float((after - before) / before):.6g}") if numbers and before else None
    return [*shown, after - before if numbers else None, relative]
