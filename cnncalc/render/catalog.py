"""The networks of the zoo with their totals: a Table and ``cnncalc.list/1``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cnncalc import units
from cnncalc.analysis.report import Report, plain
from cnncalc.counting.backward import rule
from cnncalc.errors import check_word
from cnncalc.render.table import WORKED, Heading, Table, counted_by, rule_of_work

#: what a network is listed with, besides its totals
DESCRIPTIONS = ("name", "family", "title", "input", "file")
DEFAULT_COLUMNS = ("family", "input", "params", "macs", "title")


def entry(report: Report) -> dict[str, Any]:
    """A network's description and totals."""
    about = report.about
    described = {"name": about.name, "title": about.title, "family": about.family, "file": about.file}
    return {**described, "input": report.assumptions["input"], **plain(report.totals)}


def table(
    entries: Sequence[dict[str, Any]],
    columns: Sequence[str],
    figures: Sequence[Any],
    given: Mapping[str, Any],
    left_out: Mapping[str, str],
) -> Table:
    """The networks as a Table: the name, then ``columns``; ``figures`` describe the totals.

    ``given`` are the assumptions, ``left_out`` has the networks that the convention has no figure of, and why.

    Raises:
        UsageError: a column that does not exist.
    """
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
        if figure.name == "work" and "work" in columns:
            notes.append(f"work: {rule_of_work(given)}")
        elif figure.name in columns and figure.name != "params":
            counted = figure.name in ("macs", "flops")
            notes.append(
                f"{figure.name}: {rule(figure.name, given['pass'], figure.meaning) if counted else figure.meaning}"
            )
    reasons = dict.fromkeys(left_out.values())
    for reason in reasons:
        names = " ".join(name for name, other in left_out.items() if other == reason)
        notes.append(f"not listed, since the figure of {given['convention']} is not reproducible: {names}: {reason}")
    captions = [", ".join(counted_by(given))] if WORKED & set(columns) else []
    return Table(captions, headings, rows, [], notes, values, [])


def payload(entries: Sequence[dict[str, Any]], given: Mapping[str, Any], left_out: Mapping[str, str]) -> dict[str, Any]:
    """``cnncalc.list/1``."""
    from cnncalc import __version__

    return {
        "schema": "cnncalc.list/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "assumptions": dict(given),
        "networks": [dict(item) for item in entries],
        "not_reproducible": [{"name": name, "reason": reason} for name, reason in left_out.items()],
    }
