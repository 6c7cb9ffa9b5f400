"""What a spec says of published figures and limits: ``claims``, ``facts``, ``budget``, ``lint``; read, not judged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc.columns import COLUMNS
from cnncalc.errors import CnncalcError, Location, SpecError, UsageError, quote, suggest
from cnncalc.graph.graph import LIBRARIES
from cnncalc.spec.compile.words import other_word
from cnncalc.spec.reader import MappingNode, Scalar, SequenceNode, YamlNode
from cnncalc.values import DTYPES

if TYPE_CHECKING:
    from fractions import Fraction

#: the most bytes alive at once, which are no columns
MEMORY = ("inference_memory", "training_memory")
CLAIM_KEYS = (
    "source", "at", "convention", "tol", "input", "of", "with_side", "holds", "because", "batch", "dtype", "optimizer",
    "attention", "written",
)  # fmt: skip
BUDGET_KEYS = ("warn", "max", "batch", "dtype", "optimizer", "attention")
#: the words of a key that takes one of a few
WORDS = {
    "dtype": tuple(DTYPES),
    "optimizer": ("none", "sgd", "momentum", "adam", "adamw"),
    "attention": ("flash", "efficient", "math"),
    "written": LIBRARIES,
}

_MULTIPLES = {
    "": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
_FIGURE = re.compile(r"(\d+)(?:\.(\d+))?(?:[eE](\d{1,2}))?[ ]?([KMGT]i?)?(B)?", re.ASCII)
_RATIO = re.compile(r"(\d{1,15})/(\d{1,15})", re.ASCII)


def limitable() -> dict[str, str]:
    """What a budget may limit: totals of columns, and the memory of a run; with their units."""
    totals = {column.name: column.unit for column in COLUMNS.values() if column.claimable and column.total != "none"}
    return {**totals, **dict.fromkeys(MEMORY, "bytes")}


def claimable() -> dict[str, str]:
    """What a claim may state: besides what can be limited, lists of sizes, whose unit is pixels."""
    lists = [column.name for column in COLUMNS.values() if column.claimable and column.unit == "pixels"]
    return {**limitable(), **dict.fromkeys(("shape", *lists), "pixels")}


def in_bytes(quantity: str) -> bool:
    """Whether a quantity is a number of bytes, not a count."""
    return quantity in MEMORY or (quantity in COLUMNS and COLUMNS[quantity].unit == "bytes")


#: no device has more bytes
BYTE_LIMIT = 10**15


class Figure(NamedTuple):
    """A printed figure: its value, and the half of its last printed digit (0 for a whole number, which is exact)."""

    value: Fraction
    half_digit: Fraction


class Claim(NamedTuple):
    """A published figure as the spec carries it: a number, or a list of sizes, which ``sizes`` holds."""

    quantity: str
    printed: str
    sizes: tuple[int, ...] | None
    holds: bool
    options: dict[str, Any]
    location: Location

    @property
    def figure(self) -> Figure | None:
        """The printed number, None for a list of sizes."""
        return read_figure(self.printed) if self.sizes is None else None

    def to_dict(self) -> dict[str, Any]:
        """The claim as JSON data."""
        return {
            "quantity": self.quantity,
            "printed": self.printed,
            "holds": self.holds,
            **{key: self.options.get(key) for key in CLAIM_KEYS if key != "holds" and key in self.options},
            "file": self.location.file,
            "line": self.location.line,
        }


class Budget(NamedTuple):
    """Limits on a quantity, as printed; ``options`` say of which batch and which settings they are."""

    quantity: str
    warn: str | None
    max: str | None
    options: dict[str, Any]
    location: Location


def is_figure(text: str) -> bool:
    """Whether :func:`read_figure` reads the text."""
    ratio = _RATIO.fullmatch(text)
    return int(ratio[2]) > 0 if ratio else len(text) <= 40 and _FIGURE.fullmatch(text) is not None


def read_figure(text: str) -> Figure | None:
    """``138M``, ``4.089G``, ``159Ki``, ``96MB``, ``12345``, ``1/12``; None where the text is none of these.

    A figure with a decimal point or a multiple holds within half of its last printed digit, a plain whole number
    exactly, and so does a ratio.
    """
    if not is_figure(text):
        return None
    from fractions import Fraction

    match = _FIGURE.fullmatch(text)
    if not match:
        return Figure(Fraction(text), Fraction(0))
    whole, decimals, exponent, multiple, _ = match.groups()
    scale = _MULTIPLES[multiple or ""] * 10 ** int(exponent or 0)
    digit = Fraction(scale, 10 ** len(decimals or ""))
    exact = digit == 1 and not exponent and not multiple
    return Figure(int(whole + (decimals or "")) * digit, Fraction(0) if exact else digit / 2)


def size_in_bytes(what: str, given: object) -> int:
    """Bytes, as a number or as ``24GB`` (of 10**9 bytes), ``24GiB`` (of 2**30), ``512MB``.

    Raises:
        UsageError: it is no such size, no whole number, or more than a petabyte; ``what`` it is stands in the message.
    """
    value: Fraction | int | None = given if type(given) is int else None
    if isinstance(given, str) and "/" not in given:
        figure = read_figure(given.replace("kB", "KB"))
        value = None if figure is None else figure.value
    if value is None or value < 0:
        raise UsageError(f"{what} must be a size like 24GB, 24GiB, 512MB or 16000000000, not {quote(given)}")
    if value.denominator != 1:
        raise UsageError(f"{what} must be a whole number of bytes, not {quote(given)}")
    if value > BYTE_LIMIT:
        raise UsageError(f"{what} must be at most a petabyte, not {quote(given)}")
    return int(value)


def read_claims(node: YamlNode | None, errors: list[CnncalcError]) -> tuple[Claim, ...]:
    """The claims of a spec. Problems are added to ``errors``."""
    claims = []
    known = claimable()
    for item in _items(node, "claims", errors):
        try:
            claims.append(_claim(item, known))
        except CnncalcError as error:
            errors.append(error)
    return tuple(claims)


def _items(node: YamlNode | None, what: str, errors: list[CnncalcError]) -> list[MappingNode]:
    if node is None:
        return []
    if not isinstance(node, SequenceNode):
        errors.append(node.error(f"{what} must be a list, not {node.kind}"))
        return []
    items = []
    for item in node.items:
        if isinstance(item, MappingNode):
            items.append(item)
        else:
            errors.append(item.error(f"an item of {what} must be a mapping, not {item.kind}"))
    return items


def _claim(item: MappingNode, known: Mapping[str, str]) -> Claim:
    found = [key for key in item.entries if key in known]
    for word, (place, _) in item.entries.items():
        if word not in known and word not in CLAIM_KEYS:
            hint = partial(_suggest, word, (*known, *CLAIM_KEYS))
            raise place.error(f"a claim has no quantity or key {quote(word)}", hint)
    if len(found) != 1:
        stated = f"{len(found)}: {', '.join(found)}" if found else "none"
        raise item.error(
            f"a claim states one quantity, but this has {stated}", "for example '{params: 138M, source: ...}'"
        )
    quantity = found[0]
    key, value = item.entries[quantity]
    sizes = None
    if known[quantity] == "pixels":
        sizes = _sizes(value, quantity)
        printed = "x".join(map(str, sizes))
    else:
        printed = _text(value, quantity)
        if not is_figure(printed):
            raise value.error(f"{quantity} must be a figure like 138M, 4.1G, 96MB or 1/12, not {quote(printed)}")
        _check_unit(quantity, printed, value, known)
    options: dict[str, Any] = {}
    holds = True
    for name, (_, option) in item.entries.items():
        if name == "holds":
            holds = _flag(option, name)
        elif name == "with_side":
            options[name] = _flag(option, name)
        elif name == "input":
            options[name] = list(_sizes(option, name))
        elif name == "batch":
            options[name] = _batch(option)
        elif name in WORDS:
            options[name] = _word(option, name)
        elif name != quantity:
            options[name] = _text(option, name)
    if not holds and "because" not in options:
        raise key.error("a claim with holds: false needs because", "say what the figure should be and why")
    if "tol" in options and not re.fullmatch(r"\d+(\.\d+)?%", options["tol"], re.ASCII):
        raise item.entries["tol"][1].error(f"tol must be a percentage like 2%, not {quote(options['tol'])}")
    return Claim(quantity, printed, sizes, holds, options, key.location)


def _suggest(word: str, known: tuple[str, ...]) -> str | None:
    return other_word(word, ()) or suggest(word, known)


def _text(node: YamlNode, what: str) -> str:
    if not isinstance(node, Scalar):
        raise node.error(f"{what} must be text, not {node.kind}")
    return node.text


def _word(node: YamlNode, key: str) -> str:
    text = _text(node, key)
    if text not in WORDS[key]:
        raise node.error(f"unknown {key} {quote(text)}", partial(suggest, text, WORDS[key]))
    return text


def _flag(node: YamlNode, what: str) -> bool:
    text = node.text if isinstance(node, Scalar) else ""
    if text not in ("true", "false"):
        raise node.error(f"{what} must be true or false, not {quote(text) if text else node.kind}")
    return text == "true"


def _check_unit(quantity: str, printed: str, node: YamlNode, known: Mapping[str, str]) -> None:
    if printed.endswith("B") and known[quantity] != "bytes":
        in_bytes = ", ".join([name for name, unit in known.items() if unit == "bytes"])
        raise node.error(f"{quantity} is a count, but {quote(printed)} is in bytes", f"quantities in bytes: {in_bytes}")


def _batch(node: YamlNode) -> int:
    text = node.text if isinstance(node, Scalar) else ""
    if not re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
        raise node.error(f"batch must be a whole number of at least 1, not {quote(text) if text else node.kind}")
    return int(text)


def _sizes(node: YamlNode, what: str) -> tuple[int, ...]:
    items = node.items if isinstance(node, SequenceNode) else [node]
    sizes = []
    for item in items:
        text = item.text if isinstance(item, Scalar) else ""
        if not re.fullmatch(r"[1-9]\d{0,9}", text, re.ASCII):
            raise item.error(f"{what} must be a list of whole numbers, not {quote(text) if text else item.kind}")
        sizes.append(int(text))
    return tuple(sizes)


def read_facts(node: YamlNode | None, errors: list[CnncalcError]) -> tuple[dict[str, str], ...]:
    """Published facts that can't be computed, each with its source: ``{top1: 76.13%, source: ...}``."""
    facts = []
    for item in _items(node, "facts", errors):
        if "source" not in item.entries:
            errors.append(item.error("a fact needs a source"))
            continue
        try:
            facts.append({key: _text(value, key) for key, (_, value) in item.entries.items()})
        except SpecError as error:
            errors.append(error)
    return tuple(facts)


