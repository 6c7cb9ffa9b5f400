"""Two specs, two folders, and specs since a git revision, in repositories made here."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import tempfile
from pathlib import Path

import jsonschema
import pytest

from cnncalc.check import diff, git
from cnncalc.check.diff import Assumed
from cnncalc.cli.main import run
from cnncalc.errors import EnvironmentFailure, UsageError
from cnncalc.render import schemas

NET = """cnncalc: 1
input: [3, 8, 8]
layers:
  - {conv: 4, kernel: 3, pad: 1, name: a}
  - relu
  - {conv: 5, kernel: 1, name: b}
"""
A = 3 * 4 * 9 + 4  # parameters of the layer a


def git_(repository: Path, *arguments: str, given: bytes | None = None) -> str:
    settings = ("user.name=t", "user.email=t@example.org", "commit.gpgsign=false", "core.hooksPath=/dev/null")
    command = ["git", *(word for setting in settings for word in ("-c", setting)), *arguments]
    done = subprocess.run(command, cwd=repository, input=given, capture_output=True, check=True)
    return os.fsdecode(done.stdout)


def commit(repository: Path) -> None:
    git_(repository, "add", "-A")
    git_(repository, "commit", "-q", "-m", "x")


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with NET at ``main``; temporary folders are made beside it."""
    repository = tmp_path / "repository"
    repository.mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(repository)
    git_(repository, "init", "-q")
    git_(repository, "symbolic-ref", "HEAD", "refs/heads/main")
    write(repository / "specs", net=NET)
    commit(repository)
    yield repository
    assert not list(temporary.iterdir())


