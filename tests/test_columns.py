"""One list of figures: a column that is added there, and nowhere else, is found in everything that follows from it."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from types import ModuleType

import jsonschema
import pytest

import cnncalc
from cnncalc import columns
from cnncalc.analysis import Columns
from cnncalc.cli.main import run
from cnncalc.columns import COLUMNS, DESCRIPTIONS, OF_A_RUN, Column, named
from cnncalc.spec.claims import claimable
from cnncalc.values import Assumptions, dtype_bytes, elements

SPEC = "cnncalc: 1\ninput: [1, 4, 4]\nlayers:\n  - {conv: 2, kernel: 3, pad: 1, name: c}\n"


def measure(graph, assumptions):
    """Bytes of all inputs and of the output of each layer."""
    size = dtype_bytes(assumptions.dtype) * assumptions.batch
    values = [
        size * (sum(map(elements, graph.signatures[node.signature].inputs)) + elements(node.shape))
        for node in graph.nodes
    ]
    return {"traffic": values}


@pytest.fixture
def traffic(monkeypatch):
    """One file in analysis/, and one row in the list."""
    file = ModuleType("cnncalc.analysis.traffic_of_a_test")
    file.measure = measure
    monkeypatch.setitem(sys.modules, file.__name__, file)
    row = Column(
        "traffic",
        "read and written",
        "bytes",
        "sum",
        "bytes that a layer takes and makes",
        "traffic_of_a_test",
    )
    monkeypatch.setitem(columns._LISTED, row.name, row)


@pytest.fixture
def command(capsys, tmp_path, monkeypatch):
    """Runs the command on files of these texts; its exit code, and what it prints."""
    monkeypatch.chdir(tmp_path)

    def run_on(*arguments, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(SPEC + text)
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run_on


# input: 16 values made, 64 bytes; c: 16 values taken and 2*16 made, 192 bytes
TOTAL, OF_C = 256, 192


def test_table(traffic, command):
    code, out = command("params", "./net.yaml", "--columns", "out,traffic", net="")
    assert code == 0
    lines = [line.rstrip(" #").split() for line in out.splitlines()]
    assert ["layer", "op", "out", "read", "and", "written", "%"] in lines
    assert ["c", "conv", "2x4x4", "192", "75.0%"] in lines
    assert ["total", "256", "100.0%"] in lines
    assert "traffic: 256 B, float32" in out


def test_json(traffic, command):
    data = json.loads(command("summary", "./net.yaml", "-f", "json", net="")[1])
    schema = jsonschema.Draft7Validator(json.loads(command("schema", "summary")[1]))
    schema.validate(data)
    for without in (data["totals"], data["layers"][1]):
        kept = without.pop("traffic")
        assert not schema.is_valid(data)
        without["traffic"] = kept
    assert data["totals"]["traffic"] == TOTAL
    assert [layer["traffic"] for layer in data["layers"]] == [64, OF_C]
    assert cnncalc.load("./net.yaml").analyze(batch=3).layers[1]["traffic"] == 3 * OF_C


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("claims: [{traffic: 192B, at: c, source: by hand}]", 0, "1 spec, 1 claim holds"),
        ("claims: [{traffic: 255B, source: by hand}]", 1, "traffic: 255B is published, but the network has 256"),
        ("claims: [{trafic: 255B, source: by hand}]", 1, "a claim has no quantity or key 'trafic' (hint: did you mean traffic?)"),
        ("budget: {traffic: {max: 256B}}", 0, "1 budget kept"),
        ("budget: {traffic: {max: 200B}}", 1, "traffic is 256 B: 56B (28.0%) over its max of 200B; heaviest: c 192B (75.0%)"),
    ],
)  # fmt: skip
def test_claims_and_budgets(traffic, command, text, code, said):
    found, out = command("check", "./net.yaml", "--format", "table", net=text)
    assert said in out
    assert found == code


def test_a_figure_that_is_not_listed_is_refused(command):
    code, out = command("params", "./net.yaml", net="claims: [{traffic: 1, source: x}]")
    assert code == 2
    assert "a claim has no quantity or key 'traffic'" in out


def test_other_schemas(traffic, command):
    """Those of what memory, compare and list print have it too, and that of the language takes claims and budgets."""
    for words in (("memory", "./net.yaml"), ("compare", "./net.yaml", "./net.yaml")):
        data = json.loads(command(*words, "-f", "json", net="")[1])
        jsonschema.Draft7Validator(json.loads(command("schema", words[0])[1])).validate(data)
    language = jsonschema.Draft7Validator(json.loads(command("schema")[1]))
    assert language.is_valid({"cnncalc": 1, "claims": [{"traffic": 1}], "budget": {"traffic": {"max": "1KB"}}})


def test_badge(traffic, command):
    data = json.loads(command("badge", "./net.yaml", "traffic", "-f", "json", net="")[1])
    assert (data["label"], data["message"]) == ("traffic", "256 B")


def test_diff_and_compare(traffic, command):
    code, out = command("diff", "./net.yaml", "./more.yaml", net="", more="  - relu\n")
    lines = [line.split() for line in out.splitlines()]
    assert code == 1
    assert [
        "total",
        "traffic",
        "256",
        "512",
        "+256",
        "+100.0%",
    ] in lines  # relu takes 32 values and makes 32: 256 bytes
    out = command("compare", "./net.yaml", "./more.yaml", "--columns", "traffic")[1]
    assert ["total", "traffic", "256", "512", "2x"] in [line.split() for line in out.splitlines()]


def test_list(traffic, command, monkeypatch):
    monkeypatch.setattr("cnncalc.spec.zoo.names", lambda: {name: f"./{name}.yaml" for name in ("net", "more")})
    words = ("list", "--filter", "traffic > 256", "--columns", "traffic", "--sort", "traffic", "-f", "csv")
    assert command(*words, net="", more="  - relu\n")[1].splitlines() == ["name,traffic", "more,512"]


def test_every_row_names_the_file_that_measures_it():
    graph = cnncalc.load("alexnet").graph
    by_file: dict[str, set[str]] = {}
    for column in COLUMNS.values():
        by_file.setdefault(column.file, set()).add(column.name)
    for file, names in by_file.items():
        assert set(import_module(f"cnncalc.analysis.{file}").measure(graph, Assumptions())) == names
    found = Columns(graph, Assumptions(), {})
    assert {len(found[name]) for name in COLUMNS} == {len(graph.nodes)}


def test_a_header_names_one_column():
    titles = {**DESCRIPTIONS, **{name: column.title for name, column in {**COLUMNS, **OF_A_RUN}.items()}}
    assert {name: named(title.upper()) for name, title in titles.items()} == {name: name for name in titles}
    assert {named(name.capitalize()) for name in titles} == set(titles)
    assert named("Parms") == "Parms"  # as a message cites it


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        (("params", "alexnet", "--columns", "FLOPs, field,Min Field"), ("--columns", "flops,receptive_field,receptive_field_min")),
        (("memory", "alexnet", "--columns", "alive,MEMORY"), ("--columns", "alive_bytes,activation_bytes")),
        (("shapes", "alexnet", "--columns", "shared with,out", "--sort", "Field"), ("--columns", "shared_with,out", "--sort", "receptive_field")),
        (("compare", "alexnet", "vgg11", "--columns", "norm,MACs", "--sort", "MACS"), ("--columns", "norm_params,macs", "--sort", "macs")),
        (("diff", "alexnet", "vgg11", "--columns", "FLOPS"), ("--columns", "flops")),
    ],
)  # fmt: skip
def test_columns_are_found_by_their_headers(command, headers, names):
    options = headers.index("--columns")
    assert command(*headers) == command(*headers[:options], *names)
    assert command(*headers)[0] in (0, 1)


def test_what_columns_there_are_is_known_without_measuring(monkeypatch):
    columns = cnncalc.load("alexnet").analyze().columns
    monkeypatch.setattr("cnncalc.analysis.import_module", None)
    assert all(name in columns for name in (*COLUMNS, *DESCRIPTIONS))
    assert not any(name in columns for name in ("parms", *OF_A_RUN))


def test_the_rest_says_nothing_that_does_not_add_up(command):
    """input 1x4x4, c 2x4x4, relu 2x4x4: the last row of the rest is no sum of shapes, fields, strides or depths."""
    words = ("shapes", "./net.yaml", "--top", "1", "--columns", "out,field,stride,count,params,depth")
    out = command(*words, net="  - {relu: [], name: r}\n")[1]
    (rest,) = [line.split() for line in out.splitlines() if "more rows" in line]
    assert rest == ["(2", "more", "rows)", "20", "100.0%", "##########"]
    data = command(*words, "-f", "tsv")[1].splitlines()
    assert data == [
        "path\top\tout\treceptive_field\teffective_stride\tcount\tparams\tdepth",
        "input\tinput\t1x4x4\t1x1\t1x1\t1\t0\t0",
        "(2 more rows)\t\t\t\t\t\t20\t",
    ]


def test_the_unit_stands_behind_a_value(command):
    """2 of each of the 2 channels; the same 32 values made and kept, of 4 bytes."""
    lines = [
        line.split() for line in command("explain", "./net.yaml", "b", net="  - {bn: [], name: b}\n")[1].splitlines()
    ]
    assert ["norm", "params", "2*c_in", "2*2", "=", "4", "parameters"] in lines
    assert ["activation", "bytes", "activations*b", "32*4", "=", "128", "bytes"] in lines


def test_the_guide_must_have_it(traffic):
    """What claims take is looked for there, word by word (``test_docs``)."""
    assert "traffic" in claimable()
