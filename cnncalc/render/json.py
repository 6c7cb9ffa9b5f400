"""JSON, one layer a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def write(payload: Mapping[str, Any]) -> str:
    """The payload with a line for every top-level key, and for every item of a list of objects."""
    from json import dumps

    pieces: list[str] = []
    for key, value in payload.items():
        pieces += [",\n" if pieces else "{\n", f"  {dumps(key)}: "]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            pieces += ["[\n", *(f"    {dumps(item)},\n" for item in value)]
            pieces[-1] = pieces[-1].removesuffix(",\n")
            pieces.append("\n  ]")
        else:
            pieces.append(dumps(value))
    text = "".join([*pieces, "\n}\n"])
    del pieces  # of 100,000 layers both are large
    return text.replace("##[", "#\\u0023[")  # the same data, and no command in the log of a runner
