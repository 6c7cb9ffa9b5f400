"""Measures what counting tools print for the models of a library, one process per figure; writes the JSON of a reference.

``python -m tests.reference.measure torchvision resnet18=resnet18`` and ``python -m tests.reference.measure timm
se_resnet50=seresnet50@3x224x224``: the zoo's name, the library's, and the input if it is not the spec's own.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

import cnncalc
from cnncalc.torch_backend.verify import against


def _torch(model: nn.Module, x: Tensor) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(x)
    return counter.get_total_flops()


def _fvcore(model: nn.Module, x: Tensor) -> int:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(model, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return int(analysis.tracer_warnings("none").total())


def _ptflops(backend: str) -> Callable[[nn.Module, Tensor], int]:
    def count(model: nn.Module, x: Tensor) -> int:
        from ptflops import get_model_complexity_info

        given = {"as_strings": False, "print_per_layer_stat": False, "backend": backend}
        return int(get_model_complexity_info(model, tuple(x.shape[1:]), **given)[0])

    return count


def _thop(model: nn.Module, x: Tensor) -> int:
    from thop import profile

    return int(profile(model, (x,), verbose=False)[0])


def _torchinfo(model: nn.Module, x: Tensor) -> int:
    from torchinfo import summary

    return int(summary(model, input_data=x, verbose=0).total_mult_adds)


#: by the names of the conventions: the package, and how it is asked
TOOLS: dict[str, tuple[str, Callable[[nn.Module, Tensor], int]]] = {
    "torch": ("torch", _torch),
    "fvcore": ("fvcore", _fvcore),
    "ptflops": ("ptflops", _ptflops("pytorch")),
    "ptflops-aten": ("ptflops", _ptflops("aten")),
    "thop": ("thop", _thop),
    "torchinfo": ("torchinfo", _torchinfo),
}


def _count(library: str, name: str, input: tuple[int, ...], tool: str, answer: Any) -> None:
    """Sends the figure; nothing where the tool fails."""
    torch.set_grad_enabled(False)
    model = against.find_peer(f"{library}:{name}", input).module.eval()
    if tool == "params":
        answer.send(sum(parameter.numel() for parameter in model.parameters()))
        return
    answer.send(TOOLS[tool][1](model, torch.rand(1, *input)))


def measure(library: str, name: str, input: tuple[int, ...], tool: str) -> int | None:
    """What a tool prints for a model; None where it fails."""
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=_count, args=(library, name, input, tool, sender))
    process.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        return None
    finally:
        process.join()


def main(library: str, *models: str) -> None:
    """Prints the reference, a line for each model."""
    torch.set_num_threads(1)
    against.find_peer(f"{library}:resnet18", (3, 32, 32))  # imports it once, before the processes part
    packages = dict.fromkeys(["torch", library, *(package for package, _ in TOOLS.values())])
    about = f"Measured on the CPU with {', '.join(f'{one} {version(one)}' for one in packages)}; "
    about += f"eval mode, batch 1, random weights: python -m tests.reference.measure {library} NAME=MODEL..."
    print(f'{{\n"about": {json.dumps(about)},\n"networks": {{', end="")
    for number, model in enumerate(models):
        ours, _, theirs = model.partition("=")
        theirs, _, sizes = theirs.partition("@")
        input = tuple(map(int, sizes.split("x"))) if sizes else cnncalc.load(ours).input
        found = {tool: measure(library, theirs, input, tool) for tool in ("params", *TOOLS)}
        params = found.pop("params")
        tools = {tool: figure for tool, figure in found.items() if figure is not None}
        row = {"model": theirs, "input": [1, *input], "params": params, "tools": tools}
        print(f'{"," if number else ""}\n  "{ours}": {json.dumps(row)}', end="", flush=True)
    print("\n}}")


if __name__ == "__main__":
    main(*sys.argv[1:])
