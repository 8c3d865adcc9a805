"""Parquet files of canonical events, whose columns are the fields: read by the engine, nothing is parsed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import duckdb
import orjson

from sigmagen.engines.duckdb import of_one_input, reason_of
from sigmagen.local.tables import DIGEST, FILE, LINE, PART, PLACED, SourceTable
from sigmagen.logs.reader import Record
from sigmagen.mapping.source import Source
from sigmagen.problems import Problem, SigmagenError
from sigmagen.targets.duckdb.printer import string_literal
from sigmagen.targets.duckdb.records import Paths
from sigmagen.targets.lake import column_of

TIME = "@timestamp"
_BATCH = 50_000


class ParquetLog:
    """A file, opened with a connection. Raises SigmagenError where it has no canonical events."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: str, name: str, number: int, source: Source | None
    ) -> None:
        """`name` is the file's in messages, and `number` its place among all files."""
        self._connection = connection
        self._name = name
        self._rows = f"read_parquet({string_literal(path)}, file_row_number = true, hive_partitioning = false)"
        self._number = number
        try:
            found = connection.execute(f"SELECT * FROM {self._rows} LIMIT 0").description or ()
            self.count: int = connection.execute(f"SELECT count(*) FROM {self._rows}").fetchall()[0][0]
        except duckdb.Error as error:
            raise self._refused(error) from None
        stored = {column[0]: str(column[1]) for column in found if column[0] != "file_row_number"}
        names = _field_names(stored, source)
        self._columns = {names[name]: kind for name, kind in stored.items() if name in names}
        read = ", ".join(f"{_quoted(name)} AS {_quoted(field)}" for name, field in names.items())
        self._rows = f"(SELECT file_row_number, {read} FROM {self._rows})"
        if fault := self._fault(source):
            hint = f"read are Parquet files that `sigmagen normalize` writes; this one has {', '.join(stored)}"
            raise SigmagenError(Problem("log-parquet", fault, file=name, hint=hint))

    def _fault(self, source: Source | None) -> str | None:
        if source is None or not source.canonical:
            return (
                f"a Parquet file has canonical events, and none of {source.name}" if source else "no canonical source"
            )
        missing = [field for field in source.recognise if field not in self._columns]
        if missing:
            return f"the Parquet file has no canonical events: no column {' and '.join(missing)}"
        if not self._columns[TIME].startswith("TIMESTAMP"):
            return f"the column {TIME} of the Parquet file is {self._columns[TIME]}, not TIMESTAMP"
        return None

    def _refused(self, error: duckdb.Error) -> Exception:
        if not of_one_input(error) and not isinstance(error, duckdb.IOException):
            return error
        message = f"can't read the Parquet file: {reason_of(error)}"
        return SigmagenError(Problem("log-corrupt", message, file=self._name, hint="fetch or write the file again"))

    def add_to(self, table: SourceTable) -> None:
        """Add all rows to the table of the canonical source; the line of an event is the number of its row."""
        place = f"{self._number} AS {FILE}, file_row_number + 1 AS {LINE}, 0 AS {PART}, NULL::UBIGINT AS {DIGEST}, "
        values = table.values(f"(SELECT {place} * FROM {self._rows})", PLACED, _ColumnPaths(list(self._columns)))
        try:
            table.add_rows(self._connection, f"({values})")
        except duckdb.Error as error:
            raise self._refused(error) from None

    def read_again(self, wanted: Iterator[int]) -> Iterator[Record]:
        """The events of these rows as records, as they are in NDJSON: without fields that have no value."""
        names = ", ".join(_quoted(name) for name in self._columns if name != TIME)
        time = f"strftime(CAST({_quoted(TIME)} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%gZ') AS {_quoted(TIME)}"
        while rows := list(islice(wanted, _BATCH)):
            found = self._connection.execute(
                f"SELECT {LINE}, CAST(to_json(event) AS VARCHAR) FROM "
                f"(SELECT file_row_number + 1 AS {LINE}, event FROM (SELECT file_row_number, struct_pack("
                f"{', '.join(f'{_quoted(name)} := {_quoted(name)}' for name in self._columns)}) AS event "
                f"FROM (SELECT file_row_number, {time}, {names} FROM {self._rows}))) "
                f"SEMI JOIN (SELECT unnest($1::BIGINT[]) AS {LINE}) USING ({LINE}) ORDER BY 1",
                [rows],
            ).fetchall()
            for line, text in found:
                value = {name: value for name, value in orjson.loads(text).items() if value not in (None, "")}
                yield Record(self._name, line, orjson.dumps(value).decode(), value)


def _field_names(columns: Iterable[str], source: Source | None) -> dict[str, str]:
    """The field of each column: that of the lake's name for it, or of its own name, which has precedence."""
    fields = {column_of(name): name for name in (TIME, *(source.fields if source else ()))}
    own = set(columns)
    return {
        name: fields.get(name, name) for name in columns if fields.get(name, name) == name or fields[name] not in own
    }


class _ColumnPaths(Paths):
    """Reads columns, named as the fields are, where others read paths of a record."""

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__()
        self._columns = frozenset(columns)

    def text(self, segments: tuple[str | int, ...]) -> str:
        return f"CAST({self._column(segments)} AS VARCHAR)"

    def document(self, segments: tuple[str | int, ...]) -> str:
        return f"to_json({self._column(segments)})"

    def _column(self, segments: tuple[str | int, ...]) -> str:
        name = segments[0] if len(segments) == 1 else None
        return _quoted(str(name)) if name in self._columns else "NULL"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
