"""Marked nodes to compiled layers, checked before anything is expanded.

Every name that can be known without shapes is checked here (operators, blocks, arguments, variables, expressions),
so that independent problems are reported together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from cnncalc.errors import CnncalcError, ExpressionError, Hint, LimitError, SpecError, quote, suggest
from cnncalc.ops import OPS
from cnncalc.ops.base import SAME_PADS, ArgumentError, Field, Op
from cnncalc.spec import expressions
from cnncalc.spec.compile.forms import (
    AUTOMATIC,
    INPUT_IS_KNOWN,
    MODIFIERS,
    Block,
    BlockLayer,
    Branch,
    Follower,
    GroupLayer,
    JoinLayer,
    Layer,
    OpLayer,
    Slot,
    StagesLayer,
    at_offset,
    check_name,
    other_word,
    unknown_follower,
)
from cnncalc.spec.expressions import Expression, Scope, Value
from cnncalc.spec.reader import MappingNode, Scalar, SequenceNode, YamlNode

ARGUMENT_LIMIT = 64
COLUMN_LIMIT = 64
_REFERENCE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*", re.ASCII)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
VARIABLE = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_DECIMAL = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_BLOCK_NAME = re.compile(r"[A-Z][A-Za-z0-9_]{0,127}", re.ASCII)


class Compiler:
    """Compiles the text of one file: its blocks and the ones it uses, its defaults, its variables."""

    def __init__(
        self,
        blocks: dict[str, Block],
        defaults: Mapping[str, MappingNode],
        variables: Iterable[str],
        errors: list[CnncalcError],
    ) -> None:
        self.blocks = blocks
        self.defaults = defaults
        self.variables = frozenset(variables) | AUTOMATIC
        self.errors = errors
        self._followers: dict[str, OpLayer] = {}

    # -- slots ---------------------------------------------------------------------------------------------------

    def expression(self, node: YamlNode, known: frozenset[str], what: str) -> Slot:
        """A slot that evaluates to a number or truth value."""
        if not isinstance(node, Scalar):
            raise node.error(f"{what} must be a number or an expression, not {node.kind}")
        parsed = self.parse(node.text, node, known)
        return Slot(node, parsed.evaluate, parsed.constant)

    def parse(self, text: str, node: YamlNode, known: frozenset[str], start: int = 0) -> Expression:
        """An expression whose names are known."""
        try:
            parsed = expressions.parse(text)
        except ExpressionError as error:
            raise at_offset(error, node, start) from None
        if not parsed.names <= known:
            self.check_names(text, node, known, start)
        return parsed

    def check_names(self, text: str, node: YamlNode, known: frozenset[str], start: int = 0) -> None:
        for match in VARIABLE.finditer(text):
            if match[1] not in known:
                hint = partial(_suggest_variable, match[1], known)
                raise at_offset(ExpressionError(f"unknown variable ${match[1]}", match.start(), hint), node, start)

    def word(self, node: YamlNode, known: frozenset[str], what: str) -> Slot:
        """A slot of text in which only ``$name`` is replaced."""
        if not isinstance(node, Scalar):
            raise node.error(f"{what} must be a word, not {node.kind}")
        text = node.text
        if len(text) > expressions.LENGTH_LIMIT:
            message = f"{what} is too long: {len(text):,} characters, at most {expressions.LENGTH_LIMIT}"
            raise LimitError(message, node.location)
        if "$" not in text:
            return Slot(node, lambda scope: text, True)
        self.check_names(text, node, known)

        def read(scope: Scope) -> Value:
            return VARIABLE.sub(lambda match: _as_text(scope.lookup(match[1]), node), text)

        return Slot(node, read, False)

    def any_value(self, node: YamlNode, known: frozenset[str], start: int = 0, text: str | None = None) -> Slot:
        """A slot of any value: a word, an expression, a list, or what a variable holds."""
        if isinstance(node, SequenceNode):
            slots = [self.any_value(item, known) for item in node.items]
            return Slot(node, lambda scope: tuple(slot.value(scope) for slot in slots), all(s.constant for s in slots))
        if not isinstance(node, Scalar):
            raise node.error(f"expected a value or a list, not {node.kind}")
        text = node.text if text is None else text
        if _WORD.fullmatch(text) and text not in ("true", "false"):
            word = text
            return Slot(node, lambda scope: word, True)
        parsed = self.parse(text, node, known, start)
        return Slot(node, parsed.evaluate, parsed.constant, start)

    def argument(self, field: Field, node: YamlNode, known: frozenset[str]) -> Slot:
        """A slot for an operator's field; the field's own check comes when the operator is made."""
        kind = field.type
        if kind == "choice":
            return self.word(node, known, field.name)
        if isinstance(node, SequenceNode) and kind in ("window", "margin", "pad"):
            slots = [self.single(field, item, known) for item in node.items]
            return Slot(node, lambda scope: tuple(slot.value(scope) for slot in slots), all(s.constant for s in slots))
        if kind == "table":
            return self.lists(field, node, known)
        return self.single(field, node, known)

    def lists(self, field: Field, node: YamlNode, known: frozenset[str]) -> Slot:
        """A slot for a list of lists."""
        rows: list[list[Slot]] = []
        for row in node.items if isinstance(node, SequenceNode) else [node]:
            if not isinstance(row, SequenceNode):
                raise row.error(f"{field.name} must be {_EXPECTED[field.type]}, not {row.kind}")
            rows.append([self.single(field, item, known) for item in row.items])
        constant = all(slot.constant for row in rows for slot in row)
        return Slot(node, lambda scope: tuple([tuple([slot.value(scope) for slot in row]) for row in rows]), constant)

    def single(self, field: Field, node: YamlNode, known: frozenset[str]) -> Slot:
        """A slot for one value of an operator's field."""
        kind = field.type
        if not isinstance(node, Scalar):
            raise node.error(f"{field.name} must be {_EXPECTED[kind]}, not {node.kind}")
        text = node.text
        if kind == "number" and _DECIMAL.fullmatch(text):
            number = float(text)
            if number > expressions.NUMBER_LIMIT:
                raise node.error(f"{field.name} must be at most 10^15, not {quote(text)}")
            return Slot(node, lambda scope: number, True)
        if _WORD.fullmatch(text) and text not in ("true", "false"):
            if kind == "pad" and text in SAME_PADS:
                return Slot(node, lambda scope: text, True)
            hint = "true and false are the only spellings" if kind == "flag" else None
            hint = hint or (f"a variable is written ${text}" if text in known else other_word(text, ()))
            raise node.error(f"{field.name} must be {_EXPECTED[kind]}, not {quote(text)}", hint)
        slot = self.expression(node, known, field.name)
        if (
            slot.constant
            and kind not in ("number", "rational", "flag")
            and _DECIMAL.fullmatch(text)
            and not text.isdigit()
        ):
            value = slot.fixed()
            whole = f"write {value}" if isinstance(value, int) else "floor(), ceil() or round() makes one"
            raise node.error(f"{field.name} must be a whole number, not {text}", whole)
        if kind == "number":
            read = slot.read
            return Slot(node, lambda scope: _as_float(read(scope)), slot.constant)
        return slot

    def layer_name(self, node: YamlNode, known: frozenset[str]) -> Slot:
        slot = self.word(node, known, "name")
        if slot.constant:
            check_name(slot.fixed(), node)
        return slot

    def references(self, node: YamlNode, known: frozenset[str], what: str) -> tuple[Slot, ...]:
        """Names of earlier layers: one, or a list."""
        items = node.items if isinstance(node, SequenceNode) else [node]
        if not items:
            raise node.error(f"{what} names no layer")
        slots = tuple([self.word(item, known, what) for item in items])
        for slot in slots:
            name = slot.fixed() if slot.constant else "x"
            if not _REFERENCE.fullmatch(name):
                raise slot.node.error(f"{quote(name)} is not the name of a layer")
        return slots

    # -- layers --------------------------------------------------------------------------------------------------

    def sequence(self, node: YamlNode, known: frozenset[str]) -> list[Layer]:
        """A list of layers, or one layer. Each problem is noted and the next layer is read."""
        layers = []
        for item in node.items if isinstance(node, SequenceNode) else [node]:
            try:
                layers.append(self.layer(item, known))
            except CnncalcError as error:
                self.errors.append(error)
        return layers

    def layer(self, node: YamlNode, known: frozenset[str]) -> Layer:
        if isinstance(node, Scalar):
            return self.operation(node, node.text, node, None, {}, known)
        if not isinstance(node, MappingNode):
            raise node.error("a layer is a word or a mapping, not a list", "a list of layers goes under layers:")
        entries = node.entries
        keyword = self.find_operation(node)
        key, value = entries[keyword]
        rest = {k: v for k, v in entries.items() if k != keyword and k not in MODIFIERS}
        layer = self.operation(node, keyword, key, value, rest, known)
        if len(entries) > 1 + len(rest):
            self.modifiers(layer, node, keyword, rest, known)
        return layer

    def find_operation(self, node: MappingNode) -> str:
        """The key that is the operation: the one known word that is no argument of another (``pad`` is both)."""
        keys = [key for key in node.entries if key not in MODIFIERS]
        found = [key for key in keys if key in OPS or key in self.blocks or key in ("layers", "stages")]
        if len(found) > 1:
            found = [k for k in found if not any(k in self.argument_names(o) for o in found if o != k)] or found
        if len(found) == 1:
            return found[0]
        if found:
            message = f"a layer has one operation, but this has {len(found)}: {', '.join(found)}"
            raise node.error(message, "write each as a layer of its own")
        arguments = {name for keyword in (*OPS, *self.blocks) for name in self.argument_names(keyword)}
        unknown = [key for key in keys if key not in arguments]
        if not unknown:
            only = f", but this has only {', '.join(keys)}" if keys else ""
            raise node.error(f"a layer needs an operation, a block, layers or stages{only}")
        raise self.unknown_operation(node.entries[unknown[0]][0])

    def argument_names(self, keyword: str) -> list[str]:
        """What the operation takes by name; by position too, in this order, but for norm and act."""
        if keyword == "stages":
            return ["each"]
        if keyword in self.blocks:
            return list(self.blocks[keyword].arguments)
        if keyword in OPS:
            return [*OPS[keyword].fields, *(("norm", "act") if OPS[keyword].takes_norm_act else ())]
        return []

    def unknown_operation(self, key: Scalar, *words: str) -> SpecError:
        text = key.text
        if text in ("layers", "stages"):
            return key.error(f"{text} needs a value", f"as in '{text}: [...]'")
        if text == "base":
            return key.error("unknown operator 'base'", "base comes first in the layers of a spec that extends another")
        what = "block" if _BLOCK_NAME.fullmatch(text) else "operator"
        known = [*OPS, *self.blocks, "layers", "stages", *words]
        return key.error(f"unknown {what} {quote(text)}", partial(_suggest_operation, text, known))

    def operation(
        self,
        node: YamlNode,
        keyword: str,
        key: Scalar,
        value: YamlNode | None,
        rest: dict[str, tuple[Scalar, YamlNode]],
        known: frozenset[str],
    ) -> Layer:
        """The compiled operation of a layer; ``value`` is its own value, ``rest`` its named arguments."""
        if keyword == "stages" and value is not None:
            return self.stages(node, key, value, rest, known)
        if keyword in self.blocks:
            block = self.blocks[keyword]
            if block.broken:
                return GroupLayer(node, [])
            given = self.given(keyword, block.arguments, key, value, rest)
            missing = [name for name, default in block.arguments.items() if default is None and name not in given]
            if missing:
                raise key.error(f"block {keyword} needs {missing[0]}", f"add {missing[0]}:")
            return BlockLayer(node, block, {name: self.any_value(item, known) for name, item in given.items()})
        if keyword == "layers" and value is not None:
            self.refuse(rest, "layers", ())
            return GroupLayer(node, self.sequence(value, known))
        op = OPS.get(keyword)
        if op is None:
            raise self.unknown_operation(key)
        if op.role == "join":
            if value is None:
                raise key.error(f"{keyword} joins branches: give a mapping of branches or a list of names", _JOIN_HINT)
            self.refuse(rest, keyword, ())
            return self.join(node, op, value, known)
        return self.op_layer(node, op, key, value, rest, known)

    def refuse(self, rest: Mapping[str, tuple[Scalar, YamlNode]], keyword: str, allowed: Iterable[str]) -> None:
        """Refuses arguments that the operation does not have."""
        names = list(allowed)
        for name, (key, _) in rest.items():
            if name not in names:
                hint: Hint = partial(_suggest_argument, name, [*names, *MODIFIERS])
                if keyword in OPS and OPS[keyword].role == "join":
                    hint = f"a branch stands under {keyword}:, indented deeper"
                elif keyword in OPS and name in ("norm", "act"):
                    hint = "write it as a layer of its own"
                raise key.error(f"{keyword} has no argument {quote(name)}", hint)

    def given(
        self,
        keyword: str,
        names: Iterable[str],
        key: Scalar,
        value: YamlNode | None,
        rest: Mapping[str, tuple[Scalar, YamlNode]],
    ) -> dict[str, YamlNode]:
        """Arguments by name: the operation's own value is the first, a list gives several in order."""
        order = list(names)
        self.refuse(rest, keyword, order)
        values = [] if value is None else value.items if isinstance(value, SequenceNode) else [value]
        if len(values) > len(order):
            if not order:
                raise values[0].error(f"{keyword} takes no value", f"write {keyword} alone, or {keyword}: []")
            message = f"{keyword} takes {counted(len(order), 'value')}, but here are {len(values)}"
            hint = f"for its arguments: {', '.join(order)}"
            if keyword in OPS and len(order) == 1 and OPS[keyword].fields[order[0]].type == "window":
                hint = f"a list of sizes is one value: '{keyword}: [[32, 32]]'"
            raise values[len(order)].error(message, hint)
        given = dict(zip(order, values, strict=False))
        for name, (argument_key, node) in rest.items():
            if name in given:
                raise argument_key.error(f"{keyword} gets {name} twice: as its own value, and by name")
            given[name] = node
        return given

    def op_layer(
        self,
        node: YamlNode,
        op: type[Op],
        key: Scalar,
        value: YamlNode | None,
        rest: Mapping[str, tuple[Scalar, YamlNode]],
        known: frozenset[str],
    ) -> OpLayer:
        defaults = self.defaults.get(op.name)
        named = dict(rest)
        followers = {}
        for role in ("norm", "act") if op.takes_norm_act else ():
            default = defaults.entries.get(role) if defaults else None
            found = named.pop(role, default)
            if found:
                followers[role] = self.follower(found[1], role, known)
        given = self.given(op.name, op.fields, key, value, named)
        if defaults:
            for name, (_, default_node) in defaults.entries.items():
                if name not in ("norm", "act"):
                    given.setdefault(name, default_node)
        for field in op.fields.values():
            if field.required and field.name not in given:
                hint = f"as in '{op.name}: 3'" if field.name == next(iter(op.fields)) else f"add {field.name}:"
                raise key.error(f"{op.name} needs {field.name}", hint)
        fields = op.fields
        layer = OpLayer(node, op, {name: self.argument(fields[name], item, known) for name, item in given.items()})
        check_constants(layer, value.items if isinstance(value, SequenceNode) else ())
        layer.norm = followers.get("norm")
        layer.act = followers.get("act")
        return layer

    def follower(self, node: YamlNode, role: str, known: frozenset[str]) -> Follower | None:
        slot = self.word(node, known, role)
        row = None
        if slot.constant:
            word = slot.fixed()
            if word == "none":
                return None
            row = self.follower_row(role, word)
            if row is None:
                raise unknown_follower(node, word, role)
        return Follower(slot, role, self, row)

    def follower_row(self, role: str, word: str) -> OpLayer | None:
        """The row that a word of ``norm:`` or ``act:`` stands for, with this file's defaults; None if it is none."""
        op = OPS.get(word)
        if op is None or op.role != ("norm" if role == "norm" else "activation"):
            return None
        if word not in self._followers:
            defaults = self.defaults.get(word)
            given = {k: v[1] for k, v in defaults.entries.items()} if defaults else {}
            if any(field.required and name not in given for name, field in op.fields.items()):
                return None
            arguments = {k: self.argument(op.fields[k], v, self.variables) for k, v in given.items()}
            self._followers[word] = OpLayer(defaults or _NOWHERE, op, arguments)
        return self._followers[word]

    def check_defaults(self) -> None:
        """Notes what is wrong with the defaults, whether a layer uses them or not."""
        for name, defaults in self.defaults.items():
            for argument, (_, node) in defaults.entries.items():
                try:
                    if argument in ("norm", "act"):
                        self.follower(node, argument, self.variables)
                    else:
                        slot = self.argument(OPS[name].fields[argument], node, self.variables)
                        check_constant(OPS[name].fields[argument], slot)
                except CnncalcError as error:
                    self.errors.append(error)

    def join(self, node: YamlNode, op: type[Op], value: YamlNode, known: frozenset[str]) -> JoinLayer:
        if isinstance(value, SequenceNode):
            for item in value.items:
                if not isinstance(item, Scalar):
                    hint = f"name the branches: '{op.name}: {{a: {{conv: ...}}, b: [...]}}'"
                    raise item.error(f"{op.name} must be a word, not {item.kind}", hint)
            names = self.references(value, known, op.name)
            if len(names) < 2:
                raise value.error(f"{op.name} joins at least 2 values, but here is only one")
            return JoinLayer(node, op, [], names)
        if not isinstance(value, MappingNode):
            raise value.error(f"{op.name} joins branches: give a mapping of branches or a list of names", _JOIN_HINT)
        branches = [self.branch(key, item, known) for key, item in value.entries.values()]
        if len(branches) < 2:
            found = "is only one" if branches else "is none"
            raise value.error(f"{op.name} joins at least 2 branches, but here {found}")
        return JoinLayer(node, op, branches, ())

    def branch(self, key: Scalar, value: YamlNode, known: frozenset[str]) -> Branch:
        check_name(key.text, key, "a branch")
        when = None
        if isinstance(value, MappingNode) and "layers" in value.entries and set(value.entries) <= {"when", "layers"}:
            if "when" in value.entries:
                when = self.expression(value.entries["when"][1], known, "when")
            value = value.entries["layers"][1]
        if isinstance(value, Scalar):
            if value.text == "identity":
                return Branch(key.text, [], when)
            if value.text not in OPS and value.text not in self.blocks:
                raise self.unknown_operation(value, "identity")
        return Branch(key.text, self.sequence(value, known), when)

    def stages(
        self,
        node: YamlNode,
        key: Scalar,
        value: YamlNode,
        rest: Mapping[str, tuple[Scalar, YamlNode]],
        known: frozenset[str],
    ) -> StagesLayer:
        self.refuse(rest, "stages", ("each",))
        if "each" not in rest:
            raise key.error("stages needs each", "each: is the list of layers of one stage")
        columns: dict[str, Slot | list[Slot]] = {}
        if isinstance(value, MappingNode):
            for name, (name_key, item) in value.entries.items():
                check_identifier(name, name_key)
                if isinstance(item, SequenceNode):
                    columns[name] = [self.any_value(single, known) for single in item.items]
                else:
                    columns[name] = self.any_value(item, known)
        elif isinstance(value, SequenceNode):
            columns = self.table(value, known)
        else:
            raise value.error("stages takes columns or a table", "as in 'stages: {width: [64, 128], blocks: [2, 2]}'")
        if not columns:
            raise value.error("stages has no column")
        if len(columns) > COLUMN_LIMIT:
            raise LimitError(f"more than {COLUMN_LIMIT} columns", value.location)
        body = self.sequence(rest["each"][1], known | frozenset(columns) | {"stage", "stages"})
        return StagesLayer(node, columns, body)

    def table(self, value: SequenceNode, known: frozenset[str]) -> dict[str, Slot | list[Slot]]:
        rows = []
        for row in value.items:
            if not isinstance(row, SequenceNode):
                raise row.error(f"a row of a stages table is a list, not {row.kind}")
            rows.append(row)
        if len(rows) < 2:
            raise value.error("a stages table needs a header and at least one row")
        header = []
        for cell in rows[0].items:
            if not isinstance(cell, Scalar):
                raise cell.error("the first row of a stages table holds the names of the columns")
            check_identifier(cell.text, cell)
            if cell.text in header:
                raise cell.error(f"the column {quote(cell.text)} stands twice")
            header.append(cell.text)
        for row in rows[1:]:
            if len(row.items) != len(header):
                found, wanted = counted(len(row.items), "value"), counted(len(header), "column")
                raise row.error(f"the row has {found}, but the header has {wanted}")
        return {name: [self.any_value(row.items[i], known) for row in rows[1:]] for i, name in enumerate(header)}

    def modifiers(
        self,
        layer: Layer,
        node: MappingNode,
        keyword: str,
        rest: Mapping[str, tuple[Scalar, YamlNode]],
        known: frozenset[str],
    ) -> None:
        """Reads the modifiers of a layer into it."""
        values = {key: node.entries[key][1] for key in MODIFIERS if key in node.entries}
        if isinstance(layer, StagesLayer):
            for name in ("from", "repeat", "first"):
                if name in values:
                    hint = "put the stages under layers:, which does"
                    raise node.entries[name][0].error(f"stages does not take {name}", hint)
        if "name" in values:
            layer.name = self.layer_name(values["name"], known)
        if "from" in values:
            if isinstance(layer, JoinLayer) and layer.names:
                raise node.entries["from"][0].error("a join of names has its inputs already")
            layer.sources = self.references(values["from"], known, "from")
        if "when" in values:
            layer.when = self.expression(values["when"], known, "when")
        if "repeat" in values:
            layer.repeat = self.expression(values["repeat"], known, "repeat")
        if "shared" in values:
            if not isinstance(layer, (OpLayer, BlockLayer)):
                raise node.entries["shared"][0].error("shared is for an operator or a block")
            layer.shared, *others = self.references(values["shared"], known, "shared")
            if others:
                raise others[0].node.error("shared names one layer")
        if "inplace" in values:
            if not isinstance(layer, (OpLayer, JoinLayer)):
                raise node.entries["inplace"][0].error("inplace is for an operator or a join")
            flag = values["inplace"]
            text = flag.text if isinstance(flag, Scalar) else ""
            if text not in ("true", "false"):
                raise flag.error(f"inplace must be true or false, not {quote(text) if text else flag.kind}")
            layer.inplace = text == "true"
            self.check_in_place(layer, values["inplace"])
        if "first" in values:
            self.first(layer, node, keyword, rest, known)

    def check_in_place(self, layer: OpLayer | JoinLayer, node: YamlNode) -> None:
        follows = isinstance(layer, OpLayer) and layer.act is not None
        if layer.inplace and not layer.op.can_run_in_place and not follows:
            raise node.error(f"{layer.op.name} can't run in place")

    def first(
        self,
        layer: Layer,
        node: MappingNode,
        keyword: str,
        rest: Mapping[str, tuple[Scalar, YamlNode]],
        known: frozenset[str],
    ) -> None:
        key, value = node.entries["first"]
        if layer.repeat is None:
            raise key.error("first needs repeat")
        if not isinstance(value, MappingNode):
            raise value.error("first is a mapping of the arguments that differ in the first repeat")
        own_key, own = node.entries[keyword]
        names = self.argument_names(keyword)
        merged = dict(rest)
        own_value: YamlNode | None = own
        for name, (argument_key, item) in value.entries.items():
            if name == "from":
                continue
            if name in MODIFIERS:
                raise argument_key.error(f"first can't change {name}", "it takes arguments and from")
            if names and name == names[0] and not isinstance(own, SequenceNode):
                own_value = item
            elif isinstance(own, SequenceNode) and name in names[: len(own.items)]:
                raise argument_key.error(
                    f"first can't change {name}, which is given by position", f"give {name} by name"
                )
            else:
                merged[name] = (argument_key, item)
        variant = self.operation(node, keyword, own_key, own_value, merged, known)
        for attribute in ("name", "sources", "when", "repeat", "shared", "inplace"):
            setattr(variant, attribute, getattr(layer, attribute))
        if "from" in value.entries:
            variant.sources = self.references(value.entries["from"][1], known, "from")
        layer.first = variant


