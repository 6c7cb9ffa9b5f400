"""``written:``, whose program of the network counting tools are shown, and what it writes otherwise than others."""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.errors import listing, quote, suggest
from cnncalc.graph.graph import LIBRARIES, Node, Program
from cnncalc.ops import OPS
from cnncalc.spec.reader import MappingNode, Scalar, YamlNode

_FORM = "for example 'written: timm', or 'written: {timm: {source: FILE, gelu: {as function: stem.*}}}'"


class Written:
    """What the key says: the programs, the network's own first, and where each way of writing an operator stands."""

    def __init__(self, node: YamlNode) -> None:
        """Reads the key.

        Raises:
            SpecError: an unknown library, no source, an operator or a way of writing it that is not known.
        """
        self._places: dict[tuple[str, str], YamlNode] = {}
        if isinstance(node, Scalar):
            self.programs = [Program(_library(node))]
        elif isinstance(node, MappingNode) and node.entries:
            self.programs = [self._program(key, value) for key, value in node.entries.values()]
        else:
            raise node.error("written must be the name of a library, or a mapping with one", _FORM)

    def _program(self, name: Scalar, node: YamlNode) -> Program:
        library = _library(name)
        if not isinstance(node, MappingNode):
            raise node.error(f"what {library} writes must be a mapping, not {node.kind}", _FORM)
        if "source" not in node.entries:
            raise name.error("written needs a source: the file of the library that writes the network so", _FORM)
        paths: dict[str, str] = {}
        for keyword, (key, value) in node.entries.items():
            if keyword == "source":
                continue
            writing, path, place = _way(keyword, key, value)
            paths[writing] = path
            self._places[library, writing] = place
        source = node.entries["source"][1]
        text = " ".join(source.text.split()) if isinstance(source, Scalar) else ""
        if not text:
            raise source.error("source must be text: the file of the library that writes the network so", _FORM)
        return Program(library, text, paths)

    def check(self, nodes: Sequence[Node]) -> None:
        """Refuses what no operator of the network is.

        Raises:
            SpecError: no operator of that keyword has such a path.
        """
        for program in self.programs:
            for name, found in program.of(nodes).items():
                if not found:
                    keyword, place = name.split()[0], self._places[program.library, name]
                    paths = [node.path for node in nodes if node.op.name == keyword]
                    if not paths:
                        raise place.error(f"the network has no {keyword}")
                    hint = f"it has {listing(paths[:5])}{' and more' * (len(paths) > 5)}"
                    raise place.error(f"no {keyword} has the path {quote(program.written[name])}", hint)


def _library(node: Scalar) -> str:
    if node.text not in LIBRARIES:
        raise node.error(f"unknown library {quote(node.text)}", suggest(node.text, LIBRARIES))
    return node.text


def _way(keyword: str, key: YamlNode, value: YamlNode) -> tuple[str, str, YamlNode]:
    """A way of writing an operator, the paths of those that are written so, and where that stands."""
    known = [name for name, op in OPS.items() if op.writings]
    if keyword not in known:
        wrong = f"unknown operator {quote(keyword)}"
        if keyword in OPS:
            wrong = f"every program writes {keyword} the same way"
        raise key.error(wrong, suggest(keyword, known) or f"written in several ways: {', '.join(known)}")
    way, path = value, None
    if isinstance(value, MappingNode) and len(value.entries) == 1:
        ((way, path),) = value.entries.values()
    if not isinstance(way, Scalar) or not (path is None or isinstance(path, Scalar)):
        raise value.error(f"how {keyword} is written must be text, or a text and a path", _FORM)
    writings = OPS[keyword].writings
    if way.text not in writings:
        raise way.error(f"unknown way to write {keyword}: {quote(way.text)}", suggest(way.text, writings))
    return f"{keyword} {way.text}", path.text if path else "*", path or way
