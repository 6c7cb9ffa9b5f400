"""What every operator has: typed arguments, and rules for shape, weights, work, reach and lowering."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from cnncalc.errors import ShapeError
from cnncalc.values import MapShape, Shape, TensorShape, ValueShape, VectorShape, Work

if TYPE_CHECKING:
    from fractions import Fraction

    from cnncalc.autograd.functional import Tape
    from cnncalc.autograd.tensors import Tensor

#: Argument types. The annotation of an operator's field, as written, is the type of its argument.
Window = int | tuple[int, ...]
Margin = int | tuple[int, ...]
Pad = int | tuple[int, ...] | str
if TYPE_CHECKING:
    #: a number that stays exact, because a count is multiplied by it
    Rational = int | float | Fraction
Index = int
Table = tuple[tuple[int, ...], ...]

#: the shape of a value as ``input:`` states it
Sizes = int | tuple[int, ...]
#: a word for an axis of a value, or the number of an axis of a tensor
Axis = int | str

LARGEST_DIMENSION = 2**31 - 1
#: axes by their words; channels and features are one axis
AXES = ("channels", "features", "tokens", "space")
MAPS = ("map",)
#: every layout that has channels or features
FEATURED = ("map", "sequence", "vector", "tensor")
#: words for padding, besides numbers
PADS = ("same", "same_tf", "full")


class ArgumentError(ShapeError):
    """A value that an operator's field does not take; ``field`` is its name."""

    def __init__(self, field: str, message: str, hint: str | None = None) -> None:
        super().__init__(message, None, hint)
        self.field = field


class Field(NamedTuple):
    """One argument of an operator. ``type`` is count, index, window, margin, pad, table, axis, sizes, flag, number or
    choice; ``attribute`` is what the operator calls it: words of Python and names of rules have an underscore there.
    """

    name: str
    attribute: str
    type: str
    required: bool
    default: Any
    optional: bool
    choices: tuple[str, ...]

    def check(self, value: Any) -> None:
        """Refuses a value outside the field's type and range.

        Raises:
            ArgumentError: with what is expected and what was found.
        """
        if value is None and self.optional:
            return
        kind = self.type
        least = 0 if kind in ("index", "margin", "pad") else 1
        if kind in ("count", "index") or (kind in ("window", "margin", "pad") and not isinstance(value, (tuple, str))):
            self._check_whole(value, least)
        elif kind == "flag":
            if not isinstance(value, bool):
                raise ArgumentError(self.name, f"{self.name} must be true or false, not {show(value)}")
        elif kind in ("number", "rational"):
            if isinstance(value, (bool, str, tuple)):
                raise ArgumentError(self.name, f"{self.name} must be a number, not {show(value)}")
        elif kind == "table":
            self._check_table(value)
        elif kind == "sizes":
            for size in value if isinstance(value, tuple) else (value,):
                self._check_whole(size, least)
        elif kind == "axis":
            if isinstance(value, str) and value not in AXES:
                raise ArgumentError(self.name, f"{self.name} must be {' or '.join(AXES)}, not {show(value)}")
            if not isinstance(value, str):
                self._check_whole(value, 0)
        elif kind == "choice" or isinstance(value, str):
            words = PADS if kind == "pad" else self.choices
            if value not in words:
                expected = " or ".join(words) or "a whole number"
                raise ArgumentError(self.name, f"{self.name} must be {expected}, not {show(value)}")
        else:
            if not 1 <= len(value) <= 3:
                message = f"{self.name} takes one value or one per axis (1 to 3), not {len(value)}"
                raise ArgumentError(self.name, message)
            for single in value:
                self._check_whole(single, least)

    def _check_table(self, value: Any) -> None:
        if not isinstance(value, tuple) or not all(isinstance(row, tuple) for row in value):
            raise ArgumentError(self.name, f"{self.name} must be a list of lists, not {show(value)}")
        for number, row in enumerate(value, 1):
            for single in row:
                self._check_whole(single, 0)
            if not row or len(set(row)) < len(row):
                law = "a row needs at least one number, and each only once"
                raise ArgumentError(self.name, f"{self.name}: {law}, but row {number} is {show(row)}")

    def _check_whole(self, value: Any, least: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            fraction = None
            if not isinstance(value, (bool, str, tuple)):
                fraction = "floor(), ceil(), round() or div8() makes a whole number of it"
            raise ArgumentError(self.name, f"{self.name} must be a whole number, not {show(value)}", fraction)
        if not least <= value <= LARGEST_DIMENSION:
            raise ArgumentError(self.name, f"{self.name} must be from {least} to {LARGEST_DIMENSION}, not {value}")


def show(value: Any) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(show, value))}]"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f"'{value}'"
    decimal = f"{float(value):.12g}"
    return decimal if isinstance(value, float) or value == type(value)(decimal) else str(value)


