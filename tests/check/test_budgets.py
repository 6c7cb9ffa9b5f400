"""Budgets: whom a pattern means, what a broken limit says, and that a suggested budget holds."""

from __future__ import annotations

import os
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.check import budgets
from cnncalc.check.budgets import Limits, ceiling, matches
from cnncalc.check.model import Finding, JudgedBudget
from cnncalc.check.subject import Subject
from cnncalc.errors import Location
from cnncalc.spec import document, zoo
from cnncalc.spec.claims import Budget, read_figure
from cnncalc.spec.zoo import Found

# [1, 8, 8] in; a: 4*1*3*3 + 4 = 40 parameters, 36 * 64 = 2,304 MACs, 4 * 64 = 256 outputs;
# b: 2*4*1*1 + 2 = 10, 8 * 64 = 512, 128; fc: 128*10 + 10 = 1,290, 1,280, 10. In all 1,340, 4,096 and 64 + 394 = 458
SMALL = """\
cnncalc: 1
name: small
source: none
input: [1, 8, 8]
layers:
  - {conv: 4, kernel: 3, pad: 1, name: a}
  - {conv: 2, kernel: 1, name: b}
  - flatten
  - {linear: 10, name: fc}
"""


def subject(text: str = SMALL) -> Subject:
    return Subject(document.load(Found("net.yaml", text.encode(), None)))


def judged(budget: str, text: str = SMALL, **given: Any) -> tuple[JudgedBudget, Finding | None]:
    """The verdict on a network with one limit."""
    one = subject(f"{text}budget:\n  {budget}\n")
    return budgets.judge(one, one.spec.budget[0], **given)


def test_the_figures_of_the_network() -> None:
    totals = subject().report({}).totals
    assert [totals[name] for name in ("params", "macs", "activations", "depth")] == [1340, 4096, 458, 3]


#: pattern, path, whether they match
GLOBS = [
    ("a.yaml", "a.yaml", True),
    ("a.yaml", "x/a.yaml", False),
    ("*.yaml", "a.yaml", True),
    ("*.yaml", "x/a.yaml", False),
    ("*.yaml", "a.yml", False),
    ("*.yaml", ".a.yaml", True),
    ("x/*.yaml", "x/a.yaml", True),
    ("x/*.yaml", "x/y/a.yaml", False),
    ("x/*.yaml", "w/x/a.yaml", False),
    ("*/a.yaml", "x/a.yaml", True),
    ("*/a.yaml", "a.yaml", False),
    ("x?/a.yaml", "x1/a.yaml", True),
    ("x?/a.yaml", "x/a.yaml", False),
    ("x?a.yaml", "x/a.yaml", False),
    ("[ab].yaml", "a.yaml", True),
    ("[ab].yaml", "c.yaml", False),
    ("[!ab].yaml", "c.yaml", True),
    ("[!ab].yaml", "a.yaml", False),
    ("*.YAML", "a.yaml", False),
    ("X/a.yaml", "x/a.yaml", False),
    ("x/a.yaml", "X/A.yaml", False),
    ("*.yaml", "a.YAML", False),
    ("**/a.yaml", "a.yaml", True),
    ("**/a.yaml", "x/a.yaml", True),
    ("**/a.yaml", "x/y/z/a.yaml", True),
    ("**/a.yaml", "x/ba.yaml", False),
    ("x/**/a.yaml", "x/a.yaml", True),
    ("x/**/a.yaml", "x/y/z/a.yaml", True),
    ("x/**/a.yaml", "xa.yaml", False),
    ("x/**/a.yaml", "y/x/a.yaml", False),
    ("x/**", "x/a.yaml", True),
    ("x/**", "x/y/z.yaml", True),
    ("x/**", "x", False),
    ("x/**", "xy/a.yaml", False),
    ("**", "a.yaml", True),
    ("**", "x/y/a.yaml", True),
    ("**/**/a.yaml", "a.yaml", True),
    ("**/x/**/a.yaml", "w/x/v/x/a.yaml", True),
    ("**/x/*/a.yaml", "x/a.yaml", False),
    ("**/x/*/a.yaml", "x/x/b/a.yaml", True),
    ("**/*", "x/a.yaml", True),
    ("a.yaml", "a_yaml", False),
    ("a+(b).yaml", "a+(b).yaml", True),
    ("*.yaml", "a.yaml\n", False),
]


