"""An operator that is one class: every command has it, and what nobody has measured or derived of it is not known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

import pytest

from cnncalc.cli.pages import operators
from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.ops import base
from cnncalc.ops.base import Lowering, Op, op
from cnncalc.spec import schema
from cnncalc.values import Work

TOOLS = ("torch", "fvcore", "ptflops", "ptflops-aten", "thop", "torchinfo", "torchprofile", "calflops")
HIDDEN, FEATURES, TOKENS = 6, 8, 5
MACS = TOKENS * 4 * HIDDEN * (FEATURES + HIDDEN)  # four gates of the input and of the state before it


@pytest.fixture
def spec(tmp_path, monkeypatch):
    """A network with an operator ``lstm``, which is here only."""
    monkeypatch.setattr(base, "_REGISTRY", base._REGISTRY)

    class LSTM(Op):
        """A recurrent layer.   [t, f] -> [t, hidden]"""

        means: ClassVar[Mapping[str, str]] = {"hidden": "features of its state"}

        layouts = ("sequence",)
        biases = ("bias_ih_l0", "bias_hh_l0")

        hidden: int

        def shape(self, x):
            return x.with_channels(self.hidden)

        def weights(self, x):
            gates = 4 * self.hidden
            kernels = {"weight_ih_l0": (gates, x[1]), "weight_hh_l0": (gates, self.hidden)}
            return {**kernels, "bias_ih_l0": (gates,), "bias_hh_l0": (gates,)}

        def work(self, x, y):
            return Work(mac=x[0] * 4 * self.hidden * (x[1] + self.hidden))

        def reach(self, x):
            return None

        def lowering(self, x):
            return Lowering("torch.nn.LSTM", (x[1], self.hidden))

        def run(self, tape, x):
            gates = tape.linear(x, tape.weights["weight_ih_l0"], tape.weights["bias_ih_l0"])
            return tape.slices(gates, 2, [range(self.hidden)])

        @classmethod
        def samples(cls):
            return []

    op("lstm")(LSTM)
    path = tmp_path / "net.yaml"
    path.write_text(f"cnncalc: 1\ninput: [{FEATURES}, {TOKENS}]\nlayers: [tokens, {{lstm: {HIDDEN}}}, {{linear: 3}}]\n")
    yield str(path)
    base._REGISTRY.pop("lstm")


def test_tables_and_json_have_it(cnncalc, spec):
    shown = cnncalc("summary", spec)
    assert (shown.code, shown.err) == (0, "")
    assert "lstm1" in shown.out
    row = json.loads(cnncalc("summary", spec, "-f", "json").out)["layers"][2]
    assert (row["path"], row["op"], row["out"], row["macs"]) == ("lstm1", "lstm", [TOKENS, HIDDEN], MACS)
    assert (row["weights"], row["biases"]) == (4 * HIDDEN * (FEATURES + HIDDEN), 2 * 4 * HIDDEN)


def test_memory_has_it(cnncalc, spec):
    result = cnncalc("memory", spec, "--train", "-f", "json")
    assert (result.code, result.err) == (0, "")


def test_no_tool_has_a_figure_that_was_not_measured(cnncalc, spec):
    shown = cnncalc("explain", spec)
    assert (shown.code, shown.err) == (0, "")
    rows = {row["name"]: row for row in json.loads(cnncalc("explain", spec, "-f", "json").out)["conventions"]}
    unknown = {name for name, row in rows.items() if row["total"] is None}
    assert unknown == {*TOOLS, "paper"} == set(CONVENTIONS) - {"macs", "flops"}
    for name in unknown:
        reason = f"lstm: how {name} counts this operator is not known"
        assert (rows[name]["reproducible"], rows[name]["note"], rows[name]["terms"]) == (False, reason, [])
        assert f"\n{name}: not known: {reason}\n" in shown.out
        refused = cnncalc("macs", spec, "--convention", name)
        assert (refused.code, refused.out) == (2, "")
        assert refused.err.startswith(
            f"error: the figure of {name} is not known for net: {reason} (hint: cnncalc explain"
        )
    linear = TOKENS * HIDDEN * 3
    assert (rows["macs"]["total"], rows["flops"]["total"]) == (MACS + linear, 2 * (MACS + linear) + TOKENS * 3)


@pytest.mark.parametrize("command", ["macs", "explain"])
def test_its_gradients_are_not_known(cnncalc, spec, command):
    refused = cnncalc(command, spec, "--pass", "backward")
    reason = "lstm: the operator does not state the products that its gradients are made of"
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith(f"error: the figure of macs is not known for net: {reason} (hint: ")


def test_its_formulas_are_not_known(cnncalc, spec):
    refused = cnncalc("explain", spec, "lstm1")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "error: no formulas are known for lstm 'lstm1' (hint: tables have its figures)\n"
    assert cnncalc("explain", spec, "linear1").code == 0


def test_the_schema_of_specs_has_it(spec):
    cases = schema.schema()["definitions"]["layer_mapping"]["else"]["then"]["allOf"]
    assert any("lstm" in case["then"]["properties"] for case in cases)


@pytest.mark.parametrize(("params", "code"), [(4 * HIDDEN * (FEATURES + HIDDEN + 2), 0), (1, 1)])
def test_claims_are_judged_on_it(cnncalc, spec, params, code):
    with open(spec, "a") as file:
        file.write(f"source: a test\nclaims: [{{params: {params}, at: lstm1, source: by hand}}]\n")
    assert cnncalc("check", spec, "--format", "table").code == code


def test_the_guide_must_have_it(spec):
    assert "| `lstm` | **hidden** | A recurrent layer.   [t, f] -> [t, hidden] |".replace("   ", " ") in operators()
