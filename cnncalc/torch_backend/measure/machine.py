"""What a measurement was made on: versions, device, clocks, and the device's peaks where its maker states them."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

_QUERY = {"driver": "driver_version", "sm_mhz": "clocks.sm", "memory_mhz": "clocks.mem", "sm_most_mhz": "clocks.max.sm"}
_PATIENCE_SECONDS = 10


def describe(device: torch.device, dtype: str) -> dict[str, Any]:
    """The machine as the JSON has it; None for what can't be read."""
    cuda = device.type == "cuda"
    properties = torch.cuda.get_device_properties(device) if cuda else None
    name = properties.name if properties else _processor()
    read = _nvidia_smi(properties) if properties else {}
    arithmetic = _arithmetic(properties, dtype)
    clocks = {key: read.get(key) for key in ("sm_mhz", "memory_mhz", "sm_most_mhz")}
    return {
        "device": name,
        "memory_bytes": int(properties.total_memory) if properties else None,
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda if cuda else None,
        "cudnn": torch.backends.cudnn.version() if cuda else None,  # type: ignore[no-untyped-call]
        "driver": read.get("driver"),
        "clocks": {key: int(value) for key, value in clocks.items() if value and value.isdigit()} or None,
        "arithmetic": arithmetic,
        "peak": peak(name, arithmetic) if cuda else None,
    }


def peak(name: str, arithmetic: str) -> dict[str, Any] | None:
    """The peaks of a device by its name as the driver has it; None where its maker's figures are not known here.

    A name has to be there word for word: a part of a device, or a slower variant, is another device.
    """
    from json import load

    with open(os.path.join(os.path.dirname(__file__), "peaks.json"), encoding="utf-8") as file:
        rows = load(file)
    for row in rows:
        if name.removeprefix("NVIDIA ") in row["names"] and arithmetic in row["teraflops"]:
            return {
                "arithmetic": arithmetic,
                "flops_per_second": round(row["teraflops"][arithmetic] * 10**12),
                "bytes_per_second": row["gigabytes_per_second"] * 10**9,
                "source": row["source"],
            }
    return None


def _arithmetic(properties: Any, dtype: str) -> str:
    """The fastest arithmetic that the settings allow for a data type: float32 may be tf32 inside convolutions."""
    tf32 = properties is not None and properties.major >= 8 and torch.backends.cudnn.allow_tf32
    return "tf32" if dtype == "float32" and tf32 else dtype


def _processor() -> str:
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            name = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor()
    shown = "".join(c for c in name if c.isprintable())
    return shown or platform.machine() or "unknown"


def _nvidia_smi(properties: Any) -> dict[str, str]:
    """What the driver's own tool says of the device; nothing where it is not there."""
    import shutil
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    command = [tool, f"--query-gpu={','.join(_QUERY.values())}", "--format=csv,noheader,nounits"]
    uuid = getattr(properties, "uuid", None)
    if uuid is not None:
        command += ["-i", f"GPU-{str(uuid).removeprefix('GPU-')}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = done.stdout.splitlines()
    if len(lines) != 1:  # several devices, and no way to tell which
        return {}
    values = [value.strip() for value in lines[0].split(",")]
    return {key: value for key, value in zip(_QUERY, values, strict=False) if value.replace(".", "").isalnum()}
