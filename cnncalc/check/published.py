"""Who counts like that: the rules, inputs and variants under which a network has a published figure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from cnncalc import __version__, units
from cnncalc.analysis import params
from cnncalc.analysis.report import Report, plain
from cnncalc.counting.conventions import CONVENTIONS, counted_in
from cnncalc.counting.differences import parameters
from cnncalc.counting.price import groups, not_known, terms
from cnncalc.errors import CnncalcError, UsageError, quote
from cnncalc.graph.graph import LIBRARIES, Graph
from cnncalc.render import plain as text
from cnncalc.render.table import Heading, Table, remarks
from cnncalc.spec import document, zoo
from cnncalc.spec.claims import read_figure
from cnncalc.spec.document import SpecDocument
from cnncalc.spec.expand import expand
from cnncalc.spec.reader import YamlNode
from cnncalc.values import Assumptions, Shape

#: sides of square inputs that networks are commonly published at
SIDES = (224, 256, 299, 320, 331, 384, 448)
#: a network's variants that are looked at
VARIANTS = 12
#: where nothing agrees, so many of the nearest are named
NEAREST = 3


class Match(NamedTuple):
    """A way to count and the figure that comes out; ``off`` is computed over published, less 1."""

    network: str
    rule: str
    input: tuple[int, ...]
    computed: int
    off: float


class Published(NamedTuple):
    """The ways of counting that come to a published figure; where none agrees with its digits, the nearest.

    ``print(published)`` prints what ``cnncalc explain NETWORK --published FIGURE`` does.
    """

    report: Report
    figure: str
    matches: tuple[Match, ...]
    agree: bool

    def __repr__(self) -> str:
        return f"<Published {quote(self.figure)} of {self.report.about.label}: {self._told()}>"

    def __str__(self) -> str:
        return text.write(self.table()).removesuffix("\n")

    def table(self) -> Table:
        """A line for each way of counting."""
        headings = [
            Heading("network", "network", False),
            Heading("rule", "counted as", False),
            Heading("input", "input", False),
            Heading("computed", "computed", True),
            Heading("off", "off", True),
        ]
        rows = [
            [one.network, one.rule, units.cell(one.input), units.grouped(one.computed), _percent(100 * one.off)]
            for one in self.matches
        ]
        captions = [f"{self.report.about.label}: who counts {self.figure}?"]
        if not self.figure.endswith("B"):
            library = self.report.graph.program.library
            captions.append(f"tools count programs as {library} writes them, unless another is named")
        notes = [self._told(), *remarks(self.report, pixels=False)]
        return Table(captions, headings, rows, [], notes, [list(one) for one in self.matches], [])

    def _told(self) -> str:
        if not self.agree:
            return "none agrees with its digits; these come nearest"
        count = len(self.matches)
        return f"{count} way{' agrees' if count == 1 else 's agree'} with its digits"

    def to_dict(self) -> dict[str, Any]:
        """The same as JSON data, ``cnncalc.explain/1``."""
        return {
            "schema": "cnncalc.explain/1",
            "tool": {"name": "cnncalc", "version": __version__},
            "spec": plain(self.report.spec, float),
            "published": self.figure,
            "agree": self.agree,
            "matches": [plain(match._asdict()) for match in self.matches],
            "diagnostics": list(self.report.diagnostics),
        }


def _percent(off: float) -> str:
    """Two digits; whole percents as such from 100 to a million, where two digits would have an exponent."""
    return f"{off:+,.0f}%" if 99.5 <= abs(off) < 10**6 else f"{off:+.2g}%"


def who_counts(
    printed: str, report: Report, spec: SpecDocument, given: Mapping[str, YamlNode] = MappingProxyType({})
) -> Published:
    """The ways of counting that agree with a printed figure to its digits, nearest first.

    Looked at are every convention that is reproducible, and every way of counting parameters (bytes of them, for a
    figure in bytes): of the network on its own input and on common ones, of its variants on theirs; and the figure is
    read with K, M and G as powers of 1024 too. Without any that agrees, the nearest three are returned.

    Args:
        printed: the figure as it is published: ``4.1G``, ``98MB``.
        report: the network that is asked about, on its input.
        spec: its spec.
        given: values that it gives to variables of the spec; on other inputs they hold as well.

    Raises:
        UsageError: what is printed is no figure.
    """
    known = isinstance(printed, str) and "/" not in printed  # a ratio is to another network
    figure = read_figure(printed) if known else None
    if figure is None or not figure.value:
        raise UsageError(f"published takes a figure like 4.1G, 25.6M or 98MB, not {quote(printed)}")
    readings = [("", figure)]
    binary = read_figure(re.sub(r"([KMGT])(?!i)", r"\1i", printed))
    if binary is not None and binary != figure:
        readings.append((", in 1024s", binary))
    ways = _in_bytes if printed.endswith("B") else partial(_counts, own=report.graph.program.library)
    found: dict[tuple[str, str, int], tuple[Match, bool]] = {}
    for one in _forms(spec, report.graph, given):
        for rule, total in ways(one):
            for suffix, reading in readings:
                off = float(Fraction(total) / reading.value - 1)
                match = Match(one.name, rule + suffix, _input(one), total, off)
                agrees = abs(total - reading.value) <= reading.half_digit
                found.setdefault((one.name, match.rule, total), (match, agrees))  # the first input says it for all
    ranked = sorted(found.values(), key=lambda pair: abs(pair[0].off))
    agreeing = [match for match, agrees in ranked if agrees]
    nearest = agreeing or [match for match, _ in ranked[:NEAREST]]
    return Published(report, printed, tuple(nearest), bool(agreeing))


def _input(graph: Graph) -> Shape:
    return graph.nodes[graph.inputs[0]].shape


def _forms(spec: SpecDocument, graph: Graph, given: Mapping[str, YamlNode]) -> Iterator[Graph]:
    """The network, on other inputs, and its variants."""
    yield graph
    shape = _input(graph)
    if len(shape) == 3:
        for side in SIDES:
            if (side, side) != shape[1:]:
                with suppress(CnncalcError):  # it does not fit
                    yield expand(spec, given, (shape[0], side, side))[0]
    for name, path in _variants(spec.name, spec.path):
        if name != spec.name:
            with suppress(CnncalcError):  # check says what is wrong with it
                zoo.check_link(path, zoo.folders())
                yield expand(document.load(zoo.find(path)))[0]


def _variants(name: str, path: str | None) -> list[tuple[str, str]]:
    """Specs of the same folder whose names begin alike, as far as the first number: resnet50 and resnet50_paper."""
    stem = re.match(r".*?\d+|[^_]+", name)
    start = stem[0] if stem else name
    alike = re.compile(re.escape(start) + r"(?!\d)")
    folder = os.path.dirname(path or "")
    found = [(known, file) for known, file in zoo.names().items() if alike.match(known)]
    return [(known, file) for known, file in found if os.path.samefile(os.path.dirname(file), folder or os.curdir)][
        :VARIANTS
    ]


def _counts(graph: Graph, own: str) -> Iterator[tuple[str, int]]:
    """What is counted in figures without a unit; ``own`` is the library whose program needs no mention."""
    counted: set[tuple[str, int]] = set()
    for library in [program.library for program in graph.programs] or LIBRARIES[:1]:
        written = graph.written_as(library)
        layers = groups(written)
        for name, convention in CONVENTIONS.items():
            if not_known(written, convention) is None:
                total = sum(term.work for term in terms(layers, convention))
                if (name, total) not in counted:  # the first program says it for all
                    counted.add((name, total))
                    yield name if library == own else f"{name}{counted_in(name, written.program)}", total
    yield from _parameters(graph)


def _in_bytes(graph: Graph) -> Iterator[tuple[str, int]]:
    """Bytes of the parameters and of the activations."""
    for size, dtype in ((4, "float32"), (2, "float16")):
        for rule, total in _parameters(graph):
            yield f"{rule}, {dtype}", total * size
        yield f"activation_bytes, {dtype}", Report(graph, Assumptions(dtype=dtype)).totals["activation_bytes"]


def _parameters(graph: Graph) -> Iterator[tuple[str, int]]:
    """The ways of counting that come to different totals, the plain one first."""
    columns = params.measure(graph, Assumptions())
    own = [node.index for node in graph.nodes if node.side is None]
    totals = {name: sum([values[index] for index in own]) for name, values in columns.items()}
    ways = {"params": totals["params"], **parameters(totals)}
    if graph.sides:
        ways["params with side outputs"] = sum(columns["params"])
    names = {total: rule for rule, total in reversed(ways.items())}
    yield from ((rule, total) for total, rule in names.items())
