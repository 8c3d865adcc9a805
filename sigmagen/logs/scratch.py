"""Temporary files and folders: gone when they are done with, or by the next run where a run was killed.

A lock says that one is in use. It ends with its process, however that ends.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = ".sigmagen-"
_OURS = re.compile(r"\.?sigmagen-[a-z0-9_]{8}")
_YOUNG = 600
"""Seconds in which a temporary file without a lock is left alone: it may just have been made."""


def lock(descriptor: int) -> bool:
    """Mark an open temporary file or folder as in use; whether nobody else does."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_stale(folder: Path) -> None:
    """Remove what runs that were killed left in a folder: named as ours, of this user, old, and locked by nobody."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if _OURS.fullmatch(entry.name):
                with suppress(OSError):
                    _remove_if_stale(entry.path)


def _remove_if_stale(path: str) -> None:
    found = os.lstat(path)
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) or not hasattr(os, "geteuid"):
        return
    if found.st_uid != os.geteuid() or time.time() - found.st_mtime < _YOUNG:
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if not lock(descriptor):
            return
        if stat.S_ISDIR(found.st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
    finally:
        os.close(descriptor)


@contextmanager
def temporary_folder(beside: Path | None = None) -> Iterator[Path]:
    """A folder of ours alone that is gone afterwards, in the system's place for it or a given one. Raises OSError."""
    parent = beside or Path(tempfile.gettempdir())
    remove_stale(parent)
    with tempfile.TemporaryDirectory(prefix=PREFIX if beside else PREFIX[1:], dir=parent) as name:
        descriptor = os.open(name, os.O_RDONLY) if fcntl else None
        try:
            if descriptor is not None:
                lock(descriptor)
            yield Path(name)
        finally:
            if descriptor is not None:
                os.close(descriptor)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder for a command's own files. Raises SigmagenError where there is no place for one."""
    hint = "free some space, or set TMPDIR to a folder that can be written"
    with ExitStack() as stack:
        try:
            path = stack.enter_context(temporary_folder())
        except OSError as error:
            message = f"can't make a temporary folder: {error.strerror or error}"
            raise SigmagenError(Problem("no-temporary-folder", message, hint=hint), EXIT_USAGE) from None
        yield path
