"""Judges specs again whenever a file that was read for them changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from time import sleep

from cnncalc.check import model
from cnncalc.check.model import Checked
from cnncalc.check.session import Session, specs_in
from cnncalc.errors import CnncalcError

SECONDS = 0.5

#: when each file was last written, and its size
Stamps = dict[str, tuple[int, int] | None]


class Watch:
    """The specs at some places; made before they are read, so that what is saved meanwhile is judged again.

    Args:
        session: how they are judged.
        places: files, folders and names.
        found: the specs that are there.
    """

    def __init__(self, session: Session, places: Sequence[str], found: Sequence[str]) -> None:
        self._session = session
        self._places = places
        self._found = list(found)
        self._stamps = _stamps(found)

    def again(self, checked: Sequence[Checked], wait: Callable[[float], object] = sleep) -> list[Checked]:
        """Waits until a file has changed, or is added or removed, and judges again what reads it.

        What has errors is judged again each time, since it may lack what was changed, and all specs where one was
        added or removed, since others may name it. ``wait`` takes the seconds between
        two looks.
        """
        for file, stamp in _stamps(file for one in checked for file in one.files).items():
            self._stamps.setdefault(file, stamp)
        while True:
            wait(SECONDS)
            try:
                now = specs_in(self._places)
            except CnncalcError:  # some programs save by removing a file and writing it anew
                continue
            fresh = _stamps({*self._stamps, *now})
            if fresh == self._stamps:
                continue
            changed = {file for file in fresh if fresh[file] != self._stamps.get(file)}
            sound = [
                one
                for one in checked
                if changed.isdisjoint(map(os.path.realpath, one.files)) and not model.count([one], "error")
            ]
            kept = {one.file: one for one in sound} if now == self._found else {}
            self._stamps, self._found, self._session = fresh, now, self._session.again()
            return [kept[path] if path in kept else self._session.check(path) for path in now]


def _stamps(files: Iterable[str]) -> Stamps:
    """When each file was last written, and its size, by its real path; None for one that is not there."""
    stamps: Stamps = {}
    for file in map(os.path.realpath, files):
        try:
            status = os.stat(file)
            stamps[file] = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamps[file] = None
    return stamps
