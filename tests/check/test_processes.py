"""Several processes that judge: in any order, whatever starts them; what one that dies leaves is done, none is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import get_all_start_methods
from pathlib import Path
from typing import Any

import pytest

from cnncalc.check.session import Session, check_all

Start = Callable[..., subprocess.Popen[str]]

#: a program that judges in two processes started by METHOD
PROGRAM = """
import os, sys, threading
from multiprocessing import set_start_method
from cnncalc.check.session import Session, check_all

class Slow(Session):
    'Says that it has begun, and ends no sooner than the process that it works for.'
    def check(self, path):
        print(end="begun\\n", flush=True)  # in one piece
        threading.Event().wait()

class Dying(Session):
    def __init__(self):
        super().__init__()
        self.made_in = os.getpid()

    def check(self, path):
        if path == "3" and os.getpid() != self.made_in:
            os._exit(1)
        return path

if __name__ == "__main__":
    set_start_method(sys.argv[1])
    kind = {"slow": Slow, "dying": Dying, "sound": Session}[sys.argv[2]]
    print(*[getattr(one, "kind", one) for one in check_all(kind(), sys.argv[3:], 2)])
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """The command that runs the program."""
    (tmp_path / "program.py").write_text(PROGRAM)
    return [sys.executable, str(tmp_path / "program.py")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_none_is_left_behind(program: list[str], start: Start, number: int) -> None:
    running = start(*program, get_all_start_methods()[0], "slow", "a", "b")
    assert running.stdout is not None
    assert [running.stdout.readline() for _ in range(2)] == ["begun\n", "begun\n"]
    running.send_signal(number)
    running.communicate()  # the pipe ends with the last process that could write to it
    assert running.returncode == -number


@pytest.mark.parametrize("method", get_all_start_methods())
@pytest.mark.parametrize(
    ("kind", "paths", "printed"),
    [
        ("sound", ["a.yaml", "vgg16", "b.yaml"], "broken network broken"),
        ("dying", [str(number) for number in range(12)], " ".join(map(str, range(12)))),
    ],
)
def test_whatever_starts_them(program: list[str], method: str, kind: str, paths: list[str], printed: str) -> None:
    done = subprocess.run([*program, method, kind, *paths], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{printed}\n", "")


class Failing(Session):
    """Can't judge one spec."""

    def check(self, path: str) -> Any:
        if path == "25":
            raise ZeroDivisionError(path)
        return path


def test_an_exception_of_a_process_is_raised(capfd: pytest.CaptureFixture[str]) -> None:
    results = check_all(Failing(), [str(number) for number in range(48)], 3)
    assert [next(results) for _ in range(24)] == [str(number) for number in range(24)]
    with pytest.raises(ZeroDivisionError, match=r"^25$"):
        next(results)
    assert capfd.readouterr() == ("", "")


def test_one_process_where_a_system_has_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("concurrent.futures.ProcessPoolExecutor", refuse)
    assert [one.kind for one in check_all(Session(), ["a.yaml", "b.yaml"], 2)] == ["broken", "broken"]


def test_more_processes_than_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [one.kind for one in check_all(Session(), ["a.yaml", "b.yaml"], 64)] == ["broken", "broken"]
