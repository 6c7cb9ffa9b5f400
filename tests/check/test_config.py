"""The configuration of a check: which file it is, what it says, and where it is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnncalc.check import config, lint, toml
from cnncalc.check.budgets import Limits
from cnncalc.check.config import Config
from cnncalc.errors import CnncalcError, Location, format_errors
from cnncalc.spec.claims import Budget
from cnncalc.spec.reader import MappingNode, SequenceNode, YamlNode

NOTHING = Config(None, (), False, (), ())

FULL = """\
# limits of our networks
[check]
paths = ["specs/"]
strict = true

[lint]
ignore = ["CN001", "CN002"]

[[budget]]
files = "specs/mobile/**/*.yaml"
params = {warn = "5M", max = "6M"}
macs = {max = "600M"}

[[budget]]
files = ["a.yaml", "b*.yaml"]
training_memory = {max = "24GB", batch = 32, dtype = "float16"}
"""


@pytest.fixture(autouse=True)
def few_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codes of four rules, whatever rules there are."""
    codes = ("CN001", "CN002", "CN003", "CN010")
    monkeypatch.setattr(lint, "RULES", MappingProxyType(dict.fromkeys(codes)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a repository, with a folder of specs; the working directory."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refusal(folder: Path) -> Callable[..., list[str]]:
    """The lines that refuse a configuration."""

    def read(text: str | bytes, name: str = "cnncalc.toml") -> list[str]:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(CnncalcError) as caught:
            config.load()
        assert caught.value.exit_code == 2
        return format_errors(caught.value)

    return read


def limit(
    quantity: str, line: int, max: str, warn: str | None = None, file: str = "cnncalc.toml", **options: Any
) -> Budget:
    return Budget(quantity, warn, max, options, Location(file, line, 1))


def test_everything_at_once(folder: Path) -> None:
    (folder / "cnncalc.toml").write_text(FULL, encoding="utf-8")
    assert config.load() == Config(
        "cnncalc.toml",
        ("specs",),
        True,
        ("CN001", "CN002"),
        (
            Limits(
                str(folder),
                ("specs/mobile/**/*.yaml",),
                (limit("params", 11, "6M", "5M"), limit("macs", 12, "600M")),
                (Location("cnncalc.toml", 10, 1),),
            ),
            Limits(
                str(folder),
                ("a.yaml", "b*.yaml"),
                (limit("training_memory", 16, "24GB", batch=32, dtype="float16"),),
                (Location("cnncalc.toml", 15, 1),) * 2,
            ),
        ),
    )


def test_the_same_in_pyproject(folder: Path) -> None:
    (folder / "cnncalc.toml").write_text(FULL, encoding="utf-8")
    own = config.load()
    (folder / "cnncalc.toml").unlink()
    shared = (
        FULL.replace("[[", "[[tool.cnncalc.").replace("\n[c", "\n[tool.cnncalc.c").replace("\n[l", "\n[tool.cnncalc.l")
    )
    (folder / "pyproject.toml").write_text(shared, encoding="utf-8")
    found = config.load()
    assert found.file == "pyproject.toml"
    assert repr(found) == repr(own).replace("cnncalc.toml", "pyproject.toml")


def test_figures_may_be_numbers(folder: Path) -> None:
    (folder / "cnncalc.toml").write_text(
        "[[budget]]\nfiles = 'a'\nparams = {warn = 5_000_000, max = 0x1000}\nmacs = {max = 1.5e9}\ndepth.max = 2.5\n",
        encoding="utf-8",
    )
    (found,) = config.load().limits
    assert [(one.warn, one.max) for one in found.budgets] == [("5000000", "4096"), (None, "1500000000"), (None, "2.5")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "[check]\n[lint]\n",
        "budget = []\n",
        "\ufeff[check]\nstrict = false\n",
        "[check]\r\npaths = []\r\n",
    ],
)
def test_a_file_that_says_nothing(folder: Path, text: str) -> None:
    (folder / "cnncalc.toml").write_bytes(text.encode())
    assert config.load() == NOTHING._replace(file="cnncalc.toml")


#: files of the repository, where the search starts, the file that is found
SEARCHES = [
    ({}, ".", None),
    ({"cnncalc.toml": ""}, ".", "cnncalc.toml"),
    ({"cnncalc.toml": ""}, "a/b", "cnncalc.toml"),
    ({"cnncalc.toml": "", "a/cnncalc.toml": ""}, "a/b", "a/cnncalc.toml"),
    ({"cnncalc.toml": "", "pyproject.toml": "[tool.cnncalc]"}, ".", "cnncalc.toml"),
    ({"cnncalc.toml": "", "a/pyproject.toml": "[tool.cnncalc]"}, "a/b", "a/pyproject.toml"),
    ({"pyproject.toml": "[tool.cnncalc.lint]"}, ".", "pyproject.toml"),
    ({"cnncalc.toml": "", "a/pyproject.toml": "[tool.other]\nx = 'cnncalc'"}, "a/b", "cnncalc.toml"),
    ({"cnncalc.toml": "", "a/pyproject.toml": "[cnncalc.lint]"}, "a/b", "cnncalc.toml"),
    ({"cnncalc.toml": "", "a/pyproject.toml": "tool = 'cnncalc'"}, "a/b", "cnncalc.toml"),
    ({"cnncalc.toml": "", "a/pyproject.toml": "this is no TOML"}, "a/b", "cnncalc.toml"),
    ({"cnncalc.toml": "", "a/.git": "gitdir: elsewhere"}, "a/b", None),
    ({"cnncalc.toml": "", "a/.git": "", "a/cnncalc.toml": ""}, "a/b", "a/cnncalc.toml"),
    ({"../cnncalc.toml": ""}, ".", None),
]  # fmt: skip


@pytest.mark.parametrize(("files", "start", "found"), SEARCHES)
def test_the_nearest_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], start: str, found: str | None
) -> None:
    root = tmp_path / "root"
    (root / "a" / "b").mkdir(parents=True)
    (root / ".git").mkdir()
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(root)
    assert config.load(start=start) == NOTHING._replace(file=found and os.path.normpath(found))
    monkeypatch.chdir(root / start)
    shown = found and os.path.relpath(found, start)
    assert config.load() == NOTHING._replace(file=shown)


