"""The JSON Schema (draft-07) of specs, for editors: made from the operators' fields.

Lower-case keys are closed, so that a misspelt operator or argument is marked while typing; forms are told apart by
``if``, so that what is marked is the argument and not the layer. Every key says what it means. What depends on other
parts of a file (blocks, variables, names of layers) is left to ``cnncalc``.
"""

from __future__ import annotations

from typing import Any

from cnncalc.graph.graph import LIBRARIES
from cnncalc.ops import OPS
from cnncalc.ops.arguments import about, meaning
from cnncalc.ops.base import Field, Op
from cnncalc.spec.claims import BUDGET_KEYS, CLAIM_KEYS, WORDS, claimable, limitable
from cnncalc.spec.compile.words import MODIFIERS
from cnncalc.spec.document import LANGUAGE_VERSION, TOP_LEVEL
from cnncalc.spec.inputs import FORMS

Schema = dict[str, Any]

_NAME = "^[A-Za-z0-9_][A-Za-z0-9_-]{0,127}$"
_TEXT: Schema = {"type": "string"}
_NAMES: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "minItems": 1}]}
_VALUE: Schema = {"type": ["string", "number", "boolean", "array"]}
_LAYERS: Schema = {"$ref": "#/definitions/layers"}
_LIST: Schema = {"type": "array"}
_EXPRESSION: Schema = {"type": ["integer", "string"]}
_IS_EXPRESSION: Schema = {"type": "string", "pattern": "\\$"}
_HAS_LAYERS: Schema = {"type": "object", "required": ["layers"]}
_SIZES: Schema = {"type": "array", "items": _EXPRESSION, "minItems": 1}
_PER_AXIS: Schema = {"anyOf": [_EXPRESSION, {**_SIZES, "maxItems": 3}]}


def _keys(*words: str) -> Schema:
    """A mapping of these words to sizes."""
    return _closed(dict.fromkeys(words, _EXPRESSION), [*words])


