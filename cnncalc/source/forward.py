"""The forward of a class: one line for each module or join, with as few names as it needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping

from cnncalc.graph.graph import Node
from cnncalc.source import layout
from cnncalc.source.layout import Doc, Group, attribute, variable
from cnncalc.source.names import input_names
from cnncalc.source.terms import Item, loop_text
from cnncalc.source.tree import Scope, Tree, Unit
from cnncalc.values import ValueShape

_MARGIN = " " * 8


class Forward:
    """Writes the lines of one forward.

    Args:
        tree: the network.
        scope: what the class stands for.
        loops: the items of the class that are loops, by the name of their first module.
        empty: the branches, as (join, branch), that hold an identity in this class.
        residual: sums that only some objects of the class have, with the names of the attributes that say so.
    """

    def __init__(
        self,
        tree: Tree,
        scope: Scope,
        loops: Mapping[str, Item],
        empty: Collection[tuple[str, str]],
        residual: Mapping[str, str],
    ) -> None:
        self.tree = tree
        self.loops = loops
        self.empty = empty
        self.scope = scope
        self.residual = residual
        self.units = list(tree.units(scope, residual))
        self.position = 0
        self.left = count_uses(tree, scope)
        self.names: dict[int, str] = {}
        self.taken: set[str] = set()
        self.lines: list[str] = []
        #: the name that the last line gives, where that line starts, and how it is written with other words before it
        self.last: tuple[str, int, Callable[[str], list[str]]] | None = None
        #: calls that a join takes in, by their value
        self.pending: dict[int, Unit] = {}
        inputs = tree.inputs(scope)
        if scope is tree.root:
            self.parameters = input_names(tree.graph)
        else:
            self.parameters = ["x"] if len(inputs) == 1 else [f"x{i}" for i in range(1, len(inputs) + 1)]
        for index, name in zip(inputs, self.parameters, strict=True):
            self.names[index] = name
            self.taken.add(name)

    def write(self) -> list[str]:
        """The whole method."""
        position = 0
        while position < len(self.units):
            self.position = position
            unit = self.units[position]
            loop = self.loops.get(unit.way[0]) if len(unit.way) == 1 else None
            if unit.way[0] in self.residual:
                if len(unit.way) > 1:
                    self._residual(unit)
            elif unit.scope is None:
                self._join(unit)
            elif loop is not None and loop.loop is not None:
                position += loop.loop[2] - 1
                self._loop(loop, unit, self.units[position])
            else:
                self._call(unit, unit.scope, self._join_of(position))
            position += 1
        outputs = self.tree.outputs_of(self.scope)
        self._return([self._read(index) for index in outputs])
        types = ["Tensor"] * len(outputs) if len(outputs) <= 4 else ["Tensor", "..."]
        result = "Tensor" if len(outputs) == 1 else f"tuple[{', '.join(types)}]"
        head = Group("def forward(", ("self", *(f"{name}: Tensor" for name in self.parameters)), f") -> {result}:")
        return [*layout.lines(head, 4), *self.lines]

    def _return(self, values: list[str]) -> None:
        if len(values) == 1 and self.last and self.last[0] == values[0]:
            _, start, write = self.last
            self.lines[start:] = write("return ")
            return
        if len(values) == 1:
            self.lines.append(f"{_MARGIN}return {values[0]}")
        else:
            text = f"{_MARGIN}return {', '.join(values)}"
            if len(text) <= layout.WIDTH:
                self.lines.append(text)
            else:
                self.lines += layout.lines(Group("return (", tuple(values), call=False), 8)

    def _read(self, index: int) -> str:
        """A value's name, once for each of its uses."""
        self.left[index] -= 1
        return self.names[index] if self.left[index] > 0 else self.names.pop(index)

    def _fresh(self, wanted: str) -> str:
        name = variable(wanted)
        number = 1
        while name in self.taken:
            number += 1
            name = f"{variable(wanted)}_{number}"
        self.taken.add(name)
        return name

    def _target(self, index: int, wanted: str) -> str:
        """The name for a result: x or y on the way to the next line, its layer's name where it is read later."""
        following = self.units[self.position + 1 :][:1]
        reads = [self._inputs(unit).count(index) for unit in following]
        if self.left[index] == (reads[0] if reads else 1) and (not reads or reads[0] == 1):
            return self._transient()
        return self._fresh(wanted)

    def _transient(self) -> str:
        """The first of x, y, z that nothing reads any more."""
        live = {name for value, name in self.names.items() if self.left[value] > 0}
        name = next((name for name in ("x", "y", "z") if name not in live), None)
        if name is None:
            return self._fresh("y")
        self.taken.add(name)
        return name

    def _inputs(self, unit: Unit) -> list[int]:
        if unit.scope is not None:
            return self.tree.inputs(unit.scope)
        return list(unit.node.inputs) if unit.node else []

    def _join_of(self, position: int) -> Node | None:
        """The join that the branch at a position belongs to, where it alone reads the branch."""
        unit = self.units[position]
        if len(unit.way) < 2 or unit.scope is None:
            return None
        while self.units[position].scope is not None:
            position += 1
        join = self.units[position].node
        outputs = self.tree.outputs_of(unit.scope)
        return (
            join if join and len(outputs) == 1 and join.inputs.count(outputs[0]) == self.left[outputs[0]] == 1 else None
        )

    def _call(self, unit: Unit, scope: Scope, join: Node | None) -> None:
        outputs = self.tree.outputs_of(scope)
        if join is not None:
            self.pending[outputs[0]] = unit
            return
        call = self._written(unit)
        if not any(self.left[index] for index in outputs):
            self.lines.append(_MARGIN + call)
            self.last = None
        elif len(outputs) == 1:
            name = self.names[outputs[0]] = self._target(outputs[0], unit.way[-1])
            self._assign(name, call)
        else:
            for number, index in enumerate(outputs, 1):
                self.names[index] = self._fresh(f"{unit.way[-1]}_{number}")
            self._assign(", ".join(self.names[index] for index in outputs), call)

    def _written(self, unit: Unit) -> str:
        """The call of a unit; its inputs are read."""
        inputs = self.tree.inputs(unit.scope) if unit.scope else []
        return f"{unit.call}({', '.join([self._read(index) for index in inputs])})"

    def _assign(self, name: str, call: Doc) -> None:
        self._state(name, lambda prefix: layout.statement(prefix, call))

    def _state(self, name: str, write: Callable[[str], list[str]]) -> None:
        """A line that gives a name."""
        self.last = (name, len(self.lines), write)
        self.lines += write(f"{name} = ")

    def _loop(self, loop: Item, first: Unit, last: Unit) -> None:
        start = self.tree.inputs(first.scope)[0] if first.scope else 0
        end = self.tree.outputs_of(last.scope)[0] if last.scope else 0
        name = self.names[end] = self._read(start)
        key, numbers = loop_text(loop.loop or ("", 0, 0))
        self.last = None
        self.lines.append(f"{_MARGIN}{numbers}:")
        self.lines.append(f"{_MARGIN}    {name} = self.get_submodule({key})({name})")

    def _residual(self, unit: Unit) -> None:
        """A branch, and where an attribute says so the sum with its input."""
        if unit.scope is None:
            return
        (source,) = self.tree.inputs(unit.scope)
        (made,) = self.tree.outputs_of(unit.scope)
        node = self.units[self.position + 1].node
        self.left[source] += node is None
        call = self._written(unit)
        name = self._transient()
        self._assign(name, call)
        self.lines += [
            f"{_MARGIN}if self.{self.residual[unit.way[0]]}:",
            f"{_MARGIN}    {name} += {self._read(source)}",
        ]
        self.last = None
        self.names[made if node is None else node.index] = name

    # -- joins -----------------------------------------------------------------------------------------------------

    def _join(self, unit: Unit) -> None:
        node = unit.node
        if node is None:
            return
        operands = self.tree.operands(node)
        calls = [index for index in operands if index in self.pending]
        inplace = self.tree.replaced[node.index] is not None
        if calls != sorted(calls) or not (inplace or self._fits(node, operands, unit)):
            named = sorted(calls)
        else:
            named = [index for index in calls if inplace and index == operands[0]]
        for index in named:
            branch = self.pending.pop(index)
            call = self._written(branch)
            self.names[index] = self._transient() if len(named) == 1 else self._fresh(branch.way[-1])
            self._assign(self.names[index], call)
        empty = self._empty_branches(node, operands)
        texts = []
        for position, index in enumerate(operands):
            call_of = self.pending.pop(index, None)
            if call_of is not None:
                text = self._written(call_of)
                self.left[index] -= 1
            else:
                text = self._read(index)
            if position in empty:
                text = f"self{attribute(unit.way[0])}{attribute(empty[position])}({text})"
            texts.append(text + _aligned(self.tree.graph.nodes[index].shape, node.shape))
        if inplace:
            self.lines += [f"{_MARGIN}{texts[0]} += {text}" for text in texts[1:]]
            self.last = None
            self.names[node.index] = texts[0]
            return
        name = self._target(node.index, unit.way[0]) if self.left[node.index] else "_"
        self.names[node.index] = name
        self._combine(node, name, texts)

    def _fits(self, node: Node, operands: list[int], unit: Unit) -> bool:
        if node.op.name == "concat":
            return True
        texts = [self.pending[i].call + "(x)" if i in self.pending else self.names[i] for i in operands]
        return len(" + ".join(texts)) + len(unit.way[0]) + 20 <= layout.WIDTH

    def _empty_branches(self, node: Node, operands: list[int]) -> dict[int, str]:
        """The operands that go through an identity, by position."""
        scope = self.scope.children[self.tree.names[node.index].rpartition(".")[2]]
        found: dict[int, str] = {}
        for branch, value in self.tree.branches(scope).items():
            if branch not in scope.children and (scope.name, branch) in self.empty:
                free = [i for i, index in enumerate(operands) if index == value and i not in found]
                found |= {free[0]: branch} if free else {}
        return found

    def _combine(self, node: Node, name: str, texts: list[str]) -> None:
        op = node.op.name
        if op == "concat":
            axis = node.op.lowering(*self.tree.graph.signatures[node.signature].inputs).args or (1,)
            self._assign(name, Group("torch.cat(", (Group("[", tuple(texts), "]", call=False), f"dim={axis[0]}")))
        elif op == "max":
            text = texts[0]
            for other in texts[1:]:
                text = f"torch.maximum({text}, {other})"
            self._assign(name, text)
        elif op == "mean":
            one = f"({' + '.join(texts)}) / {len(texts)}"
            if len(_MARGIN) + len(name) + 3 + len(one) <= layout.WIDTH:
                self._assign(name, one)
            else:
                self._state(name, lambda prefix: layout.joined(texts, "+", prefix))
                self._assign(name, f"{name} / {len(texts)}")
        else:
            self._state(name, lambda prefix: layout.joined(texts, "*" if op == "mul" else "+", prefix))


def _aligned(shape: ValueShape, joined: ValueShape) -> str:
    """What gives an operand as many axes as the join has."""
    missing = ", ".join(["None"] * (len(joined) - len(shape)))
    if not missing:
        return ""
    return f"[..., {missing}]" if joined.layout == "map" else f"[:, {missing}]"


def count_uses(tree: Tree, scope: Scope) -> Counter[int]:
    """How often the forward of a scope reads each value."""
    uses: Counter[int] = Counter(tree.outputs_of(scope))
    for unit in tree.units(scope):
        if unit.scope is not None:
            uses.update(tree.inputs(unit.scope))
        elif unit.node is not None:
            uses.update(unit.node.inputs)
    return uses
