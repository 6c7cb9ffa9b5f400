"""The closed expression language: numbers, $names, arithmetic, comparisons, a few functions. No eval, no attributes.

A text is parsed once into a closure over a scope. Numbers are exact: int, or Fraction where a decimal point or a
division makes one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cnncalc.errors import ExpressionError, UsageError, quote
from cnncalc.ops.base import show
from cnncalc.spec.expression_hints import odd_number, too_many_digits, unknown_word, unreadable
from cnncalc.values import whole

if TYPE_CHECKING:
    from fractions import Fraction

    Exact = int | Fraction

LENGTH_LIMIT = 256
NESTING_LIMIT = 16
NUMBER_LIMIT = 10**15
EXPONENT_LIMIT = 64

MULTIPLES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
#: and those that a condition on figures takes, as claims do: 2Mi, 24GB, 512KiB
_SIZES = {
    **MULTIPLES,
    **{f"{letter}i": 2 ** (10 * power) for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}B": 10 ** (3 * power) for power, letter in enumerate(["", "K", "M", "G", "T"])},
    **{f"{letter}iB": 2 ** (10 * power) for power, letter in enumerate("KMGT", 1)},
}

#: What a variable or argument can hold: a number, true or false, a word, or a list of them.
ExprValue = Any


class Scope(Protocol):
    """Where names get their values. Unknown names raise ExpressionError."""

    def lookup(self, name: str) -> ExprValue: ...


Evaluator = Callable[[Scope], ExprValue]

_TOKEN = r"""[ ]*(?:
      (?P<number>\d[\d.]*(?:[eE][+-]?\d+)?|\.\d+)(?P<multiple>(?:MULTIPLE)(?!\w))?
    | \$(?P<name>[A-Za-z_]\w*)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<operator>//|\*\*|==|!=|<=|>=|[-+*/%<>(),])
    )"""
_TOKENS, _TOKENS_OF_FIGURES = (
    re.compile(_TOKEN.replace("MULTIPLE", "|".join(known)), re.VERBOSE | re.ASCII) for known in (MULTIPLES, _SIZES)
)
_KEYWORDS = frozenset({"and", "or", "not", "if", "else", "true", "false"})


class Expression:
    """A parsed expression. ``constant`` tells that it holds no name."""

    __slots__ = ("constant", "evaluate", "names", "text")

    def __init__(self, text: str, evaluate: Evaluator, names: frozenset[str]) -> None:
        self.text = text
        self.evaluate = evaluate
        self.names = names
        self.constant = not names


def parse(text: str, bare_names: Iterable[str] = ()) -> Expression:
    """Reads an expression.

    Args:
        text: at most 256 characters, 16 levels of parentheses.
        bare_names: names that may stand without a ``$`` (columns, in a filter).

    Raises:
        ExpressionError: with the offset of the first character that does not fit.
    """
    if text.isdigit() and text.isascii() and len(text) <= 16 and (text[0] != "0" or text == "0"):
        value = _bounded(int(text), 0)
        return Expression(text, lambda scope: value, frozenset())
    if text[:1] == "$" and text[1:].isidentifier() and text.isascii() and len(text) <= LENGTH_LIMIT:
        return Expression(text, _lookup(text[1:], 0), frozenset((text[1:],)))
    if not text.strip():
        raise ExpressionError("the expression is empty")
    if len(text) > LENGTH_LIMIT:
        if text.isdigit() and text.isascii():
            raise too_many_digits(text, 0)
        raise ExpressionError(
            f"the expression is too long: {len(text)} characters, at most {LENGTH_LIMIT}", LENGTH_LIMIT
        )
    try:
        parser = _Parser(text, frozenset(bare_names))
        return Expression(text, parser.complete(), frozenset(parser.names))
    except ExpressionError as error:
        raise odd_number(text) or error from None


class _Parser:
    """Recursive descent; ``token``, ``kind`` and ``start`` are the current token, its kind and its offset."""

    def __init__(self, text: str, bare_names: frozenset[str]) -> None:
        self.text = text
        self.bare_names = bare_names
        self.tokens = _TOKENS_OF_FIGURES if bare_names else _TOKENS
        self.names: set[str] = set()
        self.position = 0
        self.nesting = 0
        self.multiple = ""
        self.advance()

    def advance(self) -> None:
        match = self.tokens.match(self.text, self.position)
        if match is None:
            rest = self.text[self.position :].lstrip(" ")
            self.start = len(self.text) - len(rest)
            if rest:
                raise unreadable(self.text, self.start)
            self.kind = self.token = ""
            return
        self.kind = match.lastgroup or ""
        if self.kind == "multiple":
            self.kind = "number"
        self.token = match[self.kind]
        self.multiple = match["multiple"] or ""
        self.start = match.start(self.kind) - (self.kind == "name")
        self.position = match.end()

    def complete(self) -> Evaluator:
        """The whole text."""
        evaluate = self.ternary()
        if self.kind:
            hint = "write K, M, G or T right after the number" if self.token.upper() in MULTIPLES else None
            message = f"unexpected {quote(self.token)} in the expression {quote(self.text)}"
            raise ExpressionError(message, self.start, hint)
        return evaluate

    def take(self, *operators: str) -> str:
        """The current token if it is one of these operators or keywords, which it then passes."""
        token = self.token
        if token in operators and self.kind in ("operator", "word"):
            self.advance()
            return token
        return ""

    def nest(self, start: int) -> None:
        """Opens a level: the whole expression, parentheses, what follows 'else' or '**'."""
        self.nesting += 1
        if self.nesting > NESTING_LIMIT + 1:
            raise ExpressionError(f"the expression is nested more than {NESTING_LIMIT} levels deep", start)

    def ternary(self) -> Evaluator:
        self.nest(self.start)
        value = self.disjunction()
        if self.take("if"):
            start = self.start
            condition = self.disjunction()
            if not self.take("else"):
                raise ExpressionError(f"'else' is missing in the expression {quote(self.text)}", self.start)
            other = self.ternary()
            self.nesting -= 1
            return lambda scope: value(scope) if _truth(condition(scope), start) else other(scope)
        self.nesting -= 1
        return value

    def disjunction(self) -> Evaluator:
        left, start = self.conjunction(), self.start
        while self.take("or"):
            left = _either(left, self.conjunction(), start)
        return left

    def conjunction(self) -> Evaluator:
        left, start = self.negation(), self.start
        while self.take("and"):
            left = _both(left, self.negation(), start)
        return left

    def negation(self) -> Evaluator:
        negations = 0
        start = self.start
        while self.take("not"):
            negations += 1
        value = self.comparison()
        if not negations:
            return value
        return lambda scope: _truth(value(scope), start) == (negations % 2 == 0)

    def comparison(self) -> Evaluator:
        left, start = self.sum(), self.start
        operator = self.take("==", "!=", "<=", ">=", "<", ">")
        return _comparison(operator, left, self.sum(), start) if operator else left

    def sum(self) -> Evaluator:
        left, start = self.product(), self.start
        while operator := self.take("+", "-"):
            left = _binary(operator, left, self.product(), start)
            start = self.start
        return left

    def product(self) -> Evaluator:
        left, start = self.unary(), self.start
        while operator := self.take("*", "//", "/", "%"):
            left = _binary(operator, left, self.unary(), start)
            start = self.start
        return left

    def unary(self) -> Evaluator:
        start = self.start
        negative = False
        while self.take("-"):
            negative = not negative
        value = self.power()
        return (lambda scope: -_number(value(scope), start)) if negative else value

    def power(self) -> Evaluator:
        base, start = self.atom(), self.start
        if self.take("**"):
            self.nest(start)
            exponent = self.unary()
            self.nesting -= 1
            return _binary("**", base, exponent, start)
        return base

    def atom(self) -> Evaluator:
        kind, token, start = self.kind, self.token, self.start
        if kind == "number":
            value = _literal(token, self.multiple, start)
            self.advance()
            return lambda scope: value
        if kind == "name" or (kind == "word" and token in self.bare_names):
            self.names.add(token)
            self.advance()
            return _lookup(token, start)
        if kind == "word":
            return self._word(token, start)
        if self.take("("):
            inner = self.ternary()
            self._close(start)
            return inner
        if not kind:
            raise ExpressionError(f"the expression {quote(self.text)} ends too early", start)
        raise ExpressionError(f"unexpected {quote(token)} in the expression {quote(self.text)}", start)

    def _word(self, token: str, start: int) -> Evaluator:
        self.advance()
        if token in ("true", "false"):
            value = token == "true"
            return lambda scope: value
        if token in FUNCTIONS and self.token == "(":
            self.advance()
            arguments = [self.ternary()]
            while self.take(","):
                arguments.append(self.ternary())
            self._close(start)
            return _call(token, arguments, start)
        if token in _KEYWORDS:
            raise ExpressionError(f"unexpected '{token}' in the expression {quote(self.text)}", start)
        hint = unknown_word(token, self.token == "(", FUNCTIONS, self.bare_names)
        raise ExpressionError(f"unknown word {quote(token)} in an expression", start, hint)

    def _close(self, start: int) -> None:
        if not self.take(")"):
            hint = None
            if not self.kind:
                hint = "inside { } and [ ] a comma ends the value: put the expression in quotes"
            raise ExpressionError(f"'(' is not closed in the expression {quote(self.text)}", start, hint)


def _literal(token: str, multiple: str, start: int) -> Exact:
    if len(token) > 16 and "." not in token:
        raise too_many_digits(token, start)
    if len(token) > 1 and token[0] == "0" and token[1].isdigit():
        decimal = token.lstrip("0") or "0"
        raise ExpressionError(f"a number can't start with 0: {quote(token)}", start, f"write {decimal}")
    if token.isdigit():
        return _bounded(int(token) * _SIZES.get(multiple, 1), start)
    if token.count(".") > 1 or token.endswith(".") or token.startswith("."):
        raise ExpressionError(f"{quote(token)} is not a number", start)
    exponent = re.search(r"[eE]([+-]?\d+)$", token)
    if len(token) > 40 or (exponent and abs(int(exponent[1])) > 18):
        raise too_many_digits(token, start)
    from fractions import Fraction

    return _bounded(whole(Fraction(token) * _SIZES.get(multiple, 1)), start)


def _bounded(value: Exact, start: int) -> Exact:
    if not -NUMBER_LIMIT <= value <= NUMBER_LIMIT:
        raise ExpressionError("the number is larger than 10^15", start)
    if value.denominator > NUMBER_LIMIT:
        raise ExpressionError("the fraction is finer than 1/10^15", start)
    return value


def describe(value: ExprValue) -> str:
    """What a value is, for a message: ``the word 'bn'``, ``3``, ``1.5``, ``true``, ``a list``."""
    if isinstance(value, str):
        return f"the word {quote(value)}"
    return "a list" if isinstance(value, tuple) else show(value)


def _number(value: ExprValue, start: int) -> Exact:
    if isinstance(value, (bool, str, tuple)):
        raise ExpressionError(f"expected a number, not {describe(value)}", start)
    return value  # type: ignore[no-any-return]


def _truth(value: ExprValue, start: int) -> bool:
    if not isinstance(value, bool):
        raise ExpressionError(f"expected true or false, not {describe(value)}", start)
    return value


def truth(expression: Expression, scope: Scope) -> bool:
    """The value of a condition.

    Raises:
        ExpressionError: it is not true or false.
    """
    return _truth(expression.evaluate(scope), 0)


class _Figures(NamedTuple):
    """Figures by name, as the names of a condition."""

    by_name: Mapping[str, Any]

    def lookup(self, name: str) -> Any:
        return self.by_name[name]


def condition(text: str, names: Iterable[str]) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a condition holds of figures by name, for example ``params < 10M and macs < 1G``.

    Raises:
        UsageError: the text is no expression of the ``names``; or, when it is called, it is neither true nor false.
    """
    try:
        expression = parse(text, names)
    except ExpressionError as error:
        raise UsageError(f"--filter: {error.message} at character {error.offset + 1}", None, error.hint) from None

    def holds(figures: Mapping[str, Any]) -> bool:
        try:
            return truth(expression, _Figures(figures))
        except ExpressionError as error:
            raise UsageError(f"--filter: {error.message}", None, "for example 'params < 10M and macs < 1G'") from None

    return holds


