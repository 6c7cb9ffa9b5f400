"""Predicted memory beside what was measured on GPUs: every file of a GPU under tests/measurements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import cnncalc
from cnncalc.memory.cuda.gpu import reserve
from cnncalc.memory.cuda.workspaces import Libraries, WorkspaceBytes
from cnncalc.memory.simulate import Settings, simulate

FOLDER = Path(__file__).resolve().parent.parent / "measurements"
REQUESTED, ALLOCATED = 0.005, 0.02


def measured() -> list[Any]:
    """The runs of all files that have workspaces, which are measured on a GPU alone."""
    found = []
    for path in sorted(FOLDER.rglob("*.json")):
        data = json.loads(path.read_text("utf-8"))
        runs = [run for run in data.get("runs", ()) if "workspaces" in run]
        found += [pytest.param(data, run, id=f"{path.parent.name}-{path.stem}-{run['batch']}") for run in runs]
    reason = "no file under tests/measurements was measured on a GPU; its README says how"
    return found or [pytest.param({}, {}, marks=pytest.mark.skip(reason=reason))]


@pytest.mark.parametrize(("data", "run"), measured())
def test_predicted_memory_is_what_a_gpu_measured(data: dict[str, Any], run: dict[str, Any]) -> None:
    settings, table = data["settings"], run["workspaces"]
    rows = {row["signature"]: WorkspaceBytes(*(row[name] for name in WorkspaceBytes._fields)) for row in table["rows"]}
    graph = cnncalc.load(data["spec"]["name"]).graph
    given = Settings(settings["mode"] == "train", settings["dtype"], settings["with_side"], device="cuda")
    step = simulate(graph, run["batch"], given)
    peaks = reserve(step, graph, run["batch"], given, Libraries(table["cublas"], rows)).peaks
    found = {row["quantity"]: row["measured"] for row in run["compared"]}
    assert peaks.requested_bytes == pytest.approx(found["requested_bytes"], rel=REQUESTED)
    assert peaks.allocated_bytes == pytest.approx(found["memory_bytes"], rel=ALLOCATED)
