"""Which rows and columns of a Report are shown: repeats folded, depth cut, sorted; the result is a Table.

A Table is what every text format writes: captions, headers, cells, totals, notes. Its cells are text, already rounded
by ``units``; the rows always add up to the total.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Rational
from typing import Any, NamedTuple

from cnncalc import __version__, units
from cnncalc.analysis.report import Report
from cnncalc.analysis.unread import layers_said, pixels_said
from cnncalc.columns import COLUMNS, DESCRIPTIONS, OF_A_RUN, WORK
from cnncalc.counting.backward import TITLES, rule
from cnncalc.counting.conventions import CONVENTIONS, counted_in
from cnncalc.errors import check_word, listing
from cnncalc.graph.graph import Input, Program

BAR_WIDTH = 10
_NUMBERED = re.compile(r"(.+)_(\d+)")


class Heading(NamedTuple):
    """A column of a Table: its key, its title, and whether it holds numbers."""

    key: str
    title: str
    numeric: bool


class Table(NamedTuple):
    """Rows of text under headings, with lines before and after. ``total`` is the last row, or empty.

    ``values`` are the same rows as plain values, for CSV. ``bars`` are shares from 0 to 1 of the rows, or empty.
    ``drawing`` makes lines that stand last and are shown as they are, from the width there is and whether it may use
    more than ASCII.
    """

    captions: list[str]
    headings: list[Heading]
    rows: list[list[str]]
    total: list[str]
    notes: list[str]
    values: list[list[Any]]
    bars: list[float]
    drawing: Callable[[int, bool], list[str]] | None = None
    #: what it was made with and of, for those who look it up later
    made: tuple[str, ...] = ()

    def widths(self) -> list[int]:
        """The characters that each column needs."""
        lines = [[heading.title for heading in self.headings], *self.rows, *([self.total] if self.total else [])]
        return [max(map(len, column)) for column in zip(*lines, strict=True)]

    def without(self, column: int) -> Table:
        """The table without one of its columns."""

        def rest(cells: list[Any]) -> list[Any]:
            return cells[:column] + cells[column + 1 :]

        return self._replace(
            headings=rest(self.headings), rows=[rest(row) for row in self.rows], total=rest(self.total)
        )


class Options(NamedTuple):
    """How much of a report is shown. ``main`` is the figure with a percentage and a bar."""

    columns: tuple[str, ...]
    main: str | None = None
    depth: int | None = None
    full: bool = False
    #: whether the plain values have the total as well
    summed: bool = False
    sort: str | None = None
    top: int | None = None


class Entry:
    """One line of the table: an operator, or several summed up. ``members`` are the indices of its rows."""

    __slots__ = ("label", "members", "op")

    def __init__(self, label: str, op: str, members: Sequence[int]) -> None:
        self.label = label
        self.op = op
        self.members = members


def table(report: Report, options: Options) -> Table:
    """The report as a Table.

    Raises:
        UsageError: a column or sort key that does not exist.
    """
    described = {name: column for name, column in (*COLUMNS.items(), *OF_A_RUN.items()) if name in report.columns}
    known = [*DESCRIPTIONS, *described]
    for name in options.columns:
        check_word("column", name, known)
    entries = rows_of(report, options.depth, options.full)
    if options.sort:
        check_word("sort column", options.sort, known)
        key = options.sort
        entries.sort(key=lambda entry: _sort_key(value_of(report, described, entry, key)), reverse=True)
    if options.top is not None and len(entries) > options.top:
        rest = entries[options.top :]
        members = [index for entry in rest for index in entry.members]
        entries = entries[: options.top]
        entries.append(Entry(f"({len(rest)} more rows)", "", members))
    headings = [Heading("path", "layer", False), Heading("op", "op", False)]
    headings += [_heading(name, described) for name in options.columns]
    main = options.main if options.main in options.columns else None
    if main:
        headings.insert(1 + headings.index(_heading(main, described)), Heading("percent", "%", True))
    whole = report.totals[main] if main else 0
    rows, values, bars = [], [], []
    for entry in entries:
        figures = {name: value_of(report, described, entry, name) for name in options.columns}
        values.append([entry.label, entry.op, *figures.values()])
        cells = {"path": entry.label, "op": entry.op, **{name: units.cell(value) for name, value in figures.items()}}
        if main:
            cells["percent"] = units.percent(figures[main], whole)
            bars.append(figures[main] / whole if whole else 0.0)
        rows.append([cells[heading.key] for heading in headings])
    total = {name: report.totals[name] for name in options.columns if name in report.totals}
    total_cells = {name: units.grouped(value) for name, value in total.items()}
    total_cells.update({"path": "total", "percent": "100.0%" if whole else ""})
    return Table(
        captions(report, counted(options.columns)),
        headings,
        rows,
        [total_cells.get(heading.key, "") for heading in headings] if total else [],
        _notes(report, options, described),
        [*values, ["total", "", *(total.get(name) for name in options.columns)]] if options.summed else values,
        bars,
        made=made([report]),
    )


def made(reports: Iterable[Report]) -> tuple[str, ...]:
    """The version of cnncalc, and each network with the digest of its spec and the assumptions."""
    lines = [f"cnncalc {__version__}"]
    for report in reports:
        digest = report.spec["sha256"]
        lines.append(f"{report.about.label}, sha256 {digest}: {', '.join(captions(report, worked=True)[1:])}")
    return tuple(lines)


def title(name: str, said: str) -> str:
    """The name of a network with what it is, where its spec says that."""
    return f"{name}: {said}" if said else name


def captions(report: Report, worked: bool) -> list[str]:
    """What is shown, and under which assumptions; ``worked`` says whether its work is counted by one convention."""
    given = report.assumptions
    assumed = [inputs(report), f"batch {given['batch']}", str(given["dtype"])]
    if given["with_side"]:
        assumed.append("side outputs counted")
    convention = given["convention"]
    assumed += [f"convention {convention}{counted_in(convention, report.graph.program)}"] if worked else []
    return [title(report.about.label, report.about.title), ", ".join([*assumed, *_pass(given)])]


def inputs(report: Report) -> str:
    """The sizes of the inputs; and where one has other channels (features) than the spec states, those of the spec."""
    said = f"input {units.cell(report.assumptions['input'])}"
    given = [report.graph.nodes[index] for index in report.graph.inputs]
    stated = [(node, node.op.stated) for node in given if isinstance(node.op, Input)]
    own = {
        node.path: shape for node, shape in stated if shape.axis is not None and shape.channels != node.shape.channels
    }
    if not own:
        return said
    return f"{said} (the spec's is {units.cell(own if len(given) > 1 else next(iter(own.values())))})"


def counted_by(given: Mapping[str, Any]) -> list[str]:
    """The convention and, unless it is the forward pass, the pass of the assumptions of several networks."""
    convention, library = given["convention"], given["written"]
    program = Program(library) if library else "each network's own program"
    return [f"convention {convention}{counted_in(convention, program)}", *_pass(given)]


def _pass(given: Mapping[str, Any]) -> list[str]:
    return [] if given["pass"] == "forward" else [TITLES[given["pass"]]]


def _notes(report: Report, options: Options, described: dict[str, Any]) -> list[str]:
    totals = report.totals
    notes = []
    if "params" in options.columns:
        kinds = [name for name in ("weights", "biases", "norm_params", "other_params") if totals[name]]
        if len(kinds) > 1:
            notes.append("params = " + " + ".join(f"{units.grouped(totals[name])} {name}" for name in kinds))
    for name in options.columns:
        if name in described and described[name].unit == "bytes" and described[name].total == "sum":
            notes.append(f"{name}: {units.both_bytes(totals[name])}, {report.assumptions['dtype']}")
        elif name in ("macs", "flops"):
            notes.append(f"{name}: {units.short(totals[name])}, {rule_of(name, report.assumptions)}")
            if name == "macs" and totals["expected_macs"] != totals["macs"]:
                share = units.percent(totals["expected_macs"], totals["macs"])
                notes.append(f"expected_macs: {units.grouped(totals['expected_macs'])} in training, {share} of macs")
        elif name == "work":
            notes.append(f"work: {units.short(totals[name])} {rule_of(name, report.assumptions)}")
    if counted(options.columns):
        notes += not_counted(report)
    notes += remarks(report, pixels="receptive_field" in options.columns)
    if report.side and not report.assumptions["with_side"]:
        names = listing([side["name"] for side in report.side])
        notes.append(f"side output{'s' * (len(report.side) > 1)} {names} not counted (--with-side)")
    return notes


def counted(figures: Iterable[str]) -> bool:
    """Whether any of the figures is work, which a convention counts."""
    return any(name in COLUMNS and COLUMNS[name].unit in WORK for name in figures)


def rule_of(figure: str, given: Mapping[str, Any]) -> str:
    """How ``macs``, ``flops`` or ``work`` is counted under a report's assumptions."""
    convention = given["convention"] if figure == "work" else figure
    said = rule(convention, given["pass"], CONVENTIONS[convention].rule)
    return f"under the convention {convention}, {said}" if figure == "work" else said


