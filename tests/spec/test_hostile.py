"""Every file of the hostile corpus is refused as its index says, or read: quickly, in little memory, in one line.

Seconds are those of the processor, so that other work on the machine makes no difference.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from cnncalc.cli.main import run
from cnncalc.errors import CnncalcError, format_errors
from cnncalc.spec import document, reader
from cnncalc.spec.zoo import Found

CORPUS = Path(__file__).resolve().parents[1] / "reference" / "hostile"
SECONDS = 1.0
MEBIBYTES = 100
LINE = re.compile(r"(?P<file>[ -~]+?):(?P<line>\d+):(?P<column>\d+): error: (?P<text>[ -~]{1,400})")


class Case(NamedTuple):
    file: str
    expect: str
    line: str
    column: str
    names: tuple[str, ...]


def read_index() -> list[Case]:
    with (CORPUS / "INDEX.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Case(row["file"], row["expect"], row["line"], row["column"], tuple(row["must name"].split(" or ")))
        for row in rows
    ]


INDEX = read_index()
STORED = [case for case in INDEX if not case.file.startswith("big:")]

#: what is too large to be stored
BIG: dict[str, Callable[[], bytes]] = {
    "depth_100000.yaml": lambda: b"[" * 100_000 + b"]" * 100_000,
    "scalar_hex_10MB.yaml": lambda: b"value: 0x" + b"f" * 10**7,
    "size_2MB_comment.yaml": lambda: b"#" + b"x" * (2 << 20) + b"\na: 1\n",
    "size_200k_nodes.yaml": lambda: b"a: [" + b"1," * 200_000 + b"1]\n",
    "size_500k_keys.yaml": lambda: "".join(f"k{i}: 1\n" for i in range(500_000)).encode(),
    "size_2M_blank_lines.yaml": lambda: b"\n" * (2 << 20) + b"a: 1\n",
    "size_100MB.yaml": lambda: b"a: '" + b"x" * (100 << 20) + b"'\n",
}


def check_line(line: str, case: Case) -> None:
    """One line of printable ASCII that points where the index says and names what it asks for."""
    match = LINE.fullmatch(line)
    assert match, line
    if case.expect == "reject":
        for wanted, found in ((case.line, match["line"]), (case.column, match["column"])):
            assert wanted in ("-", found), line
        assert any(name.lower() in line.lower() for name in case.names), line


def refuse(data: bytes, case: Case) -> None:
    start = time.process_time()
    with pytest.raises(CnncalcError) as caught:
        document.load(Found(case.file, data, None))
    assert time.process_time() - start < SECONDS
    lines = format_errors(caught.value)
    assert len(lines) == 1
    check_line(lines[0], case)


def test_the_corpus_is_whole() -> None:
    assert {case.file for case in STORED} == {path.name for path in CORPUS.iterdir()} - {"INDEX.tsv"}
    assert {case.file.removeprefix("big:") for case in INDEX if case not in STORED} == set(BIG)
    assert len(INDEX) == 183


@pytest.mark.parametrize("case", STORED, ids=lambda case: case.file)
def test_stored_files(case: Case) -> None:
    data = (CORPUS / case.file).read_bytes()
    if case.expect == "reject":
        with pytest.raises(CnncalcError):
            reader.read(data, case.file)
    elif case.expect == "accept":
        reader.read(data, case.file)
    refuse(data, case)


@pytest.mark.parametrize("name", BIG)
def test_generated_files(name: str) -> None:
    (case,) = [case for case in INDEX if case.file == f"big:{name}"]
    refuse(BIG[name]()[: reader.BYTE_LIMIT + 1], case)


@pytest.mark.parametrize("case", STORED, ids=lambda case: case.file)
def test_pure_python_loader(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    data = (CORPUS / case.file).read_bytes()
    if case.expect == "accept":
        reader.read(data, case.file)
    with pytest.raises(CnncalcError) as caught:
        document.load(Found(case.file, data, None))
    (line,) = format_errors(caught.value)
    assert LINE.fullmatch(line), line


@pytest.mark.parametrize("case", STORED, ids=lambda case: case.file)
def test_commands_refuse_in_one_line(
    case: Case, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["params", str(CORPUS / case.file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("\n")
    check_line(err[:-1], case)
    assert os.listdir(tmp_path) == []


REAL = (
    "alias_laughs_9x9.yaml", "merge_bomb_10.yaml", "merge_chain_quadratic.yaml", "depth_segfault_25000.yaml",
    "enc_utf32.yaml", "enc_esc_escape.yaml", "enc_rtl_override.yaml", "size_100k_scalar.yaml", "scalar_41.yaml",
    "big:depth_100000.yaml", "big:size_500k_keys.yaml", "big:size_100MB.yaml",
)  # fmt: skip


#: runs a command and writes its seconds and peak memory to a file; small itself, because a child starts with its
#: parent's peak
MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:], stdin=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    file.write(f"{used.ru_utime + used.ru_stime} {used.ru_maxrss}")
sys.exit(code)
"""


@pytest.mark.parametrize("name", REAL)
def test_real_processes(name: str, tmp_path: Path) -> None:
    (case,) = [case for case in INDEX if case.file == name]
    path = CORPUS / name
    if name.startswith("big:"):
        path = tmp_path / name.removeprefix("big:")
        path.write_bytes(BIG[path.name]())
    cwd = tmp_path / "empty"
    cwd.mkdir()
    used = tmp_path / "used"
    command = [sys.executable, "-S", "-c", MEASURE, str(used), sys.executable, "-m", "cnncalc", "params", str(path)]
    result = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
    assert result.returncode == 2
    assert result.stdout == b""
    err = result.stderr.decode()
    assert err.endswith("\n")
    check_line(err[:-1], case)
    seconds, peak = used.read_text().split()
    assert float(seconds) < SECONDS
    unit = 2**20 if sys.platform == "darwin" else 2**10
    assert int(peak) / unit <= MEBIBYTES
    assert os.listdir(cwd) == []
