"""The blocks of a file: declared first, because bodies may call each other, then read."""

from __future__ import annotations

from functools import partial

from cnncalc.errors import CnncalcError, LimitError, quote, suggest
from cnncalc.spec.compile.forms import Block
from cnncalc.spec.compile.layers import Compiler, Entries
from cnncalc.spec.compile.words import BLOCK_NAME, MODIFIERS, check_free, check_identifier, check_name
from cnncalc.spec.inputs import names_of
from cnncalc.spec.reader import MappingNode, Scalar, SequenceNode, YamlNode

ARGUMENT_LIMIT = 64
_KEYS = ("args", "inputs", "layers")


def compile_library(compiler: Compiler, definitions: Entries) -> dict[str, Block]:
    """The blocks of a file, by name; they see each other and the ones already in ``compiler.blocks``."""
    own: list[tuple[Block, YamlNode]] = []
    for key, definition in definitions.values():
        try:
            if key.text in compiler.blocks:
                other = compiler.blocks[key.text].node
                raise key.error(f"block {key.text} is already defined in {other.location}")
            block = _declared(compiler, key, definition)
        except CnncalcError as error:
            compiler.errors.append(error)
            block = Block(key.text, key)
            block.broken = True
            compiler.blocks.setdefault(key.text, block)
            continue
        compiler.blocks[key.text] = block
        own.append((block, definition))
    for block, definition in own:
        try:
            _read_body(compiler, block, definition)
        except CnncalcError as error:
            compiler.errors.append(error)
    return {block.name: block for block, _ in own}


def _declared(compiler: Compiler, key: Scalar, definition: YamlNode) -> Block:
    """A block with its arguments, before any body is read."""
    if not BLOCK_NAME.fullmatch(key.text):
        raise key.error(f"{quote(key.text)} can't be the name of a block", "a block starts with a capital letter")
    block = Block(key.text, key)
    entries = definition.entries if isinstance(definition, MappingNode) else {}
    for item in _words(entries, "args"):
        if len(block.arguments) >= ARGUMENT_LIMIT:
            raise LimitError(f"more than {ARGUMENT_LIMIT} arguments", item.location)
        name, equals, default = item.text.partition("=")
        name = name.strip()
        check_identifier(name, item)
        if name in MODIFIERS:
            raise item.error(f"the argument '{name}' has the name of a modifier")
        if name in block.arguments:
            raise item.error(f"duplicate argument {quote(name)}")
        if not equals and any(block.arguments.values()):
            raise item.error(f"the argument {quote(name)} needs a default, because one before it has one")
        slot = None
        if equals:
            start = len(item.text) - len(default.lstrip())
            slot = compiler.slots.knowing(block.arguments).part(item, default.strip(), start)
        block.arguments[name] = slot
    for item in _words(entries, "inputs"):
        check_name(item.text, item, "an input")
        if item.text in block.inputs:
            raise item.error(f"duplicate input {quote(item.text)}")
        block.inputs += (item.text,)
    for item in _words(entries, "inputs"):
        check_free(item.text, item)
        if any(item.text in names_of(first) for first in block.inputs if first != item.text):
            raise item.error(f"the input '{item.text}' has the name of a variable of another input: ${item.text}")
    return block


def _words(entries: Entries, key: str) -> list[Scalar]:
    if key not in entries:
        return []
    node = entries[key][1]
    items = node.items if isinstance(node, SequenceNode) else [node]
    for item in items:
        if not isinstance(item, Scalar):
            raise item.error(
                f"{key} must be a list of words", "for example 'args: [width, stride=1]'" if key == "args" else None
            )
    return items  # type: ignore[return-value]


def _read_body(compiler: Compiler, block: Block, definition: YamlNode) -> None:
    if not isinstance(definition, MappingNode):
        raise definition.error(f"block {block.name} must be a mapping with layers, not {definition.kind}")
    for key, _ in definition.entries.values():
        if key.text not in _KEYS:
            raise key.error(f"a block has no key {quote(key.text)}", partial(suggest, key.text, _KEYS))
    if "layers" not in definition.entries:
        raise definition.error(f"block {block.name} needs layers")
    block.layers = compiler.sequence(
        definition.entries["layers"][1],
        compiler.slots.knowing([*block.arguments, *(known for name in block.inputs for known in names_of(name))]),
    )