def _lookup(name: str, start: int) -> Evaluator:
    def evaluate(scope: Scope) -> ExprValue:
        try:
            return scope.lookup(name)
        except ExpressionError as error:
            error.offset = start
            raise

    return evaluate


def _either(left: Evaluator, right: Evaluator, start: int) -> Evaluator:
    return lambda scope: _truth(left(scope), start) or _truth(right(scope), start)


def _both(left: Evaluator, right: Evaluator, start: int) -> Evaluator:
    return lambda scope: _truth(left(scope), start) and _truth(right(scope), start)


def _comparison(operator: str, left: Evaluator, right: Evaluator, start: int) -> Evaluator:
    compare = _COMPARISONS[operator]

    def evaluate(scope: Scope) -> bool:
        a, b = left(scope), right(scope)
        if not (isinstance(a, bool) and isinstance(b, bool) and operator in ("==", "!=")):
            _number(a, start), _number(b, start)
        return compare(a, b)

    return evaluate


def _binary(operator: str, left: Evaluator, right: Evaluator, start: int) -> Evaluator:
    compute = _OPERATORS[operator]

    def evaluate(scope: Scope) -> Exact:
        a, b = left(scope), right(scope)
        if type(a) is not int or type(b) is not int:
            _number(a, start), _number(b, start)
        try:
            return _bounded(compute(a, b), start)
        except ZeroDivisionError:
            raise ExpressionError(f"division by zero: {show(a)} {operator} {show(b)}", start) from None
        except ValueError as error:
            raise ExpressionError(str(error), start) from None

    return evaluate


