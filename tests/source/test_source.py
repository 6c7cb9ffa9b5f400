"""What ``cnncalc source`` writes runs, has the parameters and outputs of the network that build makes, and reads well."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import cnncalc
from cnncalc import source
from cnncalc.cli.main import run
from cnncalc.graph.builder import GraphBuilder
from cnncalc.network import Network
from cnncalc.ops import OPS
from cnncalc.source import layout
from cnncalc.source.names import module_names, own_name
from cnncalc.spec import document, zoo

torch = pytest.importorskip("torch")

from cnncalc.torch_backend.build import build, inputs, outputs

ROOT = Path(__file__).resolve().parents[2]
SPECS = {path.stem: path for path in sorted((ROOT / "specs").rglob("*.yaml"))}
NETWORKS = [name for name in SPECS if not name.startswith("blocks_")]

#: networks of different kinds, with an input that takes little
SMALL = {
    "resnet50": (3, 32, 32),
    "densenet121": (3, 32, 32),
    "googlenet": (3, 64, 64),
    "mobilenet_v3_small": (3, 32, 32),
    "shufflenet_v2_x0_5": (3, 32, 32),
    "unet_small": (3, 16, 16),
    "vit_b_32": (3, 32, 32),
    "swin_t": (3, 64, 64),
    "se_resnet50": (3, 32, 32),
    "cbam_resnet50": (3, 32, 32),
    "fractalnet20": None,
    "lenet5": None,
    "nasnet_mobile": (3, 64, 64),
}


def made(text, device="cpu"):
    """An object of the last class of a file: the network."""
    namespace = {"__name__": "written"}
    exec(compile(text, "written.py", "exec"), namespace)
    classes = [value for value in namespace.values() if isinstance(value, type) and value.__module__ == "written"]
    with torch.device(device):
        return classes[-1]()


def text_of(network, with_side=False):
    return source.write(network.graph, with_side, network.about)


def shapes(module):
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def call_order(network, keys):
    """The position in the graph of the layer that each key belongs to."""
    positions = {name: index for index, name in enumerate(module_names(network.graph))}
    found = []
    for key in keys:
        path = key
        while path not in positions:
            path = path.rpartition(".")[0]
        found.append(positions[path])
    return found


def faults(text):
    """Names that are imported or assigned in vain, and lines that a formatter would break."""
    tree = ast.parse(text)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found += [f"{alias.name} is not used" for alias in node.names if alias.name not in used]
        if isinstance(node, ast.FunctionDef):
            read = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}
            given = [each.arg for each in node.args.args]
            found += [f"{node.name}: {name} is not used" for name in given if name not in read | {"self"}]
    inside = False
    docstrings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    for number, line in enumerate(text.splitlines(), 1):
        inside = line == "# fmt: off" or (inside and line != "# fmt: on")
        if len(line) > 88 and not inside and number not in docstrings:
            found.append(f"{number}: {len(line)} characters")
        if line != line.rstrip() or "\t" in line:
            found.append(f"{number}: white space")
    return found


def of_numbers(value):
    if isinstance(value, list):
        return all(map(of_numbers, value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_a_scale(name):
    """A spec is another one with other numbers, as ResNet-101 is ResNet-50: its code has other numbers too."""
    written = yaml.safe_load(SPECS[name].read_text("utf-8"))
    said = {"cnncalc", "name", "title", "source", "extends", "input", "vars", "claims", "facts"}
    return "extends" in written and set(written) <= said and of_numbers([*written.get("vars", {}).values()])


def sides(network):
    return (False, True) if network.graph.sides else (False,)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_reads_well(name):
    network = cnncalc.load(name)
    for with_side in sides(network):
        assert faults(text_of(network, with_side)) == []


@pytest.mark.parametrize("name", [name for name in NETWORKS if not is_a_scale(name)])
def test_every_network_is_the_built_one(name):
    network = cnncalc.load(name)
    for with_side in sides(network):
        text = text_of(network, with_side)
        module = made(text, "meta").eval()
        assert list(shapes(module).items()) == list(shapes(build(network.graph, "meta", with_side=with_side)).items())
        order = call_order(network, module.state_dict())
        assert order == sorted(order)
        totals = network.analyze(with_side=with_side).totals
        assert sum(tensor.numel() for tensor in module.parameters()) == totals["params"]
        graph = network.graph
        ends = [*graph.outputs, *([side.output for side in graph.sides] if with_side else [])]
        with torch.no_grad():
            results = outputs(module(torch.zeros(1, *network.input, device="meta")))
        assert [tuple(y.shape) for y in results] == [
            (graph.nodes[index].count, *graph.nodes[index].shape) for index in ends
        ]


def with_equal_weights(network, with_side=False):
    """The network as build makes it and as it is written, in float64 with the same weights."""
    torch.manual_seed(0)
    built = build(network.graph, dtype="float64", with_side=with_side)
    for name, tensor in built.state_dict().items():
        if "running_var" in name:
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim == 1 and tensor.is_floating_point():
            tensor.add_(torch.randn_like(tensor) / 10)
    written = made(text_of(network, with_side), "meta")
    written.load_state_dict(built.state_dict(), assign=True)
    return built, written


@pytest.mark.parametrize("name", SMALL)
def test_same_outputs(name):
    network = cnncalc.load(name, None, SMALL[name])
    with_side = bool(network.graph.sides)
    built, written = with_equal_weights(network, with_side)
    x = torch.randn(1, *network.input, dtype=torch.float64)
    with torch.no_grad():
        pairs = zip(outputs(built.eval()(x.clone())), outputs(written.eval()(x.clone())), strict=True)
        for expected, found in pairs:
            assert expected.std() > 0 or expected.numel() == 1
            assert torch.equal(expected, found)


@pytest.mark.parametrize("name", ["unet_small", "shufflenet_v2_x0_5"])
def test_same_training(name):
    """In training mode: activations in place, running statistics and gradients."""
    network = cnncalc.load(name, None, (3, 32, 32))
    built, written = with_equal_weights(network)
    written = made(text_of(network)).double()
    written.load_state_dict(built.state_dict())
    x = torch.randn(2, *network.input, dtype=torch.float64)
    for module in (built, written):
        module(x.clone()).square().mean().backward()
    assert all(torch.equal(tensor, built.state_dict()[key]) for key, tensor in written.state_dict().items())
    gradients = {key: tensor.grad for key, tensor in built.named_parameters()}
    assert all(torch.equal(tensor.grad, gradients[key]) for key, tensor in written.named_parameters())


def test_shared_weights_are_one_parameter():
    network = cnncalc.load("cbam_resnet50", None, (3, 32, 32))
    built, written = build(network.graph, "meta"), made(text_of(network), "meta")
    groups = []
    for module in (built, written):
        names: dict[int, set[str]] = {}
        for name, tensor in module.named_parameters(remove_duplicate=False):
            names.setdefault(id(tensor), set()).add(name)
        groups.append({frozenset(group) for group in names.values()})
    assert groups[0] == groups[1]
    assert any(len(group) == 2 for group in groups[0])


def test_taken_names():
    """A layer with the name of an attribute is renamed as build does."""
    from torch import fx, nn

    taken = {*dir(fx.GraphModule(nn.Module(), fx.Graph())), *dir(nn.Sequential()), "inplace"}
    assert {name for name in taken if own_name(name) == name} == set()


# -- what it looks like --------------------------------------------------------------------------------------------

BASIC = '''
class Basic(nn.Module):
    """stage1.block_1 and 7 others, up to stage4.block_2."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            shortcut = Chain(
                conv1=nn.Conv2d(
                    in_channels, out_channels, 1, stride=stride, bias=False
                ),
                conv1_bn=nn.BatchNorm2d(out_channels),
            )
        self.add1 = Branches(
            main=Chain(
                conv1=nn.Conv2d(
                    in_channels, out_channels, 3, stride=stride, padding=1, bias=False
                ),
                conv1_bn=nn.BatchNorm2d(out_channels),
                conv1_relu=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
                conv2_bn=nn.BatchNorm2d(out_channels),
            ),
            shortcut=shortcut,
        )
        self.relu1 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.add1.main(x)
        y += self.add1.shortcut(x)
        return self.relu1(y)