def not_counted(report: Report) -> list[str]:
    """A line with the operators that the convention has nothing of; none where it has something of each."""
    left_out = report.uncounted
    return [f"not counted by {report.assumptions['convention']}: {', '.join(left_out)}"] if left_out else []


def remarks(report: Report, pixels: bool) -> list[str]:
    """What is computed for nothing: the layers that no output needs and, where they matter, unread ``pixels``."""
    layers = [layers_said(report.unread_layers)] if report.unread_layers else []
    return [*layers, *(pixels_said(report.unread_pixels) if pixels else ())]


def _heading(name: str, described: dict[str, Any]) -> Heading:
    if name in described:
        return Heading(name, described[name].title, True)
    return Heading(name, DESCRIPTIONS[name], name == "count")


def _sort_key(value: Any) -> Any:
    if value is None:
        return (-1,)
    return (value,) if isinstance(value, Rational) else tuple(map(float, value)) if not isinstance(value, str) else (0,)


def value_of(report: Report, described: dict[str, Any], entry: Entry, name: str) -> Any:
    """A line's value: the sum of its rows, their maximum, or what the last of them says; of the rest, which has no
    last, only what adds up.
    """
    values = report.columns[name]
    total = described[name].total if name in described else "none"
    if total == "sum":
        return sum([values[index] for index in entry.members])
    if entry.op == "":
        return None
    if total == "max":
        return max([values[index] for index in entry.members])
    return values[entry.members[0 if name in ("in", "inputs") else -1]]


