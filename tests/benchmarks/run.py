"""Speed and size as ratios against a peer or a floor, measured in one run: ``python tests/benchmarks/run.py``.

Run by hand, with cnncalc installed from a wheel (``pip install .``): an editable install may have no byte code. Each
pair is run in turn, so that a machine that slows down slows both; the median of the ratios is printed beside its goal.
Seconds are those of the processor, so that other work on the machine makes little difference.
"""

from __future__ import annotations

import os
import pty
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

PYTHON = sys.executable
CNNCALC = str(Path(PYTHON).parent / "cnncalc")
FLOOR = [PYTHON, "-c", "import click, yaml, rich.console, rich.table"]
TORCHINFO = [
    PYTHON,
    "-c",
    "import torch\n"
    "lib = torch.library.Library('torchvision', 'DEF')\n"
    "for name in ('nms', 'qnms'):\n"
    "    lib.define(name + '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')\n"
    "import torchinfo, torchvision\n"
    "print(torchinfo.summary(torchvision.models.vgg16(), (1, 3, 224, 224)))",
]


def children() -> float:
    """What the processes that have ended took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(command: list[str]) -> float:
    """What a command takes of the processor, those of its children included; its output goes nowhere."""
    before = children()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, cwd=tempfile.gettempdir())
    return children() - before


def on_a_terminal(command: list[str]) -> float:
    """The same, where its output goes to a terminal."""
    before = children()
    leader, follower = pty.openpty()
    with subprocess.Popen(command, stdout=follower, stderr=follower, cwd=tempfile.gettempdir()) as child:
        os.close(follower)
        try:
            while os.read(leader, 1 << 16):
                pass
        except OSError:  # the terminal is closed at its other end
            pass
        os.close(leader)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return children() - before


def wall(command: list[str]) -> float:
    """How long one waits for a command."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, cwd=tempfile.gettempdir())
    return time.perf_counter() - start


def pairs(
    first: list[str], second: list[str], runs: int, spent: Callable[[list[str]], float] = seconds
) -> tuple[float, float, float]:
    """Medians of both, and of the ratios first / second."""
    spent(first), spent(second)
    measured = [(spent(first), spent(second)) for _ in range(runs)]
    return median(a for a, _ in measured), median(b for _, b in measured), median(a / b for a, b in measured)


def peak_mib(command: list[str]) -> float:
    """Peak memory of a command, measured by a process of its own."""
    child = os.fork()
    if child == 0:
        seconds(command)
        os._exit(min(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, 255))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def best(work: Callable[[], object], runs: int = 50) -> float:
    """The fastest of some runs: what the work costs when nothing else interferes."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


CIFAR_RESNET = """\
cnncalc: 1
name: cifar_resnet
input: [3, 32, 32]
vars: {n: 200}                   # 6n + 2 weighted layers
defaults:
  conv: {kernel: 3, pad: same, bias: false, norm: bn, act: relu}
blocks:
  Basic:
    args: [out, stride=1]
    layers:
      - add:
          main:
            - {conv: $out, stride: $stride}
            - {conv: $out, act: none}
          shortcut:
            - {when: $stride != 1 or $in != $out, conv: $out, kernel: 1, stride: $stride, act: none}
      - relu
layers:
  - {conv: 16}
  - stages: {out: [16, 32, 64], stride: [1, 2, 2]}
    each:
      - {Basic: $out, repeat: $n, first: {stride: $stride}, name: block}
  - global_avgpool
  - flatten
  - {linear: 10}
