"""The configuration of ``cnncalc check``: ``cnncalc.toml``, or ``[tool.cnncalc]`` of ``pyproject.toml``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

from cnncalc.check import budgets, lint, toml
from cnncalc.errors import CnncalcError, Location, SpecErrors, SpecNotFoundError, UsageError, quote, suggest
from cnncalc.spec import zoo
from cnncalc.spec.claims import BUDGET_KEYS, Budget, in_bytes, limitable, read_budget
from cnncalc.spec.reader import BYTE_LIMIT, MappingNode, Scalar, SequenceNode, YamlNode

OWN, SHARED = "cnncalc.toml", "pyproject.toml"
#: patterns of all budgets together: each is compared with each spec
PATTERN_LIMIT = 1_000

_TABLES = ("check", "lint", "budget")
_CHECK = ("paths", "strict")
_LINT = ("ignore",)


class Config(NamedTuple):
    """What a configuration says: ``file`` is its path, None without one; ``paths`` are what is checked by default.

    ``file`` and ``paths`` are relative to the working directory. ``ignored`` are codes of lint rules.
    """

    file: str | None
    paths: tuple[str, ...]
    strict: bool
    ignored: tuple[str, ...]
    limits: tuple[budgets.Limits, ...]


def load(file: str | None = None, start: str = os.curdir) -> Config:
    """The configuration in ``file``, or the nearest one from the folder ``start`` upwards; an empty one without any.

    In each folder ``cnncalc.toml`` comes before ``pyproject.toml``, which is passed over where it has no
    ``[tool.cnncalc]``. The search ends at the root of the repository.

    Raises:
        SpecNotFoundError: the file can't be read.
        SpecError: it is not TOML, or says what it can't (:class:`SpecErrors` when several).
        UsageError: ``file`` is a ``pyproject.toml`` without ``[tool.cnncalc]``.
    """
    if file is not None:
        config = _read(file)
        if config is None:
            raise UsageError(f"{quote(file)} has no [tool.cnncalc]")
        return config
    folder = os.path.abspath(start)
    while True:
        for name in (OWN, SHARED):
            path = os.path.join(folder, name)
            if os.path.islink(path) and name == OWN and not zoo.inside(path, folder):
                message = "this is a link out of its folder, and such links are not followed"
                raise SpecNotFoundError(message, Location(_shown(path), 1, 1), f"--config {_shown(path)}")
            config = _read(_shown(path)) if os.path.lexists(path) else None
            if config is not None:
                return config
        above = os.path.dirname(folder)
        if above == folder or os.path.lexists(os.path.join(folder, ".git")):
            return Config(None, (), False, (), ())
        folder = above


def _shown(path: str) -> str:
    """A path from the working directory on."""
    try:
        return os.path.relpath(path)
    except ValueError:  # another drive
        return path


def _read(path: str) -> Config | None:
    """What a file says; None for a ``pyproject.toml`` that says nothing to this program."""
    data = zoo.read_bytes(path, BYTE_LIMIT, "configuration")
    shared = os.path.basename(path) == SHARED
    if shared and len(data) <= BYTE_LIMIT and b"cnncalc" not in data:
        return None  # its mistakes are another program's
    node: YamlNode = toml.read(data, path)
    for part in ("tool", "cnncalc") if shared else ():
        found = node.entries.get(part) if isinstance(node, MappingNode) else None
        if found is None:
            return None
        node = found[1]
    reader = _Reader(path, "tool.cnncalc" if shared else "")
    config = reader.config(node)
    if reader.errors:
        ordered = sorted(reader.errors, key=lambda error: error.location or ())
        raise ordered[0] if len(ordered) == 1 else SpecErrors(ordered)
    return config


class _Reader:
    """Reads the tables of one file and collects their mistakes. ``prefix`` is the table that they stand in."""

    def __init__(self, path: str, prefix: str) -> None:
        self.errors: list[CnncalcError] = []
        self._folder = os.path.dirname(os.path.abspath(path))
        self._path = path
        self._prefix = prefix
        self._patterns = 0

    def config(self, node: YamlNode) -> Config:
        """Everything that the file says."""
        tables = self._table(node, self._prefix, _TABLES)
        check = self._table(tables.get("check"), self._name("check"), _CHECK)
        ignored = self._table(tables.get("lint"), self._name("lint"), _LINT)
        return Config(
            self._path,
            tuple(self._places(check.get("paths"))),
            self._flag(check.get("strict"), "strict"),
            tuple(self._codes(ignored.get("ignore"))),
            tuple(self._limits(tables.get("budget"))),
        )

    def _name(self, table: str) -> str:
        return f"{self._prefix}.{table}" if self._prefix else table

    def _refuse(self, node: YamlNode, message: str, hint: str | None = None) -> None:
        self.errors.append(node.error(message, hint))

    def _table(self, node: YamlNode | None, name: str, known: Iterable[str]) -> dict[str, YamlNode]:
        """The values of a table by key; unknown keys are refused."""
        if node is None:
            return {}
        if not isinstance(node, MappingNode):
            self._refuse(node, f"[{name}] must be a table, not {_kind(node)}")
            return {}
        inside = f" in [{name}]" if name else ""
        for key, (place, _) in node.entries.items():
            if key not in known:
                self.errors.append(place.error(f"unknown key {quote(key)}{inside}", partial(suggest, key, known)))
        return {key: value for key, (_, value) in node.entries.items() if key in known}

    def _flag(self, node: YamlNode | None, what: str) -> bool:
        if node is None:
            return False
        if not isinstance(node, Scalar) or not node.plain or node.text not in ("true", "false"):
            self._refuse(node, f"{what} must be true or false, not {_kind(node)}")
            return False
        return node.text == "true"

    def _texts(self, node: YamlNode | None, what: str) -> list[Scalar]:
        """A text, or a list of them."""
        if node is None:
            return []
        found = []
        for item in node.items if isinstance(node, SequenceNode) else [node]:
            if isinstance(item, Scalar) and not item.plain:
                found.append(item)
            else:
                self._refuse(item, f"{what} must be text or a list of texts, not {_kind(item)}")
        return found

    def _inside(self, node: Scalar, what: str) -> str | None:
        """A path or pattern below the folder of the configuration, without needless parts; None where it is not."""
        text = node.text
        if "\\" in text:
            self._refuse(node, f"{what} {quote(text)} has a backslash", "write / between folders")
            return None
        if text.startswith(("/", "~")) or ":" in text or ".." in text.split("/"):
            self._refuse(node, f"{what} {quote(text)} is outside the folder of the configuration")
            return None
        if not text or not text.isprintable():
            self._refuse(node, f"{what} {quote(text)} must be printable text")
            return None
        return "/".join(part for part in text.split("/") if part not in ("", "."))

    def _places(self, node: YamlNode | None) -> list[str]:
        """What is checked by default."""
        places = []
        for item in self._texts(node, "paths"):
            inside = self._inside(item, "the path")
            if inside is None:
                continue
            path = os.path.join(self._folder, inside) if inside else self._folder
            if os.path.exists(path) and path != self._folder and not zoo.inside(path, self._folder):
                message = f"the path {quote(item.text)} is a link out of the folder of the configuration"
                self._refuse(item, message)
            elif os.path.exists(path):
                places.append(_shown(path))
            else:
                self._refuse(item, f"the folder of the configuration has no {quote(item.text)}")
        return places

    def _codes(self, node: YamlNode | None) -> list[str]:
        """The lint rules to leave out."""
        codes = []
        for item in self._texts(node, "ignore"):
            if item.text in lint.RULES:
                codes.append(item.text)
            else:
                self._refuse(item, *lint.unknown(item.text))
        return codes

    def _limits(self, node: YamlNode | None) -> list[budgets.Limits]:
        """The budgets, in the order of the text."""
        name = self._name("budget")
        if node is None:
            return []
        if not isinstance(node, SequenceNode):
            self._refuse(node, f"budget must be a list of tables, not {_kind(node)}", f"write [[{name}]]")
            return []
        return [limits for item in node.items if (limits := self._limit(item, name))]

    def _limit(self, node: YamlNode, name: str) -> budgets.Limits | None:
        """One ``[[budget]]``; None where it says nothing that holds."""
        values = self._table(node, f"[{name}]", ("files", *limitable()))
        if not isinstance(node, MappingNode):
            return None
        files = values.pop("files", None)
        named = [(pattern, item) for item in self._texts(files, "files") if (pattern := self._pattern(item))]
        if files is None or (isinstance(files, SequenceNode) and not files.items):
            self._refuse(node, f"[[{name}]] needs files", "for example 'files = \"specs/**/*.yaml\"'")
        if not values:
            self._refuse(node, f"[[{name}]] needs a quantity", "for example 'params = {max = \"5M\"}'")
        budget = tuple(self._budget(node, quantity) for quantity in values)
        holding = tuple(one for found in budget for one in found)
        patterns, places = tuple(pattern for pattern, _ in named), tuple(item.location for _, item in named)
        return budgets.Limits(self._folder, patterns, holding, places)

    def _pattern(self, node: Scalar) -> str | None:
        self._patterns += 1
        if self._patterns > PATTERN_LIMIT:
            if self._patterns == PATTERN_LIMIT + 1:
                self._refuse(node, f"more than {PATTERN_LIMIT:,} patterns in all budgets")
            return None
        pattern = self._inside(node, "the pattern")
        if pattern is None:
            return None
        if any("**" in part and part != "**" for part in pattern.split("/")):
            self._refuse(
                node, f"the pattern {quote(node.text)} has ** inside a name", "write **/ for any number of folders"
            )
            return None
        if os.path.isdir(os.path.join(self._folder, pattern)):
            return f"{pattern}/**" if pattern else "**"
        return f"{pattern}/**" if node.text.endswith("/") else pattern

    def _budget(self, table: MappingNode, quantity: str) -> tuple[Budget, ...]:
        """The limits of one quantity, read as in a spec."""
        key, value = table.entries[quantity]
        hint = f"for example '{quantity} = {{max = \"{'24GB' if in_bytes(quantity) else '5M'}\"}}'"
        if not isinstance(value, MappingNode):
            self._refuse(value, f"the budget of {quantity} must be a table with warn or max, not {_kind(value)}", hint)
            return ()
        if not {"warn", "max"} & set(value.entries) and set(value.entries) <= set(BUDGET_KEYS):
            self._refuse(value, f"the budget of {quantity} needs warn or max", hint)
            return ()
        single = MappingNode(table.source, table.line, table.column, flow=False)
        single.entries[quantity] = (key, value)
        return read_budget(single, self.errors)


def _kind(node: YamlNode) -> str:
    """What a value is, for a message that wants something else."""
    if isinstance(node, MappingNode):
        return "a table"
    if isinstance(node, Scalar):
        return f"the text {quote(node.text)}" if not node.plain else quote(node.text)
    return node.kind
