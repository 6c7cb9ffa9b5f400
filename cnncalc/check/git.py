"""Specs as they were at a git revision: read with git into a temporary folder; nothing is checked out.

Objects are read one by one, since ``git archive`` leaves out and rewrites what the attributes of a repository say.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePath
from typing import NamedTuple

from cnncalc.errors import EnvironmentFailure, LimitError, UsageError, quote, suggest
from cnncalc.spec.reader import BYTE_LIMIT
from cnncalc.spec.zoo import SUFFIXES, Root

SECONDS = 60
FILE_LIMIT = 10_000
TOTAL_LIMIT = 64 << 20


class Tree(NamedTuple):
    """The specs of a revision: where names are looked up, the commit in full, and where the repository lies.

    ``prefix`` is the working directory as seen from ``top``, the repository's folder.
    """

    root: Root
    commit: str
    top: str
    prefix: str

    def path(self, place: str) -> str:
        """Where the copy has what lies at ``place`` in the working tree.

        Raises:
            UsageError: it lies outside the repository.
        """
        return os.path.join(self.root.top, *_position(place, self.top, self.prefix).split("/")).rstrip(os.sep)


@contextmanager
def tree(revision: str, places: Sequence[str]) -> Iterator[Tree]:
    """The specs that a revision has at ``places`` and in ``./specs``, as long as the context is open.

    Regular ``.yaml`` and ``.yml`` files are copied, in whole folders, so that what a spec extends or uses is there
    too. Symbolic links and submodules are not. What messages call a file begins with the revision.

    Args:
        revision: whatever names a commit: a branch, a tag, ``HEAD~2``, a hash.
        places: files and folders, as they are called in the working directory; they need not exist at the revision.

    Raises:
        UsageError: there is no such revision, or a place lies outside the repository.
        LimitError: more than 10,000 specs, or 64 MiB.
        EnvironmentFailure: git is missing, finds no repository, or can't read it.
    """
    top = _answer("rev-parse", "--show-toplevel")
    prefix = _answer("rev-parse", "--show-prefix")
    commit = _commit(revision)
    blobs = _blobs(commit, sorted({_folder(_position(place, top, prefix)) for place in [*places, "specs"]}))
    if len(blobs) > FILE_LIMIT:
        raise LimitError(f"{quote(revision)} has more than {FILE_LIMIT:,} specs there", None, "name fewer folders")
    if sum(size for _, size in blobs.values() if size <= BYTE_LIMIT) > TOTAL_LIMIT:
        raise LimitError(f"the specs of {quote(revision)} are more than {TOTAL_LIMIT >> 20} MiB", None)
    with tempfile.TemporaryDirectory(prefix="cnncalc-") as temporary:
        copy = os.path.realpath(temporary)
        _copy(blobs, copy)
        root = Root(os.path.join(copy, *prefix.split("/")).rstrip(os.sep), copy, f"{revision}:")
        yield Tree(root, commit, top, prefix)


def _commit(revision: str) -> str:
    """The hash of a revision's commit. What begins with - is no revision, and would be an option."""
    code, out, _ = (1, b"", "")
    if revision and not revision.startswith("-") and "\0" not in revision:
        code, out, _ = _git("rev-parse", "--verify", "--quiet", revision + "^{commit}")
    commit = out.decode("ascii", "replace").strip()
    if code or not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        _, names, _ = _git("for-each-ref", "--count=500", "--format=%(refname:short)")
        hint = suggest(revision, os.fsdecode(names).split())
        raise UsageError(f"git has no revision {quote(revision)}", None, hint)
    return commit


def _position(place: str, top: str, prefix: str) -> str:
    """A place of the working directory as seen from the repository's folder, "" for that itself."""
    if os.path.isabs(place):
        folder, name = os.path.split(place.rstrip(os.sep) or os.sep)
        path = os.path.relpath(os.path.join(os.path.realpath(folder), name), os.path.realpath(top))
    else:
        path = os.path.normpath(os.path.join(prefix, place))
    position = path.replace(os.sep, "/")
    if position == ".." or position.startswith("../") or "\0" in position:
        raise UsageError(f"{quote(place)} is outside the git repository")
    return "" if position == "." else position


def _folder(position: str) -> str:
    """The folder itself, or that of a spec."""
    return position.rpartition("/")[0] if position.endswith(SUFFIXES) else position


def _blobs(commit: str, folders: Sequence[str]) -> dict[str, tuple[str, int]]:
    """The hash and size of every spec below the folders, by its path from the repository's folder."""
    paths = [] if "" in folders else ["--", *folders]
    code, listed, reason = _git("ls-tree", "-r", "-z", "-l", "--full-tree", commit, *paths)
    blobs = {}
    for entry in listed.split(b"\0")[:-1]:
        described, _, name = entry.partition(b"\t")
        mode, _, oid, size = described.decode("ascii").split()
        path = os.fsdecode(name)
        # only what every system takes as a path inside the copy: no "..", no drive, no second kind of separator
        inside = PurePath(path).parts == tuple(path.split("/")) and ".." not in path.split("/")
        if mode in ("100644", "100755") and path.endswith(SUFFIXES) and inside:
            blobs[path] = (oid, int(size) if size.isdigit() else -1)
    if code or any(size < 0 for _, size in blobs.values()):
        raise EnvironmentFailure(f"git can't read the revision: {reason or 'an object is missing'}")
    return blobs


def _copy(blobs: Mapping[str, tuple[str, int]], folder: str) -> None:
    """Writes the blobs below a folder; of one past the limit only its size, which is what the reader refuses."""
    wanted = dict(pair for pair in blobs.values() if pair[1] <= BYTE_LIMIT)
    _, out, reason = _git("cat-file", "--batch", given="".join(f"{oid}\n" for oid in wanted).encode())
    contents, stream = {}, BytesIO(out)
    for oid, size in wanted.items():
        if stream.readline() != f"{oid} blob {size}\n".encode():
            raise EnvironmentFailure(f"git can't read the revision: {reason or 'an object is missing'}")
        contents[oid] = stream.read(size + 1)[:-1]
    for path, (oid, _) in blobs.items():
        target = Path(folder, *path.split("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(contents.get(oid, b" " * (BYTE_LIMIT + 1)))


def _answer(*arguments: str) -> str:
    """The one line that git answers."""
    code, out, reason = _git(*arguments)
    if code:
        raise EnvironmentFailure(f"git finds no repository: {reason}")
    return os.fsdecode(out).removesuffix("\n")


def _git(*arguments: str, given: bytes = b"") -> tuple[int, bytes, str]:
    """Runs git on the working directory's repository: its exit code, output, and the first line of what it says."""
    command = ["git", "--no-optional-locks", "--literal-pathspecs", *arguments]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=SECONDS, check=False)
    except (FileNotFoundError, PermissionError):
        raise EnvironmentFailure("reading revisions needs git, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise EnvironmentFailure(f"git {arguments[0]} takes more than {SECONDS} seconds") from None
    reason = os.fsdecode(done.stderr).partition("\n")[0].removeprefix("fatal: ")
    return done.returncode, done.stdout, reason
