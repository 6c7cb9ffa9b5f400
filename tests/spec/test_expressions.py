"""The expression language: values by hand, exactness, limits, the published rule behind div8, and every message."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnncalc.errors import ExpressionError
from cnncalc.spec.expressions import describe, div8, divisible, parse, truth


class Names:
    """A scope of a few names."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def lookup(self, name: str) -> Any:
        if name not in self.values:
            raise ExpressionError(f"${name} has no value here")
        return self.values[name]


SCOPE = Names({"w": 64, "word": "bn", "pair": (1, 2), "yes": True, "half": Fraction(1, 2), "_x1": 7})

VALUES = [
    ("0", 0), ("7", 7), ("999999999999999", 999999999999999), ("1000000000000000", 10**15),
    ("1K", 1000), ("1.5K", 1500), ("64M", 64_000_000), ("4.089G", 4_089_000_000), ("2T", 2 * 10**12), ("0.5", Fraction(1, 2)),
    ("1e3", 1000), ("2.5e-1", Fraction(1, 4)), ("1E+2", 100), ("1.0", 1),
    ("1 + 2", 3), ("1+2*3", 7), ("(1+2)*3", 9), ("10 - 2 - 3", 5), ("2 * -3", -6), ("--3", 3), ("- - 3", 3), ("-(3)", -3),
    ("7 / 2", Fraction(7, 2)), ("6 / 2", 3), ("7 // 2", 3), ("-7 // 2", -4), ("7 % 3", 1), ("-7 % 3", 2), ("7.5 // 2", 3), ("12 / 4 / 3", 1),
    ("2 ** 10", 1024), ("2 ** 3 ** 2", 512), ("-2 ** 2", -4), ("2 ** -2", Fraction(1, 4)), ("4 * 2 ** 2", 16), ("0.5 ** 2", Fraction(1, 4)), ("0 ** 0", 1),
    ("1 < 2", True), ("2 <= 2", True), ("3 > 4", False), ("4 >= 5", False), ("2 == 2.0", True), ("2 != 3", True), ("1 + 1 == 2", True),
    ("true", True), ("false", False), ("true == true", True), ("true != false", True), ("$yes == true", True),
    ("not true", False), ("not not true", True), ("not 1 == 2", True), ("true and false", False), ("true or false", True),
    ("true or false and false", True), ("(true or false) and false", False), ("1 < 2 and 2 < 3", True),
    ("1 if true else 2", 1), ("1 if false else 2", 2), ("1 if false else 2 if false else 3", 3), ("1 + 1 if 2 > 1 else 0", 2), ("(1 if true else 2) + 1", 2),
    ("false and 1 / 0 > 1", False), ("true or 1 / 0 > 1", True), ("1 if true else 1 / 0", 1),
    ("min(3, 1, 2)", 1), ("max(3)", 3), ("floor(7/2)", 3), ("floor(-7/2)", -4), ("ceil(7/2)", 4), ("ceil(-7/2)", -3), ("abs(-3)", 3), ("abs(-1/2)", Fraction(1, 2)),
    ("round(7/3)", 2), ("round(5/2)", 2), ("round(7/2)", 4), ("log2(8)", 3), ("log2(1/8)", -3), ("log2(1)", 0), ("floor(log2(100))", 6),
    ("div8(1)", 8), ("div8(64 * 0.35)", 24), ("divisible(100, 16)", 96), ("max(min(1, 2), 3)", 3), ("max( 1 , 2 )", 2),
    ("$w", 64), ("$w*2", 128), ("4*$w", 256), ("$w if $yes else 1", 64), ("$half + $half", 1), ("$_x1", 7), ("  1  +  1  ", 2), ("$word", "bn"), ("$pair", (1, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_values(text: str, value: Any) -> None:
    found = parse(text).evaluate(SCOPE)
    assert found == value
    assert type(found) is type(value)


NEST = "the expression is nested more than 16 levels deep"

#: text, offset, message, hint
ERRORS = [
    ("", 0, "the expression is empty", None),
    ("   ", 0, "the expression is empty", None),
    ("1 2", 2, "unexpected '2' in the expression '1 2'", None),
    ("1)", 1, "unexpected ')' in the expression '1)'", None),
    ("(1", 0, "'(' is not closed in the expression '(1'", "inside { } and [ ] a comma ends the value: put the expression in quotes"),
    ("(1 2)", 0, "'(' is not closed in the expression '(1 2)'", None),
    ("1 +", 3, "the expression '1 +' ends too early", None),
    ("min()", 4, "unexpected ')' in the expression 'min()'", None),
    ("1 if true", 9, "'else' is missing in the expression '1 if true'", None),
    ("if", 0, "unexpected 'if' in the expression 'if'", None),
    ("1 < 2 < 3", 6, "unexpected '<' in the expression '1 < 2 < 3'", None),
    ("3k", 1, "unexpected 'k' in the expression '3k'", "write K, M, G or T right after the number"),
    ("3 K", 2, "unexpected 'K' in the expression '3 K'", "write K, M, G or T right after the number"),
    ("9**9**9", 1, "an exponent is a whole number up to 64, not 387420489", None),
    ("2**65", 1, "an exponent is a whole number up to 64, not 65", None),
    ("2**0.5", 1, "an exponent is a whole number up to 64, not 0.5", None),
    ("2**64", 1, "the number is larger than 10^15", None),
    ("0**-1", 1, "division by zero: 0 ** -1", None),
    ("1/0", 1, "division by zero: 1 / 0", None),
    ("1 % 0", 2, "division by zero: 1 % 0", None),
    ("().__class__", 1, "unexpected ')' in the expression '().__class__'", None),
    ("__import__('os')", 0, "unknown word '__import__' in an expression", None),
    ("$w.x", 2, "'.' is not allowed in the expression '$w.x'", None),
    ("a[0]", 1, "'[' is not allowed in the expression 'a[0]'", "lists are for stages, which take a value for each; elsewhere a value has a variable of its own"),
    ("lambda: 1", 6, "':' is not allowed in the expression 'lambda: 1'", None),
    ("10^10", 2, "'^' is not allowed in the expression '10^10'", "write **"),
    ("1 = 1", 2, "'=' is not allowed in the expression '1 = 1'", "write =="),
    ("1 & 1", 2, "'&' is not allowed in the expression '1 & 1'", "write and"),
    ("$", 0, "'$' is not allowed in the expression '$'", None),
    ("1 \n", 2, "'\\n' is not allowed in the expression '1 \\n'", None),
    ("1 + \uff13", 4, "U+FF13 is not allowed in the expression '1 + \\uff13'", "write 3"),
    ("\u0663", 0, "U+0663 is not allowed in the expression '\\u0663'", "write 3"),
    ("\xb2", 0, "U+00B2 is not allowed in the expression '\\xb2'", "write 2"),
    ("\u2212" + "1", 0, "U+2212 is not allowed in the expression '\\u22121'", None),
    ("010", 0, "a number can't start with 0: '010'", "write 10"),
    ("00", 0, "a number can't start with 0: '00'", "write 0"),
    ("1 + 08", 4, "a number can't start with 0: '08'", "write 8"),
    ("0x10", 0, "'0x10' is not a valid number", "write 16"),
    ("0b_", 0, "'0b_' is not a valid number", "write numbers in decimal digits"),
    ("0x" + "f" * 20, 0, "'0xffffffffffffffffffff' is not a valid number", "write numbers in decimal digits"),
    ("1_000", 0, "'1_000' is not a valid number", "write 1000"),
    ("1:30", 0, "'1:30' is not a valid number", "write numbers in decimal digits"),
    ("+1", 0, "'+1' is not a valid number", "write 1"),
    (".5", 0, "'.5' is not a valid number", "write 0.5"),
    ("5.", 0, "'5.' is not a valid number", "write 5"),
    ("-.INF", 0, "'-.INF' is not a valid number", "numbers are finite, at most 10^15"),
    ("1.2.3", 0, "'1.2.3' is not a number", None),
    ("1 + .5", 4, "'.5' is not a number", None),
    ("9" * 17, 0, "too many digits: '99999999999999999'", "numbers go up to 10^15"),
    ("9" * 4301, 0, f"too many digits: '{'9' * 57}...'", "numbers go up to 10^15"),
    ("1e19", 0, "too many digits: '1e19'", "numbers go up to 10^15"),
    ("1e16", 0, "the number is larger than 10^15", None),
    ("9999999999999999", 0, "the number is larger than 10^15", None),
    ("1T * 1001", 3, "the number is larger than 10^15", None),
    ("1e-16", 0, "the fraction is finer than 1/10^15", None),
    ("1 + " * 64 + "1", 256, "the expression is too long: 257 characters, at most 256", None),
    ("(" * 17 + "1" + ")" * 17, 17, NEST, None),
    ("2" + "**1" * 17, 49, NEST, None),
    ("1 if true else " * 17 + "1", 255, NEST, None),
    ("w", 0, "unknown word 'w' in an expression", "write $w"),
    ("True", 0, "unknown word 'True' in an expression", "write true or false"),
    ("min", 0, "unknown word 'min' in an expression", "write min(...)"),
    ("flor(1)", 0, "unknown word 'flor' in an expression", "did you mean floor?"),
    ("div8(3, 4)", 0, "div8() takes 1 argument, but got 2", None),
    ("divisible(3)", 0, "divisible() takes 2 arguments, but got 1", None),
    ("min(" + "1, " * 16 + "1)", 0, "min() takes 1 to 16 arguments, but got 17", None),
    ("divisible(3, 0)", 0, "divisible(): the divisor must be a whole number of at least 1, not 0", None),
    ("divisible(3, 1/2)", 0, "divisible(): the divisor must be a whole number of at least 1, not 0.5", None),
    ("log2(0)", 0, "log2(): 0 is not positive", None),
    ("1 if 2 else 3", 5, "expected true or false, not 2", None),
    ("not 1", 0, "expected true or false, not 1", None),
    ("1 or true", 2, "expected true or false, not 1", None),
    ("true and 1", 5, "expected true or false, not 1", None),
    ("$yes + 1", 5, "expected a number, not true", None),
    ("1 + $word", 2, "expected a number, not the word 'bn'", None),
    ("-$pair", 0, "expected a number, not a list", None),
    ("$word == $word", 6, "expected a number, not the word 'bn'", None),
    ("$yes == 1", 5, "expected a number, not true", None),
    ("max($word)", 0, "expected a number, not the word 'bn'", None),
    ("1 + $zzz", 4, "$zzz has no value here", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "offset", "message", "hint"), ERRORS)
def test_errors(text: str, offset: int, message: str, hint: str | None) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text).evaluate(SCOPE)
    error = caught.value
    assert (error.message, error.hint, error.offset) == (message, hint, offset)


def test_truth() -> None:
    assert truth(parse("1 < 2"), SCOPE) is True
    with pytest.raises(ExpressionError, match="expected true or false, not 3"):
        truth(parse("3"), SCOPE)


def test_bare_names() -> None:
    expression = parse("w > 10 and $w > 10", ("w",))
    assert expression.names == {"w"}
    assert expression.evaluate(SCOPE) is True
    with pytest.raises(ExpressionError, match="unknown word 'ww'") as caught:
        parse("ww > 10", ("w", "width"))
    assert caught.value.hint == "did you mean w?"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (True, "true"),
        (False, "false"),
        (Fraction(3, 2), "1.5"),
        (Fraction(1, 3), "1/3"),
        ("bn", "the word 'bn'"),
        ((1,), "a list"),
    ],
)
def test_describe(value: Any, text: str) -> None:
    assert describe(value) == text


