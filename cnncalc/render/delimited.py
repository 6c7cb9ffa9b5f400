"""Tables as CSV and TSV: plain values, no totals, so that a column can be summed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from cnncalc import units
from cnncalc.render.table import Table


def write(table: Table, delimiter: str) -> str:
    """A header of column keys and one line a row."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow([heading.key for heading in table.headings if heading.key != "percent"])
    for row in table.values:
        writer.writerow([_value(value) for value in row])
    return out.getvalue().replace("##[", "#\\x23[")  # a command in the log of GitHub's runner


def _value(value: Any) -> Any:
    """Numbers ungrouped; sizes joined by x; text that a spreadsheet would run is quoted with an apostrophe."""
    if isinstance(value, str):
        return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
    if isinstance(value, (int, float, Fraction)) and not isinstance(value, bool):
        return int(value) if value == value // 1 else float(value)
    return value if value is None else units.cell(value)
