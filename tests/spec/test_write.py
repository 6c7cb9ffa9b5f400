"""A graph written back as a spec: it counts the same, and is its own expansion."""

from __future__ import annotations

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
