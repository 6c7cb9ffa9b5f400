"""The inputs of a network: how a spec states them, and what ``--input`` and ``input=`` make of them.

An input is a list, ``[3, 224, 224]`` (a map; of one size a vector), or a mapping: ``{tokens: 196, features: 768}`` is a
sequence, ``{tokens: 77, ids: 49408}`` a sequence of whole numbers below 49408, ``{ids: 1000}`` a single one.

What stands in for an input must not be misread: a wrong order of axes would give a plausible number. So sizes alone
keep the spec's channels, and what has the channels last or a batch axis is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cnncalc.errors import UsageError, listing, quote, suggest
from cnncalc.spec.expressions import ExprValue, Scope, describe
from cnncalc.spec.reader import MappingNode, SequenceNode, YamlNode
from cnncalc.values import IdsShape, MapShape, SequenceShape, ValueShape, VectorShape, format_shape

if TYPE_CHECKING:
    from cnncalc.spec.compile.slots import Slot, Slots

#: the name of the only input of a spec that writes ``input:``
ONLY = "input"
LARGEST = 2**31 - 1
#: what may be handed in as an input: sizes, or for several inputs sizes by name
Sizes = int | str | Sequence[int]
Given = Sizes | Sequence[str] | Mapping[str, Sizes]
#: the keys of a mapping that states an input
FORMS = (("tokens", "features"), ("tokens", "ids"), ("ids",))
_HINT = "for example [3, 224, 224], {tokens: 196, features: 768} or {tokens: 77, ids: 49408}, without a batch axis"


class StatedInput(NamedTuple):
    """An input as a spec states it: its name, where it stands, and a slot for every size by its word ('' in a list)."""

    name: str
    node: YamlNode
    sizes: tuple[tuple[str, Slot], ...]

    def typed(self, scope: Scope) -> ValueShape:
        """The input's shape.

        Raises:
            SpecError: a size that is no whole number from 1 to 2**31 - 1.
        """
        words = [word for word, _ in self.sizes]
        values = [_size(slot, scope) for _, slot in self.sizes]
        if words == ["tokens", "features"]:
            return SequenceShape(*values)
        if "ids" in words:
            return IdsShape.of(values[-1], *values[:-1])
        return VectorShape(*values) if len(values) == 1 else MapShape(*values)


def _size(slot: Slot, scope: Scope) -> int:
    size = slot.value(scope)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
        raise slot.node.error(f"a size of the input must be a whole number from 1 to {LARGEST}, not {describe(size)}")
    return size


def stated(name: str, node: YamlNode, slots: Slots) -> StatedInput:
    """The input that a node of the spec states.

    Raises:
        SpecError: it has none of the forms, or a size can't be read.
    """
    read = partial(slots.expression, what="a size")
    said = name if name == ONLY else f"the input '{name}'"
    if isinstance(node, MappingNode):
        words = tuple(node.entries)
        form = next((form for form in FORMS if sorted(form) == sorted(words)), None)
        if form is None:
            found = f"a mapping of {', '.join(words)}" if words else "an empty mapping"
            raise node.error(f"{said} can't be {found}", _HINT)
        return StatedInput(name, node, tuple((word, read(node.entries[word][1])) for word in form))
    if not isinstance(node, SequenceNode) or not 1 <= len(node.items) <= 4:
        found = f"{len(node.items)} values" if isinstance(node, SequenceNode) else node.kind
        message = f"{said} must be a list of the channels and up to 3 spatial sizes, or a mapping, not {found}"
        raise node.error(message, _HINT)
    if all(isinstance(item, SequenceNode) for item in node.items):
        message = f"{said} takes one shape, not a list of shapes"
        raise node.error(message, "give several inputs names: 'inputs: {left: [1, 16, 16], right: [1, 28, 28]}'")
    return StatedInput(name, node, tuple(("", read(item)) for item in node.items))


def stated_text(shape: ValueShape) -> str:
    """A shape as a spec states it."""
    if isinstance(shape, IdsShape):
        return f"{{tokens: {shape[0]}, ids: {shape.below}}}" if shape else f"{{ids: {shape.below}}}"
    if shape.layout == "sequence":
        return f"{{tokens: {shape[0]}, features: {shape[1]}}}"
    return f"[{', '.join(map(str, shape))}]"


def variables_of(name: str, shape: ValueShape) -> dict[str, ExprValue]:
    """``$in``, ``$in_h`` and so on of a value, for the ``name`` in."""
    found: dict[str, ExprValue] = {} if shape.axis is None else {name: shape.channels}
    if shape.layout == "map":
        found.update(zip((f"{name}_w", f"{name}_h", f"{name}_d"), reversed(shape[1:]), strict=False))
    elif shape.layout in ("sequence", "ids") and shape:
        found[f"{name}_tokens"] = shape[0]
    return found


def names_of(name: str) -> tuple[str, ...]:
    """The variables that a value of any layout may have."""
    return (name, *(f"{name}_{axis}" for axis in ("w", "h", "d", "tokens")))


# -- what stands in for an input -------------------------------------------------------------------------------------


def given_sizes(given: object) -> dict[str | None, tuple[int, ...]]:
    """Sizes by the name of the input, None for the only one.

    ``3x160x160``, ``3,160,160`` and ``image=336x336`` are texts; sizes may be numbers, and a mapping has them by name.

    Raises:
        UsageError: it is none of that, or an input is given twice.
    """
    if isinstance(given, Mapping):
        pairs: list[tuple[str | None, tuple[int, ...]]] = [
            (_name(name), _sizes(sizes)) for name, sizes in given.items()
        ]
    elif isinstance(given, (list, tuple)) and given and all(isinstance(item, str) for item in given):
        pairs = [_pair(item) for item in given]
    elif isinstance(given, str):
        pairs = [_pair(given)]
    else:
        pairs = [(None, _sizes(given))]
    found: dict[str | None, tuple[int, ...]] = {}
    for name, sizes in pairs:
        if name in found:
            raise UsageError(f"input {name} is given twice" if name else "input is given twice")
        found[name] = sizes
    return found


def shown(given: object) -> str:
    """What was given, as ``--input`` takes it."""
    pairs = given_sizes(given).items()
    return " ".join(f"{name}={format_shape(sizes)}" if name else format_shape(sizes) for name, sizes in pairs)


def as_data(given: object) -> list[int] | dict[str, list[int]] | None:
    """What was given as data: the sizes of the only input, or those of several by name."""
    if given is None:
        return None
    sizes = given_sizes(given)
    return list(sizes[None]) if None in sizes else {str(name): list(values) for name, values in sizes.items()}


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise UsageError(f"input by name needs names that are text, not {_shown(name)}")
    return name


def _pair(text: str) -> tuple[str | None, tuple[int, ...]]:
    name, equals, sizes = text.partition("=")
    return (name.strip(), _sizes(sizes)) if equals else (None, _sizes(text))


def _sizes(given: object) -> tuple[int, ...]:
    if isinstance(given, str):
        parts = given.lower().replace(",", "x").split("x") if not given.strip().count(" ") else given.split()
        words = [part.strip() for part in parts]
        given = [int(word) if word.isascii() and word.isdigit() and len(word) < 20 else word for word in words]
    if isinstance(given, int) and not isinstance(given, bool):
        given = (given,)
    if not isinstance(given, (list, tuple)) or not given:
        raise UsageError(f"input must be sizes, for example 3x224x224, not {_shown(given)}")
    for size in given:
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
            raise UsageError(f"a size of the input must be a whole number from 1 to {LARGEST}, not {_shown(size)}")
    if len(given) > 8:
        raise UsageError(f"input must be at most 4 sizes, for example 3x224x224, not {len(given)}")
    return tuple(given)


def _shown(value: object) -> str:
    return quote(value) if isinstance(value, str) else quote(repr(value)[:80])


def replaced(network: str, own: Mapping[str, ValueShape], given: object) -> dict[str, ValueShape]:
    """The inputs of a ``network`` with what was given in their place.

    Raises:
        UsageError: an input that the spec does not have, or sizes that are not one of its shape.
    """
    inputs = dict(own)
    for name, sizes in given_sizes(given).items():
        if name is None and len(own) > 1:
            shown = format_shape(sizes)
            example = f"for example {next(iter(own))}={shown}"
            raise UsageError(f"input {shown} needs a name: {network} has {listing(list(own))}", hint=example)
        key = next(iter(own)) if name is None else name
        if key not in own:
            hint = suggest(key, own)
            raise UsageError(f"{network} has no input {quote(key)}", hint=hint)
        inputs[key] = in_place_of(network, own[key], sizes)
    return inputs


def in_place_of(network: str, own: ValueShape, sizes: tuple[int, ...]) -> ValueShape:
    """``sizes`` for an input of the shape ``own``: all of it, or without the channels (features), which then stay.

    Raises:
        UsageError: the channels come last, there is a batch axis, or another number of axes.
    """
    shown = format_shape(sizes)
    reason = misread(own, sizes)
    if reason is not None:
        raise UsageError(f"input {shown} {reason[0]}", hint=reason[1])
    if isinstance(own, IdsShape):
        if len(sizes) == len(own):
            return IdsShape.of(own.below, *sizes)
    elif len(sizes) == len(own):
        return own.like(*sizes)
    elif own.layout == "sequence" and len(sizes) == 1:
        return own.like(*sizes, own[-1])
    elif own.layout == "map" and len(sizes) == len(own) - 1:
        return own.like(own[0], *sizes)
    elif own.layout == "map" and len(sizes) == 1:
        return own.like(own[0], *sizes * (len(own) - 1))
    raise UsageError(f"input {shown} can't replace {format_shape(own)} of {network}", hint=_forms(own))


def misread(own: Sequence[int], sizes: Sequence[int]) -> tuple[str, str] | None:
    """What is wrong with sizes that stand for a map of the shape ``own``, and what is meant; None for nothing."""
    if len(own) < 3:
        return None
    if len(sizes) == len(own) and sizes[-1] == own[0] != sizes[0]:
        meant = format_shape((sizes[-1], *sizes[:-1]))
        return "has the channels last", f"channels come first, did you mean {meant}?"
    if len(sizes) == len(own) - 1 and sizes[0] == own[0] and len(set(sizes)) > 1:
        meant = format_shape((*sizes, sizes[-1]))
        return f"may begin with the {own[0]} channels", f"give every size: {meant}, or {format_shape((own[0], *sizes))}"
    if len(sizes) == len(own) + 1 and sizes[1] == own[0]:
        meant = format_shape(tuple(sizes[1:]))
        return "has a batch axis", f"no batch axis: {meant}, and --batch {sizes[0]}"
    return None


def _forms(own: ValueShape) -> str:
    if own.layout == "map":
        return f"give {format_shape(own[1:])} for the sizes alone, or {format_shape(own)}; the channels come first"
    if own.layout == "sequence":
        return f"give {own[0]} for the number of tokens, or {format_shape(own)}"
    return f"give {format_shape(own)}" if own else "it is a single id, which has no size"
