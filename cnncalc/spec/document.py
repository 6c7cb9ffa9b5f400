"""Marked nodes to a SpecDocument: the top-level keys, what it extends and uses, its compiled layers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from cnncalc.errors import CnncalcError, LimitError, Location, SpecError, SpecErrors, UsageError, quote, suggest
from cnncalc.graph.builder import Rules
from cnncalc.ops import OPS
from cnncalc.ops.base import Op
from cnncalc.spec import claims, reader, zoo
from cnncalc.spec.compile.blocks import compile_library
from cnncalc.spec.compile.forms import Block, Layer, SideLayers
from cnncalc.spec.compile.layers import Compiler
from cnncalc.spec.compile.slots import Slot, Slots
from cnncalc.spec.compile.words import check_free, check_identifier, check_name
from cnncalc.spec.inputs import ONLY, StatedInput, names_of, stated
from cnncalc.spec.reader import MappingNode, Scalar, SequenceNode, YamlNode
from cnncalc.spec.written import Written
from cnncalc.spec.zoo import HERE, Found, Root

LANGUAGE_VERSION = 1
FILE_LIMIT = 32
CHAIN_LIMIT = 8
VARIABLE_LIMIT = 256
#: the keys of a spec, and what they hold
TOP_LEVEL = {
    "cnncalc": "the version of the language",
    "name": "what the network is called",
    "title": "what it is, in a line",
    "source": "where it is published",
    "notes": "what else is to be said of it",
    "extends": "the spec that this one is a variant of",
    "uses": "libraries of blocks",
    "input": "the only input: channels and up to three spatial sizes, or tokens and features; no batch axis",
    "inputs": "several inputs by name, in place of input",
    "vars": "variables with their values; --set NAME=VALUE changes one",
    "defaults": "arguments of operators for the text of this file",
    "blocks": "layers with a name, which begins with a capital letter, and arguments",
    "layers": "the network, a layer a line",
    "side": "outputs off the main path: auxiliary heads",
    "outputs": "the names of the outputs, where there are several",
    "written": "how the program of the network writes operators that some counting tools see otherwise",
    "claims": "published figures of the network, each with its source",
    "facts": "published figures that can't be computed, each with its source",
    "budget": "limits of figures",
    "lint": "lint rules to ignore",
}
#: what a spec does not take from its base
OWN = frozenset(
    {"cnncalc", "name", "title", "source", "notes", "extends", "written", "claims", "facts", "budget", "lint"}
)
#: what is said of a network, which a library of blocks is not
_OF_LAYERS = ("input", "inputs", "side", "outputs", "written", "claims", "facts", "budget")
_TEXTS = ("name", "title", "source", "notes", "extends")

Entries = Mapping[str, tuple[Scalar, YamlNode]]
_ONE_OF_BOTH = "use input for one value, inputs for several with names"


class _File(NamedTuple):
    """One file of a spec: where it lies and its entries."""

    root: MappingNode
    path: str | None
    chain: tuple[str, ...]


class Taken(NamedTuple):
    """A base or library: its path, what messages call it, the name it is taken in by, the path of the file that names
    it, if it is one, and the place where it does.
    """

    by: str | None
    name: str
    path: str
    file: str
    place: Location


class SpecDocument:
    """A spec with its base and libraries taken in, compiled and ready to expand.

    ``vars`` are nodes, so that the command line can replace them; ``blocks`` and the variables of libraries are
    evaluated when the document is expanded. ``parts`` are the file's own text and those of its bases, nearest first;
    ``taken`` the bases and libraries in the order they were read; ``rules`` what expansions of it, and of others that
    were loaded with the same :class:`Memo`, have in common; ``made`` the operators of its layers.
    """

    __slots__ = (
        "blocks", "budget", "claims", "compiler", "facts", "family", "file", "inputs", "is_library", "layers",
        "libraries", "lint_ignored", "made", "name", "notes", "outputs", "parts", "path", "rules", "sides", "source",
        "taken", "title", "vars", "written",
    )  # fmt: skip

    def __init__(self) -> None:
        self.name = self.title = self.source = self.notes = self.file = self.family = ""
        self.path: str | None = None
        self.parts: tuple[MappingNode, ...] = ()
        self.taken: tuple[Taken, ...] = ()
        self.is_library = False
        self.vars: dict[str, YamlNode] = {}
        self.inputs: tuple[StatedInput, ...] = ()
        self.layers: list[Layer] = []
        self.sides: list[SideLayers] = []
        self.outputs: tuple[Slot, ...] = ()
        self.written: Written | None = None
        self.blocks: dict[str, Block] = {}
        self.libraries: list[SpecDocument] = []
        self.compiler: Compiler
        self.rules = Rules()
        self.made: dict[object, Op] = {}
        self.claims: tuple[claims.Claim, ...] = ()
        self.facts: tuple[dict[str, str], ...] = ()
        self.budget: tuple[claims.Budget, ...] = ()
        self.lint_ignored: Mapping[str, Location] = {}

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all that was read, each once."""
        return (self.path or "-", *dict.fromkeys(taken.path for taken in self.taken))


