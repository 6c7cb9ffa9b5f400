"""The forms a layer takes once it is compiled: ``compiler`` makes them, ``expand`` runs them as often as it must."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from cnncalc.errors import ExpressionError, Location, SpecError, quote, suggest
from cnncalc.ops import OPS
from cnncalc.ops.base import Op
from cnncalc.spec.expressions import Scope, Value
from cnncalc.spec.reader import NO_SPACE, Scalar, SequenceNode, YamlNode

if TYPE_CHECKING:
    from cnncalc.spec.compile.layers import Compiler

MODIFIERS = ("name", "from", "when", "repeat", "first", "shared", "inplace")
#: names that no layer can have, because they mean something in ``from`` and joins
RESERVED_NAMES = ("input", "prev", "prev2", "identity")
#: variables that every layer sees
AUTOMATIC = frozenset({"in", "in_d", "in_h", "in_w", "prev", "i"})
INPUT_IS_KNOWN = "the channels of the input are worked out"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}", re.ASCII)


class Slot:
    """A place in a spec that is read with a scope: an argument, a condition, a name."""

    __slots__ = ("constant", "node", "read", "start")

    def __init__(self, node: YamlNode, read: Callable[[Scope], Value], constant: bool, start: int = 0) -> None:
        self.node = node
        self.read = read
        self.constant = constant
        self.start = start

    def value(self, scope: Scope) -> Value:
        """The value.

        Raises:
            SpecError: the expression can't be evaluated; points at the operator or name that fails.
        """
        try:
            return self.read(scope)
        except ExpressionError as error:
            raise at_offset(error, self.node, self.start) from None

    def fixed(self) -> Value:
        """The value of a constant slot, which looks nothing up."""
        return self.value(None)  # type: ignore[arg-type]


def at_offset(error: ExpressionError, node: YamlNode, start: int = 0) -> SpecError:
    """The error with a place: ``error.offset`` characters into the text that starts ``start`` into the node."""
    line = node.source.line(node.line)
    quoted = line[node.column - 1 : node.column] in ("'", '"')
    column = node.column + quoted + start + error.offset
    if isinstance(node, Scalar) and (column > len(line) + 1 or not (node.plain or quoted)):
        column = node.column  # a text of several lines
    return SpecError(error.message, Location(node.source.name, node.line, column), error.advice)


class Layer:
    """A compiled layer: its place, modifiers, and (in the subclasses) what it does."""

    __slots__ = ("first", "inplace", "name", "node", "repeat", "shared", "sources", "when")

    def __init__(self, node: YamlNode) -> None:
        self.node = node
        self.name: Slot | None = None
        self.sources: tuple[Slot, ...] = ()
        self.when: Slot | None = None
        self.repeat: Slot | None = None
        self.first: Layer | None = None
        self.shared: Slot | None = None
        self.inplace: bool | None = None

    @property
    def location(self) -> Location:
        return self.node.location


class OpLayer(Layer):
    """An operator with its arguments; ``norm`` and ``act`` hold the words for the rows that follow it.

    ``ready`` are the arguments when all are constant.
    """

    __slots__ = ("act", "arguments", "norm", "op", "ready")

    def __init__(self, node: YamlNode, op: type[Op], arguments: dict[str, Slot]) -> None:
        super().__init__(node)
        self.op = op
        self.arguments = arguments
        self.norm: Follower | None = None
        self.act: Follower | None = None
        self.ready: dict[str, Value] | None = None
        if all(slot.constant for slot in arguments.values()):
            self.ready = {name: slot.fixed() for name, slot in arguments.items()}


class Follower:
    """The word of ``norm:`` or ``act:``; the compiler of its file knows the row that it stands for."""

    __slots__ = ("compiler", "ready", "role", "slot")

    def __init__(self, slot: Slot, role: str, compiler: Compiler, ready: OpLayer | None) -> None:
        self.slot = slot
        self.role = role
        self.compiler = compiler
        self.ready = ready

    def row(self, scope: Scope) -> OpLayer | None:
        """The row that follows, None for ``none``.

        Raises:
            SpecError: the word is no operator of the role.
        """
        if self.ready:
            return self.ready
        word = self.slot.value(scope)
        if word == "none":
            return None
        row = self.compiler.follower_row(self.role, word)
        if row is None:
            raise unknown_follower(self.slot.node, word, self.role)
        return row


class BlockLayer(Layer):
    """A call of a block with its arguments."""

    __slots__ = ("arguments", "block", "cost")

    def __init__(self, node: YamlNode, block: Block, arguments: dict[str, Slot]) -> None:
        super().__init__(node)
        self.block = block
        self.arguments = arguments
        #: expansion steps that its lists take
        self.cost = sum(_size(slot.node) for slot in arguments.values())


class GroupLayer(Layer):
    """``layers:`` inside a layer."""

    __slots__ = ("layers",)

    def __init__(self, node: YamlNode, layers: list[Layer]) -> None:
        super().__init__(node)
        self.layers = layers


class Branch:
    """A named branch of a join; ``when`` false leaves it out."""

    __slots__ = ("layers", "name", "when")

    def __init__(self, name: str, layers: list[Layer], when: Slot | None) -> None:
        self.name = name
        self.layers = layers
        self.when = when


class JoinLayer(Layer):
    """Branches that start from one value, or names, joined by an operator."""

    __slots__ = ("branches", "names", "op")

    def __init__(self, node: YamlNode, op: type[Op], branches: list[Branch], names: tuple[Slot, ...]) -> None:
        super().__init__(node)
        self.op = op
        self.branches = branches
        self.names = names


class SideLayers:
    """A side output: the layers that leave the main path at ``source``."""

    __slots__ = ("layers", "name", "source")

    def __init__(self, name: str, source: Slot, layers: list[Layer]) -> None:
        self.name = name
        self.source = source
        self.layers = layers


class StagesLayer(Layer):
    """``stages:``: the columns, each a slot of a list or a list of slots, and the body."""

    __slots__ = ("body", "columns")

    def __init__(self, node: YamlNode, columns: dict[str, Slot | list[Slot]], body: list[Layer]) -> None:
        super().__init__(node)
        self.columns = columns
        self.body = body


class Block:
    """A block: arguments with defaults, names of its inputs, body. ``home`` is the text it was written in.

    A ``broken`` one could not be read; that is said once, and its calls are not looked at.
    """

    __slots__ = ("arguments", "broken", "home", "inputs", "layers", "name", "node")

    def __init__(self, name: str, node: YamlNode, home: Compiler) -> None:
        self.name = name
        self.node = node
        self.home = home
        self.broken = False
        self.arguments: dict[str, Slot | None] = {}
        self.inputs: tuple[str, ...] = ()
        self.layers: list[Layer] = []


#: words of other frameworks, without _ and the number of axes, and what to write instead
_OTHER_WORDS = {
    "batchnorm": "bn", "batchnormalization": "bn", "ln": "layernorm", "layernormalization": "layernorm",
    "gn": "groupnorm", "dense": "linear", "fc": "linear", "fullyconnected": "linear", "deconv": "conv_transpose",
    "depthwise": "dwconv", "depthwiseconv": "dwconv", "maxpooling": "maxpool", "averagepool": "avgpool",
    "averagepooling": "avgpool", "gap": "global_avgpool", "globalaveragepooling": "global_avgpool",
    "globalmaxpooling": "global_maxpool", "mha": "attention", "multiheadattention": "attention", "swish": "silu",
    "cat": "concat", "concatenate": "concat", "sum": "add", "residual": "add", "multiply": "mul",
    "in": INPUT_IS_KNOWN, "inchannels": INPUT_IS_KNOWN, "infeatures": INPUT_IS_KNOWN,
    "global": "write global_avgpool, or global_maxpool",
    "valid": "write pad: 0",
    "memory": "write activation_bytes, inference_memory or training_memory",
}  # fmt: skip


def other_word(text: str, known: Container[str] = OPS) -> str | None:
    """A hint for a word of other frameworks (``BatchNorm2d``, ``in_channels``); None if no word of ``known``."""
    if re.match(r"\w+:", text, re.ASCII):
        return NO_SPACE
    plain = re.sub(r"(?<=[a-z])[123]d$", "", text.lower().replace("_", ""))
    word = _OTHER_WORDS.get(plain) or next((name for name in OPS if name.replace("_", "") == plain), None)
    if word is None or word == text or (word in OPS and word not in known):
        return None
    if word not in OPS:
        return word
    first = next(iter(OPS[word].fields), "")
    return f"write {word}" + (f", which takes its outputs first: {INPUT_IS_KNOWN}" if first == "out" else "")


def unknown_follower(node: YamlNode, word: str, role: str) -> SpecError:
    """The error for a word that ``norm:`` or ``act:`` does not know."""
    wanted = "norm" if role == "norm" else "activation"
    names = [name for name, op in OPS.items() if op.role == wanted]
    if word in names:
        needed = next(field.name for field in OPS[word].fields.values() if field.required)
        return node.error(f"{word} needs {needed}", f"set it under defaults, as in '{word}: {{{needed}: ...}}'")

    def hint() -> str:
        return other_word(word, names) or suggest(word, [*names, "none"]) or f"such as {', '.join(names[:5])}"

    return node.error(f"unknown {role} {quote(word)}", hint)


def check_name(name: str, node: YamlNode, what: str = "a layer") -> None:
    """Refuses a name that is no path component, or that means something else in ``from``."""
    if not _NAME.fullmatch(name):
        hint = "letters, digits, _ and -, at most 128, not starting with -"
        raise node.error(f"{quote(name)} can't be the name of {what}", hint)
    if name in RESERVED_NAMES:
        raise node.error(f"the name '{name}' is taken by the language")


def _size(node: YamlNode) -> int:
    """How many values the lists of a node hold."""
    return sum(1 + _size(item) for item in node.items) if isinstance(node, SequenceNode) else 0
