"""Plain values with arithmetic and no other behaviour: shapes, raw work, data types."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, TypeVar

from cnncalc.errors import UsageError, suggest

if TYPE_CHECKING:
    from fractions import Fraction

Own = TypeVar("Own", bound="ValueShape")

#: the sizes of a tensor, for example of a weight or of a slice of a value
Shape = tuple[int, ...]


class ValueShape(tuple[int, ...]):
    """What a value of a network is, without the batch axis: its sizes, and by its class their layout.

    Two numbers can be ``[channels, length]`` or ``[tokens, features]``, so sizes alone do not say what a value is.
    Equal sizes compare equal whatever their layout; :attr:`identity` tells layouts apart.
    """

    __slots__ = ()

    #: map, sequence, vector, ids or tensor
    layout: ClassVar[str]
    #: the axis of the channels (features): 0, -1, or None where there is none
    axis: ClassVar[int | None] = -1

    def __new__(cls: type[Own], *sizes: int) -> Own:
        return tuple.__new__(cls, sizes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self))})"

    def __str__(self) -> str:
        return format_shape(self)

    @property
    def identity(self) -> object:
        """What a value of the same sizes must have too to be the same."""
        return self.layout

    @property
    def channels(self) -> int:
        """Channels of a map, features of everything else; 1 for a tensor without axes."""
        return self[-1] if self else 1

    def like(self: Own, *sizes: int) -> Own:
        """Other sizes in the same layout."""
        return tuple.__new__(type(self), sizes)

    def with_channels(self: Own, channels: int) -> Own:
        """The same but for the number of channels (features)."""
        return self.like(*self[:-1], channels)

    def describe(self) -> str:
        """``a map 64x7x7``, ``a sequence of 196 tokens of 768 features``, ``a vector of 512``."""
        return f"a {self.layout} {format_shape(self)}"


class MapShape(ValueShape):
    """``[channels, *spatial]`` with 1 to 3 spatial axes."""

    __slots__ = ()
    layout = "map"
    axis = 0

    @property
    def channels(self) -> int:
        return self[0]

    def with_channels(self, channels: int) -> MapShape:
        return self.like(channels, *self[1:])


class SequenceShape(ValueShape):
    """``[tokens, features]``."""

    __slots__ = ()
    layout = "sequence"

    def describe(self) -> str:
        return f"a sequence of {self[0]} tokens of {self[1]} features"


class VectorShape(ValueShape):
    """``[features]``."""

    __slots__ = ()
    layout = "vector"

    def describe(self) -> str:
        return f"a vector of {self[0]}"


class TensorShape(ValueShape):
    """Any axes; the last has the features, as PyTorch's linear layers have it."""

    __slots__ = ()
    layout = "tensor"


class IdsShape(ValueShape):
    """``[tokens]``, or no axis for a single one: whole numbers below ``below``, int64, without a gradient."""

    layout = "ids"
    axis = None
    below: int

    @classmethod
    def of(cls, below: int, *sizes: int) -> IdsShape:
        """The ids of ``sizes`` tokens, each a whole number from 0 up to but not with ``below``."""
        made = cls(*sizes)
        made.below = below
        return made

    @property
    def identity(self) -> object:
        return self.layout, self.below

    def describe(self) -> str:
        return f"{self[0]} ids" if self else "one id"


#: every layout by its word
LAYOUTS: Final[Mapping[str, type[ValueShape]]] = MappingProxyType(
    {cls.layout: cls for cls in (MapShape, SequenceShape, VectorShape, IdsShape, TensorShape)}
)
#: bytes of an id, under any data type
ID_BYTES: Final = 8


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
    """What a figure depends on besides the network: samples at once, data type, counting rule, side outputs, the pass
    whose work is counted (:data:`cnncalc.counting.backward.PASSES`), and the library whose program of the network tools
    are shown (:data:`cnncalc.graph.graph.LIBRARIES`), None for the network's own.
    """

    batch: int = 1
    dtype: str = "float32"
    convention: str = "macs"
    with_side: bool = False
    pass_: str = "forward"
    written: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """By the names of the JSON; ``pass`` is a word of Python, so the field has an underscore."""
        return {name.rstrip("_"): value for name, value in self._asdict().items()}