class Memo:
    """What many specs have in common, read and compiled once: whoever loads many makes one and hands it to each load.

    Trees are kept by a file's name and bytes, so none gets old; libraries that take in no other file, by their tree.
    """

    __slots__ = ("libraries", "rules", "trees")

    def __init__(self) -> None:
        self.rules = Rules()
        self.trees: dict[tuple[str, bytes], MappingNode] = {}
        self.libraries: dict[tuple[MappingNode, str | None], SpecDocument] = {}


def load(found: Found, root: Root = HERE, memo: Memo | None = None) -> SpecDocument:
    """The document of a spec that :func:`cnncalc.spec.zoo.find` found; ``root`` is where it looks up what it names.

    Raises:
        SpecError: one problem, or a :class:`SpecErrors` with all that are independent.
    """
    loader = _Loader(root, memo or Memo())
    try:
        return loader.document(loader.open(found, ()))
    except CnncalcError as error:
        included(error, loader.taken)
        raise


def included(error: CnncalcError, taken: Iterable[Taken]) -> None:
    """Adds to an error in a base or library the places that took it in."""
    places: dict[str, Location] = {}
    for one in taken:
        places.setdefault(one.file, one.place)
    for single in error.errors:
        place = single.location
        for _ in places:
            place = places.get(place.file) if place else None
            single.message += f", included from {place}" if place else ""


