"""Every output says which variables and inputs were set: ``vgg16 (classes=10)``."""

from __future__ import annotations

import json

import jsonschema
import pytest

import cnncalc as package
from cnncalc.errors import UsageError
from cnncalc.render import schemas

HEADED = "resnet18 (classes=10, input=3x64x64)"
SET = ["--set", "classes=10", "--input", "64"]
COMMANDS = [
    ["summary"], ["params"], ["macs"], ["shapes"], ["memory"], ["memory", "--train"], ["explain"], ["explain", "fc"],
    ["explain", "stage1"], ["explain", "--published", "1G"], ["fit", "--memory", "1GB"], ["compare", "resnet34"],
]  # fmt: skip


@pytest.mark.parametrize("form", ["plain", "markdown"])
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_header_has_what_was_set(cnncalc, words, form):
    command, *rest = words
    if "--published" in rest:  # asks of every input
        shown = cnncalc(command, "resnet18", *rest, "--set", "classes=10", "-f", form)
        headed = "resnet18 (classes=10)"
    else:
        shown, headed = cnncalc(command, "resnet18", *rest, *SET, "-f", form), HEADED
    first = shown.out.split("\n")[0].replace("\\", "")
    assert first.startswith(f"{headed}: ")
    plain = cnncalc(command, "resnet18", *rest, "-f", form).out
    assert plain.startswith("resnet18: ") and "classes=" not in plain and "input=" not in plain


@pytest.mark.parametrize("words", [["summary"], ["memory"], ["explain"], ["explain", "fc"], ["fit", "--memory", "1GB"]])
def test_json_has_what_was_set(cnncalc, words):
    command, *rest = words
    for given, wanted in ((SET, ["classes=10", "input=3x64x64"]), ([], [])):
        data = json.loads(cnncalc(command, "resnet18", *rest, *given, "-f", "json").out)
        jsonschema.Draft7Validator(schemas.schema(command)).validate(data)
        assert data["spec"]["set"] == wanted


def test_networks_that_differ_in_what_was_set_are_told_apart():
    some = [package.load("vgg16"), package.load("vgg16", {"classes": 10}), package.load("vgg16", {"classes": 10}, 256)]
    compared = package.compare(*some)
    assert compared.names == ["vgg16", "vgg16 (classes=10)", "vgg16 (classes=10, input=3x256x256)"]
    assert [one["spec"]["set"] for one in compared.to_dict()["networks"]] == [
        [], ["classes=10"], ["classes=10", "input=3x256x256"]
    ]  # fmt: skip
    # what all of them have stands in the captions alone
    assert package.compare(*some[1:]).names == ["vgg16", "vgg16 (input=3x256x256)"]
    assert str(package.compare(*some[1:])).startswith("vgg16 (classes=10): VGG-16 (configuration D)\n")
    assert package.compare(some[1], some[1]).names == ["vgg16 (1)", "vgg16 (2)"]


def test_csv_of_a_comparison_tells_them_apart(cnncalc):
    out = cnncalc("compare", "vgg16", "vgg19", "--set", "classes=10", "-f", "csv").out
    assert out.startswith("part,quantity,vgg16,vgg19,ratio1\n")


@pytest.mark.parametrize(
    ("text", "vars", "input", "settings"),
    [
        ("vars: {on: true}\ninput: [3, 8, 8]\nlayers: [{relu: [], when: $on}, relu]", {"on": False}, None, ["on=false"]),
        ("vars: {act: relu}\ninput: [3, 8, 8]\nlayers: [{conv: 2, kernel: 1, act: $act}]", {"act": "tanh"}, None, ["act=tanh"]),
        ("vars: {ws: [4]}\ninput: [3]\nlayers: [{stages: {w: $ws}, each: [{linear: $w}]}]", {"ws": [4, 5]}, None, ["ws=[4, 5]"]),
        ("vars: {width: 1}\ninput: [3]\nlayers: [{linear: ceil(8 * $width)}]", {"width": "0.35"}, None, ["width=0.35"]),
        ("inputs: {a: [3, 8, 8], b: [3, 8, 8]}\nlayers: [{add: [a, b]}]", {}, {"b": (4, 4), "a": 4}, ["b=3x4x4", "a=3x4x4"]),
        ("input: {tokens: 5, features: 3}\nlayers: [{linear: 2}]", {}, 7, ["input=7x3"]),
    ],
)  # fmt: skip
def test_how_values_are_written(text, vars, input, settings):
    network = package.load(f"cnncalc: 1\nname: net\n{text}", vars, input)
    assert list(network.about.settings) == settings
    assert repr(network).startswith(f"<Network net ({', '.join(settings)}): ")
    assert repr(network.analyze()).startswith(f"<Report net ({', '.join(settings)}): ")


def test_a_badge_and_a_source_file_say_it(cnncalc):
    badge = json.loads(cnncalc("badge", "vgg16", "params", "--set", "classes=10", "-f", "json").out)
    assert (badge["label"], badge["message"]) == ("params (classes=10)", "134.3M")
    badge = json.loads(cnncalc("badge", "vgg16", "work", "--convention", "flops", "--input", "256", "-f", "json").out)
    assert badge["label"] == "work (flops, input=3x256x256)"
    assert "from the spec vgg16 (classes=10). Modules" in cnncalc("source", "vgg16", "--set", "classes=10").out.replace(
        "\n", " "
    )


@pytest.mark.parametrize(
    ("form", "comment", "caption"), [("latex", "% ", "\\caption{"), ("html", "<!-- ", "<caption>")]
)
def test_tables_for_papers_and_pages_say_it(cnncalc, form, comment, caption):
    out = cnncalc("params", "vgg16", "--set", "classes=10", "--input", "96", "-f", form).out.split("\n")
    headed = "vgg16 (classes=10, input=3x96x96)"
    assert out[1].startswith(f"{comment}{headed}, sha256 ")
    headed = headed.replace("3x96x96", r"$3{\times}96{\times}96$") if form == "latex" else headed
    assert any(f"{caption}{headed}: VGG-16 (configuration D)" in line for line in out)


def test_a_diff_says_it_above_the_changes(cnncalc):
    out = cnncalc("diff", "vgg16", "vgg19", *SET[:2], "--input", "96x96").out.split("\n")
    assert out[:4] == ["vgg16 -> vgg19", "classes=10", "input 96x96", "convention macs"]
    markdown = cnncalc("diff", "vgg16", "vgg19", *SET[:2], "-f", "markdown").out.split("\n")[0]
    assert markdown == "**1 changed**: vgg16 -\\> vgg19, classes=10, convention macs"


def test_what_is_not_set_is_not_said():
    with pytest.raises(UsageError):
        package.load("vgg16", {"klasses": 10})
    assert package.load("vgg16").about.label == "vgg16"
