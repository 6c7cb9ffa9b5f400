"""TOML to marked nodes, so that mistakes in a configuration have places as mistakes in a spec have.

``tomllib`` decides what is TOML and what it means. It tells no places: they are looked up in the text, by the header
of the table and the key. What is not found (a key with escapes) stands where its table does.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from cnncalc.errors import LimitError, SpecError
from cnncalc.spec.reader import MappingNode, Scalar, SequenceNode, Source, YamlNode, decoded

#: parts of a dotted key; tomllib takes time in the square of them
PART_LIMIT = 64

_PART = r"""("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[\w-]+)[ \t]*"""
_PARTS = re.compile(_PART)
_KEYS = re.compile(rf"(?:^|[{{,.])[ \t]*{_PART}(?=[.=])", re.MULTILINE)
_HEADERS = re.compile(rf"^[ \t]*\[\[?[ \t]*((?:{_PART}\.[ \t]*)*{_PART})\]", re.MULTILINE)
_LONG = re.compile(rf"(?:^|[\[{{,])[ \t]*(?:{_PART}\.[ \t]*){{{PART_LIMIT}}}", re.MULTILINE)
_AT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

#: the keys that lead to a table
Path = tuple[str, ...]


def read(data: bytes, name: str) -> MappingNode:
    """The marked tree of a TOML document.

    Args:
        data: the file's bytes, at most :data:`~cnncalc.spec.reader.BYTE_LIMIT` (a reader stops one byte later).
        name: what messages call the file.

    Raises:
        LimitError: too many bytes, parts of a key, levels or digits.
        SpecError: the text is not UTF-8 or not TOML.
    """
    text = decoded(data, name)
    source = Source(name, text, data)
    tree = _Tree(source)
    if long := _LONG.search(text):
        line, column = tree.position(long.start())
        raise LimitError(f"a key has more than {PART_LIMIT} parts", source.place(line, column))
    try:
        return tree.table(_loads(text), (), -1, len(text))
    except RecursionError:
        raise LimitError("tables and lists are nested too deep", source.place(1, 1)) from None
    except ValueError as error:
        found = _AT.fullmatch(str(error))
        if not found:  # Python's own limit of digits
            raise LimitError("a number has too many digits", source.place(1, 1)) from None
        line, column = (int(found[2]), int(found[3])) if found[2] else tree.position(len(text))
        message = f"not TOML: {found[1][:1].lower()}{found[1][1:]}"
        raise SpecError(message, source.place(line, column)) from None


def _loads(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


class _Tree:
    """Makes the nodes of one text, each with the offset at which its key or header was found."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lines = [0, *(found.end() for found in re.finditer("\n", source.text))]
        self._headers: dict[Path, list[int]] = {}
        self._keys: dict[str, list[int]] = {}
        self._tables: list[int] = []
        for found in _HEADERS.finditer(source.text):
            path = tuple(map(_unquoted, _PARTS.findall(found[1])))
            self._headers.setdefault(path, []).append(found.start())
            self._tables.append(found.start())
        for found in _KEYS.finditer(source.text):
            self._keys.setdefault(_unquoted(found[1]), []).append(found.start(1))

    def position(self, offset: int) -> tuple[int, int]:
        """The line and column of an offset."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def table(self, values: Mapping[str, Any], path: Path, at: int, end: int) -> MappingNode:
        """A table that is opened at an offset (-1: by the text itself) and ends before another."""
        mapping = MappingNode(self._source, *self.position(max(at, 0)), flow=False)
        body = _next(self._tables, at + 1, end, end)
        for key, value in values.items():
            inner = (*path, key)
            place = _next(self._headers.get(inner, ()), at, end, _next(self._keys.get(key, ()), at, body, at))
            scalar = Scalar(self._source, *self.position(max(place, 0)), key, plain=True)
            mapping.entries[key] = (scalar, self._node(value, inner, place, end))
        return mapping

    def _node(self, value: Any, path: Path, at: int, end: int) -> YamlNode:
        """A value whose key is found at an offset. Text is a scalar that is not ``plain``; all else is."""
        if isinstance(value, dict):
            return self.table(value, path, at, end)
        line, column = self.position(max(at, 0))
        if isinstance(value, list):
            headers = self._headers.get(path, [])
            starts = headers[bisect_left(headers, at) : bisect_left(headers, end)]
            starts = starts if len(starts) == len(value) else [at] * len(value)
            sequence = SequenceNode(self._source, line, column, flow=False)
            for item, start, stop in zip(value, starts, [*starts[1:], end], strict=False):
                sequence.items.append(self._node(item, path, start, stop))
            return sequence
        return Scalar(self._source, line, column, _text(value), plain=not isinstance(value, str))


def _next(offsets: Sequence[int], start: int, end: int, otherwise: int) -> int:
    """The first of the offsets from ``start`` on, if it is before ``end``."""
    index = bisect_left(offsets, start)
    return offsets[index] if index < len(offsets) and offsets[index] < end else otherwise


def _unquoted(key: str) -> str:
    return key[1:-1] if key[0] in "\"'" else key


def _text(value: Any) -> str:
    """A value that is no collection, as the language of specs writes it: ``true``, ``26000000``, ``1.5``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
