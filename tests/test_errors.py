"""The errors: what a line looks like, that it can't forge output, and what is suggested."""

from __future__ import annotations

import pytest

from cnncalc import errors
from cnncalc.errors import (
    CnncalcError,
    EnvironmentFailure,
    ExpressionError,
    LimitError,
    Location,
    ShapeError,
    SpecError,
    SpecErrors,
    SpecNotFoundError,
    SpecSyntaxError,
    UsageError,
    error_payload,
    escape,
    format_error,
    format_errors,
    listing,
    quote,
    suggest,
)

PLACE = Location("net.yaml", 4, 7)


def test_one_line() -> None:
    assert format_error(SpecError("wrong", PLACE, "do this")) == "net.yaml:4:7: error: wrong (hint: do this)"
    assert format_error(SpecError("wrong", PLACE)) == "net.yaml:4:7: error: wrong"
    assert format_error(UsageError("wrong")) == "error: wrong"
    assert str(SpecError("wrong", PLACE)) == "net.yaml:4:7: error: wrong"


def test_a_line_is_cut_at_four_hundred_characters() -> None:
    assert len(format_error(UsageError("x" * 400))) == len("error: ") + 400
    cut = format_error(SpecError("x" * 390, PLACE, "y" * 390))
    assert cut == "net.yaml:4:7: error: " + "x" * 390 + " (hint:..."
    assert len(cut) == len("net.yaml:4:7: error: ") + 400


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\nb\r\t\0", "a\\nb\\r\\t\\x00"),
        ("\x1b[31m\x07\x7f\x9b", "\\x1b[31m\\x07\\x7f\\x9b"),
        ("caf\xe9 \u202e \U0001f600", "caf\\xe9 \\u202e \\U0001f600"),
        ("\udcff\ud800", "\\udcff\\ud800"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_escape(text: str, shown: str) -> None:
    assert escape(text) == shown
    line = format_error(SpecError(text, Location(text, 1, 1), text))
    assert line == f"{shown}:1:1: error: {shown} (hint: {shown})"
    assert line.isascii()
    assert line.isprintable()


def test_no_line_is_a_command_of_the_build_server() -> None:
    assert format_error(SpecError("x", Location("::error::x", 1, 1))) == "./::error::x:1:1: error: x"
    assert format_error(UsageError("a ##[error]b")) == "error: a #\\x23[error]b"


def test_quote() -> None:
    assert quote("conv") == "'conv'"
    assert quote("x" * 60) == f"'{'x' * 60}'"
    assert quote("x" * 61) == f"'{'x' * 57}...'"


def test_listing() -> None:
    assert listing(["a"]) == "a"
    assert listing(["a", "b"]) == "a and b"
    assert listing(["a", "b", "c"], "or") == "a, b or c"


@pytest.mark.parametrize(
    ("word", "candidates", "hint"),
    [
        ("kernal", ["kernel", "stride", "pad"], "did you mean kernel?"),
        ("CONV", ["conv", "conv1", "dwconv"], "did you mean conv?"),
        ("conv2", ["conv", "dwconv", "relu"], "did you mean conv or dwconv?"),
        ("zebra", ["conv", "relu"], "one of: conv, relu"),
        ("zebra", list("abcdef"), None),
        ("zebra", [], None),
        ("aaaa", [f"aaa{i}" for i in range(9)], "did you mean aaa8, aaa7, aaa6, aaa5 or aaa4?"),
        ("x" * 65, ["x" * 64, *"abcdef"], None),
    ],
)
def test_suggest(word: str, candidates: list[str], hint: str | None) -> None:
    assert suggest(word, candidates) == hint


def test_a_hint_is_worked_out_when_it_is_asked_for() -> None:
    asked = []

    def hint() -> str:
        asked.append(1)
        return "do this"

    many = SpecErrors([SpecError("wrong", PLACE, hint) for _ in range(1000)])
    assert asked == []
    lines = format_errors(many)
    assert lines == ["net.yaml:4:7: error: wrong (hint: do this)"] * 20 + ["and 980 more"]
    assert len(asked) == 20
    assert str(many) == "\n".join(lines)


def test_several_problems_are_flat() -> None:
    one, two, three = (SpecError(str(i), PLACE) for i in range(3))
    both = SpecErrors([SpecErrors([one, two]), three])
    assert both.errors == (one, two, three)
    assert both.location == PLACE
    assert both.message == "3 problems"
    assert one.errors == (one,)
    assert format_errors(both)[-1] == "net.yaml:4:7: error: 2"


def test_payload() -> None:
    assert error_payload(SpecErrors([SpecError("wrong", PLACE, lambda: "do this"), UsageError("worse")])) == {
        "schema": "cnncalc.error/1",
        "exit_code": 2,
        "errors": [
            {"file": "net.yaml", "line": 4, "column": 7, "message": "wrong", "hint": "do this"},
            {"file": None, "line": None, "column": None, "message": "worse", "hint": None},
        ],
    }


def test_the_tree() -> None:
    for kind in (SpecSyntaxError, LimitError, ExpressionError, ShapeError, SpecErrors):
        assert issubclass(kind, SpecError)
    for kind in (SpecError, SpecNotFoundError, UsageError, EnvironmentFailure):
        assert issubclass(kind, CnncalcError)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CnncalcError)]
    assert {kind.__name__: kind.exit_code for kind in kinds if kind.exit_code != 2} == {"EnvironmentFailure": 3}
    assert ExpressionError("wrong", 3).offset == 3
