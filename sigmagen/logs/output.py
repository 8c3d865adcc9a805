"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from sigmagen.logs.scratch import PREFIX, lock, remove_stale, temporary_folder
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError


def unwritable(path: Path, error: OSError) -> SigmagenError:
    """The error of an output that can't be written. The file is the one in the way, if it isn't `path` itself."""
    reason = "it is no folder" if isinstance(error, FileExistsError) else error.strerror or str(error)
    way = str(error.filename or path) if isinstance(error, FileExistsError) else str(path)
    hint = "choose another place; nothing was written there"
    return SigmagenError(Problem("output-unwritable", f"can't write there: {reason}", file=way, hint=hint), EXIT_USAGE)


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """A file that takes its name only when the block ends well; a private one is the owner's alone.

    A link is followed, and a file that is there keeps its rights. A device or a pipe can't be replaced and is written
    to as it is. Raises SigmagenError where nothing can be written.
    """
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        with _opened(path) as stream:
            yield stream
        return
    final = Path(os.path.realpath(path))
    remove_stale(final.parent)
    try:
        handle, name = tempfile.mkstemp(prefix=PREFIX, dir=final.parent)
        lock(handle)
    except OSError as error:
        raise unwritable(path, error) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        if not private:
            temporary.chmod(0o666 & ~_umask() if mode is None else stat.S_IMODE(mode))
        _rename(temporary, final)
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def whole_path(path: Path) -> Iterator[Path]:
    """A path to write a file to, which takes its name `path` when the block ends well. Its folder is made.

    A link is followed, and a file that is there keeps its rights. Raises SigmagenError where nothing can be written,
    and for a device or a pipe, which can't be replaced.
    """
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        raise unwritable(path, OSError(errno.EINVAL, "it is not a regular file"))
    final = Path(os.path.realpath(path))
    opened = ExitStack()
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        folder = opened.enter_context(temporary_folder(final.parent))
    except OSError as error:
        raise unwritable(path, error) from None
    with opened:
        temporary = folder / "new"
        yield temporary
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))
        _rename(temporary, final)


def _mode(path: Path) -> int | None:
    """Kind and rights of what is there, if anything."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unwritable(path, error) from None


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise unwritable(path, error) from None


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
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        # On the same file system as where the files will be, so that a rename is all that is left to do.
        opened = ExitStack()
        temporary = opened.enter_context(temporary_folder(path if there else path.parent))
    except OSError as error:
        raise unwritable(path, error) from None
    with opened:
        folder = temporary / "new"
        folder.mkdir()
        yield folder
        if there:
            _move(folder, path)
        else:
            _rename(folder, path)


def _move(source: Path, path: Path) -> None:
    """Move all files; whatever could be in the way is found before the first of them moves."""
    moves: list[tuple[Path, Path]] = []
    for parent, folders, names in os.walk(source):
        folders.sort()
        final = path / Path(parent).relative_to(source)
        taken = _folders_in(final)
        for name in sorted(names):
            if name in taken:
                raise unwritable(final / name, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
            moves.append((Path(parent, name), final / name))
    for file, place in moves:
        _rename(file, place)


def _folders_in(path: Path) -> set[str]:
    """The names of the folders in a folder, which is made if it isn't there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        return {entry.name for entry in os.scandir(path) if entry.is_dir()}
    except OSError as error:
        raise unwritable(path, error) from None
