"""A graph written back as a spec: it counts the same, and is its own expansion."""

from __future__ import annotations

from pathlib import Path

import pytest

import cnncalc
from cnncalc.errors import SpecError
from cnncalc.graph.graph import Node
from cnncalc.spec import document, write, zoo
from cnncalc.spec.expand import expand


def network(text: str) -> cnncalc.Network:
    spec = document.load(zoo.Found("<test>", text.encode(), None))
    return cnncalc.Network(spec, *expand(spec))


def written(given: cnncalc.Network) -> str:
    return write.write(given.graph, "again", given.title, given.document.source)


def layers(given: cnncalc.Network) -> list[tuple[object, ...]]:
    """All that a graph says of its layers, but for the place of each in its file."""
    kept = [name for name in Node.__slots__ if name not in ("place", "signature")]
    return [tuple(getattr(node, name) for name in kept) for node in given.graph.nodes]


def networks() -> list[str]:
    return [name for name in zoo.names() if not name.startswith("blocks_")]


@pytest.mark.parametrize("name", networks())
def test_every_network_counts_the_same(name: str) -> None:
    """What is counted hangs on the layers and on the program that they were written as."""
    first = cnncalc.load(name)
    text = written(first)
    second = network(text)
    assert layers(first) == layers(second)
    before, after = (
        [(program.library, program.source, program.of(one.nodes)) for program in one.programs]
        for one in (first.graph, second.graph)
    )
    assert before == after
    assert written(second) == text


def test_whose_program_it_is_stays() -> None:
    given = network("cnncalc: 1\ninput: [2, 4, 4]\nlayers: [relu]\nwritten: timm\n")
    assert "\nwritten: timm\n" in written(given)
    assert network(written(given)).graph.programs == given.graph.programs


def test_words_with_other_arguments_become_defaults_or_rows() -> None:
    given = network(
        "cnncalc: 1\ninput: [2, 4, 4]\ndefaults: {conv: {kernel: 1, act: leaky_relu}, leaky_relu: {slope: 0.1}}\n"
        "layers: [{conv: 2}, {conv: 3}, {leaky_relu: 0.2, name: last}]\n"
    )
    text = written(given)
    assert "defaults:\n  leaky_relu: {slope: 0.1}\n" in text
    assert "{leaky_relu: 0.2, name: last}" in text
    assert [node.op for node in network(text).graph.nodes] == [node.op for node in given.graph.nodes]


def test_a_hidden_value_is_refused() -> None:
    given = network(
        "cnncalc: 1\ninput: [2, 4, 4]\n"
        "blocks: {Two: {inputs: [x, skip], layers: [{conv: 2, kernel: 1}, {add: [prev, skip]}]}}\n"
        "layers: [{conv: 2, kernel: 1}, {conv: 2, kernel: 1}, {Two: [], from: [conv2, conv1]}]\n"
    )
    with pytest.raises(SpecError, match=r"'Two1\.add1' reads 'conv1', which another layer named conv1 hides from it"):
        written(given)


@pytest.mark.parametrize("name", ["a", "x" * 120, "x" * 128])
@pytest.mark.parametrize("others", [0, 1, 2])
def test_what_follows_apart_has_a_name_that_is_free(tmp_path: Path, name: str, others: int) -> None:
    """An ``act`` whose defaults are not those of most is a layer of its own, which can be read back."""
    (tmp_path / "lib.yaml").write_text(
        "cnncalc: 1\ndefaults: {leaky_relu: {slope: 0.3}}\nblocks:\n  B:\n    layers:\n"
        + "".join(f"      - {{relu: [], name: {taken}}}\n" for taken in ("a_leaky_relu", "a_leaky_relu_2")[:others])
        + f"      - {{conv: 3, kernel: 1, act: leaky_relu, name: {name}}}\n      - {{conv: 2, kernel: 1}}\n"
    )
    (tmp_path / "net.yaml").write_text(
        "cnncalc: 1\nuses: lib\ninput: [2, 4, 4]\ndefaults: {conv: {kernel: 1, act: leaky_relu}}\n"
        "layers: [{conv: 2}, {conv: 3}, B]\n"
    )
    given = cnncalc.load(tmp_path / "net.yaml")
    text = written(given)
    again = network(text)
    assert written(again) == text
    assert [node.op for node in again.graph.nodes] == [node.op for node in given.graph.nodes]
    apart = next(again.graph.nodes[node.index + 1] for node in again.graph.nodes if node.path == f"B1.{name}").path
    taken = others if name == "a" else name == "x" * 128
    assert apart == f"B1.{f'{name}_leaky_relu'[: 126 if taken else 128]}{f'_{taken + 1}' * (taken > 0)}"


LONG = [
    (f"layers: [{{relu: [], name: {'x' * 127}, repeat: 2}}]", "3:27"),
    (f"layers: [{{stages: {{w: [1, 2]}}, each: [relu], name: {'x' * 128}}}]", "3:52"),
    (f"blocks: {{{'B' * 128}: {{layers: [relu]}}}}\nlayers: [{'B' * 128}]", "4:10"),
]


@pytest.mark.parametrize(("text", "place"), LONG)
def test_no_name_grows_past_what_can_be_read_back(text: str, place: str) -> None:
    with pytest.raises(SpecError) as caught:
        network(f"cnncalc: 1\ninput: [2, 4, 4]\n{text}\n")
    assert str(caught.value).startswith(f"<test>:{place}: error: '")
    assert str(caught.value).endswith(
        "...' can't be the name of a layer (hint: letters, digits, _ and -, at most 128, not starting with -)"
    )
