"""What PyTorch's allocator takes of a GPU: in words and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cnncalc import units
from cnncalc.memory.cuda.gpu import Gpu, Reserved
from cnncalc.memory.peaks import Allocated

#: a phase within a sentence
PHASES: Mapping[str, str] = MappingProxyType(
    {
        "start": "before the pass",
        "forward": "in the forward pass",
        "loss": "in the loss",
        "backward": "in the backward pass",
        "optimizer": "in the optimizer's step",
    }
)
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


def _notes(name: str, found: Reserved) -> list[str]:
    """The peaks of a run, and what is allocated at its own."""
    peaks = found.peaks
    sizes = (peaks.requested_bytes, peaks.allocated_bytes, peaks.reserved_bytes)
    requested, allocated, reserved = map(units.both_bytes, sizes)
    taken = [f"{units.both_bytes(size)} {PARTS[part]}" for part, size in peaks.parts.items() if size]
    return [
        f"{name} on a GPU: {requested} requested, {allocated} allocated, {reserved} reserved, in the third run",
        f"allocated = {' + '.join(taken)}, {PHASES[found.phase]} at {found.path}",
    ]


def assumed(gpu: Gpu, unknown: Sequence[str]) -> list[str]:
    """What is known of the libraries, and what no part of the allocator is; ``unknown`` are layers without a row."""
    size = units.both_bytes(gpu.libraries.cublas)
    whose = _whose(gpu)
    said = [f"cuBLAS workspace: {size}, {whose}, once in inference, twice in training where matrices are multiplied"]
    if gpu.table is None:
        said.append("cuDNN workspaces: excluded (no table for this GPU)")
    else:
        table = gpu.table
        measured = f"measured on {table.gpu}, cuDNN {table.cudnn}, torch {table.torch}, {table.dtype}, {table.layout}"
        said.append(f"cuDNN workspaces: {measured}")
        if unknown:
            more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
            named = ", ".join(unknown[:SHOWN])
            said[-1] += f"; excluded, because they are not in the table: {named}{more}"
    return [*said, f"outside the allocator, and not counted: {'; '.join(OUTSIDE)}"]


def _whose(gpu: Gpu) -> str:
    if gpu.table is not None:
        return f"as {gpu.table.gpu} has it"
    return "as GPUs before Hopper have it (--gpu NAME)" if gpu.device is None else f"as {gpu.device.name} has it"


def notes(allocated: Allocated) -> list[str]:
    """The peaks of runs through the allocator, in words."""
    found = _notes("inference_memory", allocated.inference)
    if allocated.training is not None:
        found += _notes("training_memory", allocated.training)
    return [*found, *assumed(allocated.gpu, allocated.unknown)]


def payload(allocated: Allocated) -> dict[str, Any]:
    """The peaks as data."""
    known = libraries(allocated.gpu, allocated.unknown)
    runs = {"inference": allocated.inference, "training": allocated.training}
    return {**known, **{name: _peaks(run) for name, run in runs.items()}}


def libraries(gpu: Gpu, unknown: Sequence[str]) -> dict[str, Any]:
    """What is known of the libraries, as data."""
    table = gpu.table
    return {
        "gpu": gpu.device.name if gpu.device else None,
        "cublas_workspace_bytes": gpu.libraries.cublas,
        "cudnn": None
        if table is None
        else {
            "file": gpu.file,
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


def _peaks(found: Reserved | None) -> dict[str, Any] | None:
    if found is None:
        return None
    peaks = found.peaks
    return {
        "requested_bytes": peaks.requested_bytes,
        "allocated_bytes": peaks.allocated_bytes,
        "reserved_bytes": peaks.reserved_bytes,
        "phase": found.phase,
        "layer": found.path,
        "parts": dict(peaks.parts),
    }
