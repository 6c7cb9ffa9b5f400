"""Tables for papers and pages: LaTeX and HTML that stay what they are whatever a spec says, and CSV as the table is."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest

from cnncalc import __version__, compare, load
from cnncalc.render import html, latex
from cnncalc.render.table import Heading, Table

NASTY = [
    "a & b % c $ d # e_f {g} ~h ^i \\j",
    "<script>alert(1)</script>",
    "--> x <!--",
    "\\end{table}",
    "3x224x224",
    "é ü 中",
    "a|b \"q\" 'p'",
]


def made(text: str) -> Table:
    headings = [Heading("a", text, False), Heading("b", "n", True)]
    return Table([text], headings, [[text, "1,000"]], ["total", "1,000"], [text], [], [], made=(f"cnncalc {text}",))


class Reader(HTMLParser):
    """What a page says: its elements, and the texts between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.comments = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments += 1


@pytest.mark.parametrize("text", NASTY)
def test_text_stays_text_in_html(text):
    reader = Reader()
    reader.feed(html.write(made(text)))
    assert set(reader.tags) == {"table", "caption", "thead", "tr", "th", "tbody", "td", "tfoot", "ul", "li"}
    assert "".join(reader.texts).count(text) == 4  # caption, heading, cell, note
    assert reader.comments == 1


@pytest.mark.parametrize("text", NASTY)
def test_text_stays_text_in_latex(text):
    lines = [line for line in latex.write(made(text)).splitlines() if not line.startswith("%")]
    body = "\n".join(lines)
    known = r"\\(begin|end)\{(table|tabular)\}|\\(centering|caption|toprule|midrule|bottomrule|par|footnotesize)|\{lr\}"
    bare = re.sub(known, "", body).replace("\\\\", "")
    # what is left of markup: escaped characters, words for characters, and sizes
    bare = re.sub(
        r"\\text(backslash|asciitilde|asciicircum|less|greater|bar|quotedbl)\{\}|\\[&%$#_{}]|\$\d+(\{\\times\}\d+)+\$",
        "",
        bare,
    )
    assert not re.search(r"[\\%$#_^~]", bare), bare
    assert bare.count("&") == 3  # a row has two cells
    assert bare.count("{") == bare.count("}") == 1  # of the caption
    assert body.count("\\begin{table}") == body.count("\\end{table}") == 1


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("3x224x224", r"$3{\times}224{\times}224$"),
        ("64x1x1 -> 10", r"$64{\times}1{\times}1$ -\textgreater{} 10"),
        ("x2", "x2"),
        ("conv_2 ... conv_3  x2", r"conv\_2 ... conv\_3  x2"),
        ("resnext50_32x4d", r"resnext50\_32x4d"),
        ("0x1f", "0x1f"),
        ("1.5x", "1.5x"),
    ],
)
def test_sizes_in_latex(text, written):
    assert latex.escape(text) == written


@pytest.mark.parametrize("kind", ["latex", "html"])
def test_a_table_says_what_it_was_made_of(cnncalc, kind):
    out = cnncalc("params", "vgg16", "--batch", "2", "-f", kind).out
    digest = load("vgg16").analyze().to_dict()["spec"]["sha256"]
    assert f"cnncalc {__version__}" in out
    assert f"vgg16, sha256 {digest}: input 3x224x224, batch 2, float32, convention macs" in out
    assert "138,357,544" in out


def test_a_comparison_says_it_of_each(cnncalc):
    out = cnncalc("compare", "vgg16", "vgg19", "-f", "latex").out
    assert [line.split(",")[0] for line in out.splitlines() if "sha256" in line] == ["% vgg16", "% vgg19"]


def test_csv_as_the_table_is(cnncalc):
    rows = list(csv.DictReader(io.StringIO(cnncalc("params", "vgg16", "-f", "csv", "--folded").out)))
    assert [row["path"] for row in rows][8:10] == ["stage3.conv_2 ... conv_3  x2", "stage3.pool"]
    assert rows[-1] == {"path": "total", "op": "", "out": "", "params": "138357544"}
    assert sum(int(row["params"]) for row in rows[:-1]) == 138_357_544


def test_without_it_a_column_can_be_summed(cnncalc):
    rows = list(csv.DictReader(io.StringIO(cnncalc("params", "vgg16", "-f", "csv").out)))
    assert sum(int(row["params"]) for row in rows) == 138_357_544
    assert len(rows) == 40  # 13 convolutions, 3 linear layers, 15 relu, 5 pools, 2 dropouts, flatten, the input


def test_folded_and_full_contradict(cnncalc):
    assert cnncalc("params", "vgg16", "--folded", "--full")[:3] == (
        2,
        "",
        "error: --folded and --full contradict each other\n",
    )


def test_a_notebook_shows_the_table():
    report = load("lenet5").analyze()
    assert "<caption>lenet5: LeNet-5 as published" in report._repr_html_()
    assert "60,000" in report._repr_html_()
    assert "<table>" in compare("vgg16", "vgg19")._repr_html_()