'''

LINES = [
    ("resnet18", BASIC),
    ("resnet18", "        self.stage2 = Chain(block_1=Basic(64, 128, stride=2), block_2=Basic(128, 128))\n"),
    ("resnet18", "\n11,689,512 parameters; 1,814,073,344 MACs for an input of 3 x 224 x 224.\n"),
    ("resnet50", '            **{f"block_{i}": Bottleneck(1024, 256) for i in range(2, 7)},\n'),
    ("densenet121", '            **{f"layer_{i}": DenseLayer(32 + 32 * i) for i in range(1, 7)},\n'),
    ("googlenet", '        self.add_module("3a", Inception(192, 64, 96, 128, 16, 32, 32))\n'),
    ("googlenet", '        x = self.get_submodule("3a")(x)\n'),
    ("unet_small", "        x = torch.cat([x, enc2], dim=1)\n"),
    ("vit_b_32", '        for i in range(1, 13):\n            x = self.get_submodule(f"block_{i}")(x)\n'),
    ("cbam_resnet50", "        share(self.maximum, self.mean)\n"),
]


@pytest.mark.parametrize(("name", "lines"), LINES)
def test_text(name, lines):
    assert lines in text_of(cnncalc.load(name))


POOLS = """
cnncalc: 1
name: pools
input: [2, 32, 32]
blocks:
  Pool: {args: [window, step], layers: [{maxpool: $window, stride: $step}, {conv: 2, kernel: 1}]}
layers:
  - {Pool: [2, 2], name: a}
  - {Pool: [3, 2], name: b}
  - {Pool: [3, 1], name: c}
"""


def test_a_pools_stride_is_not_its_window(written_spec):
    network = cnncalc.load(written_spec(POOLS))
    assert "maxpool1=nn.MaxPool2d(kernel_size, stride=stride)" in text_of(network)
    built, written = with_equal_weights(network)
    x = torch.randn(1, *network.input, dtype=torch.float64)
    assert torch.equal(built(x), written(x))
    network = cnncalc.load(written_spec(POOLS.replace("[3, 1]", "[4, 2]")))
    assert "maxpool1=nn.MaxPool2d(kernel_size, stride=2)" in text_of(network)


# -- hostile text --------------------------------------------------------------------------------------------------

HOSTILE = r"""
cnncalc: 1
name: class
title: "\"\"\"\nimport os; os.system('x') \\\" \\u0041 {1} %s \u00e9 \\"
source: "\\\"\"\" + __import__('os').abort() + \"\"\""
input: [3, 16, 16]
blocks:
  Tensor: {args: [out], layers: [{conv: $out, kernel: 1, name: forward, act: relu}, {conv: 4, kernel: 1, name: weight}]}
  Chain: {args: [out], layers: [{add: {a: [{conv: $out, kernel: 1}], 1b: [{conv: $out, kernel: 1}, relu]}}]}
  None: {layers: [{add: {forward: [{conv: 4, kernel: 1}], items: identity}, name: keys}]}
  WindowAttention: {layers: [{conv: 4, kernel: 1}]}
layers:
  - {conv: 4, kernel: 3, pad: 1, name: 3a}
  - {conv: 4, kernel: 1, name: a-b}
  - {conv: 4, kernel: 1, name: forward}
  - {conv: 4, kernel: 1, name: forward_}
  - {conv: 4, kernel: 1, name: training}
  - {conv: 4, kernel: 1, name: __init__}
  - {conv: 4, kernel: 1, name: __x}
  - {conv: 4, kernel: 1, name: _modules}
  - {conv: 4, kernel: 1, name: x}
  - {conv: 4, kernel: 1, name: torch}
  - {conv: 4, kernel: 1, name: l}
  - {Tensor: 4, name: Tensor}
  - {Chain: 4, name: nn}
  - {Chain: 4, name: range}
  - {None: [], name: super}
  - {layers: [{conv: 4, kernel: 1, name: "0"}, {layers: [{conv: 4, kernel: 1}], name: items}], name: keys}
  - {add: [x, torch, l, super], name: "I", inplace: false}
  - {mul: [prev, x, nn], name: O}
  - {concat: [prev, torch, range], name: functional}
  - {max: {print: [{conv: 12, kernel: 1}], 1-: identity}, name: "_"}
  - {WindowAttention: [], name: "9"}
  - {layers: [{conv: 4, kernel: 1}], repeat: 4, name: "__y"}
  - {layers: [{conv: 4, kernel: 1}], repeat: 4, name: "0"}
"""


@pytest.fixture
def written_spec(tmp_path):
    def write(text):
        path = tmp_path / "spec.yaml"
        path.write_text(text, "utf-8")
        return str(path)

    return write


def test_hostile_names(written_spec):
    network = cnncalc.load(written_spec(HOSTILE))
    assert faults(text_of(network)) == []
    built, written = with_equal_weights(network)
    assert shapes(built) == shapes(written)
    x = torch.randn(2, *network.input, dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(built.eval()(x.clone()), written.eval()(x.clone()))


def test_hostile_text(written_spec):
    text = text_of(cnncalc.load(written_spec(HOSTILE)))
    tree = ast.parse(text)
    assert not any(isinstance(node, ast.Name) and node.id in ("os", "__import__") for node in ast.walk(tree))
    told = ast.get_docstring(tree).split("\n\n")
    assert told[0] == "''' import os; os.system('x') \\\" \\u0041 {1} %s \u00e9 \\"
    assert told[1] == "Source: \\''' + __import__('os').abort() + '''"


