"""Who refers to what: when memory is given back.

A storage is given back when nothing refers to it any more, as in PyTorch. The references are counted here and not by
Python, so that no figure depends on how an interpreter counts, on a debugger that looks at local names, or on the
garbage collector. The counts also decide whether a gradient is summed in place, and whether it is kept as it arrives:

- a storage has one reference from each value that lies in it, and one from each node that saved it;
- a value has one from the function that made it, and one from each place that keeps it: a gradient that waits, the
  gradient of a parameter, a cast that is kept, a view of it, whoever called :meth:`Lifetimes.run`;
- a node has one from each value that it made, and one from each later node that leads to it.

A function is an operator's ``run``, a step of the backward pass, or what PyTorch does in several steps
(:func:`scoped`). What it makes is given back after the call that takes it, as the inner one of two nested calls is in
Python and C++. What it has a name for, and lives on after that call, it holds (:meth:`Lifetimes.hold`) up to its own
end. It never gives back what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from cnncalc.autograd.tensors import GradNode, Storage, Value

Given = ParamSpec("Given")
Made = TypeVar("Made", Value, list[Value | None], list[Value])
Owner = TypeVar("Owner", bound="Lifetimes")


class Lifetimes:
    """Counts references; ``events`` has the number of each storage that is taken, and ``~number`` when it goes."""

    def __init__(self) -> None:
        self.events: list[int] = []
        #: what the function that runs has made and not given back, and whether it is held; None outside of any
        self._scope: dict[Value, bool] | None = None

    def own(self, value: Value) -> Value:
        """A new value: the function's that runs, or outside of any the caller's."""
        value.storage.references += 1
        if self._scope is not None:
            self._scope[value] = False
        return value

    def hold(self, value: Value) -> Value:
        """The value, which has a name: what the function that runs has made lives up to its end."""
        if self._scope is not None and value in self._scope:
            self._scope[value] = True
        return value

    def drop(self, value: Value) -> None:
        """What ``del`` does with a name of the function that runs."""
        if self._scope is not None and self._scope.pop(value, None) is not None:
            self.release(value)

    def spend(self, values: Iterable[Value], made: Collection[Value]) -> None:
        """A call has returned what it ``made`` of values: those that the function that runs made for it go."""
        scope = self._scope
        if scope is None:
            return
        for value in values:
            if scope.get(value) is False and value not in made:
                del scope[value]
                self.release(value)

    def run(self, function: Callable[Given, Made], *xs: Given.args, **options: Given.kwargs) -> Made:
        """The result of a function, with one reference more: the caller's. Whatever else it made goes."""
        outer, self._scope = self._scope, {}
        try:
            made = function(*xs, **options)
            for value in (made,) if isinstance(made, Value) else made:
                if value is not None:
                    self.retain(value)
            return made
        finally:
            inner, self._scope = self._scope, outer
            self.release_all(inner)

    def call(self, function: Callable[Given, Value], *xs: Given.args, **options: Given.kwargs) -> Value:
        """The result of a function that the one that runs calls: a value that this has made."""
        made = self.run(function, *xs, **options)
        if self._scope is not None:
            for x in xs:
                self.spend(x if isinstance(x, (list, tuple)) else (x,), (made,))
            if made in self._scope:
                self.release(made)  # one of the values given
            else:
                self._scope[made] = False
        return made

    def retain(self, value: Value) -> Value:
        """The value, with one reference more.

        Raises:
            RuntimeError: it was given back.
        """
        if not value.references:
            raise RuntimeError(f"a value of shape {value.shape} is used after it was given back: hold it")
        value.references += 1
        return value

    def release(self, value: Value) -> None:
        """One reference less."""
        value.references -= 1
        if value.references:
            return
        self.free([value.storage])
        if value.base is not None:
            self.release(value.base)
        if value.edge is not None:
            self.forget(value.edge.node)

    def release_all(self, values: Iterable[Value | None]) -> None:
        """One reference less to each."""
        for value in values:
            if value is not None:
                self.release(value)

    def free(self, storages: Iterable[Storage]) -> None:
        """One reference less to each."""
        for storage in storages:
            storage.references -= 1
            if not storage.references:
                self.events.append(~storage.number)

    def forget(self, node: GradNode) -> None:
        """One reference less; a node that has none is done, and refers to no others."""
        nodes = [node]
        while nodes:
            node = nodes.pop()
            node.references -= 1
            if not node.references:
                nodes += [edge.node for edge in node.edges if edge is not None]
                self.finish(node)

    def finish(self, node: GradNode) -> None:
        """A node is done: what it saved goes."""
        node.leave()
        self.free(node.saved)
        node.saved = []
        node.edges = []


def scoped(function: Callable[Concatenate[Owner, Given], Value]) -> Callable[Concatenate[Owner, Given], Value]:
    """A method that takes several steps: see :meth:`Lifetimes.call`."""

    @wraps(function)
    def called(owner: Owner, /, *xs: Given.args, **options: Given.kwargs) -> Value:
        return owner.call(function, owner, *xs, **options)

    return called
