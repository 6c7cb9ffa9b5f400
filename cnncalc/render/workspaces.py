"""A table of cuDNN's workspaces on a GPU (``cnncalc.workspaces/1``), as it was saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cnncalc.errors import Location, UsageError, quote
from cnncalc.memory.cuda.workspaces import WorkspaceBytes, WorkspaceTable
from cnncalc.render import measured

#: what all rows of a table have in common, by its names
_SAME = ("gpu", "capability", "cudnn", "torch", "dtype", "layout", "benchmark", "cublas")


def parse(text: str, file: str) -> WorkspaceTable:
    """The table of a file.

    Raises:
        UsageError: it holds something else, or a convolution twice; with the position.
    """
    hint = "cnncalc profile NETWORK --save-workspaces FILE.json makes one on a GPU"
    data = measured.read_data(text, file, "workspaces", "table of workspaces", hint)
    signatures = [row["signature"] for row in data["rows"]]
    twice = next((one for one in signatures if signatures.count(one) > 1), None)
    if twice is not None:
        raise UsageError(f"the table has {quote(twice)} twice", Location(file, 1, 1))
    return of_run(data)


def of_run(data: Mapping[str, Any]) -> WorkspaceTable:
    """The table as a measurement has it."""
    rows = {row["signature"]: WorkspaceBytes(*(row[name] for name in WorkspaceBytes._fields)) for row in data["rows"]}
    major, minor = data["sm"]
    return WorkspaceTable(data["gpu"], (major, minor), **{name: data[name] for name in _SAME[2:]}, rows=rows)


def joined(tables: Sequence[WorkspaceTable], file: str) -> WorkspaceTable:
    """The rows of several tables, the later ones instead of the same of earlier.

    Raises:
        UsageError: they were not measured on the same.
    """
    first, last = tables[0], tables[-1]
    for name in _SAME:
        before, now = getattr(first, name), getattr(last, name)
        if before != now:
            raise UsageError(f"the rows of {quote(file)} are of {name} {before}, not {now}", hint="write another file")
    rows = {signature: row for table in tables for signature, row in table.rows.items()}
    return last._replace(rows=rows)


def payload(table: WorkspaceTable) -> dict[str, Any]:
    """A table as data."""
    from cnncalc import __version__

    machine = {"gpu": table.gpu, "sm": list(table.capability), **{name: getattr(table, name) for name in _SAME[2:]}}
    return {
        "schema": "cnncalc.workspaces/1",
        "tool": {"name": "cnncalc", "version": __version__},
        **machine,
        "rows": [{"signature": signature, **row._asdict()} for signature, row in table.rows.items()],
    }