_EXPECTED = {
    "count": "a whole number",
    "index": "a whole number",
    "window": "a whole number or one per axis",
    "margin": "a whole number or one per axis",
    "pad": "a whole number, one per axis, same or same_tf",
    "table": "a list of lists of whole numbers",
    "flag": "true or false",
    "number": "a number",
    "rational": "a number",
}


_JOIN_HINT = "as in 'add: [prev, conv1]' or 'add: {main: [...], shortcut: identity}'"


def counted(count: int, noun: str) -> str:
    """``1 value``, ``2 values``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def _suggest_variable(name: str, known: frozenset[str]) -> str | None:
    return suggest(name, known - AUTOMATIC) or suggest(name, known) or "variables stand under vars:"


def _suggest_argument(name: str, known: list[str]) -> str | None:
    return other_word(name, ()) or suggest(name, known)


def _suggest_operation(name: str, known: list[str]) -> str | None:
    from cnncalc.spec import zoo

    hint = other_word(name) or suggest(name, known)
    if hint is None and name in zoo.names():
        hint = f"a spec is taken in with 'extends: {name}', its layers with '{{base: NAME}}'"
    return hint


def check_constant(field: Field, slot: Slot) -> None:
    """Refuses a constant argument that its field does not take."""
    if slot.constant:
        try:
            field.check(slot.fixed())
        except ArgumentError as error:
            raise slot.node.error(error.message, error.advice) from None


def check_constants(layer: OpLayer, in_order: Sequence[YamlNode] = ()) -> None:
    """Refuses constant arguments outside their range, before anything is expanded; ``in_order`` stand in a list."""
    for name, slot in layer.arguments.items():
        try:
            check_constant(layer.op.fields[name], slot)
        except SpecError as error:
            if slot.node in in_order and error.advice is None:
                error.advice = f"a list gives {', '.join(layer.op.fields)} in this order: {INPUT_IS_KNOWN}"
            raise


class _Nowhere(Scalar):
    """The place of a row that ``norm:`` or ``act:`` adds; the layer's own place is used instead."""

    def __init__(self) -> None:
        pass


