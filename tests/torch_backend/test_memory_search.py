"""Memory of random networks against PyTorch under a tracker: saved bytes, and peaks of inference and training.

``python -m tests.torch_backend.test_memory_search 3000 [FIRST]`` tries as many networks as are asked for.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from math import gcd
from typing import NamedTuple

import pytest
import torch

from cnncalc.autograd import functional
from cnncalc.errors import CnncalcError
from cnncalc.graph.graph import Graph
from cnncalc.memory import peaks
from cnncalc.memory.simulate import Settings
from cnncalc.ops import OPS
from cnncalc.torch_backend.build import DTYPES, build, inputs, outputs
from cnncalc.torch_backend.tracker import Faked, Tracker, loss
from cnncalc.torch_backend.verify.checks import REFUSALS, first_line
from cnncalc.values import elements
from tests.conftest import network

NETWORKS = 150
GROUP = 10
#: values of a sample that a layer makes at most
LARGEST = 4000
MODES = ("float32", "float32", "float16", "bfloat16", "mixed precision")
ACTIVATIONS = [name for name, op in OPS.items() if op.role == "activation"]
NORMS = [name for name, op in OPS.items() if op.role == "norm"]


def random_network(seed: int) -> str:
    """A spec in which layers, all named, read any values that are there."""
    return _Draft(random.Random(seed)).text()


class _Draft:
    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.inputs = {f"i{number}": self._input(number > 0) for number in range(chance.choice([1, 1, 1, 2, 3]))}
        self.operators: dict[str, str] = {}  # of layers, by name
        self.layers = [self._first(number) for number in range(len(self.inputs))]

    def text(self) -> str:
        wanted = len(self.layers) + self.chance.randint(2, 9)
        found = self._spec(self.layers)
        for _ in range(12 * wanted):
            if len(self.layers) == wanted:
                break
            self.operators.pop(f"n{len(self.layers)}", None)  # of a layer that was not taken
            layers = [*self.layers, self._layer(network(found).graph)]
            try:
                graph = network(self._spec(layers)).graph
            except CnncalcError:
                continue
            if max(elements(node.shape) * node.count for node in graph.nodes) <= LARGEST:
                self.layers, found = layers, self._spec(layers)
        return self._with_outputs(found)

    def _spec(self, layers: list[str]) -> str:
        stated = ", ".join(f"{name}: {sizes}" for name, sizes in self.inputs.items())
        head = f"inputs: {{{stated}}}" if len(self.inputs) > 1 else f"input: {self.inputs['i0']}"
        return f"{head}\nlayers: [{', '.join(layers)}]"

    def _first(self, number: int) -> str:
        """What reads an input, as each has to be read: of ids a constant, which nothing else can."""
        ids = "ids" in self.inputs[f"i{number}"]
        operator = "parameter: [3, 4]" if ids else self.chance.choice(["affine: []", "affine: []", "scale: 2"])
        source = f", from: i{number}" if len(self.inputs) > 1 else ""
        return f"{{{operator}, name: n{number}{source}}}"

    def _with_outputs(self, text: str) -> str:
        """Sometimes with several outputs."""
        names = [f"n{number}" for number in range(len(self.layers))]
        chosen = self.chance.sample(names, min(len(names), self.chance.choice([1, 2])))
        several = f"{text}\noutputs: [{', '.join(dict.fromkeys([*chosen, names[-1]]))}]"
        if self.chance.random() < 0.7:
            return text
        try:
            network(several)
        except CnncalcError:
            return text
        return several

    def _input(self, ids: bool) -> str:
        chance = self.chance
        size = [chance.randint(1, 9) for _ in range(3)]
        layout = chance.choice(["map", "map", "map", "sequence", "sequence", "vector", *(["ids"] if ids else [])])
        if layout == "map":
            sizes = [chance.choice([1, 2, 3, 4, 6, 8]), *size[: chance.choice([1, 2, 2, 2, 3])]]
            return f"[{', '.join(map(str, sizes))}]"
        if layout == "vector":
            return f"[{chance.choice([1, 5, 8])}]"
        last = "ids: 9" if layout == "ids" else f"features: {chance.choice([1, 3, 4, 6, 8, 12])}"
        return f"{{tokens: {size[0]}, {last}}}"

    def _layer(self, graph: Graph) -> str:
        """A layer that fits the value that it reads, more often than not."""
        chance = self.chance
        number = len(self.layers)
        there = [(f"n{n}", graph.nodes[graph.paths[f"n{n}"]]) for n in range(number)]
        if len(self.inputs) > 1:
            there += [(one, graph.nodes[graph.paths[one]]) for one in self.inputs]
        name, node = there[number - 1] if chance.random() < 0.6 else chance.choice(there)
        kind = chance.choice(["join", "join", "activation", "norm", "branches", "shared", *["layer"] * 8])
        end = f"name: n{number}"
        if kind == "join":
            others = [one for one, other in there if other.shape == node.shape or chance.random() < 0.2]
            read = [name, *chance.sample(others, min(len(others), chance.choice([1, 1, 2])))]
            chance.shuffle(read)
            return f"{{{chance.choice(['add', 'add', 'mul', 'mean', 'max', 'concat'])}: [{', '.join(read)}], {end}}}"
        if kind == "activation":
            return f"{{{chance.choice(ACTIVATIONS)}: [], from: {name}, {end}}}"
        if kind == "norm":
            return f"{{{self._norm()}, from: {name}, {end}}}"
        if kind == "shared":
            learned = {
                one: text for one, text in self.operators.items() if graph.nodes[graph.paths[one]].shared is None
            }
            if learned:
                same = chance.choice(list(learned))
                return f"{{{learned[same]}, shared: {same}, from: {name}, {end}}}"
        if kind == "branches":
            inside = [self._operator(node.shape) for _ in range(chance.randint(1, 2))]
            branches = f"x: [{', '.join(f'{{{one}}}' for one in inside)}], y: {chance.choice(['identity', '[relu]'])}"
            return f"{{{chance.choice(['add', 'concat', 'mul', 'max'])}: {{{branches}}}, from: {name}, {end}}}"
        operator = self.operators[f"n{number}"] = self._operator(node.shape)
        if OPS[operator.split(":")[0]].takes_norm_act and chance.random() < 0.5:
            operator += f", norm: {chance.choice(['bn', 'layernorm', 'instancenorm'])}" if chance.random() < 0.5 else ""
            operator += f", act: {chance.choice(ACTIVATIONS)}"
        return f"{{{operator}, from: {name}, {end}}}"

    def _norm(self) -> str:
        chance = self.chance
        word = chance.choice(NORMS)
        if word == "groupnorm":
            return f"groupnorm: {chance.choice([1, 2, 4])}, affine: {chance.choice(['true', 'false'])}"
        return f"{word}: []" + ("" if word in ("pixelnorm", "lrn") else f", affine: {chance.choice(['true', 'false'])}")

    def _operator(self, shape: Iterable[int]) -> str:
        """An operator with arguments, for a value of a layout; it may not fit."""
        chance = self.chance
        layout = getattr(shape, "layout", "map")
        k, s = chance.randint(1, 3), chance.choice([1, 1, 2, 3])
        c = chance.choice([1, 2, 3, 4, 8])
        flag = chance.choice(["true", "false"])
        pad = chance.choice(["0", "1", "same", "same_tf"])
        p = chance.choice([0, 0.5, 0.5, 1])
        channels, *space = shape if layout == "map" else (1, 1)
        heads = chance.choice(_divisors(tuple(shape)[-1] if layout == "sequence" else channels))
        factor = chance.choice(_divisors(gcd(*space)))
        anywhere = [
            f"dropout: {p}", f"stochastic_depth: {p}", f"scale: 2, shift: {chance.choice([0, 1])}",
            f"affine: [], bias: {flag}", "position_embedding: []", f"maxout: {chance.choice([1, 2, 4])}",
            "flatten: []", f"slice: {chance.choice(['channels', 'space', 'tokens', 'features'])}, stop: {c}",
            f"{chance.choice(ACTIVATIONS)}: []",
            f"parameter: [{', '.join(str(n) for n in shape)}]", f"parameter: [{c}, {k}]",
        ]  # fmt: skip
        maps = [
            *[f"conv: {c}, kernel: {k}, stride: {s}, pad: {pad}, dilation: {chance.choice([1, 1, 2])}"] * 3,
            f"conv: {c}, kernel: {k}, stride: {s}, pad: {pad}, bias: {flag}",
            f"conv: {c}, kernel: {k}, pad: {pad}, groups: {chance.choice([1, 2])}",
            f"dwconv: {k}, pad: {pad}, multiplier: {chance.choice([1, 2])}, bias: {flag}",
            f"conv_transpose: {c}, kernel: {k}, stride: {s}, bias: {flag}",
            f"maxpool: {k}", f"maxpool: {k}, stride: {s}", f"avgpool: {k}, stride: {s}, pad: {chance.choice(['0', 'same', 'same_tf'])}",
            f"avgpool: {k}", f"lppool: {k}, stride: {s}",
            f"adaptive_avgpool: {k}", f"adaptive_maxpool: {k}", "global_avgpool: []", "global_maxpool: []",
            f"upsample: 2, mode: {chance.choice(['nearest', 'bilinear', 'linear', 'trilinear'])}",
            f"pad: {k}", "crop: 1", f"crop: {k}", f"pad: [], channels: {c}",
            f"shuffle: {chance.choice(_divisors(channels))}", *["pixel_shuffle: 2"] * (1 if channels % 4 else 3), f"space_to_depth: {factor}",
            "tokens: []", "tokens: []", "channel_mean: []", "channel_max: []",
            f"roi_align: {chance.choice([1, 2, 3])}, size: {k}", f"noise: [], per_channel: {flag}",
            f"window_attention: {heads}, window: {k}, shift: {flag}, bias: {flag},"
            f" position: {chance.choice(['none', 'table', 'mlp'])}, cosine: {chance.choice(['true', 'false'])}",
            f"window_attention: {heads}, window: {factor}, partition: grid",
            f"conv: 2, kernel: {k}, connections: [[0], [0, 1]]",
        ]  # fmt: skip
        sequences = [
            f"attention: {heads}, bias: {flag}", f"linear: {c}, bias: {flag}", f"linear: {c}",
            "class_token: []", "select: 0", f"feature_map: [[{k}, {s}]]", "global_avgpool: []", "global_maxpool: []",
        ]  # fmt: skip
        vectors = [f"linear: {c}, bias: {flag}", f"linear: {c}", f"rbf: {c}"]
        if space == [1, 1]:
            maps = [*maps, *[f"channel_conv: 3, bias: {flag}"] * len(maps)]
        own = {"map": maps, "sequence": sequences, "vector": vectors}.get(layout, vectors)
        return chance.choice(own if chance.random() < 0.75 else anywhere)


def _divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


class Difference(NamedTuple):
    what: str
    ours: int
    theirs: int


class Compared(NamedTuple):
    """Which figures PyTorch has, what differs in those, and why it has no others."""

    figures: list[str]
    off: list[Difference]
    refused: str | None


def compare(graph: Graph, batch: int, mode: str) -> Compared:
    """A network under a tracker and by the rules."""
    amp = "bfloat16" if mode == "mixed precision" else ""
    dtype = "float32" if amp else mode
    settings = Settings(dtype=dtype, amp=amp, device="cpu", adds_in_place=False)
    theirs: dict[str, int] = {}
    refused = None
    try:
        for what, size in _mixed(graph, batch) if amp else _tracked(graph, batch, dtype):
            theirs[what] = size
    except REFUSALS as error:
        refused = first_line(error)
    step, inference = peaks.training(graph, batch, settings), peaks.inference(graph, batch, settings)
    ours = {
        "saved": sum(held.bytes for held in step.saved),
        "inference": inference.peak.bytes,
        "training": step.peak.bytes,
    }
    off = [Difference(what, ours[what], size) for what, size in theirs.items() if ours[what] != size]
    return Compared(list(theirs), off, refused)


def _tracked(graph: Graph, batch: int, dtype: str) -> Iterator[tuple[str, int]]:
    faked = Faked(graph, batch, dtype)
    yield "inference", faked.inference().peak
    yield "training", faked.training().peak
    yield "saved", faked.saved()


def _mixed(graph: Graph, batch: int) -> Iterator[tuple[str, int]]:
    """With autocast around the forward pass and the loss, on real tensors (see test_amp)."""
    module = build(graph)
    given = inputs(graph, batch, torch.zeros)
    with torch.no_grad():
        shapes = [result.shape for result in outputs(module.eval()(*given))]
    targets = [torch.zeros(shape[:1] + shape[2:], dtype=torch.int64) for shape in shapes]
    for training in (False, True):
        module.train(training)
        tracker = Tracker()
        tracker.take([*module.parameters(), *module.buffers(), *given, *(targets if training else [])])
        with tracker, torch.set_grad_enabled(training):
            with torch.autocast("cpu", dtype=DTYPES["bfloat16"]):
                results = outputs(module(*given))
                total = loss(results, targets) if training else None
            if total is not None:
                total.backward()
        del results, total
        yield ("training" if training else "inference"), tracker.peak


def search(seeds: Iterable[int]) -> Iterator[tuple[str, str, Compared]]:
    """Every network with how it was run, and what came of it."""
    for seed in seeds:
        text = random_network(seed)
        chance = random.Random(seed)
        batch, mode = chance.choice([1, 2]), chance.choice(MODES)
        yield f"{text}\n# {seed}: {mode}, batch {batch}", mode, compare(network(text).graph, batch, mode)


@pytest.mark.parametrize("first", range(0, NETWORKS, GROUP))
def test_no_byte_is_off(first: int) -> None:
    results = list(search(range(first, first + GROUP)))
    assert {text: found.off for text, _, found in results if found.off} == {}
    assert sum("training" in found.figures for *_, found in results) >= GROUP // 3


def test_a_wrong_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Indices of maxima of half their bytes."""
    graph = network("input: [3, 8, 8]\nlayers: [{conv: 4, kernel: 3}, {maxpool: 2}, flatten, {linear: 5}]").graph
    assert compare(graph, 2, "float32") == (["inference", "training", "saved"], [], None)
    monkeypatch.setattr(functional, "WHOLE", 4)
    wrong = {row.what: row.ours - row.theirs for row in compare(graph, 2, "float32").off}
    assert wrong["saved"] == -2 * 4 * 3 * 3 * 4


def test_every_operator_and_layout_is_tried() -> None:
    graphs = [network(random_network(seed)).graph for seed in range(NETWORKS)]
    assert set(OPS) == {node.op.name for graph in graphs for node in graph.nodes if node.op.name != "input"}
    layouts = {(node.shape.layout, len(node.shape)) for graph in graphs for node in graph.nodes}
    assert {("map", 2), ("map", 3), ("map", 4), ("sequence", 2), ("vector", 1), ("ids", 1)} <= layouts
    assert max(len(graph.inputs) for graph in graphs) == 3
    assert any(len(graph.outputs) > 1 for graph in graphs)
    assert any(node.shared is not None for graph in graphs for node in graph.nodes)


def main(wanted: int, first: int) -> None:
    counts: Counter[str] = Counter()
    for text, mode, found in search(range(first, first + wanted)):
        counts[f"{mode}, networks"] += 1
        counts.update(f"{mode}, {what}" for what in found.figures)
        counts["off"] += bool(found.off)
        if found.refused:
            counts[f"refused: {found.refused[:60]}"] += 1
        if found.off:
            print(f"---\n{text}\n{found.off}", flush=True)
    for what, count in sorted(counts.items()):
        print(f"{count:6} {what}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
