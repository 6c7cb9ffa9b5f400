"""A progress bar on standard error, with rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def track(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
    """The items, with a bar of how many of ``total`` have passed; it is gone when the last has."""
    from rich.console import Console
    from rich.progress import track as tracked

    console = Console(file=sys.stderr)
    yield from tracked(items, label, total, console=console, transient=True)
