"""The JSON Schemas of what the commands print and of the files that they write, made from the list of columns and a few
shared definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any

#: the file and function that make each schema; what params, macs and shapes print is a summary
_MADE_BY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "summary": ("report", "summary"),
        "params": ("report", "summary"),
        "macs": ("report", "summary"),
        "shapes": ("report", "summary"),
        "memory": ("run", "memory"),
        "fit": ("run", "fit"),
        "compare": ("report", "compare"),
        "compare_measured": ("measured", "compare_measured"),
        "diff": ("report", "diff"),
        "list": ("report", "listed"),
        "check": ("check", "check"),
        "verify": ("measured", "verify"),
        "profile": ("measured", "profile"),
        "workspaces": ("measured", "workspaces"),
        "explain": ("report", "explain"),
        "error": ("check", "error"),
    }
)
NAMES = tuple(_MADE_BY)


def made(name: str) -> dict[str, Any]:
    """A schema, with all that it consists of in place."""
    file, function = _MADE_BY[name]
    schema: dict[str, Any] = getattr(import_module(f"cnncalc.render.schemas.{file}"), function)()
    return schema


def schema(name: str) -> dict[str, Any]:
    """A schema as a document, with its definitions apart."""
    from cnncalc.render.schemas.notation import printed

    return printed(made(name))
