"""Spec and Network: a spec that was read, a network that it describes, and the way from there to every answer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cnncalc.analysis.report import About, Report
from cnncalc.errors import SpecError, UsageError, listing, quote
from cnncalc.graph.graph import Graph
from cnncalc.spec import document, zoo
from cnncalc.spec.document import SpecDocument
from cnncalc.spec.expand import expand
from cnncalc.spec.inputs import Given, shown
from cnncalc.values import Assumptions, format_shape

if TYPE_CHECKING:
    from cnncalc.analysis.comparison import Comparison
    from cnncalc.check.sides import Differences
    from cnncalc.derivation.page import Page
    from cnncalc.spec.reader import YamlNode

#: what a spec is read from
Source = str | os.PathLike[str] | Mapping[str, Any]


class Spec:
    """A spec that has been read: what it says of itself, the names of its variables, and the networks it describes."""

    def __init__(self, document: SpecDocument) -> None:
        self.document = document
        self.name = document.name
        self.title = document.title
        self.variables = tuple(document.vars)

    def __repr__(self) -> str:
        variables = f", variables {', '.join(self.variables)}" if self.variables else ""
        return f"<Spec {self.name}: {self.title or 'no title'}{variables}>"

    def network(self, vars: Mapping[str, Any] | None = None, input: Given | None = None) -> Network:
        """The network under values of the variables and an input; nothing is read again.

        Args:
            vars: values for variables: numbers, truth values, words, lists of them, or text as YAML has it.
            input: other sizes: a number or several for the first input, text as ``--input`` takes it, or a mapping
                with those of every input by its name (:mod:`cnncalc.spec.inputs`).

        Raises:
            SpecError: values or an input that the spec's layers refuse.
            UsageError: a variable that the spec does not have, or sizes that are no input.
        """
        spec = self.document
        given = document.assigned({} if vars is None else vars, spec.vars)
        try:
            return Network(spec, *expand(spec, given, input), given)
        except SpecError as error:
            own = _own_inputs(spec, given) if input is not None else None
            if own is None:
                raise
            message = f"{error.message}; --input {shown(input)} stands for the spec's {own}"
            raise SpecError(message, error.location, error.advice) from None


def _own_inputs(spec: SpecDocument, given: Mapping[str, Any]) -> str | None:
    """The spec's own inputs; None if they do not fit either."""
    try:
        graph, _ = expand(spec, given)
    except SpecError:
        return None
    return listing([format_shape(graph.nodes[index].shape) for index in graph.inputs])


class Network:
    """A network: its name, title, input shape ``[channels, *spatial]``, variables and typed graph."""

    def __init__(
        self,
        spec: SpecDocument,
        graph: Graph,
        variables: Mapping[str, Any],
        given: Mapping[str, YamlNode] = MappingProxyType({}),
    ) -> None:
        self.document = spec
        self._given = given
        self.graph = graph
        self.vars = dict(variables)
        self.name = spec.name
        self.title = spec.title
        self.input = graph.nodes[graph.inputs[0]].shape

    def on(self, input: Given) -> Network:
        """The same network on another input.

        Raises:
            SpecError: it does not fit.
        """
        return Network(self.document, *expand(self.document, self._given, input), self._given)

    @cached_property
    def about(self) -> About:
        """What the spec says of the network besides its layers."""
        spec = self.document
        said = (spec.name, spec.title, spec.source, spec.notes, spec.family, spec.file)
        return About(*said, spec.parts[0].source.data, self.vars, spec.claims)

    def __repr__(self) -> str:
        return f"<Network {self.name}: {len(self.graph.operators())} operators>"

    def analyze(
        self,
        batch: int = 1,
        dtype: str = "float32",
        convention: str = "macs",
        with_side: bool = False,
        pass_: str = "forward",
    ) -> Report:
        """The network's figures.

        Args:
            batch: samples at once; work and activations multiply by it.
            dtype: the data type of activations: float64, float32, float16, bfloat16 or int8.
            convention: the counting rule of ``work``, a name of :data:`cnncalc.counting.conventions.CONVENTIONS`.
            with_side: whether side outputs (auxiliary heads) are counted.
            pass_: whose work is counted: ``forward``; ``backward``, the gradients of weights and of the values that
                they depend on; or ``step``, both.

        Raises:
            UsageError: an unknown data type, convention or pass, a batch below 1, a convention whose tool counts by
                what the network does not say, or that counts no backward pass.
        """
        return Report(self.graph, Assumptions(batch, dtype, convention, with_side, pass_), self.about)

    def derive(
        self,
        path: str,
        batch: int = 1,
        dtype: str = "float32",
        convention: str = "macs",
        with_side: bool = False,
        pass_: str = "forward",
    ) -> Page:
        """The formulas of a layer, block or stage with its numbers put in, a second derivation of its figures.

        ``path`` is a path as the tables show it, for example ``stage1.conv_1``. The rest is as in :meth:`analyze`.

        Raises:
            UsageError: there is no such path, and what :meth:`analyze` raises.
        """
        from cnncalc.derivation.page import page

        return page(self.analyze(batch, dtype, convention, with_side, pass_), path)

    def expand(self) -> str:
        """The network as a spec with every default, block and repeat written out, which counts the same.

        Raises:
            SpecError: a layer reads a value whose name another layer hides from it.
        """
        from cnncalc.spec.write import write

        return write(self.graph, self.name, self.title, self.document.source)


