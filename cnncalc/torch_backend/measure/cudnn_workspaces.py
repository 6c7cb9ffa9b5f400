"""Measures on a GPU what cuDNN takes for itself during convolutions, beside their results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from cnncalc.errors import EnvironmentFailure
from cnncalc.memory.cuda.workspaces import Convolution, WorkspaceBytes, cublas
from cnncalc.torch_backend.build import DTYPES

#: calls before one is measured: cuDNN chooses its algorithm in the first
WARM_UP = 2


def needs_gpu(device: torch.device) -> None:
    """Refuses a device that has no cuDNN.

    Raises:
        EnvironmentFailure: it is no CUDA device.
    """
    if device.type != "cuda":
        message = f"workspaces of cuDNN are measured on a CUDA device, not on '{device.type}'"
        hint = "--device cuda" if torch.cuda.is_available() else "this PyTorch finds no CUDA device"
        raise EnvironmentFailure(message, hint=hint)


def machine(device: torch.device, dtype: str, channels_last: bool) -> dict[str, Any]:
    """What a table is measured on and under, as ``cnncalc.workspaces/1`` has it."""
    properties = torch.cuda.get_device_properties(device)
    return {
        "gpu": properties.name,
        "sm": [properties.major, properties.minor],
        "cudnn": str(torch.backends.cudnn.version()),  # type: ignore[no-untyped-call]  # torch has no types there
        "torch": torch.__version__,
        "dtype": dtype,
        "layout": "channels_last" if channels_last else "contiguous",
        "benchmark": torch.backends.cudnn.benchmark,
        "cublas": _cublas((properties.major, properties.minor)),
    }


def _cublas(capability: tuple[int, int]) -> int:
    """Bytes of cuBLAS's workspace: what PyTorch says, where its version does, else by rule."""
    stated = getattr(torch.backends.cuda, "cublas_workspace_size", None)
    return cublas(capability) if stated is None else int(stated())


def measure(
    wanted: Iterable[Convolution], device: torch.device, dtype: str, channels_last: bool = False
) -> dict[str, WorkspaceBytes]:
    """The bytes that each distinct convolution takes on a GPU, by its signature."""
    rows: dict[str, WorkspaceBytes] = {}
    for one in wanted:
        if one.signature not in rows:
            rows[one.signature] = WorkspaceBytes(*map(taken, calls(one, device, dtype, channels_last)))
    return rows


def calls(
    one: Convolution, device: torch.device, dtype: str, channels_last: bool = False
) -> tuple[Callable[[], Any], ...]:
    """The convolution, and the gradients of its input and its weight, ready to be called."""

    def given(shape: tuple[int, ...]) -> torch.Tensor:
        value = torch.zeros(shape, device=device, dtype=DTYPES[dtype])
        return value.to(memory_format=torch.channels_last) if channels_last and len(shape) == 4 else value

    x, weight = given(one.input), given(one.weight)
    geometry = (one.stride, one.padding, one.dilation, one.transposed, one.output_padding, one.groups)

    def forward() -> torch.Tensor:
        with torch.no_grad():
            y: torch.Tensor = torch.ops.aten.convolution(x, weight, None, *geometry)
            return y

    gradient = torch.zeros_like(forward())

    def backward(mask: list[bool]) -> Callable[[], Any]:
        return lambda: torch.ops.aten.convolution_backward(gradient, x, weight, None, *geometry, mask)

    return forward, backward([True, False, False]), backward([False, True, False])


def taken(call: Callable[[], Any]) -> int:
    """The most bytes that a call takes beside its result: the highest request during it, less what is there after."""
    for _ in range(WARM_UP):
        call()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    result = call()
    torch.cuda.synchronize()
    stats = torch.cuda.memory_stats()
    del result  # it was there until here
    return int(stats["requested_bytes.all.peak"] - stats["requested_bytes.all.current"])
