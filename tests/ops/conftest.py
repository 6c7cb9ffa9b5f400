"""The PyTorch module of an operator."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from torch import nn

from cnncalc.ops.base import Lowering, Op
from cnncalc.values import Shape


def _resolve(value: Any) -> Any:
    if not isinstance(value, Lowering):
        return value
    home, _, name = value.target.rpartition(".")
    keywords = {key: _resolve(single) for key, single in value.kwargs.items()}
    return getattr(import_module(home), name)(*map(_resolve, value.args), **keywords)


@pytest.fixture
def module() -> Callable[[Op, tuple[Shape, ...]], nn.Module]:
    """Builds what an operator's lowering names, in evaluation mode."""
    return lambda op, inputs: _resolve(op.lowering(*inputs)).eval()
