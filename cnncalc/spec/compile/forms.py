"""The forms a layer takes once it is compiled: ``layers`` makes them, ``expand`` runs them as often as it must."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cnncalc.errors import Location
from cnncalc.ops.base import Op
from cnncalc.spec.compile.slots import Slot
from cnncalc.spec.compile.words import unknown_follower
from cnncalc.spec.expressions import Scope
from cnncalc.spec.reader import SequenceNode, YamlNode


class Layer:
    """A compiled layer: its place, modifiers, and (in the subclasses) what it does. ``word`` numbers it where it has no
    name; one that is ``plain`` is run as it stands: always, once, after the layer before it.
    """

    __slots__ = ("first", "inplace", "name", "node", "plain", "repeat", "shared", "sources", "when", "word")

    def __init__(self, node: YamlNode, word: str) -> None:
        self.node = node
        self.word = word
        self.plain = True
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


class OperatorLayer(Layer):
    """An operator with its arguments: the values of those that are ``fixed`` (None in place of the others), and the
    slots of those that are not.
    """

    __slots__ = ("arguments", "fixed", "op", "varying")

    def __init__(self, node: YamlNode, op: type[Op], arguments: dict[str, Slot]) -> None:
        super().__init__(node, op.name)
        self.op = op
        self.arguments = arguments
        self.fixed = {name: slot.fixed() if slot.constant else None for name, slot in arguments.items()}
        self.varying = [(name, slot) for name, slot in arguments.items() if not slot.constant]


class OpLayer(OperatorLayer):
    """An operator of one input; ``norm`` and ``act`` hold the words for the rows that follow it."""

    __slots__ = ("act", "norm")

    def __init__(self, node: YamlNode, op: type[Op], arguments: dict[str, Slot]) -> None:
        super().__init__(node, op, arguments)
        self.norm: Follower | None = None
        self.act: Follower | None = None


class Follower:
    """The word of ``norm:`` or ``act:`` (``role``), and the rows that it can stand for by their words.

    ``ready`` is the row where the word is no variable.
    """

    __slots__ = ("ready", "role", "rows", "slot")

    def __init__(self, slot: Slot, role: str, rows: Mapping[str, OpLayer]) -> None:
        self.slot = slot
        self.role = role
        self.rows = rows
        self.ready = rows[slot.fixed()] if slot.constant else None

    def row(self, scope: Scope) -> OpLayer | None:
        """The row that follows, None for ``none``.

        Raises:
            SpecError: the word is no operator of the role.
        """
        if self.ready:
            return self.ready
        word = self.slot.value(scope)
        if word != "none" and word not in self.rows:
            raise unknown_follower(self.slot.node, word, self.role)
        return self.rows.get(word)


class BlockLayer(Layer):
    """A call of a block with its arguments."""

    __slots__ = ("arguments", "block", "cost")

    def __init__(self, node: YamlNode, block: Block, arguments: dict[str, Slot]) -> None:
        super().__init__(node, block.name)
        self.block = block
        self.arguments = arguments
        #: expansion steps that its lists take
        self.cost = sum(_size(slot.node) for slot in arguments.values())


class GroupLayer(Layer):
    """``layers:`` inside a layer."""

    __slots__ = ("layers",)

    def __init__(self, node: YamlNode, layers: list[Layer]) -> None:
        super().__init__(node, "layers")
        self.layers = layers


class Branch(NamedTuple):
    """A named branch of a join; ``when`` false leaves it out."""

    name: str
    layers: list[Layer]
    when: Slot | None


class JoinLayer(OperatorLayer):
    """Branches that start from one value, or names, joined by an operator with its arguments."""

    __slots__ = ("branches", "names")

    def __init__(
        self, node: YamlNode, op: type[Op], branches: list[Branch], names: tuple[Slot, ...], arguments: dict[str, Slot]
    ) -> None:
        super().__init__(node, op, arguments)
        self.branches = branches
        self.names = names


class SideLayers(NamedTuple):
    """A side output: the layers that leave the main path at ``source``."""

    name: str
    source: Slot
    layers: list[Layer]


class StagesLayer(Layer):
    """``stages:``: the columns, each a slot of a list or a list of slots, and the body."""

    __slots__ = ("body", "columns")

    def __init__(self, node: YamlNode, columns: dict[str, Slot | list[Slot]], body: list[Layer]) -> None:
        super().__init__(node, "stage")
        self.plain = False
        self.columns = columns
        self.body = body


class Block:
    """A block: arguments with defaults, names of its inputs, body. ``node`` is its name in the text.

    A ``broken`` one could not be read; that is said once, and its calls are not looked at.
    """

    __slots__ = ("arguments", "broken", "inputs", "layers", "name", "node")

    def __init__(self, name: str, node: YamlNode) -> None:
        self.name = name
        self.node = node
        self.broken = False
        self.arguments: dict[str, Slot | None] = {}
        self.inputs: tuple[str, ...] = ()
        self.layers: list[Layer] = []


def _size(node: YamlNode) -> int:
    """How many values the lists of a node hold."""
    return sum(1 + _size(item) for item in node.items) if isinstance(node, SequenceNode) else 0
