"""The commands, in groups, and the first screen."""

from __future__ import annotations

from importlib import import_module

import click

from cnncalc import __version__

#: in the order of the help
GROUPS = {
    "Look at a network": ("list", "summary", "params", "macs", "shapes", "memory", "explain"),
    "Ask": ("compare", "diff", "fit", "layer"),
    "Write a spec": ("new", "show", "vars", "expand", "schema"),
    "In CI": ("check", "claims", "badge", "rule"),
    "With PyTorch": ("source", "verify", "profile"),
    "Learn": ("guide", "help"),
}
COMMANDS = tuple(command for commands in GROUPS.values() for command in commands)
_EXAMPLES = {
    "cnncalc vgg16": "a network, layer by layer",
    "cnncalc list resnet": "find a network",
    "cnncalc explain vgg16 fc6": "the arithmetic of a layer",
    "cnncalc layer conv 96 --kernel 11 --stride 4 --input 3x227x227": "",
    "cnncalc new mynet": "begin a network of your own",
}


def first_screen() -> str:
    """What ``cnncalc`` alone prints: 24 lines of at most 80 characters."""
    lines = [f"cnncalc {__version__}: layer sizes, parameters, MACs and memory of neural networks", "", "Start here:"]
    lines += [f"  {example:34}{what}".rstrip() for example, what in _EXAMPLES.items()]
    lines.append("")
    lines += [f"{group + ':':20}{'  '.join(commands)}" for group, commands in GROUPS.items()]
    lines += [
        "",
        "A network is a name (cnncalc list), a file (./mynet.yaml), or - for stdin.",
        "COMMAND --help has examples and options, cnncalc help a line for each command,",
        "cnncalc help WORD what a word means. Options: -h, --help, -V, --version.",
    ]
    return "\n".join(lines)


def command_lines() -> str:
    """A line a command, by groups."""
    width = max(map(len, COMMANDS))
    lines = []
    for group, names in GROUPS.items():
        lines.append(f"{group}:")
        for name in names:
            lines.append(f"  cnncalc {name:{width}}  {command(name).get_short_help_str(80 - width - 12)}")
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


def command(name: str) -> click.Command:
    """The command of this name, whose module is imported when it is asked for."""
    module = import_module(f"cnncalc.cli.{name}")
    found: click.Command = module.command
    found.help = found.help or _docstring(module.__file__ or "")
    return found


def _docstring(path: str) -> str | None:
    """The docstring of a module's command, which ``python -OO`` leaves out."""
    import ast

    with open(path, encoding="utf-8") as file:
        found = [node for node in ast.parse(file.read()).body if isinstance(node, ast.FunctionDef)]
    return next(ast.get_docstring(node) for node in found if node.name == "command")
