"""Parameters by kind, and buffers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cnncalc.analysis.report import Report

NAMES = ("params", "weights", "biases", "norm_params", "other_params", "buffers", "running_stats")

#: layers after an input of 3x8x8, and the figures in the order of NAMES
ROWS = [
    ("{conv: 4, kernel: 3}", (112, 108, 4, 0, 0, 0, 0)),  # 3*3*3*4 = 108, and 4 biases
    ("{conv: 4, kernel: 3, bias: false}", (108, 108, 0, 0, 0, 0, 0)),
    # 108 weights; 4 scales and 4 shifts; 4 means, 4 variances and a count of batches
    ("{conv: 4, kernel: 3, bias: false, norm: bn}", (116, 108, 0, 8, 0, 9, 8)),
    ("{bn: false}", (0, 0, 0, 0, 0, 7, 6)),  # 3 + 3 + 1
    ("{dwconv: 3, multiplier: 2}", (60, 54, 6, 0, 0, 0, 0)),  # 3*3*6 = 54, and 6
    ("{conv_transpose: 5, kernel: 2}", (65, 60, 5, 0, 0, 0, 0)),  # 2*2*3*5 = 60, and 5
    ("prelu", (1, 0, 0, 0, 1, 0, 0)),
    ("{prelu: true}", (3, 0, 0, 0, 3, 0, 0)),
    ("layernorm", (6, 0, 0, 6, 0, 0, 0)),  # 3 scales and 3 shifts
    ("{groupnorm: 3}", (6, 0, 0, 6, 0, 0, 0)),
    ("instancenorm", (0, 0, 0, 0, 0, 0, 0)),
    ("relu", (0, 0, 0, 0, 0, 0, 0)),
    ("{conv: 2, kernel: 3, connections: [[0], [1, 2]]}", (29, 27, 2, 0, 0, 0, 0)),  # 3 pairs of 3*3, and 2
    ("{affine: true}", (6, 0, 0, 0, 6, 0, 0)),  # 3 scales and 3 biases, which belong to no weights
    ("{affine: true, bias: false}", (3, 0, 0, 0, 3, 0, 0)),
    ("noise", (3, 0, 0, 0, 3, 0, 0)),
    ("{parameter: [4, 2, 2]}", (16, 0, 0, 0, 16, 0, 0)),
    ("[tokens, class_token]", (3, 0, 0, 0, 3, 0, 0)),
    ("[tokens, position_embedding]", (192, 0, 0, 0, 192, 0, 0)),  # 64*3
    ("[tokens, {attention: 3}]", (48, 36, 12, 0, 0, 0, 0)),  # 4 * 3*3, and 4 * 3
    # 36 and 12; 7*7 offsets of 3 heads; 16*16 pairs
    ("{window_attention: 3, window: 4}", (195, 36, 12, 0, 147, 256, 0)),
    # weights: 36, 2*512 and 512*3; biases: 12 and 512; 3 scales; 16*16 pairs, and 7*7 offsets of 2
    ("{window_attention: 3, window: 4, position: mlp, cosine: true}", (3123, 2596, 524, 0, 3, 354, 0)),
    ("{window_attention: 1, window: 4, position: none, bias: false}", (36, 36, 0, 0, 0, 0, 0)),
    ("[flatten, {rbf: 10}]", (0, 0, 0, 0, 0, 1920, 0)),  # 3*8*8*10
    ("[flatten, {linear: 10}]", (1930, 1920, 10, 0, 0, 0, 0)),  # 3*8*8*10 = 1,920, and 10
]


@pytest.mark.parametrize(("layers", "figures"), ROWS, ids=[row[0] for row in ROWS])
def test_kinds(layers: str, figures: tuple[int, ...], analyze: Callable[..., Report]) -> None:
    sequence = layers if layers.startswith("[") else f"[{layers}]"
    report = analyze(f"input: [3, 8, 8]\nlayers: {sequence}")
    assert tuple(report.totals[name] for name in NAMES) == figures


SHARED = """
input: [3, 8, 8]
blocks:
  Head:
    layers:
      - {conv: 3, kernel: 3, pad: 1, bias: false, norm: bn}
layers:
  - {conv: 3, kernel: 1, name: first}
  - {conv: 3, kernel: 1, shared: first, name: second}
  - {Head: [], name: left}
  - {Head: [], shared: left, name: right}
"""


def test_shared_weights_count_once_at_the_first(analyze: Callable[..., Report]) -> None:
    report = analyze(SHARED)
    rows = {row.path: row for row in report.layers}
    assert rows["first"].params == 12  # 3*3 + 3
    assert rows["second"].params == 0
    assert rows["second"].macs == rows["first"].macs == 576  # 9 * 8*8, done twice
    # 12, and once 3*3*3*3 = 81 weights with 6 norm parameters
    assert report.totals["params"] == 12 + 81 + 6
    assert report.totals["buffers"] == 7


def test_parameters_do_not_depend_on_batch_type_or_convention(analyze: Callable[..., Report]) -> None:
    net = "input: [3, 8, 8]\nlayers: [{conv: 4, kernel: 3, norm: bn}, prelu]"
    plain = analyze(net)
    other = analyze(net, batch=7, dtype="float16", convention="flops")
    assert [plain.totals[name] for name in NAMES] == [other.totals[name] for name in NAMES]
