"""Memory of a run over time: the step of training simulated, its peaks, what lowers them, and what fits on a device."""
