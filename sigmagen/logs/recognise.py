"""Which log source a record is of, told by the fields that the source's mapping names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sigmagen.logs.reader import Record, Reject
from sigmagen.mapping.expression import parse_path
from sigmagen.mapping.source import Source
from sigmagen.problems import Problem

Path = tuple[str | int, ...]


@dataclass
class _File:
    """What one file holds: records and first line of each source, and of none (None)."""

    counts: Counter[str | None] = field(default_factory=Counter)
    first: dict[str | None, int] = field(default_factory=dict)

    def add(self, source: str | None, count: int, line: int) -> None:
        self.counts[source] += count
        self.first[source] = min(line, self.first.get(source, line))


class Recogniser:
    """Gives each record its source. A source that is chosen takes all records, whatever they look like."""

    def __init__(
        self,
        sources: Iterable[Source],
        chosen: Source | None = None,
        on_reject: Callable[[Reject], None] | None = None,
    ) -> None:
        self.sources = tuple(sources)
        self._marks = [(source, _marks(source)) for source in self.sources]
        self.chosen = chosen
        self._on_reject = on_reject
        self.tells_rejects = on_reject is not None and chosen is None
        self._files: dict[str, _File] = {}

    def sort(self, records: Iterable[Record]) -> Iterator[tuple[Source, Record]]:
        """The records that have a source, with it."""
        for record in records:
            # A source without marks, such as the generic one, is what the user says it is.
            source = self.chosen if self.chosen and not self.chosen.recognise else self.source_of(record.value)
            self.add(record.file, source.name if source else None, 1, record.line)
            if self.chosen:
                yield self.chosen, record
            elif source:
                yield source, record
            elif self._on_reject:
                self._on_reject(Reject(record.file, record.line, "of no known log source", record.text))

    def add(self, file: str, source: str | None, count: int, line: int) -> None:
        """Count records of a source, or of none, in a file; `line` is that of the first."""
        if self.chosen and not self.chosen.recognise:
            source = self.chosen.name
        self._files.setdefault(file, _File()).add(source, count, line)

    def source_of(self, value: Mapping[str, Any]) -> Source | None:
        """The first source all of whose marks a record bears."""
        for position, (source, marks) in enumerate(self._marks):
            if all(_bears(value, *mark) for mark in marks):
                if position:  # the next record is most likely of the same source
                    self._marks.insert(0, self._marks.pop(position))
                return source
        return None

    @property
    def counts(self) -> Counter[str]:
        """Records of each source, over all files."""
        total: Counter[str] = Counter()
        for file in self._files.values():
            total += Counter({name: count for name, count in file.counts.items() if name})
        return total

    @property
    def left_out(self) -> int:
        """Records of no known source, over all files; none, if a source is chosen."""
        return 0 if self.chosen else sum(file.counts[None] for file in self._files.values())

    @property
    def problems(self) -> list[Problem]:
        """What was not as expected, at most two findings a file."""
        return [problem for name, file in self._files.items() for problem in self._of_file(name, file)]

    def _of_file(self, name: str, file: _File) -> Iterator[Problem]:
        if self.chosen:
            yield from _unlike(name, file, self.chosen)
            return
        if None in file.counts:
            yield _unrecognised(name, file)
        known = sorted((source for source in file.counts if source), key=lambda source: file.first[source])
        if len(known) > 1:
            kinds = ", ".join(f"{file.counts[source]:,} {source} from line {file.first[source]}" for source in known)
            message = f"records of {len(known)} sources in one log: {kinds}"
            hint = "each record is read as what it is; -s reads all as one source"
            yield Problem("log-mixed", message, "warning", name, file.first[known[1]], hint=hint)


def _marks(source: Source) -> list[tuple[str, Path, Any]]:
    return [(path, parse_path(path), wanted) for path, wanted in source.recognise.items()]


def _bears(value: Mapping[str, Any], name: str, path: Path, wanted: Any) -> bool:
    """Whether a record has the value, under the whole name (canonical events are flat) or nested."""
    found: Any = value.get(name)
    if found is None and len(path) > 1:
        found = value
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
    return found is not None and (wanted == "present" or found == wanted)


def _unrecognised(name: str, file: _File) -> Problem:
    count, line = file.counts[None], file.first[None]
    alone = len(file.counts) == 1
    message = f"{count:,} record{'s' if count > 1 else ''} of no known log source, the first at line {line}"
    hint = "say what it is with -s SOURCE" if alone else "left out; if it is one of the sources, say so with -s SOURCE"
    return Problem("log-unrecognised", message, "error" if alone else "warning", name, line, hint=hint)


def _unlike(name: str, file: _File, chosen: Source) -> Iterator[Problem]:
    others = {source: count for source, count in file.counts.items() if source != chosen.name}
    if not others:
        return
    count, line = sum(others.values()), min(file.first[source] for source in others)
    kinds = ", ".join(f"{number:,} like {source}" for source, number in others.items() if source)
    message = f"{count:,} of {sum(file.counts.values()):,} records don't look like {chosen.name}"
    message += f" ({kinds})" if kinds else ""
    yield Problem(
        "log-unlike", message, "warning", name, line, hint=f"read as {chosen.name} all the same, because of -s"
    )
