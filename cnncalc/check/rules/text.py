"""What a spec's text lacks, and what it says that nothing uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cnncalc.check.rules.base import Hit, Rule
from cnncalc.check.subject import Subject
from cnncalc.ops import OPS
from cnncalc.spec.compile.forms import Block, BlockLayer, GroupLayer, JoinLayer, Layer, OpLayer, StagesLayer
from cnncalc.spec.compile.words import VARIABLE
from cnncalc.spec.document import SpecDocument
from cnncalc.spec.reader import MappingNode, Scalar, SequenceNode, YamlNode

#: keys whose text takes no variables
_PLAIN = frozenset(
    {"cnncalc", "name", "title", "source", "notes", "extends", "uses", "claims", "facts", "budget", "lint"}
)


def _no_source(subject: Subject) -> Iterator[Hit]:
    spec = subject.spec
    if not spec.source:
        place = spec.parts[0].location
        yield Hit("the spec has no source", place, "source", "add source: the paper, slide or code that it follows")


def _own(spec: SpecDocument, key: str) -> Mapping[str, tuple[Scalar, YamlNode]]:
    """The entries of a top-level mapping in the file's own text."""
    found = spec.parts[0].entries.get(key)
    return found[1].entries if found and isinstance(found[1], MappingNode) else {}


def _unused_variables(subject: Subject) -> Iterator[Hit]:
    spec = subject.spec
    own = _own(spec, "vars")
    if not own:
        return
    used: set[str] = set()
    for part in spec.parts:
        for where, (_, node) in part.entries.items():
            if where not in _PLAIN:
                _variables(node, where, frozenset(), used)
    for name, (key, _) in own.items():
        if name not in used:
            yield Hit(f"nothing uses the variable ${name}", key.location, f"${name}", "remove it, or use it")


def _variables(node: YamlNode, key: str, hidden: frozenset[str], used: set[str]) -> None:
    """Adds the variables that a text uses, except where an argument or a column of the same name hides them."""
    if isinstance(node, Scalar):
        if "$" in node.text:
            used.update(name for name in VARIABLE.findall(node.text) if name not in hidden)
    elif isinstance(node, SequenceNode):
        for item in node.items:
            _variables(item, "", hidden, used)
    elif isinstance(node, MappingNode):
        for name, (_, value) in node.entries.items():
            inner = hidden
            if key == "blocks":
                inner = hidden | _arguments(value)
            elif name == "each" and "stages" in node.entries:
                inner = hidden | _columns(node.entries["stages"][1])
            _variables(value, name if name == "stages" else "", inner, used)


def _arguments(definition: YamlNode) -> frozenset[str]:
    entries = definition.entries if isinstance(definition, MappingNode) else {}
    node = entries["args"][1] if "args" in entries else None
    items = node.items if isinstance(node, SequenceNode) else [node]
    return frozenset(item.text.partition("=")[0].strip() for item in items if isinstance(item, Scalar))


def _columns(table: YamlNode) -> frozenset[str]:
    if isinstance(table, MappingNode):
        return frozenset(table.entries)
    header = table.items[0] if isinstance(table, SequenceNode) and table.items else None
    cells = header.items if isinstance(header, SequenceNode) else []
    return frozenset(cell.text for cell in cells if isinstance(cell, Scalar))


