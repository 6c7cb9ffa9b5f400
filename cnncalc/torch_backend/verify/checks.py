"""Every figure of a network against the same network in PyTorch, as PyTorch and fvcore count it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import torch
from torch import fx
from torch.utils.flop_counter import FlopCounterMode

from cnncalc import rendered
from cnncalc.analysis.report import BATCH_LIMIT, About, Report
from cnncalc.errors import EnvironmentFailure, check_flag, check_whole, check_word, escape, listing
from cnncalc.graph.graph import Graph
from cnncalc.torch_backend.build import DTYPES, build, free_memory, inputs, outputs
from cnncalc.torch_backend.verify import memory_checks
from cnncalc.torch_backend.verify.fvcore_counts import count_with_fvcore, fvcore_version
from cnncalc.torch_backend.verify.limits import LIMITS
from cnncalc.values import Assumptions

INSTALL = "pip install 'cnncalc[torch]'"

#: what PyTorch raises for a network that it cannot build or run
REFUSALS = (RuntimeError, TypeError, ValueError, IndexError)

EQUAL, DIFFERS, LIMIT, NOT_RUN = "equal", "differs", "known limit", "not run"

#: What is worked out without being asked for, so that one network takes seconds: MACs of a pass over one sample, bytes
#: of weights, layers.
WORK_LIMIT = 30 * 10**9
BYTES_LIMIT = 10**9
OPERATOR_LIMIT = 1500


class Check(NamedTuple):
    """One comparison. ``layer`` is None where it is of the whole network; ``note`` says what the figures do not."""

    quantity: str
    layer: str | None
    ours: Any
    theirs: Any
    peer: str
    version: str
    verdict: str
    note: str | None = None


class Verified(NamedTuple):
    """The checks of a network, in order; what differs in a layer stands after the check of its quantity.
    ``print(verified)`` prints what ``cnncalc verify`` does.

    ``batch`` and ``dtype`` are those of the memory figures; the others are of one sample, in float32.
    """

    graph: Graph
    about: About
    with_side: bool
    layers: int
    checks: tuple[Check, ...]
    batch: int = 1
    dtype: str = "float32"

    @property
    def agrees(self) -> bool:
        """Whether nothing differs, known limits aside."""
        return all(check.verdict != DIFFERS for check in self.checks)

    def __repr__(self) -> str:
        checks = f"{len(self.checks)} checks"
        return f"<Verified {self.graph.name}: {checks}, {rendered('agreement.verdict', self.entry)}>"

    def __str__(self) -> str:
        return str(rendered("agreement.text", self.entry))

    def to_dict(self) -> dict[str, Any]:
        """The checks as JSON data, ``cnncalc.verify/1``."""
        data: dict[str, Any] = rendered("agreement.payload", [self.entry])
        return data

    @property
    def entry(self) -> dict[str, Any]:
        """The network's part of ``cnncalc.verify/1``."""
        return {
            "name": self.graph.name,
            "file": self.about.file,
            "set": list(self.about.settings),
            "input": self.graph.input_sizes,
            "with_side": self.with_side,
            "layers": self.layers,
            "memory": {"batch": self.batch, "dtype": self.dtype},
            "agrees": self.agrees,
            "checks": [check._asdict() for check in self.checks],
        }


class _Counted(NamedTuple):
    """What PyTorch says of one layer."""

    shape: tuple[int, ...]
    params: int
    buffers: int
    macs: int
    depth: int


class _RefusedError(Exception):
    """What PyTorch refuses to do, and the module that it was doing."""

    def __init__(self, quantity: str, target: str, cause: Exception) -> None:
        super().__init__(target)
        self.quantity = quantity
        self.target = target
        self.text = first_line(cause)


