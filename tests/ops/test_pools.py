"""What pools count, against windows that are enumerated pixel by pixel, and against PyTorch's sums."""

from __future__ import annotations

from functools import cache
from itertools import product
from math import prod
from random import Random
from typing import Any

import pytest

from cnncalc.analysis import work
from cnncalc.derivation import WORK, Formulas
from cnncalc.errors import ShapeError
from cnncalc.ops import norm, pool
from cnncalc.ops.base import Op
from cnncalc.values import Assumptions, MapShape, SequenceShape, ValueShape, VectorShape
from tests.derivation.test_derivation import built, by_quantity

KINDS = {"maxpool": pool.MaxPool, "avgpool": pool.AvgPool, "lppool": pool.LPPool}


@cache
def random_pools() -> list[tuple[Op, MapShape]]:
    """600 pools of one to three axes that PyTorch takes."""
    random, found = Random(7), []
    while len(found) < 600:
        name, axes = random.choice(list(KINDS)), random.randint(1, 3)

        def each(low: int, high: int, axes: int = axes) -> tuple[int, ...]:
            return tuple(random.randint(low, high) for _ in range(axes))

        given: dict[str, Any] = {"kernel": each(1, 5), "stride": each(1, 4), "ceil": random.random() < 0.5}
        if name != "lppool":
            given["pad"] = random.choice([each(0, 2), 0, "same_tf"])
        if name == "maxpool":
            given["dilation"] = each(1, 3)
        if name == "avgpool":
            given["count_include_pad"] = random.random() < 0.5
        if name == "lppool":
            given["power"] = random.randint(1, 3)
        op, x = KINDS[name](**given), MapShape(random.randint(1, 3), *each(1, 9))
        try:
            op.shape(x)
        except ShapeError:
            continue
        found.append((op, x))
    return found


def windows(op: Any, x: MapShape, y: ValueShape) -> list[int]:
    """The pixels in the window of each value of one channel: those of its places that lie on the map."""
    axes = []
    dilations = getattr(op, "dilation", 1)
    for axis, (n, m) in enumerate(zip(x[1:], y[1:], strict=True)):
        k, s = op.kernel[axis], op.stride[axis]
        d = dilations if isinstance(dilations, int) else dilations[axis]
        pad = op.pad if isinstance(op.pad, (int, str)) else op.pad[axis]
        if pad == "same_tf":  # what makes the output ceil(n/s), the odd pixel after
            pad = max((m - 1) * s + d * (k - 1) + 1 - n, 0) // 2
        axes.append([[i * s - pad + j * d for j in range(k) if 0 <= i * s - pad + j * d < n] for i in range(m)])
    return [prod(len(places) for places in window) for window in product(*axes)]


@pytest.mark.parametrize("part", range(6))
def test_pools_count_the_pixels_of_their_windows(part: int) -> None:
    """One addition or comparison fewer than pixels; a window without any joins nothing."""
    for op, x in random_pools()[part::6]:
        y = op.shape(x)
        pixels = windows(op, x, y)
        joined = x[0] * sum(max(count - 1, 0) for count in pixels)
        counts = op.work(x, y)
        assert counts["cmp" if op.name == "maxpool" else "add"] == joined, (op, x)
        assert counts["div"] == (x[0] * len(pixels) if op.name == "avgpool" else 0), (op, x)
        if op.name == "lppool":
            roots = x[0] * len(pixels) * (op.power == 3)  # the third root is exp(log/3)
            assert counts["mul"] == x[0] * (op.power - 1) * sum(pixels) + roots, (op, x)