def _layers(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Every layer of a text, those inside others too, but not those of the blocks that it calls."""
    for layer in layers:
        yield layer
        if layer.first is not None:
            yield from _layers([layer.first])
        if isinstance(layer, JoinLayer):
            for branch in layer.branches:
                yield from _layers(branch.layers)
        elif isinstance(layer, GroupLayer):
            yield from _layers(layer.layers)
        elif isinstance(layer, StagesLayer):
            yield from _layers(layer.body)


def _main_layers(spec: SpecDocument) -> Iterator[Layer]:
    yield from _layers(spec.layers)
    for side in spec.sides:
        yield from _layers(side.layers)


def _unused_blocks(subject: Subject) -> Iterator[Hit]:
    own = _own(subject.spec, "blocks")
    if not own:
        return
    called: set[Block] = set()
    waiting = list(_main_layers(subject.spec))
    while waiting:
        layer = waiting.pop()
        if isinstance(layer, BlockLayer) and layer.block not in called:
            called.add(layer.block)
            waiting += _layers(layer.block.layers)
    names = {block.name for block in called}
    for name, (key, _) in own.items():
        if name not in names:
            yield Hit(f"nothing uses the block {name}", key.location, name, "remove it, or move it to a library")


def _unused_defaults(subject: Subject) -> Iterator[Hit]:
    spec = subject.spec
    own = _own(spec, "defaults")
    if not own:
        return
    used: set[str] = set()
    written = [*_main_layers(spec), *(layer for block in spec.blocks.values() for layer in _layers(block.layers))]
    for layer in written:
        if isinstance(layer, OpLayer):
            used.add(layer.op.name)
            for role, follower in (("norm", layer.norm), ("activation", layer.act)):
                if follower and follower.ready:
                    used.add(follower.ready.op.name)
                elif follower:  # a variable says which
                    used.update(name for name, op in OPS.items() if op.role == role)
    for name, (key, _) in own.items():
        if name not in used:
            message = f"no layer of this file uses the defaults of {name}"
            yield Hit(message, key.location, f"defaults of {name}", "remove them")


RULES = (
    Rule(
        "CN012",
        "missing-source",
        "warning",
        "a spec without source",
        """
Figures can be cited only when it is known which network they are of: "ResNet-50" alone has
25,557,032 or 25,636,712 parameters, with or without biases before its batch norms. It is a warning
because one line is enough.
""",
        """
cnncalc: 1
input: [8, 3, 3]
layers:
  - {conv: 8, kernel: 3}
""",
        """
cnncalc: 1
source: He et al. 2015, arXiv:1512.03385, table 1
input: [8, 3, 3]
layers:
  - {conv: 8, kernel: 3}
""",
        "Ignore it in a draft: source: own work is enough for a network that is new.",
        _no_source,
        networks_only=False,
    ),
    Rule(
        "CN013",
        "unused-variable",
        "warning",
        "a variable that nothing uses",
        """
--set classes=10 works for every variable under vars. If no layer reads the variable, all figures
stay the same, and no message says so. An argument of a block or a column of stages with the same
name hides the variable, so a layer that reads those does not use it. It is a warning because the
layer that should read the variable probably holds a number instead.
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
vars: {width: 8}
layers:
  - {conv: 8, kernel: 3}
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
vars: {width: 8}
layers:
  - {conv: $width, kernel: 3}
""",
        "Ignore it where a variable is there for specs that extend this one.",
        _unused_variables,
        networks_only=False,
    ),
    Rule(
        "CN014",
        "unused-block",
        "warning",
        "a block that no layer calls",
        """
A block that nothing calls is read, but never built: a mistake in its shapes is not found, and no
figure holds any of it. It is a warning because the layer that should call it calls another one.
Blocks of a library are there for others, and are not looked at.
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
blocks:
  Unit: {layers: [{conv: 8, kernel: 3}, relu]}
layers:
  - {conv: 8, kernel: 3}
  - relu
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
blocks:
  Unit: {layers: [{conv: 8, kernel: 3}, relu]}
layers:
  - Unit
""",
        "Ignore it where a block is there for specs that extend this one.",
        _unused_blocks,
    ),
    Rule(
        "CN015",
        "unused-default",
        "warning",
        "defaults of an operator that no layer of the file uses",
        """
Defaults are for the text of one file: those of a network do not reach into the blocks of a library
that it uses. So {conv: {bias: false}} beside layers that are all blocks of a library changes
nothing, though it reads as if no convolution had a bias. norm: and act: use the defaults of their
operators too. It is a warning because the defaults belong into the library.
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
defaults: {linear: {bias: false}}
layers:
  - {conv: 8, kernel: 3}
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
defaults: {conv: {bias: false}}
layers:
  - {conv: 8, kernel: 3}
""",
        "Ignore it where the defaults are there for specs that extend this one.",
        _unused_defaults,
        networks_only=False,
    ),
)
