"""What ``print(report)`` writes: the table of ``cnncalc summary``, as plain text."""

from __future__ import annotations

from cnncalc.analysis.report import Report
from cnncalc.columns import with_work
from cnncalc.render import plain
from cnncalc.render.table import Options, table

COLUMNS = ("out", "params", "macs", "activations", "receptive_field")
#: the column with the percentage and the bar
MAIN = "params"


def text(report: Report) -> str:
    """The table as a pipe gets it, without the last line break, which ``print`` adds."""
    columns = with_work(COLUMNS, report.assumptions["convention"])
    return plain.write(table(report, Options(columns, MAIN))).removesuffix("\n")
