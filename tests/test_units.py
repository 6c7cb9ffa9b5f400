"""Rounding and writing of numbers, by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest

from cnncalc import units


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.000K"),
        (61_706, "61.71K"),
        (138_357_544, "138.4M"),
        (15_470_264_320, "15.47G"),
        (999_949, "999.9K"),
        (999_950, "1.000M"),  # 999.95K has no four digits below 1000K
        (999_999_999, "1.000G"),
        (10**15, "1,000T"),
        (123 * 10**15, "123,000T"),
    ],
)
def test_short(value, shown):
    assert units.short(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.000 kB"),
        (1024, "1.024 kB (1.000 KiB)"),
        (60_950_432, "60.95 MB (58.13 MiB)"),  # 60,950,432 / 2**20 = 58.127
        (2**30, "1.074 GB (1.000 GiB)"),
    ],
)
def test_bytes(value, shown):
    assert units.both_bytes(value) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [(0, 10, "0.0%"), (1, 3, "33.3%"), (3, 3, "100.0%"), (1, 10_000, "<0.1%"), (5, 10_000, "0.1%"), (1, 0, "")],
)
def test_percent(part, whole, shown):
    assert units.percent(part, whole) == shown


@pytest.mark.parametrize(
    ("part", "limit", "shown"),
    [
        (999_999, 1_000_000, "100.0%"),  # it fits
        (1_000_000, 1_000_000, "100.0%"),
        (1_000_500, 1_000_000, "100.05%"),
        (1_000_001, 1_000_000, "100.0001%"),
        (10**15 + 1, 10**15, "100.0000000000001%"),
        (3, 2, "150.0%"),
        (1, 0, ""),
    ],
)
def test_what_is_above_a_limit_reads_above_100_percent(part, limit, shown):
    assert units.of_limit(part, limit) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (1234567, "1,234,567"),
        ([3, 224, 224], "3x224x224"),
        ((2048, 7, 7), "2048x7x7"),
        ([(3, 8, 8), (4, 8, 8)], "3x8x8 4x8x8"),
        (["input", "conv1"], "input conv1"),
        ([Fraction(1, 2), 2], "0.5x2"),
        ([], ""),
        ("text", "text"),
    ],
)
def test_cell(value, shown):
    assert units.cell(value) == shown
