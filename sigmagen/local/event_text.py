"""Canonical events as JSON text, made by the engine exactly as orjson writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from sigmagen.local.canonical import TIME
from sigmagen.local.canonical_logs import ORDER, EventRelation
from sigmagen.local.tables import FILE, LINE
from sigmagen.mapping.taxonomy import Field
from sigmagen.targets.duckdb.printer import string_literal

BATCH = 10_000

# DuckDB writes the escapes of control characters with capital letters, orjson with small ones.
_ESCAPED = r"[\x0b\x0e\x0f\x1a-\x1f]"
_CHARACTER = "substr(CAST(to_json(one) AS VARCHAR), 2, length(CAST(to_json(one) AS VARCHAR)) - 2)"
_CHARACTERS = f"lambda one: CASE WHEN ord(one) < 32 THEN lower({_CHARACTER}) ELSE {_CHARACTER} END"
# From here on, and below, orjson writes an exponent.
_LARGE, _SMALL = "1e16", "1e-5"


def text_sql(value: str) -> str:
    """SQL of a text as JSON."""
    slow = f"""'"' || array_to_string(list_transform(string_split({value}, ''), {_CHARACTERS}), '') || '"'"""
    return f"CASE WHEN regexp_matches({value}, '{_ESCAPED}') THEN {slow} ELSE CAST(to_json({value}) AS VARCHAR) END"


def float_sql(value: str) -> str:
    """SQL of a number as JSON; JSON has none that is not finite."""
    return (
        f"CASE WHEN {value} IS NULL THEN NULL WHEN NOT isfinite({value}) THEN 'null' "
        f"WHEN abs({value}) >= {_LARGE} THEN CAST({value} AS VARCHAR) "
        f"WHEN abs({value}) < {_SMALL} AND {value} <> 0 THEN replace(CAST({value} AS VARCHAR), 'e-0', 'e-') "
        f"ELSE CAST(to_json({value}) AS VARCHAR) END"
    )


def event_sql(fields: tuple[Field, ...], *, ordered: bool = False) -> str:
    """SQL of an event as a JSON object without its empty fields, `ordered` by their names if that is asked for."""
    members = [(TIME, f"""'"' || strftime("{TIME}", '%Y-%m-%dT%H:%M:%S.%gZ') || '"'"""), *map(_member, fields)]
    if ordered:
        members.sort(key=lambda member: member[0].encode())
    # A member begins with the comma before it, and the comma of the first one goes.
    texts = [string_literal(f',"{name}":') + f" || {value}" for name, value in members]
    if not ordered:
        first = texts[0].replace(",", "{", 1)
        return f"concat({', '.join([first, *texts[1:]])}, '}}')"
    return f"'{{' || substr(concat({', '.join(texts)}), 2) || '}}'"


def _member(item: Field) -> tuple[str, str]:
    column = f'"{item.name}"'
    if item.type == "float":
        return item.name, float_sql(column)
    if item.type in ("integer", "boolean"):
        return item.name, f"CAST({column} AS VARCHAR)"
    return item.name, text_sql(f"nullif(CAST({column} AS VARCHAR), '')")


def event_lines(
    connection: duckdb.DuckDBPyConnection, relations: Sequence[EventRelation], skip: int = 0
) -> Iterator[list[str]]:
    """The events of all relations as JSON, batch by batch, without the first `skip` of them."""
    for relation, rest in _left(connection, relations, skip):
        sql = f"SELECT {event_sql(relation.fields)} FROM ({relation.sql}) {ORDER} OFFSET {rest}"
        for batch in _batches(connection, sql):
            yield [row[0] for row in batch]


def identified_events(
    connection: duckdb.DuckDBPyConnection, relations: Sequence[EventRelation], skip: int = 0
) -> Iterator[list[tuple[Any, ...]]]:
    """File, line, id and JSON of each event; the id is the hash of source and event, with its keys in order."""
    for relation, rest in _left(connection, relations, skip):
        source = string_literal(f'["{relation.source}",')
        identity = f"sha256({source} || {event_sql(relation.fields, ordered=True)} || ']')"
        sql = f"SELECT {FILE}, {LINE}, {identity}, {event_sql(relation.fields)} FROM ({relation.sql}) {ORDER}"
        yield from _batches(connection, f"{sql} OFFSET {rest}")


def _left(
    connection: duckdb.DuckDBPyConnection, relations: Sequence[EventRelation], skip: int
) -> Iterator[tuple[EventRelation, int]]:
    for relation in relations:
        count = connection.execute(f"SELECT count(*) FROM ({relation.sql})").fetchall()[0][0] if skip else 0
        if skip and count <= skip:
            skip -= count
            continue
        yield relation, skip
        skip = 0


def _batches(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[list[tuple[Any, ...]]]:
    result = connection.execute(sql)
    while batch := result.fetchmany(BATCH):
        yield batch