@pytest.fixture
def call(capsys, tmp_path):
    """Runs a command: exit code, output, errors; never shows a temporary folder."""

    def run_it(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        out, err = capsys.readouterr()
        assert str(tmp_path / "temporary") not in out + err
        return code, out, err

    return run_it


@pytest.fixture
def data(call):
    """The JSON of a command, held against its schema."""

    def get(*arguments: str) -> dict:
        code, out, err = call("diff", "--format", "json", *arguments)
        assert not err
        payload = json.loads(out)
        jsonschema.Draft7Validator(schemas.schema("diff")).validate(payload)
        broken = any(network["status"] == "broken" for network in payload["networks"])
        assert code == (2 if broken else bool(payload["networks"]))
        return payload

    return get


def layers(network: dict) -> list[tuple]:
    """Kind, paths and what differs of every layer."""
    return [
        (
            layer["change"],
            layer["before"] and layer["before"]["path"],
            layer["after"] and layer["after"]["path"],
            [(found["what"], found["before"], found["after"]) for found in layer["differences"]],
        )
        for layer in network["layers"]
    ]


def compared(tmp_path, data, old: str, new: str) -> list[tuple]:
    write(tmp_path, old=old, new=new)
    (network,) = data(str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"))["networks"]
    assert not network["errors"]
    return layers(network)


def net(*lines: str, size: int = 8) -> str:
    return f"cnncalc: 1\ninput: [3, {size}, {size}]\nlayers:\n" + "".join(f"  - {line}\n" for line in lines)


FIRST, LAST = "{conv: 4, kernel: 1, name: a}", "{conv: 4, kernel: 1, name: z}"
STAGE = "{name: %s, layers: [{conv: 4, kernel: 3, pad: 1, norm: bn, act: relu}, {conv: 6, kernel: 3, pad: 1}]}"


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        # 4 * 4 + 4 = 20 parameters and 4 * 4 * 64 macs less
        ([FIRST, LAST], [FIRST], [("removed", "z", None, [])]),
        ([LAST], [LAST, "relu"], [("added", None, "relu1", [])]),
        ([FIRST, LAST], [FIRST, LAST.replace("z", "y")], [("renamed", "z", "y", [])]),
        (["relu", FIRST], [FIRST], [("removed", "relu1", None, [])]),
        (
            [FIRST],
            [FIRST.replace("kernel: 1", "kernel: 1, bias: false")],
            [("changed", "a", "a", [("bias", True, False), ("params", 16, 12), ("flops", 1792, 1536)])],
        ),
        # a wider layer: what follows changes with it
        (
            [FIRST, "relu"],
            [FIRST.replace("4", "5"), "relu"],
            [
                (
                    "changed", "a", "a",
                    [
                        ("out", 4, 5), ("shape", [4, 8, 8], [5, 8, 8]), ("params", 16, 20),
                        ("macs", 3 * 4 * 64, 3 * 5 * 64), ("flops", 7 * 4 * 64, 7 * 5 * 64),
                        ("activations", 4 * 64, 5 * 64),
                    ],
                ),
                (
                    "changed", "relu1", "relu1",
                    [
                        ("in", [[4, 8, 8]], [[5, 8, 8]]), ("shape", [4, 8, 8], [5, 8, 8]),
                        ("flops", 4 * 64, 5 * 64),  # it runs in place, so it makes no activations
                    ],
                ),
            ],
        ),
        # the same path, another operator
        (["{relu: [], name: x}"], ["{sigmoid: [], name: x}"], [("changed", "x", "x", [("op", "relu", "sigmoid"), ("flops", 192, 3 * 192)])]),
        # a layer that only reads another one
        (
            [FIRST, LAST, "{relu: [], from: z, name: r}"],
            [FIRST, LAST, "{relu: [], from: a, name: r}", "{add: [r, z]}"],
            [("changed", "r", "r", [("activations", 0, 4 * 64), ("inputs", ["z"], ["a"])]), ("added", None, "add1", [])],
        ),
        # a stage under another name is not taken out and put in
        (
            [STAGE % "stage", LAST],
            [STAGE % "body", LAST],
            [
                ("renamed", "stage.conv1", "body.conv1", []),
                ("renamed", "stage.conv1.bn", "body.conv1.bn", []),
                ("renamed", "stage.conv1.relu", "body.conv1.relu", []),
                ("renamed", "stage.conv2", "body.conv2", []),
            ],
        ),
        # renamed on both sides of one that is new
        (
            [FIRST, "{tanh: [], name: t}", LAST],
            [FIRST.replace("a}", "a2}"), "{sigmoid: [], name: s}", LAST.replace("z", "z2")],
            [
                ("renamed", "a", "a2", []), ("removed", "t", None, []), ("added", None, "s", []),
                ("renamed", "z", "z2", []),
            ],
        ),
    ],
)  # fmt: skip
def test_layers(tmp_path, data, old, new, wanted):
    assert compared(tmp_path, data, net(*old), net(*new)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n" + NET,
        NET + "title: Another\nnotes: of no figure\n",
        NET.replace("{conv: 5, kernel: 1, name: b}", "{conv: 2 * 2 + 1, kernel: [1, 1], name: b}"),
        NET + "claims: [{params: 10}]\n",
    ],
)
def test_what_changes_no_figure(repository, call, text):
    write(repository / "specs", net=text)
    code, out, _ = call("diff", "main")
    if "[1, 1]" in text:  # an argument that is written otherwise is a difference, though no figure moves
        assert (code, out.count("kernel")) == (1, 1)
    else:
        assert (code, out) == (0, "main -> working tree: no difference, 1 unchanged\n")


def test_totals(repository, data):
    write(repository / "specs", net=NET.replace("conv: 5", "conv: 10"))
    payload = data("main", "--", "specs")
    (network,) = payload["networks"]
    assert network["totals"]["params"] == {
        "before": A + 25, "after": A + 50, "difference": 25, "relative": 25 / (A + 25),
    }  # fmt: skip
    assert network["totals"]["buffers"] == {"before": 0, "after": 0, "difference": 0, "relative": None}
    assert network["before"] == {"name": "net", "file": "main:specs/net.yaml"}
    assert network["after"] == {"name": "net", "file": "specs/net.yaml"}
    assert payload["before"] == {
        "kind": "revision",
        "name": "main",
        "commit": git_(repository, "rev-parse", "main").strip(),
    }
    assert payload["after"] == {"kind": "working tree", "name": "working tree", "commit": None}
    assert payload["counts"] == {"changed": 1, "added": 0, "removed": 0, "broken": 0, "unchanged": 0}


