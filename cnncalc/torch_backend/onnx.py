"""A network as ONNX, through PyTorch's own exporter."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from importlib.util import find_spec

import torch

from cnncalc.analysis.report import Report
from cnncalc.errors import EnvironmentFailure, check_flag, check_whole, listing
from cnncalc.graph.graph import Graph
from cnncalc.torch_backend.build import build, inputs
from cnncalc.values import Assumptions

#: versions of the operators that PyTorch writes: the first, which more programs read, and the last
OPSET, LAST_OPSET = 18, 25
INSTALL = "pip install onnx onnxscript"
#: a message holds at most so many bytes, the limit of the format
_LARGEST = 2**31 - 1
#: two samples: an axis of one would be taken for a constant
_BATCH = 2


def export(graph: Graph, opset: int = OPSET, with_side: bool = False) -> bytes:
    """The network in evaluation mode, with random weights; the batch axis is free.

    Args:
        graph: the network.
        opset: the version of ONNX's operators, 18 to 25.
        with_side: whether side outputs (auxiliary heads) are built and returned.

    Raises:
        UsageError: another version.
        EnvironmentFailure: the packages are not there, the weights do not fit into one file or into memory, or the
            exporter fails.
    """
    check_whole("opset", opset, OPSET, LAST_OPSET)
    check_flag("with_side", with_side)
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        names = f"{listing(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        raise EnvironmentFailure(f"writing ONNX needs {names}", hint=INSTALL)
    totals = Report(graph, Assumptions(with_side=with_side)).totals
    if 4 * (totals["params"] + totals["buffers"]) > _LARGEST:
        raise EnvironmentFailure(f"the weights of {graph.name} take more than the 2 GiB that one file of ONNX may have")
    model = build(graph, with_side=with_side, inplace=False).eval()
    samples = inputs(graph, _BATCH)
    try:
        with _quiet():
            program = torch.onnx.export(
                model,
                samples,
                input_names=[graph.nodes[index].path for index in graph.inputs],
                opset_version=opset,
                dynamic_shapes=({0: torch.export.Dim("batch")},) * len(samples),
                dynamo=True,
            )
    except Exception as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise EnvironmentFailure(f"PyTorch can't export {graph.name}: {type(error).__name__}: {reason}") from error
    if program is None:
        raise EnvironmentFailure(f"this PyTorch ({torch.__version__}) can't export to ONNX")
    data: bytes = program.model_proto.SerializeToString()
    return data


@contextlib.contextmanager
def _quiet():  # type: ignore[no-untyped-def]  # a generator, as contextlib wants it
    """Without what the exporter tells about its progress."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
