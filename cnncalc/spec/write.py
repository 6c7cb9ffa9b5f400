"""Graph to text: a spec with every default, block and repeat written out, that counts the same as the original.

Blocks and stages become groups of their name, so every layer keeps its path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, count
from typing import Any

from cnncalc.errors import SpecError
from cnncalc.graph.graph import Graph, Node
from cnncalc.ops.base import Op, show
from cnncalc.spec.compile.words import NAME_LIMIT
from cnncalc.spec.document import LANGUAGE_VERSION
from cnncalc.spec.inputs import ONLY, stated_text
from cnncalc.values import ValueShape

_INDENT = "  "


def write(graph: Graph, name: str, title: str, source: str) -> str:
    """The network as YAML.

    Raises:
        SpecError: a layer reads a value whose name another layer hides from it.
    """
    return _Writer(graph).document(name, title, source)


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.branches: dict[str, list[str]] = {}
        for path in graph.paths:
            parent, _, last = path.rpartition(".")
            self.branches.setdefault(parent, []).append(last)
        #: where a row that follows its operator apart is found
        self.moved: dict[int, str] = {}
        self.used = set(graph.paths)
        self.followers = self._followers()

    def _followers(self) -> dict[str, Op]:
        """For each ``norm`` and ``act`` word, the operator that it stands for most often."""
        carriers = {node.path for node in self.graph.nodes if node.op.takes_norm_act}
        counts: dict[str, Counter[Op]] = {}
        for node in self.graph.nodes:
            parent, _, last = node.path.rpartition(".")
            if last == node.op.name and parent in carriers:
                counts.setdefault(last, Counter())[node.op] += 1
        return {word: ops.most_common(1)[0][0] for word, ops in counts.items()}

    def path(self, index: int) -> str:
        """Where a value is found in what is written."""
        return self.moved.get(index, self.graph.nodes[index].path)

    def defaults(self) -> list[str]:
        """The arguments that the words need, where they are not the operator's own defaults."""
        lines = []
        for word, op in self.followers.items():
            given = {
                name: show(value)
                for name, value in op.arguments()
                if value is not None and value != op.fields[name].default
            }
            if given:
                lines.append(f"{_INDENT}{word}: {{{', '.join(f'{name}: {value}' for name, value in given.items())}}}")
        return ["", "defaults:", *lines] if lines else []

    def document(self, name: str, title: str, source: str) -> str:
        graph = self.graph
        lines = [EDITOR.rstrip(), f"cnncalc: {LANGUAGE_VERSION}", f"name: {name}"]
        lines += [f"{key}: {_text(text)}" for key, text in (("title", title), ("source", source)) if text]
        lines += ["", *self.inputs(), *self.defaults(), "", "layers:"]
        body, last = self.sequence(graph.operators(with_side=False), (), 0)
        lines += body
        if graph.sides:
            lines += ["", "side:"]
        for side in graph.sides:
            members = [node for node in graph.nodes if node.side == side.name]
            inner, _ = self.sequence(members, (side.name,), side.source)
            lines += [f"{_INDENT}{side.name}:", f"{_INDENT * 2}from: {self.path(side.source)}"]
            lines += [f"{_INDENT * 2}layers:", *(_INDENT * 2 + line for line in inner)]
        if graph.outputs != (last,):
            lines += ["", f"outputs: [{', '.join(map(self.path, graph.outputs))}]"]
        lines += self.written()
        return "\n".join(lines) + "\n"

    def written(self) -> list[str]:
        """``written:``, nothing where the spec has not said it."""
        programs = self.graph.programs
        if len(programs) == 1 and not programs[0].source:
            return ["", f"written: {programs[0].library}"]
        lines = ["", "written:"] if programs else []
        for program in programs:
            ways = []
            for writing in [writing for writing, found in program.of(self.graph.nodes).items() if found]:
                keyword, _, way = writing.partition(" ")
                path = program.written[writing]
                ways.append(f"{keyword}: {way if path == '*' else f'{{{way}: {_text(path)}}}'}")
            lines.append(f"{_INDENT}{program.library}:")
            lines += [f"{_INDENT * 2}{line}" for line in (f"source: {_text(program.source or '')}", *ways)]
        return lines

    def inputs(self) -> list[str]:
        """``input:``, or ``inputs:`` where they have names."""
        nodes = [self.graph.nodes[index] for index in self.graph.inputs]
        if [node.path for node in nodes] == [ONLY]:
            return [f"{ONLY}: {stated_text(nodes[0].shape)}"]
        return ["inputs:", *(f"{_INDENT}{node.path}: {stated_text(node.shape)}" for node in nodes)]

    def sequence(self, nodes: Sequence[Node], scope: tuple[str, ...], current: int) -> tuple[list[str], int]:
        """The lines of a list of layers, and the value it ends with. ``current`` is the value it starts from."""
        level = len(scope)
        lines: list[str] = []
        start = 0
        while start < len(nodes):
            name = nodes[start].path.split(".")[level]
            end = start
            while end < len(nodes) and nodes[end].path.split(".")[level] == name:
                end += 1
            written, current = self.layer(nodes[start:end], (*scope, name), current)
            lines += [_INDENT + line for line in written]
            start = end
        return lines, current

    def layer(self, nodes: Sequence[Node], path: tuple[str, ...], current: int) -> tuple[list[str], int]:
        """One layer with the name ``path[-1]``: an operator, a join, or a group."""
        full = ".".join(path)
        own = next((node for node in nodes if node.path == full), None)
        if own is None:
            inner, value = self.sequence(nodes, path, current)
            return [f"- name: {path[-1]}", f"{_INDENT}layers:", *(_INDENT + line for line in inner)], value
        if own.op.role == "join":
            return self.join(own, [node for node in nodes if node is not own], path, current), own.index
        return self.operator(own, [node for node in nodes if node is not own], path, current)

    def operator(self, own: Node, followers: list[Node], path: tuple[str, ...], current: int) -> tuple[list[str], int]:
        """An operator with ``norm`` and ``act``; one with arguments of its own cannot be a word and follows apart."""
        arguments = dict(own.op.arguments())
        entries: dict[str, str] = {own.op.name: "[]"}
        for position, (name, value) in enumerate(arguments.items()):
            if value is not None:
                shown = self.argument(own, name, value)
                if position == 0:
                    listed = isinstance(value, tuple) and own.op.fields[name].type != "sizes"
                    entries[own.op.name] = f"[{shown}]" if listed else shown
                else:
                    entries[name] = shown
        value = own.index
        inplace = own.inplace
        apart: list[str] = []
        for node in followers:
            if node.op == self.followers.get(node.op.name) and not apart:
                entries["norm" if node.op.role == "norm" else "act"] = node.op.name
                inplace = node.inplace
            else:
                place = self.free((*path[:-1], f"{path[-1]}_{node.op.name}"))
                self.moved[node.index] = ".".join(place)
                written, _ = self.operator(node, [], place, value)
                apart += written
            value = node.index
        if own.inputs != (current,):
            entries["from"] = self.references(own.inputs, path, own)
        if own.shared is not None:
            entries["shared"] = self.reference(own.shared, path, own)
        if inplace is not None:
            entries["inplace"] = show(inplace)
        entries["name"] = path[-1]
        return [_flow(entries), *apart], value

    def free(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """The path, or one like it: no other layer has it, and its name is no longer than names may be."""
        ends = chain(("",), (f"_{number}" for number in count(2)))
        found = ((*path[:-1], path[-1][: NAME_LIMIT - len(end)] + end) for end in ends)
        free = next(one for one in found if ".".join(one) not in self.used)
        self.used.add(".".join(free))
        return free

    def argument(self, node: Node, name: str, value: Any) -> str:
        """An argument as the language writes it."""
        if isinstance(value, ValueShape):
            return stated_text(value)
        if node.op.fields[name].type == "axis" and value == "channels" and node.shape.layout in ("sequence", "vector"):
            return "features"
        return value if isinstance(value, str) else show(value)

    def join(self, own: Node, inner: list[Node], path: tuple[str, ...], current: int) -> list[str]:
        full = ".".join(path)
        extra = [f"{_INDENT}inplace: {show(own.inplace)}"] if own.inplace is not None else []
        for name, value in own.op.arguments():
            if value is not None:
                extra.append(f"{_INDENT}{name}: {self.argument(own, name, value)}")
        names = self.branches.get(full, [])
        if not names:
            return [f"- {own.op.name}: {self.references(own.inputs, path, own)}", f"{_INDENT}name: {path[-1]}", *extra]
        members = {name: [node for node in inner if node.path.split(".")[len(path)] == name] for name in names}
        start = next((self.graph.paths[f"{full}.{name}"] for name in names if not members[name]), current)
        lines = [f"- {own.op.name}:"]
        for name in names:
            if members[name]:
                written, _ = self.sequence(members[name], (*path, name), start)
                lines += [f"{_INDENT * 3}{name}:", *(_INDENT * 3 + line for line in written)]
            else:
                lines.append(f"{_INDENT * 3}{name}: identity")
        source = [f"{_INDENT}from: {self.reference(start, path, own)}"] if start != current else []
        return [*lines, f"{_INDENT}name: {path[-1]}", *source, *extra]

    def references(self, indices: Sequence[int], path: tuple[str, ...], node: Node) -> str:
        return f"[{', '.join(self.reference(index, path, node) for index in indices)}]"

    def reference(self, index: int, path: tuple[str, ...], node: Node) -> str:
        """The name by which the layer at ``path`` finds a value: looked up in its own list of layers, then outwards."""
        target = tuple(self.path(index).split("."))
        common = 0
        while common < len(path) - 1 and common < len(target) - 1 and path[common] == target[common]:
            common += 1
        head = target[common]
        for level in range(common + 1, len(path)):
            hidden = self.graph.paths.get(".".join((*path[:level], head)))
            if hidden is not None and hidden < node.index:
                message = (
                    f"'{'.'.join(path)}' reads '{'.'.join(target)}', which another layer named {head} hides from it"
                )
                raise SpecError(message, node.place.location, "give one of them another name")
        return ".".join(target[common:])


def _flow(entries: Mapping[str, str]) -> str:
    return f"- {{{', '.join(f'{key}: {value}' for key, value in entries.items())}}}"


def _text(text: str) -> str:
    """A text that YAML reads back as it is, in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def starter(name: str) -> str:
    """A commented first spec."""
    return EDITOR + _STARTER.replace("NAME", name)


def copy(text: str, name: str) -> str:
    """A spec's text under another name, with its comments."""
    own = "" if text.startswith("# yaml-language-server:") else EDITOR
    return own + re.sub(r"(?m)^name:[^#\n]*", lambda line: f"name: {name}{_gap(line[0])}", text, count=1)


def _gap(line: str) -> str:
    """The spaces before a comment that follows."""
    return line[len(line.rstrip()) :]


#: where editors find the schema: a file that ``cnncalc schema`` writes
EDITOR = "# yaml-language-server: $schema=./cnncalc.schema.json\n"


_STARTER = """\
cnncalc: 1                         # version of the language; required, first
name: NAME
title: A small residual network    # say what it is, and which paper's table it follows
source: where the architecture is published

input: [3, 32, 32]                 # channels, height, width; no batch axis

vars: {width: 32, classes: 10}     # change one without editing: --set width=64

defaults:                          # arguments for the operators written in this file
  conv: {kernel: 3, pad: same, bias: false, norm: bn, act: relu}

blocks:
  Residual:                        # a block starts with a capital letter
    args: [out, stride=1]
    layers:
      - add:                       # branches that start from the same value
          main:
            - {conv: $out, stride: $stride}
            - {conv: $out, act: none}
          shortcut:                # nothing left in it is the identity
            - {when: $stride != 1 or $in != $out, conv: $out, kernel: 1, stride: $stride, act: none}
      - relu

layers:
  - {conv: $width, name: stem}
  - stages:                        # one row a stage, one column an argument
      - [factor, blocks, stride]
      - [1,      2,      1]
      - [2,      2,      2]
      - [4,      2,      2]
    each:
      - {Residual: $factor*$width, repeat: $blocks, first: {stride: $stride}, name: block}
  - global_avgpool
  - flatten
  - {linear: $classes, name: classifier}

# claims:                          # published figures, checked against what is computed
#   - {params: 0.7M, source: the paper's table 2}
"""
