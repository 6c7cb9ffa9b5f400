"""The command as a process: streams, signals, terminals, files."""

from __future__ import annotations

import os
import pty
import re
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from .conftest import process

COMMAND = [sys.executable, "-m", "cnncalc"]


def terminal(*arguments: str, **environment: str) -> str:
    """What a terminal shows of a command."""
    leader, follower = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", **environment}
    child = subprocess.Popen([*COMMAND, *arguments], stdout=follower, stderr=follower, env=env)
    os.close(follower)
    shown = b""
    with suppress(OSError):  # an end of file, on Linux
        while chunk := os.read(leader, 65536):
            shown += chunk
    os.close(leader)
    child.wait()
    return shown.decode("utf-8")


def test_terminal_has_colour_bars_and_the_same_numbers():
    shown = terminal("params", "vgg16")
    assert "\x1b[" in shown
    assert "█" in shown
    assert "138,357,544" in shown
    assert "fc6" in shown


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(["--no-color"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})],
)
def test_no_colour(arguments, environment):
    shown = terminal("params", "vgg16", *arguments, **environment)
    assert "\x1b" not in shown
    assert "138,357,544" in shown


def test_ascii_terminal():
    shown = terminal("params", "vgg16", "--no-color", PYTHONIOENCODING="ascii")
    assert shown.isascii()
    assert "#######" in shown


@pytest.mark.parametrize("columns", ["0", "1", "40", "99999"])
def test_any_width(columns):
    shown = terminal("params", "vgg16", "--no-color", COLUMNS=columns)
    assert "138,357,544" in shown


def test_an_error_on_a_terminal_points_at_the_source(tmp_path):
    spec = tmp_path / "wrong.yaml"
    spec.write_text("cnncalc: 1\ninput: [3, 8, 8]\nlayers:\n  - {conv: 8, kernal: 3}\n")
    lines = terminal("params", str(spec)).replace("\r", "").split("\n")
    assert lines[0].startswith(f"{spec}:4:15: error: conv has no argument 'kernal'")
    assert lines[1] == "      - {conv: 8, kernal: 3}"
    assert lines[2].index("^") == lines[1].index("kernal")


def test_closed_pipe_is_silent():
    shell = f"{sys.executable} -m cnncalc list | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert result.stdout.split("\n")[1] in ("0", "141")  # 141 when head was gone before the last write
    assert result.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_full_disk():
    with open("/dev/full", "w") as full:
        result = subprocess.run([*COMMAND, "params", "vgg16"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 3
    assert result.stderr == "error: cannot write standard output: No space left on device\n"


def test_closed_standard_output():
    shell = f"{sys.executable} -m cnncalc params vgg16 >&-"
    result = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert result.returncode == 3
    assert result.stderr == "error: cannot write standard output: it is closed\n"


def test_closed_standard_output_is_not_the_export(tmp_path):
    target = tmp_path / "out.csv"
    shell = f"{sys.executable} -m cnncalc params inception_naive --export csv={target} >&- 2>&-"
    assert subprocess.run(["bash", "-c", shell]).returncode == 3
    assert target.read_text().startswith("path,op,out,params\n")


def test_standard_input():
    text = "cnncalc: 1\ninput: [2]\nlayers: [{linear: 3}]\n"
    result = process("params", "-", input=text)
    assert result.returncode == 0
    assert re.search(r"^total +9 ", result.stdout, re.MULTILINE)
    wrong = process("params", "-", input="cnncalc: 1\nlayer: []\n")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("<stdin>:2:1: error: unknown key 'layer' (hint: did you mean layers")


def test_endless_standard_input_ends():
    with open("/dev/zero", "rb") as zeros:
        result = subprocess.run([*COMMAND, "params", "-"], stdin=zeros, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("<stdin>:1:1: error: the file has more than 1,048,576 bytes")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, 143)])
def test_signals(start, number, code):
    """A process that waits for standard input ends by the signal, without a traceback."""
    child = start(*COMMAND, "params", "-")
    child.stdin.write("#" * 300_000)  # more than a pipe holds: when it is written, most of it has been read
    child.stdin.flush()
    child.send_signal(number)
    out, err = child.communicate()
    assert child.returncode == code
    assert out == ""
    assert "Traceback" not in err


def test_export_keeps_mode_and_follows_links(tmp_path):
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    target.write_text("old")
    target.chmod(0o600)
    link.symlink_to(target)
    assert process("params", "vgg16", "--export", f"json={link}").returncode == 0
    assert link.is_symlink()
    assert target.read_text().startswith("{")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    fresh = tmp_path / "fresh.csv"
    process("params", "vgg16", "--export", f"csv={fresh}", umask=0o027)
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh.csv", "link.json", "real.json"]


def test_export_to_a_missing_folder_fails(tmp_path):
    result = process("params", "vgg16", "--export", f"json={tmp_path}/none/x.json")
    assert result.returncode == 3
    assert result.stdout == ""
    assert result.stderr.endswith(": No such file or directory\n")


def test_a_failed_export_leaves_the_old_file(tmp_path, monkeypatch):
    from cnncalc.cli import output
    from cnncalc.errors import EnvironmentFailure

    target = tmp_path / "old.json"
    target.write_text("old")
    for step in ("fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, step, lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
            with pytest.raises(EnvironmentFailure, match="No space left on device"):
                output.write_file(str(target), "new")
        assert target.read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["old.json"]


def test_odd_file_names(tmp_path):
    for name in ("::error::x.yaml", "=cmd.yaml", "[red].yaml", "a\nb.yaml", "\x1b[31m.yaml"):
        path = tmp_path / name
        path.write_text("cnncalc: 1\nlayer: []\n")
        result = process("params", str(path))
        assert result.returncode == 2
        assert len(result.stderr.splitlines()) == 1
        assert "\x1b" not in result.stderr
        assert result.stderr.startswith(str(tmp_path))


@pytest.mark.parametrize("environment", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "cp1252"}])
def test_other_encodings(tmp_path, environment):
    spec = tmp_path / "title.yaml"
    spec.write_text('cnncalc: 1\ntitle: "R\u00e9seau \u2713"\ninput: [2]\nlayers: [{linear: 3}]\n', "utf-8")
    result = subprocess.run([*COMMAND, "params", str(spec)], capture_output=True, env={**os.environ, **environment})
    assert result.returncode == 0
    assert b"total" in result.stdout


def test_runs_are_identical(tmp_path):
    """The same bytes for every hash seed, locale, folder and width."""
    outputs = set()
    for seed, locale, folder in (("0", "C", "/"), ("1", "C.UTF-8", str(tmp_path)), ("random", "C", str(Path.cwd()))):
        env = {**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale, "COLUMNS": seed if seed != "random" else "7"}
        for arguments in (["summary", "densenet121", "--columns", "in,out,params,macs,receptive_field"],):
            result = subprocess.run([*COMMAND, *arguments], capture_output=True, env=env, cwd=folder, check=True)
            outputs.add(result.stdout)
    assert len(outputs) == 1


@pytest.mark.parametrize(("columns", "left_out"), [("80", "op and field"), ("60", "op, field, activations and MACs")])
def test_a_narrow_terminal_cuts_no_number(columns, left_out):
    """Columns that do not fit are left out whole, and named."""
    shown = terminal("summary", "resnet50", "--no-color", COLUMNS=columns)
    assert "25,557,032" in shown
    assert f"no room here for {left_out}:" in " ".join(shown.split())
    assert max(map(len, shown.replace("\r", "").split("\n"))) <= int(columns)


#: a command that imports a module and then waits for ever
IMPORTING = """
import importlib, signal, sys
main = importlib.import_module("cnncalc.cli.main")

def command(*arguments, **options):
    try:
        import swallows
    except ImportError:
        raise main.EnvironmentFailure("it can't be imported")
    while True:
        signal.pause()

main.cli.main = command
main.main([])
"""
SWALLOWS = "import signal\ntry:\n    {raised}\nexcept BaseException:\n    {then}\nprint('imported')\n"


@pytest.mark.parametrize(("number", "code", "said"), [(2, -2, "interrupted\n"), (15, 143, "")])
@pytest.mark.parametrize("then", ["pass", "raise ImportError('more than once')"])
def test_a_library_that_is_imported_swallows_no_signal(tmp_path, then, number, code, said):
    """The first one waits until the module is there; a second one does not."""
    raised = f"signal.raise_signal({number})"
    for times, imported in ((raised, "imported\n"), (f"{raised}; {raised}", "imported\n" if then == "pass" else "")):
        (tmp_path / "swallows.py").write_text(SWALLOWS.format(raised=times, then=then))
        ended = subprocess.run([sys.executable, "-c", IMPORTING], cwd=tmp_path, capture_output=True, text=True)
        assert (ended.returncode, ended.stdout, ended.stderr) == (code, imported, said)


def test_an_interrupt_is_one_line(start, tmp_path):
    (tmp_path / "net.yaml").write_text("cnncalc: 1\ninput: [2]\nlayers: [{linear: 3}]\n")
    child = start(*COMMAND, "check", str(tmp_path / "net.yaml"), "--watch")
    while "specs" not in (line := child.stdout.readline()) and "spec," not in line:
        assert line
    child.send_signal(signal.SIGINT)
    _, err = child.communicate()
    assert (err, child.returncode) == ("interrupted\n", -signal.SIGINT)
