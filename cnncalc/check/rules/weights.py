"""Weights: those that nothing needs, that tensor cores are slow with, and that one layer holds most of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cnncalc import units
from cnncalc.check.rules.base import Hit, Rule, by_kind, named, outputs, parameters
from cnncalc.check.subject import Subject
from cnncalc.errors import listing
from cnncalc.graph.graph import Graph, Node, Signature
from cnncalc.values import elements, format_shape

#: what tensor cores take at once, in values of 16 bits
STEP = 8
#: widths that one message names
SHOWN = 5


def _bias(kind: Signature) -> int | None:
    """The values of the bias of a convolution or linear layer."""
    bias = kind.weights.get("bias") if kind.op.takes_norm_act else None
    return elements(bias) if bias else None


def _absorbed_bias(subject: Subject) -> Iterator[Hit]:
    graph = subject.graph()
    biased = {node.index: bias for node, bias in by_kind(graph, _bias)}
    norms = [node for node in graph.nodes if node.op.name == "bn" and node.inputs[0] in biased] if biased else []
    if not norms:
        return
    readers = Counter(index for node in graph.nodes for index in node.inputs)
    ends = outputs(graph)
    for norm in norms:
        node = graph.nodes[norm.inputs[0]]
        if readers[node.index] == 1 and node.index not in ends:
            count = f"{units.grouped(biased[node.index])} parameter{'s' * (biased[node.index] > 1)}"
            message = f"{named(node)}: the batch norm after it cancels its bias; {count} not needed"
            yield Hit(message, node.place.location, node.path, "bias: false")


def _width(kind: Signature) -> int | None:
    """The output channels of a convolution or linear layer, where they are no multiple of 8."""
    if kind.op.name not in ("conv", "conv_transpose", "linear"):
        return None
    width = kind.output[-1] if kind.op.name == "linear" else kind.output[0]
    return width if width % STEP else None


def _group_width(kind: Signature) -> int | None:
    """The channels that a group of a convolution reads or makes, where they are no multiple of 8."""
    groups: int = getattr(kind.op, "groups", 1) if kind.op.name in ("conv", "conv_transpose") else 1
    if groups == 1 or groups == kind.inputs[0][0]:
        return None
    return next((n // groups for n in (kind.inputs[0][0], kind.output[0]) if n // groups % STEP), None)


def _odd_widths(subject: Subject) -> Iterator[Hit]:
    graph = subject.graph()
    answers = {graph.nodes[index].shape[0] for index in outputs(graph)}  # scores of the classes, enlarged after them
    ends = None
    for rule, what in ((_width, "layer width"), (_group_width, "group width")):
        first: dict[int, Node] = {}
        for node, width in by_kind(graph, rule):
            ends = _ends(graph) if ends is None else ends
            if node.index not in ends and width not in answers:
                first.setdefault(width, node)
        if first:
            cited = [f"{width} ('{node.path}')" for width, node in list(first.items())[:SHOWN]]
            cited += [f"{len(first) - SHOWN} more"] * (len(first) > SHOWN)
            counted = f"{len(first)} {what}s" if len(first) > 1 else f"a {what}"
            message = f"{STEP} does not divide {counted}: {listing(cited)}"
            place = next(iter(first.values())).place.location
            yield Hit(message, place, what, "div8(x) rounds a width, and tensor cores are built for it")


def _ends(graph: Graph) -> set[int]:
    """The layers whose width the task gives: no other convolution or linear layer comes after them."""
    weighted = [kind.op.takes_norm_act for kind in graph.signatures]
    before: set[int] = set()
    ends = set()
    for node in reversed(graph.nodes):
        if weighted[node.signature] and node.index not in before:
            ends.add(node.index)
        if weighted[node.signature] or node.index in before:
            before.update(node.inputs)
    return ends


def _flattened(kind: Signature) -> bool | None:
    return True if kind.op.name == "flatten" and elements(kind.inputs[0][1:]) > 1 else None


def _mostly_linear(subject: Subject) -> Iterator[Hit]:
    graph = subject.graph()
    for flatten, _ in by_kind(graph, _flattened):
        if flatten.side is None and any(kind.op.name in ("conv", "dwconv") for kind in graph.signatures):
            yield from _linear_after(graph, flatten)


def _linear_after(graph: Graph, flatten: Node) -> Iterator[Hit]:
    """A finding if the fully connected layers hold most parameters, and one of them reads the flattened map."""
    counts = [parameters(kind) for kind in graph.signatures]
    owned = [node for node in graph.nodes if node.shared is None and node.side is None]
    linear = [node for node in owned if node.op.name == "linear"]
    whole = sum(counts[node.signature] for node in owned)
    held = sum(counts[node.signature] for node in linear)
    same = {flatten.index}  # the flattened map, however it was normalized, activated or dropped
    for node in graph.nodes[flatten.index + 1 :]:
        if same.issuperset(node.inputs) and node.shape == flatten.shape and node.op.name != "linear":
            same.add(node.index)
    direct = [node for node in linear if node.inputs[0] in same]
    if not direct or 2 * held <= whole:
        return
    (shape,) = graph.signatures[flatten.signature].inputs
    less = whole - sum((elements(shape) - shape[0]) * node.shape[-1] for node in direct)
    message = f"{named(flatten)}: linear layers after {format_shape(shape)} hold {units.grouped(held)}"
    message += f" of {units.grouped(whole)} parameters, {units.percent(held, whole)}"
    hint = f"global_avgpool before the flatten leaves {units.grouped(less)}"
    yield Hit(message, flatten.place.location, flatten.path, hint)


RULES = (
    Rule(
        "CN003",
        "bias-before-norm",
        "warning",
        "a bias that the batch norm after it cancels",
        """
