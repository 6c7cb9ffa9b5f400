"""Two versions of specs to their differences: totals, and layers that were added, removed, renamed or changed."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

from cnncalc.analysis.report import Report, Row, plain, setting
from cnncalc.check.model import Finding, spec_findings
from cnncalc.check.session import specs_in
from cnncalc.columns import COLUMNS, DIFF, unasked
from cnncalc.errors import CnncalcError, Location, SpecError, UsageError
from cnncalc.render.table import counted_by
from cnncalc.spec import document, zoo
from cnncalc.spec.expand import expand
from cnncalc.spec.inputs import Given, as_data, shown
from cnncalc.spec.zoo import HERE, Found, Root
from cnncalc.values import Assumptions

STATUSES = ("changed", "added", "removed", "broken", "unchanged")
#: more pairs of equal layers are not aligned: it would take too long
ALIGN_LIMIT = 100_000


class Assumed(NamedTuple):
    """What both versions are expanded and counted under."""

    vars: Mapping[str, Any] = MappingProxyType({})
    input: Given | None = None
    batch: int = 1
    dtype: str = "float32"
    convention: str = "macs"
    with_side: bool = False
    pass_: str = "forward"
    written: str | None = None


class Version(NamedTuple):
    """One version of a spec: its network's figures, or why there are none.

    ``kind`` is ``network``, ``library`` or ``broken``; ``file`` is what messages call it, ``files`` the paths of all
    that was read.
    """

    name: str
    file: str
    kind: str
    report: Report | None
    findings: tuple[Finding, ...]
    files: tuple[str, ...]


class Difference(NamedTuple):
    """What differs in a layer: an argument, ``op``, ``in``, ``shape``, ``inputs``, ``shared_with`` or a figure."""

    what: str
    before: Any
    after: Any


class LayerChange(NamedTuple):
    """A layer that is not the same: ``kind`` is ``added``, ``removed``, ``renamed`` or ``changed``.

    ``before`` and ``after`` are its rows in the reports, None where the layer is not there.
    """

    kind: str
    before: Row | None
    after: Row | None
    differences: tuple[Difference, ...] = ()

    @property
    def paths(self) -> tuple[str, str]:
        """The path before and after; empty where the layer is not there."""
        return self.before.path if self.before else "", self.after.path if self.after else ""


class Change(NamedTuple):
    """A spec in two versions; ``status`` is one of :data:`STATUSES`."""

    name: str
    status: str
    before: Version | None
    after: Version | None
    layers: tuple[LayerChange, ...] = ()

    def __repr__(self) -> str:
        return f"<Change of {self.name}: {self.status}, {len(self.layers)} layers>"

    @property
    def totals(self) -> dict[str, tuple[Any, Any]]:
        """Every total before and after; None where there is no network."""
        reports = [version.report if version else None for version in (self.before, self.after)]
        names = next((tuple(report.totals) for report in reports if report), ())
        old, new = ({} if report is None else report.totals for report in reports)
        return {name: (old.get(name), new.get(name)) for name in names}

    @property
    def findings(self) -> list[Finding]:
        """Why a version can't be read."""
        return [finding for version in (self.before, self.after) if version for finding in version.findings]


def figures() -> tuple[str, ...]:
    """What is compared of a layer besides its operator, arguments and shapes: how often it runs, and the counts that
    every diff shows and that add up.
    """
    listed = [name for name in unasked(DIFF) if COLUMNS[name].total == "sum" and COLUMNS[name].unit != "bytes"]
    return ("count", *listed)


def specs_at(place: str) -> dict[str, str]:
    """The paths of the specs at a place by their path inside it: a folder's, or the one that it is; none if absent.

    Raises:
        SpecNotFoundError: a link out of the folder.
    """
    if os.path.isdir(place):
        try:
            found = specs_in([place])
        except UsageError:
            return {}
        for path in found:
            zoo.check_link(path, [place])
        return {os.path.relpath(path, place).replace(os.sep, "/"): os.path.normpath(path) for path in found}
    return {"": place} if os.path.lexists(place) else {}


