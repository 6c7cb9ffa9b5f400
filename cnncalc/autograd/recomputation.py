"""Activation checkpointing: parts of the forward pass that run again for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from cnncalc.autograd.lifetimes import Lifetimes
from cnncalc.autograd.tensors import Backward, GradNode, Storage, Tensor

#: takes the inputs of a part of the network, gives its outputs, which the caller then has to release
Part = Callable[["Sequence[Tensor]"], "Sequence[Tensor]"]


class Recomputed(Exception):
    """Everything that is needed is there again; ``ran`` says whether the operator that stops has run."""

    def __init__(self, ran: bool) -> None:
        super().__init__()
        self.ran = ran


class Checkpoint:
    """A part of the forward pass whose nodes keep nothing but, together, the part's inputs.

    As ``torch.utils.checkpoint.checkpoint(part, *inputs, use_reentrant=False)``: the first of its nodes that asks for
    what it saved has the whole part run again, up to the last tensor that is saved. PyTorch saves what an operator
    reads before it runs, and what it makes afterwards, so that an operator which saves only the former isn't run a
    second time where it is the last.
    """

    __slots__ = ("begin", "inputs", "last", "left", "lifetimes", "packed", "part", "recomputed", "stop", "wanted")

    def __init__(self, lifetimes: Lifetimes, part: Part, inputs: Sequence[Tensor], begin: int) -> None:
        self.lifetimes = lifetimes
        self.part = part
        self.inputs = [lifetimes.retain(tensor) for tensor in inputs]
        #: the number of the first storage of the pass through the part that runs; others are counted from it
        self.begin = begin
        #: how many nodes have saved something
        self.packed = 0
        #: how many of them are still to be done; the first pass, while it runs, is one too
        self.left = 1
        #: where the last of them saves only what it reads: the storage that it makes, and those that it saves
        self.stop: int | None = None
        self.wanted: Collection[int] = ()
        #: by node, in the order of the forward pass, what it needs; None up to the second pass
        self.recomputed: list[list[Storage]] | None = None
        #: of those ``wanted``, the ones made in the second pass; the others live on anyway
        self.last: list[Storage] = []

    def pack(self, outs: Sequence[Tensor], inputs: Sequence[Tensor], storages: Sequence[Storage]) -> int:
        """Notes, in the first pass, that a node has saved something; gives its place among such nodes."""
        self.packed += 1
        self.left += 1
        self.stop, self.wanted = None, ()
        first = min(out.storage.number for out in outs)
        in_place = any(out.storage is tensor.storage for out in outs for tensor in inputs)
        if not in_place and all(storage.number < first for storage in storages):
            self.stop = first - self.begin
            self.wanted = {storage.number - self.begin for storage in storages}
        return self.packed - 1

    def make(self, storage: Storage) -> None:
        """Holds, in the second pass, a storage that is wanted at its end.

        Raises:
            Recomputed: the last node makes it, and all that this needs is there.
        """
        if self.recomputed is None:
            return
        number = storage.number - self.begin
        if number == self.stop:
            raise Recomputed(False)
        if number in self.wanted:
            storage.references += 1
            self.last.append(storage)

    def keep(self, storages: list[Storage]) -> None:
        """Holds, in the second pass, what a node needs.

        Raises:
            Recomputed: it was the last.
        """
        if self.recomputed is not None:
            for storage in storages:
                storage.references += 1
            self.recomputed.append(storages)
            if len(self.recomputed) == self.packed:
                raise Recomputed(True)

    def give(self, position: int) -> list[Storage]:
        """What a node needs; the caller alone holds it from here on."""
        found: list[Storage] = []
        if self.recomputed is not None:
            found, self.recomputed[position] = self.recomputed[position], found
        return found

    def run_again(self, begin: int) -> None:
        """The second pass; its first storage has the number ``begin``."""
        self.recomputed = []
        self.begin = begin
        with suppress(Recomputed):
            self.lifetimes.release_all(self.part(self.inputs))
        if self.stop is not None:
            self.recomputed.append(self.last)
            self.last = []

    def leave(self) -> None:
        """The first pass is over, or a node is done; with the last, all that is held goes."""
        self.left -= 1
        if not self.left:
            self.lifetimes.release_all(self.inputs)
            for storages in self.recomputed or ():
                self.lifetimes.free(storages)


class PackedNode(GradNode):
    """A node that finds what it would have saved in a checkpoint; ``position`` is its place among such nodes."""

    __slots__ = ("checkpoint", "position")

    def __init__(
        self, order: int, layer: int, backward: Backward, inputs: Sequence[Tensor], within: Checkpoint, position: int
    ) -> None:
        super().__init__(order, layer, backward, inputs, ())
        self.checkpoint: Checkpoint | None = within
        self.position = position

    def leave(self) -> None:
        """The node is done, and no longer part of a checkpoint."""
        checkpoint, self.checkpoint = self.checkpoint, None
        if checkpoint is not None:
            checkpoint.leave()
