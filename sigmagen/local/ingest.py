"""Log files into tables: the engine reads lines, several chunks at a time; what it can't read is read here."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import duckdb
import orjson

from sigmagen.engines.duckdb import DuckDBEngine, of_one_input, reason_of
from sigmagen.local.marks import UNKNOWN, UNREAD, Marks
from sigmagen.local.parquet_logs import ParquetLog
from sigmagen.local.tables import DIGEST, FILE, LINE, PART, PLACED, SourceTable, digest_of
from sigmagen.logs.chunks import Chunk, ChunkReader, ParquetFile
from sigmagen.logs.parse import NotReadableError, loads
from sigmagen.logs.reader import LONG_LINE, Record
from sigmagen.logs.recognise import Recogniser
from sigmagen.mapping.source import Source
from sigmagen.problems import SigmagenError
from sigmagen.targets.duckdb.records import DOCUMENTS, TEXTS, Paths

BATCH_RECORDS = 20_000
BATCH_CHARACTERS = 32 * 1024 * 1024

# Nothing is trimmed on the right: DuckDB looks at a whole text for that.
_TRIMMED = "CASE WHEN starts_with(line, '{') THEN line ELSE ltrim(line, E' \\t\\r') END AS text"
_ONE_SEGMENT = (
    f"SELECT $1::INTEGER AS {FILE}, $2::BIGINT + position - 1 AS {LINE}, {_TRIMMED} "
    "FROM unnest(string_split($3::VARCHAR, chr(10))) WITH ORDINALITY AS split(line, position)"
)
_SEGMENTS = (  # several; takes twice the time
    f"SELECT file AS {FILE}, number AS {LINE}, {_TRIMMED} FROM "
    "(SELECT file, first + generate_subscripts(lines, 1) - 1 AS number, unnest(lines) AS line FROM "
    "(SELECT unnest($1::INTEGER[]) AS file, unnest($2::BIGINT[]) AS first, "
    "string_split(unnest($3::VARCHAR[]), chr(10)) AS lines))"
)
# DuckDB accepts a comma before a closing bracket, and NaN and infinity in any spelling; JSON doesn't have them.
# A pattern is fast if it begins with a character.
_NUMBER = r"-?(?i:nan|inf|infinity)[ \t\r]*[,}\]]"
_LENIENT = (rf",[ \t\r]*(?:[}}\]]|{_NUMBER})", rf":[ \t\r]*{_NUMBER}", rf"\[[ \t\r]*{_NUMBER}")
_NESTED = r":[ \t\r]*\{"


def _digests(text: str) -> list[str | None]:
    """The digest of the record in each line; None where a line is none."""
    found: list[str | None] = []
    for line in text.split("\n"):
        try:
            found.append(digest_of(loads(line.strip(" \t\r").encode())[0]))
        except NotReadableError:
            found.append(None)
    return found


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
        self._statements: dict[tuple[str | None, bool, bool], str] = {}
        self._lock = threading.Lock()
        self._local = threading.local()
        self._numbers = {reader.name(number): number for number in range(len(reader.files))}
        self._parquet: dict[int, ParquetLog] = {}
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
                    pending.append((piece, pool.submit(self._take, piece, self._expected(piece))))
                while pending and (len(pending) > workers or not isinstance(piece, Chunk)):
                    self._finish(*pending.popleft())
                    step()
                if isinstance(piece, ParquetFile):
                    self._add_parquet(piece.file)
                    step()
                elif not isinstance(piece, Chunk):
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

    def _take(self, chunk: Chunk, expected: Source | None) -> Taken:
        """Read a chunk: records of the expected source in one statement, others in one a source."""
        connection = self._connection()
        segments = chunk.segments
        parameters: list[Any] = [
            [segment.file for segment in segments],
            [segment.first for segment in segments],
            [segment.text for segment in segments],
        ]
        alone = len(segments) == 1
        if alone:
            parameters = [value for (value,) in parameters]
        if chunk.once:
            parameters.append(_digests(segments[0].text))
        try:
            connection.execute(self._statement(expected, alone, chunk.once), parameters)
        except duckdb.Error as error:
            if expected is None or not of_one_input(error):
                raise
            # A value can't be computed, and which one isn't known: the source's records are taken one by one below.
            expected = None
            connection.execute(self._statement(None, alone, chunk.once), parameters)
        if expected:
            self._table(expected).add_rows(connection, "lines WHERE text IS NULL")
        taken = Taken()
        taken.counts = connection.execute(
            f"SELECT kind, {FILE}, count(*), min({LINE}) FROM lines WHERE kind <> {UNREAD} GROUP BY ALL ORDER BY 2, 4"
        ).fetchall()
        rest = "FROM lines WHERE text IS NOT NULL"
        for (kind,) in connection.execute(f"SELECT DISTINCT kind {rest} AND kind <> {UNREAD} ORDER BY 1").fetchall():
            self._store(connection, kind, taken)
        unread = connection.execute(f"SELECT {FILE}, {LINE}, text {rest} AND kind = {UNREAD}").fetchall()
        taken.unread = [(file, line, text.encode()) for file, line, text in unread]
        taken.unread += [(segment.file, *broken) for segment in segments for broken in segment.broken]
        taken.unread.sort(key=lambda item: item[:2])
        return taken

    def _statement(self, expected: Source | None, alone: bool, once: bool) -> str:
        """SQL that makes the table `lines` of a chunk: values of the expected source, text of others.

        The text of a line is parsed once for all values, and once more where there are JSON values among them.
        """
        key = expected.name if expected else None, alone, once
        if key not in self._statements:
            paths, carried = Paths(), (*PLACED, "kind", "text")
            marks = Marks(self._sources, paths)
            chosen = f"kind <> {UNREAD}" if self._recogniser.chosen else None
            wanted = chosen or f"kind = {self._sources.index(expected)}" if expected else "false"
            placed = f"(SELECT * REPLACE (CASE WHEN NOT ({wanted}) THEN text END AS text) FROM texts)"
            values = self._table(expected).values(placed, carried, paths) if expected else f"SELECT * FROM {placed}"
            limit = min(self._reader.limit, LONG_LINE)
            readable = f"starts_with(text, '{{') AND strlen(text) <= {limit}"
            readable += "".join(f" AND NOT regexp_matches(text, '{pattern}')" for pattern in _LENIENT)
            nested = "".join(
                f" WHEN kind = {number} AND regexp_matches(text, '{_NESTED}') THEN {UNREAD}"
                for number, source in enumerate(self._sources)
                if source.canonical
            )
            if self._recogniser.tells_rejects:  # with their texts
                nested += f" WHEN kind = {UNKNOWN} THEN {UNREAD}"
            final = f"CASE{nested} ELSE kind END" if nested else "kind"
            digest = f"($4::VARCHAR[])[{LINE} - $2::BIGINT + 1]::UBIGINT" if once else "NULL::UBIGINT"
            self._statements[key] = (
                "CREATE OR REPLACE TEMP TABLE lines AS WITH "
                f"split AS ({_ONE_SEGMENT if alone else _SEGMENTS}), "
                f"parsed AS (SELECT {FILE}, {LINE}, text, "
                f"CASE WHEN {readable} THEN TRY({paths.extracted_texts('text')}) END AS {TEXTS} "
                f"FROM split WHERE text <> ''), "
                f"known AS (SELECT *, {paths.guarded_documents('text')} AS {DOCUMENTS} FROM parsed), "
                f"told AS (SELECT *, {marks.kind} AS kind FROM known), "
                f"texts AS (SELECT * REPLACE ({final} AS kind), 0 AS {PART}, {digest} AS {DIGEST} FROM told) "
                f"{values}"
            )
        return self._statements[key]

    def _connection(self) -> duckdb.DuckDBPyConnection:
        if not hasattr(self._local, "connection"):
            self._local.connection = self._engine.cursor()
        connection: duckdb.DuckDBPyConnection = self._local.connection
        return connection

    def _store(self, connection: duckdb.DuckDBPyConnection, kind: int, taken: Taken) -> None:
        """Store the records of a source that are still there as text."""
        source = self._recogniser.chosen or (self._sources[kind] if kind != UNKNOWN else None)
        if source is None:
            return
        relation = f"(SELECT * FROM lines WHERE text IS NOT NULL AND kind = {kind})"
        try:
            self._table(source).add_lines(connection, relation)
        except duckdb.Error as error:
            if not of_one_input(error):
                raise
            rows = connection.execute(f"SELECT {FILE}, {LINE}, text FROM {relation} ORDER BY 1, 2").fetchall()
            taken.refused += [(kind, file, line, text.encode()) for file, line, text in rows]

    def _table(self, source: Source) -> SourceTable:
        with self._lock:
            if source.name not in self.tables:
                self.tables[source.name] = self._make_table(source)
            return self.tables[source.name]

    # In the thread of the caller.

    def _expected(self, chunk: Chunk) -> Source | None:
        """The source that most records of a chunk are likely to have: that of its first record."""
        if self._recogniser.chosen:
            return self._recogniser.chosen
        text = chunk.segments[0].text
        with suppress(orjson.JSONDecodeError, AttributeError):
            return self._recogniser.source_of(orjson.loads(text[: text.find("\n") + 1] or text))
        return None

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

    def _add_parquet(self, file: int) -> None:
        source = self._recogniser.chosen or next((item for item in self._sources if item.canonical), None)
        name = self._reader.name(file)
        try:
            # The engine reads a file on all cores, so that there is nothing to do beside.
            log = ParquetLog(self._engine.cursor(), self._reader.files[file], name, file, source)
            if source and log.count:
                log.add_to(self._table(source))
                self._parquet[file] = log
                self._recogniser.add(name, source.name, log.count, 1)
                self.taken += log.count
        except SigmagenError as error:
            self._reader.problems += error.problems

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

    def read_again(self, file: int, wanted: Iterator[int]) -> Iterator[Record]:
        """Records of a file that stand alone in their lines; the numbers of the lines are in order."""
        if file in self._parquet:
            yield from self._parquet[file].read_again(wanted)
            return
        line = next(wanted, None)
        for number, text in self._reader.lines(file):
            if line is None:
                return
            if number == line:
                yield from self._reader.of_line(self._reader.name(file), number, text)
                line = next(wanted, None)
