"""No memory figure depends on the interpreter: on how it counts references, on debuggers, or on garbage collection."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from types import FrameType
from typing import Any

import pytest

import cnncalc
from cnncalc.graph.graph import Graph
from cnncalc.memory.simulate import Settings, Trace, simulate

NETWORKS = ("resnet18", "vgg16", "googlenet", "densenet_bc_40_12", "vit_b_16")


@contextmanager
def tracer(keeps: bool) -> Iterator[None]:
    """What a debugger does: reads the local names of every frame at every event; it may keep what it finds."""
    kept: list[dict[str, Any]] = []

    def look(frame: FrameType, event: str, _: Any) -> Any:
        found = dict(frame.f_locals)
        if keeps:
            kept.append(found)
            frame.f_trace_lines = False
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def one_less() -> Iterator[None]:
    """Every count of references is one less, as where a frame only borrows what its names refer to (Python 3.14)."""
    real, some = sys.getrefcount, object()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "getrefcount", lambda value: real(value) - more)
        more = 0
        more = sys.getrefcount(some) - real(some) + 1  # the call of the lambda has references too
        yield


@contextmanager
def collector(on: bool) -> Iterator[None]:
    """The garbage collector off, or at work all the time."""
    before, thresholds = gc.isenabled(), gc.get_threshold()
    (gc.enable if on else gc.disable)()
    gc.set_threshold(100, 2, 1000)
    try:
        yield
        assert gc.isenabled() == on
    finally:
        gc.set_threshold(*thresholds)
        (gc.enable if before else gc.disable)()


CONDITIONS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "a tracer reads local names": lambda: tracer(keeps=False),
    "a tracer keeps local names": lambda: tracer(keeps=True),
    "every count is one less": one_less,
    "the collector is off": lambda: collector(on=False),
    "the collector is at work": lambda: collector(on=True),
}


@cache
def undisturbed(name: str, settings: Settings) -> tuple[Graph, Trace]:
    graph = cnncalc.load(name).graph
    return graph, simulate(graph, 8, settings)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_byte_moves(name: str, optimizer: str, condition: str) -> None:
    settings = Settings(training=True, optimizer=optimizer)
    graph, expected = undisturbed(name, settings)
    with CONDITIONS[condition]():
        found = simulate(graph, 8, settings)
    assert found.events == expected.events
    assert found == expected


class _Counted:
    """What a storage is not to be: given back when Python frees it."""

    def __init__(self, events: list[str]) -> None:
        self.events = events
        self.itself: Any = None

    def __del__(self) -> None:
        self.events.append("given back")


def _of_the_interpreter() -> list[str]:
    """What hangs on the interpreter: a count, and when an object goes, alone or in a cycle."""
    events: list[str] = []
    alone, cycle = _Counted(events), _Counted(events)
    cycle.itself = cycle
    events.append(f"{sys.getrefcount(alone)} references")
    del alone, cycle
    work = [[number] for number in range(10_000)]  # for the collector
    events.append(f"{len(work)} taken")
    return list(events)


@pytest.mark.parametrize("condition", [name for name in CONDITIONS if name != "a tracer reads local names"])
def test_a_condition_can_move_a_figure(condition: str) -> None:
    """But for a tracer that only reads: since Python 3.13 that leaves no trace."""
    with collector(on=condition == "the collector is off"):
        expected = _of_the_interpreter()
    with collector(on=False), CONDITIONS[condition]():
        assert _of_the_interpreter() != expected
