"""A network as classes: which scope of it becomes what."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from cnncalc.analysis.report import About
from cnncalc.errors import listing
from cnncalc.graph.graph import Graph, Node
from cnncalc.source import embedded, file
from cnncalc.source.classes import Class, Instance, grouped, unified
from cnncalc.source.forward import Forward, count_uses
from cnncalc.source.layout import attribute, camel, variable
from cnncalc.source.terms import Branches, Call, Chain, Flag, Item, Optional, Term, looped, lowered
from cnncalc.source.tree import Scope, Tree

#: words that a class can't take
_RESERVED = ("Any", "Branches", "Chain", "False", "None", "OrderedDict", "Tensor", "True")


class Writer:
    """Writes one network.

    Its modules are named by :mod:`cnncalc.source.names`, like those of the built network.
    """

    def __init__(self, graph: Graph, with_side: bool, about: About) -> None:
        self.about = about
        self.with_side = with_side
        self.tree = Tree(graph, with_side)
        self.names = {*_RESERVED, *embedded.class_names()}
        self.name = self._free(camel(graph.name), "Network")
        blocks = dict.fromkeys(self.tree.graph.blocks.values())
        self.block_names = {block: self._free(block) for block in blocks}
        self.used_names: set[str] = set()
        self.calls: dict[str, Call] = {}
        self.classes: list[Class] = []
        self.layers: dict[tuple[int, bool], Call] = {}

    def _free(self, wanted: str, otherwise: str = "Layer") -> str:
        """A name for a class that no other has."""
        stem = wanted if wanted.isidentifier() else f"{otherwise}{wanted}"
        name = stem
        number = 1
        while name in self.names:
            number += 1
            name = f"{stem}{number}"
        self.names.add(name)
        return name

    def write(self) -> str:
        """The file."""
        levels: dict[int, list[Scope]] = {}
        self._heights(self.tree.root, levels)
        root = self.tree.root
        shares = self._shares()
        for height in sorted(levels):
            families: dict[str, list[Scope]] = {}
            for scope in levels[height]:
                if scope is not root:
                    families.setdefault(self._family(scope), []).append(scope)
            for family, scopes in families.items():
                self._family_classes(family, scopes, shares)
        whole = self._instance(root, (), shares)
        forward = whole.forward or tuple(Forward(self.tree, root, {}, (), {}).write())
        inputs = [self.tree.graph.nodes[index].shape for index in self.tree.graph.inputs]
        shapes = listing([f"[{', '.join(map(str, ('batch', *shape)))}]" for shape in inputs])
        about = f"The whole network, for inputs {shapes}."
        self.classes.append(Class(self.name, (), whole.body, forward, whole.shares, (about,)))
        parts = [made.lines() for made in self.classes]
        return file.text(self.tree.graph, self.with_side, self.about, self.name, parts)

    # -- scopes to classes -----------------------------------------------------------------------------------------

    def _heights(self, scope: Scope, levels: dict[int, list[Scope]]) -> int:
        """How many classes lie below each other in a scope; notes the scopes by it."""
        if scope.is_layer:
            return 0
        height = max((self._heights(unit.scope, levels) for unit in self.tree.units(scope) if unit.scope), default=0)
        if scope is self.tree.root or self.tree.is_class(scope):
            height += 1
            levels.setdefault(height, []).append(scope)
        return height

    def _family(self, scope: Scope) -> str:
        """The name that a scope's class would like to have: its block, or the one around it and its own name."""
        graph = self.tree.graph
        if scope.path in graph.blocks:
            return self.block_names[graph.blocks[scope.path]]
        parts = scope.path.split(".")
        words = [re.sub(r"[_-]?\d+$", "", parts[-1]) or parts[-1]]
        for end in range(len(parts) - 1, 0, -1):
            block = graph.blocks.get(".".join(parts[:end]))
            if block is not None:
                words.append(self.block_names[block])
                break
        family = "".join(map(camel, reversed(words)))
        return family if family.isidentifier() else f"Layer{family}"

    def _family_classes(self, family: str, scopes: Sequence[Scope], shares: dict[str, list[tuple[str, str]]]) -> None:
        """The classes of scopes of one family, by structure."""
        empty = self._empty_branches(scopes)
        residual = self._residuals(scopes)
        groups = []
        for alike in grouped([self._instance(scope, empty, shares, residual) for scope in scopes]):
            branches, sums = _varied(alike)
            if branches == empty and sums == set(residual.values()):
                groups.append(alike)
            else:  # what all have, or none has, needs no condition
                kept = {join: flag for join, flag in residual.items() if flag in sums}
                groups += grouped([self._instance(member.scope, branches, shares, kept) for member in alike])
        for members in groups:
            name = family
            if name in self.used_names or name not in self.block_names.values():
                name = self._free(family)
            self.used_names.add(name)
            made, calls = unified(name, members, _where)
            self.classes.append(made)
            for member, call in zip(members, calls, strict=True):
                self.calls[member.scope.path] = call

    def _empty_branches(self, scopes: Sequence[Scope]) -> set[tuple[str, str]]:
        """Branches, as (join, branch), that some of the scopes have and in others are an identity."""
        found: set[tuple[str, str]] = set()
        missing: set[tuple[str, str]] = set()
        for scope in scopes:
            for join in scope.children.values():
                if join.is_join and join.children:
                    for branch in self.tree.branches(join):
                        (found if branch in join.children else missing).add((join.name, branch))
        return found & missing

    def _residuals(self, scopes: Sequence[Scope]) -> dict[str, str]:
        """Sums with the input that some of the scopes have, and others not; with the attribute that says so."""
        found: dict[str, str] = {}
        without: set[str] = set()
        for scope in scopes:
            for child in scope.children.values():
                if child.is_join and self.tree.lone_branch(child):
                    identity = [name for name in self.tree.branches(child) if name not in child.children]
                    name = f"with_{variable(identity[0] if identity else child.name)}"
                    if name not in scope.children:
                        found[child.name] = name
                elif not child.is_join and not child.is_layer:
                    without.add(child.name)
        return {name: attribute for name, attribute in found.items() if name in without}

    def _instance(
        self,
        scope: Scope,
        empty: Collection[tuple[str, str]],
        shares: dict[str, list[tuple[str, str]]],
        residual: Mapping[str, str] = MappingProxyType({}),
    ) -> Instance:
        """A scope with its modules and forward."""
        tree = self.tree
        own = tuple(shares.get(scope.path, ()))
        residual = {
            child.name: residual[child.name]
            for child in scope.children.values()
            if child.name in residual and not child.is_layer and tree.lone_branch(child)
        }
        if scope is not tree.root and tree.is_chain(scope) and not residual:
            return Instance(scope, self._chain(scope).items, (), own, *self._channels(scope))
        uses = count_uses(tree, scope)
        body: list[Item] = []
        segment: list[Item] = []
        previous = -1
        for child in scope.children.values():
            inputs = tree.inputs(child)
            outputs = tree.outputs_of(child)
            transparent = child.is_join or child.name in residual
            callable_alone = not transparent and len(inputs) == len(outputs) == 1 and uses[inputs[0]] == 1
            if not (callable_alone and inputs[0] == previous) and segment:
                body += looped(segment)
                segment = []
            if transparent:
                if child.children:
                    body.append(Item(child.name, self._branches(child, empty)))
                if child.name in residual:
                    flag = residual[child.name]
                    body.append(Item(flag, Flag(child.is_join, flag.removeprefix("with_"))))
                previous = -1
            else:
                item = Item(child.name, self.term(child))
                if callable_alone:
                    segment.append(item)
                else:
                    body.append(item)
                previous = outputs[0] if len(outputs) == 1 else -1
        body += looped(segment)
        loops = {item.name: item for item in body if item.loop}
        forward = tuple(Forward(tree, scope, loops, empty, residual).write())
        return Instance(scope, tuple(body), forward, own, *self._channels(scope))

    def _channels(self, scope: Scope) -> tuple[int, int]:
        """Channels (features) that go in and come out."""
        nodes = self.tree.graph.nodes
        read, made = self.tree.inputs(scope) or [0], self.tree.outputs_of(scope)
        return nodes[read[0]].shape.channels, nodes[made[-1]].shape.channels

    def _branches(self, join: Scope, empty: Collection[tuple[str, str]]) -> Branches:
        branches = []
        for name in dict.fromkeys([*self.tree.branches(join), *join.children]):
            branch = join.children.get(name)
            changes = (join.name, name) in empty
            if branch is not None:
                term = self.term(branch)
                branches.append(Item(name, Optional(True, term) if changes else term))
            elif changes:
                branches.append(Item(name, Optional(False, None)))
        return Branches(tuple(branches))

    def _chain(self, scope: Scope) -> Chain:
        return Chain(tuple(looped([Item(child.name, self.term(child)) for child in scope.children.values()])))

    # -- terms -----------------------------------------------------------------------------------------------------

    def term(self, scope: Scope) -> Term:
        """What makes the module of a scope."""
        if scope.node is not None:
            return self._layer(scope.node)
        call = self.calls.get(scope.path)
        return self._chain(scope) if call is None else call

    def _layer(self, node: Node) -> Call:
        inplace = self.tree.replaced[node.index] is not None
        known = self.layers.get((node.signature, inplace))
        if known is None:
            kind = self.tree.graph.signatures[node.signature]
            known = lowered(node.op.lowering(*kind.inputs), inplace)
            self.layers[node.signature, inplace] = known
        return known

    # -- shared weights --------------------------------------------------------------------------------------------

    def _shares(self) -> dict[str, list[tuple[str, str]]]:
        """The pairs of modules with the same weights, by the path of the class that has both."""
        pairs: dict[tuple[str, ...], tuple[str, ...]] = {}
        for node in self.tree.nodes:
            if node.shared is not None:
                ours, theirs = (tuple(self.tree.names[index].split(".")) for index in (node.index, node.shared))
                pairs[ours] = theirs
        weighted = self._weighted(pairs)
        merged: dict[tuple[str, ...], tuple[str, ...]] = {}
        whole: dict[tuple[tuple[str, ...], tuple[str, ...]], bool] = {}
        for ours, theirs in pairs.items():
            while ours[-1] == theirs[-1] and len(ours) > 1 and len(theirs) > 1:
                a, b = ours[:-1], theirs[:-1]
                if (a, b) not in whole:
                    apart = a[: len(b)] != b and b[: len(a)] != a
                    whole[a, b] = apart and all(pairs.get(path) == b + path[len(a) :] for path in weighted[a])
                if not whole[a, b]:
                    break
                ours, theirs = a, b
            merged[ours] = theirs
        result: dict[str, list[tuple[str, str]]] = {}
        for ours, theirs in merged.items():
            common = 0
            while common < min(len(ours), len(theirs)) - 1 and ours[common] == theirs[common]:
                common += 1
            while common and not self._has_class(self._scope(ours[:common])):
                common -= 1
            texts = ["self" + "".join(map(attribute, path[common:])) for path in (ours, theirs)]
            result.setdefault(self._scope(ours[:common]).path, []).append((texts[0], texts[1]))
        return result

    def _weighted(self, pairs: dict[tuple[str, ...], tuple[str, ...]]) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
        """The layers with weights or buffers below each path above a shared one."""
        above = {path[:end] for path in pairs for end in range(1, len(path))}
        found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for node in self.tree.nodes:
            kind = self.tree.graph.signatures[node.signature]
            if kind.weights or node.op.buffers(*kind.inputs):
                path = tuple(self.tree.names[node.index].split("."))
                for end in range(1, len(path)):
                    if path[:end] in above:
                        found.setdefault(path[:end], []).append(path)
        return found

    def _scope(self, names: Sequence[str]) -> Scope:
        scope = self.tree.root
        for name in names:
            scope = scope.children[name]
        return scope

    def _has_class(self, scope: Scope) -> bool:
        return not scope.is_join and self.tree.is_class(scope)


def _varied(members: Sequence[Instance]) -> tuple[set[tuple[str, str]], set[str]]:
    """The branches and the sums that some of the instances have and others not."""
    there: dict[tuple[str, str], set[bool]] = {}
    added: dict[str, set[bool]] = {}
    for member in members:
        for item in member.body:
            if isinstance(item.term, Flag):
                added.setdefault(item.name, set()).add(item.term.value)
            elif isinstance(item.term, Branches):
                for branch in item.term.items:
                    if isinstance(branch.term, Optional):
                        there.setdefault((item.name, branch.name), set()).add(branch.term.present)
    branches = {way for way, values in there.items() if len(values) > 1}
    return branches, {name for name, values in added.items() if len(values) > 1}


def _where(members: Sequence[Instance]) -> str:
    """Which paths a class stands for."""
    first = members[0].scope.path
    if len(members) == 1:
        return f"{first}."
    if len(members) == 2:
        return f"{first} and {members[1].scope.path}."
    return f"{first} and {len(members) - 1} others, up to {members[-1].scope.path}."
