"""Convolutions as they are handed to PyTorch, what is read of its allocator, and on a GPU the measured bytes."""

from __future__ import annotations

import pytest
import torch

import cnncalc
from cnncalc.errors import EnvironmentFailure
from cnncalc.memory.cuda.workspaces import Convolution, WorkspaceBytes, convolutions
from cnncalc.torch_backend.build import build
from cnncalc.torch_backend.measure import cudnn_workspaces

META = torch.device("meta")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class Seen(torch.utils._python_dispatch.TorchDispatchMode):
    """The convolutions that PyTorch is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Convolution] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.convolution.default:
            x, weight, _, stride, padding, dilation, transposed, output_padding, groups = args
            geometry = [tuple(stride), tuple(padding), tuple(dilation), transposed, tuple(output_padding), groups]
            self.found.append(Convolution(tuple(x.shape), tuple(weight.shape), *geometry))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "name", ["resnet50", "googlenet", "mobilenet_v2", "efficientnet_b0", "unet_small", "fcn32s", "vit_b_16"]
)
def test_the_convolutions_of_a_network_are_those_that_pytorch_is_asked_for(name):
    network = cnncalc.load(name)
    with Seen() as seen, torch.no_grad():
        build(network.graph, "meta").eval()(torch.empty(3, *network.input, device="meta"))
    assert list(convolutions(network.graph, 3, False).values()) == seen.found


@pytest.mark.parametrize("name", ["fcn32s", "unet", "c3d", "alexnet", "mobilenet_v2"])
def test_calls_make_the_result_and_each_gradient(name):
    network = cnncalc.load(name)
    nodes = network.graph.nodes
    found = convolutions(network.graph, 2, False)
    assert found
    for index, one in found.items():
        forward, of_input, of_weight = cudnn_workspaces.calls(one, META, "bfloat16", channels_last=True)
        result = forward()
        assert (tuple(result.shape), result.dtype) == ((2, *nodes[index].shape), torch.bfloat16)
        assert [None if made is None else tuple(made.shape) for made in of_input()] == [one.input, None, None]
        assert [None if made is None else tuple(made.shape) for made in of_weight()] == [None, one.weight, None]


def test_a_workspace_is_the_peak_less_what_is_there_afterwards(monkeypatch):
    log = []
    stats = {"requested_bytes.all.peak": 700, "requested_bytes.all.current": 300}
    for name in ("synchronize", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda name=name: log.append(name))
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda: log.append("stats") or stats)
    assert cudnn_workspaces.taken(lambda: log.append("call")) == 400
    assert log == ["call", "call", "synchronize", "reset_peak_memory_stats", "call", "synchronize", "stats"]


@pytest.mark.parametrize(("stated", "size"), [(None, 33_554_432), (1_024, 1_024)])
def test_the_workspace_of_cublas_is_what_pytorch_says(monkeypatch, stated, size):
    class H100:
        name, major, minor = "NVIDIA H100 80GB HBM3", 9, 0

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: H100)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    says = None if stated is None else lambda: stated
    monkeypatch.setattr(torch.backends.cuda, "cublas_workspace_size", says, raising=False)
    found = cudnn_workspaces.machine(torch.device("cuda"), "bfloat16", True)
    assert found == {
        "gpu": "NVIDIA H100 80GB HBM3", "sm": [9, 0], "cudnn": "91002", "torch": torch.__version__,
        "dtype": "bfloat16", "layout": "channels_last", "benchmark": False, "cublas": size,
    }  # fmt: skip


def test_each_distinct_convolution_is_measured_once(monkeypatch):
    sizes = iter(range(100))
    monkeypatch.setattr(cudnn_workspaces, "taken", lambda call: next(sizes))
    found = convolutions(cnncalc.load("vgg16").graph, 1, False).values()
    rows = cudnn_workspaces.measure(found, META, "float32")
    assert len(found) == 13
    assert list(rows) == list(dict.fromkeys(one.signature for one in found))
    assert list(rows.values()) == [WorkspaceBytes(at, at + 1, at + 2) for at in range(0, 3 * len(rows), 3)]


def test_without_a_gpu_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EnvironmentFailure) as caught:
        cudnn_workspaces.needs_gpu(torch.device("cpu"))
    assert caught.value.message == "workspaces of cuDNN are measured on a CUDA device, not on 'cpu'"
    assert caught.value.hint == "this PyTorch finds no CUDA device"


# on a GPU


@needs_cuda
def test_what_is_measured_is_within_what_the_allocator_has_seen():
    """A whole pass of convolutions alone takes as much as its tensors and the largest workspace at that moment."""
    one = Convolution((8, 16, 32, 32), (16, 16, 3, 3), (1, 1), (1, 1), (1, 1), False, (0, 0), 1)
    device = torch.device("cuda")
    forward = cudnn_workspaces.calls(one, device, "float32")[0]
    size = cudnn_workspaces.taken(forward)
    torch.cuda.synchronize()
    before = torch.cuda.memory_stats()["requested_bytes.all.current"]
    torch.cuda.reset_peak_memory_stats()
    result = forward()
    torch.cuda.synchronize()
    peak = torch.cuda.memory_stats()["requested_bytes.all.peak"]
    assert peak - before == result.numel() * result.element_size() + size


@needs_cuda
@pytest.mark.parametrize("training", [False, True])
def test_a_step_takes_what_is_predicted(training):
    from cnncalc.torch_backend.measure import profile
    from cnncalc.torch_backend.measure.passes import Settings

    given = Settings("cuda", (8,), training=training, repeat=2, seconds=0.0)
    data = profile.profile(cnncalc.load("resnet18").graph, given)
    rows = {row["quantity"]: row for row in data["runs"][0]["compared"]}
    assert rows["requested_bytes"]["measured"] == pytest.approx(rows["requested_bytes"]["predicted"], rel=0.005)
    assert rows["memory_bytes"]["measured"] == pytest.approx(rows["memory_bytes"]["predicted"], rel=0.02)
