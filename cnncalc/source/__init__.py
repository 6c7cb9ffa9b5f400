"""A network as readable PyTorch. Nothing here imports torch: what is written needs it, the writing does not."""

from __future__ import annotations

from cnncalc.network import Network


def write(network: Network, with_side: bool = False) -> str:
    """The network as a Python file that imports torch and the standard library alone.

    Its modules have the names of the spec, so a state dict has the same keys as that of
    :func:`cnncalc.torch_backend.build.build`. A name that no attribute can have (``3a``, ``class``) is found by
    ``get_submodule``; one that modules have already (``forward``) gets an underscore.

    Args:
        network: what :func:`cnncalc.load` gives.
        with_side: whether side outputs (auxiliary heads) are built and returned, after the outputs.
    """
    from cnncalc.source.writer import Writer

    return Writer(network, with_side).write()
