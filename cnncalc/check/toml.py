"""TOML to marked nodes, so that a configuration's mistakes have places as a spec's have.

``tomllib`` decides what is TOML and what it means, and says nothing of places; a pass over the text before it finds
them, and keeps what takes long to read within limits. A key it loses stands where its table does.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from typing import Any

from cnncalc.errors import LimitError, Location, SpecError
from cnncalc.spec.reader import BYTE_LIMIT, NODE_LIMIT, MappingNode, Scalar, SequenceNode, Source, YamlNode

#: tables and lists inside one another; the parts of a dotted key count too
DEPTH_LIMIT = 16
#: characters of a number or date
NUMBER_LIMIT = 1_000

_BLANK = re.compile(r"[ \t\n]+|#[^\n]*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
#: what opens a string, a piece of it, and what closes it; piece by piece, since one pattern would remember each
_STRINGS = (
    ('"""', re.compile(r'[^"\\]+|\\.|"{1,2}(?!")', re.DOTALL), re.compile('"{3,5}')),
    ("'''", re.compile(r"[^']+|'{1,2}(?!')"), re.compile("'{3,5}")),
    ('"', re.compile(r'[^"\\\n]+|\\.'), re.compile('"')),
    ("'", re.compile(r"[^'\n]+"), re.compile("'")),
)
_NUMBER = re.compile(r"[^,\]}#\n]+")
_AT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

#: the keys, and the numbers of items, that lead to a value
Path = tuple[str | int, ...]


def read(data: bytes, name: str) -> MappingNode:
    """The marked tree of a TOML document.

    Args:
        data: the file's bytes, at most :data:`~cnncalc.spec.reader.BYTE_LIMIT` (a reader stops one byte later).
        name: what messages call the file.

    Raises:
        LimitError: too many bytes, keys, items or levels, or a number too long.
        SpecError: the text is not TOML.
    """
    if len(data) > BYTE_LIMIT:
        raise LimitError(f"the file has more than {BYTE_LIMIT:,} bytes", Location(name, 1, 1))
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig").replace("\r\n", "\n")
        place = Location(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise SpecError(f"not UTF-8: byte 0x{data[error.start]:02x}", place, "save it as UTF-8") from None
    places = _Places(text, name)
    places.find()
    try:
        values = _loads(text)
    except ValueError as error:
        found = _AT.fullmatch(str(error))
        message = found[1] if found else str(error)
        if found and found[2]:
            place = Location(name, int(found[2]), int(found[3]))
        else:
            place = places.location(len(text) if found else 0)
        raise SpecError(f"not TOML: {message[:1].lower()}{message[1:]}", place) from None
    return _table(values, (), places, Source(name, text, data), Location(name, 1, 1))


def _loads(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


class _LostError(Exception):
    """The text is not what the pass expects; ``tomllib`` says what is wrong with it."""


class _Places:
    """Where the keys and values of a text begin, by path; ``find`` fills both."""

    def __init__(self, text: str, name: str) -> None:
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, int] = {}
        self._text = text
        self._name = name
        self._at = 0
        self._found = 0
        self._tables: dict[Path, int] = {}  # how many tables each list of tables has so far
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]

    def location(self, offset: int) -> Location:
        """The line and column of a place in the text."""
        line = bisect_right(self._lines, offset)
        return Location(self._name, line, offset - self._lines[line - 1] + 1)

    def find(self) -> None:
        """One pass over the text, up to its end or its first mistake.

        Raises:
            LimitError: past a limit.
        """
        table: Path = ()
        try:
            self._skip_all(_BLANK)
            while self._at < len(self._text):
                if self._text[self._at] == "[":
                    table = self._header()
                else:
                    self._pair(table)
                self._skip_all(_BLANK)
        except _LostError:
            return

    def _skip(self, pattern: re.Pattern[str]) -> str:
        """Goes past what matches here."""
        found = pattern.match(self._text, self._at)
        if not found:
            raise _LostError
        self._at = found.end()
        return found[0]

    def _skip_all(self, pattern: re.Pattern[str]) -> None:
        """Goes past what matches here, as often as it does."""
        while found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _take(self, mark: str) -> bool:
        """Goes past a mark if it stands here."""
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True

    def _within(self, path: Path) -> Path:
        if len(path) > DEPTH_LIMIT:
            raise LimitError(f"more than {DEPTH_LIMIT} levels of tables and lists", self.location(self._at))
        return path

    def _count(self) -> None:
        """One more key, part of a key or item of a list."""
        self._found += 1
        if self._found > NODE_LIMIT:
            raise LimitError(f"more than {NODE_LIMIT:,} keys and items", self.location(self._at))

    def _header(self) -> Path:
        """``[a.b]`` or ``[[a.b]]``: the path of the table that it opens."""
        start = self._at
        many = self._take("[[")
        if not many:
            self._take("[")
        parts = self._key(())
        path: Path = ()
        for number, (part, offset) in enumerate(parts, 1):
            path = self._within((*path, part))
            self.keys.setdefault(path, offset)
            if path in self._tables and not (many and number == len(parts)):
                path = self._within((*path, self._tables[path] - 1))
            self.values.setdefault(path, start)
        if many:
            count = self._tables.get(path, 0)
            self._tables[path] = count + 1
            path = self._within((*path, count))
        self.values[path] = start
        if not self._take("]]" if many else "]"):
            raise _LostError
        return path

    def _key(self, table: Path) -> list[tuple[str, int]]:
        """A key, dotted or not: its parts and where each begins."""
        parts: list[tuple[str, int]] = []
        while True:
            self._skip(_SPACE)
            self._count()
            start = self._at
            if self._string():
                raw = self._text[start : self._at]
                try:
                    part = str(_loads(f"key = {raw}")["key"]) if "\\" in raw else raw[1:-1]
                except ValueError:
                    raise _LostError from None
            else:
                part = self._skip(_BARE)
            parts.append((part, start))
            self._within((*table, *(part for part, _ in parts)))
            self._skip(_SPACE)
            if not self._take("."):
                return parts

    def _pair(self, table: Path) -> None:
        """``key = value``."""
        path = table
        parts = self._key(table)
        for part, offset in parts:
            path = (*path, part)
            self.keys.setdefault(path, offset)
            self.values.setdefault(path, offset)
        if not self._take("="):
            raise _LostError
        self._skip(_SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        self.values[path] = start = self._at
        if self._take("["):
            self._items(path)
        elif self._take("{"):
            self._entries(path)
        elif not self._string() and len(self._skip(_NUMBER)) > NUMBER_LIMIT:
            raise LimitError(f"a number of more than {NUMBER_LIMIT:,} characters", self.location(start))

    def _string(self) -> bool:
        """Goes past a string if one stands here."""
        for mark, piece, closing in _STRINGS:
            if self._take(mark):
                self._skip_all(piece)
                self._skip(closing)
                return True
        return False

    def _items(self, path: Path) -> None:
        """The rest of ``[1, 2]``."""
        number = 0
        self._skip_all(_BLANK)
        while not self._take("]"):
            self._count()
            self._value(self._within((*path, number)))
            number += 1
            self._skip_all(_BLANK)
            self._take(",")
            self._skip_all(_BLANK)

    def _entries(self, path: Path) -> None:
        """The rest of ``{a = 1, b = 2}``."""
        self._skip_all(_BLANK)
        while not self._take("}"):
            self._pair(path)
            self._skip_all(_BLANK)
            self._take(",")
            self._skip_all(_BLANK)


def _table(values: dict[str, Any], path: Path, places: _Places, source: Source, place: Location) -> MappingNode:
    """A table as a marked node; what the pass lost stands at ``place``, where the table does."""
    mapping = MappingNode(source, place.line, place.column, flow=False)
    for name, value in values.items():
        inner = (*path, name)
        at = places.location(places.keys[inner]) if inner in places.keys else place
        key = Scalar(source, at.line, at.column, name, plain=True)
        mapping.entries[name] = (key, _node(value, inner, places, source, at))
    return mapping


def _node(value: Any, path: Path, places: _Places, source: Source, around: Location) -> YamlNode:
    """A value as a marked node. Text is a scalar that is not ``plain``; a number, a date and a truth value are."""
    place = places.location(places.values[path]) if path in places.values else around
    if isinstance(value, dict):
        return _table(value, path, places, source, place)
    if isinstance(value, list):
        sequence = SequenceNode(source, place.line, place.column, flow=False)
        sequence.items += [_node(item, (*path, i), places, source, place) for i, item in enumerate(value)]
        return sequence
    return Scalar(source, place.line, place.column, _text(value), plain=not isinstance(value, str))


def _text(value: Any) -> str:
    """A value that is no collection, as the language of specs writes it: ``true``, ``26000000``, ``1.5``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)