@pytest.mark.parametrize(
    "layers", ["[{when: 1 == 2, linear: 2}]", "[{linear: 2, name: fc}]\noutputs: [input]", "[{parameter: [3, 2, 2]}]"]
)
def test_an_input_that_no_layer_reads(written_spec, layers):
    network = cnncalc.load(written_spec(f"cnncalc: 1\ninput: [3]\nlayers: {layers}\n"))
    text = text_of(network)
    assert faults(text) == []
    built, written = with_equal_weights(network)
    x = torch.randn(2, 3, dtype=torch.float64)
    assert torch.equal(built.eval()(x.clone()), written.eval()(x.clone()))


@pytest.mark.parametrize("name", ["class", "import", "self", "None", "append", "I"])
def test_names_that_are_no_attributes(written_spec, name):
    """Each as a layer, in a group and as a branch; the last three lines keep their values for later."""
    spec = f"""
cnncalc: 1
name: {name}
input: [2, 4, 4]
layers:
  - {{conv: 2, kernel: 1, name: {name}}}
  - {{layers: [{{conv: 2, kernel: 1, name: {name}}}], name: group}}
  - {{add: {{{name}: [{{conv: 2, kernel: 1}}], skip: identity}}}}
  - {{concat: [prev, {name}]}}
"""
    network = cnncalc.load(written_spec(spec))
    text = text_of(network)
    assert faults(text) == []
    module = made(text)
    assert len(list(module.parameters())) == 6
    assert module(torch.zeros(1, 2, 4, 4)).shape == (1, 4, 4, 4)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ('a"b', 'a"b'),
        ('"', "'"),
        ('""""', "''''"),
        ("\\", "\\\\"),
        ("a\nb\t c", "a b c"),
        ("\u202eabc\x1b[1m\x00", "\\\\u202eabc\\\\x1b[1m\\\\x00"),
        ("\udc80", "\\\\udc80"),
    ],
)
def test_quoted(text, shown):
    assert layout.quoted(text) == shown
    value = ast.literal_eval('"""' + shown + '"""')
    assert value.isprintable()


