"""Judging again: what a changed, new or missing file makes be judged, look by look, without a clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from cnncalc.check.model import Checked
from cnncalc.check.session import Session, specs_in
from cnncalc.check.watch import Watch

BASE = "cnncalc: 1\nname: base\nsource: x\ninput: [3, 8, 8]\nlayers: [{conv: 4, kernel: 1, bias: false}, flatten]\n"
CHILD = "cnncalc: 1\nname: child\nsource: x\nextends: base\nclaims: [{params: 12, source: x}]\n"
OTHER = BASE.replace("base", "other")


class Counting(Session):
    """Remembers what it judges."""

    judged: list[str]

    def check(self, path: str) -> Checked:
        self.judged.append(os.path.basename(path).partition(".")[0])
        return super().check(path)

    def again(self) -> Session:
        fresh = Counting()
        fresh.judged = self.judged
        return fresh


@pytest.fixture
def save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes specs; each time later than all times before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    times: Iterator[int] = count(10**18, 10**9)

    def write(**texts: str) -> None:
        for name, text in texts.items():
            path = tmp_path / "specs" / f"{name}.yaml"
            path.write_text(text)
            os.utime(path, ns=(0, next(times)))

    return write


class Rounds:
    """A watch, and what each round judges and finds; every look but the last finds nothing new."""

    def __init__(self, looks: int = 3) -> None:
        self.looks = looks
        session = Counting()
        session.judged = self.judged = []
        self.watch = Watch(session, ["specs"], specs_in(["specs"]))
        self.checked = [session.check(path) for path in specs_in(["specs"])]

    def after(self, edit: Callable[[], object]) -> tuple[list[str], list[str]]:
        """What is judged again once ``edit`` has happened, and the errors in the end."""
        self.judged.clear()
        looks = iter([*[None] * (self.looks - 1), edit])

        def wait(seconds: float) -> None:
            step = next(looks, lambda: pytest.fail("the edit was not seen"))
            if step:
                step()

        self.checked = self.watch.again(self.checked, wait)
        errors = [
            f"{one.name}: {each.code}" for one in self.checked for each in one.findings if each.severity == "error"
        ]
        return self.judged, errors


def test_what_reads_a_changed_file_is_judged_again(save: Callable[..., None]) -> None:
    save(base=BASE, child=CHILD, other=OTHER)
    rounds = Rounds()
    assert rounds.after(lambda: save(base=BASE.replace("4", "5"))) == (["base", "child"], ["child: claim"])
    assert rounds.after(lambda: save(other=OTHER)) == (["child", "other"], ["child: claim"])  # what fails, each time
    assert rounds.after(lambda: save(base=BASE)) == (["base", "child"], [])
    assert rounds.after(lambda: save(child=CHILD.replace("12", "15"))) == (["child"], ["child: claim"])


def test_an_edit_while_they_are_read_is_seen(save: Callable[..., None]) -> None:
    save(base=BASE, child=CHILD)
    session = Counting()
    session.judged = []
    watch = Watch(session, ["specs"], specs_in(["specs"]))
    checked = [session.check("specs/base.yaml"), session.check("specs/child.yaml")]
    save(base=BASE.replace("4", "5"))
    watch.again(checked, lambda _: None)
    assert session.judged == ["base", "child"] * 2


def test_a_new_or_missing_spec_makes_all_be_judged(save: Callable[..., None]) -> None:
    save(base=BASE, child=CHILD)
    rounds = Rounds()
    everything = ["base", "broken", "child"]
    assert rounds.after(lambda: save(broken="cnncalc: 2\n")) == (everything, ["broken: spec"])
    assert rounds.after(lambda: os.unlink("specs/broken.yaml")) == (["base", "child"], [])
    assert rounds.after(lambda: os.unlink("specs/base.yaml")) == (["child"], ["child: spec"])
    assert rounds.after(lambda: save(base=BASE)) == (["base", "child"], [])


def test_a_folder_that_is_gone_for_a_moment(save: Callable[..., None]) -> None:
    save(base=BASE, child=CHILD)
    rounds = Rounds()
    steps = iter([
        lambda: os.rename("specs", "moved"),
        lambda: None,
        lambda: os.rename("moved", "specs"),
        lambda: save(base=BASE.replace("4", "5")),
        lambda: pytest.fail("the edit was not seen"),
    ])  # fmt: skip
    rounds.judged.clear()
    found = rounds.watch.again(rounds.checked, lambda _: next(steps)())
    assert rounds.judged == ["base", "child"]
    assert [one.kind for one in found] == ["network", "network"]


def test_a_file_that_a_network_is_compared_with(save: Callable[..., None]) -> None:
    save(base=BASE, ratio=OTHER + "claims: [{params: 1.0, of: base, source: x}]\n")
    rounds = Rounds()
    assert rounds.after(lambda: save(base=BASE.replace("4", "8")))[1] == ["other: claim"]
    assert rounds.after(lambda: save(base=BASE.replace("layers", "layres")))[1] == ["base: spec", "other: claim"]
