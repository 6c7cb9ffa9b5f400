"""A step of an optimizer of ``torch.optim``, as it is from the second on: the state is there, temporaries come and go.

Sources: ``torch/optim/sgd.py`` and ``adam.py``, whose order of calls and lifetimes of names are followed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnncalc.autograd.functional import Tape
from cnncalc.autograd.tensors import Tensor

#: the words for an optimizer, and what each is in PyTorch; weight decay is asked for apart
OPTIMIZERS: Mapping[str, str] = {
    "none": "no step is made",
    "sgd": "torch.optim.SGD",
    "momentum": "torch.optim.SGD with momentum (not 0), no Nesterov",
    "adam": "torch.optim.Adam, no amsgrad, not capturable",
    "adamw": "torch.optim.AdamW, no amsgrad, not capturable",
}
#: how a step goes through the parameters; PyTorch's own choice is foreach on a GPU and for-loop on a CPU
IMPLEMENTATIONS: Mapping[str, str] = {
    "foreach": "each operation on all parameters at once",
    "for-loop": "all operations on one parameter, then on the next",
    "fused": "all in one operation, without temporaries",
}
_STATES = {"none": 0, "sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}  # tensors as large as the parameter, for each


class Optimizer:
    """The state of an optimizer, which is taken here and kept, and its step.

    ``optimizer`` is one of :data:`OPTIMIZERS`, ``implementation`` one of :data:`IMPLEMENTATIONS`. ``parameters`` has
    the layer and the tensor of each; those without a gradient at the step are left alone.
    ``weight_decay`` says that the decay is not 0. Where it is added to the gradient (all but adamw) that takes a copy.
    ``device`` is cpu or cuda: Adam's count of steps, 4 bytes for each parameter, is on the CPU unless fused.
    """

    def __init__(
        self,
        tape: Tape,
        parameters: Sequence[tuple[int, Tensor]],
        optimizer: str,
        implementation: str,
        weight_decay: bool,
        device: str,
    ) -> None:
        self.tape = tape
        self.parameters = parameters
        self.implementation = implementation
        self.adaptive = optimizer in ("adam", "adamw")
        self.copies_gradients = weight_decay and optimizer != "adamw" and implementation != "fused"
        self.counts = self.adaptive and (device == "cpu" or implementation == "fused")
        self.state = [self._state(layer, tensor, _STATES[optimizer]) for layer, tensor in parameters]

    def _state(self, layer: int, parameter: Tensor, tensors: int) -> list[Tensor]:
        tape = self.tape
        tape.layer = layer
        count = [tape.new((), scales=False, itemsize=4)] if self.counts else []
        return count + [tape.like(parameter) for _ in range(tensors)]

    def step(self) -> None:
        """What ``optimizer.step()`` takes and gives back."""
        learned = [pair for pair in self.parameters if pair[1].grad is not None]
        if self.implementation == "foreach":
            self._foreach(learned)
        elif self.implementation == "for-loop":
            self._for_loop(learned)

    def _foreach(self, parameters: Sequence[tuple[int, Tensor]]) -> None:
        tape = self.tape
        if self.counts:
            tape.layer = 0
            tape.release(tape.new((), scales=False, itemsize=4))  # the 1 that is added to every count of steps
        if self.copies_gradients:
            tape.release_all([self._like(*pair) for pair in parameters])  # in the momentum, or in the parameters
        if self.adaptive:
            tape.release_all([self._like(*pair) for pair in parameters])  # square roots

    def _for_loop(self, parameters: Sequence[tuple[int, Tensor]]) -> None:
        """A name lives until it is given another value, so that temporaries of two parameters meet."""
        tape = self.tape
        gradient: list[Tensor] = []
        root: list[Tensor] = []
        for layer, parameter in parameters:
            tape.release_all(gradient)
            if self.copies_gradients:
                gradient = [self._like(layer, parameter)]
            if self.adaptive:
                square = self._like(layer, parameter)
                quotient = tape.like(square)
                tape.release_all([square, *root])
                root = [quotient]
        tape.release_all([*gradient, *root])

    def _like(self, layer: int, parameter: Tensor) -> Tensor:
        self.tape.layer = layer
        return self.tape.like(parameter)