def read_budget(node: YamlNode | None, errors: list[CnncalcError]) -> tuple[Budget, ...]:
    """Limits by quantity: ``{params: {warn: 25M, max: 26M}}``."""
    if node is None:
        return ()
    if not isinstance(node, MappingNode):
        errors.append(node.error(f"budget must be a mapping of quantities, not {node.kind}"))
        return ()
    budgets = []
    for quantity, (key, value) in node.entries.items():
        try:
            budgets.append(_budget(quantity, key, value))
        except SpecError as error:
            errors.append(error)
    return tuple(budgets)


def _budget(quantity: str, key: Scalar, value: YamlNode) -> Budget:
    known = limitable()
    if quantity not in known:
        raise key.error(f"a budget has no quantity {quote(quantity)}", partial(_suggest, quantity, tuple(known)))
    if not isinstance(value, MappingNode):
        raise value.error(f"the budget of {quantity} must be a mapping with warn or max", "for example '{max: 26M}'")
    limits: dict[str, str] = {}
    options: dict[str, Any] = {}
    for name, (place, item) in value.entries.items():
        if name not in BUDGET_KEYS:
            raise place.error(f"a budget has no key {quote(name)}", partial(suggest, name, BUDGET_KEYS))
        if name == "batch":
            options[name] = _batch(item)
        elif name in ("warn", "max"):
            limits[name] = _text(item, name)
            if not is_figure(limits[name]):
                raise item.error(f"{name} must be a figure like 26M, not {quote(limits[name])}")
            _check_unit(quantity, limits[name], item, known)
        else:
            options[name] = _word(item, name)
    if not limits:
        raise value.error(f"the budget of {quantity} needs warn or max", "for example '{max: 26M}'")
    return Budget(quantity, limits.get("warn"), limits.get("max"), options, key.location)


def read_lint(node: YamlNode | None, errors: list[CnncalcError]) -> dict[str, Location]:
    """The codes of the lint rules to ignore, ``{ignore: [CN003]}``, and where each stands."""
    if node is None:
        return {}
    if not isinstance(node, MappingNode) or set(node.entries) != {"ignore"}:
        errors.append(node.error("lint must be a mapping with ignore", "for example 'lint: {ignore: [CN003]}'"))
        return {}
    value = node.entries["ignore"][1]
    codes = {}
    for item in value.items if isinstance(value, SequenceNode) else [value]:
        text = item.text if isinstance(item, Scalar) else ""
        if re.fullmatch(r"CN\d{3}", text, re.ASCII):
            codes[text] = item.location
        else:
            errors.append(
                item.error(f"a lint code must be CN and three digits, not {quote(text) if text else item.kind}")
            )
    return codes
