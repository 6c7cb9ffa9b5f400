"""The PyTorch module of an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cnncalc.ops.base import Op
from cnncalc.values import MapShape, SequenceShape, Shape, ValueShape, VectorShape


def typed(op: Op, *inputs: Shape) -> tuple[ValueShape, ...]:
    """Shapes with the layout that their number of axes stands for: of two, a map where the operator takes maps."""
    pair = MapShape if "map" in op.layouts else SequenceShape
    kinds = {1: VectorShape, 2: pair}
    return tuple(x if isinstance(x, ValueShape) else kinds.get(len(x), MapShape)(*x) for x in inputs)


@pytest.fixture
def module() -> Callable[[Op, tuple[Shape, ...]], Any]:
    """Builds what an operator's lowering names, in evaluation mode."""
    from cnncalc.torch_backend.build import resolve

    return lambda op, inputs: resolve(op.lowering(*typed(op, *inputs))).eval()