_NOWHERE = _Nowhere()


def _as_text(value: Value, node: YamlNode) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int)):
        return str(value)
    raise node.error(f"a word or whole number is needed, but this is {expressions.describe(value)}")


def _as_float(value: Value) -> Value:
    return value if isinstance(value, (bool, str, tuple)) else float(value)


def check_identifier(name: str, node: YamlNode) -> None:
    """Refuses what can't be the name of a variable, or is set by the language."""
    if not _IDENTIFIER.fullmatch(name):
        raise node.error(f"{quote(name)} can't be the name of a variable", "letters, digits and _")
    if name in AUTOMATIC or name in ("stage", "stages"):
        raise node.error(f"the variable ${name} is set by the language")


def compile_block(compiler: Compiler, block: Block, definition: YamlNode) -> None:
    """Reads ``args``, ``inputs`` and ``layers`` of a block into it. Problems go to the compiler's list."""
    if not isinstance(definition, MappingNode):
        raise definition.error(f"block {block.name} must be a mapping with layers, not {definition.kind}")
    entries = definition.entries
    for key, _ in entries.values():
        if key.text not in ("args", "inputs", "layers"):
            hint = partial(suggest, key.text, ("args", "inputs", "layers"))
            raise key.error(f"a block has no key {quote(key.text)}", hint)
    if "layers" not in entries:
        raise definition.error(f"block {block.name} needs layers")
    known = compiler.variables | frozenset(block.arguments)
    block.layers = compiler.sequence(entries["layers"][1], known)


