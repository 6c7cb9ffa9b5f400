"""Names as people type them: case, signs, aliases, namesakes, and what is near to a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

import cnncalc
from cnncalc.cli.main import run
from cnncalc.spec import naming, zoo


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("vgg16", "vgg16"), ("VGG16", "vgg16"), ("VGG-16", "vgg16"), ("ResNet50", "resnet50"), ("resnet-50", "resnet50"),
        ("mobilenetv2", "mobilenet_v2"), ("U-Net", "unet"), ("swin-t", "swin_t"), ("SwinT", "swin_t"),
        ("lenet", "lenet5"), ("LeNet-5", "lenet5"), ("vit", "vit_b_16"), ("ViT", "vit_b_16"),
        ("resnext50", "resnext50_32x4d"), ("vit_base_patch16_224", "vit_b_16"), ("seresnet50", "se_resnet50"),
        ("mobilenetv3_large_100", "mobilenet_v3_large"), ("AlexNet", "alexnet"), ("Inception v3", "inception_v3"),
    ],
)  # fmt: skip
def test_names_are_found_however_they_are_written(typed, name):
    chosen = zoo.choose(typed)
    assert chosen is not None
    assert chosen.name == name
    assert cnncalc.load(typed).name == name


@pytest.mark.parametrize("typed", ["regnet", "resnet", "densenet", "densenet_bc", "torchvision", "", ".", "x" * 300])
def test_what_could_be_several_or_none_is_not_chosen(typed):
    assert zoo.choose(typed) is None


def test_a_choice_is_said(capsys):
    assert run(["params", "lenet"]) == 0
    assert (
        capsys.readouterr().err
        == "note: lenet is lenet5: as published; there is also lenet5_modern (as taught today)\n"
    )
    assert run(["params", "AlexNet"]) == 0
    assert capsys.readouterr().err == (
        "note: AlexNet: torchvision's, one tower on 224x224; there are also alexnet_single_tower (the slides', one tower "
        "on 227x227) and alexnet_paper (the paper's, two towers)\n"
    )
    assert run(["params", "resnext50"]) == 0
    assert capsys.readouterr().err == "note: resnext50 is resnext50_32x4d\n"


@pytest.mark.parametrize("name", ["vgg16", "VGG16", "alexnet", "./own.yaml"])
def test_where_there_was_no_choice_nothing_is_said_in_a_pipe(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text("cnncalc: 1\nname: own\ninput: [3, 8, 8]\nlayers: [relu]\n")
    assert run(["params", name]) == 0
    assert capsys.readouterr().err == ""


def test_a_spec_of_ones_own_is_meant_by_its_name_alone(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    Path("specs/alexnet.yaml").write_text("cnncalc: 1\nname: alexnet\ninput: [3, 8, 8]\nlayers: [relu]\n")
    Path("specs/lenet.yaml").write_text("cnncalc: 1\nname: lenet\ninput: [3, 8, 8]\nlayers: [relu]\n")
    assert zoo.choose("alexnet") == naming.Chosen("alexnet")
    assert zoo.choose("lenet") == naming.Chosen("lenet")
    assert cnncalc.load("lenet").analyze().totals["params"] == 0


def test_words_lead_to_networks():
    known = zoo.names([zoo.packaged()])
    for word, meant in zoo._words().items():
        assert word == naming.folded(word)
        assert meant and set(meant) <= set(known), word
        same = [name for name in known if naming.folded(name) == word]
        assert not same or next(iter(meant)) in same, f"{word} is a network, and stands for another"
    assert len({naming.folded(name) for name in known}) == len(known)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("vgg61", "did you mean vgg16 or vgg11?"),
        ("DenseNet-BC", "did you mean densenet_bc_40_12, densenet_bc_100_12 or densenet_bc_250_24?"),
        ("VGG16Net", "did you mean vgg16, vgg16_bn, vgg16_gap, vgg11 or vgg11_bn?"),
        ("inceptin_v3", "did you mean inception_v3 or inception_v4?"),
        ("mobilnet_v2", "did you mean mobilenet_v2 or mobilenet_v1?"),
        ("regnet_y", "did you mean regnet_y_8gf, regnet_y_16gf, regnet_y_32gf, regnet_y_128gf or regnet_y_1_6gf?"),
        ("xyz", None),
        ("v", None),
        ("x" * 65, None),
    ],
)
def test_the_nearest_name_comes_first(typed, hint):
    assert naming.similar(typed, zoo.names([zoo.packaged()])) == hint


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("abc", "abc", 0),
        ("abc", "abd", 1),
        ("abc", "acb", 0.5),
        ("abc", "ab", 1),
        ("", "ab", 2),
        ("kitten", "sitting", 3),
    ],
)
def test_distance(one, other, distance):
    assert naming._distance(one, other) == distance == naming._distance(other, one)


def test_the_zoo_extends_the_zoo(tmp_path, monkeypatch):
    """Whatever ./specs has by the name of a base."""
    before = cnncalc.load("se_resnet50").analyze().totals
    monkeypatch.chdir(tmp_path)
    assert run(["new", "--from", "lenet5_modern", "./resnet50"]) == 0
    Path("specs").mkdir()
    Path("resnet50.yaml").rename("specs/resnet50.yaml")
    assert cnncalc.load("resnet50").analyze().totals["params"] == 61_706  # LeNet-5 as taught: 156+2416+48120+10164+850
    assert cnncalc.load("se_resnet50").analyze().totals == before
    assert cnncalc.load("simsiam_r50").analyze().totals["params"] == 38_201_408
