"""The published figures in the zoo, judged here on the reports alone; and what every spec has to carry."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import cnncalc
from cnncalc import Network
from cnncalc.analysis import COLUMNS
from cnncalc.analysis.conventions import CONVENTIONS
from cnncalc.spec import document, zoo
from cnncalc.spec.claims import Claim, read_figure

ROOT = Path(__file__).parents[2]
SPECS = {path.stem: path for path in sorted((ROOT / "specs").rglob("*.yaml"))}
LIBRARIES = [name for name in SPECS if name.startswith("blocks_")]
NETWORKS = [name for name in SPECS if name not in LIBRARIES]

#: claims that nothing here can judge yet: spec, quantity, printed figure, and what is missing
NOT_JUDGED = {
    ("alexnet", "flops", "0.72G"): "convention ptflops",
}
SUMMED = [column.name for column in COLUMNS if column.total == "sum" and column.name != "work"]


@cache
def load(name: str, input: tuple[int, ...] | None = None) -> Network:
    return cnncalc.load(str(SPECS[name]), input=input)


def judged(claim: Claim) -> bool:
    """Whether the quantity is computed, under a convention that exists."""
    known = claim.quantity in (*SUMMED, "depth", "shape")
    return known and claim.options.get("convention", "macs") in CONVENTIONS and "optimizer" not in claim.options


def measured(name: str, claim: Claim) -> Any:
    """What the network has in the place of the claim's figure; a Fraction for a ratio."""
    options = claim.options
    network = load(name, tuple(options["input"]) if "input" in options else None)
    at = options.get("at")
    if claim.quantity == "shape":
        graph = network.graph
        return graph.nodes[graph.paths[at] if at else graph.outputs[0]].shape
    convention = options.get("convention")
    report = network.analyze(
        batch=int(options.get("batch", 1)),
        dtype=options.get("dtype", "float32"),
        convention=convention or "macs",
        with_side=options.get("with_side", False),
    )
    column = "work" if convention else claim.quantity
    if at is None:
        value = report.totals[column]
    else:
        rows = [row for row in report.layers if row.path == at or row.path.startswith(f"{at}.")]
        assert rows, f"{name}: no layer is at {at}"
        assert claim.quantity != "depth", f"{name}: depth is of the whole network"
        value = sum(row[column] for row in rows)
    if "of" in options:
        whole = claim._replace(options={key: item for key, item in options.items() if key not in ("of", "at")})
        return Fraction(value, measured(options["of"], whole))
    return value


def agrees(claim: Claim, value: Any) -> bool:
    """An integer exactly, a rounded figure within half of its last digit, or within its tolerance if that is wider."""
    if claim.figure is None:
        return tuple(value) == claim.sizes
    printed = claim.figure.value
    tolerance = Fraction(claim.options.get("tol", "0%").rstrip("%")) / 100
    return abs(value - printed) <= max(claim.figure.half_digit, printed * tolerance)


def wrong(name: str, claims: tuple[Claim, ...]) -> list[str]:
    """The claims that do not hold, or that do and are said not to."""
    found = []
    for claim in filter(judged, claims):
        value = measured(name, claim)
        if agrees(claim, value) != claim.holds:
            said = "holds" if claim.holds else "does not hold"
            found.append(f"{claim.location}: {claim.quantity} {claim.printed} {said}, but it is {value}")
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_claims(name: str) -> None:
    assert wrong(name, load(name).document.claims) == []


def test_what_is_not_judged_is_listed() -> None:
    every = [(name, claim) for name in NETWORKS for claim in load(name).document.claims]
    skipped = {(name, claim.quantity, claim.printed) for name, claim in every if not judged(claim)}
    assert skipped - set(NOT_JUDGED) == set()
    assert set(NOT_JUDGED) - {(name, claim.quantity, claim.printed) for name, claim in every} == set()


def claim(quantity: str, printed: str, holds: bool = True, **options: str) -> Claim:
    sizes = tuple(map(int, printed.split("x"))) if quantity == "shape" else None
    place = cnncalc.Location("claims.yaml", 1, 1)
    return Claim(quantity, printed, None if sizes else read_figure(printed), sizes, holds, options, place)


