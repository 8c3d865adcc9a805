"""Measures CPU of whole processes, and actions in turn, so that a busy machine slows all of them."""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

RUNS = 5


class Row(NamedTuple):
    """A row of the table: what was measured, how, the figure, and what is promised."""

    what: str
    method: str
    figure: str
    promise: str


def measure_cpu(command: list[str], *, check: bool = True) -> float:
    """User and system seconds of one run of a command, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_median_cpu(command: list[str]) -> float:
    """The median of RUNS runs, after one that warms the caches."""
    measure_cpu(command)
    return sorted(measure_cpu(command) for _ in range(RUNS))[RUNS // 2]


def measure_best(*actions: Callable[[], object]) -> tuple[float, ...]:
    """Seconds of the fastest of three runs of each action; the runs take turns."""
    best = [float("inf")] * len(actions)
    for _ in range(3):
        for number, action in enumerate(actions):
            start = time.perf_counter()
            action()
            best[number] = min(best[number], time.perf_counter() - start)
    return tuple(best)
