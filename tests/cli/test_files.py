"""Which files a command reads, shows and writes: no link out of a folder, no line of what is no spec, no file that was
read."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import cnncalc as package
from cnncalc.errors import CnncalcError, SpecNotFoundError

from .conftest import Result, process
from .test_process import COMMAND, terminal

Command = Callable[..., Result]

SECRET = "ghp_SECRET0123456789"
SPEC = "cnncalc: 1\nname: {}\ninput: [3, 8, 8]\nlayers: [{{conv: 4, kernel: 3}}]\n"
LINK = "this is a link out of the folder '{}', and such links are not followed (hint: name the file that is meant)"


@pytest.fixture
def pull(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a pull request, beside the home of whoever checks it; it is the working directory."""
    home = tmp_path / "home"
    (tmp_path / "pr" / "specs").mkdir(parents=True)
    home.mkdir()
    (home / "token").write_text(SECRET + "\n")
    (home / "private.yaml").write_text(SPEC.format("private"))
    (tmp_path / "pr" / "specs" / "own.yaml").write_text(SPEC.format("own"))
    monkeypatch.chdir(tmp_path / "pr")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    return tmp_path / "pr"


@pytest.mark.parametrize("target", ["../../home/token", "../../home/private.yaml", "../../home/absent"])
@pytest.mark.parametrize("place", ["specs", "specs/", "./specs", ".", None])
def test_a_check_follows_no_link_out_of_a_folder(cnncalc: Command, pull: Path, place: str | None, target: str) -> None:
    if place == ".":
        target = target.replace("../../home", str(pull.parent / "home"))
    (pull / "specs" / "a.yaml").symlink_to(target)
    code, out, err = cnncalc("check", *([place] if place else []))
    assert (code, err) == (1, "")
    folder = place or "specs"
    path = os.path.join(folder, "specs/a.yaml" if place == "." else "a.yaml")
    line, *_ = out.splitlines()
    assert line == f"{path}:1:1: error: {LINK.format(folder)} [spec]"
    assert f"title=a%3A spec::{LINK.format(folder)}\n" in out
    assert not {SECRET, "private"} & set(out.split())


def test_links_inside_the_folder_and_named_ones_are_followed(cnncalc: Command, pull: Path) -> None:
    (pull / "specs" / "same.yaml").symlink_to("own.yaml")
    assert cnncalc("check", "specs").code == 0
    (pull / "link.yaml").symlink_to("../home/private.yaml")
    assert cnncalc("check", "link.yaml").code == 0
    assert cnncalc("params", "./link.yaml").out.startswith("private\n")


