"""Scopes of one structure become one class; the numbers in which they differ are its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from cnncalc.source import layout
from cnncalc.source.layout import Code, Doc, Group, is_plain, literal, prefixed, variable
from cnncalc.source.terms import (
    CHANNEL_WORDS,
    CHANNELS,
    Arg,
    Atom,
    Branches,
    Call,
    Chain,
    Flag,
    Item,
    Optional,
    atoms,
    doc,
    filled,
    items,
    loop_text,
    structure,
)
from cnncalc.source.tree import Scope

#: the number of an absent branch: equal to any
ANY: Any = type("_Any", (), {"__repr__": lambda self: "ANY"})()

_DEFAULTS = {"stride": 1, "groups": 1, "dilation": 1, "padding": 0}


class Instance(NamedTuple):
    """A scope that is to be an object of a class: its modules and its forward (empty for a chain)."""

    scope: Scope
    body: tuple[Item, ...]
    forward: tuple[str, ...]
    shares: tuple[tuple[str, str], ...]
    in_channels: int
    out_channels: int

    def key(self) -> Any:
        """What objects of one class have in common."""
        return structure(Chain(self.body)), self.forward, self.shares


class Parameter(NamedTuple):
    """An argument of a class: its values, one for each instance, and the default if there is one."""

    name: str
    kind: str
    values: tuple[Any, ...]
    default: Any = None

    def annotated(self) -> str:
        kinds = {type(value) for value in self.values}
        if kinds <= {bool}:
            annotation = "bool"
        elif kinds <= {int}:
            annotation = "int"
        elif kinds <= {int, float}:
            annotation = "float"
        elif kinds <= {str}:
            annotation = "str"
        else:
            annotation = "int | tuple[int, ...]"
        default = "" if self.default is None else f" = {literal(self.default)}"
        return f"{self.name}: {annotation}{default}"


class Class(NamedTuple):
    """A class to write."""

    name: str
    parameters: tuple[Parameter, ...]
    body: tuple[Item, ...]
    forward: tuple[str, ...]
    shares: tuple[tuple[str, str], ...]
    about: tuple[str, ...]

    def lines(self) -> list[str]:
        """Its text."""
        text = [f"class {self.name}({'nn.Module' if self.forward else 'Chain'}):"]
        text += layout.docstring(self.about, 4)
        signature = Group("def __init__(", ("self", *(p.annotated() for p in self.parameters)), ") -> None:")
        text += ["", *layout.lines(signature, 4)]
        if self.forward:
            text += ["        super().__init__()"]
            for item in self.body:
                text += _attribute(item)
        else:
            text += layout.lines(Group("super().__init__(", items(self.body)), 8)
        text += [line for pair in self.shares for line in layout.lines(Group("share(", pair), 8)]
        return [*text, "", *self.forward] if self.forward else text


def _attribute(item: Item) -> list[str]:
    """The lines that make a module of a class."""
    text: list[str] = []
    term = item.term
    if isinstance(term, Flag):
        return layout.statement(f"self.{item.name} = ", literal(term.value))
    if isinstance(term, Branches):
        kept = []
        for branch in term.items:
            if isinstance(branch.term, Optional):
                name = variable(branch.name)
                if name[0].isupper():  # it may be a class's
                    name += "_"
                text += [f"        {name}: nn.Module = nn.Identity()", f"        if {branch.term.present}:"]
                text += layout.statement(f"{name} = ", doc(branch.term.term), 12)
                kept.append(Item(branch.name, Code(name)))
            else:
                kept.append(branch)
        return text + layout.statement("", _assigned(item.name, doc(Branches(tuple(kept)))))
    if item.loop:
        key, numbers = loop_text(item.loop)
        return [f"        {numbers}:", *layout.lines(Group("self.add_module(", (key, doc(term))), 12)]
    return layout.statement("", _assigned(item.name, doc(term)))


def _assigned(name: str, value: Doc) -> Doc:
    if is_plain(name):
        return prefixed(f"self.{name} = ", value)
    return Group("self.add_module(", (f'"{name}"', value))


def grouped(instances: Sequence[Instance]) -> list[list[Instance]]:
    """The instances by structure; one without a branch belongs to those that have an identity in its place."""
    groups: dict[str, list[tuple[list[Any], list[Instance]]]] = {}
    for instance in instances:
        buckets = groups.setdefault(repr(instance.key()), [])
        found = [structure(each.term) if each.term else None for each in _optionals(instance.body)]
        for shapes, members in buckets:
            if all(a is None or b is None or a == b for a, b in zip(shapes, found, strict=True)):
                shapes[:] = [b if a is None else a for a, b in zip(shapes, found, strict=True)]
                members.append(instance)
                break
        else:
            buckets.append((found, [instance]))
    return [members for buckets in groups.values() for _, members in buckets]


def _optionals(body: Sequence[Item]) -> Iterator[Optional]:
    for item in body:
        if isinstance(item.term, Branches):
            yield from (branch.term for branch in item.term.items if isinstance(branch.term, Optional))


def unified(
    name: str, members: Sequence[Instance], about: Callable[[Sequence[Instance]], str]
) -> tuple[Class, list[Call]]:
    """The class of some instances, and the call that makes each."""
    bodies = _completed([member.body for member in members])
    columns = list(zip(*[list(atoms(Chain(body))) for body in bodies], strict=True))
    naming = _Naming(
        [member.in_channels for member in members],
        [member.out_channels for member in members],
        {item.name for item in bodies[0] if isinstance(item.term, Branches)},
    )
    values: list[Any] = [None] * len(columns)
    rounds: list[list[int]] = [[], [], []]  # numbers that all have, those of absent branches, what is absent
    for position, column in enumerate(columns):
        late = 2 if column[0].kind == "present" else int(any(atom.value is ANY for atom in column))
        rounds[late].append(position)
    for position in [each for positions in rounds for each in positions]:
        values[position] = naming.expression(columns[position])
    parameters, values = naming.renamed(values)
    chain = filled(Chain(bodies[0]), iter(values))
    calls = []
    for number in range(len(members)):
        given = [Arg(p.name, p.values[number], p.kind, p.default is not None, p.default) for p in parameters]
        calls.append(Call(name, tuple(given)))
    body = tuple(_simplified(item) for item in chain.items)
    first = members[0]
    return Class(name, tuple(parameters), body, first.forward, first.shares, (about(members),)), calls


def _completed(bodies: Sequence[tuple[Item, ...]]) -> list[tuple[Item, ...]]:
    """Absent branches get the term of the others, with numbers that are equal to any."""
    known: list[Any] = []
    for row in zip(*[list(_optionals(body)) for body in bodies], strict=True):
        known.append(next((each.term for each in row if each.term), Call("nn.Identity")))
    result = []
    for body in bodies:
        terms = iter(known)
        done = []
        for item in body:
            if isinstance(item.term, Branches):
                branches = []
                for branch in item.term.items:
                    term: Any = branch.term
                    if isinstance(term, Optional):
                        other = next(terms)
                        if term.term is None:
                            term = Optional(False, filled(other, iter([ANY] * sum(1 for _ in atoms(other, ("",))))))
                    branches.append(Item(branch.name, term, branch.loop))
                done.append(Item(item.name, Branches(tuple(branches))))
            else:
                done.append(item)
        result.append(tuple(done))
    return result


def _simplified(item: Item) -> Item:
    """What is always or never there needs no condition."""
    if not isinstance(item.term, Branches):
        return item
    branches = []
    for branch in item.term.items:
        term = branch.term
        if isinstance(term, Optional) and isinstance(term.present, bool):
            term = term.term if term.present else Call("nn.Identity")
        branches.append(Item(branch.name, term, branch.loop))
    return Item(item.name, Branches(tuple(branches)))


class _Naming:
    """Finds for each number of a class what it is: a constant, an argument, or an expression of one."""

    def __init__(self, in_channels: list[int], out_channels: list[int], joins: set[str]) -> None:
        self.joins = joins
        self.in_channels = tuple(in_channels)
        self.out_channels = tuple(out_channels)
        self.parameters: list[Parameter] = []
        self.widths: list[tuple[Parameter, tuple[str, ...]]] = []  # arguments without a better name, and their layers
        self.texts: dict[str, tuple[Any, ...]] = {}  # expressions that count channels

    def expression(self, column: Sequence[Atom]) -> Any:
        values = tuple(atom.value for atom in column)
        atom = next((atom for atom in column if atom.value is not ANY), column[0])
        real = [value for value in values if value is not ANY]
        constant = bool(real) and all(type(value) is type(real[0]) and value == real[0] for value in real)
        if not real:
            return 0
        if constant and len(real) == len(values):
            return real[0]
        if atom.kind == "present":
            return self._condition(values, atom)
        known = self._known(values, atom.kind)
        if known is not None:
            return known
        if constant:
            return real[0]
        return self._new(values, real, atom)

    def _known(self, values: tuple[Any, ...], kind: str) -> Code | None:
        """An argument with these values, or its multiple, or a part of it."""
        same = [p for p in self.parameters if p.kind == kind]
        for parameter in same:
            if _equal(values, parameter.values):
                return self._noted(Code(parameter.name), parameter.values, kind)
        if kind == "padding":
            for parameter in self.parameters:
                if parameter.kind == "kernel_size" and _equal(values, _mapped(parameter.values, lambda n: n // 2)):
                    return Code(f"{parameter.name} // 2")
        if kind != CHANNELS:
            return None
        for parameter in same:
            if _equal(values, self.out_channels) and parameter.values == self.in_channels:
                continue
            for factor in range(2, 9):
                if _equal(values, _mapped(parameter.values, lambda n, f=factor: n * f)):  # type: ignore[misc]
                    return self._noted(Code(f"{factor} * {parameter.name}"), values, kind)
                whole = all(value % factor == 0 for value in parameter.values)
                if whole and _equal(values, _mapped(parameter.values, lambda n, f=factor: n // f)):  # type: ignore[misc]
                    return self._noted(Code(f"{parameter.name} // {factor}"), values, kind)
        return None

    def _noted(self, text: Code, values: tuple[Any, ...], kind: str) -> Code:
        if kind == CHANNELS and ANY not in values:
            self.texts.setdefault(text, values)
        return text

    def _condition(self, values: tuple[Any, ...], atom: Atom) -> Code:
        """Where a branch is there: a comparison that says so, or an argument."""
        strides = [(f"{p.name} != 1", tuple(v != 1 for v in p.values)) for p in self.parameters if p.kind == "stride"]
        changes = []
        for text, numbers in self.texts.items():
            if text != "in_channels":
                changed = tuple(a != b for a, b in zip(self.in_channels, numbers, strict=True))
                changes.append((f"in_channels != {text}", changed))
        if not any(p.name == "in_channels" for p in self.parameters):
            changes = []
        both = [
            (f"{a} or {b}", tuple(x or y for x, y in zip(one, other, strict=True)))
            for a, one in strides
            for b, other in changes
        ]
        known = [*both, *strides, *changes]
        for text, found in known:
            if found == values:
                return Code(text)
        for text, found in known:
            if tuple(not each for each in found) == values:
                return Code(text.replace("!=", "==").replace(" or ", " and "))
        return self._new(values, [*values], atom)

    def _new(self, values: tuple[Any, ...], real: Sequence[Any], atom: Atom) -> Code:
        name = self._name(values, atom)
        default = _DEFAULTS.get(atom.kind)
        if atom.kind == "present":
            default = False
        if default not in real:
            default = None
        whole = tuple(real[0] if value is ANY else value for value in values)
        self.parameters.append(Parameter(name, atom.kind, whole, default))
        if name.endswith("width") and atom.name in CHANNEL_WORDS:
            self.widths.append((self.parameters[-1], tuple(part for part in atom.trail if part not in self.joins)))
        return self._noted(Code(name), whole, atom.kind)

    def _name(self, values: tuple[Any, ...], atom: Atom) -> str:
        taken = {parameter.name for parameter in self.parameters}
        trail = [part for part in atom.trail if part]
        own = atom.name
        if atom.kind == "present":
            own = f"with_{trail[-1]}"
        elif atom.kind == "count":
            own = "repeats"
        elif atom.kind == CHANNELS:
            if _equal(values, self.in_channels):
                own = "in_channels"
            elif _equal(values, self.out_channels):
                own = "out_channels"
            elif atom.name in CHANNEL_WORDS:
                own = "width"
        candidates = [own, *("_".join([*trail[-n:], own]) for n in range(1, len(trail) + 1))]
        names = [variable(candidate) for candidate in candidates]
        free = [name for name in names if name not in taken]
        if free:
            return free[0]
        number = 2
        while f"{names[0]}_{number}" in taken:
            number += 1
        return f"{names[0]}_{number}"

    def renamed(self, values: list[Any]) -> tuple[list[Parameter], list[Any]]:
        """The arguments and the expressions with their last names; arguments with a default come last.

        A single width is called so; several have the name of their layer, or of the branch that has no other.
        """
        wide = {parameter.name: trail for parameter, trail in self.widths}
        trails = list(wide.values())
        changes = {}
        if len(trails) > 1:
            common = 0
            while all(len(trail) > common + 1 for trail in trails) and len({trail[common] for trail in trails}) == 1:
                common += 1
            kept = {parameter.name for parameter in self.parameters} - set(wide)
            for name, trail in wide.items():
                rest = trail[common:]
                alone = len(rest) > 1 and [other[common:][:-1] for other in trails].count(rest[:-1]) == 1
                wanted = variable("_".join([*(rest[:-1] if alone else rest), "width"]))
                if wanted not in kept:
                    changes[name] = wanted
                    kept.add(wanted)
                else:
                    kept.add(name)
            if len(set(changes.values()) | (set(wide) - set(changes))) < len(wide):
                changes = {}
        for position, value in enumerate(values):
            if isinstance(value, Code):
                values[position] = Code(re.sub(r"\b[A-Za-z_]\w*", lambda match: changes.get(match[0], match[0]), value))
        parameters = [p._replace(name=changes.get(p.name, p.name)) for p in self.parameters]
        return sorted(parameters, key=lambda parameter: parameter.default is not None), values


def _mapped(values: Sequence[Any], change: Callable[[Any], Any]) -> tuple[Any, ...]:
    return tuple(change(value) if isinstance(value, int) else None for value in values)


def _equal(values: Sequence[Any], others: Sequence[Any]) -> bool:
    return all(a is ANY or (type(a) is type(b) and a == b) for a, b in zip(values, others, strict=True))
