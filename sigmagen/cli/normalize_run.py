"""The two ways of `sigmagen normalize`: files through tables, and what comes through a pipe record by record."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING

import orjson

from sigmagen.cli.progress import Watch
from sigmagen.convert.converter import Converter
from sigmagen.local.canonical import TIME, ordered_fields
from sigmagen.local.canonical_logs import CanonicalLogs
from sigmagen.local.enrichment import Enrichment
from sigmagen.local.event_files import SAVED, resume_lines, write_lines
from sigmagen.local.event_text import identified_events
from sigmagen.local.journal import Journal, digest_of
from sigmagen.local.normalize import CanonicalEvent, Normalizer
from sigmagen.local.parquet import rows_sql, write_days, write_parquet
from sigmagen.logs.chunks import ChunkReader
from sigmagen.logs.output import whole_file, whole_folder
from sigmagen.logs.reader import Record, Reject
from sigmagen.logs.recognise import Recogniser
from sigmagen.logs.repeats import Repeats
from sigmagen.problems import Problem

if TYPE_CHECKING:
    from sigmagen.local.elasticsearch import CanonicalStream, Entry


@dataclass(frozen=True)
class Output:
    """Where events go, and in which form."""

    path: Path | None
    url: str | None
    parquet: bool
    by_day: bool
    resume: bool

    @property
    def name(self) -> str:
        """The place, for a journal."""
        return f"{self.url or os.path.realpath(self.path or '-')} {self.parquet} {self.by_day}"

    def fault(self, *, with_text: bool, keyed: bool) -> str | None:
        """Why these options can't be combined."""
        if self.url and self.path:
            return "-o and --to can't be combined"
        if self.url and with_text:
            return "--with-text can't be combined with --to: the data stream has no field for prompts"
        if self.url and (self.parquet or self.by_day):
            return "--format parquet and --partition-by can't be combined with --to"
        if keyed and with_text:
            return "--hash-key can't be combined with --with-text: whoever has the prompts needs no guess"
        if self.by_day and not self.parquet:
            return "--partition-by needs --format parquet"
        if self.parquet and not self.path:
            return "Parquet is not written to standard output: choose a file or a folder with -o"
        if self.resume and not (self.url or (self.path and (self.by_day or not self.parquet))):
            return "--resume needs --to, --partition-by, or a file of NDJSON: other output is written in one piece"
        return None