@pytest.mark.parametrize("command", ["list", "claims", "verify --all", "check --suggest"])
def test_what_reads_every_spec_follows_none(
    cnncalc: Command, pull: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnncalc.spec.zoo.packaged", lambda: str(pull / "zoo"))
    (pull / "zoo").mkdir()
    with (pull / "specs" / "own.yaml").open("a") as own:
        own.write("claims: [{params: 112, source: s}]\n")
    (pull / "specs" / "a.yaml").symlink_to("../../home/private.yaml")
    code, out, err = cnncalc(*command.split())
    assert code == 2
    assert f"specs/a.yaml:1:1: error: {LINK.format('specs')}" in err
    assert "own" in out
    assert "private" not in out + err


@pytest.mark.parametrize("command", ["params a", "diff a own", "compare own a", "source a"])
def test_a_name_is_no_link_out_of_specs(cnncalc: Command, pull: Path, command: str) -> None:
    (pull / "specs" / "a.yaml").symlink_to("../../home/token")
    code, out, err = cnncalc(*command.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"specs/a.yaml:1:1: error: {LINK.format('specs').partition(' (hint')[0]}")


def test_nor_is_a_folder_of_specs(cnncalc: Command, pull: Path) -> None:
    (pull / "specs" / "dir").symlink_to("../../home")
    assert cnncalc("params", "private").err == ("specs/dir/private.yaml:1:1: error: " + LINK.format("specs") + "\n")
    for name in ("private", "privat"):  # whether it is there can't be told either
        (pull / "specs" / "own.yaml").write_text(f"cnncalc: 1\nname: own\nextends: dir/{name}\n")
        assert cnncalc("check", "specs/own.yaml").out.startswith(
            f"specs/own.yaml:3:10: error: 'dir/{name}' is outside the folder of this spec and the zoo [spec]\n"
        )


def test_specs_itself_is_no_link(cnncalc: Command, pull: Path) -> None:
    os.rename("specs", "elsewhere")
    (pull / "specs").symlink_to("../home")
    assert cnncalc("check").err == "error: there is nothing to check (hint: cnncalc check specs/)\n"
    assert cnncalc("params", "private").err.startswith("error: no spec is named 'private'")


def test_diffs_and_the_configuration_follow_none(cnncalc: Command, pull: Path) -> None:
    (pull / "other").symlink_to("../home")
    (pull / "cnncalc.toml").write_text('[check]\npaths = ["other"]\n')
    assert cnncalc("check").err == (
        "cnncalc.toml:2:1: error: the path 'other' is a link out of the folder of the configuration\n"
    )
    (pull / "cnncalc.toml").unlink()
    (pull / "cnncalc.toml").symlink_to("../home/token")
    assert cnncalc("check", "specs").err == (
        "cnncalc.toml:1:1: error: this is a link out of its folder, and such links are not followed "
        "(hint: --config cnncalc.toml)\n"
    )
    (pull / "cnncalc.toml").unlink()
    (pull / "new").mkdir()
    (pull / "new" / "own.yaml").symlink_to("../../home/private.yaml")
    assert cnncalc("diff", "specs", "new").err == f"new/own.yaml:1:1: error: {LINK.format('new')}\n"


#: what a line of text may say that is no spec
NO_SPECS = [
    SECRET,
    f"*{SECRET} x",
    f"&{SECRET} x",
    f"!{SECRET} x",
    f"{SECRET}: 1\n{SECRET}: 2",
    f"{SECRET}:\nb: 1",
    f"{SECRET}: 1",
    f"{{{SECRET}: 1}}",
    f"a: [{SECRET}",
    f"a: '{SECRET}",
    f"# cnncalc: 1\n{SECRET}",
    f"- {SECRET}",
    f"a\t{SECRET}",
    f"a: b: {SECRET}",
    f"x: cnncalc: {SECRET}",
    f"--- {SECRET}\n--- b",
    f"%{SECRET}",
    f"@{SECRET}",
    f'"\\q{SECRET}"',
]


@pytest.mark.parametrize("text", NO_SPECS)
def test_no_line_is_shown_of_a_file_that_is_no_spec(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text + "\n")
    shown = terminal("params", str(file), "--no-color")
    assert "a.yaml:" in shown
    assert "SECRET" not in shown
    with pytest.raises(CnncalcError) as caught:
        package.load(str(file))
    assert "SECRET" not in str(caught.value)


SHOWN = [
    ("cnncalc: 1\nlayer: []\n", ["    layer: []", "    ^"]),
    ("# a comment\n\n---\n{'cnncalc': 1,\n  layer: []}\n", ["      layer: []}", "      ^"]),
    ("cnncalc: 1\nname: a\n\tinput: [3]\n", ["    \\tinput: [3]", "    ^"]),
    ("cnncalc: 1\nname: [a\n", []),
    (f"cnncalc: 1\nnames: {'x' * 9_000}\n", ["    names: " + "x" * 93, "    ^"]),
]


@pytest.mark.parametrize(("text", "lines"), SHOWN)
def test_a_terminal_shows_the_line_that_was_read(tmp_path: Path, text: str, lines: list[str]) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert terminal("params", str(file), "--no-color").splitlines()[1:] == lines


def test_a_terminal_opens_no_file_again(tmp_path: Path) -> None:
    assert terminal("summary", "/dev/zero") == "/dev/zero:1:1: error: the file has more than 1,048,576 bytes\r\n"
    long = tmp_path / "long.yaml"
    long.write_bytes(b"cnncalc: 1 " + b"x" * 3_000_000)
    assert terminal("summary", str(long)).endswith("long.yaml:1:1: error: the file has more than 1,048,576 bytes\r\n")
    pipe = tmp_path / "f.yaml"
    os.mkfifo(pipe)
    with subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'w').write('cnncalc: 1\\nlayer: []\\n')"]):
        shown = terminal("summary", str(pipe), "--no-color")
    assert shown.endswith(
        "f.yaml:2:1: error: unknown key 'layer' (hint: did you mean layers?)\r\n    layer: []\r\n    ^\r\n"
    )


def test_a_place_goes_to_other_processes_without_its_text() -> None:
    import pickle

    with pytest.raises(CnncalcError) as caught:
        package.load("cnncalc: 1\nlayer: []\n")
    place = caught.value.location
    assert place is not None
    assert place.text == "layer: []"
    copy = pickle.loads(pickle.dumps(place))
    assert (copy, copy.text) == (place, "")


