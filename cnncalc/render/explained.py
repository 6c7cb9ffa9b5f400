"""One network under every convention, as text and as data: what is counted, by whom, and why figures differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cnncalc import units
from cnncalc.analysis.report import Report
from cnncalc.analysis.report import plain as as_json
from cnncalc.counting.differences import Counted, Difference, parameters
from cnncalc.counting.price import Term
from cnncalc.render import markdown, narrow, plain, waterfall
from cnncalc.render.table import Heading, Table, captions

UNKNOWN = "not known"
#: fields of a term or difference that the schema names otherwise
_KEYS = {"op": "op_kind", "layers": "count"}


def table(report: Report, counted: Sequence[Counted]) -> Table:
    """A line for each convention, under the captions."""
    macs = macs_of(counted)
    headings = [
        Heading("convention", "convention", False),
        Heading("work", "work", True),
        Heading("ratio", "of macs", True),
    ]
    rows = [
        [one.convention.name, UNKNOWN, ""]
        if one.total is None
        else [one.convention.name, units.grouped(one.total), units.ratio(one.total, macs)]
        for one in counted
    ]
    return Table(captions(report, worked=False), headings, rows, [], [], [], [])


def notes(report: Report, counted: Sequence[Counted], side: Mapping[str, int] | None) -> list[str]:
    """The rule of each convention, or why it has no figure; whose program is counted; the parameters.

    ``side`` are the totals with the side outputs, if there are any that were left out.
    """
    lines = []
    for one in counted:
        convention = one.convention
        known = f"{convention.name} ({convention.source}): {convention.rule}"
        lines.append(known if one.reason is None else f"{convention.name}: {UNKNOWN}: {one.reason}")
    program = report.graph.program
    if program is not None:
        lines.append(f"tools' figures are of {program.source}, which has {', '.join(program.written)}")
    ways = _parameters(report, side)
    for total in dict.fromkeys(ways.values()):  # those that come to the same figure together
        lines.append(f"parameters {total:,}: {', '.join(rule for rule, other in ways.items() if other == total)}")
    return lines


def to_plain(first: Table, blocks: Sequence[Table], last: Sequence[str], room: int | None = None) -> str:
    """The conventions side by side, what leads from macs to each, and what is to be said of them.

    ``room`` is the width of a terminal, if that is what it is for.
    """
    written = plain.write(first._replace(captions=narrow.folded(first.captions, room)))
    notes = "\n".join(narrow.folded(last, room, "  ")) + "\n"
    return "\n".join([written, *([waterfall.to_plain(blocks, room)] if blocks else []), notes])


def to_markdown(first: Table, blocks: Sequence[Table], last: Sequence[str]) -> str:
    """The same as GitHub Markdown, a table for each block."""
    notes = "".join(f"- {markdown.escape(note)}\n" for note in last)
    return "\n".join([markdown.write(first), *([waterfall.to_markdown(blocks)] if blocks else []), notes])


def macs_of(counted: Sequence[Counted]) -> int:
    """The total of macs, which every waterfall starts from."""
    return next(one.total or 0 for one in counted if one.convention.name == "macs")


def _parameters(report: Report, side: Mapping[str, int] | None) -> dict[str, int]:
    """The parameters in every way of counting."""
    ways = parameters(report.totals)
    return ways if side is None else {**ways, "params with side outputs": side["params"]}


def published(report: Report, figure: str, matches: Sequence[Any], agree: bool) -> Table:
    """The ways of counting that come to a published figure, or nearest to it."""
    headings = [
        Heading("network", "network", False),
        Heading("rule", "counted as", False),
        Heading("input", "input", False),
        Heading("computed", "computed", True),
        Heading("off", "off", True),
    ]
    rows, values = [], []
    for match in matches:
        cells = [match.network, match.rule, units.cell(match.input), units.grouped(match.computed)]
        rows.append([*cells, _percent(100 * match.off)])
        values.append([match.network, match.rule, match.input, match.computed, match.off])
    first = f"{report.about.name}: who counts {figure}?"
    agreeing = f"{len(rows)} way{' agrees' if len(rows) == 1 else 's agree'} with its digits"
    told = agreeing if agree else "none agrees with its digits; these come nearest"
    return Table([first], headings, rows, [], [told], values, [])


def _percent(off: float) -> str:
    """Two digits; whole percents as such from 100 to a million, where two digits would have an exponent."""
    return f"{off:+,.0f}%" if 99.5 <= abs(off) < 10**6 else f"{off:+.2g}%"


def published_payload(report: Report, figure: str, matches: Sequence[Any], agree: bool) -> dict[str, Any]:
    """``cnncalc.explain/1`` of a published figure."""
    from cnncalc import __version__

    return {
        "schema": "cnncalc.explain/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "spec": as_json(report.spec),
        "published": figure,
        "agree": agree,
        "matches": [as_json(match._asdict()) for match in matches],
    }


def payload(
    report: Report, counted: Sequence[Counted], side: Mapping[str, int] | None, convention: str = "macs"
) -> dict[str, Any]:
    """``cnncalc.explain/1`` of a network; ``convention`` is the one that was asked for."""
    from cnncalc import __version__

    program = report.graph.program
    return {
        "schema": "cnncalc.explain/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "spec": as_json(report.spec),
        "assumptions": as_json({**report.assumptions, "convention": convention}),
        "program": None if program is None else {"source": program.source, "written": list(program.written)},
        "conventions": [_convention(one) for one in counted],
        "parameters": [{"rule": rule, "total": total} for rule, total in _parameters(report, side).items()],
    }


def _convention(one: Counted) -> dict[str, Any]:
    return {
        "name": one.convention.name,
        "total": one.total,
        "unit": one.convention.unit,
        "reproducible": one.reason is None,
        "tool_version": one.convention.source,
        "rule": one.convention.rule,
        "terms": [_row(term) for term in one.terms],
        "difference_from_macs": [_row(difference) for difference in one.differences],
        "uncounted": one.uncounted,
        "note": one.reason or one.convention.note,
    }


def _row(one: Term | Difference) -> dict[str, Any]:
    """Its fields by the names of the schema."""
    return {_KEYS.get(name, name): value for name, value in one._asdict().items()}
