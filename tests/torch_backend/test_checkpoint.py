"""Activation checkpointing against ``torch.utils.checkpoint``: every byte that is taken, event by event, and the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from math import isqrt
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, fx, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils.checkpoint import checkpoint, checkpoint_sequential
from torch.utils.flop_counter import FlopCounterMode

import cnncalc
from cnncalc.errors import UsageError
from cnncalc.graph.graph import Graph
from cnncalc.graph.walk import overwritten
from cnncalc.memory.checkpointing import Segment, candidates, outermost, protect, recomputed_macs, resolve
from cnncalc.memory.simulate import Settings, Trace, simulate
from cnncalc.network import Network
from cnncalc.torch_backend.build import build
from cnncalc.torch_backend.tracker import Tracker, fake
from tests.conftest import network

TRAINING = Settings(training=True, adds_in_place=False, device="cpu")


class Call(NamedTuple):
    """A module's call: its place in the network, its arguments and its result by name."""

    index: int
    module: nn.Module
    arguments: list[str]
    result: str


class Checkpointed:
    """A built network with ``torch.utils.checkpoint`` around some of its calls; a value is let go after its last use."""

    def __init__(self, built: fx.GraphModule, graph: Graph, segments: Sequence[Segment]) -> None:
        main = [node.index for node in graph.nodes[1:] if node.side is None]
        found = [node for node in built.graph.nodes if node.op == "call_module"]
        self.calls = [
            Call(index, built.get_submodule(node.target), [argument.name for argument in node.args], node.name)
            for index, node in zip(main, found, strict=True)
        ]
        self.result = found[-1].name
        self.segment = {index: segment for segment in segments for index in range(segment.first, segment.stop)}

    def __call__(self, x: Tensor) -> Tensor:
        values = {"x": x}
        last = {name: call.index for call in self.calls for name in call.arguments}
        for segment, calls in groupby(self.calls, lambda call: self.segment.get(call.index)):
            if segment is None:
                run(calls, values, last)
            else:
                self.wrap(list(calls), values, last)
        return values[self.result]

    def wrap(self, calls: list[Call], values: dict[str, Tensor], last: dict[str, int]) -> None:
        own = {call.result for call in calls}
        read = list(dict.fromkeys(name for call in calls for name in call.arguments if name not in own))
        end = calls[-1].index
        made = [call.result for call in calls if last.get(call.result, end + 1) > end]
        within = {name: call.index for call in calls for name in call.arguments if name not in made}

        def part(*xs: Tensor) -> tuple[Tensor, ...]:
            inner = dict(zip(read, xs, strict=True))
            run(calls, inner, within)
            return tuple([inner[name] for name in made])

        values.update(zip(made, checkpoint(part, *[values[name] for name in read], use_reentrant=False), strict=True))
        for name in read:
            if last[name] <= end:
                del values[name]


def run(calls: Any, values: dict[str, Tensor], last: dict[str, int]) -> None:
    for call in calls:
        values[call.result] = call.module(*[values[name] for name in call.arguments])
        for name in set(call.arguments):
            if last.get(name) == call.index:
                del values[name]


def checkpointed(net: Network, segments: Sequence[Segment], device: str = "meta") -> Checkpointed:
    """The built network; what would overwrite a segment's input does not, as PyTorch refuses it (see below)."""
    module = build(net.graph, device=device)
    replaced = overwritten(net.graph, False)
    kept = protect(net.graph, replaced, segments)
    whole = Checkpointed(module, net.graph, segments)
    for call in whole.calls:
        if replaced[call.index] != kept[call.index]:
            call.module.inplace = False  # type: ignore[assignment]  # nn.Module declares attributes as tensors or modules
    return whole


def theirs(net: Network, segments: Sequence[Segment], batch: int) -> Tracker:
    whole = checkpointed(net, segments)
    with FakeTensorMode():
        for call in whole.calls:
            fake(call.module)
        x = torch.empty(batch, *net.input)
        target = torch.empty((batch, *net.graph.nodes[net.graph.outputs[0]].shape[1:]), dtype=torch.int64)
        tracker = Tracker()
        for call in whole.calls:
            tracker.take([*call.module.parameters(), *call.module.buffers()])
        tracker.take([x, target])
        with tracker:
            result = whole(x)
            functional.cross_entropy(result, target).backward()
        del result
    return tracker


def running(changes: Sequence[int]) -> list[int]:
    """Bytes alive after each time that some are taken."""
    found, alive = [], 0
    for change in changes:
        alive += change
        if change > 0:
            found.append(alive)
    return found


def ours(run: Trace, batch: int) -> list[int]:
    sizes = [size.at(batch) for size in run.sizes]
    return [sizes[event] if event >= 0 else -sizes[~event] for event in run.events]


