"""Runs KQL unchanged on duckdb-kql: an emulation of Log Analytics with the tables of the mappings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar, Literal

import duckdb
import orjson

from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Alert, alerts_from
from sigmagen.engines.closing import Closing
from sigmagen.engines.kusto_apply import ROW, replace_mv_apply
from sigmagen.mapping.sentinel_tables import build_table_schemas
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.sources import stored_rows

_TYPES = {
    "int": "INTEGER",
    "long": "BIGINT",
    "real": "DOUBLE",
    "bool": "BOOLEAN",
    "datetime": "TIMESTAMP",
    "dynamic": "JSON",
}


_LITERAL = re.compile(r"""@'(?:[^']|'')*'|"(?:[^"\\]|\\.)*\"""")
_UNICODE = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-fA-F]{4})")


class KustoLocalEngine(Closing):
    """Keeps each table with its full schema. A view of the same name holds the query period, as in Sentinel."""

    name: ClassVar[str] = "kusto-local"
    siem: ClassVar[str] = "sentinel"
    fidelity: ClassVar[Literal["real", "emulated"]] = "emulated"

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute("CREATE SCHEMA stored")
        self.connection.execute("CREATE TABLE stored.period (earliest TIMESTAMP, latest TIMESTAMP)")
        self._prepared: dict[str, str] = {}
        self._serial = 0

    def version(self) -> str:
        return f"{self.name} {version('duckdb-kql')}, duckdb {duckdb.__version__}"

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        schemas = build_table_schemas(source, self.taxonomy)
        rows: dict[str, list[str]] = {table: [] for table in schemas}
        for record in records:
            for table, stored in stored_rows(self.siem, source.name, dict(record)).items():
                rows[table] += [orjson.dumps(row).decode() for row in stored]
        for table, schema in schemas.items():
            self._fill(table, schema, rows[table])

    def _fill(self, table: str, schema: Mapping[str, str], rows: list[str]) -> None:
        columns = ", ".join(f'"{name}" {_TYPES.get(kind, "VARCHAR")}' for name, kind in schema.items())
        self.connection.execute(f'CREATE OR REPLACE TABLE stored."{table}" ({columns})')
        values = ", ".join(_column_value(name, kind) for name, kind in schema.items())
        self.connection.execute(
            f'INSERT INTO stored."{table}" SELECT {values} FROM (SELECT CAST(unnest($1::VARCHAR[]) AS JSON) AS r)',
            [rows],
        )
        self.connection.execute(
            f'CREATE OR REPLACE VIEW "{table}" AS SELECT * FROM stored."{table}" '
            "WHERE TimeGenerated >= (SELECT earliest FROM stored.period) "
            "AND TimeGenerated < (SELECT latest FROM stored.period)"
        )
        self._prepared.clear()

    def select(self, start: int, end: int) -> None:
        """Let queries see only events in [start, end): the query period of a scheduled rule."""
        self.connection.execute("DELETE FROM stored.period")
        self.connection.execute(
            "INSERT INTO stored.period VALUES (make_timestamp($1), make_timestamp($2))", [start * 1000, end * 1000]
        )

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        self.select(start, end)
        columns, rows = self.execute(query.text, query.source)
        return alerts_from(query, columns, rows)

    def execute(self, text: str, source: Source) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of KQL text over a source's tables. The plan of a text is reused."""
        if text not in self._prepared:
            self._serial += 1
            name = f"query_{self._serial}"
            self.connection.execute(f"PREPARE {name} AS {self._translate(text, source)}")
            self._prepared[text] = name
        result = self.connection.execute(f"EXECUTE {self._prepared[text]}")
        return [column[0] for column in result.description or ()], result.fetchall()

    def _translate(self, text: str, source: Source) -> str:
        import duckdb_kql

        schema = {table: list(columns) for table, columns in build_table_schemas(source, self.taxonomy).items()}

        def sql(kql: str) -> str:
            return _bin_exactly(str(duckdb_kql.to_sql(kql, schema=schema)))

        def applied(pipeline: str, expanded: str, words: frozenset[str]) -> str:
            """A view of the pipeline's rows, each with what `expanded` finds in its elements."""
            self._serial += 1
            base, name = f"before_{self._serial}", f"applied_{self._serial}"
            columns = self._view(base, f"SELECT *, row_number() OVER () AS {ROW} FROM ({sql(pipeline)})")
            schema[base] = [column for column in columns if column in words or column == ROW]
            kept = ", ".join(schema[base])
            found = sql(f"{base} | project {kept} {expanded}")
            schema[name] = self._view(
                name,
                f"WITH {base} AS MATERIALIZED (FROM {base}) SELECT * EXCLUDE ({ROW}) FROM {base} "
                f"JOIN ({found}) USING ({ROW})",
            )
            return name

        return sql(replace_mv_apply(_decode_escapes(text), applied))

    def _view(self, name: str, sql: str) -> list[str]:
        """Create a view and return its columns."""
        self.connection.execute(f"CREATE OR REPLACE VIEW {name} AS {sql}")
        return [row[0] for row in self.connection.execute(f"DESCRIBE {name}").fetchall()]

    def close(self) -> None:
        self.connection.close()


def _decode_escapes(text: str) -> str:
    r"""The query with each `\uXXXX` in its strings decoded: duckdb-kql doesn't support the escape."""

    def decoded(literal: re.Match[str]) -> str:
        if literal[0].startswith("@"):
            return literal[0]
        return _UNICODE.sub(lambda found: found[1] + chr(int(found[2], 16)), literal[0])

    return _LITERAL.sub(decoded, text)


def _bin_exactly(sql: str) -> str:
    """The SQL of duckdb-kql with times binned in whole microseconds, which is exact as in Kusto.

    duckdb-kql itself uses fractions of seconds, and so moves every eighth millisecond into the one before.
    """
    divided = re.sub(
        r"\) / epoch\((INTERVAL '[^']*')\)\) \* epoch\(\1\)\)", r") / epoch_us(\1)) * epoch_us(\1) / 1000000)", sql
    )
    return divided.replace("to_timestamp(floor(epoch(", "to_timestamp(floor(epoch_us(")


def _column_value(name: str, kind: str) -> str:
    """A column's value from the JSON row; a missing string is the empty string, as in Kusto."""
    if kind == "dynamic":
        return f"r->'$.\"{name}\"'"
    text = f"(r->>'$.\"{name}\"')"
    return f"TRY_CAST({text} AS {_TYPES[kind]})" if kind in _TYPES else f"coalesce({text}, '')"
