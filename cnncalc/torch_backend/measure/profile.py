"""Measures a network: time, memory and rates as a whole, layer by layer in runs of their own, beside what is predicted.

The result is JSON data, ``cnncalc.profile/1``. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from shlex import join
from typing import Any

import torch
from torch import fx

from cnncalc import __version__
from cnncalc.analysis.report import BATCH_LIMIT, About, Report
from cnncalc.errors import (
    CnncalcError,
    EnvironmentFailure,
    UsageError,
    check_flag,
    check_whole,
    check_word,
    escape,
    quote,
)
from cnncalc.graph.graph import Graph
from cnncalc.memory import peaks
from cnncalc.memory.cuda.workspaces import Libraries, WorkspaceBytes, convolutions
from cnncalc.memory.simulate import attention_assumed
from cnncalc.torch_backend.build import DTYPES, build, find_device, free_memory
from cnncalc.torch_backend.measure import cudnn_workspaces, machine, passes, per_layer, predicted, timing
from cnncalc.torch_backend.measure.passes import Settings as Settings
from cnncalc.torch_backend.measure.passes import Subject, Taken
from cnncalc.torch_backend.verify.memory_checks import tracked, untracked
from cnncalc.values import Assumptions

#: the layer of a compiled network, whose kernels span several
FUSED = "(fused)"
UNFUSED = "the memory of a compiled network is not predicted"
UNCAPTURED = "the memory of a network beside its CUDA graph is not predicted"
#: truth values among the settings, and the most that the others may be
FLAGS = ("with_side", "channels_last", "compile", "cuda_graph")
SWEEP_LIMIT, SECONDS_LIMIT, REPEAT_LIMIT, THREAD_LIMIT = 64, 3600, 10_000, 1024
RESIDUAL = "temporaries inside operators; memory inside kernels is not seen"


def default_device() -> str:
    """``cuda`` where there is one, else ``cpu``."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _command(name: str, spec: Sequence[str], given: Settings) -> str:
    """The command that measures the same; ``spec`` are its words about variables and input."""
    words = ["cnncalc", "profile", name, *map(escape, spec), "--device", given.device]
    words += ["--batch", ",".join(map(str, given.batches)), "--dtype", given.dtype]
    words += ["--mode", "train" if given.training else "infer"]
    words += [f"--{flag.replace('_', '-')}" for flag in FLAGS if getattr(given, flag)]
    for option in ("repeat", "threads", "max_memory"):
        if getattr(given, option) is not None:
            words += [f"--{option.replace('_', '-')}", str(getattr(given, option))]
    return join([*words, "--seconds", f"{given.seconds:g}"] if given.repeat is None else words)


def profile(
    graph: Graph, given: Settings, spec: Sequence[str] = (), chosen: bool = True, about: About | None = None
) -> dict[str, Any]:
    """The network, measured.

    Several batches are a sweep, of the whole network only; it ends where one does not fit.

    Args:
        graph: the network.
        given: how it is measured.
        spec: what the command line that does the same says of variables and input, for the record.
        chosen: whether the device was asked for.
        about: where the network comes from.

    Raises:
        UsageError: an unknown device or data type, or a number out of range, or settings that do not go together.
        EnvironmentFailure: the device is not there, no batch fits, or PyTorch can't run or compile the network.
    """
    device = find_device(given.device)
    _check(graph, given, device)
    fits: list[int] = []
    runs: list[dict[str, Any]] = []
    layers: list[dict[str, Any]] = []
    stopped: dict[str, Any] | None = None
    how = "not timed: a sweep of batches times the whole network"
    with passes.on(device, given.threads):
        model = None
        for batch in given.batches:
            refusal = _refusal(graph, given, device, batch)
            if refusal is None:
                if model is None:
                    model = _built(graph, given)
                result, refusal = _attempt(graph, model, given, device, batch)
            if refusal is not None:
                largest = max(fits) if fits else _largest(graph, model, given, device, batch)
                stopped = {"batch": batch, "reason": refusal, "largest_batch": largest}
                break
            fits.append(batch)
            run, layers, how = result
            runs.append(run)
        described = machine.describe(device, given.dtype)
    if stopped is not None and not runs:
        raise _too_large(graph, given, stopped)
    known = Report(graph, about=about).to_dict()["spec"]
    return {
        "schema": "cnncalc.profile/1",
        "tool": {"name": "cnncalc", "version": __version__},
        "command": _command(graph.name, spec, given),
        "spec": {
            **{name: known[name] for name in ("name", "title", "sha256")},
            "input": graph.input_sizes,
            "vars": known["vars"],
            "set": known["set"],
        },
        "settings": {
            "device": given.device,
            "device_chosen": chosen,
            "dtype": given.dtype,
            "mode": "train" if given.training else "infer",
            "loss": passes.LOSS if given.training else None,
            "with_side": given.with_side,
            "channels_last": given.channels_last,
            "compile": given.compile,
            "cuda_graph": given.cuda_graph,
            "seconds": given.seconds,
            "repeat": given.repeat,
        },
        "machine": described,
        "runs": runs,
        "stopped": stopped,
        "layers_timed": how,
        "layers": layers,
    }


