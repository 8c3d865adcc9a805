"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError


def unwritable(path: Path, error: OSError) -> SigmagenError:
    """The error of an output that can't be written."""
    reason = error.strerror or str(error)
    problem = Problem("output-unwritable", f"can't write there: {reason}", file=str(path), hint="nothing was written")
    return SigmagenError(problem, EXIT_USAGE)


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """A file that takes its name only when the block ends well; a private one is the owner's alone.

    Raises SigmagenError where it can't be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise unwritable(path, error) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        if not private:
            temporary.chmod(0o666 & ~_umask())
        _rename(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def _rename(temporary: Path, path: Path) -> None:
    try:
        os.replace(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, whose files move to `path` only when the block ends well; what is there otherwise stays.

    Raises SigmagenError where it can't be written.
    """
    there = path.is_dir()
    try:
        if not there:
            path.parent.mkdir(parents=True, exist_ok=True)
        # On the same file system as where the files will be, so that a rename is all that is left to do.
        temporary = tempfile.TemporaryDirectory(prefix=".sigmagen-", dir=path if there else path.parent)
    except OSError as error:
        raise unwritable(path, error) from None
    with temporary as name:
        yield Path(name)
        try:
            for file in sorted(file for file in Path(name).rglob("*") if file.is_file()):
                final = path / file.relative_to(name)
                final.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, final)
        except OSError as error:
            raise unwritable(path, error) from None
