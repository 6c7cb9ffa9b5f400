"""The classes of :mod:`cnncalc.torch_backend.modules` as text: a written network carries those that it needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from cnncalc.source.layout import WIDTH

_COMMENT = re.compile(r"  # type: ignore\S*$")


@cache
def _module() -> tuple[tuple[str, ...], dict[str, ast.ClassDef]]:
    """Its lines and classes; it is read, not imported: that would import torch."""
    text = (Path(__file__).parent.parent / "torch_backend" / "modules.py").read_text("utf-8")
    classes = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    return tuple(text.splitlines()), classes


def class_names() -> Iterable[str]:
    """The names of all classes."""
    return _module()[1]


@cache
def parameters(name: str) -> tuple[str, ...] | None:
    """The names of the arguments of a class; None where its base takes them."""
    _, classes = _module()
    for item in classes[name].body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return tuple(argument.arg for argument in item.args.args[1:])
    return None


def base(name: str) -> str:
    """The last word of the name of a class's base: ``LayerNorm``."""
    return ast.unparse(_module()[1][name].bases[-1]).rpartition(".")[2]


def text(names: Sequence[str]) -> list[list[str]]:
    """The lines of each class, and of the ones they are made from. What a formatter would break elsewhere is marked."""
    lines, classes = _module()
    result = []
    needed = {*names, *(ast.unparse(base) for name in names for base in classes[name].bases)}
    for name, node in classes.items():
        if name in needed:
            body = [_COMMENT.sub("", line) for line in lines[node.lineno - 1 : node.end_lineno]]
            wide = any(len(line) > WIDTH and '"""' not in line for line in body)
            result.append(["# fmt: off", *body, "# fmt: on"] if wide else body)
    return result