def check_workspaces(given: Settings) -> None:
    """Refuses settings under which no workspaces are measured.

    Raises:
        EnvironmentFailure: the device has no cuDNN, or is not there.
        UsageError: kernels that are no calls of cuDNN, or that are captured.
    """
    cudnn_workspaces.needs_gpu(find_device(given.device))
    if given.compile or given.cuda_graph:
        raise UsageError(
            "--save-workspaces can't be measured with --compile or --cuda-graph",
            hint="leave out --compile and --cuda-graph",
        )


def _check(graph: Graph, given: Settings, device: torch.device) -> None:
    """Refuses settings that can't be, or that do not go together."""
    batches = given.batches
    for batch in batches:
        check_whole("batch", batch, 1, BATCH_LIMIT)
    if not 0 < len(batches) <= SWEEP_LIMIT or len(set(batches)) < len(batches):
        raise UsageError(f"a sweep takes 1 to {SWEEP_LIMIT} batches, each once")
    check_word("data type", given.dtype, DTYPES)
    for flag in FLAGS:
        check_flag(flag, getattr(given, flag))
    if type(given.seconds) not in (int, float) or not 0 <= given.seconds <= SECONDS_LIMIT:
        raise UsageError(f"seconds must be a number from 0 to {SECONDS_LIMIT:,}, not {quote(given.seconds)}")
    for name, most in (("repeat", REPEAT_LIMIT), ("threads", THREAD_LIMIT), ("max_memory", None)):
        if getattr(given, name) is not None:
            check_whole(name, getattr(given, name), 1, most)
    if device.type == "meta":
        raise UsageError("the device meta computes nothing, so it can't be measured", hint="--device cpu")
    if given.cuda_graph and device.type != "cuda":
        raise UsageError(f"a CUDA graph needs a CUDA device, not '{given.device}'", hint="leave out --cuda-graph")
    if given.channels_last and not any(len(graph.nodes[index].shape) == 3 for index in graph.inputs):
        raise UsageError("channels last needs images, and no input is one")


def _built(graph: Graph, given: Settings) -> fx.GraphModule:
    try:
        model = build(graph, given.device, given.dtype, given.with_side, max_memory=given.max_memory)
        return passes.prepared(model, given)
    except CnncalcError:
        raise
    except (RuntimeError, TypeError, MemoryError) as error:  # a type that the device does not have is a TypeError
        raise _failure(graph, given, error) from error


def _attempt(
    graph: Graph, model: fx.GraphModule, given: Settings, device: torch.device, batch: int
) -> tuple[Any, str | None]:
    """What a batch measures, or why it does not fit. What it allocated is free again."""
    try:
        return _measured(graph, Subject(model, graph, batch, device, given), given, batch), None
    except CnncalcError:
        raise
    except Exception as error:
        if not passes.out_of_memory(error):
            if given.compile or isinstance(error, (RuntimeError, ValueError, NotImplementedError)):
                raise _failure(graph, given, error) from error
            raise
        reason = _first_line(error)
    finally:
        for parameter in model.parameters():
            parameter.grad = None
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None, reason