"""


def show(name: str, value: str, goal: str) -> None:
    print(f"{name:<58}{value:>34}   goal {goal}")


def main() -> None:
    command = [CNNCALC, "params", "vgg16"]
    for where, spent, goal in (("a pipe", seconds, 1.1), ("a terminal", on_a_terminal, 1.2)):
        ours, floor, ratio = pairs(command, FLOOR, 15, spent)
        found = f"{ratio:.2f}x ({ours * 1e3:.0f} / {floor * 1e3:.0f} ms)"
        show(f"params vgg16 to {where} / import click, yaml, rich", found, f"<= {goal}x")
    show("params vgg16, peak memory", f"{peak_mib(command):.0f} MiB", "<= 30 MiB")
    try:
        peer, ours, ratio = pairs(TORCHINFO, command, 3)
        show(
            "torchinfo on torchvision's vgg16 / params vgg16",
            f"{ratio:.0f}x ({peer * 1e3:.0f} / {ours * 1e3:.0f} ms)",
            ">= 40x",
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode().strip().split("\n")[-1]
        show("torchinfo on torchvision's vgg16 / params vgg16", "not measured", f">= 40x ({reason})")
    bare = [PYTHON, "-c", "pass"]
    ours, floor, ratio = pairs([PYTHON, "-c", "import cnncalc"], bare, 15)
    show("import cnncalc over bare python", f"{(ours - floor) * 1e3:.1f} ms ({ratio:.2f}x)", "<= 25 ms")

    for arguments, goal in (
        ("list", 0.35),
        ("explain resnet1202", 0.3),
        ("memory resnet50 --train", 0.25),
        ("fit resnet50 --gpu a100-40gb --train", 0.5),
    ):
        ours, floor, ratio = pairs([CNNCALC, *arguments.split()], FLOOR, 9)
        found = f"{ratio:.2f}x ({ours * 1e3:.0f} / {floor * 1e3:.0f} ms)"
        show(f"{arguments} / the same imports", found, f"<= {goal} s")

    import yaml

    import cnncalc
    from cnncalc.memory.simulate import Settings, simulate
    from cnncalc.spec import zoo

    check = [CNNCALC, "check", zoo.packaged()]
    ours, alone, ratio = pairs(check, [*check, "--jobs", "1"], 3, wall)
    show(
        "check of the zoo, with as many processes as gain / one", f"{ratio:.2f}x ({ours:.2f} / {alone:.2f} s)", "<= 2 s"
    )
    ours, floor, ratio = pairs([*check, "--jobs", "1"], FLOOR, 5)
    show("check of the zoo in one process / the same imports", f"{ratio:.1f}x ({ours:.2f} / {floor:.2f} s)", "<= 1.5 s")
    show("check of the zoo, peak memory of the largest process", f"{peak_mib(check):.0f} MiB", "<= 120 MiB in all")
    resnet50 = best(lambda: cnncalc.load("resnet50").analyze().totals)
    every = best(lambda: dict(cnncalc.load("resnet50").analyze().totals))
    layers = len(cnncalc.load("resnet50").graph.nodes)
    spec = cnncalc.read("resnet50")
    again = best(lambda: spec.network().analyze().totals)
    every_again = best(lambda: dict(spec.network().analyze().totals))
    parsed = best(lambda: list(yaml.parse(spec.document.parts[0].source.text, yaml.CSafeLoader)))
    for what, spent, goal in (
        ("load + analyze", resnet50, 3),
        ("load + every total", every, 3),
        ("network + analyze of a spec that is read", again, 1.2),
        ("network + every total of a spec that is read", every_again, 1.2),
    ):
        found = f"{spent * 1e3:.2f} ms ({spent / parsed:.1f}x its YAML's events)"
        show(f"{what}, resnet50", found, f"<= {goal} ms")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cifar_resnet.yaml"
        path.write_text(CIFAR_RESNET)
        deep = best(lambda: cnncalc.load(str(path)).analyze().totals, 15)
        report = cnncalc.load(str(path)).analyze()
    deep_layers = len(report.columns["path"])
    ratio = (deep / deep_layers) / (resnet50 / layers)
    found = f"{ratio:.2f}x ({deep * 1e3:.1f} ms, depth {report.totals['depth']})"
    show("1,202-layer ResNet / resnet50, cost per operator", found, "<= 1.3x")
    costs = []
    for name in ("resnet1202", "resnet50"):
        graph = cnncalc.load(name).graph
        spent = best(lambda graph=graph: simulate(graph, 1, Settings(training=True)), 9)
        costs.append((spent / len(graph.nodes), spent))
    found = f"{costs[0][0] / costs[1][0]:.2f}x ({costs[0][1] * 1e3:.0f} / {costs[1][1] * 1e3:.1f} ms)"
    show("a step of the same two, followed by events, per operator", found, "<= 1.5x")


if __name__ == "__main__":
    main()
