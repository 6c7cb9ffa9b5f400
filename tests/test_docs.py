"""The documentation is true: its commands run and print what it shows, its specs load, and everything stands in it.

``python -m tests.test_docs`` writes what commands print now into the pages.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shlex
import subprocess
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import click
import pytest

import cnncalc
from cnncalc.cli import commands, pages
from cnncalc.cli.commands import COMMANDS
from cnncalc.cli.main import run
from cnncalc.cli.options import FORMATS
from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.ops import OPS
from cnncalc.spec import document, expressions, zoo
from cnncalc.spec.claims import CLAIM_KEYS, claimable
from cnncalc.spec.compile.words import AUTOMATIC, MODIFIERS
from cnncalc.spec.expand import expand

ROOT = Path(__file__).resolve().parent.parent
TEXTS = {"README": (ROOT / "README.md").read_text("utf-8"), **{name: pages.page(name) for name in pages.PAGES}}
GUIDE = "\n".join(TEXTS[name] for name in pages.PAGES)
#: what the text before an example tells to change in the spec above it
CHANGES = {
    ("README", "params ./small.yaml"): [("", ""), ("linear", "liner")],
    ("start", "summary ./mine.yaml"): [
        ("", ""),
        ("conv: 64, kernel: 3, pad: ", "conv: 64, kernel: 3, padding: "),
        ("  - flatten ", "  # "),
    ],
}
TORCH = importlib.util.find_spec("torch") is not None
ENDS = {"diff": (0, 1), "check": (0, 1), "fit": (0, 1)}


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def lines(text: str) -> list[str]:
    """The commands of the examples in bash, and those that stand before a help's first paragraph."""
    found = [line for block in fenced(text, "bash") for line in block.split("\n")]
    return [line for line in found if line.startswith("cnncalc ")]


def examples(name: str) -> list[str]:
    """The commands at the beginning of a command's help."""
    command = commands.command(name)
    block = (command.help or "").split("\n\n")[1]
    return [line.strip() for line in block.split("\n") if line.strip().startswith("cnncalc ")]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with ./specs, under git, as a reader has one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "own.yaml").write_text(
        "cnncalc: 1\nname: own\nsource: ours\ninput: [3, 8, 8]\nlayers: [relu]\n"
    )
    for words in ("init -q -b main", "add .", "-c user.name=a -c user.email=a@b commit -q -m first"):
        subprocess.run(["git", *words.split()], check=True, cwd=tmp_path)
    return tmp_path


def ran(line: str, capsys) -> str:
    """What a command prints; it must do what it was asked."""
    words = shlex.split(line, comments=True)[1:]
    if words[0] in ("verify", "profile") and "--show" not in words and not TORCH:
        pytest.skip("PyTorch is not installed")
    assert run(words) in ENDS.get(words[0], (0,)), capsys.readouterr().err
    return capsys.readouterr().out


@pytest.mark.parametrize(("page", "line"), [(name, line) for name, text in TEXTS.items() for line in lines(text)])
def test_commands_of_the_documentation_run(page, line, capsys, place, request):
    if "torchvision:" in line:
        request.getfixturevalue("torchvision")
    assert ran(line, capsys) or "--output" in line


@pytest.mark.parametrize("command", COMMANDS)
def test_a_help_begins_with_two_examples(command, capsys, place, request):
    found = examples(command)
    assert len(found) >= 2
    assert all(line.split()[1] == command or command in ("show", "vars") for line in found)
    for line in found:
        if "torchvision:" in line:
            request.getfixturevalue("torchvision")
        assert ran(line.split(" > ")[0], capsys) or "--output" in line


