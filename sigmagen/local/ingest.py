"""Log files into tables: the engine reads lines, several chunks at a time; what it can't read is read here."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import duckdb

from sigmagen.engines.duckdb import DuckDBEngine, of_one_input, reason_of
from sigmagen.local.marks import UNKNOWN, UNREAD, Marks
from sigmagen.local.tables import SourceTable
from sigmagen.logs.chunks import Chunk, ChunkReader
from sigmagen.logs.reader import LONG_LINE, Record
from sigmagen.logs.recognise import Recogniser
from sigmagen.mapping.source import Source

BATCH_RECORDS = 20_000
BATCH_CHARACTERS = 32 * 1024 * 1024

# Nothing is trimmed on the right: DuckDB looks at a whole text for that.
_SPLIT = (
    "SELECT file, first + generate_subscripts(lines, 1) - 1 AS line, ltrim(unnest(lines), E' \\t\\r') AS text FROM "
    "(SELECT unnest($1::INTEGER[]) AS file, unnest($2::BIGINT[]) AS first, "
    "string_split(unnest($3::VARCHAR[]), chr(10)) AS lines)"
)
# DuckDB accepts a comma before a closing bracket, and NaN and infinity in any spelling; JSON doesn't have them.
_LENIENT = r",[ \t\r]*[}\]]|[:,\[][ \t\r]*-?(?i:nan|inf|infinity)[ \t\r]*[,}\]]"
_NESTED = r":[ \t\r]*\{"


@dataclass
class Taken:
    """What became of a chunk: how many records of each kind each file has and the first line, and what is unread."""

    counts: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(kind, file, count, first line)."""
    unread: list[tuple[int, int, bytes]] = field(default_factory=list)
    """(file, line, text)."""
    refused: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    """(kind, file, line, text) of records that were counted, but could not be stored together."""


