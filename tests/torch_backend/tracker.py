"""The reference for memory: bytes of every storage that is alive, as PyTorch itself takes and gives them back.

The tensors are fake (no memory is used), but every operator runs through PyTorch's dispatcher and its autograd.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import cnncalc
from cnncalc.torch_backend.build import DTYPES, build, outputs


class Tracker(TorchDispatchMode):
    """Sees each operator that runs. ``live`` and ``peak`` are bytes, ``events`` (bytes taken, or minus those given back;
    the operator)."""

    def __init__(self) -> None:
        super().__init__()
        self.live = 0
        self.peak = 0
        self.events: list[tuple[int, str]] = []
        self._known: dict[int, weakref.ref[Any]] = {}
        self._operator = "start"

    def take(self, tensors: Iterable[Any]) -> None:
        """Counts the storages of tensors, each once."""
        for tensor in tensors:
            if isinstance(tensor, Tensor):
                self._take(tensor.untyped_storage())

    def _take(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return

        def gone(_: object) -> None:
            self._change(-size)
            del self._known[key]

        self._known[key] = weakref.ref(storage, gone)
        self._change(size)

    def _change(self, size: int) -> None:
        self.live += size
        self.peak = max(self.peak, self.live)
        if size:
            self.events.append((size, self._operator))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._operator = str(func)
        result = func(*args, **(kwargs or {}))
        self.take(tree_leaves(result))
        return result


def fake(module: nn.Module, device: str = "cpu") -> nn.Module:
    """Gives a module fake tensors for its parameters and buffers; those that share one go on doing so."""
    known: dict[int, tuple[Tensor, Tensor]] = {}  # the old one too, or another might get its number
    for part in module.modules():
        for tensors in (part._parameters, part._buffers):
            for name, tensor in tensors.items():
                if tensor is None:
                    continue
                if id(tensor) not in known:
                    new = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    known[id(tensor)] = tensor, nn.Parameter(new) if isinstance(tensor, nn.Parameter) else new
                tensors[name] = known[id(tensor)][1]
    return module


def measure(
    network: cnncalc.Network, batch: int, training: bool, dtype: str = "float32", with_side: bool = False
) -> Tracker:
    """A pass of inference, or forward, cross entropy and backward, of the built network."""
    module = build(network, device="meta", dtype=dtype, with_side=with_side)
    with FakeTensorMode():
        fake(module).train(training)
        x = torch.empty(batch, *network.input, dtype=DTYPES[dtype])
        shapes = [tuple(y.shape) for y in outputs(module.eval()(x))] if training else []
        module.train(training)
        targets = [torch.empty(shape[:1] + shape[2:], dtype=torch.int64) for shape in shapes]
        tracker = Tracker()
        tracker.take([*module.parameters(), *module.buffers(), x, *targets])
        if not training:
            with tracker, torch.no_grad():
                result = module(x)
        else:
            with tracker:
                result = outputs(module(x))
                losses = [functional.cross_entropy(*pair) for pair in zip(result, targets, strict=True)]
                loss = losses.pop(0)
                while losses:
                    loss = loss + losses.pop(0)
                loss.backward()
        del result
    return tracker
