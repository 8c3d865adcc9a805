"""The table of a source: the columns that rules read, and for each record where it stands and what it is.

What was delivered twice is found when all records are there, so no id is held in memory.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import duckdb

from sigmagen.engines.duckdb import SENSIBLE, DuckDBEngine, flattened
from sigmagen.local.marks import identity
from sigmagen.logs.reader import Record
from sigmagen.logs.repeats import Repeats
from sigmagen.mapping.source import Source
from sigmagen.plan.columns import Columns
from sigmagen.targets.duckdb.records import DOCUMENTS, TEXTS, Paths, values_sql

_TOKEN = secrets.token_hex(4)
# A rule names its fields as it likes, so no name that could be known beforehand is free for certain.
PLACED = tuple(f"{name}_{_TOKEN}" for name in ("file", "line", "part", "digest"))
FILE, LINE, PART, DIGEST = PLACED
ID = f"id_{_TOKEN}"
_CARRIED = (*PLACED, ID)
_RELATION = f"relation_{_TOKEN}"
_BATCH = 50_000
_REPEATS = Repeats()
_RECORDS = (
    f"SELECT unnest($1::INTEGER[]) AS {FILE}, unnest($2::BIGINT[]) AS {LINE}, unnest($3::INTEGER[]) AS {PART}, "
    f"unnest($4::VARCHAR[])::UBIGINT AS {DIGEST}, TRY_CAST(unnest($5::VARCHAR[]) AS JSON) AS record"
)


def digest_of(value: Any) -> str:
    """The digest of a record's value, as text: a number without a sign."""
    return str(_REPEATS.digest(value))


