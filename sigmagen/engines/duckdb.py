"""The reference engine, and local detection: DuckDB, embedded, over the native records."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import duckdb
import orjson

from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Alert, alerts_from
from sigmagen.engines.closing import Closing
from sigmagen.engines.interrupt import interruptible
from sigmagen.logs.repeats import Repeats
from sigmagen.mapping.source import Source
from sigmagen.plan.columns import Columns
from sigmagen.targets.duckdb.printer import time_sql
from sigmagen.targets.duckdb.records import columns_sql

BATCH = 20_000
_NESTED = re.compile(r":\s*\{")

# One record that DuckDB can't read must not end the reading of all others.
RECORDS = (
    "SELECT TRY_CAST(unnest($1::VARCHAR[]) AS JSON) AS record, generate_subscripts($1::VARCHAR[], 1) - 1 AS position"
)
# Anything else is a broken clock or another unit, and would stretch the range beyond what a date can say.
SENSIBLE = "timestamp >= TIMESTAMP '1970-01-01' AND timestamp < TIMESTAMP '2200-01-01'"


def connected(database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection that reckons in UTC, prints nothing, and whose queries end when the process is asked to end."""
    return configured(duckdb.connect(database))


def configured(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """The connection, set up as `connected` says."""
    interruptible(connection)
    # DuckDB draws the progress of a long query on standard output, which is for results.
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return connection


def of_one_input(error: duckdb.Error) -> bool:
    """Whether another record or query may do better: it is not the disk, the memory or the database that failed."""
    return isinstance(error, duckdb.DataError | duckdb.ProgrammingError | duckdb.NotSupportedError)


def reason_of(error: duckdb.Error) -> str:
    """The first line of what DuckDB says."""
    return str(error).partition("\n")[0].strip()


def moment_sql(milliseconds: int) -> str:
    """SQL of a moment in epoch milliseconds. A product would be one of small integers near the epoch, and overflow."""
    return f"make_timestamp({int(milliseconds) * 1000})"


class DuckDBEngine(Closing):
    """Tables `stored.<source>` (timestamp, record); a view of the same name holds the range being asked about."""

    name: ClassVar[str] = "duckdb"
    siem: ClassVar[str] = "duckdb"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(
        self,
        database: str = ":memory:",
        *,
        threads: int | None = None,
        temporary: Path | None = None,
        memory: int | None = None,
    ) -> None:
        """`temporary` is where DuckDB may write what doesn't fit into `memory` bytes; else `.tmp` in this folder."""
        self.connection = connected(database)
        if temporary is not None:
            self.connection.execute("SET temp_directory = ?", [str(temporary / "spilled")])
        if memory:
            self.connection.execute(f"SET memory_limit = '{int(memory)}B'")
        if threads:
            self.connection.execute(f"SET threads = {int(threads)}")
        self.connection.execute("CREATE SCHEMA stored; CREATE SCHEMA derived")
        self._derived: dict[str, tuple[str, ...]] = {}

    def version(self) -> str:
        return f"{self.name} {duckdb.__version__}"

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        """Make native records the content of a source.

        A repeated delivery of one is stored once where the queries of the SIEMs drop it, too.
        """
        self.connection.execute(f"DROP TABLE IF EXISTS {self.table(source)}")
        repeats = Repeats()
        self._derived.pop(source.name, None)
        self.append(
            source,
            (
                orjson.dumps(record).decode()
                for record in records
                if not (source.duplicates and repeats.is_repeat(source, record))
            ),
        )

    def table(self, source: Source) -> str:
        """The table that holds a source's records."""
        return f'{"derived" if source.name in self._derived else "stored"}."{source.name}"'

    def derives(self, source: Source, columns: Columns) -> bool:
        """Whether all of these columns are there."""
        return set(columns.kept) <= set(self._derived.get(source.name, ())) and source.name in self._derived

    def derive(self, source: Source, columns: Columns) -> None:
        """Let queries of a source see columns instead of records."""
        derived = columns_sql(source, columns, f'stored."{source.name}"')
        self.connection.execute(f'CREATE OR REPLACE TABLE derived."{source.name}" AS {derived}')
        self.derived(source, columns)

    def derived(self, source: Source, columns: Columns) -> None:
        """Note that `derived.<source>` has these columns, and others perhaps that no query sees."""
        self._derived[source.name] = tuple(columns.kept)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same tables, for another thread."""
        return configured(self.connection.cursor())

    def append(self, source: Source, lines: Iterable[str]) -> int:
        """Add records, JSON text each; how many of them have a time. The others are left out."""
        self.connection.execute(f"CREATE TABLE IF NOT EXISTS {self.table(source)} (timestamp TIMESTAMP, record JSON)")
        insert = (
            f"INSERT INTO {self.table(source)} SELECT timestamp, record FROM "
            f"(SELECT {time_sql(source)} AS timestamp, record "
            f"FROM ({RECORDS})) WHERE {SENSIBLE}"
        )
        stored = 0
        batch: list[str] = []
        for line in lines:
            batch.append(flattened(line) if source.canonical else line)
            if len(batch) == BATCH:
                stored += self._insert(insert, batch)
                batch = []
        return stored + (self._insert(insert, batch) if batch else 0)

    def untimed(self, source: Source, lines: Sequence[str]) -> list[int]:
        """Which of the records (positions from 0) have no time that can be read, so that `append` leaves them out."""
        rows = self.connection.execute(
            f"SELECT position FROM (SELECT {time_sql(source)} AS timestamp, position FROM ({RECORDS})) "
            f"WHERE NOT coalesce({SENSIBLE}, false) ORDER BY position",
            [lines],
        ).fetchall()
        return [row[0] for row in rows]

    def append_untimed(self, source: Source, lines: Sequence[str]) -> None:
        """Add records without a time. Only a selection without a range sees them."""
        self.connection.execute(f"INSERT INTO {self.table(source)} SELECT NULL, record FROM ({RECORDS})", [lines])

    def _insert(self, statement: str, batch: list[str]) -> int:
        row = self.connection.execute(statement, [batch]).fetchone()
        return int(row[0]) if row else 0

    def range(self, source: Source) -> tuple[int, int] | None:
        """Epoch milliseconds of the first event and just after the last; None where there is none."""
        row = self.connection.execute(
            f"SELECT epoch_ms(min(timestamp)), epoch_ms(max(timestamp)) + 1 FROM {self.table(source)}"
        ).fetchone()
        return None if row is None or row[0] is None else (row[0], row[1])

    def select(self, source: Source, start: int | None = None, end: int | None = None) -> None:
        """Let queries see only events in [start, end); without a range all, those without a time among them."""
        columns = ", ".join(["timestamp", *self._derived[source.name]]) if source.name in self._derived else "*"
        view = f'CREATE OR REPLACE VIEW "{source.name}" AS SELECT {columns} FROM {self.table(source)}'
        if start is None or end is None:
            self.connection.execute(view)
            return
        for edge, moment in (("start", start), ("end", end)):
            self.connection.execute(f"SET VARIABLE range_{edge} = {moment_sql(moment)}")
        self.connection.execute(f"{view} WHERE timestamp >= {moment_sql(start)} AND timestamp < {moment_sql(end)}")

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        for part in query.source.parts:
            self.select(part, start, end)
        result = self.connection.execute(query.text)
        columns = [column[0] for column in result.description or ()]
        return alerts_from(query, columns, result.fetchall())

    def close(self) -> None:
        self.connection.close()


def flattened(line: str) -> str:
    """A canonical event with the names of nested objects joined by dots: `{"a": {"b": 1}}` as `{"a.b": 1}`.

    A field that is written both ways is read as it is written flat. What is no object stays as it is.
    """
    if not _NESTED.search(line):
        return line
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if not isinstance(event, dict):
        return line
    flat = {name: value for name, value in event.items() if not isinstance(value, dict)}
    return orjson.dumps(dict(_leaves(event)) | flat).decode()


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", inner
