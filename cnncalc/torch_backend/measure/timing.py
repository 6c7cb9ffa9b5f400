"""How long something takes on a device: marks in its stream of work, repeated runs, and their spread."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median, quantiles
from time import perf_counter
from typing import Any, NamedTuple

import torch

#: fewest runs that are warm-up, and that are timed
WARM_UP, LEAST = 2, 5
#: share of the time for the timed runs that the warm-up takes
WARM_UP_SHARE = 0.25
#: most runs in a given time, so that a file stays short
MOST = 1_000
#: a sample in seconds has this many decimals
DECIMALS = 6


class Timer:
    """Time on a device. On CUDA a mark is an event in the stream, so that timing makes the host wait for nothing."""

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._mps = device.type == "mps"

    def synchronize(self) -> None:
        """Waits until the device is idle."""
        if self._cuda:
            torch.cuda.synchronize()
        elif self._mps:
            torch.mps.synchronize()

    def mark(self) -> Any:
        """Now, in the device's order of work."""
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record()
            return event
        self.synchronize()
        return perf_counter()

    def seconds(self, start: Any, end: Any) -> float:
        """Between two marks; the device must be synchronized."""
        return float(start.elapsed_time(end)) / 1000 if self._cuda else float(end - start)

    def time(self, run: Callable[[], object]) -> float:
        """Seconds of one run."""
        self.synchronize()
        start = self.mark()
        run()
        end = self.mark()
        self.synchronize()
        return self.seconds(start, end)


class Spread(NamedTuple):
    """The samples of a time in seconds, and where they lie."""

    samples: list[float]
    median: float
    lower_quartile: float
    upper_quartile: float
    least: float


def spread(samples: list[float]) -> Spread:
    """The spread of at least one sample; a sample is never 0, as something is divided by it."""
    rounded = [max(round(sample, DECIMALS), 10**-DECIMALS) for sample in samples]
    lower, _, upper = quantiles(rounded, n=4, method="inclusive") if len(rounded) > 1 else rounded * 3
    middle, lower, upper = (round(value, DECIMALS + 1) for value in (median(rounded), lower, upper))
    return Spread(rounded, middle, lower, upper, min(rounded))


def repeat(run: Callable[[], float], seconds: float, times: int | None = None) -> list[float]:
    """What ``run`` returns, after a warm-up: ``times`` runs, or as many as start within ``seconds``, at least 5."""
    start = perf_counter()
    for number in range(MOST):
        if number >= WARM_UP and perf_counter() - start >= WARM_UP_SHARE * seconds:
            break
        run()
    samples: list[float] = []
    start = perf_counter()
    while len(samples) < (times or MOST):
        if times is None and len(samples) >= LEAST and perf_counter() - start >= seconds:
            break
        samples.append(run())
    return samples
