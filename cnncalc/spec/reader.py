"""Bytes to marked nodes: the only importer of yaml, and the home of every limit on what is read.

One iterative pass over the events of libyaml's parser. Refused, each with its place: anchors, aliases, tags, merge
keys, duplicate and empty keys, several documents, tabs, control and direction characters, anything but UTF-8.
Scalars stay text; the field that reads one decides what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cnncalc.errors import CnncalcError, Hint, LimitError, Location, SpecError, SpecSyntaxError, quote

BYTE_LIMIT = 1 << 20
DEPTH_LIMIT = 64
NODE_LIMIT = 50_000
SCALAR_LIMIT = 10_000
KEY_LIMIT = 128

_REFUSED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\ud800-\udfff\ufffe\uffff"  # control, direction, no characters
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"  # invisible
)


#: how a spec begins, after comments and directives
_SPEC = re.compile(r"(?:[ ]*(?:#.*|%.*|---.*)?\n)*(?:--- )?[ ]*\{?\s*[\"']?cnncalc[\"']?[ ]*:")
_NO_ANCHORS = "write the value out, or use vars and blocks"
NO_SPACE = "write a space after ':'"
#: lines that lack a space: after the ':' of a key, after the '-' of an item
_KEY_WITHOUT_SPACE = re.compile(r"[ ]*(- *)?\{?\w+:[^\s:/]", re.ASCII)
_ITEM_WITHOUT_SPACE = re.compile(r"[ ]*-[^-\s]")


class PlaceInText(Location):
    """A place with the text that it was found in; in another process, the place alone."""

    source: Source

    @property
    def text(self) -> str:
        """Its line, if the text is a spec or a configuration: a link may lead to what must not be shown."""
        return self.source.line(self.line) if self.source.is_ours else ""

    def __reduce__(self) -> tuple[type[Location], tuple[object, ...]]:
        return Location, tuple(self)


class Source:
    """The text a node was read from, and the name that messages give it.

    ``paths`` lead from each line into the Python data that the text was made from; empty where it was a text.
    ``is_ours`` says whether it is a spec, which begins with ``cnncalc:``, or a configuration: messages show no line of
    anything else, and of its words the first letters.
    """

    __slots__ = ("_lines", "data", "is_ours", "name", "paths", "text")

    def __init__(self, name: str, text: str, data: bytes, paths: Sequence[str] = (), is_ours: bool = True) -> None:
        self.paths = paths
        self.is_ours = is_ours
        self.name = name
        self.text = text
        self.data = data
        self._lines: list[str] = []

    def line(self, number: int) -> str:
        """A line of the text, counted from 1."""
        self._lines = self._lines or self.text.split("\n")
        return self._lines[number - 1] if number <= len(self._lines) else ""

    def place(self, line: int, column: int) -> Location:
        """A place in the text."""
        place = PlaceInText(self.name, line, column, self.paths[line - 1] if self.paths else "")
        place.source = self
        return place

    def at(self, offset: int) -> Location:
        """The place of a character."""
        before = self.text[:offset]
        return self.place(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)

    def cut(self, word: str) -> str:
        """A word of the text as messages may show it."""
        return word if self.is_ours or len(word) <= 8 else f"{word[:4]}..."


class YamlNode:
    """A piece of a spec that knows its place; ``line`` and ``column`` count from 1."""

    __slots__ = ("column", "line", "source")
    kind = "an alias"

    def __init__(self, source: Source, line: int, column: int) -> None:
        self.source = source
        self.line = line
        self.column = column

    @property
    def location(self) -> Location:
        return self.source.place(self.line, self.column)

    def error(self, message: str, hint: Hint = None) -> SpecError:
        """An error that points here."""
        return SpecError(message, self.location, hint)


class Scalar(YamlNode):
    """Text. ``plain`` is false where it was written in quotes or as a block."""

    __slots__ = ("plain", "text")
    kind = "text"

    def __init__(self, source: Source, line: int, column: int, text: str, plain: bool) -> None:
        self.source = source
        self.line = line
        self.column = column
        self.text = text
        self.plain = plain


class SequenceNode(YamlNode):
    """A list; ``flow`` is true for the form in brackets."""

    __slots__ = ("flow", "items")
    kind = "a list"

    def __init__(self, source: Source, line: int, column: int, flow: bool) -> None:
        super().__init__(source, line, column)
        self.flow = flow
        self.items: list[YamlNode] = []


class MappingNode(YamlNode):
    """A mapping: key text to (key, value), in the order of the text; ``flow`` is true for the form in braces."""

    __slots__ = ("entries", "flow")
    kind = "a mapping"

    def __init__(self, source: Source, line: int, column: int, flow: bool) -> None:
        super().__init__(source, line, column)
        self.flow = flow
        self.entries: dict[str, tuple[Scalar, YamlNode]] = {}


def read(data: bytes, name: str, paths: Sequence[str] = ()) -> MappingNode:
    """The marked tree of a document whose root is a mapping.

    Args:
        data: the file's bytes, at most :data:`BYTE_LIMIT` (a reader of a file stops one byte later).
        name: what messages call the file.
        paths: where each line comes from, if the text was made from Python data.

    Raises:
        LimitError: too many bytes, nodes or levels, or a text too long.
        SpecSyntaxError: the text is not the YAML that the language accepts.
        SpecError: the root is not a mapping.
    """
    text = _text(data, name)
    root = _tree(Source(name, text, data, paths, _SPEC.match(text) is not None))
    if not isinstance(root, MappingNode):
        raise SpecError(f"a spec is a mapping of keys, but this is {root.kind}", root.source.place(1, 1))
    return root


def read_node(data: bytes, name: str, paths: Sequence[str] = ()) -> YamlNode:
    """The marked tree of one value of any form; raises as :func:`read` does."""
    return _tree(Source(name, _text(data, name), data, paths))


def _tree(source: Source) -> YamlNode:
    found = _REFUSED.search(source.text)
    if found:
        place = source.at(found.start())
        if found[0] == "\t":
            raise SpecSyntaxError("a tab is not allowed", place, "use spaces")
        raise SpecSyntaxError(f"the character U+{ord(found[0]):04X} is not allowed", place)
    return _Events(source).tree()


def decoded(data: bytes, name: str, limit: int = BYTE_LIMIT) -> str:
    """The text of a file, without a byte order mark and with the line ends of Unix.

    Raises:
        LimitError: more than ``limit`` bytes.
        SpecSyntaxError: it is not UTF-8; at the byte that is not.
    """
    if len(data) > limit:
        raise LimitError(f"the file has more than {limit:,} bytes", Location(name, 1, 1))
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].removeprefix(b"\xef\xbb\xbf").decode("utf-8").replace("\r\n", "\n")
        message = f"not UTF-8: byte 0x{data[error.start]:02x}"
        place = Location(name, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise SpecSyntaxError(message, place, "save it as UTF-8") from None


def _text(data: bytes, name: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        raise SpecSyntaxError("the file is in UTF-16 or UTF-32", Location(name, 1, 1), "save it as UTF-8")
    return decoded(data, name)


class _Events:
    """The pass over the events; a key waits for the value that follows it.

    An alias says more than the anchor it needs, and a key that stands twice more than both: alias, merge key and
    anchor are kept back until the pass has found nothing worse. Nothing is ever expanded.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.anchors: dict[str, YamlNode] = {}
        self.alias: SpecSyntaxError | None = None
        self.merge: YamlNode | None = None

    def tree(self) -> YamlNode:
        import yaml

        source = self.source
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        parser: Any = loader(source.text)
        try:
            return self._walk(parser, yaml)
        except yaml.MarkedYAMLError as error:
            if "nesting depth" in str(error.problem) and loader is not yaml.SafeLoader:
                return self._walk(yaml.SafeLoader(source.text), yaml)  # which comes to the level that is one too deep
            raise _syntax_error(error, source) from None
        except (yaml.YAMLError, UnicodeError, ValueError, OverflowError) as error:
            message = f"not YAML: an escape or character can't be read ({escape_reason(error)})"
            raise SpecSyntaxError(message, source.place(1, 1)) from None
        finally:
            parser.dispose()

    def _walk(self, parser: Any, yaml: Any) -> YamlNode:
        source = self.source
        get_event = parser.get_event
        scalar_event, sequence_start, mapping_start = yaml.ScalarEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent
        ends = (yaml.SequenceEndEvent, yaml.MappingEndEvent)
        parent: SequenceNode | MappingNode | None = None
        key: Scalar | None = None
        opened: list[SequenceNode | MappingNode | None] = []
        root: YamlNode | None = None
        nodes = documents = 0
        while True:
            event = get_event()
            kind = type(event)
            if kind is scalar_event:
                mark = event.start_mark
                text = event.value
                style = event.style
                plain = not style  # None from PyYAML, '' from libyaml
                node: YamlNode = Scalar(source, mark.line + 1, mark.column + 1, text, plain)
                if event.anchor is not None or event.tag is not None:
                    self._check(event, node)
                if style == '"' or len(text) > SCALAR_LIMIT:  # elsewhere nothing is escaped
                    self._check_text(text, node)
            elif kind is sequence_start or kind is mapping_start:
                mark = event.start_mark
                node_class = SequenceNode if kind is sequence_start else MappingNode
                node = node_class(source, mark.line + 1, mark.column + 1, event.flow_style)
                if event.anchor is not None or event.tag is not None:
                    self._check(event, node)
                if len(opened) >= DEPTH_LIMIT:
                    raise LimitError(f"nested more than {DEPTH_LIMIT} levels deep", node.location)
            elif kind in ends:
                parent = opened.pop()
                continue
            elif kind is yaml.AliasEvent:
                node = YamlNode(source, event.start_mark.line + 1, event.start_mark.column + 1)
                message = f"the alias *{source.cut(event.anchor)} is not allowed: aliases expand without limit"
                self.alias = self.alias or SpecSyntaxError(message, node.location, _NO_ANCHORS)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                self._check_document(event, documents)
                continue
            elif kind is yaml.StreamEndEvent:
                break
            else:  # stream start, document end
                continue
            nodes += 1
            if nodes > NODE_LIMIT:
                raise LimitError(f"more than {NODE_LIMIT:,} nodes", node.location)
            if parent is None:
                root = node
            elif key is None and type(parent) is MappingNode:
                key = self._key(node, parent)
                continue
            elif kind is scalar_event and plain and not text:
                raise _empty(key, parent, node)
            elif key is None:
                parent.items.append(node)  # type: ignore[union-attr]
            else:
                parent.entries[key.text] = (key, node)  # type: ignore[union-attr]
                key = None
            if kind is sequence_start or kind is mapping_start:
                opened.append(parent)
                parent = node  # type: ignore[assignment]
        if self.alias:
            raise self.alias
        if self.merge:
            raise SpecSyntaxError(
                "the merge key << is not allowed", self.merge.location, "use extends, uses or defaults"
            )
        for anchor, node in self.anchors.items():
            raise SpecSyntaxError(f"the anchor &{source.cut(anchor)} is not allowed", node.location, _NO_ANCHORS)
        if root is None or (isinstance(root, Scalar) and root.plain and not root.text):
            raise SpecSyntaxError("the file is empty", source.place(1, 1), "cnncalc new NAME writes a first spec")
        return root

    def _check(self, event: Any, node: YamlNode) -> None:
        if event.anchor is not None:
            if event.anchor in self.anchors:
                anchor = self.source.cut(event.anchor)
                raise SpecSyntaxError(f"the anchor &{anchor} is not allowed, and it is there twice", node.location)
            self.anchors[event.anchor] = node
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise SpecSyntaxError(
                f"the tag {quote(self.source.cut(tag))} is not allowed", node.location, "remove the tag"
            )

    def _check_text(self, text: str, node: YamlNode) -> None:
        if len(text) > SCALAR_LIMIT:
            raise LimitError(f"the text is too long: {len(text):,} characters, at most {SCALAR_LIMIT:,}", node.location)
        found = _REFUSED.search(text)
        if found:
            raise SpecSyntaxError(f"the escaped character U+{ord(found[0]):04X} is not allowed", node.location)

    def _check_document(self, event: Any, documents: int) -> None:
        mark = event.start_mark
        place = self.source.place(mark.line + 1, mark.column + 1)
        if documents > 1:
            raise SpecSyntaxError("a second document starts here", place, "one spec per file")
        if event.tags:
            raise SpecSyntaxError("a %TAG directive is not allowed", place, "remove the tag directive")

    def _key(self, node: YamlNode, parent: MappingNode) -> Scalar:
        if not isinstance(node, Scalar):
            raise SpecSyntaxError(f"a key must be a word, but this is {node.kind}", node.location)
        text = node.text
        if not text:
            raise SpecSyntaxError("a key is empty", node.location)
        if len(text) > KEY_LIMIT:
            raise LimitError(f"the key is too long: {len(text):,} characters, at most {KEY_LIMIT}", node.location)
        if text in parent.entries:
            first = parent.entries[text][0]
            raise SpecSyntaxError(
                f"duplicate key {quote(self.source.cut(text))}, first on line {first.line}", node.location
            )
        if text == "<<":
            self.merge = self.merge or node
        return node


