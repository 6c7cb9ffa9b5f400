"""Depth, as papers number their networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cnncalc import network
from cnncalc.analysis import depth


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("vgg16", 16),  # 13 convolutions and 3 linear layers
        ("resnet50", 50),  # 1 + 3*(3 + 4 + 6 + 3) + 1; the projections are beside the longest path
        ("densenet121", 121),  # 1 + 2*(6 + 12 + 24 + 16) + 3 transitions + 1
        ("googlenet_paper", 22),  # 3 + 9 modules of 2 + 1; the auxiliary heads are off the path
    ],
)
def test_networks_are_as_deep_as_their_names(name: str, layers: int) -> None:
    assert network.load(name).analyze().totals["depth"] == layers


def test_the_longest_path_counts(column: Callable[..., dict[str, Any]]) -> None:
    values = column(
        depth,
        "depth",
        """
input: [2, 8, 8]
layers:
  - {conv: 2, kernel: 1, norm: bn, act: prelu, name: a}
  - add:
      long: [{conv: 2, kernel: 1, name: b}, {dwconv: 3, pad: 1, name: c}]
      short: [{conv: 2, kernel: 1, name: d}]
    name: j
  - {conv_transpose: 2, kernel: 2, name: t}
  - flatten
  - {linear: 3, name: out}
""",
    )
    assert values == {
        "input": 0,
        "a": 1,
        "a.bn": 1,  # normalization and PReLU have parameters, but are no layers
        "a.prelu": 1,
        "j.long.b": 2,
        "j.long.c": 3,
        "j.short.d": 2,
        "j": 3,
        "t": 4,
        "flatten1": 4,
        "out": 5,
    }
