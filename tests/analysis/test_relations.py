"""Metamorphic relations: a change of the spec, and what it may change of the figures."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from cnncalc import network
from cnncalc.analysis.report import Report

Analyze = Callable[..., Report]

#: figures that no renaming, reordering or rewriting may touch
COUNTS = ("params", "weights", "biases", "norm_params", "other_params", "buffers", "macs", "flops", "activations")

BODY = "{conv: 4, kernel: 3, pad: 1, norm: bn, act: relu}"
STEM = "input: [4, 8, 8]\nlayers:\n"
UNIT = "{conv: 4, kernel: 3, pad: 1}"


def counts(report: Report) -> dict[str, int]:
    return {name: report.totals[name] for name in COUNTS}


def rows(report: Report) -> list[tuple[object, ...]]:
    """Every row without its path."""
    return [(row.op, row.out, *(row[name] for name in COUNTS)) for row in report.layers]


#: pairs of specs with the same rows, up to names
SAME = {
    "repeat is the body written so often (12)": (
        STEM + "  - {conv: 4, kernel: 3, pad: 1, norm: bn, act: relu, repeat: 3}",
        STEM + f"  - {BODY}\n  - {BODY}\n  - {BODY}",
    ),
    "a block is its body (13)": (
        f"input: [4, 8, 8]\nblocks: {{Unit: {{layers: [{UNIT}, relu]}}}}\nlayers: [Unit, Unit]",
        STEM + f"  - {UNIT}\n  - relu\n  - {UNIT}\n  - relu",
    ),
    "norm and act are rows of their own": (
        STEM + f"  - {BODY}",
        STEM + f"  - {UNIT}\n  - bn\n  - relu",
    ),
    "a default is the argument": (
        f"defaults: {{conv: {{kernel: 3, pad: 1}}}}\n{STEM}  - {{conv: 4}}",
        STEM + f"  - {UNIT}",
    ),
    "a variable is its value": (
        f"vars: {{width: 4}}\n{STEM}  - {{conv: $width, kernel: 3, pad: 1}}",
        STEM + f"  - {UNIT}",
    ),
    "stages are their bodies": (
        STEM + "  - stages: {out: [4, 8], n: [1, 2]}\n    each: [{conv: $out, kernel: 3, repeat: $n}]",
        STEM + "  - {conv: 4, kernel: 3}\n  - {conv: 8, kernel: 3}\n  - {conv: 8, kernel: 3}",
    ),
    "names change nothing (26)": (
        STEM + "  - {conv: 4, kernel: 3, pad: 1, name: one}\n  - {add: [one, input], name: two}",
        STEM + "  - {conv: 4, kernel: 3, pad: 1, name: left}\n  - {add: [left, input], name: sum}",
    ),
    "a branch of one join is the path itself": (
        STEM + f"  - add: {{a: [{UNIT}], b: {{when: $in > 4, layers: [relu]}}}}",
        STEM + f"  - {UNIT}",
    ),
    "what is absent is not there": (
        STEM + f"  - {UNIT}\n  - {{relu: [], when: 1 > 2}}",
        STEM + f"  - {UNIT}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_same_rows(one: str, other: str, analyze: Analyze) -> None:
    assert rows(analyze(one)) == rows(analyze(other))
    assert analyze(one).totals == analyze(other).totals


#: pairs of specs with the same totals; the rows may stand in another order
SAME_COUNTS = {
    "the order of add (9)": (
        STEM + f"  - {{layers: [{UNIT}], name: a}}\n  - {{add: [a, input]}}",
        STEM + f"  - {{layers: [{UNIT}], name: a}}\n  - {{add: [input, a]}}",
    ),
    "the order of branches (27)": (
        STEM + f"  - concat: {{a: [{UNIT}], b: [{{conv: 2, kernel: 1}}]}}\n  - {UNIT}",
        STEM + f"  - concat: {{b: [{{conv: 2, kernel: 1}}], a: [{UNIT}]}}\n  - {UNIT}",
    ),
    "dropout (11)": (STEM + f"  - {UNIT}\n  - relu", STEM + f"  - {UNIT}\n  - {{dropout: 0.5}}\n  - relu"),
    "dilation of a kernel of 1 (18)": (
        STEM + "  - {conv: 4, kernel: 1}",
        STEM + "  - {conv: 4, kernel: 1, dilation: 3}",
    ),
    "same and same_tf for an odd window at stride 1 (19)": (
        STEM + "  - {conv: 4, kernel: 5, pad: same}",
        STEM + "  - {conv: 4, kernel: 5, pad: same_tf}",
    ),
    "height and width, turned (21)": (
        "input: [4, 9, 6]\nlayers: [{conv: 4, kernel: [3, 1], stride: [1, 2]}, {maxpool: [[2, 1]]}]",
        "input: [4, 6, 9]\nlayers: [{conv: 4, kernel: [1, 3], stride: [2, 1]}, {maxpool: [[1, 2]]}]",
    ),
}


@pytest.mark.parametrize(("one", "other"), SAME_COUNTS.values(), ids=SAME_COUNTS)
def test_same_counts(one: str, other: str, analyze: Analyze) -> None:
    assert counts(analyze(one)) == counts(analyze(other))


def pool_of_one_changes_only_the_list(analyze: Analyze) -> tuple[object, object]:
    plain = analyze(STEM + f"  - {UNIT}")
    pooled = analyze(STEM + f"  - {UNIT}\n  - {{maxpool: 1}}")
    return (pooled.layers[-1].out, pooled.totals["params"], pooled.totals["flops"]), (
        plain.layers[-1].out, plain.totals["params"], plain.totals["flops"],
    )  # fmt: skip


CONVOLUTIONS = f"[{UNIT}, relu, {{conv: 8, kernel: 5, pad: same, norm: bn}}]"


def parameters_do_not_depend_on_resolution(analyze: Analyze) -> tuple[object, object]:
    small, large = (analyze(f"input: [4, {n}, {n}]\nlayers: {CONVOLUTIONS}") for n in (8, 31))
    return small.totals["params"], large.totals["params"]


def four_times_the_pixels_are_four_times_the_macs(analyze: Analyze) -> tuple[object, object]:
    small, large = (analyze(f"input: [4, {n}, {n}]\nlayers: {CONVOLUTIONS}") for n in (8, 16))
    return large.totals["macs"], 4 * small.totals["macs"]


def batch_multiplies_macs_and_activations(analyze: Analyze) -> tuple[object, object]:
    one, many = (analyze(f"input: [4, 8, 8]\nlayers: {CONVOLUTIONS}", batch=n) for n in (1, 16))
    unchanged = ("params", "buffers", "depth")
    return [many.totals[name] for name in ("macs", "activations", *unchanged)], [
        16 * one.totals["macs"], 16 * one.totals["activations"], *(one.totals[name] for name in unchanged),
    ]  # fmt: skip


def half_precision_halves_the_bytes_alone(analyze: Analyze) -> tuple[object, object]:
    single, half = (analyze(f"input: [4, 8, 8]\nlayers: {CONVOLUTIONS}", dtype=name) for name in ("float32", "float16"))
    return (counts(half), 2 * half.totals["activation_bytes"]), (counts(single), single.totals["activation_bytes"])


def without_bias_there_are_as_many_fewer_as_outputs(analyze: Analyze) -> tuple[object, object]:
    with_bias, without = (analyze(STEM + f"  - {{conv: 7, kernel: 3, bias: {word}}}") for word in ("true", "false"))
    return with_bias.totals["params"] - without.totals["params"], 7


def groups_divide_weights_and_macs(analyze: Analyze) -> tuple[object, object]:
    whole, grouped = (analyze(STEM + f"  - {{conv: 8, kernel: 3, groups: {g}}}") for g in (1, 4))
    return (grouped.totals["weights"] * 4, grouped.totals["macs"] * 4, grouped.totals["biases"]), (
        whole.totals["weights"], whole.totals["macs"], whole.totals["biases"],
    )  # fmt: skip


def concat_adds_channels(analyze: Analyze) -> tuple[object, object]:
    report = analyze(STEM + "  - concat: {a: [{conv: 3, kernel: 1}], b: [{conv: 5, kernel: 1}], c: identity}")
    return report.layers[-1].out, (3 + 5 + 4, 8, 8)


def transposed_convolution_gives_the_size_back(analyze: Analyze) -> tuple[object, object]:
    window = "kernel: 3, stride: 2, pad: 1"  # (8 + 2 - 3) mod 2 = 1
    report = analyze(STEM + f"  - {{conv: 4, {window}}}\n  - {{conv_transpose: 4, {window}, output_pad: 1}}")
    return report.layers[-1].out, (4, 8, 8)


RELATIONS = [
    pool_of_one_changes_only_the_list,
    parameters_do_not_depend_on_resolution,
    four_times_the_pixels_are_four_times_the_macs,
    batch_multiplies_macs_and_activations,
    half_precision_halves_the_bytes_alone,
    without_bias_there_are_as_many_fewer_as_outputs,
    groups_divide_weights_and_macs,
    concat_adds_channels,
    transposed_convolution_gives_the_size_back,
]


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.__name__)
def test_relation(relation: Callable[[Analyze], tuple[object, object]], analyze: Analyze) -> None:
    left, right = relation(analyze)
    assert left == right


APPENDED = [
    UNIT,
    "relu",
    "{conv: 8, kernel: 1, bias: false}",
    "{maxpool: 2}",
    "bn",
    "{upsample: 2}",
    "global_avgpool",
    "flatten",
]


def test_appending_a_layer_never_lowers_a_total(analyze: Analyze) -> None:
    """Relation 16, and 24: a receptive field never shrinks along a path."""
    reports = [analyze(STEM + "\n".join(f"  - {layer}" for layer in APPENDED[:n])) for n in range(1, len(APPENDED) + 1)]
    for before, after in pairwise(reports):
        assert all(after.totals[name] >= before.totals[name] for name in (*COUNTS, "depth"))
    fields = [row.receptive_field for row in reports[-1].layers if row.receptive_field]
    assert fields == sorted(fields)


NETWORKS = ["vgg16", "resnet50", "densenet121", "googlenet_paper", "mobilenet_v2", "efficientnet_b0", "unet_small"]


@pytest.mark.parametrize("name", NETWORKS)
def test_totals_are_sums_of_rows_and_fields_never_shrink(name: str) -> None:
    """Relations 24 and 25, on networks of the zoo."""
    report = network.load(name).analyze(batch=2)
    rows = report.layers
    for figure in (*COUNTS, "activation_bytes", "running_stats", "work"):
        assert report.totals[figure] == sum(row[figure] for row in rows), figure
    assert report.totals["depth"] == max(row.depth for row in rows)
    assert report.totals["params"] == sum(
        report.totals[kind] for kind in ("weights", "biases", "norm_params", "other_params")
    )
    fields = {row.path: row.receptive_field for row in rows}
    for row in rows:
        for source in row.inputs:
            if row.receptive_field is not None:
                assert all(mine >= theirs for mine, theirs in zip(row.receptive_field, fields[source], strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_narrowest_field_is_no_wider_than_the_widest(name: str) -> None:
    for row in network.load(name).analyze().layers:
        if row.receptive_field is not None:
            assert all(low <= high for low, high in zip(row.receptive_field_min, row.receptive_field, strict=True))
