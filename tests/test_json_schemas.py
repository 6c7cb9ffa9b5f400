"""What is printed as JSON fits the shipped schemas; specs fit the schema of the language, mistakes do not."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cnncalc.cli.main import run
from cnncalc.render import schemas
from cnncalc.spec import schema as spec_schema

ROOT = Path(__file__).resolve().parent.parent
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))


def output(capsys, *arguments: str) -> dict:
    run(list(arguments))
    captured = capsys.readouterr()
    return json.loads(captured.out or captured.err)


def validator(capsys, what: str) -> jsonschema.Draft7Validator:
    schema = output(capsys, "schema", what)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        ("summary", ["summary", "googlenet_paper"]),
        ("summary", ["summary", "googlenet_paper", "--with-side"]),
        ("params", ["params", "unet_small"]),
        ("macs", ["macs", "vgg16", "--batch", "3", "--dtype", "bfloat16", "--convention", "flops"]),
        ("memory", ["memory", "efficientnet_b3"]),
        ("memory", ["memory", "resnet18", "--train", "--checkpoint", "sqrt", "--amp", "float16", "--best-order"]),
        ("explain", ["explain", "resnet18", "conv1.bn"]),
        ("memory", ["memory", "googlenet", "--train", "--optimizer", "adam", "--with-side", "--batch", "3"]),
        ("shapes", ["shapes", "lenet5_modern"]),
        ("summary", ["summary", "convnext_tiny"]),
        ("compare", ["compare", "convnext_tiny", "swin_t"]),
        ("diff", ["diff", "convnext_tiny", "swin_t"]),
        ("summary", ["macs", "mobilenet_v2", "--pass", "step", "--convention", "torch"]),
        ("compare", ["compare", "resnet50", "densenet121", "vgg16"]),
        ("list", ["list"]),
        ("check", ["check", "vgg16"]),
        ("check", ["claims", "resnet50"]),
        ("list", ["list", "--convention", "torch", "--pass", "backward"]),
        ("diff", ["diff", "resnet18", "resnet34", "--pass", "step"]),
        ("explain", ["explain", "swin_v2_t", "--pass", "backward"]),
        ("explain", ["explain", "resnet18", "stage1", "--pass", "step"]),
        ("fit", ["fit", "resnet18", "--gpu", "t4", "--train"]),
        ("fit", ["fit", "resnet18", "--gpu", "t4", "--train", "--allocator", "cuda"]),
        ("memory", ["memory", "vit_b_16", "--train", "--allocator", "cuda", "--gpu", "h200"]),
        ("error", ["params", "vgg61"]),
        ("error", ["params", "vgg16", "--batch", "0"]),
    ],
)
def test_output_fits_its_schema(capsys, what, arguments):
    schema = validator(capsys, what)
    payload = output(capsys, *arguments, "--format", "json")
    schema.validate(payload)


#: a branch that training drops every third time: 2/3 of 7 MACs; its claims and its limit
DROPPED = """cnncalc: 1
name: dropped
input: [7]
layers:
  - add:
      main: [{linear: 1, bias: false, name: c}, {stochastic_depth: 1/3}]
      skip: {linear: 1, bias: false, name: d}
claims:
  - {expected_macs: 11.7, source: 7 + 14/3}
  - {expected_macs: 12, holds: false, because: it is rounded, source: x}
  - {expected_macs: 4.7, at: add1.main, source: 14/3}
  - {expected_macs: 1.0, of: dropped, source: a ratio}
