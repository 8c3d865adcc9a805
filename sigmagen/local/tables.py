"""The table of a source: the columns that rules read, and for each record where it stands and what it is.

What was delivered twice is found when all records are there, so no id is held in memory.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import duckdb

from sigmagen.engines.duckdb import SENSIBLE, DuckDBEngine, flattened
from sigmagen.local.marks import Marks
from sigmagen.logs.reader import Record
from sigmagen.logs.repeats import Repeats
from sigmagen.mapping.source import Source
from sigmagen.plan.columns import Columns
from sigmagen.targets.duckdb.records import columns_sql

_TOKEN = secrets.token_hex(4)
# A rule names its fields as it likes, so no name that could be known beforehand is free for certain.
_CARRIED = tuple(f"{name}_{_TOKEN}" for name in ("file", "line", "part", "id", "content", "digest"))
FILE, LINE, PART, ID, CONTENT, DIGEST = _CARRIED
_PLACE = f"{FILE}, {LINE}, {PART}"
_RELATION = f"relation_{_TOKEN}"


class SourceTable:
    """Records of one source as rows. `columns` must be complete.

    A row has the digests of the record's id and of its text, and, where the record was read here, that of its value.
    """

    def __init__(self, engine: DuckDBEngine, source: Source, columns: Columns) -> None:
        self.source = source
        self._engine = engine
        self._name = f'derived."{source.name}"'
        # Nobody can prepare two records with the same digest.
        self._salt = secrets.token_hex(16)
        self._repeats = Repeats()
        self._marks = Marks((), (source,))
        self._identity = self._marks.identity(source)
        self._select = columns_sql(source, columns, _RELATION, _CARRIED)
        # Made while another thread may be using the engine's own connection.
        connection = engine.cursor()
        nothing: list[list[object]] = [[] for _ in range(6)]
        connection.execute(f"CREATE OR REPLACE TABLE {self._name} AS {self._rows(self._of_records())}", nothing)
        engine.derived(source, columns)

    def _rows(self, relation: str) -> str:
        text = self._select.replace(_RELATION, f"({relation})")
        return f"SELECT * REPLACE (CASE WHEN {SENSIBLE} THEN timestamp END AS timestamp) FROM ({text})"

    def _identified(self, identity: str, text: str) -> str:
        """SQL of the two digests that every row has."""
        salt = f"'{self._salt}'"
        return f"md5_number({salt} || {identity}) AS {ID}, md5_number({salt} || {text}) AS {CONTENT}"

    def add_lines(self, connection: duckdb.DuckDBPyConnection, lines: str) -> None:
        """Add the records of a relation `lines` (file, line, record, identity)."""
        relation = (
            f"SELECT file AS {FILE}, line AS {LINE}, 0 AS {PART}, {self._identified('identity', 'record')}, "
            f"NULL::UBIGINT AS {DIGEST}, record FROM {lines}"
        )
        connection.execute(f"INSERT INTO {self._name} {self._rows(relation)}")

    def _of_records(self) -> str:
        return (
            f"SELECT file AS {FILE}, line AS {LINE}, part AS {PART}, {self._identified(self._identity, 'text')}, "
            f"digest AS {DIGEST}, record FROM (SELECT *, {self._marks.extracted('record')} FROM "
            f"(SELECT unnest($1::INTEGER[]) AS file, unnest($2::BIGINT[]) AS line, unnest($3::INTEGER[]) AS part, "
            f"unnest($4::VARCHAR[])::UBIGINT AS digest, unnest($5::VARCHAR[]) AS text, "
            f"TRY_CAST(unnest($6::VARCHAR[]) AS JSON) AS record))"
        )

    def add_records(self, records: Sequence[tuple[int, int, Record]]) -> None:
        """Add records that were read here, each with the number of its file and of its place in the line."""
        texts = [record.text for _, _, record in records]
        self._engine.connection.execute(
            f"INSERT INTO {self._name} {self._rows(self._of_records())}",
            [
                [file for file, _, _ in records],
                [record.line for _, _, record in records],
                [part for _, part, _ in records],
                [str(self._repeats.digest(record.value)) for _, _, record in records],
                texts,
                [flattened(text) for text in texts] if self.source.canonical else texts,
            ],
        )

    def drop_repeats(self, read: Callable[[int, Iterable[int]], dict[int, Record]], repeats: Repeats) -> None:
        """Leave out each record of which another one with the same id and content came before.

        `read` reads lines of a file again. `repeats` counts what was left out, and the ids that have several contents.
        """
        connection = self._engine.connection
        repeated = (
            f"SELECT rowid AS row, * FROM {self._name} WHERE {ID} IN "
            f"(SELECT {ID} FROM {self._name} WHERE {ID} IS NOT NULL GROUP BY 1 HAVING count(*) > 1)"
        )
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE repeated AS SELECT row, {', '.join(_CARRIED)} FROM ({repeated})"
        )
        self._compare(read)
        same = f"PARTITION BY {ID}, coalesce({DIGEST}, 0), CASE WHEN {DIGEST} IS NULL THEN {CONTENT} END"
        row = connection.execute(
            f"DELETE FROM {self._name} WHERE rowid IN (SELECT row FROM repeated QUALIFY "
            f"row_number() OVER ({same} ORDER BY {_PLACE}) > 1)"
        ).fetchone()
        reused = connection.execute(
            f"SELECT count(*) FROM (SELECT {ID} FROM repeated GROUP BY ALL HAVING count(DISTINCT "
            f"CASE WHEN {DIGEST} IS NULL THEN {CONTENT}::VARCHAR ELSE {DIGEST}::VARCHAR || 'd' END) > 1)"
        ).fetchone()
        connection.execute("DROP TABLE repeated")
        repeats.dropped += Counter({self.source.name: row[0] if row else 0})
        repeats.reused += Counter({self.source.name: reused[0] if reused else 0})

    def _compare(self, read: Callable[[int, Iterable[int]], dict[int, Record]]) -> None:
        """Give the rows of ids with several texts the digests of their values: JSON can be written in several ways."""
        connection = self._engine.connection
        connection.execute(
            f"UPDATE repeated SET {DIGEST} = known.digest FROM (SELECT {CONTENT} AS content, max({DIGEST}) AS digest "
            f"FROM repeated GROUP BY 1 HAVING max({DIGEST}) IS NOT NULL) AS known "
            f"WHERE repeated.{CONTENT} = known.content"
        )
        rows = connection.execute(
            f"SELECT {FILE}, {LINE}, {CONTENT} FROM repeated WHERE {DIGEST} IS NULL AND {ID} IN "
            f"(SELECT {ID} FROM repeated GROUP BY 1 HAVING count(DISTINCT {CONTENT}) > 1) "
            f"QUALIFY row_number() OVER (PARTITION BY {CONTENT} ORDER BY {FILE}, {LINE}) = 1 ORDER BY ALL"
        ).fetchall()
        wanted: dict[int, dict[int, int]] = {}
        for file, line, content in rows:
            wanted.setdefault(file, {})[line] = content
        for file, lines in wanted.items():
            found = read(file, lines)
            known = [(lines[line], self._repeats.digest(record.value)) for line, record in found.items()]
            connection.execute(
                f"UPDATE repeated SET {DIGEST} = known.digest FROM "
                "(SELECT unnest($1::VARCHAR[]) AS content, unnest($2::VARCHAR[])::UBIGINT AS digest) AS known "
                f"WHERE repeated.{CONTENT}::VARCHAR = known.content",
                [[str(content) for content, _ in known], [str(digest) for _, digest in known]],
            )

    def untimed(self, *, keep: bool) -> list[tuple[int, int, int]]:
        """The records without a time that can be read: file, how many, the first line. They go unless they are kept."""
        rows = self._engine.connection.execute(
            f"SELECT {FILE}, count(*), min({LINE}) FROM {self._name} WHERE timestamp IS NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        if rows and not keep:
            self._engine.connection.execute(f"DELETE FROM {self._name} WHERE timestamp IS NULL")
        return rows
