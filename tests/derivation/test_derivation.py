"""The formulas are a second derivation: what stands there, evaluated, is the engine's own figure."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from cnncalc import analysis, load
from cnncalc.analysis import work
from cnncalc.derivation import RULES, WORK, Formula, Formulas, sums
from cnncalc.derivation.expression import Expression, Symbol, ceil, floor, product, total
from cnncalc.derivation.layer import rule
from cnncalc.errors import UsageError
from cnncalc.graph.graph import Graph, Input, Node, Signature
from cnncalc.ops import OPS
from cnncalc.ops.base import Op
from cnncalc.render.formula import latex, legend, write
from cnncalc.values import WORK_UNITS, Assumptions, Shape, VectorShape
from tests.ops.conftest import typed

NETWORKS = (
    "vgg16",
    "resnet50",
    "googlenet",
    "densenet121",
    "mobilenet_v2",
    "efficientnet_b0",
    "unet_small",
    "vit_b_16",
    "swin_t",
    "lenet5",
)


def evaluate(text: str) -> Any:
    """What a text of numbers is worth, exactly; it may have nothing but numbers, + - * / ( ), floor and ceil."""
    assert re.fullmatch(r"([0-9+*/() -]|floor|ceil)+", text), text

    def value(node: ast.AST) -> Fraction:
        match node:
            case ast.Expression(body=body):
                return value(body)
            case ast.Constant(value=int() as number):
                return Fraction(number)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BinOp(left=left, op=sign, right=right):
                a, b = value(left), value(right)
                return {ast.Add: a.__add__, ast.Sub: a.__sub__, ast.Mult: a.__mul__, ast.Div: a.__truediv__}[
                    type(sign)
                ](b)
            case ast.Call(func=ast.Name(id=name), args=[argument]):
                return Fraction({"floor": math.floor, "ceil": math.ceil}[name](value(argument)))
        raise AssertionError(ast.dump(node))

    return value(ast.parse(text, mode="eval"))


def built(op: Op, inputs: Sequence[Shape]) -> Graph:
    """A graph of one operator; each of its inputs is one of the network's."""
    place: Any = SimpleNamespace(location=None)
    kinds = [Signature(Input(shape), (), shape, {}) for shape in inputs]
    inputs = typed(op, *inputs)
    output = op.shape(*inputs)
    kinds.append(Signature(op, tuple(inputs), output, op.weights(*inputs)))
    nodes = [Node(i, f"x{i}", Input(shape), (), shape, 1, place, None, None, None, i) for i, shape in enumerate(inputs)]
    last, indices = len(inputs), tuple(range(len(inputs)))
    nodes.append(Node(last, "y", op, indices, kinds[-1].output, op.count(), place, None, None, None, last))
    return Graph(nodes, kinds, [last], [], {"y": last}, {})


def by_quantity(formulas: Sequence[Formula]) -> dict[str, Any]:
    """The formulas' values by quantity; each text is worth what the formula says, and names every symbol it has."""
    known = [formula.quantity for formula in formulas]
    assert len(set(known)) == len(known)
    assert all(meaning for meaning in legend(formulas).values())
    for formula in formulas:
        assert evaluate(write(formula.expression, True)) == formula.value, formula.quantity
        assert put_in(formula) == write(formula.expression, True)
        assert latex(formula.expression, True).count("{") == latex(formula.expression, True).count("}")
    return {formula.quantity: formula.value for formula in formulas}


def put_in(formula: Formula) -> str:
    """The symbolic text with a number for each name: the two texts are one formula."""
    numbers = {symbol.name: symbol.value for symbol in formula.expression.symbols()}
    simple = {name: value for name, value in numbers.items() if isinstance(value, int) and value >= 0}
    if simple != numbers:
        return write(formula.expression, True)  # brackets come with the number
    return re.sub(r"[a-z]\w*", lambda m: str(numbers.get(m[0], m[0])), write(formula.expression, False))


