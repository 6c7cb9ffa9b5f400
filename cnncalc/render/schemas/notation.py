"""The words that the schemas are written with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
INTEGER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
POSITIVE: Schema = {"type": "integer", "minimum": 1}
AMOUNT: Schema = {"type": "number", "minimum": 0}
#: a count that may be a fraction, which is text then: 7/3
EXACT: Schema = {"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+/[0-9]+$"}
EXACT_DIFFERENCE: Schema = {"type": ["integer", "string"], "pattern": "^-?[0-9]+/[0-9]+$"}
OBJECT: Schema = {"type": "object"}


class Definition(Schema):
    """A schema that is printed once, under its ``name``, and referred to."""

    def __init__(self, name: str, schema: Schema) -> None:
        super().__init__(schema)
        self.name = name


def record(fields: Schema, description: str = "", title: str = "") -> Schema:
    """An object with these keys and no others; one that may be missing ends with ``?``.

    What a key means may stand beside its schema: ``(schema, description)``.
    """
    properties = {}
    for key, field in fields.items():
        properties[key.rstrip("?")] = {**field[0], "description": field[1]} if isinstance(field, tuple) else field
    said = {key: text for key, text in (("title", title), ("description", description)) if text}
    required = [key for key in fields if not key.endswith("?")]
    return {**said, "type": "object", "required": required, "properties": properties, "additionalProperties": False}


def output(name: str, fields: Schema, description: str) -> Schema:
    """What a command prints, or a file that it writes: ``cnncalc.<name>/1``."""
    title = f"cnncalc.{name}/1"
    return record({"schema": const(title), "tool": TOOL, **fields}, description, title)


def array(items: Schema, least: int | None = None, most: int | None = None) -> Schema:
    """A list."""
    limits = {key: value for key, value in (("minItems", least), ("maxItems", most)) if value is not None}
    return {"type": "array", "items": items, **limits}


def mapping(values: Schema) -> Schema:
    """An object with any keys."""
    return {"type": "object", "additionalProperties": values}


def words(known: Iterable[str]) -> Schema:
    """One of some words."""
    return {"enum": list(known)}


def const(value: Any) -> Schema:
    """Only this value."""
    return {"const": value}


def matching(pattern: str) -> Schema:
    """Text of a form."""
    return {"type": "string", "pattern": pattern}


def nullable(schema: Schema) -> Schema:
    """That, or null."""
    if isinstance(schema, Definition):
        return {"anyOf": [schema, {"type": "null"}]}
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    known = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*known, "null"]}


def printed(schema: Schema) -> Schema:
    """The schema as a whole document, with the definitions that it refers to."""
    definitions: dict[str, Schema] = {}

    def put(value: Any) -> Any:
        if isinstance(value, Definition):
            if value.name not in definitions:
                definitions[value.name] = put(dict(value))
            return {"$ref": f"#/definitions/{value.name}"}
        if isinstance(value, dict):
            return {key: put(inner) for key, inner in value.items()}
        return [put(inner) for inner in value] if isinstance(value, list) else value

    whole = {"$schema": "http://json-schema.org/draft-07/schema#", **put(dict(schema))}
    return {**whole, "definitions": definitions} if definitions else whole


TOOL = Definition("tool", record({"name": const("cnncalc"), "version": TEXT}))