def test_paths_are_shown_from_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "cnncalc.toml").write_text("check.paths = ['specs', './specs2//x.yaml', '.']\n", encoding="utf-8")
    (folder / "specs2").mkdir()
    (folder / "specs2" / "x.yaml").touch()
    assert config.load().paths == ("specs", os.path.join("specs2", "x.yaml"), ".")
    monkeypatch.chdir(folder / "specs")
    assert config.load().paths == (".", os.path.join("..", "specs2", "x.yaml"), "..")
    monkeypatch.chdir(folder.parent)
    assert config.load(os.path.join(folder.name, "cnncalc.toml")).paths[0] == os.path.join(folder.name, "specs")


def test_a_named_file_is_read_whatever_it_is_called(folder: Path) -> None:
    (folder / "cnncalc.toml").write_text("[oops]", encoding="utf-8")
    (folder / "strict.toml").write_text("[check]\nstrict = true\n", encoding="utf-8")
    assert config.load("strict.toml") == NOTHING._replace(file="strict.toml", strict=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.toml", "none.toml:1:1: error: can't read the configuration: No such file or directory"),
        ("specs", "specs:1:1: error: this is a directory, not a configuration"),
        ("a\0b", "a\\x00b:1:1: error: can't read the configuration: not a path"),
        ("pyproject.toml", "error: 'pyproject.toml' has no [tool.cnncalc]"),
        ("sub/pyproject.toml", "error: 'sub/pyproject.toml' has no [tool.cnncalc]"),
    ],
)
def test_a_named_file_that_is_no_configuration(folder: Path, name: str, message: str) -> None:
    (folder / "sub").mkdir()
    (folder / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    (folder / "sub" / "pyproject.toml").write_text("[project]\nname = 'cnncalc'\n", encoding="utf-8")
    with pytest.raises(CnncalcError) as caught:
        config.load(name)
    assert caught.value.exit_code == 2
    assert str(caught.value) == message


def test_what_is_no_file_is_refused(folder: Path) -> None:
    place = folder / "cnncalc.toml"

    def refused() -> str:
        with pytest.raises(CnncalcError) as caught:
            config.load()
        assert caught.value.exit_code == 2
        return str(caught.value)

    place.mkdir()
    assert refused() == "cnncalc.toml:1:1: error: this is a directory, not a configuration"
    place.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(place)
        assert refused() == "cnncalc.toml:1:1: error: this is a pipe or a device, not a configuration"
        place.unlink()
    place.symlink_to("nowhere")
    assert refused() == "cnncalc.toml:1:1: error: can't read the configuration: No such file or directory"


BUDGET = "[[budget]]\nfiles = 'a'\n"
#: text, the lines that refuse it
REFUSED: list[tuple[str | bytes, list[str]]] = [
    # keys
    ("[lint]\nignor = []", ["2:1: error: unknown key 'ignor' in [lint] (hint: did you mean ignore?)"]),
    ("[check]\nstrickt = true", ["2:1: error: unknown key 'strickt' in [check] (hint: did you mean strict?)"]),
    ("[chek]\nstrict = true", ["1:1: error: unknown key 'chek' (hint: did you mean check?)"]),
    ("x = 1", ["1:1: error: unknown key 'x' (hint: one of: budget, check, lint)"]),
    ("[tool.cnncalc]", ["1:1: error: unknown key 'tool' (hint: one of: budget, check, lint)"]),
    ("lint.ignor = []", ["1:6: error: unknown key 'ignor' in [lint] (hint: did you mean ignore?)"]),
    ("lint = {ignore = [], \"ignor\" = []}", ["1:22: error: unknown key 'ignor' in [lint] (hint: did you mean ignore?)"]),
    (f"{BUDGET}macs = {{max = 1}}\n{BUDGET}parms = {{max = 1}}\nmacs.max = 1", ["6:1: error: unknown key 'parms' in [[budget]] (hint: did you mean params or norm_params?)"]),
    ("[[budget]]\nfile = 'a'\nmacs.max = 1", ["1:1: error: [[budget]] needs files (hint: for example 'files = \"specs/**/*.yaml\"')", "2:1: error: unknown key 'file' in [[budget]] (hint: did you mean files?)"]),
    # kinds
    ("check = 1", ["1:1: error: [check] must be a table, not '1'"]),
    ("lint = ['CN001']", ["1:1: error: [lint] must be a table, not a list"]),
    ("[check]\nstrict = 'true'", ["2:1: error: strict must be true or false, not the text 'true'"]),
    ("[check]\nstrict = 1", ["2:1: error: strict must be true or false, not '1'"]),
    ("[check]\nstrict = {}", ["2:1: error: strict must be true or false, not a table"]),
    ("[check]\npaths = 1979-05-27 07:32:00", ["2:1: error: paths must be text or a list of texts, not '1979-05-27 07:32:00'"]),
    ("[check]\npaths = ['specs', [\n'specs']]", ["2:1: error: paths must be text or a list of texts, not a list"]),
    ("budget = 'a'", ["1:1: error: budget must be a list of tables, not the text 'a' (hint: write [[budget]])"]),
    ("[budget]\nfiles = 'a'", ["1:1: error: budget must be a list of tables, not a table (hint: write [[budget]])"]),
    ("budget = ['a']", ["1:1: error: [[budget]] must be a table, not the text 'a'"]),
    ("[[budget]]\nfiles = 1\nmacs.max = 1", ["2:1: error: files must be text or a list of texts, not '1'"]),
    ("[[budget]]\nfiles = []\nmacs.max = 1", ["1:1: error: [[budget]] needs files (hint: for example 'files = \"specs/**/*.yaml\"')"]),
    (BUDGET, ["1:1: error: [[budget]] needs a quantity (hint: for example 'params = {max = \"5M\"}')"]),
    (f"{BUDGET}macs = '5M'", ["3:1: error: the budget of macs must be a table with warn or max, not the text '5M' (hint: for example 'macs = {max = \"5M\"}')"]),
    (f"{BUDGET}activation_bytes = 5", ["3:1: error: the budget of activation_bytes must be a table with warn or max, not '5' (hint: for example 'activation_bytes = {max = \"24GB\"}')"]),
    (f"{BUDGET}macs = {{batch = 2}}", ["3:1: error: the budget of macs needs warn or max (hint: for example 'macs = {max = \"5M\"}')"]),
    (f"{BUDGET}macs = {{}}", ["3:1: error: the budget of macs needs warn or max (hint: for example 'macs = {max = \"5M\"}')"]),
    # figures
    (f"{BUDGET}macs = {{max = '5Q'}}", ["3:9: error: max must be a figure like 26M, not '5Q'"]),
    (f"{BUDGET}macs = {{max = -5}}", ["3:9: error: max must be a figure like 26M, not '-5'"]),
    (f"{BUDGET}macs = {{warn = inf}}", ["3:9: error: warn must be a figure like 26M, not 'inf'"]),
    (f"{BUDGET}macs = {{warn = nan}}", ["3:9: error: warn must be a figure like 26M, not 'nan'"]),
    (f"{BUDGET}macs = {{max = true}}", ["3:9: error: max must be a figure like 26M, not 'true'"]),
    (f"{BUDGET}macs = {{max = ''}}", ["3:9: error: max must be a figure like 26M, not ''"]),
    (f"{BUDGET}macs = {{max = 0x{'f' * 900}}}", ["3:9: error: max must be a figure like 26M, not '" + str(int("f" * 900, 16))[:57] + "...'"]),
    (f"{BUDGET}macs.max = [1]", ["3:6: error: max must be text, not a list"]),
    (f"{BUDGET}macs = {{maxi = '5M'}}", ["3:9: error: a budget has no key 'maxi' (hint: did you mean max?)"]),
    (f"{BUDGET}macs = {{max = '5M', batch = 0}}", ["3:21: error: batch must be a whole number of at least 1, not '0'"]),
    (f"{BUDGET}[budget.macs]\nmax = '5M'\nbatch = 1.5", ["5:1: error: batch must be a whole number of at least 1, not '1.5'"]),
    # rules
    ("[lint]\nignore = ['CN001', 'CN011']", ["2:1: error: unknown lint rule 'CN011' (hint: did you mean CN010, CN001, CN003 or CN002?)"]),
    ("[lint]\nignore = 'everything'", ["2:1: error: unknown lint rule 'everything' (hint: one of: CN001, CN002, CN003, CN010)"]),
    # paths and patterns
    ("[check]\npaths = ['/etc']", ["2:1: error: the path '/etc' is outside the folder of the configuration"]),
    ("[check]\npaths = 'specs/../..'", ["2:1: error: the path 'specs/../..' is outside the folder of the configuration"]),
    ("[check]\npaths = '~/x'", ["2:1: error: the path '~/x' is outside the folder of the configuration"]),
    ("[check]\npaths = 'C:/x'", ["2:1: error: the path 'C:/x' is outside the folder of the configuration"]),
    ("[check]\npaths = 'a\\b'", ["2:1: error: the path 'a\\b' has a backslash (hint: write / between folders)"]),
    ("[check]\npaths = ''", ["2:1: error: the path '' must be printable text"]),
    ('[check]\npaths = "a\\u0000b"', ["2:1: error: the path 'a\\x00b' must be printable text"]),
    ("[check]\npaths = ['specs', 'nets']", ["2:1: error: the folder of the configuration has no 'nets'"]),
    ("[check]\npaths = 'vgg16'", ["2:1: error: the folder of the configuration has no 'vgg16'"]),
    ("[[budget]]\nfiles = ['/a', '../a', 'a/../b']\nmacs.max = 1", [
        "2:1: error: the pattern '/a' is outside the folder of the configuration",
        "2:1: error: the pattern '../a' is outside the folder of the configuration",
        "2:1: error: the pattern 'a/../b' is outside the folder of the configuration",
    ]),
    ("[[budget]]\nfiles = 'a/b**'\nmacs.max = 1", ["2:1: error: the pattern 'a/b**' has ** inside a name (hint: write **/ for any number of folders)"]),
    # the text itself
    ("[lint\n", ["1:6: error: not TOML: expected ']' at the end of a table declaration"]),
    ("[lint]\nignore = [\n  'a',\n", ["4:1: error: not TOML: invalid value"]),
    ("[lint]\nignore", ["2:7: error: not TOML: expected '=' after a key in a key/value pair"]),
    ("[lint]\nignore = []\nignore = []", ["3:12: error: not TOML: cannot overwrite a value"]),
    ("a = 1\rb = 2", ["1:6: error: not TOML: expected newline or end of document after a statement"]),
    (b"[lint]\n# \xc3\xa9 \xe9", ["2:5: error: not UTF-8: byte 0xe9 (hint: save it as UTF-8)"]),
    (b"\xff\xfe[\0", ["1:1: error: not UTF-8: byte 0xff (hint: save it as UTF-8)"]),
    ("#" * (1 << 20) + "#", ["1:1: error: the file has more than 1,048,576 bytes"]),
    ("a = " + "[" * 100_000, ["1:1: error: tables and lists are nested too deep"]),
    ("a = " + "{a=" * 100_000, ["1:1: error: tables and lists are nested too deep"]),
    ("a = " + "9" * 5_000, ["1:1: error: a number has too many digits"]),
    ("[check]\nstrict = 0x" + "9" * 5_000, ["1:1: error: a number has too many digits"]),
    ("#\na" + ".a" * 64 + " = 1", ["2:1: error: a key has more than 64 parts"]),
    ("[a" + ".a" * 200_000 + "]", ["1:1: error: a key has more than 64 parts"]),
    ("a = 1\nb = {a" + ".a" * 200_000 + " = 1}", ["2:5: error: a key has more than 64 parts"]),
    ("' ' . " * 30 + '"\\"". ' * 34 + "a = 1", ["1:1: error: a key has more than 64 parts"]),
    ("[a.b]\n" * 100_000, ["2:5: error: not TOML: cannot declare ('a', 'b') twice"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "lines"), REFUSED, ids=[str(i) for i in range(len(REFUSED))])
def test_mistakes(refusal: Callable[..., list[str]], text: str | bytes, lines: list[str]) -> None:
    assert refusal(text) == [f"cnncalc.toml:{line}" for line in lines]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[tool.cnncalc.lint]\nignor = []", "2:1: error: unknown key 'ignor' in [tool.cnncalc.lint] (hint: did you mean ignore?)"),
        ("[tool.cnncalc]\nlnt = 1", "2:1: error: unknown key 'lnt' in [tool.cnncalc] (hint: did you mean lint?)"),
        ("[tool]\ncnncalc = 1", "2:1: error: [tool.cnncalc] must be a table, not '1'"),
        ("[tool.cnncalc.budget]", "1:1: error: budget must be a list of tables, not a table (hint: write [[tool.cnncalc.budget]])"),
        ("[[tool.cnncalc.budget]]\nfiles = 'a'", "1:1: error: [[tool.cnncalc.budget]] needs a quantity (hint: for example 'params = {max = \"5M\"}')"),
        ("[project]\nname = 'cnncalc'\nname = 'x'", "3:11: error: not TOML: cannot overwrite a value"),
        ("#" * (1 << 20) + "#", "1:1: error: the file has more than 1,048,576 bytes"),
    ],
)  # fmt: skip
def test_mistakes_in_pyproject(refusal: Callable[..., list[str]], text: str, line: str) -> None:
    assert refusal(text, "pyproject.toml") == [f"pyproject.toml:{line}"]