def engine(graph: Graph, assumptions: Assumptions) -> Iterator[dict[str, Any]]:
    """Per node, the engine's figures under the names that the formulas have."""
    columns = analysis.Columns(graph, assumptions, {})
    names = ("params", "weights", "biases", "norm_params", "other_params", "macs", "flops", "activations")
    for node in graph.nodes:
        figures = {name: columns[name][node.index] for name in (*names, "activation_bytes")}
        work = node.op.work(*graph.signatures[node.signature].inputs, node.shape)
        for kind in WORK_UNITS:
            figures[WORK[kind]] = work[kind] * node.count * assumptions.batch
        figures["output"] = list(node.shape)
        for name, column in (("receptive_field", "receptive_field"), ("jump", "effective_stride")):
            figures[name] = columns[column][node.index] or []
        yield figures


def compared(formulas: Formulas, node: Node, figures: dict[str, Any]) -> None:
    """Requires every figure of a layer to be the engine's, those without a line to be 0."""
    given = by_quantity(formulas.of(node.index))
    for several in ("output", "receptive_field", "jump"):
        keys = [key for key in given if key.startswith(f"{several}_")]
        assert [given.pop(key) for key in keys] == figures.pop(several), (node.path, several)
    missing = {name: 0 for name in figures if name not in given}
    assert given | missing == figures, node.path


#: where the operators' own samples leave two formulas with one figure
MORE_SAMPLES = [
    ("conv", {"out": 4, "kernel": 4, "dilation": 3, "stride": 2}, (2, 14)),  # 14 - 9 - 1 = 4 fits evenly
    ("conv", {"out": 4, "kernel": 4, "dilation": 3, "stride": 2}, (2, 15)),
    ("conv", {"out": 4, "kernel": 4, "dilation": 3, "stride": 2, "pad": 2}, (2, 16)),
    ("conv", {"out": 4, "kernel": 3, "dilation": 3, "pad": "same"}, (2, 16)),
    ("maxpool", {"kernel": 4, "dilation": 3, "stride": 2, "ceil": True}, (2, 15)),
    ("conv_transpose", {"out": 4, "kernel": 4, "dilation": 3, "stride": 2, "pad": 1}, (2, 5)),
    ("conv_transpose", {"out": 4, "kernel": 4, "dilation": 3, "stride": 4}, (2, 5)),
    ("window_attention", {"heads": 2, "window": 2, "shift": True}, (4, 6, 6)),
    ("window_attention", {"heads": 2, "window": 1, "shift": True}, (4, 6, 6)),
    ("space_to_depth", {"factor": 2}, (3, 4, 6)),
]
SAMPLES = [
    *[(op, inputs) for cls in OPS.values() for op, inputs in cls.samples()],
    *[(OPS[name](**arguments), (size,)) for name, arguments, size in MORE_SAMPLES],
]


@pytest.mark.parametrize(("op", "inputs"), SAMPLES, ids=lambda value: value.name if isinstance(value, Op) else "")
@pytest.mark.parametrize("assumptions", [Assumptions(), Assumptions(batch=3, dtype="float16")], ids=["1", "3"])
def test_every_operator(op: Op, inputs: tuple[Shape, ...], assumptions: Assumptions) -> None:
    graph = built(op, inputs)
    formulas = Formulas(graph, assumptions)
    figures = list(engine(graph, assumptions))[-1]
    compared(formulas, graph.nodes[-1], figures)


@pytest.mark.parametrize(("op", "inputs"), SAMPLES, ids=lambda value: value.name if isinstance(value, Op) else "")
def test_the_gradients_of_every_operator(op: Op, inputs: tuple[Shape, ...]) -> None:
    graph = built(op, inputs)
    assumptions = Assumptions(pass_="backward")
    lines = {line.quantity: line.value for line in Formulas(graph, assumptions).counts(len(inputs))}
    assert lines["backward_macs"] == work.measure(graph, assumptions)["macs"][-1]


