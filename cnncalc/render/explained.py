"""One network under every convention, as text and as data: what is counted, by whom, and why figures differ."""

from __future__ import annotations

from typing import Any

from cnncalc import __version__, units
from cnncalc.analysis.explained import Explained
from cnncalc.analysis.report import plain as as_json
from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.counting.differences import Counted, Difference
from cnncalc.counting.price import Term, ways
from cnncalc.render import markdown, narrow, plain, waterfall
from cnncalc.render.table import Heading, Table, captions, remarks

UNKNOWN = "not known"
#: fields of a term or difference that the schema names otherwise
_KEYS = {"op": "op_kind", "layers": "count"}


def to_plain(explained: Explained, room: int | None = None) -> str:
    """The conventions side by side, what leads from macs to each, and what is to be said of them.

    ``room`` is the width of a terminal, if that is what it is for.
    """
    first, blocks = _table(explained), _blocks(explained)
    written = plain.write(first._replace(captions=narrow.folded(first.captions, room)))
    notes = "\n".join(narrow.folded(_notes(explained), room, "  ")) + "\n"
    return "\n".join([written, *([waterfall.to_plain(blocks, room)] if blocks else []), notes])


def to_markdown(explained: Explained) -> str:
    """The same as GitHub Markdown, a table for each block."""
    blocks = _blocks(explained)
    notes = "".join(f"- {markdown.escape(note)}\n" for note in _notes(explained))
    written = markdown.write(_table(explained))
    return "\n".join([written, *([waterfall.to_markdown(blocks)] if blocks else []), notes])


def _table(explained: Explained) -> Table:
    """A line for macs and for each convention that was asked for, under the captions."""
    macs = _macs(explained)
    headings = [
        Heading("convention", "convention", False),
        Heading("work", "work", True),
        Heading("ratio", "of macs", True),
    ]
    rows = [
        [one.convention.name, UNKNOWN, ""]
        if one.total is None
        else [one.convention.name, units.grouped(one.total), units.ratio(one.total, macs)]
        for one in explained.counted
        if explained.convention is None or one.convention.name in ("macs", explained.convention)
    ]
    name, assumed = captions(explained.report, worked=False)
    if any(one.convention.measured for one in explained.conventions):
        assumed += f", tools count {explained.report.graph.program}"
    return Table([name, assumed], headings, rows, [], [], [], [])


def _blocks(explained: Explained) -> list[Table]:
    """What leads from macs to each convention."""
    return waterfall.blocks(explained.conventions, _macs(explained))


def _notes(explained: Explained) -> list[str]:
    """The rule of each convention, or why it has no figure; whose program tools count; the parameters."""
    lines = []
    for one in explained.conventions:
        convention = one.convention
        known = f"{convention.name} ({convention.source}): {convention.rule}"
        lines.append(known if one.reason is None else f"{convention.name}: {UNKNOWN}: {one.reason}")
    program, writings = explained.report.graph.program, ways(explained.report.graph)
    if any(one.convention.measured for one in explained.conventions):
        said = [program.source or "", f"with {', '.join(writings)}" if writings else ""]
        said = list(filter(None, said)) or ["PyTorch's modules, joins as + and *"]
        lines.append(f"tools count {program}: {', '.join(said)}")
    rules = explained.parameters
    for total in dict.fromkeys(rules.values()):  # those that come to the same figure together
        lines.append(f"parameters {total:,}: {', '.join(rule for rule, other in rules.items() if other == total)}")
    others = [name for name in CONVENTIONS if name not in explained.totals]
    if others and explained.convention is None:
        lines.append(f"these count no backward pass: {', '.join(others)}")
    return [*lines, *remarks(explained.report, pixels=True)]


def _macs(explained: Explained) -> int:
    """The total of macs, which every waterfall starts from."""
    return next(one.total or 0 for one in explained.counted if one.convention.name == "macs")


def to_json(explained: Explained) -> dict[str, Any]:
    """``cnncalc.explain/1`` of a network."""
    report = explained.report
    program = report.graph.program
    written = {"library": program.library, "source": program.source, "written": ways(report.graph)}
    return {
        "schema": "cnncalc.explain/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "spec": as_json(report.spec, float),
        "assumptions": as_json({**report.assumptions, "convention": explained.convention or "macs"}),
        "program": written,
        "conventions": [_convention(one, program.library) for one in explained.conventions],
        "parameters": [{"rule": rule, "total": total} for rule, total in explained.parameters.items()],
        "diagnostics": list(report.diagnostics),
    }


def _convention(one: Counted, library: str) -> dict[str, Any]:
    return {
        "name": one.convention.name,
        "total": one.total,
        "unit": one.convention.unit,
        "reproducible": one.reason is None,
        "tool_version": one.convention.source,
        "program": library if one.convention.measured else None,
        "rule": one.convention.rule,
        "terms": [_row(term) for term in one.terms],
        "difference_from_macs": [_row(difference) for difference in one.differences],
        "uncounted": one.uncounted,
        "note": one.reason or one.convention.note,
    }


def _row(one: Term | Difference) -> dict[str, Any]:
    """Its fields by the names of the schema."""
    return {_KEYS.get(name, name): value for name, value in one._asdict().items()}
