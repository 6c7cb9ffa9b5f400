"""What a command writes: to standard output, and to the files that it was told to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cnncalc.cli.options import EXPORTS, Output
from cnncalc.errors import EnvironmentFailure, UsageError, escape, suggest


def emit(
    output: Output,
    table: Callable[[bool], Any],
    payload: Callable[[], Any],
    inputs: Sequence[str | None],
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
        UsageError: an export that can't be: unknown format, a directory, a file that was read.
        EnvironmentFailure: a file or standard output can't be written.
    """

    def text(kind: str) -> str:
        return own[kind]() if own and kind in own else _text(kind, table, payload)

    targets = [target(export, EXPORTS, inputs) for export in output.export]
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

    color = not (no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb")
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    write_stdout(terminal.write(table, terminal_width(), unicode, color))


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
    from cnncalc.render import markdown, plain

    return plain.write(table(False)) if kind == "plain" else markdown.write(table(False))


def target(export: str, formats: Sequence[str], inputs: Sequence[str | None]) -> tuple[str, str]:
    """``FORMAT=FILE`` as the two.

    Raises:
        UsageError: not of this form, an unknown format, a directory, or one of ``inputs``, which were read.
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
    for read in inputs:
        if read and os.path.exists(path) and os.path.exists(read) and os.path.samefile(path, read):
            raise UsageError(f"'{escape(path)}' is the spec itself, which must not be overwritten")
    return kind, path


def write_stdout(text: str) -> None:
    """Writes and flushes, so that a full disk or closed stream is noticed."""
    if sys.stdout is None:
        raise EnvironmentFailure("cannot write standard output: it is closed")
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

    A symbolic link is followed, the mode is kept, and what is no regular file (a pipe, a terminal) is written directly.

    Raises:
        EnvironmentFailure: with the reason; the old file is as it was.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    target = os.path.realpath(path)
    try:
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as special:
                special.write(data)
            return
        _replace(target, data)
    except OSError as error:
        raise EnvironmentFailure(f"cannot write '{escape(path)}': {error.strerror}") from None


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