def test_every_operator_has_a_rule_and_samples() -> None:
    assert set(RULES) == {*OPS, "input"}
    assert {op.name for op, _ in SAMPLES} == set(OPS)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_of(name: str) -> None:
    graph = load(name).graph
    for assumptions in (Assumptions(), Assumptions(batch=2, with_side=True)):
        formulas = Formulas(graph, assumptions)
        for node, figures in zip(graph.nodes, engine(graph, assumptions), strict=True):
            compared(formulas, node, figures)


@pytest.mark.parametrize(
    "between",
    [
        "{instancenorm: []}",
        "softmax",
        "{upsample: 3}",
        "{upsample: 2, mode: bilinear}",
        "{conv_transpose: 4, kernel: 3, stride: 2}",
        "{adaptive_avgpool: 4}",
        "{pixel_shuffle: 2}",
        "{space_to_depth: 2}",
        "{slice: space, start: 1, step: 2}",
        "{pad: 1}",
        "{crop: 1}",
        "{mul: {x: identity, gate: [global_avgpool, {conv: 4, kernel: 1}, sigmoid]}}",
        "{add: {x: identity, wide: [{conv: 4, kernel: 5, pad: 2}], stretched: [{conv: 4, kernel: 3, pad: 3, dilation: 3}]}}",
        "{concat: {early: [{crop: 0, after: 4}], late: [{crop: 4, after: 0}]}}",
    ],
)
def test_every_layer_behind(graph, between: str) -> None:
    """Twice, with windows around: what an operator makes of the field is seen by the next ones."""
    window = "{conv: 4, kernel: 3, stride: 1}"
    built = graph(f"input: [4, 26, 34]\nlayers: [{window}, {between}, {window}, {between}, {window}]")
    formulas = Formulas(built, Assumptions())
    for node, figures in zip(built.nodes, engine(built, Assumptions()), strict=True):
        compared(formulas, node, figures)


def lines(graph: Graph, path: str, **assumptions: Any) -> dict[str, str]:
    """What stands in the lines of a layer: symbols = numbers = value."""
    formulas = Formulas(graph, Assumptions(**assumptions)).of(graph.paths[path])
    return {
        formula.quantity: f"{write(formula.expression, False)} = {write(formula.expression, True)} = {formula.value}"
        for formula in formulas
    }


def test_the_lines_of_the_lecture(graph) -> None:
    """As the slides on AlexNet and GoogLeNet print them."""
    conv = lines(graph("input: [3, 227, 227]\nlayers: [{conv: 96, kernel: 11, stride: 4, name: conv1}]"), "conv1")
    assert conv == {
        "output_channels": "c_out = 96 = 96",
        "output_height": "(h_in - k_h)/s_h + 1 = (227 - 11)/4 + 1 = 55",
        "output_width": "(w_in - k_w)/s_w + 1 = (227 - 11)/4 + 1 = 55",
        "weights": "k_h*k_w*c_in*c_out = 11*11*3*96 = 34848",
        "biases": "c_out = 96 = 96",
        "params": "weights + biases = 34848 + 96 = 34944",
        "macs": "h_out*w_out*c_out*k_h*k_w*c_in = 55*55*96*11*11*3 = 105415200",
        "bias_additions": "h_out*w_out*c_out = 55*55*96 = 290400",
        "flops": "2*macs + bias_additions = 2*105415200 + 290400 = 211120800",
        "activations": "h_out*w_out*c_out = 55*55*96 = 290400",
        "activation_bytes": "activations*b = 290400*4 = 1161600",
        "receptive_field_height": "rf_in + (k_h - 1)*jump_in = 1 + (11 - 1)*1 = 11",
        "receptive_field_width": "rf_in + (k_w - 1)*jump_in = 1 + (11 - 1)*1 = 11",
        "jump_height": "jump_in*s_h = 1*4 = 4",
        "jump_width": "jump_in*s_w = 1*4 = 4",
    }
    inception = lines(graph("input: [256, 28, 28]\nlayers: [{conv: 192, kernel: 3, pad: 1}]"), "conv1")
    assert inception["macs"].endswith(" = 28*28*192*3*3*256 = 346816512")


