"""Schemas of what PyTorch measures and verifies, and of the files that are read back: profile, workspaces,
compare_measured and verify.
"""

from __future__ import annotations

from cnncalc.render.schemas.notation import (
    AMOUNT,
    COUNT,
    FLAG,
    INTEGER,
    OBJECT,
    POSITIVE,
    TEXT,
    Schema,
    array,
    nullable,
    output,
    record,
    words,
)  # fmt: skip
from cnncalc.render.schemas.report import INPUT, SET

_DTYPE = words(("float64", "float32", "float16", "bfloat16"))
_SECONDS: Schema = {"type": "number", "minimum": 1e-06}
_TABLE: Schema = {
    "gpu": (TEXT, "as its driver names it"),
    "sm": (array(COUNT, 2, 2), "its compute capability, major and minor"),
    "cudnn": TEXT,
    "torch": TEXT,
    "dtype": _DTYPE,
    "layout": words(("contiguous", "channels_last")),
    "benchmark": (FLAG, "torch.backends.cudnn.benchmark"),
    "cublas": (COUNT, "bytes of cuBLAS's workspace, of each thread"),
    "rows": array(
        record(
            {
                "signature": (TEXT, "a convolution with its batch"),
                "forward": (COUNT, "bytes taken and given back within the call"),
                "input_gradient": COUNT,
                "weight_gradient": COUNT,
            }
        )
    ),
}


def workspaces() -> Schema:
    """What profile measures of cuDNN."""
    return output("workspaces", _TABLE, "What cuDNN takes for itself during convolutions, as measured on a GPU.")


def profile() -> Schema:
    """What profile prints and saves."""
    settings = {
        "device": TEXT,
        "device_chosen": (FLAG, "false where no device was asked for"),
        "dtype": _DTYPE,
        "mode": words(("infer", "train")),
        "loss": nullable(TEXT),
        **dict.fromkeys(("with_side", "channels_last", "compile", "cuda_graph"), FLAG),
        "seconds": AMOUNT,
        "repeat": nullable(POSITIVE),
    }
    clocks = record({"sm_mhz?": COUNT, "memory_mhz?": COUNT, "sm_most_mhz?": COUNT})
    peak = record({"arithmetic": TEXT, "flops_per_second": POSITIVE, "bytes_per_second": POSITIVE, "source": TEXT})
    machine = {
        "device": TEXT,
        "memory_bytes": nullable(COUNT),
        "threads": POSITIVE,
        **dict.fromkeys(("system", "python", "torch"), TEXT),
        "cuda": nullable(TEXT),
        "cudnn": nullable(COUNT),
        "driver": nullable(TEXT),
        "clocks": (nullable(clocks), "megahertz, right after the runs"),
        "arithmetic": (TEXT, "the fastest that the settings allow: the data type, or tf32"),
        "peak": (nullable(peak), "what the maker of the device states for that arithmetic"),
    }
    compared = {
        "quantity": TEXT,
        "predicted": nullable(COUNT),
        "measured": COUNT,
        "measured_by": TEXT,
        "note": nullable(TEXT),
    }
    run = {
        "batch": POSITIVE,
        **dict.fromkeys(
            ("median_seconds", "lower_quartile_seconds", "upper_quartile_seconds", "least_seconds"), _SECONDS
        ),
        "samples_per_second": AMOUNT,
        "macs": (COUNT, "of the passes that were timed: in training the backward pass too"),
        "bytes": (COUNT, "read and written when every layer moves its inputs, weights and output once"),
        "flops_per_second": COUNT,
        "bytes_per_second": COUNT,
        "memory_bytes": (COUNT, "the most at once, weights included"),
        "compared": array(record(compared)),
        "sample_seconds": array(_SECONDS, 1),
        "weight_bytes": (COUNT, "parameters and buffers"),
        "workspaces?": (record(_TABLE), "of cuDNN in each distinct convolution, on a GPU"),
    }
    layer = {
        "path": TEXT,
        "op": TEXT,
        "seconds": AMOUNT,
        "backward_seconds?": (AMOUNT, "part of seconds; in training only"),
        "macs": COUNT,
        "bytes": COUNT,
    }
    stopped = record({"batch": POSITIVE, "reason": TEXT, "largest_batch": nullable(POSITIVE)})
    spec = {
        "name": TEXT,
        "title": TEXT,
        "sha256": (TEXT, "of the file of the spec"),
        "input": INPUT,
        "vars": OBJECT,
        "set?": SET,
    }
    return output(
        "profile",
        {
            "command": (TEXT, "a command line that measures the same, without the paths of the machine"),
            "spec": record(spec),
            "settings": record(settings),
            "machine": record(machine),
            "runs": array(record(run), 1),
            "stopped": (nullable(stopped), "the batch that did not fit, and the largest known to fit"),
            "layers_timed": (TEXT, "how the layers were timed, or why not"),
            "layers": (array(record(layer)), "in call order, without the input; empty for several batches"),
        },
        "A network as it was measured: times in seconds, memory in bytes, work in multiply-accumulates. FLOPs are 2 "
        "per MAC; a rate is the work or traffic over the median time.",
    )


def compare_measured() -> Schema:
    """What compare --measured prints."""
    side = {"label": TEXT, "command": TEXT, "spec": OBJECT, "settings": OBJECT, "machine": OBJECT}
    line = {"part": TEXT, "quantity": TEXT, "values": array(AMOUNT), "ratios": array(nullable(AMOUNT))}
    return output(
        "compare_measured",
        {"measurements": array(record(side), 2), "lines": array(record(line))},
        "Measurements (cnncalc.profile/1) side by side: figures of the batches and the seconds of the layers that all "
        "have, with ratios to the first.",
    )


def verify() -> Schema:
    """What verify prints."""
    value: Schema = {"type": ["integer", "string", "array", "null"], "items": INTEGER}
    check = {
        "quantity": (
            TEXT,
            "output shapes (layers; those that agree), params, buffers, macs, depth, saved_bytes, "
            "inference_memory_bytes, training_memory_bytes, copies of what is overwritten (activations in place; those "
            "that copy their input), activations, finite values, gradients (parameters; those that get one), weight "
            "tensors, output; or build, forward, backward where PyTorch refuses",
        ),
        "layer": (nullable(TEXT), "null is the whole network"),
        "ours": value,
        "theirs": value,
        "peer": TEXT,
        "version": TEXT,
        "verdict": words(("equal", "differs", "known limit", "not run")),
        "note": nullable(TEXT),
    }
    network = {
        "name": TEXT,
        "file": TEXT,
        "set": SET,
        "input": INPUT,
        "with_side": FLAG,
        "layers": COUNT,
        "memory": record(
            {"batch": POSITIVE, "dtype": TEXT}, "what the memory figures are of; all others are of float32"
        ),
        "agrees": (FLAG, "known limits aside"),
        "checks": array(record(check)),
    }
    return output(
        "verify",
        {"networks": array(record(network))},
        "Networks compared with PyTorch, fvcore and other implementations.",
    )
