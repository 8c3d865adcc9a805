"""Canonical events as Parquet: one schema whatever the source, rows in order of time, partitioned by day on request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb

from sigmagen.local.canonical import TIME, ordered_fields
from sigmagen.local.canonical_logs import PLACE, EventRelation
from sigmagen.logs.output import whole_path
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.targets.duckdb.printer import string_literal
from sigmagen.targets.duckdb.values import TYPES
from sigmagen.targets.lake import column_of

_TIME = column_of(TIME)

ROW_GROUP = 100_000
"""Rows of a row group: small enough that a range of time or of a sorted field prunes most of a file."""


def rows_sql(relations: Sequence[EventRelation], taxonomy: Taxonomy, *, with_text: bool) -> str:
    """SQL of the events of all relations under one schema: place, time, then all canonical fields in their order.

    Columns have the names that the tables of lakes have.

    A field without a value is null, and so is an empty text.
    """
    fields = ordered_fields(taxonomy, with_text=with_text)
    branches = []
    for relation in relations:
        present = {item.name for item in relation.fields}
        values = [
            f"CAST({_value(item.name, item.type) if item.name in present else 'NULL'} AS "
            f"{TYPES.get(item.type, 'VARCHAR')}) AS {column_of(item.name)}"
            for item in fields
        ]
        time = f'"{TIME}" AS {column_of(TIME)}'
        branches.append(f"SELECT {', '.join(PLACE)}, {time}, {', '.join(values)} FROM ({relation.sql})")
    if not branches:
        empty = ", ".join(f"NULL::{TYPES.get(item.type, 'VARCHAR')} AS {column_of(item.name)}" for item in fields)
        places = ", ".join(f"0 AS {name}" for name in PLACE)
        return f"SELECT {places}, NULL::TIMESTAMP AS {column_of(TIME)}, {empty} WHERE false"
    return " UNION ALL ".join(branches)


def _value(name: str, kind: str) -> str:
    return f'"{name}"' if kind in TYPES else f"nullif(CAST(\"{name}\" AS VARCHAR), '')"


def write_parquet(connection: duckdb.DuckDBPyConnection, rows: str, path: Path, where: str = "true") -> None:
    """Write rows to a file that takes its name when it is complete. Raises SigmagenError where it can't be written."""
    # The time is an instant: readers other than DuckDB would take one without a zone for local time.
    sql = (
        f"SELECT * EXCLUDE ({', '.join(PLACE)}) REPLACE (CAST({_TIME} AS TIMESTAMPTZ) AS {_TIME}) FROM ({rows}) "
        f"WHERE {where} ORDER BY {_TIME}, {', '.join(PLACE)}"
    )
    with whole_path(path) as temporary:
        target = string_literal(str(temporary))
        connection.execute(f"COPY ({sql}) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})")


def days_of(connection: duckdb.DuckDBPyConnection, rows: str) -> list[date]:
    """The days (in UTC) that have events."""
    found = connection.execute(f"SELECT DISTINCT CAST({_TIME} AS DATE) FROM ({rows}) ORDER BY 1").fetchall()
    return [row[0] for row in found]


def write_days(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    folder: Path,
    name: str,
    done: Collection[str] = (),
    on_day: Callable[[str, int, int], None] = lambda day, number, total: None,
) -> None:
    """Write a file `day=2026-11-28/<name>.parquet` for each day that isn't `done`.

    `on_day` is told of each day that is complete: its number and how many there are. Raises SigmagenError.
    """
    days = days_of(connection, rows)
    for number, day in enumerate(days, 1):
        text = day.isoformat()
        if text not in done:
            end = (day + timedelta(days=1)).isoformat()
            where = f"{_TIME} >= TIMESTAMP '{text}' AND {_TIME} < TIMESTAMP '{end}'"
            write_parquet(connection, rows, folder / f"day={text}" / f"{name}.parquet", where)
        on_day(text, number, len(days))
