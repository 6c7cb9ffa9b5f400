"""How a network is run, in the words of ``cnncalc memory`` and ``Network.memory``; checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from cnncalc.autograd.attention import KERNELS
from cnncalc.autograd.optimizers import OPTIMIZERS
from cnncalc.autograd.torch_versions import TESTED, VERSIONS, is_known
from cnncalc.devices import Device
from cnncalc.errors import UsageError, check_flag, check_word, quote
from cnncalc.graph.graph import Graph
from cnncalc.memory import checkpointing
from cnncalc.memory.simulate import Settings, attention_kernels
from cnncalc.values import DTYPES

#: options that say something of training alone, with the option of the command for each
TRAINING: Mapping[str, str] = MappingProxyType(
    {
        "optimizer": "--optimizer",
        "weight_decay": "--weight-decay",
        "foreach": "--foreach",
        "fused": "--fused",
        "checkpoint": "--checkpoint",
    }
)
#: those of them that say something of the optimizer's step alone
OF_THE_STEP = ("weight_decay", "foreach", "fused")
FLAGS = ("train", "with_side", "weight_decay", "fused", "inplace")
#: data types of mixed precision
AMP = ("float16", "bfloat16")
DEVICES = ("cpu", "cuda")
#: the compute capability from which on there is a flash kernel
_FLASH = (8, 0)


class Options(NamedTuple):
    """Inference, and with ``train`` a step of training too: forward pass, loss, backward pass and optimizer.

    Args:
        train: whether training is run too.
        dtype: the data type of the network: float64, float32, float16, bfloat16 or int8.
        with_side: whether side outputs (auxiliary heads) run too.
        optimizer: none, sgd, momentum, adam or adamw.
        weight_decay: whether the optimizer has one that is not 0.
        foreach: whether its step is on all parameters at once; None is PyTorch's choice: at once on a GPU.
        fused: whether its step is one kernel, without temporaries.
        amp: the data type of mixed precision, float16 or bfloat16; None without.
        checkpoint: names of blocks, or paths, that the backward pass runs again; sqrt cuts the network evenly.
        device: cpu or cuda.
        inplace: whether operators write in place where they can.
        torch: the version of PyTorch whose rules are followed; None is the newest tested.
        attention: the only kernel of attention that may run: flash, efficient or math; None is PyTorch's choice.
    """

    train: bool = False
    dtype: str = "float32"
    with_side: bool = False
    optimizer: str = "none"
    weight_decay: bool = False
    foreach: bool | None = None
    fused: bool = False
    amp: str | None = None
    checkpoint: tuple[str, ...] = ()
    device: str = "cuda"
    inplace: bool = True
    torch: str | None = None
    attention: str | None = None

    def settings(self, graph: Graph) -> Settings:
        """What they are for a network.

        Raises:
            UsageError: an unknown word, with a suggestion; options that exclude each other, or that are about training
                where none is asked for; no block, stage or layer to checkpoint; no attention whose kernel is asked for.
        """
        self._check()
        foreach = self.device == "cuda" if self.foreach is None else self.foreach
        settings = Settings(
            training=self.train,
            dtype=self.dtype,
            with_side=self.with_side,
            in_place=self.inplace,
            device=self.device,
            optimizer=self.optimizer,
            implementation="fused" if self.fused else "foreach" if foreach else "for-loop",
            weight_decay=self.weight_decay,
            checkpoint=checkpointing.resolve(graph, self.checkpoint, self.with_side),
            amp=self.amp or "",
            torch=self.torch or TESTED,
            attention=self.attention or "",
        )
        if not attention_kernels(graph, settings) and self.attention is not None:
            hint = "attention does; window_attention is written out, as torchvision's is"
            raise UsageError("--attention needs a layer that runs scaled_dot_product_attention", hint=hint)
        return settings

    def on(self, graph: Graph, gpu: Device | None) -> Options:
        """With the kernel of attention that a GPU has, where it has not every one.

        Below compute capability 8.0 there is no flash kernel, and no efficient one of bfloat16
        (aten/src/ATen/native/transformers/cuda/sdp_utils.cpp).

        Raises:
            UsageError: flash is asked for there.
        """
        if gpu is None or gpu.capability >= _FLASH or self.device != "cuda":
            return self
        if self.attention == "flash":
            has = ".".join(map(str, gpu.capability))
            raise UsageError(f"--attention flash needs a GPU of compute capability 8.0, but {gpu.name} has {has}")
        if self.attention is not None or "flash" not in attention_kernels(graph, self.settings(graph)):
            return self
        for name in ("efficient", "math") if (self.amp or self.dtype) == "float16" else ("math",):
            chosen = self._replace(attention=name)
            try:
                chosen.settings(graph)
            except UsageError:  # heads that the efficient kernel does not take
                continue
            return chosen
        return self

    def _check(self) -> None:
        for name in FLAGS:
            check_flag(name, getattr(self, name))
        if self.foreach is not None:
            check_flag("foreach", self.foreach)
        check_word("data type", self.dtype, DTYPES)
        if not self.train:
            for name, option in TRAINING.items():
                self._refuse(name, f"{option} needs a training step", "add --train")
        check_word("optimizer", self.optimizer, OPTIMIZERS)
        of_few = (
            ("device", self.device, DEVICES),
            ("data type of mixed precision", self.amp, AMP),
            ("kernel of attention", self.attention, KERNELS),
        )
        for what, word, known in of_few:  # no suggestion: gpu is no cpu, however alike
            if word is not None and word not in known:
                raise UsageError(f"unknown {what} {quote(word)}", hint=f"one of: {', '.join(known)}")
        if self.amp is not None and self.dtype != "float32":
            raise UsageError(f"--amp needs a float32 network, not {self.dtype}")
        if self.torch is not None and not is_known(self.torch):
            first, *changes = VERSIONS
            hint = f"cnncalc knows {first} to {TESTED}; rules changed in {', '.join(changes)}"
            raise UsageError(f"unknown version of PyTorch {quote(self.torch)}", hint=hint)
        if self.fused and self.foreach:
            raise UsageError("--foreach and --fused can't be used together")
        for name in OF_THE_STEP if self.optimizer == "none" else ():
            self._refuse(name, f"{TRAINING[name]} needs an optimizer", "for example add --optimizer adam")

    def _refuse(self, name: str, message: str, hint: str) -> None:
        """Refuses an option that has another value than its default."""
        usual: Any = Options._field_defaults[name]
        if getattr(self, name) != usual:
            raise UsageError(message, hint=hint)
