"""Report to text: the figures as plain values (``model``), what of them is shown (``view``), one file per format.

Everything here is exact until ``units``, the only place that rounds. Only ``progress`` imports rich. Nothing here
knows torch, the spec language or the command line.
"""
