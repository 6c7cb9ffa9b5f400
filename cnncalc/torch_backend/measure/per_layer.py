"""Every module of a built network by itself: how long it takes, and what it makes. The network is left as it is."""

from __future__ import annotations

from statistics import median
from typing import Any

import torch
from torch import fx

from cnncalc.torch_backend.build import Inputs
from cnncalc.torch_backend.measure import timing

#: decimals of a layer's median in seconds
DECIMALS = 7


class Timed(fx.Interpreter):
    """Runs the network module by module, between marks.

    In training a module's backward pass follows its forward pass at once, on gradients of ones, so that each is timed
    alone; what needs no gradient in the network has none here.
    """

    def __init__(self, module: fx.GraphModule, timer: timing.Timer, training: bool) -> None:
        super().__init__(module)
        self._timer = timer
        self._training = training
        self._node: fx.Node = next(iter(module.graph.nodes))
        self._needs = {node: False for node in module.graph.nodes if node.op == "placeholder"}
        self.marks: list[tuple[Any, ...]] = []

    def run_node(self, n: fx.Node) -> Any:
        self._node = n
        return super().run_node(n)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module = self.fetch_attr(target)
        if self._training:
            return self._forward_and_backward(module, args)
        start = self._timer.mark()
        result = module(*args)
        self.marks.append((start, self._timer.mark()))
        return result

    def _forward_and_backward(self, module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> torch.Tensor:
        weights = list(module.parameters())
        needs = [self._needs[source] for source in self._node.args]
        self._needs[self._node] = bool(weights) or any(needs)
        leaves = [x.detach().requires_grad_(needed) for x, needed in zip(args, needs, strict=True)]
        # a leaf can't be overwritten, and the value itself may be read again
        given = [leaf.clone() for leaf in leaves] if getattr(module, "inplace", False) else leaves
        start = self._timer.mark()
        result: torch.Tensor = module(*given)
        end = self._timer.mark()
        wanted = [leaf for leaf in leaves if leaf.requires_grad] + weights
        if not result.requires_grad or not wanted:
            self.marks.append((start, end))
            return result.detach()
        gradient = torch.ones_like(result)
        back = self._timer.mark()
        torch.autograd.grad(result, wanted, gradient, allow_unused=True)
        self.marks.append((start, end, back, self._timer.mark()))
        return result.detach()


def times(
    model: fx.GraphModule, given: Inputs, timer: timing.Timer, training: bool, seconds: float, repeats: int | None
) -> tuple[list[tuple[float, float]], int]:
    """Medians of the seconds of every module forward and backward, in call order, and of how many passes they are."""
    passes: list[list[tuple[float, float]]] = []
    interpreter = Timed(model, timer, training)
    with torch.enable_grad() if training else torch.inference_mode():

        def run() -> float:
            interpreter.marks = []
            interpreter.run(*given)
            timer.synchronize()
            passes.append(
                [
                    (timer.seconds(*marks[:2]), timer.seconds(*marks[2:]) if len(marks) > 2 else 0.0)
                    for marks in interpreter.marks
                ]
            )
            return 0.0

        taken = len(timing.repeat(run, seconds, repeats))
    rows = zip(*passes[-taken:], strict=True)  # the first ones were the warm-up
    return [(_middle(row, 0), _middle(row, 1)) for row in rows], taken


def _middle(row: tuple[tuple[float, float], ...], part: int) -> float:
    return round(median(sample[part] for sample in row), DECIMALS)


class Observed(fx.Interpreter):
    """Runs the network once and adds up the bytes that the modules make, each storage once."""

    output_bytes = 0

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        before = {x.untyped_storage().data_ptr() for x in args}
        result = super().call_module(target, args, kwargs)
        if result.untyped_storage().data_ptr() not in before:
            self.output_bytes += result.numel() * result.element_size()
        return result


def observe(model: fx.GraphModule, given: Inputs) -> tuple[int, int]:
    """MACs of a forward pass as PyTorch counts them, and bytes of the inputs and all outputs, in evaluation mode.

    The products of attention are written out, as PyTorch counts nothing of its fused kernel for a CPU.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    training = model.training
    interpreter = Observed(model)
    model.eval()
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            interpreter.run(*given)
    finally:
        model.train(training)
    return counter.get_total_flops() // 2, interpreter.output_bytes + sum(x.nbytes for x in given)
