"""The guide: its pages, with the tables that follow from the code, and what is found by a word."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

import click

from cnncalc import __version__, devices, units
from cnncalc.cli import commands
from cnncalc.cli.commands import COMMANDS
from cnncalc.columns import COLUMNS, OF_A_RUN
from cnncalc.counting.backward import BACKWARD
from cnncalc.counting.conventions import CONVENTIONS
from cnncalc.ops import OPS
from cnncalc.ops.arguments import about, meaning
from cnncalc.ops.base import Field, Op, show
from cnncalc.spec import zoo

_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guide")
#: in the order in which they are read
PAGES = (
    "start", "language", "operators", "counting", "memory", "gpu", "check", "pytorch", "python", "json", "options",
    "glossary",
)  # fmt: skip
_SECTIONS = 5


class Meaning(NamedTuple):
    """What a word is, and what is said of it."""

    kind: str
    text: str


def page(name: str) -> str:
    """A page as Markdown."""
    with open(os.path.join(_FOLDER, f"{name}.md"), encoding="utf-8") as file:
        text = file.read()
    return re.sub(r"(?m)^<!-- (\w+) -->$", lambda found: _TABLES[found[1]](), text)


def title(name: str) -> str:
    """The first line of a page."""
    with open(os.path.join(_FOLDER, f"{name}.md"), encoding="utf-8") as file:
        return file.readline().strip("# \n")


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _argument(field: Field) -> str:
    if field.required:
        return f"**{field.name}**"
    if field.default is None:
        return f"{field.name}=the window" if field.name == "stride" else field.name
    return f"{field.name}={field.default if isinstance(field.default, str) else show(field.default)}"


def _arguments(op: type[Op]) -> str:
    return ", ".join(map(_argument, op.fields.values())) or ("branches or names" if op.role == "join" else "")


def operators() -> str:
    """Every operator: keyword, arguments with their defaults, and the first paragraph of its documentation."""
    rows = []
    for name, op in sorted(OPS.items()):
        rows.append((f"`{name}`", _arguments(op), about(op).replace("*", "\\*").replace("|", "\\|")))
    return _table(("operator", "arguments", "what it does"), rows)


def _conventions() -> str:
    return _table(("convention", "rule"), [(f"`{name}`", row.rule) for name, row in CONVENTIONS.items()])


def _backward() -> str:
    return _table(("convention", "rule of the backward pass"), [(f"`{n}`", row.rule) for n, row in BACKWARD.items()])


def _devices() -> str:
    rows = [
        (f"`{device.name}`", f"{device.gigabytes} GB", units.decimal_bytes(device.memory)) for device in devices.DEVICES
    ]
    return _table(("GPU", "stated by the vendor", "reported by PyTorch"), rows)


def _columns() -> str:
    rows = [(f"`{name}`", row.title, row.unit, row.meaning) for name, row in {**COLUMNS, **OF_A_RUN}.items()]
    return _table(("name", "header", "unit", "what it is"), rows)


def _rules() -> str:
    from cnncalc.check.lint import RULES

    rows = [(f"`{rule.code}`", rule.severity, rule.summary) for rule in RULES.values()]
    return _table(("rule", "severity", "what it finds"), rows)


def _options() -> str:
    takers: dict[tuple[str, str], list[str]] = {}
    for name in COMMANDS:
        for option in commands.command(name).params:
            if isinstance(option, click.Option):
                takers.setdefault((", ".join(option.opts), option.help or ""), []).append(name)
    rows = [
        (f"`{option}`", text.replace("|", "\\|"), " ".join(names)) for (option, text), names in sorted(takers.items())
    ]
    return _table(("option", "what it does", "of"), rows)


def _published() -> str:
    """The action and the hook of the repository that the package's metadata names; nothing where they name none."""
    from importlib.metadata import metadata

    urls = dict(line.split(", ", 1) for line in metadata("cnncalc").get_all("Project-URL") or [])
    url = urls.get("Repository", "")
    if not url:
        return ""
    step = f"      - uses: {url.removeprefix('https://github.com/')}/.github/actions/check@v{__version__}"
    hook = f"repos:\n  - repo: {url}\n    rev: v{__version__}\n    hooks:\n      - id: cnncalc-check"
    return f"From the repository itself, the step and the hook:\n\n```yaml\n{step}\n```\n\n```yaml\n{hook}\n```"