# -- the command ---------------------------------------------------------------------------------------------------


def test_command(capsys, tmp_path):
    assert run(["source", "lenet5_modern"]) == 0
    text = capsys.readouterr().out
    path = tmp_path / "lenet.py"
    assert run(["source", "lenet5_modern", "--output", str(path)]) == 0
    assert path.read_text("utf-8") == text == text_of(cnncalc.load("lenet5_modern"))
    result = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    params = cnncalc.load("lenet5_modern").analyze().totals["params"]
    assert result.stdout == f"{params:,} parameters\n(1, 10)\n"


def test_command_with_variables(capsys):
    assert run(["source", "resnet18", "--set", "classes=7", "--input", "3x64x64"]) == 0
    text = capsys.readouterr().out
    assert "        self.fc = nn.Linear(512, 7)\n" in text
    assert "model(torch.zeros(1, 3, 64, 64))" in text


def test_side_outputs(capsys):
    assert run(["source", "googlenet", "--with-side"]) == 0
    text = capsys.readouterr().out
    assert "    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:\n" in text
    assert "13,004,888 parameters;" in text


ERRORS = [
    (["--output", ""], 2, "error: --output takes the name of a file\n"),
    (["--onnx", ""], 2, "error: --onnx takes the name of a file\n"),
    (["--onnx", "a", "--output", "./a"], 2, "error: 'a' would be written twice\n"),
    (["--output", "no/where.py"], 3, "error: cannot write 'no/where.py': No such file or directory\n"),
]


@pytest.mark.parametrize(("arguments", "code", "message"), ERRORS)
def test_errors(capsys, arguments, code, message):
    assert run(["source", "lenet5_modern", *arguments]) == code
    assert capsys.readouterr().err == message


