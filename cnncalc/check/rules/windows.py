"""Windows: pixels that no position reads, and outputs that lie between the pixels."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from cnncalc.analysis.unread import WINDOWS, along, described, unread_pixels
from cnncalc.check.rules.base import Hit, Rule, by_kind, named
from cnncalc.check.subject import Subject
from cnncalc.graph.graph import Graph, Node, Signature
from cnncalc.ops.base import Window
from cnncalc.values import format_shape


def _lost_pixels(subject: Subject) -> Iterator[Hit]:
    for node, lost, fits in unread_pixels(subject.graph()):
        remedy = "ceil: true or padding reads" if "ceil" in node.op.fields else "padding reads"
        yield Hit(f"{named(node)}: {lost}", node.place.location, node.path, f"{remedy} the rest; {fits} fits")


def _even_same(kind: Signature) -> tuple[str, int, int] | None:
    """A window of even extent whose ``same_tf`` puts more padding after than before."""
    op: Any = kind.op
    if op.name not in WINDOWS or getattr(op, "pad", 0) != "same_tf":
        return None
    axes = along(kind)
    for axis in axes:
        if axis.extent % 2 == 0 and axis.before < axis.after:
            return f"{described(kind, axes)} with pad: same_tf", axis.before, axis.after
    return None


def _even_after_pad(graph: Graph) -> Iterator[tuple[Node, tuple[str, int, int]]]:
    """Windows of even extent and stride 1 over a map that was padded unevenly, to the size that it had before."""
    if not any(kind.op.name == "pad" for kind in graph.signatures):
        return
    for node in graph.nodes:
        if node.op.name not in WINDOWS or graph.nodes[node.inputs[0]].op.name != "pad":
            continue
        kind, padded = graph.signatures[node.signature], graph.signatures[graph.nodes[node.inputs[0]].signature]
        taps = padded.op.reach(*padded.inputs) or ()
        for axis, tap, size in zip(along(kind), taps, padded.inputs[0][1:], strict=True):
            before = tap.before + axis.before
            after = axis.size - size - tap.before + axis.before
            if axis.extent % 2 == 0 and axis.stride == 1 and axis.positions == size:
                yield node, (f"{described(kind, along(kind))} after pad", before, after)
                break


def _half_pixel(subject: Subject) -> Iterator[Hit]:
    graph = subject.graph()
    for found in (by_kind(graph, _even_same), _even_after_pad(graph)):
        for node, (window, before, after) in found:
            message = f"{named(node)}: {window} shifts its output by half a pixel: {before} before, {after} after"
            yield Hit(message, node.place.location, node.path, "an odd kernel has a middle pixel")


def _skipping(kind: Signature) -> str | None:
    """The share of the pixels that a stride larger than its window reads."""
    op: Any = kind.op
    if op.name not in WINDOWS or op.stride is None or _largest(op.stride) <= _smallest(op.kernel):
        return None
    axes = along(kind)
    share = Fraction(1)
    for axis in axes:
        if axis.extent < axis.stride and axis.size > 1:
            share *= Fraction(axis.kernel, axis.stride)
    if share == 1:
        return None
    sizes = format_shape(tuple(axis.size for axis in axes))
    return f"{described(kind, axes)} reads {share.numerator} of {share.denominator} pixels of {sizes}"


def _largest(window: Window) -> int:
    return window if isinstance(window, int) else max(window)


def _smallest(window: Window) -> int:
    return window if isinstance(window, int) else min(window)


def _skipped_pixels(subject: Subject) -> Iterator[Hit]:
    for node, skipped in by_kind(subject.graph(), _skipping):
        hint = "an average pool of the stride before it, or a kernel as large as the stride, reads all"
        yield Hit(f"{named(node)}: {skipped}", node.place.location, node.path, hint)


RULES = (
    Rule(
        "CN001",
        "lost-pixels",
        "warning",
        "rounding down leaves rows or columns of the input unread",
        """
The number of windows is rounded down, and no window reads the pixels that are left at the end: (7 -
3)/3 + 1 = 2.33 becomes 2, so a 3x3 window with stride 3 reads 6 of 7 rows and columns, 36 of 49
pixels. The layers before computed the rest for nothing. The rule counts real pixels only, not the
padding. It is a warning because Caffe rounds up and PyTorch down: at such a window, a network that
moves from one to the other changes its sizes without a message.
""",
        """
cnncalc: 1
source: an example
input: [3, 7, 7]
layers:
  - {conv: 8, kernel: 3, pad: same}
  - {maxpool: 3, stride: 3}
  - {conv: 8, kernel: 2}
""",
        """
cnncalc: 1
source: an example
input: [3, 7, 7]
layers:
  - {conv: 8, kernel: 3, pad: same}
  - {maxpool: 3, stride: 2}
  - {conv: 8, kernel: 2}
""",
        "Ignore it where a published network does so, and say in a comment that it does.",
        _lost_pixels,
    ),
    Rule(
        "CN002",
        "half-pixel-shift",
        "warning",
        "an even kernel with same padding shifts its output by half a pixel",
        """
To keep the size, an even window needs an odd number of padded pixels: one more after than before.
Its centre lies between two pixels, so each such layer moves the map by half a pixel of its own
stride. Four of them at an effective stride of 16 move a box or a mask by 32 pixels of the input. It
is a warning because the kernel is nearly always a mistake for an odd one. The rule does not look at
patches (kernel = stride).
""",
        """
cnncalc: 1
source: an example
input: [3, 4, 4]
layers:
  - {conv: 8, kernel: 4, pad: same_tf}
""",
        """
cnncalc: 1
source: an example
input: [3, 4, 4]
layers:
  - {conv: 8, kernel: 5, pad: same}
""",
        "Ignore it where a published network does so: YOLOv2's small relative has a 2x2 pool with stride 1.",
        _half_pixel,
    ),
    Rule(
        "CN011",
        "skipped-pixels",
        "note",
        "a stride larger than its kernel reads a part of its input",
        """
A 1x1 convolution with stride 2 reads one pixel of every 2x2: three quarters of what the layers
before it computed are thrown away. The shortcuts of ResNet do so; Bag of Tricks (He et al. 2018,
arXiv:1812.01187) puts an average pool before the 1x1 instead (ResNet-D) and reports 0.3 points of
top-1 for it. It is a note because famous networks are built this way.
""",
        """
cnncalc: 1
source: an example
input: [3, 4, 4]
layers:
  - {conv: 8, kernel: 5, pad: same}
  - {conv: 16, kernel: 1, stride: 2}
""",
        """
cnncalc: 1
source: an example
input: [3, 4, 4]
layers:
  - {conv: 8, kernel: 5, pad: same}
  - {avgpool: 2}
  - {conv: 16, kernel: 1}
""",
        "Ignore it where the published network is like that, which a table of its layers shows.",
        _skipped_pixels,
    ),
)
