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
from cnncalc.analysis import compute
from cnncalc.analysis.columns import Assumptions
from cnncalc.analysis.conventions import CONVENTIONS, NOT_REPRODUCIBLE, QUANTITIES, VARIANTS
from cnncalc.errors import UsageError
from cnncalc.graph import Graph
from cnncalc.ops import OPS
from cnncalc.spec import zoo
from cnncalc.values import WORK_KINDS

REFERENCE = Path(__file__).resolve().parent.parent / "reference" / "tools.json"
NETWORKS: dict[str, dict[str, Any]] = json.loads(REFERENCE.read_text(encoding="utf-8"))["networks"]
TOOLS = ("torch", "fvcore", "ptflops", "ptflops-aten", "thop", "torchinfo", "torchprofile", "calflops")
#: networks whose figure is equal, of those that the tool measured
EQUAL = {
    "torch": (57, 57),
    "fvcore": (44, 57),
    "ptflops": (38, 57),
    "ptflops-aten": (57, 57),
    "thop": (39, 57),
    "torchinfo": (56, 57),
    "torchprofile": (47, 55),
    "calflops": (44, 57),
}


@cache
def network(name: str) -> cnncalc.Network:
    return cnncalc.load(name, input=NETWORKS[name]["input"][1:])


def priced(tool: str, graph: Graph) -> list[int]:
    """The row's figure of each layer, also where the tool's is not reproducible; without side outputs."""
    work = compute.measure(graph, Assumptions(convention=tool))["work"]
    return [figure for node, figure in zip(graph.nodes, work, strict=True) if node.side is None]


def disagreement(tool: str, name: str, measured: int | None) -> str | None:
    """What is wrong with the row's figure of a network or with its place in the list."""
    loaded = network(name)
    ours = sum(priced(tool, loaded.graph))
    reason = compute.not_reproducible(name, loaded.graph, CONVENTIONS[tool])
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
    same = [name for name, total in measured.items() if sum(priced(tool, network(name).graph)) == total]
    return len(same), len(measured)


@pytest.mark.parametrize(
    ("tool", "name", "off", "found"),
    [
        ("fvcore", "resnet50", 1, "fvcore counts 4,111,512,577 in resnet50, the row 4,111,512,576"),
        ("fvcore", "vgg16", -25_088, "vgg16 is listed, but fvcore's figure is equal"),
        ("torchprofile", "resnet18", None, "torchprofile has no figure of resnet18, which is not listed"),
    ],
)
def test_a_disagreement_is_found(tool: str, name: str, off: int | None, found: str) -> None:
    measured = None if off is None else NETWORKS[name]["tools"][tool] + off
    assert disagreement(tool, name, measured) == found


class Rows:
    """The work of a network's layers under a convention, by operator."""

    def __init__(self, tool: str, name: str) -> None:
        self.graph = network(name).graph
        self.work = priced(tool, self.graph)

    def of(self, *keywords: str) -> list[int]:
        nodes = [node for node in self.graph.nodes if node.side is None]
        return [work for node, work in zip(nodes, self.work, strict=True) if node.op.name in keywords]

    def attention(self, *quantities: str) -> list[int]:
        """A sum of quantities of each attention."""
        kinds = [self.graph.kinds[node.kind] for node in self.graph.nodes if node.op.name == "window_attention"]
        return [sum(compute._quantity(kind, compute.raw(kind), name) for name in quantities) for kind in kinds]


#: 512 maps of 7x7, into and out of the adaptive pool that torchvision's VGG has
SEVEN = 512 * 7 * 7


def printed(macs: int, per_mac: int) -> int:
    """A product's work as numpy.einsum_path prints it, 2 per multiply-accumulate in four digits, and its reader takes it."""
    return int(float(f"{2 * macs:.3e}")) * per_mac // 2


