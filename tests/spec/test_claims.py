"""Published figures as a spec has them: what a printed figure means, and what is kept of claims, facts and budgets."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from cnncalc.network import Network
from cnncalc.spec.claims import Figure, read_figure

#: text, value, half of the last printed digit (0: exact)
FIGURES = [
    ("138357544", 138357544, 0),
    ("0", 0, 0),
    ("138M", 138_000_000, 500_000),
    ("4.1G", 4_100_000_000, 50_000_000),
    ("4.089G", 4_089_000_000, 500_000),
    ("159Ki", 159 * 1024, 512),
    ("96MB", 96_000_000, 500_000),
    ("1.5GiB", 3 * 2**29, Fraction(2**30, 20)),
    ("60.95 MB", 60_950_000, 5_000),
    ("12B", 12, 0),
    ("2.5", Fraction(5, 2), Fraction(1, 20)),
    ("1e3", 1000, 500),
    ("1.5e9", 1_500_000_000, 50_000_000),
    ("1/12", Fraction(1, 12), 0),
]


@pytest.mark.parametrize(("text", "value", "half_digit"), FIGURES)
def test_figures(text: str, value: Any, half_digit: Any) -> None:
    figure = read_figure(text)
    assert figure == Figure(value, half_digit)
    assert all(isinstance(part, (int, Fraction)) for part in figure or ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "138m",
        "1/0",
        "1/x",
        "-3",
        "+3",
        "1_000",
        "0x10",
        "1.",
        ".5",
        "1e999",
        "\uff13",
        "1 000",
        "3 K B",
        "9" * 41,
        "NaN",
    ],
)
def test_not_figures(text: str) -> None:
    assert read_figure(text) is None


SPEC = """cnncalc: 1
input: [3, 8, 8]
layers: [{conv: 4, kernel: 1}]
claims:
  - {params: 16, source: by hand}
  - {shape: [4, 8, 8], at: conv1, source: by hand}
  - {macs: 1K, tol: 2%, input: [3, 9, 9], holds: false, because: it is 768, source: a slide, batch: 2, dtype: float16}
facts:
  - {top1: 76.1%, source: a paper}
budget: {params: {warn: 10, max: 20}, training_memory: {max: 24GB, batch: 32}}
lint: {ignore: [CN001, CN003]}
"""


def test_what_is_kept(network: Callable[..., Network]) -> None:
    document = network(SPEC).document
    first, second, third = document.claims
    assert first.to_dict() == {
        "quantity": "params",
        "printed": "16",
        "holds": True,
        "source": "by hand",
        "file": "net.yaml",
        "line": 5,
    }
    assert first.figure == Figure(Fraction(16), Fraction(0))
    assert (second.quantity, second.printed, second.sizes, second.figure) == ("shape", "4x8x8", (4, 8, 8), None)
    assert not third.holds
    assert third.options == {
        "tol": "2%", "input": [3, 9, 9], "because": "it is 768", "source": "a slide", "batch": 2, "dtype": "float16",
    }  # fmt: skip
    assert document.facts == ({"top1": "76.1%", "source": "a paper"},)
    limits = [(budget.quantity, budget.warn, budget.max, budget.options) for budget in document.budget]
    assert limits == [("params", "10", "20", {}), ("training_memory", None, "24GB", {"batch": 32})]
    assert list(document.lint_ignored) == ["CN001", "CN003"]
    assert network(SPEC.replace("[CN001, CN003]", "CN002")).document.lint_ignored.keys() == {"CN002"}
