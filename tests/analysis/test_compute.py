"""Work under a convention."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import pytest

from cnncalc.analysis.compute import price
from cnncalc.analysis.conventions import CONVENTIONS
from cnncalc.report.model import Report
from cnncalc.values import WORK_KINDS, Work

LENET = """
input: [1, 32, 32]
layers:
  - {conv: 6, kernel: 5, act: relu, name: c1}
  - {maxpool: 2, name: s2}
  - flatten
  - {linear: 10, name: out}
"""

#: path, macs, flops
ROWS = [
    ("input", 0, 0),
    ("c1", 117_600, 239_904),  # 5*5*6 = 150, * 28*28 = 117,600; twice that and 6*28*28 = 4,704 biases
    ("c1.relu", 0, 4_704),  # one comparison for each of 4,704
    ("s2", 0, 3_528),  # 3 comparisons for each of 6*14*14 = 1,176
    ("flatten1", 0, 0),
    ("out", 11_760, 23_530),  # 1,176*10; twice that and 10 biases
]


def test_macs_and_flops_by_hand(analyze: Callable[..., Report]) -> None:
    report = analyze(LENET)
    assert [(row.path, row.macs, row.flops) for row in report.layers] == ROWS
    assert report.totals["macs"] == 117_600 + 11_760
    assert report.totals["flops"] == 239_904 + 4_704 + 3_528 + 23_530


def test_work_is_the_chosen_conventions(analyze: Callable[..., Report]) -> None:
    assert analyze(LENET).totals["work"] == analyze(LENET).totals["macs"]
    flops = analyze(LENET, convention="flops")
    assert flops.totals["work"] == flops.totals["flops"]
    assert flops.totals["macs"] == analyze(LENET).totals["macs"]


@pytest.mark.parametrize("batch", [1, 2, 32, 10**9])
def test_work_is_linear_in_the_batch(batch: int, analyze: Callable[..., Report]) -> None:
    one, many = analyze(LENET), analyze(LENET, batch=batch)
    for name in ("macs", "flops", "work"):
        assert many.totals[name] == batch * one.totals[name]


def test_price_weighs_each_kind() -> None:
    work = Work(mac=10, bias=2, cmp=5)
    assert price(work, CONVENTIONS["macs"]) == 10
    assert price(work, CONVENTIONS["flops"]) == 27  # 2*10 + 2 + 5


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS)
def test_conventions_are_well_formed(convention) -> None:
    assert CONVENTIONS[convention.name] is convention
    assert set(convention.weights) <= set(WORK_KINDS), "a weight of a kind that no operator returns"
    assert convention.rule
    assert convention.source
    assert isinstance(convention.weights, MappingProxyType)


def test_flops_leave_no_kind_of_work_out() -> None:
    assert set(CONVENTIONS["flops"].weights) == set(WORK_KINDS)


REGIONS = """
input: [4, 20, 20]
layers:
  - {roi_align: 100, size: 7, name: regions}
  - {conv: 8, kernel: 3, name: head}
  - flatten
  - {linear: 2, name: out}
"""


def test_what_follows_regions_is_done_for_each(analyze: Callable[..., Report]) -> None:
    report = analyze(REGIONS, batch=3)
    rows = {row.path: row for row in report.layers}
    # 100 regions of 4*7*7 = 196 values, 4 samples each: 16 multiplications, 15 additions, a division
    assert rows["regions"].flops == 3 * 100 * 196 * 32
    assert rows["head"].macs == 3 * 100 * 7_200  # 3*3*4*8 = 288, * 5*5
    assert rows["out"].macs == 3 * 100 * 400  # 200*2
    assert [row.activations for row in report.layers] == [3 * n for n in (1_600, 19_600, 20_000, 0, 200)]
    assert report.totals["params"] == 288 + 8 + 400 + 2  # once
