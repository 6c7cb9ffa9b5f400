"""What a metric is: columns with a name, a unit and a way to total them."""

from __future__ import annotations

from typing import NamedTuple


class Column(NamedTuple):
    """A figure per layer. ``unit`` is count, bytes or pixels; ``total`` is sum, max or none."""

    name: str
    title: str
    unit: str
    total: str
    meaning: str
