"""Native records to canonical events: flat, derived hashes included, prompt text left out unless asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import duckdb

from sigmagen.backends.duckdb import DuckDBPrinter, time_sql
from sigmagen.convert import Converter
from sigmagen.detect import no_time
from sigmagen.engines.alert import instant
from sigmagen.engines.duckdb import RECORDS, SENSIBLE
from sigmagen.logs.reader import Record, Reject
from sigmagen.mapping.source import Source
from sigmagen.plan.build import build_view
from sigmagen.plan.window import iso
from sigmagen.problems import Problem

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

    `skipped` counts, for each source, records that are no inference call (a CloudTrail record of another event);
    records without a time are `problems`, and `on_reject` is told of each.
    """

    converter: Converter
    with_text: bool = False
    on_reject: Callable[[Reject], None] | None = None
    written: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    _untimed: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    _views: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")

    def close(self) -> None:
        """Give back the database."""
        self._connection.close()

    @property
    def problems(self) -> list[Problem]:
        """Records without a time, one problem a file and source."""
        return [no_time(file, source, *tally) for (file, source), tally in self._untimed.items()]

    def events(self, records: Iterable[tuple[Source, Record]]) -> Iterator[CanonicalEvent]:
        """The canonical events of the records; in a mixed log, those of one source come batch by batch."""
        waiting: dict[str, tuple[Source, list[Record]]] = {}
        size: Counter[str] = Counter()
        for source, record in records:
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
        self._connection.execute(fill, [[record.text for record in batch]])
        timed = self._sort_out(source, batch)
        result = self._connection.execute(view)
        names = ["position", "@timestamp", *(column[0] for column in (result.description or ())[2:])]
        written = 0
        for row in result.fetchall():
            event = {name: value for name, value in zip(names, row, strict=True) if value is not None}
            record = batch[event.pop("position")]
            event["@timestamp"] = iso(instant(event["@timestamp"]))
            written += 1
            yield CanonicalEvent(source.name, record.file, record.line, event)
        self.written[source.name] += written
        self.skipped[source.name] += timed - written

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
            entries = [entry for entry in source.logsources if entry.logsource.category]
            categories = {entry.logsource.category for entry in entries}
            # What can be long comes last: Splunk extracts the fields of the first 5,000 bytes of an event only.
            fields = [
                item.name
                for item in sorted(self.converter.taxonomy.fields.values(), key=lambda item: item.length)
                if categories & set(item.categories) and item.name != "@timestamp"
                if self.with_text or not item.private
            ]
            plan = build_view(source, "duckdb", self.converter.taxonomy, fields, entries[0], ("position",))
            self._views[source.name] = fill, DuckDBPrinter(plan).text() + "\nORDER BY position"
        return self._views[source.name]
