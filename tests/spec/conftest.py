"""How the tests of the language read a spec: as text, or as files of a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cnncalc.errors import CnncalcError, format_errors
from cnncalc.network import Network
from cnncalc.spec import document, zoo
from cnncalc.spec.expand import expand
from cnncalc.spec.zoo import Found


def build(found: Found, variables: Mapping[str, str] | None = None, input: Sequence[int] | None = None) -> Network:
    """The network, loaded, expanded and measured."""
    spec = document.load(found)
    given = document.assigned(variables or {}, spec)
    network = Network(spec, *expand(spec, given, input))
    network.analyze()
    return network


@pytest.fixture
def network() -> Callable[..., Network]:
    """The network of a text."""
    return lambda text, variables=None, input=None: build(Found("net.yaml", text.encode(), None), variables, input)


@pytest.fixture
def refusal() -> Callable[[str | bytes], list[str]]:
    """The lines that refuse a text."""

    def read(text: str | bytes) -> list[str]:
        data = text if isinstance(text, bytes) else text.encode()
        with pytest.raises(CnncalcError) as caught:
            build(Found("net.yaml", data, None))
        assert caught.value.exit_code == 2
        return format_errors(caught.value)

    return read


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Writes specs into an empty working directory: ``write(main=..., base=...)``; calls of the result load by path."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> Callable[[str], Network]:
        for name, text in files.items():
            Path(f"{name}.yaml").write_text(text, encoding="utf-8")
        return lambda name: build(zoo.find(name))

    return write
