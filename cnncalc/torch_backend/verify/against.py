"""The outputs of a network against those of another implementation, with its weights copied."""

from __future__ import annotations

import os
import sys
import warnings
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from math import prod
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cnncalc.errors import EnvironmentFailure, UsageError, escape, quote, suggest
from cnncalc.graph.graph import Graph
from cnncalc.torch_backend.build import build, free_memory, inputs, outputs
from cnncalc.torch_backend.verify.checks import DIFFERS, EQUAL, LIMIT, Check, first_line
from cnncalc.values import Shape, format_shape

#: The largest difference of two outputs that count as equal, as a share of the largest output; values are float64.
TOLERANCE = 1e-9

#: What torchvision's models take besides their name, by the beginning of the name; ``size`` is height and width.
_TORCHVISION: Mapping[str, Callable[[tuple[int, ...]], dict[str, Any]]] = {
    "googlenet": lambda size: {"init_weights": False},
    "inception_v3": lambda size: {"init_weights": False},
    "vit_": lambda size: {"image_size": size[0]},
    "maxvit": lambda size: {"input_size": size},
}

#: Modules that put four neighbouring pixels behind each other, each with all its channels: by class, the place that
#: each pixel has there, row by row. ``space_to_depth`` has all four pixels of a channel before the next.
_MERGES = {"PatchMerging": (0, 2, 1, 3), "PatchMergingV2": (0, 2, 1, 3)}


def _scale_by_head(attention: Any) -> None:
    attention.scale_factor = attention.head_dim**-0.5


def _leave_border_out(pool: Any) -> None:
    mean = pool.forward  # its zeros count
    pool.forward = lambda x: mean(x) / mean(torch.ones_like(x[:1, :1]))


#: Modules of peers that compute something else than their paper: by class, what is changed in them, and why.
DEPARTURES: Mapping[str, tuple[Callable[[Any], None], str]] = {
    "RelativePositionalMultiHeadAttention": (
        _scale_by_head,
        "its attention scales by all channels, and was made to scale by those of a head",
    ),
    "AvgPool2dSame": (
        _leave_border_out,
        "its average pooling counts the zeros of the border, and was made to leave them out",
    ),
}


class Peer(NamedTuple):
    """Another implementation: a module, and what it is called with its version."""

    module: nn.Module
    name: str
    version: str


class _Used(NamedTuple):
    """A learned tensor or running statistic; ``pixels`` is the order of :data:`_MERGES` where it reads merged ones."""

    name: str
    tensor: Tensor
    pixels: tuple[int, ...] | None


def find_peer(word: str, input: Shape) -> Peer:
    """The peer that a word names: ``torchvision:resnet50``, ``timm:resnet50`` or ``FILE.py:Class``, whose code is run.

    Args:
        word: what is named.
        input: the input that it has to take, ``[channels, *spatial]``.

    Raises:
        UsageError: there is no such peer, or its code fails.
        EnvironmentFailure: the package is not installed.
    """
    source, colon, name = word.rpartition(":") if isinstance(word, str) else ("", "", "")
    if not colon or not source or not name:
        raise UsageError(
            f"{quote(word)} is not the name of an implementation", None, "torchvision:NAME, timm:NAME or FILE.py:CLASS"
        )
    if source == "torchvision":
        return _torchvision_model(name, input)
    if source == "timm":
        return _timm_model(name, input)
    if source.endswith(".py"):
        return _users_model(source, name)
    raise UsageError(f"unknown source {quote(source)}", None, "torchvision:NAME, timm:NAME or FILE.py:CLASS")


