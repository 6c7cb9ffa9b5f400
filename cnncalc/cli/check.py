"""cnncalc check: claims, budgets and lint, as a gate."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import debug_option
from cnncalc.errors import CnncalcError, EnvironmentFailure, UsageError, escape, quote, suggest

if TYPE_CHECKING:
    from cnncalc.check.config import Config
    from cnncalc.check.model import Checked

FORMATS = ("text", "json", "markdown")
EXPORTS = ("github", "junit", "sarif", "markdown", "json")
COLORS = {"error": "red", "warning": "yellow", "note": "cyan"}
WATCH_SECONDS = 0.5

#: when each file was last written, and its size
Stamps = dict[str, tuple[int, int] | None]


@click.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
@click.option("--notes", is_flag=True, help="Show the notes too, which never fail.")
@click.option("--ignore", multiple=True, metavar="CODE", help="A lint rule to leave out; may be repeated.")
@click.option("--config", metavar="FILE", help="This configuration, not the nearest cnncalc.toml or pyproject.toml.")
@click.option("--against", metavar="REVISION", help="Say how a figure over its budget grew since a git revision.")
@click.option("--suggest", is_flag=True, help="Print a budget with headroom for each spec, and judge nothing.")
@click.option("--jobs", "-j", type=click.IntRange(1, 64), metavar="N", help="Processes; by default as many as gain.")
@click.option("--watch", is_flag=True, help="Judge again whenever a file changes, until interrupted.")
@click.option("--format", "-f", "format_", type=click.Choice(FORMATS), default="text", help="What is printed.")
@click.option("--export", metavar="FORMAT[=FILE]", multiple=True, help=f"Write too: {', '.join(EXPORTS)}.")
@click.option("--no-color", is_flag=True, help="No colour (NO_COLOR does the same).")
@debug_option
def command(paths: tuple[str, ...], **given: Any) -> int:
    """Judge published figures, budgets and lint rules of specs.

    PATH is a spec, a folder of specs or a name; by default what the configuration names, or ./specs.

    Exits with 1 on errors, and with --strict on warnings. A spec that can't be read is a finding like any other.
    """
    from cnncalc.check import model
    from cnncalc.check import session as sessions

    config = _config(given)
    places = paths or config.paths or (("specs",) if os.path.isdir("specs") else ())
    if not places:
        raise UsageError("there is nothing to check", hint="cnncalc check specs/")
    if given["suggest"] and (given["watch"] or given["export"] or given["format_"] != "text"):
        raise UsageError("--suggest prints text and ends: it takes no --watch, --export or --format")
    if given["watch"] and "-" in places:
        raise UsageError("--watch reads files again and again, and standard input is there once")
    found = sessions.specs_in(places)
    if given["suggest"]:
        return _suggest(found)
    outputs = Outputs(given, config.strict, found)
    with ExitStack() as stack:
        earlier = None
        if given["against"]:
            from cnncalc.check import git

            earlier = (given["against"], stack.enter_context(git.tree(given["against"], places)))
        stamps = _stamps(found)  # from before they are read: what is saved meanwhile is judged again
        session = sessions.Session(config.limits, config.ignored, earlier=earlier)
        checked = list(_progress(sessions.check_all(session, found, given["jobs"]), len(found)))
        outputs.write(checked)
        while given["watch"]:
            found, checked = _changed(places, found, checked, session, stamps)
            outputs.write(checked)
    return int(model.failed(checked, outputs.strict) and not given["exit_zero"])


def _config(given: dict[str, Any]) -> Config:
    """The configuration, with the rules of ``--ignore`` added."""
    from cnncalc.check import config, lint

    read = config.load(given["config"])
    for code in given["ignore"]:
        if code not in lint.RULES:
            raise UsageError(f"unknown lint rule '{code}'", hint=suggest(code, lint.RULES) or "cnncalc rule lists them")
    return read._replace(ignored=(*read.ignored, *given["ignore"]))


class Outputs:
    """Where the result goes: standard output, files, and the annotations and summary of GitHub Actions."""

    def __init__(self, given: dict[str, Any], strict: bool, inputs: Sequence[str]) -> None:
        from cnncalc.cli.output import target

        self.strict = given["strict"] or strict
        self.format = given["format_"]
        self.notes = given["notes"]
        self.watch = given["watch"]
        terminal = sys.stdout is not None and sys.stdout.isatty()
        plain = given["no_color"] or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        self.color = terminal and not plain
        self.github = os.environ.get("GITHUB_ACTIONS") == "true" or "github" in given["export"]
        files = [export for export in given["export"] if export != "github"]
        self.targets = [target(export, EXPORTS[1:], inputs) for export in files]

    def write(self, checked: Sequence[Checked]) -> None:
        """Writes everything: files first, so that standard output is never the only thing that is there."""
        from cnncalc.cli.output import write_file, write_stdout

        for kind, path in self.targets:
            write_file(path, self._text(kind, checked))
        if self.watch and self.format == "text" and self.color:
            click.clear()
        text = _text(checked, self) if self.format == "text" else self._text(self.format, checked)
        write_stdout(text)
        if self.github:
            self._annotate(checked)

    def _text(self, kind: str, checked: Sequence[Checked]) -> str:
        from cnncalc.check import junit, markdown, payload, sarif

        writers: dict[str, Callable[[], str]] = {
            "junit": lambda: junit.write(checked, self.strict),
            "sarif": lambda: sarif.write(checked),
            "markdown": lambda: markdown.write(checked),
            "json": lambda: _json(payload.payload(checked, self.strict)),
        }
        return writers[kind]()

    def _annotate(self, checked: Sequence[Checked]) -> None:
        """The annotations to a stream that the runner reads and nobody parses; the table to the step's summary."""
        from cnncalc.check import github
        from cnncalc.cli.output import write_stdout

        workspace = os.environ.get("GITHUB_WORKSPACE")
        folder = os.path.relpath(os.getcwd(), os.path.realpath(workspace)) if workspace else os.curdir
        inside = folder != os.curdir and not folder.startswith(os.pardir)
        annotations = github.annotations(checked, folder=folder if inside else "")
        if self.format == "text":
            write_stdout(annotations)
        elif sys.stderr is not None:
            sys.stderr.write(annotations)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            try:
                with open(summary, "a", encoding="utf-8") as file:
                    file.write(github.summary(checked))
            except OSError as error:
                message = f"cannot write GITHUB_STEP_SUMMARY, {quote(summary)}: {error.strerror}"
                raise EnvironmentFailure(message) from None


