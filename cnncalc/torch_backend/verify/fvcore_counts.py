"""What fvcore counts of a module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode


def fvcore_version() -> str:
    """The version of fvcore; empty if it is not there."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("fvcore")
    except PackageNotFoundError:
        return ""


class WrittenOut(TorchFunctionMode):
    """Writes both products of attention out, of which fvcore counts nothing where one function has them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is not functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        q, k, v = args
        return (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).softmax(-1) @ v


def count_with_fvcore(module: nn.Module, *inputs: torch.Tensor) -> Mapping[str, Counter[str]]:
    """What fvcore counts by module name, in one trace: ``macs`` and ``activations`` of convolutions, linear layers and
    matrix products, those of attention written out. The name of the whole is empty.
    """
    from fvcore.nn import FlopCountAnalysis, jit_handles  # type: ignore[import-untyped]  # fvcore has no types

    def both(macs: Callable[..., Any]) -> Callable[..., Any]:
        def handle(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
            found = macs(inputs, outputs)
            number = sum(found.values()) if isinstance(found, Counter) else found
            return Counter(macs=number, activations=prod(jit_handles.get_shape(outputs[0])))

        return handle

    analysis = FlopCountAnalysis(module, inputs).clear_op_handles().ancestor_mode("caller")
    analysis.set_op_handle(
        **{
            "aten::_convolution": both(jit_handles.conv_flop_jit),
            "aten::linear": both(jit_handles.linear_flop_jit),
            "aten::addmm": both(jit_handles.addmm_flop_jit),
            "aten::bmm": both(jit_handles.bmm_flop_jit),
            "aten::mm": both(jit_handles.matmul_flop_jit),
            "aten::matmul": both(jit_handles.matmul_flop_jit),
            "aten::einsum": both(jit_handles.einsum_flop_jit),
        }
    )
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    with torch.no_grad(), WrittenOut():
        counts: Mapping[str, Counter[str]] = analysis.by_module_and_operator()
    return counts