def test_the_spec_is_not_overwritten(capsys, written_spec):
    path = written_spec("cnncalc: 1\nname: x\ninput: [1]\nlayers: [relu]\n")
    for option in ("--output", "--onnx"):
        assert run(["source", path, option, path]) == 2
        assert "was read, so it must not be overwritten" in capsys.readouterr().err


WITHOUT = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
from cnncalc.cli.main import run
code = run({arguments})
print("torch" in sys.modules, file=sys.stderr)
sys.exit(code)
"""


def without(missing, *arguments):
    script = WITHOUT.format(missing=missing, arguments=list(arguments))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_torch_is_not_needed():
    result = without(["torch"], "source", "swin_t")
    assert (result.returncode, result.stderr) == (0, "False\n")
    assert result.stdout == text_of(cnncalc.load("swin_t"))


def test_torch_is_not_imported():
    assert without([], "source", "swin_t").stderr == "False\n"


def test_onnx_needs_torch(tmp_path):
    result = without(["torch"], "source", "lenet5_modern", "--onnx", str(tmp_path / "x.onnx"))
    message = "error: writing ONNX needs PyTorch, which is not installed (hint: pip install 'cnncalc[torch]')\nFalse\n"
    assert (result.returncode, result.stderr) == (3, message)
    assert list(tmp_path.iterdir()) == []


def test_onnx_needs_its_packages(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("cnncalc.torch_backend.onnx.find_spec", lambda name: None)
    assert run(["source", "lenet5_modern", "--onnx", str(tmp_path / "x.onnx")]) == 3
    message = (
        "error: writing ONNX needs onnx and onnxscript, which are not installed (hint: pip install onnx onnxscript)\n"
    )
    assert capsys.readouterr().err == message
    assert list(tmp_path.iterdir()) == []


def test_onnx(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    path = tmp_path / "lenet.onnx"
    assert run(["source", "lenet5_modern", "--onnx", str(path)]) == 0
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    dimensions = [(axis.dim_param, axis.dim_value) for axis in model.graph.input[0].type.tensor_type.shape.dim]
    assert dimensions == [("batch", 0), ("", 1), ("", 32), ("", 32)]


def test_names_of_classes_and_imports(written_spec):
    """A branch that some blocks have, with the name of a class; layers with the names of what is imported."""
    spec = """
cnncalc: 1
name: x
input: [2, 4, 4]
blocks:
  Basic:
    args: [out]
    layers:
      - add: {main: [{conv: $out, kernel: 1}], Chain: [{when: $in != $out, conv: $out, kernel: 1}]}
layers:
  - {Basic: 2, name: functional}
  - {Basic: 4, name: Any}
  - {layers: [{conv: 4, kernel: 1, name: OrderedDict}, {conv: 4, kernel: 1, name: share}], name: log}
"""
    network = cnncalc.load(written_spec(spec))
    assert faults(text_of(network)) == []
    built, written = with_equal_weights(network)
    x = torch.randn(2, *network.input, dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(built(x.clone()), written(x.clone()))


@pytest.mark.parametrize("name", sorted(OPS))
def test_every_operator(written_spec, name):
    """Each sample as a network of its own, with what follows it where it takes that."""
    spec = document.load(zoo.find(written_spec("cnncalc: 1\nname: one\ninput: [1]\nlayers: [relu]\n")))
    for op, shapes in OPS[name].samples():
        builder = GraphBuilder()
        given = [builder.input(f"input{i}", shape, spec.parts[0]) for i, shape in enumerate(shapes)]
        last = builder.add(op, tuple(given), "layer", spec.parts[0])
        if op.takes_norm_act:
            norm = "layernorm" if shapes[0].layout == "tensor" else "bn"
            last = builder.add(OPS[norm](), (last,), f"layer.{norm}", spec.parts[0])
            last = builder.add(OPS["relu"](), (last,), "layer.relu", spec.parts[0])
        network = Network(spec, builder.finish([last]), {})
        text = text_of(network)
        assert faults(text) == []
        built, written = with_equal_weights(network)
        xs = inputs(network.graph, 2, torch.rand, dtype=torch.float64)
        results = []
        for module in (built.eval(), written.eval()):
            torch.manual_seed(1)
            with torch.no_grad():
                results.append(module(*[x.clone() for x in xs]))
        assert torch.equal(*results)