def shown() -> list[tuple[str, str, str, str]]:
    """Each command whose output is shown: page, command, output, and the spec that stands above it."""
    found = []
    for name, text in TEXTS.items():
        spec = ""
        turns: dict[str, int] = {}
        for language, block in re.findall(r"^```(yaml|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            if language == "yaml":
                spec = block
                continue
            for command, output in re.findall(r"^\$ cnncalc (.*?)\n(.*?)(?=^\$ |\Z)", block, re.MULTILINE | re.DOTALL):
                changes = CHANGES.get((name, command), [("", "")])
                old, new = changes[turns.get(command, 0)]
                turns[command] = turns.get(command, 0) + 1
                assert old in spec
                found.append((name, command, output, spec.replace(old, new, 1) if old else spec))
    return found


def printed(command: str, spec: str) -> str:
    """What a command prints in a folder that has the spec."""
    name = re.search(r"^name: (\w+)", spec, re.MULTILINE)
    if name and f"{name[1]}.yaml" in command:
        Path(f"{name[1]}.yaml").write_text(spec)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        run(shlex.split(command))
    return out.getvalue() + err.getvalue()


@pytest.mark.parametrize(("page", "command", "output", "spec"), shown())
def test_commands_print_what_is_shown(page, command, output, spec, place, monkeypatch):
    if "tests/" in command:
        monkeypatch.chdir(ROOT)
    assert printed(command, spec) == output


@pytest.mark.parametrize(
    "text", [text for page in TEXTS.values() for text in fenced(page, "yaml") if text.startswith("cnncalc:")]
)
def test_specs_of_the_documentation_load(text):
    spec = document.load(zoo.Found("<guide>", text.encode(), None))
    cnncalc.Network(spec, *expand(spec)).analyze()


@pytest.mark.parametrize("text", [text for page in TEXTS.values() for text in fenced(page, "python")])
def test_python_of_the_documentation_runs(text, place):
    exec(compile(text, "guide", "exec"), {})


def test_what_can_not_run_says_where_it_can():
    assert [block for text in TEXTS.values() for block in fenced(text, "sh") if "cuda" not in block] == []


def test_the_readme_is_short():
    assert len(TEXTS["README"].split("\n")) <= 151
    assert TEXTS["README"].count("OWNER") == 0


@pytest.mark.parametrize(
    "words",
    [
        CONVENTIONS,
        OPS,
        document.TOP_LEVEL,
        MODIFIERS,
        expressions.FUNCTIONS,
        sorted(AUTOMATIC - {"prev", "in", "i"}),
        claimable(),
        CLAIM_KEYS,
        COMMANDS,
        FORMATS,
    ],
)
def test_every_word_is_documented(words):
    assert [word for word in words if not re.search(rf"\b{word}\b", GUIDE)] == []


def test_every_option_is_documented():
    for name in COMMANDS:
        for option in commands.command(name).params:
            if isinstance(option, click.Option):
                assert option.help, f"{option.opts[0]} of {name} says nothing"
                assert f"`{', '.join(option.opts)}`" in TEXTS["options"]


def test_the_first_screen_fits():
    screen = commands.first_screen().split("\n")
    assert len(screen) <= 24
    assert max(map(len, screen)) <= 80
    assert [command for command in COMMANDS if not re.search(rf"\b{command}\b", "\n".join(screen))] == []


def test_examples_of_the_first_screen_run(capsys, place):
    for line in commands.first_screen().split("\n"):
        if line.startswith("  cnncalc "):
            assert ran(re.split(r" {3,}", line.strip())[0], capsys)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_the_first_screen_is_printed(arguments, capsys):
    assert run(arguments) == 0
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (f"{commands.first_screen()}\n", "")


def test_the_repository_speaks_of_the_project_alone():
    """No machine's paths in anything that is shipped or shown."""
    kept = [
        *ROOT.glob("*.md"),
        *(ROOT / "cnncalc").rglob("*.py"),
        *(ROOT / "cnncalc").rglob("*.md"),
        *(ROOT / "specs").rglob("*"),
    ]
    for path in kept:
        if path.is_file() and "__pycache__" not in path.parts:
            assert not re.search(r"/(home|root|work|Users)/", path.read_text("utf-8")), path


def rewrite() -> None:
    for name, command, output, spec in shown():
        path = ROOT / "README.md" if name == "README" else ROOT / "cnncalc" / "guide" / f"{name}.md"
        os.chdir(ROOT if "tests/" in command else tempfile.mkdtemp())
        old, new = (f"$ cnncalc {command}\n{text}" for text in (output, printed(command, spec)))
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


if __name__ == "__main__":
    rewrite()
