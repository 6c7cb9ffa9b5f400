"""The networks of the zoo with their totals: a Table and ``cnncalc.list/1``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cnncalc import units
from cnncalc.analysis.report import Report, plain
from cnncalc.columns import COLUMNS
from cnncalc.errors import check_word
from cnncalc.render.table import Heading, Table, counted, counted_by, rule_of

#: what a network is listed with, besides its totals
DESCRIPTIONS = ("name", "family", "title", "input", "file")
DEFAULT_COLUMNS = ("family", "input", "params", "macs", "title")


def entry(report: Report) -> dict[str, Any]:
    """A network's description and totals."""
    about = report.about
    described = {"name": about.name, "title": about.title, "family": about.family, "file": about.file}
    return {**described, "input": report.assumptions["input"], **report.totals}


def table(
    entries: Sequence[dict[str, Any]],
    columns: Sequence[str],
    given: Mapping[str, Any],
    left_out: Mapping[str, str],
) -> Table:
    """The networks as a Table: the name, then ``columns``.

    ``given`` are the assumptions, ``left_out`` has the networks that the convention has no figure of, and why.

    Raises:
        UsageError: a column that does not exist.
    """
    figures = [figure for figure in COLUMNS.values() if figure.total != "none"]
    known = [*DESCRIPTIONS, *(figure.name for figure in figures)]
    for name in columns:
        check_word("column", name, known)
    shown = ["name", *(name for name in columns if name != "name")]
    headings = [Heading(name, name, name not in DESCRIPTIONS) for name in shown]
    rows = [[units.cell(item[name]) for name in shown] for item in entries]
    values = [[item[name] for name in shown] for item in entries]
    plural = "" if len(entries) == 1 else "s"
    notes = [f"{len(entries)} network{plural}"]
    for figure in figures:
        if figure.name in columns and figure.name != "params":
            by_rule = figure.name in ("macs", "flops", "work")
            notes.append(f"{figure.name}: {rule_of(figure.name, given) if by_rule else figure.meaning}")
    reasons = dict.fromkeys(left_out.values())
    for reason in reasons:
        names = " ".join(name for name, other in left_out.items() if other == reason)
        notes.append(f"not listed, because {given['convention']} has no known figure: {names}: {reason}")
    captions = [", ".join(counted_by(given))] if counted(columns) else []
    return Table(captions, headings, rows, [], notes, values, [])


def payload(entries: Sequence[dict[str, Any]], given: Mapping[str, Any], left_out: Mapping[str, str]) -> dict[str, Any]:
    """``cnncalc.list/1``."""
    from cnncalc import __version__

    return {
        "schema": "cnncalc.list/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "assumptions": dict(given),
        "networks": [plain(item) for item in entries],
        "not_reproducible": [{"name": name, "reason": reason} for name, reason in left_out.items()],
    }