@pytest.mark.parametrize(("pattern", "path", "match"), GLOBS)
def test_globs(pattern: str, path: str, match: bool) -> None:
    assert matches(pattern, path) is match


def test_a_hostile_pattern_ends() -> None:
    assert not matches("*a" * 2_000 + "b", "a" * 4_000)
    assert not matches("**/a/" * 100 + "b", "a/" * 200 + "a")


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), st.data())
def test_a_path_is_matched_by_itself_and_by_any_of_its_parts_as_stars(parts: list[str], data: Any) -> None:
    path = "/".join(parts)
    assert matches(path, path)
    assert matches(f"**/{parts[-1]}", path)
    at = data.draw(st.integers(0, len(parts) - 1))
    assert matches("/".join([*parts[:at], "*", *parts[at + 1 :]]), path)
    end = data.draw(st.integers(at, len(parts) - 1))
    assert matches("/".join([*parts[:at], "**", *parts[end:]]), path)


def budget(quantity: str = "params", **given: Any) -> Budget:
    return Budget(quantity, given.pop("warn", None), given.pop("max", None), given, Location("cnncalc.toml", 1, 1))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the network in specs/mobile, which is the working directory's parent."""
    folder = tmp_path / "project"
    (folder / "specs" / "mobile").mkdir(parents=True)
    (folder / "specs" / "mobile" / "small.yaml").write_text(SMALL + "budget:\n  params: {max: 2K}\n", encoding="utf-8")
    (folder / "sub").mkdir()
    monkeypatch.chdir(folder / "sub")
    return folder


SPEC = os.path.join(os.pardir, "specs", "mobile", "small.yaml")


@pytest.mark.parametrize(
    ("patterns", "path", "applies"),
    [
        (["specs/mobile/**/*.yaml"], SPEC, True),
        (["none", "**"], SPEC, True),
        (["mobile/**"], SPEC, False),
        ([], SPEC, False),
    ],
)
def test_a_configuration_sees_paths_from_its_own_folder(
    project: Path, patterns: list[str], path: str, applies: bool
) -> None:
    spec = document.load(zoo.find(path))
    found = budgets.applying(spec, [Limits(str(project), tuple(patterns), (budget(max="1K"),))])
    assert [one.max for one in found] == (["2K", "1K"] if applies else ["2K"])


def test_a_pattern_matches_once_and_nothing_outside_its_folder(project: Path) -> None:
    spec = document.load(zoo.find(str(project / "specs" / "mobile" / "small.yaml")))
    twice = Limits(str(project), ("specs/**", "**"), (budget(max="1K"), budget("macs", max="1K")))
    assert [one.quantity for one in budgets.applying(spec, [twice])] == ["params", "params", "macs"]
    for folder in (project / "sub", project / "spec", project.parent / "proj"):
        assert len(budgets.applying(spec, [twice._replace(folder=str(folder))])) == 1


def test_standard_input_has_no_path_to_match() -> None:
    everything = Limits(os.sep, ("**",), (budget(max="1K"),))
    assert budgets.applying(subject().spec, [everything]) == []


def test_links_lead_to_no_way_around_a_budget(project: Path) -> None:
    everything = Limits(str(project), ("specs/mobile/*",), (budget(max="1K"),))
    (project / "elsewhere").symlink_to(project / "specs")
    (project.parent / "outside").mkdir()
    (project.parent / "outside" / "net.yaml").write_text(SMALL, encoding="utf-8")
    (project / "specs" / "mobile" / "net.yaml").symlink_to(project.parent / "outside" / "net.yaml")
    for path in ("../elsewhere/mobile/small.yaml", "../specs/mobile/net.yaml"):
        assert budget(max="1K") in budgets.applying(document.load(zoo.find(path)), [everything])


def test_limits_travel_between_processes() -> None:
    limits = Limits("/x", ("**",), (budget(max="1K", batch=2),))
    assert pickle.loads(pickle.dumps(limits)) == limits


