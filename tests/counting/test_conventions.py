"""The conventions against the tools they stand for, network by network: equal to the last digit, or listed with a reason.

``python -m tests.analysis.test_conventions`` prints how many are equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import cnncalc
from cnncalc.counting import price
from cnncalc.counting.conventions import CONVENTIONS, NOT_REPRODUCIBLE, QUANTITIES, VARIANTS
from cnncalc.errors import UsageError
from cnncalc.graph.graph import Graph
from cnncalc.ops import OPS
from cnncalc.spec import document, zoo
from cnncalc.spec.expand import expand
from cnncalc.values import WORK_UNITS, Assumptions

REFERENCE = Path(__file__).resolve().parent.parent / "reference" / "tools.json"
NETWORKS: dict[str, dict[str, Any]] = json.loads(REFERENCE.read_text(encoding="utf-8"))["networks"]
TOOLS = ("torch", "fvcore", "ptflops", "ptflops-aten", "thop", "torchinfo", "torchprofile", "calflops")
#: networks whose figure is equal, of those that the tool measured
EQUAL = {
    "torch": (80, 80),
    "fvcore": (80, 80),
    "ptflops": (80, 80),
    "ptflops-aten": (80, 80),
    "thop": (80, 80),
    "torchinfo": (80, 80),
    "torchprofile": (75, 75),
    "calflops": (80, 80),
}


@cache
def network(name: str) -> cnncalc.Network:
    return cnncalc.load(name, input=NETWORKS[name]["input"][1:])


def priced(tool: str, graph: Graph) -> list[int]:
    """The row's figure of each layer, also where the tool's is not reproducible; without side outputs."""
    work = price.measure(graph, Assumptions(convention=tool))["work"]
    return [figure for node, figure in zip(graph.nodes, work, strict=True) if node.side is None]


@cache
def total(tool: str, name: str) -> int:
    return sum(priced(tool, network(name).graph))


def disagreement(tool: str, name: str, measured: int | None) -> str | None:
    """What is wrong with the row's figure of a network or with its place in the list."""
    loaded = network(name)
    ours = total(tool, name)
    reason = price.not_reproducible(loaded.graph, CONVENTIONS[tool])
    if measured is None:
        return None if reason else f"{tool} has no figure of {name}, which is not listed"
    if measured != ours and not reason:
        return f"{tool} counts {measured:,} in {name}, the row {ours:,}"
    return f"{name} is listed, but {tool}'s figure is equal" if measured == ours and reason else None


@pytest.mark.parametrize("tool", TOOLS)
def test_tools_are_reproduced_or_listed(tool: str) -> None:
    found = [disagreement(tool, name, row["tools"].get(tool)) for name, row in NETWORKS.items()]
    assert [text for text in found if text] == []


@pytest.mark.parametrize("tool", TOOLS)
def test_as_many_are_equal_as_is_said(tool: str) -> None:
    assert equal(tool) == EQUAL[tool]


def equal(tool: str) -> tuple[int, int]:
    measured = {name: row["tools"][tool] for name, row in NETWORKS.items() if tool in row["tools"]}
    same = [name for name, figure in measured.items() if total(tool, name) == figure]
    return len(same), len(measured)


@pytest.mark.parametrize(
    ("tool", "name", "measured", "found"),
    [
        ("fvcore", "resnet50", 4_111_512_577, "fvcore counts 4,111,512,577 in resnet50, the row 4,111,512,576"),
        ("torchprofile", "resnet18", None, "torchprofile has no figure of resnet18, which is not listed"),
    ],
)
def test_a_disagreement_is_found(tool: str, name: str, measured: int | None, found: str) -> None:
    assert disagreement(tool, name, measured) == found


def test_a_needless_entry_is_found() -> None:
    figure = total("torchprofile", "vit_b_16")
    assert disagreement("torchprofile", "vit_b_16", figure) == "vit_b_16 is listed, but torchprofile's figure is equal"


#: the networks of the zoo whose program has operators otherwise than as modules
PROGRAMS = [name for name in NETWORKS if "\nwritten:" in Path(zoo.names()[name]).read_text(encoding="utf-8")]


