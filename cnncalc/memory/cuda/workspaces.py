"""What NVIDIA's libraries take of a GPU's memory for themselves, through PyTorch's allocator.

cuBLAS keeps a workspace for each thread that multiplies matrices, which cuBLASLt shares
(``parseChosenWorkspaceSize`` in PyTorch's ``aten/src/ATen/cuda/CublasHandlePool.cpp``, without
``CUBLAS_WORKSPACE_CONFIG``; versions before 2.11 took :data:`CUBLAS_LARGE` on Hopper alone). cuDNN takes one for the
time of a convolution; how large it is follows from no rule, so that it is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cnncalc.autograd.engine import CONVOLUTION
from cnncalc.graph.graph import Graph
from cnncalc.memory.simulate import Trace
from cnncalc.ops.base import Lowering
from cnncalc.values import Shape

#: bytes of cuBLAS's workspace, ``:4096:2:16:8``, and on Hopper and Blackwell, by the first number of the capability
CUBLAS = 2 * 4096 * 1024 + 8 * 16 * 1024
CUBLAS_LARGE = 32 * 2**20
LARGE = (9, 10, 12)

_PADDED = "cnncalc.torch_backend.modules.Padded"
_AXES = {f"torch.nn.{word}{axes}d": axes for word in ("Conv", "ConvTranspose") for axes in (1, 2, 3)}


def cublas(capability: tuple[int, int] | None) -> int:
    """Bytes of the workspace of one thread on a GPU; without one, on one before Hopper."""
    return CUBLAS_LARGE if capability is not None and capability[0] in LARGE else CUBLAS


class Convolution(NamedTuple):
    """A convolution as ``torch.ops.aten.convolution`` takes it; ``input`` is its shape with the batch."""

    input: Shape
    weight: Shape
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool
    output_padding: tuple[int, ...]
    groups: int

    @property
    def signature(self) -> str:
        """What cuDNN chooses an algorithm by: ``conv 1x3x224x224 weight 64x3x7x7 stride 2x2 padding 3x3 ...``."""
        words = ["conv_transpose" if self.transposed else "conv", _by(self.input), "weight", _by(self.weight)]
        words += ["stride", _by(self.stride), "padding", _by(self.padding), "dilation", _by(self.dilation)]
        words += ["output_padding", _by(self.output_padding)] if self.transposed else []
        return " ".join([*words, "groups", str(self.groups)])


def _by(sizes: tuple[int, ...]) -> str:
    return "x".join(map(str, sizes))


class WorkspaceBytes(NamedTuple):
    """Bytes of cuDNN's workspace in a convolution, and in the gradients of its input and its weight."""

    forward: int
    input_gradient: int
    weight_gradient: int


def convolutions(graph: Graph, batch: int, with_side: bool) -> dict[int, Convolution]:
    """The convolutions by the index of their layer; those that are part of another operator are none."""
    found = {}
    for node in graph.operators():
        if node.side is None or with_side:
            given = graph.nodes[node.inputs[0]]
            made = _convolution(node.op.lowering(given.shape), given.shape) if len(node.inputs) == 1 else None
            if made is not None:
                found[node.index] = made._replace(input=(batch * given.count, *made.input))
    return found


def _convolution(lowering: Lowering, shape: Shape) -> Convolution | None:
    """What a module of PyTorch convolves; the batch is missing."""
    if lowering.target == _PADDED:
        inner, padding = lowering.args[:2]
        before_and_after = list(zip(padding[::2], padding[1::2], strict=True))[::-1]
        sizes = (size + before + after for size, (before, after) in zip(shape[1:], before_and_after, strict=True))
        return _convolution(inner, (shape[0], *sizes))
    axes = _AXES.get(lowering.target)
    if axes is None:
        return None
    inputs, outputs, kernel = lowering.args
    given: Mapping[str, Any] = lowering.kwargs
    groups, transposed = given["groups"], "Transpose" in lowering.target
    first, second = (inputs, outputs) if transposed else (outputs, inputs)
    return Convolution(
        shape,
        (first, second // groups, *kernel),
        given["stride"],
        given["padding"],
        given["dilation"],
        transposed,
        given.get("output_padding", (0,) * axes),
        groups,
    )


class WorkspaceTable(NamedTuple):
    """What was measured on a GPU: ``capability`` is its compute capability, ``rows`` are by signature.

    ``cublas`` are the bytes of cuBLAS's workspace there.
    """

    gpu: str
    capability: tuple[int, int]
    cudnn: str
    torch: str
    dtype: str
    layout: str
    benchmark: bool
    cublas: int
    rows: Mapping[str, WorkspaceBytes]


class Libraries(NamedTuple):
    """What libraries take: bytes that ``cublas`` keeps in each thread, and the rows of ``cudnn`` by signature.

    ``cudnn`` is None where nothing is known of it.
    """

    cublas: int
    cudnn: Mapping[str, WorkspaceBytes] | None = None

    def taken(self, run: Trace, graph: Graph, batch: int, with_side: bool) -> dict[int, int]:
        """Bytes that cuDNN takes and gives back in a run, by the number of events before."""
        if self.cudnn is None:
            return {}
        by_layer = convolutions(graph, batch, with_side)
        found = {}
        for call in run.calls:
            if call.what in CONVOLUTION and call.layer in by_layer:
                row = self.cudnn.get(by_layer[call.layer].signature)
                size: int = getattr(row, call.what) if row else 0
                if size:
                    found[call.at] = size
        return found

    def unknown(self, graph: Graph, batch: int, with_side: bool) -> list[int]:
        """The indices of convolutions that the table of cuDNN does not have."""
        rows = self.cudnn or {}
        return [at for at, one in convolutions(graph, batch, with_side).items() if one.signature not in rows]
