"""cnncalc diff: what changed between two specs, two folders, or since a git revision."""

from __future__ import annotations

from typing import Any

import click

from cnncalc.cli.options import Columns, network_options, output_options, take_network, take_output
from cnncalc.errors import SpecError, SpecErrors, UsageError, escape, quote

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
@click.option("--columns", type=Columns(), help="Compare these totals, in this order.")
@click.option("--depth", type=click.IntRange(1, 200), metavar="N", help="Sum up layers that are nested deeper.")
@click.option("--top", type=click.IntRange(0), metavar="N", help="Show the first N parts of each network.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if something differs.")
@output_options
@click.pass_context
def command(ctx: click.Context, /, operands: tuple[str, ...], **given: Any) -> int:
    """What changed: totals and layers, before and after.

    \b
    cnncalc diff resnet18 resnet34
    cnncalc diff main -- specs/

    A and B are two specs, or two folders. Specs in folders are compared by name.

    With a git REVISION, compares the specs at each PATH (default ./specs) then with those of now; with
    REVISION..REVISION, two revisions. It checks nothing out.

    Exits with 1 if something differs, and with 2 if a spec can't be read.
    """
    from cnncalc.check import difftable, sides
    from cnncalc.check.diff import Assumed
    from cnncalc.cli.output import emit
    from cnncalc.columns import DIFF, unasked, with_work

    options, output = take_network(given), take_output(given)
    paths = ctx.meta.get(PATHS)
    if paths is not None and not operands:  # as elsewhere, -- only ends the options
        operands, paths = paths, None
    assumed = Assumed(*options)
    if paths is None and len(operands) == 2:
        found = sides.between(*operands, assumed)
    else:
        found = sides.since(_revisions(operands, paths), paths or (), assumed)
    shown = difftable.Shown(
        given["columns"] or with_work(unasked(DIFF), assumed.convention), given["depth"], given["top"]
    )
    broken = [finding for change in found.changes for finding in change.findings]
    own = {"markdown": lambda: difftable.text(found.changes, found.captions, shown)}
    if not found.differ:
        own["plain"] = lambda: found.to_text(shown)
        output = output._replace(format="plain" if output.format == "table" else output.format)
    if broken and found.sides[0].kind == "spec":  # of folders the others are shown, of two specs nothing
        raise SpecErrors(SpecError(finding.message, finding.location, finding.hint) for finding in broken)
    emit(
        output,
        lambda data: difftable.table(found.changes, found.captions, shown, not data),
        found.to_dict,
        found.files,
        own,
    )
    return 2 if broken else int(found.differ and not given["exit_zero"])


def _revisions(operands: tuple[str, ...], paths: tuple[str, ...] | None) -> tuple[str, ...]:
    """The one or two revisions that are named: ``A B``, ``A..B``, ``A``."""
    from cnncalc.check.sides import is_spec

    if len(operands) == 1 and ".." in operands[0] and (paths is not None or not is_spec(operands[0])):
        first, _, last = operands[0].partition("..")
        if last.startswith("."):
            raise UsageError(f"write revisions with two dots, not {quote(operands[0])}")
        return (first or "HEAD", last or "HEAD")
    if paths is None and len(operands) == 1 and is_spec(operands[0]):
        name = escape(operands[0])
        raise UsageError(
            f"{quote(operands[0])} is a spec or folder: diff needs another one to compare it with",
            None,
            f"cnncalc diff HEAD -- {name} since the last commit; cnncalc diff {name} -- specs/ if it is a revision",
        )
    if not 1 <= len(operands) <= 2:
        raise UsageError("diff takes two specs, two folders or a revision", None, "cnncalc diff main -- specs/")
    return operands