#: budget, verdict, computed
WITHIN = [
    ("params: {max: 1340}", 1340),
    ("params: {max: 1.34K}", 1340),
    ("params: {warn: 1340, max: 1341}", 1340),
    ("macs: {max: 4Ki}", 4096),
    ("macs: {max: 8192, batch: 2}", 8192),
    ("macs: {max: 8193/2}", 4096),
    ("macs: {max: 4096.5}", 4096),
    ("depth: {max: 3}", 3),
    ("expected_macs: {max: 4096}", 4096),
    ("activation_bytes: {max: 1832B}", 458 * 4),
    ("activation_bytes: {max: 916, dtype: float16}", 458 * 2),
    ("norm_params: {max: 0}", 0),
]


@pytest.mark.parametrize(("budget", "computed"), WITHIN)
def test_within(budget: str, computed: int) -> None:
    verdict, finding = judged(budget)
    assert (verdict.verdict, verdict.computed, finding) == ("within", computed, None)


HEAVIEST = "heaviest: fc 1,290 (96.3%), a 40 (3.0%), b 10 (0.7%)"
#: budget, severity, message
OVER = [
    ("params: {max: 1K}", "error", f"params is 1,340: 340 (34.0%) over its max of 1K; {HEAVIEST}"),
    ("params: {max: 1339}", "error", f"params is 1,340: 1 (0.1%) over its max of 1339; {HEAVIEST}"),
    ("params: {warn: 1K, max: 2K}", "warning", f"params is 1,340: 340 (34.0%) over its warn of 1K; {HEAVIEST}"),
    ("params: {warn: 500, max: 670}", "error", f"params is 1,340: 670 (100.0%) over its max of 670; {HEAVIEST}"),
    ("params: {max: 0}", "error", f"params is 1,340: 1,340 over its max of 0; {HEAVIEST}"),
    # 1,340 - 2679/2 is half a parameter: one has to go
    ("params: {max: 2679/2}", "error", f"params is 1,340: 1 (<0.1%) over its max of 2679/2; {HEAVIEST}"),
    ("params: {max: 1339.5}", "error", f"params is 1,340: 1 (<0.1%) over its max of 1339.5; {HEAVIEST}"),
    ("weights: {max: 36}", "error", "weights is 1,324: 1,288 (3577.8%) over its max of 36; heaviest: fc 1,280 (96.7%), a 36 (2.7%), b 8 (0.6%)"),
    ("depth: {max: 2}", "error", "depth is 3: 1 (50.0%) over its max of 2"),
    ("macs: {max: 4K, batch: 2}", "error", "macs (batch 2) is 8,192: 4,192 (104.8%) over its max of 4K; heaviest: a 4,608 (56.2%), fc 2,560 (31.2%), b 1,024 (12.5%)"),
    ("expected_macs: {max: 4K}", "error", "expected_macs is 4,096: 96 (2.4%) over its max of 4K; heaviest: a 2,304 (56.2%), fc 1,280 (31.2%), b 512 (12.5%)"),
    ("activation_bytes: {max: 1KB}", "error", "activation_bytes is 1.832 kB (1.789 KiB): 832B (83.2%) over its max of 1KB; heaviest: a 1.024KB (55.9%), b 512B (27.9%), input 256B (14.0%), fc 40B (2.2%)"),
    ("activation_bytes: {max: 0.5KB, dtype: float16}", "error", "activation_bytes (dtype float16) is 916 B: 416B (83.2%) over its max of 0.5KB; heaviest: a 512B (55.9%), b 256B (27.9%), input 128B (14.0%), fc 20B (2.2%)"),
]  # fmt: skip


@pytest.mark.parametrize(("budget", "severity", "message"), OVER)
def test_over(budget: str, severity: str, message: str) -> None:
    _, finding = judged(budget)
    assert finding is not None
    assert (finding.severity, finding.message) == (severity, message)
    assert (finding.code, finding.spec, finding.location) == ("budget", "small", Location("net.yaml", 11, 3))


