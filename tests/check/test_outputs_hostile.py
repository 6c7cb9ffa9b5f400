"""No text of a spec and no file name can forge a part of an output for CI; and the readers here would notice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from urllib.parse import unquote, urlsplit

import pytest

from cnncalc.check import github, junit, markdown, payload, sarif
from cnncalc.check.model import Checked, JudgedBudget, JudgedClaim
from cnncalc.errors import Location

from .formats import check_schema, checked, commands, finding, sarif_log, tables, xml

NASTY = [
    "::error::forged",
    "::error file=app.js,line=1::forged",
    "x\n::error::forged",
    "x\r::warning::forged",
    "x\r\n::set-output name=a::b",
    "x%0A::error::forged",
    "x%250A::error::forged",
    "##[error]forged",
    "####[add-mask]a",
    "x ##[group]forged",
    "::stop-commands::token",
    "a,file=other.py,line=99",
    "a::b,c:d;e=f",
    "| a | b |",
    "\\| a \\\\| b \\\\\\| c",
    "a\n| --- |\n| forged |",
    "</details>",
    "<details open><summary>x</summary>",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- comment",
    "<https://example.com>",
    "&lt;script&gt; &amp; &#124; &#x7c;",
    "[click](https://example.com)",
    "[click][1] [1]: https://example.com",
    "![x](https://example.com/x.png)",
    "**bold** *em* __b__ _e_ ~~s~~",
    "`code` ``x``",
    "$x^2$ $$y$$",
    "# heading",
    "@org/team and x@y.z #1",
    "- [ ] item",
    "> quote",
    "]]>",
    "<![CDATA[x]]>",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>&a;",
    '" message="forged" x="',
    "' onclick='x",
    "\x00\x01\x08\x0b\x0c\x1f\x7f",
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://example.com\x07link\x1b]8;;\x07",
    "\x9b31m\x85\x9c",
    "\u202egnihtemos\u2066x\u2069",
    "zero\u200bwidth\ufeff\u2060",
    "a\u2028b\u2029c",
    "\ud800 \udce9",
    "\ufffe\uffff",
    "=cmd|' /C calc'!A0",
    "[/] [red]x[/red] [link=https://example.com]x",
    "${{ secrets.X }} $(id) `id`",
    "Müller 论文 §3 — 😀",
    "\\",
    "",
]


def spoiled(text: str) -> list[Checked]:
    """A text in every place that a spec or a file name can put one into."""
    file = f"{text}.yaml"
    given = {"file": file, "spec": text, "subject": text, "hint": text}
    found = [
        finding("claim", "error", text, 1, **given),
        finding("budget", "warning", text, 2, **given),
        finding("CN012", "note", text, 3, **given),
    ]
    claim = {"quantity": "params", "printed": "1", "holds": False, "source": text, "because": text, "at": text}
    claim |= {"file": file, "line": 1}
    judged = JudgedClaim(claim, text, 2, 1, 1.0, "misprint", Location(file, 1, 3))
    budget = JudgedBudget("params", "1", None, 2, "over warn", Location(file, 2, 3))
    broken = checked(finding("spec", "error", text, 1, **given), name=text, file=file, kind="broken")
    return [checked(*found, name=text, file=file, claims=(judged,), budgets=(budget,)), broken]


SINKS: dict[str, Callable[[Sequence[Checked]], str]] = {
    "annotations": lambda specs: github.annotations(specs, notes=True),
    "summary": github.summary,
    "markdown": markdown.write,
    "junit": lambda specs: junit.write(specs, True),
    "sarif": sarif.write,
    "payload": lambda specs: json.dumps(payload.payload(specs, True)),
}


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_no_control_character_comes_through(sink, text):
    output = SINKS[sink](spoiled(text))
    assert [c for c in output if c != "\n" and not c.isprintable()] == []
    assert output.encode()


@pytest.mark.parametrize("sink", ["summary", "markdown", "junit", "sarif"])
@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_no_file_holds_a_command(sink, text):
    assert commands(SINKS[sink](spoiled(text))) == []


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_no_text_forges_an_annotation(text):
    found = commands(github.annotations(spoiled(text), notes=True))
    assert [(word, set(given) - {"file", "title"}) for word, given, _ in found] == [
        ("error", {"line", "col"}),
        ("error", {"line", "col"}),
        ("warning", {"line", "col"}),
        ("notice", {"line", "col"}),
    ]
    assert {given["line"] for _, given, _ in found} == {"1", "2", "3"}
    if text.isprintable() and "##[" not in text:
        assert {data for _, _, data in found} == {f"{text} (hint: {text})" if text else ""}


@pytest.mark.parametrize("text", NASTY, ids=ascii)
@pytest.mark.parametrize("sink", ["summary", "markdown"])
def test_no_text_is_markup(sink, text):
    findings, *others = tables(SINKS[sink](spoiled(text)))
    assert [row[4] for row in findings] == ["code", "claim", "spec", "budget", "CN012"]
    assert [len(table) for table in others] == ([2, 3] if sink == "summary" else [2, 2])
    if text.isprintable():
        assert {row[3] for row in findings[1:]} == {f"{text} (hint: {text})" if text else ""}
        assert others[0][1][:2] == [text.strip(), text.strip()]


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_no_text_is_xml(text):
    root = xml(junit.write(spoiled(text), True))
    assert [[len(suite), *map(suite.get, ("failures", "errors"))] for suite in root] == [[3, "2", "0"], [1, "0", "1"]]
    if text.isprintable():
        assert {e.get("message") for e in root.iter("failure")} == {f"{text} (hint: {text})" if text else ""}
        assert {suite.get("name") for suite in root} == {text}


def test_no_text_breaks_the_schema_of_sarif():
    results = sarif_log([one for text in NASTY for one in spoiled(text)])["runs"][0]["results"]
    assert len(results) == 4 * len(NASTY)
    for result in results:
        assert not re.search(r"(?<!\\)\[[^\]]*[^\]\\]\]\(", result["message"]["text"])
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert re.fullmatch(r"[A-Za-z0-9_.~/%-]+", uri)
    prints = [result["partialFingerprints"]["findingHash/v1"] for result in results]
    assert len(set(prints)) == len(prints)


@pytest.mark.parametrize("text", NASTY, ids=ascii)
def test_data_keeps_the_text_as_it_is(text):
    data = json.loads(json.dumps(payload.payload(spoiled(text), False)))
    check_schema().validate(data)
    first = data["specs"][0]
    assert (first["name"], first["file"]) == (text, f"{text}.yaml")
    assert (first["findings"][0]["message"], first["claims"][0]["because"]) == (text, text)


@pytest.mark.parametrize(
    ("file", "property_", "uri"),
    [
        ("specs/a.yaml", "specs/a.yaml", "specs/a.yaml"),
        ("./specs//a.yaml", "specs/a.yaml", "specs/a.yaml"),
        ("../a.yaml", "../a.yaml", "../a.yaml"),
        ("/x y/a.yaml", "/x y/a.yaml", "file:///x%20y/a.yaml"),
        ("::error::x.yaml", "::error::x.yaml", "%3A%3Aerror%3A%3Ax.yaml"),
        ("[red].yaml", "[red].yaml", "%5Bred%5D.yaml"),
        ("=cmd.yaml", "./=cmd.yaml", "%3Dcmd.yaml"),  # the runner drops a leading =
        ("-rf.yaml", "-rf.yaml", "-rf.yaml"),
        ("--help.yaml", "--help.yaml", "--help.yaml"),
        ("a,line=9.yaml", "a,line=9.yaml", "a%2Cline%3D9.yaml"),
        ("a%0Ab.yaml", "a%0Ab.yaml", "a%250Ab.yaml"),
        ("a\nb.yaml", "a\\nb.yaml", "a%0Ab.yaml"),
        ("\x1b[31m.yaml", "\\x1b[31m.yaml", "%1B%5B31m.yaml"),
        ("\u202ea.yaml", "\\u202ea.yaml", "%E2%80%AEa.yaml"),
        ("é.yaml", "é.yaml", "%C3%A9.yaml"),
        ("##[error].yaml", "#\\x23[error].yaml", "%23%23%5Berror%5D.yaml"),
        ("C:a#b?.yaml", "C:a#b?.yaml", "C%3Aa%23b%3F.yaml"),
    ],
)
def test_file_names(file, property_, uri):
    specs = [checked(finding(file=file), file=file)]
    ((_, given, _),) = commands(github.annotations(specs))
    assert given["file"] == property_
    assert sarif.uri(file) == uri
    assert urlsplit(uri).scheme == ("file" if file.startswith("/") else "")
    assert file.endswith(unquote(urlsplit(uri).path).lstrip("/")) or "//" in file
    (suite,) = xml(junit.write(specs))
    assert suite[0].get("file") == suite.get("file")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::error file=a%2Cb.js,line=1::x%0Ay%25", [("error", {"file": "a,b.js", "line": "1"}, "x\ny%")]),
        ("  ::warning::x", [("warning", {}, "x")]),
        ("a ##[error]x", [("error", {}, "x")]),
        ("a ::error::x", []),
        ("::unknown::x", []),
    ],
)
def test_the_reader_of_commands_can_tell(text, expected):
    assert commands(text) == expected


def test_the_reader_of_xml_can_fail():
    good = junit.write([checked(finding())])
    for old, new in [
        ('failures="1"', 'failures="0"'),
        ("<failure ", '<failure x="" '),
        (' classname="a"', ' extra=""'),
    ]:
        assert old in good
        with pytest.raises(AssertionError):
            xml(good.replace(old, new))


def test_the_reader_of_markdown_can_fail():
    for cell in ("<b>x</b>", "[x](y)", "*x*", "a | b |", "`x`"):
        with pytest.raises(AssertionError):
            tables(f"| a |  |\n| --- | --- |\n| {cell} | |\n" if "|" not in cell else f"| a |\n| --- |\n\n{cell}\n")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data.pop("passed"),
        lambda data: data.update(extra=1),
        lambda data: data["totals"]["claims"].update(holds=-1),
        lambda data: data["specs"][0].update(kind="other"),
        lambda data: data["specs"][0]["claims"][0].pop("verdict"),
        lambda data: data["specs"][0]["claims"][0].update(computed="112"),
        lambda data: data["specs"][0]["findings"][0].update(code="CN1"),
        lambda data: data["specs"][0]["budgets"][0].update(line=0),
    ],
)
def test_the_schema_refuses_what_is_not_promised(spoil):
    data = payload.payload(spoiled("x"), True)
    check_schema().validate(data)
    spoil(data)
    assert not check_schema().is_valid(data)
