"""When memory is given back: by the references that the tape counts, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cnncalc.autograd.functional import Tape
from cnncalc.autograd.tensors import Edge, Leaf, Tensor


def tape_with(*shapes: tuple[int, ...], training: bool = False) -> tuple[Tape, list[Tensor]]:
    """A tape of one sample, and values that the caller holds and that need a gradient in training."""
    tape = Tape(1, 4)
    tape.training = tape.records = training
    values = [tape.new(shape) for shape in shapes]
    for value in values:
        if training:
            tape.lead(value, Edge(Leaf(), 0))
    return tape, values


#: storage 0 is the input's; others are counted as they are taken, and ~n is given back
RULES: dict[str, tuple[Callable[[Tape, Tensor], Tensor], list[int]]] = {
    "the inner of two nested calls goes after the outer one": (
        lambda tape, x: tape.scaled(tape.scaled(tape.scaled(x))),
        [1, 2, ~1, 3, ~2],
    ),
    "what is held goes at the end": (
        lambda tape, x: tape.scaled(tape.scaled(tape.hold(tape.scaled(x)))),
        [1, 2, 3, ~2, ~1],
    ),
    "what is held may be taken twice": (lambda tape, x: tape.add(y := tape.hold(tape.scaled(x)), y), [1, 2, ~1]),
    "a value may be taken twice by one call": (lambda tape, x: tape.mul(y := tape.scaled(x), y), [1, 2, ~1]),
    "what is dropped goes at once": (
        lambda tape, x: (tape.drop(tape.hold(tape.scaled(x))), tape.scaled(x))[1],  # type: ignore[func-returns-value]
        [1, ~1, 2],
    ),
    "a view keeps the storage, not the value": (lambda tape, x: tape.scaled(tape.flatten(tape.scaled(x))), [1, 2, ~1]),
    "a function gives back what it holds, and not what it is given": (
        lambda tape, x: tape.scaled(tape.call(lambda y: tape.scaled(tape.hold(tape.scaled(y))), tape.scaled(x))),
        [1, 2, 3, ~2, ~1, 4, ~3],
    ),
    "the result of a function may be what it is given": (
        lambda tape, x: tape.scaled(tape.call(lambda y: y, tape.scaled(x))),
        [1, 2, ~1],
    ),
    "the input is the caller's": (lambda tape, x: tape.call(lambda y: y, x), []),
}


@pytest.mark.parametrize("rule", RULES)
def test_what_a_function_gives_back(rule: str) -> None:
    function, expected = RULES[rule]
    tape, [x] = tape_with((1, 4))
    out = tape.run(function, tape, x)
    assert tape.events[1:] == expected
    assert out.references == 1 + (out is x)
    tape.release(out)
    tape.release(x)
    taken = {event for event in tape.events if event >= 0}
    assert sorted(tape.events[-2:]) == sorted({~out.storage.number, ~0}) or out is x
    assert {~event for event in tape.events if event < 0} == taken


def test_a_value_is_not_used_after_it_was_given_back() -> None:
    tape, [x] = tape_with((1, 4))

    def twice(x: Tensor) -> Tensor:
        once = tape.scaled(x)
        return tape.add(tape.scaled(once), once)

    with pytest.raises(RuntimeError, match=r"shape \(1, 4\) is used after it was given back: hold it"):
        tape.run(twice, x)
    tape.release(x)
    with pytest.raises(RuntimeError, match=r"shape \(1, 4\) is used after it was given back: hold it"):
        tape.retain(x)


def test_a_function_that_fails_gives_back_what_it_made() -> None:
    tape, [x] = tape_with((1, 4))

    def fails(x: Tensor) -> Tensor:
        tape.call(lambda y: tape.view(tape.hold(tape.scaled(y)), (3,)), tape.hold(tape.scaled(x)))
        return x

    with pytest.raises(RuntimeError, match="has no view of"):
        tape.run(fails, x)
    assert tape.events == [0, 1, 2, ~2, ~1]


def test_what_nobody_reads_goes_with_all_that_led_to_it() -> None:
    """Three functions that keep their result: all three live as long as the last, at which the backward pass ends."""
    tape, [x] = tape_with((1, 4), training=True)
    out = tape.run(lambda: tape.function(tape.function(tape.function(x))))
    assert tape.events == [0, 1, 2, 3]
    tape.release(out)
    assert sorted(tape.events[4:]) == sorted([~1, ~2, ~3])


@pytest.mark.parametrize(("adds_in_place", "shared", "taken"), [(True, False, 0), (True, True, 1), (False, False, 1)])
def test_a_second_gradient_is_added_to_the_first_where_nothing_else_refers_to_it(
    adds_in_place: bool, shared: bool, taken: int
) -> None:
    """x times 2, or a sum whose gradient is that of the result, and then another reader of x."""
    tape, [x] = tape_with((1, 4), training=True)
    tape.adds_in_place = adds_in_place
    first = tape.shifted if shared else tape.scaled
    out = tape.run(lambda: tape.add(tape.scaled(y := tape.hold(tape.function(x))), first(y)))
    before = len(tape.storages)
    tape.backward(out)
    # the start; those of what is scaled; the function's own; the sum where it is a new one
    assert len(tape.storages) - before == 1 + (1 if shared else 2) + 1 + taken


def test_a_gradient_is_copied_for_a_parameter_while_something_else_refers_to_it() -> None:
    """Two parameters have one gradient: the first has a copy, the second the gradient itself."""
    tape, [x, y] = tape_with((1, 4), (1, 4), training=True)
    out = tape.run(lambda: tape.scaled(tape.add(x, y)))
    start = len(tape.storages)
    tape.backward(out)
    assert [value.grad and value.grad.storage.number for value in (x, y)] == [start + 2, start + 1]
    assert len(tape.storages) == start + 3
    assert [event for event in tape.events[start:] if event < 0] == [~2, ~start]  # that of the sum, and the start
