"""Schemas of what a run does to memory: memory and fit."""

from __future__ import annotations

from cnncalc.autograd.attention import KERNELS
from cnncalc.autograd.optimizers import IMPLEMENTATIONS, OPTIMIZERS
from cnncalc.memory.simulate import STORAGE_CATEGORIES
from cnncalc.render.schemas.notation import (
    COUNT,
    FLAG,
    INTEGER,
    POSITIVE,
    TEXT,
    Definition,
    Schema,
    array,
    mapping,
    nullable,
    output,
    record,
    words,
)  # fmt: skip
from cnncalc.render.schemas.report import DIAGNOSTICS, DTYPE, INPUT, SPEC, report_fields

_PHASE = words(("start", "forward", "loss", "backward", "optimizer"))
_SETTINGS = record(
    {
        "torch": (TEXT, "the version whose rules are followed"),
        "device": words(("cpu", "cuda")),
        "training": FLAG,
        "optimizer": (nullable(words(OPTIMIZERS)), "null without training"),
        "implementation": (nullable(words(IMPLEMENTATIONS)), "how the optimizer's step goes through the parameters"),
        "weight_decay": (FLAG, "whether the optimizer's weight decay is other than 0"),
        "checkpoint": (array(TEXT), "parts that the backward pass runs again"),
        "amp": (nullable(words(("float16", "bfloat16"))), "the data type of mixed precision"),
        "attention": (array(words(KERNELS)), "the kernels of attention that are assumed"),
        "in_place": FLAG,
        "gradients_summed_in_place": (FLAG, "true is PyTorch's way; trackers see a new tensor for each sum"),
    },
    "what is run",
)
_CUDNN = record(
    {
        **dict.fromkeys(("file", "gpu", "cudnn", "torch", "dtype", "layout"), TEXT),
        "benchmark": FLAG,
        "unknown": (array(TEXT), "layers whose convolutions the table does not have"),
    }
)
_LIBRARIES: Schema = {
    "gpu": (nullable(TEXT), "null: none was named"),
    "cublas_workspace_bytes": (COUNT, "of each thread that multiplies matrices"),
    "cudnn": (nullable(_CUDNN), "where the workspaces of cuDNN are from; null: they are not counted"),
    "outside": (array(TEXT), "what takes memory of the GPU and is no part of the allocator"),
}
_OF_TRAINING = nullable(COUNT)
_TOTALS: Schema = {
    "inference_memory_bytes": (COUNT, "the most alive at once in a pass of inference"),
    "training_memory_bytes": (_OF_TRAINING, "the most alive at once in a step of training"),
    "saved_bytes": (
        _OF_TRAINING,
        "what the backward pass keeps at the end of the forward pass, other than parameters and buffers",
    ),
    "parameter_bytes": (COUNT, STORAGE_CATEGORIES["parameters"]),
    "buffer_bytes": (COUNT, STORAGE_CATEGORIES["buffers"]),
    "gradient_bytes": (_OF_TRAINING, "gradients of all parameters"),
    "optimizer_bytes": (_OF_TRAINING, STORAGE_CATEGORIES["optimizer"]),
}
_OF_A_LAYER: Schema = {
    "saved_bytes": (_OF_TRAINING, "of what the layer makes, bytes that the backward pass keeps"),
    "alive_bytes": (
        COUNT,
        "most alive at once while the layer runs, in the forward pass of training where that is asked for",
    ),
}


