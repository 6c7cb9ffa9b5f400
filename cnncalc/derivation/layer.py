"""What a rule for an operator gets, its shapes as symbols, and what it gives: :class:`Parts`, by operator in ``RULES``.

A rule derives every figure anew from shapes and arguments; none asks the operator for its counts. Nothing is derived
by default: an operator without a rule is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from cnncalc.derivation.expression import Expression, Number, Symbol, product
from cnncalc.values import ValueShape

#: the letters and names of spatial axes, by how many there are
AXES = MappingProxyType({0: "", 1: "l", 2: "hw", 3: "zhw"})
AXIS_NAMES = MappingProxyType({"l": "length", "z": "depth", "h": "height", "w": "width"})


class Formula(NamedTuple):
    """A quantity and how it comes about; ``note`` says in words what the arithmetic doesn't."""

    quantity: str
    expression: Expression
    note: str | None = None

    @property
    def value(self) -> Any:
        """An int; a Fraction for a stride behind an enlargement."""
        return self.expression.value


class Step(NamedTuple):
    """How an axis is read: ``more`` pixels beside the first, and ``stride`` from one output to the next (0 where each
    reads the same).
    """

    more: Expression
    stride: Expression


class Parts(NamedTuple):
    """The arithmetic of one operator on one sample.

    ``output`` are the sizes in the order of the shape, ``params`` the parameters by the columns they count in,
    ``work`` the raw work by its units. ``reach`` has a step per spatial axis; () is each pixel its own, None that no
    field is stated.
    """

    output: Sequence[Expression]
    params: Mapping[str, Expression] = MappingProxyType({})
    work: Mapping[str, Expression] = MappingProxyType({})
    reach: Sequence[Step] | None = ()


class Value:
    """A shape in symbols: ``features`` (channels of a map) and ``axes`` (spatial sizes, tokens, or what a tensor has
    before its features).
    """

    def __init__(self, shape: ValueShape, suffix: str) -> None:
        self.layout = shape.layout
        first = shape.layout == "map"
        letters = {
            "map": ["c", *AXES[len(shape) - 1]] if first else [],
            "sequence": ["t", "f"],
            "vector": ["f"],
            "ids": ["t"][: len(shape)],
            "tensor": [f"axis{number}" for number in range(1, len(shape))] + ["f"] * bool(shape),
        }[shape.layout]
        self.sizes = [Symbol(f"{letter}_{suffix}", n) for letter, n in zip(letters, shape, strict=True)]
        words = {"f": "features", "t": "tokens", "c": "channels", **AXIS_NAMES}
        self.names = [words.get(letter, f"axis_{letter[4:]}") for letter in letters]
        self.spatial = self.names[1:] if first else []
        self.letters = [letter for letter in letters if letter in AXIS_NAMES]
        channels = 0 if first else len(shape) - 1
        self.features = self.sizes[channels] if shape and shape.layout != "ids" else Symbol("f", 1)
        self.axes = [size for axis, size in enumerate(self.sizes) if axis != channels or shape.layout == "ids"]

    def positions(self) -> list[Expression]:
        """The factors that make the number of positions: spatial sizes or tokens, none for a vector."""
        return [*self.axes]

    def rows(self) -> tuple[Expression, Expression]:
        """How often, and over how many values, what normalizes runs: over the channels (features) of each position."""
        return product(*self.axes) if self.axes else Number(1), self.features

    def with_features(self, features: Expression) -> list[Expression]:
        """The sizes with another number of channels (features)."""
        return [features, *self.axes] if self.layout == "map" else [*self.axes, features]

    def values(self) -> Expression:
        """The number of values, positions first."""
        return product(*self.axes, self.features)


class Layer:
    """An operator and the values that it takes and makes. ``x`` is its first input, ``y`` its output."""

    def __init__(self, op: Any, inputs: Sequence[ValueShape], output: ValueShape) -> None:
        self.op = op
        self.inputs = inputs
        self.x = Value(inputs[0] if inputs else output, "in")
        self.y = Value(output, "out")

    @property
    def same(self) -> list[Expression]:
        """The sizes of the input, as those of the output."""
        return [*self.x.sizes]

    def per_axis(self, letter: str, value: Any) -> list[Symbol]:
        """An argument for every spatial axis of the input: ``k_h`` and ``k_w``."""
        axes = self.x.letters
        values = (value,) * len(axes) if isinstance(value, int) else value
        return [Symbol(f"{letter}_{axis}", single) for axis, single in zip(axes, values, strict=True)]


Rule = Callable[[Layer], Parts]
_RULES: dict[str, Rule] = {}
#: the rule of every operator by its keyword
RULES: Mapping[str, Rule] = MappingProxyType(_RULES)


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Registers a rule for operators.

    Raises:
        ValueError: an operator has a rule already.
    """

    def register(function: Rule) -> Rule:
        for name in names:
            if name in _RULES:
                raise ValueError(f"operator {name!r} has two rules")
            _RULES[name] = function
        return function

    return register


@rule("input")
def _input(layer: Layer) -> Parts:
    return Parts([Number(n.value) for n in layer.y.sizes])
