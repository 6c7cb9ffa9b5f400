"""``specs/index.json``: the totals of every network of the zoo, so that ``cnncalc list`` need not compute them.

A line holds for one spec as long as the bytes of the spec, those of its bases and libraries, and the version of cnncalc
are what they were. ``python -m cnncalc.cli.list`` writes the file, and a test compares it with what is computed. In a
checkout whose code is newer than the file nothing is taken from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from cnncalc import __version__
from cnncalc.columns import COLUMNS
from cnncalc.errors import CnncalcError
from cnncalc.spec import zoo

SIZE_LIMIT = 10_000_000
#: the files that a spec takes in: which of those before names it, 0 for the spec itself, and by what name
Takes = Sequence[tuple[int, str]]


def known(paths: Iterable[str], keys: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    """What the index has of the specs at some paths: a network's ``keys`` and their values, None for a library.

    A spec that is not in the index, or differs from the one that is, is left out.
    """
    try:
        return _known(_read(), paths, keys)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # no index that was written here
        return {}


def _known(index: Mapping[str, Any], paths: Iterable[str], keys: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    folders = [folder + os.sep for folder in zoo.folders()]
    found: dict[str, dict[str, Any] | None] = {}
    if set(index["keys"]) != set(keys):
        return found
    for path in paths:
        inside = next(path[len(folder) :] for folder in folders if path.startswith(folder)).replace(os.sep, "/")
        digest, takes, values = index["specs"].get(inside, ("", (), None))
        if digest and digest == _digest(path, takes):
            entry = dict(zip(index["keys"], map(_value, index["keys"], values), strict=True)) if values else None
            found[path] = {**entry, "file": path} if entry else None
    return found


def text(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """The index of the packaged zoo, from what ``list`` shows of its networks, by path."""
    from cnncalc.spec.document import Memo, load

    memo = Memo()
    lines = []
    for path in zoo.names([zoo.packaged()]).values():
        taken = load(zoo.find(path), memo=memo).taken
        files = [path, *(one.path for one in taken)]
        takes = [(files.index(one.by or ""), one.name) for one in taken]
        inside = os.path.relpath(path, zoo.packaged()).replace(os.sep, "/")
        values = [*{**entries[path], "file": inside}.values()] if path in entries else None
        line = [_digest(path, takes), takes, values]
        lines.append(f"{json.dumps(inside)}: {json.dumps(line, ensure_ascii=False, default=str)}")
    keys = json.dumps([*next(iter(entries.values()))])
    specs = ",\n".join(sorted(lines))
    return f'{{"version": "{__version__}", "keys": {keys}, "specs": {{\n{specs}\n}}}}\n'


def where() -> str:
    """The path of the index."""
    return os.path.join(zoo.packaged(), "index.json")


def _read() -> dict[str, Any]:
    """The index, empty where there is none that holds."""
    try:
        if os.path.getmtime(where()) >= _newest_code():
            index: dict[str, Any] = json.loads(zoo.read_bytes(where(), SIZE_LIMIT, "index"))
            if index["version"] == __version__:
                return index
    except (CnncalcError, OSError, ValueError, TypeError, KeyError, RecursionError):
        pass
    return {"keys": [], "specs": {}}


def _newest_code() -> float:
    """When the code of a checkout was last changed; 0 for an installed package, whose code and zoo come together."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if zoo.packaged().startswith(package + os.sep):
        return 0
    return max(
        os.path.getmtime(os.path.join(base, file))
        for base, _, files in os.walk(package)
        for file in files
        if file.endswith(".py")
    )


def _digest(path: str, takes: Takes) -> str:
    """What stands for the bytes of a spec and of all that it takes in, found as the spec finds them; empty without."""
    try:
        zoo.check_link(path, zoo.folders())
        files = [zoo.find(path)]
        for by, name in takes:
            files.append(zoo.find_base(name, files[by].path))
    except CnncalcError:
        return ""
    return sha256(b"".join(b"%d\n%s" % (len(file.data), file.data) for file in files)).hexdigest()


def _value(key: str, value: Any) -> Any:
    """A value as it was before JSON, which has no fractions.

    Raises:
        ValueError: it is none that was written.
    """
    if key in COLUMNS and isinstance(value, str):
        from fractions import Fraction

        return Fraction(value)
    if type(value) not in ((int,) if key in COLUMNS else (str, list, dict)):
        raise ValueError(key)
    return value
