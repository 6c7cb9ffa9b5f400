"""Shapes, raw work and data types."""

from __future__ import annotations

import pytest

from cnncalc.errors import UsageError
from cnncalc.values import DTYPES, NO_WORK, WORK_UNITS, Work, dtype_bytes, elements, format_shape


def test_work_adds_kind_by_kind() -> None:
    total = Work(mac=3, bias=1) + Work(mac=4, cmp=2)
    assert total == Work(mac=7, bias=1, cmp=2)  # 3 + 4
    assert total["mac"] == 7
    assert total["exp"] == 0


def test_work_multiplies_every_kind() -> None:
    assert Work(mac=3, add=2) * 4 == Work(mac=12, add=8)
    assert Work(mac=3) * 0 == NO_WORK


def test_sums_and_products_leave_their_terms_alone() -> None:
    work = Work(mac=3)
    assert (work + work) * 2 == Work(mac=12)
    assert work == Work(mac=3)


def test_zero_counts_are_no_counts() -> None:
    assert Work(mac=0, add=5) == Work(add=5)
    assert Work(mac=0).counts == {}
    assert Work(add=5) + NO_WORK == Work(add=5)


def test_equal_work_is_one_key() -> None:
    assert hash(Work(mac=1, add=2)) == hash(Work(add=2, mac=1))
    assert len({Work(mac=1, add=2), Work(add=2, mac=1), Work(mac=1)}) == 2
    assert Work(mac=1) != 1


def test_work_is_exact_beyond_what_a_float_holds() -> None:
    # 2^53 + 1 is the first whole number that a float skips
    assert (Work(mac=2**53) + Work(mac=1))["mac"] == 2**53 + 1


def test_work_shows_its_counts() -> None:
    assert repr(Work(mac=3, cmp=1)) == "Work(mac=3, cmp=1)"
    assert repr(NO_WORK) == "Work()"


def test_kinds_are_distinct() -> None:
    assert len(set(WORK_UNITS)) == len(WORK_UNITS)


@pytest.mark.parametrize(
    ("shape", "count", "text"),
    [((64, 112, 112), 802_816, "64x112x112"), ((10,), 10, "10"), ((), 1, "")],  # 64 * 112*112; a scalar is one value
)
def test_shapes(shape: tuple[int, ...], count: int, text: str) -> None:
    assert elements(shape) == count
    assert format_shape(shape) == text


@pytest.mark.parametrize(
    ("name", "size"), [("float64", 8), ("float32", 4), ("float16", 2), ("bfloat16", 2), ("int8", 1)]
)
def test_bytes_of_a_data_type(name: str, size: int) -> None:
    assert dtype_bytes(name) == size


def test_every_data_type_is_tested_above() -> None:
    assert set(DTYPES) == {"float64", "float32", "float16", "bfloat16", "int8"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("int9", "did you mean int8?"),
        ("FLOAT16", "did you mean float16?"),
        ("x", "one of: bfloat16, float16, float32, float64, int8"),
    ],
)
def test_unknown_data_type(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        dtype_bytes(name)
    assert caught.value.message == f"unknown data type '{name}'"
    assert caught.value.hint == hint
