"""Markdown for a terminal, with rich."""

from __future__ import annotations


def to_terminal(text: str, width: int, color: bool = True) -> str:
    """A page of Markdown in lines of at most ``width`` characters."""
    from io import StringIO

    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(file=StringIO(), width=width, force_terminal=color, no_color=not color, highlight=False)
    with console.capture() as capture:
        console.print(Markdown(text))
    return capture.get()
