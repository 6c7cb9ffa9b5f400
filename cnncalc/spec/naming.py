"""What a typed name of a network stands for: without case and signs between words, by an alias, and its namesakes.

``specs/names.json`` has the words, folded: by each, the networks that it may mean and what these are. It stands for the
first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cnncalc.errors import CANDIDATE_LIMIT, WORD_LIMIT, listing


class Chosen(NamedTuple):
    """The name of a spec, and what to say of the choice: nothing where there was none."""

    name: str
    note: str = ""


def folded(name: str) -> str:
    """A name without case and signs: of ``ResNet-50`` it is ``resnet50``. Between digits a sign is ``_``."""
    return re.sub(r"[-_. ]+", "", re.sub(r"(?<=\d)[-_. ]+(?=\d)", "\0", name.lower())).replace("\0", "_")


def choose(name: str, known: Iterable[str], meanings: Mapping[str, Mapping[str, str]]) -> Chosen | None:
    """What a name that no spec has stands for, of the ``known`` names; None where it is like none, or like several."""
    word = folded(name)
    if word in meanings:
        return _first(name, next(iter(meanings[word])), meanings[word])
    alike = [spec for spec in known if folded(spec) == word]
    return Chosen(alike[0]) if len(alike) == 1 else None


def namesakes(name: str, meanings: Mapping[str, Mapping[str, str]]) -> str:
    """What to say of a network of the zoo that others are easily taken for; nothing where there are none."""
    meant = meanings.get(folded(name), {})
    return _first(name, name, meant).note if name in meant else ""


def _first(name: str, chosen: str, meant: Mapping[str, str]) -> Chosen:
    what = f"{name} is {chosen}" if folded(name) != folded(chosen) else ""
    if len(meant) > 1:
        others = listing(f"{other} ({is_})" for other, is_ in meant.items() if other != chosen)
        what = f"{what or name}: {meant[chosen]}; there {'is' if len(meant) == 2 else 'are'} also {others}"
    return Chosen(chosen, what)


def similar(name: str, known: Iterable[str]) -> str | None:
    """A hint with the names that this one is near to, at most five, the nearest first; None without one.

    Those that begin with it are nearer than those that are written alike.
    """
    from difflib import get_close_matches

    word = folded(name)
    if not 1 < len(word) <= WORD_LIMIT:
        return None
    specs = {folded(spec): spec for spec in list(known)[:CANDIDATE_LIMIT]}
    near = sorted((other for other in specs if other.startswith(word)), key=lambda other: (len(other), other))
    if not near:
        apart = {other: _distance(word, other) for other in get_close_matches(word, specs, n=20, cutoff=0.6)}
        least = min(apart.values(), default=0)
        near = sorted((other for other in apart if apart[other] <= least + 1), key=lambda other: (apart[other], other))
    return f"did you mean {listing((specs[other] for other in near[:5]), 'or')}?" if near else None


def _distance(one: str, other: str) -> float:
    """Letters to put in, leave out or replace, and half for two neighbours that change places."""
    before: list[float] = []
    last: list[float] = []
    row: list[float] = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, last, row = last, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, before[j - 2] + 0.5)
            row.append(cost)
    return row[-1]
