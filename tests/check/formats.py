"""Readers of the outputs for CI that follow the formats' own rules; and findings to write."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cnncalc.check import sarif
from cnncalc.check.model import Checked, Finding
from cnncalc.errors import Location
from cnncalc.render import schemas

SARIF_SCHEMA = Path(__file__).parents[1] / "reference" / "sarif-schema-2.1.0.json"


def finding(code: str = "claim", severity: str = "error", message: str = "m", line: int = 1, **given: str) -> Finding:
    place = Location(given.get("file", "specs/a.yaml"), line, 3)
    return Finding(code, severity, message, place, given.get("spec", "a"), given.get("subject", "s"), given.get("hint"))


def checked(*findings: Finding, **given: object) -> Checked:
    values = {"name": "a", "file": "specs/a.yaml", "kind": "network", "claims": (), "budgets": (), "files": ()}
    return Checked(**{**values, **given, "findings": findings})  # type: ignore[arg-type]


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """What a runner of GitHub Actions takes for a command in an output, as its source does: the form ``::`` at the
    start of a line, and the older ``##[`` anywhere.
    """
    registered = {
        "add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice",
        "remove-matcher", "save-state", "set-env", "set-output", "stop-commands", "warning",
    }  # fmt: skip
    found = []
    for line in re.split(r"\r\n|\r|\n", text):
        newer = re.match(r"\s*::(.*?)::(.*)", line, re.DOTALL)
        older = re.search(r"##\[(.*?)\](.*)", line, re.DOTALL)
        if newer and newer[1].split(" ")[0] in registered:
            word, _, given = newer[1].partition(" ")
            properties = {}
            for pair in filter(None, given.strip().split(",")):
                name, _, value = pair.partition("=")
                if value.lstrip("="):
                    properties[name] = unescape(value.lstrip("="), "\r\n:,%")
            found.append((word, properties, unescape(newer[2], "\r\n%")))
        elif older and older[1].split(" ")[0] in registered:
            found.append((older[1].split(" ")[0], {}, older[2]))
    return found


def unescape(text: str, characters: str) -> str:
    for character in characters:
        text = text.replace(f"%{ord(character):02X}", character)
    return text


#: the elements of junit-10.xsd (Jenkins): attributes that are required, that may be, and elements inside.
#: ``file`` and ``line`` of a testcase are not in it; pytest, GitLab and CircleCI have them.
JUNIT = {
    "testsuites": ("", "name time tests failures errors", "testsuite"),
    "testsuite": (
        "name tests failures errors",
        "group time skipped timestamp hostname id package file log url",
        "testsuite properties testcase system-out system-err",
    ),
    "testcase": ("name", "time classname group file line", "skipped error failure system-out system-err"),
    "failure": ("", "type message", ""),
    "error": ("", "type message", ""),
    "skipped": ("", "type message", ""),
    "system-out": ("", "", ""),
}


def xml(text: str) -> ElementTree.Element:
    """The XML parsed, its structure, counts and names checked."""
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        required, optional, inside = (set(words.split()) for words in JUNIT[element.tag])
        assert required <= set(element.keys()) <= required | optional
        assert {child.tag for child in element} <= inside
        assert len(element) == 0 or not (element.text or "").strip()
    for suite in root:
        for attribute, tag in [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]:
            assert suite.get(attribute) == str(len(list(suite.iter(tag))))
        assert suite.get("tests") == str(len(suite))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names))
    return root


def tables(text: str) -> list[list[list[str]]]:
    """The tables of a Markdown text as rows of what a reader sees; fails on any markup that no output writes."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    found: list[list[list[str]]] = []
    for token in parser.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "html_block":
            assert re.fullmatch(r"<details><summary>Totals of [\d,]+ specs?</summary>\n|</details>\n", token.content)
        elif token.type == "inline" and token.level > 1:  # in a cell
            found[-1][-1].append(seen(token))
        elif token.type == "inline":
            assert re.match(
                r"\*\*cnncalc check: |Findings$|Claims|Misprints$|[\d,]+ more rows? (is|are) left", token.content
            )
    for table in found:
        assert len({len(row) for row in table}) == 1
    return found


def seen(token: Token) -> str:
    children = token.children or []
    text = "".join(child.content for child in children if child.type in ("text", "text_special"))
    others = [child for child in children if child.type not in ("text", "text_special")]
    assert {(child.type, child.content) for child in others} <= {("html_inline", "<!-- -->")}
    assert token.content.count("@<!-- -->") == len(others) == len(re.findall(r"@(?=\w)", text))  # nobody is called
    return text


def check_schema() -> jsonschema.Draft7Validator:
    schema = schemas.schema("check")
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def sarif_log(specs: Sequence[Checked]) -> dict:
    log = json.loads(sarif.write(specs))
    jsonschema.Draft4Validator(json.loads(SARIF_SCHEMA.read_text("utf-8"))).validate(log)
    return log