def shaped(sizes: Sizes, as_: str | None = None) -> ValueShape:
    """The shape that ``sizes`` state: a number or one size is a vector, 2 to 4 are a map; what has a layout keeps it.

    Raises:
        ShapeError: more sizes than a map has.
    """
    if isinstance(sizes, ValueShape):
        return sizes
    given = sizes if isinstance(sizes, tuple) else (sizes,)
    if as_ == "tensor":
        return TensorShape(*given)
    if not 1 <= len(given) <= 4:
        hint = "as: tensor takes any number of axes"
        raise ShapeError(f"shape takes the channels and up to 3 spatial sizes, not {len(given)} values", hint=hint)
    return VectorShape(*given) if len(given) == 1 else MapShape(*given)


def axis_of(x: ValueShape, axis: Axis, space: bool = False) -> int:
    """Which axis of a value a word means: ``channels`` (``features`` of all but maps) or ``tokens``; a number, counted
    from 0 without the batch, is for tensors. ``space`` says that the operator takes that word too.

    Raises:
        ShapeError: the value has no such axis.
    """
    if isinstance(axis, int):
        if x.layout != "tensor":
            raise ShapeError(f"axis {axis} is for tensors, but the input is {x.describe()}", hint=_axes_of(x, space))
        if axis >= len(x):
            raise ShapeError(f"axis must be below {len(x)}, the number of axes, but is {axis}")
        return axis
    if axis == "channels" or (axis == "features" and x.layout != "map"):
        return (x.axis or 0) % len(x)
    if axis == "tokens" and x.layout == "sequence":
        return 0
    raise ShapeError(f"axis is {axis}, but the input is {x.describe()}", hint=_axes_of(x, space))


def _axes_of(x: ValueShape, space: bool) -> str:
    words = {
        "map": "channels, or space" if space else "channels here",
        "sequence": "tokens or features",
        "vector": "features",
    }
    return f"a {x.layout} has {words.get(x.layout, 'axes by number, and features for the last')}"


class Lowering(NamedTuple):
    """The PyTorch module that computes an operator: dotted name and arguments (which may be lowerings again)."""

    target: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = MappingProxyType({})


#: the most positions of which each is described, where they differ
TURN_LIMIT = 1024


class Tap(NamedTuple):
    """How one spatial axis of an output reads its input: position ``i`` reads ``extent`` pixels, of which only each
    ``gap``-th, from ``i * stride - before`` on. ``stride`` is 0 where every position reads the same pixels.

    Where it is a Fraction, positions differ by turns, and ``extent`` is the most that one reads: ``phases`` are what
    the positions of the first turn read; the next turn reads ``len(phases) * stride`` pixels further on. They are left
    out where there are more than :data:`TURN_LIMIT`.
    """

    extent: int
    stride: Any
    before: int
    gap: int = 1
    phases: tuple[range, ...] = ()


def turn(length: int, reads: Callable[[int], range]) -> tuple[range, ...]:
    """The ``phases`` of a :class:`Tap` of so many; none where they are too many."""
    return tuple(map(reads, range(length))) if length <= TURN_LIMIT else ()


#: Each output position reads the same position of its input.
POINTWISE: tuple[Tap, ...] = ()


class Product(NamedTuple):
    """A product inside an operator: multiply-accumulates of one sample, and its two operands.

    An operand is ``input``, ``weight``, ``made`` (from weights, inside the operator) or ``buffer``. ``groups`` are
    those of a convolution.
    """

    macs: int
    operands: tuple[str, str]
    groups: int = 1


