"""Schemas of a network's figures, made from the list of columns: summary, list, compare, diff and explain."""

from __future__ import annotations

from typing import Any

from cnncalc.analysis.report import IDENTITY, ORIGIN
from cnncalc.columns import COLUMNS, Column
from cnncalc.counting.backward import PASSES
from cnncalc.graph.graph import LIBRARIES
from cnncalc.render.schemas.notation import (
    COUNT,
    EXACT,
    EXACT_DIFFERENCE,
    FLAG,
    INTEGER,
    NUMBER,
    OBJECT,
    POSITIVE,
    TEXT,
    Definition,
    Schema,
    array,
    const,
    mapping,
    matching,
    nullable,
    output,
    record,
    words,
)  # fmt: skip
from cnncalc.values import DTYPES, LAYOUTS

SHAPE = Definition("shape", array(POSITIVE))
#: of the only input, or of several by their names
INPUT: Schema = {"type": ["array", "object"], "items": POSITIVE, "additionalProperties": SHAPE}
SET = (array(TEXT), "the variables and inputs that were set: classes=10, input=3x64x64")
SPEC = Definition(
    "spec",
    record(
        {
            "name": TEXT,
            "title": TEXT,
            "source?": TEXT,
            "notes?": TEXT,
            "family?": TEXT,
            "file": (nullable(TEXT), "null: there is none"),
            "sha256": matching("^[0-9a-f]{64}$"),
            "vars": OBJECT,
            "set": SET,
        }
    ),
)
DTYPE = words(DTYPES)
COUNTED: Schema = {
    "convention": TEXT,
    "with_side": FLAG,
    "pass": words(PASSES),
    "written": (nullable(words(LIBRARIES)), "whose program tools count; null: that of each network's own"),
}
ASSUMPTIONS = Definition("assumptions", record({"input": INPUT, "batch": POSITIVE, "dtype": DTYPE, **COUNTED}))
#: what a spec says of a published figure
CLAIM: Schema = {
    "quantity": TEXT,
    "printed": TEXT,
    "holds": FLAG,
    **{
        f"{key}?": TEXT
        for key in ("source", "at", "because", "convention", "tol", "of", "dtype", "optimizer", "attention", "written")
    },
    "input?": SHAPE,
    "batch?": POSITIVE,
    "with_side?": FLAG,
    "file": TEXT,
    "line": POSITIVE,
}
#: remarks on the figures
DIAGNOSTICS: Schema = array(
    Definition(
        "diagnostic",
        record({"kind": words(("unread_layers", "unread_pixels")), "layers": array(TEXT, 1), "message": TEXT}),
    )
)
#: what a layer is told by besides its figures
_DESCRIBED: Schema = {
    "path": TEXT,
    "op": TEXT,
    "inputs": array(TEXT),
    "in": array(SHAPE),
    "out": SHAPE,
    "layout": (words(LAYOUTS), "of out"),
    "count": (POSITIVE, "values of that shape"),
    "shared_with": (nullable(TEXT), "the layer whose weights are used"),
    "file": TEXT,
    "line": POSITIVE,
}
_RATIOS: Schema = {**array(nullable(NUMBER)), "description": "by the first network; null where that is 0"}


def figure(column: Column) -> Any:
    """A column's value: a whole number; where a mean is no whole one, text; where a field is meant, a list."""
    if column.expected:
        return EXACT, f"{column.meaning}; what is no whole number is exact text, 7/3"
    if column.unit == "pixels":
        return nullable(array(NUMBER)), f"{column.meaning}; null where no axis is left"
    return COUNT, column.meaning


def totals() -> Schema:
    """Every column that has one."""
    return {name: figure(column) for name, column in COLUMNS.items() if column.total != "none"}


def layer() -> Schema:
    """A row."""
    figures = {name: figure(column) for name, column in COLUMNS.items() if column.in_rows}
    return {**{key: _DESCRIBED[key] for key in (*IDENTITY, *ORIGIN)}, **figures}