CONV = "{conv: 8, kernel: 3, name: y"

#: (input, layer, quantity, line)
LINES = [
    # the window formula
    ("[4, 8]", f"{CONV}, pad: 1}}", "output_length", "floor((l_in + 2*p_l - k_l)/s_l) + 1 = floor((8 + 2*1 - 3)/1) + 1 = 8"),
    ("[4, 8]", f"{CONV}, stride: 2}}", "output_length", "floor((l_in + 2*p_l - k_l)/s_l) + 1 = floor((8 + 2*0 - 3)/2) + 1 = 3"),
    ("[4, 9]", f"{CONV}, stride: 2}}", "output_length", "(l_in - k_l)/s_l + 1 = (9 - 3)/2 + 1 = 4"),
    ("[4, 9]", f"{CONV}, dilation: 2}}", "output_length", "(l_in - d_l*(k_l - 1) - 1)/s_l + 1 = (9 - 2*(3 - 1) - 1)/1 + 1 = 5"),
    ("[4, 9]", f"{CONV}, dilation: 2, pad: same}}", "output_length", "floor((l_in + 2*p_l - d_l*(k_l - 1) - 1)/s_l) + 1 = floor((9 + 2*2 - 2*(3 - 1) - 1)/1) + 1 = 9"),
    ("[4, 8]", f"{CONV}, stride: 3, pad: same_tf}}", "output_length", "ceil(l_in/s_l) = ceil(8/3) = 3"),
    ("[4, 8]", "{maxpool: 3, stride: 2, ceil: true, name: y}", "output_length", "ceil((l_in + 2*p_l - k_l)/s_l) + 1 = ceil((8 + 2*0 - 3)/2) + 1 = 4"),
    ("[1, 9]", "{maxpool: 2, stride: 3, ceil: true, pad: 1, name: y}", "output_length", "ceil((l_in + 2*p_l - k_l)/s_l) + 1 = ceil((9 + 2*1 - 2)/3) + 1 = 4"),
    # starts at 3*3 - 1 = 8, in the padding after 8 pixels
    ("[1, 8]", "{maxpool: 2, stride: 3, ceil: true, pad: 1, name: y}", "output_length", "ceil((l_in + 2*p_l - k_l)/s_l) + 1 - 1 = ceil((8 + 2*1 - 2)/3) + 1 - 1 = 3"),
    ("[4, 8]", "{conv_transpose: 2, kernel: 4, stride: 2, pad: 1, name: y}", "output_length", "(l_in - 1)*s_l - 2*p_l + k_l = (8 - 1)*2 - 2*1 + 4 = 16"),
    # weights and work
    ("[192, 28, 28]", "{conv: 192, kernel: 3, pad: 1, groups: 2, name: y}", "weights", "k_h*k_w*(c_in/g)*c_out = 3*3*(192/2)*192 = 165888"),
    ("[192, 28, 28]", "{conv: 192, kernel: 3, pad: 1, groups: 2, name: y}", "macs", "h_out*w_out*c_out*k_h*k_w*(c_in/g) = 28*28*192*3*3*(192/2) = 130056192"),
    ("[6, 5, 5]", "{dwconv: 3, pad: 1, multiplier: 2, name: y}", "weights", "k_h*k_w*c_out = 3*3*12 = 108"),
    ("[6, 5, 5]", "{dwconv: 3, pad: 1, multiplier: 2, name: y}", "output_channels", "c_in*multiplier = 6*2 = 12"),
    ("[4096]", "{linear: 1000, name: y}", "weights", "f_in*f_out = 4096*1000 = 4096000"),
    ("{tokens: 7, features: 768}", "{attention: 12, name: y}", "macs", "4*t_in*f_in*f_in + 2*t_in*t_in*f_in = 4*7*768*768 + 2*7*7*768 = 16590336"),
    ("[1, 4]", "{avgpool: 3, stride: 2, ceil: true, count_include_pad: false, name: y}", "additions", "(l_out*k_l - cut_l - l_out)*c_in = (2*3 - 1 - 2)*1 = 3"),
    ("[2, 5, 4]", "{maxpool: 3, stride: 2, pad: [1, 0], ceil: true, name: y}", "comparisons", "((h_out*k_h - cut_h)*(w_out*k_w - cut_w) - h_out*w_out)*c_in = ((3*3 - 2)*(2*3 - 1) - 3*2)*2 = 58"),
    ("[1, 3]", "{maxpool: 2, stride: 1, pad: 1, dilation: 4, name: y}", "comparisons", "(l_out*k_l - cut_l - (l_out - empty_l))*c_in = (1*2 - 2 - (1 - 1))*1 = 0"),
    ("[4, 6]", "{maxpool: 2, name: y}", "comparisons", "l_out*c_out*(k_l - 1) = 3*4*(2 - 1) = 12"),
    ("[64, 8, 8]", "{bn: [], name: y}", "norm_params", "2*c_in = 2*64 = 128"),
    ("[64, 8, 8]", "{concat: {a: identity, b: [{conv: 32, kernel: 1}]}, name: y}", "output_channels", "c_1 + c_2 = 64 + 32 = 96"),
    # the receptive field
    ("[4, 9]", f"{CONV}, dilation: 2}}", "receptive_field_length", "rf_in + d_l*(k_l - 1)*jump_in = 1 + 2*(3 - 1)*1 = 5"),
    ("[4, 9]", "{global_avgpool: [], name: y}", "receptive_field_length", "rf_in + (l_in - 1)*jump_in = 1 + (9 - 1)*1 = 9"),
    ("[4, 9]", "{upsample: 2, name: y}", "jump_length", "jump_in/u_l = 1/2 = 1/2"),
    ("[4, 9]", "{instancenorm: [], name: y}", "receptive_field_length", "rf_in + (l_in - 1)*jump_in = 1 + (9 - 1)*1 = 9"),
]  # fmt: skip


