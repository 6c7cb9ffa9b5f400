"""Compares predictions with PyTorch: shapes, parameters, work and memory of the built network."""
