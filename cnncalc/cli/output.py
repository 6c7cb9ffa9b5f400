"""What a command writes: to standard output, and to the files that it was told to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import click

from cnncalc.cli.options import EXPORTS, Output
from cnncalc.errors import EnvironmentFailure, UsageError, escape, suggest


def emit(
    output: Output,
    table: Callable[[bool], Any],
    payload: Callable[[], Any],
    inputs: Iterable[str | None],
    own: Mapping[str, Callable[[], str]] | None = None,
) -> None:
    """Writes the exports, then standard output.

    Args:
        output: formats and files.
        table: makes the :class:`~cnncalc.render.table.Table`; its argument says whether data (CSV) is wanted.
        payload: makes the JSON data.
        inputs: paths that were read and must not be overwritten.
        own: texts of formats that the command writes in its own way.

    Raises:
        UsageError: an export that can't be: unknown format, a directory, a file that was read or is written already.
        EnvironmentFailure: a file or standard output can't be written.
    """

    def text(kind: str) -> str:
        return own[kind]() if own and kind in own else _text(kind, table, payload)

    targets = [target(export, EXPORTS) for export in output.export]
    check_targets([path for _, path in targets], inputs)
    for kind, path in targets:
        write_file(path, text(kind))
    if output.format != "table":
        write_stdout(text(output.format))
    elif sys.stdout is not None and sys.stdout.isatty():
        write_terminal(table(False), output.no_color)
    else:
        write_stdout(text("plain"))


def write_terminal(table: Any, no_color: bool = False) -> None:
    """Writes a table to the terminal that standard output is."""
    from cnncalc.render import terminal

    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    write_stdout(terminal.write(table, terminal_width(), unicode, wants_color() and not no_color))


def wants_color() -> bool:
    """Whether the environment leaves colour on."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def room(ctx: click.Context) -> int | None:
    """The width of the terminal that is written to; None where it is no terminal, or a format was asked for."""
    asked = ctx.params["format_"] != "table"
    return None if asked or sys.stdout is None or not sys.stdout.isatty() else terminal_width()


def terminal_width() -> int:
    """The characters in a line: what ``COLUMNS`` says, or the terminal that standard output is."""
    try:
        asked = int(os.environ.get("COLUMNS", "0"))
    except ValueError:
        asked = 0
    try:
        return asked if asked > 0 else os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _text(kind: str, table: Callable[[bool], Any], payload: Callable[[], Any]) -> str:
    if kind == "json":
        from cnncalc.render import json

        return json.write(payload())
    if kind in ("csv", "tsv"):
        from cnncalc.render import delimited

        return delimited.write(table(True), "," if kind == "csv" else "\t")
    from importlib import import_module

    written: str = import_module(f"cnncalc.render.{kind}").write(table(False))
    return written


def target(export: str, formats: Sequence[str]) -> tuple[str, str]:
    """``FORMAT=FILE`` as the two.

    Raises:
        UsageError: not of this form, an unknown format, or a directory.
        EnvironmentFailure: the folder is not there, which is better known before long work than after.
    """
    kind, equals, path = export.partition("=")
    if not equals or not path:
        raise UsageError(f"--export takes FORMAT=FILE, not '{escape(export)}'", hint=f"formats: {', '.join(formats)}")
    if kind not in formats:
        hint = suggest(kind, formats) or f"one of: {', '.join(formats)}"
        raise UsageError(f"unknown format '{escape(kind)}' to export", None, hint)
    if os.path.isdir(path):
        raise UsageError(f"'{escape(path)}' is a directory, not a file to write")
    if not os.path.isdir(os.path.dirname(path) or os.curdir):
        raise EnvironmentFailure(f"cannot write '{escape(path)}': No such file or directory")
    return kind, path


def check_targets(paths: Sequence[str], inputs: Iterable[str | None]) -> None:
    """Refuses to write files that were read, and one file twice; links are followed.

    Raises:
        UsageError: it is so.
    """
    read = {_identity(file) for file in inputs if file and os.path.isfile(file)}
    written: set[object] = set()
    for path in paths:
        identity = _identity(path)
        if identity in read:
            raise UsageError(f"'{escape(path)}' was read, so it must not be overwritten")
        if identity in written:
            raise UsageError(f"'{escape(path)}' would be written twice")
        if os.path.isfile(path) or not os.path.exists(path):  # of a pipe or a terminal nothing is lost
            written.add(identity)


def _identity(path: str) -> object:
    """What is the same for two paths of one file: hard links too, where there is a file."""
    try:
        status = os.stat(path)
        return status.st_dev, status.st_ino
    except OSError:
        return os.path.realpath(path)


def write_stdout(text: str) -> None:
    """Writes and flushes, so that a full disk or closed stream is noticed."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # or the interpreter tries to flush it again at its end
        raise EnvironmentFailure(f"cannot write standard output: {error.strerror}") from None


def write_file(path: str, content: str | bytes) -> None:
    """Replaces a file as a whole or not at all: a temporary file beside it, synced, then renamed over it.

    A symbolic link is followed and the mode is kept. What is no regular file (a pipe, a terminal) is written directly,
    as is the file that standard output or standard error goes to: what is written there later stands behind.

    Raises:
        EnvironmentFailure: with the reason; the old file is as it was.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        special: str | int | None = _stream(path)
        if special is None and os.path.exists(path) and not os.path.isfile(path):
            special = path
        if special is None:
            _replace(os.path.realpath(path), data)
            return
        with open(special, "wb", closefd=isinstance(special, str)) as file:
            file.write(data)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write '{escape(path)}': {error.strerror}") from None


def _stream(path: str) -> int | None:
    """The descriptor of standard output or error, if that is the file at the path; what it holds back is written."""
    for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
        with suppress(OSError):
            if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                if stream is not None:
                    stream.flush()
                return descriptor
    return None


def _replace(target: str, data: bytes) -> None:
    import tempfile

    folder = os.path.dirname(target)
    try:
        mode = os.stat(target).st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".cnncalc-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    if hasattr(os, "O_DIRECTORY"):
        parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
