"""Names that are numbers in disguise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cnncalc.check.rules.base import Hit, Rule
from cnncalc.check.subject import Subject
from cnncalc.errors import quote
from cnncalc.spec.compile.forms import BlockLayer, GroupLayer, JoinLayer, Layer, OpLayer, StagesLayer
from cnncalc.spec.compile.words import VARIABLE
from cnncalc.spec.reader import Scalar


def _numbered_claims(subject: Subject) -> Iterator[Hit]:
    spec = subject.spec
    names = _Names()
    for claim in spec.claims:
        at = claim.options.get("at")
        if at is None or at not in subject.paths:
            continue
        head, *rest = at.split(".")
        side = next((side for side in spec.sides if side.name == head), None)
        number = names.numbered(side.layers, rest) if side else names.numbered(spec.layers, [head, *rest])
        if number is not None:
            shown = f"the claim is at {quote(at)}, but {quote(number)} has no name of its own"
            hint = "give that layer a name"
            yield Hit(
                f"{shown}: another one before it moves the claim", claim.location, f"{claim.quantity} at {at}", hint
            )


class _Sequence(NamedTuple):
    """The names in a sequence of layers: those without variables, what stands around the variables of the others, and
    the words that are numbered for want of a name.
    """

    fixed: dict[str, list[Layer]]
    variable: list[tuple[str, str, Layer]]
    words: set[str]


class _Names:
    """What the text calls the layers of a sequence; each sequence is looked through once.

    Stages count as named, and so do the repeats of a name. A name with variables is known by what stands before the
    first and after the last of them.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Sequence] = {}
        self._answers: dict[tuple[int, str], str | None] = {}

    def numbered(self, layers: list[Layer], parts: list[str]) -> str | None:
        """The first part of a path in these layers that was numbered for want of a name.

        Layers that exclude each other may have one name; then it is sought under all of them.
        """
        key = (id(layers), ".".join(parts))
        if parts and key not in self._answers:
            given = self._given(layers, parts[0])
            if not given:
                self._answers[key] = parts[0] if self._by_number(layers, parts[0]) else None
            else:
                below = [self.numbered(*inside) for layer in given if (inside := _inside(layer, parts[1:]))]
                self._answers[key] = below[0] if below and all(below) else None
        return self._answers.get(key)

    def _given(self, layers: list[Layer], name: str) -> list[Layer]:
        """The layers that the text gives this name, with or without the number of a repeat or stage."""
        fixed, variable, _ = self._names(layers)
        repeat, stage = re.sub(r"_\d+$", "", name), name.rstrip("0123456789")
        stems = dict.fromkeys((name, repeat, stage))
        found = [layer for stem in stems for layer in fixed.get(stem, ()) if _stem(layer, name) == stem]
        found += [
            layer
            for before, after, layer in variable
            if name.startswith(before) and (layer.repeat or isinstance(layer, StagesLayer) or name.endswith(after))
        ]
        return found

    def _by_number(self, layers: list[Layer], name: str) -> bool:
        """Whether a layer without name can have got this one."""
        words = self._names(layers).words
        for number in {name, re.sub(r"_\d+$", "", name)}:
            word = number
            while word[-1:].isdigit():
                word = word[:-1]
                if word in words:
                    return True
        return False

    def _names(self, layers: list[Layer]) -> _Sequence:
        if id(layers) not in self._known:
            fixed: dict[str, list[Layer]] = {}
            variable = []
            words = set()
            for layer in layers:
                if layer.name is None and not isinstance(layer, StagesLayer):
                    words.add(_word(layer))
                    continue
                node = layer.name.node if layer.name else None
                pieces = VARIABLE.split(node.text) if isinstance(node, Scalar) else ["stage"]
                if len(pieces) > 1:
                    variable.append((pieces[0], pieces[-1], layer))
                else:
                    fixed.setdefault(pieces[0], []).append(layer)
            self._known[id(layers)] = _Sequence(fixed, variable, words)
        return self._known[id(layers)]


def _word(layer: Layer) -> str:
    """What a layer without name is called, before its number."""
    if isinstance(layer, (OpLayer, JoinLayer)):
        return layer.op.name
    return layer.block.name if isinstance(layer, BlockLayer) else "layers"


def _stem(layer: Layer, name: str) -> str:
    """The name without the number that a layer of this form gets."""
    if isinstance(layer, StagesLayer):
        return name.rstrip("0123456789")
    return re.sub(r"_\d+$", "", name) if layer.repeat else name


def _inside(layer: Layer, parts: list[str]) -> tuple[list[Layer], list[str]] | None:
    """The layers under a layer, and what is left of the path in them."""
    if isinstance(layer, JoinLayer):
        branch = next((branch for branch in layer.branches if parts and branch.name == parts[0]), None)
        return (branch.layers, parts[1:]) if branch else None
    if isinstance(layer, StagesLayer):
        return layer.body, parts
    if isinstance(layer, BlockLayer):
        return layer.block.layers, parts
    return (layer.layers, parts) if isinstance(layer, GroupLayer) else None


RULES = (
    Rule(
        "CN006",
        "claim-at-number",
        "warning",
        "a claim at a layer without a name of its own",
        """
A layer without a name is called by its operator and a number: conv1, conv2, ... If someone adds a
conv before them, every claim at conv2 is about another layer, and may still hold if both have the
same size. So it is a warning: give a layer that a claim names a name of its own. Names from repeat
(block_2) and stages (stage1) are fine.
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
layers:
  - {conv: 8, kernel: 3}
claims:
  - {params: 584, at: conv1, source: '8*8*3*3 + 8'}
""",
        """
cnncalc: 1
source: an example
input: [8, 3, 3]
layers:
  - {conv: 8, kernel: 3, name: conv1}
claims:
  - {params: 584, at: conv1, source: '8*8*3*3 + 8'}
""",
        "Ignore it in a spec that no layer will ever be added to, as an exercise of one layer.",
        _numbered_claims,
    ),
)
