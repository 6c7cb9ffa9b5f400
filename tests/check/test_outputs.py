"""The outputs for CI: what they say of real specs, and their limits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cnncalc.check import github, junit, lint, markdown, payload, wording
from cnncalc.check.model import Checked, JudgedBudget
from cnncalc.check.session import Session
from cnncalc.errors import Location

from .formats import check_schema, checked, commands, finding, sarif_log, tables, xml

GOOD = """
cnncalc: 1
name: good
source: s
input: [3, 8, 8]
layers: [{conv: 4, kernel: 3, name: conv1}]
claims:
  - {params: 112, source: "table 1"}      # 3*3*3*4 + 4
  - {params: 122, holds: false, because: "digits swapped", source: slide}
budget: {params: {max: 112}}
"""
WRONG = """
cnncalc: 1
name: wrong
source: s
input: [3, 8, 8]
layers: [{conv: 4, kernel: 3, name: conv1}]
claims:
  - {params: 100, at: conv1, source: "a | b"}
  - {params: 112, holds: false, because: "it is fine", source: slide}
  - {activation_bytes: 3MB, optimizer: adam}
budget: {params: {max: 100}, macs: {warn: 1K}}
"""
BROKEN = """
cnncalc: 1
input: [3, 8, 8]
layers: [{convv: 4}, {conv: 4, kernal: 3}]
"""
NO_SOURCE = """
cnncalc: 1
name: no_source
input: [3, 8, 8]
layers: [{conv: 4, kernel: 3, name: conv1}]
"""


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Checked]:
    """Four specs judged; of lint, only the rule that asks for a source."""
    monkeypatch.chdir(tmp_path)
    files = {"good.yaml": GOOD, "wrong.yaml": WRONG, "::error::x.yaml": BROKEN, "no_source.yaml": NO_SOURCE}
    for name, text in files.items():
        Path(name).write_text(text.lstrip(), encoding="utf-8")
    session = Session(ignored=[code for code in lint.RULES if code != "CN012"])
    return [session.check(f"./{name}") for name in files]


def test_annotations_of_real_specs(real):
    assert commands(github.annotations(real, notes=True)) == [
        ("error", {"file": "::error::x.yaml", "line": "3", "col": "11", "title": "::error::x: spec"},
         "unknown operator 'convv' (hint: did you mean conv or dwconv?)"),
        ("error", {"file": "::error::x.yaml", "line": "3", "col": "32", "title": "::error::x: spec"},
         "conv has no argument 'kernal' (hint: did you mean kernel?)"),
        ("error", {"file": "wrong.yaml", "line": "7", "col": "6", "title": "wrong: claim"},
         "params of conv1: 100 is published, but the network has 112 (+12, +12%) (hint: source: a | b)"),
        ("error", {"file": "wrong.yaml", "line": "8", "col": "6", "title": "wrong: claim"},
         "params: 112 is marked holds: false, but the network has 112 (hint: remove holds: false, or correct the network; source: slide)"),
        ("error", {"file": "wrong.yaml", "line": "10", "col": "10", "title": "wrong: budget"},
         next(one.message for one in real[1].findings if one.severity == "error" and one.code == "budget")),
        ("warning", {"file": "no_source.yaml", "line": "1", "col": "1", "title": "no_source: CN012"},
         wording.message(real[3].findings[0])),
        ("warning", {"file": "wrong.yaml", "line": "10", "col": "30", "title": "wrong: budget"},
         next(one.message for one in real[1].findings if one.severity == "warning")),
        ("notice", {"file": "wrong.yaml", "line": "9", "col": "6", "title": "wrong: claim"},
         "this version can't compute activation_bytes (optimizer adam), so the claim is not checked"),
    ]  # fmt: skip


def test_the_report_of_real_specs(real):
    text = markdown.write(real)
    assert text.startswith(
        "**cnncalc check: 5 errors and 2 warnings** and 1 note (4 specs, 1 claim holds, 1 misprint, 1 budget kept)\n"
    )
    findings, claims, misprints = tables(text)
    assert [row[0] for row in findings[1:]] == ["error"] * 5 + ["warning"] * 2 + ["note"]
    assert findings[1][1:3] == ["::error::x.yaml:3:11", "::error::x"]
    assert claims == [
        ["network", "claim", "published", "computed", "difference", "verdict", "source"],
        ["good", "params", "112", "112", "", "holds", "table 1"],
        ["good", "params", "122", "112", "-10, -8.2%", "misprint", "slide"],
        ["wrong", "params of conv1", "100", "112", "+12, +12%", "fails", "a | b"],
        ["wrong", "params", "112", "112", "", "became true", "slide"],
        ["wrong", "activation_bytes (optimizer adam)", "3MB", "", "", "not judged", ""],
    ]
    assert misprints[1:] == [["good", "params", "122", "112", "-10, -8.2%", "misprint", "digits swapped", "slide"]]


def test_the_summary_of_real_specs(real):
    _, disputed, totals = tables(github.summary(real))
    assert [[*row[:3], *row[5:7]] for row in disputed[1:]] == [
        ["good", "params", "122", "misprint", "digits swapped"],
        ["wrong", "params of conv1", "100", "fails", ""],
        ["wrong", "params", "112", "became true", "it is fine"],
    ]
    named = [dict(zip(totals[0], row, strict=True)) for row in totals[1:]]
    assert [{key: value for key, value in row.items() if value != "0"} for row in named] == [
        {"spec": "good", "kind": "network", "holds": "1", "misprint": "1", "within": "1"},
        {"spec": "wrong", "kind": "network", "fails": "1", "became true": "1", "not judged": "1", "over warn": "1",
         "over max": "1", "errors": "3", "warnings": "1", "notes": "1"},
        {"spec": "::error::x", "kind": "broken", "errors": "2"},
        {"spec": "no_source", "kind": "network", "warnings": "1"},
    ]  # fmt: skip


def test_nothing_found_is_said(real):
    assert github.annotations(real[:1]) == ""
    assert markdown.write([]) == "**cnncalc check: nothing found** (0 specs, 0 claims hold)\n"
    assert github.summary(real[:1]).startswith("**cnncalc check: nothing found** (1 spec, 1 claim holds, 1 misprint, ")


CASES = [
    ("good", "claim params: 112", "", ""),
    ("good", "claim params: 122", "", ""),
    ("good", "budget params: max 112", "", ""),
    ("good", "lint", "", ""),
    ("wrong", "claim params of conv1: 100", "failure", "failure"),
    ("wrong", "claim params: 112", "failure", "failure"),
    ("wrong", "claim activation_bytes (optimizer adam): 3MB", "skipped", "skipped"),
    ("wrong", "budget params: max 100", "failure", "failure"),
    ("wrong", "budget macs: warn 1K", "system-out", "failure"),
    ("wrong", "lint", "", ""),
    ("::error::x", "spec", "error", "error"),
    ("no_source", "CN012 source", "system-out", "failure"),
]


@pytest.mark.parametrize("strict", [False, True])
def test_junit_of_real_specs(real, strict):
    root = xml(junit.write(real, strict))
    cases = [(case.get("classname"), case.get("name"), "".join(e.tag for e in case)) for case in root.iter("testcase")]
    assert cases == [(spec, name, after if strict else before) for spec, name, before, after in CASES]
    failures = sum(outcome == "failure" for _, _, outcome in cases)
    assert [root.get(name) for name in ("tests", "failures", "errors")] == [str(len(CASES)), str(failures), "1"]
    assert [suite.get("file") for suite in root] == ["good.yaml", "wrong.yaml", "::error::x.yaml", "no_source.yaml"]
    error = root.find(".//error")
    assert error.get("message") == "unknown operator 'convv' (hint: did you mean conv or dwconv?)"
    assert error.text.splitlines()[1] == (
        "::error::x.yaml:3:32: error: conv has no argument 'kernal' (hint: did you mean kernel?) [spec]"
    )


def test_payload_of_real_specs(real):
    data = payload.payload(real, False)
    check_schema().validate(data)
    assert (data["strict"], data["passed"]) == (False, False)
    assert data["totals"] == {
        "specs": {"network": 3, "library": 0, "broken": 1},
        "claims": {"holds": 1, "misprint": 1, "fails": 1, "became_true": 1, "not_judged": 1},
        "budgets": {"within": 1, "over_warn": 1, "over_max": 1, "not_judged": 0},
        "findings": {"error": 5, "warning": 2, "note": 1},
    }
    assert data["specs"][1]["claims"][0] == {
        "quantity": "params", "printed": "100", "holds": True, "source": "a | b", "at": "conv1",
        "file": "./wrong.yaml", "line": 7, "column": 6, "label": "params of conv1",
        "computed": 112, "difference": 12, "relative": 0.12, "verdict": "fails",
    }  # fmt: skip
    assert data["specs"][0]["budgets"] == [
        {"quantity": "params", "warn": None, "max": "112", "computed": 112, "verdict": "within",
         "file": "./good.yaml", "line": 9, "column": 10}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        (["error"], "1 error**"),
        (["warning", "warning"], "2 warnings**"),
        (["warning", "note", "error"], "1 error and 1 warning** and 1 note"),
        (["note"] * 2_000, "nothing found** and 2,000 notes"),
    ],
)
def test_the_verdict(severities, expected):
    specs = [checked(*(finding(severity=severity) for severity in severities))]
    assert markdown.write(specs).startswith(f"**cnncalc check: {expected} (1 spec, 0 claims hold)\n")


def test_what_could_not_be_judged_for_an_error_fails():
    place = Location("specs/a.yaml", 4, 3)
    budget = JudgedBudget("params", None, "1M", None, "not judged", place)
    for severity, tag in [("error", "failure"), ("note", "skipped")]:
        found = finding("budget", severity)._replace(location=place)
        (suite,) = xml(junit.write([checked(found, budgets=(budget,))]))
        assert [(case.get("name"), case[0].tag) for case in suite if len(case)] == [("budget params: max 1M", tag)]


@pytest.mark.parametrize(
    ("kind", "passed"), [("error", (False, False)), ("warning", (True, False)), ("note", (True, True))]
)
def test_strict_decides_on_warnings(kind, passed):
    one = [checked(finding(severity=kind))]
    assert tuple(payload.payload(one, strict)["passed"] for strict in (False, True)) == passed


def test_sarif_of_real_specs(real):
    (run,) = sarif_log(real)["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["spec", "claim", "budget", *lint.RULES]
    assert rules[3 + list(lint.RULES).index("CN012")]["name"] == "missing-source"
    results = run["results"]
    assert len(results) == sum(len(one.findings) for one in real)
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    by_text = {result["message"]["text"]: result for result in results}
    result = by_text["unknown operator 'convv' (hint: did you mean conv or dwconv?)"]
    assert (result["ruleId"], result["level"]) == ("spec", "error")
    assert result["locations"] == [
        {"physicalLocation": {"artifactLocation": {"uri": "%3A%3Aerror%3A%3Ax.yaml"},
                              "region": {"startLine": 3, "startColumn": 11}}}
    ]  # fmt: skip
    assert {result["level"] for result in results} == {"error", "warning", "note"}


def test_annotations_put_the_heaviest_first_and_say_what_is_left_out():
    found = [finding("CN012", "note", "n"), *(finding("budget", "warning", f"w{i}", i) for i in range(1, 4))]
    found += [finding("claim", "error", f"e{i}", i) for i in range(25, 0, -1)]
    said = [(word, data) for word, _, data in commands(github.annotations([checked(*found)]))]
    assert said == [
        *(("error", f"e{i}") for i in range(1, 10)),
        ("error", "e10 (and 15 more errors)"),
        *(("warning", f"w{i}") for i in range(1, 4)),
    ]
    assert commands(github.annotations([checked(*found)], limit=2, notes=True))[2:] == [
        ("warning", {"file": "specs/a.yaml", "line": "1", "col": "3", "title": "a: budget"}, "w1"),
        ("warning", {"file": "specs/a.yaml", "line": "2", "col": "3", "title": "a: budget"}, "w2 (and 1 more warning)"),
        ("notice", {"file": "specs/a.yaml", "line": "1", "col": "3", "title": "a: CN012"}, "n"),
    ]


@pytest.mark.parametrize("limit", [1_000, 5_000, 20_000, 400_000])
def test_the_summary_is_cut_by_whole_rows(limit):
    specs = [checked(finding(message=f"é {i} " + "|" * (i % 50)), name=f"n{i}") for i in range(2_000)]
    text = github.summary(specs, limit)
    assert len(text.encode()) <= limit
    findings, totals = tables(text)
    left_out = [int(number.replace(",", "")) for number in re.findall(r"^([\d,]+) more rows? ", text, re.MULTILINE)]
    assert len(findings) - 1 + len(totals) - 1 + sum(left_out) == 4_000
    assert text.endswith("\n</details>\n")
    assert (left_out == []) == (limit == 400_000)


def test_the_summary_stays_under_the_limit_of_github():
    specs = [checked(*[finding(message="x" * 2_000)] * 2_000)]
    size = len(github.summary(specs).encode())
    assert 900_000 < size < 2**20


def test_a_long_text_does_not_drown_a_table():
    (findings,) = tables(markdown.write([checked(finding(message="x" * 5_000))]))
    assert findings[1][3] == "x" * 997 + "..."


def moved(one: Checked, by: int) -> Checked:
    """The same with lines added above."""

    def down(item):
        return item._replace(location=item.location._replace(line=item.location.line + by))

    parts = {name: tuple(map(down, getattr(one, name))) for name in ("claims", "budgets", "findings")}
    return one._replace(**parts)


def test_names_and_fingerprints_stay_when_lines_move(real):
    after = [moved(one, 7) for one in real]
    names = [[case.get("name") for case in xml(junit.write(specs)).iter("testcase")] for specs in (real, after)]
    assert names[0] == names[1]
    prints = [
        [result["partialFingerprints"] for result in sarif_log(specs)["runs"][0]["results"]] for specs in (real, after)
    ]
    assert prints[0] == prints[1]
    lines = [[case.get("line") for case in xml(junit.write(specs)).iter("testcase")] for specs in (real, after)]
    assert lines[0] != lines[1]


def test_equal_cases_are_told_apart():
    twice = [finding("CN012", "warning", "m", line, subject="source") for line in (1, 2)]
    root = xml(junit.write([checked(*twice), checked(twice[0], file="specs/b/a.yaml")]))
    names = [case.get("name") for case in root.iter("testcase")]
    assert names == ["CN012 source", "CN012 source (2)", "CN012 source (3)"]
    prints = {r["partialFingerprints"]["findingHash/v1"] for r in sarif_log([checked(*twice)])["runs"][0]["results"]}
    assert len(prints) == 2
    others = [twice[0]._replace(spec="b"), twice[0]._replace(code="claim"), twice[0]._replace(subject="t")]
    prints |= {
        sarif_log([checked(o)])["runs"][0]["results"][0]["partialFingerprints"]["findingHash/v1"] for o in others
    }
    assert len(prints) == 5