class _Loader:
    """Loads one spec: counts the files, collects the problems."""

    def __init__(self, root: Root, memo: Memo) -> None:
        self.root = root
        self.memo = memo
        self.taken: list[Taken] = []
        self.errors: list[CnncalcError] = []

    def open(self, found: Found, chain: tuple[str, ...]) -> _File:
        key = (found.name, found.data)
        tree = self.memo.trees.get(key)
        if tree is None:
            tree = self.memo.trees[key] = reader.read(found.data, found.name, found.paths)
        return _File(tree, found.path, chain)

    def document(self, file: _File) -> SpecDocument:
        document = self.compile(file)
        self.stop_on_errors()
        document.taken = tuple(self.taken)
        document.rules = self.memo.rules
        return document

    def stop_on_errors(self) -> None:
        """Raises what has been found, each problem once, in the order of the text."""
        found = {(error.location, error.message): error for error in self.errors}
        if len(found) > 1:
            raise SpecErrors([found[key] for key in sorted(found, key=lambda key: key[0] or ())])
        for error in found.values():
            raise error

    def check_top_level(self, file: _File) -> None:
        """Version first; then every key is known."""
        entries = file.root.entries
        first = next(iter(entries.values()), None)
        if first is None:
            raise file.root.error("a spec is a mapping of keys, but this is empty", "the first key is 'cnncalc: 1'")
        if "cnncalc" not in entries:
            found = quote(file.root.source.cut(first[0].text))
            raise first[0].error(f"the first key must be 'cnncalc: {LANGUAGE_VERSION}', not {found}")
        version = entries["cnncalc"][1]
        if not isinstance(version, Scalar) or version.text != str(LANGUAGE_VERSION):
            text = version.text if isinstance(version, Scalar) else ""
            shown = quote(text) if text else version.kind
            newer = re.fullmatch(r"[1-9]\d*", text, re.ASCII)
            raise version.error(
                f"the version of the language must be {LANGUAGE_VERSION}, not {shown}",
                "pip install --upgrade cnncalc" if newer else f"write cnncalc: {LANGUAGE_VERSION}",
            )
        if first[0].text != "cnncalc":
            self.errors.append(entries["cnncalc"][0].error("cnncalc must be the first key"))
        for key, (place, node) in entries.items():
            if key not in TOP_LEVEL:
                hint = partial(suggest, key, TOP_LEVEL)
                self.errors.append(place.error(f"unknown key {quote(key)}", hint))
            elif key in _TEXTS and not isinstance(node, Scalar):
                self.errors.append(node.error(f"{key} must be text, not {node.kind}"))

    def chain_to(self, node: YamlNode, name: str, file: _File) -> _File:
        """Opens a base or library."""
        if len(self.taken) >= FILE_LIMIT:
            raise LimitError(f"extends and uses take in more than {FILE_LIMIT} files", node.location)
        try:
            found = zoo.find_base(name, file.path, self.root)
        except SpecError as error:
            raise node.error(error.message, error.advice) from None
        chain = (*file.chain, os.path.realpath(file.path) if file.path else file.root.source.name)
        key = os.path.realpath(found.path or "")
        if key in chain:
            ring = " -> ".join(map(os.path.basename, [*chain[chain.index(key) :], key]))
            raise node.error(f"a spec can't extend or use itself: {ring}")
        if len(file.chain) >= CHAIN_LIMIT:
            raise LimitError(f"extends and uses go more than {CHAIN_LIMIT} levels deep", node.location)
        self.taken.append(Taken(file.path, name, found.path or "", found.name, node.location))
        opened = self.open(found, chain)
        self.check_top_level(opened)
        return opened

    def bases(self, file: _File) -> list[_File]:
        """The file and its bases, nearest first."""
        chain = [file]
        while "extends" in chain[-1].root.entries:
            node = chain[-1].root.entries["extends"][1]
            if not isinstance(node, Scalar):
                break
            chain.append(self.chain_to(node, node.text, chain[-1]))
        return chain

    def compile(self, file: _File) -> SpecDocument:
        self.check_top_level(file)
        chain = self.bases(file)
        parts = [part.root.entries for part in chain]
        merged: dict[str, tuple[Scalar, YamlNode]] = {}
        for part in reversed(chain):
            for key, entry in part.root.entries.items():
                if key in OWN and part is not file:
                    continue
                merged[key] = (entry[0], self.continued(entry[1], merged)) if key == "layers" else entry
                if key in ("input", "inputs"):
                    merged.pop("inputs" if key == "input" else "input", None)
        document = SpecDocument()
        document.parts = tuple(part.root for part in chain)
        self.texts(document, file, merged)
        document.vars = self.variables(chain)
        blocks: dict[str, Block] = {}
        self.libraries(document, chain, blocks)
        if self.errors and "uses" in merged:
            self.stop_on_errors()
        compiler = Compiler(blocks, self.defaults(parts), document.vars, self.errors)
        document.compiler = compiler
        compiler.check_defaults()
        for value in document.vars.values():
            self.guard(partial(compiler.variables.any_value, value), None)
        document.blocks = compile_library(compiler, self.mapping(parts, "blocks"))
        slots = compiler.slots
        document.is_library = "layers" not in merged
        document.inputs = self.inputs(chain, merged, document)
        for own in document.inputs if "inputs" in merged else ():
            slots = slots.knowing(names_of(own.name))
        if "layers" in merged:
            document.layers = compiler.sequence(merged["layers"][1], slots)
            if not document.layers and not self.errors:
                self.errors.append(merged["layers"][1].error("layers is empty"))
            if not {"input", "inputs"} & set(merged):
                place = merged["layers"][0]
                hint = "for example 'input: [3, 224, 224]'"
                self.errors.append(place.error("a spec with layers needs input or inputs", hint))
        self.sides(document, merged, slots)
        if "outputs" in merged:
            document.outputs = self.guard(partial(slots.references, merged["outputs"][1], "outputs"), ())
        if "written" in merged:
            document.written = self.guard(partial(Written, merged["written"][1]), None)
        for key in _OF_LAYERS if document.is_library and not self.errors else ():
            if key in merged:
                hint = "a spec without layers is a library of blocks"
                self.errors.append(merged[key][0].error(f"{key} needs layers", hint))
        document.claims = claims.read_claims(_value(merged, "claims"), self.errors)
        document.facts = claims.read_facts(_value(merged, "facts"), self.errors)
        document.budget = claims.read_budget(_value(merged, "budget"), self.errors)
        document.lint_ignored = claims.read_lint(_value(merged, "lint"), self.errors)
        return document

    def guard(self, read: Callable[[], Any], otherwise: Any) -> Any:
        """What ``read`` returns; a problem is noted and ``otherwise`` returned."""
        try:
            return read()
        except CnncalcError as error:
            self.errors.append(error)
            return otherwise

    def texts(self, document: SpecDocument, file: _File, merged: Entries) -> None:
        document.file = file.root.source.name
        document.path = file.path
        stem = (file.path or "").replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
        document.name = stem or file.root.source.name.strip("<>")
        folders = (file.path or "").replace("\\", "/").split("/")
        document.family = folders[-2] if len(folders) > 2 and folders[-3] == "specs" else ""
        for key in ("name", "title", "source", "notes"):
            if key in merged:
                node = merged[key][1]
                text = " ".join(node.text.split()) if isinstance(node, Scalar) else ""
                if key == "name" and isinstance(node, Scalar):
                    self.guard(partial(check_name, text, node, "a spec"), None)
                setattr(document, key, text)

    def mapping(self, parts: Sequence[Entries], key: str) -> Entries:
        """A top-level mapping, merged by name over ``parts``, the last one first."""
        entries: dict[str, tuple[Scalar, YamlNode]] = {}
        for part in reversed(parts):
            node = _value(part, key)
            if isinstance(node, MappingNode):
                entries.update(node.entries)
            elif node is not None:
                self.errors.append(node.error(f"{key} must be a mapping, not {node.kind}"))
        return entries

    def continued(self, node: YamlNode, merged: Entries) -> YamlNode:
        """Layers that begin with ``{base: NAME}``: in its place those of the base, as far as the one of that name."""
        if not isinstance(node, SequenceNode) or not node.items:
            return node
        first = node.items[0]
        if not isinstance(first, MappingNode) or "base" not in first.entries:
            return node
        try:
            items = _until(first, _value(merged, "layers"))
        except SpecError as error:
            self.errors.append(error)
            items = []
        whole = SequenceNode(node.source, node.line, node.column, node.flow)
        whole.items = [*items, *node.items[1:]]
        return whole

    def variables(self, chain: list[_File]) -> dict[str, YamlNode]:
        """Variables merged by key, the base's first; a spec can't set what its base lacks."""
        variables: dict[str, YamlNode] = {}
        known: tuple[str, ...] = ()
        for part in reversed(chain):
            entries = self.mapping([part.root.entries], "vars")
            if len(entries) > VARIABLE_LIMIT:
                raise LimitError(f"more than {VARIABLE_LIMIT} variables", part.root.entries["vars"][1].location)
            for name, (key, value) in entries.items():
                if part is chain[-1]:
                    self.guard(partial(check_identifier, name, key), None)
                elif name not in variables:
                    message = f"the base has no variable {quote(name)} to set"
                    self.errors.append(key.error(message, partial(suggest, name, known)))
                variables[name] = value
            if part is chain[-1]:
                known = tuple(variables)
        return variables

    def libraries(self, document: SpecDocument, chain: list[_File], blocks: dict[str, Block]) -> None:
        """Takes in the blocks of every library that the file or one of its bases uses."""
        used = [
            (item, part)
            for part in reversed(chain)
            if (node := _value(part.root.entries, "uses"))
            for item in (node.items if isinstance(node, SequenceNode) else [node])
        ]
        for item, part in used:
            if not isinstance(item, Scalar):
                self.errors.append(item.error("uses must be a list of names"))
                continue
            try:
                file = self.chain_to(item, item.text, part)
                library = self.library(file)
                if not library.is_library:
                    message = f"{quote(item.text)} has layers, so it is a network, not a library of blocks"
                    raise item.error(message, "move the blocks to a file without layers, or use extends")
                for name, block in library.compiler.blocks.items():
                    if name in blocks and blocks[name].node.location != block.node.location:
                        message = (
                            f"block {name} of {quote(item.text)} is already defined in {blocks[name].node.location}"
                        )
                        raise item.error(message)
                    blocks[name] = block
                document.libraries.append(library)
            except CnncalcError as error:
                self.errors.append(error)

    def library(self, file: _File) -> SpecDocument:
        """The compiled library, from the memo where that has it."""
        key = (file.root, file.path)
        library = self.memo.libraries.get(key)
        if library is None:
            problems = len(self.errors)
            library = self.compile(file)
            if len(self.errors) == problems and not {"uses", "extends"} & file.root.entries.keys():
                self.memo.libraries[key] = library
        return library

    def defaults(self, parts: Sequence[Entries]) -> dict[str, MappingNode]:
        """Arguments per operator, merged by name over the file and its bases; each is one that the operator has."""
        defaults: dict[str, MappingNode] = {}
        rows = [row for part in reversed(parts) for row in self.mapping([part], "defaults").items()]
        for name, (key, value) in rows:
            op = OPS.get(name)
            if op is None or op.role == "join":
                operators = [known for known, cls in OPS.items() if cls.role != "join"]
                hint = partial(suggest, name, operators)
                self.errors.append(key.error(f"defaults are for operators, not {quote(name)}", hint))
            elif not isinstance(value, MappingNode):
                self.errors.append(value.error(f"the defaults of {name} must be a mapping, not {value.kind}"))
            else:
                allowed = [*op.fields, *(("norm", "act") if op.takes_norm_act else ())]
                wrong = [place for argument, (place, _) in value.entries.items() if argument not in allowed]
                for place in wrong:
                    message = f"{name} has no argument {quote(place.text)}"
                    self.errors.append(place.error(message, partial(suggest, place.text, allowed)))
                if not wrong:
                    merged = MappingNode(value.source, value.line, value.column, value.flow)
                    merged.entries = {**(defaults[name].entries if name in defaults else {}), **value.entries}
                    defaults[name] = merged
        return defaults

    def inputs(self, chain: Sequence[_File], merged: Entries, document: SpecDocument) -> tuple[StatedInput, ...]:
        """``input:``, or every entry of ``inputs:``."""
        for part in chain:
            both = [part.root.entries[key][0] for key in ("input", "inputs") if key in part.root.entries]
            if len(both) > 1:
                self.errors.append(
                    both[1].error(
                        f"a spec can't have both input and inputs; input is on line {both[0].line}", _ONE_OF_BOTH
                    )
                )
        variables = document.compiler.variables
        if "inputs" not in merged:
            if "input" not in merged:
                return ()
            read = partial(stated, ONLY, merged["input"][1], variables)
            return tuple(filter(None, [self.guard(read, None)]))
        _, value = merged["inputs"]
        if not isinstance(value, MappingNode) or not value.entries:
            hint = "for example 'inputs: {image: [3, 224, 224], text: {tokens: 77, features: 512}}'"
            self.errors.append(value.error("inputs must be a mapping of names to shapes", hint))
            return ()
        found = []
        for name, (place, node) in value.entries.items():
            self.guard(partial(self.check_input_name, name, place, document, value.entries), None)
            found.append(self.guard(partial(stated, name, node, variables), None))
        return tuple(filter(None, found))

    def check_input_name(self, name: str, place: Scalar, document: SpecDocument, inputs: Entries) -> None:
        """Refuses the name of an input that means something else already."""
        check_name(name, place, "an input")
        check_free(name, place)
        for first in inputs:
            if first != name and name in names_of(first):
                raise place.error(f"the input '{name}' has the name of a variable of the input '{first}': ${name}")
        if name in OPS:
            raise place.error(f"the input '{name}' has the name of an operator")
        for what, known in (("block", document.compiler.blocks), ("variable", document.vars)):
            if name in known:
                other = known[name]
                where = (other.node if isinstance(other, Block) else other).location
                raise place.error(f"the input '{name}' has the name of a {what}, defined in {where}")

    def sides(self, document: SpecDocument, merged: Entries, slots: Slots) -> None:
        """Side outputs: a branch each, whose ``when`` slot is the layer it leaves from."""
        for name, (key, value) in self.mapping([merged], "side").items():
            try:
                check_name(name, key, "a side output")
                if not isinstance(value, MappingNode) or set(value.entries) != {"from", "layers"}:
                    raise value.error(
                        "a side output must be a mapping of from and layers", "for example '{from: 4a, layers: [...]}'"
                    )
                source = slots.references(value.entries["from"][1], "from")
                if len(source) != 1:
                    raise value.entries["from"][1].error("a side output starts from one layer")
                layers = document.compiler.sequence(value.entries["layers"][1], slots)
                document.sides.append(SideLayers(name, source[0], layers))
            except CnncalcError as error:
                self.errors.append(error)


