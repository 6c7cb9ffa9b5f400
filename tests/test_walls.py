"""The walls of the house: who may import whom, and what the core may not do. Each wall is proved to be able to fail."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cnncalc"
CORE = (
    "errors",
    "values",
    "units",
    "devices",
    "columns",
    "autograd",
    "ops",
    "graph",
    "counting",
    "memory",
    "analysis",
    "derivation",
)
ONE_IMPORTER = {
    "yaml": "spec.reader",
    "rich": "render",
    "pandas": "render",
    "click": "cli",
    "torch": "torch_backend",
    "fvcore": "torch_backend",
    "tomli": "check.toml",
    "tomllib": "check.toml",  # no part of Python 3.10
}
#: (room, what it may never import)
APART = [
    ("spec", "analysis"),
    ("columns", "analysis"),
    ("analysis", "spec"),
    ("counting", "spec"),
    ("counting", "memory"),
    ("counting", "analysis"),
    ("memory", "spec"),
    ("derivation", "spec"),
    ("analysis", "render"),
    ("counting", "render"),
    ("memory", "render"),
    ("derivation", "render"),
    ("render", "torch_backend"),
    ("torch_backend", "render"),
    ("torch_backend", "network"),
    ("source", "network"),
    ("source", "torch_backend"),
    ("render", "spec"),
    ("graph", "spec"),
    ("ops", "graph"),
    ("errors", "ops"),
    ("autograd", "ops"),
    ("autograd", "graph"),
]
#: modules that tell how Python, the machine or the hour is
OF_THE_INTERPRETER = {
    "sys", "gc", "weakref", "inspect", "ctypes", "tracemalloc", "traceback", "threading", "os", "platform", "locale",
    "time", "datetime", "random", "secrets", "uuid",
}  # fmt: skip
#: where an operator is known by its address, which its signature keeps alive
BY_IDENTITY = {"graph.builder"}
EXACT_RULES = ("shape", "weights", "buffers", "work", "reach", "_axis", "axes")

Sources = dict[str, str]


def sources() -> Sources:
    """Every module of the package by its dotted name below ``cnncalc``."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path.read_text("utf-8")
    return found


def imports(source: str) -> set[str]:
    """Every module that a source imports, anywhere in it; ``from a import b`` counts as a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def inside(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def foreign_imports(modules: Sources) -> list[str]:
    """Wall 1: the core imports the standard library only; one importer per outside library."""
    bad = []
    for module, source in modules.items():
        for name in imports(source):
            top = name.split(".")[0]
            if top in ("", "cnncalc", "__future__") or top in sys.stdlib_module_names:
                continue
            if any(inside(module, room) for room in CORE) or not inside(module, ONE_IMPORTER.get(top, "nobody")):
                bad.append(f"{module} imports {name}")
    return bad


def crossed_rooms(modules: Sources) -> list[str]:
    """Wall 2: rooms that never see each other; operator families apart; nothing imports cli."""
    bad = []
    for module, source in modules.items():
        ours = {name.removeprefix("cnncalc.") for name in imports(source) if name.startswith("cnncalc.")}
        bad += [
            f"{module} imports {name}"
            for name in ours
            for room, never in APART
            if inside(module, room) and inside(name, never)
        ]
        if not inside(module, "cli") and module != "__main__":
            bad += [f"{module} imports {name}" for name in ours if inside(name, "cli")]
        if inside(module, "ops") and module != "ops":
            families = {name.split(".")[1] for name in ours if name.startswith("ops.")} - {"base", "window"}
            bad += [f"{module} imports ops.{family}" for family in families]
    return bad


def shape_rule_calls(modules: Sources) -> list[str]:
    """Wall 2: graph alone calls an operator's shape rule."""
    bad = []
    for module, source in modules.items():
        if module == "graph.builder" or inside(module, "ops"):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "shape":
                bad.append(f"{module}:{node.lineno} calls .shape()")
    return bad


def side_effects(modules: Sources) -> list[str]:
    """Wall 4: the core never prints, reads a file, standard input or the environment, or rebinds module state."""
    bad = []
    for module, source in modules.items():
        if inside(module, "cli") or inside(module, "torch_backend") or module == "__main__":
            continue
        files = module == "spec.zoo"  # the one that opens files
        for node in ast.walk(ast.parse(source)):
            names = {"print", "input", "exec", "eval"} | (set() if files else {"open"})
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                bad.append(f"{module}:{node.lineno} calls {node.func.id}()")
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"):
                bad.append(f"{module}:{node.lineno} reads the environment")
            if isinstance(node, ast.Attribute) and node.attr == "stdin" and not files:
                bad.append(f"{module}:{node.lineno} reads standard input")
            if isinstance(node, ast.Global):
                bad.append(f"{module}:{node.lineno} has module state")
            if isinstance(node, ast.Assert):
                bad.append(f"{module}:{node.lineno} relies on assert")
    return bad