@pytest.mark.parametrize(("size", "layer", "quantity", "line"), LINES)
def test_lines(graph, size: str, layer: str, quantity: str, line: str) -> None:
    assert lines(graph(f"input: {size}\nlayers: [{layer}]"), "y")[quantity] == line


def test_a_window_behind_an_enlargement_and_one_behind_windows(graph) -> None:
    built = graph("""
input: [1, 32]
layers:
  - {conv: 1, kernel: 3, stride: 2, name: a}
  - {conv: 1, kernel: 5, name: b}
  - {upsample: 4, name: c}
  - {conv: 1, kernel: 2, name: d}
""")
    assert lines(built, "b")["receptive_field_length"] == "rf_in + (k_l - 1)*jump_in = 3 + (5 - 1)*2 = 11"
    assert lines(built, "d")["receptive_field_length"] == (
        "last - first + 1 = 12 - 0 + 1 = 13"  # of the values that see the most: two rows of 11 pixels, 2 apart
    )
    assert lines(built, "d")["jump_length"] == "jump_in*s_l = (1/2)*1 = 1/2"


def test_branches_that_see_past_each_other(graph) -> None:
    built = graph("""
input: [1, 32]
layers:
  - add:
      early: [{crop: 0, after: 4}]
      late: [{crop: 4, after: 0}]
""")
    assert lines(built, "add1")["receptive_field_length"] == "last - first + 1 = 4 - 0 + 1 = 5"


