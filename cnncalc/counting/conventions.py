"""The counting conventions: data. A convention weighs quantities of every layer; what it leaves out weighs nothing.

A row that stands for a tool gives the tool's figure for the network written with PyTorch's own modules: activations,
norms, pools and linear layers as ``torch.nn`` has them, joins as ``+`` and ``*``, Swin's attention on functions. The
figures of a network whose spec says how its program is ``written`` are those of that program, which writes some
operators otherwise (``x.mean`` for the global pool). A tool has a figure of the operators that it was ``measured`` on
and of no other; ``unsettled`` are those for which its figure depends on more than a row can say. A figure is that of
one sample, times the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cnncalc.values import WORK_UNITS

Weights = Mapping[str, int]

#: what a weight may stand beside, besides the units of raw work
QUANTITIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "input": "values of the first input",
        "output": "values of the output",
        "input_2d": "values of an input with two spatial axes, 0 for any other",
        "output_2d": "values of an output with two spatial axes, 0 for any other",
        "affine": "values of the output of a norm that has learned values, 0 for any other",
        "parameters": "learned values of the layer",
        "swept": "the kernel's values times the positions of the output",
        "layers": "1",
        "scores": "values that the softmax of an attention takes",
        "mixing": "multiply-accumulates of the scores with the values, half of an attention's two products",
        "product_printed": "multiply-accumulates of one of attention's two products, as they are read from the text "
        "that numpy.einsum_path prints: twice as many in four digits",
        "projection": "multiply-accumulates that make queries, keys, values and the output of an attention",
        "projection_parameters": "learned values of those",
        "projection_by_window": "learned values of those, once for each window",
        "position": "multiply-accumulates of the network that makes position biases",
        "position_hidden": "values of that network's hidden layer",
        "position_parameters": "learned values of that network",
        "position_scores": "position biases that it makes, one for each head and pair of tokens in a window",
    }
)

#: the end of a source whose tool counts training otherwise
EVALUATED: Final = ", in evaluation without gradients"
#: ways of writing an operator that some tools count otherwise; the first word is the operator
VARIANTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "conv as linear": "a 1x1 convolution of values with channels last, which is a linear layer in PyTorch",
        "linear of transposed tokens": "a linear layer of a map's tokens as they are, whose bias PyTorch adds apart",
        "layernorm channels first": "a layer norm of a map whose reader needs channels first: LayerNorm2d",
        "window_attention cosine": "window attention that compares directions",
        "window_attention unlike Swin": "window attention over a grid, or with position biases of another kind",
        "window_attention with einsum": "window attention on linear modules, its two products written with einsum",
        "upsample bilinear": "bilinear enlargement",
        "upsample by two factors": "enlargement by a factor of its own for each axis",
        "attention without bias": "attention whose projections have no biases",
        "conv with connections": "a convolution that reads some of its input maps for each output map",
        "conv_transpose with groups": "a transposed convolution in groups",
        "maxpool with same_tf": "a pool over a border that PyTorch pads by itself",
        "avgpool with same_tf": "a pool over a border that PyTorch pads by itself",
        "relu as function": "torch.nn.functional's in place of the module",
        "maxpool as function": "torch.nn.functional's in place of the module",
        "avgpool as function": "torch.nn.functional's in place of the module",
        "adaptive_avgpool as function": "torch.nn.functional's in place of the module",
        "global_avgpool as function": "torch.nn.functional's in place of the module",
        "global_avgpool as mean": "the tensor's mean over its spatial axes",
        "flatten behind an adaptive pool": "flattening behind an AdaptiveAvgPool2d to the size that the map has",
        "attention with linear layers": "linear modules, with scaled_dot_product_attention between them",
        "window_attention with linear layers": "linear modules, a softmax module and products written @",
        "bn with activation": "a norm and its activation, if it has one, as one module: BatchNormAct2d",
        "layernorm as own class": "a class of its own derived from LayerNorm",
        "linear as own class": "a class of its own derived from Linear",
        "linear behind a global pool": "a linear layer behind an AdaptiveAvgPool2d of what has one pixel",
        "affine with mul": "a factor for each channel, written torch.Tensor.mul",
        "gelu as function": "torch.nn.functional's in place of the module",
    }
)


#: the variants that an operator's own arguments make it, and when they do
BY_ARGUMENTS: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = MappingProxyType(
    {
        "attention without bias": lambda given: not given["bias"],
        "avgpool with same_tf": lambda given: given["pad"] == "same_tf",
        "conv with connections": lambda given: given["connections"] is not None,
        "conv_transpose with groups": lambda given: given["groups"] > 1,
        "maxpool with same_tf": lambda given: given["pad"] == "same_tf",
        "upsample bilinear": lambda given: given["mode"] == "bilinear",
        "upsample by two factors": lambda given: isinstance(given["factor"], tuple) and len(set(given["factor"])) > 1,
        "window_attention cosine": lambda given: given["cosine"],
        "window_attention unlike Swin": lambda given: given["position"] != "table" or given["partition"] != "window",
    }
)


class Convention(NamedTuple):
    """A counting rule.

    ``every`` weighs the raw work of each operator, except those that ``by_operator`` names, by keyword or by variant
    (:data:`VARIANTS`), with weights of their own for any quantity (:data:`QUANTITIES`). ``unit`` is macs or flops,
    ``note`` says what is left out or odd, ``source`` the tool's version. ``measured`` has, by the library whose
    program it is, the operators (and those of :data:`BY_ARGUMENTS`) whose figure is the tool's, nothing for a rule that
    is its own definition; ``unsettled`` has operators and variants for which the row does not give the tool's figure,
    and why.
    """

    name: str
    rule: str
    source: str
    unit: str
    note: str
    every: Weights
    by_operator: Mapping[str, Weights] = MappingProxyType({})
    measured: Mapping[str, frozenset[str]] = MappingProxyType({})
    unsettled: Mapping[str, str] = MappingProxyType({})


def _row(
    name: str, rule: str, source: str, unit: str, note: str,
    every: dict[str, int], by_operator: dict[str, dict[str, int]] | None = None,
    measured: dict[str, frozenset[str]] | None = None, unsettled: dict[str, str] | None = None,
) -> Convention:  # fmt: skip
    frozen = {keyword: MappingProxyType(weights) for keyword, weights in (by_operator or {}).items()}
    return Convention(
        name, rule, source, unit, note, MappingProxyType(every), MappingProxyType(frozen),
        MappingProxyType(measured or {}), MappingProxyType(unsettled or {}),
    )  # fmt: skip


def _each(keywords: str, **weights: int) -> dict[str, dict[str, int]]:
    return dict.fromkeys(keywords.split(), weights)


def _as_functions(keywords: str, **weights: int) -> dict[str, dict[str, int]]:
    return {f"{keyword} as function": weights for keyword in keywords.split()}


#: what a library writes otherwise than as PyTorch's modules: every operator of that kind, or those of ``SOME`` that
#: make the factor of a product (squeeze-and-excite) or read a map with channels last
WAYS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "torchvision": (),
        "timm": ("attention with linear layers", "window_attention with linear layers", "global_avgpool as mean"),
    }
)
SOME: Final = frozenset({"global_avgpool as mean"})
#: what some of a library's files write so, and others as PyTorch's modules
EITHER: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"torchvision": (), "timm": ("bn with activation", "layernorm as own class", "gelu as function")}
)


#: what every tool was measured on, in torchvision's networks and in networks of one operator
_MODULES = frozenset(
    [
        "adaptive_avgpool",
        "adaptive_maxpool",
        "add",
        "affine",
        "attention",
        "avgpool",
        "bn",
        "channel_conv",
        "channel_max",
        "channel_mean",
        "class_token",
        "concat",
        "conv",
        "conv_transpose",
        "crop",
        "dropout",
        "dwconv",
        "elu",
        "feature_map",
        "flatten",
        "gelu",
        "global_avgpool",
        "global_maxpool",
        "groupnorm",
        "hardsigmoid",
        "hardswish",
        "instancenorm",
        "layernorm",
        "leaky_relu",
        "linear",
        "lppool",
        "lrn",
        "max",
        "maxout",
        "maxpool",
        "mean",
        "mish",
        "mul",
        "noise",
        "pad",
        "parameter",
        "pixel_shuffle",
        "pixelnorm",
        "position_embedding",
        "prelu",
        "rbf",
        "relu",
        "relu6",
        "roi_align",
        "scale",
        "select",
        "selu",
        "shuffle",
        "sigmoid",
        "silu",
        "slice",
        "softmax",
        "softplus",
        "space_to_depth",
        "stochastic_depth",
        "tanh",
        "tokens",
        "upsample",
        "window_attention",
    ]
).union(BY_ARGUMENTS)
#: what tools were measured on in timm's networks
_TIMM = frozenset(
    [
        "add",
        "affine",
        "attention",
        "avgpool",
        "bn",
        "class_token",
        "concat",
        "conv",
        "dropout",
        "dwconv",
        "flatten",
        "gelu",
        "global_avgpool",
        "hardsigmoid",
        "hardswish",
        "layernorm",
        "linear",
        "maxpool",
        "mul",
        "position_embedding",
        "relu",
        "relu6",
        "scale",
        "select",
        "sigmoid",
        "silu",
        "space_to_depth",
        "stochastic_depth",
        "tokens",
        "window_attention",
    ]
)
_BOTH = {"torchvision": _MODULES, "timm": _TIMM}
_POOLS = "maxpool avgpool adaptive_avgpool adaptive_maxpool global_avgpool global_maxpool"
_BY_HAND = "PyTorch has no module for it, and the figure depends on the functions that it is written with"
_HAND_WRITTEN = dict.fromkeys(("lppool", "noise", "pixelnorm", "rbf", "roi_align"), _BY_HAND)
_PADDED = "PyTorch has no such pool, and the figure depends on how its border is written"
_PADDED_AVERAGE = {"avgpool with same_tf": _PADDED}
_PADDED_POOLS = {"maxpool with same_tf": _PADDED, **_PADDED_AVERAGE}
_SPARSE = {"conv with connections": _BY_HAND}
_FUSED = "attention as PyTorch's MultiheadAttention runs it in evaluation: one fused operator, which is not counted"

_ROWS = (
    _row(
        "macs",
        "1 per multiply-accumulate of convolutions, linear layers and matrix products; no bias, nothing else",
        "what He et al. 2015 and most papers since call FLOPs",
        "macs",
        "leaves out biases, norms, activations, pools and joins",
        {"mac": 1},
    ),
    _row(
        "flops",
        "2 per multiply-accumulate and 1 for every other operation: biases, normalization, activations, pools, joins",
        "the arithmetic of the operators, as their pages in the guide state it",
        "flops",
        "leaves nothing out",
        {unit: 2 if unit == "mac" else 1 for unit in WORK_UNITS},
    ),
    _row(
        "paper",
        "1 per multiply-accumulate of convolutions and linear layers, those inside attention too; no bias, and none of "
        "attention's two products",
        "layers with weights alone, as tables count that list convolutions and linear layers",
        "macs",
        "leaves out the products of queries with keys and of scores with values, which have no weights",
        {},
        {
            **_each("conv dwconv conv_transpose channel_conv linear", mac=1),
            "attention": {"projection": 1},
            "window_attention": {"projection": 1, "position": 1},
        },
    ),
    _row(
        "torch",
        "2 per multiply-accumulate of convolutions, linear layers and matrix products; nothing for fused attention",
        f"torch 2.13.0, torch.utils.flop_counter.FlopCounterMode{EVALUATED}",
        "flops",
        f"leaves out biases and all else; {_FUSED}",
        {"mac": 2},
        {"attention": {}, "attention with linear layers": {"projection": 2}},
        _BOTH,
    ),
    _row(
        "fvcore",
        "1 per multiply-accumulate; 2 per value of a batch norm, 5 of other norms; 1 per value into an average pool to "
        "a stated size; nothing for fused attention",
        "fvcore 0.1.5.post20221221, FlopCountAnalysis",
        "macs",
        "leaves out biases, activations, joins and other pools, adaptive pools of one or three axes too; adds "
        f"multiply-accumulates and single operations; {_FUSED}",
        {"mac": 1},
        {
            "attention": {},
            "bn": {"input": 1, "affine": 1},
            **_each("layernorm groupnorm instancenorm", input=4, affine=1),
            **_each("adaptive_avgpool global_avgpool", input_2d=1),
            "global_avgpool as mean": {},
            "flatten behind an adaptive pool": {"input_2d": 1},
            "attention with linear layers": {"projection": 1},
            "window_attention with einsum": {"projection": 1, "product_printed": 2},
            "linear behind a global pool": {"mac": 1, "input": 1},
            "upsample": {"output_2d": 1},
            "upsample bilinear": {"output_2d": 4},
        },
        _BOTH,
        {"roi_align": _BY_HAND},
    ),
    _row(
        "ptflops",
        "1 per multiply-accumulate and bias; 2 per value of a norm, 1 of a layer norm; 2 per value of ReLU, GELU, ELU "
        "and PReLU, 1 of ReLU6, SiLU, leaky ReLU and softmax; 2 per value into a pool",
        "ptflops 0.7.5, backend pytorch",
        "macs",
        "counts twice what it sees as a module and again as a function; leaves out joins written + and *, LayerNorm2d, "
        "other activations, and the linear layers of Swin's attention",
        {"mac": 1, "bias": 1},
        {
            "attention": {"mac": 1, "bias": 1, "mul": 1, "scores": 1},
            "window_attention": {"mixing": 2, "scores": 1},
            "window_attention cosine": {"mixing": 1, "scores": 1, "position": 1, "position_hidden": 3},
            "attention with linear layers": {"mul": 1, "mixing": 2, "scores": 1},
            "window_attention with linear layers": {"projection": 1, "bias": 1, "scores": 1},
            "window_attention with einsum": {"projection": 1, "bias": 1, "scores": 1},
            **_each("bn groupnorm instancenorm", input=1, affine=1),
            "bn with activation": {},
            "layernorm": {"input": 1},
            "layernorm as own class": {},
            "layernorm channels first": {},
            "linear as own class": {},
            "linear behind a global pool": {"mac": 1, "bias": 1, "input": 2},
            "affine with mul": {"mul": 1},
            **_each("relu gelu elu prelu", output=2),
            **_as_functions("relu gelu", output=1),
            **_each("relu6 silu leaky_relu softmax", output=1),
            **_each(_POOLS, input=2),
            **_as_functions("maxpool avgpool adaptive_avgpool global_avgpool", input=1),
            "global_avgpool as mean": {},
            "flatten behind an adaptive pool": {"input": 2},
            "upsample": {"output": 2},
        },
        _BOTH,
        {
            **_HAND_WRITTEN,
            **_PADDED_POOLS,
            **_SPARSE,
            "lrn": "it counts the padded values that PyTorch's function makes on the way",
            "attention without bias": "it counts a bias of the output projection all the same",
        },
    ),
    _row(
        "ptflops-aten",
        "1 per multiply-accumulate and 1 per bias of convolutions, linear layers and matrix products; nothing for "
        "fused attention",
        "ptflops 0.7.5, backend aten",
        "macs",
        f"leaves out norms, activations, pools and joins; {_FUSED}",
        {"mac": 1, "bias": 1},
        {
            "attention": {},
            "attention with linear layers": {"projection": 1, "bias": 1},
            "linear of transposed tokens": {"mac": 1},
        },
        _BOTH,
    ),
    _row(
        "thop",
        "1 per multiply-accumulate; 4 per value of a batch, layer or instance norm, 2 without learned values; values "
        "in and out of an average pool to a stated size, values out of another; nothing for attention",
        "thop 0.1.1.post2209072238",
        "macs",
        "leaves out biases, activations (but PReLU and softmax), joins, maximum pools, group norms, LayerNorm2d and "
        "what is not a module: all of attention but the network that makes position biases; a transposed convolution "
        "is counted at the positions of its output, four times too high with stride 2",
        {"mac": 1},
        {
            "attention": {},
            "window_attention": {"position": 1},
            "window_attention with einsum": {"projection": 1},
            "attention with linear layers": {"projection": 1},
            "window_attention with linear layers": {"projection": 1, "exp": 1, "cmp": 1, "div": 1},
            "conv_transpose": {"swept": 1},
            **_each("bn layernorm instancenorm", input=2, affine=2),
            "bn with activation": {},
            "layernorm as own class": {},
            "layernorm channels first": {},
            "linear as own class": {},
            "linear behind a global pool": {"mac": 1, "input": 2},
            **_each("adaptive_avgpool global_avgpool", input=1, output=1),
            "avgpool": {"output": 1},
            **_as_functions("avgpool adaptive_avgpool global_avgpool"),
            "global_avgpool as mean": {},
            "flatten behind an adaptive pool": {"input": 1, "output": 1},
            "prelu": {"input": 1},
            "softmax": {"exp": 1, "cmp": 1, "div": 1},
            "upsample": {"output": 1},
            "upsample bilinear": {"output": 11},
        },
        _BOTH,
        {**_PADDED_AVERAGE, **_SPARSE},
    ),
    _row(
        "torchinfo",
        "learned values times output positions of a convolution; learned values once for a linear layer, norm or PReLU "
        "and any number of tokens; nothing for attention",
        "torchinfo 1.8.0, total_mult_adds",
        "macs",
        "leaves out what has no parameters, and tokens after the first of a linear layer; a transposed convolution is "
        "counted at the positions of its output, four times too high with stride 2",
        {"mac": 1, "bias": 1},
        {
            **_each("linear bn layernorm groupnorm instancenorm prelu", parameters=1),
            "conv as linear": {"parameters": 1},
            "conv_transpose": {"swept": 1, "bias": 1},
            "attention": {},
            "window_attention": {"position_parameters": 1},
            "window_attention with einsum": {"projection_parameters": 1},
            "attention with linear layers": {"parameters": 1},
            "window_attention with linear layers": {"projection_by_window": 1},
            "bn with activation": {},
        },
        _BOTH,
        dict.fromkeys(("noise", "parameter"), "it counts the learned values of a module, and not those beside modules"),
    ),
    _row(
        "torchprofile",
        "1 per multiply-accumulate; 1 per value of a norm with learned values, 1 per value out of an average pool, a "
        "product or leaky ReLU",
        "torchprofile 0.1.0",
        "macs",
        "leaves out biases, sums, maximum pools and other activations; counts each multiplication of sizes that "
        "tracing sees in Swin's attention as 1; a transposed convolution is counted at the positions of its output, "
        "four times too high with stride 2",
        {"mac": 1},
        {
            "window_attention": {"mac": 1, "mul": 1, "layers": 2},
            "window_attention cosine": {"mac": 1, "scores": 1, "position_scores": 1, "layers": 3},
            "window_attention with einsum": {"mac": 1, "mul": 1, "layers": 1},
            "flatten behind an adaptive pool": {"output": 1},
            "conv_transpose": {"swept": 1},
            **_each("bn layernorm groupnorm instancenorm", affine=1),
            **_each("avgpool adaptive_avgpool global_avgpool channel_mean leaky_relu", output=1),
            **_each("mul affine scale lrn", mul=1),
            "upsample bilinear": {"output": 4},
        },
        {"torchvision": _MODULES},
        {
            **_HAND_WRITTEN,
            **_PADDED_AVERAGE,
            "attention": "torchprofile 0.1.0 fails on PyTorch's fused attention",
            "conv_transpose with groups": "it leaves the groups out where the channels change",
        },
    ),
    _row(
        "calflops",
        "2 per multiply-accumulate, 1 per bias of a convolution; 2 per value of a batch norm, 5 of other norms; 1 per "
        "value of ReLU, GELU, ELU, SiLU, leaky ReLU, PReLU and softmax, and into a pool; nothing for fused attention",
        "calflops 0.3.2, its FLOPs",
        "flops",
        "leaves out biases of linear layers, joins written + and *, products written @, ReLU6 and other activations; "
        + _FUSED,
        {"mac": 2, "bias": 1},
        {
            "attention": {},
            "window_attention": {"mac": 2, "scores": 1},
            "window_attention cosine": {
                "projection": 2, "mixing": 2, "scores": 1, "position": 2, "position_hidden": 1,
            },
            "window_attention with einsum": {"projection": 2, "product_printed": 4, "scores": 1},
            "linear": {"mac": 2},
            "conv as linear": {"mac": 2},
            "bn": {"input": 1, "affine": 1},
            **_each("layernorm groupnorm instancenorm", input=4, affine=1),
            **_each("relu gelu elu prelu leaky_relu silu softmax", output=1),
            **_each(_POOLS, input=1),
            "global_avgpool as mean": {},
            "flatten behind an adaptive pool": {"input": 1},
            "upsample": {"input": 1},
        },
        {"torchvision": _MODULES},
        {
            **_HAND_WRITTEN,
            **_PADDED_POOLS,
            **_SPARSE,
            "lrn": "it counts the padded values that PyTorch's function makes on the way",
            "conv_transpose": "it takes the size of a convolution for the size that the bias is added to",
            "upsample by two factors": "calflops 0.3.2 fails on it",
        },
    ),
)  # fmt: skip

#: every convention by its name
CONVENTIONS: Mapping[str, Convention] = MappingProxyType({row.name: row for row in _ROWS})


def counted_in(convention: str, program: object) -> str:
    """What a tool's figure is of, behind the name of the convention: `` of timm's program``; empty for a rule that is
    its own definition, whatever the program.
    """
    return f" of {program}" if CONVENTIONS[convention].measured else ""