def memory() -> Schema:
    """What memory prints."""
    held = record(
        {"category": words(STORAGE_CATEGORIES), "phase": _PHASE, "layer": TEXT, "bytes": COUNT},
        "a storage and where it was taken; parameters, buffers and the optimizer's state are left out",
    )
    parts: Schema = {f"{category}?": (COUNT, meaning) for category, meaning in STORAGE_CATEGORIES.items()}
    peak = Definition(
        "peak",
        record(
            {
                "bytes": COUNT,
                "phase": _PHASE,
                "layer": TEXT,
                "parts": record(parts, "bytes alive by category, those that are there"),
                "largest": array(held, most=5),
            },
            "The first moment at which most is alive.",
        ),
    )
    order = record(
        {
            "own_order_bytes": (COUNT, "the peak in the network's own order"),
            "lowest_possible": (
                FLAG,
                "true where no order has a lower peak; otherwise it is the lowest that was found",
            ),
            "layers": array(TEXT),
        }
    )
    allocated = Definition(
        "allocated",
        record(
            {
                "requested_bytes": COUNT,
                "allocated_bytes": (COUNT, "blocks for what is requested"),
                "reserved_bytes": (COUNT, "segments for the blocks"),
                "phase": (_PHASE, "in which most is allocated"),
                "layer": TEXT,
                "parts": record(dict.fromkeys(("tensors", "cublas", "cudnn", "rounding"), COUNT), "of allocated_bytes"),
            }
        ),
    )
    allocator = record({**_LIBRARIES, "inference": allocated, "training": nullable(allocated)})
    return output(
        "memory",
        {
            **report_fields(_TOTALS, _OF_A_LAYER),
            "settings": _SETTINGS,
            "peaks": record({"inference": peak, "training": nullable(peak)}),
            "timeline": (
                array(record({"phase": _PHASE, "layer": TEXT, "bytes": COUNT})),
                "The most bytes alive while each layer runs, in order: of the training step where there is one, else "
                "of inference.",
            ),
            "best_order": (nullable(order), "the order that inference runs in, where the lowest was asked for"),
            "allocator": (
                nullable(allocator),
                "what PyTorch's allocator takes of a GPU; null: it was not asked for",
            ),
        },
        "A network's memory: what summary has, and the most bytes that PyTorch has alive at once in inference and, "
        "where asked for, in a step of training. Bytes are of tensors; what is null is of training alone.",
    )


def fit() -> Schema:
    """What fit prints."""
    device = record(
        {
            "name": TEXT,
            "stated_gigabytes": (POSITIVE, "by the vendor"),
            "stated_source": TEXT,
            "reported_bytes": (
                POSITIVE,
                "total_memory of torch.cuda.get_device_properties; what is counted on",
            ),
            "reported_source": TEXT,
        }
    )
    available = {
        "bytes": POSITIVE,
        "reserve_bytes": (COUNT, "left alone, of bytes"),
        "device": nullable(device),
        "excluded": (array(TEXT), "what takes memory and is no tensor"),
    }
    row = {
        "what": (words(("largest", "next", "asked")), "next: the first that is too large"),
        "batch": POSITIVE,
        "input": INPUT,
        "memory_bytes": COUNT,
        "left_bytes": (INTEGER, "negative: too much by so many"),
        "phase": (_PHASE, "of the peak"),
        "layer": TEXT,
        "parts": (mapping(COUNT), "bytes at the peak by kind"),
    }
    sides = record({"side": POSITIVE, "memory_bytes": (nullable(INTEGER), "null: refused by the network")})
    search = record({"step": (COUNT, "of the sides; 0: no other is accepted"), "monotone": FLAG, "tried": array(sides)})
    checkpoint = record(
        {
            "segments": array(TEXT, 1),
            "memory_bytes": COUNT,
            "recomputed_macs": (COUNT, "that the backward pass does again"),
            "considered": (COUNT, "blocks, stages and joins to choose from"),
        }
    )
    allocator = record(
        {
            **_LIBRARIES,
            "tried": (array(record({"batch": POSITIVE, "fits": FLAG})), "batches that were replayed"),
            "monotone": (FLAG, "whether none fits that is larger than one which does not"),
        }
    )
    return output(
        "fit",
        {
            "spec": SPEC,
            "assumptions": record({"input": INPUT, "dtype": DTYPE, "with_side": FLAG}),
            "settings": _SETTINGS,
            "memory": record(available),
            "asked": (nullable(POSITIVE), "the batch of --batch; null: none"),
            "fits": (FLAG, "whether the batch that was asked for does, or anything at all"),
            "rows": array(record(row), 1),
            "search": (nullable(search), "how the largest input was found; null: the batch was solved"),
            "options": (mapping(COUNT), "options with which it would fit, and the bytes then"),
            "larger_devices": (array(TEXT), "on which it would fit"),
            "checkpoint": (nullable(checkpoint), "the fewest found with which it would fit"),
            "allocator": (
                nullable(allocator),
                "memory_bytes are those that PyTorch's allocator reserves; null: those of tensors",
            ),
            "diagnostics": DIAGNOSTICS,
        },
        "The largest batch, or the largest square input, whose memory is within what there is.",
    )
