"""Who refers to what: when memory is given back.

PyTorch gives a storage back when nothing refers to it any more. The references are counted here, and not by Python: so
no figure depends on how an interpreter counts, on a debugger that reads local names, or on the garbage collector. The
counts also decide whether a gradient is summed in place, and whether it is kept as it arrives.

- A storage has one reference from each tensor that lies in it, and one from each node that saved it.
- A tensor has one from the function that made it, and one from each place that keeps it: a gradient that waits, the
  gradient of a parameter, a cast that is kept, a view of it, the caller of :meth:`Lifetimes.run`.
- A node has one from each tensor that it made, and one from each later node that leads to it.

A function is an operator's ``run``, a step of the backward pass, or a method that takes several steps (:func:`scoped`):

- What it makes goes after the call that takes it, as the inner one of two nested calls does in Python and C++.
- What it has a name for and needs after that call it holds (:meth:`Lifetimes.hold`): this goes at the function's end.
- What it is given stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from cnncalc.autograd.tensors import GradNode, Storage, Tensor

Given = ParamSpec("Given")
Made = TypeVar("Made", Tensor, list[Tensor | None], list[Tensor])
Owner = TypeVar("Owner", bound="Lifetimes")


class Lifetimes:
    """Counts references; ``events`` has the number of each storage that is taken, and ``~number`` when it goes."""

    def __init__(self) -> None:
        self.events: list[int] = []
        #: what the function that runs has made and not given back, and whether it is held; None outside of any
        self._scope: dict[Tensor, bool] | None = None

    def own(self, tensor: Tensor) -> Tensor:
        """A new tensor: the function's that runs, or outside of any the caller's."""
        tensor.storage.references += 1
        if self._scope is not None:
            self._scope[tensor] = False
        return tensor

    def hold(self, tensor: Tensor) -> Tensor:
        """The tensor; if the function that runs has made it, it stays up to that function's end."""
        if self._scope is not None and tensor in self._scope:
            self._scope[tensor] = True
        return tensor

    def drop(self, tensor: Tensor) -> None:
        """Gives back what the function that runs has made, as ``del`` does with a name."""
        if self._scope is not None and self._scope.pop(tensor, None) is not None:
            self.release(tensor)

    def spend(self, tensors: Iterable[Tensor], made: Collection[Tensor]) -> None:
        """A call has ``made`` others of some tensors: of those, what the function that runs made for the call goes."""
        scope = self._scope
        if scope is None:
            return
        for tensor in tensors:
            if scope.get(tensor) is False and tensor not in made:
                del scope[tensor]
                self.release(tensor)

    def run(self, function: Callable[Given, Made], *xs: Given.args, **options: Given.kwargs) -> Made:
        """The result of a function, with one reference more: the caller's. Whatever else it made goes."""
        outer, self._scope = self._scope, {}
        try:
            made = function(*xs, **options)
            for tensor in (made,) if isinstance(made, Tensor) else made:
                if tensor is not None:
                    self.retain(tensor)
            return made
        finally:
            inner, self._scope = self._scope, outer
            self.release_all(inner)

    def call(self, function: Callable[Given, Tensor], *xs: Given.args, **options: Given.kwargs) -> Tensor:
        """The result of a function with a scope of its own, for the function that runs, which calls it."""
        made = self.run(function, *xs, **options)
        if self._scope is not None:
            for x in xs:
                self.spend(x if isinstance(x, (list, tuple)) else (x,), (made,))
            if made in self._scope:
                self.release(made)  # one of the tensors given
            else:
                self._scope[made] = False
        return made

    def retain(self, tensor: Tensor) -> Tensor:
        """The tensor, with one reference more.

        Raises:
            RuntimeError: it was given back.
        """
        if not tensor.references:
            raise RuntimeError(f"a tensor of shape {tensor.shape} is used after it was given back: hold it")
        tensor.references += 1
        return tensor

    def release(self, tensor: Tensor) -> None:
        """One reference less."""
        tensor.references -= 1
        if tensor.references:
            return
        self.free([tensor.storage])
        if tensor.base is not None:
            self.release(tensor.base)
        if tensor.edge is not None:
            self.forget(tensor.edge.node)

    def release_all(self, tensors: Iterable[Tensor | None]) -> None:
        """One reference less to each."""
        for tensor in tensors:
            if tensor is not None:
                self.release(tensor)

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
        node.saved = node.edges = ()


def scoped(function: Callable[Concatenate[Owner, Given], Tensor]) -> Callable[Concatenate[Owner, Given], Tensor]:
    """A method that takes several steps: see :meth:`Lifetimes.call`."""

    @wraps(function)
    def called(owner: Owner, /, *xs: Given.args, **options: Given.kwargs) -> Tensor:
        return owner.call(function, owner, *xs, **options)

    return called
