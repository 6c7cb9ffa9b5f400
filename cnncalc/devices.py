"""Memory of GPUs: what the vendor states, and what PyTorch reports of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from cnncalc.errors import UsageError, quote, suggest


class Device(NamedTuple):
    """A GPU: its short name, its names as drivers have them, its compute capability and its memory.

    ``capability`` is that of https://developer.nvidia.com/cuda-gpus and its list of legacy GPUs.
    ``gigabytes`` is what the vendor's page ``page`` states. ``mebibytes`` is the ``total_memory`` that PyTorch reports
    (``torch.cuda.get_device_properties``), as published logs show it; ``log`` is the version in the one that is taken.
    It differs by driver and by error correction, which takes some of it, so the least that was found counts.
    """

    name: str
    drivers: tuple[str, ...]
    capability: tuple[int, int]
    gigabytes: int
    page: str
    mebibytes: int
    log: str

    @property
    def memory(self) -> int:
        """The bytes that PyTorch can count on."""
        return self.mebibytes * 2**20


_CENTER = "https://www.nvidia.com/en-us/data-center"
_CARDS = "https://www.nvidia.com/en-us/geforce/graphics-cards"

#: the smallest memory first
DEVICES = (
    Device("rtx2080ti", ("GeForce RTX 2080 Ti",), (7, 5), 11, f"{_CARDS}/rtx-2080-ti", 11_019, "torch 1.8.1+cu102"),
    Device("t4", ("Tesla T4",), (7, 5), 16, f"{_CENTER}/tesla-t4/", 14_930, "CUDA 11.8"),
    Device("v100", ("Tesla V100-SXM2-16GB", "Tesla V100-PCIE-16GB"), (7, 0), 16, f"{_CENTER}/v100/",
           16_130, "a YOLOv3 log"),
    Device("p100", ("Tesla P100-PCIE-16GB",), (6, 0), 16, f"{_CENTER}/tesla-p100/", 16_280, "torch 1.8.0+cu101"),
    Device("l4", ("L4",), (8, 9), 24, f"{_CENTER}/l4/", 22_563, "torch 2.11.0+cu128"),
    Device("a10g", ("A10G",), (8, 6), 24, f"{_CENTER}/products/a10-gpu/", 22_587, "a nightly torch with cu130"),
    Device("rtx4090", ("GeForce RTX 4090",), (8, 9), 24, f"{_CARDS}/40-series/rtx-4090/", 24_081, "torch 2.5.1"),
    Device("rtx3090", ("GeForce RTX 3090",), (8, 6), 24, f"{_CARDS}/30-series/rtx-3090-3090ti/",
           24_259, "a log of a server"),
    Device("rtx5090", ("GeForce RTX 5090",), (12, 0), 32, f"{_CARDS}/50-series/rtx-5090/",
           32_102, "torch 2.12.0+cu130"),
    Device("v100-32gb", ("Tesla V100-SXM2-32GB", "Tesla V100-PCIE-32GB"), (7, 0), 32, f"{_CENTER}/v100/",
           32_494, "torch 2.6.0+cu124"),
    Device("a100-40gb", ("A100-SXM4-40GB", "A100-PCIE-40GB"), (8, 0), 40, f"{_CENTER}/a100/", 40_339,
           "deviceQuery, CUDA 12.2"),
    Device("l40s", ("L40S",), (8, 9), 48, f"{_CENTER}/l40s/", 45_589, "get_device_properties in a tutorial"),
    Device("a6000", ("RTX A6000",), (8, 6), 48, "https://www.nvidia.com/en-us/design-visualization/rtx-a6000/",
           48_676, "get_device_properties, error correction off"),
    Device("a100-80gb", ("A100-SXM4-80GB", "A100 80GB PCIe"), (8, 0), 80, f"{_CENTER}/a100/",
           81_038, "torch 2.3.1+cu118"),
    Device("h100", ("H100 80GB HBM3", "H100 PCIe"), (9, 0), 80, f"{_CENTER}/h100/", 81_082, "torch 2.0.1+cu118"),
    Device("h200", ("H200",), (9, 0), 141, f"{_CENTER}/h200/", 143_156, "torch 2.11.0+cu128"),
)  # fmt: skip


def find(name: str) -> Device:
    """The device of a name: the short one, or the driver's; case, spaces and hyphens do not matter.

    Raises:
        UsageError: there is none, or the name leaves open which.
    """
    if not isinstance(name, str):
        raise UsageError(
            f"the name of a GPU must be a word, not {quote(name)}", hint="t4, l4, v100, a100-40gb, h100, ..."
        )
    wanted = _plain(name)
    for device in DEVICES:
        if wanted in map(_plain, (device.name, *device.drivers)):
            return device
    alike = [device.name for device in DEVICES if device.name.startswith(f"{name.lower()}-")]
    hint = f"{' or '.join(alike)}?" if alike else suggest(name, [device.name for device in DEVICES])
    known = ", ".join(device.name for device in DEVICES)
    raise UsageError(f"unknown GPU {quote(name)}", hint=hint or f"one of: {known}; or --memory 24GB")


def large_enough(size: int) -> list[Device]:
    """The devices that have so many bytes, the smallest first."""
    return [device for device in DEVICES if device.memory >= size]


def _plain(name: str) -> str:
    """``NVIDIA GeForce RTX 3090`` as ``rtx3090``."""
    return re.sub(r"nvidia|geforce|tesla|[\s_-]", "", name.lower())
