"""A GPU whose allocator is replayed: what is known of it, and what a run takes there."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from cnncalc.devices import Device
from cnncalc.errors import UsageError
from cnncalc.graph.graph import Graph
from cnncalc.memory.cuda.allocator import AllocatorPeaks, replay
from cnncalc.memory.cuda.workspaces import Libraries, WorkspaceTable, cublas
from cnncalc.memory.simulate import Settings, Trace


class Gpu(NamedTuple):
    """What is known of a GPU: ``device`` is None where it is any before Hopper; ``table`` has the workspaces of cuDNN
    there, as ``file`` has them, and without one they are not counted.
    """

    device: Device | None = None
    table: WorkspaceTable | None = None
    file: str | None = None

    @property
    def libraries(self) -> Libraries:
        """What libraries take of it."""
        if self.table is not None:
            return Libraries(self.table.cublas, self.table.rows)
        return Libraries(cublas(self.device.capability if self.device else None))

    def check(self, settings: Settings) -> None:
        """Refuses a table that was measured on another GPU, or in another data type than convolutions run in.

        Raises:
            UsageError: it was; or the run is on a CPU.
        """
        if settings.device != "cuda":
            raise UsageError(f"--allocator cuda needs the device cuda, not {settings.device}", hint="--device cuda")
        if self.table is None:
            return
        if self.device is not None and self.table.capability != self.device.capability:
            message = f"the workspaces of {self.file} were measured on {self.table.gpu}, not on {self.device.name}"
            raise UsageError(message)
        runs = settings.amp or settings.dtype
        if self.table.dtype != runs:
            raise UsageError(f"the workspaces were measured in {self.table.dtype}, but convolutions run in {runs}")


class Reserved(NamedTuple):
    """A run of a network through the allocator, the phase and layer in which most is allocated, and its path."""

    peaks: AllocatorPeaks
    phase: str
    layer: int
    path: str


def reserve(
    run: Trace, graph: Graph, batch: int, settings: Settings, libraries: Libraries, room_bytes: float = inf
) -> Reserved:
    """The peaks of a run on a GPU that has room for so many bytes.

    Raises:
        OutOfMemory: they are too few.
    """
    convolutions = libraries.taken(run, graph, batch, settings.with_side)
    peaks = replay(run, batch, libraries.cublas, convolutions, room_bytes)
    event = run.events[max(peaks.events - 1, 0)]
    phase, layer = run.origins[max(event, ~event)]
    return Reserved(peaks, phase, layer, graph.nodes[layer].path)
