"""The conventions against the tools they stand for, network by network: equal to the last digit, or listed with a reason.

``python -m tests.counting.test_conventions`` prints how many are equal.
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
from cnncalc.analysis.work import measure
from cnncalc.counting import price
from cnncalc.counting.conventions import BY_ARGUMENTS, CONVENTIONS, QUANTITIES, VARIANTS
from cnncalc.errors import UsageError
from cnncalc.graph.graph import LIBRARIES, Graph
from cnncalc.ops import OPS
from cnncalc.spec import document, zoo
from cnncalc.spec.expand import expand
from cnncalc.values import WORK_UNITS, Assumptions

REFERENCE = Path(__file__).resolve().parent.parent / "reference"


def read(file: str, key: str) -> Any:
    return json.loads((REFERENCE / file).read_text(encoding="utf-8"))[key]


#: what tools printed for the networks of a library
MEASURED: dict[str, dict[str, dict[str, Any]]] = {
    "torchvision": read("tools.json", "networks"),
    "timm": read("timm.json", "networks"),
}
NETWORKS = MEASURED["torchvision"]
OPERATORS: list[dict[str, Any]] = read("operators.json", "rows")
TOOLS = ("torch", "fvcore", "ptflops", "ptflops-aten", "thop", "torchinfo", "torchprofile", "calflops")
#: networks whose figure is equal, of those that the tool measured
EQUAL = {
    ("torch", "torchvision"): (80, 80),
    ("fvcore", "torchvision"): (80, 80),
    ("ptflops", "torchvision"): (80, 80),
    ("ptflops-aten", "torchvision"): (80, 80),
    ("thop", "torchvision"): (80, 80),
    ("torchinfo", "torchvision"): (80, 80),
    ("torchprofile", "torchvision"): (75, 75),
    ("calflops", "torchvision"): (80, 80),
    ("torch", "timm"): (71, 71),
    ("fvcore", "timm"): (71, 71),
    ("ptflops", "timm"): (71, 71),
    ("ptflops-aten", "timm"): (71, 71),
    ("thop", "timm"): (71, 71),
    ("torchinfo", "timm"): (71, 71),
    ("torchprofile", "timm"): (0, 0),
    ("calflops", "timm"): (0, 0),
}


@cache
def network(name: str, library: str = "torchvision") -> cnncalc.Network:
    loaded = cnncalc.load(name, input=MEASURED[library][name]["input"][1:])
    loaded.graph = loaded.graph.written_as(library)
    return loaded


def priced(tool: str, graph: Graph) -> list[int]:
    """The row's figure of each layer, also where the tool's is not known; without side outputs."""
    work = measure(graph, Assumptions(convention=tool))["work"]
    return [figure for node, figure in zip(graph.nodes, work, strict=True) if node.side is None]


@cache
def total(tool: str, name: str, library: str = "torchvision") -> int:
    return sum(priced(tool, network(name, library).graph))


def disagreement(tool: str, name: str, measured: int | None, library: str = "torchvision") -> str | None:
    """What is wrong with the row's figure of a network or with its place in the list."""
    loaded = network(name, library)
    ours = total(tool, name, library)
    reason = price.not_known(loaded.graph, CONVENTIONS[tool])
    if measured is None:
        return None if reason else f"{tool} has no figure of {name}, which is not listed"
    if measured != ours and not reason:
        return f"{tool} counts {measured:,} in {name}, the row {ours:,}"
    return f"{name} is listed, but {tool}'s figure is equal" if measured == ours and reason else None


@pytest.mark.parametrize(("tool", "library"), EQUAL)
def test_tools_are_reproduced_or_listed(tool: str, library: str) -> None:
    found = [disagreement(tool, name, row["tools"].get(tool), library) for name, row in MEASURED[library].items()]
    assert [text for text in found if text] == []


@pytest.mark.parametrize(("tool", "library"), EQUAL)
def test_as_many_are_equal_as_is_said(tool: str, library: str) -> None:
    assert equal(tool, library) == EQUAL[tool, library]


def equal(tool: str, library: str) -> tuple[int, int]:
    measured = {name: row["tools"][tool] for name, row in MEASURED[library].items() if tool in row["tools"]}
    same = [name for name, figure in measured.items() if total(tool, name, library) == figure]
    return len(same), len(measured)


@pytest.mark.parametrize("name", MEASURED["timm"])
def test_timm_has_the_network(name: str) -> None:
    """As many parameters; and multiply-accumulates, but for attention that is fused, which FlopCounterMode leaves out."""
    row, loaded = MEASURED["timm"][name], network(name, "timm")
    totals = loaded.analyze().totals
    assert totals["params"] == row["params"]
    fused = [2 * node.shape[0] ** 2 * node.shape[1] for node in loaded.graph.nodes if node.op.name == "attention"]
    assert 2 * (totals["macs"] - sum(fused)) == row["tools"]["torch"]


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