def same_events(net: Network, segments: Sequence[Segment], batch: int) -> None:
    """Compares all that is taken and given back, from the first layer on."""
    found = theirs(net, segments, batch)
    mine = simulate(net.graph, batch, TRAINING._replace(checkpoint=tuple(segments)))
    start = sum(mine.sizes[number].at(batch) > 0 for number, (phase, _) in enumerate(mine.origins) if phase == "start")
    assert mine.peak(batch) == found.peak
    assert running(ours(mine, batch))[start:] == running([size for size, _ in found.events])[start:]


def blocks(net: Network) -> Sequence[Segment]:
    return outermost(segment for segment in candidates(net.graph) if segment.path in net.graph.blocks)


def stages(net: Network) -> Sequence[Segment]:
    return outermost(candidates(net.graph))


def sqrt(net: Network) -> Sequence[Segment]:
    return resolve(net.graph, ["sqrt"])


def everything(net: Network) -> Sequence[Segment]:
    """Segments of five layers each, wherever they begin and end."""
    end = len(net.graph.nodes)
    return [Segment(str(first), first, min(first + 5, end)) for first in range(1, end, 5)]


WAYS = {
    "resnet18 blocks": ("resnet18", blocks),
    "resnet18 sqrt": ("resnet18", sqrt),
    "resnet50 blocks": ("resnet50", blocks),
    "resnet50 stages": ("resnet50", stages),
    "vgg16 stages": ("vgg16", stages),
    "vgg16 sqrt": ("vgg16", sqrt),
    "densenet121 layers": ("densenet121", blocks),
    "densenet121 sqrt": ("densenet121", sqrt),
    "googlenet modules": ("googlenet", blocks),
    "mobilenet_v2 blocks": ("mobilenet_v2", blocks),
    "alexnet everywhere": ("alexnet", everything),
    "squeezenet1_0 everywhere": ("squeezenet1_0", everything),
}


@pytest.mark.parametrize(("name", "way"), WAYS.values(), ids=WAYS)
def test_a_step_takes_the_same_bytes(name: str, way: Callable[[Network], Sequence[Segment]]) -> None:
    """With one batch size; the small steps below have two."""
    net = cnncalc.load(name)
    segments = way(net)
    assert len(segments) > 1
    same_events(net, segments, 8)


STEM = "input: [4, 3, 3]\ndefaults: {conv: {kernel: 1}}\n"
SMALL = {
    "an operator in place is first": "blocks: {B: {layers: [relu, {conv: 4}]}}\nlayers: [{conv: 4}, B, B, flatten]",
    "a view, then an operator in place": """
blocks: {B: {layers: [flatten, relu, {linear: 6}]}}
layers: [{conv: 4}, B, {linear: 3}]""",
    "the last saves what it makes": "blocks: {B: {layers: [{conv: 4}, relu]}}\nlayers: [B, B, flatten]",
    "the last saves nothing": "blocks: {B: {layers: [{conv: 4}, bn, {avgpool: 1}]}}\nlayers: [B, B, flatten]",
    "nothing is saved": "blocks: {B: {layers: [flatten]}}\nlayers: [{conv: 4}, B, {linear: 3}]",
    "dropout": "blocks: {B: {layers: [{linear: 6}, {dropout: 0.5}]}}\nlayers: [flatten, B, relu, B, {linear: 3}]",
    "its last value is overwritten": "blocks: {B: {layers: [{conv: 4}]}}\nlayers: [B, relu, B, relu, flatten]",
    "two inputs": """
blocks: {B: {inputs: [a, b], layers: [{add: [a, b]}, {conv: 4}, relu]}}
layers:
  - {conv: 4, name: one}
  - {conv: 4, name: two}
  - {B: [], from: [one, two], name: joined}
  - {add: [joined, one]}
  - flatten""",
    "two outputs": """
blocks: {B: {layers: [{conv: 4, name: first}, {conv: 4}]}}
layers:
  - {B: [], name: pair}
  - {add: [pair, pair.first]}
  - flatten""",
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("text", SMALL.values(), ids=SMALL)
def test_a_small_step_takes_the_same_bytes(text: str, batch: int) -> None:
    net = network(f"{STEM}{text}")
    same_events(net, resolve(net.graph, ["B"]), batch)


@pytest.mark.parametrize("text", [SMALL["an operator in place is first"], SMALL["a view, then an operator in place"]])
def test_pytorch_refuses_what_overwrites_a_segments_input(text: str) -> None:
    net = network(f"{STEM}{text}")
    whole = Checkpointed(build(net.graph), net.graph, resolve(net.graph, ["B"]))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        whole(torch.rand(2, 4, 3, 3)).sum().backward()
    whole = checkpointed(net, resolve(net.graph, ["B"]), "cpu")
    whole(torch.rand(2, 4, 3, 3)).sum().backward()


@pytest.mark.parametrize(
    ("name", "way"),
    [("resnet18", sqrt), ("vgg16", stages), ("densenet121", blocks), ("mobilenet_v2", blocks), ("alexnet", everything)],
)
def test_the_work_that_is_done_again(name: str, way: Callable[[Network], Sequence[Segment]]) -> None:
    net = cnncalc.load(name)
    segments = way(net)

    def flops(some: Sequence[Segment]) -> int:
        whole = checkpointed(net, some, "meta")
        with FlopCounterMode(display=False) as counter:
            whole(torch.empty(2, *net.input, device="meta")).sum().backward()
        return counter.get_total_flops()

    again = simulate(net.graph, 2, TRAINING._replace(checkpoint=tuple(segments))).recomputed
    assert 2 * recomputed_macs(net.graph, again, 2) == flops(segments) - flops([]) > 0


@pytest.mark.parametrize("batch", [1, 8])
@pytest.mark.parametrize(("name", "way"), WAYS.values(), ids=WAYS)
def test_what_is_kept_is_never_more(name: str, way: Callable[[Network], Sequence[Segment]], batch: int) -> None:
    net = cnncalc.load(name)
    plain = simulate(net.graph, batch, TRAINING)
    run = simulate(net.graph, batch, TRAINING._replace(checkpoint=tuple(way(net))))
    for moments in ((run.highest(batch), plain.highest(batch)), (run.forward_end - 1, plain.forward_end - 1)):
        kept, before = (
            single.by_category(batch, single.alive(moment)).get("saved_for_backward", 0)
            for single, moment in zip((run, plain), moments, strict=True)
        )
        assert kept <= before
    assert run.peak(batch) <= plain.peak(batch)


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "densenet121", "unet_small", "vgg16", "nasnet_mobile"])
def test_candidates_have_one_input_and_one_output(name: str) -> None:
    graph = cnncalc.load(name).graph
    for segment in candidates(graph):
        inside = range(segment.first, segment.stop)
        read = {index for place in inside for index in graph.nodes[place].inputs if index not in inside}
        reads = [(node.index, index) for node in graph.nodes if node.side is None for index in node.inputs]
        made = {index for reader, index in reads if index in inside and reader not in inside}
        assert len(read) == 1
        assert len(made | {index for index in graph.outputs if index in inside}) <= 1


