"""Events for the oracle: canonical ones through the source's view, native ones by flattening the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import instant
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.mapping.source import Source
from sigmagen.plan.build import build_view
from sigmagen.rules.model import LogSource
from sigmagen.targets.duckdb.printer import DuckDBPrinter

EVER = (0, 4_102_444_800_000)


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`{"a": {"b": 1}}` as ("a.b", 1)."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{prefix}.{key}" if prefix else key)
    elif value is not None:
        yield prefix, value


def native_events(source: Source, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Records as flat events with native field names."""
    events = [dict(flat(record)) for record in records]
    for event in events:
        event["@timestamp"] = instant(event[source.time])
    return events


@cache
def _engine() -> DuckDBEngine:
    """One for the whole process: opening one takes longer than a small view."""
    return DuckDBEngine(threads=1)


def canonical_events(
    converter: Converter, source: Source, records: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Records as flat canonical events, through the mapping; the mapping itself is held to hand-written records."""
    if source.canonical:
        return [{**record, "@timestamp": instant(record["@timestamp"])} for record in records]
    entry = source.entry_for(LogSource(category="ai_inference"))
    assert entry is not None
    fields = [field.name for field in converter.taxonomy.fields.values() if field.name != "@timestamp"]
    plan = build_view(source, "duckdb", converter.taxonomy, fields, entry)
    engine = _engine()
    engine.load(source, records)
    engine.select(source, *EVER)
    result = engine.connection.execute(DuckDBPrinter(plan).text())
    names = [column[0] for column in result.description or ()]
    rows = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return [
        {**{name: value for name, value in row.items() if value is not None}, "@timestamp": instant(row["timestamp"])}
        for row in rows
    ]