Batch norm subtracts each channel's mean. That removes any constant that the layer before has added,
and the shift of the batch norm replaces it. So the bias is trained and stored for nothing: 4,224
parameters in VGG16 with batch norm. It is a warning because such biases often explain why a count
differs from the published one.
""",
        """
cnncalc: 1
source: an example
input: [3, 3, 3]
layers:
  - {conv: 8, kernel: 3, norm: bn, act: relu}
""",
        """
cnncalc: 1
source: an example
input: [3, 3, 3]
layers:
  - {conv: 8, kernel: 3, bias: false, norm: bn, act: relu}
""",
        "Ignore it where the published weights have both, for example torchvision's vgg16_bn.",
        _absorbed_bias,
    ),
    Rule(
        "CN004",
        "odd-width",
        "note",
        "widths that 8 does not divide",
        """
Tensor cores multiply tiles of 8 values of 16 bits, and zeros fill the rest of a tile. So a layer of
65 channels costs as much as one of 72, and some libraries do not use tensor cores for it at all.
For groups, the channels of one group count. The rule leaves out the input and the last layers,
whose width the task gives. It is a note because a published width can't be changed.
""",
        """
cnncalc: 1
source: an example
input: [3, 3, 3]
layers:
  - {conv: 65, kernel: 3}
  - flatten
  - {linear: 10}
""",
        """
cnncalc: 1
source: an example
input: [3, 3, 3]
layers:
  - {conv: 64, kernel: 3}
  - flatten
  - {linear: 10}
""",
        "Ignore it where a published width is odd, or no tensor core will run the network.",
        _odd_widths,
    ),
    Rule(
        "CN007",
        "linear-heavy",
        "note",
        "linear layers after a flattened map hold most of the parameters",
        """
A linear layer on a flattened map has a weight for each pixel of each channel: from 512x7x7 to 4096
are 102,760,448, three quarters of VGG16. If it reads the mean of each channel instead, 2,097,152
weights are left, and any input size works. Network in Network (Lin et al. 2013, arXiv:1312.4400)
lost no accuracy by it. It is a note because AlexNet and VGG are built this way.
""",
        """
cnncalc: 1
source: an example
input: [8, 4, 4]
layers:
  - {conv: 8, kernel: 5, pad: same}
  - flatten
  - {linear: 64}
""",
        """
cnncalc: 1
source: an example
input: [8, 4, 4]
layers:
  - {conv: 8, kernel: 5, pad: same}
  - global_avgpool
  - flatten
  - {linear: 64}
""",
        "Ignore it where the place of a feature in the map matters to the answer.",
        _mostly_linear,
    ),
)
