"""What many specs have in common is read and compiled once, and says the same as if it were read each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnncalc.errors import CnncalcError
from cnncalc.spec import document, zoo
from cnncalc.spec.expand import expand

LIBRARY = "cnncalc: 1\nblocks:\n  Two:\n    args: [width]\n    layers: [{conv: $width, kernel: 1, norm: bn}, {conv: $width, kernel: 1}]\n"
USER = "cnncalc: 1\nuses: [library]\ninput: [3, 8, 8]\nlayers:\n  - {Two: 4}\n"
ABOVE = "cnncalc: 1\nuses: [library]\nblocks:\n  Four:\n    layers: [{Two: 4}, {Two: 8}]\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in (("library", LIBRARY), ("a", USER), ("b", USER.replace("4", "6")), ("above", ABOVE)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def load(files: Path, name: str, memo: document.Memo | None) -> document.SpecDocument:
    return document.load(zoo.find(str(files / f"{name}.yaml")), memo=memo)


def test_a_library_is_compiled_once_and_a_tree_read_once(files: Path) -> None:
    memo = document.Memo()
    a, b, again = (load(files, name, memo) for name in ("a", "b", "a"))
    assert a.libraries[0] is b.libraries[0]
    assert a.parts[0] is again.parts[0]
    assert load(files, "a", None).libraries[0] is not a.libraries[0]
    assert a.files == again.files == (str(files / "a.yaml"), str(files / "library.yaml"))


def test_a_library_that_takes_in_others_counts_their_files(files: Path) -> None:
    (files / "c.yaml").write_text(USER.replace("[library]", "[above]").replace("{Two: 4}", "Four"))
    memo = document.Memo()
    read = [load(files, "c", memo).files for _ in range(2)]
    assert read == [tuple(str(files / f"{name}.yaml") for name in ("c", "above", "library"))] * 2


def test_a_changed_file_is_read_again(files: Path) -> None:
    memo = document.Memo()
    expand(load(files, "a", memo))
    (files / "library.yaml").write_text(LIBRARY.replace("norm: bn", "norm: none"))
    graph, _ = expand(load(files, "a", memo))
    assert [node.op.name for node in graph.nodes] == ["input", "conv", "conv"]


def test_every_user_of_a_broken_library_is_told(files: Path) -> None:
    (files / "library.yaml").write_text(LIBRARY.replace("kernel: 1}]", "kernal: 1}]"))
    memo = document.Memo()
    for name in ("a", "b", "a"):
        with pytest.raises(CnncalcError) as caught:
            load(files, name, memo)
        assert "conv has no argument 'kernal'" in str(caught.value)


def test_the_zoo_says_the_same_with_and_without() -> None:
    memo = document.Memo()
    for name in ("se_resnet50", "efficientnet_b0", "mobilenet_v2", "resnet50", "se_resnet50", "swin_t", "yolov2"):
        alone, shared = (document.load(zoo.find(name), memo=kept) for kept in (None, memo))
        (a, _), (b, _) = expand(alone), expand(shared)
        assert [(node.path, node.op, node.inputs, node.shape) for node in a.nodes] == [
            (node.path, node.op, node.inputs, node.shape) for node in b.nodes
        ]
        assert (alone.files, alone.claims) == (shared.files, shared.claims)


def test_operators_and_signatures_are_made_once(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``a`` and ``b`` have their first convolution and its norm in common once both are 4 wide."""
    memo = document.Memo()
    a, b, alone = load(files, "a", memo), load(files, "b", memo), load(files, "a", None)
    first, again, other, apart = (expand(spec)[0] for spec in (a, a, b, alone))
    assert a.rules is b.rules is not alone.rules
    assert all(one is two for one, two in zip(first.signatures, again.signatures, strict=True))
    assert [one is two for one, two in zip(first.signatures, other.signatures, strict=True)] == [
        True,
        False,
        False,
        False,
    ]
    assert not any(one is two for one, two in zip(first.signatures, apart.signatures, strict=True))
    monkeypatch.setattr("cnncalc.spec.expand.RULES_LIMIT", 1)
    after, _ = expand(a)
    assert a.rules is not b.rules
    assert [node.shape for node in after.nodes] == [node.shape for node in first.nodes]
    assert not any(one is two for one, two in zip(first.signatures, after.signatures, strict=True))
