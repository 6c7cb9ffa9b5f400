"""What makes a module: a call with its arguments, a chain of named modules, or named branches.

Terms of equal structure differ in their *atoms* alone: numbers, words, and tuples that are one number for each axis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Union

from cnncalc.ops.base import Lowering
from cnncalc.source.embedded import base, parameters
from cnncalc.source.layout import Code, Doc, Group, is_plain, literal, prefixed

OURS = "cnncalc.torch_backend.modules."
TORCH = "torch.nn."
CHANNELS = "channels"
#: a loop takes the place of at least so many modules
LOOP = 3
_MISSING: Any = object()

_POSITIONAL = {
    "Conv": ("in_channels", "out_channels", "kernel_size"),
    "ConvTranspose": ("in_channels", "out_channels", "kernel_size"),
    "Linear": ("in_features", "out_features"),
    "BatchNorm": ("num_features",),
    "InstanceNorm": ("num_features",),
    "LayerNorm": ("normalized_shape",),
    "GroupNorm": ("num_groups", "num_channels"),
    "MaxPool": ("kernel_size",),
    "AvgPool": ("kernel_size",),
    "LPPool": ("norm_type", "kernel_size"),
    "AdaptiveAvgPool": ("output_size",),
    "AdaptiveMaxPool": ("output_size",),
    "PReLU": ("num_parameters",),
    "Dropout": ("p",),
    "Softmax": ("dim",),
    "LocalResponseNorm": ("size",),
    "ChannelShuffle": ("groups",),
    "PixelShuffle": ("upscale_factor",),
    "PixelUnshuffle": ("downscale_factor",),
    "LeakyReLU": ("negative_slope",),
    "ELU": ("alpha",),
}
_DEFAULTS: Mapping[str, Any] = {
    "padding": 0, "dilation": 1, "groups": 1, "bias": True, "output_padding": 0, "ceil_mode": False,
    "count_include_pad": True, "affine": True, "elementwise_affine": True, "eps": 1e-5,
}  # fmt: skip
_CHANNELS = """
    in_channels out_channels in_features out_features num_features num_channels normalized_shape channels features
    ranges groups out num_parameters
"""
#: arguments that count channels, by names that say no more than that
CHANNEL_WORDS = frozenset(_CHANNELS.split())


class Affine(NamedTuple):
    """``base + step*i`` in a loop over i."""

    base: Any
    step: Any


class Arg(NamedTuple):
    """An argument: an atom, a tuple of them or a term; ``kind`` tells what its numbers count; without a keyword it
    goes by position; a value equal to ``default`` is left out.
    """

    name: str
    value: Any
    kind: str
    keyword: bool = False
    default: Any = _MISSING


class Call(NamedTuple):
    """A class and its arguments."""

    target: str
    args: tuple[Arg, ...] = ()


class Item(NamedTuple):
    """A named module. ``loop`` (prefix, first, count) makes it count of them, numbered from first on."""

    name: str
    term: Term
    loop: tuple[str, int, Any] | None = None


class Chain(NamedTuple):
    """Modules, one after the other."""

    items: tuple[Item, ...]


class Branches(NamedTuple):
    """Modules that the forward around them calls."""

    items: tuple[Item, ...]


class Optional(NamedTuple):
    """A module, or the identity where ``present`` is false."""

    present: Any
    term: Any


class Flag(NamedTuple):
    """No module: whether the forward adds its input; ``about`` is the name of the branch that would be the identity."""

    value: Any
    about: str


Term = Union[Call, Chain, Branches, Optional, Flag, Code]  # noqa: UP007  (the classes refer to each other)

IDENTITY = Call("nn.Identity")


def lowered(lowering: Lowering, inplace: bool = False) -> Call:
    """A lowering as a term."""
    embedded = lowering.target.startswith(OURS)
    name = lowering.target.removeprefix(OURS if embedded else TORCH)
    names = parameters(name) if embedded else None
    ours = names is not None
    word = base(name) if embedded else name
    word = word.removesuffix("d").rstrip("123") if word[-2:] in ("1d", "2d", "3d") else word
    names = _POSITIONAL.get(word, ()) if names is None else names
    args = []
    for position, value in enumerate(lowering.args):
        key = names[position] if position < len(names) else f"argument{position + 1}"
        args.append(_arg(key, value, ours, ours and isinstance(value, bool), _MISSING))
    for key, value in lowering.kwargs.items():
        default = _DEFAULTS.get(key, _MISSING)
        if key == "affine" and word == "InstanceNorm":
            default = False
        elif key == "stride":
            default = _collapsed(lowering.args[-1]) if "Pool" in word else 1
        args.append(_arg(key, value, ours, True, _MISSING if ours else default))
    if inplace:
        args.append(Arg("inplace", True, "inplace", True))
    return Call(name if embedded else f"nn.{name}", tuple(args))


def _arg(name: str, value: Any, ours: bool, keyword: bool, default: Any) -> Arg:
    kind = CHANNELS if name in CHANNEL_WORDS else name
    if isinstance(value, Lowering):
        return Arg(name, lowered(value), kind, keyword)
    return Arg(name, value if ours else _collapsed(value), kind, keyword, default)


def _collapsed(value: Any) -> Any:
    """One number for equal ones on every axis; else the tuple is one atom."""
    if not isinstance(value, tuple):
        return value
    return value[0] if len(set(value)) == 1 else Code(literal(value))


# -- structure and atoms -------------------------------------------------------------------------------------------


class Atom(NamedTuple):
    """A number, with its argument's name and kind, and the names on the way to it."""

    value: Any
    name: str
    kind: str
    trail: tuple[str, ...]


