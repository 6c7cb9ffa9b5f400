"""The JSON Schema (draft-07) of specs, for editors: made from the operators' fields.

Lower-case keys are closed, so that a misspelt operator or argument is marked while typing. What depends on other
parts of a file (blocks, variables, names of layers) is left to ``cnncalc``.
"""

from __future__ import annotations

from typing import Any

from cnncalc.ops import OPS
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
_EXPRESSION: Schema = {"type": ["integer", "string"]}
_SIZES: Schema = {"type": "array", "items": _EXPRESSION, "minItems": 1}


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
    "window": {"$ref": "#/definitions/per_axis"},
    "margin": {"$ref": "#/definitions/per_axis"},
    "pad": {"$ref": "#/definitions/per_axis"},
    "table": {"type": "array", "items": {"type": "array", "items": _EXPRESSION, "minItems": 1}, "minItems": 1},
    "flag": {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "\\$"}]},
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
        "properties": {key: _top_level()[key] for key in TOP_LEVEL},
        "definitions": {
            "per_axis": {"anyOf": [_EXPRESSION, {"type": "array", "items": _EXPRESSION, "minItems": 1, "maxItems": 3}]},
            "layers": {
                "anyOf": [{"type": "array", "items": {"$ref": "#/definitions/layer"}}, {"$ref": "#/definitions/layer"}]
            },
            "layer": {"anyOf": [_word(), {"$ref": "#/definitions/layer_mapping"}]},
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
    continued = {
        "type": "array",
        "items": [_closed({"base": _TEXT}, ["base"])],
        "additionalItems": {"$ref": "#/definitions/layer"},
    }
    claim = _closed({**dict.fromkeys((*claimable(), *CLAIM_KEYS), figure), **words, "holds": flag, "with_side": flag})
    return {
        "cnncalc": {"const": LANGUAGE_VERSION, "description": "version of the language"},
        "name": {"type": ["string", "integer"]},
        "title": _TEXT,
        "source": _TEXT,
        "notes": _TEXT,
        "extends": {**_TEXT, "description": "the spec this one is a variant of"},
        "uses": {**_NAMES, "description": "libraries of blocks"},
        "input": _INPUT,
        "inputs": {"type": "object", "additionalProperties": _INPUT, "minProperties": 1},
        "vars": {"type": "object", "additionalProperties": _VALUE},
        "defaults": _closed(operators),
        "blocks": {"type": "object", "additionalProperties": False, "patternProperties": {"^[A-Z]": block}},
        "layers": {"anyOf": [_LAYERS, continued]},
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
    return _closed({"source": _TEXT, **ways}, ["source"])


def _argument(field: Field) -> Schema:
    if field.choices:
        return {"anyOf": [{"enum": list(field.choices)}, {"type": "string", "pattern": "\\$"}]}
    return _TYPES[field.type]


def _arguments(op: type[Op]) -> dict[str, Schema]:
    return {name: _argument(field) for name, field in op.fields.items()}


def _followers(op: type[Op]) -> dict[str, Schema]:
    if not op.takes_norm_act:
        return {}
    rows = {}
    for keyword, role in (("norm", "norm"), ("act", "activation")):
        names = [name for name, other in OPS.items() if other.role == role]
        rows[keyword] = {"anyOf": [{"enum": ["none", *names]}, {"type": "string", "pattern": "\\$"}]}
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
    return {name: described[name] for name in MODIFIERS}


def _word() -> Schema:
    """A layer that is a word: an operator that needs no argument, or a block."""
    words = [name for name, op in OPS.items() if op.role != "join"]
    return {"anyOf": [{"enum": words}, {"type": "string", "pattern": "^[A-Z][A-Za-z0-9_]*$"}]}


def _own_value(op: type[Op]) -> Schema:
    """The operation's own value: its first argument, or several in a list."""
    fields = list(op.fields.values())
    several = {"type": "array", "maxItems": len(fields)}
    return {"anyOf": [_argument(fields[0]), several]} if fields else several


def _layer_mapping() -> Schema:
    """A layer that is a mapping. With a capital key it is a block, whose arguments are its own affair."""
    forms: dict[str, dict[str, Schema]] = {}
    for name, op in OPS.items():
        if op.role == "join":
            forms[name] = {**_arguments(op), name: {"anyOf": [_NAMES, {"$ref": "#/definitions/branches"}]}}
        else:
            forms[name] = {**_arguments(op), **_followers(op), name: _own_value(op)}
    forms["layers"] = {"layers": _LAYERS}
    forms["stages"] = {"stages": {"type": ["object", "array"]}, "each": _LAYERS}
    cases = [
        {"if": _is_operation(name, forms), "then": _closed({**_modifiers(), **properties})}
        for name, properties in forms.items()
    ]
    is_block = {"not": {"propertyNames": {"pattern": "^[^A-Z]"}}}
    return {
        "type": "object",
        "if": is_block,
        "then": {"$ref": "#/definitions/modifiers"},
        "else": {"anyOf": [{"required": [name]} for name in forms], "allOf": cases},
    }


def _is_operation(name: str, forms: dict[str, dict[str, Schema]]) -> Schema:
    """The key is there, and not as an argument of another operation: ``pad`` and ``affine`` are both."""
    others = [{"required": [other]} for other, properties in forms.items() if other != name and name in properties]
    return {"required": [name], **({"not": {"anyOf": others}} if others else {})}


def _branches() -> Schema:
    chosen = _closed(
        {"when": {"type": ["string", "boolean"]}, "layers": {"anyOf": [{"const": "identity"}, _LAYERS]}}, ["layers"]
    )
    branch = {"anyOf": [{"const": "identity"}, _LAYERS, chosen]}
    return {"type": "object", "minProperties": 2, "additionalProperties": branch}