budget: {expected_macs: {max: 12}}
"""
#: what is a rate, and may be rounded
RATES = {"relative", "ratios", "off", "vars"}


def floats(value, key=""):
    """The keys of all numbers that are no whole ones."""
    if isinstance(value, float):
        yield key
    inner = (
        value.items() if isinstance(value, dict) else [(key, item) for item in value] if isinstance(value, list) else ()
    )
    for name, item in inner:
        if name not in RATES:
            yield from floats(item, name)


@pytest.mark.parametrize(
    ("what", "arguments", "where"),
    [
        ("summary", ["summary"], ["totals", "expected_macs"]),
        ("memory", ["memory", "--train"], ["totals", "expected_macs"]),
        ("compare", ["compare", "vgg16", "--columns", "expected_macs"], ["networks", 0, "totals", "expected_macs"]),
        ("diff", ["diff", "vgg16"], ["networks", 0, "totals", "expected_macs", "before"]),
        ("check", ["check"], ["specs", 0, "budgets", 0, "computed"]),
        ("check", ["claims"], ["specs", 0, "claims", 0, "computed"]),
        ("explain", ["explain"], None),
        ("explain", ["explain", "add1"], None),
        ("explain", ["explain", "--published", "7"], None),
        ("fit", ["fit", "--memory", "1GB"], None),
    ],
)
def test_a_count_in_json_is_exact(capsys, tmp_path, monkeypatch, what, arguments, where):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "dropped.yaml").write_text(DROPPED, "utf-8")
    schema = validator(capsys, what)
    command, *others = arguments
    payload = output(capsys, command, "dropped", *others, "--format", "json")
    schema.validate(payload)
    assert set(floats(payload)) <= {"computed", "difference"}
    found = payload
    for key in where or ():
        found = found[key]
    assert where is None or found == "35/3"


def test_claims_of_expected_counts_and_ratios(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dropped.yaml").write_text(DROPPED.replace("of: dropped", "of: ./dropped.yaml"), "utf-8")
    claims = output(capsys, "claims", "./dropped.yaml", "--format", "json")["specs"][0]["claims"]
    found = [(claim["computed"], claim["difference"], claim["verdict"]) for claim in claims]
    # 35/3 - 117/10 = -1/30; 14/3 - 47/10 = -1/30
    assert found == [
        ("35/3", "-1/30", "holds"), ("35/3", "-1/3", "misprint"), ("14/3", "-1/30", "holds"), (1.0, 0.0, "holds"),
    ]  # fmt: skip


def test_a_jump_behind_an_enlargement_is_exact(capsys, tmp_path, monkeypatch):
    """Three pixels of one: a third of a pixel from one value to the next."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "up.yaml").write_text("cnncalc: 1\ninput: [1, 6, 6]\nlayers: [{upsample: 3, name: u}]\n", "utf-8")
    schema = validator(capsys, "explain")
    payload = output(capsys, "explain", "./up.yaml", "u", "--format", "json")
    schema.validate(payload)
    assert {one["value"] for one in payload["formulas"] if one["quantity"].startswith("jump")} == {"1/3"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda payload: payload.pop("totals"),
        lambda payload: payload["totals"].update(params=-1),
        lambda payload: payload["layers"][0].pop("macs"),
        lambda payload: payload["layers"][1].update(params=1.5),
        lambda payload: payload.update(extra=1),
        lambda payload: payload.update(schema="cnncalc.summary/2"),
    ],
)
def test_the_schema_refuses_what_is_not_promised(capsys, spoil):
    schema = validator(capsys, "summary")
    payload = output(capsys, "summary", "vgg16", "--format", "json")
    spoil(payload)
    assert not schema.is_valid(payload)


@pytest.mark.parametrize(
    ("written", "fits"),
    [(0, True), (7, True), ("7/3", True), (7.0, True), (7.5, False), (-1, False), ("7", False), ("-7/3", False), (None, False)],
)  # fmt: skip
def test_an_expected_count_is_whole_or_exact_text(capsys, written, fits):
    """7.0 is an integer of JSON Schema."""
    schema = validator(capsys, "summary")
    payload = output(capsys, "summary", "alexnet", "--format", "json")
    payload["totals"]["expected_macs"] = payload["layers"][3]["expected_macs"] = written
    assert schema.is_valid(payload) is fits


#: keys whose objects hold what a spec, a user or a machine names, by schema
OPEN = {
    **{name: {"vars"} for name in ("summary", "params", "macs", "shapes", "memory", "compare")},
    "compare_measured": {"spec", "settings", "machine"},
    "diff": {"totals"},
    "explain": {"vars", "legend"},
    "fit": {"vars", "options", "parts"},
    "profile": {"vars"},
}


def open_objects(schema, key=""):
    """The keys of objects that may have any others."""
    if schema.get("type") in ("object", ["object", "null"]) and schema.get("additionalProperties") is not False:
        yield key
    for name, inner in [*schema.get("properties", {}).items(), *schema.get("definitions", {}).items()]:
        yield from open_objects(inner, name)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from open_objects(schema[word], key)
    for word in ("oneOf", "anyOf"):
        for inner in schema.get(word, ()):
            yield from open_objects(inner, key)


