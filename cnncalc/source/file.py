"""The file around the classes: what it says of the network, what it imports and carries, and how it is tried."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from cnncalc import __version__
from cnncalc.analysis.report import About, Report
from cnncalc.errors import listing
from cnncalc.graph.graph import Graph
from cnncalc.source import embedded, layout
from cnncalc.source.layout import Doc, Group, quoted
from cnncalc.values import Assumptions

_STANDARD = (("collections", "OrderedDict"), ("functools", "reduce"), ("math", "log"), ("typing", "Any"))

_CHAIN = '''
class Chain(nn.Sequential):
    """Named layers, one after the other."""

    def __init__(self, /, **layers: nn.Module) -> None:
        super().__init__(OrderedDict(layers))
'''

_BRANCHES = '''
class Branches(nn.Module):
    """Named layers that the module around them calls."""

    def __init__(self, /, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
'''

_SHARE = '''
def share(module: nn.Module, other: nn.Module) -> None:
    """Gives a module the parameters and buffers of another."""
    parameters = other.named_parameters(remove_duplicate=False)
    buffers = other.named_buffers(remove_duplicate=False)
    for name, tensor in [*parameters, *buffers]:
        home, _, leaf = name.rpartition(".")
        setattr(module.get_submodule(home), leaf, tensor)
'''


def text(graph: Graph, with_side: bool, about: About, name: str, classes: Sequence[Sequence[str]]) -> str:
    """The whole file.

    Args:
        graph: what is written.
        with_side: whether the side outputs are in it.
        about: its title and source.
        name: the name of the network's class.
        classes: the lines of every class.
    """
    own = "\n\n\n".join("\n".join(lines) for lines in classes)
    names = _names(own)
    carried = [
        part.strip() for word, part in (("share", _SHARE), ("Branches", _BRANCHES), ("Chain", _CHAIN)) if word in names
    ]
    carried += ["\n".join(lines) for lines in embedded.text([name for name in embedded.class_names() if name in names])]
    names |= _names("\n".join(carried))
    body = "\n\n\n".join([*carried, own])
    head = "\n".join(_docstring(graph, with_side, about))
    return f"{head}\n\n{_imports(names)}\n\n\n{body}\n\n\n{_trial(graph, name, len(graph.ends(with_side)) > 1)}"


def _docstring(graph: Graph, with_side: bool, about: About) -> list[str]:
    totals = Report(graph, Assumptions(with_side=with_side)).totals
    side = ", with the side outputs" if with_side and graph.sides else ""
    shapes = [graph.nodes[index].shape for index in graph.inputs]
    sizes = [shape.describe() if shape.layout == "ids" else " x ".join(map(str, shape)) for shape in shapes]
    given = f"an input of {sizes[0]}" if len(sizes) == 1 else f"inputs of {listing(sizes)}"
    return layout.docstring(
        [
            quoted(about.title or graph.name),
            quoted(f"Source: {about.source}") if about.source else "",
            f"{totals['params']:,} parameters; {totals['macs']:,} MACs for {given}{side}.",
            f"Written by cnncalc {__version__} from the spec {quoted(about.label)}. "
            "Modules have the names of the spec's layers.",
        ],
        0,
    )


def _trial(graph: Graph, name: str, many: bool) -> str:
    """What the file does when it is run."""
    zeros: list[Doc] = []
    for shape in [graph.nodes[index].shape for index in graph.inputs]:
        kind = ["dtype=torch.int64"] * (shape.layout == "ids")
        zeros.append(f"torch.zeros({', '.join(map(str, (1, *shape, *kind)))})")
    show = ["    for y in outputs:", "        print(tuple(y.shape))"] if many else ["    print(tuple(output.shape))"]
    lines = [
        'if __name__ == "__main__":',
        f"    model = {name}().eval()",
        '    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")',
        "    with torch.no_grad():",
        *layout.statement(f"{'outputs' if many else 'output'} = ", Group("model(", tuple(zeros))),
        *show,
        "",
    ]
    return "\n".join(lines)


def _names(text: str) -> set[str]:
    """The names that a text reads."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def _imports(names: set[str]) -> str:
    """The imports that names need."""
    standard = [f"from {home} import {name}" for home, name in _STANDARD if name in names]
    torch = ["import torch", f"from torch import {'Tensor, ' * ('Tensor' in names)}nn"]
    if "functional" in names:
        torch.append("from torch.nn import functional")
    return "\n".join([*standard, *([""] if standard else []), *torch])
