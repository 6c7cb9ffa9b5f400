"""Receptive fields that are larger than the input, or too small to see all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cnncalc.analysis.unread import WINDOWS
from cnncalc.check.rules.base import Hit, Rule, named
from cnncalc.check.subject import Subject
from cnncalc.graph.graph import Node
from cnncalc.values import Shape, format_shape


def _windows(subject: Subject) -> tuple[list[Node], Sequence[Any]]:
    """The windows of more than a pixel on the main path, and the fields of every node."""
    graph = subject.graph()
    wide = [kind.op.name in WINDOWS and _wide(kind.op) for kind in graph.signatures]
    nodes = [node for node in graph.nodes if wide[node.signature] and node.side is None]
    return nodes, subject.report({}).columns["receptive_field"] if nodes else ()


def _wide(op: Any) -> bool:
    return bool(op.kernel > 1 if isinstance(op.kernel, int) else max(op.kernel) > 1)


def _past_the_input(subject: Subject) -> Iterator[Hit]:
    """What is spread over a whole map covers the input too, but no later window widens that."""
    nodes, fields = _windows(subject)
    size = _spatial(subject)
    past = []
    for node in nodes:
        before, after = fields[node.inputs[0]], fields[node.index]
        if before and after != before and all(map(int.__ge__, before, size)):
            past.append(node)
    if not past:
        return
    first = past[0]
    message = f"{named(first)}: its input already sees {_sizes(fields[first.inputs[0]])}, all of {_sizes(size)}"
    if len(past) > 1:
        widest = _sizes(max(fields[node.index] for node in past))
        message += f"; from there on {len(past)} windows widen the receptive field to {widest}"
    yield Hit(message, first.place.location, "receptive field", "a larger input gives these layers more to see")


def _part_of_the_input(subject: Subject) -> Iterator[Hit]:
    nodes, fields = _windows(subject)
    size = _spatial(subject)
    nodes = [node for node in nodes if fields[node.index]]
    if not nodes or any("attention" in kind.op.name for kind in subject.graph().signatures):
        return
    widest = max(nodes, key=lambda node: (fields[node.index], node.index))
    field = fields[widest.index]
    if any(map(int.__lt__, field, size)):
        message = f"{named(widest)}: the widest receptive field is {_sizes(field)}, of an input of {_sizes(size)}"
        yield Hit(message, widest.place.location, "receptive field", "a stride, a dilation or more windows widen it")


def _spatial(subject: Subject) -> Shape:
    """The spatial sizes of the input."""
    graph = subject.graph()
    return graph.nodes[graph.inputs[0]].shape[1:]


def _sizes(sizes: Sequence[int]) -> str:
    return format_shape(tuple(sizes))


RULES = (
    Rule(
        "CN008",
        "field-past-input",
        "note",
        "windows widen a receptive field that covers the input already",
        """
Once the receptive field covers the input, a larger window sees only more padding. The field of
ResNet-50 is 483 pixels wide, on an input of 224. That need not hurt, because the middle of a field
weighs more than its edge (Luo et al. 2016, arXiv:1701.04128). So it is a note: here a larger input,
or fewer layers, may be worth a try.
""",
        """
cnncalc: 1
source: an example
input: [3, 5, 5]
layers:
  - {conv: 8, kernel: 5, pad: same}
  - {conv: 8, kernel: 3, pad: same}
""",
        """
cnncalc: 1
source: an example
input: [3, 7, 7]
layers:
  - {conv: 8, kernel: 5, pad: same}
  - {conv: 8, kernel: 3, pad: same}
""",
        "Ignore it in deep networks on small inputs, where it is meant.",
        _past_the_input,
    ),
    Rule(
        "CN009",
        "field-within-input",
        "note",
        "no window sees the whole input",
        """
If the widest receptive field is smaller than the input, no unit sees all of an object that fills
the image: three 3x3 windows see 7x7 pixels of 224x224. It is a note because this can be intended:
fully connected layers may follow (the fields of VGG16 end at 212 of 224), or texture may be enough.
""",
        """
cnncalc: 1
source: an example
input: [3, 9, 9]
layers:
  - {conv: 8, kernel: 3, pad: same, repeat: 3}
""",
        """
cnncalc: 1
source: an example
input: [3, 9, 9]
layers:
  - {conv: 8, kernel: 3, pad: same, repeat: 4}
""",
        "Ignore it in networks that label every pixel by its surroundings.",
        _part_of_the_input,
    ),
)
