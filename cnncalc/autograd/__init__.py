"""PyTorch's tensors and autograd, sizes only: what a run takes, keeps for its backward pass, and gives back.

``memory/`` runs a network on it. This is a room of its own below ``ops`` and no part of ``memory/``, because the rule
``run`` of an operator calls it and names its types: an arrow from ``ops`` to a room above it would run up. It knows no
operator and no network, and imports the standard library only.
"""
