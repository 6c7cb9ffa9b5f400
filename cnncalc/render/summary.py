"""What ``print(report)`` writes: the table of ``cnncalc summary``, as plain text."""

from __future__ import annotations

from cnncalc.analysis.report import Report
from cnncalc.render import plain
from cnncalc.render.table import Options, table

COLUMNS = ("out", "params", "macs", "activations", "receptive_field")
#: the column with the percentage and the bar
MAIN = "params"


def text(report: Report) -> str:
    """The table as a pipe gets it, without the last line break, which ``print`` adds."""
    columns = with_work(COLUMNS, report.assumptions["convention"])
    return plain.write(table(report, Options(columns, MAIN))).removesuffix("\n")


def with_work(columns: tuple[str, ...], convention: str) -> tuple[str, ...]:
    """The columns that are shown unless told otherwise; with ``work`` too where the convention has no other column."""
    counted = [i for i, name in enumerate(columns, 1) if name in ("macs", "flops")]
    if not counted or convention in ("macs", "flops"):
        return columns
    return (*columns[: counted[-1]], "work", *columns[counted[-1] :])
