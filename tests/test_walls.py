"""The walls of the house: who may import whom, and what the core may not do. Each wall is proved to be able to fail."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from cnncalc.ops import OPS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cnncalc"
#: the floors from the ground up: a room, and which of the rooms above its row here it may import
ROOMS = {
    "errors": "",
    "values": "errors",
    "units": "",
    "devices": "errors",
    "columns": "",
    "autograd": "values",
    "ops": "errors values autograd",
    "graph": "errors values autograd ops",
    "counting": "errors values ops graph",
    "analysis": "errors values units columns ops graph counting",
    "memory": "errors values units devices columns autograd ops graph counting analysis",
    "derivation": "errors values ops graph counting memory analysis",
    "spec": "errors values columns ops graph",  # columns: what a claim may state
    "render": "errors values units devices columns autograd ops graph counting memory analysis derivation",
    "source": "errors values ops graph analysis",
    "torch_backend": "errors values autograd ops graph counting memory analysis source",
    "check": "errors values units columns ops graph counting memory analysis spec render",
    "network": "*",
    "__init__": "*",
    "cli": "*",
    "__main__": "*",
}
#: the rooms that import the standard library alone
CORE = list(ROOMS)[: list(ROOMS).index("spec")]
#: what ``cnncalc/__init__.py`` has for every room: it imports nothing to have it
GIVEN_TO_ALL = ("__version__", "rendered")
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
#: the rooms that make figures and show them
OF_FIGURES = ("counting", "memory", "analysis", "render")
KEYWORDS = set(OPS) - {"max"}  # that is how a total is made, too
#: modules that tell how Python, the machine or the hour is
OF_THE_INTERPRETER = {
    "sys", "gc", "weakref", "inspect", "ctypes", "tracemalloc", "traceback", "threading", "os", "platform", "locale",
    "time", "datetime", "random", "secrets", "uuid",
}  # fmt: skip
#: where an operator is known by its address, which its signature keeps alive
BY_IDENTITY = {"graph.builder"}
EXACT_RULES = ("shape", "weights", "buffers", "work", "reach", "_axis", "axes")

Sources = dict[str, str]


class Import(NamedTuple):
    """``from module import name``; without a name, ``import module``. A computed module ends where the computing does."""

    module: str
    name: str
    line: int


def sources() -> Sources:
    """Every module of the package by its dotted name below ``cnncalc``."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path.read_text("utf-8")
    return found


@cache
def walked(source: str) -> tuple[ast.AST, ...]:
    """Every node of a source."""
    return tuple(ast.walk(ast.parse(source)))


