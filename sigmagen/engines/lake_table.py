"""Canonical events as the typed table of a lake: a Parquet file, written by DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def write_parquet(events: Iterable[Mapping[str, Any]], taxonomy: Taxonomy, path: Path) -> None:
    """Write events into one file; a value that is not of its field's type is missing."""
    lines = [flattened(orjson.dumps(dict(event)).decode()) for event in events]
    typed = [
        f"TRY_CAST((record->>'$.\"{field}\"') AS {kind}) AS {column}"
        for column, (field, kind) in columns_of(taxonomy).items()
    ]
    moment = "date_trunc('milliseconds', CAST(TRY_CAST((record->>'$.\"@timestamp\"') AS TIMESTAMPTZ) AS TIMESTAMP))"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"COPY (SELECT {TIME}, CAST({TIME} AS DATE) AS {DAY}, * EXCLUDE ({TIME}, record), "
            f"FROM (SELECT {moment} AS {TIME}, record, {', '.join(typed)} "
            f"FROM (SELECT TRY_CAST(unnest(?::VARCHAR[]) AS JSON) AS record)) WHERE {TIME} IS NOT NULL) "
            f"TO '{path}' (FORMAT parquet)",
            [lines],
        )