def _measured(
    graph: Graph, subject: Subject, given: Settings, batch: int
) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """A run, its layers, and how they were timed."""
    samples = timing.spread(subject.samples())
    expected = predicted.layers(graph, batch, given.dtype, given.with_side, given.training)
    macs, moved = (sum(getattr(layer, key) for layer in expected) for key in ("macs", "bytes"))
    memory = subject.memory()
    taken = _workspaces(graph, subject, given, batch)
    run = {
        "batch": batch,
        "median_seconds": samples.median,
        "lower_quartile_seconds": samples.lower_quartile,
        "upper_quartile_seconds": samples.upper_quartile,
        "least_seconds": samples.least,
        "samples_per_second": round(batch / samples.median, 3),
        "macs": macs,
        "bytes": moved,
        "flops_per_second": round(2 * macs / samples.median),
        "bytes_per_second": round(moved / samples.median),
        "memory_bytes": memory.bytes,
        "weight_bytes": _bytes((*subject.model.parameters(), *subject.model.buffers())),
        "compared": _compared(graph, subject, given, batch, memory, taken),
        "sample_seconds": samples.samples,
    }
    if taken is not None:
        run["workspaces"] = taken
    if len(given.batches) > 1:
        return run, [], "not timed: a sweep of batches times the whole network"
    if given.compile:
        row = {"path": FUSED, "op": "compiled", "seconds": samples.median, "macs": macs, "bytes": moved}
        return (
            run,
            [row],
            "fused: compiled kernels span several layers and are timed as one; bytes are those of the layers apart",
        )
    times, passes = per_layer.times(
        subject.model, subject.inputs, subject.timer, given.training, given.seconds / 2, given.repeat
    )
    rows = []
    for layer, (forward, backward) in zip(expected, times, strict=True):
        row = {"path": layer.path, "op": layer.op, "seconds": round(forward + backward, per_layer.DECIMALS)}
        if given.training:
            row["backward_seconds"] = backward
        rows.append({**row, "macs": layer.macs, "bytes": layer.bytes})
    apart = ", without the CUDA graph" if given.cuda_graph else ""
    return run, rows, f"apart from the whole, module by module{apart}: median of {passes} passes"


def _workspaces(graph: Graph, subject: Subject, given: Settings, batch: int) -> dict[str, Any] | None:
    """What libraries take of a GPU, as a table; None without one, and where the memory is not predicted."""
    if subject.inputs[0].device.type != "cuda" or given.compile or given.cuda_graph:
        return None
    wanted = convolutions(graph, batch, given.with_side).values()
    rows = cudnn_workspaces.measure(wanted, subject.inputs[0].device, given.dtype, given.channels_last)
    return {
        **cudnn_workspaces.machine(subject.inputs[0].device, given.dtype, given.channels_last),
        "rows": [{"signature": signature, **row._asdict()} for signature, row in rows.items()],
    }


