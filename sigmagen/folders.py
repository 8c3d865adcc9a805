"""Folders of logs, rules and mappings: what lies in them, without what only looks like a file."""

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
    """The paths of everything below a folder that is not a folder, in a stable order. Links to folders stay closed."""

    def refused(error: OSError) -> None:
        problems.append(unreadable(error))

    for parent, folders, names in os.walk(folder, onerror=refused):
        folders.sort()
        for name in sorted(names):
            yield os.path.join(parent, name)


def not_a_file(path: str, folder: str) -> Problem | None:
    """The warning of a path in a folder that is not to be opened: reading it could wait, or leave the folder.

    A link that leads nowhere is for whoever opens it to report.
    """
    if os.path.islink(path) and not _inside(os.path.realpath(path), os.path.realpath(folder)):
        return _left_out(path, "a link that leads out of the folder", "name the file itself to read it")
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except OSError:
        return None
    if kind == stat.S_IFREG:
        return None
    return _left_out(path, f"{_KINDS.get(kind, 'of another kind')}, not a file", "name it itself to read it")


def _inside(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _left_out(path: str, what: str, hint: str) -> Problem:
    return Problem("not-a-file", f"left out: {what}", "warning", shown(path), hint=hint)


def shown(path: str) -> str:
    """A path as text: bytes that are not UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