#: by tool and network, what torchvision's program adds to the row's figure
DIFFERENCES: dict[tuple[str, str], Callable[[Rows], int]] = {
    ("fvcore", "vgg"): lambda rows: SEVEN,
    ("ptflops", "vgg"): lambda rows: 2 * SEVEN,
    ("thop", "vgg"): lambda rows: 2 * SEVEN,
    ("torchprofile", "vgg"): lambda rows: SEVEN,
    ("calflops", "vgg"): lambda rows: SEVEN,
    ("fvcore", "mnasnet"): lambda rows: -rows.of("global_avgpool")[-1],
    ("ptflops", "mnasnet"): lambda rows: -rows.of("global_avgpool")[-1],
    ("thop", "mnasnet"): lambda rows: -rows.of("global_avgpool")[-1],
    ("calflops", "mnasnet"): lambda rows: -rows.of("global_avgpool")[-1],
    ("fvcore", "shufflenet"): lambda rows: -rows.of("global_avgpool")[-1],
    ("ptflops", "shufflenet"): lambda rows: -rows.of("global_avgpool")[-1],
    ("thop", "shufflenet"): lambda rows: -rows.of("global_avgpool")[-1],
    ("calflops", "shufflenet"): lambda rows: -rows.of("global_avgpool")[-1],
    ("ptflops", "densenet"): lambda rows: -(rows.of("relu")[-1] + rows.of("global_avgpool")[-1]) // 2,
    ("ptflops", "mobilenet_v2"): lambda rows: -rows.of("global_avgpool")[-1] // 2,
    ("thop", "densenet"): lambda rows: -rows.of("global_avgpool")[-1],
    ("thop", "mobilenet_v2"): lambda rows: -rows.of("global_avgpool")[-1],
    ("ptflops", "googlenet"): lambda rows: -sum(rows.of("relu")) // 2,
    # the first two pools, before the blocks, are modules
    ("ptflops", "inception_v3"): lambda rows: -sum(rows.of("relu", "avgpool") + rows.of("maxpool")[2:]) // 2,
    ("thop", "inception_v3"): lambda rows: -sum(rows.of("avgpool")),
    ("torchprofile", "maxvit_t"): lambda rows: -len(rows.of("window_attention")),
    ("torchinfo", "maxvit_t"): lambda rows: sum(4 * width * (width + 1) for width in widths(rows)),
    ("thop", "maxvit_t"): lambda rows: sum(rows.attention("projection")),
    # its linear layers with their biases, and no products
    ("ptflops", "maxvit_t"): lambda rows: sum(rows.attention("projection", "bias")) - 2 * sum(rows.attention("mixing")),
    ("fvcore", "maxvit_t"): lambda rows: 2 * sum(printed(n, 1) - n for n in rows.attention("mixing")),
    ("calflops", "maxvit_t"): lambda rows: 2 * sum(printed(n, 2) - 2 * n for n in rows.attention("mixing")),
}


def widths(rows: Rows) -> list[int]:
    return [node.shape[0] for node in rows.graph.nodes if node.op.name == "window_attention"]


LISTED = [
    (tool, name)
    for tool, row in NOT_REPRODUCIBLE.items()
    for name in row
    if tool in NETWORKS.get(name, {}).get("tools", {})
]


@pytest.mark.parametrize(("tool", "name"), LISTED, ids=[f"{tool}-{name}" for tool, name in LISTED])
def test_the_reason_is_the_whole_difference(tool: str, name: str) -> None:
    (difference,) = [rule for (of, prefix), rule in DIFFERENCES.items() if of == tool and name.startswith(prefix)]
    rows = Rows(tool, name)
    assert sum(rows.work) + difference(rows) == NETWORKS[name]["tools"][tool]


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
    assert set(convention.every) <= set(WORK_KINDS), "what is weighed in every operator is its raw work"
    words = {*OPS, *VARIANTS}
    assert set(convention.kinds) <= words
    assert set(convention.unsettled) <= words
    for weights in convention.kinds.values():
        assert isinstance(weights, MappingProxyType)
        assert set(weights) <= {*WORK_KINDS, *QUANTITIES}


def test_flops_leave_no_kind_of_work_out() -> None:
    assert set(CONVENTIONS["flops"].every) == set(WORK_KINDS)
    assert not CONVENTIONS["flops"].kinds


def test_every_quantity_has_a_rule_and_a_use() -> None:
    assert set(compute._QUANTITIES) == set(QUANTITIES)
    used = {name for row in CONVENTIONS.values() for weights in row.kinds.values() for name in weights}
    assert set(QUANTITIES) - used == set()


def test_every_variant_has_a_use_and_an_operator() -> None:
    used = {name for row in CONVENTIONS.values() for name in (*row.kinds, *row.unsettled)}
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
    assert [compute.not_reproducible("mine", graph(text), CONVENTIONS[tool]) for tool in figures] == [None] * len(
        figures
    )


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
        ("{attention: 2, bias: false}", [4, 6], "ptflops", "attention without bias: it counts a bias"),
    ],
)
def test_what_a_row_does_not_settle_is_said(
    layer: str, shape: list[int], tool: str, reason: str, graph: Callable[[str], Graph]
) -> None:
    built = graph(f"input: {shape}\nlayers:\n  - {layer}\n")
    assert (compute.not_reproducible("mine", built, CONVENTIONS[tool]) or "").startswith(reason)


def test_a_figure_that_is_not_reproducible_is_never_printed() -> None:
    with pytest.raises(UsageError, match="the figure of thop is not reproducible for vgg16: torchvision's program has"):
        network("vgg16").analyze(convention="thop")


def main() -> None:
    for tool in TOOLS:
        same, measured = equal(tool)
        print(f"{tool:<13}{same:>3} of {measured} equal, {measured - same:>2} listed")


if __name__ == "__main__":
    main()
