"""How programs write networks of the zoo where they do otherwise than with PyTorch's own modules: data.

Some counters see a module and not the function that computes the same. The figures of a network that is listed here,
by name, are therefore those of the program that ``source`` names; any other network is taken as written with modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Program(NamedTuple):
    """A program, and which operators it writes in another way.

    ``written`` has by variant (``conventions.VARIANTS``) the paths of such operators: of those with the variant's
    keyword, the ones whose path matches, ``*`` standing for any part of it.
    """

    source: str
    written: Mapping[str, str]


def _programs(*entries: tuple[str, str, dict[str, str]]) -> Mapping[str, Program]:
    found = {}
    for file, networks, written in entries:
        program = Program(f"torchvision 0.28.0, torchvision/models/{file}", MappingProxyType(written))
        found.update(dict.fromkeys(networks.split(), program))
    return MappingProxyType(found)


#: by the name of the network, the program whose figures it has
PROGRAMS: Mapping[str, Program] = _programs(
    (
        "vgg.py",
        "vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn",
        {"flatten behind an adaptive pool": "*"},  # always to 7x7, which is the map's size at the spec's own input
    ),
    (
        "mnasnet.py",
        "mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3",
        {"global_avgpool as mean": "*"},
    ),
    (
        "shufflenetv2.py",
        "shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0",
        {"global_avgpool as mean": "*"},
    ),
    (
        "densenet.py",
        "densenet121 densenet161 densenet169 densenet201",
        {"relu as function": "relu1", "global_avgpool as function": "*"},  # the last ReLU is outside all blocks
    ),
    (
        "mobilenetv2.py",
        "mobilenet_v2",
        {"global_avgpool as function": "*"},
    ),
    (
        "googlenet.py",
        "googlenet",
        {"relu as function": "*", "adaptive_avgpool as function": "aux*"},
    ),
    (
        "inception.py",
        "inception_v3",
        {
            "relu as function": "*",
            "avgpool as function": "*",
            "maxpool as function": "*.pool.*",  # in blocks; the two before them are modules
            "global_avgpool as function": "aux.*",
        },
    ),
    (
        "maxvit.py",
        "maxvit_t",
        {"window_attention with einsum": "*"},
    ),
)  # fmt: skip
