"""Runs queries on the SQLite inside Python."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Alert, Engine, alerts_from, instant
from sigmagen.engines.closing import Closing
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy


def open_sqlite(taxonomy: Taxonomy) -> Callable[[], Engine]:
    """The database in memory."""
    return SqliteEngine


class SqliteEngine(Closing):
    """A table for each source; a view of the source's name holds the range."""

    name: ClassVar[str] = "sqlite"
    siem: ClassVar[str] = "sqlite"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        rows = [(instant(str(record[str(source.time)])), json.dumps(record)) for record in records]
        self.connection.execute(f'DROP TABLE IF EXISTS "stored_{source.name}"')
        self.connection.execute(f'CREATE TABLE "stored_{source.name}" (timestamp INTEGER, record TEXT)')
        self.connection.executemany(f'INSERT INTO "stored_{source.name}" VALUES (?, ?)', rows)

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        for part in query.source.parts:
            self.connection.execute(f'DROP VIEW IF EXISTS "{part.name}"')
            self.connection.execute(
                f'CREATE TEMP VIEW "{part.name}" AS SELECT * FROM "stored_{part.name}" '
                f"WHERE timestamp >= {start} AND timestamp < {end}"
            )
        result = self.connection.execute(query.text)
        columns = [column[0] for column in result.description]
        times = [columns.index(name) for name in ("window_start", "window_end")]
        rows = [
            [value / 1000 if position in times else value for position, value in enumerate(row)]
            for row in result.fetchall()
        ]
        return alerts_from(query, columns, rows)

    def close(self) -> None:
        self.connection.close()