def _json(payload: dict[str, Any]) -> str:
    from cnncalc.render import json

    return json.write(payload)


def _text(checked: Sequence[Checked], output: Outputs) -> str:
    """A line a finding, in the order of the files; then what was judged."""
    from cnncalc.check import wording
    from cnncalc.check.model import count

    shown = [finding for one in checked for finding in one.findings if finding.severity != "note" or output.notes]
    lines = [_colored(str(finding), finding.severity, output.color) for finding in shown]
    notes = count(checked, "note")
    hidden = f" ({wording.plural(notes, 'note')}: --notes shows them)" if notes and not output.notes else ""
    worst = next((severity for severity in ("error", "warning") if count(checked, severity)), "")
    lines += [wording.judged(checked), _colored(wording.result(checked), worst, output.color) + hidden]
    return "\n".join(lines) + "\n"


def _colored(text: str, severity: str, color: bool) -> str:
    """The text with its severity in colour; all of it where the severity is no word of it."""
    if not color:
        return text
    marked = f": {severity}: "
    if severity and marked in text:
        before, after = text.split(marked, 1)
        return f"{click.style(before, bold=True)}: {click.style(severity, fg=COLORS[severity])}: {after}"
    return click.style(text, fg=COLORS.get(severity, "green"), bold=True)


def _progress(checked: Iterable[Checked], total: int) -> Iterable[Checked]:
    """The same, with a bar on a terminal that shows no other output until the end."""
    if total < 2 or sys.stderr is None or not sys.stderr.isatty():
        return checked
    from cnncalc.render import progress

    return progress.track(checked, total, "checking")


def _changed(
    places: Sequence[str], found: list[str], checked: list[Checked], session: Any, stamps: Stamps
) -> tuple[list[str], list[Checked]]:
    """Waits until a file is not as in ``stamps``, or is added or removed, and judges again what reads it.

    What has errors is judged again each time, since it may lack what was changed, and all specs where one was added
    or removed, since others may name it. ``stamps`` is brought up to date.
    """
    from time import sleep

    from cnncalc.check import model
    from cnncalc.check import session as sessions

    for file, stamp in _stamps(file for one in checked for file in one.files).items():
        stamps.setdefault(file, stamp)
    while True:
        sleep(WATCH_SECONDS)
        try:
            now = sessions.specs_in(places)
        except CnncalcError:  # some programs save by removing a file and writing it anew
            continue
        fresh = _stamps({*stamps, *now})
        if fresh == stamps:
            continue
        changed = {file for file in fresh if fresh[file] != stamps.get(file)}
        stamps.update(fresh)
        sound = [one for one in checked if not changed & set(one.files) and not model.count([one], "error")]
        kept = {one.file: one for one in sound} if now == found else {}
        session = session.again()
        return now, [kept[path] if path in kept else session.check(path) for path in now]


def _stamps(files: Iterable[str]) -> Stamps:
    """When each file was last written, and its size; None for one that is not there."""
    stamps: Stamps = {}
    for file in files:
        try:
            status = os.stat(file)
            stamps[file] = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamps[file] = None
    return stamps


def _suggest(found: Sequence[str]) -> int:
    """Prints a budget for every network; of a spec that can't be read the mistakes, on standard error."""
    from cnncalc.check import budgets, model
    from cnncalc.cli.output import write_stdout
    from cnncalc.network import Network
    from cnncalc.spec import document, zoo
    from cnncalc.spec.expand import expand

    blocks = []
    broken = []
    for path in found:
        try:
            spec = document.load(zoo.find(path))
            if spec.is_library:
                continue
            report = Network(spec, *expand(spec)).analyze()
        except CnncalcError as error:
            broken += model.spec_findings(error, path, path)
            continue
        title = f"# {escape(spec.file)}\n" if len(found) > 1 else ""
        blocks.append(title + budgets.suggest(report))
    write_stdout("\n".join(blocks))
    for finding in broken:
        click.echo(finding, err=True)
    return 2 if broken else 0
