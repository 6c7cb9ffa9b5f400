"""A table of cuDNN's workspaces on a GPU (``cnncalc.workspaces/1``), as it was saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cnncalc.errors import Location, UsageError, quote
from cnncalc.memory.cuda.workspaces import Row
from cnncalc.render import measured

#: what all rows of a table have in common, by its names
_SAME = ("gpu", "capability", "cudnn", "torch", "dtype", "layout", "benchmark", "cublas")


class Table(NamedTuple):
    """What was measured on a GPU: ``capability`` is its compute capability, ``rows`` are by signature.

    ``cublas`` are the bytes of cuBLAS's workspace there.
    """

    gpu: str
    capability: tuple[int, int]
    cudnn: str
    torch: str
    dtype: str
    layout: str
    benchmark: bool
    cublas: int
    rows: Mapping[str, Row]


def parse(text: str, file: str) -> Table:
    """The table of a file.

    Raises:
        UsageError: it holds something else, or a convolution twice; with the position.
    """
    hint = "cnncalc profile NETWORK --workspaces FILE.json makes one on a GPU"
    data = measured.read_data(text, file, "workspaces", "table of workspaces", hint)
    signatures = [row["signature"] for row in data["rows"]]
    twice = next((one for one in signatures if signatures.count(one) > 1), None)
    if twice is not None:
        raise UsageError(f"the table has {quote(twice)} twice", Location(file, 1, 1))
    return of_run(data)


def of_run(data: Mapping[str, Any]) -> Table:
    """The table as a measurement has it."""
    rows = {row["signature"]: Row(*(row[name] for name in Row._fields)) for row in data["rows"]}
    major, minor = data["sm"]
    return Table(data["gpu"], (major, minor), **{name: data[name] for name in _SAME[2:]}, rows=rows)


def joined(tables: Sequence[Table], file: str) -> Table:
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


def payload(table: Table) -> dict[str, Any]:
    """A table as data."""
    from cnncalc import __version__

    machine = {"gpu": table.gpu, "sm": list(table.capability), **{name: getattr(table, name) for name in _SAME[2:]}}
    return {
        "schema": "cnncalc.workspaces/1",
        "tool": {"name": "cnncalc", "version": __version__},
        **machine,
        "rows": [{"signature": signature, **row._asdict()} for signature, row in table.rows.items()],
    }
