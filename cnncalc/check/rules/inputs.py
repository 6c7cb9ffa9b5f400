"""Inputs that a spec states in place of those of the spec that it extends."""

from __future__ import annotations

from collections.abc import Iterator

from cnncalc.check.rules.base import Hit, Rule
from cnncalc.check.subject import Subject
from cnncalc.spec.inputs import ONLY, misread
from cnncalc.spec.reader import Scalar, SequenceNode, YamlNode
from cnncalc.values import Shape, format_shape


def _misread(subject: Subject) -> Iterator[Hit]:
    stated = [part.entries[ONLY][1] for part in subject.spec.parts if ONLY in part.entries]
    if len(stated) < 2 or ONLY not in subject.spec.parts[0].entries:
        return
    own, base = map(_sizes, stated[:2])
    reason = misread(base, own)
    if reason is not None:
        message = f"input {format_shape(own)} {reason[0]}: the spec that it extends has {format_shape(base)}"
        yield Hit(message, stated[0].location, ONLY, reason[1])


def _sizes(node: YamlNode) -> Shape:
    """The sizes of a list of numbers; none of anything else."""
    texts = [item.text for item in node.items if isinstance(item, Scalar)] if isinstance(node, SequenceNode) else []
    return tuple(map(int, texts)) if all(text.isdecimal() for text in texts) else ()


RULES = (
    Rule(
        "CN016",
        "input-misread",
        "warning",
        "an input whose axes are not in the order of the base",
        """
Channels come first, and there is no batch axis. FCN-32s takes an input of [400, 400, 3] without
complaint, as 400 channels of 400x3 pixels: its first layer then has 230,400 weights where 1,728 are
meant. It is a warning because all figures that follow are of a network that nobody builds.
""",
        """
cnncalc: 1
source: an example
extends: fcn32s
input: [400, 400, 3]
""",
        """
cnncalc: 1
source: an example
extends: fcn32s
input: [3, 400, 400]
""",
        "Ignore it where the sizes are meant as they stand.",
        _misread,
    ),
)
