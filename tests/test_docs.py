"""The documentation is true: its commands run, its specs load, and everything there is stands in it.

``python tests/test_docs.py`` writes the table of operators into the guide.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

import cnncalc
from cnncalc.cli.main import COMMANDS, cli, run
from cnncalc.counting.backward import BACKWARD
from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.ops import OPS
from cnncalc.ops.base import Field, show
from cnncalc.spec import document, expressions, zoo
from cnncalc.spec.claims import CLAIM_KEYS, claimable
from cnncalc.spec.compile.words import AUTOMATIC, MODIFIERS
from cnncalc.spec.expand import expand

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
GUIDE = (ROOT / "specs" / "README.md").read_text("utf-8")
START, END = "<!-- operators:", "<!-- end of operators -->"


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def operator_table() -> str:
    """Every operator: keyword, arguments with their defaults, and the first paragraph of its documentation."""
    lines = ["| operator | arguments | what it does |", "|---|---|---|"]
    for name, op in sorted(OPS.items()):
        arguments = ", ".join(map(_argument, op.fields.values())) or ("branches or names" if op.role == "join" else "")
        meaning = " ".join((op.__doc__ or "").split("\n\n")[0].split())
        meaning = meaning.replace("``", "`").replace("*", "\\*").replace("|", "\\|")
        lines.append(f"| `{name}` | {arguments} | {meaning} |")
    return "\n".join(lines)


def _argument(field: Field) -> str:
    if field.required:
        return f"**{field.name}**"
    if field.default is None:
        return f"{field.name}=the window" if field.name == "stride" else field.name
    return f"{field.name}={field.default if isinstance(field.default, str) else show(field.default)}"


def test_the_operator_table_is_the_operators():
    table = GUIDE.split(START)[1].split("-->\n", 1)[1].split(END)[0]
    assert table.strip() == operator_table()


def specs_of_the_readme() -> list[str]:
    """Its YAML that is no workflow and no configuration, which ``test_actions`` looks at."""
    return [text for text in fenced(README, "yaml") if text.startswith("cnncalc:")]


@pytest.mark.parametrize("text", fenced(GUIDE, "yaml") + specs_of_the_readme())
def test_specs_in_the_documentation_load(text):
    spec = document.load(zoo.Found("<guide>", text.encode(), None))
    cnncalc.Network(spec, *expand(spec)).analyze()


def commands() -> list[str]:
    block = fenced(README.split("## Commands")[1], "bash")[0]
    return [line for line in block.split("\n") if line.startswith("cnncalc ")]


@pytest.mark.parametrize("line", commands())
def test_commands_of_the_readme_run(line, capsys):
    words = shlex.split(line, comments=True)[1:]
    assert run(words) == (1 if words[0] == "diff" else 0)
    assert capsys.readouterr().out


def test_the_readme_shows_what_the_first_command_prints(capsys):
    run(["params", "vgg16"])
    printed = capsys.readouterr().out
    assert f"$ cnncalc params vgg16\n{printed}" in README


def test_the_readme_shows_what_check_prints(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    (spec,) = [text for text in specs_of_the_readme() if "claims:" in text]
    Path("mine.yaml").write_text(spec)
    assert run(["check", "mine.yaml"]) == 1
    assert f"$ cnncalc check mine.yaml\n{capsys.readouterr().out}" in README


def test_the_readme_shows_what_memory_prints(capsys):
    words = "memory vgg16 --train --sort activation_bytes --top 3"
    assert run(words.split()) == 0
    assert f"$ cnncalc {words}\n{capsys.readouterr().out}" in README


def test_the_readme_shows_what_explain_prints(capsys):
    words = "explain resnet50 --convention fvcore"
    assert run(words.split()) == 0
    assert f"$ cnncalc {words}\n{capsys.readouterr().out}" in README


def test_the_readme_shows_a_measurement_as_it_is(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = "profile --show tests/measurements/cpu/resnet50.json --sort seconds --top 3"
    assert run(words.split()) == 0
    assert f"$ cnncalc {words}\n{capsys.readouterr().out}" in README


def test_python_of_the_readme_runs(capsys):
    for text in fenced(README, "python"):
        exec(compile(text, "README.md", "exec"), {})
    assert "fc8 linear" in capsys.readouterr().out


def test_every_command_and_option_is_documented():
    context = click.Context(cli)
    for name in COMMANDS:
        assert f"cnncalc {name}" in README, f"{name} is not in the README"
        command = cli.get_command(context, name)
        assert command is not None
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option not in ("--help",):
                    assert option in README, f"{option} of {name} is not in the README"


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (CONVENTIONS, README),
        (OPS, GUIDE),
        (document.TOP_LEVEL, GUIDE),
        (MODIFIERS, GUIDE),
        (expressions.FUNCTIONS, GUIDE),
        (sorted(AUTOMATIC - {"prev", "in", "i"}), GUIDE),
        (claimable(), GUIDE),
        (CLAIM_KEYS, GUIDE),
    ],
)
def test_every_word_is_documented(words, where):
    assert [word for word in words if not re.search(rf"\b{word}\b", where)] == []


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=lambda row: row.name)
def test_rules_of_conventions_are_as_documented(convention):
    assert f"| `{convention.name}` | {convention.rule} |" in README


@pytest.mark.parametrize("name", BACKWARD)
def test_rules_of_backward_passes_are_as_documented(name):
    assert f"| `{name}` | {BACKWARD[name].rule} |" in README


def test_the_repository_speaks_of_the_project_alone():
    """No machine's paths in anything that is shipped or shown."""
    for path in [*ROOT.glob("*.md"), *(ROOT / "cnncalc").rglob("*.py"), *(ROOT / "specs").rglob("*")]:
        if path.is_file() and "__pycache__" not in path.parts:
            assert not re.search(r"/(home|root|work|Users)/", path.read_text("utf-8")), path


if __name__ == "__main__":
    before, rest = GUIDE.split(START)
    marker, rest = rest.split("-->\n", 1)
    after = rest.split(END)[1]
    (ROOT / "specs" / "README.md").write_text(f"{before}{START}{marker}-->\n{operator_table()}\n{END}{after}", "utf-8")