def in_modules(graph: Graph) -> Graph:
    """The graph, written with PyTorch's modules."""
    return Graph(graph.nodes, graph.signatures, graph.outputs, graph.sides, graph.paths, graph.blocks, graph.name)


#: what the program of a network adds to the figure of its modules, by tool; sizes are (channels * height * width)
DIFFERENCES = [
    ("vgg16", "fvcore", 512 * 7 * 7),
    ("vgg16", "ptflops", 2 * 512 * 7 * 7),
    ("vgg16", "thop", 2 * 512 * 7 * 7),  # (7/7 * 7/7 + 1) for each value out of the adaptive pool
    ("vgg16", "torchprofile", 512 * 7 * 7),
    ("vgg16", "calflops", 512 * 7 * 7),
    ("vgg16", "torch", 0),
    ("mnasnet1_0", "fvcore", -1280 * 7 * 7),
    ("mnasnet1_0", "ptflops", -2 * 1280 * 7 * 7),
    ("mnasnet1_0", "thop", -1280 * (7 * 7 + 1)),
    ("mnasnet1_0", "torchprofile", 0),
    ("mnasnet1_0", "calflops", -1280 * 7 * 7),
    ("shufflenet_v2_x1_0", "thop", -1024 * (7 * 7 + 1)),
    ("densenet121", "ptflops", -1024 * 7 * 7 - 1024 * 7 * 7),  # a ReLU and a pool once in place of twice
    ("densenet121", "thop", -1024 * (7 * 7 + 1)),
    ("mobilenet_v2", "ptflops", -1280 * 7 * 7),
    ("mobilenet_v2", "thop", -1280 * (7 * 7 + 1)),
    # average pools of blocks 5b to 5d, 6b to 6e, 7b and 7c
    ("inception_v3", "thop", -(192 + 256 + 288) * 35**2 - 4 * 768 * 17**2 - (1280 + 2048) * 8**2),
    # layers of width 64, 128, 256 and 512, twice as many attentions: four projections with biases
    ("maxvit_t", "torchinfo", sum(2 * n * 4 * c * (c + 1) for n, c in ((2, 64), (2, 128), (5, 256), (2, 512)))),
    ("maxvit_t", "torchprofile", -22),
]


@pytest.mark.parametrize(("name", "tool", "difference"), DIFFERENCES)
def test_a_network_whose_spec_says_nothing_is_written_with_modules(name: str, tool: str, difference: int) -> None:
    modules = sum(priced(tool, in_modules(network(name).graph)))
    assert modules + difference == NETWORKS[name]["tools"][tool]


@pytest.mark.parametrize("name", ["vgg16", "inception_v3"])
def test_no_figure_depends_on_the_networks_name(name: str) -> None:
    text = Path(network(name).document.path or "").read_text(encoding="utf-8")
    assert f"\nname: {name}\n" in text
    renamed = document.load(zoo.Found("<test>", text.replace(f"\nname: {name}\n", "\nname: mynet\n").encode(), None))
    graph, _ = expand(renamed)
    assert graph.name == "mynet"
    for tool in TOOLS:
        assert sum(priced(tool, graph)) == NETWORKS[name]["tools"][tool]


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_program_writes_is_in_its_network(name: str) -> None:
    graph = network(name).graph
    assert graph.program
    assert set(graph.program.written) <= set(VARIANTS)
    assert set(graph.program.written) <= {names[0] for _, _, names, _, _ in price.groups(graph, with_side=True)}


def test_programs_are_of_networks_that_were_measured() -> None:
    written = {name for name, path in zoo.names().items() if "\nwritten:" in Path(path).read_text(encoding="utf-8")}
    assert written == set(PROGRAMS)


