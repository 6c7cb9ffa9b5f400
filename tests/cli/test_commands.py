"""What the commands print, on right input."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from cnncalc.cli.commands import COMMANDS
from cnncalc.columns import COLUMNS

TABLES = ("summary", "params", "macs", "memory", "shapes")
NETWORKS = ("vgg16", "resnet50", "densenet121", "googlenet_paper", "efficientnet_b0", "unet_small")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        # torchvision's VGG16_Weights.num_params
        (["params", "vgg16"], "138,357,544"),
        (["summary", "resnet50"], "25,557,032"),
        (["macs", "resnet50"], "4,089,184,256"),
        (["memory", "vgg16"], "60.95 MB (58.13 MiB)"),
        (["shapes", "vgg16"], "512x7x7"),
        (["params", "vgg16", "--set", "classes=10"], "134,301,514"),  # 138,357,544 - 990*(4096 + 1)
        (["macs", "vgg16", "--batch", "2"], "30,940,528,640"),
        (["memory", "vgg16", "--dtype", "float16"], "30,475,216"),  # 2 bytes for each of 15,237,608 values
        (["params", "googlenet_paper", "--with-side"], "side outputs counted"),
        (["params", "googlenet_paper"], "side outputs aux1 and aux2 not counted (--with-side)"),
        (["macs", "resnet50", "--input", "3x448x448"], "16,350,593,024"),  # 4 * (4,089,184,256 - 2,048,000) + 2,048,000
        (["macs", "vgg16", "--convention", "flops", "--columns", "work"], "under the convention flops"),
        (["params", "vgg16", "--top", "2", "--sort", "params"], "more rows)"),
    ],
)
def test_tables(cnncalc, arguments, wanted):
    result = cnncalc(*arguments)
    assert result.code == 0
    assert result.err == ""
    assert wanted in result.out


def test_expected_counts_are_sorted_summed_and_written_like_others(cnncalc, tmp_path):
    """Rows of 35/2 and 7/2 MACs add up to a whole number; in CSV nothing is grouped."""
    path = tmp_path / "net.yaml"
    path.write_text(
        "cnncalc: 1\nname: net\ninput: [7]\nlayers:\n"
        "  - add: {a: [{linear: 5, bias: false, name: c}, {stochastic_depth: 0.5}], b: [{linear: 5, bias: false, name: d}]}\n"
        "  - add: {a: [{linear: 1000, bias: false, name: e}, {linear: 5, bias: false, name: f}, {stochastic_depth: 3/7}], b: identity}\n"
    )
    shown = cnncalc("summary", str(path), "--columns", "expected_macs", "--sort", "expected_macs", "--top", "2").out
    # 5000*4/7 = 2857.14 twice; the rest is 35 + 17.5
    assert [line.split() for line in shown.split("\n") if "add2.a." in line or "rows" in line or "total" in line] == [
        ["add2.a.e", "linear", "2,857.1", "49.5%", "#####"],
        ["add2.a.f", "linear", "2,857.1", "49.5%", "#####"],
        ["(7", "more", "rows)", "52.5", "0.9%"],
        ["total", "5,766.8", "100.0%"],
    ]
    text = path.read_text().replace("3/7", "0.5").replace("1000", "1001")
    path.write_text(
        text.replace("linear: 5, bias: false, name: d", "linear: 5, bias: false, name: d}, {stochastic_depth: 0.5")
    )
    out = cnncalc("summary", str(path), "--columns", "expected_macs", "--depth", "1", "-f", "csv").out
    assert out.split("\n")[:4] == ["path,op,expected_macs", "input,input,0", "add1,add,35", "add2,add,5005"]


@pytest.mark.parametrize("form", ["plain", "csv", "tsv", "markdown"])
def test_the_row_of_the_rest_has_only_what_adds_up(cnncalc, form):
    """A field, a stride, a shape or a depth of 18 layers is none of their sum; parameters are."""
    columns = [
        "in",
        "out",
        "layout",
        "count",
        "line",
        "shared_with",
        "inputs",
        "depth",
        "receptive_field",
        "effective_stride",
    ]
    shown = cnncalc("shapes", "vgg16", "--top", "3", "--columns", ",".join([*columns, "params"]), "-f", form)
    (rest,) = [line for line in shown.out.split("\n") if "more rows)" in line]
    words = rest.replace("|", " ").replace(",,", " ").replace(",", "" if form in ("plain", "markdown") else " ").split()
    # of CSV the norms and activations are rows of their own; 1,792 of the first convolution stand above
    assert words[3:] == {"plain": ["138318824", "100.0%", "##########"], "markdown": ["138318824", "100.0%"]}.get(
        form, ["138355752"]
    )


def test_the_row_of_the_rest_has_no_peak(cnncalc):
    (rest,) = [line for line in cnncalc("memory", "vgg16", "--top", "2", "-f", "csv").out.split("\n") if "rows" in line]
    assert rest == "(38 more rows),,,11875816,47503264,"


@pytest.mark.parametrize(
    "words",
    [
        ["summary", "vgg16"], ["memory", "vgg16", "--train"], ["list", "--top", "3"], ["compare", "vgg16", "resnet50"],
        ["fit", "vgg16", "--gpu", "t4"], ["claims", "vgg16", "alexnet"], ["diff", "vgg16", "vgg19"],
        ["diff", "vgg16", "vgg19", "--depth", "1"], ["diff", "resnet50", "vgg19"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_data_has_no_grouped_numbers_and_no_multiples(cnncalc, words):
    """What is counted; the text of a source or title is what it is."""
    for row in csv.DictReader(io.StringIO(cnncalc(*words, "-f", "csv").out)):
        for key in row.keys() - {"source", "because", "title", "printed", "claim", "name", "network"}:
            assert not re.search(r"\d,\d{3}|\d (k|M|G|T)?i?B\b|\d%|^'-", row[key]), (key, row[key])


def numbers(line: str) -> list[int]:
    return [int(word.replace(",", "")) for word in re.findall(r"(?<![\w.])\d[\d,]*(?![\w.%])", line)]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "shown",
    [
        [],
        ["--full"],
        ["--depth", "1"],
        ["--depth", "2"],
        ["--sort", "params", "--top", "5"],
        ["--depth", "1", "--top", "3"],
    ],
    ids=" ".join,
)
def test_printed_rows_add_up(cnncalc, network, shown):
    """The printed column is added up again and is the printed total."""
    out = cnncalc("params", network, "--columns", "params,macs,activations", *shown).out
    lines = out.split("\n")
    rules = [i for i, line in enumerate(lines) if line.startswith("---")]
    rows = lines[rules[0] + 1 : rules[1]]
    report = json.loads(cnncalc("params", network, "--format", "json").out)
    sums = [0, 0, 0]
    for row in rows:
        found = numbers(re.sub(r"<?\d+\.\d%", "", row))[-3:]
        sums = [a + b for a, b in zip(sums, found, strict=True)]
    assert sums == [report["totals"][name] for name in ("params", "macs", "activations")]
    assert numbers(re.sub(r"\d+\.\d%", "", lines[rules[1] + 1])) == sums


def test_repeats_fold(cnncalc):
    out = cnncalc("params", "resnet50").out
    assert re.search(r"^stage3\.block_2 \.\.\. block_6  x5 +Bottleneck +1024x14x14 +5,585,920 ", out, re.MULTILINE)
    assert re.search(r"^stage3\.block_1\.add1\.main\.conv1 +conv bn relu ", out, re.MULTILINE)
    full = cnncalc("params", "resnet50", "--full").out
    assert " ... " not in full
    rows = [line for line in full.split("\n") if "  " in line][1:-1]
    assert len(rows) == len(json.loads(cnncalc("params", "resnet50", "-f", "json").out)["layers"])


def test_repeats_that_differ_do_not_fold(cnncalc, tmp_path):
    spec = tmp_path / "grow.yaml"
    spec.write_text(
        "cnncalc: 1\ninput: [1, 8, 8]\nlayers:\n  - {conv: 4*$i, kernel: 3, pad: 1, repeat: 3, name: c}\n"
        "  - {conv: 12, kernel: 3, pad: 1, repeat: 2, name: d}\n"
    )
    out = cnncalc("params", str(spec)).out
    assert "c_1" in out and "c_2" in out and "c_3" in out
    assert re.search(r"^d_1 \.\.\. d_2  x2 ", out, re.MULTILINE)


@pytest.mark.parametrize("command", TABLES)
def test_json_totals_are_the_sums_of_its_rows(cnncalc, command):
    payload = json.loads(cnncalc(command, "googlenet_paper", "--format", "json").out)
    assert payload["schema"] == ("cnncalc.memory/1" if command == "memory" else "cnncalc.summary/1")
    for column in COLUMNS.values():
        if column.total == "sum" and column.name != "running_stats":
            assert sum(row[column.name] for row in payload["layers"]) == payload["totals"][column.name]


def test_every_format_says_the_same(cnncalc):
    rows = json.loads(cnncalc("params", "inception_naive", "--format", "json").out)["layers"]
    wanted = [(row["path"], row["op"], "x".join(map(str, row["out"])), row["params"]) for row in rows]
    for name, delimiter in (("csv", ","), ("tsv", "\t")):
        out = cnncalc("params", "inception_naive", "--format", name).out
        table = list(csv.DictReader(io.StringIO(out), delimiter=delimiter))
        assert [(row["path"], row["op"], row["out"], int(row["params"])) for row in table] == wanted
    out = cnncalc("params", "inception_naive", "--format", "markdown", "--full").out
    cells = [
        [cell.strip().replace("\\", "") for cell in line.split("|")[1:-1]]
        for line in out.split("\n")
        if line[:1] == "|"
    ]
    assert [(c[0], c[1], c[2], int(c[3].replace(",", ""))) for c in cells[2:-1]] == wanted


def test_plain_is_what_a_pipe_gets(cnncalc):
    assert cnncalc("params", "vgg16").out == cnncalc("params", "vgg16", "--format", "plain").out


@pytest.mark.parametrize("kind", ["plain", "json", "csv", "tsv", "markdown"])
def test_export_writes_what_the_format_prints(cnncalc, tmp_path, kind):
    target = tmp_path / "out"
    shown = cnncalc("params", "vgg16", "--export", f"{kind}={target}")
    assert shown.code == 0
    assert target.read_text("utf-8") == cnncalc("params", "vgg16", "--format", kind).out


def test_several_exports(cnncalc, tmp_path):
    a, b = tmp_path / "a.json", tmp_path / "b.csv"
    assert cnncalc("macs", "resnet50", "--export", f"json={a}", "--export", f"csv={b}").code == 0
    assert json.loads(a.read_text())["totals"]["macs"] == 4_089_184_256
    assert b.read_text().startswith("path,op,out,macs,flops\n")


def test_compare(cnncalc):
    out = cnncalc("compare", "inception_naive", "inception_bottleneck").out
    assert "854,196,224" in out and "271,351,808" in out and "0.3177x" in out  # 271,351,808 / 854,196,224 = 0.31767
    assert "582,844,416 more than inception_bottleneck" in out
    payload = json.loads(cnncalc("compare", "resnet50", "densenet121", "vgg16", "--format", "json").out)
    assert [network["totals"]["params"] for network in payload["networks"]] == [25_557_032, 7_978_856, 138_357_544]
    assert payload["ratios"]["params"] == [1.0, 7_978_856 / 25_557_032, 138_357_544 / 25_557_032]
    assert payload["ratios"]["norm_params"][2] == 0.0
    paths = {part["path"] for part in payload["parts"]}
    assert {"stage1", "stage4"} <= paths
    assert "stage5" not in paths  # only vgg16 has one


def test_compare_a_network_with_itself(cnncalc):
    out = cnncalc("compare", "vgg16", "vgg16").out
    assert "vgg16 (1)" in out and "vgg16 (2)" in out
    assert "vgg16 (1) and vgg16 (2) have the same, 138,357,544" in out


def test_compare_parts_by_difference(cnncalc):
    rows = cnncalc("compare", "resnet50", "resnet101", "--sort", "params", "--top", "1", "--format", "csv").out
    assert rows.split("\n")[6].startswith("stage3,params,")  # the stage that has 17 more blocks


def test_list(cnncalc):
    payload = json.loads(cnncalc("list", "--format", "json").out)
    named = {network["name"]: network for network in payload["networks"]}
    assert named["vgg16"]["params"] == 138_357_544
    assert named["vgg16"]["family"] == "classic"
    assert "blocks_se" not in named  # a library of blocks is no network
    small = json.loads(cnncalc("list", "--filter", "params < 10M and macs < 1G", "--format", "json").out)["networks"]
    wanted = {name for name, network in named.items() if network["params"] < 10**7 and network["macs"] < 10**9}
    assert {network["name"] for network in small} == wanted
    assert "mobilenet_v2" in wanted
    heaviest = cnncalc("list", "--sort", "macs", "--top", "1", "--columns", "macs", "--format", "csv").out
    most = max(payload["networks"], key=lambda network: network["macs"])
    assert heaviest == f"name,macs\n{most['name']},{most['macs']}\n"


def test_expand_counts_the_same_and_is_its_own_expansion(cnncalc, tmp_path):
    for network in ("resnet50", "googlenet", "densenet121", "unet_small", "efficientnet_b3"):
        text = cnncalc("expand", network).out
        path = tmp_path / f"{network}.yaml"
        path.write_text(text)
        first, second = (json.loads(cnncalc("summary", name, "-f", "json").out) for name in (network, str(path)))
        for row in (*first["layers"], *second["layers"]):
            del row["file"], row["line"]
        assert second["layers"] == first["layers"]
        assert second["totals"] == first["totals"]
        assert cnncalc("expand", str(path)).out == text


def test_expand_takes_variables(cnncalc):
    assert "{linear: 7, bias: true, name: fc8}" in cnncalc("expand", "vgg16", "--set", "classes=7").out


def test_new(cnncalc, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cnncalc("new", "first").out == "first.yaml is written. Try: cnncalc summary ./first.yaml\n"
    assert json.loads(cnncalc("params", "./first.yaml", "-f", "json").out)["totals"]["params"] == 696_618
    before = (tmp_path / "first.yaml").read_text()
    again = cnncalc("new", "first")
    assert (again.code, again.out) == (2, "")
    assert again.err == "error: 'first.yaml' exists already, and was not changed\n"
    assert (tmp_path / "first.yaml").read_text() == before
    assert cnncalc("new", "-").out.replace("my_network", "first") == before
    assert cnncalc("new", "[red]").code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["first.yaml"]


def test_specs_folder_comes_first(cnncalc, tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "vgg16.yaml").write_text("cnncalc: 1\ninput: [2]\nlayers: [{linear: 3}]\n")
    monkeypatch.chdir(tmp_path)
    assert json.loads(cnncalc("params", "vgg16", "-f", "json").out)["totals"]["params"] == 9
    assert json.loads(cnncalc("params", "vgg19", "-f", "json").out)["totals"]["params"] == 143_667_240
    listed = json.loads(cnncalc("list", "-f", "json").out)["networks"]
    assert [n["params"] for n in listed if n["name"] == "vgg16"] == [9]


def test_list_names_a_broken_spec_and_lists_the_others(cnncalc, tmp_path, monkeypatch):
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "broken.yaml").write_text("cnncalc: 1\ninput: [3, 8, 8]\nlayers: [{conv: 3}]\n")
    monkeypatch.chdir(tmp_path)
    result = cnncalc("list")
    assert result.code == 2
    assert "vgg16" in result.out
    assert result.err.startswith("specs/broken.yaml:3:11: error: conv needs kernel")


def test_completion_reads_no_spec(monkeypatch, tmp_path):
    from cnncalc.cli.options import SpecName

    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "vgg_mine.yaml").write_text("not a spec: [")
    monkeypatch.chdir(tmp_path)
    found = [item.value for item in SpecName().shell_complete(None, None, "vgg")]  # type: ignore[arg-type]
    assert "vgg16" in found and "vgg_mine" in found and "resnet50" not in found


@pytest.mark.parametrize("command", COMMANDS)
def test_help(cnncalc, command):
    result = cnncalc(command, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: cnncalc {command}")
    assert "--debug" in result.out


def test_help_has_a_line_for_each_command_in_a_whole_sentence(cnncalc):
    out = cnncalc("help").out
    assert all(f"\n  cnncalc {command} " in out for command in COMMANDS)
    assert "..." not in out
    assert max(map(len, out.split("\n"))) <= 80


@pytest.mark.parametrize("words", ["--version", "-V", "version"])
def test_version(cnncalc, words):
    from cnncalc import __version__

    assert cnncalc(words).out == f"cnncalc, version {__version__}\n"
