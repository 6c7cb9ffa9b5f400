"""Python text: names that are legal, text that stays inside its quotes, and lines broken as formatters break them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from keyword import iskeyword
from textwrap import wrap
from typing import NamedTuple

WIDTH = 88
INDENT = 4

_QUOTES = '"' * 3


class Group(NamedTuple):
    """A bracket with items: ``prefix`` ends with the opening bracket. What does not fit a line goes to indented lines:
    of a call all items on one if they fit, else one each.
    """

    prefix: str
    items: tuple[Doc, ...]
    close: str = ")"
    call: bool = True
    separator: str = ","


Doc = str | Group


def flat(doc: Doc) -> str:
    """The text on one line."""
    if isinstance(doc, str):
        return doc
    return f"{doc.prefix}{f'{doc.separator} '.join(map(flat, doc.items))}{doc.close}"


def lines(doc: Doc, indent: int, suffix: str = "") -> list[str]:
    """The text on as many lines as it needs; ``suffix`` follows on the last one."""
    margin = " " * indent
    one = flat(doc)
    if isinstance(doc, str) or not doc.items or indent + len(one) + len(suffix) <= WIDTH:
        return [margin + one + suffix]
    inner = indent + INDENT
    body = f"{doc.separator} ".join(map(flat, doc.items))
    if doc.call and inner + len(body) <= WIDTH:
        inside = [" " * inner + body]
    elif doc.call and len(doc.items) == 1:
        inside = lines(doc.items[0], inner)
    else:
        inside = [line for item in doc.items for line in lines(item, inner, doc.separator.strip())]
    return [margin + doc.prefix, *inside, margin + doc.close + suffix]


def prefixed(prefix: str, doc: Doc, suffix: str = "") -> Doc:
    """``prefix`` before and ``suffix`` behind a text."""
    if isinstance(doc, str):
        return f"{prefix}{doc}{suffix}"
    return doc._replace(prefix=prefix + doc.prefix, close=doc.close + suffix)


def statement(prefix: str, doc: Doc, indent: int = 2 * INDENT) -> list[str]:
    """``prefix`` and a text as a line of a method."""
    return lines(prefixed(prefix, doc), indent)


def is_plain(name: str) -> bool:
    """Whether a name can stand after a dot and before an equals sign; two leading underscores would be mangled."""
    return name.isidentifier() and not iskeyword(name) and not name.startswith("__")


def attribute(name: str) -> str:
    """``.conv1``, or what finds the module of a name that is no attribute's."""
    return f".{name}" if is_plain(name) else f'.get_submodule("{name}")'


def variable(name: str) -> str:
    """A name for a local variable."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_") or "y"
    if word[0].isdigit():
        word = f"y{word}"
    return word + "_" if iskeyword(word) or word in _LOCAL or (len(word) == 1 and word in "lOIi") else word


_LOCAL = frozenset(("self", "super", "torch", "nn", "functional", "range", "reduce", "log", "float", "share", "int"))


def camel(name: str) -> str:
    """``UnetSmall`` of unet_small."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    return "".join(word[:1].upper() + word[1:] for word in words)


def literal(value: object) -> str:
    """A plain value as Python."""
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' * (len(value) == 1)})"
    return repr(value)


class Code(str):
    """Text that is an expression already."""

    __slots__ = ()


def quoted(text: str) -> str:
    """Text for the inside of a docstring, on one line: nothing in it can end the string or be an escape."""
    words = " ".join("".join(c if c.isprintable() or c.isspace() else _escaped(c) for c in text).split())
    words = re.sub('^"+|"+$|"""+', lambda match: "'" * len(match[0]), words)
    return words.replace("\\", "\\\\")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def docstring(paragraphs: Iterable[str], indent: int) -> list[str]:
    """Quoted paragraphs as a docstring."""
    margin = " " * indent
    width = WIDTH - indent - 2 * len(_QUOTES)
    text: list[str] = []
    for paragraph in paragraphs:
        block = wrap(paragraph, width, break_long_words=False, break_on_hyphens=False)
        text += ["", *block] if text and block else block
    if len(text) == 1:
        return [margin + _QUOTES + text[0] + _QUOTES]
    return [(margin + line).rstrip() for line in [_QUOTES + text[0], *text[1:], _QUOTES]]


def joined(operands: Sequence[str], operator: str, prefix: str, indent: int = 2 * INDENT) -> list[str]:
    """A chain of operands as a line, or in parentheses."""
    one = f" {operator} ".join(operands)
    if indent + len(prefix) + len(one) <= WIDTH:
        return [" " * indent + prefix + one]
    inner = " " * (indent + INDENT)
    if len(inner) + len(one) <= WIDTH:
        inside = [inner + one]
    else:
        inside = [inner + operands[0], *(f"{inner}{operator} {operand}" for operand in operands[1:])]
    return [f"{' ' * indent}{prefix}(", *inside, " " * indent + ")"]
