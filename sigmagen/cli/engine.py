"""Opening the engine that `detect`, `report` and `normalize` read logs with."""

from __future__ import annotations

from contextlib import ExitStack

from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.memory import available_memory
from sigmagen.logs.files import PACKED, total_size
from sigmagen.logs.reader import LogReader
from sigmagen.logs.scratch import scratch_folder
from sigmagen.problems import SigmagenError

LARGE = 64 * 1024 * 1024
"""Bytes of input from which on there must be a folder for what doesn't fit into memory."""

MEMORY_SHARE = 0.6
"""Of the machine's memory, if nothing else is said."""

_RATIO = 10
"""How many times larger unpacked logs are, about."""

_OWN = 192 * 1024 * 1024
"""Bytes that Python, the rules and the lines on their way to the engine take, about."""


def open_engine(reader: LogReader, memory: int | None, stack: ExitStack) -> DuckDBEngine:
    """Return an engine that keeps the records in `memory` bytes, and the rest in a private folder that is removed.

    Raises SigmagenError if the folder can't be made.
    """
    size = _unpacked(reader)
    large = size is None or size >= LARGE
    folder = None
    try:
        folder = stack.enter_context(scratch_folder())
    except SigmagenError:
        if large:
            raise
    # A database in a file would be written twice: to its log, and again in its own format when it is closed.
    return stack.enter_context(DuckDBEngine(temporary=folder, memory=_share(memory)))


def _unpacked(reader: LogReader) -> int | None:
    """About how many bytes the logs have; None where that can't be known."""
    packed = total_size([name for name in reader.files if name.endswith(PACKED)]) or 0
    return None if reader.size is None else reader.size + packed * (_RATIO - 1)


def _share(memory: int | None) -> int | None:
    """The engine's part of the memory; the rest is for what is being read."""
    if memory is None:
        available = available_memory()
        memory = available and int(available * MEMORY_SHARE)
    return memory and max(memory - _OWN, memory // 2)
