"""The paths of a graph as a tree of scopes, and the values that go in and out of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from cnncalc.graph.graph import Graph, Node
from cnncalc.graph.walk import overwritten
from cnncalc.source.layout import attribute
from cnncalc.source.names import module_names, own_name


class Scope:
    """A name of modules: what lies below it, and the node of its own where it has one. A join's is its branches' too.

    ``path`` is that of the spec. Its nodes are neighbours in call order: the positions ``first`` to ``last``.
    """

    __slots__ = ("children", "first", "last", "makes", "name", "node", "path", "reads")

    def __init__(self, name: str, path: str, first: int) -> None:
        self.name = name
        self.path = path
        self.first = self.last = first
        self.node: Node | None = None
        self.children: dict[str, Scope] = {}
        self.reads: list[int] | None = None
        self.makes: list[int] | None = None

    @property
    def is_join(self) -> bool:
        return self.node is not None and self.node.op.role == "join"

    @property
    def is_layer(self) -> bool:
        """An operator that is a module."""
        return self.node is not None and not self.is_join


class Unit(NamedTuple):
    """What a forward calls: a module, with the way to it from the scope's own, or a join (no scope)."""

    way: tuple[str, ...]
    scope: Scope | None
    node: Node | None

    @property
    def call(self) -> str:
        return "self" + "".join(attribute(name) for name in self.way)


class Tree:
    """Every scope of a network, and where values are read."""

    def __init__(self, graph: Graph, with_side: bool) -> None:
        self.graph = graph
        self.nodes = graph.operators(with_side)
        self.replaced = overwritten(graph, with_side)
        self.outputs = graph.ends(with_side)
        #: the name of each node's module; a join has none, and is called as what is above its branches
        self.names = [
            ".".join(map(own_name, node.path.split("."))) if node.op.role == "join" else name
            for node, name in zip(graph.nodes, module_names(graph), strict=True)
        ]
        self.root = Scope("", "", 0)
        self.root.last = len(graph.nodes)
        self.last_read = [-1] * len(graph.nodes)
        for node in self.nodes:
            for index in node.inputs:
                self.last_read[index] = node.index
            self._place(node)
        for index in self.outputs:
            self.last_read[index] = len(graph.nodes)
        self._branches: dict[str, dict[str, int]] = {}
        joins = {node.path for node in self.nodes if node.op.role == "join"}
        for path, index in graph.paths.items():
            parent, _, name = path.rpartition(".")
            if parent in joins:
                self._branches.setdefault(parent, {})[own_name(name)] = index

    def _place(self, node: Node) -> None:
        scope = self.root
        segments = node.path.split(".")
        for depth, name in enumerate(self.names[node.index].split("."), 1):
            child = scope.children.get(name)
            if child is None:
                child = scope.children[name] = Scope(name, ".".join(segments[:depth]), node.index)
            child.last = node.index
            scope = child
        scope.node = node
        scope.path = node.path

    def inputs(self, scope: Scope) -> list[int]:
        """The values from outside, in the order in which they are read; of the whole network its inputs."""
        if scope is self.root:
            return list(self.graph.inputs)
        if scope.reads is None:
            read: dict[int, None] = {}
            for node in self.graph.nodes[scope.first : scope.last + 1]:
                for index in node.inputs:
                    if index < scope.first:
                        read[index] = None
            scope.reads = list(read)
        return scope.reads

    def outputs_of(self, scope: Scope) -> list[int]:
        """The values that are read outside; the last one where none is."""
        if scope is self.root:
            return self.outputs
        if scope.makes is None:
            inside = range(scope.first, scope.last + 1)
            scope.makes = [index for index in inside if self.last_read[index] > scope.last] or [scope.last]
        return scope.makes

    def operands(self, node: Node) -> list[int]:
        """The inputs of a join; what it overwrites comes first."""
        inputs = list(node.inputs)
        first = self.replaced[node.index]
        if first is not None:
            inputs.remove(first)
            inputs.insert(0, first)
        return inputs

    def units(self, scope: Scope, residual: Collection[str] = ()) -> Iterator[Unit]:
        """What the forward of a scope calls, in order; the branches of a join are called by whom it belongs to.

        So is the branch of a join in ``residual``, also where it is the only one left and there is no join.
        """
        for child in scope.children.values():
            if child.is_join or child.name in residual:
                for branch in child.children.values():
                    yield Unit((child.name, branch.name), branch, None)
                yield Unit((child.name,), None, child.node)
            else:
                yield Unit((child.name,), child, None)

    def is_chain(self, scope: Scope) -> bool:
        """Whether each part reads what the one before it makes, and nothing else does."""
        inputs = self.inputs(scope)
        if len(inputs) != 1 or len(self.outputs_of(scope)) != 1:
            return False
        value = inputs[0]
        for unit in self.units(scope):
            part = unit.scope
            if part is None or len(unit.way) > 1 or self.inputs(part) != [value]:
                return False
            outputs = self.outputs_of(part)
            if len(outputs) != 1:
                return False
            value = outputs[0]
        return self.outputs_of(scope) == [value]

    def branches(self, join: Scope) -> Mapping[str, int]:
        """The values of a join's branches by their names, those too in which nothing is left."""
        return self._branches.get(join.path, {})

    def is_class(self, scope: Scope) -> bool:
        """Whether a scope gets a class: a block of the spec, or what has a forward of its own."""
        if scope.is_layer:
            return False
        if not self.is_chain(scope):
            return True
        units = list(self.units(scope))
        wraps = len(units) == 1 and units[0].scope is not None and self.is_class(units[0].scope)
        return scope.path in self.graph.blocks and not wraps

    def lone_branch(self, child: Scope) -> Scope | None:
        """The branch that a sum adds its own input to; or, without a sum, the branch that is left alone."""
        if len(child.children) != 1 or (child.node is not None and not self._adds_input(child)):
            return None
        branch = next(iter(child.children.values()))
        inputs, outputs = self.inputs(branch), self.outputs_of(branch)
        if len(inputs) != 1 or len(outputs) != 1 or (child.node is None and self.outputs_of(child) != outputs):
            return None
        return branch

    def _adds_input(self, child: Scope) -> bool:
        node = child.node
        if node is None or node.op.name != "add" or self.replaced[node.index] is None or len(node.inputs) != 2:
            return False
        branch = next(iter(child.children.values()))
        return self.operands(node) == [*self.outputs_of(branch), *self.inputs(branch)]
