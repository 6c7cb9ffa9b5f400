"""What is distributed: the wheel, in a fresh environment without torch and in an empty folder; and the sources."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A folder with the wheel and the sources."""
    folder, backend = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("backend")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(backend), "hatchling"]
    subprocess.run(pip, check=True)
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(build, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(backend)}, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    (path,) = built.glob("cnncalc-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The ``bin`` folder of an environment that has the wheel and what it needs, nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", str(wheel)]
    subprocess.run(pip, check=True)
    return folder / "bin"


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("empty")


def call(installed: Path, empty: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(installed / "cnncalc"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=empty)


def test_specs_are_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for path in (ROOT / "specs").rglob("*.yaml"):
        assert f"cnncalc/specs/{path.relative_to(ROOT / 'specs')}" in names
    assert "cnncalc/specs/index.json" in names
    assert not [name for name in names if name.startswith(("tests/", "specs/"))]


def test_the_sources_have_all_that_their_tests_read(built):
    (path,) = built.glob("cnncalc-*.tar.gz")
    with tarfile.open(path) as sources:
        names = {name.partition("/")[2] for name in sources.getnames()}
    read = {path for folder in ("cnncalc", "specs", "tests", ".github") for path in (ROOT / folder).rglob("*")}
    files = {str(path.relative_to(ROOT)) for path in read if path.is_file() and path.parent.name != "__pycache__"}
    tops = {"README.md", "CHANGELOG.md", "LICENSE", "pyproject.toml", ".pre-commit-hooks.yaml"}
    assert sorted((files | tops) - names) == []


def test_no_torch_there(installed):
    code = "import importlib.util as u; print([m for m in ('torch', 'numpy', 'fvcore') if u.find_spec(m)])"
    result = subprocess.run([str(installed / "python"), "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_list_takes_the_index_and_reads_no_spec(installed, empty):
    code = "import sys; from cnncalc.cli.main import run; run(['list', '--top', '1']); print('yaml' in sys.modules)"
    command = [str(installed / "python"), "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=empty)
    assert result.stdout.endswith("\nFalse\n")


def test_main_job(installed, empty):
    assert "138,357,544" in call(installed, empty, "params", "vgg16").stdout  # torchvision VGG16_Weights.num_params
    totals = json.loads(call(installed, empty, "summary", "vgg16", "--format", "json").stdout)["totals"]
    # the sum of the lecture's memory column; half of torch's flop counter
    assert (totals["activations"], totals["macs"]) == (15_237_608, 15_470_264_320)
    compared = call(installed, empty, "compare", "inception_naive", "inception_bottleneck").stdout
    assert "854,196,224" in compared
    assert "271,351,808" in compared


@pytest.mark.parametrize(
    ("arguments", "params", "macs"),
    [
        (["resnet50"], 25_557_032, 4_089_184_256),
        (["resnet50_paper"], 25_557_032, 3_857_973_248),
        (["densenet121"], 7_978_856, 2_834_161_664),
        (["efficientnet_b0"], 5_288_548, 385_814_752),
        (["googlenet_paper"], 6_998_552, None),
        (["googlenet"], 6_624_904, 1_498_376_192),
        (["googlenet", "--with-side"], 13_004_888, None),
        (["inception_v3", "--with-side"], 27_161_264, None),
    ],
)
def test_published_totals(installed, empty, arguments, params, macs):
    totals = json.loads(call(installed, empty, "summary", *arguments, "--format", "json").stdout)["totals"]
    assert totals["params"] == params
    assert macs in (None, totals["macs"])


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "expand resnet50",
        "schema",
        "schema summary",
        "compare vgg16 vgg19",
        "new x",
        "check resnet50 vgg16",
        "claims vgg16",
        "diff resnet50 resnet50",
        "rule CN003",
        "badge resnet50 params",
        "explain resnet50",
        "explain resnet50 conv1",
        "fit resnet50 --gpu t4",
        "source resnet18",
    ],
)
def test_every_command_runs(installed, empty, command):
    result = call(installed, empty, *command.split())
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout
