"""Options mean one thing in every command; closed sets of words are completed; sizes have units."""

from __future__ import annotations

import json

import click
import pytest
from click.shell_completion import ShellComplete

from cnncalc.cli import commands
from cnncalc.cli.commands import COMMANDS
from cnncalc.cli.main import cli


def completed(line: str, incomplete: str = "") -> list[str]:
    """What the shell offers after a line."""
    shell = ShellComplete(cli, {}, "cnncalc", "_CNNCALC_COMPLETE")
    return [item.value for item in shell.get_completions(line.split(), incomplete)]


@pytest.mark.parametrize(
    ("line", "incomplete", "offered"),
    [
        ("macs vgg16 --convention", "ptfl", ["ptflops", "ptflops-aten"]),
        ("macs vgg16 --pass", "", ["forward", "backward", "step"]),
        ("params vgg16 --dtype", "float", ["float64", "float32", "float16"]),
        ("memory vgg16 --optimizer", "ada", ["adam", "adamw"]),
        ("fit vgg16 --gpu", "a1", ["a10g", "a100-40gb", "a100-80gb"]),
        ("memory vgg16 --gpu", "h", ["h100", "h200"]),
        ("params vgg16 --sort", "act", ["activations", "activation_bytes"]),
        ("params vgg16 --columns", "params,nor", ["params,norm_params"]),
        ("rule", "CN00", [f"CN00{i}" for i in range(1, 10)]),
        ("check --ignore", "CN003", ["CN003"]),
        ("explain vgg16", "fc", ["fc6", "fc6.relu", "fc7", "fc7.relu", "fc8"]),
        ("explain nosuchnetwork", "fc", []),
        ("verify lenet5 --skip", "v", ["values"]),
        ("guide", "me", ["memory"]),
        ("list --family", "le", ["lecture"]),
        ("params", "vgg16_", ["vgg16_bn", "vgg16_gap"]),
        ("params vgg16 --format", "l", ["latex"]),
    ],
)
def test_closed_sets_are_completed(line, incomplete, offered):
    assert completed(line, incomplete) == offered


#: options that several commands have, and mean another thing there than elsewhere: none
KINDS = {
    "--memory": {"fit"}, "--against": {"verify"}, "--since": {"check"}, "--strict": {"check"},
    "--workspaces": {"memory", "fit"}, "--save-workspaces": {"profile"}, "--require-known": {"explain"},
}  # fmt: skip


def test_an_option_means_one_thing():
    takers: dict[str, set[str]] = {}
    metavars: dict[str, set[str]] = {}
    for name in COMMANDS:
        command = commands.command(name)
        for option in command.params:
            if isinstance(option, click.Option):
                for word in option.opts:
                    takers.setdefault(word, set()).add(name)
                    metavars.setdefault(word, set()).add(option.make_metavar(click.Context(command)))
    assert {word: takers[word] for word in KINDS} == KINDS
    differing = {word for word, found in metavars.items() if len(found) > 1}
    # what can be printed, and what a batch may be, differs; of parts, rows and stages the columns are others
    assert differing <= {"--format", "-f", "--batch", "--export", "--sort", "--columns"}, differing


@pytest.mark.parametrize("command", ["params", "shapes"])
@pytest.mark.parametrize("option", ["--convention", "--pass", "--written"])
def test_options_are_where_they_act(cnncalc, command, option):
    result = cnncalc(command, "vgg16", option, "macs")
    assert result[:2] == (2, "")
    assert result.err.startswith(f"error: no such option: {option} (hint: ")


@pytest.mark.parametrize(
    ("condition", "limit"),
    [("2MB", 2 * 10**6), ("2MiB", 2 * 2**20), ("2M", 2 * 10**6), ("2Mi", 2 * 2**20), ("0.5GB", 5 * 10**8), ("2000KB", 2 * 10**6), ("2000000B", 2 * 10**6)],
)  # fmt: skip
def test_filters_take_sizes(cnncalc, condition, limit):
    data = json.loads(cnncalc("list", "--filter", f"activation_bytes < {condition}", "-f", "json").out)
    every = json.loads(cnncalc("list", "-f", "json").out)["networks"]
    assert data["networks"] == [network for network in every if network["activation_bytes"] < limit]
    assert 0 < len(data["networks"]) < len(every)


@pytest.mark.parametrize("size", ["2XB", "2MBB", "2mB"])
def test_filters_refuse_other_letters(cnncalc, size):
    assert cnncalc("list", "--filter", f"params < {size}").code == 2


def test_expressions_of_specs_take_no_bytes(cnncalc, tmp_path):
    (tmp_path / "a.yaml").write_text("cnncalc: 1\nname: a\ninput: [3, 8, 8]\nlayers:\n  - {conv: 2KB, kernel: 1}\n")
    assert cnncalc("params", str(tmp_path / "a.yaml")).code == 2


@pytest.mark.parametrize(
    "command",
    ["check lenet5", "explain lenet5", "rule CN003", "layer relu --input 3x8x8", "params lenet5", "list lenet"],
)
def test_every_table_may_be_asked_for_by_its_name(cnncalc, command):
    assert (
        cnncalc(*command.split(), "-f", "table").out
        == cnncalc(*command.split(), "-f", "plain").out
        == cnncalc(*command.split()).out
    )


@pytest.mark.parametrize(
    "command", ["params lenet5", "list", "compare lenet5 lenet5_modern", "diff lenet5 lenet5_modern --exit-zero"]
)
def test_no_rows_may_be_asked_for(cnncalc, command):
    assert cnncalc(*command.split(), "--top", "0").code == 0


def test_check_and_skip_of_one_contradict(cnncalc):
    result = cnncalc("verify", "lenet5", "--check", "values", "--skip", "values")
    assert result[:3] == (2, "", "error: --check values and --skip values contradict each other\n")
