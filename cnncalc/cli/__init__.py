"""The command line: one file per command; parse, call the library, render, exit code. Only this room imports click.

``main`` is the entry point and the one place that turns errors into messages and exit codes; ``options`` holds what
several commands take, ``output`` what they write. Nothing imports this room.
"""