def verify(
    graph: Graph,
    with_side: bool = False,
    fvcore: bool | None = None,
    values: bool | None = None,
    memory: bool | None = None,
    batch: int = 1,
    dtype: str = "float32",
    about: About | None = None,
) -> Verified:
    """Builds the network and compares what PyTorch makes of it with the network's own figures.

    On the device meta, where nothing is computed, for every layer and in total: output shapes, parameters, buffers,
    multiply-accumulates as ``FlopCounterMode`` counts them, and depth. With memory, on fake tensors, which take none:
    what autograd keeps, and the most bytes alive at once in inference and in training. With fvcore, for one sample on
    the CPU: multiply-accumulates and activations of convolutions, linear layers and matrix products. With values, on
    the CPU in training: finite outputs, and gradients that reach every parameter.

    Args:
        graph: the network.
        with_side: whether side outputs are built and compared too.
        fvcore: whether fvcore counts; None where that takes little.
        values: whether values are computed; None where that takes little.
        memory: whether memory is compared; None where that takes little.
        batch: samples at once of the memory figures.
        dtype: their data type: float64, float32, float16 or bfloat16.
        about: where the network comes from.

    Raises:
        UsageError: an unknown data type, a batch below 1, or a choice that is none.
        EnvironmentFailure: fvcore or values are asked for, and fvcore or the memory is not there.
    """
    check_word("data type", dtype, DTYPES)
    check_whole("batch", batch, 1, BATCH_LIMIT)
    check_flag("with_side", with_side)
    for name, choice in (("fvcore", fvcore), ("values", values), ("memory", memory)):
        if choice is not None:
            check_flag(name, choice)
    run = _Run(graph, with_side)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            run.on_meta()
            if memory is not False:
                run.with_memory(bool(memory), batch, dtype)
            if fvcore is not False:
                run.with_fvcore(bool(fvcore))
            if values is not False:
                run.with_values(bool(values))
        except _RefusedError as refused:
            run.add(refused.quantity, run.paths.get(refused.target), None, None, "torch", note=refused.text)
    return Verified(graph, about or About(graph.name), with_side, len(run.nodes), tuple(run.checks), batch, dtype)