def test_five_layers_are_named() -> None:
    layers = "".join(f"  - {{conv: {size}, kernel: 1, name: c{size}}}\n" for size in (8, 4, 2, 6, 1, 3, 5))
    _, finding = judged("biases: {max: 20}", f"cnncalc: 1\nname: chain\ninput: [1, 2, 2]\nlayers:\n{layers}")
    assert finding is not None
    # 8 + 4 + 2 + 6 + 1 + 3 + 5 = 29
    assert finding.message == (
        "biases is 29: 9 (45.0%) over its max of 20; "
        "heaviest: c8 8 (27.6%), c6 6 (20.7%), c5 5 (17.2%), c4 4 (13.8%), c3 3 (10.3%)"
    )


def test_two_limits_on_one_quantity_are_told_apart() -> None:
    _, plain = judged("macs: {warn: 1K, max: 2K}")
    _, batch = judged("macs: {max: 2K, batch: 2}")
    assert plain and batch
    assert (plain.subject, batch.subject) == ("macs warn 1K max 2K", "macs (batch 2) max 2K")


def test_memory_by_hand() -> None:
    # bytes: 5,360 of parameters; values: 256 input, 1,024 a, 512 b, 40 fc. Inference has most alive in b, with a.
    kept, finding = judged("inference_memory: {max: 7KB}")
    assert finding is not None
    assert (kept.computed, finding.message) == (
        5360 + 256 + 1024 + 512,
        "inference_memory is 7.152 kB (6.984 KiB): 152B (2.2%) over its max of 7KB; "
        "at its peak: 5.360KB parameters, 1.536KB activations, 256B input",
    )
    # A step in the gradients of b: the target of 8, a kept, fc's gradients, b's gradients, the gradients of b's output
    # and of a; the output, the loss and its gradient are held throughout.
    kept, finding = judged("training_memory: {max: 20KB}")
    assert (kept.computed, finding) == (5360 + 256 + 8 + 1024 + 5160 + 40 + 512 + 1024 + 40 + 4 + 4, None)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (
            "inference_memory: {max: 1GB, optimizer: adam}",
            "this version can't compute inference_memory (optimizer adam), so its budget is not checked",
        ),
        (
            "activation_bytes: {max: 1GB, optimizer: adam}",
            "this version can't compute activation_bytes (optimizer adam), so its budget is not checked",
        ),
    ],
)
def test_not_judged(budget: str, message: str) -> None:
    verdict, finding = judged(budget)
    assert finding is not None
    assert (verdict.verdict, verdict.computed, finding.severity, finding.message) == (
        "not judged",
        None,
        "note",
        message,
    )


STOCHASTIC = """\
cnncalc: 1
name: stochastic
input: [1, 1, 1]
layers:
  - add:
      main: [{conv: 1, kernel: 1, bias: false, name: c}, {stochastic_depth: 1/3}]
      skip: identity
"""


def test_assumptions_that_can_not_be_made_are_errors() -> None:
    kept, finding = budgets.judge(subject(), budget(max="1K", dtype="float7"))
    assert (kept.verdict, kept.computed) == ("not judged", None)
    assert str(finding) == (
        "cnncalc.toml:1:1: error: small: unknown data type 'float7' (hint: did you mean float64, float32, float16 or bfloat16?) [budget]"
    )


def test_an_expected_count_may_be_a_fraction() -> None:
    one = subject(STOCHASTIC)
    assert one.report({}).totals["expected_macs"] == Fraction(2, 3)
    at = Location("x", 1, 1)
    for limit, verdict in (("2/3", "within"), ("0.67", "within"), ("0.66", "over max"), ("0", "over max")):
        assert budgets.judge(one, Budget("expected_macs", None, limit, {}, at))[0].verdict == verdict
    kept, finding = budgets.judge(one, Budget("expected_macs", None, "0.5", {}, at))
    assert (type(kept.computed), kept.computed) == (Fraction, Fraction(2, 3))
    assert finding is not None
    assert (
        finding.message
        == "stochastic: expected_macs is 0.7: 1 (33.3%) over its max of 0.5; heaviest: add1.main.c 0.7 (100.0%)"
    )


