"""What runs ``cnncalc check`` elsewhere: the action, the pre-commit hook, and the workflows that the guide shows."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from cnncalc.cli import check, pages
from cnncalc.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
ACTION_FILE = ROOT / ".github" / "actions" / "check" / "action.yml"
HOOKS_FILE = ROOT / ".pre-commit-hooks.yaml"
ACTION = yaml.safe_load(ACTION_FILE.read_text("utf-8"))
STEPS = ACTION["runs"]["steps"]
SCHEMAS = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "tests" / "reference" / "schemas").glob("*.json")
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()
)
GUIDE_YAML = re.findall(r"^```yaml\n(.*?)^```", pages.page("check"), re.MULTILINE | re.DOTALL)
BASH = shutil.which("bash")


def problems(schema: str, text: str) -> list[str]:
    """What a schema has against a YAML text."""
    validator = Draft7Validator(SCHEMAS[schema], registry=REGISTRY)
    # YAML 1.1 reads the key on as true; GitHub reads it as text
    data = yaml.load(re.sub(r"^on:", '"on":', text, flags=re.MULTILINE), yaml.SafeLoader)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]


def kind(text: str) -> str:
    """What a YAML block of the guide is: a spec, or the name of the schema that it must fit."""
    if text.startswith("cnncalc:"):
        return "spec"
    keys = yaml.load(text, yaml.SafeLoader)
    return "github-workflow" if "jobs" in keys else "pre-commit-config" if "repos" in keys else "unknown"


WORKFLOW = """\
name: specs
on: {pull_request: {}, push: {branches: [main]}}
permissions: {contents: read}
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: cnncalc check specs/
"""
CONFIG = "repos: [{repo: 'https://example.invalid/x', rev: v1, hooks: [{id: cnncalc-check, args: [models/]}]}]\n"


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ("github-action", ACTION_FILE.read_text("utf-8")),
        ("pre-commit-hooks", HOOKS_FILE.read_text("utf-8")),
        ("github-workflow", WORKFLOW),
        ("pre-commit-config", CONFIG),
    ],
)
def test_files_fit_their_schemas(schema, text):
    assert problems(schema, text) == []


@pytest.mark.parametrize("text", GUIDE_YAML)
def test_yaml_of_the_guide(text):
    schema = kind(text)
    assert schema != "unknown"
    if schema != "spec":
        assert problems(schema, text) == []


@pytest.mark.parametrize("text", [text for text in GUIDE_YAML if kind(text) == "github-workflow"])
def test_workflows_of_the_guide_may_only_read(text):
    workflow = yaml.load(text, yaml.SafeLoader)
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in text
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
            if "/.github/actions/check@" in step.get("uses", ""):
                assert set(step.get("with", {})) <= set(ACTION["inputs"])


@pytest.mark.parametrize("text", [text for text in GUIDE_YAML if kind(text) == "pre-commit-config"])
def test_hooks_of_the_guide_are_there(text):
    known = {hook["id"] for hook in yaml.safe_load(HOOKS_FILE.read_text("utf-8"))}
    repos = yaml.safe_load(text)["repos"]
    assert {hook["id"] for repo in repos for hook in repo["hooks"]} <= known


@pytest.mark.parametrize(
    ("schema", "text", "change"),
    [
        ("github-action", ACTION_FILE.read_text("utf-8"), ("shell: bash", "shel: bash")),
        ("github-action", ACTION_FILE.read_text("utf-8"), ("using: composite", "using: composit")),
        ("pre-commit-hooks", HOOKS_FILE.read_text("utf-8"), ("language: python", "language: pyton")),
        ("pre-commit-hooks", HOOKS_FILE.read_text("utf-8"), ("entry:", "entri:")),
        ("github-workflow", WORKFLOW, ("contents: read", "contents: reed")),
        ("github-workflow", WORKFLOW, ("pull_request:", "pull_requests:")),
        ("pre-commit-config", CONFIG, ("args: [models/]", "args: models/")),
    ],
)
def test_schemas_refuse_mistakes(schema, text, change):
    assert change[0] in text
    assert problems(schema, text.replace(*change)) != []


def test_the_hook_judges_everything():
    (hook,) = yaml.safe_load(HOOKS_FILE.read_text("utf-8"))
    program, command = hook["entry"].split()
    assert program == "cnncalc"
    assert command in COMMANDS
    assert hook["pass_filenames"] is False


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("specs/net.yaml", True),
        ("specs/deep/er/net.yml", True),
        ("cnncalc.toml", True),
        ("pyproject.toml", True),
        ("specs/README.md", False),
        ("other/specs.yaml", False),
        ("specs/net.yaml.bak", False),
        ("docs/pyproject.toml", False),
    ],
)
def test_when_the_hook_runs(path, runs):
    (hook,) = yaml.safe_load(HOOKS_FILE.read_text("utf-8"))
    assert bool(re.search(hook["files"], path)) is runs  # as pre-commit does


def test_inputs_reach_scripts_as_variables_only():
    for step in STEPS:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
        given = {value for value in step["env"].values() if isinstance(value, str)}
        assert {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]} >= given
    used = {value for step in STEPS for value in step["env"].values()}
    assert used == {f"${{{{ inputs.{name} }}}}" for name in ACTION["inputs"]}  # and none is forgotten
    assert set(ACTION["inputs"]) == {"paths", "strict", "version", "args", "sarif", "junit"}


class Ran(NamedTuple):
    code: int
    out: str
    calls: list[list[str]]


@pytest.fixture
def act(tmp_path):
    """Runs the steps as the runner does, with commands that only record how they are called."""
    if BASH is None:
        pytest.skip("there is no bash")
    work = tmp_path / "checkout"
    work.mkdir()
    commands = tmp_path / "bin"
    commands.mkdir()
    record = tmp_path / "calls"
    for name in ("pip", "cnncalc"):
        fake = commands / name
        fake.write_text(
            f'#!{BASH}\nprintf "%s\\0" "$(basename "$0")" "$@" >> "{record}"\nprintf "\\1" >> "{record}"\nexit "$FAKE_CODE"\n'
        )
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)

    def run(code: int = 0, **inputs: str) -> Ran:
        values = {name: str(given["default"]) for name, given in ACTION["inputs"].items()} | inputs
        record.write_text("")
        out = ""
        for number, step in enumerate(STEPS):
            script = tmp_path / "script.sh"
            script.write_text(step["run"], "utf-8")
            subprocess.run([BASH, "-n", script], check=True)
            env = {
                "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
                "GITHUB_ACTION_PATH": str(ACTION_FILE.parent),
                "FAKE_CODE": str(code if number == len(STEPS) - 1 else 0),
            }
            for name, value in step["env"].items():
                env[name] = re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: values[match[1]], value)
            command = [BASH, "--noprofile", "--norc", "-eo", "pipefail", str(script)]
            result = subprocess.run(command, env=env, cwd=work, capture_output=True, text=True)
            assert result.stderr == ""
            out += result.stdout
            if result.returncode:
                break
        assert list(work.iterdir()) == []
        calls = [call.split("\0")[:-1] for call in record.read_text("utf-8").split("\1")[:-1]]
        return Ran(result.returncode, out, calls)

    return run


@pytest.mark.parametrize(
    ("inputs", "arguments"),
    [
        ({}, ["--", "specs/"]),
        ({"paths": ""}, ["--"]),
        ({"paths": "a b/net 1.yaml"}, ["--", "a b/net 1.yaml"]),
        ({"paths": "specs/\n\nmy models/\n"}, ["--", "specs/", "my models/"]),
        ({"paths": "--config=x"}, ["--", "--config=x"]),
        (
            {"paths": "$(touch x) `touch x`; touch x #\n*\n\\n\n'\n\""},
            ["--", "$(touch x) `touch x`; touch x #", "*", "\\n", "'", '"'],
        ),
        ({"strict": "true"}, ["--strict", "--", "specs/"]),
        ({"strict": ""}, ["--", "specs/"]),
        ({"args": "--since=origin/main\n--jobs=2"}, ["--since=origin/main", "--jobs=2", "--", "specs/"]),
        ({"args": "--config=my file.toml; touch x"}, ["--config=my file.toml; touch x", "--", "specs/"]),
        ({"sarif": "out 1.sarif"}, ["--export", "sarif=out 1.sarif", "--", "specs/"]),
        (
            {"sarif": "$(touch x)", "junit": "a\nb"},
            ["--export", "sarif=$(touch x)", "--export", "junit=a\nb", "--", "specs/"],
        ),
    ],
)
def test_inputs_become_arguments(act, inputs, arguments):
    ran = act(**inputs)
    assert (ran.code, ran.out) == (0, "")
    assert ran.calls[1:] == [["cnncalc", "check", *arguments]]


@pytest.mark.parametrize(
    ("version", "installed"),
    [
        ("", f"{ACTION_FILE.parent}/../../.."),
        ("cnncalc==1.2", "cnncalc==1.2"),
        ("cnncalc >= 1; touch x", "cnncalc >= 1; touch x"),
        ("--index-url=https://example.invalid", "--index-url=https://example.invalid"),
    ],
)
def test_what_is_installed(act, version, installed):
    pip = act(version=version).calls[0]
    assert pip[:2] == ["pip", "install"]
    assert pip[-2:] == ["--", installed]


def test_the_check_has_what_the_action_uses():
    options = {option for parameter in check.command.params for option in parameter.opts}
    assert {"--strict", "--export"} <= options
    assert {"sarif", "junit"} <= set(check.EXPORTS)


def test_the_action_lies_in_what_it_installs():
    assert (ACTION_FILE.parent / ".." / ".." / ".." / "pyproject.toml").resolve() == ROOT / "pyproject.toml"


@pytest.mark.parametrize("code", [1, 2, 3])
def test_the_exit_code_is_that_of_the_check(act, code):
    assert act(code).code == code


@pytest.mark.parametrize("strict", ["yes", "True", "$(touch x)", "false\n::error::forged"])
def test_strict_is_true_or_false(act, strict):
    ran = act(strict=strict)
    assert (ran.code, ran.out) == (2, "::error::strict is true or false\n")
    assert [call[0] for call in ran.calls] == ["pip"]