class _Run:
    """The checks of one network."""

    def __init__(self, graph: Graph, with_side: bool) -> None:
        self.graph = graph
        self.with_side = with_side
        self.report = Report(graph, Assumptions(with_side=with_side))
        self.nodes = graph.operators(with_side)
        #: the path of every module
        self.paths: dict[str, str] = {}
        self.checks: list[Check] = []
        self._real: fx.GraphModule | None = None

    def add(
        self, quantity: str, layer: str | None, ours: Any, theirs: Any, peer: str, verdict: str = DIFFERS,
        note: str | None = None,
    ) -> None:  # fmt: skip
        """Adds a check."""
        version = fvcore_version() if peer == "fvcore" else str(torch.__version__)
        if peer == "fvcore" and layer is None and verdict != NOT_RUN:
            whose = f"of the module cnncalc builds; explain --convention fvcore is of {self.graph.program}"
            note = f"{note}; {whose}" if note else whose
        self.checks.append(Check(quantity, layer, ours, theirs, peer, version, verdict, note))

    def made(self, device: str) -> fx.GraphModule:
        """The network as a module."""
        try:
            module = build(self.graph, device, with_side=self.with_side)
        except REFUSALS as error:
            raise _RefusedError("build", "", error) from error
        targets = [str(node.target) for node in module.graph.nodes if node.op == "call_module"]
        self.paths = {target: node.path for target, node in zip(targets, self.nodes, strict=True)}
        return module

    def real(self) -> fx.GraphModule:
        """The network with values on the CPU."""
        if self._real is None:
            self._real = self.made("cpu")
        return self._real

    def on_meta(self) -> None:
        """Shapes, parameters, buffers, multiply-accumulates and depth of every layer."""
        meter = _Meter(self.made("meta").eval())
        with torch.no_grad(), FlopCounterMode(display=False) as meter.counter:
            meter.run(*inputs(self.graph, 1, torch.empty, device="meta"))
        rows = list(meter.rows.values())
        shapes = [(node.count, *node.shape) for node in self.nodes]
        same = sum(ours == row.shape for ours, row in zip(shapes, rows, strict=True))
        self.compare("output shapes", "torch", shapes, [row.shape for row in rows], (len(rows), same))
        self.compare_column("params", "torch", [row.params for row in rows])
        self.compare_column("buffers", "torch", [row.buffers for row in rows])
        self.compare_column("macs", "FlopCounterMode", [row.macs for row in rows])
        depths = [row.depth for row in rows]
        self.compare_column("depth", "torch.fx", depths, max(depths, default=0))

    def compare_column(self, name: str, peer: str, theirs: Sequence[int], whole: int | None = None) -> None:
        """Compares a column of the report and its total; ``whole`` where theirs is no sum."""
        column = self.report.columns[name]
        total = sum(theirs) if whole is None else whole
        ours = [column[node.index] for node in self.nodes]
        self.compare(name, peer, ours, theirs, (self.report.totals[name], total))

    def compare(
        self, quantity: str, peer: str, ours: Sequence[Any], theirs: Sequence[Any], totals: tuple[int, int]
    ) -> None:
        """Adds the check of the whole, then one for each layer that differs. Known limits excuse a layer."""
        limit = next((one for one in LIMITS if (one.peer, one.quantity) == (peer, quantity) and one.operators), None)
        unequal = [row for row in zip(self.nodes, ours, theirs, strict=True) if row[1] != row[2]]
        excused = [row for row in unequal if limit and row[0].op.name in limit.operators]
        difference = sum(mine - other for _, mine, other in excused)
        if totals[0] - difference != totals[1] or len(excused) < len(unequal):
            self.add(quantity, None, *totals, peer)
        elif limit and excused:
            self.add(quantity, None, *totals, peer, LIMIT, f"{len(excused)} layers, where {limit.fault}")
        else:
            self.add(quantity, None, *totals, peer, EQUAL)
        for row in unequal:
            node, mine, other = row
            if limit and row in excused:
                self.add(quantity, node.path, mine, other, peer, LIMIT, limit.fault)
            else:
                self.add(quantity, node.path, _plain(mine), _plain(other), peer)

    def hindrance(self, asked: bool, option: str, samples: int, passes: int) -> str | None:
        """Why something is not run; None if it is. What is asked for takes as long as it takes.

        Args:
            asked: whether it is asked for.
            option: how it is asked for.
            samples: how many there are at once.
            passes: forward passes that cost as much.

        Raises:
            EnvironmentFailure: it is asked for and does not fit into the memory.
        """
        totals = self.report.totals
        weights = 4 * (totals["params"] + totals["buffers"])
        kept = 2 if passes > 1 else 1  # gradients take as much again
        need = kept * (weights + samples * totals["activation_bytes"])
        room = free_memory(torch.device("cpu"))
        if room is not None and need > room:
            reason = f"weights and activations take {need:,} bytes, but {room:,} are free"
            if asked:
                raise EnvironmentFailure(f"{self.graph.name}: {reason}")
            return reason
        if asked:
            return None
        work = samples * passes * totals["macs"]
        if weights > BYTES_LIMIT:
            return f"weights take {weights:,} bytes ({option})"
        if work > WORK_LIMIT:
            return f"it takes {work:,} MACs ({option})"
        return f"there are {len(self.nodes):,} layers ({option})" if len(self.nodes) > OPERATOR_LIMIT else None

    def with_memory(self, asked: bool, batch: int, dtype: str) -> None:
        """What autograd keeps, and the most bytes alive at once; no byte may be off."""
        if not asked and len(self.nodes) > OPERATOR_LIMIT:
            for quantity, peer in memory_checks.QUANTITIES.items():
                self.add(
                    quantity, None, None, None, peer, NOT_RUN, f"there are {len(self.nodes):,} layers (--check memory)"
                )
            return
        for figure in memory_checks.figures(self.graph, batch, dtype, self.with_side, REFUSALS):
            if figure.refused is not None:
                reason = f"PyTorch refuses it, with fake tensors: {first_line(figure.refused)}"
                self.add(figure.quantity, None, None, None, figure.peer, NOT_RUN, reason)
                continue
            verdict = EQUAL if figure.ours == figure.theirs else DIFFERS
            self.add(figure.quantity, None, figure.ours, figure.theirs, figure.peer, verdict, figure.note)

    def with_fvcore(self, asked: bool) -> None:
        """Multiply-accumulates and activations of a pass of one sample, as fvcore counts them."""
        if not fvcore_version():
            if asked:
                raise EnvironmentFailure("fvcore is not installed", hint=INSTALL)
            reason: str | None = "fvcore is not installed"
        else:
            reason = self.hindrance(asked, "--fvcore", 1, 1)
        if not reason:
            try:
                counts = count_with_fvcore(self.real().eval(), *inputs(self.graph, 1))
            except (*REFUSALS, AssertionError) as error:  # its own trouble: the network has run on meta
                reason = f"it fails: {first_line(error)}"
        if reason:
            self.add("macs", None, None, None, "fvcore", NOT_RUN, reason)
            self.add("activations", None, None, None, "fvcore", NOT_RUN, reason)
            return
        self.compare_column("macs", "fvcore", [counts[target]["macs"] for target in self.paths], counts[""]["macs"])
        macs = self.report.columns["macs"]  # fvcore knows the outputs of what multiplies, and no others
        ours = [node.count * prod(node.shape) if macs[node.index] else 0 for node in self.nodes]
        theirs = [counts[target]["activations"] for target in self.paths]
        self.compare("activations", "fvcore", ours, theirs, (sum(ours), counts[""]["activations"]))

    def with_values(self, asked: bool) -> None:
        """A pass forward and backward, in training."""
        # batch norm over a map of one pixel needs two samples
        samples = 2 if any(node.op.name == "bn" for node in self.nodes) else 1
        reason = self.hindrance(asked, "--values", samples, 3)
        if reason:
            self.add("finite values", None, None, None, "torch", NOT_RUN, reason)
            self.add("gradients", None, None, None, "torch", NOT_RUN, reason)
            return
        module = self.real().train()
        try:
            results = outputs(module(*inputs(self.graph, samples)))
        except REFUSALS as error:
            raise _RefusedError("forward", "", error) from error
        count = sum(result.numel() for result in results)
        finite = sum(int(result.isfinite().sum()) for result in results)
        note = None if finite == count else "values of the output that are finite"
        self.add("finite values", None, count, finite, "torch", DIFFERS if note else EQUAL, note)
        parameters = dict(module.named_parameters())
        learned = [result for result in results if result.requires_grad]
        try:
            torch.autograd.backward(learned, [torch.randn_like(result) for result in learned])
        except REFUSALS as error:
            raise _RefusedError("backward", "", error) from error
        missed = [
            name for name, value in parameters.items() if value.grad is None or not bool(value.grad.isfinite().all())
        ]
        note = f"no finite gradient reaches {listing(missed[:3])}" if missed else None
        reached = len(parameters) - len(missed)
        self.add("gradients", None, len(parameters), reached, "torch", DIFFERS if note else EQUAL, note)


