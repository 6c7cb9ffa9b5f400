"""How the command line is called in tests: in this process, or as a user calls it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cnncalc.cli.main import run

ROOT = Path(__file__).resolve().parents[2]


class Result(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cnncalc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command in this process, away from any ``./specs``."""
    monkeypatch.delenv("NO_COLOR", raising=False)

    def call(*arguments: str) -> Result:
        code = run(list(arguments))
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call


def process(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Runs a command as a process of its own."""
    command = [sys.executable, "-m", "cnncalc", *arguments]
    given = {"capture_output": True, "text": True, **options}
    return subprocess.run(command, **given)  # type: ignore[call-overload,no-any-return]
