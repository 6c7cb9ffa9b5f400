"""--torch: memory by the rules of another version of PyTorch."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import cnncalc as package

Run = Callable[..., Any]


def saved(cnncalc: Run, *more: str) -> tuple[int, str]:
    result = cnncalc("memory", "mobilenet_v2", "--train", "--format", "json", *more)
    assert result.code == 0, result.err
    payload = json.loads(result.out)
    return payload["totals"]["saved_bytes"], payload["settings"]["torch"]


def test_relu6_in_place_kept_no_copy_before_1_10(cnncalc: Run) -> None:
    graph = package.load("mobilenet_v2").graph
    relus = [node for node in graph.nodes if node.op.name == "relu6"]
    # all but the last, whose result nothing else keeps: it would keep that itself
    copies = 4 * sum(node.shape[0] * node.shape[1] * node.shape[2] for node in relus[:-1])
    newest, version = saved(cnncalc)
    assert version == "2.13"
    assert saved(cnncalc, "--torch", "2.13") == (newest, "2.13")
    assert saved(cnncalc, "--torch", "1.10") == (newest, "1.10")
    older, version = saved(cnncalc, "--torch", "1.9.1")
    assert version == "1.9.1"
    assert newest - older == copies > 0


def test_the_table_says_so(cnncalc: Run) -> None:
    last = cnncalc("memory", "lenet5", "--torch", "1.9").out.splitlines()[-1]
    assert last.startswith("tensors as in PyTorch 2.13 on cuda, with the rules of 1.9 where they differ;")
    assert "known to differ" not in cnncalc("memory", "lenet5").out


@pytest.mark.parametrize("version", ["2.14", "3", "new", "0.4.1"])
@pytest.mark.parametrize("command", [["memory", "lenet5"], ["fit", "lenet5", "--memory", "1GB"]])
def test_an_unknown_version_is_refused(cnncalc: Run, command: list[str], version: str) -> None:
    result = cnncalc(*command, "--torch", version)
    assert (result.code, result.out) == (2, "")
    hint = "cnncalc knows 1.0 to 2.13; rules changed in 1.10"
    assert result.err == f"error: unknown version of PyTorch '{version}' (hint: {hint})\n"


def test_fit_takes_it_too(cnncalc: Run) -> None:
    def batch(*more: str) -> int:
        result = cnncalc("fit", "mobilenet_v2", "--train", "--memory", "2GB", "--format", "json", *more)
        assert result.code == 0, result.err
        rows = {row["what"]: row["batch"] for row in json.loads(result.out)["rows"]}
        found: int = rows["largest"]
        return found

    assert batch("--torch", "1.9") > batch()
