"""Bytes of tensors alive, as PyTorch itself takes and gives them back: every storage that an operator returns counts
until it is freed. What a kernel takes inside itself is not seen.

This is the side that measures: it knows no rule of :mod:`cnncalc.autograd`. The tensors of a whole network are fake, so
that no memory is needed, but every operator runs through PyTorch's dispatcher and its autograd.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cnncalc.graph.graph import Graph
from cnncalc.torch_backend.build import DTYPES, Inputs, build, inputs, outputs

Module = TypeVar("Module", bound=nn.Module)

#: operators whose kernel on a CPU always copies, while the result of a fake tensor may be a view of the input
COPYING = frozenset({torch.ops.aten.channel_shuffle.default})


#: operators whose kernel on a CPU lays its first result as its input lies, while that of one fake sample lies otherwise
LAYING = frozenset({torch.ops.aten.native_group_norm.default})


class Tracker(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types there
    """Sees each operator that runs while it is active. ``live`` and ``peak`` are bytes, ``events`` (bytes taken, or
    minus those given back; the operator).
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch has no types there
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

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._operator = str(func)
        result = func(*args, **(kwargs or {}))
        if func in COPYING and result.device.type == "cpu" and _is_view(result, args[0]):
            result = result.clone()
        if func in LAYING and result[0].device.type == "cpu":
            result = result[0].as_strided(args[0].shape, args[0].stride()), *result[1:]
        self.take(tree_leaves(result))
        return result


def _is_view(one: Tensor, other: Tensor) -> bool:
    return bool(one.untyped_storage()._cdata == other.untyped_storage()._cdata)


def fake(module: Module, device: str = "cpu") -> Module:
    """Gives a module fake tensors for its parameters and buffers; those that share one go on doing so.

    It is called within a ``FakeTensorMode``.
    """
    known: dict[int, tuple[Tensor, Tensor]] = {}  # the old one too, or another might get its number
    for part in module.modules():
        tables: list[dict[str, Any]] = [part._parameters, part._buffers]
        for tensors in tables:
            for name, tensor in tensors.items():
                if tensor is None:
                    continue
                if id(tensor) not in known:
                    new = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    known[id(tensor)] = tensor, nn.Parameter(new) if isinstance(tensor, nn.Parameter) else new
                tensors[name] = known[id(tensor)][1]
    return module


class Faked:
    """A network of fake tensors with its inputs; what is run with it is run within its ``mode``.

    Every pass raises what PyTorch raises where it refuses the network, or can't run it with fake tensors.
    """

    def __init__(self, graph: Graph, batch: int = 1, dtype: str = "float32", with_side: bool = False) -> None:
        self.mode = FakeTensorMode()
        module = build(graph, device="meta", dtype=dtype, with_side=with_side)
        with self.mode:
            self.module = fake(module)
        self._made = partial(inputs, graph, batch, torch.empty, dtype=DTYPES[dtype])
        self._held: list[Tensor] = []

    @cached_property
    def inputs(self) -> Inputs:
        """What every pass is given."""
        with self.mode:
            return self._made()

    def inference(self) -> Tracker:
        """A pass in evaluation, with nothing else there than weights, buffers and the inputs."""
        self.module.eval()
        with self.mode, torch.no_grad():
            tracker = self._tracker()
            with tracker:
                self.module(*self.inputs)
        return tracker

    def training(self) -> Tracker:
        """Forward, the sum of the cross entropies of all outputs, and backward. The gradients are there afterwards, and
        until the next time the outputs and the loss, as in a loop that goes on to an optimizer.

        An output ``[batch, classes, ...]`` has a target ``[batch, ...]``.
        """
        with self.mode, torch.no_grad():
            shapes = [tuple(result.shape) for result in outputs(self.module.eval()(*self.inputs))]
        self.module.train().zero_grad()
        with self.mode:
            targets = [torch.empty(shape[:1] + shape[2:], dtype=torch.int64) for shape in shapes]
            tracker = self._tracker(targets)
            with tracker:
                results = outputs(self.module(*self.inputs))
                total = loss(results, targets)
                total.backward()  # type: ignore[no-untyped-call]  # torch has no types there
        self._held = [*targets, *results, total]
        return tracker

    def saved(self) -> int:
        """Bytes that autograd keeps at the end of the forward pass, as ``saved_tensors_hooks`` packs them: every
        storage once, parameters and buffers not among them.
        """
        own = {tensor.untyped_storage()._cdata for tensor in [*self.module.parameters(), *self.module.buffers()]}
        packed: dict[int, weakref.ref[torch.UntypedStorage]] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in own:
                packed[storage._cdata] = weakref.ref(storage)
            return tensor.detach()  # a result that held itself would never be freed

        self.module.train()
        with self.mode, self._tracker(), saved_tensors_hooks(pack, lambda tensor: tensor):
            results = self.module(*self.inputs)
            kept = [storage for storage in (found() for found in packed.values()) if storage is not None]
        del results
        return sum(storage.nbytes() for storage in kept)

    def _tracker(self, others: Iterable[Tensor] = ()) -> Tracker:
        tracker = Tracker()
        tracker.take([*self.module.parameters(), *self.module.buffers(), *self.inputs, *others])
        return tracker


def loss(results: Iterable[Tensor], targets: Iterable[Tensor]) -> Tensor:
    """The sum of the cross entropies of all outputs ``[batch, classes, ...]`` with targets ``[batch, ...]``."""
    losses = [functional.cross_entropy(*pair) for pair in zip(results, targets, strict=True)]
    total = losses.pop(0)
    while losses:
        total = total + losses.pop(0)
    return total


def measure(graph: Graph, batch: int, training: bool, dtype: str = "float32", with_side: bool = False) -> Tracker:
    """A pass of inference or of training, as in :class:`Faked`."""
    faked = Faked(graph, batch, dtype, with_side)
    return faked.training() if training else faked.inference()


def most_bytes(run: Callable[[], object], held: Iterable[Tensor]) -> int:
    """The most bytes alive during a run, with the tensors that are held throughout."""
    tracker = Tracker()
    tracker.take(held)
    with tracker:
        run()
    return tracker.peak
