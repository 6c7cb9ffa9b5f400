"""Graph to figures: one file per metric, standard library only. A metric never sees the spec, only the Graph.

``METRICS`` lists them; each has ``COLUMNS`` and ``measure(graph, assumptions)``. A new one becomes a table column, a
JSON key and a total by standing in the list.
"""

from __future__ import annotations

from typing import Any

from cnncalc.analysis import compute, depth, memory, params, receptive_field
from cnncalc.analysis.columns import Assumptions, Column
from cnncalc.graph import Graph

METRICS = (params, compute, memory, receptive_field, depth)
COLUMNS: tuple[Column, ...] = tuple(column for metric in METRICS for column in metric.COLUMNS)


def measure(graph: Graph, assumptions: Assumptions) -> dict[str, list[Any]]:
    """Every column by name, a value for every node."""
    columns: dict[str, list[Any]] = {}
    for metric in METRICS:
        columns.update(metric.measure(graph, assumptions))
    return columns
