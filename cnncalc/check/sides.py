"""What a diff compares: two specs, two folders, or git revisions; and all that differs between them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from cnncalc.check import diff, difftable, git
from cnncalc.check.diff import Assumed, Change
from cnncalc.columns import DIFF, unasked, with_work
from cnncalc.errors import SpecNotFoundError, UsageError, escape, quote
from cnncalc.render import plain
from cnncalc.spec import zoo
from cnncalc.spec.zoo import Found, Root


class Side(NamedTuple):
    """One side: ``kind`` is spec, folder, revision or working tree; ``commit`` is that of a revision."""

    kind: str
    name: str
    commit: str | None = None


class Differences(NamedTuple):
    """What became of every network; ``print(differences)`` prints what ``cnncalc diff`` does."""

    changes: tuple[Change, ...]
    sides: tuple[Side, Side]
    assumed: Assumed

    @property
    def differ(self) -> bool:
        """Whether anything differs."""
        return any(change.status != "unchanged" for change in self.changes)

    @property
    def files(self) -> list[str]:
        """The paths of all that was read."""
        return [
            file for change in self.changes for side in (change.before, change.after) if side for file in side.files
        ]

    @property
    def captions(self) -> list[str]:
        """The two sides, and the assumptions."""
        return [escape(" -> ".join(side.name for side in self.sides)), *diff.assumptions(self.assumed)]

    def __repr__(self) -> str:
        return f"<Differences {self.captions[0]}: {difftable.headline(self.changes)}>"

    def __str__(self) -> str:
        return self.to_text(difftable.Shown(with_work(unasked(DIFF), self.assumed.convention))).removesuffix("\n")

    def to_text(self, shown: difftable.Shown) -> str:
        """The differences as plain text."""
        if not self.differ:
            return f"{self.captions[0]}: no difference, {difftable.headline(self.changes)}\n"
        return plain.write(difftable.table(self.changes, self.captions, shown, fold=True))

    def to_dict(self) -> dict[str, Any]:
        """The differences as JSON data, ``cnncalc.diff/1``."""
        before, after = (side._asdict() for side in self.sides)
        return diff.payload(self.changes, before, after, self.assumed)


def between(a: str | Found, b: str | Found, assumed: Assumed) -> Differences:
    """Two specs, each a name, a path or one that was found; or two folders, whose specs are compared by name.

    Raises:
        SpecNotFoundError: one that is not there. A spec with mistakes is a change.
        UsageError: a spec beside a folder; a library; folders without specs; an assumption that can't be.
    """
    sides = (a, b)
    if a == b == "-":
        raise UsageError("standard input can be read once, so it can't be both sides")
    names = [side if isinstance(side, str) else side.name for side in sides]
    folders = [side for side in sides if isinstance(side, str) and os.path.isdir(side)]
    revision = f"if it is a revision: cnncalc diff {escape(names[0])} -- {escape(names[1])}"
    if len(folders) == 1:
        hint = None if is_spec(names[0]) else revision
        raise UsageError(f"{quote(names[0])} and {quote(names[1])} are not both folders, or both specs", None, hint)
    if folders:
        old, new = map(diff.specs_at, folders)
        if not old and not new:
            raise UsageError(
                f"{quote(names[0])} and {quote(names[1])} have no specs", None, "a spec ends in .yaml or .yml"
            )
        changes = diff.changes(old, new, assumed)
    else:
        try:
            found = [zoo.find(side) if isinstance(side, str) else side for side in sides]
        except SpecNotFoundError as error:
            hint = error.hint if is_spec(names[0]) else revision
            raise SpecNotFoundError(error.message, error.location, hint) from None
        before, after = (diff.read(one, assumed) for one in found)
        for one in (before, after):
            if one.kind == "library":
                raise UsageError(f"{quote(one.file)} has no layers: it is a library of blocks")
        change = diff.compare(after.name, before, after)
        changes = [change] if change else []
    kind = "folder" if folders else "spec"
    return Differences(tuple(changes), (Side(kind, names[0]), Side(kind, names[1])), assumed)


def since(revisions: Sequence[str], paths: Sequence[str], assumed: Assumed) -> Differences:
    """A git revision and the working tree, or two revisions: the specs at ``paths``, by default those of ./specs.

    Raises:
        UsageError: no such revision; nothing at a path; an assumption that can't be.
        EnvironmentFailure: git is missing, or finds no repository.
    """
    if not paths and not os.path.isdir("specs") and len(revisions) == 1:
        raise UsageError("this folder has no specs/: name what to compare", None, "cnncalc diff main -- PATH")
    places = [os.path.normpath(place if os.path.lexists(place) else path_of(place) or place) for place in paths]
    places = places or ["specs"]
    sides: list[Side] = []
    with ExitStack() as stack:
        specs: list[dict[str, str]] = []
        roots: list[Root] = []
        for revision in revisions:
            tree = stack.enter_context(git.tree(revision, places))
            sides.append(Side("revision", revision, tree.commit))
            specs.append(_at(places, [tree.path(place) for place in places]))
            roots.append(tree.root)
        if len(revisions) == 1:
            sides.append(Side("working tree", "working tree"))
            there = _at(places, places)
            # git keeps a link as a text, so a revision has no spec there
            specs.append({key: path for key, path in there.items() if not os.path.islink(path)})
            roots.append(zoo.HERE)
        for place in places:
            if not any(key == place or _below(key, place) for side in specs for key in side):
                raise UsageError(f"neither side has a spec at {quote(place)}")
        changes = diff.changes(specs[0], specs[1], assumed, (roots[0], roots[1]))
    return Differences(tuple(changes), (sides[0], sides[1]), assumed)


def is_spec(name: str) -> bool:
    """Whether something of this name is there: a spec, by path or name, or a folder."""
    return name == "-" or os.path.lexists(name) or path_of(name) is not None


def path_of(name: str) -> str | None:
    """The path of a spec's name."""
    try:
        return zoo.find(name).path
    except SpecNotFoundError:
        return None


def _at(places: Sequence[str], located: Sequence[str]) -> dict[str, str]:
    """The specs at every place, by their path in the working tree; ``located`` is where the places lie."""
    return {
        os.path.normpath(os.path.join(place, inside)).replace(os.sep, "/"): path
        for place, folder in zip(places, located, strict=True)
        for inside, path in diff.specs_at(folder).items()
    }


def _below(key: str, place: str) -> bool:
    return place == os.curdir or key.startswith(place.replace(os.sep, "/") + "/")
