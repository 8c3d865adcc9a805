"""How far an interrupted run came, in a file beside its output, so that another one goes on from there.

Logs are read again, since what was delivered twice is only known when all of them have been read. What was written is
not written again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from sigmagen.folders import display_path
from sigmagen.logs.output import whole_file
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError

_VERSION = 1
_PROBE = 64 * 1024


@dataclass
class Journal:
    """`state` is what the writer noted last; it is empty in a new journal."""

    path: Path
    run: dict[str, Any]
    state: dict[str, Any]

    @classmethod
    def open(cls, path: Path, logs: Sequence[str], options: Mapping[str, Any]) -> Journal:
        """The journal of a run over these logs with these options.

        Raises SigmagenError for a journal of another run, and for one that can't be read.
        """
        run = {"version": _VERSION, "logs": [_describe(log) for log in logs], "options": dict(options)}
        try:
            found = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            return cls(path, run, {})
        except (OSError, orjson.JSONDecodeError):
            raise _unusable(path, "the journal can't be read") from None
        state = found.get("state") if isinstance(found, dict) else None
        if not isinstance(state, dict) or not isinstance(found.get("run"), dict):
            raise _unusable(path, "this is not a journal")
        if differing := [name for name in run if found["run"].get(name) != run[name]]:
            raise _unusable(path, f"the interrupted run had other {' and '.join(differing)}")
        return cls(path, run, state)

    def save(self, **state: Any) -> None:
        """Note how far the run is; the former note stays if this one is interrupted. Raises SigmagenError."""
        self.state |= state
        with whole_file(self.path) as stream:
            stream.write(orjson.dumps({"run": self.run, "state": self.state}))

    def remove(self) -> None:
        """The run is complete."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def digest_of(logs: Sequence[str]) -> str:
    """A short text for these logs, the same as long as their names, sizes, beginnings and ends are."""
    described = [_describe(log) | {"changed": None} for log in logs]
    return sha256(orjson.dumps(described)).hexdigest()[:16]


def _describe(name: str) -> dict[str, Any]:
    """What tells a log from another: name, size, time of the last change, and a digest of its beginning and end."""
    path = Path(name)
    try:
        found = path.stat()
        with path.open("rb") as stream:
            digest = sha256(stream.read(_PROBE))
            stream.seek(max(0, found.st_size - _PROBE))
            digest.update(stream.read(_PROBE))
    except OSError:
        return {"name": os.path.abspath(name)}  # the reader says why
    size = {"size": found.st_size, "changed": found.st_mtime_ns}
    return {"name": os.path.abspath(name), **size, "digest": digest.hexdigest()}


def _unusable(path: Path, reason: str) -> SigmagenError:
    hint = "repeat the interrupted command, or remove this file to start again"
    return SigmagenError(Problem("journal", reason, file=display_path(str(path)), hint=hint), EXIT_USAGE)
