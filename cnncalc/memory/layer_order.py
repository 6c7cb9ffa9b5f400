"""The order of a network's layers with the lowest inference peak, as a device with little memory would run them.

An operator takes its output, and for as long as it runs its temporaries; a storage is given back once all layers have
run that read or write a value in it. All of that is as in ``simulate.trace``, of which the sizes are.
The network is cut where one value alone is alive, as there every order is at the same place, and each piece is solved
by :mod:`cnncalc.memory.schedule`: exactly where its layers, and what frees a value with several readers, are
series-parallel or the search comes to an end; otherwise with a bound that no order is below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

from cnncalc.graph.graph import Graph, Node
from cnncalc.graph.walk import overwritten
from cnncalc.memory.schedule import LIMIT, Job, Plan, ancestors, lowest, planned
from cnncalc.memory.simulate import Settings, Trace, trace


class Best(NamedTuple):
    """An order (indices of layers, the input not among them) and its peak in bytes; no order is below ``bound``.

    ``given`` is the peak of the network's own order.
    """

    order: tuple[int, ...]
    peak: int
    bound: int
    given: int

    @property
    def proved(self) -> bool:
        """Whether no order has a lower peak."""
        return self.peak == self.bound

    @property
    def verdict(self) -> str:
        """How sure it is, in words."""
        if self.proved:
            return "proved lowest"
        return f"found, not proved lowest: no order is below {self.bound:,} bytes"


def best(graph: Graph, batch: int, settings: Settings, limit: int = LIMIT) -> Best:
    """The lowest inference peak over all orders that keep every layer after those that it reads from.

    ``limit`` is how many steps the search of a piece may take. A piece that makes no difference keeps its order.
    """
    run = trace(graph, batch, settings._replace(training=False))
    network = _Network(graph, batch, settings, run)
    pieces = network.pieces()
    start = run.timeline(batch)[sum(phase == "start" for phase, _ in run.origins) - 1]
    levels = [start]
    for piece in pieces:
        levels.append(levels[-1] + piece.net)
    owns = [levels[at] + piece.own for at, piece in enumerate(pieces)]
    plans: dict[int, Plan] = {}
    floor = start
    for at in sorted(range(len(pieces)), key=lambda at: -owns[at]):
        piece = pieces[at]
        useless = max(floor - levels[at], piece.least, 0)
        plans[at] = lowest(piece.jobs, piece.before, useless, limit)
        floor = max(floor, levels[at] + plans[at].bound)
    peak = max([start, *(levels[at] + plan.peak for at, plan in plans.items())])
    order = [index for at in range(len(pieces)) for index in plans[at].order]
    return Best(tuple(order), peak, min(floor, peak), run.peak(batch))


class _Piece(NamedTuple):
    """Layers between two cuts as jobs; what frees a value with several readers is one too. Heights are in bytes above
    where the piece starts.

    ``before`` has for each job those right before it, ``net`` the height at the end, ``own`` the peak of the network's
    order. No order is below ``least``: what a layer takes while all is alive that is made before it and read by it or
    after it, in whichever order.
    """

    jobs: list[Job]
    before: list[set[int]]
    net: int
    own: int
    least: int


class _Network:
    def __init__(self, graph: Graph, batch: int, settings: Settings, run: Trace) -> None:
        self.nodes = graph.counted(settings.with_side)[1:]
        self.sizes = [size.at(batch) for size in run.sizes]
        self.places: Mapping[int, int] = run.places
        replaced = overwritten(graph, settings.with_side)
        self.writes = {node.index for node in self.nodes if settings.in_place and replaced[node.index] is not None}
        self.ends = set(graph.ends(settings.with_side))
        self.hills = self._hills(run)
        kept = {self.places[end] for end in self.ends} | {self.places[0]}
        self.last: dict[int, int] = {}
        for node in self.nodes:
            for place in self._touched(node):
                self.last[place] = node.index
        for place in kept:
            self.last.pop(place, None)

    def _hills(self, run: Trace) -> dict[int, int]:
        """For every layer, the most that it takes while it runs."""
        hills: dict[int, int] = {}
        levels: dict[int, int] = {}
        for event in run.events:
            number = max(event, ~event)
            phase, layer = run.origins[number]
            if phase == "forward" and (event >= 0 or number != self.places[layer]):
                levels[layer] = levels.get(layer, 0) + (self.sizes[number] if event >= 0 else -self.sizes[number])
                hills[layer] = max(hills.get(layer, 0), levels[layer])
        return hills

    def _touched(self, node: Node) -> set[int]:
        """The storages that a layer reads or writes."""
        return {self.places[index] for index in (*node.inputs, node.index)}

    def pieces(self) -> list[_Piece]:
        """The network cut after every layer whose value alone is read from there on."""
        last: dict[int, float] = {index: node.index for node in self.nodes for index in node.inputs}
        last.update(dict.fromkeys(self.ends, inf))
        found = []
        piece: list[Node] = []
        until = last.get(0, 0)
        for node in self.nodes:
            piece.append(node)
            if until <= node.index:
                found.append(self._piece(piece))
                piece = []
            until = max(until, last.get(node.index, inf))  # what nothing reads may run at any time
        if piece:
            found.append(self._piece(piece))
        return found

    def _piece(self, nodes: Sequence[Node]) -> _Piece:
        number = {node.index: at for at, node in enumerate(nodes)}
        before = self._before(nodes, number)
        above = ancestors(before)
        nets = [0] * len(nodes)
        users: dict[int, list[int]] = {}
        for at, node in enumerate(nodes):
            for place in self._touched(node):
                users.setdefault(place, []).append(at)
            if self._is_new(node):
                nets[at] += self.sizes[self.places[node.index]]
        freed: dict[int, list[tuple[int, list[int]]]] = {}
        for place, readers in users.items():
            if self.last.get(place) in number:
                final = [at for at in readers if not any(above[other] >> at & 1 for other in readers)]
                if len(final) == 1:
                    nets[final[0]] -= self.sizes[place]
                else:
                    freed.setdefault(final[-1], []).append((self.sizes[place], final))
        jobs: list[Job] = []
        links: list[set[int]] = []
        moved: list[int] = []
        for at, (node, net) in enumerate(zip(nodes, nets, strict=True)):
            moved.append(len(jobs))
            jobs.append(Job(self.hills.get(node.index, 0), net, (node.index,)))
            links.append({moved[other] for other in before[at]})
            for size, final in freed.get(at, ()):
                jobs.append(Job(0, -size, ()))
                links.append({moved[other] for other in final})
        net = sum(job.net for job in jobs)
        return _Piece(jobs, links, net, planned(jobs).peak, self._least(nodes, before, above, users))

    def _least(
        self,
        nodes: Sequence[Node],
        before: Sequence[set[int]],
        above: Sequence[int],
        users: Mapping[int, Sequence[int]],
    ) -> int:
        """The peak that a piece has in every order, above where it starts."""
        number = {node.index: at for at, node in enumerate(nodes)}
        below = [0] * len(nodes)
        for at in range(len(nodes) - 1, -1, -1):
            for other in before[at]:
                below[other] |= below[at] | 1 << at
        needs = [self.hills.get(node.index, 0) for node in nodes]
        given_back = 0
        for place, readers in users.items():
            freed = self.last.get(place) in number
            made = (at for at in readers if self.places[nodes[at].index] == place and self._is_new(nodes[at]))
            maker = next(made, None)
            during = (1 << len(nodes)) - 1 if maker is None else below[maker]
            if freed:
                until = 0
                for at in readers:
                    until |= above[at] | 1 << at
                during &= until
                given_back += self.sizes[place] if maker is None else 0
            elif maker is None:
                continue
            while during:
                at = during.bit_length() - 1
                needs[at] += self.sizes[place]
                during ^= 1 << at
        return max(needs) - given_back

    def _is_new(self, node: Node) -> bool:
        """Whether a layer's result has a storage of its own."""
        return all(self.places[index] != self.places[node.index] for index in node.inputs)

    def _before(self, nodes: Sequence[Node], number: Mapping[int, int]) -> list[set[int]]:
        """For each layer those of the piece that come before it.

        That is what it reads; and every reader of a storage that is written over stays on its side of the write.
        """
        found = []
        writer: dict[int, int] = {}
        readers: dict[int, set[int]] = {}
        for at, node in enumerate(nodes):
            direct = {number[index] for index in node.inputs if index in number}
            for place in self._touched(node):
                if place in writer:
                    direct.add(writer[place])
                if place == self.places[node.index] and node.index in self.writes:
                    direct |= readers.pop(place, set())
                    writer[place] = at
                else:
                    readers.setdefault(place, set()).add(at)
            found.append(direct)
        return found