@pytest.mark.parametrize("name", schemas.NAMES)
def test_objects_are_closed(name):
    """Each key that is printed is promised, but for those that others name."""
    jsonschema.Draft7Validator.check_schema(schemas.schema(name))
    assert set(open_objects(schemas.schema(name))) == OPEN.get(name, set())


def test_a_row_is_what_its_schema_says(capsys):
    """No key is missing from an object that a command prints, and none is too many."""
    schema = validator(capsys, "memory")
    payload = output(capsys, "memory", "resnet18", "--train", "--format", "json")
    schema.validate(payload)
    for place in (payload, payload["totals"], payload["layers"][2], payload["peaks"]["training"], payload["settings"]):
        for key in [*place]:
            kept = place.pop(key)
            assert not schema.is_valid(payload), key
            place[key] = kept
        place["extra"] = 1
        assert not schema.is_valid(payload)
        del place["extra"]
    schema.validate(payload)


def test_rows_come_in_the_promised_order(capsys):
    payload = output(capsys, "summary", "resnet50", "--format", "json")
    first = payload["layers"][0]
    assert (first["path"], first["op"], first["inputs"]) == ("input", "input", [])
    seen = set()
    for row in payload["layers"]:
        assert set(row["inputs"]) <= seen
        seen.add(row["path"])
    assert list(payload) == [
        "schema",
        "tool",
        "spec",
        "assumptions",
        "totals",
        "uncounted",
        "layers",
        "side",
        "claims",
        "diagnostics",
    ]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_fits_the_schema_of_the_language(path):
    jsonschema.Draft7Validator(spec_schema.schema()).validate(yaml.load(path.read_text("utf-8"), yaml.CSafeLoader))


def test_the_schema_of_the_language_tells_operators_from_arguments_of_the_same_name():
    layers = "[{conv: 3, kernel: 3, pad: 1, connections: [[0, 1], [2]]}, {pad: 1, after: 0}, {bn: [], affine: false}, {affine: true, scale: false}, {scale: -1, shift: 1}]"
    jsonschema.Draft7Validator(spec_schema.schema()).validate(
        yaml.load(f"{{cnncalc: 1, layers: {layers}}}", yaml.CSafeLoader)
    )


@pytest.mark.parametrize(
    "text",
    [
        "{cnncalc: 2}",
        "{cnncalc: 1, layer: []}",
        "{cnncalc: 1, layers: [rellu]}",
        "{cnncalc: 1, layers: [{convv: 3, kernel: 3}]}",
        "{cnncalc: 1, layers: [{conv: 3, kernal: 3}]}",
        "{cnncalc: 1, layers: [{conv: 3, kernel: 3, nome: x}]}",
        "{cnncalc: 1, layers: [{conv: 3, kernal: 3, pad: 1}]}",
        "{cnncalc: 1, layers: [{pad: 1, channel: 3}]}",
        "{cnncalc: 1, layers: [{conv: 3, kernel: 3, connections: [0, 1]}]}",
        "{cnncalc: 1, layers: [{conv: 3, kernel: 3, act: rellu}]}",
        "{cnncalc: 1, layers: [{conv: 3, kernel: 3, bias: 'no'}]}",
        "{cnncalc: 1, layers: [{add: {a: identity}}]}",
        "{cnncalc: 1, defaults: {conv: {kernal: 3}}}",
        "{cnncalc: 1, blocks: {lower: {layers: [relu]}}}",
        "{cnncalc: 1, blocks: {Block: {layer: [relu]}}}",
        "{cnncalc: 1, claims: [{parms: 3}]}",
        "{cnncalc: 1, budget: {params: {most: 3}}}",
        "{cnncalc: 1, input: []}",
        "{cnncalc: 1, written: {relu: as function}}",
        "{cnncalc: 1, written: {source: a, relu: as mean}}",
        "{cnncalc: 1, written: {source: a, relu: {as function: [a, b]}}}",
    ],
)
def test_the_schema_of_the_language_marks_mistakes(text):
    assert not jsonschema.Draft7Validator(spec_schema.schema()).is_valid(yaml.load(text, yaml.CSafeLoader))
