"""Native records to canonical events: flat, derived hashes included, prompt text left out unless asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb

from sigmagen.convert.converter import Converter
from sigmagen.convert.render import render
from sigmagen.durations import iso
from sigmagen.engines.alert import instant
from sigmagen.engines.duckdb import RECORDS, SENSIBLE, connected, flattened, of_one_input, reason_of
from sigmagen.local.canonical import build_canonical_plan
from sigmagen.local.detect import no_time, refused
from sigmagen.logs.reader import Record, Reject
from sigmagen.logs.repeats import Repeats
from sigmagen.mapping.source import Source
from sigmagen.problems import Problem
from sigmagen.targets.duckdb.printer import time_sql
from sigmagen.targets.registry import REFERENCE

BATCH_RECORDS = 5_000
BATCH_CHARACTERS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CanonicalEvent:
    """One canonical event, and where its native record stands."""

    source: str
    file: str
    line: int
    event: dict[str, Any]


@dataclass
class Normalizer:
    """Streams records to canonical events, a batch at a time.

    A field without a value is left out; an empty text is none, as Kusto can't tell them apart. `skipped` counts, for
    each source, records that are no inference call (a CloudTrail record of another event); records without a time are
    `problems`, and `on_reject` is told of each. `repeats` counts what was delivered twice and is written once, and the
    ids that have several contents.
    """

    converter: Converter
    with_text: bool = False
    on_reject: Callable[[Reject], None] | None = None
    written: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    repeats: Repeats = field(default_factory=Repeats)
    _untimed: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _refused: list[Problem] = field(default_factory=list)
    _views: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connection = connected()

    def close(self) -> None:
        """Give back the database."""
        self._connection.close()

    @property
    def problems(self) -> list[Problem]:
        """Records without a time, one problem a file and source, and records that can't be read."""
        return [no_time(file, source, *tally) for (file, source), tally in self._untimed.items()] + self._refused

    def events(self, records: Iterable[tuple[Source, Record]]) -> Iterator[CanonicalEvent]:
        """The canonical events of the records; in a mixed log, those of one source come batch by batch."""
        waiting: dict[str, tuple[Source, list[Record]]] = {}
        size: Counter[str] = Counter()
        for source, record in self.repeats.sift(records):
            _, batch = waiting.setdefault(source.name, (source, []))
            batch.append(record)
            size[source.name] += len(record.text)
            if len(batch) >= BATCH_RECORDS or size[source.name] >= BATCH_CHARACTERS:
                yield from self._convert(source, batch)
                del waiting[source.name], size[source.name]
        for source, batch in waiting.values():
            yield from self._convert(source, batch)

    def _convert(self, source: Source, batch: list[Record]) -> Iterator[CanonicalEvent]:
        fill, view = self._statements(source)
        texts = [flattened(record.text) if source.canonical else record.text for record in batch]
        try:
            self._connection.execute(fill, [texts])
            result = self._connection.execute(view)
            names = ["position", "@timestamp", *(column[0] for column in (result.description or ())[2:])]
            rows = result.fetchall()
        except duckdb.Error as error:
            if not of_one_input(error):
                raise
            yield from self._apart(source, batch, reason_of(error))
            return
        timed = self._sort_out(source, batch)
        written = 0
        for row in rows:
            event = {name: value for name, value in zip(names, row, strict=True) if value not in (None, "")}
            record = batch[event.pop("position")]
            event["@timestamp"] = iso(instant(event["@timestamp"]))
            written += 1
            yield CanonicalEvent(source.name, record.file, record.line, event)
        self.written[source.name] += written
        self.skipped[source.name] += timed - written

    def _apart(self, source: Source, batch: list[Record], reason: str) -> Iterator[CanonicalEvent]:
        """The events of a batch in which a record can't be read: the halves by themselves, down to that record."""
        if len(batch) > 1:
            middle = len(batch) // 2
            yield from self._convert(source, batch[:middle])
            yield from self._convert(source, batch[middle:])
            return
        self._refused.append(refused(batch[0], source.name, reason))
        if self.on_reject:
            record = batch[0]
            self.on_reject(Reject(record.file, record.line, self._refused[-1].message, record.text))

    def _sort_out(self, source: Source, batch: list[Record]) -> int:
        """Tell of the records without a time, which the table does not hold; how many have one."""
        held = {row[0] for row in self._connection.execute(f'SELECT position FROM "{source.name}"').fetchall()}
        for position, record in enumerate(batch):
            if position in held:
                continue
            # Count and first line: the number of such records has no bound.
            tally = self._untimed.setdefault((record.file, source.name), [0, record.line])
            tally[0] += 1
            if self.on_reject:
                reason = f"a {source.name} record without a time that can be read"
                self.on_reject(Reject(record.file, record.line, reason, record.text))
        return len(held)

    def _statements(self, source: Source) -> tuple[str, str]:
        """SQL that fills the source's table with a batch, and SQL of its canonical events."""
        if source.name not in self._views:
            fill = (
                f'CREATE OR REPLACE TABLE "{source.name}" AS SELECT * FROM '
                f"(SELECT {time_sql(source)} AS timestamp, record, position FROM ({RECORDS})) "
                f"WHERE {SENSIBLE} ORDER BY position"
            )
            plan = build_canonical_plan(source, self.converter.taxonomy, ("position",), with_text=self.with_text)
            self._views[source.name] = fill, render(plan, REFERENCE).text + "\nORDER BY position"
        return self._views[source.name]
