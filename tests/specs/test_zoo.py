"""What must be in the zoo, and what every spec of it carries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "specs"
SPECS = {path.stem: path for path in sorted(FOLDER.rglob("*.yaml"))}
NETWORKS = [name for name in SPECS if not name.startswith("blocks_")]

#: the networks by family, which is their folder
ZOO = {
    "attention": """
        cbam_resnet50 cbam_resnet50_paper eca_resnet50 se_block se_inception se_resnet101 se_resnet152 se_resnet50
        se_resnet50_paper se_resnext101_32x4d se_resnext50_32x4d senet154
    """,
    "classic": """
        alexnet alexnet_224 alexnet_paper alexnet_single_tower lenet5 lenet5_modern nin nin_cifar vgg11 vgg11_bn
        vgg13 vgg13_bn vgg16 vgg16_bn vgg16_gap vgg19 vgg19_bn vgg_a_lrn vgg_c zfnet zfnet_nus
    """,
    "dense": """
        densenet121 densenet161 densenet169 densenet201 densenet264 densenet_bc_100_12 densenet_bc_250_24
        densenet_bc_40_12
    """,
    "detection": """
        darknet19 mask_rcnn_r50_fpn yolov2 yolov2_voc
    """,
    "efficient": """
        efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 efficientnet_b6
        efficientnet_b7 efficientnet_v2_l efficientnet_v2_m efficientnet_v2_s mnasnet0_5 mnasnet0_75 mnasnet1_0
        mnasnet1_3 mobilenet_v1 mobilenet_v1_x0_25 mobilenet_v1_x0_5 mobilenet_v1_x0_75 mobilenet_v2 mobilenet_v2_x0_35
        mobilenet_v2_x0_5 mobilenet_v2_x0_75 mobilenet_v2_x1_4 mobilenet_v3_large mobilenet_v3_small shufflenet_unit
        shufflenet_v1_g1 shufflenet_v1_g1_x0_25 shufflenet_v1_g2 shufflenet_v1_g3 shufflenet_v1_g3_x0_25
        shufflenet_v1_g3_x0_5 shufflenet_v1_g3_x1_5 shufflenet_v1_g3_x2_0 shufflenet_v1_g4 shufflenet_v1_g8
        shufflenet_v1_g8_x0_25 shufflenet_v1_g8_x0_5 shufflenet_v1_g8_x1_5 shufflenet_v1_g8_x2_0 shufflenet_v2_x0_5
        shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_0_paper squeezenet1_1
    """,
    "generative": """
        singan stylegan
    """,
    "inception": """
        googlenet googlenet_paper googlenet_places365 inception_bottleneck inception_bottleneck_358m inception_naive
        inception_resnet_v2 inception_v3 inception_v4
    """,
    "lecture": """
        conv_1x1_64_32 mnist_cnn_32 mnist_cnn_64 mnist_cnn_dense mnist_mlp one_7x7 shortcut_conv shortcut_dropout
        shortcut_gated shortcut_gated_only shortcut_identity shortcut_scaled six_filters_5x5 three_3x3
        two_filters_6x6 window_7x7_pad1 window_7x7_stride1 window_7x7_stride2 window_7x7_stride3
    """,
    "nas": """
        nasnet_large nasnet_mobile
    """,
    "regnet": """
        regnet_x_16gf regnet_x_1_6gf regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf
        regnet_y_128gf regnet_y_16gf regnet_y_1_6gf regnet_y_32gf regnet_y_3_2gf regnet_y_400mf regnet_y_800mf
        regnet_y_8gf
    """,
    "residual": """
        fractal_block fractalnet20 fractalnet40 highway19 highway32 plain18 plain20 plain34 plain56 preact_resnet1001
        preact_resnet164 resnet101 resnet101_paper resnet110 resnet110_stochastic_depth resnet1202 resnet152
        resnet152_paper resnet18 resnet18_paper resnet20 resnet32 resnet34 resnet34_paper resnet44 resnet50
        resnet50_paper resnet56 resnext101_32x8d resnext101_64x4d resnext29_8x64d resnext50_32x4d wide_resnet101_2
        wide_resnet50_2 wrn_16_8 wrn_28_10 wrn_40_4
    """,
    "segmentation": """
        fcn16s fcn32s fcn8s unet unet_small
    """,
    "selfsupervised": """
        simsiam_r50
    """,
    "transformer": """
        convnext_base convnext_large convnext_small convnext_tiny maxvit_t swin_b swin_s swin_t swin_v2_b swin_v2_s
        swin_v2_t vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32
    """,
    "video": """
        c3d c3d_ucf101 r2plus1d_18
    """,
}
#: specs that no one outside has published a total of, with what they are instead
UNPUBLISHED = {
    "fractal_block": "one block of FractalNet, to show recursion; the paper counts whole networks",
    "unet_small": "a small U-Net, to show long skips by name; no paper's network",
    "shufflenet_v1_g8_x0_25": "the paper prints 13M for all groups, which this one misses, and no parameters",
    "singan": "the authors' code states no count; the figure is the arithmetic of its layers",
    "shufflenet_unit": "the units of one stage; the paper gives the work of a unit, and totals for whole networks",
    "googlenet_places365": "its authors state no count; what differs from GoogLeNet is the classifier, which is claimed",
    "mnist_cnn_dense": "the slide's total is not the sum of its rows",
    "shortcut_conv": "the paper prints errors only; the total is ResNet-110 and the 1x1 convolutions of its figure",
    "shortcut_gated": "the paper prints errors only, and describes what a gate is",
    "shortcut_gated_only": "the paper prints errors only, and describes what a gate is",
}
#: runs of layers that two specs have in common, and why neither takes them from the other
REPEATED = {
    ("inception_resnet_v2", "inception_v3"): "both releases have this stem, and different modules after it",
    ("inception_resnet_v2", "inception_v4"): "two stems that begin with the same three convolutions",
}


def text(name: str) -> dict:
    return yaml.load(SPECS[name].read_text("utf-8"), yaml.CSafeLoader)


def misplaced(listed: dict[str, str], paths: list[str]) -> set[str]:
    """Networks that are not listed once, under their folder, and what is listed and is none."""
    places = Counter(f"{family}/{name}" for family, names in listed.items() for name in names.split())
    files = Counter(paths)
    return {place for place in places | files if places[place] != files[place]}


def test_every_network_is_listed_once_under_its_folder() -> None:
    paths = [SPECS[name].relative_to(FOLDER).with_suffix("").as_posix() for name in NETWORKS]
    assert misplaced(ZOO, paths) == set()
    assert list(ZOO) == sorted({path.rpartition("/")[0] for path in paths})
    assert set(UNPUBLISHED) <= set(NETWORKS)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ({"f": "a b"}, set()),
        ({"f": "a"}, {"f/b"}),
        ({"f": "a b a"}, {"f/a"}),
        ({"f": "a b c"}, {"f/c"}),
        ({"f": "a", "g": "b"}, {"f/b", "g/b"}),
    ],
)
def test_a_network_that_is_not_listed_once_is_found(listed: dict[str, str], expected: set[str]) -> None:
    assert misplaced(listed, ["f/a", "f/b"]) == expected


@pytest.mark.parametrize("name", SPECS)
def test_names_titles_and_sources(name: str) -> None:
    spec = text(name)
    assert re.fullmatch(r"[a-z0-9_]+", name)
    assert spec["name"] == name
    assert spec["title"]
    assert spec["source"]


def published(name: str) -> list[dict]:
    """Claims on all the parameters or all the work that hold, from outside the project."""
    claims = text(name).get("claims", [])
    return [
        claim
        for claim in claims
        if {"params", "weights", "macs", "flops"} & set(claim)
        and "at" not in claim
        and claim.get("holds", True)
        and not str(claim["source"]).startswith("arithmetic")
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_total_holds(name: str) -> None:
    if name in UNPUBLISHED:
        assert not published(name), f"{name} has a published figure now and needs no exception"
    else:
        assert published(name)


def normalized(body: object) -> str:
    return re.sub(r"\s", "", repr(body))


def repeated_blocks(specs: dict[str, dict]) -> list[tuple[str, str]]:
    """Blocks with the same body in two files."""
    seen: dict[str, str] = {}
    found = []
    for name, spec in specs.items():
        for block, body in (spec.get("blocks") or {}).items():
            other = seen.setdefault(normalized(body), f"{name}.{block}")
            if other != f"{name}.{block}":
                found.append((other, f"{name}.{block}"))
    return found


def test_no_spec_repeats_another_ones_block() -> None:
    assert repeated_blocks({name: text(name) for name in SPECS}) == []


def test_a_repeated_block_is_found() -> None:
    body = {"layers": ["relu"]}
    assert repeated_blocks({"a": {"blocks": {"X": body}}, "b": {"blocks": {"Y": body}}}) == [("a.X", "b.Y")]


def rows(layers: list) -> Iterator[dict]:
    """The rows of a network without their names; a table of stages is one, and those of its ``each`` follow."""
    for layer in layers:
        words = {layer: None} if isinstance(layer, str) else layer
        yield {word: words[word] for word in sorted(words) if word not in ("name", "each")}
        yield from rows(words.get("each", []))


def runs(layers: list) -> set[str]:
    """All the rows, and those from any block, table of stages or convolution to the next but one."""
    row = list(rows(layers))
    heavy = [i for i in range(len(row)) if any(re.match("[A-Z]|stages|(dw)?conv", word) for word in row[i])]
    parts = [row[first : last + 1] for first, last in zip(heavy, heavy[2:], strict=False)]
    return {normalized(part) for part in [row, *parts]}


def repeated_runs(specs: dict[str, dict]) -> set[tuple[str, str]]:
    """Specs with three blocks, tables of stages or convolutions in a row as in another, and all that is between.

    What only pools, normalizes or is fully connected makes no repeat: many papers end in the same classifier.
    """
    seen: dict[str, str] = {}
    own = {name: spec["layers"] for name, spec in specs.items() if "layers" in spec}
    found = [(seen.setdefault(run, name), name) for name, layers in own.items() for run in runs(layers)]
    return {(other, name) for other, name in found if other != name}


def test_no_spec_repeats_another_ones_layers() -> None:
    assert repeated_runs({name: text(name) for name in SPECS}) == set(REPEATED)


STEM = ["bn", {"conv": 8, "kernel": 3, "name": "one"}, {"maxpool": 2}, {"kernel": 3, "conv": 16}]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([*STEM, {"Unit": 16, "name": "first"}], True),
        ([{"conv": 4}, *STEM[1:], {"Unit": 16, "repeat": 1}, {"Unit": 16}], False),
        ([*STEM, {"Unit": 32}], False),
        ([*STEM, {"maxpool": 2}, {"Unit": 16}], False),
        ([{"stages": [["n"], [2]], "each": [*STEM, {"Unit": 16}]}], True),
        (["flatten", {"linear": 10}, "relu", {"linear": 10}], False),
    ],
)
def test_a_repeated_run_is_found(layers: list, expected: bool) -> None:
    one = [*STEM[1:], {"Unit": 16}, "flatten", {"linear": 10}, "relu", {"linear": 10}]
    assert repeated_runs({"a": {"layers": one}, "b": {"layers": layers}}) == ({("a", "b")} if expected else set())


def test_a_copy_of_a_network_is_found() -> None:
    copies = {name: text(name) for name in NETWORKS if "layers" in text(name)}
    assert {(name, f"copy_of_{name}") for name in copies} <= repeated_runs(
        copies | {f"copy_of_{name}": spec for name, spec in copies.items()}
    )