def compare(graph: Graph, peer: Peer) -> list[Check]:
    """Copies the peer's weights into the network and compares the outputs, in evaluation, as float64.

    Tensors are matched in the order of first use, among those of one shape (axes of size 1 aside). The peer's affine
    parameters, biases and running statistics are made random first, so that each of them shows.

    Raises:
        UsageError: the peer does not take the input.
        EnvironmentFailure: there is not enough memory for both.
    """
    room = free_memory(torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        ours = build(graph, dtype="float64", max_memory=room // 2 if room is not None else None).eval()
        theirs = peer.module.double().eval()
        randomize(theirs)
        departures = _adjust(theirs)
        samples = inputs(graph, 2, dtype=torch.float64)
        with torch.no_grad():
            our_tensors, _ = used(ours, *samples)
            try:
                their_tensors, result = used(theirs, *samples)
            except (Exception, SystemExit) as error:  # the code of somebody else
                given = " and ".join(format_shape(tuple(sample.shape[1:])) for sample in samples)
                raise UsageError(f"{peer.name} fails on {given}: {first_line(error)}") from None
            mismatch = copy_weights(our_tensors, their_tensors)
            check = Check("weight tensors", None, len(our_tensors), len(their_tensors), peer.name, peer.version, EQUAL)
            if mismatch:
                return [check._replace(verdict=DIFFERS, note=mismatch)]
            return [check, *_differences(outputs(ours(*samples)), result, peer, departures)]


def _adjust(module: nn.Module) -> list[str]:
    """Undoes the known departures inside a peer; what they are."""
    found = set()
    for part in module.modules():
        if type(part).__name__ in DEPARTURES:
            change, why = DEPARTURES[type(part).__name__]
            change(part)
            found.add(why)
    return sorted(found)


def _differences(ours: tuple[Tensor, ...], result: Any, peer: Peer, departures: list[str]) -> Iterator[Check]:
    """A check for every output: the scale of theirs and the largest difference."""
    theirs = list(tensors_of(result))
    for number, mine in enumerate(ours, 1):
        quantity = "output" if len(ours) == 1 else f"output {number}"
        row = Check(quantity, None, list(mine.shape[1:]), None, peer.name, peer.version, DIFFERS)
        if number > len(theirs):
            yield row._replace(note=f"there is no {quantity}")
            continue
        other = theirs[number - 1]
        row = row._replace(theirs=list(other.shape[1:]))
        if mine.shape != other.shape:
            yield row
            continue
        scale = float(other.abs().max())
        difference = float((mine - other).abs().max())
        same = difference <= TOLERANCE * scale  # false for what is no number
        share = difference / scale if scale else difference
        said = f"largest difference {share:.1e} of the scale" if same else f"differs by {share:.1e} of the scale"
        verdict = (LIMIT if departures else EQUAL) if same else DIFFERS
        yield row._replace(verdict=verdict, note="; ".join([said, *departures]))


def tensors_of(result: Any) -> Iterator[Tensor]:
    """The tensors in what a module returned, also in objects, in order."""
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, Mapping):
        for value in result.values():
            yield from tensors_of(value)
    elif isinstance(result, (tuple, list)):
        for value in result:
            yield from tensors_of(value)
    elif hasattr(result, "__dict__"):
        yield from tensors_of(vars(result))


def randomize(module: nn.Module) -> None:
    """Moves what a fresh module has at 0 or 1: affine parameters, biases, running statistics, constant tensors."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.squeeze().dim() < 2 or bool(parameter.min() == parameter.max()):
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
        for name, buffer in module.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2)


class _Watch(TorchFunctionMode):
    """Notes the known tensors in the order in which functions take them."""

    def __init__(self, known: dict[int, _Used]) -> None:
        super().__init__()
        self.known = known
        self.order: dict[int, _Used] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") != "__get__":  # looking at a shape uses nothing
            for value in (*args, *(kwargs or {}).values()):
                for single in value if isinstance(value, (tuple, list)) else (value,):
                    if id(single) in self.known:
                        self.order.setdefault(id(single), self.known[id(single)])
        return func(*args, **(kwargs or {}))


def used(module: nn.Module, *inputs: Tensor) -> tuple[list[_Used], Any]:
    """The parameters and running statistics that a pass takes, in the order of first use; and what it returns."""
    known = {}
    for path, owner in module.named_modules():
        above: Any = module.get_submodule(path.rpartition(".")[0])
        merge = _MERGES.get(type(above).__name__)
        held = [*owner.named_parameters(recurse=False), *owner.named_buffers(recurse=False)]
        for name, tensor in held:
            if isinstance(tensor, nn.Parameter) or name.startswith("running_"):
                reads = merge if merge and tensor.shape[-1] == above.reduction.in_features else None
                known[id(tensor)] = _Used(f"{path}.{name}" if path else name, tensor, reads)
    with _Watch(known) as watch:
        result = module(*inputs)
    return list(watch.order.values()), result


def copy_weights(ours: list[_Used], theirs: list[_Used]) -> str | None:
    """Copies their tensors into ours; what does not match, None if all do."""
    waiting: dict[Shape, deque[_Used]] = defaultdict(deque)
    for one in theirs:
        waiting[_canonical(one.tensor)].append(one)
    pairs = []
    lost = None
    for mine in ours:
        found = waiting[_canonical(mine.tensor)]
        if found:
            pairs.append((mine, found.popleft()))
        else:
            lost = lost or mine
    rest = {id(one.tensor) for line in waiting.values() for one in line}
    over = next((one for one in theirs if id(one.tensor) in rest), None)
    if lost or over:
        sides = (("ours", lost), ("theirs", over))
        return "no partner for " + " and ".join(f"{whose} {_described(one)}" for whose, one in sides if one)
    for mine, other in pairs:
        mine.tensor.copy_(_arranged(other).reshape(mine.tensor.shape))
    return None


def _canonical(tensor: Tensor) -> Shape:
    """Without axes of size 1, and as a matrix: the same for a linear layer and a convolution of one position."""
    sizes = [size for size in tensor.shape if size != 1]
    return (sizes[0], prod(sizes[1:])) if len(sizes) > 1 else tuple(sizes)


def _described(one: _Used) -> str:
    return f"{one.name} ({format_shape(tuple(one.tensor.shape))})"


def _arranged(one: _Used) -> Tensor:
    """A tensor with the channels that it reads in the order of ``space_to_depth``."""
    if one.pixels is None:
        return one.tensor
    by_pixel = torch.unflatten(one.tensor, -1, (len(one.pixels), -1))
    return by_pixel[..., list(one.pixels), :].transpose(-1, -2)


@contextmanager
def _made(peer: str, input: Shape) -> Iterator[None]:
    """Another project's constructor refuses a size in any way it likes: by an assertion, a RuntimeError, a KeyError."""
    try:
        yield
    except Exception as error:
        raise UsageError(f"{peer} can't be made for {format_shape(input)}: {first_line(error)}") from None


def _torchvision_model(name: str, input: Shape) -> Peer:
    models = _torchvision().models
    if name not in models.list_models():
        hint = suggest(name, models.list_models()) or "torchvision.models.list_models() names them"
        raise UsageError(f"torchvision has no model {quote(name)}", None, hint)
    given = next((take(input[1:]) for start, take in _TORCHVISION.items() if name.startswith(start)), {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _made(f"torchvision:{name}", input):
            module = models.get_model(name, weights=None, **given)
    return Peer(module, f"torchvision:{name}", _torchvision().__version__)


def _timm_model(name: str, input: Shape) -> Peer:
    with suppress(EnvironmentFailure):
        _torchvision()  # timm imports it
    timm = _package("timm")
    if not timm.is_model(name):
        hint = suggest(name, timm.list_models(f"{name[:3]}*")) or "timm.list_models() names them"
        raise UsageError(f"timm has no model {quote(name)}", None, hint)
    given: dict[str, Any] = {"in_chans": input[0]} if input[0] != 3 else {}
    with _made(f"timm:{name}", input):
        try:
            module = timm.create_model(name, pretrained=False, img_size=tuple(input[1:]), **given)
        except TypeError:  # one that takes any size
            module = timm.create_model(name, pretrained=False, **given)
    return Peer(module, f"timm:{name}", timm.__version__)


def _users_model(path: str, name: str) -> Peer:
    """Runs the file, and calls what it defines under the name."""
    if not os.path.isfile(path):
        raise UsageError(f"there is no file {quote(path)}")
    spec = spec_from_file_location("cnncalc_peer", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{quote(path)} is not a Python file")
    file = module_from_spec(spec)
    sys.modules["cnncalc_peer"] = file  # dataclasses and pickle look it up
    try:
        spec.loader.exec_module(file)
        made = getattr(file, name, None)
        module = made() if callable(made) else None
    except (Exception, SystemExit) as error:  # a script that ends the process would give its own exit code
        raise UsageError(f"{quote(path)} fails: {type(error).__name__}: {first_line(error)}") from None
    finally:
        del sys.modules["cnncalc_peer"]
    if made is None:
        raise UsageError(f"{quote(path)} does not define {quote(name)}", None, suggest(name, vars(file)))
    if not isinstance(module, nn.Module):
        raise UsageError(f"{quote(name)} of {quote(path)} does not make a torch.nn.Module")
    return Peer(module, escape(f"{path}:{name}"), "")


def _package(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise EnvironmentFailure(f"{name} can't be imported: {first_line(error)}") from None
        raise EnvironmentFailure(f"{name} is not installed", hint=f"pip install {name}") from None


@cache
def _torchvision() -> ModuleType:
    """torchvision, also where its compiled operators do not fit the installed PyTorch: no model needs them."""
    try:
        return _package("torchvision")
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in ("nms", "qnms"):  # all that it refers to when it is imported
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return _package("torchvision")
