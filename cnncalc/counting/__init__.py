"""Counting rules: what each convention counts of an operator, forward and backward, and why two of them differ."""
