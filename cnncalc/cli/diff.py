"""cnncalc diff: what changed between two specs, two folders, or since a git revision."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from cnncalc.cli.options import Columns, Output, network_options, output_options, take_network, take_output
from cnncalc.errors import SpecNotFoundError, UsageError, escape, quote

if TYPE_CHECKING:
    from cnncalc.check.diff import Assumed, Change
    from cnncalc.spec.zoo import Root

PATHS = "cnncalc.paths"


class Diff(click.Command):
    """What stands after ``--`` are paths at a revision, if anything stands before it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta[PATHS] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)


@click.command("diff", cls=Diff)
@click.argument("operands", nargs=-1, metavar="A B | REVISION [-- PATH...]")
@network_options
@click.option("--columns", type=Columns(), help="Other totals, in this order.")
@click.option("--depth", type=click.IntRange(1, 200), metavar="N", help="Sum up what is nested deeper.")
@click.option("--top", type=click.IntRange(0), metavar="N", help="The first N parts of a network.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 also where there are differences.")
@output_options
@click.pass_context
def command(ctx: click.Context, /, operands: tuple[str, ...], **given: Any) -> int:
    """What changed: totals and layers, before and after.

    A and B are specs or folders, whose specs are compared by name.

    With a git REVISION, the specs at each PATH (by default ./specs) are compared with the working tree, and with
    REVISION..REVISION two revisions. Nothing is checked out.

    Exits with 1 where there is a difference.
    """
    from cnncalc.check.diff import Assumed

    options, output = take_network(given), take_output(given)
    paths = ctx.meta.get(PATHS)
    if paths is not None and not operands:  # as elsewhere, -- only ends the options
        operands, paths = paths, None
    assumed = Assumed(*options)
    if paths is None and len(operands) == 2:
        return _specs(operands[0], operands[1], assumed, given, output)
    if len(operands) == 1 and ".." in operands[0] and (paths is not None or not _is_spec(operands[0])):
        first, _, last = operands[0].partition("..")
        if last.startswith("."):
            raise UsageError(f"revisions are written with two dots, not {quote(operands[0])}")
        operands = (first or "HEAD", last or "HEAD")
    elif paths is None and len(operands) == 1 and _is_spec(operands[0]):
        name = escape(operands[0])
        raise UsageError(
            f"{quote(operands[0])} is a spec or folder, and there is nothing to compare it with",
            None,
            f"cnncalc diff HEAD -- {name} since the last commit; cnncalc diff {name} -- specs/ if it is a revision",
        )
    if not 1 <= len(operands) <= 2:
        raise UsageError("diff takes two specs, two folders or a revision", None, "cnncalc diff main -- specs/")
    return _revisions(operands, paths or (), assumed, given, output)


def _is_spec(name: str) -> bool:
    """Whether something of this name is there: a spec, by path or name, or a folder."""
    return name == "-" or os.path.lexists(name) or _path_of(name) is not None


def _path_of(name: str) -> str | None:
    """The path of a spec's name."""
    from cnncalc.spec import zoo

    try:
        return zoo.find(name).path
    except SpecNotFoundError:
        return None


def _specs(a: str, b: str, assumed: Assumed, given: dict[str, Any], output: Output) -> int:
    """Two specs, or two folders."""
    from cnncalc.check import diff
    from cnncalc.spec import zoo

    sides = (a, b)
    if a == b == "-":
        raise UsageError("standard input is there once, and can't be both sides")
    folders = [os.path.isdir(side) for side in sides]
    if any(folders) and not all(folders):
        hint = None if _is_spec(a) else f"if it is a revision: cnncalc diff {escape(a)} -- {escape(b)}"
        raise UsageError(f"{quote(a)} and {quote(b)} are not both folders, or both specs", None, hint)
    if all(folders):
        old, new = (diff.specs_at(side) for side in sides)
        if not old and not new:
            raise UsageError(f"no specs are in {quote(a)} and {quote(b)}", None, "a spec ends in .yaml or .yml")
        changes = diff.changes(old, new, assumed)
    else:
        try:
            found = [zoo.find(side) for side in sides]
        except SpecNotFoundError as error:
            hint = f"if it is a revision: cnncalc diff {escape(a)} -- {escape(b)}"
            raise SpecNotFoundError(error.message, error.location, error.advice if _is_spec(a) else hint) from None
        before, after = (diff.read(one, assumed) for one in found)
        if "library" in (before.kind, after.kind):
            file = before.file if before.kind == "library" else after.file
            raise UsageError(f"{quote(file)} has no layers: it is a library of blocks", None, None)
        change = diff.compare(after.name, before, after)
        changes = [change] if change else []
    kind = "folder" if all(folders) else "spec"
    described = [{"kind": kind, "name": side, "commit": None} for side in sides]
    return _write(changes, described, assumed, given, output)