@pytest.mark.parametrize("name", ["resnet18", "vgg16", "densenet121"])
def test_sqrt_is_checkpoint_sequential(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The segments are those that PyTorch makes of the chain: its functions are those between the cuts."""
    graph = cnncalc.load(name).graph
    cuts = functions(graph)
    found: list[tuple[int, int]] = []

    def record(function: Any, x: Any, **_: Any) -> Any:
        run: list[int] = []
        function(run)
        found.append((run[0], run[-1]))
        return x

    monkeypatch.setattr("torch.utils.checkpoint.checkpoint", record)

    def step(index: int) -> Any:
        def apply(run: list[int]) -> list[int]:
            run.append(index)
            return run

        return apply

    checkpoint_sequential([step(index) for index in range(len(cuts))], isqrt(len(cuts)), [], use_reentrant=False)
    ends = [*cuts[1:], len(graph.nodes)]
    assert [(first, stop) for _, first, stop in resolve(graph, ["sqrt"])] == [(cuts[a], ends[b]) for a, b in found]


def functions(graph: Graph) -> list[int]:
    """Where the functions of a chain begin: nothing but the value before is read from there on, or overwritten."""
    replaced = overwritten(graph, False)
    begins = [1]
    for first in range(2, len(graph.nodes)):
        main = [node for node in graph.nodes[first:] if node.side is None]
        if graph.nodes[first].side is None and {i for node in main for i in node.inputs if i < first} == {first - 1}:
            views = {first - 1}
            for node in main:
                if node.op.result == "view" and node.inputs[0] in views:
                    views.add(node.index)
            if views.isdisjoint(replaced[node.index] for node in main):
                begins.append(first)
    return begins


def test_words() -> None:
    graph = cnncalc.load("resnet50").graph
    assert len(resolve(graph, ["Bottleneck"])) == 16
    assert [segment.path for segment in resolve(graph, ["stage1", "stage2.block_1", "stage1.block_2"])] == [
        "stage1",
        "stage2.block_1",
    ]
    with pytest.raises(UsageError, match="no block, stage or layer 'Bottlenek' to checkpoint") as caught:
        resolve(graph, ["Bottlenek"])
    assert caught.value.hint == "did you mean Bottleneck?"
    with pytest.raises(UsageError, match="overlap"):
        outermost([Segment("a", 1, 4), Segment("b", 3, 6)])