def _call(name: str, arguments: list[Evaluator], start: int) -> Evaluator:
    function, least, most = FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        wanted = str(least) if least == most else f"{least} to {most}"
        raise ExpressionError(f"{name}() takes {wanted} argument{'s' * (most > 1)}, but got {len(arguments)}", start)

    def evaluate(scope: Scope) -> Exact:
        values = [_number(argument(scope), start) for argument in arguments]
        try:
            return _bounded(function(*values), start)
        except (ValueError, ZeroDivisionError) as error:
            raise ExpressionError(f"{name}(): {error}", start) from None

    return evaluate


def _divide(a: Exact, b: Exact) -> Exact:
    from fractions import Fraction

    return whole(Fraction(a) / b)


def _power(a: Exact, b: Exact) -> Exact:
    if not isinstance(b, int) or abs(b) > EXPONENT_LIMIT:
        raise ValueError(f"an exponent is a whole number up to {EXPONENT_LIMIT}, not {show(b)}")
    if b < 0:
        return _divide(1, _power(a, -b))
    return whole(a**b)


def _log2(x: Exact) -> Exact:
    from fractions import Fraction

    if x <= 0:
        raise ValueError(f"{show(x)} is not positive")
    power = max(x.numerator, x.denominator).bit_length() - 1
    if x in (2**power, Fraction(1, 2**power)):
        return power if x >= 1 else -power
    return Fraction(math.log2(x)).limit_denominator(10**12)


