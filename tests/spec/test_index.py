"""The zoo's index: what ``list`` takes from it is what it would compute, and what it takes is what has not changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cnncalc.cli import list as command
from cnncalc.spec import index, zoo


@pytest.fixture(autouse=True)
def current(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tests a change of the code has code that is newer; whether it is asked for is a test of its own."""
    monkeypatch.setattr(index, "_newest_code", lambda: 0)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the specs that ``list`` computes."""
    names: list[str] = []
    compute = command._computed

    def noted(paths: list[str], *rest: Any) -> Any:
        names.extend(Path(path).stem for path in paths)
        return compute(paths, *rest)

    monkeypatch.setattr(command, "_computed", noted)
    return names


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Copies a spec of the zoo into ./specs of an empty folder, with a word replaced."""
    monkeypatch.chdir(tmp_path)

    def copy(name: str, old: str = "", new: str = "") -> Path:
        packaged = Path(zoo.names([zoo.packaged()])[name])
        path = tmp_path / "specs" / packaged.parent.name / packaged.name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = packaged.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        return path

    return copy


def listed(*arguments: str) -> str:
    result = CliRunner().invoke(command.command, ["--format", "json", *arguments], standalone_mode=False)
    assert result.return_value == 0, result.output
    return result.output


def test_the_index_is_what_is_computed() -> None:
    stored = Path(index.where()).read_text(encoding="utf-8")
    assert stored == command.index_text(), "a spec or a figure has changed: python -m cnncalc.cli.list"


def test_list_says_the_same_without_it(computed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said = listed()
    assert computed == []
    monkeypatch.setattr(index, "known", lambda paths, keys: {})
    assert listed() == said
    assert computed == list(zoo.names())


@pytest.mark.parametrize("arguments", [["--with-side"], ["--pass", "step"], ["--convention", "flops"]])
def test_other_assumptions_are_computed(computed: list[str], arguments: list[str]) -> None:
    listed(*arguments)
    assert computed == list(zoo.names())


def test_a_copy_with_the_same_bytes_is_known(computed: list[str], local: Callable[..., Path]) -> None:
    local("se_resnet50")
    assert '"file": "specs/attention/se_resnet50.yaml"' in listed()
    assert computed == []


REMARK = ("cnncalc: 1\n", "cnncalc: 1\n# a remark\n")


def test_what_changed_is_computed(computed: list[str], local: Callable[..., Path]) -> None:
    """The spec itself; those of the zoo that extend it have the zoo's."""
    local("resnet50", *REMARK)
    listed()
    assert computed == ["resnet50"]


def test_a_changed_library_is_computed_where_it_is_used(computed: list[str], local: Callable[..., Path]) -> None:
    local("blocks_se", *REMARK)
    local("regnet_x_400mf")
    listed()
    assert computed == ["blocks_se", "regnet_x_400mf"]  # those of the zoo take the zoo's library


def test_a_new_spec_and_one_in_another_folder_are_computed(computed: list[str], local: Callable[..., Path]) -> None:
    path = local("vgg16")
    path.rename(path.with_name("mine.yaml"))
    path = local("alexnet")
    path.parent.rename(path.parent.with_name("elsewhere"))
    assert '"family": "elsewhere"' in listed()
    assert computed == ["alexnet", "mine"]


def test_a_base_that_is_gone_is_told(local: Callable[..., Path]) -> None:
    local("se_resnet50", "extends: resnet50", "extends: resnet51")
    result = CliRunner().invoke(command.command, ["--format", "json"], standalone_mode=False)
    assert result.return_value == 2
    assert result.stderr.startswith("specs/attention/se_resnet50.yaml:")
    assert "no spec is named 'resnet51'" in result.stderr


def keys() -> list[str]:
    return list(index._read()["keys"])


def test_another_list_of_columns_is_another_index() -> None:
    paths = list(zoo.names().values())
    assert len(index.known(paths, keys())) == len(paths)
    assert index.known(paths, [*keys(), "new"]) == {}
    assert index.known(paths, keys()[1:]) == {}


def test_another_version_has_another_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "__version__", "0.0.9")
    assert index._read() == {"keys": [], "specs": {}}


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"])
def test_a_broken_index_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    path = tmp_path / "index.json"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(index, "where", lambda: str(path))
    assert index._read() == {"keys": [], "specs": {}}


def test_newer_code_makes_it_void(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    package = tmp_path / "cnncalc"
    (package / "spec").mkdir(parents=True)
    (tmp_path / "specs").mkdir()
    for file, time in (("spec/index.py", 10), ("__init__.py", 30), ("data.txt", 90)):
        (package / file).write_text("")
        os.utime(package / file, (time, time))
    monkeypatch.setattr(index, "__file__", str(package / "spec" / "index.py"))
    monkeypatch.setattr(zoo, "_PACKAGE", str(package))
    stored = tmp_path / "specs" / "index.json"
    stored.write_text(f'{{"version": "{index.__version__}", "keys": ["name"], "specs": {{}}}}')
    for time, read in ((29, []), (30, ["name"]), (31, ["name"])):
        os.utime(stored, (time, time))
        assert index._read()["keys"] == read
    (tmp_path / "specs").rename(package / "specs")  # where a wheel has it
    os.utime(package / "specs" / "index.json", (1, 1))
    assert index._read()["keys"] == ["name"]


def _broken(change: Callable[[dict[str, Any]], Any]) -> str:
    data = json.loads(Path(index.where()).read_text("utf-8"))
    return json.dumps(change(data) or data)


def _values(of: Callable[[list[Any]], list[Any]]) -> str:
    """The index with other values of every network, and the right digests."""

    def change(data: dict[str, Any]) -> None:
        data["specs"] = {
            path: [digest, takes, values and of(values)] for path, (digest, takes, values) in data["specs"].items()
        }

    return _broken(change)


HOSTILE = {
    "a list": "[]",
    "null": "null",
    "a number": "3",
    "nested": "[" * 100_000,
    "cut": '{"version": "0.1.0", "keys": [',
    "no keys": _broken(lambda data: data.pop("keys") and None),
    "no specs": _broken(lambda data: data.pop("specs") and None),
    "keys of no use": _broken(lambda data: data.update(keys=5)),
    "a key twice": _broken(lambda data: data["keys"].append(data["keys"][0])),
    "specs in a list": _broken(lambda data: data.update(specs=[])),
    "entries of nothing": _broken(lambda data: data.update(specs=dict.fromkeys(data["specs"]))),
    "entries of text": _broken(lambda data: data.update(specs=dict.fromkeys(data["specs"], "abc"))),
    "takes of others": _broken(
        lambda data: data.update(specs={path: [row[0], [[9, "vgg16"]], row[2]] for path, row in data["specs"].items()})
    ),
    "fewer values": _values(lambda values: values[:-1]),
    "values that are no numbers": _values(lambda values: [float("nan")] * len(values)),
    "values of text": _values(lambda values: ["zz"] * len(values)),
    "no values": _values(lambda values: [None] * len(values)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_what_is_no_index_is_not_taken(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = json.loads(Path(index.where()).read_text("utf-8"))["keys"]
    networks = {path for path in zoo.names([zoo.packaged()]).values() if not Path(path).stem.startswith("blocks_")}
    file = tmp_path / "index.json"
    file.write_text(text, "utf-8")
    monkeypatch.setattr(index, "where", lambda: str(file))
    assert networks.isdisjoint(index.known(sorted(networks), keys))


def test_a_pipe_among_the_specs_is_no_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    os.mkfifo(tmp_path / "specs" / "pipe.yaml")
    assert "pipe" not in zoo.names()