def structure(term: Any) -> Any:
    """What stays of a term without its atoms."""
    if isinstance(term, Call):
        return (term.target, *[(arg.name, arg.keyword, structure(arg.value)) for arg in term.args])
    if isinstance(term, (Chain, Branches)):
        items = [(item.name, item.loop and item.loop[:2], structure(item.term)) for item in term.items]
        return (type(term).__name__, *items)
    if isinstance(term, Optional):
        return ("Optional",)
    if isinstance(term, Flag):
        return ("Flag",)
    if isinstance(term, Affine):
        return "affine"
    if isinstance(term, tuple):
        return ("tuple", *map(structure, term))
    return type(term).__name__


def atoms(term: Any, trail: tuple[str, ...] = (), name: str = "", kind: str = "") -> Iterator[Atom]:
    """The atoms of a term, in order."""
    if isinstance(term, Call):
        for arg in term.args:
            yield from atoms(arg.value, trail, arg.name, arg.kind)
    elif isinstance(term, (Chain, Branches)):
        for item in term.items:
            if item.loop:
                yield Atom(item.loop[2], "layers", "count", (*trail, item.name))
            yield from atoms(item.term, (*trail, item.name))
    elif isinstance(term, Flag):
        yield Atom(term.value, term.about, "present", (*trail[:-1], term.about))
    elif isinstance(term, Optional):
        yield Atom(term.present, trail[-1], "present", trail)
        yield from atoms(term.term, trail)
    elif isinstance(term, (Affine, tuple)):
        for part in term:
            yield from atoms(part, trail, name, kind)
    else:
        yield Atom(term, name, kind, trail)


def filled(term: Any, values: Iterator[Any]) -> Any:
    """A term with other atoms."""
    if isinstance(term, Call):
        return Call(term.target, tuple([arg._replace(value=filled(arg.value, values)) for arg in term.args]))
    if isinstance(term, (Chain, Branches)):
        items = []
        for item in term.items:
            loop = item.loop and (*item.loop[:2], next(values))
            items.append(Item(item.name, filled(item.term, values), loop))
        return type(term)(tuple(items))
    if isinstance(term, Flag):
        return Flag(next(values), term.about)
    if isinstance(term, Optional):
        present = next(values)
        return Optional(present, filled(term.term, values))
    if isinstance(term, Affine):
        base, step = (filled(part, values) for part in term)
        return Affine(base, step)
    if isinstance(term, tuple):
        return tuple([filled(part, values) for part in term])
    return next(values)


def looped(items: Sequence[Item]) -> list[Item]:
    """The items, with a loop for consecutive numbers of one structure whose atoms stay, or grow by equal steps."""
    result = []
    start = 0
    while start < len(items):
        end = _run(items, start)
        if end - start >= LOOP:
            prefix, first = _numbered(items[start].name)
            pairs = zip(atoms(items[start].term), atoms(items[start + 1].term), strict=True)
            values = iter([_step(a.value, b.value, first) for a, b in pairs])
            term = filled(items[start].term, values)
            result.append(Item(items[start].name, term, (prefix, first, end - start)))
        else:
            end = start + 1
            result.append(items[start])
        start = end
    return result


def _run(items: Sequence[Item], start: int) -> int:
    """Where the run from ``start`` on ends."""
    prefix, number = _numbered(items[start].name)
    if not prefix or _has_loop(items[start].term):
        return start + 1
    shape = structure(items[start].term)
    rows = [[atom.value for atom in atoms(items[start].term)]]
    end = start + 1
    while end < len(items) and items[end].name == f"{prefix}{number + end - start}":
        if structure(items[end].term) != shape:
            break
        row = [atom.value for atom in atoms(items[end].term)]
        if len(rows) > 1 and not all(map(_even, rows[-2], rows[-1], row)):
            break
        if len(rows) == 1 and any(not _counts(a) and a != b for a, b in zip(rows[0], row, strict=True)):
            break
        rows.append(row)
        end += 1
    return end


def _has_loop(term: Any) -> bool:
    return isinstance(term, (Chain, Branches)) and any(item.loop or _has_loop(item.term) for item in term.items)


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _even(a: Any, b: Any, c: Any) -> bool:
    if _counts(a) and _counts(b) and _counts(c):
        return bool(c - b == b - a)
    return bool(a == b == c)


def _step(a: Any, b: Any, first: int) -> Any:
    return a if a == b else Affine(a - (b - a) * first, b - a)


def _numbered(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.*?)(0|[1-9]\d*)", name, re.ASCII)
    return (match[1], int(match[2])) if match else ("", 0)


# -- text ----------------------------------------------------------------------------------------------------------


def doc(term: Any) -> Doc:
    """A term as text."""
    if isinstance(term, Call):
        shown = []
        for arg in term.args:
            made = isinstance(arg.value, (Affine, Code))
            if arg.name == "stride" and "Pool" in term.target:  # its default is the window
                made = made or any(isinstance(other.value, (Affine, Code)) for other in term.args)
            if made or type(arg.value) is not type(arg.default) or arg.value != arg.default:
                shown.append(prefixed(f"{arg.name}=" if arg.keyword else "", doc(arg.value)))
        return Group(f"{term.target}(", tuple(shown))
    if isinstance(term, (Chain, Branches)):
        return Group(f"{type(term).__name__}(", items(term.items))
    if isinstance(term, Affine):
        return _affine(term)
    if isinstance(term, tuple):
        return Group("(", tuple(map(doc, term)), ",)" if len(term) == 1 else ")", call=False)
    return literal(term)


def items(entries: Sequence[Item]) -> tuple[Doc, ...]:
    """Named modules as keyword arguments."""
    shown: list[Doc] = []
    for item in entries:
        if item.loop:
            key, numbers = loop_text(item.loop)
            parts = (prefixed(f"{key}: ", doc(item.term)), numbers)
            shown.append(Group("**{", parts, "}", call=False, separator=""))
        elif is_plain(item.name):
            shown.append(prefixed(f"{item.name}=", doc(item.term)))
        else:
            shown.append(Group("**{", (prefixed(f'"{item.name}": ', doc(item.term)),), "}", call=False))
    return tuple(shown)


def loop_text(loop: tuple[str, int, Any]) -> tuple[str, str]:
    """The name in a loop, and its head."""
    prefix, first, count = loop
    if isinstance(count, Code):
        return f'f"{prefix}{{i}}"', f"for i in range({first}, {count} + {first})"
    end = first + count
    return f'f"{prefix}{{i}}"', f"for i in range({first}, {end})"


def _affine(term: Affine) -> str:
    base, step = (literal(part) for part in term)
    times = "i" if step == "1" else f"{step} * i"
    if isinstance(term.step, int) and term.step < 0:
        return f"{base} - {-term.step if term.step != -1 else ''}{' * ' * (term.step != -1)}i"
    if base == "0":
        return times
    if isinstance(term.base, int) and term.base < 0:
        return f"{times} - {-term.base}"
    return f"{base} + {times}"
