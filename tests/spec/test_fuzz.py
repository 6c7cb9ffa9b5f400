"""Whatever the bytes: a network, or an error that is one of ours, in printable lines."""

from __future__ import annotations

import random
import re
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnncalc.errors import CnncalcError, format_errors
from cnncalc.network import Network
from cnncalc.ops import OPS
from cnncalc.spec import document
from cnncalc.spec.compile.words import MODIFIERS
from cnncalc.spec.expand import expand
from cnncalc.spec.expressions import FUNCTIONS
from cnncalc.spec.zoo import Found

SPECS = sorted((Path(__file__).resolve().parents[2] / "specs").glob("*/*.yaml"))
TEXTS = [path.read_text(encoding="utf-8") for path in SPECS]
TOKEN = re.compile(r"\n *|[ ]+|[$\w.]+|.", re.ASCII)
WORDS = (
    *OPS, *FUNCTIONS, *MODIFIERS, *document.TOP_LEVEL, "each", "args", "inputs", "stages", "prev", "prev2", "identity", "same", "same_tf",
    "none", "true", "false", "no", "~", "''", "[]", "{}", "[[]]", "$in", "$prev", "$i", "$stage", "$x", "0", "1", "-1", "2", "0.5", "1e3", "1e99",
    "999999999", "2147483648", "9" * 20, "3K", "1/0", "1/3", "max(1, 2)", "'max(1, 2)'", "$in if $i > 1 else 2", "2**64", "\u00e9", "\uff13", "\u202e",
    "&a", "*a", "<<", "!!int", "|", ">", "---", "%", "#", "\t", "\r", "\0", "\ufeff", "\U0001f600", "a.b", "stage1.block_1", "Block", "vgg16", "blocks_se",
    ",", ":", "-", "?", "{", "}", "[", "]", "(", ")", '"', "'", "\n", "\n  ", "\n    - ", " ",
)  # fmt: skip


def mutate(seed: int) -> str:
    """A shipped spec with a few tokens or lines deleted, doubled, swapped or replaced."""
    rng = random.Random(seed)
    tokens = TOKEN.findall(rng.choice(TEXTS))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8, 20))):
        at, other = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        match rng.randrange(7):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, tokens[at])
            case 2:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 3:
                tokens[at] = rng.choice(WORDS)
            case 4:
                tokens.insert(at, rng.choice(WORDS))
            case 5:
                tokens[at:at] = tokens[other : other + rng.randrange(1, 20)]
            case _:
                del tokens[at : at + rng.randrange(1, 20)]
        if not tokens:
            break
    return "".join(tokens)


def soup(seed: int) -> bytes:
    """Bytes without sense: noise, words of the language, or the head of a spec and then noise."""
    rng = random.Random(seed)
    noise = bytes(rng.choices(range(256), k=rng.randrange(40)))
    words = "".join(rng.choice((*WORDS, *string.printable)) for _ in range(rng.randrange(60))).encode()
    head = rng.choice(
        (b"", b"cnncalc: 1\n", b"cnncalc: 1\ninput: [3, 8, 8]\n", b"cnncalc: 1\ninput: [3, 8, 8]\nlayers:\n  - ")
    )
    return head + rng.choice((noise, words, words + noise))


def refused(data: bytes) -> CnncalcError | None:
    """Reads, expands and measures."""
    try:
        spec = document.load(Found("fuzz.yaml", data, None))
        Network(spec, *expand(spec)).analyze()
    except CnncalcError as error:
        return error
    return None


def check(data: bytes) -> None:
    error = refused(data)
    if error is None:
        return
    lines = format_errors(error)
    places = [single.location for single in error.errors]
    assert str(error) == "\n".join(lines)
    assert all(place is not None and place.line >= 1 and place.column >= 1 for place in places)
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert all(len(line) <= 400 + len(f"{place}: error: ") for line, place in zip(lines, places, strict=False))
    assert len(lines) <= 21


FUZZ = settings(max_examples=400, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@FUZZ
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes(data: bytes) -> None:
    check(data)


@FUZZ
@given(st.integers(0, 2**32).map(soup))
def test_words_without_sense(data: bytes) -> None:
    check(data)


@FUZZ
@given(st.integers(0, 2**32).map(mutate))
def test_specs_with_mistakes(text: str) -> None:
    check(text.encode())


def test_the_shipped_specs_are_where_mutations_start() -> None:
    assert len(TEXTS) >= 20
    assert "".join(TOKEN.findall(TEXTS[0])) == TEXTS[0]
