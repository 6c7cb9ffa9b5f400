"""Spec and Network: a spec that was read, a network that it describes, and the way from there to every answer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from cnncalc.analysis.report import About, Report, setting
from cnncalc.errors import (
    EnvironmentFailure,
    SpecError,
    UsageError,
    check_flag,
    check_word,
    checked_words,
    escape,
    listing,
    quote,
)
from cnncalc.graph.graph import Graph
from cnncalc.ops.base import show
from cnncalc.spec import document, zoo
from cnncalc.spec.claims import size_in_bytes
from cnncalc.spec.document import SpecDocument
from cnncalc.spec.expand import expand
from cnncalc.spec.inputs import ONLY, Given, given_sizes, shown
from cnncalc.spec.reader import decoded
from cnncalc.values import Assumptions, Shape, format_shape

if TYPE_CHECKING:
    from cnncalc.analysis.comparison import Comparison
    from cnncalc.analysis.explained import Explained
    from cnncalc.analysis.measured import Profile
    from cnncalc.check.published import Published
    from cnncalc.check.sides import Differences
    from cnncalc.derivation.page import Page
    from cnncalc.memory.cuda.gpu import Gpu
    from cnncalc.memory.fit import Fit
    from cnncalc.memory.peaks import Memory
    from cnncalc.spec.reader import YamlNode
    from cnncalc.torch_backend.build import GraphModule
    from cnncalc.torch_backend.verify.checks import Verified

#: bytes of a file that was saved
SAVED_LIMIT = 2**26

#: what a spec is read from
Source = str | os.PathLike[str] | Mapping[str, Any]


class Spec:
    """A spec that has been read: what it says of itself, the names of its variables, and the networks it describes."""

    def __init__(self, document: SpecDocument) -> None:
        self.document = document
        self.name = document.name
        self.title = document.title
        self.variables = tuple(document.vars)

    def __repr__(self) -> str:
        variables = f", variables {', '.join(self.variables)}" if self.variables else ""
        return f"<Spec {self.name}: {self.title or 'no title'}{variables}>"

    def network(self, vars: Mapping[str, Any] | None = None, input: Given | None = None) -> Network:
        """The network under values of the variables and an input; nothing is read again.

        Args:
            vars: values for variables: numbers, truth values, words, lists of them, or text as YAML has it.
            input: other sizes: a number or several for the only input, text as ``--input`` takes it, or a mapping
                with those of every input by its name (:mod:`cnncalc.spec.inputs`).

        Raises:
            SpecError: values or an input that the spec's layers refuse.
            UsageError: a variable that the spec does not have, or sizes that are no input.
        """
        spec = self.document
        given = document.assigned({} if vars is None else vars, spec)
        try:
            return Network(spec, *expand(spec, given, input), given, input)
        except SpecError as error:
            own = _replaced(spec, given, input) if input is not None else None
            if own is None:
                raise
            message = f"{error.message}; --input {shown(input)} replaces the spec's {own}"
            raise SpecError(message, error.location, error.advice) from None


def _replaced(spec: SpecDocument, variables: Mapping[str, Any], given: Given) -> str | None:
    """The spec's own sizes of the inputs that are given; None if the spec's own inputs do not fit either."""
    try:
        graph, _ = expand(spec, variables)
    except SpecError:
        return None
    inputs = [graph.nodes[index] for index in graph.inputs]
    names = given_sizes(given)
    return listing([format_shape(node.shape) for node in inputs if None in names or node.path in names])


class Network:
    """A network: its name, title, variables and typed graph; the shapes of its inputs by name, and ``input``, the first
    of them: ``[channels, *spatial]``, ``[tokens, features]``, ``[features]`` or ``[tokens]`` of ids.
    """

    def __init__(
        self,
        spec: SpecDocument,
        graph: Graph,
        variables: Mapping[str, Any],
        given: Mapping[str, YamlNode] = MappingProxyType({}),
        sizes: Given | None = None,
    ) -> None:
        self.document = spec
        self._given = given
        self._sizes = sizes
        self.graph = graph
        self.vars = dict(variables)
        self.name = spec.name
        self.title = spec.title
        self.inputs = {graph.nodes[index].path: graph.nodes[index].shape for index in graph.inputs}
        self.input = next(iter(self.inputs.values()))

    def on(self, input: Given) -> Network:
        """The same network on another input.

        Raises:
            SpecError: it does not fit.
        """
        return Network(self.document, *expand(self.document, self._given, input), self._given, input)

    @cached_property
    def about(self) -> About:
        """What the spec says of the network besides its layers."""
        spec = self.document
        said = (spec.name, spec.title, spec.source, spec.notes, spec.family, spec.file)
        return About(*said, spec.parts[0].source.data, self.vars, spec.claims, self._settings())

    def _settings(self) -> tuple[str, ...]:
        """The variables and inputs that were set, with their values."""
        names = [] if self._sizes is None else [name or ONLY for name in given_sizes(self._sizes)]
        inputs = [f"{name}={format_shape(self.inputs.get(name, self.input))}" for name in names]
        return (*(setting(name, self.vars[name]) for name in self._given), *inputs)

    def __repr__(self) -> str:
        return f"<Network {self.about.label}: {len(self.graph.operators())} operators>"

    def analyze(
        self,
        batch: int = 1,
        dtype: str = "float32",
        convention: str = "macs",
        with_side: bool = False,
        pass_: str = "forward",
        written: str | None = None,
    ) -> Report:
        """The network's figures.

        Args:
            batch: samples at once; work and activations multiply by it.
            dtype: the data type of activations: float64, float32, float16, bfloat16 or int8.
            convention: the counting rule of ``work``, a name of :data:`cnncalc.counting.conventions.CONVENTIONS`.
            with_side: whether side outputs (auxiliary heads) are counted.
            pass_: whose work is counted: ``forward``; ``backward``, the gradients of weights and of the values that
                they depend on; or ``step``, both.
            written: the library whose program of the network the tools are shown: ``torchvision`` or ``timm``; None
                for the one that the spec names, torchvision if it names none.

        Raises:
            UsageError: an unknown data type, convention, pass or library, a batch below 1, a convention whose tool
                counts by what the network does not say, or that counts no backward pass.
        """
        return Report(self.graph, Assumptions(batch, dtype, convention, with_side, pass_, written), self.about)

    def derive(
        self,
        path: str,
        batch: int = 1,
        dtype: str = "float32",
        convention: str = "macs",
        with_side: bool = False,
        pass_: str = "forward",
        written: str | None = None,
    ) -> Page:
        """The formulas of a layer, block or stage with its numbers put in, a second derivation of its figures.

        ``path`` is a path as the tables show it, for example ``stage1.conv_1``. The rest is as in :meth:`analyze`.

        Raises:
            UsageError: there is no such path, and what :meth:`analyze` raises.
        """
        from cnncalc.derivation.page import page

        return page(self.analyze(batch, dtype, convention, with_side, pass_, written), path)

    def explain(
        self,
        batch: int = 1,
        dtype: str = "float32",
        convention: str | None = None,
        with_side: bool = False,
        pass_: str = "forward",
        written: str | None = None,
    ) -> Explained:
        """The network under every convention, or under one: what it counts, and what leads from macs to its figure.

        The arguments are as in :meth:`analyze`; without ``convention`` it is every one. Where a convention has no
        figure of the network, its ``reason`` says why.

        Raises:
            UsageError: an unknown convention, or one that counts no backward pass; and what :meth:`analyze` raises.
        """
        from cnncalc.analysis.explained import explain
        from cnncalc.analysis.report import check_counted

        if convention is not None:
            check_counted(convention, pass_)
        return explain(self.analyze(batch, dtype, "macs", with_side, pass_, written), convention)

    def who_counts(self, published: str) -> Published:
        """The ways of counting that come to a published figure, or nearest to it.

        Args:
            published: the figure as it is printed: ``4.1G``, ``25.6M`` or, for bytes, ``98MB``.

        Raises:
            UsageError: it is no figure.
        """
        from cnncalc.check.published import who_counts

        return who_counts(published, self.analyze(), self.document, self._given)

    def memory(
        self,
        batch: int = 1,
        dtype: str = "float32",
        convention: str = "macs",
        with_side: bool = False,
        pass_: str = "forward",
        written: str | None = None,
        *,
        train: bool = False,
        optimizer: str = "none",
        weight_decay: bool = False,
        foreach: bool | None = None,
        fused: bool = False,
        amp: str | None = None,
        checkpoint: Sequence[str] = (),
        device: str = "cuda",
        inplace: bool = True,
        torch: str | None = None,
        attention: str | None = None,
        best_order: bool = False,
        allocator: str | None = None,
        gpu: str | None = None,
        workspaces: str | os.PathLike[str] | None = None,
    ) -> Memory:
        """The most bytes alive at once in inference and, with ``train``, in a step of training.

        Args:
            batch: samples at once.
            dtype: float64, float32, float16, bfloat16 or int8.
            convention: that of the report, as in :meth:`analyze`.
            with_side: whether side outputs (auxiliary heads) run too.
            pass_: that of the report, as in :meth:`analyze`.
            written: that of the report, as in :meth:`analyze`.
            train: a step of training too: forward pass, loss, backward pass and optimizer.
            optimizer: none, sgd, momentum, adam or adamw.
            weight_decay: whether the optimizer has one that is not 0.
            foreach: whether its step is on all parameters at once; None is PyTorch's choice: at once on a GPU.
            fused: whether its step is one kernel, without temporaries.
            amp: the data type of mixed precision: float16 or bfloat16.
            checkpoint: names of blocks, or paths, that the backward pass runs again; sqrt cuts the network evenly.
            device: cpu or cuda.
            inplace: whether operators write in place where they can.
            torch: the version of PyTorch whose rules are followed; None is the newest tested.
            attention: the only kernel of ``scaled_dot_product_attention`` that may run: flash, efficient or math; None
                is PyTorch's choice.
            best_order: whether inference runs the layers in the order with the lowest peak that is found.
            allocator: cuda replays PyTorch's caching allocator on a GPU; None counts tensors alone.
            gpu: the GPU of the allocator, for example t4.
            workspaces: the file of a table of cuDNN's workspaces there, which ``cnncalc profile --save-workspaces``
                writes.

        Raises:
            UsageError: an unknown word, options that exclude each other, or that say nothing without another one; and
                what :meth:`analyze` raises.
            SpecNotFoundError: the table of workspaces can't be read.
        """
        from cnncalc.memory import peaks
        from cnncalc.memory.options import Options

        options = Options(
            train, dtype, with_side, optimizer, weight_decay, foreach, fused, amp,
            checked_words("checkpoint", checkpoint), device, inplace, torch, attention,
        )  # fmt: skip
        check_flag("best_order", best_order)
        if gpu is not None and allocator is None:
            raise UsageError("--gpu needs --allocator cuda")
        report = self.analyze(batch, dtype, convention, with_side, pass_, written)
        replayed = _gpu(allocator, gpu, workspaces)
        settings = options.on(self.graph, replayed.device if replayed else None).settings(self.graph)
        return peaks.measure(report, settings, best_order, replayed)

    def fit(
        self,
        memory: int | str | None = None,
        gpu: str | None = None,
        reserve: int | str = 0,
        largest: str = "batch",
        batch: int | None = None,
        dtype: str = "float32",
        with_side: bool = False,
        *,
        train: bool = False,
        optimizer: str = "none",
        weight_decay: bool = False,
        foreach: bool | None = None,
        fused: bool = False,
        amp: str | None = None,
        checkpoint: Sequence[str] = (),
        device: str = "cuda",
        inplace: bool = True,
        torch: str | None = None,
        attention: str | None = None,
        allocator: str | None = None,
        workspaces: str | os.PathLike[str] | None = None,
    ) -> Fit:
        """The largest batch, or the largest square input, that a memory holds; what would help where none does.

        ``memory`` is what there is: bytes, or 24GB (of 10**9 bytes), 24GiB (of 2**30), 512MB; or ``gpu`` says whose
        memory it is, for example t4. ``reserve`` is how much of it is left for what is no tensor. ``largest`` says what
        is sought: batch or input. ``batch`` asks whether it fits; the largest input is sought at it, by default at 1.
        The rest is as in :meth:`memory`.

        Raises:
            UsageError: neither memory nor GPU, or both; no room; and what :meth:`memory` raises.
            SpecNotFoundError: the table of workspaces can't be read.
        """
        from cnncalc import devices
        from cnncalc.memory.fit import fit
        from cnncalc.memory.options import Options

        if (gpu is None) == (memory is None):
            raise UsageError("fit takes either --memory or --gpu", hint="--memory 24GB or --gpu t4")
        options = Options(
            train, dtype, with_side, optimizer, weight_decay, foreach, fused, amp,
            checked_words("checkpoint", checkpoint), device, inplace, torch, attention,
        )  # fmt: skip
        device_found = None if gpu is None else devices.find(gpu)
        return fit(
            self.analyze(1 if batch is None else batch, dtype, with_side=with_side),
            device_found or size_in_bytes("memory", memory),
            options.on(self.graph, device_found),
            largest=largest,
            batch=batch,
            reserve_bytes=size_in_bytes("reserve", reserve),
            gpu=_gpu(allocator, gpu, workspaces),
            graph_of=self._graph_on,
        )

    def _graph_on(self, name: str, shape: Shape) -> Graph | None:
        """The network with another shape of one input; None where it refuses that."""
        try:
            return self.on({name: shape}).graph
        except SpecError:
            return None

    def verify(
        self,
        with_side: bool = False,
        fvcore: bool | None = None,
        values: bool | None = None,
        memory: bool | None = None,
        batch: int = 1,
        dtype: str = "float32",
        against: str | None = None,
    ) -> Verified:
        """Every figure against the network built in PyTorch, layer by layer.

        Args:
            with_side: whether side outputs (auxiliary heads) are built and compared too.
            fvcore: whether fvcore counts too; None where that takes little.
            values: whether it runs forward and backward with values, on the CPU; None where that takes little.
            memory: whether bytes of tensors are counted, on fake tensors; None where that takes little.
            batch: samples at once of the memory figures.
            dtype: their data type: float64, float32, float16 or bfloat16.
            against: another implementation whose weights are copied and whose outputs are compared:
                ``torchvision:NAME``, ``timm:NAME`` or ``FILE.py:CLASS``. The file is run.

        Raises:
            EnvironmentFailure: PyTorch, or what else is asked for, is not installed, or has not the memory.
            UsageError: an unknown data type or implementation, or one that does not take the input.
        """
        backend = torch_backend("verify.checks", "verify")
        other = None if against is None else torch_backend("verify.against", "verify")
        peer = other.find_peer(against, self.input) if other else None
        verified: Verified = backend.verify(self.graph, with_side, fvcore, values, memory, batch, dtype, self.about)
        if other:
            verified = verified._replace(checks=(*verified.checks, *other.compare(self.graph, peer)))
        return verified

    def profile(
        self,
        batch: int | Sequence[int] = 1,
        dtype: str = "float32",
        with_side: bool = False,
        *,
        device: str | None = None,
        mode: str = "infer",
        channels_last: bool = False,
        compile: bool = False,
        cuda_graph: bool = False,
        seconds: float = 3.0,
        repeat: int | None = None,
        threads: int | None = None,
        max_memory: int | None = None,
        workspaces: bool = False,
    ) -> Profile:
        """Time, memory and rates, measured in PyTorch: of the whole network, then of every layer in runs of its own.

        Args:
            batch: samples at once; several are a sweep of the whole network, which ends where one does not fit.
            dtype: float64, float32, float16 or bfloat16.
            with_side: whether side outputs (auxiliary heads) are built too.
            device: ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; None is cuda where there is one, else cpu.
            mode: infer; or train, which adds the backward pass, no optimizer.
            channels_last: the memory order of images that some devices prefer.
            compile: whether it runs through ``torch.compile``.
            cuda_graph: whether it is replayed as a CUDA graph.
            seconds: how long it is repeated, where ``repeat`` says no number of runs.
            repeat: how many runs are timed, however long they take.
            threads: threads of the CPU.
            max_memory: bytes that it may take; None for what is free.
            workspaces: whether what cuDNN takes in each convolution has to be measured, which needs a GPU.

        Raises:
            EnvironmentFailure: PyTorch is not installed; the device is not there, no batch fits, or PyTorch can't run
                or compile the network.
            UsageError: an unknown word, a number out of range, or settings that do not go together.
        """
        from cnncalc.analysis.measured import Profile

        check_word("mode", mode, ("infer", "train"))
        check_flag("workspaces", workspaces)
        backend = torch_backend("measure.profile", "profile")
        settings = backend.Settings(
            backend.default_device() if device is None else device,
            tuple(batch) if isinstance(batch, (list, tuple)) else (batch,),
            dtype, mode == "train", with_side, channels_last, compile, cuda_graph, seconds, repeat, threads, max_memory,
        )  # fmt: skip
        if workspaces:
            backend.check_workspaces(settings)
        spec = [word for name in self._given for word in ("--set", f"{name}={show(self.vars[name])}")]
        inputs = [] if self._sizes is None else shown(self._sizes).split()
        spec += [word for sizes in inputs for word in ("--input", sizes)]
        return Profile(backend.profile(self.graph, settings, spec, device is not None, self.about))

    def to_torch(
        self,
        device: str = "cpu",
        dtype: str = "float32",
        with_side: bool = False,
        inplace: bool = True,
        max_memory: int | None = None,
    ) -> GraphModule:
        """The network as a ``torch.fx.GraphModule`` with random weights, in training mode.

        Its forward takes a tensor ``[batch, *shape]`` for each input (int64 for ids) and returns the output, or a tuple
        of the outputs, then of the side outputs. Its modules have the names of the layers.

        Args:
            device: ``cpu``, ``cuda``, ``cuda:1``, ``mps`` or ``meta``, which needs no memory.
            dtype: float64, float32, float16 or bfloat16.
            with_side: whether side outputs (auxiliary heads) are built and returned.
            inplace: whether activations and sums overwrite their input where they can.
            max_memory: bytes that weights and activations of one sample may take; None for what the device has free.

        Raises:
            EnvironmentFailure: PyTorch is not installed; the device is not there, or has not the memory.
            UsageError: an unknown device or data type.
        """
        build = torch_backend("build", "building a network").build
        built: GraphModule = build(self.graph, device, dtype, with_side, inplace, max_memory)
        return built

    def to_source(self, with_side: bool = False) -> str:
        """The network as a Python file that imports torch and the standard library alone.

        Its modules have the names of the layers, so a state dict has the same keys as that of :meth:`to_torch`.
        ``with_side`` says whether side outputs (auxiliary heads) are built and returned.

        Raises:
            UsageError: ``with_side`` is no truth value.
        """
        from cnncalc import source

        return source.write(self.graph, with_side, self.about)

    def to_onnx(self, opset: int = 18, with_side: bool = False) -> bytes:
        """The network as a file of ONNX, with random weights and a free batch axis.

        Args:
            opset: the version of ONNX's operators, 18 to 25.
            with_side: whether side outputs (auxiliary heads) are written too.

        Raises:
            EnvironmentFailure: PyTorch, onnx or onnxscript is not installed; the weights do not fit into one file or
                into memory; or PyTorch's exporter fails.
            UsageError: another version.
        """
        data: bytes = torch_backend("onnx", "writing ONNX").export(self.graph, opset, with_side)
        return data

    def expand(self) -> str:
        """The network as a spec with every default, block and repeat written out, which counts the same.

        Raises:
            SpecError: a layer reads a value whose name another layer hides from it.
        """
        from cnncalc.spec.write import write

        return write(self.graph, self.name, self.title, self.document.source)


def torch_backend(module: str, what: str) -> ModuleType:
    """A module of the room that imports PyTorch; ``what`` needs it, in the words of the message.

    Raises:
        EnvironmentFailure: PyTorch is not installed, or broken.
    """
    from importlib import import_module

    install = "pip install 'cnncalc[torch]'"
    try:
        return import_module(f"cnncalc.torch_backend.{module}")
    except (ImportError, OSError) as error:
        if isinstance(error, ImportError) and error.name == "torch":
            raise EnvironmentFailure(f"{what} needs PyTorch, which is not installed", hint=install) from None
        raise EnvironmentFailure(f"PyTorch can't be imported: {escape(str(error))[:200]}", hint=install) from error


def _gpu(allocator: str | None, name: str | None, workspaces: str | os.PathLike[str] | None) -> Gpu | None:
    """The GPU whose allocator is replayed, if one is."""
    from cnncalc import devices
    from cnncalc.memory.cuda.gpu import Gpu
    from cnncalc.render.workspaces import parse

    if allocator is None:
        if workspaces is not None:
            raise UsageError("--workspaces needs --allocator cuda")
        return None
    check_word("allocator", allocator, ("cuda",))
    device = devices.find(name) if name is not None else None
    if workspaces is None:
        return Gpu(device)
    file = file_name("workspaces", workspaces)
    return Gpu(device, parse(saved_text(file, "table of workspaces"), file), file)


def file_name(what: str, path: object) -> str:
    """A path as text; ``what`` it is for stands in the message.

    Raises:
        UsageError: it is none.
    """
    if isinstance(path, (str, os.PathLike)):
        return os.fsdecode(path)
    raise UsageError(f"{what} takes the name of a file, not {quote(path)}")


def saved_text(path: str, what: str) -> str:
    """The text of a file that was saved; ``what`` it should be stands in messages.

    Raises:
        SpecNotFoundError: the file can't be read.
        LimitError: it is too large.
        SpecSyntaxError: it is not UTF-8.
    """
    return decoded(zoo.read_bytes(path, SAVED_LIMIT, what), path, SAVED_LIMIT)


def read(source: Source) -> Spec:
    """A spec, read and checked once; :meth:`Spec.network` makes networks of it.

    Args:
        source: a name of the zoo; a path; ``-`` for standard input; a text (with a line break, or that begins with
            ``cnncalc:``); or a spec as data, a mapping.

    Raises:
        SpecNotFoundError: there is no such spec.
        SpecError: the spec has mistakes (:class:`SpecErrors` when several); in data they are found by a path, as in
            ``<dict>: layers[2].conv``.
        UsageError: the source is none of these.
    """
    return Spec(document.load(_found(source)))


def _found(source: Source) -> zoo.Found:
    place = _place(source)
    return place if isinstance(place, zoo.Found) else zoo.find(place)


def _place(source: object) -> str | zoo.Found:
    """The name or path that is meant, or what was handed in itself."""
    if isinstance(source, str):
        is_text = "\n" in source or source.startswith("cnncalc:")
        return zoo.Found("<text>", source.encode("utf-8", "surrogatepass"), None) if is_text else source
    if isinstance(source, os.PathLike):
        path = os.fsdecode(source)
        return path if os.sep in path or path.endswith(zoo.SUFFIXES) else os.path.join(os.curdir, path)
    if isinstance(source, Mapping):
        from cnncalc.spec.data import written

        text, paths = written(source, "<dict>")
        return zoo.Found("<dict>", text, None, paths)
    raise UsageError(f"a spec must be a name, a path, a text or a mapping, not {quote(source)}")


def load(source: Source, vars: Mapping[str, Any] | None = None, input: Given | None = None) -> Network:
    """The network that a spec describes: :func:`read`, then :meth:`Spec.network`, whose arguments and errors it has."""
    return read(source).network(vars, input)


def compare(
    *networks: Network | Source,
    quantities: Sequence[str] = (),
    depth: int = 1,
    sort: str | None = None,
    top: int | None = None,
    batch: int = 1,
    dtype: str = "float32",
    convention: str = "macs",
    with_side: bool = False,
    pass_: str = "forward",
    written: str | None = None,
) -> Comparison:
    """Networks side by side: totals, ratios to the first, and the parts whose names match.

    ``networks`` are networks, or what :func:`read` takes. ``quantities``, ``depth``, ``sort`` and ``top`` are as in
    :func:`cnncalc.analysis.comparison.compare`, the rest is as in :meth:`Network.analyze`.

    Raises:
        UsageError: fewer than two networks, or a quantity that has no total.
        CnncalcError: what :func:`load` and :meth:`Network.analyze` raise.
    """
    from cnncalc.analysis.comparison import compare

    loaded = [network if isinstance(network, Network) else load(network) for network in networks]
    reports = [network.analyze(batch, dtype, convention, with_side, pass_, written) for network in loaded]
    return compare(reports, quantities, depth, sort, top)


def diff(
    before: Source,
    after: Source,
    vars: Mapping[str, Any] | None = None,
    input: Given | None = None,
    batch: int = 1,
    dtype: str = "float32",
    convention: str = "macs",
    with_side: bool = False,
    pass_: str = "forward",
    written: str | None = None,
) -> Differences:
    """What changed between two specs, each what :func:`read` takes, or between the specs of two folders.

    ``vars`` and ``input`` are for both, as in :func:`load`; the rest is as in :meth:`Network.analyze`. A spec with
    mistakes is one of the changes, and raises nothing.

    Raises:
        SpecNotFoundError: a spec that is not there.
        UsageError: a spec beside a folder, a library of blocks, or an assumption that can't be.
    """
    from cnncalc.check.diff import Assumed
    from cnncalc.check.sides import between

    assumed = Assumed({} if vars is None else vars, input, batch, dtype, convention, with_side, pass_, written)
    return between(_place(before), _place(after), assumed)


def list_specs() -> list[str]:
    """The names of every spec: ``./specs`` and the packaged zoo."""
    return list(zoo.names())
