"""Canonical fields of native records, as each SIEM's query derives them from what that SIEM keeps of the records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.mapping.source import Source
from sigmagen.plan.build import build_view
from sigmagen.plan.model import Plan
from sigmagen.rules.model import LogSource
from sigmagen.targets.duckdb.printer import DuckDBPrinter
from sigmagen.targets.elastic.printer import EsqlPrinter
from sigmagen.targets.sentinel.printer import KustoPrinter
from sigmagen.targets.splunk.printer import SplunkPrinter
from tests.canonical_events import EVER
from tests.native_logs import converter

Records = Sequence[Mapping[str, Any]]
Event = dict[str, Any]


def carried(siem: str, source: str, fields: Iterable[str]) -> list[str]:
    """Those of the fields that the source carries in a SIEM."""
    if siem not in converter().source(source).stored:
        return []
    known = {*fields}
    return [name for name in _columns(_plan(siem, converter().source(source), tuple(known))) if name in known]


def derived(
    siem: str, source: str, records: Records, fields: Iterable[str], url: str | None = None
) -> dict[str, Event]:
    """By event id, the fields that have a value. Numbers are floats; `url` is that of an Elasticsearch."""
    found = converter().source(source)
    wanted = ("event.id", *fields)
    plan = _plan(siem, found, wanted)
    rows = _RUN[siem](found, records, plan) if url is None else _on_elasticsearch(found, records, plan, url)
    types = {name: field.type for name, field in converter().taxonomy.fields.items()}
    events = [
        {name: value for name in wanted if (value := _value(row.get(name), types[name])) is not None} for row in rows
    ]
    return {event.pop("event.id"): event for event in events if "event.id" in event}


def _plan(siem: str, source: Source, fields: tuple[str, ...]) -> Plan:
    entry = (
        source.entry_for(LogSource(category="ai_inference")) if source.canonical else source.entry_for_any_category()
    )
    assert entry is not None
    return build_view(source, siem, converter().taxonomy, fields, entry)


def _columns(plan: Plan) -> list[str]:
    return [str(column) for column in plan.steps[-1].columns]  # type: ignore[union-attr]


def _value(cell: Any, kind: str) -> Any:
    """A cell as its field's type has it; an empty text is a missing one, as Kusto can't tell them apart."""
    if cell is None or cell == "":
        return None
    if kind == "boolean":
        return cell if isinstance(cell, bool) else {"true": True, "false": False}[cell]
    return float(cell) if kind in ("integer", "float") else str(cell)


def _on_duckdb(source: Source, records: Records, plan: Plan) -> list[Event]:
    with DuckDBEngine() as engine:
        engine.load(source, records)
        engine.select(source, *EVER)
        rows = engine.connection.execute(DuckDBPrinter(plan).text()).fetchall()
    return [dict(zip(_columns(plan), row, strict=True)) for row in rows]


def _on_kusto(source: Source, records: Records, plan: Plan) -> list[Event]:
    with KustoLocalEngine(converter().taxonomy) as engine:
        engine.load(source, records)
        engine.select(*EVER)
        rows = engine.execute(KustoPrinter(plan).text(), source)[1]
    return [dict(zip(_columns(plan), row, strict=True)) for row in rows]


def _on_splunk(source: Source, records: Records, plan: Plan) -> list[Event]:
    with SplunkLocalEngine() as engine:
        engine.load(source, records)
        rows = engine.execute(SplunkPrinter(plan).text(), *EVER)
    return [{name: row.get(name.replace(".", "_")) for name in _columns(plan)} for row in rows]


def _on_elasticsearch(source: Source, records: Records, plan: Plan, url: str) -> list[Event]:
    with ElasticsearchEngine(url, converter().taxonomy) as engine:
        engine.load(source, records)
        rows = engine.client.esql.query(query=EsqlPrinter(plan).text())["values"]
    return [dict(zip(_columns(plan), row, strict=True)) for row in rows]


_RUN = {"duckdb": _on_duckdb, "sentinel": _on_kusto, "splunk": _on_splunk}
