"""Python data to the text of a spec: an entry a line, so that a problem's line leads back to a path into the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from json import dumps
from operator import index

from cnncalc.errors import LimitError, Location, SpecError
from cnncalc.spec.reader import DEPTH_LIMIT, NODE_LIMIT


def written(value: object, name: str, path: str = "") -> tuple[bytes, list[str]]:
    """Data as YAML, and for each line the path of what it holds, as in ``layers[2].conv``.

    Args:
        value: mappings, lists, texts, numbers and truth values.
        name: what messages call it.
        path: where it lies.

    Raises:
        SpecError: something in it has no form in YAML.
        LimitError: it is too deep or too large.
    """
    text = _Text(name)
    text.add(value, path, "", "", 0)
    return "\n".join(text.lines).encode("utf-8", "surrogatepass"), text.paths


class _Text:
    """The lines so far, and their paths."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: list[str] = []
        self.paths: list[str] = []

    def line(self, text: str, path: str) -> None:
        self.lines.append(text)
        self.paths.append(path)

    def add(self, value: object, path: str, before: str, after: str, depth: int) -> None:
        """Appends ``value`` between ``before`` and ``after``."""
        place = Location(self.name, len(self.lines) + 1, 1, path)
        if depth > DEPTH_LIMIT:
            raise LimitError(f"nested more than {DEPTH_LIMIT} levels deep", place)
        if len(self.lines) > NODE_LIMIT:
            raise LimitError(f"more than {NODE_LIMIT:,} nodes", place)
        if isinstance(value, Mapping):
            start, end = "{", "}"
            items = [(_key(key, place), f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
        elif isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
            start, end = "[", "]"
            items = [("", f"{path}[{number}]", item) for number, item in enumerate(value)]
        else:
            self.line(f"{before}{_scalar(value, place)}{after}", path)
            return
        self.line(before + start, path)
        for number, (lead, inside, item) in enumerate(items, 1):
            self.add(item, inside, lead, "," if number < len(items) else "", depth + 1)
        self.line(end + after, path)


def _key(key: object, place: Location) -> str:
    if not isinstance(key, str):
        raise SpecError(f"a key must be a word, but this is of the type {type(key).__name__}", place)
    return f"{dumps(key, ensure_ascii=False)}: "


def _scalar(value: object, place: Location) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return float.__repr__(value)
    try:
        return str(index(value))  # type: ignore[arg-type]
    except TypeError:
        raise SpecError(f"a value of the type {type(value).__name__} has no form in YAML", place) from None
    except ValueError:  # Python's own limit
        raise LimitError("the number has too many digits", place) from None