def _empty(key: Scalar | None, parent: SequenceNode | MappingNode, node: YamlNode) -> SpecSyntaxError:
    if key is None:
        return SpecSyntaxError("an item of the list is empty", node.location)
    if parent.flow and key.text.count(")") > key.text.count("("):
        message = "a comma inside { } ends the value, so the expression is cut"
        return SpecSyntaxError(message, key.location, "put the expression in quotes")
    message = f"the value of {quote(key.source.cut(key.text))} is empty"
    hint = "write a value, [] for none, or remove the key"
    if _KEY_WITHOUT_SPACE.match(key.text):
        hint = NO_SPACE
    elif parent.flow and re.fullmatch(r"[\d.]+[KMGT]?i?B?", key.text, re.ASCII):
        hint = "write numbers without commas"
    elif not parent.flow:
        hint = "write a value, indented deeper than the key, [] for none, or remove the key"
    return SpecSyntaxError(message, key.location, hint)


def escape_reason(error: Exception) -> str:
    """The reason a YAML library gave, on one line."""
    return " ".join(str(error).split())[:120]


_CONFLICT = re.compile("^(<<<<<<<|=======|>>>>>>>)", re.MULTILINE)


def _syntax_error(error: Any, source: Source) -> CnncalcError:
    """A message for what libyaml reports, in the words of the language."""
    problem = str(error.problem or error.context or "not YAML")
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    place = source.place(line, column)
    opened = error.context_mark
    hint = None
    conflict = _CONFLICT.search(source.text)
    here = source.line(line)
    before = source.line(line - 1) if line > 1 else ""
    if conflict:
        problem = "unresolved merge conflict"
        hint = "remove the marker and the version that you don't want"
        place = source.at(conflict.start())
    elif "expected ',' or" in problem:
        bracket = "]" if "']'" in problem else "}"
        problem = f"expected ',' or '{bracket}'"
        if opened:
            problem += f"; the bracket was opened at line {opened.line + 1}, column {opened.column + 1}"
    elif "unexpected end of stream" in problem or "quoted scalar" in str(error.context or ""):
        if "quoted scalar" in str(error.context or "") and "escape" not in problem and "hex" not in problem:
            problem = "a quotation mark is not closed"
            if opened:
                problem += f"; it was opened at line {opened.line + 1}, column {opened.column + 1}"
        elif "escape" in problem or "hex" in problem or "Unicode" in problem:
            problem = f"an escape in quotes can't be read: {problem}"
    elif "cannot start any token" in problem:
        character = here[column - 1 : column]
        problem = f"a value can't start with {quote(character)}"
        hint = "put it in quotes"
    elif "mapping values are not allowed" in problem:
        problem = "unexpected ':'"
        hint = "check the indentation, or put the text in quotes"
        if _KEY_WITHOUT_SPACE.match(before) or _KEY_WITHOUT_SPACE.match(here):
            hint = NO_SPACE
        if len(here) > 1024:
            problem, hint = "the key is too long", None
    elif "sequence entries are not allowed" in problem:
        problem = "unexpected '-': a list can't start here"
        hint = "put the list on lines of its own, or in [ ]"
    elif "mapping keys are not allowed" in problem:
        problem = "unexpected '?'"
    elif "unknown directive" in problem:
        problem = "an unknown directive"
        hint = "remove the line"
    elif "could not find expected ':'" in problem:
        problem = "a key without ':'"
    elif "did not find expected" in problem or "but found" in problem:
        problem = "wrong indentation or brackets"
    elif "incompatible YAML" in problem:
        problem = "unknown YAML version"
    if _ITEM_WITHOUT_SPACE.match(here) and "indentation" in f"{problem} {hint}":
        hint = "write a space after '-'"
    return SpecSyntaxError(problem, place, hint)
