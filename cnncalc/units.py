"""Numbers as people read them. The only place that rounds."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import Any

#: decimal multiples and their letters, the largest first
MULTIPLES = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "K"))
_TIMES = ((1, "s"), (1e-3, "ms"), (1e-6, "us"))


def grouped(value: Any) -> str:
    """``138,357,544``; an expected count that is no whole number with one decimal."""
    exact = value.numerator if getattr(value, "denominator", 0) == 1 else value
    return f"{exact:,}" if isinstance(exact, int) else f"{float(value):,.1f}"


def short(value: int) -> str:
    """Four digits and a decimal multiple: ``15.47G``, ``138.4M``, ``512``."""
    return _scaled(value, MULTIPLES)


def _scaled(value: int, units: tuple[tuple[int, str], ...]) -> str:
    for i, (size, unit) in enumerate(units):
        if abs(value) >= size:
            shown = f"{value / size:#.4g}".rstrip(".")
            if "e" in shown or float(shown) >= 1000:  # 999.96K rounds up to the next multiple
                return f"{1:#.4g}{units[i - 1][1]}" if i else f"{value // size:,}{unit}"
            return shown + unit
    return str(value)


def both_bytes(value: int) -> str:
    """Decimal and binary: ``60.95 MB (58.13 MiB)``."""
    decimal = decimal_bytes(value)
    binary = _scaled(value, tuple((1024 ** (4 - i), f" {unit}iB") for i, (_, unit) in enumerate(MULTIPLES)))
    return f"{decimal} ({binary})" if value >= 1024 else decimal


def decimal_bytes(value: int) -> str:
    """``60.95 MB``, of 10**6 bytes."""
    if value < 1000:
        return f"{value} B"
    return _scaled(value, tuple((size, f" {unit}B".replace("KB", "kB")) for size, unit in MULTIPLES))


def seconds(value: float) -> str:
    """``35.12 ms``: four digits, of seconds, milliseconds or microseconds."""
    if not value:
        return "0 s"
    size, unit = next(((size, unit) for size, unit in _TIMES if value >= size), _TIMES[-1])
    shown = value / size
    return f"{f'{shown:#.4g}'.rstrip('.') if shown < 9999.5 else f'{shown:,.0f}'} {unit}"


def percent(part: Any, whole: Any) -> str:
    """``12.3%``; a part that is there and rounds to nothing is ``<0.1%``."""
    if not whole:
        return ""
    share = float(100 * part / whole)
    if 0 < share < 0.05:
        return "<0.1%"
    return f"{share:.1f}%"


def of_limit(part: int, limit: int) -> str:
    """As :func:`percent`; a part above the limit has the digits that show it: ``100.05%``."""
    shown, digits = percent(part, limit), 1
    while part > limit and shown == f"{100:.{digits}f}%":
        digits += 1
        shown = f"{100 * part / limit:.{digits}f}%"
    return shown


def ratio(value: Any, base: Any) -> str:
    """``0.312x``; empty without a base."""
    return f"{float(value / base):.4g}x" if base else ""


def cell(value: Any) -> str:
    """A value of any column: grouped numbers, sizes joined by x, sizes by name as name=sizes, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Number):
        return grouped(value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={cell(sizes)}" for name, sizes in value.items())
    if isinstance(value, (tuple, list)):
        if value and isinstance(value[0], (tuple, list, str)):
            return " ".join(map(cell, value))
        return "x".join(map(_size, value))
    return str(value)


def _size(value: Any) -> str:
    """A size without grouping; a Fraction as a decimal."""
    return str(value) if isinstance(value, int) else f"{float(value):g}"
