"""Log files: found below folders, opened plain or gzip, with how far they have been read."""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from sigmagen.problems import Problem

SUFFIXES = (".json", ".jsonl", ".ndjson", ".log")
STDIN = "-"
STDIN_NAME = "<stdin>"

_GZIP = b"\x1f\x8b"


def find_log_files(paths: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """The files that paths stand for, each once and in a stable order, and the paths that lead nowhere.

    A folder is searched recursively for log suffixes, also with .gz; a file may have any name; `-` is standard input.
    """
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for path in paths:
        names = [path]
        if path != STDIN and os.path.isdir(path):
            names = list(_walk(path, problems))
            if not names:
                hint = f"log files end in {', '.join(SUFFIXES)}, each also with .gz; others are named one by one"
                problems.append(Problem("no-logs", "no log file in this folder", file=path, hint=hint))
        for name in names:
            found.setdefault(name if name == STDIN else os.path.realpath(name), name)
    return list(found.values()), problems


def _walk(folder: str, problems: list[Problem]) -> Iterator[str]:
    def refused(error: OSError) -> None:
        problems.append(unreadable(str(error.filename), error))

    for parent, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        for name in sorted(names):
            if name.lower().removesuffix(".gz").endswith(SUFFIXES):
                yield os.path.join(parent, name)


def unreadable(file: str, error: OSError) -> Problem:
    """The problem of a file that can't be opened or read."""
    reason = error.strerror or str(error)
    return Problem("log-unreadable", f"can't read the log: {reason}", file=file, hint="check the path and its rights")


class OpenLog:
    """An open log: its decompressed bytes, and how many bytes of the file itself have been read."""

    def __init__(self, raw: io.BufferedReader) -> None:
        self.raw = raw
        zipped = raw.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
        self.lines = cast("IO[bytes]", gzip.GzipFile(fileobj=raw) if zipped else raw)

    @property
    def position(self) -> int:
        """Bytes of the file taken so far; 0 where a stream has no position."""
        try:
            return self.raw.raw.tell()
        except (OSError, ValueError):
            return 0


@contextmanager
def open_log(name: str) -> Iterator[OpenLog]:
    """A log opened for reading, gzip told by its first bytes. Raises OSError."""
    if name == STDIN:
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        yield OpenLog(_peekable(sys.stdin.buffer))
        return
    with Path(name).open("rb") as raw:
        yield OpenLog(raw)


def _peekable(stream: IO[bytes]) -> io.BufferedReader:
    return stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", stream))


def total_size(names: Sequence[str]) -> int | None:
    """Bytes of all files together; None where that can't be known, as of standard input or a pipe."""
    if STDIN in names:
        return None
    try:
        found = [os.stat(name) for name in names]
    except OSError:
        return None
    return sum(file.st_size for file in found) if all(stat.S_ISREG(file.st_mode) for file in found) else None
