"""One layer without a file: the text of a spec with nothing else in it."""

from __future__ import annotations

from collections.abc import Sequence

from cnncalc.errors import UsageError, quote, suggest
from cnncalc.ops import OPS
from cnncalc.spec.zoo import Found

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def one_layer(words: Sequence[str], inputs: Sequence[str]) -> Found:
    """The spec of an operator on inputs of these sizes.

    Args:
        words: the operator, values of its first argument, and arguments as ``--kernel 11``, ``--kernel=11`` or, for a
            flag that is true, ``--ceil``.
        inputs: sizes as in ``3x227x227``, or a mapping without its braces, ``tokens: 196, features: 768``. Two sizes
            are tokens and features where the operator takes no map.

    Raises:
        UsageError: no operator of this name, no input, or an argument without a name.
    """
    name, *rest = words
    if name not in OPS:
        hint = suggest(name, OPS) or "cnncalc guide operators lists them"
        raise UsageError(f"unknown operator {quote(name)}", None, hint)
    if not inputs:
        raise UsageError(f"{name} needs an input", None, "say what it reads, for example --input 3x227x227")
    least = OPS[name].arity[0]
    if len(inputs) < least:
        raise UsageError(f"{name} needs at least {least} inputs, but got {len(inputs)}", None, "give --input once more")
    values: list[str] = []
    while rest and not rest[0].startswith("--"):
        values.append(rest.pop(0))
    said: dict[str, str] = {}
    while rest:
        argument, equals, value = rest.pop(0).removeprefix("--").partition("=")
        if not equals:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else "true"
        if argument in said:
            raise UsageError(f"--{argument} is given twice")
        said[argument] = value
    if rest or not all(said):
        raise UsageError("an argument has no name", None, "for example --kernel 3")
    shapes = [_input(text, "map" in OPS[name].layouts) for text in inputs]
    lines = ["cnncalc: 1", f"name: {name}"]
    if len(shapes) == 1:
        lines.append(f"input: {shapes[0]}")
        first = values[0] if len(values) == 1 else f"[{', '.join(values)}]"
    else:
        names = _LETTERS[: len(shapes)]
        lines += ["inputs:", *(f"  {letter}: {shape}" for letter, shape in zip(names, shapes, strict=True))]
        first = f"[{', '.join(names)}]" if OPS[name].role == "join" else f"[{', '.join(values)}]"
        if OPS[name].role != "join":
            said["from"] = f"[{', '.join(names)}]"
    arguments = "".join(f", {argument}: {value}" for argument, value in said.items())
    lines += ["layers:", f"  - {{{name}: {first}{arguments}}}"]
    return Found(f"<{name}>", "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n", None)


def _input(text: str, may_be_map: bool) -> str:
    if ":" in text:
        return f"{{{text.strip('{}').replace(':', ': ')}}}"
    sizes = text.lower().replace("x", ",").strip("[]").split(",")
    if len(sizes) == 2 and not may_be_map:
        return f"{{tokens: {sizes[0]}, features: {sizes[1]}}}"
    return f"[{', '.join(sizes)}]"
