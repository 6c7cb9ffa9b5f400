"""Expressions with names in them: what they are worth, exactly. How they are written is a matter of ``report``.

``(Symbol("h_in", 227) - Symbol("k_h", 11)) / Symbol("s_h", 4) + 1`` is worth 55.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from cnncalc.values import whole


class Expression:
    """A number made of others. ``value`` is an int, or a Fraction where it is no whole number."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def parts(self) -> tuple[Expression, ...]:
        """What it is made of."""
        return ()

    def symbols(self) -> Iterator[Symbol]:
        """Every symbol in it, in the order of the text."""
        for part in self.parts():
            yield from part.symbols()

    def __add__(self, other: Any) -> Expression:
        return Sum((*_terms(self), (1, express(other))))

    def __radd__(self, other: Any) -> Expression:
        return total(other, self)

    def __sub__(self, other: Any) -> Expression:
        return Sum((*_terms(self), (-1, express(other))))

    def __rsub__(self, other: Any) -> Expression:
        return Sum(((1, express(other)), (-1, self)))

    def __mul__(self, other: Any) -> Expression:
        return product(self, other)

    def __rmul__(self, other: Any) -> Expression:
        return product(other, self)

    def __truediv__(self, other: Any) -> Expression:
        return Quotient(self, express(other))

    def __rtruediv__(self, other: Any) -> Expression:
        return Quotient(express(other), self)


class Number(Expression):
    """A number as it stands."""

    __slots__ = ()


class Symbol(Expression):
    """A number with a name."""

    __slots__ = ("name",)

    def __init__(self, name: str, value: Any) -> None:
        super().__init__(value)
        self.name = name

    def symbols(self) -> Iterator[Symbol]:
        yield self


class Sum(Expression):
    """Terms, each with the sign that it is taken with, 1 or -1."""

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[tuple[int, Expression], ...]) -> None:
        super().__init__(whole(sum([sign * term.value for sign, term in terms])))
        self.terms = terms

    def parts(self) -> tuple[Expression, ...]:
        return tuple(term for _, term in self.terms)


class Product(Expression):
    """Factors."""

    __slots__ = ("factors",)

    def __init__(self, factors: tuple[Expression, ...]) -> None:
        super().__init__(whole(prod([factor.value for factor in factors])))
        self.factors = factors

    def parts(self) -> tuple[Expression, ...]:
        return self.factors


class Quotient(Expression):
    """One number by another; exact."""

    __slots__ = ("bottom", "top")

    def __init__(self, top: Expression, bottom: Expression) -> None:
        from fractions import Fraction

        super().__init__(whole(Fraction(top.value) / bottom.value))
        self.top = top
        self.bottom = bottom

    def parts(self) -> tuple[Expression, ...]:
        return (self.top, self.bottom)


class Rounded(Expression):
    """A number made whole: ``how`` is floor or ceil."""

    __slots__ = ("how", "inner")

    def __init__(self, how: str, inner: Expression) -> None:
        super().__init__(int(inner.value // 1 if how == "floor" else -(-inner.value // 1)))
        self.how = how
        self.inner = inner

    def parts(self) -> tuple[Expression, ...]:
        return (self.inner,)


def express(value: Any) -> Expression:
    """A number as an expression; an expression as it is."""
    return value if isinstance(value, Expression) else Number(value)


def floor(inner: Expression) -> Expression:
    """The number rounded down."""
    return Rounded("floor", inner)


def ceil(inner: Expression) -> Expression:
    """The number rounded up."""
    return Rounded("ceil", inner)


def product(*factors: Any) -> Expression:
    """The product of numbers and expressions; of one, that one."""
    flat: list[Expression] = []
    for factor in map(express, factors):
        flat += factor.factors if isinstance(factor, Product) else (factor,)
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def total(*terms: Any) -> Expression:
    """The sum of numbers and expressions; of one, that one; of none, 0."""
    flat: list[tuple[int, Expression]] = []
    for term in map(express, terms):
        flat += _terms(term)
    return flat[0][1] if len(flat) == 1 and flat[0][0] == 1 else Sum(tuple(flat)) if flat else Number(0)


def _terms(value: Expression) -> tuple[tuple[int, Expression], ...]:
    return value.terms if isinstance(value, Sum) else ((1, value),)
