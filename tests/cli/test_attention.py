"""Attention in commands that have no options of a run: its kernel is printed."""

from __future__ import annotations

import json
from typing import Any

NET = "input: {tokens: 6, features: 8}\nlayers: [{attention: 2}, {select: 0}, {linear: 3}]"
CLAIMS = (
    f"cnncalc: 1\nname: t\nsource: s\n{NET}\nclaims:\n  - {{training_memory: 9KB, source: s}}\n"
    "  - {training_memory: 9KB, attention: flash, source: s}\n  - {params: 3, attention: math, source: s}\n"
    "budget:\n  training_memory: {max: 1KB, attention: math}\n  params: {max: 1, attention: math}\n"
)


def test_claims_and_budgets(cnncalc: Any, tmp_path: Any) -> None:
    spec = tmp_path / "t.yaml"
    spec.write_text(CLAIMS)
    found = json.loads(cnncalc("check", str(spec), "-f", "json").out)["specs"][0]
    said = "kernel of attention: {} (by PyTorch's source, not measured)"
    first, *others = [finding["message"] for finding in found["findings"] if finding["code"] != "CN012"]
    assert first.endswith(said.format("efficient"))
    assert found["claims"][0]["label"] == f"training_memory; {said.format('efficient')}"
    assert others[:2] == [
        "attention by flash needs float16 or bfloat16 on the device cuda",
        "this version can't compute params (attention math), so the claim is not checked",
    ]
    assert others[2].endswith(said.format("math"))
    assert others[3] == "this version can't compute params (attention math), so its budget is not checked"


def test_explain(cnncalc: Any, tmp_path: Any) -> None:
    spec = tmp_path / "t.yaml"
    spec.write_text(f"cnncalc: 1\nname: t\n{NET}\n")
    shown = cnncalc("explain", str(spec), "attention1", "-f", "plain").out
    assert "3*t_in*f_in*b + heads*ceil(t_in/32)*32*4 + t_out*f_out*b" in shown
    assert shown.endswith("\nkernel of attention: efficient (by PyTorch's source, not measured)\n")
    assert "of attention:" not in cnncalc("explain", str(spec), "linear1", "-f", "plain").out
