"""Judges published figures: integers exactly, rounded ones to their printed digits or within their tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from cnncalc import units
from cnncalc.check.model import Finding, JudgedClaim
from cnncalc.check.subject import Subject
from cnncalc.columns import COLUMNS, words
from cnncalc.errors import CnncalcError, UsageError, quote, suggest
from cnncalc.spec.claims import MEMORY, Claim, Figure, in_bytes
from cnncalc.values import whole


def judge(subject: Subject, claim: Claim) -> tuple[JudgedClaim, Finding | None]:
    """A claim beside what the network has in its place; and a finding where they disagree with what is said of them."""
    try:
        computed = measure(subject, claim)
    except CnncalcError as error:
        judged = JudgedClaim(claim.to_dict(), label(claim), None, None, None, "fails", claim.location)
        return judged, _finding(subject, claim, error.message, error.hint)
    if computed is None:
        judged = JudgedClaim(claim.to_dict(), label(claim), None, None, None, "not judged", claim.location)
        message = f"this version can't compute {label(claim)}, so the claim is not checked"
        return judged, _finding(subject, claim, message, None, "note")
    agrees = agree(claim, computed)
    difference = relative = None
    figure = claim.figure
    if figure is not None:
        exact = computed - figure.value
        difference = float(exact) if "of" in claim.options else whole(exact)
        relative = float(exact / figure.value) if figure.value else None
    known = "; ".join(["", *(subject.attention(claim.options) if claim.quantity in MEMORY else [])])
    about = label(claim)
    verdict = ("holds" if agrees else "fails") if claim.holds else ("became true" if agrees else "misprint")
    found = float(computed) if "of" in claim.options else list(computed) if figure is None else computed
    judged = JudgedClaim(claim.to_dict(), about + known, found, difference, relative, verdict, claim.location)
    if verdict in ("holds", "misprint"):
        return judged, None
    shown = figure_text(claim.quantity, judged.computed)
    if verdict == "fails":
        shown += f"{difference_text(judged)}{known}"
        message = f"{about}: {claim.printed} is published, but the network has {shown}"
        return judged, _finding(subject, claim, message, _allowed(claim))
    message = f"{about}: {claim.printed} is marked holds: false, but the network has {shown}{known}"
    return judged, _finding(subject, claim, message, "remove holds: false, or correct the network")


def measure(subject: Subject, claim: Claim) -> Any:
    """What the network has: an int, a Fraction for a ratio or a mean, a tuple of sizes; None if it is not computed.

    Raises:
        UsageError: no such layer, convention, data type or network, or a quantity that a part does not have.
    """
    options = claim.options
    at = options.get("at")
    if at is not None and at not in subject.paths:
        raise UsageError(f"the network has no layer, block or stage {quote(at)}", hint=suggest(at, subject.paths))
    if claim.quantity == "shape":
        graph = subject.graph(options.get("input"))
        return graph.nodes[graph.paths[at] if at else graph.outputs[0]].shape
    report = subject.report(options)
    if claim.quantity not in MEMORY and COLUMNS[claim.quantity].unit == "pixels":
        return _sizes(subject, claim, report)
    if ("optimizer" in options and claim.quantity != "training_memory") or (
        "attention" in options and claim.quantity not in MEMORY
    ):
        return None
    column = "work" if "convention" in options and claim.quantity in ("macs", "flops") else claim.quantity
    if at is not None and (claim.quantity in MEMORY or COLUMNS[claim.quantity].total != "sum"):
        raise UsageError(f"{claim.quantity} is known for a whole network, not for a layer")
    value: int | Fraction
    if claim.quantity in MEMORY:
        value = subject.peak(claim.quantity, options).bytes
    elif at is None:
        value = report.totals[column]
    else:
        rows = subject.rows(report, at)
        value = whole(sum(report.columns[column][index] for index in rows))
    if "of" not in options:
        return value
    entire = claim._replace(options={key: item for key, item in options.items() if key not in ("of", "at", "input")})
    other = measure(subject.other(options["of"]), entire)
    if not other:
        raise UsageError(f"{options['of']} has no {claim.quantity} to compare with")
    return whole(Fraction(value, other))


def _sizes(subject: Subject, claim: Claim, report: Any) -> tuple[int, ...]:
    """The receptive field, a size per axis: at a layer, or of the last one that has a field."""
    sizes: Sequence[Any] = report.columns[claim.quantity]
    at = claim.options.get("at")
    if at is None:
        found = next((sizes[index] for index in reversed(report.counted) if sizes[index]), None)
    else:
        found = sizes[subject.graph(claim.options.get("input")).paths[at]]
    if not found:
        raise UsageError(f"no {words(claim.quantity)} is known {f'at {quote(at)}' if at else 'in this network'}")
    return tuple(found)


def agree(claim: Claim, computed: Any) -> bool:
    """Whether a computed value is what was printed: within half of its last digit, or its tolerance if that is wider.

    One size stands for all axes.
    """
    figure = claim.figure
    if figure is None:
        sizes = claim.sizes or ()
        return tuple(computed) == sizes or (len(sizes) == 1 and set(computed) == set(sizes))
    return bool(abs(computed - figure.value) <= _slack(claim, figure))


def _slack(claim: Claim, figure: Figure) -> Fraction:
    tolerance = claim.options.get("tol")
    if tolerance is None:
        return figure.half_digit
    return max(figure.half_digit, figure.value * Fraction(tolerance.rstrip("%")) / 100)


def label(claim: Claim) -> str:
    """``params of fc6``, ``flops (fvcore)``: what a claim is about."""
    options = claim.options
    text = claim.quantity
    if "at" in options:
        text += f" of {options['at']}"
    if "of" in options:
        text += f" over that of {options['of']}"
    given = [options["convention"]] if "convention" in options else []
    if "input" in options:
        given.append("x".join(map(str, options["input"])))
    given += [
        f"{key} {options[key]}" for key in ("batch", "dtype", "optimizer", "attention", "written") if key in options
    ]
    if options.get("with_side"):
        given.append("with side outputs")
    return f"{text} ({', '.join(given)})" if given else text


def figure_text(quantity: str, value: Any) -> str:
    """A computed value in full: grouped, bytes in both units too, a ratio with four digits."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "x".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return units.cell(value) + (f" = {units.both_bytes(value)}" if in_bytes(quantity) and value >= 1000 else "")