def test_nothing_in_the_repository_is_touched(repository, call):
    write(repository / "specs", net=NET.replace("conv: 5", "conv: 6"), staged=NET, untracked=NET)
    git_(repository, "add", "specs/staged.yaml")
    looks = (["status", "--porcelain", "-z"], ["stash", "list"], ["rev-parse", "HEAD"], ["symbolic-ref", "HEAD"])

    def state() -> list:
        files = sorted(path for path in repository.rglob("*") if path.is_file())
        index = (repository / ".git" / "index").read_bytes()
        return [index, *(git_(repository, *look) for look in looks), [(path, path.read_bytes()) for path in files]]

    state()  # the first status may refresh the index
    before = state()
    assert call("diff", "main")[0] == 1
    assert call("diff", "main..HEAD", "--", "specs")[0] == 0
    assert state() == before


def test_a_changed_base_or_library_shows_in_what_takes_it_in(repository, data):
    write(
        repository / "specs",
        sub__child="cnncalc: 1\nextends: net\n",
        lib="cnncalc: 1\nblocks: {B: {layers: [{conv: 4, kernel: 1}]}}\n",
        user="cnncalc: 1\ninput: [3, 8, 8]\nuses: [lib]\nlayers: [B]\n",
    )
    commit(repository)
    write(
        repository / "specs",
        net=NET.replace("conv: 5", "conv: 6"),
        lib="cnncalc: 1\nblocks: {B: {layers: [{conv: 8, kernel: 1}]}}\n",
    )
    payload = data("HEAD")
    params = {network["name"]: list(network["totals"]["params"].values())[:2] for network in payload["networks"]}
    assert params == {"net": [A + 25, A + 30], "child": [A + 25, A + 30], "user": [16, 32]}
    # and what is named alone is read with its base as that was
    (network,) = data("HEAD", "--", "specs/sub/child.yaml")["networks"]
    assert network["totals"]["params"]["before"] == A + 25


def test_folders(tmp_path, data, call):
    old, new = tmp_path / "old", tmp_path / "new"
    write(old, same=NET, gone=NET, family__moved=NET, changed=NET, x__twice=NET, y__twice=NET)
    write(new, same=NET, fresh=NET, other__moved=NET, changed=NET.replace("relu", "tanh"), x__twice=NET, z__twice=NET)
    payload = data(str(old), str(new))
    assert [(network["name"], network["status"]) for network in payload["networks"]] == [
        ("changed", "changed"), ("fresh", "added"), ("gone", "removed"),
    ]  # fmt: skip
    assert payload["unchanged"] == ["moved", "same", "twice", "twice"]
    assert payload["networks"][1]["before"] is None
    assert payload["networks"][1]["totals"]["params"] == {
        "before": None, "after": A + 25, "difference": None, "relative": None,
    }  # fmt: skip
    code, out, _ = call("diff", str(old), str(new), "--exit-zero")
    assert code == 0
    assert "1 changed, 1 added, 1 removed, 4 unchanged" in out


def test_specs_with_several_of_a_name_are_not_mixed_up():
    keys = ["a/n.yaml", "b/n.yaml", "c/m.yaml"]
    found = diff.pairs({key: f"old/{key}" for key in keys}, {key: f"new/{key}" for key in ["b/n.yml", "d/m.yaml"]})
    assert found == [
        ("m", "old/c/m.yaml", "new/d/m.yaml"),
        ("n", "old/a/n.yaml", None),
        ("n", "old/b/n.yaml", None),
        ("n", None, "new/b/n.yml"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        (NET.replace("relu", "rleu"), NET, "main:specs/net.yaml:5:5"),
        (NET, NET.replace("relu", "rleu"), "specs/net.yaml:5:5"),
        (NET.replace("kernel: 1", "kernel: 9"), NET, "main:specs/net.yaml:6:5"),
        ("cnncalc: 1\nlayers: [}", NET, "main:specs/net.yaml:2:10"),
        ("cnncalc: 1\nextends: base\n", NET, "main:specs/net.yaml:2:10"),
    ],
)
def test_a_broken_side_is_reported_and_the_rest_compared(repository, data, call, old, new, place):
    write(repository / "specs", net=old, other=NET)
    git_(repository, "add", "-A")
    git_(repository, "commit", "-q", "--allow-empty", "-m", "y")
    write(repository / "specs", net=new, other=NET.replace("relu", "tanh"))
    payload = data("main")
    assert [(network["name"], network["status"]) for network in payload["networks"]] == [
        ("net", "broken"), ("other", "changed"),
    ]  # fmt: skip
    (error,) = payload["networks"][0]["errors"]
    assert f"{error['file']}:{error['line']}:{error['column']}" == place
    code, out, _ = call("diff", "main")
    assert code == 2
    assert f"{place}: error: " in out


