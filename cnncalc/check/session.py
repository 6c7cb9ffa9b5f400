"""Reads specs and judges them, one after another or in several processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cnncalc.analysis.report import Report
from cnncalc.check import budgets, claims, lint
from cnncalc.check.model import Checked, Finding, spec_findings
from cnncalc.check.subject import Others, Subject
from cnncalc.errors import CnncalcError, UsageError, checked_words, quote
from cnncalc.spec import document, zoo
from cnncalc.spec.claims import Budget
from cnncalc.spec.document import SpecDocument

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

    from cnncalc.check.git import Tree


class Session:
    """Checks specs under one configuration; networks that several claims compare with are read once.

    Args:
        limits: the configuration's budgets.
        ignored: codes of lint rules to leave out.
        claims_only: whether claims alone are judged.
        earlier: a revision and its specs, to say how a figure over its budget grew.
        places: the folders that the specs were found in; links out of them are not followed.
    """

    def __init__(
        self,
        limits: Sequence[budgets.Limits] = (),
        ignored: Sequence[str] = (),
        claims_only: bool = False,
        earlier: tuple[str, Tree] | None = None,
        places: Sequence[str] = (),
    ) -> None:
        self._limits = limits
        self._ignored = frozenset(ignored)
        self._claims_only = claims_only
        self._earlier = earlier
        self._places = places
        self._others = Others()

    def __getstate__(self) -> dict[str, Any]:
        """To another process it goes with nothing read."""
        return {**self.__dict__, "_others": Others()}

    def again(self) -> Session:
        """The same configuration, with nothing read yet."""
        return Session(self._limits, tuple(self._ignored), self._claims_only, self._earlier, self._places)

    def check(self, path: str) -> Checked:
        """Everything that is found in the spec at ``path``; mistakes of the spec are findings too."""
        name = os.path.splitext(os.path.basename(path))[0]
        file = path
        files: tuple[str, ...] = (path,)
        try:
            zoo.check_link(path, self._places)
            found = zoo.find(path)
            file = found.name
            spec = document.load(found, memo=self._others.memo)
            name, files = spec.name, spec.files
            subject = Subject(spec, self._others)
            if not spec.is_library:
                subject.graph()
        except CnncalcError as error:
            findings = spec_findings(error, name, file)
            files = tuple(dict.fromkeys([*files, *(finding.location.file for finding in findings)]))
            return Checked(name, file, "broken", (), (), tuple(findings), files)
        return self._judge(subject, file)

    def _judge(self, subject: Subject, file: str) -> Checked:
        spec = subject.spec
        findings: list[Finding] = []
        judged, held = [], []
        if not spec.is_library:
            for claim in spec.claims:
                verdict, finding = claims.judge(subject, claim)
                judged.append(verdict)
                findings += [finding] if finding else []
        if not spec.is_library and not self._claims_only:
            for budget in budgets.applying(spec, self._limits):
                kept, finding = budgets.judge(subject, budget)
                if finding and self._earlier:
                    kept, finding = budgets.judge(subject, budget, self._before(spec, budget), self._earlier[0])
                held.append(kept)
                findings += [finding] if finding else []
        if not self._claims_only:
            findings += lint.run(subject, self._ignored)
        kind = "library" if spec.is_library else "network"
        findings.sort(key=lambda finding: finding.location)
        return Checked(spec.name, file, kind, tuple(judged), tuple(held), tuple(findings), tuple(subject.files))

    def _before(self, spec: SpecDocument, budget: Budget) -> Report | None:
        """The figures of the spec as it was at the earlier revision; None if it was not there, or could not be read."""
        if self._earlier is None or spec.path is None:
            return None
        tree = self._earlier[1]
        try:
            found = zoo.find(tree.path(spec.path), tree.root)
            return Subject(document.load(found, tree.root, self._others.memo), self._others).report(budget.options)
        except CnncalcError:
            return None


def check_specs(
    places: Sequence[str | os.PathLike[str]], limits: Sequence[budgets.Limits] = (), ignored: Sequence[str] = ()
) -> list[Checked]:
    """Judges specs: their claims, budgets and the lint rules.

    Args:
        places: files, folders (searched through) and names of the zoo.
        limits: budgets by file pattern.
        ignored: codes of lint rules to leave out.

    Raises:
        SpecNotFoundError: a name or file that is not there. A spec with mistakes raises nothing: they are findings.
        UsageError: a folder without specs, an unknown lint rule, or no lists.
    """
    if isinstance(places, (list, tuple)):
        places = [os.fsdecode(place) if isinstance(place, os.PathLike) else place for place in places]
    if not isinstance(limits, (list, tuple)) or not all(isinstance(one, budgets.Limits) for one in limits):
        raise UsageError(f"limits is a list of Limits, not {quote(limits)}")
    codes, places = checked_words("ignored", ignored), checked_words("places", places)
    lint.check_codes(codes)
    return list(check_all(Session(limits, codes, places=places), specs_in(places)))


#: fewer specs a process than this cost more to hand out than to judge
WORTH_A_PROCESS = 40
#: as many as every system can wait for
PROCESS_LIMIT = 61
#: how often a process comes back for more specs: each time it has libraries to read anew, the last ones end together
SHARES = 4


def check_all(session: Session, paths: Sequence[str], jobs: int | None = None) -> Iterator[Checked]:
    """What is found in each spec, in the order of ``paths``.

    ``jobs`` is how many processes share the work; None takes as many as there are processors, if the set is large
    enough to gain. They start at once, before the caller starts any thread; where a system can't, one does it all.
    """
    if jobs is None:
        jobs = min(_processors(), len(paths) // WORTH_A_PROCESS)
    jobs = min(jobs, len(paths), PROCESS_LIMIT)
    if jobs > 1:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import active_children

        others = set(active_children())
        with suppress(ImportError, NotImplementedError, OSError):  # no semaphores, or no more processes
            pool = ProcessPoolExecutor(jobs, initializer=_begin)
            results = pool.map(session.check, paths, chunksize=-(-len(paths) // (jobs * SHARES)))
            return _collected(session, paths, pool, results, set(active_children()) - others)
    return map(session.check, paths)


def _begin() -> None:
    """In each process: it ends with the one that started it, which alone answers to an interrupt."""
    from multiprocessing import parent_process
    from threading import Thread

    def follow() -> None:
        if parent := parent_process():
            parent.join()
            os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=follow, daemon=True).start()


def _collected(
    session: Session,
    paths: Sequence[str],
    pool: ProcessPoolExecutor,
    results: Iterator[Checked],
    workers: Iterable[BaseProcess],
) -> Iterator[Checked]:
    """The results; where a process has died, the rest is judged here."""
    from concurrent.futures import BrokenExecutor

    done = 0
    try:
        for checked in results:
            yield checked
            done += 1
    except BrokenExecutor:
        yield from map(session.check, paths[done:])
    finally:
        for worker in workers:  # whoever stops early does not wait for what nobody wants
            worker.terminate()
        pool.shutdown(cancel_futures=True)


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def specs_in(places: Sequence[str]) -> list[str]:
    """The paths of every spec that ``places`` name, each once: files, folders (searched through), names of the zoo.

    Raises:
        SpecNotFoundError: a name or file that is not there. One that can't be read is found when it is judged.
        UsageError: a folder without specs.
    """
    paths: list[str] = []
    for place in places:
        if os.path.isdir(place):
            inside = list(zoo.below(place))
            if not inside:
                raise UsageError(f"the folder {quote(place)} has no specs", hint="a spec ends in .yaml or .yml")
            paths += inside
        elif place == "-" or (os.path.lexists(place) and ("/" in place or place.endswith(zoo.SUFFIXES))):
            paths.append(place)  # not read here: a pipe gives its text once, and what can't be read is a finding
        else:
            paths.append(zoo.find(place).path or place)
    once: dict[str, str] = {}
    for path in paths:
        once.setdefault(os.path.normpath(path), path)
    return list(once.values())