def rows_of(report: Report, depth: int | None, full: bool) -> list[Entry]:
    """The lines of a report: cut at ``depth`` names, equal repeats folded unless ``full``."""
    paths = report.columns["path"]
    split = {index: tuple(paths[index].split(".")) for index in report.counted}
    entries: list[Entry] = []
    _walk(report, split, list(report.counted), 0, depth, None if full else _signature(report), entries)
    return entries


Signature = Callable[[int, int], tuple[Any, ...]]


def _signature(report: Report) -> Signature:
    """What two rows must have in common to count as equal: path inside the repeat, operator, shapes and figures."""
    columns = report.columns
    compared = [columns[name] for name in ("op", "in", "out", "count", "params", "buffers", "flops", "activations")]

    def sign(index: int, prefix: int) -> tuple[Any, ...]:
        return (columns["path"][index][prefix:], *(column[index] for column in compared))

    return sign


def _walk(
    report: Report,
    split: dict[int, tuple[str, ...]],
    members: list[int],
    level: int,
    depth: int | None,
    sign: Signature | None,
    entries: list[Entry],
) -> None:
    """Adds the lines of ``members``, which share their first ``level`` names and are in call order.

    Folded, an operator and its ``norm`` and ``act`` are one line too.
    """
    groups: list[list[int]] = []
    for index in members:
        names = split[index]
        if groups and len(names) > level:
            last = split[groups[-1][-1]]
            if len(last) > level and last[level] == names[level]:
                groups[-1].append(index)
                continue
        groups.append([index])
    at = 0
    while at < len(groups):
        group = groups[at]
        run = _repeats(groups, at, split, level, sign) if sign else 1
        if run > 1:
            joined = [index for repeat in groups[at : at + run] for index in repeat]
            first = ".".join(split[group[0]][: level + 1])
            end = split[groups[at + run - 1][0]][level]
            kind = _words(report, group) if _followed(group, split, level) else _kind(report, first, group)
            entries.append(Entry(f"{first} ... {end}  x{run}", kind, joined))
        elif sign and _followed(group, split, level):
            label = ".".join(split[group[0]])
            entries.append(Entry(label, _words(report, group), group))
        elif len(split[group[0]]) <= level or (len(group) == 1 and (depth is None or len(split[group[0]]) <= depth)):
            entries += [Entry(".".join(split[index]), report.columns["op"][index], [index]) for index in group]
        elif depth is not None and level + 1 >= depth:
            path = ".".join(split[group[0]][: level + 1])
            entries.append(Entry(path, _kind(report, path, group), group))
        else:
            _walk(report, split, group, level + 1, depth, sign, entries)
        at += run


def _followed(group: list[int], split: dict[int, tuple[str, ...]], level: int) -> bool:
    """Whether the group is an operator and the rows of its ``norm`` and ``act``."""
    lengths = [len(split[index]) for index in group]
    return len(group) > 1 and lengths[0] == level + 1 and all(length == level + 2 for length in lengths[1:])


def _words(report: Report, group: list[int]) -> str:
    """``conv bn relu``."""
    return " ".join([report.columns["op"][index] for index in group])


def _repeats(groups: list[list[int]], at: int, split: dict[int, tuple[str, ...]], level: int, sign: Signature) -> int:
    """How many groups from ``at`` on are equal repeats ``name_1 name_2 ...``."""
    names = split[groups[at][0]]
    numbered = _NUMBERED.fullmatch(names[level]) if len(names) > level else None
    if not numbered:
        return 1
    run = 1
    wanted = None
    while at + run < len(groups):
        other = split[groups[at + run][0]]
        if len(other) <= level or other[level] != f"{numbered[1]}_{int(numbered[2]) + run}":
            break
        if wanted is None:
            wanted = _group_signature(groups[at], names, level, sign)
        if _group_signature(groups[at + run], other, level, sign) != wanted:
            break
        run += 1
    return run


def _group_signature(group: list[int], names: tuple[str, ...], level: int, sign: Signature) -> list[tuple[Any, ...]]:
    prefix = len(".".join(names[: level + 1]))
    return [sign(index, prefix) for index in group]


def _kind(report: Report, path: str, group: list[int]) -> str:
    """What a summed line is: its block's name, its one operator, or a group."""
    if path in report.blocks:
        return report.blocks[path]
    paths = report.columns["path"]
    own = next((index for index in group if paths[index] == path), None)
    return report.columns["op"][own] if own is not None else "group"
