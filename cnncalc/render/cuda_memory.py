"""What PyTorch's allocator takes of a GPU: in words and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from cnncalc import units
from cnncalc.devices import Device
from cnncalc.graph.graph import Graph
from cnncalc.memory.cuda.cuda_fit import Reserved, ReservedRuns, reserved
from cnncalc.memory.cuda.workspaces import Libraries
from cnncalc.memory.fit import Runs
from cnncalc.memory.peaks import Footprint, Run
from cnncalc.memory.simulate import Settings
from cnncalc.render.memory import PHASES
from cnncalc.render.workspaces import Table

#: the parts of allocated bytes in words
PARTS: Mapping[str, str] = MappingProxyType(
    {
        "tensors": "tensors",
        "cublas": "cuBLAS workspaces",
        "cudnn": "cuDNN workspace",
        "rounding": "rounding and slack of blocks",
        "cached": "cached",
    }
)
OUTSIDE = (
    "the CUDA context and the libraries' code, which take some hundred MB of the device",
    "other processes",
)
#: convolutions that are named where a table does not have them
SHOWN = 3


class Given(NamedTuple):
    """What is known of the GPU: the device that was named, the table of cuDNN's workspaces, and what follows."""

    device: Device | None
    file: str | None
    table: Table | None
    libraries: Libraries

    def runs(self, graph: Graph, settings: Settings, room: int) -> ReservedRuns:
        """The runs of a network on the GPU, of which so many bytes are left."""
        return ReservedRuns(graph, settings, self.libraries, room)

    def fitted(self, graph: Graph, settings: Settings, batches: Sequence[int], runs: Runs | None) -> Fitted:
        """What was assumed of some batches, and which were tried to find them; without ``runs``, inputs were tried."""
        known = self.libraries if runs is not None else self.libraries._replace(cudnn=None)  # of other inputs
        unknown = sorted({at for batch in batches for at in known.unknown(graph, batch, settings.with_side)})
        return Fitted(self, unknown, runs if isinstance(runs, ReservedRuns) else None)


class Fitted(NamedTuple):
    """What an answer to what fits on a GPU rests on; ``runs`` is None where no batch was sought."""

    given: Given
    unknown: Sequence[int]
    runs: ReservedRuns | None

    @property
    def how(self) -> str:
        """How a largest batch was found."""
        if self.runs is None:
            return ""
        count = len(self.runs.tried)
        words = f"{count} batch{'es were' if count > 1 else ' was'} replayed through PyTorch's allocator"
        return words if self.runs.monotone else f"{words}, and a larger may fit: what it reserves does not always grow"

    def assumed(self, paths: Sequence[str]) -> list[str]:
        """What is known of the libraries, in words."""
        return assumed(self.given, [paths[index] for index in self.unknown])

    def payload(self, paths: Sequence[str]) -> dict[str, Any]:
        """What is known of the libraries, and the batches that were tried, as data."""
        tried = self.runs.tried if self.runs is not None else {}
        return {
            **libraries(self.given, [paths[index] for index in self.unknown]),
            "tried": [{"batch": batch, "fits": fits} for batch, fits in tried.items()],
            "monotone": self.runs is None or self.runs.monotone,
        }


def notes(name: str, found: Reserved, paths: Sequence[str]) -> list[str]:
    """The peaks of a run, and what is allocated at its own."""
    peaks = found.peaks
    taken = [f"{units.both_bytes(size)} {PARTS[part]}" for part, size in peaks.parts.items() if size]
    return [
        f"{name} on a GPU: {units.both_bytes(peaks.requested)} requested, {units.both_bytes(peaks.allocated)} "
        f"allocated, {units.both_bytes(peaks.reserved)} reserved, after two others",
        f"allocated = {' + '.join(taken)}, {PHASES[found.phase]} at {paths[found.layer]}",
    ]


def assumed(given: Given, unknown: Sequence[str]) -> list[str]:
    """What is known of the libraries, and what no part of the allocator is; ``unknown`` are layers without a row."""
    size = units.both_bytes(given.libraries.cublas)
    whose = _whose(given)
    said = [f"cuBLAS workspace: {size}, {whose}, once in inference, twice in training where matrices are multiplied"]
    if given.table is None:
        said.append("cuDNN workspaces: excluded (no table for this GPU)")
    else:
        table = given.table
        measured = f"measured on {table.gpu}, cuDNN {table.cudnn}, torch {table.torch}, {table.dtype}, {table.layout}"
        said.append(f"cuDNN workspaces: {measured}")
        if unknown:
            more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
            named = ", ".join(unknown[:SHOWN])
            said[-1] += f"; excluded, as the table does not have them: {named}{more}"
    return [*said, f"outside the allocator, and not counted: {'; '.join(OUTSIDE)}"]


def _whose(given: Given) -> str:
    if given.table is not None:
        return f"as {given.table.gpu} has it"
    return "as GPUs before Hopper have it (--gpu NAME)" if given.device is None else f"as {given.device.name} has it"


class Allocated(NamedTuple):
    """Inference, and training where it is asked for, on a GPU; ``unknown`` are convolutions that no table has."""

    given: Given
    unknown: Sequence[int]
    inference: Reserved
    training: Reserved | None

    @classmethod
    def of(cls, graph: Graph, batch: int, settings: Settings, found: Footprint, given: Given) -> Allocated:
        """The runs of a footprint through the allocator."""

        def through(run: Run) -> Reserved:
            return reserved(run.trace, graph, batch, settings, given.libraries)

        unknown = given.libraries.unknown(graph, batch, settings.with_side)
        training = through(found.training) if found.training is not None else None
        return cls(given, unknown, through(found.inference), training)

    def notes(self, paths: Sequence[str]) -> list[str]:
        """The peaks in words."""
        found = notes("inference_memory", self.inference, paths)
        if self.training is not None:
            found += notes("training_memory", self.training, paths)
        return [*found, *assumed(self.given, [paths[index] for index in self.unknown])]

    def payload(self, paths: Sequence[str]) -> dict[str, Any]:
        """The peaks as data."""
        known = libraries(self.given, [paths[index] for index in self.unknown])
        return {**known, "inference": _peaks(self.inference, paths), "training": _peaks(self.training, paths)}


def libraries(given: Given, unknown: Sequence[str]) -> dict[str, Any]:
    """What is known of the libraries, as data."""
    table = given.table
    return {
        "gpu": given.device.name if given.device else None,
        "cublas_workspace_bytes": given.libraries.cublas,
        "cudnn": None
        if table is None
        else {
            "file": given.file,
            "gpu": table.gpu,
            "cudnn": table.cudnn,
            "torch": table.torch,
            "dtype": table.dtype,
            "layout": table.layout,
            "benchmark": table.benchmark,
            "unknown": list(unknown),
        },
        "outside": list(OUTSIDE),
    }


def _peaks(found: Reserved | None, paths: Sequence[str]) -> dict[str, Any] | None:
    if found is None:
        return None
    peaks = found.peaks
    return {
        "requested_bytes": peaks.requested,
        "allocated_bytes": peaks.allocated,
        "reserved_bytes": peaks.reserved,
        "phase": found.phase,
        "layer": paths[found.layer],
        "parts": dict(peaks.parts),
    }
