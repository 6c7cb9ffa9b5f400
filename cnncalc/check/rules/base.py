"""What a lint rule is, and what several rules ask of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from cnncalc.check.subject import Subject
from cnncalc.errors import Location
from cnncalc.graph.graph import Graph, Node, Signature
from cnncalc.values import elements

Answer = TypeVar("Answer")


class Hit(NamedTuple):
    """A place where a rule applies: what is wrong there, and what to do about it."""

    message: str
    location: Location
    subject: str
    hint: str | None = None


class Rule(NamedTuple):
    """A lint rule: its code, name, severity (warning or note), and one line of what it finds.

    ``why`` says in numbers what it costs, and why it is a warning or a note; ``bad`` is a spec that it finds,
    ``good`` the same put right; ``leave`` says when to ignore it. ``networks_only`` rules are not asked about
    libraries of blocks.
    """

    code: str
    name: str
    severity: str
    summary: str
    why: str
    bad: str
    good: str
    leave: str
    find: Callable[[Subject], Iterable[Hit]]
    networks_only: bool = True

    @property
    def page(self) -> str:
        """The rule's page, plain text."""
        title = f"{self.code} {self.name} ({self.severity}): {self.summary}"
        found, instead = (_indented(text) for text in (self.bad, self.good))
        ignore = f"{self.leave.strip()}\n\n    lint: {{ignore: [{self.code}]}}"
        return f"{title}\n\n{self.why.strip()}\n\nFound:\n\n{found}\n\nInstead:\n\n{instead}\n\n{ignore}\n"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.strip().split("\n"))


def by_kind(graph: Graph, rule: Callable[[Signature], Answer | None]) -> Iterator[tuple[Node, Answer]]:
    """The nodes that ``rule`` has an answer for, which is asked once for each kind."""
    answers = {index: answer for index, kind in enumerate(graph.signatures) if (answer := rule(kind)) is not None}
    if answers:
        for node in graph.nodes:
            if node.signature in answers:
                yield node, answers[node.signature]


def parameters(kind: Signature) -> int:
    """The learned values of a node of this kind."""
    return sum(map(elements, kind.weights.values()))


def outputs(graph: Graph) -> set[int]:
    """The nodes that the network ends in, those of side outputs too."""
    return {*graph.outputs, *(side.output for side in graph.sides)}


def named(node: Node) -> str:
    """``conv 'stage1.conv1'``."""
    return f"{node.op.name} '{node.path}'"
