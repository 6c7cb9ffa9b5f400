"""Every limit: it is accepted, and one above is refused by name; and bombs end quickly."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import cnncalc
from cnncalc.errors import CnncalcError, LimitError, format_error
from cnncalc.network import Network
from cnncalc.spec import document, reader
from cnncalc.spec.expand import expand
from cnncalc.spec.zoo import Found

Read = Callable[..., Network]
Folder = Callable[..., Callable[[str], Network]]

INPUT = "cnncalc: 1\ninput: [3, 8, 8]\n"


def read(text: str) -> None:
    reader.read(text.encode(), "net.yaml")


def grow(text: str) -> None:
    """Loads and expands; the figures are not asked for."""
    expand(document.load(Found("net.yaml", text.encode(), None)))


def of_bytes(n: int) -> str:
    return "a: 1\n" + "#" * (n - 5)


def of_depth(n: int) -> str:
    return "a: " + "[" * (n - 1) + "]" * (n - 1) + "\n"


def of_nodes(n: int) -> str:
    return "a: [" + "1, " * (n - 4) + "1]\n"  # the root, the key and the list are nodes too


def of_calls(n: int) -> str:
    return INPUT + "blocks: {B: {args: [n], layers: [relu, {B: $n - 1, when: $n > 1}]}}\n" + f"layers: [{{B: {n}}}]\n"


def of_layers(n: int) -> str:
    return INPUT + f"layers: [{{relu: [], repeat: {n}}}]\n"


def of_steps(n: int) -> str:
    """Steps without layers: one for each repeat of the group, one for the layer in it that is left out."""
    return INPUT + f"layers: [{{repeat: {n // 2}, layers: [{{relu: [], when: false}}]}}{', relu' * (n % 2)}]\n"


def of_name(n: int) -> str:
    return INPUT + f"layers: [{{relu: [], name: {'a' * n}}}]\n"


def of_variables(n: int) -> str:
    return INPUT + f"vars: {{{', '.join(f'v{i}: {i}' for i in range(n))}}}\nlayers: [relu]\n"


def of_chain(n: int) -> str:
    return INPUT + f"vars: {{{', '.join(f'v{i}: $v{i + 1}' for i in range(1, n))}, v{n}: 1}}\nlayers: [relu]\n"


def of_arguments(n: int) -> str:
    return INPUT + f"blocks: {{B: {{args: [{', '.join(f'a{i}=1' for i in range(n))}], layers: [relu]}}}}\nlayers: [B]\n"


def of_columns(n: int) -> str:
    return INPUT + f"layers: [{{stages: {{{', '.join(f'c{i}: [1]' for i in range(n))}}}, each: [relu]}}]\n"


def of_expression(n: int) -> str:
    return INPUT + f"layers: [{{conv: {'1' * (2 - n % 2) + '+1' * ((n - 1) // 2)}, kernel: 1}}]\n"


def of_parentheses(n: int) -> str:
    return INPUT + f"layers: [{{conv: {'(' * n}1{')' * n}, kernel: 1}}]\n"


def of_number(n: int) -> str:
    return INPUT + f"layers: [{{relu: [], when: {n} > 1}}]\n"


def of_dimension(n: int) -> str:
    return f"cnncalc: 1\ninput: [{n}, 1, 1]\nlayers: [relu]\n"


def of_word(n: int) -> str:
    return INPUT + f"vars: {{a: x}}\nlayers: [{{relu: [], name: {'b' * (n % 2)}{'$a' * (n // 2)}, when: false}}]\n"


#: what is built, of which size, the limit, how it is read, the message past it
LIMITS = [
    (of_bytes, 1 << 20, read, "net.yaml:1:1: error: the file has more than 1,048,576 bytes"),
    (of_depth, 64, read, "net.yaml:1:67: error: nested more than 64 levels deep"),
    (of_nodes, 50_000, read, "net.yaml:1:149996: error: more than 50,000 nodes"),
    (lambda n: f"a: {'x' * n}\n", 10_000, read, "net.yaml:1:4: error: the text is too long: 10,001 characters, at most 10,000"),
    (lambda n: f"{'k' * n}: 1\n", 128, read, "net.yaml:1:1: error: the key is too long: 129 characters, at most 128"),
    (of_calls, 48, grow, "net.yaml:3:40: error: more than 48 nested block calls: ... -> B -> B -> B -> B -> B"),
    (of_layers, 100_000, grow, "net.yaml:3:29: error: more than 100,000 layers"),
    (of_steps, 200_000, grow, "net.yaml:3:63: error: more than 200,000 expansion steps"),
    (of_name, 128, grow, f"net.yaml:3:27: error: '{'a' * 57}...' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"),
    (of_word, 256, grow, "net.yaml:4:27: error: name is too long: 257 characters, at most 256"),
    (of_variables, 256, grow, "net.yaml:3:7: error: more than 256 variables"),
    (of_chain, 64, grow, "net.yaml:3:689: error: more than 64 variables in a chain"),
    (of_arguments, 64, grow, "net.yaml:3:459: error: more than 64 arguments"),
    (of_columns, 64, grow, "net.yaml:3:19: error: more than 64 columns"),
    (of_expression, 256, grow, "net.yaml:3:273: error: the expression is too long: 257 characters, at most 256"),
    (of_parentheses, 16, grow, "net.yaml:3:34: error: the expression is nested more than 16 levels deep"),
    (of_number, 10**15, grow, "net.yaml:3:27: error: the number is larger than 10^15"),
    (of_dimension, 2**31 - 1, grow, "net.yaml:2:9: error: a size of the input must be a whole number from 1 to 2147483647, not 2147483648"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("build", "limit", "check", "message"), LIMITS, ids=lambda value: getattr(value, "__name__", None)
)
def test_limits(build: Callable[[int], str], limit: int, check: Callable[[str], None], message: str) -> None:
    check(build(limit))
    with pytest.raises(CnncalcError) as caught:
        check(build(limit + 1))
    assert format_error(caught.value) == message


def test_the_sizes_of_these_texts_are_what_they_say() -> None:
    assert len(of_bytes(1 << 20)) == 1 << 20
    assert max(map(len, (of_expression(n).split("conv: ")[1].split(",")[0] for n in (255, 256)))) == 256


def chain(n: int) -> dict[str, str]:
    files = {f"s{i}": f"cnncalc: 1\nextends: s{i + 1}\n" for i in range(n)}
    return {**files, f"s{n}": INPUT + "layers: [relu]\n"}


def test_extends_go_eight_levels_deep(folder: Folder) -> None:
    for levels in (7, 8):
        folder(**chain(levels))("s0.yaml")
    with pytest.raises(LimitError, match="extends and uses go more than 8 levels deep") as caught:
        folder(**chain(9))("s0.yaml")
    assert str(caught.value.location) == "s8.yaml:2:10"


def test_thirty_two_files_are_taken_in(folder: Folder) -> None:
    libraries = {f"l{i}": f"cnncalc: 1\nblocks: {{B{i}: {{layers: [relu]}}}}\n" for i in range(33)}
    for count in (31, 32, 33):
        net = INPUT + f"uses: [{', '.join(f'l{i}' for i in range(count))}]\nlayers: [B1]\n"
        load = folder(**libraries, net=net)
        if count <= 32:
            load("net.yaml")
        else:
            with pytest.raises(LimitError, match="extends and uses take in more than 32 files"):
                load("net.yaml")


def test_elements(refusal: Callable[[str], list[str]]) -> None:
    assert (2**31 - 1) * 65536 * 65536 < 2**63 < (2**31 - 1) * 65537 * 65536
    grow("cnncalc: 1\ninput: [2147483647, 65536, 65536]\nlayers: [relu]\n")
    assert refusal("cnncalc: 1\ninput: [2147483647, 65537, 65536]\nlayers: [relu]\n") == [
        "net.yaml:2:8: error: input: more than 2^63 - 1 elements: 2147483647x65537x65536"
    ]


def calls(inside: str, count: int = 60, last: str = "relu") -> str:
    blocks = "".join(f"  B{i}: {{layers: [{inside.format(i + 1)}]}}\n" for i in range(count))
    return f"{INPUT}blocks:\n{blocks}  B{count}: {{layers: [{last}]}}\nlayers: [B0]\n"


def repeats(*counts: int, inside: str = "relu") -> str:
    for count in reversed(counts):
        inside = f"{{repeat: {count}, layers: [{inside}]}}"
    return f"{INPUT}layers: [{inside}]\n"


def groups(inside: str, count: int = 28, name: str = "") -> str:
    for _ in range(count):
        inside = f"{{{name}layers: [{inside}]}}"
    return inside


TWICE = "B{0}, B{0}"
LONG = "a" * 120

#: texts that would grow without end, and what stops them
BOMBS: dict[str, tuple[str, str]] = {
    "a billion layers": (repeats(1000, 1000, 1000), "expansion steps|layers"),
    "a billion times nothing": (repeats(1000, 1000, 1000, inside="{relu: [], when: false}"), "expansion steps"),
    "a billion empty groups": (repeats(10**9, inside=""), "expansion steps"),
    "2^60 calls": (calls(TWICE), "expansion steps"),
    "2^40 calls": (calls(TWICE, 40), "more than 100,000 layers"),
    "2^40 calls of nothing": (calls(TWICE, 40, ""), "expansion steps|characters"),
    "a block that calls itself": (INPUT + "blocks: {B: {layers: [B]}}\nlayers: [B]\n", "more than 48 nested block calls"),
    "a block that calls itself twice": (
        INPUT + "blocks: {B: {args: [n], layers: [{B: $n - 1, when: $n > 0}, {B: $n - 1, when: $n > 0}]}}\nlayers: [{B: 40}]\n",
        "expansion steps",
    ),
    "groups in calls": (
        INPUT + f"blocks: {{B: {{args: [n], layers: [{groups('{B: $n - 1, when: $n > 0}')}]}}}}\nlayers: [{{B: 46}}]\n",
        "nested (more than 160 levels|too) deep",
    ),
    "joins in calls": (
        INPUT + f"blocks: {{B: {{args: [n], layers: [{'{add: {b: [], a: [' * 15}{{B: $n - 1, when: $n > 0}}{']}}' * 15}]}}}}\nlayers: [{{B: 46}}]\n",
        "nested (more than 160 levels|too) deep",
    ),
    "long paths": (INPUT + f"layers: [{groups('{relu: [], repeat: 100000}', 28, f'name: {LONG}, ')}]\n", "paths of all layers have more than 20,000,000 characters"),
    "a long list for a block": (
        INPUT + f"blocks: {{B: {{args: [w], layers: [relu]}}}}\nlayers: [{{B: [[{', '.join(['$i'] * 20_000)}]], repeat: 100000}}]\n", "expansion steps",
    ),
    "long stages": (INPUT + f"layers: [{{repeat: 10000, layers: [{{stages: {{w: [{', '.join(['$i'] * 20_000)}]}}, each: []}}]}}]\n", "expansion steps"),
    "a long join": (INPUT + f"layers: [{{repeat: 100000, layers: [{{add: [{', '.join(['prev'] * 16_000)}]}}]}}]\n", "expansion steps"),
    "many branches": (INPUT + f"layers: [{{repeat: 100000, layers: [{{add: {{{', '.join(f'b{i}: []' for i in range(12_000))}}}}}]}}]\n", "expansion steps"),
    "a long ring of variables": (of_chain(255), "in a chain"),
    "a word that doubles": (INPUT + f"vars: {{a: {'x' * 9999}}}\nlayers: [{{relu: [], name: {'$a' * 128}}}]\n", "can't be the name"),
    "a search for a name": (INPUT + f"layers: [{{relu: [], name: {LONG}, repeat: 90000}}, {{relu: [], from: {LONG}b}}]\n", "no earlier layer"),
    "many problems": (INPUT + "layers:\n" + "".join(f"  - {{conv{i}: 3}}\n" for i in range(16_000)), "and 15980 more"),
    "many unknown variables": (
        INPUT + f"vars: {{{', '.join(f'{LONG}{i}: 1' for i in range(250))}}}\nlayers:\n" + "".join(f"  - {{conv: ${LONG}x{i}, kernel: 1}}\n" for i in range(6_000)),
        "and 5980 more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_soon(name: str) -> None:
    text, message = BOMBS[name]
    start = time.process_time()
    with pytest.raises(CnncalcError, match=message) as caught:
        grow(text)
    assert str(caught.value)
    assert time.process_time() - start < 5.0  # below a second on a machine at rest


def test_a_full_network_is_accepted_in_time(network: Read) -> None:
    """As many layers as there may be."""
    start = time.process_time()
    net = network(INPUT + "layers: [{conv: 3, kernel: 1, norm: bn, act: relu, repeat: 33333}, relu]\n")
    assert len(net.graph.nodes) == 100_001
    assert time.process_time() - start < 10.0


def test_no_recursion_escapes_near_the_end_of_the_stack() -> None:
    """However little stack is left, the answer is a message of ours."""
    text = (
        INPUT
        + f"blocks: {{B: {{args: [n], layers: [{groups('{B: $n - 1, when: $n > 0}', 2)}]}}}}\nlayers: [{{B: 47}}]\n"
    )
    spec = document.load(Found("net.yaml", text.encode(), None))
    answers = set()

    def deeper(levels: int) -> Any:
        if levels:
            return deeper(levels - 1)
        try:
            expand(spec)
        except CnncalcError as error:
            answers.add(error.message)
        return None

    for levels in (0, 200, 400, 600, 700, 800):
        deeper(levels)
    assert answers <= {"blocks and joins are nested too deep"}


DOUBLING = "".join(f"  A{n}: {{layers: [A{n - 1}, A{n - 1}]}}\n" for n in range(1, 41))
#: what is past a limit by multiplication, and the message
AT_ONCE = [
    ("layers:\n  - {repeat: 1000, layers: [{repeat: 1000, layers: [{relu: [], repeat: 1000}]}]}", "4:72: more than 100,000 layers"),
    (f"blocks:\n  A0: {{layers: [relu]}}\n{DOUBLING}layers: [A40]", "22:18: more than 100,000 layers"),
    ("vars: {n: 1000}\nlayers:\n  - {repeat: $n, layers: [{repeat: $n, layers: [{relu: [], repeat: $n + 1}]}]}", "5:68: more than 100,000 layers"),
    ("layers: [{repeat: 400, layers: [{stages: {w: [1, 2, 3]}, each: [{relu: [], repeat: 100}]}]}]", "3:84: more than 100,000 layers"),
    ("layers: [{repeat: 400, layers: [{add: {a: [{relu: [], repeat: 200}], b: [{relu: [], repeat: 200}]}}]}]", "3:33: more than 100,000 layers"),
    ("layers: [relu]\nside: {s: {from: relu1, layers: [{repeat: 1000, layers: [{relu: [], repeat: 1000}]}]}}", "4:77: more than 100,000 layers"),
    ("blocks: {A: {layers: [{relu: [], repeat: 400}]}}\nlayers: [{A: [], repeat: 400}]", "3:42: more than 100,000 layers"),
    ("layers: [{repeat: 1000, layers: [{repeat: 1000, layers: []}]}]", "3:43: more than 200,000 expansion steps"),
    ("layers: [{relu: [], repeat: 60000}, {relu: [], repeat: 60000}]", "3:56: more than 100,000 layers"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), AT_ONCE)
def test_a_product_is_refused_before_any_layer_is_made(
    text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*_: object) -> None:
        raise AssertionError("a layer was made")

    monkeypatch.setattr("cnncalc.graph.builder.GraphBuilder.add", made)
    with pytest.raises(LimitError) as caught:
        cnncalc.load(f"cnncalc: 1\ninput: [3, 8, 8]\n{text}\n")
    assert str(caught.value) == f"<text>:{message.replace(': ', ': error: ', 1)}"


#: what may be less than it seems, with the number of its layers
LESS = [
    ("vars: {n: 0}\nlayers: [{repeat: 100, layers: [{repeat: 100, layers: [{relu: [], repeat: $n}]}]}, relu]", 1),
    ("layers: [{repeat: 1000, when: false, layers: [{relu: [], repeat: 1000}]}, relu]", 1),
    ("layers: [{repeat: 3, layers: [{when: $i > 2, layers: [{relu: [], repeat: 50000}]}]}]", 50_000),
    ("layers: [{repeat: 300, layers: [{relu: [], repeat: $i}]}]", 300 * 301 // 2),
    ("blocks: {A: {args: [n], layers: [{relu: [], repeat: $n}]}}\nvars: {n: 90000}\nlayers: [{A: [1], repeat: 9}]", 9),
    ("blocks: {A: {args: [n], layers: [relu, {when: $n > 1, A: [$n - 1]}]}}\nlayers: [{A: [9]}]", 9),
    ("layers: [{stages: {n: [2, 3]}, each: [{relu: [], repeat: $n}]}]\nvars: {n: 90000}", 5),
    ("layers: [{relu: [], repeat: 100000}]", 100_000),
]


@pytest.mark.parametrize(("text", "layers"), LESS)
def test_nothing_else_is_refused(text: str, layers: int) -> None:
    assert len(cnncalc.load(f"cnncalc: 1\ninput: [3, 8, 8]\n{text}\n").graph.operators()) == layers
