"""The order of a network's layers with the lowest inference peak, as a device with little memory would run them.

The search cuts the network where only one value is alive, because every order passes there. Between two cuts it looks
for an order whose peak stays within a limit, and bisects the limit. The bytes alive depend only on the set of layers
that have run. So sets grow by one layer at a time, and the search keeps those with the fewest bytes alive. If it never
drops a set, it has compared all orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from typing import NamedTuple

from cnncalc.graph.graph import Graph, Node
from cnncalc.graph.walk import cuts, last_uses, overwritten
from cnncalc.memory.simulate import Settings, Trace, simulate

#: sets of layers that are carried on at a time
BEAM = 8


class LayerOrder(NamedTuple):
    """The order with the lowest peak that was found, as indices of layers, and the run in it.

    ``own_peak_bytes`` is the peak of the network's own order. ``lowest_possible`` says that no order has a lower peak
    than ``peak_bytes``; where it is false, that is not known.
    """

    order: tuple[int, ...]
    run: Trace
    peak_bytes: int
    own_peak_bytes: int
    lowest_possible: bool


def lowest(graph: Graph, batch: int, settings: Settings, beam: int = BEAM) -> LayerOrder:
    """The order with the lowest inference peak found; it was run to confirm the peak.

    Every layer comes after those that it reads from. The network's own order is kept where none lower is found.
    """
    settings = settings._replace(training=False)
    order, run = [node.index for node in graph.operators(settings.with_side)], simulate(graph, batch, settings)
    own_peak = peak_bytes = run.peak(batch)
    pieces = _pieces(graph, batch, settings, run)
    peak = bound = pieces[0].first.level
    found: list[Sequence[int]] = [piece.own.order for piece in pieces]
    for at in sorted(range(len(pieces)), key=lambda at: -pieces[at].own.peak):
        end, is_lowest = pieces[at].lowest(peak, beam)
        found[at] = end.order
        bound = end.peak if is_lowest and end.peak > peak else bound
        peak = max(peak, end.peak)
    if peak < own_peak:
        other = [index for piece in found for index in piece]
        confirmed = simulate(graph, batch, settings, other)
        if confirmed.peak(batch) < own_peak:
            order, run, peak_bytes = other, confirmed, confirmed.peak(batch)
    last = last_uses(graph, settings.with_side)
    all_read = all(last[index] > index for index in order)  # what nothing reads may run in any piece
    return LayerOrder(tuple(order), run, peak_bytes, own_peak, peak_bytes == bound and all_read)


class _State(NamedTuple):
    """Layers of a piece that have run, in turn and as bits; those that may be next; the bytes alive, and their peak."""

    order: tuple[int, ...]
    done: int
    ready: tuple[int, ...]
    level: int
    peak: int


class _Layer(NamedTuple):
    """A layer of a piece: the bytes that it takes while it runs, and those that are left of them.

    ``before`` it are others, as bits, and right ``after`` it. Of every storage that it uses and the piece frees,
    ``frees`` has the bytes, and all that use it, as bits: the last of them frees it.
    """

    layer: int
    takes: int
    keeps: int
    before: int
    after: list[int]
    frees: list[tuple[int, int]]


class _Piece:
    """Layers between two cuts, by numbers from 0; ``own`` is how the network's own order ends."""

    def __init__(self, layers: Sequence[_Layer], level: int) -> None:
        self.layers = layers
        ready = tuple(at for at, layer in enumerate(layers) if not layer.before)
        self.first = self.own = _State((), 0, ready, level, level)
        for at in range(len(layers)):
            self.own = self._run(self.own, at)

    def lowest(self, floor: int, beam: int) -> tuple[_State, bool]:
        """The last state of the order with the lowest peak (in bytes) found, and whether no order has a lower one.

        Peaks below ``floor`` do not help, so the search stops there. Ties keep the given order.
        """
        best, low, bound = self.own, floor, floor
        while low < best.peak:
            limit = (low + best.peak - 1) // 2
            found, all_compared = self._within(limit, beam)
            if found is not None:
                best = found
            else:
                low = limit + 1
                bound = low if all_compared else bound
        return best, best.peak <= bound

    def _within(self, limit: int, beam: int) -> tuple[_State | None, bool]:
        """The last state of an order whose peak is at most ``limit`` bytes, or None; and whether all were compared."""
        states, all_compared = [self.first], True
        for _ in self.layers:
            after = (self._run(state, at) for state in states for at in state.ready)
            sets = {state.done: state for state in after if state.peak <= limit}
            states = nsmallest(beam, sets.values(), key=lambda state: state.level)
            all_compared = all_compared and len(states) == len(sets)
        return (states[0] if states else None), all_compared

    def _run(self, state: _State, at: int) -> _State:
        layer = self.layers[at]
        done = state.done | 1 << at
        ready = [other for other in state.ready if other != at]
        ready += [other for other in layer.after if not self.layers[other].before & ~done]
        level = state.level + layer.keeps - sum([size for size, users in layer.frees if not users & ~done])
        return _State(
            (*state.order, layer.layer), done, tuple(ready), level, max(state.peak, state.level + layer.takes)
        )


