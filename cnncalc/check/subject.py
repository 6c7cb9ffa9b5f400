"""A network under judgement, as claims, budgets and lint rules ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from cnncalc.analysis.report import Report
from cnncalc.errors import CnncalcError, UsageError
from cnncalc.graph.graph import Graph
from cnncalc.memory import peaks
from cnncalc.memory.simulate import Settings, attention_assumed
from cnncalc.spec import document, zoo
from cnncalc.spec.document import SpecDocument
from cnncalc.spec.expand import expand
from cnncalc.values import Assumptions


class Subject:
    """A network under judgement: its spec, and its graph and figures under whatever assumptions a claim names."""

    def __init__(self, spec: SpecDocument, others: Others | None = None) -> None:
        self.spec = spec
        self.name = spec.name
        self._others = others or Others()
        self.files = list(spec.files)
        self._graphs: dict[tuple[int, ...] | None, Graph] = {}
        self._reports: dict[tuple[Any, ...], Report] = {}
        self._peaks: dict[tuple[Any, ...], peaks.Peak] = {}

    def graph(self, input: Sequence[int] | None = None) -> Graph:
        """The graph on the network's own input, or on another.

        Raises:
            SpecError: it can't be expanded on that input.
        """
        key = None if input is None else tuple(input)
        if key not in self._graphs:
            self._graphs[key] = expand(self.spec, input=key)[0]
        return self._graphs[key]

    def report(self, options: Mapping[str, Any]) -> Report:
        """The figures under ``input`` and the other assumptions of a claim or budget."""
        given = {key: options[key] for key in Assumptions._fields if key in options}
        key = (tuple(options.get("input") or ()), *sorted(given.items()))
        if key not in self._reports:
            self._reports[key] = Report(self.graph(options.get("input")), Assumptions(**given))
        return self._reports[key]

    def peak(self, quantity: str, options: Mapping[str, Any]) -> peaks.Peak:
        """What ``inference_memory`` or ``training_memory`` is, under ``input``, ``batch`` and the settings of a claim
        or budget.

        Raises:
            UsageError: a data type without gradients; a kernel of attention that can't run.
        """
        settings = _settings(options)
        key = (quantity, tuple(options.get("input") or ()), options.get("batch"), settings)
        if key not in self._peaks:
            graph, batch = self.graph(options.get("input")), options.get("batch", 1)
            run = peaks.training if quantity == "training_memory" else peaks.inference
            self._peaks[key] = run(graph, batch, settings).peak
        return self._peaks[key]

    def attention(self, options: Mapping[str, Any]) -> list[str]:
        """A line about its kernels of attention in such a run, see :mod:`cnncalc.memory.simulate`; none without one."""
        return attention_assumed(self.graph(options.get("input")), _settings(options))

    @cached_property
    def paths(self) -> Mapping[str, int]:
        """Every path of the network and the value it stands for."""
        return self.graph().paths

    def rows(self, report: Report, at: str) -> list[int]:
        """The indices of what lies at a path: a layer with its norm and act, a block, a stage, a side output."""
        paths = report.columns["path"]
        return [index for index, path in enumerate(paths) if path == at or path.startswith(f"{at}.")]

    def other(self, name: str) -> Subject:
        """Another network, that a ratio is taken of.

        Raises:
            UsageError: it can't be read, or has mistakes.
        """
        other = self._others.find(name, self.spec.path)
        self.files += other.spec.files
        return other


class Others:
    """The networks that ratios are taken of, each read once; ``memo`` is what they share with those under judgement."""

    def __init__(self) -> None:
        self.memo = document.Memo()
        self._found: dict[str, Subject] = {}

    def find(self, name: str, path: str | None) -> Subject:
        """The network that the spec at ``path`` compares itself with."""
        try:
            found = zoo.find_base(name, path)
            key = found.path or name
            if key not in self._found:
                self._found[key] = Subject(document.load(found, memo=self.memo), self)
            return self._found[key]
        except CnncalcError as error:
            first = error.errors[0]
            place = f"{first.location}: " if first.location else ""
            raise UsageError(f"of: {place}{first.message}", hint=first.hint) from None


def _settings(options: Mapping[str, Any]) -> Settings:
    """How a network is run: ``dtype``, ``with_side``, ``optimizer`` and ``attention`` of a claim or budget."""
    given = ("dtype", "with_side", "optimizer", "attention")
    return Settings(**{key: options[key] for key in given if key in options})