def test_the_old_side_reads_its_own_base_with_its_own_mistakes(repository, data):
    write(repository / "specs", base=NET.replace("relu", "rleu"), net="cnncalc: 1\nextends: base\n")
    commit(repository)
    write(repository / "specs", base=NET)
    found = {network["name"]: network for network in data("main")["networks"]}
    (error,) = found["net"]["errors"]
    assert (error["file"], error["line"]) == ("main:specs/base.yaml", 5)


def test_places(repository, data, call, monkeypatch):
    write(repository, deep__net=NET, specs__net=NET, lone=NET)
    commit(repository)
    write(repository, deep__net=NET.replace("relu", "tanh"), lone=NET.replace("relu", "tanh"))
    assert data("main")["unchanged"] == ["net"]
    assert [n["after"]["file"] for n in data("main", "--", ".")["networks"]] == ["lone.yaml", "deep/net.yaml"]
    assert data("main", "--", str(repository / "deep"))["counts"]["changed"] == 1
    assert data("main", "--", "deep/", "deep/net.yaml")["counts"]["changed"] == 1
    assert data("main", "--", "net")["unchanged"] == ["net"]  # a name
    monkeypatch.chdir(repository / "deep")
    (network,) = data("main", "--", "net.yaml")["networks"]
    assert network["before"]["file"] == "main:deep/net.yaml"
    assert data("main", "--", "../specs")["unchanged"] == ["net"]
    assert call("diff", "main", "--", "../..")[::2] == (2, "error: '../..' is outside the git repository\n")
    assert call("diff", "main", "--", "none")[::2] == (2, "error: neither side has a spec at 'none'\n")


def test_names_of_the_old_side_are_looked_up_at_the_revision(repository, data):
    write(repository, specs__family__base=NET, lone="cnncalc: 1\nextends: base\n")
    commit(repository)
    write(repository, specs__family__base=NET.replace("conv: 5", "conv: 6"))
    (network,) = data("main", "--", "lone.yaml")["networks"]
    assert network["totals"]["params"] == {
        "before": A + 25, "after": A + 30, "difference": 5, "relative": 5 / (A + 25),
    }  # fmt: skip


def test_two_revisions(repository, data):
    write(repository / "specs", net=NET.replace("conv: 5", "conv: 6"), more=NET)
    commit(repository)
    write(repository / "specs", net="broken")
    for arguments in (["main~1..main"], ["main~1..", "--", "specs"], ["main~1", "main", "--", "specs"]):
        payload = data(*arguments)
        assert [(network["name"], network["status"]) for network in payload["networks"]] == [
            ("more", "added"), ("net", "changed"),
        ]  # fmt: skip
    assert payload["after"]["name"] == "main"
    assert payload["networks"][1]["after"]["file"] == "main:specs/net.yaml"


def test_removed_and_added_since_a_revision(repository, data):
    (repository / "specs" / "net.yaml").rename(repository / "specs" / "fresh.yaml")
    payload = data("main")
    assert [(network["name"], network["status"]) for network in payload["networks"]] == [
        ("fresh", "added"), ("net", "removed"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["mian"], "error: git has no revision 'mian' (hint: did you mean main?)\n"),
        (["mian", "--", "specs"], "error: git has no revision 'mian' (hint: did you mean main?)\n"),
        (["--", "--output=x"], "error: git has no revision '--output=x'"),
        (["main", "--", "/"], "error: '/' is outside the git repository\n"),
        (["main...HEAD"], "error: write revisions with two dots, not 'main...HEAD'\n"),
        (["main:specs"], "error: git has no revision 'main:specs'"),
        (["a\nb"], "error: git has no revision 'a\\nb'"),
        (
            ["main", "specs"],
            "error: 'main' and 'specs' are not both folders, or both specs "
            "(hint: if it is a revision: cnncalc diff main -- specs)\n",
        ),
        (
            ["main", "vgg16"],
            "error: no spec is named 'main' (hint: if it is a revision: cnncalc diff main -- vgg16)\n",
        ),
        (
            ["specs"],
            "error: 'specs' is a spec or folder: diff needs another one to compare it with (hint: cnncalc diff HEAD "
            "-- specs since the last commit; cnncalc diff specs -- specs/ if it is a revision)\n",
        ),
        ([], "error: diff takes two specs, two folders or a revision (hint: cnncalc diff main -- specs/)\n"),
        (["a", "b", "c"], "error: diff takes two specs, two folders or a revision"),
        (["main", "--set", "k=1"], "main:specs/net.yaml:1:1: error: net has no variable 'k'"),
        (["main", "--input", "k=1"], "main:specs/net.yaml:1:1: error: net has no input 'k' (hint: one of: input)"),
        (["main", "--columns", "parms"], None),
        (["vgg16", "vgg19", "--columns", "parms"], "error: unknown quantity 'parms' (hint: did you mean params or norm_params?)\n"),
        (["vgg16", "vgg19", "--dtype", "float3"], "error: unknown data type 'float3'"),
    ],
)  # fmt: skip
def test_wrong_calls(repository, call, arguments, error):
    code, out, err = call("diff", *arguments)
    if error is None:  # nothing is shown, so nothing is unknown
        assert (code, err) == (0, "")
        return
    assert (code, out) == (2, "")
    assert err.startswith(error)
    assert sorted(path.name for path in repository.iterdir()) == [".git", "specs"]