_TABLES: dict[str, Callable[[], str]] = {
    "operators": operators,
    "conventions": _conventions,
    "backward": _backward,
    "devices": _devices,
    "columns": _columns,
    "rules": _rules,
    "options": _options,
    "published": _published,
}


@cache
def terms() -> dict[str, str]:
    """The glossary: what its terms mean, each of several names for one."""
    found = re.findall(r"(?ms)^- \*\*(.+?)\*\*: (.+?)(?=\n- |\n\n|\Z)", page("glossary"))
    return {name.lower(): " ".join(text.split()) for names, text in found for name in names.split(", ")}


def meanings(word: str) -> list[Meaning]:
    """All that a word is: a term, an operator, an argument, a convention, a column, a rule, a GPU, an option.

    Commands and pages have more to say, and are not among them.
    """
    from cnncalc.check.lint import RULES

    plain = word.strip().lower()
    chosen = zoo.choose(word.strip()) if plain else None
    found = [Meaning("network", f"cnncalc summary {chosen.name}")] if chosen else []
    if plain in terms():
        found.append(Meaning("term", terms()[plain]))
    if plain in OPS:
        op = OPS[plain]
        arguments = [f"  {_argument(field).strip('*')}: {meaning(op, name)}" for name, field in op.fields.items()]
        found.append(Meaning("operator", "\n".join([about(op), *arguments])))
    takers: dict[str, list[str]] = {}
    for name, op in OPS.items():
        if plain in op.fields:
            takers.setdefault(meaning(op, plain), []).append(name)
    found += [Meaning("argument", f"of {', '.join(names)}: {said}") for said, names in takers.items()]
    if plain in CONVENTIONS:
        found.append(Meaning("convention", CONVENTIONS[plain].rule))
    for name, column in {**COLUMNS, **OF_A_RUN}.items():
        if plain in (name.lower(), column.title.lower()):
            found.append(Meaning("column", f"{name}, in {column.unit}: {column.meaning}"))
    if plain.upper() in RULES:
        found.append(Meaning("lint rule", RULES[plain.upper()].page.removeprefix(plain.upper()).strip()))
    for device in devices.DEVICES:
        if plain == device.name:
            found.append(Meaning("GPU", f"{units.decimal_bytes(device.memory)} as PyTorch reports it"))
    option = f"--{plain.removeprefix('--')}"
    texts: dict[str, list[str]] = {}
    for name in COMMANDS:
        for parameter in commands.command(name).params:
            if isinstance(parameter, click.Option) and option in parameter.opts:
                texts.setdefault(parameter.help or "", []).append(name)
    found += [Meaning("option", f"{option} of {', '.join(names)}: {text}") for text, names in texts.items()]
    return found


def sections(word: str) -> list[tuple[str, str]]:
    """Where the guide speaks of a word: a page and the heading of a section, those that say it most often first."""
    known = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    found = []
    for name in PAGES:
        if name in ("options", "glossary"):  # which have been looked at
            continue
        for section in re.split(r"(?m)^#+ ", _unfenced(page(name)))[1:]:
            heading, _, text = section.partition("\n")
            said = len(known.findall(text)) + 10 * len(known.findall(heading))
            if said:
                found.append((-said, name, heading))
    return [(name, heading) for _, name, heading in sorted(found)[:_SECTIONS]]


def _unfenced(text: str) -> str:
    """Without the examples, whose comments look like headings."""
    return re.sub(r"(?ms)^```.*?^```$", "", text)
