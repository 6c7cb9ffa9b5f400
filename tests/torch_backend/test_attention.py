"""What attention makes and keeps, kernel by kernel, against PyTorch: 0 bytes off."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from cnncalc.autograd.attention import KERNELS, kernel
from cnncalc.errors import UsageError
from cnncalc.memory import peaks
from cnncalc.memory.simulate import Settings, simulate
from cnncalc.torch_backend import tracker
from cnncalc.torch_backend.tracker import Faked, Tracker
from tests.conftest import network
from tests.torch_backend.test_amp import mixed

#: even and odd heads, one of them, of one feature, over one token, without biases, behind another, shared
NETWORKS = {
    "heads of 4": "input: {tokens: 5, features: 8}\nlayers: [{attention: 2}]",
    "heads of 3": "input: {tokens: 6, features: 9}\nlayers: [{linear: 9}, {attention: 3}, {select: 0}, {linear: 3}]",
    "one head": "input: {tokens: 4, features: 6}\nlayers: [layernorm, {attention: 1}, {linear: 4}]",
    "heads of one feature": "input: {tokens: 7, features: 4}\nlayers: [{linear: 4}, {attention: 4}, gelu]",
    "one token": "input: {tokens: 1, features: 8}\nlayers: [{linear: 8}, {attention: 2}, {linear: 8}]",
    "more than 256 features of a head": "input: {tokens: 3, features: 264}\nlayers: [{attention: 1}, {linear: 5}]",
    "without biases": "input: {tokens: 5, features: 8}\nlayers: [{attention: 2, bias: false}, {linear: 4, bias: false}]",
    "two that share weights": (
        "input: {tokens: 5, features: 8}\nlayers: [{attention: 2, name: a}, layernorm, {attention: 2, shared: a}]"
    ),
    "behind a map, in a branch": (
        "input: [3, 8, 8]\nlayers: [{conv: 8, kernel: 2, stride: 2}, tokens,"
        " {add: {x: [layernorm, {attention: 2}], y: identity}}, {select: 0}, {linear: 3}]"
    ),
}
BACKENDS = {"flash": SDPBackend.FLASH_ATTENTION, "math": SDPBackend.MATH}


def differences(text: str, batch: int, dtype: str, wanted: str) -> dict[str, tuple[int, int]]:
    """Bytes that we say, and those that the tracker says, where they are not the same."""
    graph = network(text).graph
    settings = Settings(dtype=dtype, device="cpu", adds_in_place=False, attention=wanted)
    faked = Faked(graph, batch, dtype)
    step = peaks.training(graph, batch, settings)
    with sdpa_kernel([BACKENDS[wanted]] if wanted else list(BACKENDS.values())):
        found = {
            "inference": (simulate(graph, batch, settings).peak(batch), faked.inference().peak),
            "training": (step.peak.bytes, faked.training().peak),
            "saved": (sum(held.bytes for held in step.saved), faked.saved()),
        }
    return {what: pair for what, pair in found.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("wanted", ["", "flash", "math"])
@pytest.mark.parametrize("text", NETWORKS.values(), ids=list(NETWORKS))
def test_bytes_on_a_cpu(text: str, wanted: str) -> None:
    dtypes = ("float32", "float64", "float16", "bfloat16")
    found = {given: differences(text, *given, wanted) for given in product((1, 2), dtypes)}
    assert {given: off for given, off in found.items() if off} == {}


class OnGpu(TorchFunctionMode):
    """A GPU's kernel in place of the one that a PyTorch built for a CPU alone would choose, called as PyTorch does
    (``scaled_dot_product_attention`` in ``aten/src/ATen/native/transformers/attention.cpp``).
    """

    def __init__(self, kernel: str) -> None:
        super().__init__()
        self.kernel = kernel

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not functional.scaled_dot_product_attention or self.kernel == "math":
            return func(*args, **(kwargs or {}))
        q, k, v = args
        if self.kernel == "flash":
            size = q.shape[3]
            padded = [x if size % 8 == 0 else functional.pad(x, (0, 8 - size % 8)) for x in args]
            return torch.ops.aten._scaled_dot_product_flash_attention(*padded, scale=size**-0.5)[0][..., :size]
        needed = torch.is_grad_enabled() and any(x.requires_grad for x in args)
        return torch.ops.aten._scaled_dot_product_efficient_attention(q, k, v, None, needed)[0]


class OfGpu(Tracker):
    """Leaves out the seed and the offset of the efficient kernel, which lie in the memory of the host."""

    def take(self, tensors: Iterable[Any]) -> None:
        super().take(x for x in tensors if not isinstance(x, torch.Tensor) or x.dtype != torch.int64 or x.dim())


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("features", [8, 16, 24, 32, 12, 20, 15, 264, 260])
def test_bytes_on_a_gpu(monkeypatch: pytest.MonkeyPatch, features: int, batch: int) -> None:
    """The kernels of a GPU, by their meta functions: on fake tensors of a CPU, as autograd asks for a real GPU."""
    monkeypatch.setattr(tracker, "Tracker", OfGpu)
    layers = f"layers: [{{linear: {features}}}, {{attention: 1}}, {{linear: 3}}]"
    graph = network(f"input: {{tokens: 5, features: {features}}}\n{layers}").graph
    compared = []
    for dtype, name in product(("float32", "float64", "float16", "bfloat16"), KERNELS):
        settings = Settings(dtype=dtype, device="cuda", adds_in_place=False, attention=name)
        try:
            found = [simulate(graph, batch, settings._replace(training=train)).peak(batch) for train in (False, True)]
        except UsageError:
            continue
        faked = Faked(graph, batch, dtype)
        with OnGpu(name), sdpa_kernel(SDPBackend.MATH):
            assert found == [faked.inference().peak, faked.training().peak], (dtype, name)
        compared.append((dtype, name))
    halves = [dtype for dtype, name in compared if name == "flash"]
    assert halves == (["float16", "bfloat16"] if features <= 256 else [])
    assert ("float32", "efficient") in compared or features % 4
    assert sum(name == "math" for _, name in compared) == 4


#: device, data type, features of a head, and the kernel that PyTorch chooses (``select_sdp_backend``), or what it says
#: where that alone may run
CHOSEN = [
    ("cpu", 4, 64, "", "flash"),
    ("cpu", 8, 3, "", "flash"),
    ("cuda", 4, 64, "", "efficient"),
    ("cuda", 4, 6, "", "math"),  # no multiple of 4
    ("cuda", 8, 64, "", "math"),
    ("cuda", 2, 64, "", "flash"),
    ("cuda", 2, 3, "", "flash"),  # padded to 8
    ("cuda", 2, 256, "", "flash"),
    ("cuda", 2, 264, "", "efficient"),
    ("cuda", 2, 260, "", "math"),
    ("cuda", 4, 64, "math", "math"),
    ("cuda", 2, 64, "efficient", "efficient"),
    ("cpu", 2, 64, "efficient", "needs the device cuda"),
    ("cuda", 4, 64, "flash", "needs float16 or bfloat16 on the device cuda"),
    ("cuda", 2, 264, "flash", "takes heads of at most 256 features, not 264"),
    ("cuda", 8, 64, "efficient", "needs float32, float16 or bfloat16"),
    ("cuda", 4, 6, "efficient", "takes heads of a multiple of 4 features, not 6"),
    ("cuda", 2, 12, "efficient", "takes heads of a multiple of 8 features, not 12"),
]


@pytest.mark.parametrize(("device", "itemsize", "head", "wanted", "expected"), CHOSEN)
def test_which_kernel_runs(device: str, itemsize: int, head: int, wanted: str, expected: str) -> None:
    if expected in KERNELS:
        assert kernel(device, itemsize, head, wanted) == expected
        return
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        kernel(device, itemsize, head, wanted)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("wanted", ["", "math"])
@pytest.mark.parametrize("text", NETWORKS.values(), ids=list(NETWORKS))
def test_bytes_in_mixed_precision(text: str, wanted: str, batch: int) -> None:
    """On real tensors."""
    given = network(text)
    with sdpa_kernel([BACKENDS[wanted]] if wanted else list(BACKENDS.values())):
        inference, training = (mixed(given, batch, train, "bfloat16").peak for train in (False, True))
    settings = Settings(amp="bfloat16", device="cpu", adds_in_place=False, attention=wanted)
    assert simulate(given.graph, batch, settings).peak(batch) == inference
    assert simulate(given.graph, batch, settings._replace(training=True)).peak(batch) == training