@pytest.mark.parametrize("revision", ["--output=x", "-x", "", "main\0", "HEAD --output=x"])
def test_a_revision_is_never_an_option(repository, revision):
    with pytest.raises(UsageError, match="git has no revision"), git.tree(revision, ["specs"]):
        pass
    assert not (repository / "x").exists()


def test_no_repository(tmp_path, monkeypatch, call):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path)
    code, out, err = call("diff", "main")
    assert (code, out) == (3, "")
    assert err.startswith("error: git finds no repository: not a git repository")


def test_git_is_missing(repository, monkeypatch, call):
    monkeypatch.setenv("PATH", str(repository))
    assert call("diff", "main") == (3, "", "error: reading revisions needs git, which is not installed\n")


def test_git_takes_too_long(repository, monkeypatch):
    def slow(command, **_):
        raise subprocess.TimeoutExpired(command, 60)

    monkeypatch.setattr(subprocess, "run", slow)
    with pytest.raises(EnvironmentFailure, match="git rev-parse takes more than 60 seconds"), git.tree("main", []):
        pass


NASTY = ["a\nb", "quote'\"", "tab\there", "::error::x", "[red]", "-rf", "--help", "ünï", "a b", "$(id)", "*", ":(top)x"]


def test_hostile_names(repository, data, call):
    for name in NASTY:
        (repository / "specs" / f"{name}.yaml").write_text(NET)
        (repository / "specs" / name).mkdir()
        (repository / "specs" / name / "net.yml").write_text(NET)
    commit(repository)
    for name in NASTY:
        (repository / "specs" / f"{name}.yaml").write_text(NET.replace("relu", "rleu"))
    payload = data("main")
    assert {network["before"]["file"] for network in payload["networks"]} == {
        f"main:specs/{name}.yaml" for name in NASTY
    }
    assert payload["counts"] == {"changed": 0, "added": 0, "removed": 0, "broken": 12, "unchanged": 13}
    for form in ("plain", "markdown", "csv"):
        _, out, _ = call("diff", "main", "-f", form)
        assert "\nb" not in out
        assert "\t" not in out


def tree(repository: Path, *entries: tuple[str, str, str, bytes]) -> str:
    listed = b"".join(b" ".join(map(str.encode, entry[:3])) + b"\t" + entry[3] + b"\0" for entry in entries)
    return git_(repository, "mktree", "-z", "--missing", given=listed).strip()