def test_every_way_of_writing_has_a_use() -> None:
    ways = {f"{name} {way}" for name, op in OPS.items() for way in op.writings}
    assert ways <= set(VARIANTS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_terms_add_up_to_the_work_of_the_layers(name: str) -> None:
    graph = network(name).graph
    layers = price.groups(graph)
    for convention in CONVENTIONS.values():
        found = price.terms(layers, convention)
        assert sum(term.work for term in found) == total(convention.name, name)
        counted = {term.variant or term.op for term in found}
        assert counted.isdisjoint(price.uncounted(layers, convention))


def test_what_is_listed_is_in_the_zoo() -> None:
    names = {name for row in NOT_REPRODUCIBLE.values() for name in row}
    assert names <= set(zoo.names())
    assert set(NOT_REPRODUCIBLE) <= set(TOOLS)


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS)
def test_rows_are_well_formed(convention) -> None:
    assert CONVENTIONS[convention.name] is convention
    assert convention.unit in ("macs", "flops")
    assert convention.rule
    assert convention.source
    assert convention.note
    assert isinstance(convention.every, MappingProxyType)
    assert set(convention.every) <= set(WORK_UNITS), "what is weighed in every operator is its raw work"
    words = {*OPS, *VARIANTS}
    assert set(convention.by_operator) <= words
    assert set(convention.unsettled) <= words
    for weights in convention.by_operator.values():
        assert isinstance(weights, MappingProxyType)
        assert set(weights) <= {*WORK_UNITS, *QUANTITIES}


def test_flops_leave_no_kind_of_work_out() -> None:
    assert set(CONVENTIONS["flops"].every) == set(WORK_UNITS)
    assert not CONVENTIONS["flops"].by_operator


def test_every_quantity_has_a_rule_and_a_use() -> None:
    assert set(price._QUANTITIES) == set(QUANTITIES)
    used = {name for row in CONVENTIONS.values() for weights in row.by_operator.values() for name in weights}
    assert set(QUANTITIES) - used == set()


def test_every_variant_has_a_use_and_an_operator() -> None:
    used = {name for row in CONVENTIONS.values() for name in (*row.by_operator, *row.unsettled)}
    assert set(VARIANTS) - used == set()
    assert {variant.split()[0] for variant in VARIANTS} <= set(OPS)


#: an operator and what the tools printed for PyTorch's module: text of the layer, input, figures by convention
MODULES = [
    ("maxpool: 2", [3, 8, 9], {"ptflops": 432, "calflops": 216, "thop": 0, "torchprofile": 0}),
    ("avgpool: 2", [3, 8, 9], {"ptflops": 432, "calflops": 216, "thop": 48, "torchprofile": 48, "fvcore": 0}),
    ("{adaptive_avgpool: [[3, 2]]}", [2, 7, 5], {"fvcore": 70, "ptflops": 140, "thop": 82, "torchprofile": 12}),
    ("{adaptive_maxpool: [[3, 2]]}", [2, 7, 5], {"fvcore": 0, "ptflops": 140, "thop": 0, "calflops": 70}),
    ("adaptive_avgpool: 3", [2, 9], {"fvcore": 0, "ptflops": 36, "torchprofile": 6, "thop": 24, "calflops": 18}),
    ("global_avgpool", [2, 3, 4, 5], {"fvcore": 0, "ptflops": 240, "torchprofile": 2, "thop": 122, "calflops": 120}),
    ("upsample: 2", [2, 4, 5], {"fvcore": 160, "ptflops": 320, "torchprofile": 0, "thop": 160, "calflops": 40}),
    ("{upsample: 2, mode: bilinear}", [2, 4, 5], {"fvcore": 640, "ptflops": 320, "torchprofile": 640, "thop": 1760}),
    ("softmax", [3, 4, 5], {"ptflops": 60, "thop": 160, "calflops": 60, "torchprofile": 0}),
    ("leaky_relu", [3, 4, 5], {"ptflops": 60, "torchprofile": 60, "thop": 0, "calflops": 60}),
    ("relu6", [3, 4, 5], {"ptflops": 60, "calflops": 0}),
    ("elu", [3, 4, 5], {"ptflops": 120, "calflops": 60, "thop": 0}),
    ("{prelu: true}", [3, 4, 5], {"torchinfo": 3, "ptflops": 120, "thop": 60, "calflops": 60, "torchprofile": 0}),
    ("{bn: false}", [4], {"fvcore": 4, "torchinfo": 0, "ptflops": 4, "torchprofile": 0, "thop": 8, "calflops": 4}),
    ("groupnorm: 4", [8, 5, 6], {"fvcore": 1200, "torchinfo": 16, "ptflops": 480, "torchprofile": 240, "thop": 0, "calflops": 1200}),
    ("instancenorm", [8, 5, 6], {"fvcore": 960, "ptflops": 240, "torchprofile": 0, "thop": 480, "calflops": 960}),
    ("{instancenorm: true}", [4, 3], {"fvcore": 60, "torchinfo": 8, "ptflops": 24, "torchprofile": 12, "thop": 48, "calflops": 60}),
    ("lrn", [8, 5, 6], {"fvcore": 0, "torchprofile": 720, "thop": 0}),
    ("{conv_transpose: 3, kernel: 2, stride: 2}", [5, 4, 6],
     {"torch": 2880, "fvcore": 1440, "torchinfo": 6048, "ptflops": 1728, "torchprofile": 5760, "thop": 5760}),
    ("{conv_transpose: 6, kernel: 4, stride: 2, pad: 1, groups: 2, bias: false}", [4, 5, 5],
     {"torch": 9600, "fvcore": 4800, "torchinfo": 19200, "ptflops": 4800, "ptflops-aten": 4800, "thop": 19200}),
    ("{conv: 4, kernel: [3, 1, 1], stride: [1, 2, 2]}", [2, 5, 6, 6],
     {"torch": 1296, "fvcore": 648, "torchinfo": 756, "ptflops": 756, "thop": 648, "calflops": 1404}),
    ("{dwconv: 3, stride: 2, pad: same}", [6, 9, 9], {"torchinfo": 1500, "ptflops": 1500, "thop": 1350}),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "shape", "figures"), MODULES, ids=[row[0] for row in MODULES])
