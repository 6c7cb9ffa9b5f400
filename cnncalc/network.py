"""Network: a spec expanded to a graph, and the way from there to a Report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from cnncalc.analysis.report import About, Report
from cnncalc.errors import SpecError, UsageError
from cnncalc.graph.graph import Graph
from cnncalc.spec import document, zoo
from cnncalc.spec.document import SpecDocument
from cnncalc.spec.expand import expand
from cnncalc.values import Assumptions, format_shape

DIMENSION_LIMIT = 2**31 - 1


class Network:
    """A network: its name, title, input shape ``[channels, *spatial]``, variables and typed graph."""

    def __init__(self, spec: SpecDocument, graph: Graph, variables: Mapping[str, Any]) -> None:
        self.document = spec
        self.graph = graph
        self.vars = dict(variables)
        self.name = spec.name
        self.title = spec.title
        self.input = graph.nodes[0].shape

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


def load(name: str, vars: Mapping[str, Any] | None = None, input: Sequence[int] | None = None) -> Network:
    """The network that a spec describes.

    Args:
        name: a name of the zoo, a path, or ``-`` for standard input.
        vars: values for variables of the spec: numbers, truth values, words, lists of them, or text as YAML has it.
        input: another input shape, ``[channels, *spatial]``.

    Raises:
        SpecNotFoundError: there is no such spec.
        SpecError: the spec has mistakes (:class:`SpecErrors` when several).
        UsageError: a variable that the spec does not have, or sizes that are no input.
    """
    spec = document.load(zoo.find(name))
    given = {}
    for variable, value in (vars or {}).items():
        text = value if isinstance(value, str) else _as_yaml(value)
        key, node = document.parse_assignment(f"{variable}={text}", spec.vars)
        given[key] = node
    if input is not None:
        sizes = list(input)
        whole = all(isinstance(size, int) and 1 <= size <= DIMENSION_LIMIT for size in sizes)
        if not whole or not 1 <= len(sizes) <= 4:
            raise UsageError(f"input must be 1 to 4 whole numbers like 3x224x224, not {'x'.join(map(str, sizes))}")
    try:
        return Network(spec, *expand(spec, given, input))
    except SpecError as error:
        own = _own_input(spec, given) if input is not None else None
        if own is None:
            raise
        message = f"{error.message}; --input {format_shape(tuple(input or ()))} stands for the spec's {own}"
        raise SpecError(message, error.location, error.advice or "the channels come first, as in 3x224x224") from None


def _own_input(spec: SpecDocument, given: Mapping[str, Any]) -> str | None:
    """The spec's own input; None if it does not fit either."""
    try:
        graph, _ = expand(spec, given)
        return format_shape(graph.nodes[graph.inputs[0]].shape)
    except SpecError:
        return None


def _as_yaml(value: Any) -> str:
    """A Python value as the language writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_as_yaml, value))}]"
    return str(value)


def list_specs() -> list[str]:
    """The names of every spec: ``./specs`` and the packaged zoo."""
    return list(zoo.names())