def declare_block(compiler: Compiler, key: Scalar, definition: YamlNode) -> Block:
    """A block with its arguments, before any body is read: bodies may call each other."""
    if not _BLOCK_NAME.fullmatch(key.text):
        raise key.error(f"{quote(key.text)} can't be the name of a block", "a block starts with a capital letter")
    block = Block(key.text, key, compiler)
    entries = definition.entries if isinstance(definition, MappingNode) else {}
    for item in _words(entries, "args"):
        if len(block.arguments) >= ARGUMENT_LIMIT:
            raise LimitError(f"more than {ARGUMENT_LIMIT} arguments", item.location)
        name, equals, default = item.text.partition("=")
        name = name.strip()
        check_identifier(name, item)
        if name in MODIFIERS:
            raise item.error(f"the argument '{name}' would hide the modifier of that name")
        if name in block.arguments:
            raise item.error(f"the argument {quote(name)} stands twice")
        known = compiler.variables | frozenset(block.arguments)
        slot = None
        if equals:
            start = len(item.text) - len(default.lstrip())
            slot = compiler.any_value(item, known, start, default.strip())
        elif any(block.arguments.values()):
            raise item.error(f"the argument {quote(name)} needs a default, because one before it has one")
        block.arguments[name] = slot
    for item in _words(entries, "inputs"):
        check_name(item.text, item, "an input")
        if item.text in block.inputs:
            raise item.error(f"the input {quote(item.text)} stands twice")
        block.inputs += (item.text,)
    return block


