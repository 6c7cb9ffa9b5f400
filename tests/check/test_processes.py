"""Several processes that judge: what one that dies leaves is done, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cnncalc.check.session import Session, check_all

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="one process does it all")

#: judges without an end in two processes, each of which says that it has begun
ENDLESS = """
import time
from cnncalc.check.session import Session, check_all

class Endless(Session):
    def check(self, path):
        print(end="begun\\n" if int(path) < 2 else "", flush=True)
        time.sleep(0.01)
        return path

list(check_all(Endless(), [str(number) for number in range(100_000)], 2))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_none_is_left_behind(number: int) -> None:
    command = [sys.executable, "-c", ENDLESS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert [running.stdout.readline() for _ in range(2)] == ["begun\n", "begun\n"]
        running.send_signal(number)
        running.communicate(timeout=60)  # the pipe ends with the last process that could write to it
        assert running.returncode == -number


class Dying(Session):
    """Judges in the process that made it, and dies in another when it meets the fourth spec."""

    def __init__(self) -> None:
        super().__init__()
        self._made_in = os.getpid()

    def check(self, path: str) -> Any:
        if path == "3" and os.getpid() != self._made_in:
            os._exit(1)
        return path


def test_what_a_process_that_dies_leaves_is_judged() -> None:
    paths = [str(number) for number in range(12)]
    assert list(check_all(Dying(), paths, 3)) == paths


class Failing(Session):
    """Can't judge one spec."""

    def check(self, path: str) -> Any:
        if path == "5":
            raise ZeroDivisionError(path)
        return path


def test_an_exception_of_a_process_is_raised(capfd: pytest.CaptureFixture[str]) -> None:
    results = check_all(Failing(), [str(number) for number in range(12)], 3)
    assert [next(results) for _ in range(5)] == ["0", "1", "2", "3", "4"]
    with pytest.raises(ZeroDivisionError, match=r"^5$"):
        next(results)
    assert capfd.readouterr() == ("", "")


def test_more_processes_than_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [one.kind for one in check_all(Session(), ["a.yaml", "b.yaml"], 64)] == ["broken", "broken"]
