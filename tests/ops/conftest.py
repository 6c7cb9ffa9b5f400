"""The PyTorch module of an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cnncalc.ops.base import Op
from cnncalc.values import Shape


@pytest.fixture
def module() -> Callable[[Op, tuple[Shape, ...]], Any]:
    """Builds what an operator's lowering names, in evaluation mode."""
    from cnncalc.torch_backend.build import resolve

    return lambda op, inputs: resolve(op.lowering(*inputs)).eval()