def _words(entries: Mapping[str, tuple[Scalar, YamlNode]], key: str) -> list[Scalar]:
    if key not in entries:
        return []
    node = entries[key][1]
    items = node.items if isinstance(node, SequenceNode) else [node]
    for item in items:
        if not isinstance(item, Scalar):
            raise item.error(f"{key} is a list of words", "as in 'args: [width, stride=1]'" if key == "args" else None)
    return items  # type: ignore[return-value]


def compile_library(
    compiler: Compiler, definitions: Mapping[str, tuple[Scalar, YamlNode]], errors: list[CnncalcError]
) -> dict[str, Block]:
    """The blocks of a file, by name; they see each other and the ones already in ``compiler.blocks``."""
    own: list[tuple[Block, YamlNode]] = []
    for key, definition in definitions.values():
        try:
            if key.text in compiler.blocks:
                other = compiler.blocks[key.text].node
                raise key.error(f"block {key.text} is already defined in {other.location}")
            block = declare_block(compiler, key, definition)
        except CnncalcError as error:
            errors.append(error)
            block = compiler.blocks.setdefault(key.text, Block(key.text, key, compiler))
            block.broken = block.home is compiler
            continue
        compiler.blocks[key.text] = block
        own.append((block, definition))
    for block, definition in own:
        try:
            compile_block(compiler, block, definition)
        except CnncalcError as error:
            errors.append(error)
    return {block.name: block for block, _ in own}
