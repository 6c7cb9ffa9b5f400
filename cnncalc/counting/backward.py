"""The passes of training: which values need a gradient, and what their gradients cost.

A product of a layer (a convolution, a product of matrices) has two operands. The gradient of each is a product again,
of as many multiply-accumulates as the forward one. It is made where training needs it: for weights, and for values
that weights lie before and that lead to an output. The network's input, buffers and constants need none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from cnncalc.graph.graph import Graph, Signature
from cnncalc.ops.base import Product

#: what is counted: the forward pass, the gradients, or both
PASSES: Final = ("forward", "backward", "step")
#: how a pass is called in captions
TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {"forward": "forward pass", "backward": "backward pass", "step": "training step (forward and backward)"}
)


class Backward(NamedTuple):
    """How a convention counts the backward pass: ``weight`` for each multiply-accumulate.

    ``weightless`` says whether products of two values count, ``grouped`` whether the gradient of a grouped kernel
    costs what it takes; else it counts as that of all channels with all, as many times too high as there are groups.
    ``unsettled`` has operators for which the figure is not known, and why.
    """

    weight: int
    rule: str
    weightless: bool = True
    grouped: bool = True
    unsettled: Mapping[str, str] = MappingProxyType({})


#: the conventions that count a backward pass
BACKWARD: Final[Mapping[str, Backward]] = MappingProxyType(
    {
        "macs": Backward(1, "1 per multiply-accumulate of the gradients of inputs and weights; nothing else"),
        "flops": Backward(
            2, "2 per multiply-accumulate of the gradients of inputs and weights; other operations not counted"
        ),
        "paper": Backward(
            1,
            "1 per multiply-accumulate of the gradients of convolutions and linear layers; none of attention's two "
            "products",
            weightless=False,
        ),
        "torch": Backward(
            2,
            "2 per multiply-accumulate of the gradients of inputs and weights; those of a grouped kernel as if it had "
            "no groups, which FlopCounterMode leaves out there",
            grouped=False,
            unsettled=MappingProxyType(
                {"attention": "which kernel training runs depends on device and program, and some are not counted"}
            ),
        ),
    }
)


class Needs(NamedTuple):
    """What training computes at a node: whether the gradient of its output, and whether that of its input."""

    output: bool
    input: bool


def needs(graph: Graph, with_side: bool = False) -> list[Needs]:
    """For every node, which gradients training computes.

    A value needs one if weights lie before it, and if it leads to an output, or to a side output that is counted.
    """
    learned: list[bool] = []
    for node in graph.nodes:
        before = node.op.reads_input and any(learned[index] for index in node.inputs)
        learned.append(bool(graph.signatures[node.signature].weights) or before)
    leads = [False] * len(graph.nodes)
    for index in graph.ends(with_side=True):
        leads[index] = True
    for node in reversed(graph.nodes):
        if leads[node.index] and node.op.reads_input:
            for index in node.inputs:
                # a side output that is not counted is not run, but its own rows say what it would cost
                leads[index] = leads[index] or with_side or node.side is None or graph.nodes[index].side is not None
    found = []
    for node in graph.nodes:
        output = learned[node.index] and leads[node.index]
        passed = output and node.op.reads_input and any(learned[index] for index in node.inputs)
        found.append(Needs(output, passed))
    return found


def gradients(signature: Signature, needed: Needs, convention: Backward) -> tuple[int, int]:
    """Multiply-accumulates of one sample that the convention sees in the gradients of a layer's weights, and in those
    of its values.
    """
    weight = value = 0
    for product in _products(signature) or () if needed.output else ():
        if not convention.weightless and "weight" not in product.operands:
            continue
        for operand in product.operands:
            if operand == "weight":
                weight += product.macs * (1 if convention.grouped else product.groups)
            elif operand == "made" or (operand == "input" and needed.input):
                value += product.macs
    return weight, value


def _products(signature: Signature) -> tuple[Product, ...] | None:
    """The products of a layer; None where the operator does not state them."""
    shapes = (*signature.inputs, signature.output)
    return signature.op.products(*shapes) if signature.op.work(*shapes)["mac"] else ()


def of_nodes(graph: Graph, needed: Sequence[Needs], convention: Backward) -> list[int]:
    """The work of every node's backward pass on one sample, all values that it makes."""
    known: dict[tuple[int, Needs], int] = {}
    found = []
    for node, needs_of_it in zip(graph.nodes, needed, strict=True):
        key = (node.signature, needs_of_it)
        if key not in known:
            counts = gradients(graph.signatures[node.signature], needs_of_it, convention)
            known[key] = convention.weight * sum(counts)
        found.append(known[key] * node.count)
    return found


def rule(convention: str, pass_: str, forward: str) -> str:
    """How a convention counts a pass; ``forward`` is its rule for the forward pass."""
    if pass_ == "forward":
        return forward
    backward = BACKWARD[convention].rule
    return backward if pass_ == "backward" else f"forward {forward}; backward {backward}"


def not_known(graph: Graph, convention: str) -> str | None:
    """Why the convention has no figure of the network's backward pass; None where it has."""
    for signature in graph.signatures:
        name = signature.op.name
        if name in BACKWARD[convention].unsettled:
            return f"{name}: {BACKWARD[convention].unsettled[name]}"
        if _products(signature) is None:
            return f"{name}: the operator does not state the products that its gradients are made of"
    return None
