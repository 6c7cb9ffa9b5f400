"""``written:``, how the program that a network was written as has its operators otherwise than as PyTorch's modules."""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.errors import listing, quote, suggest
from cnncalc.graph.graph import Node, Program
from cnncalc.ops import OPS
from cnncalc.spec.reader import MappingNode, Scalar, YamlNode


class Written:
    """What the key says: the program, and where each way of writing an operator stands."""

    def __init__(self, node: YamlNode) -> None:
        """Reads the key.

        Raises:
            SpecError: no source, an operator or a way of writing it that is not known.
        """
        form = "for example 'written: {source: FILE, relu: as function, maxpool: {as function: stem.*}}'"
        if not isinstance(node, MappingNode):
            raise node.error(f"written must be a mapping, not {node.kind}", form)
        if "source" not in node.entries:
            raise node.error("written needs a source: the program that writes the network so", form)
        self.places: dict[str, YamlNode] = {}
        paths: dict[str, str] = {}
        for keyword, (key, value) in node.entries.items():
            if keyword == "source":
                continue
            known = [name for name, op in OPS.items() if op.writings]
            if keyword not in known:
                wrong = (
                    f"every program writes {keyword} the same way"
                    if keyword in OPS
                    else f"unknown operator {quote(keyword)}"
                )
                raise key.error(wrong, suggest(keyword, known) or f"written in several ways: {', '.join(known)}")
            way, path = value, None
            if isinstance(value, MappingNode) and len(value.entries) == 1:
                ((way, path),) = value.entries.values()
            if not isinstance(way, Scalar) or not (path is None or isinstance(path, Scalar)):
                raise value.error(f"how {keyword} is written must be text, or a text and a path", form)
            writings = OPS[keyword].writings
            if way.text not in writings:
                raise way.error(f"unknown way to write {keyword}: {quote(way.text)}", suggest(way.text, writings))
            name = f"{keyword} {way.text}"
            paths[name] = path.text if path else "*"
            self.places[name] = path or way
        source = node.entries["source"][1]
        text = " ".join(source.text.split()) if isinstance(source, Scalar) else ""
        if not text:
            raise source.error("source must be text: the program that writes the network so", form)
        self.program = Program(text, paths)

    def check(self, nodes: Sequence[Node]) -> None:
        """Refuses what no operator of the network is.

        Raises:
            SpecError: no operator of that keyword has such a path.
        """
        for name, found in self.program.of(nodes).items():
            if not found:
                keyword = name.split()[0]
                paths = [node.path for node in nodes if node.op.name == keyword]
                if not paths:
                    raise self.places[name].error(f"the network has no {keyword}")
                hint = f"it has {listing(paths[:5])}{' and more' * (len(paths) > 5)}"
                raise self.places[name].error(f"no {keyword} has the path {quote(self.program.written[name])}", hint)