def difference_text(judged: JudgedClaim) -> str:
    """`` (+64, +3.7%)``: by how much the computed value is more; nothing for sizes, or without one."""
    if judged.relative is None or not judged.difference:
        return ""
    percent = 100 * judged.relative
    share = f"{percent:+,.0f}%" if abs(percent) >= 99.5 else f"{percent:+.2g}%"
    if not isinstance(judged.difference, int):
        return f" ({share})"
    return f" ({judged.difference:+,}, {share})"


def _allowed(claim: Claim) -> str | None:
    """What the printed digits, or the tolerance, allow."""
    figure = claim.figure
    slack = _slack(claim, figure) if figure else 0
    if not figure or not slack:
        return None
    low, high = figure.value - slack, figure.value + slack
    if "of" in claim.options:
        return f"it holds from {float(low):.4g} to {float(high):.4g}"
    first, last = -(-low // 1), high // 1
    if first > last:
        return "no whole number rounds to it"
    return f"it holds from {units.grouped(first)} to {units.grouped(last)}"


def _finding(subject: Subject, claim: Claim, message: str, hint: str | None, severity: str = "error") -> Finding:
    about = f"{label(claim)} {claim.printed}"
    if "source" in claim.options:
        hint = f"{hint}; source: {claim.options['source']}" if hint else f"source: {claim.options['source']}"
    return Finding("claim", severity, message, claim.location, subject.name, about, hint)