_TYPES = {
    "int": "count",
    "Index": "index",
    "Window": "window",
    "Margin": "margin",
    "Pad": "pad",
    "Table": "table",
    "Axis": "axis",
    "Sizes": "sizes",
    "bool": "flag",
    "float": "number",
    "Rational": "rational",
}
_MISSING = object()


class Op(ABC):
    """An operator: immutable arguments (its annotated fields, in order) and the rules of its arithmetic.

    Methods take the shapes of the inputs, then the output's where it is needed, without a batch axis.
    There is no default for ``work`` and ``layouts``: what costs nothing says so.
    """

    name: ClassVar[str]
    fields: ClassVar[Mapping[str, Field]]
    #: the layouts of the inputs that it takes
    layouts: ClassVar[tuple[str, ...]]
    #: fewest and most inputs; None is any number
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    #: "layer", or "norm", "activation" (may follow as ``norm:``, ``act:``), or "join"
    role: ClassVar[str] = "layer"
    #: the column in which the tensors of ``weights`` count; of "weights", ``biases`` count in a column of their own
    parameter_kind: ClassVar[str] = "weights"
    #: names of the tensors that count in other_params all the same
    other_parameters: ClassVar[tuple[str, ...]] = ()
    #: takes ``norm:`` and ``act:``
    takes_norm_act: ClassVar[bool] = False
    #: "new" output, or a "view" of the input that occupies nothing (dropout in evaluation too)
    result: ClassVar[str] = "new"
    #: what arguments mean that no other operator has, or another means otherwise (:mod:`cnncalc.ops.arguments`)
    means: ClassVar[Mapping[str, str]] = {}
    #: how programs write it besides PyTorch's module, where some counters see that: the words after the keyword
    writings: ClassVar[tuple[str, ...]] = ()
    #: where PyTorch's function wants the channels of a map in memory: "first" or "last"; "kept" where they are;
    #: "transposed" is a view of a map whose channels become the last axis
    memory_format: ClassVar[str | None] = None
    #: in training each channel is normalized over the batch, of which PyTorch refuses a single value
    normalizes_batch: ClassVar[bool] = False
    #: PyTorch can write the result over an input
    can_run_in_place: ClassVar[bool] = False
    #: what the output is made of is the input; else it takes nothing of it but the batch
    reads_input: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(self.fields, args, strict=False))
        given.update({name.rstrip("_"): value for name, value in kwargs.items()})
        values = self.__dict__
        for name, field in self.fields.items():
            value = given.pop(name, field.default)
            if value is not field.default:
                field.check(value)
            elif field.required:
                raise ArgumentError(name, f"{self.name} needs {name}")
            values[field.attribute] = value
        if given or len(args) > len(self.fields):
            raise TypeError(f"{self.name} takes {', '.join(self.fields) or 'no arguments'}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self.name} is immutable")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.name, *self.__dict__.values()))

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in self.arguments())
        return f"{type(self).__name__}({', '.join(shown)})"

    def arguments(self) -> Iterator[tuple[str, Any]]:
        """The fields and their values, in order."""
        return ((name, self.__dict__[field.attribute]) for name, field in self.fields.items())

    @property
    def saves_output(self) -> bool:
        """Whether PyTorch's backward needs the output (of some only where they ran in place): it is not overwritten."""
        return False

    @abstractmethod
    def shape(self, *inputs: Any, **_: Any) -> ValueShape:
        """The output's shape and layout.

        Raises:
            ShapeError: the input breaks a law of the operator; the message has the law and both values.
        """

    def count(self) -> int:
        """Values of the output's shape that are made of each input; more than 1 where there are regions."""
        return 1

    def weights(self, *inputs: Any, **_: Any) -> dict[str, Shape]:
        """Learned tensors by name."""
        return {}

    @property
    def biases(self) -> tuple[str, ...]:
        """Names of the tensors of ``weights`` that are biases, and count as such. An operator whose ``parameter_kind``
        is "weights" says so itself, also of none: a name does not tell (PyTorch's ``bias_ih_l0``, ``in_proj_bias``).
        """
        return ()

    def head(self, *inputs: Any, **_: Any) -> int | None:
        """Features of a head, where PyTorch's ``scaled_dot_product_attention`` runs it."""
        return None

    def buffers(self, *inputs: Any, **_: Any) -> dict[str, Shape]:
        """Tensors that are kept but not learned, by name; ``running_*`` are statistics."""
        return {}

    def survival(self) -> Any:
        """The probability that training runs what leads here, given that it needs the result: 1, or a Fraction."""
        return 1

    @abstractmethod
    def work(self, *inputs_and_output: Any, **_: Any) -> Work:
        """Raw operations for one sample."""

    def products(self, *inputs_and_output: Any, **_: Any) -> tuple[Product, ...] | None:
        """The products that the multiply-accumulates of ``work`` are: the backward pass has one for each operand that
        needs a gradient. None where they are not stated, and what the backward pass costs is not known.
        """
        return None

    def reach(self, *inputs: Any, **_: Any) -> tuple[Tap, ...] | None:
        """A :class:`Tap` per spatial axis, POINTWISE, or None where no spatial axis is left, or where what a value sees
        depends on more than its position.
        """
        return POINTWISE

    @abstractmethod
    def lowering(self, *inputs: Any, **_: Any) -> Lowering:
        """The same computation in PyTorch."""

    @abstractmethod
    def run(self, tape: Tape, *xs: Any, **_: Any) -> Tensor:
        """The output, of tensors with a batch axis: what the module of :meth:`lowering` has PyTorch do, call by call.

        A tensor that one call makes is given back after the next call that takes it. ``tape.hold`` keeps a tensor to
        the end, as the module does with one that it has a name for; ``tape.call`` runs a part as a function of its own.
        """

    def batched(self, tape: Tape, x: Tensor) -> Shape:
        """The output's shape with the batch of the input, [batch, *shape]."""
        return (x.shape[0], *tape.output)

    @classmethod
    @abstractmethod
    def samples(cls) -> list[tuple[Op, tuple[ValueShape, ...]]]:
        """Operators and input shapes that the contract tests run against PyTorch."""


