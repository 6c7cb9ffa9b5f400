"""Graph to figures: one file per metric, standard library only. A metric never sees the spec, only the Graph.

``METRICS`` lists them; each has ``COLUMNS`` and ``measure(graph, assumptions)``. A new one becomes a table column, a
JSON key and a total by standing in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cnncalc.analysis import activations, depth, params, receptive_field, stochastic_depth
from cnncalc.analysis.columns import Column
from cnncalc.counting import price
from cnncalc.graph.graph import Graph
from cnncalc.values import Assumptions

METRICS = (params, price, stochastic_depth, activations, receptive_field, depth)
COLUMNS: tuple[Column, ...] = tuple(column for metric in METRICS for column in metric.COLUMNS)
_METRIC_OF = MappingProxyType({column.name: metric for metric in METRICS for column in metric.COLUMNS})


class Columns(Mapping[str, Sequence[Any]]):
    """Every column by name, a value for every node; a metric is measured when one of its columns is first asked for.

    ``given`` makes the columns that stand beside the measured ones.
    """

    def __init__(
        self, graph: Graph, assumptions: Assumptions, given: Mapping[str, Callable[[], Sequence[Any]]]
    ) -> None:
        self._graph = graph
        self._assumptions = assumptions
        self._given = given
        self._known: dict[str, Sequence[Any]] = {}
        self._names = (*given, *_METRIC_OF)

    def __getitem__(self, name: str) -> Sequence[Any]:
        if name not in self._known:
            if name in _METRIC_OF:
                self._known.update(_METRIC_OF[name].measure(self._graph, self._assumptions))
            else:
                self._known[name] = self._given[name]()
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
