"""What changed between versions of PyTorch in what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Rules(NamedTuple):
    """How a version of PyTorch behaves.

    ``copies_overwritten``: in place, relu6, hardswish, hardsigmoid, silu and mish copy their input first when a
    gradient is needed, and keep the copy, so that nothing is saved. Since 1.10 (PyTorch issue 95432).
    """

    copies_overwritten: bool


#: rules by the first version that has them, in order
VERSIONS: Mapping[str, Rules] = MappingProxyType({"1.0": Rules(False), "1.10": Rules(True)})
#: the newest version that the rules were compared with
TESTED = "2.13"


def rules(version: str = TESTED) -> Rules:
    """The row of a version as ``torch.__version__`` writes it; a version before the first row has the first.

    Raises:
        ValueError: it does not begin with two numbers.
    """
    wanted = _numbers(version)
    found = [row for first, row in VERSIONS.items() if _numbers(first) <= wanted]
    return found[-1] if found else next(iter(VERSIONS.values()))


def is_known(version: object) -> bool:
    """Whether a version is none before the first row and none after the newest tested one."""
    try:
        first, last = _numbers(next(iter(VERSIONS))), _numbers(TESTED)
        return isinstance(version, str) and first <= _numbers(version) <= last
    except ValueError:
        return False


def is_newer(version: str) -> bool:
    """Whether a version is newer than the newest tested one, whose rules it is then taken to have.

    Raises:
        ValueError: it does not begin with two numbers.
    """
    return _numbers(version) > _numbers(TESTED)


def _numbers(version: str) -> tuple[int, int]:
    major, minor, *_ = version.split(".")
    return int(major), int(minor)