def _compared(
    graph: Graph, subject: Subject, given: Settings, batch: int, memory: Taken, taken: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """What is predicted beside what is measured; ``taken`` is of libraries."""
    totals = Report(graph, Assumptions(batch, given.dtype, with_side=given.with_side)).totals
    model = subject.model
    macs, made = per_layer.observe(model, subject.inputs)
    tensors = "tensors of the module"
    rows = [
        _row("params", totals["params"], sum(p.numel() for p in model.parameters()), tensors),
        _row("buffers", totals["buffers"], sum(b.numel() for b in model.buffers()), tensors),
        _row("macs", totals["macs"], macs, "torch.utils.flop_counter in one forward pass"),
        _row("activation_bytes", totals["activation_bytes"], made, "outputs of the modules in one forward pass"),
    ]
    held = predicted.weight_bytes(graph, given.dtype, given.with_side)
    weights = _bytes((*model.parameters(), *model.buffers()))
    rows.append(_row("weight_bytes", held, weights, tensors))
    if memory.reserved:
        return [*rows, *_of_allocator(graph, given, batch, memory, taken)]
    settings = tracked(given.dtype, given.with_side)
    said = [f"the residual is {RESIDUAL}", *attention_assumed(graph, settings)]
    run = peaks.training if given.training else peaks.inference
    expected = run(graph, batch, settings).peak.bytes
    if given.training:
        said += untracked(graph, batch, settings, expected)
    return [*rows, _row("memory_bytes", expected, memory.bytes, memory.by, "; ".join(said))]


def _of_allocator(
    graph: Graph, given: Settings, batch: int, memory: Taken, taken: dict[str, Any] | None
) -> list[dict[str, Any]]:
    """What PyTorch's allocator takes of a GPU: requested, reserved and allocated."""
    by = "torch.cuda.memory_stats, {}_bytes.all.peak"
    expected, note = None, UNFUSED if given.compile else UNCAPTURED
    if taken is not None:
        rows = {
            row["signature"]: WorkspaceBytes(*(row[name] for name in WorkspaceBytes._fields)) for row in taken["rows"]
        }
        libraries = Libraries(taken["cublas"], rows)
        expected = predicted.reserved(graph, batch, given.dtype, given.with_side, given.training, libraries)
        parts = " + ".join(f"{size:,} {part}" for part, size in expected.parts.items())
        assumed = attention_assumed(graph, tracked(given.dtype, given.with_side)._replace(device="cuda"))
        note = "; ".join([f"predicted allocation: {parts}", *assumed])
    return [
        _row("requested_bytes", expected and expected.requested_bytes, memory.requested, by.format("requested")),
        _row("reserved_bytes", expected and expected.reserved_bytes, memory.reserved, by.format("reserved")),
        _row("memory_bytes", expected and expected.allocated_bytes, memory.bytes, memory.by, note),
    ]


def _bytes(tensors: Iterable[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _row(quantity: str, expected: int | None, found: int, by: str, note: str | None = None) -> dict[str, Any]:
    return {"quantity": quantity, "predicted": expected, "measured": found, "measured_by": by, "note": note}


def _need(graph: Graph, given: Settings, device: torch.device, batch: int) -> int:
    """Bytes that a batch will take by estimate.

    CUDA refuses what does not fit, so there it is the least that is certain; an operating system ends the process, so
    elsewhere it is every activation at once.
    """
    weights = predicted.weight_bytes(graph, given.dtype, given.with_side) * (2 if given.training else 1)
    if device.type == "cuda":
        return weights + predicted.live_bytes(graph, batch, given.dtype, given.with_side)
    totals = Report(graph, Assumptions(batch, given.dtype, with_side=given.with_side)).totals
    return int(weights + totals["activation_bytes"] * (2 if given.training else 1))


def _room(given: Settings, device: torch.device) -> int | None:
    """Bytes that a network may take, with what this process has already taken for it."""
    if given.max_memory is not None:
        return given.max_memory
    free = free_memory(device)
    return free + torch.cuda.memory_reserved() if free is not None and device.type == "cuda" else free


def _refusal(graph: Graph, given: Settings, device: torch.device, batch: int) -> str | None:
    """Why a batch is not tried, before anything is allocated."""
    room = _room(given, device)
    need = _need(graph, given, device, batch)
    return f"it takes about {need:,} bytes, and {room:,} are free" if room is not None and need > room else None


def _largest(
    graph: Graph, model: fx.GraphModule | None, given: Settings, device: torch.device, batch: int
) -> int | None:
    """The largest batch below one that does not fit which does: by estimate, or by halving; None if none does."""
    smaller = batch // 2
    room = _room(given, device)
    if room is not None:
        one = _need(graph, given, device, 1)
        each = _need(graph, given, device, 2) - one
        estimate = (room - one) // each + 1
        if estimate < batch:
            if estimate < 1 or device.type != "cuda":
                return max(estimate, 0) or None
            smaller = estimate
    if model is None:
        model = _built(graph, given)
    while smaller and not _fits(graph, model, given, device, smaller):
        smaller //= 2
    return smaller or None


def _fits(graph: Graph, model: fx.GraphModule, given: Settings, device: torch.device, batch: int) -> bool:
    """Whether one pass of a batch runs."""
    try:
        subject = Subject(model, graph, batch, device, given)
        with subject.mode():
            subject.step()
    except Exception as error:
        if not passes.out_of_memory(error):
            raise
        return False
    return True


def _too_large(graph: Graph, given: Settings, stopped: dict[str, Any]) -> EnvironmentFailure:
    batch, largest = stopped["batch"], stopped["largest_batch"]
    message = f"{graph.name} does not fit on {given.device} at batch {batch:,}: {stopped['reason']}"
    hint = "not even one sample fits" if largest is None else f"the largest batch known to fit is {largest:,}"
    return EnvironmentFailure(message, hint=f"{hint}; --max-memory overrides")


def _failure(graph: Graph, given: Settings, error: Exception) -> EnvironmentFailure:
    """What PyTorch says, on one line."""
    what = "compile" if given.compile else "run"
    mode = "training" if given.training else "inference"
    message = f"PyTorch can't {what} {graph.name} for {mode} in {given.dtype} on {given.device}"
    return EnvironmentFailure(f"{message}: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
