"""The JSON Schemas of what the commands print and of the files that they write, shipped as files. That of params, macs
and shapes is summary.
"""

from __future__ import annotations

import os


def read(name: str) -> str:
    """The text of a schema."""
    with open(os.path.join(os.path.dirname(__file__), f"{name}.json"), encoding="utf-8") as file:
        return file.read()
