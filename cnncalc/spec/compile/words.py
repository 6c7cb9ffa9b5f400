"""The words of the language: what can be a name, and what to write for a word of another framework."""

from __future__ import annotations

import re
from collections.abc import Collection, Container

from cnncalc.errors import SpecError, quote, suggest
from cnncalc.ops import OPS
from cnncalc.spec.reader import NO_SPACE, YamlNode

#: keys of every layer, and what they do
MODIFIERS = {
    "name": "names the layer",
    "from": "the value it takes, in place of the one before: a name, or a list of names",
    "when": "a condition; where it is false the layer is left out",
    "repeat": "how many of it stand one after the other",
    "first": "arguments that the first of a repeat has",
    "shared": "the layer whose weights it uses",
    "inplace": "whether the result is written over the input",
}
#: names that no layer can have, because they mean something in ``from`` and joins
RESERVED_NAMES = ("input", "prev", "prev2", "identity")
#: variables that every layer sees
AUTOMATIC = frozenset(
    {"i", *(f"{value}{axis}" for value in ("in", "prev") for axis in ("", "_w", "_h", "_d", "_tokens"))}
)
INPUT_IS_KNOWN = "cnncalc works out the input channels"
VARIABLE = re.compile(r"\$([A-Za-z_]\w*)", re.ASCII)
BLOCK_NAME = re.compile(r"[A-Z][A-Za-z0-9_]{0,127}", re.ASCII)
#: characters of a name
NAME_LIMIT = 128
_NAME = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9_-]{{0,{NAME_LIMIT - 1}}}", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)

#: words of other frameworks, without _ and the number of axes, and what to write instead
_OTHER_WORDS = {
    "batchnorm": "bn", "batchnormalization": "bn", "ln": "layernorm", "layernormalization": "layernorm",
    "gn": "groupnorm", "dense": "linear", "fc": "linear", "fullyconnected": "linear", "deconv": "conv_transpose",
    "depthwise": "dwconv", "depthwiseconv": "dwconv", "maxpooling": "maxpool", "averagepool": "avgpool",
    "averagepooling": "avgpool", "gap": "global_avgpool", "globalaveragepooling": "global_avgpool",
    "globalmaxpooling": "global_maxpool", "mha": "attention", "multiheadattention": "attention", "swish": "silu",
    "cat": "concat", "concatenate": "concat", "sum": "add", "residual": "add", "multiply": "mul",
    "in": INPUT_IS_KNOWN, "inchannels": INPUT_IS_KNOWN, "infeatures": INPUT_IS_KNOWN,
    "global": "write global_avgpool, or global_maxpool",
    "valid": "write pad: 0",
    "memory": "write activation_bytes, inference_memory or training_memory",
}  # fmt: skip
_RECURRENT = "there are no recurrent layers yet"
_PRODUCT = "there is no product of two values yet; mul multiplies them number by number"
_MOVED = "there is no transposition; tokens makes a sequence of a map, feature_map a map of a sequence"
_RESHAPED = "flatten makes a vector, tokens a sequence of a map, feature_map a map of a sequence"
_NO_UNPOOLING = "there is no unpooling yet; upsample makes maps of the same sizes"
_NO_NORM_OF_WEIGHTS = "there is no norm of weights yet"
_WIDTHS = "attention has features / heads for each head; other widths and a second input are not there yet"
_FROZEN = "there are no frozen weights yet: every weight is trained"
_ZEROS = "padding is zeros; every other mode has the same params and macs"
_FACTOR = "upsample takes a whole factor; a size to reach is not there yet"
_MODES = "other interpolations are not there yet; nearest has the same sizes"
_RMS = "pixelnorm computes it; {affine: [], bias: false} behind it is its weight"
#: words for what the language does not have, and what is true of them
_NOT_THERE = {
    "lstm": _RECURRENT, "gru": _RECURRENT, "rnn": _RECURRENT, "bilstm": _RECURRENT, "lstmcell": _RECURRENT,
    "grucell": _RECURRENT, "convlstm": _RECURRENT,
    "embedding": "there is no embedding of ids yet: begin with its result, 'input: {tokens: 128, features: 768}'",
    "matmul": _PRODUCT, "bmm": _PRODUCT, "mm": _PRODUCT, "einsum": _PRODUCT, "outer": _PRODUCT, "dot": _PRODUCT,
    "transpose": _MOVED, "permute": _MOVED, "swapaxes": _MOVED, "movedim": _MOVED, "rearrange": _MOVED,
    "reshape": _RESHAPED, "view": _RESHAPED, "unflatten": _RESHAPED,
    "identity": "write 'layers: []' where a value is only passed on",
    "sub": "write scale: -1 behind the value that is taken away, and add",
    "subtract": "write scale: -1 behind the value that is taken away, and add",
    "exp": "there is no exp", "abs": "there is no abs", "div": "there is no division; mul multiplies",
    "maxunpool": _NO_UNPOOLING, "unpool": _NO_UNPOOLING,
    "deformconv": "there is no deformable convolution yet",
    "rmsnorm": _RMS, "l2norm": _RMS, "weightnorm": _NO_NORM_OF_WEIGHTS, "spectralnorm": _NO_NORM_OF_WEIGHTS,
    "headdim": _WIDTHS, "keydim": _WIDTHS, "valuedim": _WIDTHS, "kvheads": _WIDTHS, "keyheads": _WIDTHS,
    "crossattention": _WIDTHS,
    "frozen": _FROZEN, "freeze": _FROZEN, "requiresgrad": _FROZEN, "trainable": _FROZEN,
    "padmode": _ZEROS, "paddingmode": _ZEROS, "reflect": _ZEROS, "replicate": _ZEROS, "circular": _ZEROS,
    "trilinear": _MODES, "bicubic": _MODES,
    "interpolate": "write upsample, with a whole factor", "resize": "write upsample, with a whole factor",
}  # fmt: skip


