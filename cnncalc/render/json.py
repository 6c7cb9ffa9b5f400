"""JSON, one layer a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def write(payload: Mapping[str, Any]) -> str:
    """The payload with a line for every top-level key, and for every item of a list of objects."""
    from json import dumps

    lines = []
    for key, value in payload.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            items = ",\n".join(f"    {dumps(item)}" for item in value)
            lines.append(f"  {dumps(key)}: [\n{items}\n  ]")
        else:
            lines.append(f"  {dumps(key)}: {dumps(value)}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    return text.replace("##[", "#\\u0023[")  # the same data, and no command in the log of a runner
