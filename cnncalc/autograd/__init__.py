"""PyTorch's tensors and autograd, but only their sizes: the memory that a run takes, saves for backward, and frees.

``memory/`` runs a network on it. This is a room of its own below ``ops`` and no part of ``memory/``, because the rule
``run`` of an operator calls it, and ``ops`` may not import a room above itself. It knows no operator and no network,
and imports the standard library only.
"""