def report_fields(more_totals: Schema, more_of_layer: Schema) -> Schema:
    """A report; the command memory has more totals, and more of each layer that it counts."""
    said = "Sums over layers; depth is the most weighted layers on a path."
    of_all, of_layer = Definition("totals", record(totals(), said)), Definition("layer", record(layer()))
    side = {"name": TEXT, "from": TEXT, "out": SHAPE, "totals": of_all, "layers": array(of_layer)}
    return {
        "spec": SPEC,
        "assumptions": ASSUMPTIONS,
        "totals": record({**totals(), **more_totals}, said) if more_totals else of_all,
        "uncounted": (array(TEXT), "operators that do arithmetic of which work has nothing"),
        "layers": array(record({**layer(), **more_of_layer}) if more_of_layer else of_layer, 1),
        "side": array(record(side)),
        "claims": array(record(CLAIM)),
        "diagnostics": DIAGNOSTICS,
    }


def summary() -> Schema:
    """What summary, params, macs and shapes print."""
    return output(
        "summary",
        report_fields({}, {}),
        "A network's figures under stated assumptions: raw integers, the unit in the key, layers in call order, the "
        "first the input. params, macs and shapes print the same.",
    )


def listed() -> Schema:
    """What list prints."""
    described: Schema = {"name": TEXT, "title": TEXT, "family": TEXT, "file": TEXT, "input": INPUT}
    reasons = array(record({"name": TEXT, "reason": TEXT}))
    return output(
        "list",
        {
            "assumptions": record({"batch": const(1), "dtype": const("float32"), **COUNTED}),
            "networks": array(record({**described, **totals()})),
            "not_reproducible": (
                reasons,
                "networks that are not listed, since the convention's tool counts by what they do not say",
            ),
        },
        "Networks with their totals at batch 1 and float32.",
    )


def compare() -> Schema:
    """What compare prints."""
    part = {"path": TEXT, "quantity": TEXT, "values": array(COUNT), "ratios": _RATIOS}
    return output(
        "compare",
        {
            "networks": array(Definition("summary", summary()), 2),
            "ratios": record(dict.fromkeys(totals(), _RATIOS)),
            "parts": array(record(part)),
        },
        "Summaries of two or more networks, the ratios of their totals, and the parts whose paths match.",
    )


def diff() -> Schema:
    """What diff prints."""
    side = Definition(
        "side",
        record(
            {
                "kind": words(("spec", "folder", "revision", "working tree")),
                "name": TEXT,
                "commit": nullable(matching("^[0-9a-f]{40,64}$")),
            }
        ),
    )
    total = {
        "before": nullable(EXACT),
        "after": nullable(EXACT),
        "difference": nullable(EXACT_DIFFERENCE),
        "relative": (nullable(NUMBER), "difference by before; null where that is 0"),
    }
    row = Definition("row", record({"path": TEXT, "op": TEXT, "out": SHAPE, "params": COUNT, "macs": COUNT}))
    what = "an argument of the operator, or op, in, shape, inputs, shared_with, or a figure"
    change = {
        "change": words(("added", "removed", "renamed", "changed")),
        "before": nullable(row),
        "after": nullable(row),
        "differences": array(record({"what": (TEXT, what), "before": {}, "after": {}})),
    }
    version = Definition("version", record({"name": TEXT, "file": (TEXT, "REVISION:PATH where it is of a revision")}))
    error = {"file": TEXT, "line": POSITIVE, "column": POSITIVE, "message": TEXT, "hint": nullable(TEXT)}
    network = {
        "name": TEXT,
        "status": words(("changed", "added", "removed", "broken")),
        "before": nullable(version),
        "after": nullable(version),
        "totals": (mapping(record(total)), "empty where neither version can be read"),
        "layers": array(record(change)),
        "errors": (array(record(error)), "why a version can't be read"),
        "diagnostics": DIAGNOSTICS,
    }
    assumed = {
        "set": (array(TEXT), "NAME=VALUE"),
        "input": (nullable(INPUT), "null: each network's own"),
        "batch": POSITIVE,
        "dtype": TEXT,
        **COUNTED,
    }
    statuses = ("changed", "added", "removed", "broken", "unchanged")
    return output(
        "diff",
        {
            "before": side,
            "after": side,
            "assumptions": record(assumed),
            "counts": record(dict.fromkeys(statuses, COUNT)),
            "networks": array(record(network)),
            "unchanged": (array(TEXT), "names of the networks that are the same in every figure and layer"),
        },
        "What changed between two versions of specs: totals and layers of every network that is not the same.",
    )