#: budget, the earlier network as (old, new) replacements of this one, what is said after the heaviest
GROWN = [
    # a: 2 channels less are 2 * 9 + 2 = 20 parameters less, and b: 2 * 2 = 4
    ("params: {max: 1K}", [("conv: 4", "conv: 2")], "since main: +24 (+1.8%): a +20, b +4"),
    ("params: {max: 1K}", [("  - {conv: 2, kernel: 1, name: b}\n", "")], "since main: -1,270 (-48.7%): b +10 (new)"),
    ("params: {max: 1K}", [("linear: 10", "linear: 20")], "since main: -1,290 (-49.0%)"),
    ("params: {max: 1K}", [("name: small", "name: other")], "since main: unchanged"),
    ("params: {max: 1K}", [("name: fc", "name: head")], "since main: unchanged"),
    # 16 of 64 positions: all outputs before fc are a quarter, 448 * 3 / 4 * 4 bytes
    ("activation_bytes: {max: 1KB}", [("[1, 8, 8]", "[1, 4, 4]")], "since main: +1.344KB (+275.4%): a +768B, b +384B, input +192B"),
    ("depth: {max: 2}", [("  - {conv: 2, kernel: 1, name: b}\n", "")], "since main: +1 (+50.0%)"),
    ("biases: {max: 1}", [("name: a}", "name: a, bias: false}"), ("name: b}", "name: b, bias: false}"), ("name: fc}", "name: fc, bias: false}")], "since main: +16: fc +10, a +4, b +2"),
]  # fmt: skip


@pytest.mark.parametrize(("budget", "changes", "said"), GROWN)
def test_what_grew(budget: str, changes: list[tuple[str, str]], said: str) -> None:
    earlier = SMALL
    for new, old in changes:
        assert new in earlier
        earlier = earlier.replace(new, old)
    _, finding = judged(budget, before=subject(earlier).report({}), since="main")
    assert finding is not None
    assert finding.message.rpartition("; ")[2] == said


def test_three_grown_layers_are_named_and_nothing_is_said_within_a_budget() -> None:
    chain = "cnncalc: 1\nname: chain\ninput: [1, 2, 2]\nlayers:\n"
    layers = "".join(f"  - {{conv: {size}, kernel: 1, name: c{size}}}\n" for size in (8, 4, 2, 6))
    before = subject(chain + "  - {conv: 1, kernel: 1, name: c1}\n").report({})
    _, finding = judged("biases: {max: 10}", chain + layers, before=before)
    assert finding is not None
    assert finding.message.rpartition("; ")[2] == (
        "since the base: +19 (+1900.0%): c8 +8 (new), c6 +6 (new), c4 +4 (new)"
    )
    assert judged("biases: {max: 20}", chain + layers, before=before)[1] is None


def test_figures_under_other_assumptions_are_not_compared() -> None:
    other = subject(SMALL.replace("conv: 4", "conv: 2")).report({"batch": 2})
    assert "since" not in str(judged("macs: {max: 1K}", before=other)[1])
    assert "since the base: +" in str(judged("macs: {max: 1K, batch: 2}", before=other)[1])


#: value, percent, quantity, figure
CEILINGS = [
    (138_357_544, 0, "params", "139M"),
    (138_357_544, 2, "params", "142M"),  # 141,124,694.88
    (138_357_544, 5, "params", "146M"),  # 145,275,421.2
    (15_470_264_320, 0, "macs", "15.5G"),
    (60_952_352, 0, "activation_bytes", "61MB"),
    (60_952_352, 1, "activation_bytes", "61.6MB"),  # 61,561,875.52
    (1_000, 0, "params", "1K"),
    (1_001, 0, "params", "1.01K"),
    (999, 0, "params", "999"),
    (999, 1, "params", "1.01K"),  # 1,008.99
    (999, Fraction(1, 10), "params", "1K"),  # 999.999
    (999_001, 0, "params", "1M"),
    (999_999_999, 0, "activation_bytes", "1GB"),
    (1_050_000, 0, "macs", "1.05M"),
    (10**15, 5, "macs", "1050T"),
    (1, 5, "params", "2"),
    (512, 0, "activation_bytes", "512B"),
    (0, 5, "macs", "0"),
]


@pytest.mark.parametrize(("value", "percent", "quantity", "figure"), CEILINGS)
def test_ceilings(value: int, percent: int | Fraction, quantity: str, figure: str) -> None:
    assert ceiling(value, percent, quantity) == figure


