"""The published figures in the zoo, all judged; and what every spec has to carry."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import cnncalc
from cnncalc import Network
from cnncalc.check.session import Session
from cnncalc.columns import COLUMNS
from cnncalc.spec import document, zoo

ROOT = Path(__file__).parents[2]
SPECS = {path.stem: path for path in sorted((ROOT / "specs").rglob("*.yaml"))}
LIBRARIES = [name for name in SPECS if name.startswith("blocks_")]
NETWORKS = [name for name in SPECS if name not in LIBRARIES]

SUMMED = [column.name for column in COLUMNS.values() if column.total == "sum" and column.name != "work"]


@cache
def load(name: str) -> Network:
    return cnncalc.load(str(SPECS[name]))


@pytest.mark.parametrize("name", NETWORKS)
def test_claims(name: str) -> None:
    result = Session(claims_only=True).check(str(SPECS[name]))
    assert list(map(str, result.findings)) == []
    assert {claim.verdict for claim in result.claims} <= {"holds", "misprint"}


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