class _Meter(fx.Interpreter):
    """Runs a network layer by layer, and notes what each of them has and does."""

    counter: FlopCounterMode

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.rows: dict[str, _Counted] = {}
        self._seen: set[int] = set()
        self._depths: dict[fx.Node, int] = {}

    def run_node(self, n: fx.Node) -> Any:
        before = max((self._depths[node] for node in n.all_input_nodes), default=0)
        self._depths[n] = before
        if n.op != "call_module":
            return super().run_node(n)
        target = str(n.target)
        counted = self.counter.get_total_flops()
        try:
            result = super().run_node(n)
        except REFUSALS as error:
            raise _RefusedError("forward", target, error) from error
        macs = (self.counter.get_total_flops() - counted) // 2
        layer = self.fetch_attr(target)
        parameters, buffers = list(layer.parameters()), list(layer.buffers())
        self._depths[n] += bool(macs and parameters)  # a weighted layer multiplies with what it has learned
        self.rows[target] = _Counted(
            tuple(result.shape), self._new(parameters), self._new(buffers), macs, self._depths[n]
        )
        return result

    def _new(self, tensors: Sequence[torch.Tensor]) -> int:
        """The values of the tensors that no layer before has."""
        fresh = {id(tensor): tensor for tensor in tensors if id(tensor) not in self._seen}
        self._seen.update(fresh)
        return sum(tensor.numel() for tensor in fresh.values())


def first_line(error: BaseException) -> str:
    """What an error says first, as printable text."""
    return escape((str(error).strip() or type(error).__name__).splitlines()[0])


def _plain(value: Any) -> Any:
    """A shape as a list, without the number of values where it is one."""
    if not isinstance(value, tuple):
        return value
    return list(value[1:] if value[0] == 1 else value)