# -- what is written ------------------------------------------------------------------------------------------------


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network with a base and a library, a configuration, and links to them; it is the working directory."""
    files = {
        "base.yaml": "cnncalc: 1\nname: base\nuses: lib\ninput: [3, 8, 8]\nlayers: [B]\n",
        "lib.yaml": "cnncalc: 1\nname: lib\nblocks: {B: {layers: [{conv: 3, kernel: 3}]}}\n",
        "net.yaml": "cnncalc: 1\nname: net\nsource: s\nextends: base\n",
        "other.yaml": SPEC.format("other"),
        "cnncalc.toml": "[check]\nstrict = false\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "mine.yaml").write_text(SPEC.format("mine"))
    (tmp_path / "soft").symlink_to("base.yaml")
    os.link(tmp_path / "lib.yaml", tmp_path / "hard")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ONE = ("params", "summary", "macs", "memory", "shapes", "claims", "verify", "check", "fit --memory 1GB")
OVERWRITING = [
    *((f"{command} ./net.yaml --export json={file}", file) for command in ONE for file in ("base.yaml", "lib.yaml")),
    *((f"params ./net.yaml --export csv={file}", file) for file in ("net.yaml", "./base.yaml", "soft", "hard")),
    ("compare ./other.yaml ./net.yaml --export json=lib.yaml", "lib.yaml"),
    ("diff ./other.yaml ./net.yaml --export json=base.yaml", "base.yaml"),
    ("check net.yaml --export json=cnncalc.toml", "cnncalc.toml"),
    ("check net.yaml --config cnncalc.toml --export junit=./cnncalc.toml", "./cnncalc.toml"),
    ("list --export json=specs/mine.yaml", "specs/mine.yaml"),
    ("claims --export json=specs/mine.yaml", "specs/mine.yaml"),
    ("source ./net.yaml --output hard", "hard"),
    ("badge ./net.yaml params --output soft", "soft"),
    ("profile ./net.yaml --save base.yaml", "base.yaml"),
]


@pytest.mark.parametrize(("command", "file"), OVERWRITING)
def test_what_was_read_is_never_overwritten(cnncalc: Command, family: Path, command: str, file: str) -> None:
    before = {path: path.read_bytes() for path in family.rglob("*") if path.is_file()}
    code, out, err = cnncalc(*command.split())
    assert (code, out) == (2, "")
    assert f"error: '{file}' was read, so it must not be overwritten" in err
    assert {path: path.read_bytes() for path in family.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("params ./net.yaml --export csv=x --export json=x", "x"),
        ("params ./net.yaml --export csv=x --export json=./x", "./x"),
        ("check net.yaml --export json=x --export junit=link", "link"),
        ("source ./net.yaml --output x --onnx x", "x"),
        ("profile ./net.yaml --save x --export json=x", "x"),
    ],
)
def test_two_exports_never_write_one_file(cnncalc: Command, family: Path, command: str, file: str) -> None:
    (family / "link").symlink_to("x")
    code, out, err = cnncalc(*command.split())
    assert (code, out, err) == (2, "", f"error: '{file}' would be written twice\n")
    assert not (family / "x").exists()


def test_of_a_device_nothing_is_lost(cnncalc: Command) -> None:
    assert cnncalc("params", "vgg11", "--export", "csv=/dev/null", "--export", "json=/dev/null").code == 0


def test_an_export_to_standard_output_stands_before_the_table(tmp_path: Path) -> None:
    csv = process("params", "lenet5", "--format", "csv").stdout
    table = process("params", "lenet5").stdout
    assert process("params", "lenet5", "--export", "csv=/dev/stdout").stdout == csv + table
    for target in ("/dev/stdout", str(tmp_path / "out")):
        with (tmp_path / "out").open("w") as out:
            subprocess.run([*COMMAND, "params", "lenet5", "--export", f"csv={target}"], stdout=out, check=True)
        assert (tmp_path / "out").read_text() == csv + table
    reader, writer = os.pipe()
    command = [*COMMAND, "params", "lenet5", "--export", f"csv=/dev/fd/{writer}"]
    subprocess.run(command, stdout=subprocess.DEVNULL, pass_fds=(writer,), check=True)
    os.close(writer)
    with open(reader) as pipe:
        assert pipe.read() == csv


@pytest.mark.parametrize("arguments", ["--version", "--help", "params --help", "params lenet5", "rule CN001"])
def test_closed_standard_output(arguments: str) -> None:
    command = f"{' '.join(COMMAND)} {arguments} >&-"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (3, "error: cannot write standard output: it is closed\n")


def test_a_link_out_of_a_folder_through_the_api(pull: Path) -> None:
    (pull / "specs" / "a.yaml").symlink_to("../../home/token")
    (checked, _) = package.check_specs(["specs"])
    assert checked.findings[0].message == LINK.format("specs").partition(" (hint")[0]
    with pytest.raises(SpecNotFoundError):
        package.load("a")