def test_limits_are_kept_to_the_last(folder: Path) -> None:
    """What is just within every limit is read."""
    (folder / "cnncalc.toml").write_text("#" * (1 << 20), encoding="utf-8")
    assert config.load().file == "cnncalc.toml"
    assert isinstance(toml.read(b"a" + b".a" * 63 + b" = '" + b"a." * 70 + b"'", "x"), MappingNode)
    assert isinstance(toml.read(b"a = 0x" + b"f" * 3_500, "x"), MappingNode)


def test_a_thousand_patterns_are_enough(refusal: Callable[..., list[str]]) -> None:
    text = "[[budget]]\nfiles = [\n" + "'a',\n" * 999 + "]\nmacs.max = 1\n[[budget]]\nmacs.max = 1\nfiles = ["
    (line,) = refusal(f"{text}\n'a',\n'a',\n'a']")
    assert line == "cnncalc.toml:1006:1: error: more than 1,000 patterns in all budgets"
    Path("cnncalc.toml").write_text(f"{text}'a']", encoding="utf-8")
    assert sum(len(limits.patterns) for limits in config.load().limits) == 1_000


def test_patterns_of_folders_mean_everything_below(folder: Path) -> None:
    (folder / "cnncalc.toml").write_text(
        "[[budget]]\nfiles = ['specs', 'specs/', 'mobile/', './a//b.yaml', '.', './**']\nmacs.max = 1\n",
        encoding="utf-8",
    )
    (found,) = config.load().limits
    assert found.patterns == ("specs/**", "specs/**", "mobile/**", "a/b.yaml", "**", "**")