def _value(merged: Entries, key: str) -> YamlNode | None:
    return merged[key][1] if key in merged else None


def _until(marker: MappingNode, base: YamlNode | None) -> list[YamlNode]:
    """The layers of ``base`` as far as the one that ``{base: NAME}`` names: by its name, or by its operation."""
    place, value = marker.entries["base"]
    if not isinstance(value, Scalar) or len(marker.entries) > 1:
        raise marker.error("base takes only the name of a layer of the base", "for example '{base: stages}'")
    if base is None:
        raise place.error("base needs a spec with layers to extend", "write extends: NAME")
    items = base.items if isinstance(base, SequenceNode) else [base]
    names = [_called(item) for item in items]
    if names.count(value.text) > 1:
        raise value.error(
            f"{names.count(value.text)} layers of the base are named {quote(value.text)}", "rename one in the base"
        )
    if value.text not in names:
        hint = partial(_suggest_layer, value.text, [name for name in dict.fromkeys(names) if name])
        raise value.error(f"the base has no layer {quote(value.text)}", hint)
    return items[: names.index(value.text) + 1]


def _suggest_layer(name: str, known: list[str]) -> str:
    return suggest(name, known) or f"its layers: {', '.join(known[:8])}{', ...' * (len(known) > 8)}"


def _called(item: YamlNode) -> str:
    """A layer's name, or the word of its operation."""
    if isinstance(item, MappingNode):
        name = item.entries["name"][1] if "name" in item.entries else None
        if isinstance(name, Scalar):
            return name.text
        return next((key for key in item.entries if key in OPS or key in ("layers", "stages") or key[:1].isupper()), "")
    return item.text if isinstance(item, Scalar) else ""


def assigned(values: Mapping[str, object], spec: SpecDocument) -> dict[str, YamlNode]:
    """The nodes of values for some of the variables of a spec: texts as YAML has them, or data.

    Raises:
        UsageError: no such variable.
        SpecError: a value can't be read.
    """
    if not isinstance(values, Mapping):
        raise UsageError(f"vars is a mapping of variables to values, not {quote(values)}")
    nodes = {}
    for name, value in values.items():
        if name not in spec.vars:
            hint = suggest(name, spec.vars) or f"it has {', '.join(spec.vars) or 'no variables'}"
            raise UsageError(f"{spec.name} has no variable {quote(name)}", None, hint)
        if isinstance(value, str):
            text = value.encode("utf-8", "surrogatepass")
            nodes[name] = reader.read_node(text, f"--set {name}")
        else:
            from cnncalc.spec.data import written

            text, paths = written(value, "vars", name)
            nodes[name] = reader.read_node(text, "vars", paths)
    return nodes