def read(source: Source) -> Spec:
    """A spec, read and checked once; :meth:`Spec.network` makes networks of it.

    Args:
        source: a name of the zoo; a path; ``-`` for standard input; a text (with a line break, or that begins with
            ``cnncalc:``); or a spec as data, a mapping.

    Raises:
        SpecNotFoundError: there is no such spec.
        SpecError: the spec has mistakes (:class:`SpecErrors` when several); in data they are found by a path, as in
            ``<dict>: layers[2].conv``.
        UsageError: the source is none of these.
    """
    return Spec(document.load(_found(source)))


def _found(source: Source) -> zoo.Found:
    place = _place(source)
    return place if isinstance(place, zoo.Found) else zoo.find(place)


def _place(source: object) -> str | zoo.Found:
    """The name or path that is meant, or what was handed in itself."""
    if isinstance(source, str):
        is_text = "\n" in source or source.startswith("cnncalc:")
        return zoo.Found("<text>", source.encode("utf-8", "surrogatepass"), None) if is_text else source
    if isinstance(source, os.PathLike):
        path = os.fsdecode(source)
        return path if os.sep in path or path.endswith(zoo.SUFFIXES) else os.path.join(os.curdir, path)
    if isinstance(source, Mapping):
        from cnncalc.spec.data import written

        text, paths = written(source, "<dict>")
        return zoo.Found("<dict>", text, None, paths)
    raise UsageError(f"a spec is a name, a path, a text or a mapping, not {quote(source)}")


def load(source: Source, vars: Mapping[str, Any] | None = None, input: Given | None = None) -> Network:
    """The network that a spec describes: :func:`read`, then :meth:`Spec.network`, whose arguments and errors it has."""
    return read(source).network(vars, input)


def compare(
    *networks: Network | Source,
    quantities: Sequence[str] = (),
    depth: int = 1,
    sort: str | None = None,
    top: int | None = None,
    batch: int = 1,
    dtype: str = "float32",
    convention: str = "macs",
    with_side: bool = False,
    pass_: str = "forward",
) -> Comparison:
    """Networks side by side: totals, ratios to the first, and the parts whose names match.

    ``networks`` are networks, or what :func:`read` takes. ``quantities``, ``depth``, ``sort`` and ``top`` are as in
    :func:`cnncalc.analysis.comparison.compare`, the rest is as in :meth:`Network.analyze`.

    Raises:
        UsageError: fewer than two networks, or a quantity that has no total.
        CnncalcError: what :func:`load` and :meth:`Network.analyze` raise.
    """
    from cnncalc.analysis.comparison import compare

    loaded = [network if isinstance(network, Network) else load(network) for network in networks]
    reports = [network.analyze(batch, dtype, convention, with_side, pass_) for network in loaded]
    return compare(reports, quantities, depth, sort, top)


def diff(
    before: Source,
    after: Source,
    vars: Mapping[str, Any] | None = None,
    input: Given | None = None,
    batch: int = 1,
    dtype: str = "float32",
    convention: str = "macs",
    with_side: bool = False,
    pass_: str = "forward",
) -> Differences:
    """What changed between two specs, each what :func:`read` takes, or between the specs of two folders.

    ``vars`` and ``input`` are for both, as in :func:`load`; the rest is as in :meth:`Network.analyze`. A spec with
    mistakes is one of the changes, and raises nothing.

    Raises:
        SpecNotFoundError: a spec that is not there.
        UsageError: a spec beside a folder, a library of blocks, or an assumption that can't be.
    """
    from cnncalc.check.diff import Assumed
    from cnncalc.check.sides import between

    assumed = Assumed({} if vars is None else vars, input, batch, dtype, convention, with_side, pass_)
    return between(_place(before), _place(after), assumed)


def list_specs() -> list[str]:
    """The names of every spec: ``./specs`` and the packaged zoo."""
    return list(zoo.names())