def test_arithmetic_is_exact() -> None:
    assert parse("0.1 + 0.2 == 0.3").evaluate(SCOPE) is True
    assert parse("0.1 + 0.2").evaluate(SCOPE) == Fraction(3, 10)
    assert parse("1/3 + 1/3 + 1/3").evaluate(SCOPE) == 1
    assert parse("1.1 ** 10 * 10 ** 10").evaluate(SCOPE) == 11**10


@pytest.mark.parametrize(
    ("text", "limit"), [("1 + " * 63 + "1111", 256), ("(" * 16 + "1" + ")" * 16, 33), ("2" + "**1" * 16, 49)]
)
def test_limits_are_inclusive(text: str, limit: int) -> None:
    assert len(text) == limit
    parse(text).evaluate(SCOPE)


def published_make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """The function of the MobileNet authors (tensorflow/models, research/slim/nets/mobilenet/mobilenet.py)."""
    if min_value is None:
        min_value = divisor
    new_v = max(min_value, int(v + divisor / 2) // divisor * divisor)
    if new_v < 0.9 * v:
        new_v += divisor
    return new_v


def test_div8_is_the_published_rule() -> None:
    for width in (16, 24, 32, 64, 96, 160, 320, 1280, 3, 1, 7):
        for multiplier in ("0.35", "0.5", "0.75", "1", "1.1", "1.2", "1.3", "1.4", "1.8", "2"):
            exact = width * Fraction(multiplier)
            assert div8(exact) == published_make_divisible(width * float(multiplier), 8)
    for v in range(1, 2000):
        for divisor in (1, 4, 8, 16, 24):
            assert divisible(v, divisor) == published_make_divisible(v, divisor)


# -- against Python's own arithmetic ----------------------------------------------------------------------------

BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
CALLS = {"floor": math.floor, "ceil": math.ceil, "round": round, "abs": abs}

Pair = tuple[str, Fraction | None]


def too_large(value: Fraction) -> bool:
    return abs(value) > 10**15 or value.denominator > 10**15


def numbers() -> st.SearchStrategy[Pair]:
    whole = st.integers(0, 10**6).map(lambda n: (str(n), Fraction(n)))
    decimal = st.decimals(0, 1000, places=3).map(lambda d: (f"{d:f}", Fraction(d)))
    return whole | decimal


def combine(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def binary(sign: str, left: Pair, right: Pair) -> Pair:
        text = f"({left[0]}) {sign} ({right[0]})"
        if left[1] is None or right[1] is None or (sign in "//%" and right[1] == 0):
            return text, None
        value = Fraction(BINARY[sign](left[1], right[1]))
        return text, None if too_large(value) else value

    def call(name: str, argument: Pair) -> Pair:
        return f"{name}({argument[0]})", None if argument[1] is None else Fraction(CALLS[name](argument[1]))

    def choose(sign: str, left: Pair, right: Pair) -> Pair:
        text = f"({left[0]}) if ({left[0]}) {sign} ({right[0]}) else ({right[0]})"
        if left[1] is None or right[1] is None:
            return text, None
        return text, left[1] if COMPARE[sign](left[1], right[1]) else right[1]

    return (
        st.builds(binary, st.sampled_from(list(BINARY)), inner, inner)
        | st.builds(call, st.sampled_from(list(CALLS)), inner)
        | st.builds(choose, st.sampled_from(list(COMPARE)), inner, inner)
    )


@settings(max_examples=500)
@given(st.recursive(numbers(), combine, max_leaves=6))
def test_against_fractions(pair: Pair) -> None:
    text, value = pair
    if len(text) > 256:
        return
    try:
        found = parse(text).evaluate(SCOPE)
    except ExpressionError:
        assert value is None
        return
    assert value is not None
    assert found == value
    assert isinstance(found, int) == (value.denominator == 1)


@settings(max_examples=500)
@given(st.text(alphabet="0123456789.+-*/%()<>=!$ eKM_,xifelsandotrumx\u00b2\uff13[{'", max_size=40))
def test_any_text_has_a_value_or_an_error_inside_it(text: str) -> None:
    offset = 0
    try:
        parse(text).evaluate(SCOPE)
    except ExpressionError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)


def test_no_text_takes_long() -> None:
    """A pattern that backtracks would not end within the life of the universe."""
    for text in (
        "1" + "_" * 250 + "x",
        "0x" + "_" * 250 + "x",
        "1:" * 120 + "x",
        "1" * 255 + "x",
        "." * 255,
        "-" * 255 + "x",
        "((" * 8 + "1e" * 100,
    ):
        with pytest.raises(ExpressionError):
            parse(text)
