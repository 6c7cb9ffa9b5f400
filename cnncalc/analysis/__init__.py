"""Graph to figures: one file per figure, standard library only. A figure never sees the spec, only the Graph.

Each file has ``measure(graph, assumptions)``, which returns columns by name; :mod:`cnncalc.columns` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from cnncalc.columns import COLUMNS
from cnncalc.graph.graph import Graph
from cnncalc.values import Assumptions


class Columns(Mapping[str, Sequence[Any]]):
    """Every column by name, a value for every node; a file measures when one of its columns is first asked for.

    ``given`` makes the columns that stand beside the measured ones.
    """

    def __init__(
        self, graph: Graph, assumptions: Assumptions, given: Mapping[str, Callable[[], Sequence[Any]]]
    ) -> None:
        self._graph = graph
        self._assumptions = assumptions
        self._given = given
        self._known: dict[str, Sequence[Any]] = {}
        self._names = (*given, *COLUMNS)

    def __getitem__(self, name: str) -> Sequence[Any]:
        if name not in self._known:
            if name in COLUMNS:
                file = import_module(f"cnncalc.analysis.{COLUMNS[name].file}")
                self._known.update(file.measure(self._graph, self._assumptions))
            else:
                self._known[name] = self._given[name]()
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names  # and nothing is measured

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