def programs() -> dict[str, list[str]]:
    """By library, the networks of the zoo whose specs say that it has them."""
    found: dict[str, list[str]] = {library: [] for library in LIBRARIES}
    for name, path in zoo.names().items():
        if "\nwritten:" in Path(path).read_text(encoding="utf-8"):
            for program in cnncalc.load(name).graph.programs:
                found[program.library].append(name)
    return found


PROGRAMS = programs()


WRITTEN_OTHERWISE = [name for name in PROGRAMS["torchvision"] if cnncalc.load(name).graph.program.written]


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


@pytest.mark.parametrize(("library", "name"), [(library, name) for library in LIBRARIES for name in PROGRAMS[library]])
def test_what_a_program_writes_is_in_its_network(library: str, name: str) -> None:
    graph = network(name, library).graph
    assert graph.program.library == library
    assert graph.program.source.startswith({"torchvision": "torchvision 0.28.0, ", "timm": "timm 1.0.31, "}[library])
    assert set(graph.program.written) <= set(VARIANTS)
    assert set(graph.program.written) <= {names[0] for _, _, names, _, _ in price.groups(graph, with_side=True)}


@pytest.mark.parametrize("library", LIBRARIES)
def test_programs_are_of_networks_that_were_measured(library: str) -> None:
    assert sorted(PROGRAMS[library]) == sorted(MEASURED[library])


def test_every_way_of_writing_has_a_use() -> None:
    ways = {f"{name} {way}" for name, op in OPS.items() for way in op.writings}
    assert ways <= set(VARIANTS)


@pytest.mark.parametrize("name", WRITTEN_OTHERWISE)
def test_terms_add_up_to_the_work_of_the_layers(name: str) -> None:
    graph = network(name).graph
    layers = price.groups(graph)
    for convention in CONVENTIONS.values():
        found = price.terms(layers, convention)
        assert sum(term.work for term in found) == total(convention.name, name)
        counted = {term.variant or term.op for term in found}
        assert counted.isdisjoint(price.uncounted(layers, convention))


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
    unmeasured = {
        name for row in CONVENTIONS.values() for known in row.measured.values() for name in set(BY_ARGUMENTS) - known
    }
    assert set(VARIANTS) - used - unmeasured == set()
    assert {variant.split()[0] for variant in VARIANTS} <= set(OPS)
    assert set(BY_ARGUMENTS) <= set(VARIANTS)


def built(shape: list[int], layers: str) -> Graph:
    text = f"cnncalc: 1\ninput: {shape}\nlayers: {layers}\n"
    graph, _ = expand(document.load(zoo.Found("<test>", text.encode(), None)))
    return graph


@pytest.mark.parametrize("row", OPERATORS, ids=lambda row: row["layers"])
def test_operators_as_measured(row: dict[str, Any]) -> None:
    graph = built(row["input"], row["layers"])
    known = [tool for tool in TOOLS if not price.not_known(graph, CONVENTIONS[tool])]
    assert {tool: sum(priced(tool, graph)) for tool in known} == {tool: row["tools"].get(tool) for tool in known}


@pytest.mark.parametrize(("tool", "library"), EQUAL)
def test_an_operator_has_a_figure_only_if_it_was_measured(tool: str, library: str) -> None:
    """Of each is a network that the tool printed a figure of, and the row's is equal unless it is unsettled."""
    printed = [network(name, library).graph for name, row in MEASURED[library].items() if tool in row["tools"]]
    if library == "torchvision":
        printed += [built(row["input"], row["layers"]) for row in OPERATORS if tool in row["tools"]]
    found = {node.op.name for graph in printed for node in graph.nodes if node.side is None}
    failing = {"attention"} if (tool, library) == ("torchprofile", "torchvision") else set()  # its row says so
    known = CONVENTIONS[tool].measured.get(library, frozenset())
    assert known - set(BY_ARGUMENTS) == (found | failing) - {"input"}


#: what is unsettled though PyTorch has it
DEPENDING = [
    (tool, name)
    for tool in TOOLS
    for name, reason in CONVENTIONS[tool].unsettled.items()
    if not reason.startswith("PyTorch has no") and "attention" not in name
]


