"""Wiring: values that nobody reads, and operators that repeat the one before."""

from __future__ import annotations

from collections.abc import Iterator

from cnncalc import units
from cnncalc.analysis.unread import unread_layers
from cnncalc.check.rules.base import Hit, Rule, named
from cnncalc.check.subject import Subject


def _unused(subject: Subject) -> Iterator[Hit]:
    for unread in unread_layers(subject.graph()):
        end, others = unread.end, len(unread.members) - 1
        message = f"{named(end)}: nothing reads its value"
        if others:
            message += f", and {others} more operator{'s' * (others > 1)} lead{'s' * (others == 1)} only to it"
        if unread.params:
            message += f"; {units.grouped(unread.params)} parameter{'s' * (unread.params > 1)} not used"
        yield Hit(message, end.place.location, end.path, "remove it, or name it under outputs: or side:")


def _twice(subject: Subject) -> Iterator[Hit]:
    graph = subject.graph()
    for node in graph.nodes:
        if node.op.role == "activation" and graph.nodes[node.inputs[0]].op == node.op:
            message = f"{named(node)} comes directly after {named(graph.nodes[node.inputs[0]])}"
            yield Hit(message, node.place.location, node.path, "remove it, or write act: none before it")


RULES = (
    Rule(
        "CN005",
        "unused-value",
        "warning",
        "a layer or branch whose value reaches no output",
        """
No output needs this value, but its parameters are stored and its work is done. One forgotten name
in a join drops a whole branch, and shapes and totals still look right. It is a warning because a
name is almost surely missing in the join, in from: or in outputs:.
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
layers:
  - {conv: 8, kernel: 3, pad: same, name: left}
  - {conv: 8, kernel: 3, pad: same, name: right, from: input}
  - {relu: [], from: right}
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
layers:
  - {conv: 8, kernel: 3, pad: same, name: left}
  - {conv: 8, kernel: 3, pad: same, name: right, from: input}
  - {add: [left, right]}
  - relu
""",
        "Ignore it where the published network computes what it does not use.",
        _unused,
    ),
    Rule(
        "CN010",
        "activation-twice",
        "warning",
        "an activation directly after the same one",
        """
relu of relu is relu: the second changes nothing, and costs a comparison and a pass through memory
for each value, 802,816 after ResNet's first layer. Twice sigmoid is something else than once, and
hardly ever meant. It is a warning because the usual cause is a relu in the layers beside act: relu
in the defaults.
""",
        """
cnncalc: 1
source: an example
input: [3, 3, 3]
layers:
  - {conv: 8, kernel: 3, act: relu}
  - relu
""",
        """
cnncalc: 1
source: an example
input: [3, 3, 3]
layers:
  - {conv: 8, kernel: 3}
  - relu
""",
        "Ignore it where the published network does it.",
        _twice,
    ),
)
