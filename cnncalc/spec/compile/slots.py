"""Places in a spec that are read with a scope: an argument, a condition, a name; made where the names are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from cnncalc.errors import ExpressionError, LimitError, SpecError, quote
from cnncalc.ops.base import AXES, PADS, ArgumentError, Field
from cnncalc.spec import expressions
from cnncalc.spec.compile.words import VARIABLE, check_name, other_word, suggest_variable
from cnncalc.spec.expressions import Expression, ExprValue, Scope
from cnncalc.spec.reader import MappingNode, Scalar, SequenceNode, YamlNode
from cnncalc.values import SequenceShape

_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*", re.ASCII)
_WORD = re.compile(r"(?!(?:true|false)\Z)[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_DECIMAL = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)

#: what a message says of each type of argument
_EXPECTED = {
    "axis": "channels, features, tokens, space, or the number of an axis",
    "sizes": "a whole number, a list of them, or tokens and features",
    "count": "a whole number",
    "index": "a whole number",
    "window": "a whole number or one per axis",
    "margin": "a whole number or one per axis",
    "pad": "a whole number, one per axis, same, same_tf or full",
    "table": "a list of lists of whole numbers",
    "flag": "true or false",
    "number": "a number",
    "rational": "a number",
}


class Slot:
    """A place in a spec that is read with a scope; ``start`` is where its text begins inside the node."""

    __slots__ = ("constant", "node", "read", "start")

    def __init__(self, node: YamlNode, read: Callable[[Scope], ExprValue], constant: bool, start: int = 0) -> None:
        self.node = node
        self.read = read
        self.constant = constant
        self.start = start

    def value(self, scope: Scope) -> ExprValue:
        """The value.

        Raises:
            SpecError: the expression can't be evaluated; points at the operator or name that fails.
        """
        try:
            return self.read(scope)
        except ExpressionError as error:
            raise at_offset(error, self.node, self.start) from None

    def fixed(self) -> Any:
        """The value of a constant slot, which looks nothing up."""
        return self.value(None)  # type: ignore[arg-type]

    def check(self, field: Field) -> None:
        """Refuses a constant that the field does not take."""
        if self.constant:
            try:
                field.check(self.fixed())
            except ArgumentError as error:
                hint = error.advice or other_word(str(self.fixed()), ())
                raise self.node.error(error.message, hint) from None


def at_offset(error: ExpressionError, node: YamlNode, start: int = 0) -> SpecError:
    """The error with a place: ``error.offset`` characters into the text that starts ``start`` into the node."""
    line = node.source.line(node.line)
    quoted = line[node.column - 1 : node.column] in ("'", '"')
    column = node.column + quoted + start + error.offset
    if isinstance(node, Scalar) and (column > len(line) + 1 or not (node.plain or quoted)):
        column = node.column  # a text of several lines
    return SpecError(error.message, node.source.place(node.line, column), error.advice)


class Slots:
    """Makes the slots of one file where the names ``known`` have values. An expression is parsed once, however often
    it is written.
    """

    __slots__ = ("_parsed", "known")

    def __init__(self, known: Iterable[str], parsed: dict[str, Expression] | None = None) -> None:
        self.known = frozenset(known)
        self._parsed = {} if parsed is None else parsed

    def knowing(self, names: Iterable[str]) -> Slots:
        """The same, where these names have values too."""
        return Slots(self.known.union(names), self._parsed)

    def expression(self, node: YamlNode, what: str) -> Slot:
        """A number or truth value."""
        if not isinstance(node, Scalar):
            raise node.error(f"{what} must be a number or an expression, not {node.kind}")
        parsed = self._parse(node.text, node)
        return Slot(node, parsed.evaluate, parsed.constant)

    def word(self, node: YamlNode, what: str) -> Slot:
        """Text in which only ``$name`` is replaced."""
        if not isinstance(node, Scalar):
            raise node.error(f"{what} must be a word, not {node.kind}")
        text = node.text
        if len(text) > expressions.LENGTH_LIMIT:
            message = f"{what} is too long: {len(text):,} characters, at most {expressions.LENGTH_LIMIT}"
            raise LimitError(message, node.location)
        if "$" not in text:
            return _fixed(node, text)
        self._check_names(text, node)
        return Slot(node, lambda scope: VARIABLE.sub(lambda name: _as_text(scope.lookup(name[1]), node), text), False)

    def any_value(self, node: YamlNode) -> Slot:
        """A word, an expression, a list, or what a variable holds."""
        if isinstance(node, SequenceNode):
            return _listed(node, [self.any_value(item) for item in node.items])
        if not isinstance(node, Scalar):
            raise node.error(f"expected a value or a list, not {node.kind}")
        return self.part(node, node.text)

    def part(self, node: YamlNode, text: str, start: int = 0) -> Slot:
        """A word or an expression that is written ``start`` characters into a node."""
        if _WORD.fullmatch(text):
            return _fixed(node, text)
        parsed = self._parse(text, node, start)
        return Slot(node, parsed.evaluate, parsed.constant, start)

    def argument(self, field: Field, node: YamlNode) -> Slot:
        """An argument of an operator; the field's own check comes when the operator is made."""
        if field.type == "choice":
            return self.word(node, field.name)
        if field.type == "table":
            return self._table(field, node)
        if field.type == "axis" and isinstance(node, Scalar) and node.text in AXES:
            return _fixed(node, node.text)
        if field.type == "sizes" and isinstance(node, MappingNode):
            return self._sequence_shape(field, node)
        if isinstance(node, SequenceNode) and field.type in ("window", "margin", "pad", "sizes"):
            return _listed(node, [self._single(field, item) for item in node.items])
        return self._single(field, node)

    def name(self, node: YamlNode) -> Slot:
        """The name of a layer."""
        slot = self.word(node, "name")
        if slot.constant:
            check_name(slot.fixed(), node)
        return slot

    def references(self, node: YamlNode, what: str) -> tuple[Slot, ...]:
        """Names of earlier layers: one, or a list."""
        items = node.items if isinstance(node, SequenceNode) else [node]
        if not items:
            raise node.error(f"{what} needs the name of a layer")
        slots = tuple([self.word(item, what) for item in items])
        for slot in slots:
            if slot.constant and not _REFERENCE.fullmatch(slot.fixed()):
                raise slot.node.error(f"{quote(slot.fixed())} is not the name of a layer")
        return slots

    def _parse(self, text: str, node: YamlNode, start: int = 0) -> Expression:
        parsed = self._parsed.get(text)
        if parsed is None:
            try:
                parsed = self._parsed[text] = expressions.parse(text)
            except ExpressionError as error:
                raise at_offset(error, node, start) from None
        if not parsed.names <= self.known:
            self._check_names(text, node, start)
        return parsed

    def _check_names(self, text: str, node: YamlNode, start: int = 0) -> None:
        for match in VARIABLE.finditer(text):
            if match[1] not in self.known:
                hint = partial(suggest_variable, match[1], self.known)
                raise at_offset(ExpressionError(f"unknown variable ${match[1]}", match.start(), hint), node, start)

    def _table(self, field: Field, node: YamlNode) -> Slot:
        rows = []
        for row in node.items if isinstance(node, SequenceNode) else [node]:
            if not isinstance(row, SequenceNode):
                raise row.error(f"{field.name} must be {_EXPECTED['table']}, not {row.kind}")
            rows.append(_listed(row, [self._single(field, item) for item in row.items]))
        return _listed(node, rows)

    def _sequence_shape(self, field: Field, node: MappingNode) -> Slot:
        """The shape of a sequence, by tokens and features."""
        if set(node.entries) != {"tokens", "features"}:
            law = f"{field.name} takes no mapping of {', '.join(node.entries)}"
            raise node.error(law, "for a sequence write {tokens: 4, features: 8}")
        sizes = _listed(node, [self._single(field, node.entries[word][1]) for word in ("tokens", "features")])
        return Slot(node, lambda scope: SequenceShape(*sizes.value(scope)), sizes.constant)

    def _single(self, field: Field, node: YamlNode) -> Slot:
        """One value of a field."""
        expected = _EXPECTED[field.type]
        if not isinstance(node, Scalar):
            raise node.error(f"{field.name} must be {expected}, not {node.kind}")
        text = node.text
        if field.type == "number" and _DECIMAL.fullmatch(text):
            if float(text) > expressions.NUMBER_LIMIT:
                raise node.error(f"{field.name} must be at most 10^15, not {quote(text)}")
            return _fixed(node, float(text))
        if _WORD.fullmatch(text):
            if field.type == "pad" and text in PADS:
                return _fixed(node, text)
            hint = "write true or false" if field.type == "flag" else None
            hint = hint or (f"write ${text}" if text in self.known else other_word(text, ()))
            raise node.error(f"{field.name} must be {expected}, not {quote(text)}", hint)
        slot = self.expression(node, field.name)
        if field.type == "number":
            read = slot.read
            return Slot(node, lambda scope: _as_float(read(scope)), slot.constant)
        if slot.constant and field.type not in ("rational", "flag") and _DECIMAL.fullmatch(text) and not text.isdigit():
            value = slot.fixed()
            whole = f"write {value}" if isinstance(value, int) else "floor(), ceil() or round() makes one"
            raise node.error(f"{field.name} must be a whole number, not {text}", whole)
        return slot


def varies(slot: Slot) -> bool:
    """Whether the name of a layer can stand for another value in each repeat: ``prev``, or one with ``$i``."""
    text = slot.node.text if isinstance(slot.node, Scalar) else ""
    return text == "prev" or any(name == "i" or name.startswith("prev") for name in VARIABLE.findall(text))


def _fixed(node: YamlNode, value: ExprValue) -> Slot:
    return Slot(node, lambda scope: value, True)


def _listed(node: YamlNode, slots: Sequence[Slot]) -> Slot:
    return Slot(node, lambda scope: tuple([slot.value(scope) for slot in slots]), all(slot.constant for slot in slots))


def _as_text(value: ExprValue, node: YamlNode) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int)):
        return str(value)
    raise node.error(f"expected a word or a whole number, not {expressions.describe(value)}")


def _as_float(value: ExprValue) -> ExprValue:
    return value if isinstance(value, (bool, str, tuple)) else float(value)