def _revisions(
    revisions: tuple[str, ...], paths: tuple[str, ...], assumed: Assumed, given: dict[str, Any], output: Output
) -> int:
    """A revision and the working tree, or two revisions."""
    from cnncalc.check import diff, git
    from cnncalc.spec import zoo

    if not paths and not os.path.isdir("specs") and len(revisions) == 1:
        raise UsageError("there is no folder specs here: name what to compare", None, "cnncalc diff main -- PATH")
    places = [os.path.normpath(place if os.path.lexists(place) else _path_of(place) or place) for place in paths]
    places = places or ["specs"]
    described: list[dict[str, Any]] = []
    with ExitStack() as stack:
        sides: list[dict[str, str]] = []
        roots: list[Root] = []
        for revision in revisions:
            tree = stack.enter_context(git.tree(revision, places))
            described.append({"kind": "revision", "name": revision, "commit": tree.commit})
            sides.append(_at(places, [tree.path(place) for place in places]))
            roots.append(tree.root)
        if len(revisions) == 1:
            described.append({"kind": "working tree", "name": "working tree", "commit": None})
            there = _at(places, places)
            # git keeps a link as a text, so a revision has no spec there
            sides.append({key: path for key, path in there.items() if not os.path.islink(path)})
            roots.append(zoo.HERE)
        for place in places:
            if not any(key == place or _below(key, place) for side in sides for key in side):
                raise UsageError(f"no specs are at {quote(place)}, on neither side")
        changes = diff.changes(sides[0], sides[1], assumed, (roots[0], roots[1]))
        return _write(changes, described, assumed, given, output)


def _at(places: Sequence[str], located: Sequence[str]) -> dict[str, str]:
    """The specs at every place, by their path in the working tree; ``located`` is where the places lie."""
    from cnncalc.check import diff

    return {
        os.path.normpath(os.path.join(place, inside)).replace(os.sep, "/"): path
        for place, folder in zip(places, located, strict=True)
        for inside, path in diff.specs_at(folder).items()
    }


def _below(key: str, place: str) -> bool:
    return place == os.curdir or key.startswith(place.replace(os.sep, "/") + "/")


def _write(
    changes: Sequence[Change], sides: Sequence[dict[str, Any]], assumed: Assumed, given: dict[str, Any], output: Output
) -> int:
    """Writes the differences; the exit code."""
    from cnncalc.check import diff, difftable
    from cnncalc.cli.output import emit
    from cnncalc.columns import DIFF, unasked, with_work

    columns = given["columns"] or with_work(unasked(DIFF), assumed.convention)
    shown = difftable.Shown(columns, given["depth"], given["top"])
    captions = [escape(" -> ".join(side["name"] for side in sides)), *diff.assumptions(assumed)]
    differ = any(change.status != "unchanged" for change in changes)
    own = {"markdown": lambda: difftable.text(changes, captions, shown)}
    if not differ:
        own["plain"] = lambda: f"{captions[0]}: no difference, {difftable.headline(changes)}\n"
        output = output._replace(format="plain" if output.format == "table" else output.format)
    emit(
        output,
        lambda data: difftable.table(changes, captions, shown, not data),
        lambda: diff.payload(changes, sides[0], sides[1], assumed),
        [file for change in changes for side in (change.before, change.after) if side for file in side.files],
        own,
    )
    return 1 if differ and not given["exit_zero"] else 0
