"""The text of a layer to its compiled form: the operation, its arguments, its modifiers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import NamedTuple

from cnncalc.errors import CANDIDATE_LIMIT, WORD_LIMIT, CnncalcError, Hint, LimitError, SpecError, listing, quote
from cnncalc.ops import OPS
from cnncalc.ops.base import Op
from cnncalc.spec.compile.forms import (
    Block,
    BlockLayer,
    Branch,
    Follower,
    GroupLayer,
    JoinLayer,
    Layer,
    OperatorLayer,
    OpLayer,
    StagesLayer,
)
from cnncalc.spec.compile.slots import Slot, Slots, varies
from cnncalc.spec.compile.words import (
    AUTOMATIC,
    BLOCK_NAME,
    INPUT_IS_KNOWN,
    MODIFIERS,
    check_identifier,
    check_name,
    counted,
    suggest_argument,
    suggest_operation,
    unknown_follower,
)
from cnncalc.spec.reader import MappingNode, Scalar, SequenceNode, YamlNode

COLUMN_LIMIT = 64
#: the role that a row of ``norm:`` or ``act:`` has
FOLLOWERS = {"norm": "norm", "act": "activation"}
_JOIN_HINT = "for example 'add: [prev, conv1]' or 'add: {main: [...], shortcut: identity}'"

Entries = Mapping[str, tuple[Scalar, YamlNode]]


class Compiler:
    """Compiles the layers of one file, which sees these ``blocks``; problems are added to ``errors``.

    ``variables`` makes slots that see the file's variables, ``slots`` those of its layers.
    """

    def __init__(
        self,
        blocks: dict[str, Block],
        defaults: Mapping[str, MappingNode],
        variables: Iterable[str],
        errors: list[CnncalcError],
    ) -> None:
        self.blocks = blocks
        self.defaults = defaults
        self.variables = Slots(variables)
        self.slots = self.variables.knowing(AUTOMATIC)
        self.errors = errors
        self._rows: dict[str, OpLayer] = {}
        self._arguments: set[str] = set()

    def sequence(self, node: YamlNode, slots: Slots) -> list[Layer]:
        """A list of layers, or one layer. Each problem is noted and the next layer is read."""
        layers = []
        for item in node.items if isinstance(node, SequenceNode) else [node]:
            try:
                layers.append(self.entry(item, slots).layer())
            except CnncalcError as error:
                self.errors.append(error)
        return layers

    def entry(self, node: YamlNode, slots: Slots) -> Entry:
        """A layer as it is written."""
        if isinstance(node, Scalar):
            return Entry(self, node, node, None, {}, {}, slots)
        if not isinstance(node, MappingNode):
            raise node.error("a layer is a word or a mapping, not a list", "a list of layers goes under layers:")
        keyword = self.keyword(node)
        key, value = node.entries[keyword]
        arguments = {}
        modifiers = {}
        for name, entry in node.entries.items():
            if name in MODIFIERS:
                modifiers[name] = entry
            elif name != keyword:
                arguments[name] = entry
        return Entry(self, node, key, value, arguments, modifiers, slots)

    def keyword(self, node: MappingNode) -> str:
        """The key that is the operation: the one known word that is no argument of another (``pad`` is both)."""
        keys = [key for key in node.entries if key not in MODIFIERS]
        found = [key for key in keys if key in OPS or key in self.blocks or key in ("layers", "stages")]
        if len(found) > 1:
            found = [k for k in found if not any(k in self.argument_names(o) for o in found if o != k)] or found
        if not self._arguments:
            self._arguments = {name for word in (*OPS, *self.blocks) for name in self.argument_names(word)} | {"layers"}
        if len(found) != 1 or (len(keys) > 1 and found[0] in self._arguments):
            self.check_operation(node, keys, found)
        if len(found) == 1:
            return found[0]
        if found:
            message = f"a layer has one operation, but this has {len(found)}: {', '.join(found)}"
            raise node.error(message, "write each as a layer of its own")
        only = f", but this has only {', '.join(keys)}" if keys else ""
        raise node.error(f"a layer needs an operation, a block, layers or stages{only}")

    def check_operation(self, node: MappingNode, keys: Sequence[str], found: Sequence[str]) -> None:
        """Refuses a word that must be meant as the operation, though another known word, ``pad``, stands beside it."""
        unknown = next((key for key in keys if key not in self._arguments and key not in found), None)
        if unknown is None or not self._arguments.issuperset(found):
            return
        from difflib import get_close_matches

        own = {name for word in found for name in self.argument_names(word)}
        comes_first = keys.index(unknown) < min(map(keys.index, found), default=len(keys))
        others = {*keys} - {unknown, *found} - own
        if not comes_first and not others:
            return
        meant: list[str] = []
        if found and len(unknown) <= WORD_LIMIT:
            meant = get_close_matches(unknown, [*OPS, *self.blocks, *own, *MODIFIERS][:CANDIDATE_LIMIT], n=1)
        if not own.union(MODIFIERS).intersection(meant):
            raise self.unknown_operation(node.entries[unknown][0])

    def argument_names(self, keyword: str) -> list[str]:
        """What the operation takes by name; by position too, in this order, but for norm and act."""
        if keyword == "stages":
            return ["each"]
        if keyword in self.blocks:
            return list(self.blocks[keyword].arguments)
        if keyword in OPS:
            return [*OPS[keyword].fields, *(FOLLOWERS if OPS[keyword].takes_norm_act else ())]
        return []

    def unknown_operation(self, key: Scalar, *words: str) -> SpecError:
        text = key.text
        if text in ("layers", "stages"):
            return key.error(f"{text} needs a value", f"for example '{text}: [...]'")
        if text == "base":
            return key.error("unknown operator 'base'", "base comes first in the layers of a spec that extends another")
        what = "block" if BLOCK_NAME.fullmatch(text) else "operator"
        known = [*OPS, *self.blocks, "layers", "stages", *words]
        return key.error(f"unknown {what} {quote(text)}", partial(suggest_operation, text, known))

    def unknown_branch(self, branch: str, value: Scalar) -> SpecError:
        """The error for the word of a branch: it may be the name of a layer."""
        error = self.unknown_operation(value, "identity")
        if error.hint is None and not BLOCK_NAME.fullmatch(value.text):
            error.advice = f"for the value of a layer write '{branch}: {{from: {value.text}, layers: []}}'"
        return error

    def check_defaults(self) -> None:
        """Notes what is wrong with the defaults, whether a layer uses them or not."""
        for name, defaults in self.defaults.items():
            for argument, (_, node) in defaults.entries.items():
                try:
                    if argument in FOLLOWERS:
                        self.follower(node, argument, self.slots)
                    else:
                        field = OPS[name].fields[argument]
                        self.slots.argument(field, node).check(field)
                except CnncalcError as error:
                    self.errors.append(error)

    def follower(self, node: YamlNode, role: str, slots: Slots) -> Follower | None:
        """What ``norm:`` or ``act:`` says; None for ``none``."""
        slot = slots.word(node, role)
        if not slot.constant:
            rows = {word: self._row(node, word) for word, op in OPS.items() if op.role == FOLLOWERS[role]}
            return Follower(slot, role, {word: row for word, row in rows.items() if row})
        word = slot.fixed()
        if word == "none":
            return None
        row = self._row(node, word) if word in OPS and OPS[word].role == FOLLOWERS[role] else None
        if row is None:
            raise unknown_follower(node, word, role)
        return Follower(slot, role, {word: row})

    def _row(self, node: YamlNode, word: str) -> OpLayer | None:
        """The operator that follows, with this file's defaults; None where it needs an argument that they lack."""
        if word not in self._rows:
            op = OPS[word]
            given = self.defaults[word].entries if word in self.defaults else {}
            if any(field.required and name not in given for name, field in op.fields.items()):
                return None
            arguments = {name: self.slots.argument(op.fields[name], item) for name, (_, item) in given.items()}
            self._rows[word] = OpLayer(node, op, arguments)
        return self._rows[word]


