"""How much memory there is, and how much a process has taken."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

# https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html
_CGROUP = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available_memory() -> int | None:
    """Bytes of memory that the machine, or the container, has. None where that can't be known."""
    limits: list[int] = []
    with suppress(AttributeError, ValueError, OSError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _CGROUP:
        with suppress(OSError, ValueError):  # `max` is no limit
            limits.append(int(path.read_text()))
    return min(limits, default=None)


def peak_memory() -> int | None:
    """Bytes that this process had in memory at most. None where that can't be known."""
    if resource is None:
        return None
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
