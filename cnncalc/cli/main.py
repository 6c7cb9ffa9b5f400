"""The entry point: the command group, and errors as messages and exit codes.

0 done; 1 findings; 2 bad input or usage; 3 the environment failed; 4 internal error; 130, 141, 143 by signals.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOBase, TextIOWrapper
from typing import Any, NoReturn

import click

from cnncalc import __version__
from cnncalc.errors import CnncalcError, EnvironmentFailure, UsageError, escape, format_errors, suggest

#: in the order of the help
COMMANDS = (
    "summary", "params", "macs", "memory", "fit", "shapes", "compare", "check", "claims", "diff", "rule", "badge",
    "verify", "profile", "source", "explain", "list", "expand", "schema", "new",
)  # fmt: skip


class _Closed(TextIOBase):
    """Stands for standard output that is closed."""

    def write(self, text: str) -> NoReturn:
        raise EnvironmentFailure("cannot write standard output: it is closed")


class LazyGroup(click.Group):
    """Commands live in the module of their name, which is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        from importlib import import_module

        command: click.Command = import_module(f"cnncalc.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = suggest(args[0], COMMANDS) or f"one of: {', '.join(COMMANDS)}"
            raise UsageError(f"unknown command '{escape(args[0])}'", None, hint)
        return super().resolve_command(ctx, args)


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="cnncalc")
def cli() -> None:
    """Layer sizes, parameters, MACs and memory of neural networks, from a short YAML spec.

    A network is a name (cnncalc list), the path of a spec, or - for standard input.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits with its code."""
    _open_descriptors()
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, _terminated)
    gc.set_threshold(50_000, 20, 100)  # graphs are large and hold few cycles: looking for them more often costs a tenth
    sys.stdout = sys.stdout or _Closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = run(list(sys.argv[1:] if arguments is None else arguments))
    if code == 130:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.stdout = None if _flush_failed(sys.stdout) else sys.stdout
    sys.stderr = None if _flush_failed(sys.stderr) else sys.stderr
    gc.freeze()  # the interpreter looks for cycles once more at its end, which costs a tenth of a short command
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Runs a command; its exit code. Errors are written to standard error, as JSON when JSON was asked for."""
    try:
        result = cli.main(arguments, prog_name="cnncalc", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except CnncalcError as error:
        return _report(error, arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        _say(error.format_message())
        return 2
    except click.ClickException as error:
        return _report(_usage_error(error), arguments)
    except (KeyboardInterrupt, click.exceptions.Abort):
        _say("interrupted")
        return 130
    except BrokenPipeError:
        return 141
    except MemoryError:
        return _report(EnvironmentFailure("out of memory"), arguments)
    except OSError as error:
        if "--debug" in arguments:
            raise
        return _report(EnvironmentFailure(f"{error.strerror or error}"), arguments)
    except Exception as error:
        if "--debug" in arguments:
            raise
        reason = f"{type(error).__name__}: {escape(str(error))[:200]}"
        _say(f"internal error: {reason}; please report it, --debug shows where")
        return 4


def _usage_error(error: click.ClickException) -> CnncalcError:
    """click's message as one of ours."""
    message = " ".join(error.format_message().split())
    hint = None
    if isinstance(error, click.exceptions.NoSuchOption):
        message = f"no such option: {error.option_name}"
        near = sorted(error.possibilities or [])
        hint = f"did you mean {' or '.join(near)}?" if near else None
    message = message[:1].lower() + message[1:].removesuffix(".")
    if hint is None and isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"{error.ctx.command_path} --help"
    return UsageError(message, None, hint)


def _report(error: CnncalcError, arguments: list[str]) -> int:
    if "--debug" in arguments:
        import traceback

        traceback.print_exc()
    if wants_json(arguments):
        from json import dumps

        from cnncalc.errors import error_payload

        _say(dumps(error_payload(error)))
        return error.exit_code
    terminal = sys.stderr is not None and sys.stderr.isatty()
    shown = error.errors[: len(format_errors(error))]
    for i, line in enumerate(format_errors(error)):
        _say(line)
        if terminal and i < len(shown):
            _point(shown[i])
    return error.exit_code


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether the output was asked for as JSON, also when the arguments are wrong."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(a == "--format=json" or (a in ("--format", "-f") and b == "json") for a, b in pairs)


def _point(error: CnncalcError) -> None:
    """The line of the source, and a caret under the place."""
    place = error.location
    if place is None or not place.text:
        return
    line = place.text
    start = max(place.column - 60, 0)
    before = escape(line[start : place.column - 1])
    _say(f"    {before}{escape(line[place.column - 1 : start + 100])}\n    {' ' * len(before)}^")


def _say(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text + "\n")


def _flush_failed(stream: Any) -> bool:
    try:
        stream.flush()
    except (OSError, ValueError, AttributeError):
        return True
    return False


def _open_descriptors() -> None:
    """Puts the null device on closed descriptors 0 to 2, so that no file that is opened later becomes one of them."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _terminated(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)
