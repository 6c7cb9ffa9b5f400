"""A network as readable PyTorch code. The code imports torch; nothing here does."""

from __future__ import annotations

from cnncalc.analysis.report import About
from cnncalc.errors import check_flag
from cnncalc.graph.graph import Graph


def write(graph: Graph, with_side: bool = False, about: About | None = None) -> str:
    """The network as a Python file that imports torch and the standard library alone.

    Its modules have the names of the spec, so a state dict has the same keys as that of
    :func:`cnncalc.torch_backend.build.build`. A name that no attribute can have (``3a``, ``class``) is found by
    ``get_submodule``; one that modules have already (``forward``) gets an underscore.

    Args:
        graph: the network.
        with_side: whether side outputs (auxiliary heads) are built and returned, after the outputs.
        about: its title and source, for the docstring.

    Raises:
        UsageError: ``with_side`` is no truth value.
    """
    from cnncalc.source.writer import Writer

    check_flag("with_side", with_side)
    return Writer(graph, with_side, about or About(graph.name)).write()
