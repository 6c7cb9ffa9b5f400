"""What a metric is: columns with a name, a unit and a way to total them; and the assumptions it is measured under."""

from __future__ import annotations

from typing import Any, NamedTuple


class Assumptions(NamedTuple):
    """What a figure depends on besides the network: samples at once, data type, counting rule, side outputs, and the
    pass whose work is counted (:data:`cnncalc.analysis.passes.PASSES`).
    """

    batch: int = 1
    dtype: str = "float32"
    convention: str = "macs"
    with_side: bool = False
    pass_: str = "forward"

    def to_dict(self) -> dict[str, Any]:
        """By the names of the JSON; ``pass`` is a word of Python, so the field has an underscore."""
        return {name.rstrip("_"): value for name, value in self._asdict().items()}


class Column(NamedTuple):
    """A figure per layer. ``unit`` is count, bytes or pixels; ``total`` is sum, max or none."""

    name: str
    title: str
    unit: str
    total: str
    meaning: str
