"""How the tests of the check read specs: as files of an empty working directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cnncalc.check.model import Checked
from cnncalc.check.session import Session


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Checked]:
    """Writes specs and judges ``net.yaml``: ``check(net=..., base=...)``."""
    monkeypatch.chdir(tmp_path)

    def judge(**files: str) -> Checked:
        for name, text in files.items():
            Path(f"{name}.yaml").write_text(text, encoding="utf-8")
        return Session(claims_only=True).check("net.yaml")

    return judge