def test_what_is_no_regular_file_stays_out(repository, tmp_path):
    """Links, submodules, paths with .. and what is too big: nothing is written outside, and nothing followed."""

    def blob(text: bytes) -> str:
        return git_(repository, "hash-object", "-w", "--stdin", given=text).strip()

    secret = tmp_path / "secret.yaml"
    secret.write_text(NET)
    link, spec, big = blob(str(secret).encode()), blob(NET.encode()), blob(b"# " + b"x" * (1 << 20))
    inner = tree(repository, ("100644", "blob", spec, b"evil.yaml"))
    up = tree(repository, ("040000", "tree", tree(repository, ("040000", "tree", inner, b"..")), b".."))
    specs = tree(
        repository,
        ("120000", "blob", link, b"link.yaml"),
        ("120000", "blob", blob(b"/"), b"folder"),
        ("160000", "commit", "1" * 40, b"module.yaml"),
        ("100644", "blob", big, b"big.yaml"),
        ("100755", "blob", spec, b"runs.yaml"),
        ("100644", "blob", spec, b"text.txt"),
        ("040000", "tree", up, b"up"),
        ("040000", "tree", inner, b"up2"),
    )
    hostile = git_(repository, "commit-tree", "-m", "x", tree(repository, ("040000", "tree", specs, b"specs"))).strip()
    with git.tree(hostile, ["specs"]) as found:
        everything = sorted(Path(found.root.top).rglob("*"))
        assert not [path for path in everything if path.is_symlink()]
        files = [str(path.relative_to(found.root.top)) for path in everything if path.is_file()]
        assert files == ["specs/big.yaml", "specs/runs.yaml", "specs/up2/evil.yaml"]
        big_one = diff.read(found.path("specs/big.yaml"), Assumed(), found.root)
        assert [str(finding).partition(" [")[0] for finding in big_one.findings] == [
            f"{hostile}:specs/big.yaml:1:1: error: the file has more than 1,048,576 bytes"
        ]
    assert not list(tmp_path.rglob("evil.yaml"))


def test_attributes_leave_nothing_out(repository, data):
    """What a repository keeps out of its archives was there all the same, in the same words."""
    (repository / ".gitattributes").write_text("specs export-ignore\n* export-subst filter=x\n")
    write(repository / "specs", other=NET.replace("name: net", "name: $Format:%H$"))
    commit(repository)
    assert data("HEAD")["counts"]["unchanged"] == 2


def test_a_link_in_the_working_tree_is_no_new_spec(repository, data):
    (repository / "specs" / "link.yaml").symlink_to("net.yaml")
    commit(repository)
    assert data("main")["unchanged"] == ["net"]


def test_an_old_spec_may_not_leave_its_tree(repository, tmp_path, data):
    write(tmp_path, secret=NET)
    write(
        repository / "specs",
        net="cnncalc: 1\nextends: ../../secret.yaml\n",
        zet=f"cnncalc: 1\nextends: {tmp_path}/secret.yaml\n",
    )
    commit(repository)
    write(repository / "specs", net=NET, zet=NET)
    for network in data("main")["networks"]:
        assert network["status"] == "broken"
        assert "is outside the folder of this spec and the zoo" in network["errors"][0]["message"]


@pytest.mark.parametrize(
    ("limit", "message"), [("FILE_LIMIT", "has more than 1 specs"), ("TOTAL_LIMIT", "are more than 0 MiB")]
)
def test_limits(repository, monkeypatch, call, limit, message):
    write(repository / "specs", more=NET)
    commit(repository)
    monkeypatch.setattr(git, limit, 1)
    code, _, err = call("diff", "main")
    assert code == 2
    assert message in err


