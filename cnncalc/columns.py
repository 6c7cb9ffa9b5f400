"""The one list of figures. Tables, ``--columns``, JSON and its schemas, claims, budgets, badges, ``diff`` and
``compare`` take from here what they know of a figure.

A new one is a file in ``analysis/``, whose ``measure(graph, assumptions)`` makes it, and a row here. The list is plain
data on the ground floor because both sides read it: ``spec`` must know at load what a claim may state, and never sees
``analysis``. So a row names its file, and ``analysis`` looks the name up.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

#: how readily ``diff`` and ``compare`` show a figure: when asked; in a ``diff`` where its total differs; in every
#: ``diff``; in every ``compare`` too; and there for every part of a network
ASKED, DIFFERING, DIFF, COMPARE, PARTS = range(5)
#: units of what a convention counts of a pass
WORK = ("MACs", "FLOPs", "operations")


class Column(NamedTuple):
    """A figure of every layer.

    ``name`` is its key, ``title`` its header in tables; ``unit`` is what is counted, in the plural: bytes are shown in
    multiples, and pixels are a list, a value for each axis, None where there is no axis. ``total`` is how a network's
    total is made: sum, max or none. ``file`` is the module of ``analysis`` that measures it.

    ``label`` has other words for it than its name; ``in_rows`` says whether the JSON has it for every layer, beside its
    total; ``claimable`` whether a spec may state it, and limit its total; ``prominence`` is one of :data:`ASKED` to
    :data:`PARTS`; ``expected`` says whether it is a mean, which may be a fraction.
    """

    name: str
    title: str
    unit: str
    total: str
    meaning: str
    file: str
    label: str = ""
    in_rows: bool = True
    claimable: bool = True
    prominence: int = DIFFERING
    expected: bool = False


_PARAMS, _WORK = "params", "work"
_ACTIVATIONS, _FIELD = "activations", "receptive_field"
_LISTED = {
    column.name: column
    for column in (
        Column(
            "params", "params", "parameters", "sum", "weights + biases + norm_params + other_params", _PARAMS,
            prominence=PARTS,
        ),
        Column(
            "weights", "weights", "weights", "sum", "kernels of convolutions, linear layers and attention", _PARAMS,
            prominence=ASKED,
        ),
        Column("biases", "biases", "biases", "sum", "biases beside those weights", _PARAMS, prominence=ASKED),
        Column(
            "norm_params", "norm", "parameters", "sum", "scale and shift of normalization layers", _PARAMS,
            prominence=ASKED,
        ),
        Column(
            "other_params", "other", "parameters", "sum", "all other learned values (for example PReLU slopes)",
            _PARAMS, prominence=ASKED,
        ),
        Column(
            "buffers", "buffers", "values", "sum", "kept but not learned, with num_batches_tracked as PyTorch counts",
            _PARAMS, prominence=DIFF,
        ),
        Column(
            "running_stats", "running", "values", "sum", "running means and variances, part of buffers", _PARAMS,
            in_rows=False, prominence=ASKED,
        ),
        Column("macs", "MACs", "MACs", "sum", "work under the convention macs", _WORK, prominence=PARTS),
        Column("flops", "FLOPs", "FLOPs", "sum", "work under the convention flops", _WORK, prominence=COMPARE),
        Column(
            "work", "work", "operations", "sum", "the work under the chosen convention", _WORK,
            claimable=False, prominence=ASKED,
        ),
        Column(
            "expected_macs", "expected", "MACs", "sum", "MACs times the probability that training runs the layer",
            _WORK, expected=True,
        ),
        Column(
            "activations", "activations", "values", "sum", "values of the output, 0 for a view or an in-place result",
            _ACTIVATIONS, prominence=PARTS,
        ),
        Column(
            "activation_bytes", "memory", "bytes", "sum", "bytes of those values", _ACTIVATIONS,
            label="activation memory", prominence=DIFF,
        ),
        Column(
            "receptive_field", "field", "pixels", "none",
            "input pixels that the widest path lets one value see, per axis", _FIELD,
        ),
        Column(
            "receptive_field_min", "min field", "pixels", "none", "the same along the narrowest path", _FIELD,
            in_rows=False, claimable=False,
        ),
        Column(
            "effective_stride", "stride", "pixels", "none", "input pixels from one value to the next, per axis", _FIELD,
            in_rows=False, claimable=False,
        ),
        Column(
            "offset", "offset", "pixels", "none",
            "centre of the first value's field, in input pixels from the first one", _FIELD,
            in_rows=False, claimable=False,
        ),
        Column(
            "depth", "depth", "layers", "max", "weighted layers on the longest path from the input to this layer",
            "depth", in_rows=False, prominence=COMPARE,
        ),
    )
}  # fmt: skip
COLUMNS: Mapping[str, Column] = MappingProxyType(_LISTED)
#: columns of tables that are no figures, and their headers
DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {**{name: name for name in ("inputs", "in", "out", "layout", "count", "line")}, "shared_with": "shared with"}
)

SAVED = Column(
    "saved_bytes", "saved", "bytes", "sum", "bytes of what the layer makes and the backward pass needs", "memory.peaks"
)
ALIVE = Column("alive_bytes", "alive", "bytes", "max", "most bytes alive at once while the layer runs", "memory.peaks")
#: what stands beside them where a run is simulated
OF_A_RUN: Mapping[str, Column] = MappingProxyType({SAVED.name: SAVED, ALIVE.name: ALIVE})


def unasked(prominence: int) -> tuple[str, ...]:
    """The figures that are shown without being asked for: those of at least this prominence."""
    return tuple(column.name for column in COLUMNS.values() if column.prominence >= prominence)


def with_work(columns: tuple[str, ...], convention: str) -> tuple[str, ...]:
    """The columns that are shown unless told otherwise; with ``work`` too where the convention has no other column."""
    counted = [i for i, name in enumerate(columns, 1) if name in ("macs", "flops")]
    if not counted or convention in ("macs", "flops"):
        return columns
    return (*columns[: counted[-1]], "work", *columns[counted[-1] :])


def named(word: str) -> str:
    """The name of the column that has a word as its name or header, in either case; the word itself where none has."""
    columns = {**COLUMNS, **OF_A_RUN}
    headers = {**DESCRIPTIONS, **{name: column.title for name, column in columns.items()}}
    return next((name for name, title in headers.items() if word.lower() in (name, title.lower())), word)


def words(name: str) -> str:
    """A figure in words: ``expected MACs``."""
    return name.replace("_", " ").replace("macs", "MACs").replace("flops", "FLOPs")
