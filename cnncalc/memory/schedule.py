"""Jobs that take and give back memory, in the order with the lowest peak.

The problem is that of the lowest maximum of cumulative costs under precedence. Where that is series-parallel, two rules
solve it exactly (Abdel-Wahab and Kameda 1978; Monma and Sidney 1979; for trees Liu 1987). A chain of jobs falls into
runs from a valley to the next, of which none need be interrupted. Chains side by side, with the same jobs before and
after them, are merged: runs that end no higher than they begin come first, by their hill; then the others, by how far
they fall after their hill, the deepest first. What is merged is a chain again.

What these leave over is searched, as where a value is freed by the last of several branches to read it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

#: steps that a search takes at most
LIMIT = 20_000


class Job(NamedTuple):
    """What is done without interruption: the most that it takes above where it begins, where it ends, and its names."""

    hill: int
    net: int
    names: tuple[int, ...]


class Plan(NamedTuple):
    """An order, by names, its peak, and a peak below which no order is. They are equal where the order is proved."""

    order: tuple[int, ...]
    peak: int
    bound: int


def lowest(jobs: Sequence[Job], before: Sequence[Collection[int]], floor: int = 0, limit: int = LIMIT) -> Plan:
    """The order with the lowest peak above the start, where no peak below ``floor`` is of use; of two equal, the given.

    ``before`` has for each job those that come before it; all have smaller numbers. A search ends after ``limit``
    steps: then it is the best order found.
    """
    given = planned(jobs)
    if given.peak <= floor:
        return given._replace(bound=floor)
    parts, links = _reduced([[job] for job in jobs], _direct(before))
    merged, after = _flat(parts, links)
    if len(parts) == 1:
        solved = planned(merged)
        return min(given, solved, key=lambda plan: plan.peak)._replace(bound=max(solved.peak, floor))
    return _search(merged, after, max(floor, 0), given, limit)


def ancestors(before: Sequence[Collection[int]]) -> list[int]:
    """For each job, those that come before it, also by way of others, as the bits of a number."""
    found: list[int] = []
    for direct in before:
        bits = 0
        for index in direct:
            bits |= found[index] | 1 << index
        found.append(bits)
    return found


def planned(jobs: Iterable[Job]) -> Plan:
    """The plan of running jobs in the order in which they are given."""
    peak = level = 0
    names: list[int] = []
    for job in jobs:
        peak = max(peak, level + job.hill)
        level += job.net
        names += job.names
    return Plan(tuple(names), peak, peak)


def _key(job: Job) -> tuple[int, int]:
    """Of two jobs that may run in either order, the one with the smaller key goes first."""
    return (0, job.hill) if job.net <= 0 else (1, job.net - job.hill)


def _chain(jobs: Iterable[Job]) -> list[Job]:
    """Jobs one after the other, as runs with rising keys."""
    runs: list[Job] = []
    for job in jobs:
        run = job
        while runs and _key(run) <= _key(runs[-1]):
            first = runs.pop()
            run = Job(max(first.hill, first.net + run.hill), first.net + run.net, first.names + run.names)
        runs.append(run)
    return runs


def _direct(before: Sequence[Collection[int]]) -> list[set[int]]:
    """The jobs right before each: without those that come before another of them."""
    above = ancestors(before)
    found = []
    for direct in before:
        further = 0
        for index in direct:
            further |= above[index]
        found.append({index for index in direct if not further >> index & 1})
    return found


def _reduced(parts: list[list[Job]], before: list[set[int]]) -> tuple[dict[int, list[Job]], dict[int, set[int]]]:
    """Joins parts in series and in parallel as long as there are any; what is left, and what comes right before it."""
    after: dict[int, set[int]] = {index: set() for index in range(len(parts))}
    for index, direct in enumerate(before):
        for other in direct:
            after[other].add(index)
    left = dict(enumerate(parts))
    links = dict(enumerate(before))
    changed = True
    while changed:
        changed = False
        for index in list(left):
            while index in left and len(after[index]) == 1:
                (following,) = after[index]
                if len(links[following]) > 1:
                    break
                left[index] = _chain([*left[index], *left.pop(following)])
                after[index] = after.pop(following)
                del links[following]
                for other in after[index]:
                    links[other].remove(following)
                    links[other].add(index)
                changed = True
        alike: dict[tuple[frozenset[int], frozenset[int]], int] = {}
        for index in list(left):
            beside = alike.setdefault((frozenset(links[index]), frozenset(after[index])), index)
            if beside != index:
                left[beside] = sorted([*left[beside], *left.pop(index)], key=_key)
                for other in links.pop(index):
                    after[other].remove(index)
                for other in after.pop(index):
                    links[other].remove(index)
                changed = True
    return left, links


def _flat(parts: dict[int, list[Job]], links: dict[int, set[int]]) -> tuple[list[Job], list[list[int]]]:
    """The runs of all parts as jobs of their own, and for each those right before it."""
    jobs: list[Job] = []
    before: list[list[int]] = []
    ends: dict[int, int] = {}
    waiting = dict(parts)
    while waiting:
        for index in [index for index in waiting if links[index] <= ends.keys()]:
            direct = [ends[other] for other in links[index]]
            for job in waiting.pop(index):
                before.append(direct)
                direct = [len(jobs)]
                jobs.append(job)
            ends[index] = len(jobs) - 1
    return jobs, before


class _State(NamedTuple):
    """Jobs that have run, as bits, those that may run next, the height reached, and the way here."""

    done: int
    ready: tuple[int, ...]
    level: int
    way: _Way | None


class _Way(NamedTuple):
    """The last job that has run, and those before it."""

    before: _Way | None
    job: int


def _search(jobs: list[Job], before: list[list[int]], floor: int, known: Plan, limit: int) -> Plan:
    """Best first: of all states that have been reached, one with the lowest peak is carried on.

    A job that ends no higher than it begins, and stays below the peak so far, runs at once: that never does harm.
    """
    needs = [sum(1 << index for index in direct) for direct in before]
    after: list[list[int]] = [[] for _ in jobs]
    for index, direct in enumerate(before):
        for other in direct:
            after[other].append(index)

    def run(state: _State, job: int) -> _State:
        done = state.done | 1 << job
        freed = [index for index in after[job] if not needs[index] & ~done]
        ready = tuple([index for index in state.ready if index != job] + freed)
        return _State(done, ready, state.level + jobs[job].net, _Way(state.way, job))

    def settled(state: _State, peak: int) -> _State:
        while True:
            safe = (job for job in state.ready if jobs[job].net <= 0 and state.level + jobs[job].hill <= peak)
            job = next(safe, None)
            if job is None:
                return state
            state = run(state, job)

    first = _State(0, tuple(index for index, direct in enumerate(before) if not direct), 0, None)
    greedy = first
    while greedy.ready:
        greedy = run(greedy, min(greedy.ready, key=lambda job: _key(jobs[job])))
    known = min(known, planned(jobs[job] for job in _jobs(greedy)), key=lambda plan: plan.peak)
    heap = [(floor, 0, 0, settled(first, floor))]
    seen: set[int] = set()
    steps = pushed = 0
    while heap and heap[0][0] < known.peak:
        peak, _, _, state = heappop(heap)
        if not state.ready:
            return planned(jobs[job] for job in _jobs(state))._replace(bound=peak)
        if steps >= limit:
            return known._replace(bound=peak)
        if state.done in seen:
            continue
        seen.add(state.done)
        steps += len(state.ready)
        for job in state.ready:
            higher = max(peak, state.level + jobs[job].hill)
            if higher >= known.peak:
                continue
            following = settled(run(state, job), higher)
            if following.done not in seen:
                pushed += 1
                heappush(heap, (higher, -following.done.bit_count(), pushed, following))
    return known._replace(bound=max(known.peak, floor))


def _jobs(state: _State) -> list[int]:
    """The jobs of the way to a state, in their order."""
    found = []
    way = state.way
    while way is not None:
        found.append(way.job)
        way = way.before
    return found[::-1]
