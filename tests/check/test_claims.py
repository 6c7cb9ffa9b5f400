"""Published figures judged: what holds, what does not, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from cnncalc.check.claims import agree
from cnncalc.check.model import Checked
from cnncalc.errors import Location
from cnncalc.spec.claims import Claim

Check = Callable[..., Checked]


def claim(quantity: str, printed: str, **options: Any) -> Claim:
    sizes = tuple(map(int, printed.split("x"))) if quantity in ("shape", "receptive_field") else None
    return Claim(quantity, printed, sizes, True, options, Location("net.yaml", 1, 1))


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
    assert agree(claim("params", printed, tol=tol), value) is expected


@pytest.mark.parametrize(
    ("printed", "value", "expected"),
    [("7x7", (7, 7), True), ("7x8", (7, 7), False), ("7", (7, 7), True), ("7", (7, 8), False), ("7x7", (7,), False)],
)
def test_one_size_stands_for_all_axes(printed: str, value: tuple[int, ...], expected: bool) -> None:
    assert agree(claim("receptive_field", printed), value) is expected


# conv a: 3*3*3*4 = 108 weights and 4 biases on 8x8; conv b: 4*3 = 12 weights without bias on 4x4
NET = """cnncalc: 1
name: net
input: [3, 8, 8]
layers:
  - {conv: 4, kernel: 3, pad: 1, name: a}
  - {maxpool: 2}
  - {conv: 3, kernel: 1, bias: false, name: b}
side:
  head: {from: a, layers: [{conv: 1, kernel: 1, bias: false, name: h}]}