def hangs_on_the_interpreter(modules: Sources) -> list[str]:
    """Wall 4: no figure of the core depends on how Python counts, collects, finds or orders its objects, or on time."""
    bad = []
    for module, source in modules.items():
        if not any(inside(module, room) for room in CORE):
            continue
        bad += [f"{module} imports {name}" for name in imports(source) if name.split(".")[0] in OF_THE_INTERPRETER]
        tree = ast.parse(source)
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        bad += [f"{module}:{one.lineno} waits for Python to free it" for one in functions if one.name == "__del__"]
        hashed = {node for one in functions if one.name == "__hash__" for node in ast.walk(one)}
        names = {"hash", "id"} - ({"id"} if module in BY_IDENTITY else set())
        for node in set(ast.walk(tree)) - hashed:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                bad.append(f"{module}:{node.lineno} calls {node.func.id}()")
    return bad


def floats_in_rules(modules: Sources) -> list[str]:
    """Wall 5: no float touches a dimension or a count."""
    bad = []
    for module, source in modules.items():
        if not inside(module, "ops"):
            continue
        for function in ast.walk(ast.parse(source)):
            if not isinstance(function, ast.FunctionDef) or function.name not in EXACT_RULES:
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Constant) and isinstance(node.value, float):
                    bad.append(f"{module}:{node.lineno} has the float {node.value}")
                if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
                    bad.append(f"{module}:{node.lineno} divides with /")
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in ("float", "round")
                ):
                    bad.append(f"{module}:{node.lineno} calls {node.func.id}()")
    return bad


def hangs_on_names(modules: Sources) -> list[str]:
    """Wall 6: what is counted does not depend on the network's name, nor on an operator's keyword outside its rows."""
    bad = []
    for module, source in modules.items():
        if not (inside(module, "counting") or inside(module, "analysis")) or module == "counting.conventions":
            continue
        for node in ast.walk(ast.parse(source)):
            captioned = module == "analysis.report"  # which says whose figures it has
            if isinstance(node, ast.Attribute) and ast.unparse(node).endswith("graph.name") and not captioned:
                bad.append(f"{module}:{node.lineno} reads the network's name")
            if isinstance(node, ast.Compare) and "op.name" in ast.unparse(node.left):
                words = [part for side in node.comparators for part in ast.walk(side) if isinstance(part, ast.Constant)]
                bad += [f"{module}:{node.lineno} compares an operator's keyword" for _ in words[:1]]
    return bad


WALLS = [
    foreign_imports, crossed_rooms, shape_rule_calls, side_effects, hangs_on_the_interpreter, floats_in_rules,
    hangs_on_names,
]  # fmt: skip


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.__name__)
def test_wall_stands(wall):
    assert wall(sources()) == []