@pytest.mark.parametrize(("tool", "name"), DEPENDING)
def test_what_is_unsettled_differs(tool: str, name: str) -> None:
    rows = [(row["tools"].get(tool), built(row["input"], row["layers"])) for row in OPERATORS]
    ours = [
        (figure, sum(priced(tool, graph)))
        for figure, graph in rows
        if any(name in price._names(one) for one in graph.signatures)
    ]
    assert any(figure != counted for figure, counted in ours)


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
    assert (price.not_known(built, CONVENTIONS[tool]) or "").startswith(reason)


ANY_SIZE = "input: [8, 6, 6]\nlayers:\n"
GATE = "global_avgpool, {conv: 8, kernel: 1, act: sigmoid}"


@pytest.mark.parametrize(
    ("layers", "gates"),
    [
        (f"  - mul: {{x: identity, gate: [{GATE}]}}\n", 1),
        (f"  - mul: {{x: identity, gate: [{GATE}]}}\n  - global_avgpool\n", 1),
        (f"  - add: {{x: identity, gate: [{GATE}]}}\n", 0),  # no factor
        (f"  - {{conv: 8, kernel: 1, name: a}}\n  - mul: {{x: identity, gate: {{from: a, layers: [{GATE}]}}}}\n", 1),
        (f"  - mul: {{x: [relu], gate: [{GATE}]}}\n", 0),  # of what is multiplied with something else
        ("  - global_avgpool\n  - flatten\n  - {linear: 3}\n", 0),
        (
            "  - {window_attention: 2, window: 3}\n  - global_avgpool\n  - flatten\n  - {linear: 3}\n",
            1,
        ),  # channels last
    ],
)
def test_squeeze_and_excite_and_what_has_channels_last_is_a_mean_in_timm(
    layers: str, gates: int, graph: Callable[[str], Graph]
) -> None:
    """A pool in torchvision, which fvcore counts by its input; in timm the tensor's mean, which it does not."""
    built = graph(ANY_SIZE + layers)
    torchvision, timm = (sum(priced("fvcore", built.written_as(library))) for library in LIBRARIES)
    assert torchvision - timm == gates * 8 * 6 * 6
    ways = price.ways(built.written_as("timm"))
    assert [way for way in ways if "attention" not in way] == ["global_avgpool as mean"] * bool(gates)


@pytest.mark.parametrize(
    ("layers", "tool", "reason"),
    [
        ("[relu, bn]", "fvcore", None),
        (
            "[relu, bn]",
            "ptflops",
            "bn: some of timm's files write it otherwise, which 'written: {timm: {source: FILE, bn: with activation}}' says",
        ),
        (
            "[layernorm]",
            "thop",
            "layernorm: some of timm's files write it otherwise, which "
            "'written: {timm: {source: FILE, layernorm: as own class}}' says",
        ),
        ("[layernorm]", "torchinfo", None),
        (
            "[gelu]",
            "ptflops",
            "gelu: some of timm's files write it otherwise, which 'written: {timm: {source: FILE, gelu: as function}}' says",
        ),
        ("[gelu]", "thop", None),
        ("[mish]", "fvcore", "mish: how fvcore counts this operator in timm's programs is not known"),
        (
            "[{window_attention: 2, window: 3, position: mlp}]",
            "fvcore",
            "window_attention unlike Swin: how fvcore counts this operator in timm's programs is not known",
        ),
        ("[relu]", "calflops", "how calflops counts timm's programs is not known"),
    ],
)
def test_what_is_not_known_of_timms_programs_is_said(
    layers: str, tool: str, reason: str | None, graph: Callable[[str], Graph]
) -> None:
    built = graph(f"input: [8, 6, 6]\nlayers: {layers}\n")
    assert price.not_known(built.written_as("timm"), CONVENTIONS[tool]) == reason


def test_what_the_spec_says_of_a_program_settles_it(graph: Callable[[str], Graph]) -> None:
    layers = "input: [8, 6, 6]\nlayers: [bn]\n"
    modules = graph(f"{layers}written: {{timm: {{source: mine.py}}}}\n")
    fused = graph(f"{layers}written: {{timm: {{source: mine.py, bn: with activation}}}}\n")
    assert [sum(priced("ptflops", one)) for one in (modules, fused)] == [2 * 8 * 6 * 6, 0]
    assert price.not_known(modules, CONVENTIONS["ptflops"]) is None
    assert price.not_known(fused, CONVENTIONS["ptflops"]) is None


def test_a_figure_that_is_not_known_is_never_printed() -> None:
    with pytest.raises(UsageError, match="torchprofile is not known for vit_b_16: "):
        network("vit_b_16").analyze(convention="torchprofile")


def main() -> None:
    for tool, library in EQUAL:
        same, measured = equal(tool, library)
        print(f"{library:<12} {tool:<13}{same:>3} of {measured} equal, {measured - same:>2} listed")


if __name__ == "__main__":
    main()