class SourceTable:
    """Records of one source as rows. `columns` must be complete.

    A row has a number for the record's id (see `identity`) and, where it was read here, the digest of its value.
    """

    def __init__(self, engine: DuckDBEngine, source: Source, columns: Columns) -> None:
        self.source = source
        self._engine = engine
        self._columns = columns
        self._name = f'derived."{source.name}"'
        paths = Paths()
        self._values = self.values(_RELATION, PLACED, paths)
        self._texts, self._documents = paths.extracted_texts("record"), paths.extracted_documents("record")
        # Made while another thread may be using the engine's own connection.
        connection = engine.cursor()
        nothing: list[list[object]] = [[] for _ in range(5)]
        connection.execute(f"CREATE OR REPLACE TABLE {self._name} AS {self._rows(_RECORDS)}", nothing)
        engine.derived(source, columns)

    def values(self, relation: str, carried: Sequence[str], paths: Paths) -> str:
        """SQL of the rows of a relation that has what `paths` ask for, and `carried`, which is passed through."""
        relation = f"(SELECT *, {identity(self.source, paths)} AS {ID} FROM {relation})"
        text = values_sql(self.source, self._columns, relation, (*carried, ID), paths)
        return f"SELECT * REPLACE (CASE WHEN {SENSIBLE} THEN timestamp END AS timestamp) FROM ({text})"

    def _rows(self, records: str) -> str:
        """SQL of the rows of a relation with columns `record` and those of a place."""
        lists = f"SELECT *, {self._texts} AS {TEXTS}, {self._documents} AS {DOCUMENTS} FROM ({records})"
        return self._values.replace(_RELATION, f"({lists})")

    def add_rows(self, connection: duckdb.DuckDBPyConnection, relation: str) -> None:
        """Add rows that `values` made, from a relation with the same columns and perhaps others."""
        names = ", ".join([*_CARRIED, self._columns.time, *self._columns.kept])
        connection.execute(f"INSERT INTO {self._name} SELECT {names} FROM {relation}")

    def add_lines(self, connection: duckdb.DuckDBPyConnection, lines: str) -> None:
        """Add the records of a relation that has `text` and the columns of a place."""
        connection.execute(
            f"INSERT INTO {self._name} "
            + self._rows(f"SELECT {', '.join(PLACED)}, CAST(text AS JSON) AS record FROM {lines}")
        )

    def add_records(self, records: Sequence[tuple[int, int, Record]]) -> None:
        """Add records that were read here, each with the number of its file and of its place in the line."""
        texts = [record.text for _, _, record in records]
        self._engine.connection.execute(
            f"INSERT INTO {self._name} {self._rows(_RECORDS)}",
            [
                [file for file, _, _ in records],
                [record.line for _, _, record in records],
                [part for _, part, _ in records],
                [str(digest_of(record.value)) for _, _, record in records],
                [flattened(text) for text in texts] if self.source.canonical else texts,
            ],
        )

    def drop_repeats(self, read: Callable[[int, Iterator[int]], Iterator[Record]], repeats: Repeats) -> None:
        """Leave out each record of which another one with the same id and content came before.

        `read` reads lines of a file again, in order. `repeats` counts what was left out, and the ids that have several
        contents.
        """
        connection = self._engine.connection
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE repeated AS SELECT rowid AS row, {', '.join(_CARRIED)} FROM {self._name} "
            f"WHERE {ID} IN (SELECT {ID} FROM {self._name} WHERE {ID} IS NOT NULL GROUP BY 1 HAVING count(*) > 1)"
        )
        self._digest(read)
        row = connection.execute(
            f"DELETE FROM {self._name} WHERE rowid IN (SELECT row FROM repeated WHERE {DIGEST} IS NOT NULL QUALIFY "
            f"row_number() OVER (PARTITION BY {ID}, {DIGEST} ORDER BY {FILE}, {LINE}, {PART}) > 1)"
        ).fetchone()
        reused = connection.execute(
            f"SELECT count(*) FROM (SELECT {ID} FROM repeated GROUP BY ALL HAVING count(DISTINCT {DIGEST}) > 1)"
        ).fetchone()
        connection.execute("DROP TABLE repeated")
        repeats.dropped += Counter({self.source.name: row[0] if row else 0})
        repeats.reused += Counter({self.source.name: reused[0] if reused else 0})

    def _digest(self, read: Callable[[int, Iterator[int]], Iterator[Record]]) -> None:
        """Read the records of repeated ids again, to compare values: JSON can be written in several ways."""
        connection = self._engine.connection
        missing = f"FROM repeated WHERE {DIGEST} IS NULL"
        files = connection.execute(f"SELECT DISTINCT {FILE} {missing} ORDER BY 1").fetchall()
        if not files:
            return
        connection.execute("CREATE OR REPLACE TEMP TABLE digests (file INTEGER, line BIGINT, digest UBIGINT)")

        def lines(file: int) -> Iterator[int]:
            last = 0
            while found := connection.execute(
                f"SELECT {LINE} {missing} AND {FILE} = {file} AND {LINE} > {last} ORDER BY 1 LIMIT {_BATCH}"
            ).fetchall():
                yield from (line for (line,) in found)
                last = found[-1][0]

        for (file,) in files:
            records = read(file, lines(file))
            while batch := list(islice(records, _BATCH)):
                connection.execute(
                    f"INSERT INTO digests SELECT {file}, unnest($1::BIGINT[]), unnest($2::VARCHAR[])::UBIGINT",
                    [[record.line for record in batch], [str(digest_of(record.value)) for record in batch]],
                )
        connection.execute(
            f"UPDATE repeated SET {DIGEST} = digests.digest FROM digests "
            f"WHERE {DIGEST} IS NULL AND {FILE} = digests.file AND {LINE} = digests.line; DROP TABLE digests"
        )

    def untimed(self, *, keep: bool) -> list[tuple[int, int, int]]:
        """The records without a time that can be read: file, how many, the first line. They go unless they are kept."""
        rows = self._engine.connection.execute(
            f"SELECT {FILE}, count(*), min({LINE}) FROM {self._name} WHERE timestamp IS NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        if rows and not keep:
            self._engine.connection.execute(f"DELETE FROM {self._name} WHERE timestamp IS NULL")
        return rows
