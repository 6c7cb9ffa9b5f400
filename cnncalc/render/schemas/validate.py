"""Whether JSON data fits one of the schemas of files that are read back, in the part of JSON Schema that they use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: what is looked at; ``title`` and ``description`` are for people
KEYWORDS = frozenset(
    (
        "const", "enum", "type", "minimum", "minItems", "maxItems", "items", "required", "properties",
        "additionalProperties", "title", "description",
    )
)  # fmt: skip
#: beyond it a number is no figure, and can't be shown as one
LARGEST = 10**30
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def misfit(value: Any, schema: Mapping[str, Any], path: str = "") -> str | None:
    """What is wrong with a value, with its place (``/layers/3/macs``); None where it fits."""
    place = path or "/"
    if "const" in schema and value != schema["const"]:
        return f"{place} must be {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{place} must be one of {', '.join(schema['enum'])}"
    if "type" in schema:
        words = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        if not any(_is(value, word) for word in words):
            return f"{place} must be of type {' or '.join(words)}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not abs(value) <= LARGEST:
            return f"{place} is too large to show"
        if "minimum" in schema and value < schema["minimum"]:
            return f"{place} must be at least {schema['minimum']}"
    if isinstance(value, str) and not value.isprintable():
        return f"{place} has characters that can't be printed"
    if isinstance(value, list):
        return _list(value, schema, path)
    return _object(value, schema, path) if isinstance(value, dict) else None


def _is(value: Any, word: str) -> bool:
    return isinstance(value, _TYPES[word]) and (word == "boolean" or not isinstance(value, bool))


def _list(value: list[Any], schema: Mapping[str, Any], path: str) -> str | None:
    least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not least <= len(value) <= most:
        return f"{path or '/'} has {len(value)} items"
    found = (misfit(item, schema.get("items", {}), f"{path}/{i}") for i, item in enumerate(value))
    return next((one for one in found if one), None)


def _object(value: dict[str, Any], schema: Mapping[str, Any], path: str) -> str | None:
    properties = schema.get("properties", {})
    missing = [key for key in schema.get("required", ()) if key not in value]
    if missing:
        return f"{path or '/'} needs {missing[0]}"
    others = schema.get("additionalProperties", {})
    unknown = [key for key in value if key not in properties] if others is False else []
    if unknown:
        return f"{path or '/'} has an unknown key {unknown[0][:60]!a}"
    found = (misfit(item, properties.get(key, others), f"{path}/{ascii(key)[1:-1]}") for key, item in value.items())
    return next((one for one in found if one), None)