def check_name(name: str, node: YamlNode, what: str = "a layer") -> None:
    """Refuses a name that is no path component, or that means something else in ``from``."""
    if not _NAME.fullmatch(name):
        hint = f"letters, digits, _ and -, at most {NAME_LIMIT}, not starting with -"
        raise node.error(f"{quote(name)} can't be the name of {what}", hint)
    if name in RESERVED_NAMES:
        raise node.error(f"the name '{name}' is reserved by the language")


def check_identifier(name: str, node: YamlNode) -> None:
    """Refuses what can't be the name of a variable, or is set by the language."""
    if not _IDENTIFIER.fullmatch(name):
        raise node.error(f"{quote(name)} can't be the name of a variable", "letters, digits and _")
    check_free(name, node)


def check_free(name: str, node: YamlNode) -> None:
    """Refuses the name of a variable that is set by the language."""
    if name in AUTOMATIC or name in ("stage", "stages"):
        raise node.error(f"the variable ${name} is set by the language")


def counted(count: int, noun: str) -> str:
    """``1 value``, ``2 values``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def other_word(text: str, known: Container[str] = OPS) -> str | None:
    """A hint for a word of other frameworks (``BatchNorm2d``, ``in_channels``); None if no word of ``known``."""
    if re.match(r"\w+:", text, re.ASCII):
        return NO_SPACE
    plain = re.sub(r"(?<=[a-z])[123]d$", "", text.lower().replace("_", ""))
    spelled = next((name for name in OPS if name.replace("_", "") == plain), None)
    word = _OTHER_WORDS.get(plain) or spelled or _NOT_THERE.get(plain)
    if word is None or word == text or (word in OPS and word not in known):
        return None
    if word not in OPS:
        return word
    first = next(iter(OPS[word].fields), "")
    return f"write {word}" + (f", which takes its outputs first; {INPUT_IS_KNOWN}" if first == "out" else "")


def suggest_variable(name: str, known: frozenset[str]) -> str | None:
    """A hint for the name of a variable that there is not."""
    return suggest(name, known - AUTOMATIC) or suggest(name, known) or "put variables under vars:"


def suggest_argument(name: str, known: Collection[str]) -> str | None:
    """A hint for an argument that the operation does not have."""
    if name == "size" and "factor" in known:
        return _FACTOR
    return other_word(name, ()) or suggest(name, known)


def suggest_operation(name: str, known: Collection[str]) -> str | None:
    """A hint for a word that is no operation."""
    from cnncalc.spec import zoo

    hint = other_word(name) or suggest(name, known)
    if hint is None and name in zoo.names():
        hint = f"write 'extends: {name}' at the top, and '{{base: NAME}}' for its layers"
    return hint


def unknown_follower(node: YamlNode, word: str, role: str) -> SpecError:
    """The error for a word that ``norm:`` or ``act:`` does not know."""
    wanted = "norm" if role == "norm" else "activation"
    names = [name for name, op in OPS.items() if op.role == wanted]
    if word in names:
        needed = next(field.name for field in OPS[word].fields.values() if field.required)
        return node.error(f"{word} needs {needed}", f"set it under defaults, for example '{word}: {{{needed}: ...}}'")

    def hint() -> str:
        return other_word(word, names) or suggest(word, [*names, "none"]) or f"such as {', '.join(names[:5])}"

    return node.error(f"unknown {role} {quote(word)}", hint)
