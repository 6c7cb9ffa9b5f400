"""Mixed precision as ``torch.autocast`` does it: some operators run in 16 bits, some in 32, most as they are given.

Lists of operators: https://docs.pytorch.org/docs/2.13/amp.html, "Autocast Op Reference", and ATen/autocast_mode.h.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from cnncalc.autograd.engine import Recorder
from cnncalc.autograd.strides import computed
from cnncalc.autograd.tensors import GradNode, Leaf, Storage, Tensor

#: bytes of float16 and bfloat16, and of float32
HALF, FULL = 2, 4


class Autocast(Recorder):
    """Casts of tensors to the data type in which an operator runs, where ``autocast`` is on.

    ``autocast`` is float16 or bfloat16. :attr:`itemsize`, bytes of a value in what is made where nothing else is said,
    then follows the operators.
    """

    device: str = "cpu"
    autocast: str = ""

    def __init__(self, batch: int, itemsize: int, adds_in_place: bool = True) -> None:
        super().__init__(batch, itemsize, adds_in_place)
        self._copies: dict[int, Tensor] = {}

    def begin(self, xs: Iterable[Tensor]) -> None:
        """Begins an operator that takes ``xs``: what it makes is in the widest of their data types."""
        if self.autocast:
            self.itemsize = max(x.itemsize for x in xs)

    def lowered(self, *xs: Tensor) -> list[Tensor]:
        """The tensors as an operator of the 16-bit list takes them. The last is cast first."""
        if not self.autocast:
            return list(xs)
        self.itemsize = HALF
        return [self._lower(x) for x in reversed(xs)][::-1]

    def raised(self, x: Tensor, on: Literal["cpu", "cuda"] | None = None) -> Tensor:
        """A tensor as an operator of the 32-bit list takes it: of every device's, or of one's."""
        if not self.autocast or on not in (None, self.device):
            return x
        self.itemsize = FULL
        return self.cast(x, FULL)

    def pooled(self, x: Tensor) -> Tensor:
        """A tensor as a pool takes it: a CPU has those over three axes in its 32-bit list."""
        return self.raised(x, on="cpu") if len(x.shape) > 4 else x

    def promoted(self, *xs: Tensor) -> list[Tensor]:
        """The tensors as an operator takes them that needs all in one data type, the widest."""
        if not self.autocast:
            return list(xs)
        self.itemsize = max(x.itemsize for x in xs)
        return [self.cast(x, self.itemsize) for x in xs]

    def end_autocast(self) -> None:
        """Forgets the casts of parameters: each is kept until here, so that it is made once."""
        self.release_all(self._copies.values())
        self._copies = {}

    def _lower(self, x: Tensor) -> Tensor:
        if x.edge is None or not isinstance(x.edge.node, Leaf):
            return self.cast(x, HALF)
        if x.storage.number not in self._copies:
            self._copies[x.storage.number] = self.retain(self.cast(x, HALF))
        return self._copies[x.storage.number]

    def cast(self, x: Tensor, itemsize: int) -> Tensor:
        """The tensor in another data type: ``x`` itself, or a copy."""
        if x.itemsize == itemsize:
            return x
        before = x.itemsize
        out = self.new(x.shape, x.scales, itemsize, computed(x.shape, (x.shape, x.strides)))
        return self.record(out, [x], lambda grad, needs: [self.cast(grad, before)])

    def _unpack(self, node: GradNode) -> list[Storage]:
        itemsize = self.itemsize
        saved = super()._unpack(node)
        self.itemsize = itemsize
        self.end_autocast()  # a part that ran again did so in an autocast of its own
        return saved

    def _run(self, node: GradNode) -> list[Tensor | None]:
        if self.autocast:
            self.itemsize = max((grad.itemsize for grad in node.grads if grad is not None), default=self.itemsize)
        return super()._run(node)
