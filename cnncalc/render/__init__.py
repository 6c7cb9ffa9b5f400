"""Report to text: ``table`` chooses what to show, and every format has a file of its own.

Everything here is exact until ``units``, the only place that rounds. Only ``progress`` imports rich. Nothing here
knows torch, the spec language or the command line.
"""
