"""The network as a module of PyTorch: one call per operator, named as in the spec."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import fx, nn
from torch.fx import GraphModule as GraphModule

from cnncalc.analysis.report import Report
from cnncalc.errors import EnvironmentFailure, UsageError, check_flag, check_whole, check_word, quote, suggest
from cnncalc.graph.graph import Graph, Node
from cnncalc.graph.walk import overwritten
from cnncalc.ops.base import Lowering
from cnncalc.source.names import input_names, module_names
from cnncalc.values import Assumptions, IdsShape

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
Inputs = tuple[torch.Tensor, ...]
DEVICES = ("cpu", "cuda", "mps", "meta")


def build(
    graph: Graph,
    device: str = "cpu",
    dtype: str = "float32",
    with_side: bool = False,
    inplace: bool = True,
    max_memory: int | None = None,
) -> fx.GraphModule:
    """The network as a ``torch.fx.GraphModule`` with random weights, in training mode.

    Its forward takes a tensor ``[batch, *shape]`` for each input (int64 for ids) and returns the output, or a tuple of
    the outputs, then of the side outputs. Every operator is a module of its own, called once, with no other operator
    inside; its name is the layer's path (:func:`cnncalc.source.names.module_names`). What shares weights has the same
    parameters.

    Args:
        graph: the network.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``meta``, which needs no memory.
        dtype: float64, float32, float16 or bfloat16.
        with_side: whether side outputs (auxiliary heads) are built and returned.
        inplace: whether activations and sums overwrite their input where the memory column says that they do.
        max_memory: bytes that weights and activations of one sample may take; None for what the device has free.

    Raises:
        UsageError: an unknown device or data type.
        EnvironmentFailure: the device is not there, or has not the memory.
    """
    place = find_device(device)
    check_word("data type", dtype, DTYPES)
    check_flag("with_side", with_side)
    check_flag("inplace", inplace)
    if max_memory is not None:
        check_whole("max_memory", max_memory, 1)
    _check_memory(graph, place, dtype, with_side, max_memory)
    replaced = overwritten(graph, with_side) if inplace else [None] * len(graph.nodes)
    names = module_names(graph)
    code = fx.Graph()
    values = {index: code.placeholder(name) for index, name in zip(graph.inputs, input_names(graph), strict=True)}
    built: dict[int, nn.Module] = {}
    root = nn.Module()
    with torch.device(place):
        for node in graph.operators(with_side):
            module = _module(graph, node)
            inputs = list(node.inputs)
            first = replaced[node.index]
            if first is not None:  # it goes before the others, and is overwritten
                missing = list(getattr(module, "missing", ()))
                if missing:
                    missing.insert(0, missing.pop(inputs.index(first)))
                    setattr(module, "missing", tuple(missing))  # noqa: B010
                inputs.remove(first)
                inputs.insert(0, first)
                run_in_place(module)
            if node.shared is not None:
                _tie(module, built[node.shared])
            built[node.index] = module
            target = names[node.index]
            _put(root, target, module)
            called = tuple(values[i] for i in inputs)
            values[node.index] = code.create_node("call_module", target, called, name=_local(target))
    results = tuple(values[index] for index in graph.ends(with_side))
    code.output(results if len(results) > 1 else results[0])
    code.lint()
    whole = fx.GraphModule(root, code, class_name=_class_name(graph.name))
    return whole.to(DTYPES[dtype])


def find_device(word: str) -> torch.device:
    """The device that a word names.

    Raises:
        UsageError: no such word.
        EnvironmentFailure: it is not there, or its number is out of range.
    """
    kind, colon, number = word.partition(":") if isinstance(word, str) else ("", "", "")
    if kind not in DEVICES or (colon and not (number.isascii() and number.isdigit() and len(number) < 4)):
        hint = suggest(kind, DEVICES) or f"one of: {', '.join(DEVICES)}"
        raise UsageError(f"unknown device {quote(word)}", hint=hint)
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= count:
            there = f"there {'is' if count == 1 else 'are'} {count}" if count else "this PyTorch finds no CUDA device"
            raise EnvironmentFailure(f"no device '{word}': {there}", hint="--device cpu")
    elif kind == "mps" and not torch.backends.mps.is_available():
        raise EnvironmentFailure("no device 'mps': this PyTorch finds none", hint="--device cpu")
    elif colon and kind != "cuda" and int(number) > 0:
        raise EnvironmentFailure(f"no device '{word}': there is 1")
    return torch.device(word)


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a device; None where that is not known, or nothing is needed."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "cpu":
        try:
            with open("/proc/meminfo", encoding="ascii") as file:
                available = next(line for line in file if line.startswith("MemAvailable:"))
            return int(available.split()[1]) * 1024
        except (OSError, StopIteration):
            return None
    return None


def _check_memory(graph: Graph, device: torch.device, dtype: str, with_side: bool, limit: int | None) -> None:
    """Refuses before anything is allocated."""
    room = limit if limit is not None else free_memory(device)
    if device.type == "meta" or room is None:
        return
    totals = Report(graph, Assumptions(dtype=dtype, with_side=with_side)).totals
    size = DTYPES[dtype].itemsize
    need = (totals["params"] + totals["buffers"]) * size + totals["activation_bytes"]
    if need > room:
        message = f"weights and activations of {graph.name} take {need:,} bytes, but {room:,} are free"
        raise EnvironmentFailure(message, hint="--max-memory overrides, --device meta needs none")


def run_in_place(module: nn.Module) -> None:
    """Has a module of an operator that can do so overwrite its first input."""
    module.inplace = True  # type: ignore[assignment]  # nn.Module declares attributes as tensors or modules


def resolve(value: Any) -> Any:
    """A lowering as the module that it describes; its arguments may be lowerings again."""
    if not isinstance(value, Lowering):
        return value
    home, _, name = value.target.rpartition(".")
    keywords = {key: resolve(single) for key, single in value.kwargs.items()}
    return getattr(import_module(home), name)(*map(resolve, value.args), **keywords)


def _module(graph: Graph, node: Node) -> nn.Module:
    module: nn.Module = resolve(node.op.lowering(*graph.signatures[node.signature].inputs))
    return module


def _tie(module: nn.Module, other: nn.Module) -> None:
    """Gives a module the parameters and buffers of another one with the same weights."""
    for name, tensor in [*other.named_parameters(), *other.named_buffers()]:
        home, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(home), leaf, tensor)


def _put(root: nn.Module, target: str, module: nn.Module) -> None:
    """Puts a module into the tree, in modules that only hold others: weights are in call order then."""
    *above, name = target.split(".")
    for part in above:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    root.add_module(name, module)


def _local(target: str) -> str:
    """The name of a value in the generated code."""
    name = target.replace(".", "_").replace("-", "_")
    return "self_" if name == "self" else name


def _class_name(name: str) -> str:
    word = "".join(c if c.isalnum() else "_" for c in name.title())
    return word if word.isidentifier() else f"Network_{word}"


def inputs(graph: Graph, batch: int, fill: Callable[..., torch.Tensor] = torch.randn, **given: Any) -> Inputs:
    """A tensor ``[batch, *shape]`` for each input, made by ``fill(*sizes, **given)``; ids are random ones, int64."""
    shapes = [graph.nodes[index].shape for index in graph.inputs]
    return tuple(
        torch.randint(shape.below, (batch, *shape), device=given.get("device"))
        if isinstance(shape, IdsShape)
        else fill(batch, *shape, **given)
        for shape in shapes
    )


def outputs(result: Any) -> tuple[torch.Tensor, ...]:
    """What a built network returned, as a tuple."""
    return result if isinstance(result, tuple) else (result,)
