"""A network's memory as the rules predict it, beside what PyTorch takes and keeps under a tracker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch

from cnncalc.analysis.report import Report
from cnncalc.autograd.torch_versions import TESTED, is_newer, rules
from cnncalc.graph.graph import Graph
from cnncalc.graph.walk import overwritten
from cnncalc.memory import peaks
from cnncalc.memory.simulate import Settings
from cnncalc.torch_backend.tracker import Faked
from cnncalc.torch_backend.verify.probe import OVERWRITING, copies_overwritten
from cnncalc.values import Assumptions

#: what is compared, by the names of ``cnncalc memory``, and who says it
QUANTITIES: Mapping[str, str] = {
    "saved_bytes": "saved_tensors_hooks",
    "inference_memory_bytes": "FakeTensorMode",
    "training_memory_bytes": "FakeTensorMode",
}
COPIES = "copies of what is overwritten"


class Figure(NamedTuple):
    """A figure, ours and theirs. ``refused`` is why PyTorch has none; ``note`` says what it does not."""

    quantity: str
    peer: str
    ours: int
    theirs: int | None
    refused: Exception | None = None
    note: str | None = None


def figures(
    graph: Graph, batch: int, dtype: str, with_side: bool, refusals: tuple[type[Exception], ...]
) -> Iterator[Figure]:
    """What autograd keeps, the peak of inference, and that of training: forward, cross entropy, backward.

    The rules are those of the installed version. Whether it has them is tried where the network depends on it.

    Args:
        graph: the network.
        batch: samples at once.
        dtype: float64, float32, float16 or bfloat16.
        with_side: whether side outputs are built too.
        refusals: what PyTorch raises for a network that it cannot run.
    """
    version = str(torch.__version__)
    settings = tracked(dtype, with_side)
    report = Report(graph, Assumptions(batch, dtype, with_side=with_side))
    ours = peaks.measure(report, settings).totals
    faked = Faked(graph, batch, dtype, with_side)
    measured: dict[str, Callable[[], int]] = {
        "saved_bytes": faked.saved,
        "inference_memory_bytes": lambda: faked.inference().peak,
        "training_memory_bytes": lambda: faked.training().peak,
    }
    newer = (
        f"PyTorch {version} is newer than {TESTED}, the newest that cnncalc was tested with"
        if is_newer(version)
        else ""
    )
    for quantity, peer in QUANTITIES.items():
        predicted = ours[quantity] or 0
        try:
            theirs = measured[quantity]()
        except refusals as error:
            yield Figure(quantity, peer, predicted, None, error)
            continue
        said = [newer] if newer else []
        if quantity == "training_memory_bytes":
            said += untracked(graph, batch, settings, predicted)
        yield Figure(quantity, peer, predicted, theirs, note="; ".join(said) or None)
    yield from _copies(graph, with_side, version)


def tracked(dtype: str, with_side: bool) -> Settings:
    """A step of training on the CPU under a tracker, by the rules of the installed version."""
    return Settings(True, dtype, with_side, adds_in_place=False, device="cpu", torch=str(torch.__version__))


def untracked(graph: Graph, batch: int, settings: Settings, predicted: int) -> list[str]:
    """What the peak of training is without a tracker, where that is another figure."""
    usual = peaks.training(graph, batch, settings._replace(adds_in_place=True)).peak.bytes
    if usual == predicted:
        return []
    return [
        "with a tracker, PyTorch adds the gradients of a shared value into a new tensor; without one it adds them "
        f"in place, and the peak is {usual:,}"
    ]


def _copies(graph: Graph, with_side: bool, version: str) -> Iterator[Figure]:
    """Of the activations that the network runs in place, how many copy their input first: by the row, and tried."""
    replaced = overwritten(graph, with_side)
    found = {node.op.name for node in graph.nodes if replaced[node.index] is not None}
    used = [name for name in OVERWRITING if name in found]
    if not used:
        return
    expected = rules(version).copies_overwritten
    other = [name for name in used if copies_overwritten(name) != expected]
    copying = len(used) - len(other) if expected else len(other)
    note = f"in PyTorch {version}, {', '.join(other)} in place {'keeps no' if expected else 'keeps a'} copy"
    yield Figure(COPIES, "torch", len(used) if expected else 0, copying, note=note if other else None)
