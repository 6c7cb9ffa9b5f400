"""What several rooms' tests share. Importing this imports nothing heavy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from cnncalc.analysis.report import Report
from cnncalc.graph.graph import Graph
from cnncalc.network import Network
from cnncalc.spec import document
from cnncalc.spec.expand import expand
from cnncalc.spec.zoo import Found
from cnncalc.values import Assumptions

# the same examples each time, however long one takes
settings.register_profile(
    "cnncalc", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("cnncalc")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch's tensors are small here, and other tests run beside these

_KEPT_ALIVE: list[Any] = []  # a torch Library undoes its definitions when it is collected


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """torchvision, also where its compiled operators do not fit the installed torch; models need none of them."""
    torch = pytest.importorskip("torch")
    try:
        import torchvision
    except ModuleNotFoundError:
        pytest.skip("torchvision is not installed")
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT_ALIVE.append(library)
        import torchvision
    return torchvision


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command that answers to interrupts, wherever the tests run; none outlives its test."""
    started: list[subprocess.Popen[str]] = []

    def run(*command: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        started.append(child)
        return child

    yield run
    for child in started:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


@pytest.fixture
def small_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Suggestions come from a few names, so that messages do not change with every new spec."""
    few = ("alexnet", "blocks_se", "densenet121", "resnet50", "unet_small", "vgg16", "vgg19")
    monkeypatch.setattr("cnncalc.spec.zoo.names", lambda places=(): dict.fromkeys(few, ""))


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


@pytest.fixture
def run() -> Iterator[Callable[[Graph, Any], Any]]:
    """The graph run in PyTorch in double precision, with positive weights and the last node's value returned."""
    torch = pytest.importorskip("torch")
    from cnncalc.torch_backend.build import resolve

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the tensors are tiny

    def forward(graph: Graph, x: Any) -> Any:
        generator = torch.Generator().manual_seed(0)
        values = [x]
        for node in graph.operators():
            inputs = [values[index] for index in node.inputs]
            module = resolve(node.op.lowering(*graph.signatures[node.signature].inputs)).double().eval()
            for parameter in module.parameters():
                parameter.data = torch.rand(parameter.shape, generator=generator, dtype=torch.float64) / 8 + 0.01
            values.append(module(*inputs))
        return values[-1]

    yield forward
    torch.set_num_threads(threads)