class Ingest:
    """Reads all that a reader has into the tables of sources. `table_of` makes the table of a source."""

    def __init__(
        self,
        engine: DuckDBEngine,
        reader: ChunkReader,
        recogniser: Recogniser,
        make_table: Callable[[Source], SourceTable],
        on_refused: Callable[[Source, Record, str], None],
    ) -> None:
        self.tables: dict[str, SourceTable] = {}
        self.taken = 0
        self._engine = engine
        self._reader = reader
        self._recogniser = recogniser
        self._make_table = make_table
        self._on_refused = on_refused
        self._sources = recogniser.sources
        chosen = recogniser.chosen
        self._marks = Marks(self._sources, [chosen] if chosen else self._sources)
        self._lock = threading.Lock()
        self._local = threading.local()
        self._numbers = {reader.name(number): number for number in range(len(reader.files))}
        self._waiting: dict[str, list[tuple[int, int, Record]]] = {}
        self._size: dict[str, int] = {}
        self._place = (-1, -1, 0)

    def run(self, step: Callable[[], None]) -> None:
        """Read everything; `step` is called from time to time."""
        workers = os.cpu_count() or 1
        pending: deque[tuple[Chunk, Future[Taken]]] = deque()
        pool = ThreadPoolExecutor(workers)
        try:
            for piece in self._reader.pieces():
                if isinstance(piece, Chunk):
                    pending.append((piece, pool.submit(self._take, piece)))
                while pending and (len(pending) > workers or not isinstance(piece, Chunk)):
                    self._finish(*pending.popleft())
                    step()
                if not isinstance(piece, Chunk):
                    self._add(piece, step)
            while pending:
                self._finish(*pending.popleft())
                step()
            for name in list(self._waiting):
                self._flush(name)
        finally:
            pool.shutdown(cancel_futures=True)
        self._reader.finish()

    # In a thread of its own.

    def _take(self, chunk: Chunk) -> Taken:
        connection = self._connection()
        taken = Taken()
        segments = chunk.segments
        limit = min(self._reader.limit, LONG_LINE)
        readable = f"starts_with(text, '{{') AND strlen(text) <= {limit} AND NOT regexp_matches(text, '{_LENIENT}')"
        nested = "".join(
            f" WHEN kind = {number} AND regexp_matches(record, '{_NESTED}') THEN {UNREAD}"
            for number, source in enumerate(self._sources)
            if source.canonical
        )
        if self._recogniser.tells_rejects:  # with their texts
            nested += f" WHEN kind = {UNKNOWN} THEN {UNREAD}"
        final = f"CASE{nested} ELSE kind END" if nested else "kind"
        connection.execute(
            # The text of a record is there once, and none of the values that were only needed to tell its source.
            "CREATE OR REPLACE TEMP TABLE lines AS SELECT file, line, record, "
            f"CASE WHEN record IS NULL THEN text END AS unread, {final} AS kind, {self._identity()} AS identity FROM "
            f"(SELECT *, {self._marks.kind()} AS kind FROM (SELECT *, {self._marks.extracted('record')} FROM "
            f"(SELECT *, CASE WHEN {readable} THEN TRY_CAST(text AS JSON) END AS record FROM ({_SPLIT}) "
            "WHERE text <> '')))",
            [
                [segment.file for segment in segments],
                [segment.first for segment in segments],
                [segment.text for segment in segments],
            ],
        )
        taken.counts = connection.execute(
            f"SELECT kind, file, count(*), min(line) FROM lines WHERE kind <> {UNREAD} GROUP BY ALL ORDER BY file, 4"
        ).fetchall()
        for kind in dict.fromkeys(kind for kind, *_ in taken.counts):
            self._store(connection, kind, taken)
        unread = connection.execute(
            "SELECT file, line, coalesce(unread, CAST(record AS VARCHAR)) FROM lines "
            f"WHERE kind = {UNREAD} ORDER BY 1, 2"
        )
        taken.unread = [(file, line, text.encode()) for file, line, text in unread.fetchall()]
        taken.unread += [(segment.file, *broken) for segment in segments for broken in segment.broken]
        taken.unread.sort(key=lambda item: item[:2])
        return taken

    def _identity(self) -> str:
        """SQL of the id of a record, by its kind."""
        if self._recogniser.chosen:
            return self._marks.identity(self._recogniser.chosen)
        cases = (f" WHEN {number} THEN {self._marks.identity(item)}" for number, item in enumerate(self._sources))
        return f"CASE kind{''.join(cases)} END"

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._engine.cursor()
        connection: duckdb.DuckDBPyConnection = self._local.connection
        return connection

    def _store(self, connection: duckdb.DuckDBPyConnection, kind: int, taken: Taken) -> None:
        source = self._recogniser.chosen or (self._sources[kind] if kind != UNKNOWN else None)
        if source is None:
            return
        table = self._table(source)
        relation = f"(SELECT * FROM lines WHERE kind = {kind})"
        try:
            table.add_lines(connection, relation)
        except duckdb.Error as error:
            if not of_one_input(error):
                raise
            rows = connection.execute(f"SELECT file, line, record FROM {relation} ORDER BY 1, 2").fetchall()
            taken.refused += [(kind, file, line, text.encode()) for file, line, text in rows]

    def _table(self, source: Source) -> SourceTable:
        with self._lock:
            if source.name not in self.tables:
                self.tables[source.name] = self._make_table(source)
            return self.tables[source.name]

    # In the thread of the caller.

    def _finish(self, chunk: Chunk, future: Future[Taken]) -> None:
        taken = future.result()
        for kind, file, count, line in taken.counts:
            name = self._sources[kind].name if kind != UNKNOWN else None
            self._recogniser.add(self._reader.name(file), name, count, line)
            self.taken += count
        for kind, file, line, text in taken.refused:
            source = self._recogniser.chosen or self._sources[kind]
            for record in self._reader.of_line(self._reader.name(file), line, text):
                self._keep(source, record)
        for file, line, text in taken.unread:
            self._add(self._reader.of_line(self._reader.name(file), line, text), lambda: None)

    def _add(self, records: Iterable[Record], step: Callable[[], None]) -> None:
        for source, record in self._recogniser.sort(records):
            self._keep(source, record)
            self.taken += 1
            if self.taken % 500 == 0:
                step()

    def _keep(self, source: Source, record: Record) -> None:
        file = self._numbers[record.file]
        part = self._place[2] + 1 if self._place[:2] == (file, record.line) else 0
        self._place = (file, record.line, part)
        self._waiting.setdefault(source.name, []).append((file, part, record))
        self._size[source.name] = self._size.get(source.name, 0) + len(record.text)
        self._table(source)
        if len(self._waiting[source.name]) >= BATCH_RECORDS or self._size[source.name] >= BATCH_CHARACTERS:
            self._flush(source.name)

    def _flush(self, name: str) -> None:
        batch, self._waiting[name], self._size[name] = self._waiting[name], [], 0
        if batch:
            self._insert(self.tables[name], batch)

    def _insert(self, table: SourceTable, batch: Sequence[tuple[int, int, Record]]) -> None:
        try:
            table.add_records(batch)
        except duckdb.Error as error:
            if not of_one_input(error):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                self._insert(table, batch[:middle])
                self._insert(table, batch[middle:])
            else:
                self._on_refused(table.source, batch[0][2], reason_of(error))

    def read_again(self, file: int, lines: Iterable[int]) -> dict[int, Record]:
        """Records of a file that stand alone in their lines, by line."""
        wanted = set(lines)
        return {record.line: record for record in self._again(file, wanted)}

    def _again(self, file: int, wanted: set[int]) -> Iterator[Record]:
        for number, line in self._reader.lines(file):
            if number in wanted:
                yield from self._reader.of_line(self._reader.name(file), number, line)
