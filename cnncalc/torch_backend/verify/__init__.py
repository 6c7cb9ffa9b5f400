"""Predictions held against PyTorch: shapes, parameters, work and memory of the built network."""
