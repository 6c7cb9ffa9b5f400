"""Finds a spec by name, path or ``-``; lists what is there. Opens files, and nothing outside the allowed folders."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from cnncalc.errors import (
    CANDIDATE_LIMIT,
    CnncalcError,
    Hint,
    Location,
    SpecError,
    SpecNotFoundError,
    escape,
    listing,
    quote,
)
from cnncalc.spec import naming
from cnncalc.spec.reader import BYTE_LIMIT

SUFFIXES = (".yaml", ".yml")
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Found(NamedTuple):
    """A spec's bytes, what messages call it, and its path (None where it is no file).

    ``paths`` are those into the Python data that it was made from (:class:`cnncalc.spec.data.Written`), a line each.
    """

    name: str
    data: bytes
    path: str | None
    paths: Sequence[str] = ()


class Root(NamedTuple):
    """Where names are looked up: ``folder`` is where ``./specs`` lies, the working directory if it is empty.

    ``label`` is what stands for the folder ``top`` in messages, where the specs are a copy from elsewhere.
    """

    folder: str = ""
    top: str = ""
    label: str = ""

    def shown(self, path: str) -> str:
        """The path as messages give it."""
        inside = self.label and path.startswith(self.top + os.sep)
        return self.label + path[len(self.top) + 1 :].replace(os.sep, "/") if inside else path


HERE = Root()


def packaged() -> str:
    """The folder of the packaged zoo: inside the installed package, or beside it in a checkout."""
    inside = os.path.join(_PACKAGE, "specs")
    return inside if os.path.isdir(inside) else os.path.join(os.path.dirname(_PACKAGE), "specs")


def folders(root: Root = HERE) -> list[str]:
    """Where names are looked up: ``./specs``, then the packaged zoo."""
    zoo = packaged()
    local = os.path.join(root.folder, "specs")
    if os.path.isdir(local) and not os.path.samefile(local, zoo) and inside(local, root.folder or os.curdir):
        return [local, zoo]
    return [zoo]


def names(places: Sequence[str] = ()) -> dict[str, str]:
    """Every spec's name and path, by name; nothing is read. A spec in ``./specs`` hides the packaged one.

    ``places`` are other folders than these two.
    """
    found: dict[str, str] = {}
    for folder in places or folders():
        for path in below(folder):
            found.setdefault(os.path.splitext(os.path.basename(path))[0], path)
    return dict(sorted(found.items()))


def below(folder: str) -> Iterator[str]:
    """The path of every spec below a folder; a link that leads nowhere or out of it too, but no pipe or device, which
    might never end.

    Nobody keeps specs in hidden folders, ``node_modules`` and virtual environments of Python.
    """
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name != "node_modules"
            and not name.startswith(".")
            and not os.path.exists(os.path.join(base, name, "pyvenv.cfg"))
        )
        for file in sorted(files):
            path = os.path.join(base, file)
            if file.endswith(SUFFIXES) and (os.path.isfile(path) or not os.path.exists(path)):
                yield path


def inside(path: str, folder: str) -> bool:
    """Whether a path lies in a folder when links are followed."""
    return os.path.realpath(path).startswith(os.path.join(os.path.realpath(folder), ""))


def check_link(path: str, places: Sequence[str]) -> None:
    """Refuses a path that was found in one of the folders among ``places`` and leads out of it, through a link.

    Raises:
        SpecNotFoundError: it does; it is not followed, for whoever wrote the link may not read what it leads to.
    """
    for place in places if path not in places else ():
        if path.startswith(os.path.join(place, "")) and not inside(path, place):
            message = f"this is a link out of the folder {quote(place)}, and such links are not followed"
            raise SpecNotFoundError(message, Location(path, 1, 1), "name the file that is meant")


def families() -> list[str]:
    """The folders in which specs lie, which are the families of the networks."""
    return sorted({os.path.basename(os.path.dirname(path)) for path in names().values()})


def find(name: str, root: Root = HERE) -> Found:
    """The spec that a user names: ``-`` for standard input, a path, or a name of the zoo.

    Raises:
        SpecNotFoundError: there is none, or it can't be read.
    """
    if name == "-":
        if sys.stdin is None:
            raise SpecNotFoundError("standard input is closed", Location("<stdin>", 1, 1))
        return Found("<stdin>", sys.stdin.buffer.read(BYTE_LIMIT + 1), None)
    if is_path(name):
        shown = root.shown(name)
        return Found(shown, _read(name, shown), name)
    places = folders(root)
    path = _lookup(name, places)
    if path is None:
        alike = naming.choose(name, names(places), _words())
        path = _lookup(alike.name, places) if alike else None
    if path is None:
        hint = naming.similar(name, names(places)) or "cnncalc list shows every spec"
        beside = next(filter(os.path.exists, (name, *(name + suffix for suffix in SUFFIXES))), None)
        if beside:
            hint = f"for the file write ./{escape(beside)}"
        raise SpecNotFoundError(f"no spec is named {quote(name)}", None, hint)
    check_link(path, folders(root)[:-1])
    shown = _shown(path, root)
    return Found(shown, _read(path, shown), path)


def choose(name: str) -> naming.Chosen | None:
    """What stands for this name of a network; None where none does. Reads no spec."""
    places = folders()
    path = _lookup(name, places)
    if path is None:
        return naming.choose(name, names(places), _words())
    inside = path.startswith(os.path.join(places[-1], ""))
    return naming.Chosen(name, naming.namesakes(name, _words()) if inside else "")


def _words() -> dict[str, dict[str, str]]:
    """What words of the zoo may mean (:mod:`cnncalc.spec.naming`)."""
    from json import loads

    with open(os.path.join(packaged(), "names.json"), encoding="utf-8") as file:
        table: dict[str, dict[str, str]] = loads(file.read())
    return table


def is_path(name: str) -> bool:
    """Whether a user who writes this means a file, not a name."""
    return "/" in name or os.sep in name or name.endswith(SUFFIXES)


def find_base(name: str, path: str | None, root: Root = HERE) -> Found:
    """The spec that another one names in ``extends`` or ``uses``; ``path`` is the file that names it.

    A path is relative to that file and may not leave its folder. A name is looked up beside the file, then like any
    spec; it means another file where there is one: ``./specs/resnet18.yaml`` can extend the zoo's resnet18. What a spec
    of the zoo names is of the zoo, whatever lies in ``./specs``.

    Raises:
        SpecError: it leaves the folder, is no regular file, does not exist or can't be read.
    """
    here = os.path.realpath(os.path.dirname(path or ""))
    packed = os.path.realpath(packaged())
    places = [packed] if here.startswith(packed) else folders(root)
    allowed = tuple(os.path.realpath(folder) + os.sep for folder in (here, *places))
    outside = SpecError(f"{quote(name)} is outside the folder of this spec and the zoo")
    if os.path.isabs(name) or name.startswith("~") or "\\" in name or ":" in name:
        raise outside
    if is_path(name):
        target = os.path.normpath(os.path.join(here, name))
        if not target.startswith(allowed):
            raise outside
    else:
        siblings = [os.path.join(here, name + suffix) for suffix in SUFFIXES]
        found = [*filter(os.path.isfile, siblings), *filter(None, (_lookup(name, [at]) for at in places))]
        if not found:
            raise SpecError(
                f"no spec is named {quote(name)}",
                None,
                naming.similar(name, [*names(), *(os.path.splitext(file)[0] for file in _files(here))]),
            )
        itself = os.path.realpath(path or "")
        target = next((other for other in found if os.path.realpath(other) != itself), found[0])
    try:
        if not os.path.realpath(target).startswith(allowed):
            raise outside
        real = os.path.realpath(target, strict=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise SpecError(f"can't open {quote(name)}: {reason}", None, _near(target)) from None
    try:
        data = _read(real, name, pipes=False)
    except CnncalcError as error:
        raise SpecError(f"can't open {quote(name)}: {error.message}") from None
    return Found(_shown(target, root), data, target)


def _lookup(name: str, places: list[str]) -> str | None:
    """The path of a name: ``<folder>/<name>.yaml`` or one family further down. Reads no file."""
    if not name or name.startswith(".") or "\0" in name:
        return None
    for place in places:
        try:
            with os.scandir(place) as entries:
                families = sorted(entry.path for entry in entries if entry.is_dir())
        except OSError:
            continue
        for folder in (place, *families):
            stem = os.path.join(folder, name)
            for suffix in SUFFIXES:
                if os.path.isfile(stem + suffix):
                    return stem + suffix
    return None


def _shown(path: str, root: Root) -> str:
    """The path as messages give it: relative where that is shorter."""
    if root.shown(path) != path:
        return root.shown(path)
    here = os.path.join(os.getcwd(), "")
    whole = os.path.abspath(path)
    return whole.removeprefix(here) if whole.startswith(here) and here != os.sep else path


def read_bytes(path: str, limit: int, what: str, shown: str = "", pipes: bool = False, hint: Hint = None) -> bytes:
    """A file's bytes, at most one more than ``limit``.

    Args:
        path: where it lies.
        limit: how many bytes are of use.
        what: what it should be, for messages: ``spec``.
        shown: what messages call it, unless by its path.
        pipes: whether a named pipe or a device may be read, which can block.
        hint: what else may have been meant where there is none.

    Raises:
        SpecNotFoundError: it can't be read, or is no file.
    """
    place = Location(shown or path, 1, 1)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode) or not (pipes or stat.S_ISREG(mode)):
            kind = "a directory" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise SpecNotFoundError(f"this is {kind}, not a {what}", place)
        with open(path, "rb") as file:
            return file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise SpecNotFoundError(f"can't read the {what}: {reason}", place, hint) from None


def _read(path: str, shown: str, pipes: bool = True) -> bytes:
    return read_bytes(path, BYTE_LIMIT, "spec", shown, pipes, partial(_near, path))


def _near(path: str) -> str | None:
    """Specs of that folder with a similar name."""
    from difflib import get_close_matches

    folder, name = os.path.split(path)
    files = {os.path.splitext(file)[0]: file for file in _files(folder or os.curdir) if file != name}
    near = get_close_matches(os.path.splitext(name)[0], list(files)[:CANDIDATE_LIMIT])
    return f"did you mean {listing((files[stem] for stem in near), 'or')}?" if near else None


def _files(folder: str) -> list[str]:
    """The names of the specs that lie in a folder."""
    try:
        files = sorted(file for file in os.listdir(folder) if file.endswith(SUFFIXES))
        return [file for file in files if os.path.isfile(os.path.join(folder, file))]
    except (OSError, ValueError):
        return []