class Entry(NamedTuple):
    """A layer as it is written: its place, the key of its operation and the operation's own value (None for a word
    that stands alone), its named arguments, its modifiers; and what they are compiled with.
    """

    compiler: Compiler
    node: YamlNode
    key: Scalar
    value: YamlNode | None
    arguments: Entries
    modifiers: Entries
    slots: Slots

    def layer(self) -> Layer:
        """The compiled layer."""
        layer = self.operation()
        if self.modifiers:
            self.modify(layer)
        return layer

    def operation(self) -> Layer:
        """The compiled operation, without modifiers."""
        keyword = self.key.text
        if keyword in self.compiler.blocks:
            return self.call(self.compiler.blocks[keyword])
        if keyword == "stages" and self.value is not None:
            return self.stages(self.value)
        if keyword == "layers" and self.value is not None:
            self.refuse(())
            return GroupLayer(self.node, self.compiler.sequence(self.value, self.slots))
        op = OPS.get(keyword)
        if op is None:
            raise self.compiler.unknown_operation(self.key)
        return self.join(op) if op.role == "join" else self.operator(op)

    # -- arguments -----------------------------------------------------------------------------------------------

    def refuse(self, allowed: Collection[str]) -> None:
        """Refuses arguments that the operation does not have."""
        keyword = self.key.text
        for name, (key, _) in self.arguments.items():
            if name not in allowed:
                hint: Hint = partial(suggest_argument, name, [*allowed, *MODIFIERS])
                if keyword in OPS and OPS[keyword].role == "join":
                    hint = f"a branch stands under {keyword}:, indented deeper"
                elif keyword in OPS and name in FOLLOWERS:
                    hint = "write it as a layer of its own"
                raise key.error(f"{keyword} has no argument {quote(name)}", hint)

    def given(self, names: Iterable[str]) -> dict[str, YamlNode]:
        """Arguments by name: the operation's own value is the first, a list gives several in order."""
        keyword = self.key.text
        order = list(names)
        self.refuse(order)
        values = self.positional
        if self.value is not None and order and keyword in OPS and OPS[keyword].fields[order[0]].type == "sizes":
            values = [self.value]  # the list or mapping is one shape
        if len(values) > len(order):
            if not order:
                raise values[0].error(f"{keyword} takes no value", f"write {keyword} alone, or {keyword}: []")
            message = f"{keyword} takes {counted(len(order), 'value')}, but got {len(values)}"
            hint = f"for its arguments: {', '.join(order)}"
            if keyword in OPS and len(order) == 1 and OPS[keyword].fields[order[0]].type == "window":
                hint = f"a list of sizes is one value: '{keyword}: [[32, 32]]'"
            raise values[len(order)].error(message, hint)
        given = dict(zip(order, values, strict=False))
        for name, (key, node) in self.arguments.items():
            if name in given:
                raise key.error(f"{keyword} gets {name} twice: by position and by name")
            given[name] = node
        return given

    @property
    def positional(self) -> list[YamlNode]:
        """The operation's own value, or the values of its list."""
        if self.value is None:
            return []
        return self.value.items if isinstance(self.value, SequenceNode) else [self.value]

    # -- operations ----------------------------------------------------------------------------------------------

    def operator(self, op: type[Op]) -> OpLayer:
        compiler = self.compiler
        defaults: Entries = compiler.defaults[op.name].entries if op.name in compiler.defaults else {}
        followers: dict[str, Follower | None] = {}
        own = self
        if op.takes_norm_act:
            words = {**defaults, **self.arguments}
            followers = {
                role: compiler.follower(words[role][1], role, self.slots) for role in FOLLOWERS if role in words
            }
            own = self._replace(arguments={k: v for k, v in self.arguments.items() if k not in FOLLOWERS})
        given = own.given(op.fields)
        for name, (_, node) in defaults.items():
            if name not in FOLLOWERS:
                given.setdefault(name, node)
        for field in op.fields.values():
            if field.required and field.name not in given:
                hint = f"for example '{op.name}: 3'" if field.name == next(iter(op.fields)) else f"add {field.name}:"
                raise self.key.error(f"{op.name} needs {field.name}", hint)
        arguments = {name: self.slots.argument(op.fields[name], node) for name, node in given.items()}
        layer = OpLayer(self.node, op, arguments)
        self.check_constants(layer)
        layer.norm = followers.get("norm")
        layer.act = followers.get("act")
        return layer

    def check_constants(self, layer: OperatorLayer) -> None:
        """Refuses constant arguments outside their range, before anything is expanded."""
        for name, slot in layer.arguments.items():
            try:
                slot.check(layer.op.fields[name])
            except SpecError as error:
                if error.advice is None and isinstance(self.value, SequenceNode) and slot.node in self.value.items:
                    error.advice = f"a list gives {', '.join(layer.op.fields)} in this order; {INPUT_IS_KNOWN}"
                raise

    def call(self, block: Block) -> Layer:
        if block.broken:
            return GroupLayer(self.node, [])
        given = self.given(block.arguments)
        missing = [name for name, default in block.arguments.items() if default is None and name not in given]
        if missing:
            raise self.key.error(f"block {block.name} needs {missing[0]}", f"add {missing[0]}:")
        return BlockLayer(self.node, block, {name: self.slots.any_value(node) for name, node in given.items()})

    def join(self, op: type[Op]) -> JoinLayer:
        value = self.value
        if value is not None:
            self.refuse(op.fields)
        arguments = {name: self.slots.argument(op.fields[name], node) for name, (_, node) in self.arguments.items()}
        if isinstance(value, SequenceNode):
            for item in value.items:
                if not isinstance(item, Scalar):
                    hint = f"name the branches: '{op.name}: {{a: {{conv: ...}}, b: [...]}}'"
                    raise item.error(f"{op.name} must be a word, not {item.kind}", hint)
            names = self.slots.references(value, op.name)
            if len(names) < 2:
                raise value.error(f"{op.name} needs at least 2 inputs, but got 1")
            return self.joined(op, [], names, arguments)
        if not isinstance(value, MappingNode):
            place = self.key if value is None else value
            raise place.error(f"{op.name} needs a mapping of branches or a list of names", _JOIN_HINT)
        branches = [self.branch(key, item) for key, item in value.entries.values()]
        if len(branches) < 2:
            raise value.error(f"{op.name} needs at least 2 branches, but got {len(branches)}")
        return self.joined(op, branches, (), arguments)

    def joined(
        self, op: type[Op], branches: list[Branch], names: tuple[Slot, ...], arguments: dict[str, Slot]
    ) -> JoinLayer:
        layer = JoinLayer(self.node, op, branches, names, arguments)
        self.check_constants(layer)
        return layer

    def branch(self, key: Scalar, value: YamlNode) -> Branch:
        compiler = self.compiler
        check_name(key.text, key, "a branch")
        when = None
        if isinstance(value, MappingNode) and "layers" in value.entries and set(value.entries) <= {"when", "layers"}:
            if "when" in value.entries:
                when = self.slots.expression(value.entries["when"][1], "when")
            value = value.entries["layers"][1]
        if isinstance(value, Scalar):
            if value.text == "identity":
                return Branch(key.text, [], when)
            if value.text not in OPS and value.text not in compiler.blocks:
                raise compiler.unknown_branch(key.text, value)
        return Branch(key.text, compiler.sequence(value, self.slots), when)

    def stages(self, value: YamlNode) -> StagesLayer:
        self.refuse(("each",))
        if "each" not in self.arguments:
            raise self.key.error("stages needs each", "each: is the list of layers of one stage")
        columns: dict[str, Slot | list[Slot]] = {}
        if isinstance(value, MappingNode):
            for name, (key, item) in value.entries.items():
                check_identifier(name, key)
                if isinstance(item, SequenceNode):
                    columns[name] = [self.slots.any_value(single) for single in item.items]
                else:
                    columns[name] = self.slots.any_value(item)
        elif isinstance(value, SequenceNode):
            columns.update(self.table(value))
        else:
            raise value.error(
                "stages needs columns or a table", "for example 'stages: {width: [64, 128], blocks: [2, 2]}'"
            )
        if not columns:
            raise value.error("stages has no column")
        if len(columns) > COLUMN_LIMIT:
            raise LimitError(f"more than {COLUMN_LIMIT} columns", value.location)
        inside = self.slots.knowing((*columns, "stage", "stages"))
        return StagesLayer(self.node, columns, self.compiler.sequence(self.arguments["each"][1], inside))

    def table(self, value: SequenceNode) -> dict[str, list[Slot]]:
        """The columns of a table: a row of names, then rows of values."""
        rows = []
        for row in value.items:
            if not isinstance(row, SequenceNode):
                raise row.error(f"a row of a stages table must be a list, not {row.kind}")
            rows.append(row.items)
        if len(rows) < 2:
            raise value.error("a stages table needs a header and at least one row")
        header: list[str] = []
        for cell in rows[0]:
            if not isinstance(cell, Scalar):
                raise cell.error("the first row of a stages table holds the names of the columns")
            check_identifier(cell.text, cell)
            if cell.text in header:
                raise cell.error(f"duplicate column {quote(cell.text)}")
            header.append(cell.text)
        for row, cells in zip(value.items[1:], rows[1:], strict=True):
            if len(cells) != len(header):
                found, wanted = counted(len(cells), "value"), counted(len(header), "column")
                raise row.error(f"the row has {found}, but the header has {wanted}")
        return {name: [self.slots.any_value(cells[i]) for cells in rows[1:]] for i, name in enumerate(header)}

    # -- modifiers -----------------------------------------------------------------------------------------------

    def modify(self, layer: Layer) -> None:
        """Reads the modifiers into a layer."""
        values = {name: node for name, (_, node) in self.modifiers.items()}
        if isinstance(layer, StagesLayer):
            for name in ("from", "repeat", "first"):
                if name in values:
                    hint = "put the stages under layers:, which does"
                    raise self.modifiers[name][0].error(f"stages does not take {name}", hint)
        if "name" in values:
            layer.name = self.slots.name(values["name"])
        if "from" in values:
            if isinstance(layer, JoinLayer) and layer.names:
                raise self.modifiers["from"][0].error(
                    "from can't stand beside a list of names, which are the inputs already"
                )
            layer.sources = self.slots.references(values["from"], "from")
        if "when" in values:
            layer.when = self.slots.expression(values["when"], "when")
        if "repeat" in values:
            layer.repeat = self.slots.expression(values["repeat"], "repeat")
            count = values["repeat"]
            if isinstance(count, Scalar) and not count.plain and layer.repeat.constant:
                message = f"repeat must be a whole number, not the text {quote(count.text)}"
                raise count.error(message, "remove the quotes")
        if "shared" in values:
            if not isinstance(layer, (OpLayer, BlockLayer)):
                raise self.modifiers["shared"][0].error("shared goes with an operator or a block")
            layer.shared, *others = self.slots.references(values["shared"], "shared")
            if others:
                raise others[0].node.error("shared takes the name of one layer")
        if "inplace" in values:
            layer.inplace = self.in_place(layer, *self.modifiers["inplace"])
        if "first" in values:
            layer.first = self.first(layer, *self.modifiers["first"])
        if layer.repeat is not None:
            self.chain(layer)
        layer.plain = layer.plain and not (layer.sources or layer.when or layer.repeat)

    def chain(self, layer: Layer) -> None:
        """Lets later repeats read the repeat before, unless what is read differs from repeat to repeat."""
        joined = layer.names if isinstance(layer, JoinLayer) else ()
        read = layer.sources or joined
        if not read or any(varies(slot) for slot in read):
            return
        names = [slot.node.text for slot in read if isinstance(slot.node, Scalar)]
        if len(read) > 1:
            others = ", ".join(["prev", *names[1:]])
            hint = f"write prev for the repeat before: '{self.key.text}: [{others}]'"
            if not joined:
                hint = f"write prev for the repeat before: 'from: [{others}], first: {{from: [{', '.join(names)}]}}'"
            raise read[0].node.error(f"every repeat reads {listing(names)}, and none reads the repeat before", hint)
        if layer.first and layer.first.sources is not layer.sources:
            hint = "remove one of them: a later repeat reads the repeat before"
            raise read[0].node.error("from and first: {from: ...} both say what the first repeat reads", hint)
        layer.first = layer.first or copy(layer)
        layer.sources = ()

    def in_place(self, layer: Layer, key: Scalar, value: YamlNode) -> bool:
        if not isinstance(layer, OperatorLayer):
            raise key.error("inplace goes with an operator or a join")
        text = value.text if isinstance(value, Scalar) else ""
        if text not in ("true", "false"):
            raise value.error(f"inplace must be true or false, not {quote(text) if text else value.kind}")
        follows = isinstance(layer, OpLayer) and layer.act is not None
        if text == "true" and not layer.op.can_run_in_place and not follows:
            raise value.error(f"{layer.op.name} can't run in place")
        return text == "true"

    def first(self, layer: Layer, key: Scalar, value: YamlNode) -> Layer:
        """The layer as it is in the first repeat: with other arguments, or another ``from``."""
        if layer.repeat is None:
            raise key.error("first needs repeat")
        if not isinstance(value, MappingNode):
            raise value.error("first must be a mapping of the arguments that differ in the first repeat")
        names = self.compiler.argument_names(self.key.text)
        own = self.value
        arguments = dict(self.arguments)
        for name, (place, item) in value.entries.items():
            if name == "from":
                continue
            if name in MODIFIERS:
                raise place.error(f"first can't change {name}", "it takes arguments and from")
            if names and name == names[0] and not isinstance(own, SequenceNode):
                own = item
            elif isinstance(own, SequenceNode) and name in names[: len(own.items)]:
                raise place.error(f"first can't change {name}, which is given by position", f"give {name} by name")
            else:
                arguments[name] = (place, item)
        first = self._replace(value=own, arguments=arguments).operation()
        for attribute in ("name", "sources", "when", "repeat", "shared", "inplace"):
            setattr(first, attribute, getattr(layer, attribute))
        if "from" in value.entries:
            first.sources = self.slots.references(value.entries["from"][1], "from")
        return first
