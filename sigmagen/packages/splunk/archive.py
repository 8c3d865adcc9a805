"""An app's files as a .tgz that has the same bytes every time."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath

_FILE, _FOLDER = 0o644, 0o755


def tgz(root: str, files: Mapping[str, str]) -> bytes:
    """The archive of files (path below `root` to text), sorted, with no clock, user or machine in it."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        folders = {str(parent) for name in files for parent in PurePosixPath(root, name).parents if parent.name}
        for name in sorted(folders):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, _FOLDER
            archive.addfile(entry)
        for name in sorted(files):
            content = files[name].encode()
            entry = tarfile.TarInfo(f"{root}/{name}")
            entry.size, entry.mode = len(content), _FILE
            archive.addfile(entry, io.BytesIO(content))
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as stream:
        stream.write(plain.getvalue())
    return packed.getvalue()