claims:
  - """
TWICE = "cnncalc: 1\nname: twice\ninput: [3, 8, 8]\nlayers: [{conv: 8, kernel: 3, pad: 1, bias: false}, relu, {conv: 4, kernel: 1}]\n"

#: a claim, its verdict, what was computed, and the message with its hint (None: no finding)
CLAIMS = [
    ("{params: 124}", "holds", 124, None),
    ("{params: 0.1K}", "holds", 124, None),
    ("{params: 125}", "fails", 124, "params: 125 is published, but the network has 124 (-1, -0.8%)"),
    ("{params: 0.2K}", "fails", 124, "params: 0.2K is published, but the network has 124 (-76, -38%) (hint: it holds from 150 to 250)"),
    ("{params: 100, tol: 10%}", "fails", 124, "params: 100 is published, but the network has 124 (+24, +24%) (hint: it holds from 90 to 110)"),
    ("{params: 100, tol: 24%}", "holds", 124, None),
    ("{params: 125, holds: false, because: x}", "misprint", 124, None),
    ("{params: 124, holds: false, because: x}", "became true", 124, "params: 124 is marked holds: false, but the network has 124 (hint: remove holds: false, or correct the network)"),
    ("{weights: 108, at: a}", "holds", 108, None),
    ("{params: 108, at: a}", "fails", 112, "params of a: 108 is published, but the network has 112 (+4, +3.7%)"),
    ("{weights: 108, at: c}", "fails", None, "the network has no layer, block or stage 'c'"),
    ("{weights: 4, at: head.hh}", "fails", None, "the network has no layer, block or stage 'head.hh' (hint: did you mean head.h or head?)"),
    ("{weights: 4, at: head.h}", "holds", 4, None),
    ("{weights: 4, at: head}", "holds", 4, None),
    ("{params: 128, with_side: true}", "holds", 128, None),
    ("{shape: [3, 4, 4]}", "holds", [3, 4, 4], None),
    ("{shape: [4, 8, 8], at: a}", "holds", [4, 8, 8], None),
    ("{shape: [4, 8, 9], at: a}", "fails", [4, 8, 8], "shape of a: 4x8x9 is published, but the network has 4x8x8"),
    ("{shape: [3, 8, 8], input: [3, 16, 16]}", "holds", [3, 8, 8], None),
    ("{receptive_field: 4}", "holds", [4, 4], None),
    ("{receptive_field: [3, 3], at: a}", "holds", [3, 3], None),
    ("{receptive_field: 5, at: a}", "fails", [3, 3], "receptive_field of a: 5 is published, but the network has 3x3"),
    ("{depth: 2}", "holds", 2, None),
    ("{depth: 2, at: b}", "fails", None, "depth is known for a whole network, not for a layer"),
    ("{macs: 7104}", "holds", 7104, None),  # 108*64 + 12*16
    ("{macs: 28416, input: [3, 16, 16]}", "holds", 28416, None),
    ("{macs: 7104, input: [3, 16, 16]}", "fails", 28416, "macs (3x16x16): 7104 is published, but the network has 28,416 (+21,312, +300%)"),
    ("{macs: 14208, batch: 2}", "holds", 14208, None),
    ("{flops: 7104, convention: macs}", "holds", 7104, None),
    ("{flops: 7104, convention: mcas}", "fails", None, "unknown convention 'mcas' (hint: did you mean macs?)"),
    ("{macs: 1, input: [4, 1, 1]}", "fails", None, "maxpool 'maxpool1': the window does not fit: (1 + 2*0 - 2)/2 + 1 = 0"),
    # values: input 192, a 256, maxpool 64, b 48
    ("{activations: 560}", "holds", 560, None),
    ("{activation_bytes: 2240}", "holds", 2240, None),
    ("{activation_bytes: 1.1KiB, dtype: float16}", "holds", 1120, None),
    ("{activation_bytes: 3KB}", "fails", 2240, "activation_bytes: 3KB is published, but the network has 2,240 = 2.240 kB (2.188 KiB) (-760, -25%) (hint: it holds from 2,500 to 3,500)"),
    ("{params: 124/252, of: twice}", "holds", 124 / 252, None),  # 216 + 36
    ("{params: 1/2, of: twice}", "fails", 124 / 252, "params over that of twice: 1/2 is published, but the network has 0.4921 (-1.6%)"),
    ("{params: 1/2, of: twice, tol: 2%}", "holds", 124 / 252, None),
    ("{params: 0.12405K}", "fails", 124, "params: 0.12405K is published, but the network has 124 (-0.04%) (hint: no whole number rounds to it)"),
    ("{params: 1/2, of: twcie}", "fails", None, "of: no spec is named 'twcie' (hint: did you mean twice?)"),
    ("{norm_params: 1/2, of: twice}", "fails", None, "twice has no norm_params to compare with"),
    # bytes at the pool: 496 parameters, 768 input, 1,024 a, 256 maxima and where each was found, 8 bytes for each of 64
    ("{inference_memory: 3056}", "holds", 3056, None),
    ("{inference_memory: 4584, dtype: float16, batch: 3}", "fails", 248 + 3 * (384 + 512 + 128 + 512), "inference_memory (batch 3, dtype float16): 4584 is published, but the network has 4,856 = 4.856 kB (4.742 KiB) (+272, +5.9%)"),
    ("{training_memory: 1, dtype: int8}", "fails", None, "int8 has no gradients (hint: training takes a floating-point dtype)"),
    ("{training_memory: 1, at: a}", "fails", None, "training_memory is known for a whole network, not for a layer"),
    ("{inference_memory: 1, optimizer: adam}", "not judged", None, "this version can't compute inference_memory (optimizer adam), so the claim is not checked"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "verdict", "computed", "message"), CLAIMS)
@pytest.mark.usefixtures("small_zoo")
def test_claims(check: Check, text: str, verdict: str, computed: Any, message: str | None) -> None:
    result = check(net=f"{NET}{text}\n", twice=TWICE)
    [judged] = result.claims
    assert (judged.verdict, judged.computed) == (verdict, computed)
    place = judged.location
    assert (place.file, place.line, place.column) == ("net.yaml", 11, 6)
    severity = "note" if verdict == "not judged" else "error"
    shown = [] if message is None else [f"net.yaml:11:6: {severity}: {message} [claim]"]
    assert list(map(str, result.findings)) == shown


def test_what_claims_compare_with_is_among_the_files(check: Check) -> None:
    result = check(net=f"{NET}{{params: 1/2, of: twice}}\n", twice=TWICE + "extends: base\n", base=TWICE)
    assert [file.rsplit("/", 1)[-1] for file in result.files] == ["net.yaml", "twice.yaml", "base.yaml"]


def test_a_changed_base_changes_the_verdict(check: Check) -> None:
    variant = "cnncalc: 1\nname: net\nextends: base\nclaims:\n  - {params: 252}\n"
    assert check(net=variant, base=TWICE).findings == ()
    [finding] = check(net=variant, base=TWICE.replace("conv: 8", "conv: 9")).findings
    assert str(finding) == "net.yaml:5:6: error: params: 252 is published, but the network has 283 (+31, +12%) [claim]"


def test_a_spec_with_mistakes_is_a_finding_a_line(check: Check) -> None:
    result = check(net="cnncalc: 1\ninput: [3, 8, 8]\nlayers:\n  - rleu\n  - {conv: 3}\n")
    assert result.kind == "broken"
    assert list(map(str, result.findings)) == [
        "net.yaml:4:5: error: unknown operator 'rleu' (hint: did you mean relu, relu6 or prelu?) [spec]",
        "net.yaml:5:6: error: conv needs kernel (hint: add kernel:) [spec]",
    ]


def test_the_place_of_a_base_with_mistakes(check: Check) -> None:
    result = check(net="cnncalc: 1\nextends: base\n", base="cnncalc: 1\nlayers: [rleu]\ninput: [3, 8, 8]\n")
    assert [finding.location.file for finding in result.findings] == ["base.yaml"]
    assert result.files == ("net.yaml", "base.yaml")


def test_the_place_of_mistakes_in_what_a_claim_compares_with(check: Check) -> None:
    result = check(net=f"{NET}{{params: 1/2, of: twice}}\n", twice="cnncalc: 1\nlayers: [rleu]\ninput: [3, 8, 8]\n")
    [finding] = result.findings
    assert finding.message == "of: twice.yaml:2:10: unknown operator 'rleu'"