_REGISTRY: dict[str, type[Op]] = {}
#: every operator by its keyword
OPS: Mapping[str, type[Op]] = MappingProxyType(_REGISTRY)

OpClass = TypeVar("OpClass", bound=type[Op])


def op(name: str) -> Callable[[OpClass], OpClass]:
    """Registers an operator under its keyword; the annotations of the class itself, in order, are its fields.

    Raises:
        ValueError: the keyword is taken, or the operator does not say which layouts it takes, or which of its weights
            are biases.
    """

    def register(cls: OpClass) -> OpClass:
        if name in _REGISTRY:
            raise ValueError(f"operator {name!r} is defined twice: {_REGISTRY[name].__name__}, {cls.__name__}")
        if not hasattr(cls, "layouts"):
            raise ValueError(f"operator {name!r} does not say which layouts it takes")
        if cls.weights is not Op.weights and cls.parameter_kind == "weights" and cls.biases is Op.biases:
            raise ValueError(f"operator {name!r} has weights and does not say which of them are biases")
        fields: dict[str, Field] = {}
        for attribute, annotation in vars(cls).get("__annotations__", {}).items():
            if annotation.startswith("ClassVar["):
                continue
            field = _field(attribute.rstrip("_"), annotation, getattr(cls, attribute, _MISSING))
            fields[field.name] = field
        cls.name = name
        cls.fields = MappingProxyType(fields)
        _REGISTRY[name] = cls
        return cls

    return register


def _field(name: str, annotation: str, default: Any) -> Field:
    bare = annotation.removesuffix(" | None")
    choices: tuple[str, ...] = ()
    if bare.startswith("Literal["):
        choices = tuple(word.strip(" \"'") for word in bare[8:-1].split(","))
    known = "choice" if choices else _TYPES[bare]
    attribute = f"{name}_" if name in ("as", "shape") else name
    return Field(name, attribute, known, default is _MISSING, default, bare != annotation, choices)
