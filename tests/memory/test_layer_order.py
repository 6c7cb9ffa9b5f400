"""The order with the lowest peak, against all orders: of small sets of jobs, and of small networks run in each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnncalc
from cnncalc.graph.graph import Graph
from cnncalc.memory.layer_order import best
from cnncalc.memory.schedule import Job, ancestors, lowest
from cnncalc.memory.simulate import Settings, trace
from tests.conftest import network

#: of a job: how far it rises, and falls from there
COSTS = st.tuples(st.integers(0, 9), st.integers(0, 9))
#: jobs, each with those right before it
Problem = tuple[list[Job], list[set[int]]]


def extensions(before: Sequence[Collection[int]]) -> Iterator[list[int]]:
    """All orders that keep every number after those before it."""
    order: list[int] = []

    def extend() -> Iterator[list[int]]:
        if len(order) == len(before):
            yield list(order)
        for index, direct in enumerate(before):
            if index not in order and all(other in order for other in direct):
                order.append(index)
                yield from extend()
                order.pop()

    return extend()


def peak(jobs: Sequence[Job], order: Sequence[int]) -> int:
    highest = level = 0
    for index in order:
        highest = max(highest, level + jobs[index].hill)
        level += jobs[index].net
    return highest


def job(number: int, rise: int, fall: int) -> Job:
    return Job(max(rise, rise - fall, 0), rise - fall, (number,))


#: a number of costs in series or in parallel, nested
SERIES_PARALLEL = st.recursive(
    COSTS,
    lambda inner: st.tuples(st.sampled_from(["series", "parallel"]), st.lists(inner, min_size=2, max_size=3)),
    max_leaves=7,
)


def problem(tree: Any) -> Problem:
    jobs: list[Job] = []
    before: list[set[int]] = []

    def place(part: Any, sources: set[int]) -> set[int]:
        """Adds a part after some jobs; its last ones."""
        if part[0] == "series":
            for single in part[1]:
                sources = place(single, sources)
            return sources
        if part[0] == "parallel":
            return {end for single in part[1] for end in place(single, sources)}
        jobs.append(job(len(jobs), *part))
        before.append(set(sources))
        return {len(jobs) - 1}

    place(tree, set())
    return jobs, before


def holds(found: Any, jobs: list[Job], before: list[set[int]]) -> None:
    """The order is legal, its peak what is said, and the lowest of all."""
    assert sorted(found.order) == list(range(len(jobs)))
    assert all(found.order.index(other) < found.order.index(index) for index in found.order for other in before[index])
    assert peak(jobs, found.order) == found.peak
    assert found.bound == found.peak == min(peak(jobs, order) for order in extensions(before))


@given(SERIES_PARALLEL)
def test_series_parallel_jobs_need_no_search(tree: Any) -> None:
    jobs, before = problem(tree)
    holds(lowest(jobs, before, limit=0), jobs, before)
    all_before = [{index for index in range(len(jobs)) if bits >> index & 1} for bits in ancestors(before)]
    assert lowest(jobs, all_before, limit=0) == lowest(jobs, before, limit=0)


@st.composite
def any_jobs(draw: st.DrawFn) -> Problem:
    size = draw(st.integers(1, 7))
    jobs = [job(index, *draw(COSTS)) for index in range(size)]
    return jobs, [draw(st.sets(st.integers(0, index - 1), max_size=2)) if index else set() for index in range(size)]


@given(any_jobs())
def test_other_jobs_are_searched(drawn: Problem) -> None:
    holds(lowest(*drawn), *drawn)


@given(any_jobs(), st.integers(0, 3))
def test_a_search_that_is_cut_short_has_a_bound(drawn: Problem, limit: int) -> None:
    jobs, before = drawn
    found = lowest(jobs, before, limit=limit)
    least = min(peak(jobs, order) for order in extensions(before))
    assert found.bound <= least <= found.peak == peak(jobs, found.order)


@given(any_jobs(), st.integers(0, 20))
def test_what_is_below_a_floor_is_of_no_use(drawn: Problem, floor: int) -> None:
    jobs, before = drawn
    found = lowest(jobs, before, floor)
    least = min(peak(jobs, order) for order in extensions(before))
    assert max(floor, found.peak) == max(floor, least) == found.bound


STEM = "input: [4, 8, 8]\ndefaults: {conv: {kernel: 1}}\nlayers:\n"
NETWORKS = {
    "a residual block": "  - {conv: 4}\n  - add: {main: [{conv: 32}, bn, {conv: 8}], skip: [{conv: 8}, bn]}",
    "an inception module": """
  - {conv: 16}
  - concat:
      one: [{conv: 2}]
      three: [{conv: 24}, {conv: 4, kernel: 3, pad: 1}]
      five: [{conv: 12}, {conv: 3, kernel: 5, pad: 2}]
      pool: [{maxpool: 3, stride: 1, pad: 1}, {conv: 2}]""",
    "the wide branch last": """
  - concat:
      small: [{conv: 8}]
      wide: [{conv: 64}, {conv: 1}]
      other: [{conv: 32}, {conv: 2}]""",
    "branches that overwrite and flatten": """
  - concat:
      one: [{conv: 2}, relu, flatten]
      two: [{conv: 24}, flatten, relu, {linear: 5}]
      three: [{maxpool: 8}, flatten, dropout]
  - {linear: 3}""",
    "not series-parallel": """
  - {conv: 16, name: a}
  - {conv: 2, name: b, from: input}
  - {conv: 20, name: e, from: a}
  - {conv: 20, name: f, from: b}
  - {add: [e, f], name: c}
  - {conv: 3, name: d, from: b}
  - {concat: [c, d]}""",
    "forced over what others read": """
  - {conv: 4, name: a}
  - {conv: 9, name: b, from: a}
  - {relu: [], inplace: true, name: c, from: a}
  - {conv: 30, name: d, from: c}
  - {conv: 7, name: e, from: input}
  - {concat: [b, d, e]}""",
    "a view of what another layer reads": """
  - {conv: 8, name: a}
  - {conv: 32, name: b, from: a}
  - {flatten: [], name: c, from: a}
  - {linear: 5000}
  - {linear: 4, name: d}
  - {flatten: [], name: e, from: b}
  - {concat: [d, e]}""",
    "two outputs of a module": """
  - {conv: 12, name: a}
  - {conv: 6, name: b, from: a}
  - {conv: 1, name: c, from: a}
  - {concat: [b, c, a]}""",
}


def legal(graph: Graph) -> list[list[int]]:
    """All orders of a network: what is read comes first, and an overwritten value after its other readers."""
    before = [{index - 1 for index in node.inputs if index} for node in graph.nodes[1:]]
    for node in graph.nodes[1:]:
        if node.inplace:
            others = {other.index for other in graph.nodes if {*node.inputs} & {*other.inputs}}
            before[node.index - 1] |= {index - 1 for index in others if index < node.index}
    return [[index + 1 for index in order] for order in extensions(before)]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
def test_small_networks_in_all_orders(text: str, batch: int) -> None:
    graph = network(STEM + text).graph
    found = best(graph, batch, Settings())
    orders = legal(graph)
    assert len(orders) > 1
    assert list(found.order) in orders
    assert trace(graph, batch, Settings(), found.order).peak(batch) == found.peak
    assert found.peak == min(trace(graph, batch, Settings(), order).peak(batch) for order in orders)
    assert found.proved


def test_another_order_can_be_lower() -> None:
    graph = network(STEM + NETWORKS["an inception module"]).graph
    found = best(graph, 1, Settings())
    assert found.peak < found.given == trace(graph, 1, Settings()).peak(1)


REAL = ["resnet50", "googlenet", "inception_v3", "densenet121", "unet_small", "nasnet_mobile"]


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize("name", REAL)
def test_a_network_run_in_that_order_has_that_peak(name: str, batch: int) -> None:
    graph = cnncalc.load(name).graph
    found = best(graph, batch, Settings())
    assert found.proved
    assert sorted(found.order) == [node.index for node in graph.nodes[1:] if node.side is None]
    assert trace(graph, batch, Settings(), found.order).peak(batch) == found.peak <= found.given


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_side_outputs(name: str) -> None:
    graph = cnncalc.load(name).graph
    settings = Settings(with_side=True)
    found = best(graph, 2, settings)
    assert sorted(found.order) == list(range(1, len(graph.nodes)))
    assert trace(graph, 2, settings, found.order).peak(2) == found.peak


def test_what_is_not_proved_says_so() -> None:
    graph = cnncalc.load("nasnet_mobile").graph
    found = best(graph, 1, Settings(), limit=0)
    assert found.bound < found.peak <= found.given
    assert found.verdict == f"found, not proved lowest: no order is below {found.bound:,} bytes"
    assert trace(graph, 1, Settings(), found.order).peak(1) == found.peak
