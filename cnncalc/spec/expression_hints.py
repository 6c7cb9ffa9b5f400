"""What is wrong with a text that is no expression, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Collection

from cnncalc.errors import ExpressionError, quote, suggest

#: characters that other languages have, and what this one has for them
_INSTEAD = {
    "^": "write **",
    "=": "write ==",
    "&": "write and",
    "|": "write or",
    "!": "write not",
    "[": "lists are for stages, which take a value for each; elsewhere a value has a variable of its own",
    '"': 'quotes go around the whole item: "inner=max(32, $w)"',
    "'": "quotes go around the whole item: 'inner=max(32, $w)'",
}
_SPELLINGS = frozenset({"true", "false", "yes", "no", "on", "off"})
#: numbers as other languages write them; none is an expression
_ODD_NUMBER = r"[+-]?0[xob]\w*|[+][\d.]+|[+-]?\d+_[\d_]*|\d+(:\d+)+|[+-]?\.(inf|nan)|-?\.\d+|-?\d+\."


def odd_number(text: str) -> ExpressionError | None:
    """The error for a number in the notation of another language, with the decimal where that is plain; else None."""
    if not re.fullmatch(_ODD_NUMBER, text, re.ASCII | re.IGNORECASE):
        return None
    return ExpressionError(f"{quote(text)} is not a valid number", 0, _decimal(text))


def _decimal(text: str) -> str:
    text = text.replace("_", "").lstrip("+").lower()
    if text.endswith(("inf", "nan")):
        return "numbers are finite, at most 10^15"
    if "." in text and text.count(".") == 1:
        whole, _, decimals = text.partition(".")
        return f"write {whole if whole.strip('-') else whole + '0'}{'.' * bool(decimals)}{decimals}"
    try:
        return f"write {int(text, 0)}" if len(text) <= 16 else "write numbers in decimal digits"
    except ValueError:
        return "write numbers in decimal digits"


def too_many_digits(token: str, start: int) -> ExpressionError:
    """The error for a number of more digits than 10^15 has."""
    return ExpressionError(f"too many digits: {quote(token)}", start, "numbers go up to 10^15")


def unreadable(text: str, start: int) -> ExpressionError:
    """The error for a character that begins no token."""
    character = text[start]
    hint = None
    if character.isascii():
        shown = quote(character)
        hint = _INSTEAD.get(character)
    else:
        from unicodedata import digit

        shown = f"U+{ord(character):04X}"
        if character.isdigit():
            hint = f"write {digit(character)}"
    return ExpressionError(f"{shown} is not allowed in the expression {quote(text)}", start, hint)


def unknown_word(word: str, called: bool, functions: Collection[str], bare_names: Collection[str]) -> str | None:
    """A hint for a word that the language lacks; ``called`` tells that a parenthesis follows."""
    if bare_names:
        return suggest(word, bare_names) or f"one of: {', '.join(sorted(bare_names))}"
    if word in functions:
        return f"write {word}(...)"
    if word.lower() in _SPELLINGS:
        return "write true or false"
    return suggest(word, functions) if called else f"write ${word}"
