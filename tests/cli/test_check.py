"""cnncalc check and claims: what is printed, written and returned."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import ROOT, Result

Command = Callable[..., Result]

BASE = """cnncalc: 1
name: base
source: by hand
input: [3, 8, 8]
vars: {width: 4}
layers:
  - {conv: $width, kernel: 1, bias: false, name: a}
  - global_avgpool
"""
VARIANT = """cnncalc: 1
name: variant
source: by hand
extends: base
claims:
  - {params: 12, source: a slide}
  - {macs: 1.0K, holds: false, because: it is 768, source: a slide}
budget:
  params: {warn: 11, max: 12}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with two specs, one of which extends the other."""
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "base.yaml").write_text(BASE)
    (tmp_path / "specs" / "variant.yaml").write_text(VARIANT)
    return tmp_path


def plant(folder: Path, old: str, new: str, name: str = "variant") -> None:
    path = folder / "specs" / f"{name}.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


OVER_WARN = (
    "specs/variant.yaml:9:3: warning: params is 12: 1 (9.1%) over its warn of 11; heaviest: a 12 (100.0%) [budget]\n"
)


def test_what_is_judged_is_counted(cnncalc: Command, folder: Path) -> None:
    result = cnncalc("check", "specs/", "--ignore", "CN004", "--ignore", "CN009")
    assert result == (0, OVER_WARN + "2 specs, 1 claim holds, 1 misprint\n1 warning\n", "")


@pytest.mark.parametrize(
    ("options", "code"),
    [([], 0), (["--strict"], 1), (["--strict", "--exit-zero"], 0), (["--ignore", "CN004"], 0)],
)
def test_warnings_fail_when_strict(cnncalc: Command, folder: Path, options: list[str], code: int) -> None:
    assert cnncalc("check", "specs", *options).code == code


#: what is planted, and the line that finds it
PLANTED = [
    ("a wrong claim", "params: 12,", "params: 13,", "specs/variant.yaml:6:6: error: params: 13 is published, but the network has 12 (-1, -7.7%) (hint: source: a slide) [claim]"),
    ("a misprint that turns true", "macs: 1.0K", "macs: 0.8K", "specs/variant.yaml:7:6: error: macs: 0.8K is marked holds: false, but the network has 768 (hint: remove holds: false, or correct the network; source: a slide) [claim]"),
    ("a broken budget", "max: 12", "max: 10", "specs/variant.yaml:9:3: error: params is 12: 2 (20.0%) over its max of 10; heaviest: a 12 (100.0%) [budget]"),
    ("a spec that can't be read", "extends: base", "extends: bse", "specs/variant.yaml:4:10: error: no spec is named 'bse' (hint: did you mean base?) [spec]"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "old", "new", "line"), PLANTED, ids=[row[0] for row in PLANTED])
def test_planted_errors_are_found(cnncalc: Command, folder: Path, what: str, old: str, new: str, line: str) -> None:
    plant(folder, old, new)
    result = cnncalc("check", "specs/")
    assert result.code == 1
    assert line in result.out.splitlines()
    assert "2 specs" in result.out
    assert cnncalc("check", "specs/", "--exit-zero").code == 0


def test_a_changed_base_is_found_in_what_extends_it(cnncalc: Command, folder: Path) -> None:
    plant(folder, "width: 4", "width: 5", "base")
    result = cnncalc("check", "specs/")
    assert result.code == 1
    assert (
        "specs/variant.yaml:6:6: error: params: 12 is published, but the network has 15 (+3, +25%) (hint: source: a slide) [claim]"
        in result.out
    )


def test_a_spec_named_twice_is_judged_once(cnncalc: Command, folder: Path) -> None:
    assert "2 specs" in cnncalc("check", "specs/variant.yaml", "./specs/variant.yaml", "specs", "specs/").out


def test_notes_are_shown_when_asked_for(cnncalc: Command, folder: Path) -> None:
    plant(folder, "  - global", "  - {conv: 8, kernel: 1}\n  - global", "base")  # a has 4 channels, no multiple of 8
    hidden, shown = cnncalc("check", "specs"), cnncalc("check", "specs", "--notes")
    assert ": note: " not in hidden.out
    assert ": note: " in shown.out
    assert "--notes shows them" in hidden.out.splitlines()[-1]
    assert "--notes" not in shown.out


def test_what_is_checked_without_arguments(cnncalc: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "2 specs" in cnncalc("check").out
    Path("cnncalc.toml").write_text('[check]\npaths = ["specs/base.yaml"]\nstrict = true\n')
    assert "1 spec," in cnncalc("check").out
    monkeypatch.chdir(folder / "specs")
    assert "1 spec," in cnncalc("check").out
    Path("../cnncalc.toml").unlink()
    assert cnncalc("check") == (2, "", "error: there is nothing to check (hint: cnncalc check specs/)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["specs", "--ignore", "CN999"], "error: unknown lint rule 'CN999'"),
        (["specs", "--config", "no.toml"], "no.toml:1:1: error: can't read"),
        (["specs", "--export", "sarf=x"], "error: unknown format 'sarf' to export (hint: did you mean sarif?)"),
        (["specs", "--export", "json=no/such.json"], "error: cannot write 'no/such.json': No such file or directory"),
        (["specs", "--export", "junit"], "error: --export takes FORMAT=FILE, not 'junit'"),
        (
            ["specs", "--export", "json=specs/base.yaml"],
            "error: 'specs/base.yaml' was read, so it must not be overwritten",
        ),
        (["nothing/"], "nothing/:1:1: error: can't read the spec"),
        (["specs", "--jobs", "0"], "error: invalid value for '--jobs'"),
        (["specs", "--since", "HEAD"], "error: "),
        (["-", "--watch"], "error: --watch reads files again and again"),
        (["specs", "--suggest", "--watch"], "error: --suggest prints text and ends"),
        (["specs", "--suggest", "--export", "junit=x"], "error: --suggest prints text and ends"),
        (["specs", "--suggest", "--format", "json"], '{"schema": "cnncalc.error/1"'),
    ],
)
def test_wrong_calls(cnncalc: Command, folder: Path, arguments: list[str], message: str) -> None:
    code, out, err = cnncalc("check", *arguments)
    assert (code, out) == (3 if {"HEAD", "json=no/such.json"} & set(arguments) else 2, "")
    assert err.startswith(message)


def test_what_is_no_spec_stops_no_other(cnncalc: Command, folder: Path) -> None:
    os.mkfifo("specs/pipe.yaml")  # opened, it would never end
    os.symlink("/dev/zero", "specs/zeros.yaml")
    os.symlink("nowhere", "specs/broken.yaml")
    Path("specs/folder.yaml").mkdir()
    Path("specs/folder.yaml/inside.yaml").write_text(BASE)
    broken = "specs/broken.yaml:1:1: error: can't read the spec: No such file or directory [spec]"
    code, out, _ = cnncalc("check", "specs")
    assert (code, out.splitlines()[0], out.splitlines()[-2]) == (1, broken, "4 specs, 1 claim holds, 1 misprint")
    code, out, _ = cnncalc("check", "specs/broken.yaml", "specs/base.yaml")  # as pre-commit names them
    assert (code, out.splitlines()[0], out.splitlines()[-2]) == (1, broken, "2 specs, 0 claims hold")


def test_a_pipe_is_read_once(folder: Path) -> None:
    command = [sys.executable, "-m", "cnncalc", "check", "/dev/stdin"]
    done = subprocess.run(command, input=BASE, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "1 spec, 0 claims hold")


def test_a_missing_folder_is_known_before_the_work(
    cnncalc: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnncalc.check.session.check_all", lambda *_: pytest.fail("specs were judged"))
    assert cnncalc("check", "specs", "--export", "json=no/such.json").code == 3


def test_the_configuration_limits_and_ignores(cnncalc: Command, folder: Path) -> None:
    Path("cnncalc.toml").write_text(
        '[lint]\nignore = ["CN004", "CN009"]\n[[budget]]\nfiles = "specs/*"\nparams = {max = 11}\n'
    )
    code, out, _ = cnncalc("check")
    assert code == 1
    assert [line for line in out.splitlines() if "error" in line and "cnncalc.toml" in line] == [
        "cnncalc.toml:5:1: error: base: params is 12: 1 (9.1%) over its max of 11; heaviest: a 12 (100.0%) [budget]",
        "cnncalc.toml:5:1: error: variant: params is 12: 1 (9.1%) over its max of 11; heaviest: a 12 (100.0%) [budget]",
    ]


#: patterns of two budgets, what is checked, and what is refused
UNMATCHED = [
    ("'specs/mobil/*.yaml'", "'specs'", [], ["cnncalc.toml:2:1: error: no spec matches the pattern 'specs/mobil/*.yaml'"]),
    ("'spec/**'", "'specs/'", ["specs/base.yaml"], ["cnncalc.toml:2:1: error: no spec matches the pattern 'spec/**'"]),
    ("['specs/b*.yaml', '*.yaml']", "'nowhere/'", ["specs"],
     ["cnncalc.toml:2:1: error: no spec matches the pattern '*.yaml'", "cnncalc.toml:5:1: error: no spec matches the pattern 'nowhere/**'"]),
    # a spec that is there, but not what is checked by default, which the budget would never hold for
    ("'specs'", "'more/**/[a-z].yaml'", [],
     ["cnncalc.toml:5:1: error: what the pattern 'more/**/[a-z].yaml' matches is not checked (hint: name it under paths in [check])"]),
    ("'specs'", "'more/**/[a-z].yaml'", ["specs/base.yaml"], []),
    ("'**/x.yaml'", "'more/deep/x.yaml'", ["specs"], []),
    ("'**/y.yaml'", "'more/deep/x.yml'", ["specs"],
     ["cnncalc.toml:2:1: error: no spec matches the pattern '**/y.yaml'", "cnncalc.toml:5:1: error: no spec matches the pattern 'more/deep/x.yml'"]),
    ("'specs/variant.yaml'", "['**', 'specs/*']", [], []),
]  # fmt: skip


@pytest.mark.parametrize("strict", [(), ("--strict",)])
@pytest.mark.parametrize(("first", "second", "paths", "refused"), UNMATCHED)
def test_a_pattern_that_no_spec_matches_is_refused(
    cnncalc: Command, folder: Path, first: str, second: str, paths: list[str], refused: list[str], strict: tuple[str]
) -> None:
    (folder / "more" / "deep").mkdir(parents=True)
    (folder / "more" / "deep" / "x.yaml").write_text(BASE)
    limits = [f"[[budget]]\nfiles = {files}\nmacs.max = '5M'\n" for files in (first, second)]
    Path("cnncalc.toml").write_text("".join(limits))
    code, out, err = cnncalc("check", *paths, *strict)
    assert err.splitlines() == refused
    assert (code, out) == (2, "") if refused else code in (0, 1)


def test_an_unknown_rule_in_a_spec_is_an_error_at_its_line(cnncalc: Command, folder: Path) -> None:
    plant(folder, "budget:", "lint: {ignore: [CN004, CN999]}\nbudget:")
    code, out, _ = cnncalc("check")
    assert "specs/variant.yaml:8:24: error: unknown lint rule 'CN999' (hint: did you mean CN009?) [spec]\n" in out
    assert code == 1
    plant(folder, "[CN004, CN999]", "CN777")
    line = "specs/variant.yaml:8:16: error: unknown lint rule 'CN777' (hint: did you mean CN007?) [spec]\n"
    assert line in cnncalc("check", "--ignore", "CN004").out


def test_a_claim_at_no_layer_is_an_error_at_its_line(cnncalc: Command, folder: Path) -> None:
    plant(
        folder,
        "budget:",
        "  - {params: 12, at: b, source: x}\n  - {macs: 7, at: a, holds: false, because: y, of: c, source: x}\nbudget:",
    )
    errors = [line for line in cnncalc("check").out.splitlines() if "error" in line]
    assert errors[0].startswith(
        "specs/variant.yaml:8:6: error: the network has no layer, block or stage 'b' (hint: one of: "
    )
    assert errors[1].startswith("specs/variant.yaml:9:6: error: of: no spec is named 'c'")


def test_exports_are_written(cnncalc: Command, folder: Path) -> None:
    plant(folder, "params: 12,", "params: 13,")
    files = {"junit": "out.xml", "sarif": "out.sarif", "markdown": "out.md", "json": "out.json"}
    exports = [word for kind, file in files.items() for word in ("--export", f"{kind}={file}")]
    assert cnncalc("check", *exports).code == 1
    assert len(ElementTree.parse("out.xml").getroot().findall(".//failure")) == 1
    levels = [result["level"] for result in json.loads(Path("out.sarif").read_text())["runs"][0]["results"]]
    assert levels.count("error") == 1
    assert "params: 13 is published" in Path("out.md").read_text()
    assert json.loads(Path("out.json").read_text())["totals"]["findings"]["error"] == 1


@pytest.mark.parametrize("format_", ["json", "markdown"])
def test_other_formats_on_standard_output(cnncalc: Command, folder: Path, format_: str) -> None:
    cnncalc("check", "--export", f"{format_}=file")
    assert cnncalc("check", "--format", format_).out == Path("file").read_text()


def test_github_gets_annotations_and_a_summary(cnncalc: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(folder, "params: 12,", "params: 13,")
    assert "::error" not in cnncalc("check").out
    assert "::error file=specs/variant.yaml,line=6,col=6" in cnncalc("check", "--export", "github").out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "summary.md"))
    Path("summary.md").write_text("before\n")
    assert "::error file=specs/variant.yaml,line=6,col=6" in cnncalc("check").out
    summary = Path("summary.md").read_text()
    assert summary.startswith("before\n")
    assert "params: 13 is published" in summary
    code, out, err = cnncalc("check", "--format", "json")
    assert code == 1
    assert json.loads(out)["passed"] is False
    assert "::error file=specs/variant.yaml" in err


def test_annotations_are_at_places_of_the_repository(
    cnncalc: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(folder, "params: 12,", "params: 13,")
    Path("cnncalc.toml").write_text('[[budget]]\nfiles = "specs/base.yaml"\nmacs = {max = 1}\n')
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    monkeypatch.chdir("specs")
    out = cnncalc("check", ".", "--export", "github").out
    assert "::error file=specs/variant.yaml,line=6,col=6," in out
    assert "::error file=cnncalc.toml,line=3,col=1," in out
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder / "elsewhere"))
    assert "::error file=variant.yaml,line=6,col=6," in cnncalc("check", ".", "--export", "github").out


def test_a_summary_that_cannot_be_written(cnncalc: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "no/summary.md")
    message = "error: cannot write GITHUB_STEP_SUMMARY, 'no/summary.md': No such file or directory\n"
    assert cnncalc("check")[::2] == (3, message)


def test_processes_change_nothing(cnncalc: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    alone, shared = (cnncalc("check", "specs/residual", "--notes", "--jobs", jobs) for jobs in ("1", "3"))
    assert alone.out == shared.out
    assert alone.out.count("\n") > 40


def test_a_suggested_budget_is_kept(cnncalc: Command, folder: Path) -> None:
    out = cnncalc("check", "--suggest", "specs/base.yaml").out
    assert out.startswith("budget:\n  params: {")
    with open("specs/base.yaml", "a") as file:
        file.write(out)
    code, out, _ = cnncalc("check", "specs/base.yaml")
    assert code == 0
    assert "3 budgets kept" in out


def test_budgets_are_suggested_beside_a_broken_spec(cnncalc: Command, folder: Path) -> None:
    Path("specs/a.yaml").write_text("cnncalc: 2\n")
    code, out, err = cnncalc("check", "--suggest")
    assert code == 2
    assert [line for line in out.splitlines() if line.startswith("#")] == ["# specs/base.yaml", "# specs/variant.yaml"]
    assert err.startswith("specs/a.yaml:1:10: error: ")


def test_against_a_revision_says_what_grew(cnncalc: Command, folder: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *arguments], check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    plant(folder, "width: 4", "width: 5", "base")
    out = cnncalc("check", "specs", "--since", "main").out
    assert (
        "params is 15: 3 (25.0%) over its max of 12; heaviest: a 15 (100.0%); since main: +3 (+25.0%): a +3 [budget]"
        in out
    )


def test_watch_judges_again_until_it_is_interrupted(folder: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    running = start(sys.executable, "-m", "cnncalc", "check", "specs", "--watch")
    assert running.stdout is not None

    def round_to(end: str) -> str:
        lines = [""]
        while not lines[-1].startswith(end):
            lines.append(running.stdout.readline())
            assert lines[-1], "it ended"
        return "".join(lines)

    assert "params: 12 is published" not in round_to("1 warning")
    plant(folder, "width: 4", "width: 16", "base")
    assert "params: 12 is published, but the network has 48" in round_to("2 errors")
    running.send_signal(signal.SIGINT)
    assert (running.communicate()[0], running.returncode) == ("", -signal.SIGINT)


# -- claims ------------------------------------------------------------------------------------------------------------


def test_claims_as_a_table(cnncalc: Command, folder: Path) -> None:
    assert cnncalc("claims", "specs/variant.yaml").out.splitlines() == [
        "variant: published figures",
        "",
        "claim   published  computed  difference  verdict   source",
        "----------------------------------------------------------",
        "params         12        12              holds     a slide",
        "macs         1.0K       768  -232, -23%  misprint  a slide",
        "",
        "macs 1.0K: it is 768",
        "1 holds, 1 misprint",
    ]


def test_the_misprints_of_the_lectures_stand_with_their_arithmetic(cnncalc: Command) -> None:
    vgg = cnncalc("claims", "vgg16", "--misprints", "-f", "markdown").out
    assert "| activation\\_bytes | 96MB | 60,950,432 = 60.95 MB (58.13 MiB) |" in vgg
    assert "- activation\\_bytes 96MB: 24M values are printed under a column that sums to 15,237,608" in vgg
    assert "holds" not in vgg
    module = cnncalc("claims", "inception_bottleneck", "--misprints").out
    assert "macs 358M: the slide's own six rows sum to 271,351,808" in module


def test_claims_as_data(cnncalc: Command, folder: Path) -> None:
    rows = cnncalc("claims", "specs/base.yaml", "specs/variant.yaml", "-f", "csv").out.splitlines()
    assert rows[0] == "network,claim,printed,published,computed,difference,relative,verdict,source,because"
    assert rows[1] == "variant,params,12,12,12,0,0,holds,a slide,"
    assert rows[2] == "variant,macs,1.0K,1000,768,-232,-0.232,misprint,a slide,it is 768"
    payload = json.loads(cnncalc("claims", "specs/variant.yaml", "-f", "json").out)
    assert payload["schema"] == "cnncalc.check/1"
    assert [claim["verdict"] for claim in payload["specs"][0]["claims"]] == ["holds", "misprint"]


@pytest.mark.parametrize(
    ("claim", "row"),
    [
        ("params: 13M", "params,13M,13000000,12,-12999988,-0.999999,fails,x,"),
        ("activation_bytes: 1.8KB", "activation_bytes,1.8KB,1800,1808,8,0.00444444,holds,x,"),  # 4 * (192 + 256 + 4)
        ("shape: [4, 1, 1]", "shape,4x1x1,4x1x1,4x1x1,,,holds,x,"),
        ("receptive_field: 8", "receptive_field,8,8,8x8,,,holds,x,"),
        ("macs: 0.5, of: base", "macs over that of base,0.5,0.5,1,0.5,1,fails,x,"),
        ("params: 12, at: nowhere", "params of nowhere,12,12,,,,fails,x,"),
    ],
)
@pytest.mark.parametrize(("form", "separator"), [("csv", ","), ("tsv", "\t")])
def test_claims_as_data_are_plain_numbers(
    cnncalc: Command, folder: Path, claim: str, row: str, form: str, separator: str
) -> None:
    plant(folder, "  - {params: 12, source: a slide}\n", f"  - {{{claim}, source: x}}\n")
    line = cnncalc("claims", "specs/variant.yaml", "-f", form).out.splitlines()[1]
    assert line == f"variant,{row}".replace(",", separator)


def test_claims_of_a_broken_spec(cnncalc: Command, folder: Path) -> None:
    plant(folder, "extends: base", "extends: bse")
    code, out, err = cnncalc("claims", "specs/variant.yaml", "--export", "csv=out.csv")
    assert (code, out) == (2, "")
    assert not Path("out.csv").exists()
    assert err == "specs/variant.yaml:4:10: error: no spec is named 'bse' (hint: did you mean base?) [spec]\n"
