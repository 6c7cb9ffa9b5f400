"""Layers with what follows them (``norm``, ``act``): a class that is the layer and has the followers inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from cnncalc.source import layout
from cnncalc.source.layout import Code, camel
from cnncalc.source.terms import CHANNELS, Arg, Call, doc

_WIDTHS = {"nn.Linear": "self.out_features", "Padded": "self.inner.out_channels", "SparseConv": "len(self.connections)"}


class Follower(NamedTuple):
    """What runs behind a layer, and its name."""

    name: str
    term: Call


class Fused(NamedTuple):
    """A class to write; ``read`` has the positions of the values that others read (0 is the layer's own)."""

    name: str
    base: str
    followers: tuple[Follower, ...]
    read: tuple[int, ...]

    def lines(self) -> list[str]:
        """Its text."""
        words = " and ".join(follower.name for follower in self.followers)
        text = [f"class {self.name}({self.base}):", *layout.docstring([f"{self.base} with {words} behind it."], 4), ""]
        text += ["    def __init__(self, *args: Any, **kwargs: Any) -> None:"]
        text += ["        super().__init__(*args, **kwargs)"]
        for follower in self.followers:
            text += layout.statement(f"self.{follower.name} = ", doc(follower.term))
        text += [""]
        last = len(self.followers)
        if self.read == (last,):
            call = "super().forward(x)"
            for follower in self.followers:
                call = f"self.{follower.name}({call})"
            return [*text, "    def forward(self, x: Tensor) -> Tensor:", f"        return {call}"]
        results = ", ".join(f"y{position}" for position in self.read)
        kind = "Tensor" if len(self.read) == 1 else f"tuple[{', '.join(['Tensor'] * len(self.read))}]"
        text += [f"    def forward(self, x: Tensor) -> {kind}:", "        y0 = super().forward(x)"]
        for position, follower in enumerate(self.followers):
            text.append(f"        y{position + 1} = self.{follower.name}(y{position})")
        return [*text, f"        return {results}"]


class FusedClasses:
    """The classes of one file; ``free`` makes a name that no other class has."""

    def __init__(self, free: Callable[[str], str]) -> None:
        self._free = free
        self.known: dict[tuple[str, tuple[Follower, ...], tuple[int, ...]], Fused] = {}

    def call(self, base: Call, followers: Sequence[Follower], out: int, read: tuple[int, ...]) -> Call:
        """What makes the layer with its followers; ``out`` is the number of its channels."""
        width = Code(_WIDTHS.get(base.target, "self.out_channels"))
        inside = tuple(Follower(each.name, _in_terms_of(each.term, out, width)) for each in followers)
        key = (base.target, inside, read)
        fused = self.known.get(key)
        if fused is None:
            words = [base.target.removeprefix("nn.").rstrip("d").rstrip("123"), *(each.name for each in followers)]
            if base.target == "Padded":
                words[0] = "PaddedConv"
            fused = self.known[key] = Fused(self._free("".join(map(camel, words))), base.target, inside, read)
        return Call(fused.name, base.args)


def _in_terms_of(term: Call, out: int, width: Code) -> Call:
    """A follower whose channels are those of its layer."""

    def change(arg: Arg) -> Arg:
        same = arg.kind == CHANNELS and isinstance(arg.value, int) and arg.value == out
        return arg._replace(value=width) if same else arg

    return Call(term.target, tuple([change(arg) for arg in term.args]))