def pairs(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str | None, str | None]]:
    """Name, old path and new path of every spec, by name.

    Specs belong together that lie at the same path, or else have a name that is there only once on either side.
    """
    matched = [(key, key) for key in old if key in new]
    left = _by_stem(key for key in old if key not in new)
    right = _by_stem(key for key in new if key not in old)
    moved = {left[stem]: right[stem] for stem in left if stem in right}
    matched += moved.items()
    found: dict[str, tuple[str | None, str | None]] = {key: (old[key], new[other]) for key, other in matched}
    found.update({key: (path, None) for key, path in old.items() if key not in found})
    gone = {other for _, other in matched}
    found.update({key: (None, path) for key, path in new.items() if key not in gone})
    return [(_stem(key), *found[key]) for key in sorted(found, key=lambda key: (_stem(key), key))]


def _by_stem(keys: Iterable[str]) -> dict[str, str]:
    listed = list(keys)
    often = Counter(map(_stem, listed))
    return {_stem(key): key for key in listed if often[_stem(key)] == 1}


def _stem(path: str) -> str:
    return os.path.splitext(path.rpartition("/")[2])[0]


def read(place: str | Found, assumed: Assumed, root: Root = HERE) -> Version:
    """The spec at a path, or one that was found, under the assumptions; mistakes in it are findings.

    Raises:
        UsageError: an assumption that can't be, or a variable that the spec does not have.
        SpecError: the value of a variable that can't be read.
    """
    path = place if isinstance(place, str) else place.path or place.name
    file = root.shown(path) if isinstance(place, str) else place.name
    name = _stem(path.replace(os.sep, "/"))
    files: tuple[str, ...] = (path,)
    try:
        if isinstance(place, str):
            # with a folder, or it could be taken for a name
            place = zoo.find(os.path.join(os.path.dirname(path) or os.curdir, os.path.basename(path)), root)
        spec = document.load(place._replace(name=file), root)
    except CnncalcError as error:
        return Version(name, file, "broken", None, tuple(spec_findings(error, name, file)), files)
    name, files = spec.name, spec.files
    if spec.is_library:
        return Version(name, file, "library", None, (), files)
    try:
        given = document.assigned(assumed.vars, spec)
        try:
            graph, _ = expand(spec, given, assumed.input)
        except SpecError as error:
            return Version(name, file, "broken", None, tuple(spec_findings(error, name, file)), files)
    except UsageError as error:
        raise UsageError(error.message, Location(file, 1, 1), error.advice) from None
    counted = Assumptions(assumed.batch, assumed.dtype, *assumed[4:])
    return Version(name, file, "network", Report(graph, counted), (), files)


def changes(
    old: Mapping[str, str], new: Mapping[str, str], assumed: Assumed, roots: tuple[Root, Root] = (HERE, HERE)
) -> list[Change]:
    """What became of every spec of two sets of paths, by name; ``roots`` are where they look up what they name.

    Raises as :func:`read` does.
    """
    found = []
    for name, then, now in pairs(old, new):
        before = None if then is None else read(then, assumed, roots[0])
        after = None if now is None else read(now, assumed, roots[1])
        change = compare(name, before, after)
        found += [change] if change else []
    return found


def compare(name: str, before: Version | None, after: Version | None) -> Change | None:
    """A spec's two versions; None where it is a library of blocks, which has no figures of its own."""
    before = None if before and before.kind == "library" else before
    after = None if after and after.kind == "library" else after
    if before is None and after is None:
        return None
    if any(version and version.kind == "broken" for version in (before, after)):
        return Change(name, "broken", before, after)
    if before is None or after is None:
        return Change(name, "removed" if after is None else "added", before, after)
    layers = _layers(before, after)
    change = Change(name, "changed", before, after, layers)
    same = not layers and all(old == new for old, new in change.totals.values())
    return change._replace(status="unchanged") if same else change


