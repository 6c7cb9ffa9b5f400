"""How the PyTorch that is installed behaves where its versions differ: tried, not looked up."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from cnncalc.ops import OPS
from cnncalc.torch_backend.build import resolve, run_in_place

#: activations that need their input for the gradient, and can overwrite it
OVERWRITING = ("relu6", "hardswish", "hardsigmoid", "silu", "mish")


def copies_overwritten(name: str) -> bool:
    """Whether one of :data:`OVERWRITING`, in place, keeps a copy of its input for the backward pass, and not what it
    writes: :attr:`cnncalc.autograd.torch_versions.Rules.copies_overwritten`.
    """
    module: nn.Module = resolve(OPS[name]().lowering((8,)))
    run_in_place(module)
    x = torch.zeros(2, 8, requires_grad=True).clone()
    kept: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.untyped_storage().data_ptr())
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        module(x)
    return x.untyped_storage().data_ptr() not in kept