def test_the_batch_multiplies_at_the_end_and_bytes_are_of_the_data_type(graph) -> None:
    built = graph("input: [4, 9]\nlayers: [{conv: 8, kernel: 3, name: y}]")
    found = lines(built, "y", batch=32, dtype="float16")
    assert found["macs"] == "l_out*c_out*k_l*c_in*n = 7*8*3*4*32 = 21504"
    assert found["activations"] == "l_out*c_out*n = 7*8*32 = 1792"
    assert found["activation_bytes"] == "activations*b = 1792*2 = 3584"
    assert found["params"] == "weights + biases = 96 + 8 = 104"
    notes = {line.quantity: line.note for line in Formulas(built, Assumptions(batch=32)).of(1)}
    assert {quantity for quantity, note in notes.items() if note == "times the batch, n = 32"} == {
        "macs",
        "bias_additions",
        "activations",
    }


def test_why_a_figure_is_0(graph) -> None:
    built = graph("""
input: [4, 6, 6]
layers:
  - {conv: 4, kernel: 3, pad: 1, act: relu, name: a}
  - {conv: 4, kernel: 3, pad: 1, shared: a, name: b}
  - dropout
  - flatten
""")
    notes = {
        (node.path, line.quantity): line.note
        for node in built.nodes
        for line in Formulas(built, Assumptions()).of(node.index)
        if line.note
    }
    assert notes == {
        ("input", "params"): "nothing is learned",
        ("input", "flops"): "no arithmetic",
        ("a.relu", "params"): "nothing is learned",
        ("a.relu", "activations"): "in place: written over the output of a",
        ("b", "params"): "the parameters of a, counted there",
        ("dropout1", "params"): "nothing is learned",
        ("dropout1", "flops"): "no arithmetic",
        ("dropout1", "activations"): "does nothing in evaluation: its result is its input",
        ("flatten1", "params"): "nothing is learned",
        ("flatten1", "flops"): "no arithmetic",
        ("flatten1", "activations"): "a view of its input, no copy",
    }


@pytest.mark.parametrize("name", ["resnet50", "googlenet"])
def test_sums_are_the_totals(name: str) -> None:
    network = load(name)
    totals = network.analyze().totals
    formulas = Formulas(network.graph, Assumptions())
    counted = [node for node in network.graph.nodes if node.side is None]
    added = sums({node.path: formulas.counts(node.index) for node in counted})
    assert {formula.quantity: formula.value for formula in added} == {
        formula.quantity: totals[formula.quantity] for formula in added
    }
    assert {"params", "weights", "macs", "flops", "activations", "activation_bytes"} <= {one.quantity for one in added}
    for formula in added:
        assert evaluate(write(formula.expression, True)) == formula.value


A, B, C = Symbol("a", 7), Symbol("b", 2), Symbol("c", -3)
HALF = Symbol("h", Fraction(1, 2))

#: expression, symbols, numbers, value
EXPRESSIONS = [
    (A - B + 1, "a - b + 1", "7 - 2 + 1", 6),
    (1 + A, "1 + a", "1 + 7", 8),
    (10 - A, "10 - a", "10 - 7", 3),
    (10 - (A - B), "10 - (a - b)", "10 - (7 - 2)", 5),
    ((A - B) * 2, "(a - b)*2", "(7 - 2)*2", 10),
    (2 * A * B, "2*a*b", "2*7*2", 28),
    (A * B + 1, "a*b + 1", "7*2 + 1", 15),
    (A / B, "a/b", "7/2", Fraction(7, 2)),
    (A * (A / B), "a*(a/b)", "7*(7/2)", Fraction(49, 2)),
    ((A + 1) / (B * 2), "(a + 1)/(b*2)", "(7 + 1)/(2*2)", 2),
    (A / (A / B), "a/(a/b)", "7/(7/2)", 2),
    (floor(A / B) + 1, "floor(a/b) + 1", "floor(7/2) + 1", 4),
    (ceil(A / B) * A, "ceil(a/b)*a", "ceil(7/2)*7", 28),
    (floor(C / B), "floor(c/b)", "floor((-3)/2)", -2),
    (A - C, "a - c", "7 - (-3)", 10),
    (A * HALF, "a*h", "7*(1/2)", Fraction(7, 2)),
    (total(), "0", "0", 0),
    (total(A), "a", "7", 7),
    (product(A, B + 1), "a*(b + 1)", "7*(2 + 1)", 21),
]


