"""Report and Row: the figures of a network as plain values, no presentation in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

#: keys of a row that name and place the layer, in the order of the JSON
IDENTITY = ("path", "op", "inputs", "in", "out", "count")
ORIGIN = ("shared_with", "file", "line")
#: figures of a row in the JSON; the rest of the columns is for tables
FIGURES = (
    "params", "weights", "biases", "norm_params", "other_params", "buffers", "macs", "expected_macs", "flops", "work",
    "activations", "activation_bytes", "receptive_field",
)  # fmt: skip


class Row:
    """One operator's figures: ``row.path``, ``row.params``, ... by the names of the report's columns."""

    __slots__ = ("_columns", "index")

    def __init__(self, columns: Mapping[str, Sequence[Any]], index: int) -> None:
        self._columns = columns
        self.index = index

    def __getattr__(self, name: str) -> Any:
        try:
            return self._columns[name][self.index]
        except KeyError:
            raise AttributeError(f"a row has no {name!r}") from None

    def __getitem__(self, name: str) -> Any:
        return self._columns[name][self.index]

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON data."""
        return {name: plain(self[name]) for name in (*IDENTITY, *FIGURES, *ORIGIN)}


class Report:
    """What is known of a network under stated assumptions.

    ``columns`` holds a list for every figure, a value per operator in call order, side outputs last; ``counted`` are
    the indices that the totals add up. ``spec``, ``assumptions``, ``totals``, ``claims`` and ``side`` are as in the
    JSON; ``blocks`` names the block of each path that is one. ``uncounted`` gives the operators that do arithmetic of
    which the column ``work`` has nothing.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        assumptions: Mapping[str, Any],
        columns: Mapping[str, Sequence[Any]],
        totals: Mapping[str, int],
        counted: Sequence[int],
        side: Sequence[Mapping[str, Any]],
        claims: Sequence[Mapping[str, Any]],
        blocks: Mapping[str, str],
        uncounted: Callable[[], list[str]],
    ) -> None:
        self.spec = spec
        self.assumptions = assumptions
        self.columns = columns
        self.totals = totals
        self.counted = counted
        self.side = side
        self.claims = claims
        self.blocks = blocks
        self.uncounted = uncounted
        self.diagnostics: list[dict[str, Any]] = []

    @property
    def layers(self) -> list[Row]:
        """The rows that add up to the totals, in call order; the first is the input."""
        return [Row(self.columns, index) for index in self.counted]

    def beside(self, columns: Mapping[str, Sequence[Any]], totals: Mapping[str, int]) -> Report:
        """The report with more columns for its tables, and their totals."""
        return Report(
            self.spec,
            self.assumptions,
            {**self.columns, **columns},
            {**self.totals, **totals},
            self.counted,
            self.side,
            self.claims,
            self.blocks,
            self.uncounted,
        )

    def to_dict(self, command: str = "summary") -> dict[str, Any]:
        """The report as JSON data, ``cnncalc.<command>/1``."""
        from cnncalc import __version__

        return {
            "schema": f"cnncalc.{command}/1",
            "tool": {"name": "cnncalc", "version": __version__},
            "spec": plain(dict(self.spec)),
            "assumptions": plain(dict(self.assumptions)),
            "totals": plain(dict(self.totals)),
            "uncounted": self.uncounted(),
            "layers": [row.to_dict() for row in self.layers],
            "side": [
                {**plain(dict(side)), "layers": [Row(self.columns, i).to_dict() for i in side["layers"]]}
                for side in self.side
            ],
            "claims": [dict(claim) for claim in self.claims],
            "diagnostics": list(self.diagnostics),
        }


def plain(value: Any) -> Any:
    """``value`` as JSON has it: lists for tuples, a float where a number is no whole one."""
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (int, str, float)):
        return value
    return float(value)
