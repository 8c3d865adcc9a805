"""How far a long command is, on standard error where someone looks on."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from sigmagen.logs.reader import LogReader

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LONG = 5 * 1024 * 1024
"""Bytes of input from which on progress is worth showing."""


class Watch:
    """Shows how much of the logs has been read, and then how many rules have been run.

    The bar moves by bytes of the files as they are on disk, so it is right for compressed files, too. The rate is that
    of records.
    """

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._start = time.monotonic()
        self.read_in = 0.0
        """Seconds that reading took."""

    def __enter__(self) -> Self:
        if self._reader.size and self._reader.size >= LONG and sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            from sigmagen.report.colour import console

            columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("reading", total=self._reader.size)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def read(self, records: int) -> None:
        """So many records have been read."""
        if self._bar and self._task is not None:
            rate = records / max(time.monotonic() - self._start, 0.001)
            text = f"reading, {records:,} records, {rate:,.0f} a second"
            self._bar.update(self._task, completed=self._reader.position, description=text)

    def ran(self, done: int, total: int) -> None:
        """So many rules have been run; 0 when the first of them starts."""
        if not done:
            self.read_in = time.monotonic() - self._start
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done, total=total, description=f"rules, {done} of {total}")

    def wrote(self, done: int, total: int) -> None:
        """So many events have been written; 0 before the first of them."""
        if not done:
            self.read_in = time.monotonic() - self._start
        if self._bar and self._task is not None:
            self._bar.update(
                self._task, completed=done, total=total, description=f"writing, {done:,} of {total:,} events"
            )

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._start
