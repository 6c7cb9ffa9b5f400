"""PyTorch: the only room that may import torch. Nothing of the core needs it."""
