"""Canonical events as the typed table of a lake, whose rows DuckDB makes: Parquet in a folder for each day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import orjson

from sigmagen.engines.duckdb import flattened
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.targets.lake import DAY, TIME, column_of

_TYPES = {"integer": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN"}


def columns_of(taxonomy: Taxonomy) -> dict[str, tuple[str, str]]:
    """The columns of the table by name: the field of each and its DuckDB type. Private fields are not in it."""
    return {
        column_of(field.name): (field.name, _TYPES.get(field.type, "VARCHAR"))
        for field in taxonomy.fields.values()
        if not field.private and field.name != "@timestamp"
    }


@contextmanager
def typed_events(
    events: Iterable[Mapping[str, Any]], taxonomy: Taxonomy
) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
    """A connection with the table `events`, and its number of rows.

    A value that is not of its field's type is missing; an event without a time is left out.
    """
    lines = [flattened(orjson.dumps(dict(event)).decode()) for event in events]
    typed = [
        f"TRY_CAST((record->>'$.\"{field}\"') AS {kind}) AS {column}"
        for column, (field, kind) in columns_of(taxonomy).items()
    ]
    moment = "date_trunc('milliseconds', TRY_CAST((record->>'$.\"@timestamp\"') AS TIMESTAMPTZ))"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"CREATE TABLE events AS SELECT {moment} AS {TIME}, CAST({TIME} AS DATE) AS {DAY}, {', '.join(typed)} "
            f"FROM (SELECT TRY_CAST(unnest(?::VARCHAR[]) AS JSON) AS record) WHERE {TIME} IS NOT NULL",
            [lines],
        )
        counted = connection.execute("SELECT count(*) FROM events").fetchone()
        yield connection, counted[0] if counted else 0


def write_parquet(events: Iterable[Mapping[str, Any]], taxonomy: Taxonomy, folder: Path) -> int:
    """Write events into `folder/day=YYYY-MM-DD/*.parquet`; the number of rows. Without rows there is no folder."""
    with typed_events(events, taxonomy) as (connection, rows):
        if rows:
            connection.execute(f"COPY events TO '{folder}' (FORMAT parquet, PARTITION_BY ({DAY}))")
    return rows
