"""The errors a user can meet, where they point, and the one formatter that writes them.

Rules raise the short half ("groups must divide the input channels, but 3 does not divide 64"); one outer place
adds the path and the :class:`Location`. Nothing here prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

MESSAGE_LIMIT = 400
SHOWN_ERRORS = 20

#: a longer word is compared with nothing, and none with more candidates: comparing takes time
WORD_LIMIT = 64
CANDIDATE_LIMIT = 500

#: what to do about an error, or a function that works it out once it is shown (many errors are only counted)
Hint = str | Callable[[], str | None] | None


class Location(NamedTuple):
    """A place in a text: ``line`` and ``column`` count from 1, the column in characters.

    ``path`` is that into the Python data that the text was made from, as in ``layers[2].conv``; else empty.
    """

    file: str
    line: int
    column: int
    path: str = ""

    @property
    def text(self) -> str:
        """Its line as it was read; empty where that is not known, or not to be shown."""
        return ""

    def __str__(self) -> str:
        file = escape(self.file)
        if self.path:
            return f"{file}: {escape(self.path)}"
        return f"{'./' if file.lstrip().startswith(':') else ''}{file}:{self.line}:{self.column}"


class CnncalcError(Exception):
    """The root of every error raised on purpose. ``exit_code`` is what the command line ends with."""

    exit_code = 2

    def __init__(self, message: str, location: Location | None = None, hint: Hint = None) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.advice = hint

    @property
    def hint(self) -> str | None:
        """What to do about it, if anything is known."""
        return self.advice() if callable(self.advice) else self.advice

    @property
    def errors(self) -> tuple[CnncalcError, ...]:
        """The single problems: itself, or the parts of a :class:`SpecErrors`."""
        return (self,)

    def __str__(self) -> str:
        return "\n".join(format_errors(self))


class SpecError(CnncalcError):
    """A spec says something that the language does not allow; ``location`` points at it."""


class SpecSyntaxError(SpecError):
    """The text is not the YAML that the language accepts: encoding, syntax, tags, aliases, duplicate keys."""


class LimitError(SpecError):
    """An input is past a documented limit: bytes, nesting, nodes, layers, steps, size of a number."""


class ExpressionError(SpecError):
    """An expression can't be read or evaluated. ``offset`` is the character inside its text."""

    def __init__(self, message: str, offset: int = 0, hint: Hint = None) -> None:
        super().__init__(message, None, hint)
        self.offset = offset


class ShapeError(SpecError):
    """An operator refuses its input: the law, and both values."""


class SpecErrors(SpecError):
    """Several independent problems of one spec, in the order of the text."""

    def __init__(self, errors: Iterable[CnncalcError]) -> None:
        self._errors = tuple(error for group in errors for error in group.errors)
        super().__init__(f"{len(self._errors)} problems", self._errors[0].location)

    @property
    def errors(self) -> tuple[CnncalcError, ...]:
        return self._errors


class SpecNotFoundError(CnncalcError):
    """No spec has the name, or the path can't be read as one."""


class UsageError(CnncalcError):
    """A wrong call: an unknown column, format, data type, variable, or a value out of range."""


class EnvironmentFailure(CnncalcError):
    """The machine failed: a file that can't be written, standard output gone, an optional package missing."""

    exit_code = 3


def escape(text: str) -> str:
    """``text`` as printable ASCII: everything else as a backslash escape, so that no message can forge output.

    That goes for ``##[`` too: on GitHub's runner it is a command, wherever it stands in a line.
    """
    text = text.replace("##[", "#\\x23[")
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def quote(value: object) -> str:
    """How a message cites what a user gave: escaped, cut at 60 characters; a text in single quotes."""
    shown = escape(value if isinstance(value, str) else repr(value))
    shown = f"{shown[:57]}..." if len(shown) > 60 else shown
    return f"'{shown}'" if isinstance(value, str) else shown


def listing(words: Iterable[str], conjunction: str = "and") -> str:
    """``a, b and c``."""
    shown = list(words)
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {conjunction} {shown[-1]}"


def suggest(given: object, candidates: Iterable[str]) -> str | None:
    """A hint that names what was meant by ``given``: at most five candidates, nearest first; None without one."""
    from difflib import get_close_matches

    word = given if isinstance(given, str) else ""
    known = sorted(set(candidates))
    near = [name for name in known if name.lower() == word.lower()]
    if not near and len(word) <= WORD_LIMIT:
        alike = [name for name in known if len(name) <= 2 * len(word) + 1]
        near = get_close_matches(word, alike[:CANDIDATE_LIMIT], n=5, cutoff=0.6)
    if near:
        return f"did you mean {listing(near[:5], 'or')}?"
    return f"one of: {', '.join(known)}" if 0 < len(known) <= 5 else None


def check_word(what: str, word: object, known: Iterable[str]) -> None:
    """Refuses a ``word`` that is none of the ``known``, with a suggestion; ``what`` it is stands in the message.

    Raises:
        UsageError: it is none of them.
    """
    names = list(known)
    if not isinstance(word, str) or word not in names:
        raise UsageError(f"unknown {what} {quote(word)}", None, suggest(word, names) or f"one of: {', '.join(names)}")


def check_whole(what: str, value: object, least: int, most: int | None = None) -> None:
    """Refuses a ``value`` that is no whole number from ``least`` to ``most``; ``what`` it is stands in the message.

    Raises:
        UsageError: it is none.
    """
    if type(value) is not int or value < least or (most is not None and value > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most:,}"
        raise UsageError(f"{what} must be a whole number {limits}, not {quote(value)}")


def check_flag(what: str, value: object) -> None:
    """Refuses a ``value`` that is no truth value; ``what`` it is stands in the message.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(value, bool):
        raise UsageError(f"{what} must be True or False, not {quote(value)}")


def checked_words(what: str, value: object) -> tuple[str, ...]:
    """The words of a list; ``what`` it is stands in the message.

    Raises:
        UsageError: it is no list of words; a single word is none.
    """
    if not isinstance(value, (list, tuple)) or not all(isinstance(word, str) for word in value):
        raise UsageError(f"{what} is a list of words, not {quote(value)}")
    return tuple(value)


def format_error(error: CnncalcError) -> str:
    """``FILE:LINE:COLUMN: error: MESSAGE (hint: ...)`` on one line of printable ASCII, cut at 400 characters."""
    hint = error.hint
    text = escape(error.message) + (f" (hint: {escape(hint)})" if hint else "")
    if len(text) > MESSAGE_LIMIT:
        text = text[: MESSAGE_LIMIT - 3] + "..."
    return f"{error.location}: error: {text}" if error.location else f"error: {text}"


def format_errors(error: CnncalcError) -> list[str]:
    """One line a problem, the first twenty, then how many more there are."""
    lines = [format_error(single) for single in error.errors[:SHOWN_ERRORS]]
    more = len(error.errors) - SHOWN_ERRORS
    return [*lines, f"and {more} more"] if more > 0 else lines


def error_payload(error: CnncalcError) -> dict[str, Any]:
    """The errors as data, ``cnncalc.error/1``."""
    return {
        "schema": "cnncalc.error/1",
        "exit_code": error.exit_code,
        "errors": [
            {
                "file": single.location.file if single.location else None,
                "line": single.location.line if single.location else None,
                "column": single.location.column if single.location else None,
                "message": single.message,
                "hint": single.hint,
            }
            for single in error.errors
        ],
    }