def test_modules_as_measured(
    layer: str, shape: list[int], figures: dict[str, int], analyze: Callable[..., Any], graph: Callable[[str], Graph]
) -> None:
    text = f"input: {shape}\nlayers:\n  - {layer}\n"
    assert {tool: analyze(text, convention=tool).totals["work"] for tool in figures} == figures
    assert [price.not_reproducible(graph(text), CONVENTIONS[tool]) for tool in figures] == [None] * len(figures)


@pytest.mark.parametrize(
    ("layer", "shape", "tool", "reason"),
    [
        (
            "{conv_transpose: 6, kernel: 2, groups: 2}",
            [4, 5, 5],
            "torchprofile",
            "conv_transpose with groups: it leaves",
        ),
        ("{conv_transpose: 6, kernel: 2}", [4, 5, 5], "calflops", "conv_transpose: it takes the size"),
        ("lrn", [4, 5, 5], "ptflops", "lrn: it counts the padded values"),
        ("pixelnorm", [4, 5, 5], "torchprofile", "pixelnorm: PyTorch has no module"),
        ("{maxpool: 3, pad: same_tf}", [4, 5, 5], "calflops", "maxpool with same_tf: PyTorch has no such pool"),
        (
            "{attention: 2, bias: false}",
            "{tokens: 4, features: 6}",
            "ptflops",
            "attention without bias: it counts a bias",
        ),
    ],
)
def test_what_a_row_does_not_settle_is_said(
    layer: str, shape: list[int], tool: str, reason: str, graph: Callable[[str], Graph]
) -> None:
    built = graph(f"input: {shape}\nlayers:\n  - {layer}\n")
    assert (price.not_reproducible(built, CONVENTIONS[tool]) or "").startswith(reason)


def test_a_figure_that_is_not_reproducible_is_never_printed() -> None:
    with pytest.raises(UsageError, match="torchprofile is not reproducible for vit_b_16: "):
        network("vit_b_16").analyze(convention="torchprofile")


def main() -> None:
    for tool in TOOLS:
        same, measured = equal(tool)
        print(f"{tool:<13}{same:>3} of {measured} equal, {measured - same:>2} listed")


if __name__ == "__main__":
    main()
