"""PyTorch's memory without PyTorch: a tape of what is allocated, kept and given back. Standard library only."""
