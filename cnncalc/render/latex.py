"""Tables in LaTeX, for a paper: booktabs, with what they were made of in a comment."""

from __future__ import annotations

import re

from cnncalc.render.plain import WIDTH
from cnncalc.render.table import Table

_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", **{c: f"\\{c}" for c in "&%$#_{}"},
}  # fmt: skip
_ESCAPES = str.maketrans(_SPECIAL)
_SIZE = re.compile(r"(?<![\w.])(\d+(?:x\d+)+)(?!\w)")


def escape(text: str) -> str:
    """``text`` without meaning as markup; sizes like 3x224x224 with multiplication signs."""
    parts = _SIZE.split(text)
    sizes = (part.replace("x", r"{\times}") for part in parts[1::2])
    out = [part.translate(_ESCAPES) for part in parts[::2]]
    return "".join([out[0], *(f"${size}${text}" for size, text in zip(sizes, out[1:], strict=True))])


def write(table: Table) -> str:
    """The table as a ``table`` with its captions as caption and its notes below; it needs the package booktabs."""

    def line(cells: list[str]) -> str:
        return "    " + " & ".join(map(escape, cells)) + r" \\"

    columns = "".join("r" if heading.numeric else "l" for heading in table.headings)
    lines = [f"% {line}" for line in table.made]
    lines += [r"\begin{table}", r"  \centering"]
    if table.captions:
        lines.append(rf"  \caption{{{escape('; '.join(table.captions))}}}")
    lines += [
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        line([heading.title for heading in table.headings]),
    ]
    lines += [r"    \midrule", *map(line, table.rows)]
    if table.total:
        lines += [r"    \midrule", line(table.total)]
    lines += [r"    \bottomrule", r"  \end{tabular}"]
    lines += [rf"  \par\footnotesize {escape(note)}" for note in table.notes]
    lines += [f"% {drawn}" for drawn in (table.drawing(WIDTH, False) if table.drawing else [])]
    return "\n".join([*lines, r"\end{table}"]) + "\n"
