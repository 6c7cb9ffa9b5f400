"""A layer's formulas as text: symbols, numbers, value. Plain, as Markdown with LaTeX, and as JSON data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from cnncalc import units
from cnncalc.analysis.report import plain as as_json
from cnncalc.columns import COLUMNS, OF_A_RUN, words
from cnncalc.derivation import params_of
from cnncalc.derivation.expression import Expression, Product, Quotient, Rounded, Sum, Symbol
from cnncalc.derivation.layer import Formula
from cnncalc.derivation.page import Page, Part
from cnncalc.render import markdown, narrow, plain
from cnncalc.render.table import Heading, Table, captions

#: a symbol, or the part of it before the first underscore, in words
MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "c": "channels",
        "z": "depth",
        "h": "height",
        "w": "width",
        "l": "length",
        "t": "tokens",
        "f": "features",
        "axis": "size of an axis of a tensor",
        "k": "kernel",
        "s": "stride",
        "p": "padding on each side",
        "d": "dilation",
        "o": "output padding",
        "g": "groups",
        "u": "factor",
        "m": "window",
        "n": "batch",
        "r": "values of this shape, one for each region or view",
        "b": "bytes of a value",
        "multiplier": "output channels for each input channel",
        "pairs": "pairs of output and input maps that connections names",
        "power": "exponent",
        "samples": "samples per axis",
        "heads": "heads of the attention",
        "hidden": "width of the network that makes the position bias",
        "size": "channels in the sum",
        "inputs": "number of inputs",
        "pieces": "channels that become one",
        "before": "put or cut before",
        "after": "put or cut after",
        "start": "first one taken",
        "stop": "first one not taken",
        "cut": "places of windows in the padding or past the end",
        "empty": "windows that read no pixel",
        "gcd": "greatest common divisor of input and output size",
        "rf": "receptive field of the input",
        "jump": "input pixels from one value of the input to the next",
        "first": "first pixel that an input sees",
        "last": "last pixel that an input sees",
    }
)

_SUM, _PRODUCT, _ATOM = range(3)


def _captions(page: Page) -> list[str]:
    """The network, the assumptions, the layer."""
    shapes = " and ".join(map(units.cell, page.inputs))
    arrow = f"{shapes} -> " if shapes else ""
    return [*captions(page.report, worked=True), f"{page.path}: {page.what}", f"{arrow}{units.cell(page.out)}"]


def write(expression: Expression, numbers: bool) -> str:
    """The expression in the characters of a keyboard, with its symbols or with their numbers."""
    return _plain(expression, numbers)[0]


def _plain(expression: Expression, numbers: bool) -> tuple[str, int]:
    """The text, and how strongly it holds together."""

    def inside(part: Expression, least: int) -> str:
        text, strength = _plain(part, numbers)
        return text if strength >= least else f"({text})"

    if isinstance(expression, Sum):
        signs = [" - " if sign < 0 else " + " for sign, _ in expression.terms]
        terms = [inside(term, _PRODUCT) for _, term in expression.terms]
        text = "".join([part for pair in zip(signs, terms, strict=True) for part in pair])
        return text.removeprefix(" + ").replace(" - ", "-", 1) if text.startswith(" - ") else text[3:], _SUM
    if isinstance(expression, Product):
        return "*".join(
            [inside(f, _ATOM if isinstance(f, Quotient) else _PRODUCT) for f in expression.factors]
        ), _PRODUCT
    if isinstance(expression, Quotient):
        return f"{inside(expression.top, _PRODUCT)}/{inside(expression.bottom, _ATOM)}", _PRODUCT
    if isinstance(expression, Rounded):
        return f"{expression.how}({write(expression.inner, numbers)})", _ATOM
    if isinstance(expression, Symbol) and not numbers:
        return expression.name, _ATOM
    # a fraction or a negative number stands in brackets wherever something is done with it
    return str(expression.value), _ATOM if isinstance(expression.value, int) and expression.value >= 0 else _SUM


def latex(expression: Expression, numbers: bool) -> str:
    """The expression in LaTeX, with its symbols or with their numbers."""
    if isinstance(expression, Sum):
        terms = [("- " if sign < 0 else "+ ") + _bracketed(term, numbers, Sum) for sign, term in expression.terms]
        return " ".join(terms).removeprefix("+ ")
    if isinstance(expression, Product):
        return r"\cdot ".join([_bracketed(factor, numbers, Sum) for factor in expression.factors])
    if isinstance(expression, Quotient):
        return rf"\frac{{{latex(expression.top, numbers)}}}{{{latex(expression.bottom, numbers)}}}"
    if isinstance(expression, Rounded):
        side = "floor" if expression.how == "floor" else "ceil"
        inner = latex(expression.inner, numbers)
        return rf"\left\l{side}{' ' if inner[0].isalpha() else ''}{inner}\right\r{side}"
    if isinstance(expression, Symbol) and not numbers:
        return _latex_name(expression.name)
    value = expression.value
    return str(value) if isinstance(value, int) else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _bracketed(part: Expression, numbers: bool, loose: type[Expression]) -> str:
    text = latex(part, numbers)
    return rf"\left({text}\right)" if isinstance(part, loose) or text.startswith("-") else text


def _latex_name(name: str) -> str:
    base, _, index = name.partition("_")
    if base not in MEANINGS:
        return rf"\text{{{name.replace('_', ' ')}}}"
    letter = base if len(base) == 1 else rf"\text{{{base}}}"
    if len(index) > 1:
        index = rf"{{\text{{{index}}}}}"
    return f"{letter}_{index}" if index else letter


def legend(formulas: Iterable[Formula]) -> dict[str, str]:
    """Every symbol that is used and no line of its own, with its meaning."""
    known = {formula.quantity for formula in formulas}
    used = [symbol.name for formula in formulas for symbol in formula.expression.symbols()]
    return {name: _meaning(name) for name in dict.fromkeys(used) if name not in known}


def _meaning(name: str) -> str:
    return MEANINGS[name.partition("_")[0].rstrip("0123456789")]


def _legend_line(formulas: Sequence[Formula]) -> list[str]:
    grouped: dict[str, list[str]] = {}
    for name, meaning in legend(formulas).items():
        grouped.setdefault(meaning, []).append(name)
    return ["; ".join(f"{', '.join(names)}: {meaning}" for meaning, names in grouped.items())] if grouped else []


def _unit(quantity: str) -> str:
    """What stands after a value; a pass has the unit of its figure."""
    figure = quantity.removeprefix("backward_").removeprefix("step_")
    known = COLUMNS.get(figure) or OF_A_RUN.get(figure)
    return known.unit if known else ""


def _equation(formula: Formula) -> str:
    """``11*11*3*96 = 34,848 weights``."""
    return " ".join([_numbers(formula.expression), _unit(formula.quantity)]).rstrip()


def _numbers(expression: Expression) -> str:
    """``11*11*3*96 = 34,848``; of a number alone, itself."""
    value = _value(expression.value)
    return f"{write(expression, True)} = {value}" if expression.parts() else value


def _value(value: Any) -> str:
    return units.grouped(value) if isinstance(value, int) else str(value)


def _note(formula: Formula) -> str:
    size = [units.both_bytes(formula.value)] if _unit(formula.quantity) == "bytes" and formula.value >= 1000 else []
    return ", ".join([*size, *([formula.note] if formula.note else [])])


def to_plain(page: Page, room: int | None = None) -> str:
    """A line for each quantity: what it is, its formula, the numbers; of a block a line for each layer.

    ``room`` is the width of a terminal, if that is what it is for: where it is too narrow for columns, a quantity is a
    sentence, and a block has fewer columns.
    """
    table = _parts_table(page) if page.parts else _table(page)
    spare = ["op", *reversed([heading.key for heading in table.headings[3:]])] if page.parts else []
    table, left_out = narrow.without(table, room, spare)
    notes = narrow.folded([*table.notes, *left_out], room, "  ")
    table = table._replace(captions=narrow.folded(table.captions, room, "  "), notes=notes)
    if page.parts or narrow.fits(table, room):
        return plain.write(table)
    rows = narrow.folded([_sentence(*row) for row in table.rows], room, "    ")
    return "\n".join([*table.captions, "", *rows, *([""] if table.notes else []), *table.notes]) + "\n"


def _sentence(quantity: str, symbolic: str, numbers: str, note: str) -> str:
    """``weights: k_h*k_w*c_in*c_out = 11*11*3*96 = 34,848 weights; shared``."""
    return "; ".join([f"{quantity}: {' = '.join(filter(None, (symbolic, numbers)))}", *([note] if note else [])])


def _table(page: Page) -> Table:
    headings = [Heading(key, key, False) for key in ("quantity", "formula", "numbers")]
    rows = []
    for formula in page.formulas:
        symbolic = write(formula.expression, False)
        named = symbolic if list(formula.expression.symbols()) else ""
        rows.append([words(formula.quantity), named, _equation(formula), _note(formula)])
    notes = [*_legend_line(page.formulas), *page.notes]
    return Table(_captions(page), [*headings, Heading("note", "", False)], rows, [], notes, [], [])


def _parts_table(page: Page) -> Table:
    sums = {formula.quantity: formula.value for formula in page.formulas}
    figured = [key for key in ("flops", "backward_macs", "step_macs", "activations") if key in sums]
    keys = ("layer", "op", "output", "params", "MACs", *map(words, figured))
    headings = [Heading(key, key, number > 4) for number, key in enumerate(keys)]
    rows = []
    cells: dict[int, list[str]] = {}  # equal layers share their formulas
    for part in page.parts:
        if id(part.formulas) not in cells:
            figures = {formula.quantity: formula.value for formula in part.formulas}
            written = [_numbers(expression) for expression in _written_out(part)]
            cells[id(part.formulas)] = [*written, *[units.grouped(figures[key]) for key in figured]]
        rows.append([part.path[len(page.path) + 1 :], part.op, units.cell(part.out), *cells[id(part.formulas)]])
    added = [units.grouped(sums[key]) for key in ("params", "macs", *figured)]
    return Table(_captions(page), headings, rows, ["total", "", "", *added], list(page.notes), [], [])


def _written_out(part: Part) -> tuple[Expression, Expression]:
    """Parameters and MACs of a layer, each in one expression."""
    return params_of(part.formulas), next(one.expression for one in part.formulas if one.quantity == "macs")


def to_markdown(page: Page) -> str:
    """The same with the formulas in LaTeX, each in a paragraph of its own; a block is a table."""
    lines = [text for caption in _captions(page) for text in (markdown.escape(caption), "")]
    if page.parts:
        table = _parts_table(page)
        rows = []
        for part, (path, op, out, _, _, *figures) in zip(page.parts, table.rows, strict=True):
            maths = [f"${_latex_numbers(expression)}$" for expression in _written_out(part)]
            rows.append([markdown.escape(path), markdown.escape(op), out, *maths, *figures])
        lines += markdown.grid(table.headings, rows, table.total, str)
        return "\n".join([*lines, "", *[f"- {markdown.escape(note)}" for note in page.notes]]) + "\n"
    for formula in page.formulas:
        symbols = f" ${latex(formula.expression, False)}$" if list(formula.expression.symbols()) else ""
        note = _note(formula)
        lines += [f"**{words(formula.quantity)}**{symbols}{f': {markdown.escape(note)}' if note else ''}", ""]
        lines += [f"$${_latex_equation(formula)}$$", ""]
    notes = [f"- {_latex_legend(page.formulas)}"] + [f"- {markdown.escape(note)}" for note in page.notes]
    return "\n".join([*lines, *notes]) + "\n"


def _latex_equation(formula: Formula) -> str:
    unit = _unit(formula.quantity)
    return _latex_numbers(formula.expression) + (rf"\ \text{{{unit}}}" if unit else "")


def _latex_numbers(expression: Expression) -> str:
    value = _value(expression.value).replace(",", "{,}")
    return f"{latex(expression, True)} = {value}" if expression.parts() else value


def _latex_legend(formulas: Sequence[Formula]) -> str:
    grouped: dict[str, list[str]] = {}
    for name, meaning in legend(formulas).items():
        grouped.setdefault(meaning, []).append(f"${_latex_name(name)}$")
    return "; ".join(f"{', '.join(names)}: {meaning}" for meaning, names in grouped.items())


def to_json(page: Page) -> dict[str, Any]:
    """The page as JSON data, ``cnncalc.explain/1``."""
    from cnncalc import __version__

    shared = {id(part.formulas): part.formulas for part in page.parts}  # equal layers share their formulas
    data = {key: list(map(_data, formulas)) for key, formulas in shared.items()}
    return {
        "schema": "cnncalc.explain/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "spec": as_json(page.report.spec, float),
        "assumptions": as_json(page.report.assumptions),
        "layer": page.path,
        "what": page.what,
        "in": as_json(list(page.inputs)),
        "out": as_json(page.out),
        "legend": {} if page.parts else legend(page.formulas),
        "formulas": list(map(_data, page.formulas)),
        "layers": [
            {"path": part.path, "op": part.op, "out": as_json(part.out), "formulas": data[id(part.formulas)]}
            for part in page.parts
        ],
        "diagnostics": list(page.diagnostics),
    }


def _data(formula: Formula) -> dict[str, Any]:
    return {
        "quantity": formula.quantity,
        "symbolic": write(formula.expression, False),
        "substituted": write(formula.expression, True),
        "value": as_json(formula.value),
        "note": formula.note,
    }