@cache
def imports(source: str) -> tuple[Import, ...]:
    """Every import of a source: in functions, for type hints alone, and of a name that is computed."""
    found = []
    for node in walked(source):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, "", node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found += [Import(module, alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            name = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
            if isinstance(name, ast.Constant):
                found.append(Import(name.value.rstrip("."), "", node.lineno))
    return tuple(found)


def imported_files(module: str, modules: Sources) -> set[str]:
    """The files of the package that a module imports."""
    found = set()
    for one in imports(modules[module]):
        package, _, name = one.module.partition(".")
        if package == "cnncalc" and not (name == "" and one.name in GIVEN_TO_ALL):
            file = ".".join(filter(None, (name, one.name)))
            found.add(file if file in modules else name or "__init__")
    return found


def inside(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def seen_from(room: str) -> list[str]:
    """The rooms that a room may import, and itself."""
    floors = list(ROOMS)
    return [room, *(floors[: floors.index(room)] if ROOMS[room] == "*" else ROOMS[room].split())]


def foreign_imports(modules: Sources) -> list[str]:
    """Wall 1: the core imports the standard library only; one importer per outside library."""
    bad = []
    for module, source in modules.items():
        for name in {one.module for one in imports(source)}:
            top = name.split(".")[0]
            if top in ("cnncalc", "__future__") or top in sys.stdlib_module_names:
                continue
            if any(inside(module, room) for room in CORE) or not inside(module, ONE_IMPORTER.get(top, "nobody")):
                bad.append(f"{module} imports {name}")
    return bad


def arrows_up(modules: Sources) -> list[str]:
    """Wall 2: a room imports what its row in the table says and nothing else."""
    return [
        f"{module} imports {file}"
        for module in modules
        for file in sorted(imported_files(module, modules))
        if file.split(".")[0] not in seen_from(module.split(".")[0])
    ]


def circles(modules: Sources) -> list[str]:
    """Wall 2: no files import each other in a circle."""
    try:
        TopologicalSorter({module: imported_files(module, modules) - {module} for module in modules}).prepare()
    except CycleError as error:
        return [" imports ".join(reversed(error.args[1]))]
    return []


def families_together(modules: Sources) -> list[str]:
    """Wall 2: families of operators never import each other."""
    return [
        f"{module} imports {file}"
        for module in modules
        if inside(module, "ops") and module != "ops"
        for file in imported_files(module, modules)
        if inside(file, "ops") and file not in (module, "ops.base", "ops.window")
    ]


def private_names(modules: Sources) -> list[str]:
    """Wall 2: what a file keeps for itself, no other file imports."""
    return [
        f"{module}:{one.line} imports {one.module}.{one.name}"
        for module, source in modules.items()
        for one in imports(source)
        if inside(one.module, "cnncalc") and one.name.startswith("_") and one.name not in GIVEN_TO_ALL
    ]


def shape_rule_calls(modules: Sources) -> list[str]:
    """Wall 2: graph alone calls an operator's shape rule."""
    bad = []
    for module, source in modules.items():
        if module == "graph.builder" or inside(module, "ops"):
            continue
        for node in walked(source):
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
        for node in walked(source):
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
        bad += [
            f"{module} imports {one.module}"
            for one in imports(source)
            if one.module.split(".")[0] in OF_THE_INTERPRETER
        ]
        functions = [node for node in walked(source) if isinstance(node, ast.FunctionDef)]
        bad += [f"{module}:{one.lineno} waits for Python to free it" for one in functions if one.name == "__del__"]
        hashed = {node for one in functions if one.name == "__hash__" for node in ast.walk(one)}
        names = {"hash", "id"} - ({"id"} if module in BY_IDENTITY else set())
        for node in set(walked(source)) - hashed:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                bad.append(f"{module}:{node.lineno} calls {node.func.id}()")
    return bad


def floats_in_rules(modules: Sources) -> list[str]:
    """Wall 5: no float touches a dimension or a count."""
    bad = []
    for module, source in modules.items():
        if not inside(module, "ops"):
            continue
        for function in walked(source):
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
    """Wall 6: no figure depends on the network's name, nor on an operator's keyword outside a convention's rows."""
    bad = []
    for module, source in modules.items():
        if not any(inside(module, room) for room in OF_FIGURES) or module == "counting.conventions":
            continue
        says_whose = module == "analysis.report" or inside(module, "render")
        texts = [one for one in walked(source) if isinstance(one, ast.FunctionDef) and one.name == "__repr__"]
        shown = {node for one in texts for node in ast.walk(one)}
        for node in walked(source):
            named = isinstance(node, ast.Attribute) and ast.unparse(node).endswith("graph.name")
            if named and not says_whose and node not in shown:
                bad.append(f"{module}:{node.lineno} reads the network's name")
            if isinstance(node, (ast.Compare, ast.MatchValue)):
                words = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                bad += [f"{module}:{node.lineno} compares with the keyword {word}" for word in words & KEYWORDS]
    return bad


def first_nodes(modules: Sources) -> list[str]:
    """Wall 6: a graph says where its inputs are; no figure takes them for the first of its nodes."""
    return [
        f"{module}:{node.lineno} takes {ast.unparse(node)}"
        for module, source in modules.items()
        if not inside(module, "spec")
        for node in walked(source)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).split(".")[-1] == "nodes"
        if ast.unparse(node.slice) in ("0", "1:")
    ]


WALLS = [
    foreign_imports, arrows_up, circles, families_together, private_names, shape_rule_calls, side_effects,
    hangs_on_the_interpreter, floats_in_rules, hangs_on_names, first_nodes,
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
        (foreign_imports, "values", "from importlib import import_module\nimport_module('numpy')"),
        (arrows_up, "spec.expand", "from cnncalc.analysis import params"),
        (arrows_up, "spec.zoo", "from cnncalc import devices"),
        (arrows_up, "analysis.params", "import cnncalc.spec.document"),
        (arrows_up, "analysis.params", "from importlib import import_module\nimport_module(f'cnncalc.{name}')"),
        (arrows_up, "render.plain", "from cnncalc import torch_backend"),
        (arrows_up, "torch_backend.modules", "from cnncalc.render import table"),
        (arrows_up, "torch_backend.build", "def f():\n    from cnncalc.network import Network"),
        (arrows_up, "torch_backend.build", "import importlib\nimportlib.import_module('cnncalc.render.table')"),
        (arrows_up, "source.writer", "if TYPE_CHECKING:\n    from cnncalc.network import Network"),
        (arrows_up, "check.session", "from cnncalc import load"),
        (arrows_up, "network", "from cnncalc.cli import options"),
        (arrows_up, "network", "import cnncalc"),
        (arrows_up, "graph.graph", "from cnncalc.spec import reader"),
        (arrows_up, "graph.graph", "from cnncalc.counting.price import unheard_of"),
        (arrows_up, "counting.price", "from cnncalc.analysis import work"),
        (arrows_up, "errors", "from cnncalc.values import Shape"),
        (circles, "ops.base", "def f():\n    from cnncalc.ops.window import axes"),
        (circles, "render.table", "if TYPE_CHECKING:\n    from cnncalc.render.plain import unheard_of"),
        (circles, "check.model", "import cnncalc.check.session"),
        (families_together, "ops.pool", "from cnncalc.ops.conv import Conv"),
        (families_together, "ops.pool", "from cnncalc.ops import OPS"),
        (private_names, "analysis.depth", "from cnncalc.analysis.work import _unheard_of"),
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
        (hangs_on_names, "memory.peaks", "def f(op):\n    match op.name:\n        case 'bn':\n            return 1"),
        (hangs_on_names, "render.summary", "def f(word):\n    return word == 'bn'"),
        (first_nodes, "analysis.depth", "def f(graph):\n    return graph.nodes[0].shape"),
        (first_nodes, "memory.peaks", "def f(nodes):\n    return sum(nodes[1:])"),
    ],
)
def test_wall_can_fail(wall, module, breach):
    broken = sources()
    broken[module] += f"\n{breach}\n"
    assert set(wall(broken)) - set(wall(sources()))


def test_rooms_of_the_table():
    """Every room has a row, and a row names rooms above it alone."""
    floors = list(ROOMS)
    assert {module.split(".")[0] for module in sources()} == set(floors)
    for room, seen in ROOMS.items():
        assert set(seen.split()) <= {"*", *floors[: floors.index(room)]}, room


def modules_after(*steps: str) -> list[set[str]]:
    """What a fresh interpreter has imported after each step, one after the other."""
    lines = [f"{step}\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)" for step in steps]
    script = "\n".join(["import sys, json", *lines])
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return [{name.split(".")[0] for name in json.loads(line)} for line in result.stderr.splitlines()]


COMMANDS = [
    "params vgg16", "summary vgg16 --format json", "list", "check specs/classic", "claims vgg16", "diff vgg11 vgg13",
    "explain vgg16", "fit vgg16 --gpu=t4", "source vgg16", "badge vgg16 params",
]  # fmt: skip
#: what must not be there after a step, nor after those before it
STEPS = {
    "import cnncalc": {"torch", "fvcore", "numpy", "rich", "click", "yaml", "dataclasses"},
    "cnncalc.load('vgg16').analyze()": {"torch", "fvcore", "numpy", "rich", "click"},
    "from cnncalc.cli.main import run": {"torch", "fvcore", "numpy", "rich"},
    **{f"run({command.split()})": {"torch", "fvcore", "numpy", "rich"} for command in COMMANDS},
    "sys.stdout.isatty = lambda: True; run(['params', 'vgg16'])": {"torch", "fvcore", "numpy", "rich"},
}


def test_heavy_imports_stay_out():
    loaded = modules_after(*STEPS)
    assert len(loaded) == len(STEPS)
    for (step, absent), there in zip(STEPS.items(), loaded, strict=True):
        assert there & absent == set(), step


def test_heavy_import_check_can_fail():
    before, after = modules_after("import cnncalc", "import rich")
    assert ("rich" in before, "rich" in after) == (False, True)


def clocks(source: str) -> list[str]:
    """Where a test looks at the wall clock, or waits for it."""
    words = {"sleep", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "time_ns", "alarm", "Timer"}
    found = [f"{one.line} imports {one.name}" for one in imports(source) if one.name in words]
    for node in walked(source):
        if isinstance(node, ast.Attribute) and (node.attr in words or ast.unparse(node) == "time.time"):
            found.append(f"{node.lineno} calls {ast.unparse(node)}")
        if isinstance(node, ast.keyword) and node.arg == "timeout":
            found.append(f"{node.value.lineno} has a timeout of its own")
    return found


def test_no_test_looks_at_a_clock():
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if path.parent.name != "benchmarks":
            assert clocks(path.read_text("utf-8")) == [], path


@pytest.mark.parametrize(
    "breach",
    [
        "import time\ntime.sleep(1)",
        "import time\nstart = time.time()",
        "def f():\n    from time import perf_counter",
        "child.communicate(timeout=60)",
        "import threading\nthreading.Timer(1, f)",
    ],
)
def test_a_look_at_a_clock_is_found(breach):
    assert clocks(breach)


def test_rooms():
    """The top level is fixed, no drawer for everything, and every room says what it is for."""
    names = {path.name for path in PACKAGE.rglob("*.py")}
    assert not names & {"utils.py", "helpers.py", "common.py", "util.py", "misc.py"}
    for room in [path for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"]:
        init = room / "__init__.py"
        if init.exists():
            assert ast.get_docstring(ast.parse(init.read_text("utf-8"))), f"{room.name} does not say what it is for"
