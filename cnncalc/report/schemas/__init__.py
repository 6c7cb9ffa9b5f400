"""The JSON Schemas of what the commands print, shipped as files: summary (and params, macs, shapes), memory, compare,
list, check and error.
"""

from __future__ import annotations

import os


def read(name: str) -> str:
    """The text of a schema."""
    with open(os.path.join(os.path.dirname(__file__), f"{name}.json"), encoding="utf-8") as file:
        return file.read()
