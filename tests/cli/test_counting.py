"""``--convention`` and ``--pass``: every command that shows work takes them, and every output says which they are."""

from __future__ import annotations

import json

import pytest

from cnncalc.spec import zoo

#: what shows work, and where its JSON has the assumptions
COMMANDS = {
    "summary": (["summary", "resnet18"], ["assumptions"]),
    "macs": (["macs", "resnet18"], ["assumptions"]),
    "compare": (["compare", "resnet18", "resnet34"], ["networks", 0, "assumptions"]),
    "diff": (["diff", "resnet18", "resnet34", "--exit-zero"], ["assumptions"]),
    "explain": (["explain", "resnet18", "fc"], ["assumptions"]),
    "list": (["list", "--top", "3"], ["assumptions"]),
}


@pytest.fixture
def four_networks(monkeypatch):
    """The zoo of the list is four networks: the header is that of any."""
    known = zoo.names()
    few = {name: known[name] for name in ("resnet18", "resnet34", "mobilenet_v2", "vit_b_16")}
    monkeypatch.setattr("cnncalc.spec.zoo.names", lambda: few)


@pytest.mark.usefixtures("four_networks")
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("convention", ["macs", "paper", "torch"])
@pytest.mark.parametrize("form", ["plain", "markdown"])
def test_the_header_names_the_convention_and_the_pass(cnncalc, name, convention, form):
    arguments = [*COMMANDS[name][0], "--convention", convention, "-f", form]
    shown = cnncalc(*arguments)
    assert (shown.code, shown.err) == (0, "")
    assert f"convention {convention}" in " ".join(shown.out.split("\n")[:4])
    assert "pass" not in " ".join(shown.out.split("\n")[:4])
    backward = cnncalc(*arguments, "--pass", "backward").out.split("\n")[:4]
    assert "backward pass" in " ".join(backward)
    step = cnncalc(*arguments, "--pass", "step").out.split("\n")[:4]
    assert "training step (forward and backward)" in " ".join(step)


@pytest.mark.usefixtures("four_networks")
@pytest.mark.parametrize(("arguments", "where"), COMMANDS.values(), ids=COMMANDS)
def test_json_names_the_convention_and_the_pass(cnncalc, arguments, where):
    for convention, pass_ in (("macs", "forward"), ("torch", "step")):
        data = json.loads(cnncalc(*arguments, "--convention", convention, "--pass", pass_, "-f", "json").out)
        for key in where:
            data = data[key]
        assert (data["convention"], data["pass"]) == (convention, pass_)


@pytest.mark.usefixtures("four_networks")
@pytest.mark.parametrize("name", ["summary", "macs", "compare", "diff", "list"])
def test_a_convention_without_a_column_gets_the_column_work(cnncalc, name):
    arguments = COMMANDS[name][0]
    assert " work" not in cnncalc(*arguments).out
    assert " work" in cnncalc(*arguments, "--convention", "paper").out


def test_what_is_not_counted_is_said(cnncalc):
    assert (
        "\nnot counted by paper: bn, relu, maxpool, add, global_avgpool\n"
        in cnncalc("macs", "resnet18", "--convention", "paper").out
    )
    assert "not counted" not in cnncalc("macs", "resnet18", "--convention", "flops").out
    assert "not counted" not in cnncalc("params", "resnet18").out
    shown = cnncalc("compare", "resnet18", "vgg11").out
    assert "\nvgg11: not counted by macs: relu, maxpool\n" in shown
    data = json.loads(cnncalc("macs", "resnet18", "-f", "json").out)
    assert data["uncounted"] == ["bn", "relu", "maxpool", "add", "global_avgpool"]


def test_nothing_but_products_is_counted_of_a_backward_pass(cnncalc):
    shown = cnncalc("macs", "resnet18", "--convention", "flops", "--pass", "backward").out
    assert "gradients of inputs and weights; other operations not counted" in shown
    assert "not counted by flops: bn, relu, maxpool, add, global_avgpool\n" in shown


@pytest.mark.usefixtures("four_networks")
def test_a_list_names_what_a_convention_has_no_figure_of(cnncalc):
    data = json.loads(cnncalc("list", "--convention", "torch", "--pass", "step", "-f", "json").out)
    left_out = {item["name"]: item["reason"] for item in data["not_reproducible"]}
    assert left_out["vit_b_16"].startswith("attention: which kernel training runs depends on device and program")
    assert {item["name"] for item in data["networks"]} == {"resnet18", "resnet34", "mobilenet_v2"}
    shown = cnncalc("list", "--convention", "torch", "--pass", "step").out
    assert "\nnot listed, because torch has no known figure: " in shown


def test_a_network_under_every_convention_that_counts_the_pass(cnncalc):
    shown = cnncalc("explain", "mobilenet_v2", "--pass", "backward").out
    assert "input 3x224x224, batch 1, float32, backward pass, tools count torchvision's program\n" in shown
    # 2 * the products of the gradients; PyTorch's figure is measured in tests/torch_backend/test_passes.py
    assert "  dwconv " in shown and "gradients of weights" in shown and "gradients of values" in shown
    assert shown.endswith(
        "these count no backward pass: fvcore, ptflops, ptflops-aten, thop, torchinfo, torchprofile, calflops\n"
    )