def _layers(before: Version, after: Version) -> tuple[LayerChange, ...]:
    """What became of every layer, in the order of the new version; what was removed stands where it was."""
    if before.report is None or after.report is None:
        return ()
    was, now = before.report.columns, after.report.columns
    old, new = _rows(before.report), _rows(after.report)
    partner = _align(old, new)
    there = frozenset(partner.values())
    became = {index: other for other, index in partner.items()}
    removed = deque(index for index in old if index not in partner)
    changes: list[LayerChange] = []
    last = -1
    for index, row in new.items():
        other = became.get(index)
        while removed and (removed[0] < other if other is not None else removed[0] == last + 1):
            last = removed.popleft()
            changes.append(LayerChange("removed", Row(was, last), None))
        if other is None:
            changes.append(LayerChange("added", None, Row(now, index)))
            continue
        last = other
        differences = (*_differences(old[other], row), *_rewired(old, new, partner, there, other, index))
        if differences:
            changes.append(LayerChange("changed", Row(was, other), Row(now, index), differences))
        elif old[other].path != row.path:
            changes.append(LayerChange("renamed", Row(was, other), Row(now, index)))
    changes += [LayerChange("removed", Row(was, index), None) for index in removed]
    return tuple(changes)


class _Compared(NamedTuple):
    """A layer as it is compared; ``inputs`` are indices."""

    path: str
    op: str
    arguments: tuple[tuple[str, Any], ...]
    into: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    shared: str | None
    figures: dict[str, Any]
    inputs: tuple[int, ...]

    @property
    def signature(self) -> tuple[Any, ...]:
        """What depends on neither its name nor, unlike activations, its neighbours; of arguments the text, for 1 equals
        true but is none.
        """
        own = [value for name, value in self.figures.items() if name != "activations"]
        return (self.op, repr(self.arguments), self.into, self.shape, self.shared is None, *own)


def _rows(report: Report) -> dict[int, _Compared]:
    columns = report.columns
    paths, shared = columns["path"], columns["shared_with"]
    names = figures()
    nodes, kinds = report.graph.nodes, report.graph.signatures
    arguments = [tuple(kind.op.arguments()) for kind in kinds]
    return {
        index: _Compared(
            paths[index],
            nodes[index].op.name,
            arguments[nodes[index].signature],
            kinds[nodes[index].signature].inputs,
            nodes[index].shape,
            shared[index],
            {name: columns[name][index] for name in names},
            nodes[index].inputs,
        )
        for index in report.counted
    }


def _align(old: Mapping[int, _Compared], new: Mapping[int, _Compared]) -> dict[int, int]:
    """Which new row each old row has become: that of the same path, or else an equal one in call order."""
    places = {row.path: index for index, row in new.items()}
    partner = {index: places[row.path] for index, row in old.items() if row.path in places}
    taken = set(partner.values())
    left = [index for index in old if index not in partner]
    right = [index for index in new if index not in taken]
    a, b = ([rows[index].signature for index in rest] for rows, rest in ((old, left), (new, right)))
    head = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    back = list(zip(reversed(a[head:]), reversed(b[head:]), strict=False))
    tail = next((i for i, (x, y) in enumerate(back) if x != y), len(back))
    partner.update(zip(left[:head], right[:head], strict=True))
    partner.update(zip(left[len(a) - tail :], right[len(b) - tail :], strict=True))
    left, right = left[head : len(a) - tail], right[head : len(b) - tail]
    a, b = a[head : len(a) - tail], b[head : len(b) - tail]
    often = Counter(b)
    if sum(often[signature] for signature in a) <= ALIGN_LIMIT:
        from difflib import SequenceMatcher

        for i, j, size in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
            partner.update(zip(left[i : i + size], right[j : j + size], strict=True))
    return partner


def _differences(old: _Compared, new: _Compared) -> tuple[Difference, ...]:
    found = []
    if old.op != new.op:
        found.append(Difference("op", old.op, new.op))
    else:
        then, now = dict(old.arguments), dict(new.arguments)
        found += [Difference(key, then[key], now[key]) for key in then if repr(then[key]) != repr(now[key])]
    if old.into != new.into:
        found.append(Difference("in", old.into, new.into))
    if old.shape != new.shape:
        found.append(Difference("shape", old.shape, new.shape))
    if (old.shared is None) != (new.shared is None):
        found.append(Difference("shared_with", old.shared, new.shared))
    figures = [Difference(name, then, new.figures[name]) for name, then in old.figures.items()]
    return (*found, *[one for one in figures if one.before != one.after])


