"""Marked nodes to compiled layers: every name that needs no shape is checked here, and nothing is expanded."""
