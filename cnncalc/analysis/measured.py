"""What ``cnncalc profile`` measured of a network, as data: time, memory and rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cnncalc import rendered, units


class MeasuredRun(NamedTuple):
    """The whole network at one batch: the median time of a run, its spread, and what follows from it."""

    batch: int
    median_seconds: float
    lower_quartile_seconds: float
    upper_quartile_seconds: float
    least_seconds: float
    samples_per_second: float
    macs: int
    bytes: int
    flops_per_second: int
    bytes_per_second: int
    memory_bytes: int
    weight_bytes: int


class MeasuredLayer(NamedTuple):
    """A layer in runs of its own; ``backward_seconds``, which are part of ``seconds``, are there in training alone."""

    path: str
    op: str
    seconds: float
    macs: int
    bytes: int
    backward_seconds: float | None = None


class Profile(NamedTuple):
    """A measurement. ``print(profile)`` prints what ``cnncalc profile`` does.

    ``data`` is all of it, ``cnncalc.profile/1``: the machine and the settings too.
    """

    data: Mapping[str, Any]

    @property
    def runs(self) -> tuple[MeasuredRun, ...]:
        """A run for each batch that fits."""
        return tuple(MeasuredRun(*(run[name] for name in MeasuredRun._fields)) for run in self.data["runs"])

    @property
    def layers(self) -> tuple[MeasuredLayer, ...]:
        """The layers, where one batch was measured."""
        return tuple(MeasuredLayer(**row) for row in self.data["layers"])

    def __repr__(self) -> str:
        times = [f"batch {run.batch:,} in {units.seconds(run.median_seconds)}" for run in self.runs]
        where = f"{self.data['spec']['name']} on {self.data['settings']['device']}"
        return f"<Profile {where}: {', '.join(times)}>"

    def __str__(self) -> str:
        return str(rendered("measured.text", self.data))

    def to_dict(self) -> dict[str, Any]:
        """The measurement as JSON data, ``cnncalc.profile/1``."""
        return dict(self.data)