def _closed(properties: dict[str, Schema], required: list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


_INPUT: Schema = {"anyOf": [{**_SIZES, "maxItems": 4}, *(_keys(*form) for form in FORMS)]}
_TYPES: dict[str, Schema] = {
    "axis": _EXPRESSION,
    "sizes": {"anyOf": [_EXPRESSION, _SIZES, _keys("tokens", "features")]},
    "count": _EXPRESSION,
    "index": _EXPRESSION,
    "window": _PER_AXIS,
    "margin": _PER_AXIS,
    "pad": _PER_AXIS,
    "table": {"type": "array", "items": {"type": "array", "items": _EXPRESSION, "minItems": 1}, "minItems": 1},
    "flag": {"if": _IS_EXPRESSION, "else": {"type": "boolean"}},
    "number": {"type": ["number", "string"]},
    "rational": {"type": ["number", "string"]},
}


def schema() -> Schema:
    """The schema as data."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "cnncalc spec",
        "description": f"A neural network in the spec language of cnncalc, version {LANGUAGE_VERSION}.",
        "type": "object",
        "required": ["cnncalc"],
        "additionalProperties": False,
        "properties": {key: {"description": TOP_LEVEL[key], **_top_level()[key]} for key in TOP_LEVEL},
        "definitions": {
            "layers": {
                "if": _LIST,
                "then": {"items": {"$ref": "#/definitions/layer"}},
                "else": {"$ref": "#/definitions/layer"},
            },
            "layer": {"if": {"type": "string"}, "then": _word(), "else": {"$ref": "#/definitions/layer_mapping"}},
            "layer_mapping": _layer_mapping(),
            "branches": _branches(),
            "modifiers": {"properties": _modifiers()},
        },
    }


def _top_level() -> dict[str, Schema]:
    operators = {name: _closed({**_arguments(op), **_followers(op)}) for name, op in OPS.items() if op.role != "join"}
    block = _closed({"args": _NAMES, "inputs": _NAMES, "layers": _LAYERS}, ["layers"])
    side = _closed({"from": _TEXT, "layers": _LAYERS}, ["from", "layers"])
    figure: Schema = {"type": ["number", "string", "array"]}
    words: dict[str, Schema] = {key: {"enum": list(known)} for key, known in WORDS.items()}
    budgets = {quantity: _closed({**dict.fromkeys(BUDGET_KEYS, figure), **words}) for quantity in limitable()}
    flag: Schema = {"type": "boolean"}
    base = [_closed({"base": _TEXT}, ["base"])]
    is_continued: Schema = {"type": "array", "minItems": 1, "items": [{"type": "object", "required": ["base"]}]}
    continued = {"items": base, "additionalItems": {"$ref": "#/definitions/layer"}}
    claim = _closed({**dict.fromkeys((*claimable(), *CLAIM_KEYS), figure), **words, "holds": flag, "with_side": flag})
    return {
        "cnncalc": {"const": LANGUAGE_VERSION},
        "name": {"type": ["string", "integer"]},
        "title": _TEXT,
        "source": _TEXT,
        "notes": _TEXT,
        "extends": _TEXT,
        "uses": _NAMES,
        "input": _INPUT,
        "inputs": {"type": "object", "additionalProperties": _INPUT, "minProperties": 1},
        "vars": {"type": "object", "additionalProperties": _VALUE},
        "defaults": _closed(operators),
        "blocks": {"type": "object", "additionalProperties": False, "patternProperties": {"^[A-Z]": block}},
        "layers": {"if": is_continued, "then": continued, "else": _LAYERS},
        "side": {"type": "object", "additionalProperties": side},
        "outputs": _NAMES,
        "written": _written(),
        "claims": {"type": "array", "items": claim},
        "facts": {"type": "array", "items": {"type": "object", "required": ["source"]}},
        "budget": _closed(budgets),
        "lint": _closed({"ignore": {"type": ["array", "string"]}}),
    }  # fmt: skip


def _written() -> Schema:
    ways: dict[str, Schema] = {
        name: {"anyOf": [{"enum": list(op.writings)}, _closed(dict.fromkeys(op.writings, _TEXT))]}
        for name, op in OPS.items()
        if op.writings
    }
    stated = _closed({"source": _TEXT, **ways}, ["source"])
    return {"anyOf": [{"enum": list(LIBRARIES)}, {**_closed(dict.fromkeys(LIBRARIES, stated)), "minProperties": 1}]}


def _one_of(words: list[str]) -> Schema:
    """One of these words, or an expression."""
    return {"if": _IS_EXPRESSION, "else": {"enum": words}}


def _argument(field: Field) -> Schema:
    if field.choices:
        return _one_of(list(field.choices))
    return _TYPES[field.type]


def _arguments(op: type[Op]) -> dict[str, Schema]:
    return {name: {"description": meaning(op, name), **_argument(field)} for name, field in op.fields.items()}


def _followers(op: type[Op]) -> dict[str, Schema]:
    if not op.takes_norm_act:
        return {}
    rows = {}
    for keyword, role in (("norm", "norm"), ("act", "activation")):
        names = [name for name, other in OPS.items() if other.role == role]
        rows[keyword] = {"description": f"the {role} after it", **_one_of(["none", *names])}
    return rows


def _modifiers() -> dict[str, Schema]:
    described: dict[str, Schema] = {
        "name": {"anyOf": [{"type": "string", "pattern": f"\\$|{_NAME}"}, {"type": "integer"}]},
        "from": _NAMES,
        "when": {"type": ["string", "boolean"]},
        "repeat": _EXPRESSION,
        "first": {"type": "object"},
        "shared": _TEXT,
        "inplace": {"type": "boolean"},
    }
    return {name: {"description": MODIFIERS[name], **described[name]} for name in MODIFIERS}


def _word() -> Schema:
    """A layer that is a word: an operator that needs no argument, or a block."""
    words = [name for name, op in OPS.items() if op.role != "join"]
    said = [about(OPS[name]) for name in words]  # which editors show beside the words
    known = {"enum": words, "enumDescriptions": said, "markdownEnumDescriptions": said}
    return {"if": {"pattern": "^[^A-Z]"}, "then": known}


def _own_value(op: type[Op]) -> Schema:
    """The operation's own value: its first argument, or several in a list."""
    fields = list(op.fields.values())
    several: Schema = {"type": "array", "maxItems": len(fields)}
    if not fields:
        return {"description": about(op), **several}
    first = _argument(fields[0])
    either = (
        {"anyOf": [first, several]}
        if fields[0].type in ("sizes", "table")
        else {"if": _LIST, "then": several, "else": first}
    )
    return {"description": f"{about(op)}\n\n{fields[0].name}: {meaning(op, fields[0].name)}", **either}


def _layer_mapping() -> Schema:
    """A layer that is a mapping. With a capital key it is a block, whose arguments are its own affair."""
    forms: dict[str, dict[str, Schema]] = {}
    for name, op in OPS.items():
        if op.role == "join":
            joined = {"if": {"type": "object"}, "then": {"$ref": "#/definitions/branches"}, "else": _NAMES}
            forms[name] = {**_arguments(op), name: {"description": about(op), **joined}}
        else:
            forms[name] = {**_arguments(op), **_followers(op), name: _own_value(op)}
    forms["layers"] = {"layers": {"description": "a group of layers, run one after the other", "allOf": [_LAYERS]}}
    rows = {"description": "a table: a row a stage, a column an argument of each", "type": ["object", "array"]}
    each = {"description": "the layers of a stage, in which the columns are variables", "allOf": [_LAYERS]}
    forms["stages"] = {"stages": rows, "each": each}
    cases = [
        {"if": _is_operation(name, forms), "then": _closed({**_modifiers(), **properties})}
        for name, properties in forms.items()
    ]
    is_block = {"not": {"propertyNames": {"pattern": "^[^A-Z]"}}}
    return {
        "type": "object",
        "if": is_block,
        "then": {"$ref": "#/definitions/modifiers"},
        "else": {
            "if": {"anyOf": [{"required": [name]} for name in forms]},
            "then": {"allOf": cases},
            "else": {
                "propertyNames": {"enum": [*forms, *MODIFIERS]},
                "not": {"propertyNames": {"enum": [*MODIFIERS]}},  # a name alone is no layer
            },
        },
    }


def _is_operation(name: str, forms: dict[str, dict[str, Schema]]) -> Schema:
    """The key is there, and not as an argument of another operation: ``pad`` and ``affine`` are both."""
    others = [{"required": [other]} for other, properties in forms.items() if other != name and name in properties]
    return {"required": [name], **({"not": {"anyOf": others}} if others else {})}


def _branches() -> Schema:
    chosen = _closed(
        {"when": {"type": ["string", "boolean"]}, "layers": {"anyOf": [{"const": "identity"}, _LAYERS]}}, ["layers"]
    )
    other = {"if": {"const": "identity"}, "else": _LAYERS}
    branch = {"if": _HAS_LAYERS, "then": {"anyOf": [_LAYERS, chosen]}, "else": other}
    return {"type": "object", "minProperties": 2, "additionalProperties": branch}