def _rewired(
    old: Mapping[int, _Compared],
    new: Mapping[int, _Compared],
    partner: Mapping[int, int],
    there: frozenset[int],
    before: int,
    after: int,
) -> tuple[Difference, ...]:
    """Whether a layer reads other layers than before, all of which are on both sides.

    That it reads a layer which was added, or no longer one that was removed, goes without saying.
    """
    then, now = old[before].inputs, new[after].inputs
    known = there.issuperset(now) and all(index in partner for index in then)
    if not known or tuple(partner[index] for index in then) == now:
        return ()
    return (Difference("inputs", [old[index].path for index in then], [new[index].path for index in now]),)


def assumptions(assumed: Assumed) -> list[str]:
    """The convention and the pass, and what is not as always: ``batch 2``, ``float16``."""
    usual = Assumed()
    said = _set(assumed)
    said += [f"input {shown(assumed.input)}"] if assumed.input else []
    said += [f"batch {assumed.batch}"] if assumed.batch != usual.batch else []
    said += [assumed.dtype] if assumed.dtype != usual.dtype else []
    said += ["side outputs counted"] if assumed.with_side else []
    return [*said, *counted_by(_given(assumed))]


def _given(assumed: Assumed) -> dict[str, Any]:
    """The assumptions by the names of the JSON."""
    given = {name.rstrip("_"): value for name, value in assumed._asdict().items()}
    del given["vars"]
    return {"set": _set(assumed), **given, "input": as_data(assumed.input)}


def _set(assumed: Assumed) -> list[str]:
    """The variables as the command line sets them."""
    return [setting(name, value) for name, value in assumed.vars.items()]


def payload(
    changes: Sequence[Change], before: Mapping[str, Any], after: Mapping[str, Any], assumed: Assumed
) -> dict[str, Any]:
    """``cnncalc.diff/1``: every network that is not the same, and the names of those that are."""
    from cnncalc import __version__

    return {
        "schema": "cnncalc.diff/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "before": dict(before),
        "after": dict(after),
        "assumptions": _given(assumed),
        "counts": {status: sum(change.status == status for change in changes) for status in STATUSES},
        "networks": [_network(change) for change in changes if change.status != "unchanged"],
        "unchanged": [change.name for change in changes if change.status == "unchanged"],
    }


def _network(change: Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "status": change.status,
        "before": change.before and {"name": change.before.name, "file": change.before.file},
        "after": change.after and {"name": change.after.name, "file": change.after.file},
        "totals": {name: _figure(old, new) for name, (old, new) in change.totals.items()},
        "layers": [_layer(layer) for layer in change.layers],
        "errors": [
            {
                "file": finding.location.file,
                "line": finding.location.line,
                "column": finding.location.column,
                "message": finding.message,
                "hint": finding.hint,
            }
            for finding in change.findings
        ],
        "diagnostics": list(change.after.report.diagnostics) if change.after and change.after.report else [],
    }


def _figure(old: Any, new: Any) -> dict[str, Any]:
    both = old is not None and new is not None
    return {
        "before": plain(old),
        "after": plain(new),
        "difference": plain(new - old) if both else None,
        "relative": float(Fraction(new - old) / old) if both and old else None,
    }


def _layer(layer: LayerChange) -> dict[str, Any]:
    return {
        "change": layer.kind,
        "before": _row(layer.before),
        "after": _row(layer.after),
        "differences": [
            {"what": what, "before": plain(then, float), "after": plain(now, float)}
            for what, then, now in layer.differences
        ],
    }


def _row(row: Row | None) -> dict[str, Any] | None:
    """A layer's path, operator, shape, params and macs."""
    return None if row is None else {name: plain(row[name]) for name in ("path", "op", "out", "params", "macs")}
