"""The networks of the zoo with their totals: a Table and ``cnncalc.list/1``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cnncalc.report import units
from cnncalc.report.model import Report, plain
from cnncalc.report.view import Heading, Table, check_column

#: what a network is listed with, besides its totals
DESCRIPTIONS = ("name", "family", "title", "input", "file")
DEFAULT_COLUMNS = ("family", "input", "params", "macs", "title")


def entry(report: Report) -> dict[str, Any]:
    """A network's description and totals."""
    spec = report.spec
    described = {"name": spec["name"], "title": spec["title"], "family": spec["family"], "file": spec["file"]}
    return {**described, "input": plain(report.assumptions["input"]), **plain(dict(report.totals))}


def table(entries: Sequence[dict[str, Any]], columns: Sequence[str], figures: Sequence[Any]) -> Table:
    """The networks as a Table: the name, then ``columns``; ``figures`` describe the totals.

    Raises:
        UsageError: a column that does not exist.
    """
    known = [*DESCRIPTIONS, *(figure.name for figure in figures)]
    for name in columns:
        check_column(name, known)
    shown = ["name", *(name for name in columns if name != "name")]
    headings = [Heading(name, name, name not in DESCRIPTIONS) for name in shown]
    rows = [[units.cell(item[name]) for name in shown] for item in entries]
    values = [[item[name] for name in shown] for item in entries]
    plural = "" if len(entries) == 1 else "s"
    notes = [f"{len(entries)} network{plural}"]
    notes += [
        f"{figure.name}: {figure.meaning}" for figure in figures if figure.name in columns and figure.name != "params"
    ]
    return Table([], headings, rows, [], notes, values, [])


def payload(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """``cnncalc.list/1``."""
    from cnncalc import __version__

    return {
        "schema": "cnncalc.list/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "networks": [dict(item) for item in entries],
    }
