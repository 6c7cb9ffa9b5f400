"""Which kernel of attention is assumed, what is said of it, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

import cnncalc
from cnncalc.autograd.attention import KERNELS
from cnncalc.errors import UsageError
from cnncalc.spec.claims import WORDS
from tests.conftest import network

NET = "input: {tokens: 6, features: 8}\nlayers: [{attention: 2}, {select: 0}, {linear: 3}]"
TWO = "input: {tokens: 6, features: 12}\nlayers: [{attention: 3}, {attention: 2}]"
MAPS = "input: [4, 6, 6]\nlayers: [{window_attention: 2, window: 3}]"
LEAVE_OUT = "leave it out for the kernel that PyTorch picks"
SAID = [
    (NET, {}, "kernel of attention: efficient (by PyTorch's source, not measured)"),
    (NET, {"device": "cpu"}, "kernel of attention: flash"),
    (NET, {"dtype": "float16"}, "kernel of attention: flash (by PyTorch's source, not measured)"),
    (NET, {"amp": "bfloat16"}, "kernel of attention: flash (by PyTorch's source, not measured)"),
    (NET, {"dtype": "float64"}, "kernel of attention: math (by PyTorch's source, not measured)"),
    (NET, {"attention": "math", "device": "cpu"}, "kernel of attention: math"),
    (TWO, {}, "kernels of attention: efficient and math (by PyTorch's source, not measured)"),
]
REFUSED = [
    (NET, {"attention": "flash"}, "attention by flash needs float16 or bfloat16 on the device cuda", LEAVE_OUT),
    (NET, {"attention": "efficient", "device": "cpu"}, "attention by efficient needs the device cuda", LEAVE_OUT),
    (
        TWO,
        {"attention": "efficient"},
        "attention by efficient takes heads of a multiple of 4 features, not 6",
        LEAVE_OUT,
    ),
    (NET, {"attention": "Math"}, "unknown kernel of attention 'Math'", "one of: flash, efficient, math"),
    (
        MAPS,
        {"attention": "math"},
        "--attention needs a layer that runs scaled_dot_product_attention",
        "attention does; window_attention is written out, as torchvision's is",
    ),
]


@pytest.mark.parametrize(("text", "options", "expected"), SAID)
def test_the_kernel_is_said(text: str, options: dict[str, Any], expected: str) -> None:
    given = network(text)
    for said in (str(given.memory(train=True, **options)), str(given.fit(memory="1GB", **options))):
        assert expected in said.split("\n")[-1 if "fit" not in said else -2].split("; ") or f"; {expected};" in said
    kernels = given.memory(**options).to_dict()["settings"]["attention"]
    assert expected.split(": ")[1].startswith(" and ".join(kernels))


def test_nothing_is_said_without_attention() -> None:
    memory = network(MAPS).memory(train=True)
    assert "of attention" not in str(memory)
    assert memory.to_dict()["settings"]["attention"] == []


@pytest.mark.parametrize(("text", "options", "message", "hint"), REFUSED)
def test_what_is_refused(text: str, options: dict[str, Any], message: str, hint: str) -> None:
    for run in (lambda: network(text).memory(**options), lambda: network(text).fit(memory="1GB", **options)):
        with pytest.raises(UsageError) as raised:
            run()
        assert (raised.value.message, raised.value.hint) == (message, hint)


def test_what_each_keeps() -> None:
    """Its input, queries with keys and values, what they mix to, and its result, of which the linear layer reads a
    token; log-sums of 2 heads, padded to 32 tokens or not, with the state of a generator. Written out it keeps both
    factors of the products: queries and keys scaled, the softmax, and of one sample a view of all that was projected.
    """
    values = 6 * 8

    def saved(**options: Any) -> int:
        found = network(NET).memory(train=True, **options).totals["saved_bytes"]
        assert found is not None
        return found

    fused = (1 + 3 + 1 + 1) * values
    assert saved() == 4 * fused + 4 * 2 * 32
    assert saved(device="cpu") == 4 * fused + 4 * 2 * 6
    padded = values + 2 * (3 + 1) * values + values + values  # heads of 4 to 8, and a copy without that
    assert saved(dtype="float16") == 2 * padded + 4 * 2 * 6 + (2 + 1) * 8
    assert saved(attention="math") == 4 * ((1 + 2 + 3 + 1 + 1) * values + 2 * 6 * 6)


def test_words_of_claims() -> None:
    assert WORDS["attention"] == KERNELS


@pytest.mark.parametrize(
    ("gpu", "words", "kernels"),
    [
        ("a100-40gb", {"dtype": "float16"}, ["flash"]),
        ("t4", {"dtype": "float16"}, ["efficient"]),
        ("t4", {"train": True, "amp": "float16"}, ["efficient"]),
        ("v100", {"dtype": "bfloat16"}, ["math"]),
        ("p100", {"train": True, "amp": "bfloat16"}, ["math"]),
        ("t4", {}, ["efficient"]),
        ("rtx2080ti", {"dtype": "float16", "attention": "math"}, ["math"]),
    ],
)
def test_an_older_gpu_has_no_flash_kernel(gpu, words, kernels):
    """Compute capability 8.0 is needed for it, and for the efficient kernel of bfloat16."""
    network = cnncalc.load("vit_b_32")
    assert network.fit(gpu=gpu, **words).to_dict()["settings"]["attention"] == kernels
    data = network.memory(allocator="cuda", gpu=gpu, **words).to_dict()
    assert data["settings"]["attention"] == kernels


def test_flash_on_an_older_gpu_is_refused():
    with pytest.raises(cnncalc.UsageError) as caught:
        cnncalc.load("vit_b_32").fit(gpu="t4", dtype="float16", attention="flash")
    assert caught.value.message == "--attention flash needs a GPU of compute capability 8.0, but t4 has 7.5"


def test_an_older_gpu_without_attention_is_as_before():
    assert cnncalc.load("vgg16").fit(gpu="t4", dtype="float16").to_dict()["settings"]["attention"] == []
