"""The network as a module of PyTorch: one call per operator, named as in the spec."""

from __future__ import annotations

from importlib import import_module
from keyword import kwlist
from typing import Any

import torch
from torch import fx, nn

from cnncalc.errors import EnvironmentFailure, UsageError, suggest
from cnncalc.graph.graph import Node
from cnncalc.graph.walk import overwritten
from cnncalc.network import Network
from cnncalc.ops.base import Lowering

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
DEVICES = ("cpu", "cuda", "mps", "meta")


def build(
    network: Network,
    device: str = "cpu",
    dtype: str = "float32",
    with_side: bool = False,
    inplace: bool = True,
    max_memory: int | None = None,
) -> fx.GraphModule:
    """The network as a ``torch.fx.GraphModule`` with random weights, in training mode.

    Its forward takes a tensor ``[batch, channels, *spatial]`` and returns the output, or a tuple of the outputs, then
    of the side outputs. A module's name is the layer's path; a name that every module has already, as ``forward``, gets
    an underscore. What shares weights has a module of its own with the same parameters.

    Args:
        network: what :func:`cnncalc.load` gives.
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
    check_dtype(dtype)
    _check_memory(network, place, dtype, with_side, max_memory)
    nodes = network.graph.nodes
    replaced = overwritten(network.graph, with_side) if inplace else [None] * len(nodes)
    names = _Names()
    graph = fx.Graph()
    values: list[fx.Node | None] = [graph.placeholder("x")]
    built: dict[int, nn.Module] = {}
    root = nn.Module()
    with torch.device(place):
        for node in network.graph.operators():
            if node.side is not None and not with_side:
                values.append(None)
                continue
            module = _module(network, node)
            inputs = list(node.inputs)
            first = replaced[node.index]
            if first is not None:  # it goes before the others, and is overwritten
                inputs.remove(first)
                inputs.insert(0, first)
                run_in_place(module)
            if node.shared is not None:
                _tie(module, built[node.shared])
            built[node.index] = module
            target = names.of(node.path)
            _put(root, target, module)
            called = tuple(values[i] for i in inputs)
            values.append(graph.create_node("call_module", target, called, name=_local(target)))
    ends = network.graph.ends(with_side)
    results = tuple(values[index] for index in ends)
    graph.output(results if len(results) > 1 else results[0])
    graph.lint()
    whole = fx.GraphModule(root, graph, class_name=_class_name(network.name))
    return whole.to(DTYPES[dtype])


def check_dtype(name: str) -> None:
    """Refuses a data type that networks can't be built in.

    Raises:
        UsageError: with a suggestion.
    """
    if name not in DTYPES:
        raise UsageError(f"unknown data type '{name}'", hint=suggest(name, DTYPES) or f"one of: {', '.join(DTYPES)}")


def find_device(word: str) -> torch.device:
    """The device that a word names.

    Raises:
        UsageError: no such word.
        EnvironmentFailure: it is not there, or its number is out of range.
    """
    kind, colon, number = word.partition(":")
    if kind not in DEVICES or (colon and not (number.isascii() and number.isdigit() and len(number) < 4)):
        raise UsageError(f"unknown device '{word}'", hint=suggest(kind, DEVICES) or f"one of: {', '.join(DEVICES)}")
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


def _check_memory(network: Network, device: torch.device, dtype: str, with_side: bool, limit: int | None) -> None:
    """Refuses before anything is allocated."""
    room = limit if limit is not None else free_memory(device)
    if device.type == "meta" or room is None:
        return
    report = network.analyze(dtype=dtype, with_side=with_side)
    size = DTYPES[dtype].itemsize
    need = (report.totals["params"] + report.totals["buffers"]) * size + report.totals["activation_bytes"]
    if need > room:
        message = f"weights and activations of {network.name} take {need:,} bytes, but {room:,} are free"
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


def _module(network: Network, node: Node) -> nn.Module:
    module: nn.Module = resolve(node.op.lowering(*network.graph.signatures[node.signature].inputs))
    return module


def _tie(module: nn.Module, other: nn.Module) -> None:
    """Gives a module the parameters and buffers of another one with the same weights."""
    for kind in ("named_parameters", "named_buffers"):
        ours, theirs = getattr(module, kind)(), getattr(other, kind)()
        # its own come first; its norm may lie in it by now
        for (name, _), (_, tensor) in zip(list(ours), list(theirs), strict=False):
            home, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(home), leaf, tensor)


def _put(root: nn.Module, target: str, module: nn.Module) -> None:
    """Puts a module into the tree, with what lies above and below it: weights are in call order then."""
    *above, name = target.split(".")
    for part in above:
        if part not in root._modules:
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    below = root._modules.get(name)  # a join comes after its branches, which lie in it
    if below is not None:
        for part, child in below.named_children():
            module.add_module(part, child)
    root.add_module(name, module)


def _local(target: str) -> str:
    """The name of a value in the generated code."""
    name = target.replace(".", "_").replace("-", "_")
    return "self_" if name == "self" else name


class _Names:
    """Paths as module names: a segment that is a word of Python, or an attribute of any module, gets an underscore.

    So does one that is such a name with underscores, or two layers could come to one name.
    """

    def __init__(self) -> None:
        taken = [*dir(fx.GraphModule(nn.Module(), fx.Graph())), "inplace"]
        self._reserved = frozenset(name.rstrip("_") for name in [*taken, *kwlist])

    def of(self, path: str) -> str:
        return ".".join(part + "_" if part.rstrip("_") in self._reserved else part for part in path.split("."))


def _class_name(name: str) -> str:
    word = "".join(c if c.isalnum() else "_" for c in name.title())
    return word if word.isidentifier() else f"Network_{word}"


def outputs(result: Any) -> tuple[torch.Tensor, ...]:
    """What a built network returned, as a tuple."""
    return result if isinstance(result, tuple) else (result,)