class Run(ABC):
    """Reads logs and writes their events."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self.journal: Journal | None = None

    problems: list[Problem]
    written: Counter[str]
    skipped: Counter[str]
    repeats: Repeats

    @abstractmethod
    def write(self, output: Output, failed: Callable[[], bool]) -> list[str]:
        """Write the events to a file; notes for the summary. If nothing could be read, a file that is there is kept."""

    @abstractmethod
    def send(self, stream: CanonicalStream) -> int:
        """Send the events; how many a run before had sent."""


class Stored(Run):
    """Reads all logs into tables first."""

    def __init__(self, logs: CanonicalLogs, reader: ChunkReader, recogniser: Recogniser, watch: Watch) -> None:
        super().__init__(watch)
        self._logs, self._reader, self._recogniser = logs, reader, recogniser
        self._connection = logs.engine.connection
        self.problems, self.written, self.skipped = logs.problems, logs.written, logs.skipped
        self.repeats = logs.repeats

    def read(self) -> None:
        """Read the logs."""
        self._logs.read(self._reader, self._recogniser, self._watch.read)
        self._watch.wrote(0, self.written.total())

    def _step(self, written: int) -> None:
        self._watch.wrote(written, self.written.total())

    def write(self, output: Output, failed: Callable[[], bool]) -> list[str]:
        if not self.written.total() and output.path and failed():
            return [f"{output.path} was not written"]
        relations = self._logs.relations
        if output.parquet and output.path:
            return self._write_parquet(output.path, by_day=output.by_day)
        if self.journal and output.path:
            there = resume_lines(self._connection, relations, output.path, self.journal, self._step)
            return [f"{there:,} written by an earlier run"] if there else []
        with _stream(output.path) as stream:
            write_lines(self._connection, relations, stream, self._step)
        return []

    def _write_parquet(self, path: Path, *, by_day: bool) -> list[str]:
        rows = rows_sql(self._logs.relations, self._logs.converter.taxonomy, with_text=self._logs.with_text)
        if not by_day:
            write_parquet(self._connection, rows, path)
            return []
        name = f"events-{digest_of(self._reader.files)}"
        journal = self.journal
        if journal is None:
            with whole_folder(path) as folder:
                write_days(self._connection, rows, folder, name, on_day=self._on_day)
            return []
        done = [day for day in journal.state.get("days", []) if (path / f"day={day}" / f"{name}.parquet").is_file()]
        days = list(done)

        def on_day(day: str, number: int, total: int) -> None:
            self._on_day(day, number, total)
            if day not in done:
                days.append(day)
                journal.save(days=days)

        write_days(self._connection, rows, path, name, done, on_day)
        journal.remove()
        return [f"{len(done):,} days written by an earlier run"] if done else []

    def _on_day(self, _: str, number: int, total: int) -> None:
        self._step(self.written.total() * number // total)

    def send(self, stream: CanonicalStream) -> int:
        from sigmagen.local.elasticsearch import Entry

        there = int(self.journal.state.get("events", 0)) if self.journal else 0
        saved = 0

        def entries() -> Iterator[Entry]:
            for batch in identified_events(self._connection, self._logs.relations, there):
                for file, line, identity, text in batch:
                    yield Entry(self._reader.name(file), line, identity, text)

        def settled(count: int) -> None:
            nonlocal saved
            self._step(there + count)
            if self.journal and count - saved >= SAVED // 10:
                saved = count
                self.journal.save(events=there + count)

        stream.write(entries(), settled)
        if self.journal and not (stream.refused or stream.lost):
            self.journal.remove()
        return there


class Streamed(Run):
    """Converts records as they come: a pipe may have no end."""

    def __init__(
        self,
        converter: Converter,
        reader: ChunkReader,
        recogniser: Recogniser,
        on_reject: Callable[[Reject], None],
        enrichment: Enrichment,
        watch: Watch,
        *,
        with_text: bool,
    ) -> None:
        super().__init__(watch)
        self._normalizer = Normalizer(converter, with_text, on_reject)
        self._enrichment = enrichment
        self._taxonomy = converter.taxonomy
        fields = ordered_fields(converter.taxonomy, with_text=with_text)
        self._order = {name: place for place, name in enumerate([TIME, *(item.name for item in fields)])}
        self._records = recogniser.sort(self._watched(reader))
        self.written, self.skipped = self._normalizer.written, self._normalizer.skipped
        self.repeats = self._normalizer.repeats

    def close(self) -> None:
        """Give back the database."""
        self._normalizer.close()

    @property
    def problems(self) -> list[Problem]:  # type: ignore[override]
        return self._normalizer.problems

    def _watched(self, reader: ChunkReader) -> Iterator[Record]:
        for number, record in enumerate(reader, 1):
            if number % 500 == 0:
                self._watch.read(number)
            yield record

    def _events(self) -> Iterator[CanonicalEvent]:
        for event in self._normalizer.events(self._records):
            yield replace(event, event=self._enrichment.event(event.event, self._taxonomy, self._order))

    def write(self, output: Output, failed: Callable[[], bool]) -> list[str]:
        events = self._events()
        first = next(events, None)
        if first is None and output.path and failed():
            return [f"{output.path} was not written"]
        with _stream(output.path) as stream:
            for event in chain([first] if first else [], events):
                stream.write(orjson.dumps(event.event, option=orjson.OPT_APPEND_NEWLINE))
        return []

    def send(self, stream: CanonicalStream) -> int:
        from sigmagen.local.elasticsearch import entry_of

        stream.write(map(entry_of, self._events()))
        return 0


@contextmanager
def _stream(output: Path | None) -> Iterator[IO[bytes]]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with whole_file(output) as stream:
            yield stream