PLACES = '''\
top = 1
"quoted.key" = [ 1, # one, ] "
  [2, 'x]'], {a = 1, b.c = 2} ,
]
dotted . key = """
x = "a table" \\""" ""
"""  # "
dotted.'other' = 2

[ table ]
\ta = "\\"#" # = 3
"\\u0062" = 2020-01-01 01:02:03
[table.sub]
e = {}
[[list]]
a = 1
[list.sub]
b = 1
[[list.inner]]
c = 1
[[list.inner]]
c = 2
[[ list ]]
a = 2
[[list.inner]]
c = 3
[implied.'by-a'.header]
a = 3
'''

#: path, line and column
PLACED: list[tuple[list[str | int], tuple[int, int]]] = [
    ([], (1, 1)),
    (["top"], (1, 1)),
    (["quoted.key"], (2, 1)),
    (["quoted.key", 1, 1], (2, 1)),  # an item stands where its list does
    (["quoted.key", 2, "a"], (3, 15)),
    (["quoted.key", 2, "b"], (3, 22)),
    (["quoted.key", 2, "b", "c"], (3, 24)),
    (["dotted"], (5, 1)),
    (["dotted", "key"], (5, 10)),
    (["dotted", "other"], (8, 8)),
    (["table"], (10, 1)),
    (["table", "a"], (11, 2)),
    (["table", "b"], (10, 1)),  # a key with an escape stands where its table does
    (["table", "sub"], (13, 1)),
    (["table", "sub", "e"], (14, 1)),
    (["list"], (15, 1)),
    (["list", 0], (15, 1)),
    (["list", 0, "a"], (16, 1)),
    (["list", 0, "sub"], (17, 1)),
    (["list", 0, "sub", "b"], (18, 1)),
    (["list", 0, "inner"], (19, 1)),
    (["list", 0, "inner", 0, "c"], (20, 1)),
    (["list", 0, "inner", 1], (21, 1)),
    (["list", 0, "inner", 1, "c"], (22, 1)),
    (["list", 1], (23, 1)),
    (["list", 1, "a"], (24, 1)),
    (["list", 1, "inner", 0, "c"], (26, 1)),
    (["implied", "by-a"], (1, 1)),
    (["implied", "by-a", "header"], (27, 1)),
    (["implied", "by-a", "header", "a"], (28, 1)),
]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(("path", "place"), PLACED)
def test_places(path: list[str | int], place: tuple[int, int], ending: str) -> None:
    node: YamlNode = toml.read(PLACES.replace("\n", ending).encode(), "x")
    for part in path:
        if isinstance(node, MappingNode) and isinstance(part, str):
            key, node = node.entries[part]
            assert (key.line, key.column) == (node.line, node.column) or isinstance(node, SequenceNode)
        elif isinstance(node, SequenceNode) and isinstance(part, int):
            node = node.items[part]
    assert (node.line, node.column) == place


@given(
    st.text(alphabet="ab[]{}=.,\"'\\#\n \r\t1é", max_size=30)
    | st.binary(max_size=12).map(lambda b: b.decode("latin-1"))
)
def test_any_text_is_read_or_refused_in_its_place(text: str) -> None:
    place: Location | None = Location("x", 1, 1)
    try:
        toml.read(text.encode(), "x")
    except CnncalcError as error:
        place = error.location
    rows = text.replace("\r\n", "\n").split("\n")
    assert place is not None
    assert 1 <= place.line <= len(rows)
    assert 1 <= place.column <= len(rows[place.line - 1]) + 1