@pytest.mark.parametrize(
    ("printed", "tol", "value", "expected"),
    [
        ("12345", "0%", 12345, True),
        ("12345", "0%", 12346, False),
        ("138M", "0%", 137_500_000, True),  # half of the last digit: 0.5M
        ("138M", "0%", 138_500_000, True),
        ("138M", "0%", 138_500_001, False),
        ("4.089G", "0%", 4_089_500_000, True),
        ("4.089G", "0%", 4_089_500_001, False),
        ("3.8G", "0%", 3_857_973_248, False),
        ("3.8G", "2%", 3_857_973_248, True),  # 3.8G * 1.02 = 3.876G
        ("300M", "0.1%", 300_500_000, True),  # the last digit allows more than 0.3M
        ("112Ki", "0%", 112 * 1024, True),
        ("112Ki", "0%", 112_000, False),  # half of 1024 is 512, but 114,688 - 112,000 = 2,688
        ("58MiB", "0%", 60_950_432, True),  # 58.13 MiB
        ("96MB", "0%", 60_950_432, False),
        ("1/12", "10%", Fraction(1, 11), True),  # 11/12 of 1/11 is 1/12: 9.1% more
        ("1/12", "10%", Fraction(10, 87), False),
    ],
)
def test_a_figure_holds_to_its_printed_digits(printed: str, tol: str, value: Any, expected: bool) -> None:
    assert agrees(claim("params", printed, tol=tol), value) is expected


# conv1 of VGG16 has 3*3*3*64 = 1728 weights and 64 biases
@pytest.mark.parametrize(
    ("quantity", "printed", "holds", "options", "expected"),
    [
        ("params", "138357544", True, {}, 0),
        ("params", "138357543", True, {}, 1),
        ("params", "138357543", False, {}, 0),
        ("params", "138M", False, {}, 1),
        ("weights", "1728", True, {"at": "stage1.conv_1"}, 0),
        ("params", "1728", True, {"at": "stage1.conv_1"}, 1),
        ("shape", "512x7x7", True, {"at": "stage5.pool"}, 0),
        ("shape", "512x7x8", True, {"at": "stage5.pool"}, 1),
        ("shape", "1000", True, {}, 0),
        ("depth", "16", True, {}, 0),
        ("depth", "17", True, {}, 1),
        ("macs", "15.47G", True, {}, 0),
        ("flops", "15.47G", True, {"convention": "macs"}, 0),
        ("flops", "15.47G", True, {"convention": "flops"}, 1),
        ("activations", "15237608", True, {}, 0),
        ("activation_bytes", "60950432", True, {}, 0),
        ("activation_bytes", "60950432", True, {"batch": "2"}, 1),
        ("activation_bytes", "30475216", True, {"dtype": "float16"}, 0),
        ("params", "1/1", True, {"of": "vgg16"}, 0),
        ("params", "1/2", True, {"of": "vgg19"}, 1),
    ],
)
def test_a_claim_that_is_off_is_found(
    quantity: str, printed: str, holds: bool, options: dict[str, str], expected: int
) -> None:
    assert len(wrong("vgg16", (claim(quantity, printed, holds, **options),))) == expected


def test_at_names_a_layer() -> None:
    with pytest.raises(AssertionError, match="no layer is at"):
        measured("vgg16", claim("weights", "1728", at="stage1.conv"))


# -- what every spec carries -----------------------------------------------------------------------------------------


def test_names_are_unique() -> None:
    files = Counter(path.stem for path in (ROOT / "specs").rglob("*.y*ml"))
    assert [name for name, count in files.items() if count > 1] == []
    assert set(files) == set(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_spec_loads_and_says_what_it_is(name: str) -> None:
    spec = document.load(zoo.find(str(SPECS[name])))
    assert spec.name == name
    assert spec.title
    assert spec.source
    assert spec.is_library is (name in LIBRARIES)


@pytest.mark.parametrize("name", NETWORKS)
def test_spec_is_found_by_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert name in cnncalc.list_specs()
    network = cnncalc.load(name)
    assert network.name == name
    assert Path(network.document.path or "").resolve() == SPECS[name].resolve()


@pytest.mark.parametrize("name", NETWORKS)
def test_claims_have_sources_and_reasons(name: str) -> None:
    claims = load(name).document.claims
    assert [str(claim.location) for claim in claims if not claim.options.get("source")] == []
    assert [str(claim.location) for claim in claims if not claim.holds and not claim.options.get("because")] == []
    assert {"params", "weights", "macs"} & {claim.quantity for claim in claims if claim.holds}


@pytest.mark.parametrize("with_side", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_rows_add_up_to_the_totals(name: str, with_side: bool) -> None:
    report = load(name).analyze(with_side=with_side)
    for column in SUMMED:
        assert sum(row[column] for row in report.layers) == report.totals[column], column
    assert max(row.depth for row in report.layers) == report.totals["depth"]
    kinds = ("weights", "biases", "norm_params", "other_params")
    assert sum(report.totals[kind] for kind in kinds) == report.totals["params"]
    assert report.totals["activation_bytes"] == 4 * report.totals["activations"]