@pytest.mark.parametrize(
    ("wall", "module", "breach"),
    [
        (foreign_imports, "errors", "import yaml"),
        (foreign_imports, "ops.conv", "def f():\n    import numpy"),
        (foreign_imports, "spec.compile.layers", "from yaml import CSafeLoader"),
        (foreign_imports, "render.table", "import click"),
        (foreign_imports, "cli.main", "import torch"),
        (foreign_imports, "network", "import requests"),
        (crossed_rooms, "spec.expand", "from cnncalc.analysis import params"),
        (crossed_rooms, "analysis.params", "import cnncalc.spec.document"),
        (crossed_rooms, "render.plain", "from cnncalc import torch_backend"),
        (crossed_rooms, "torch_backend.modules", "from cnncalc.render import units"),
        (crossed_rooms, "torch_backend.build", "def f():\n    from cnncalc.network import Network"),
        (crossed_rooms, "source.writer", "from cnncalc.network import Network"),
        (crossed_rooms, "ops.pool", "from cnncalc.ops.conv import Conv"),
        (crossed_rooms, "network", "from cnncalc.cli import options"),
        (crossed_rooms, "graph.graph", "from cnncalc.spec import reader"),
        (crossed_rooms, "counting.price", "from cnncalc.analysis import work"),
        (shape_rule_calls, "spec.expand", "y = op.shape(x)"),
        (side_effects, "graph.walk", "print(1)"),
        (side_effects, "spec.reader", "import os\nhome = os.environ['HOME']"),
        (side_effects, "counting.price", "def f():\n    global state\n    state = 1"),
        (side_effects, "spec.document", "open('x')"),
        (side_effects, "spec.expand", "assert 1"),
        (side_effects, "counting.price", "import sys\ntext = sys.stdin.read()"),
        (hangs_on_the_interpreter, "autograd.engine", "def f(x):\n    import sys\n    return sys.getrefcount(x) == 2"),
        (hangs_on_the_interpreter, "autograd.lifetimes", "from sys import getrefcount"),
        (hangs_on_the_interpreter, "memory.simulate", "import gc\ngc.disable()"),
        (hangs_on_the_interpreter, "autograd.tensors", "class S:\n    def __del__(self):\n        pass"),
        (hangs_on_the_interpreter, "autograd.tensors", "import weakref"),
        (hangs_on_the_interpreter, "memory.peaks", "def f(xs):\n    return sorted(xs, key=lambda x: id(x))"),
        (hangs_on_the_interpreter, "values", "def f(x):\n    return hash(x) % 2"),
        (hangs_on_the_interpreter, "counting.price", "from time import perf_counter"),
        (floats_in_rules, "ops.pool", "class P:\n    def shape(self, x):\n        return (x[0] / 2,)"),
        (floats_in_rules, "ops.norm", "class P:\n    def work(self, x, y):\n        return 0.5 * x[0]"),
        (floats_in_rules, "ops.window", "def axes(x):\n    return round(x)"),
        (hangs_on_names, "counting.price", "def f(graph):\n    return graph.name == 'vgg16'"),
        (hangs_on_names, "analysis.params", "def f(self, table):\n    return table.get(self.graph.name)"),
        (hangs_on_names, "counting.backward", "def f(node):\n    return node.op.name in ('conv', 'linear')"),
    ],
)
def test_wall_can_fail(wall, module, breach):
    broken = sources()
    assert module in broken
    broken[module] += f"\n{breach}\n"
    assert set(wall(broken)) - set(wall(sources()))


def modules_after(code: str) -> set[str]:
    """What a fresh interpreter has imported after running ``code``."""
    script = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return {name.split(".")[0] for name in json.loads(result.stderr.splitlines()[-1])}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import cnncalc", {"torch", "fvcore", "numpy", "rich", "click", "yaml", "dataclasses"}),
        ("import cnncalc; cnncalc.load('vgg16').analyze()", {"torch", "fvcore", "numpy", "rich", "click"}),
        ("from cnncalc.cli.main import run; run(['params', 'vgg16'])", {"torch", "fvcore", "numpy", "rich"}),
        (
            "sys.stdout.isatty = lambda: True; from cnncalc.cli.main import run; run(['params', 'vgg16'])",
            {"torch", "fvcore", "numpy", "rich"},
        ),
        ("from cnncalc.cli.main import run; run(['summary', 'vgg16', '--format', 'json'])", {"torch", "numpy", "rich"}),
        ("from cnncalc.cli.main import run; run(['list'])", {"torch", "fvcore", "numpy", "rich"}),
        ("from cnncalc.cli.main import run; run(['check', 'specs/classic'])", {"torch", "fvcore", "numpy", "rich"}),
        ("from cnncalc.cli.main import run; run(['claims', 'vgg16'])", {"torch", "fvcore", "numpy", "rich"}),
        ("from cnncalc.cli.main import run; run(['diff', 'vgg11', 'vgg13'])", {"torch", "fvcore", "numpy", "rich"}),
        ("from cnncalc.cli.main import run; run(['explain', 'vgg16'])", {"torch", "fvcore", "numpy", "rich"}),
        ("from cnncalc.cli.main import run; run(['fit', 'vgg16', '--gpu=t4'])", {"torch", "fvcore", "numpy", "rich"}),
        ("from cnncalc.cli.main import run; run(['source', 'vgg16'])", {"torch", "fvcore", "numpy", "rich"}),
        ("from cnncalc.cli.main import run; run(['badge', 'vgg16', 'params'])", {"torch", "fvcore", "numpy", "rich"}),
    ],
)
def test_heavy_imports_stay_out(code, absent):
    assert modules_after(code) & absent == set()


def test_heavy_import_check_can_fail():
    assert "rich" in modules_after("import rich")


def test_rooms():
    """The top level is fixed, no drawer for everything, and every room says what it is for."""
    names = {path.name for path in PACKAGE.rglob("*.py")}
    assert not names & {"utils.py", "helpers.py", "common.py", "util.py", "misc.py"}
    for room in [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]:
        init = room / "__init__.py"
        if init.exists():
            assert ast.get_docstring(ast.parse(init.read_text("utf-8"))), f"{room.name} does not say what it is for"