def explain() -> Schema:
    """What explain prints: one of three."""
    variant = (nullable(TEXT), "the way of writing the operator that the weight is for; null: any")
    term: Schema = {
        "op_kind": TEXT,
        "variant": variant,
        "quantity": TEXT,
        "count": COUNT,
        "elements": COUNT,
        "weight": INTEGER,
        "work": INTEGER,
    }
    step: Schema = {
        **term,
        "weight": (INTEGER, "0: the convention leaves it out"),
        "macs_weight": ({"enum": [0, 1]}, "1: a multiply-accumulate; 0: anything else"),
        "work": (INTEGER, "elements * (weight - macs_weight)"),
    }
    convention = {
        "name": TEXT,
        "total": nullable(INTEGER),
        "unit": words(("macs", "flops")),
        "reproducible": FLAG,
        "tool_version": TEXT,
        "program": (nullable(TEXT), "the library whose program the tool counts; null: a rule that has no tool"),
        "rule": TEXT,
        "terms": array(record(term)),
        "difference_from_macs": (
            array(record(step)),
            "what leads from the total of macs to this one, the largest first: the sum of work is the difference of "
            "the two totals",
        ),
        "uncounted": array(TEXT),
        "note": TEXT,
    }
    program = {
        "library": words(LIBRARIES),
        "source": (nullable(TEXT), "the file that has the network; null: as the library writes in general"),
        "written": (array(TEXT), "what it writes otherwise than as PyTorch's modules"),
    }
    match = {"network": TEXT, "rule": TEXT, "input": SHAPE, "computed": COUNT, "off": NUMBER}
    formulas = array(
        Definition(
            "formula",
            record(
                {
                    "quantity": (
                        TEXT,
                        "what it is, with its unit where it has one: macs, output_height, activation_bytes",
                    ),
                    "symbolic": (
                        TEXT,
                        "with names; legend says what they mean, and those that it doesn't are quantities of other "
                        "formulas",
                    ),
                    "substituted": (
                        TEXT,
                        "with numbers: digits, + - * / ( ), floor and ceil; of a block the terms that are not 0",
                    ),
                    "value": (EXACT, "what it is worth: an integer, but 3/2 for a jump behind an enlargement"),
                    "note": (nullable(TEXT), "what the arithmetic does not say"),
                }
            ),
        )
    )
    layers = array(record({"path": TEXT, "op": TEXT, "out": SHAPE, "formulas": formulas}))
    forms: list[tuple[str, Schema]] = [
        (
            "a network under every convention",
            {
                "assumptions": ASSUMPTIONS,
                "program": (record(program), "the program whose figures the tools' are"),
                "conventions": array(record(convention)),
                "parameters": array(record({"rule": TEXT, "total": COUNT})),
                "diagnostics": DIAGNOSTICS,
            },
        ),
        (
            "the ways of counting that come to a published figure",
            {"published": TEXT, "agree": FLAG, "matches": array(record(match)), "diagnostics": DIAGNOSTICS},
        ),
        (
            "a layer's arithmetic with its numbers put in; of a block the sum of its layers",
            {
                "assumptions": ASSUMPTIONS,
                "layer": (TEXT, "the path that was asked for"),
                "what": (TEXT, "the operator with its arguments, or the block and how many layers it has"),
                "in": array(SHAPE),
                "out": SHAPE,
                "legend": (OBJECT, "the meaning of each symbol; empty for a block"),
                "formulas": formulas,
                "layers": (layers, "the layers of a block; empty for a single one"),
                "diagnostics": DIAGNOSTICS,
            },
        ),
    ]
    return {
        "title": "cnncalc.explain/1",
        "description": "What is counted, by whom, and why figures differ: of a network, of a published figure, or of "
        "a layer.",
        "oneOf": [output("explain", {"spec": SPEC, **fields}, said) for said, fields in forms],
    }
