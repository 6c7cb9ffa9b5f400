"""Activation checkpointing: parts of the forward pass that run again for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import NamedTuple

from cnncalc.autograd.tensors import Storage, Value

#: takes the inputs of a part of the network, gives its outputs
Part = Callable[["Sequence[Value]"], "Sequence[Value]"]


class Recomputed(Exception):
    """Everything that is needed is there again; ``ran`` says whether the operator that stops has run."""

    def __init__(self, ran: bool) -> None:
        super().__init__()
        self.ran = ran


class Checkpoint:
    """A part of the forward pass whose nodes keep nothing but, together, the part's inputs.

    As ``torch.utils.checkpoint.checkpoint(part, *inputs, use_reentrant=False)``: the first of its nodes that asks for
    what it saved has the whole part run again, up to the last value that is saved. PyTorch saves what an operator reads
    before it runs, and what it makes afterwards, so that an operator which saves only the former isn't run a second
    time where it is the last.
    """

    __slots__ = ("begin", "inputs", "last", "packed", "part", "recomputed", "stop", "wanted")

    def __init__(self, part: Part, inputs: Sequence[Value], begin: int) -> None:
        self.part = part
        self.inputs = inputs
        #: the number of the first storage of the pass through the part that runs; others are counted from it
        self.begin = begin
        #: how many nodes have saved something
        self.packed = 0
        #: where the last of them saves only what it reads: the storage that it makes, and those that it saves
        self.stop: int | None = None
        self.wanted: Collection[int] = ()
        #: by node, in the order of the forward pass, what it needs; None up to the second pass
        self.recomputed: list[list[Storage]] | None = None
        #: of those ``wanted``, the ones made in the second pass; the others live on anyway
        self.last: list[Storage] = []

    def pack(self, outs: Sequence[Value], inputs: Sequence[Value], storages: Sequence[Storage]) -> Packed:
        """Notes, in the first pass, that a node has saved something."""
        self.packed += 1
        self.stop, self.wanted = None, ()
        first = min(out.storage.number for out in outs)
        in_place = any(out.storage is value.storage for out in outs for value in inputs)
        if not in_place and all(storage.number < first for storage in storages):
            self.stop = first - self.begin
            self.wanted = {storage.number - self.begin for storage in storages}
        return Packed(self, self.packed - 1)

    def keep(self, storages: list[Storage]) -> None:
        """Holds, in the second pass, what a node needs.

        Raises:
            Recomputed: it was the last.
        """
        if self.recomputed is not None:
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
            self.part(self.inputs)
        if self.stop is not None:
            self.recomputed.append(self.last)
            self.last = []


class Packed(NamedTuple):
    """Where a node finds what it saved in a checkpoint: its place among the checkpoint's nodes."""

    checkpoint: Checkpoint
    position: int