def test_an_object_is_missing(repository, call):
    oid = git_(repository, "rev-parse", "main:specs/net.yaml").strip()
    (repository / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    code, _, err = call("diff", "main")
    assert code == 3
    assert err.startswith("error: git can't read the revision")


def rows_of(out: str) -> list[str]:
    """The lines of a table, with the network's name and one space between cells."""
    rows, network = [], ""
    for line in out.splitlines():
        cells = line.split()
        network = cells[0] if cells and not line.startswith(" ") else network
        rows.append(" ".join([network, *cells] if line.startswith("  ") else cells))
    return rows


def test_table(repository, call):
    write(repository / "specs", net=NET, long=net(*[STAGE % f"s_{i}" for i in (1, 2)], FIRST, "relu"))
    commit(repository)
    write(
        repository / "specs",
        net=NET.replace("conv: 5", "conv: 10"),
        long=net(*[STAGE % f"t_{i}" for i in (1, 2)], FIRST.replace("4", "8"), "relu", "{layers: [relu, tanh], name: new}"),
        fresh=NET,
    )  # fmt: skip
    code, out, _ = call("diff", "main")
    assert code == 1
    rows = rows_of(out)
    assert rows[:3] == ["main -> working tree", "convention macs", "2 changed, 1 added"]
    assert f"fresh total params {A + 25}" in rows
    assert f"net total params {A + 25} {A + 50} +25 +18.2%" in rows  # 25 / 137
    assert "net total depth 2 2" in rows
    assert [row for row in rows if row.startswith("long ") and "total" not in row] == [
        "long changed",
        "long s_1 (4 layers) ... s_2 (4 layers) x2 renamed s_1 t_1",
        "long a out 4 8",
        "long a shape 4x8x8 8x8x8",
        "long a params 28 56 +28 +100.0%",  # 6 * 4 + 4
        "long a macs 1,536 3,072 +1,536 +100.0%",
        "long new (2 layers) added no params",
        "long layers after those shape alone 1",
    ]


@pytest.mark.parametrize(
    ("old", "new", "cells"),
    [
        ("{bn: [], eps: 0.00001}", "{bn: [], eps: 0.001}", "eps 1e-05 0.001"),
        ("{conv: 4, kernel: 3, pad: 1}", "{conv: 4, kernel: 3, pad: same}", "pad 1 same"),
        ("{conv: 4, kernel: [3, 3], pad: 1}", "{conv: 4, kernel: [1, 3], pad: [0, 1]}", "kernel [3, 3] [1, 3]"),
        ("{maxpool: 2, ceil: false}", "{maxpool: 2, ceil: true}", "ceil false true"),
    ],
)
def test_arguments_are_shown_as_the_language_writes_them(tmp_path, call, old, new, cells):
    write(tmp_path, old=net(old), new=net(new))
    _, out, _ = call("diff", str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml"))
    assert [line for line in out.splitlines() if " ".join(line.split()).endswith(cells)]


def test_depth_and_top(repository, call):
    write(repository / "specs", net=net(STAGE % "s", FIRST, LAST))
    commit(repository)
    write(
        repository / "specs",
        net=net(
            (STAGE % "s").replace("conv: 6", "conv: 7"), FIRST, LAST.replace("kernel: 1", "kernel: 1, bias: false")
        ),
    )
    _, out, _ = call("diff", "main", "--depth", "1", "--top", "2")
    rows = rows_of(out)
    before = 3 * 4 * 9 + 4 + 8 + 4 * 6 * 9 + 6
    assert f"net s params {before} {before + 37} +37 +{3700 / before:.1f}%" in rows  # 4 * 9 + 1
    assert "net a params 28 32 +4 +14.3%" in rows
    assert "net: 1 more parts" in rows
    assert not [row for row in rows if row.startswith(("net z", "net s.conv"))]
    _, out, _ = call("diff", "main", "--top", "0", "--columns", "params,depth")
    assert [row.split()[1:3] for row in rows_of(out) if row.startswith("net ")] == [
        ["changed"], ["total", "params"], ["total", "depth"],
    ]  # fmt: skip


def test_csv_has_every_layer(repository, call):
    write(repository / "specs", net=net(*[STAGE % f"s_{i}" for i in (1, 2)]))
    commit(repository)
    write(repository / "specs", net=net(*[(STAGE % f"s_{i}").replace("relu", "tanh") for i in (1, 2)]))
    _, out, _ = call("diff", "main", "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert list(rows[0]) == ["network", "part", "what", "before", "after", "difference", "relative"]
    assert {row["part"] for row in rows} == {
        "total", "s_1.conv1.relu", "s_2.conv1.relu", "s_1.conv1.tanh", "s_2.conv1.tanh",
    }  # fmt: skip
    for row in rows:
        if row["difference"]:
            assert int(row["after"]) - int(row["before"]) == int(row["difference"])


MARKDOWN = f"""**1 changed**: main -\\> working tree, convention macs

### net

|  | before | after | change | % |
| --- | ---: | ---: | ---: | ---: |
| params | {A + 25} | {A + 50} | +25 | +18.2% |
| macs | 8,192 | 9,472 | +1,280 | +15.6% |

| layer | what | before | after | change | % |
| --- | --- | ---: | ---: | ---: | ---: |
| b | out | 5 | 10 |  |  |
| b | shape | 5x8x8 | 10x8x8 |  |  |
| b | params | 25 | 50 | +25 | +100.0% |
| b | macs | 1,280 | 2,560 | +1,280 | +100.0% |
"""


def test_markdown(repository, call, tmp_path):
    write(repository / "specs", net=NET.replace("conv: 5", "conv: 10"))
    code, out, _ = call("diff", "main", "-f", "markdown", "--columns", "params,macs", "--export", f"json={tmp_path}/x")
    assert (code, out) == (1, MARKDOWN)
    assert json.loads((tmp_path / "x").read_text())["schema"] == "cnncalc.diff/1"


def test_markdown_folds_many_layers_and_keeps_its_markup(repository, call):
    write(repository / "specs", net=net(*(f"{{conv: {i}, kernel: 1, name: a{i}, bias: false}}" for i in range(3, 12))))
    commit(repository)
    write(
        repository / "specs",
        net=net(*(f"{{conv: {i}, kernel: 1, name: a{i}}}" for i in range(3, 12))),
        evil=NET + "name: '</details>'\n",
    )
    _, out, _ = call("diff", "main", "-f", "markdown")
    assert out.count("<details><summary>Layers: 9 changed</summary>\n\n| layer |") == 1
    assert out.count("</details>") == 1
    assert out.endswith("\n</details>\n")
    assert "### evil (broken)" in out
    assert "\\</details\\>" in out


def test_markdown_without_difference(repository, call):
    assert call("diff", "main", "-f", "markdown")[:2] == (
        0,
        "**1 unchanged**: main -\\> working tree, convention macs\n",
    )


def test_assumptions(repository, data):
    write(repository / "specs", net=NET.replace("conv: 5", "conv: 10"))
    payload = data("main", "--batch", "2", "--input", "3x16x16", "--dtype", "float16")
    macs = payload["networks"][0]["totals"]["macs"]
    assert macs["difference"] == 5 * 4 * 16 * 16 * 2
    assert payload["assumptions"]["input"] == [3, 16, 16]
    values = payload["networks"][0]["totals"]
    assert values["activation_bytes"]["after"] == 2 * values["activations"]["after"]


def test_side_outputs(tmp_path, call):
    text = NET + "side: {aux: {from: a, layers: [{conv: %d, kernel: 1}]}}\n"
    write(tmp_path, old=text % 2, new=text % 3)
    names = [str(tmp_path / "old.yaml"), str(tmp_path / "new.yaml")]
    assert call("diff", *names)[0] == 0
    assert call("diff", *names, "--with-side")[0] == 1


def test_broken_on_both_sides(repository, data):
    write(repository / "specs", net="a: b")
    commit(repository)
    (network,) = data("main")["networks"]
    assert (network["status"], network["totals"]) == ("broken", {})
    assert [error["file"] for error in network["errors"]] == ["main:specs/net.yaml", "specs/net.yaml"]


def test_a_library_is_no_network(tmp_path, call):
    write(tmp_path, lib="cnncalc: 1\nblocks: {B: {layers: [relu]}}\n", net=NET)
    code, _, err = call("diff", str(tmp_path / "lib.yaml"), str(tmp_path / "net.yaml"))
    assert code == 2
    assert err.endswith("has no layers: it is a library of blocks\n")


def test_many_layers_of_a_kind_end_in_time(tmp_path, data):
    """Past the limit nothing is aligned, but what begins or ends alike."""
    old = ["relu" if i % 2 else "tanh" for i in range(1500)]
    new = [f"{{{'relu' if i % 3 else 'tanh'}: [], name: n{i}}}" for i in range(1500)]
    found = compared(tmp_path, data, net(*old), net(*new))
    assert {kind for kind, *_ in found} == {"added", "removed", "renamed"}
    assert found[0] == ("renamed", "tanh1", "n0", [])


def test_standard_input_is_not_both_sides(call):
    message = "error: standard input can be read once, so it can't be both sides\n"
    assert call("diff", "-", "-") == (2, "", message)


def test_a_file_name_begins_no_command_of_a_runner(tmp_path, call):
    for side, text in (("a", NET), ("b", NET.replace("conv: 5", "conv: 6"))):
        write(tmp_path / side, **{"::error::one": text, " ::error::two": text + "rest: [\n"})
    code, out, _ = call("diff", str(tmp_path / "a"), str(tmp_path / "b"))
    assert code == 2
    assert "./::error::one" in out
    assert "./ ::error::two" in out
    assert not [line for line in out.splitlines() if line.lstrip().startswith("::")]