@pytest.mark.parametrize(("expression", "symbols", "numbers", "value"), EXPRESSIONS)
def test_expressions(expression: Expression, symbols: str, numbers: str, value: Any) -> None:
    assert (write(expression, False), write(expression, True), expression.value) == (symbols, numbers, value)
    assert evaluate(numbers) == value


@pytest.mark.parametrize(
    ("expression", "symbols", "numbers"),
    [
        (
            floor((Symbol("h_in", 227) + 2 * Symbol("p_h", 0) - Symbol("k_h", 11)) / Symbol("s_h", 4)) + 1,
            r"\left\lfloor\frac{h_{\text{in}} + 2\cdot p_h - k_h}{s_h}\right\rfloor + 1",
            r"\left\lfloor\frac{227 + 2\cdot 0 - 11}{4}\right\rfloor + 1",
        ),
        (ceil(Symbol("rf_in", 3) + 1), r"\left\lceil\text{rf}_{\text{in}} + 1\right\rceil", r"\left\lceil3 + 1\right\rceil"),
        (ceil(Symbol("k_h", 3) + 1), r"\left\lceil k_h + 1\right\rceil", r"\left\lceil3 + 1\right\rceil"),
        (2 * Symbol("bias_additions", 3), r"2\cdot \text{bias additions}", r"2\cdot 3"),
        ((A + 1) * C, r"\left(\text{a} + 1\right)\cdot c", r"\left(7 + 1\right)\cdot \left(-3\right)"),
        (A - C, r"\text{a} - c", r"7 - \left(-3\right)"),
        (A * HALF, r"\text{a}\cdot h", r"7\cdot \frac{1}{2}"),
    ],
)  # fmt: skip
def test_latex(expression: Expression, symbols: str, numbers: str) -> None:
    assert (latex(expression, False), latex(expression, True)) == (symbols, numbers)


def test_an_operator_without_a_rule_is_an_error(graph) -> None:
    class Unknown(Input):
        name = "unknown"

        def shape(self) -> VectorShape:
            return VectorShape(1)

    with pytest.raises(UsageError, match="no formulas are known for unknown 'y'"):
        Formulas(built(Unknown(VectorShape(1)), ()), Assumptions()).of(0)


def test_an_operator_has_one_rule() -> None:
    with pytest.raises(ValueError, match="operator 'conv' has two rules"):
        rule("conv")(RULES["conv"])


def test_two_sizes_are_a_map_or_a_sequence_by_where_they_come_from(graph) -> None:
    built = graph("""
input: [6, 12]
layers:
  - {relu: [], name: a}
  - {tokens: [], name: b}
  - {relu: [], name: c}
  - {feature_map: [[12]], name: d}
  - {relu: [], name: e}
  - {layernorm: [], name: f}
""")
    found = {
        path: write(Formulas(built, Assumptions()).of(built.paths[path])[0].expression, False) for path in "abcdef"
    }
    assert found == {"a": "c_in", "b": "l_in", "c": "t_in", "d": "f_in", "e": "c_in", "f": "c_in"}
    assert lines(built, "c")["comparisons"] == "t_in*f_in = 12*6 = 72"
    assert lines(built, "e")["comparisons"] == "l_in*c_in = 12*6 = 72"
    assert lines(built, "f")["norm_params"] == "2*c_in = 2*6 = 12"
