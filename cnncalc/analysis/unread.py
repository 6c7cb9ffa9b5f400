"""What is computed for nothing: layers that no output needs, and pixels that no window reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from cnncalc import units
from cnncalc.errors import listing
from cnncalc.graph.graph import Graph, Node, Signature
from cnncalc.ops import OPS
from cnncalc.ops.window import per_axis
from cnncalc.values import elements, format_shape

#: the operators that slide a window over a map, which a transposed convolution does not
WINDOWS = frozenset(
    name for name, op in OPS.items() if {"kernel", "stride"} <= op.fields.keys() and "output_pad" not in op.fields
)

#: names and lines that a remark has at most
SHOWN = 5

#: what the axes of a map are called
_AXES = {1: ("position",), 2: ("row", "column"), 3: ("plane", "row", "column")}


class UnreadLayers(NamedTuple):
    """A value that nothing reads, ``members`` from the first operator that no output needs to the one that makes it,
    and their parameters.
    """

    members: tuple[Node, ...]
    params: int

    @property
    def end(self) -> Node:
        return self.members[-1]


def unread_layers(graph: Graph) -> list[UnreadLayers]:
    """The operators that no output and no side output needs, by the value that they lead to, in call order."""
    used = bytearray(len(graph.nodes))
    for index in graph.ends(with_side=True):
        used[index] = 1
    for node in reversed(graph.nodes):
        if used[node.index]:
            for index in node.inputs:
                used[index] = 1
    if 0 not in used:
        return []
    leads_to: dict[int, int] = {}  # the unused values that are read, by the last one that they lead to
    ends: dict[int, list[Node]] = {}
    for node in reversed(graph.operators()):
        if not used[node.index]:
            end = leads_to.get(node.index, node.index)
            ends.setdefault(end, []).append(node)
            for index in node.inputs:
                leads_to.setdefault(index, end)
    return [UnreadLayers(tuple(reversed(nodes)), _params(graph, nodes)) for nodes in reversed(ends.values())]


def layers_said(unread: Sequence[UnreadLayers]) -> str:
    """``nothing reads conv1: the totals have 1 operator and 136 parameters that no output needs``."""
    operators, params = sum(len(one.members) for one in unread), sum(one.params for one in unread)
    counted = f"{units.grouped(operators)} operator{'s' * (operators > 1)}"
    counted += f" and {units.grouped(params)} parameter{'s' * (params > 1)}" if params else ""
    return f"nothing reads {_few(one.end.path for one in unread)}: the totals have {counted} that no output needs"


def _few(names: Iterable[str]) -> str:
    first = list(names)
    more = len(first) - SHOWN
    return listing([*first[:SHOWN], f"{more} more"] if more > 0 else first)


def _params(graph: Graph, nodes: list[Node]) -> int:
    """The parameters of nodes that are nobody else's."""
    own = [graph.signatures[node.signature] for node in nodes if node.shared is None]
    return sum(sum(map(elements, signature.weights.values())) for signature in own)


class Along(NamedTuple):
    """A window along one axis: input and output size, taps of the kernel, and how it reads."""

    size: int
    positions: int
    kernel: int
    extent: int
    stride: int
    before: int

    @property
    def unread(self) -> int:
        """Pixels at the end that rounding down drops; those that the stride skips everywhere are none of them."""
        left = self.size - ((self.positions - 1) * self.stride - self.before + self.extent)
        return max(0, left - max(0, self.stride - self.extent))

    @property
    def after(self) -> int:
        """Padding after the last pixel that is read."""
        return (self.positions - 1) * self.stride + self.extent - self.size - self.before


def along(kind: Signature) -> list[Along]:
    """A window of :data:`WINDOWS` along each axis."""
    op: Any = kind.op
    (shape,) = kind.inputs
    kernels = per_axis(op.kernel, len(shape) - 1, "kernel")
    sizes = zip(shape[1:], kind.output[1:], kernels, op.reach(shape), strict=True)
    return [Along(n, m, k, tap.extent, tap.stride, tap.before) for n, m, k, tap in sizes]


def described(kind: Signature, axes: list[Along]) -> str:
    """``3x3 stride 2``."""
    op: Any = kind.op
    strides = [axis.stride for axis in axes]
    dilation = getattr(op, "dilation", 1)
    text = format_shape(tuple(axis.kernel for axis in axes))
    if dilation not in (1, (1,) * len(axes)):
        text += f" dilation {dilation if isinstance(dilation, int) else format_shape(dilation)}"
    return f"{text} stride {strides[0] if len(set(strides)) == 1 else format_shape(tuple(strides))}"


class UnreadPixels(NamedTuple):
    """What the windows of a layer leave unread, and the input that they read all of."""

    node: Node
    said: str
    fits: str


def unread_pixels(graph: Graph) -> Iterator[UnreadPixels]:
    """The layers whose windows end before their input does."""
    found = {index: said for index, kind in enumerate(graph.signatures) if (said := _rounded(kind))}
    for node in graph.nodes if found else ():
        if node.signature in found:
            yield UnreadPixels(node, *found[node.signature])


def pixels_said(unread: Iterable[UnreadPixels]) -> list[str]:
    """``conv: 3x3 stride 3 on 7x7 leaves 1 row and 1 column unread``: a line for the layers of which that is so."""
    alike: dict[str, list[str]] = {}
    for one in unread:
        alike.setdefault(one.said, []).append(one.node.path)
    lines = [f"{_few(paths)}: {said}" for said, paths in alike.items()]
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], f"{more} more sizes leave pixels unread"] if more > 0 else lines


def diagnostics(layers: Iterable[UnreadLayers], pixels: Iterable[UnreadPixels]) -> list[dict[str, Any]]:
    """The same as JSON data."""
    found = [("unread_layers", [node.path for node in one.members], layers_said([one])) for one in layers]
    found += [("unread_pixels", [one.node.path], f"{one.node.path}: {one.said}") for one in pixels]
    return [{"kind": kind, "layers": paths, "message": message} for kind, paths, message in found]


def _rounded(kind: Signature) -> tuple[str, str] | None:
    """``3x3 stride 3 on 7x7 leaves 1 row and 1 column unread``, and the size that fits."""
    op: Any = kind.op
    if op.name not in WINDOWS or op.stride == 1:
        return None
    axes = along(kind)
    lost = [axis.unread for axis in axes]
    if not any(lost):
        return None
    words = zip(lost, _AXES[len(axes)], strict=True)
    unread = listing(f"{n} {word}{'s' * (n > 1)}" for n, word in words if n)
    sizes = format_shape(tuple(axis.size for axis in axes))
    fits = format_shape(tuple(axis.size - axis.unread for axis in axes))
    return f"{described(kind, axes)} on {sizes} leaves {unread} unread", fits
