"""What ``print(report)`` and a notebook show: the table of ``cnncalc summary``."""

from __future__ import annotations

from cnncalc.analysis.report import Report
from cnncalc.columns import with_work
from cnncalc.render import html, plain
from cnncalc.render.table import Options, Table, table

COLUMNS = ("out", "params", "macs", "activations", "receptive_field")
#: the column with the percentage and the bar
MAIN = "params"


def usual(report: Report) -> Table:
    """The table that ``cnncalc summary`` shows of a report."""
    return table(report, Options(with_work(COLUMNS, report.assumptions["convention"]), MAIN))


def text(report: Report) -> str:
    """The table as a pipe gets it, without the last line break, which ``print`` adds."""
    return plain.write(usual(report)).removesuffix("\n")


def to_html(report: Report) -> str:
    """The table as a notebook shows it."""
    return html.write(usual(report))