def _pieces(graph: Graph, batch: int, settings: Settings, run: Trace) -> list[_Piece]:
    """The network cut.

    Layers come after those that they read; readers of a storage stay on their side of a layer that writes over it.
    """
    sizes = [size.at(batch) for size in run.sizes]
    operators = graph.operators(settings.with_side)
    replaced = overwritten(graph, settings.with_side) if settings.in_place else [None] * len(graph.nodes)
    used = {node.index: {run.places[index] for index in (*node.inputs, node.index)} for node in operators}
    users: dict[int, list[int]] = {}
    for index, places in used.items():
        for place in places:
            users.setdefault(place, []).append(index)
    for index in (*graph.inputs, *graph.ends(settings.with_side)):  # these stay
        users.pop(run.places[index], None)
    takes, keeps = _bytes(run, sizes)

    def piece(nodes: Sequence[Node], level: int) -> _Piece:
        number = {node.index: at for at, node in enumerate(nodes)}
        layers: list[_Layer] = []
        writer: dict[int, int] = {}
        readers: dict[int, set[int]] = {}
        for at, node in enumerate(nodes):
            before = {number[index] for index in node.inputs if index in number}
            frees = []
            for place in used[node.index]:
                before |= {writer[place]} if place in writer else set()
                if place == run.places[node.index] and replaced[node.index] is not None:
                    before |= readers.pop(place, set())
                    writer[place] = at
                else:
                    readers.setdefault(place, set()).add(at)
                by = users.get(place, [])
                if by and by[-1] in number:
                    frees.append((sizes[place], sum(1 << number[index] for index in by if index in number)))
            for other in before:
                layers[other].after.append(at)
            bits = sum(1 << other for other in before)
            layers.append(_Layer(node.index, takes.get(node.index, 0), keeps.get(node.index, 0), bits, [], frees))
        return _Piece(layers, level)

    level = run.timeline(batch)[sum(phase == "start" for phase, _ in run.origins) - 1]
    ends = {*cuts(graph, settings.with_side), operators[-1].index}
    found: list[_Piece] = []
    nodes: list[Node] = []
    for node in operators:
        nodes.append(node)
        if node.index in ends:
            found.append(piece(nodes, found[-1].own.level if found else level))
            nodes = []
    return found


def _bytes(run: Trace, sizes: Sequence[int]) -> tuple[dict[int, int], dict[int, int]]:
    """By layer, the most that it takes while it runs; and what is left: its result, in mixed precision casts too."""
    takes: dict[int, int] = {}
    keeps: dict[int, int] = {}
    for event in run.events:
        number = max(event, ~event)
        phase, layer = run.origins[number]
        if phase == "forward" and (event >= 0 or number != run.places[layer]):
            keeps[layer] = keeps.get(layer, 0) + (sizes[number] if event >= 0 else -sizes[number])
            takes[layer] = max(takes.get(layer, 0), keeps[layer])
    return takes, keeps
