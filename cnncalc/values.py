"""Plain values with arithmetic and no other behaviour: shapes, raw work, data types."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cnncalc.errors import UsageError, suggest

if TYPE_CHECKING:
    from fractions import Fraction

#: ``[channels, *spatial]`` for maps, ``[tokens, features]`` for sequences, ``[features]`` for vectors; no batch axis.
Shape = tuple[int, ...]

#: One operation of each kind is one unit of raw work; a convention weighs them.
WORK_UNITS: Final = ("mac", "bias", "add", "mul", "div", "cmp", "exp", "log", "sqrt", "tanh", "erf")


def elements(shape: Shape) -> int:
    """The number of values in a tensor of this shape."""
    return prod(shape)


def format_shape(shape: Shape) -> str:
    """``64x112x112``."""
    return "x".join(map(str, shape))


def whole(value: int | Fraction) -> int | Fraction:
    """An int where an exact number is whole, else the Fraction that it is."""
    return value if type(value) is int or value.denominator != 1 else value.numerator


class Work:
    """Raw operations of one sample, by unit (:data:`WORK_UNITS`); ``a + b`` and ``a * n`` do what they say.

    ``mac`` is a multiply-accumulate of a convolution, linear layer or matrix product, ``bias`` the addition of a
    bias after it. The rest are single scalar operations; subtraction is ``add``, a comparison or clamp is ``cmp``.
    """

    __slots__ = ("counts",)

    def __init__(self, **counts: int) -> None:
        self.counts: dict[str, int] = {unit: n for unit, n in counts.items() if n}

    def __getitem__(self, unit: str) -> int:
        return self.counts.get(unit, 0)

    def __add__(self, other: Work) -> Work:
        return Work(**{unit: self[unit] + other[unit] for unit in self.counts | other.counts})

    def __mul__(self, factor: int) -> Work:
        return Work(**{unit: n * factor for unit, n in self.counts.items()})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Work) and self.counts == other.counts

    def __hash__(self) -> int:
        return hash(frozenset(self.counts.items()))

    def __repr__(self) -> str:
        return f"Work({', '.join(f'{unit}={n}' for unit, n in self.counts.items())})"


NO_WORK: Final = Work()

#: Bytes of one value of each data type.
DTYPES: Final = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}


def dtype_bytes(name: str) -> int:
    """Bytes of one value of the data type ``name``.

    Raises:
        UsageError: the name is not in :data:`DTYPES`.
    """
    if name not in DTYPES:
        hint = suggest(name, DTYPES) or f"one of: {', '.join(DTYPES)}"
        raise UsageError(f"unknown data type '{name}'", hint=hint)
    return DTYPES[name]


class Assumptions(NamedTuple):
    """What a figure depends on besides the network: samples at once, data type, counting rule, side outputs, and the
    pass whose work is counted (:data:`cnncalc.counting.backward.PASSES`).
    """

    batch: int = 1
    dtype: str = "float32"
    convention: str = "macs"
    with_side: bool = False
    pass_: str = "forward"

    def to_dict(self) -> dict[str, Any]:
        """By the names of the JSON; ``pass`` is a word of Python, so the field has an underscore."""
        return {name.rstrip("_"): value for name, value in self._asdict().items()}
