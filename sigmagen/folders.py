"""Finding the regular files in folders of logs, rules and mappings."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator

from sigmagen.problems import Problem

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def walk(folder: str, problems: list[Problem], unreadable: Callable[[OSError], Problem]) -> Iterator[str]:
    """Yield the paths of all non-folders below a folder, in a stable order. Links to folders are not followed."""

    def refused(error: OSError) -> None:
        problems.append(unreadable(error))

    for parent, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(parent, name)


def check_regular_file(path: str, folder: str) -> Problem | None:
    """Return a warning for a path that must not be opened: reading it could block, or leave the folder.

    A broken link is not reported here, but by the code that opens it.
    """
    if os.path.islink(path) and not _inside(os.path.realpath(path), os.path.realpath(folder)):
        return _left_out(path, "a link to a file outside the folder", "pass the path of the file to read it")
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except OSError:
        return None
    if kind == stat.S_IFREG:
        return None
    return _left_out(path, f"{_KINDS.get(kind, 'a special file')}, not a file", "pass its path to read it")


def _inside(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _left_out(path: str, what: str, hint: str) -> Problem:
    return Problem("not-a-file", f"skipped: {what}", "warning", display_path(path), hint=hint)


def display_path(path: str) -> str:
    """Return a path as text, with escapes for bytes that are not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
