"""cnncalc check: claims, budgets and lint, as a gate."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import RULE, debug_option
from cnncalc.errors import CnncalcError, EnvironmentFailure, UsageError, format_errors, quote

if TYPE_CHECKING:
    from cnncalc.check.config import Config
    from cnncalc.check.model import Checked

FORMATS = ("table", "plain", "json", "markdown")
EXPORTS = ("github", "junit", "sarif", "markdown", "json")


@click.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if something fails.")
@click.option("--notes", is_flag=True, help="Show notes too. Notes never fail.")
@click.option("--ignore", multiple=True, type=RULE, help="Leave out a lint rule. May be repeated.")
@click.option("--config", metavar="FILE", help="Use this file, not the nearest cnncalc.toml or pyproject.toml.")
@click.option("--since", metavar="REVISION", help="If a figure is over its budget, say what grew since a git revision.")
@click.option("--suggest", is_flag=True, help="Print a budget with headroom for each spec; check nothing.")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Number of processes. By default as many as save time.",
)
@click.option("--watch", is_flag=True, help="Check again whenever a file changes, until interrupted.")
@click.option("--format", "-f", "format_", type=click.Choice(FORMATS), default="table", help="How to print the result.")
@click.option("--export", metavar="FORMAT[=FILE]", multiple=True, help=f"Write too: {', '.join(EXPORTS)}.")
@click.option("--no-color", is_flag=True, help="No colour (NO_COLOR does the same).")
@debug_option
def command(paths: tuple[str, ...], **given: Any) -> int:
    """Judge specs: published figures, budgets and lint rules.

    \b
    cnncalc check specs/
    cnncalc check vgg16 --notes

    PATH is a spec, a folder of specs or a name. By default the configuration names the paths, or else it is ./specs.

    Exits with 1 on errors, and with --strict also on warnings. A spec that can't be read counts as an error.
    """
    from cnncalc.check import budgets, model, watch
    from cnncalc.check import session as sessions
    from cnncalc.spec import zoo

    config = _config(given)
    places = paths or config.paths or (("specs",) if os.path.isdir("specs") and zoo.inside("specs", os.curdir) else ())
    if not places:
        raise UsageError("there is nothing to check", hint="cnncalc check specs/")
    if given["suggest"] and (given["watch"] or given["export"] or given["format_"] != "table"):
        raise UsageError("--suggest prints text and ends: it takes no --watch, --export or --format")
    if given["watch"] and "-" in places:
        raise UsageError("--watch reads files again and again, but standard input can be read once")
    found = sessions.specs_in(places)
    if given["suggest"]:
        return _suggest(found, places)
    budgets.check_patterns(config.limits, found, bool(paths))
    outputs = Outputs(given, config.strict)
    with ExitStack() as stack:
        earlier = None
        if given["since"] is not None:
            from cnncalc.check import git

            earlier = (given["since"], stack.enter_context(git.tree(given["since"], places)))
        session = sessions.Session(config.limits, config.ignored, earlier=earlier, places=places)
        watcher = watch.Watch(session, places, found)
        checked = list(_progress(sessions.check_all(session, found, given["jobs"]), len(found)))
        outputs.write(checked, config.file)
        while given["watch"]:
            checked = watcher.again(checked)
            outputs.write(checked, config.file)
    return int(model.failed(checked, outputs.strict) and not given["exit_zero"])


def _config(given: dict[str, Any]) -> Config:
    """The configuration, with the rules of ``--ignore`` added."""
    from cnncalc.check import config, lint

    read = config.load(given["config"])
    lint.check_codes(given["ignore"])
    return read._replace(ignored=(*read.ignored, *given["ignore"]))


class Outputs:
    """Where the result goes: standard output, files, and the annotations and summary of GitHub Actions."""

    def __init__(self, given: dict[str, Any], strict: bool) -> None:
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
        self.targets = [target(export, EXPORTS[1:]) for export in files]

    def write(self, checked: Sequence[Checked], config: str | None) -> None:
        """Writes everything: files first, so that standard output is never the only thing that is there.

        ``config`` is the file of the configuration, which was read as the specs were.
        """
        from cnncalc.cli.output import check_targets, write_file, write_stdout

        check_targets([path for _, path in self.targets], [config, *(file for one in checked for file in one.files)])
        for kind, path in self.targets:
            write_file(path, self._text(kind, checked))
        if self.watch and self.format in ("table", "plain") and self.color:
            click.clear()
        write_stdout(self._text(self.format, checked))
        if self.github:
            self._annotate(checked)

    def _text(self, kind: str, checked: Sequence[Checked]) -> str:
        from cnncalc.check import junit, markdown, payload, sarif, text
        from cnncalc.render import json

        writers: dict[str, Callable[[], str]] = {
            "table": lambda: text.write(checked, self.notes, self.color),
            "plain": lambda: text.write(checked, self.notes, False),
            "junit": lambda: junit.write(checked, self.strict),
            "sarif": lambda: sarif.write(checked),
            "markdown": lambda: markdown.write(checked),
            "json": lambda: json.write(payload.payload(checked, self.strict)),
        }
        return writers[kind]()

    def _annotate(self, checked: Sequence[Checked]) -> None:
        """The annotations to a stream that the runner reads and nobody parses; the table to the step's summary."""
        from cnncalc.check import github
        from cnncalc.cli.output import write_stdout

        annotations = github.annotations(checked, folder=github.folder(os.environ.get("GITHUB_WORKSPACE")))
        if self.format in ("table", "plain"):
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


def _progress(checked: Iterable[Checked], total: int) -> Iterable[Checked]:
    """The same, with a bar on a terminal that shows no other output until the end."""
    if total < 2 or sys.stderr is None or not sys.stderr.isatty():
        return checked
    from cnncalc.render import progress

    return progress.track(checked, total, "checking")


def _suggest(found: Sequence[str], places: Sequence[str]) -> int:
    """Prints a budget for every network; of a spec that can't be read the mistakes, on standard error."""
    from cnncalc.check import budgets
    from cnncalc.cli.output import write_stdout

    broken: list[CnncalcError] = []
    write_stdout(budgets.suggested(found, broken, places))
    for error in broken:
        for line in format_errors(error):
            click.echo(line, err=True)
    return 2 if broken else 0
