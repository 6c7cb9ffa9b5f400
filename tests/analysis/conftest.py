"""A network from the text of its layers, and the same network run in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
import torch

from cnncalc.analysis.columns import Assumptions
from cnncalc.graph import Graph
from cnncalc.network import Network
from cnncalc.ops.base import Lowering
from cnncalc.report.model import Report
from cnncalc.spec import document
from cnncalc.spec.expand import expand
from cnncalc.spec.zoo import Found


def network(text: str) -> Network:
    spec = document.load(Found("<test>", f"cnncalc: 1\n{text}".encode(), None))
    return Network(spec, *expand(spec))


@pytest.fixture
def graph() -> Callable[[str], Graph]:
    """The graph of a spec, written without its first line."""
    return lambda text: network(text).graph


@pytest.fixture
def analyze() -> Callable[..., Report]:
    """The report of a spec, written without its first line; further arguments are those of Network.analyze."""
    return lambda text, **assumptions: network(text).analyze(**assumptions)


@pytest.fixture
def column(graph: Callable[[str], Graph]) -> Callable[..., dict[str, Any]]:
    """One column of a metric, by path."""

    def measure(metric: Any, name: str, text: str, **assumptions: Any) -> dict[str, Any]:
        built = graph(text)
        values = metric.measure(built, Assumptions(**assumptions))[name]
        return {node.path: value for node, value in zip(built.nodes, values, strict=True)}

    return measure


def _resolve(value: Any) -> Any:
    if not isinstance(value, Lowering):
        return value
    home, _, name = value.target.rpartition(".")
    keywords = {key: _resolve(single) for key, single in value.kwargs.items()}
    return getattr(import_module(home), name)(*map(_resolve, value.args), **keywords)


@pytest.fixture
def run() -> Iterator[Callable[[Graph, torch.Tensor], torch.Tensor]]:
    """The graph run in PyTorch in double precision, with positive weights and the last node's value returned."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are tiny

    def forward(graph: Graph, x: torch.Tensor) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        values = [x]
        for node in graph.nodes[1:]:
            inputs = [values[index] for index in node.inputs]
            module = _resolve(node.op.lowering(*[tuple(value.shape[1:]) for value in inputs])).double().eval()
            for parameter in module.parameters():
                parameter.data = torch.rand(parameter.shape, generator=generator, dtype=torch.float64) / 8 + 0.01
            values.append(module(*inputs))
        return values[-1]

    yield forward
    torch.set_num_threads(threads)
