"""One network on one device, ready to run: its pass, the memory of a pass, and the time of many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any, NamedTuple

import torch
from torch import fx

from cnncalc.graph.graph import Graph
from cnncalc.torch_backend.build import DTYPES, Inputs, inputs, outputs
from cnncalc.torch_backend.measure import timing
from cnncalc.torch_backend.tracker import loss, most_bytes

LOSS = "cross-entropy of each output [batch, classes, ...] with random classes; added up"
BY_ALLOCATOR = "torch.cuda.max_memory_allocated in one pass"
BY_TENSORS = "tensors alive at once in one pass, as PyTorch's operations return them"


class Settings(NamedTuple):
    """How a network is measured. ``repeat`` is a number of runs, None for as many as start within ``seconds``;
    ``max_memory`` the bytes it may take, None for what is free.
    """

    device: str = "cpu"
    batches: Sequence[int] = (1,)
    dtype: str = "float32"
    training: bool = False
    with_side: bool = False
    channels_last: bool = False
    compile: bool = False
    cuda_graph: bool = False
    seconds: float = 3.0
    repeat: int | None = None
    threads: int | None = None
    max_memory: int | None = None


class Taken(NamedTuple):
    """The most bytes that a pass needs at once, weights and inputs among them, and how they were measured.

    On a GPU it is what is allocated; ``requested`` and ``reserved`` are the highest of those, 0 elsewhere.
    """

    bytes: int
    by: str
    requested: int = 0
    reserved: int = 0


class Subject:
    """A built network and inputs of one batch; ``step`` is one pass, forward or forward and backward."""

    def __init__(self, model: fx.GraphModule, graph: Graph, batch: int, device: torch.device, given: Settings):
        self.model = model
        self.given = given
        self.timer = timing.Timer(device)
        self._device = device
        self.inputs: Inputs = tuple(
            x.to(memory_format=torch.channels_last) if given.channels_last and x.dim() == 4 else x
            for x in inputs(graph, batch, device=device, dtype=DTYPES[given.dtype])
        )
        self._called: Callable[..., Any] = model
        if given.compile:
            torch.compiler.reset()  # a batch is compiled for itself: too many in a row would run uncompiled
            self._called = torch.compile(model, fullgraph=True, dynamic=False)
        self._targets: list[torch.Tensor] = []

    def step(self) -> None:
        """One pass as it is measured."""
        if not self.given.training:
            self._called(*self.inputs)
            return
        for parameter in self.model.parameters():
            parameter.grad = None
        results = outputs(self._called(*self.inputs))
        if not self._targets:
            for result in results:
                classes = (*result.shape[1:], 1)[0]  # cross entropy itself refuses what has no axis of classes
                size = result.shape[:1] + result.shape[2:]
                self._targets.append(torch.randint(classes, size, device=result.device))
        loss(results, self._targets).backward()  # type: ignore[no-untyped-call]

    def mode(self) -> AbstractContextManager[Any]:
        """What a pass runs under."""
        return nullcontext() if self.given.training else torch.inference_mode()

    def samples(self) -> list[float]:
        """Seconds of many passes, each timed alone."""
        with self.mode():
            run = self._captured() if self.given.cuda_graph else self.step
            return timing.repeat(lambda: self.timer.time(run), self.given.seconds, self.given.repeat)

    def _captured(self) -> Callable[[], None]:
        """A pass as a CUDA graph, which launches all its kernels at once."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # libraries and autograd set themselves up outside the capture
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        replay: Callable[[], None] = graph.replay
        return replay

    def held(self) -> list[torch.Tensor]:
        """The tensors that are there before and after a pass."""
        return [*self.inputs, *self._targets, *self.model.parameters(), *self.model.buffers()]

    def memory(self) -> Taken:
        """The memory of a pass. On a GPU, two go before it from an allocator that caches nothing."""
        cuda = self._device.type == "cuda"
        if cuda:
            torch.cuda.empty_cache()
        with self.mode():
            for _ in range(2 if cuda else 1):
                self.step()  # what is made once and kept, as a library's workspace, is there before
                for parameter in self.model.parameters():
                    parameter.grad = None
            if not cuda:
                self._called = self.model  # a compiled network shows nothing of its inside
                return Taken(most_bytes(self.step, self.held()), BY_TENSORS + (", uncompiled" * self.given.compile))
            self.timer.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self.step()
            self.timer.synchronize()
            stats = torch.cuda.memory_stats()
            return Taken(
                stats["allocated_bytes.all.peak"],
                BY_ALLOCATOR + (", without the CUDA graph" * self.given.cuda_graph),
                stats["requested_bytes.all.peak"],
                stats["reserved_bytes.all.peak"],
            )


def prepared(model: fx.GraphModule, given: Settings) -> fx.GraphModule:
    """The model in the mode and memory format that it is measured in."""
    model.train(given.training)
    return model.to(memory_format=torch.channels_last) if given.channels_last else model  # type: ignore[call-overload]


def on(device: torch.device, threads: int | None) -> ExitStack:
    """Makes a device the current one and sets the number of threads, until it is left."""
    stack = ExitStack()
    if device.type == "cuda":
        stack.enter_context(torch.cuda.device(device))
    if threads is not None:
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(threads)
    return stack


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory, on whichever device."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    words = ("not enough memory", "DefaultCPUAllocator", "out of memory")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)
