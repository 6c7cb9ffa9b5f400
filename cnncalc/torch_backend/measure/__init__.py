"""Measurements on a device: time and memory of the built network, as a whole and layer by layer."""
