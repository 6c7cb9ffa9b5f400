"""How many rows and steps layers take at least, by multiplication: what is far past a limit is refused before any row
is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from cnncalc.errors import ExpressionError, LimitError, SpecError
from cnncalc.graph.builder import LAYER_LIMIT
from cnncalc.spec.compile.forms import Block, BlockLayer, GroupLayer, JoinLayer, Layer, OpLayer, StagesLayer
from cnncalc.spec.compile.slots import Slot
from cnncalc.spec.expressions import ExprValue

CALL_LIMIT = 48
STEP_LIMIT = 200_000


class Least:
    """What is known before the expansion: constants, and outside of blocks and stages the ``variables`` of the spec.

    A layer under a condition that is not known takes a step and no row, as one whose number of repeats is not known.
    """

    def __init__(self, variables: Mapping[str, ExprValue]) -> None:
        self._variables = variables
        self._blocks: dict[Block, tuple[int, int]] = {}
        self._calls = 0

    def lookup(self, name: str) -> ExprValue:
        """The value of a variable that no layer sets."""
        if name not in self._variables:
            raise ExpressionError(f"${name} is not known yet")
        return self._variables[name]

    def check(self, layers: Sequence[Layer]) -> None:
        """Refuses layers that take too many rows or steps; points at the innermost that does, or its repeats.

        Raises:
            LimitError: more than 100,000 rows or 200,000 steps.
        """
        counts = [self._of(layer, True) for layer in layers]
        for which, limit, what in ((0, LAYER_LIMIT, "layers"), (1, STEP_LIMIT, "expansion steps")):
            if sum(count[which] for count in counts) > limit:
                place = self._innermost(layers, which, limit)
                node = place.repeat.node if place.repeat else place.node
                raise LimitError(f"more than {limit:,} {what}", node.location)

    def _innermost(self, layers: Sequence[Layer], which: int, limit: int) -> Layer:
        """The innermost layer that is past a limit by itself; without one, the layer at which all together are."""
        sums = accumulate(self._of(layer, True)[which] for layer in layers)
        place = next(layer for layer, rows in zip(layers, sums, strict=True) if rows > limit)
        times, outside = 1, True
        while beyond := [layer for layer in layers if self._of(layer, outside)[which] * times > limit]:
            place = beyond[0]
            times *= self._times(place, outside)
            if isinstance(place, StagesLayer):
                times *= len(_rows(place))
            outside = outside and not isinstance(place, (BlockLayer, StagesLayer))
            layers = [*_inside(place)]
        return place

    def _of(self, layer: Layer, outside: bool) -> tuple[int, int]:
        """Rows and steps of a layer; ``outside`` of blocks and stages the variables are known."""
        if self._value(layer.when, outside, True) is not True:
            return 0, 1
        times = self._times(layer, outside)
        rows, steps = self._once(layer, outside)
        return rows * times, max((steps + 1) * times, 1)

    def _once(self, layer: Layer, outside: bool) -> tuple[int, int]:
        if isinstance(layer, OpLayer):
            return 1, 0
        if isinstance(layer, BlockLayer):
            return self._called(layer.block)
        inner = outside and not isinstance(layer, StagesLayer)
        found = [self._of(one, inner) for one in _inside(layer)]
        times = len(_rows(layer)) if isinstance(layer, StagesLayer) else 1
        return times * sum(rows for rows, _ in found), times * sum(steps for _, steps in found)

    def _called(self, block: Block) -> tuple[int, int]:
        if block not in self._blocks and self._calls < CALL_LIMIT:
            self._blocks[block] = 0, 0  # where it calls itself
            self._calls += 1
            found = [self._of(layer, False) for layer in block.layers]
            self._calls -= 1
            self._blocks[block] = sum(rows for rows, _ in found), sum(steps for _, steps in found)
        return self._blocks.get(block, (0, 0))

    def _times(self, layer: Layer, outside: bool) -> int:
        times = self._value(layer.repeat, outside, 1)
        return times if isinstance(times, int) and times is not True and times > 0 else 0

    def _value(self, slot: Slot | None, outside: bool, otherwise: ExprValue) -> ExprValue | None:
        if slot is None:
            return otherwise
        if not slot.constant and not outside:
            return None
        try:
            return slot.value(self)
        except SpecError:
            return None


def _inside(layer: Layer) -> Iterator[Layer]:
    """The layers that it runs each time."""
    if isinstance(layer, GroupLayer):
        yield from layer.layers
    elif isinstance(layer, BlockLayer):
        yield from layer.block.layers
    elif isinstance(layer, StagesLayer):
        yield from layer.body
    elif isinstance(layer, JoinLayer):
        for branch in layer.branches:
            yield from branch.layers if branch.when is None else ()


def _rows(layer: StagesLayer) -> Sequence[object]:
    """The rows of a table that is written out."""
    return next((column for column in layer.columns.values() if isinstance(column, list)), ())