def test_a_layer_of_a_training_step(cnncalc):
    first = [
        " ".join(line.split()) for line in cnncalc("explain", "resnet18", "conv1", "--pass", "step").out.split("\n")
    ]
    assert "backward MACs macs 118,013,952 MACs weights alone: nothing before them is trained" in first
    assert "step MACs macs + backward_macs 118013952 + 118013952 = 236,027,904 MACs" in first
    last = [
        " ".join(line.split()) for line in cnncalc("explain", "resnet18", "fc", "--pass", "backward").out.split("\n")
    ]
    assert "backward MACs 2*macs 2*512000 = 1,024,000 MACs input and weights" in last
    assert "work of the backward pass under the convention macs: 1,024,000" in last
    block = cnncalc("explain", "resnet18", "stage1", "--pass", "backward").out
    assert "backward MACs" in block and "work of the backward pass under the convention macs: 924,844,032\n" in block
    latex = cnncalc("explain", "resnet18", "fc", "--pass", "backward", "-f", "markdown").out
    assert "**backward MACs**" in latex and "2\\cdot 512000 = 1{,}024{,}000" in latex


def test_a_badge_names_the_pass(cnncalc):
    arguments = ["badge", "resnet18", "-f", "json", "--pass", "step"]
    assert json.loads(cnncalc(*arguments, "macs").out)["label"] == "MACs (step)"
    assert (
        json.loads(cnncalc(*arguments, "work", "--convention", "torch").out)["label"]
        == "work (torch of torchvision's program, step)"
    )
    assert json.loads(cnncalc(*arguments, "params").out)["label"] == "params"


@pytest.mark.parametrize(
    "arguments",
    [
        *[arguments for arguments, _ in COMMANDS.values()],
        ["memory", "resnet18"],
        ["badge", "resnet18", "macs"],
    ],
    ids=lambda arguments: arguments[0],
)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--convention", "torhc"], "unknown convention 'torhc' (hint: did you mean torch?)"),
        (["--pass", "stop"], "unknown pass 'stop' (hint: did you mean step?)"),
        (
            ["--convention", "thop", "--pass", "step"],
            "thop counts no backward pass (hint: conventions that do: macs, flops, paper, torch)",
        ),
    ],
    ids=["convention", "pass", "both"],
)
def test_wrong_calls(cnncalc, arguments, wrong, message):
    result = cnncalc(*arguments, *wrong)
    assert (result.code, result.out, result.err) == (2, "", f"error: {message}\n")


def test_a_published_figure_is_of_a_forward_pass(cnncalc):
    result = cnncalc("explain", "resnet18", "--published", "1.8G", "--pass", "step")
    assert (result.code, result.err) == (2, "error: --published asks about a forward pass and takes no --pass\n")


def test_a_claim_and_its_verdict_name_the_convention(cnncalc, tmp_path):
    spec = tmp_path / "net.yaml"
    spec.write_text(
        "cnncalc: 1\ninput: [2]\nlayers: [{linear: 3}]\nclaims:\n"
        "  - {macs: 7, source: a}\n  - {flops: 6, convention: paper, source: b}\n"
    )
    shown = cnncalc("claims", str(spec)).out
    assert "flops (paper)" in shown
    result = cnncalc("check", str(spec))
    assert result.code == 1
    assert "macs: 7 is published, but the network has 6" in result.out


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ('macz = {max = "5M"}', "3:1: error: unknown key 'macz' in [[budget]] (hint: did you mean macs?)"),
        ('macs = {maxx = "5M"}', "3:9: error: a budget has no key 'maxx' (hint: did you mean max?)"),
        ('macs = {max = "5Q"}', "3:9: error: max must be a figure like 26M, not '5Q'"),
        (
            'macs = {max = "5M", convention = "paper"}',
            "3:21: error: a budget has no key 'convention' (hint: did you mean attention?)",
        ),
    ],
)
def test_a_wrong_budget(cnncalc, tmp_path, monkeypatch, budget, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text("cnncalc: 1\ninput: [2]\nlayers: [{linear: 3}]\n")
    (tmp_path / "cnncalc.toml").write_text(f'[[budget]]\nfiles = "*.yaml"\n{budget}\n')
    result = cnncalc("check", "net.yaml")
    assert (result.code, result.out) == (2, "")
    assert f"cnncalc.toml:{message}" in result.err.split("\n")


def test_a_window_past_the_end_adds_what_it_has(cnncalc, tmp_path):
    """Of 4 pixels, windows of 3 and of the last 2: 2 + 1 additions and 2 divisions."""
    text = "cnncalc: 1\ninput: [1, 4]\nlayers: [{avgpool: 3, stride: 2, ceil: true, count_include_pad: false}]\n"
    (tmp_path / "windows.yaml").write_text(text, "utf-8")
    report = json.loads(cnncalc("macs", str(tmp_path / "windows.yaml"), "--convention", "flops", "-f", "json").out)
    assert report["totals"]["flops"] == report["totals"]["work"] == 5
