"""The ledger: a file of cells that were executed and found equal, so that an unchanged cell is not executed again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from sigmagen.display import format_count
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError


@dataclass(frozen=True, slots=True)
class Entry:
    """A cell that was equal: its hash, the rows that were compared, the day, and which cell it was, for readers."""

    hash: str
    rows: int
    since: str
    cell: str


@dataclass
class Figures:
    """How many cells were executed and why, and how many were remembered."""

    changed: int = 0
    """Executed because nothing in the ledger is about them as they are now."""
    again: int = 0
    """Executed again although the ledger has them: the seed chose them."""
    remembered: int = 0
    oldest: str | None = None

    def __add__(self, other: Figures) -> Figures:
        oldest = min((day for day in (self.oldest, other.oldest) if day), default=None)
        return Figures(
            self.changed + other.changed, self.again + other.again, self.remembered + other.remembered, oldest
        )

    def text(self, seed: int) -> str:
        """One line, such as `37 cells executed: 4 changed, 33 of 330 by seed 7; 297 remembered since 2026-11-28`."""
        executed = self.changed + self.again
        chosen = f", {self.again} of {self.again + self.remembered} by seed {seed}" if self.again else ""
        remembered = f"; {self.remembered} remembered, the oldest since {self.oldest}" if self.remembered else ""
        return f"{format_count(executed, 'cell')} executed: {self.changed} changed{chosen}{remembered}"


@dataclass
class Ledger:
    """What is remembered, and which of it is executed again: `again` percent, chosen by `seed`.

    New entries are appended to `path`. Entries in files of `others` are read, too.
    """

    path: Path
    others: tuple[Path, ...] = ()
    again: int = 0
    seed: int = 0
    today: date = field(default_factory=date.today)
    figures: Figures = field(default_factory=Figures)
    _entries: dict[str, Entry] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for path in (*self.others, self.path):
            _read(path, self._entries)

    def recall(self, key: str) -> Entry | None:
        """The entry of a cell that need not be executed; None where it must be. Counts what it decides."""
        entry = self._entries.get(key)
        if entry is None:
            self.figures.changed += 1
        elif self._is_chosen(key):
            self.figures.again += 1
        else:
            self.figures.remembered += 1
            self.figures.oldest = min(self.figures.oldest or entry.since, entry.since)
            return entry
        return None

    def _is_chosen(self, key: str) -> bool:
        """Whether the seed chooses a cell to be executed again. Another seed chooses others."""
        draw = int.from_bytes(sha256(f"{self.seed} {key}".encode()).digest()[:4])
        return draw % 100 < self.again

    def add(self, key: str, rows: int, cell: str) -> None:
        """Note a cell that was executed and equal. Raises SigmagenError where the file can't be written."""
        if key in self._entries:
            return  # it was executed again: it holds since the first time
        self._entries[key] = Entry(key, rows, self.today.isoformat(), cell)
        self._append({"cell": cell, "hash": key, "rows": rows, "since": self.today.isoformat()})

    def revoke(self, key: str, cell: str) -> None:
        """Forget a cell that was executed again and is not equal any more. Raises SigmagenError as `add` does."""
        if self._entries.pop(key, None) is not None:
            self._append({"cell": cell, "hash": key, "since": None})

    def _append(self, line: dict[str, Any]) -> None:
        """Append one short line at once, so that processes may share a file."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as stream:
                stream.write(orjson.dumps(line) + b"\n")
        except OSError as error:
            raise _unusable(self.path, error) from None


def _read(path: Path, entries: dict[str, Entry]) -> None:
    """Take the lines of a file into `entries`, if there is such a file.

    A line that is not an entry is passed over, so its cell is executed. Raises SigmagenError where the file can't be
    read.
    """
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise _unusable(path, error) from None
    for line in lines:
        try:
            data: Any = orjson.loads(line)
            if data["since"] is None:
                entries.pop(data["hash"], None)
            else:
                entries[data["hash"]] = _entry(data)
        except (orjson.JSONDecodeError, TypeError, KeyError, ValueError):
            continue


def _entry(data: dict[str, Any]) -> Entry:
    """Raises TypeError, KeyError or ValueError for data that is not an entry."""
    return Entry(str(data["hash"]), int(data["rows"]), date.fromisoformat(data["since"]).isoformat(), str(data["cell"]))


def _unusable(path: Path, error: OSError) -> SigmagenError:
    message = f"the ledger can't be used: {error.strerror or error}"
    return SigmagenError(Problem("ledger", message, file=str(path), hint="name another file"), EXIT_USAGE)