def test_the_random_pools_are_of_every_kind() -> None:
    """Windows that lack pixels, windows that lack none, and windows that have none."""
    seen = [(op, windows(op, x, op.shape(x)), prod(op.kernel), len(x) - 1) for op, x in random_pools()]
    assert {(op.name, axes) for op, *_, axes in seen} == set(product(KINDS, (1, 2, 3)))
    ways = {(op.ceil, op.count_include_pad) for op, *_ in seen if op.name == "avgpool"}
    assert ways == set(product((True, False), repeat=2))
    lacking = sum(min(pixels) < whole for _, pixels, whole, _ in seen)
    assert 100 < lacking < 500
    assert any(0 in pixels for _, pixels, _, _ in seen)


@pytest.mark.parametrize("part", range(6))
def test_the_formulas_say_what_is_counted(part: int) -> None:
    for op, x in random_pools()[part::6]:
        graph = built(op, (x,))
        lines = by_quantity(Formulas(graph, Assumptions()).of(len(graph.nodes) - 1))
        counts = op.work(x, op.shape(x))
        for unit in ("add", "cmp", "div", "mul"):
            assert lines.get(WORK[unit], 0) == counts[unit], (op, x, unit)
        assert lines["flops"] == work.measure(graph, Assumptions())["flops"][-1]


def test_pytorch_sums_as_many_pixels() -> None:
    """Of ones, an average pool that divides by 1 makes the number of pixels in each window."""
    torch = pytest.importorskip("torch")
    functions = {2: torch.nn.functional.avg_pool2d, 3: torch.nn.functional.avg_pool3d}
    checked = 0
    for op, x in random_pools():
        if op.name != "avgpool" or len(x) == 2 or op.pad == "same_tf":
            continue
        ones = torch.ones(1, 1, *x[1:])
        sums = functions[len(x) - 1](ones, op.kernel, op.stride, op.pad, op.ceil, op.count_include_pad, 1)
        assert sums.flatten().tolist() == windows(op, x, op.shape(x))
        assert op.work(x, op.shape(x))["add"] == x[0] * (int(sums.sum()) - sums.numel())
        checked += 1
    assert checked > 50


N = 10**9
BEFORE = (N - 1) // 2


@pytest.mark.parametrize(
    ("op", "x", "joined"),
    [
        # window i lacks BEFORE - i pixels before the map, or i - BEFORE behind it
        (
            pool.MaxPool(N, stride=1, pad="same_tf"),
            MapShape(1, N),
            N**2 - BEFORE * (BEFORE + 1) // 2 - (N - 1 - BEFORE) * (N - BEFORE) // 2 - N,
        ),
        (
            pool.AvgPool(N, stride=N - 1, ceil=True),
            MapShape(1, 2 * N),
            (N - 1) + (N - 1) + (2 - 1),
        ),  # from 0, N-1, 2N-2
        (pool.MaxPool(2, stride=1, pad=1, dilation=N), MapShape(1, N), (N + 2 - N) - 2),  # 0 and N - 1 are alone
    ],
)
def test_large_windows_are_counted_at_once(op: Op, x: MapShape, joined: int) -> None:
    counts = op.work(x, op.shape(x))
    assert counts["cmp"] + counts["add"] == joined


@pytest.mark.parametrize(
    ("groups", "x", "refused"),
    [
        (8, VectorShape(8), True),
        (8, MapShape(8, 1, 1), True),
        (8, SequenceShape(1, 8), True),
        (4, VectorShape(8), False),
        (8, MapShape(8, 1, 2), False),
        (8, SequenceShape(2, 8), False),
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_a_group_of_one_value_is_refused_as_pytorch_refuses_it(
    groups: int, x: ValueShape, refused: bool, training: bool
) -> None:
    torch = pytest.importorskip("torch")
    op = norm.GroupNorm(groups)
    sample = torch.rand(1, *x) if x.layout != "sequence" else torch.rand(1, x[1], x[0])
    module = torch.nn.GroupNorm(groups, 8).train(training)
    if refused:
        with pytest.raises(ShapeError, match="single value in each group"):
            op.shape(x)
        with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
            module(sample)
    else:
        assert op.shape(x) == x
        module(sample)