@given(
    value=st.integers(0, 10**18) | st.integers(0, 2_000),
    percent=st.integers(0, 200) | st.fractions(0, 10, max_denominator=100),
    quantity=st.sampled_from(["params", "activation_bytes"]),
)
def test_a_ceiling_is_no_less_and_at_most_a_percent_or_one_more(value: int, percent: Any, quantity: str) -> None:
    text = ceiling(value, percent, quantity)
    figure = read_figure(text)
    wanted = Fraction(value) * (100 + Fraction(percent)) / 100
    assert figure is not None
    assert wanted <= figure.value
    assert figure.value < wanted * Fraction(101, 100) or figure.value < wanted + 1
    assert len(text.rstrip("KMGTB").replace(".", "").rstrip("0")) <= 3


#: what is given, the block
SUGGESTED = [
    (
        {},
        {},
        "budget:\n"
        "  params: {warn: 1.37K, max: 1.41K}  # 1,340\n"  # 1,366.8 and 1,407
        "  macs: {warn: 4.18K, max: 4.31K}  # 4,096\n"  # 4,177.92 and 4,300.8
        "  activation_bytes: {warn: 1.87KB, max: 1.93KB}  # 1,832 = 1.832 kB (1.789 KiB)\n",  # 1,868.64 and 1,923.6
    ),
    (
        {"batch": 2, "dtype": "float16"},
        {"headroom_percent": 2},
        "budget:\n"
        "  params: {max: 1.37K}  # 1,340\n"
        "  macs: {max: 8.36K, batch: 2}  # 8,192\n"  # 8,355.84
        "  activation_bytes: {max: 1.87KB, batch: 2, dtype: float16}  # 1,832 = 1.832 kB (1.789 KiB)\n",
    ),
    (
        {},
        {"headroom_percent": 0, "warn_percent": 0},
        "budget:\n"
        "  params: {max: 1.34K}  # 1,340\n"
        "  macs: {max: 4.1K}  # 4,096\n"
        "  activation_bytes: {max: 1.84KB}  # 1,832 = 1.832 kB (1.789 KiB)\n",
    ),
]


@pytest.mark.parametrize(("assumed", "options", "block"), SUGGESTED)
def test_suggestions(assumed: dict[str, Any], options: dict[str, Any], block: str) -> None:
    assert budgets.suggest(subject().report(assumed), **options) == block


def keeps(text: str) -> None:
    """The network is within every limit of its own."""
    one = subject(text)
    assert len(one.spec.budget) == 3
    for limits in one.spec.budget:
        verdict, finding = budgets.judge(one, limits)
        assert (verdict.verdict, finding) == ("within", None)


@given(
    out=st.integers(1, 2_000),
    size=st.integers(1, 40),
    assumed=st.fixed_dictionaries({}, optional={"batch": st.integers(1, 9), "dtype": st.just("float16")}),
    options=st.fixed_dictionaries(
        {}, optional={"headroom_percent": st.integers(0, 9), "warn_percent": st.integers(0, 9)}
    ),
)
def test_a_suggestion_holds_when_pasted(out: int, size: int, assumed: dict[str, Any], options: dict[str, Any]) -> None:
    text = SMALL.replace("conv: 4", f"conv: {out}").replace("[1, 8, 8]", f"[1, {size}, {size}]")
    keeps(text + budgets.suggest(subject(text).report(assumed), **options))


def test_a_suggestion_for_a_network_without_weights_holds() -> None:
    text = "cnncalc: 1\nname: bare\ninput: [1, 2, 2]\nlayers: [relu]\n"
    block = budgets.suggest(subject(text).report({}))
    assert block.startswith("budget:\n  params: {max: 0}  # 0\n  macs: {max: 0}  # 0\n")
    keeps(text + block)


@pytest.fixture(params=["vgg16", "resnet50"])
def shipped(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_suggestions_for_the_zoo(shipped: str) -> None:
    found = zoo.find(shipped)
    one = Subject(document.load(found))
    text = found.data.decode("utf-8")
    text = text.partition("\nbudget:")[0] + "\n"  # the last key where there is one
    keeps(text + budgets.suggest(one.report({})))