def divisible(x: Exact, d: Exact) -> int:
    """``x`` rounded to the nearest multiple of ``d``, at least ``d`` and never more than 10% below ``x``.

    The rule of MobileNet and its descendants (Sandler et al. 2018, the authors' ``make_divisible``).
    """
    if not isinstance(d, int) or d < 1:
        raise ValueError(f"the divisor must be a whole number of at least 1, not {show(d)}")
    rounded = max(d, int(x + _divide(d, 2)) // d * d)
    return rounded + d if 10 * rounded < 9 * x else rounded


def div8(x: Exact) -> int:
    """``divisible(x, 8)``."""
    return divisible(x, 8)


#: name: (function, fewest arguments, most arguments)
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "min": (lambda *values: min(values), 1, 16),
    "max": (lambda *values: max(values), 1, 16),
    "floor": (math.floor, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "round": (round, 1, 1),
    "abs": (abs, 1, 1),
    "log2": (_log2, 1, 1),
    "div8": (div8, 1, 1),
    "divisible": (divisible, 2, 2),
}

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<=": lambda a, b: bool(a <= b),
    ">=": lambda a, b: bool(a >= b),
    "<": lambda a, b: bool(a < b),
    ">": lambda a, b: bool(a > b),
}

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: whole(a + b),
    "-": lambda a, b: whole(a - b),
    "*": lambda a, b: whole(a * b),
    "/": _divide,
    "//": lambda a, b: a // b,
    "%": lambda a, b: whole(a % b),
    "**": _power,
}
