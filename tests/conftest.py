"""What several rooms' tests share. Importing this imports nothing heavy."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

_KEPT_ALIVE: list[Any] = []  # a torch Library undoes its definitions when it is collected


@pytest.fixture(scope="session")
def torchvision() -> ModuleType:
    """torchvision, also where its compiled operators do not fit the installed torch; models need none of them."""
    torch = pytest.importorskip("torch")
    try:
        import torchvision
    except ModuleNotFoundError:
        pytest.skip("torchvision is not installed")
    except RuntimeError:  # operator torchvision::nms does not exist
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT_ALIVE.append(library)
        import torchvision
    return torchvision


@pytest.fixture
def small_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Suggestions come from a few names, so that messages do not change with every new spec."""
    few = ("alexnet", "blocks_se", "densenet121", "resnet50", "unet_small", "vgg16", "vgg19")
    monkeypatch.setattr("cnncalc.spec.zoo.names", lambda: dict.fromkeys(few, ""))
