"""The folder of a package: it holds one package and a list of its files, so that an upgrade leaves no old ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

from sigmagen.logs.output import whole_folder
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

LIST = "sigmagen-files.json"
"""The file that lists the others, with their hashes."""

_TEMPORARY = ".sigmagen-"


@dataclass
class PackageFolder:
    """Where a package is written. After the block, `problems` says what became of files of an earlier one."""

    path: Path
    problems: list[Problem] = field(default_factory=list)


@contextmanager
def package_folder(output: Path, siem: str) -> Iterator[PackageFolder]:
    """A folder to fill, whose files move to `output` when the block ends well.

    Files of an earlier package for the same SIEM that are not in the new one are removed; those that somebody has
    changed since are kept and named. Raises SigmagenError for a folder with anything else in it.
    """
    earlier = _earlier(output, siem)
    with whole_folder(output) as folder:
        made = PackageFolder(folder)
        yield made
        files = {path.relative_to(folder).as_posix(): _digest(path) for path in _files(folder)}
        _refuse_foreign(output, files, earlier)
        document = {"siem": siem, "files": dict(sorted(files.items()))}
        (folder / LIST).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    made.problems += [
        problem for name, digest in earlier.items() if name not in files for problem in _removed(output, name, digest)
    ]


def _earlier(output: Path, siem: str) -> Mapping[str, str]:
    """The files of the package that is there, with their hashes; none where there is no package yet."""
    if not output.is_dir() or all(item.name.startswith(_TEMPORARY) for item in output.iterdir()):
        return {}
    path = output / LIST
    if not path.is_file():
        raise _refused(output, f"the folder holds other files, and no {LIST} of an earlier package")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found, files = document["siem"], dict(document["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise _refused(path, "the list of the package's files can't be read") from None
    if found != siem:
        raise _refused(output, f"the folder holds a package for {found}")
    if not all(isinstance(digest, str) and _inside(name) for name, digest in files.items()):
        raise _refused(path, "the list of the package's files names a file outside of the folder")
    return files


def _refuse_foreign(output: Path, files: Mapping[str, str], earlier: Mapping[str, str]) -> None:
    """A file of somebody else is not overwritten."""
    foreign = [name for name in files if name not in earlier and (output / name).is_file()]
    if foreign:
        raise _refused(output, f"the package would overwrite files of somebody else: {', '.join(foreign[:5])}")


def _removed(output: Path, name: str, digest: str) -> Iterator[Problem]:
    """Remove a file that is no longer part of the package, and say so."""
    path = output / name
    if path.is_symlink() or not path.is_file():
        return
    if _digest(path) != digest:
        hint = "somebody has changed it; delete it if it isn't needed"
        yield Problem("package-leftover", "the file is no longer part of the package", "warning", str(path), hint=hint)
        return
    path.unlink()
    for parent in path.parents:
        if parent == output or any(parent.iterdir()):
            break
        parent.rmdir()
    yield Problem("package-leftover", "removed: the file is no longer part of the package", "info", str(path))


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _inside(name: str) -> bool:
    """Whether a name leads to a place in the folder."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _refused(path: Path, reason: str) -> SigmagenError:
    hint = "choose an empty folder, or the one with the earlier package for this SIEM; nothing was written"
    return SigmagenError(Problem("output-taken", reason, file=str(path), hint=hint), EXIT_USAGE)
