"""Log files: found below folders, opened plain, gzip or Zstandard, with how far they have been read."""

from __future__ import annotations

import errno
import gzip
import io
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from sigmagen.folders import check_regular_file, display_path, walk
from sigmagen.problems import Problem

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DAMAGED = (gzip.BadGzipFile, zlib.error, zstd.ZstdError)
"""What reading raises where a compressed file is damaged; EOFError where it is cut off."""

PACKED = (".gz", ".zst")
SUFFIXES = (".json", ".jsonl", ".ndjson", ".log", ".parquet")
STDIN = "-"
STDIN_NAME = "<stdin>"

# An export task of CloudWatch Logs numbers its files.
_EXPORTED = re.compile(r"\d{6}\.gz")
# What lies beside logs and is none: bodies of over 100 kB of Bedrock's invocation log, and CloudTrail's digests.
_BESIDE = re.compile(
    r"[/\\]data[/\\][^/\\]+_(?:input|output)\.json(?:\.gz)?$|[/\\]CloudTrail-Digest[/\\]|_CloudTrail-Digest_[^/\\]*$"
)

_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_ZSTD = b"\x28\xb5\x2f\xfd"  # RFC 8878


def find_log_files(paths: Sequence[str]) -> tuple[list[str], list[Problem]]:
    """The files that paths stand for, each once and in a stable order, and what was left out.

    A folder is searched recursively for log suffixes, also with .gz or .zst, and for exports of CloudWatch Logs
    (000000.gz). A file that is named may have any name and be of any kind, such as a pipe; `-` is standard input.
    """
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for path in paths:
        names = [path]
        if path != STDIN and os.path.isdir(path):
            before = len(problems)
            names = list(_walk(path, problems))
            if not names and len(problems) == before:
                hint = f"log files end in {', '.join(SUFFIXES)}, also with .gz or .zst; others are named one by one"
                problems.append(Problem("no-logs", "no log file in this folder", file=path, hint=hint))
        for name in names:
            found.setdefault(name if name == STDIN else os.path.realpath(name), name)
    return list(found.values()), problems


def _walk(folder: str, problems: list[Problem]) -> Iterator[str]:
    beside = 0
    for path in walk(folder, problems, lambda error: unreadable(str(error.filename), error)):
        name = os.path.basename(path)
        if not (name.lower().removesuffix(".gz").removesuffix(".zst").endswith(SUFFIXES) or _EXPORTED.fullmatch(name)):
            continue
        if _BESIDE.search(path):
            beside += 1
        elif left_out := check_regular_file(path, folder):
            problems.append(left_out)
        else:
            yield path
    if beside:
        problems.append(_beside(folder, beside))


def _beside(folder: str, count: int) -> Problem:
    message = f"{count:,} file{'s' if count > 1 else ''} that AWS writes beside its logs left out: they hold no records"
    hint = "bodies of Bedrock calls (…_input.json.gz, …_output.json.gz) that were too large for the log, or digests"
    return Problem("log-beside", message, "warning", folder, hint=hint)


def unreadable(file: str, error: OSError) -> Problem:
    """The problem of a file that can't be opened or read."""
    reason = error.strerror or str(error)
    return Problem(
        "log-unreadable", f"can't read the log: {reason}", file=display_path(file), hint="check the path and its rights"
    )


class OpenLog:
    """An open log: its decompressed bytes, and how many bytes of the file itself have been read."""

    def __init__(self, raw: io.BufferedReader) -> None:
        self.raw = raw
        start = raw.peek(len(_ZSTD))
        self.packing = "gzip" if start.startswith(_GZIP) else "Zstandard" if start.startswith(_ZSTD) else ""
        """How the file is compressed; empty where it isn't."""
        self.parquet = start.startswith(_PARQUET)
        opened: object = raw
        if self.packing:
            opened = gzip.GzipFile(fileobj=raw) if self.packing == "gzip" else zstd.ZstdFile(raw)
        self.lines = cast("IO[bytes]", opened)

    @property
    def seekable(self) -> bool:
        """Whether it can be read again."""
        return self.raw.seekable()

    @property
    def position(self) -> int:
        """Bytes of the file taken so far; 0 where a stream has no position."""
        try:
            return self.raw.raw.tell()
        except (OSError, ValueError):
            return 0


@contextmanager
def open_log(name: str) -> Iterator[OpenLog]:
    """A log opened for reading; its first bytes say how it is compressed. Raises OSError."""
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
