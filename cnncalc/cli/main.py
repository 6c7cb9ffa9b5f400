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
from types import FrameType
from typing import Any, NoReturn

import click

from cnncalc import __version__
from cnncalc.cli import commands
from cnncalc.cli.commands import COMMANDS
from cnncalc.errors import CnncalcError, EnvironmentFailure, UsageError, escape, format_errors, quote, suggest


class _Closed(TextIOBase):
    """Stands for standard output that is closed."""

    def write(self, text: str) -> NoReturn:
        raise EnvironmentFailure("cannot write standard output: it is closed")


class LazyGroup(click.Group):
    """Commands live in the module of their name, which is imported when it is called."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write(commands.first_screen())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return commands.command(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in COMMANDS or (args[0].startswith("-") and args[0] != "-"):
            return super().resolve_command(ctx, args)
        from cnncalc.spec import naming, zoo

        if args[0] == "-" or zoo.is_path(args[0]) or zoo.choose(args[0]):
            return "summary", self.get_command(ctx, "summary"), args
        hint = (
            suggest(args[0], COMMANDS)
            or naming.similar(args[0], zoo.names())
            or "cnncalc help lists the commands, cnncalc list the networks"
        )
        raise UsageError(f"{quote(args[0])} is no command and no network", None, hint)


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.version_option(__version__, "-V", "--version", prog_name="cnncalc")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Layer sizes, parameters, MACs and memory of neural networks."""
    if ctx.invoked_subcommand is None:
        from cnncalc.cli.output import write_stdout

        write_stdout(ctx.get_help() + "\n")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits with its code."""
    _open_descriptors()
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    stopped: list[int] = []
    _end_on_signals(stopped)
    gc.set_threshold(1_000_000, 20, 100)  # graphs are large and hold few cycles: looking for them costs a quarter
    sys.stdout = sys.stdout or _Closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run(list(sys.argv[1:] if arguments is None else arguments), stopped)
    except SystemExit:
        code = 128 + stopped[0] if stopped else 1
    if code == 130:
        _say("interrupted")
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.stdout = None if _flush_failed(sys.stdout) else sys.stdout
    sys.stderr = None if _flush_failed(sys.stderr) else sys.stderr
    gc.freeze()  # the interpreter looks for cycles once more at its end, which costs a tenth of a short command
    sys.exit(code)


def _end_on_signals(stopped: list[int]) -> None:
    """Ends the command on an interrupt or a termination, which are noted.

    A library that is being imported can swallow what is raised in it: a signal waits until the library is there, and a
    second one only tries.
    """
    alarm = getattr(signal, "SIGALRM", None)

    def stop(number: int, frame: FrameType | None) -> None:
        if number != alarm:
            stopped.append(number)
        importing = alarm is not None and _is_importing(frame)
        if alarm is not None:
            signal.setitimer(signal.ITIMER_REAL, 0.05 if importing else 0)
        if not importing or (number != alarm and len(stopped) > 1):
            raise SystemExit(128 + stopped[0])

    for number in (signal.SIGINT, signal.SIGTERM, alarm):
        if number is not None:
            signal.signal(number, stop)


def _is_importing(frame: FrameType | None) -> bool:
    """Whether what runs is, or was called by, the import of a module."""
    while frame is not None and "importlib" not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None


def run(arguments: list[str], stopped: Sequence[int] = ()) -> int:
    """Runs a command; its exit code. Errors are written to standard error, as JSON when JSON was asked for.

    ``stopped`` has the signals that came: a library that was being imported can turn them into errors of its own.
    """
    if arguments[:1] == ["version"]:
        arguments = ["--version", *arguments[1:]]
    try:
        result = cli.main(arguments, prog_name="cnncalc", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except CnncalcError as error:
        return 128 + stopped[0] if stopped else _report(error, arguments)
    except click.ClickException as error:
        return _report(_usage_error(error), arguments)
    except click.exceptions.Abort:  # an interrupt, where it is no signal
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
