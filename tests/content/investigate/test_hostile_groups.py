"""A group's value finds itself and nothing else, and never changes a query's shape, whatever is in it."""

from __future__ import annotations

from typing import Any

import pytest

from sigmagen.content.investigate.build import PivotQuery, pivots_for
from sigmagen.content.investigate.subject import Subject
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests.content.investigate.answers import CONVERTER, RULES, answer
from tests.targets.test_hostile_values import HOSTILE

START = 1_786_440_000_000
VALUES = [*HOSTILE, "escape \x1b[2J", "innocent"]
RECORDS = [
    record
    for number, value in enumerate(VALUES)
    if (record := render("canonical", Call(time=START + number, id=f"c{number}", principal=value, model="m")))
]


def query(value: str, siem: str, source: Any) -> PivotQuery:
    rule, _ = RULES["call_count"]
    subject = Subject({"user.id": value, "gen_ai.request.model": "m"}, START, START + 3_600_000)
    queries, _ = pivots_for(CONVERTER, rule, source, siem, subject)
    return next(query for query in queries if query.pivot.id == "who_is_it")


def check(engine: Any) -> None:
    source = CONVERTER.source("canonical")
    placed = engine.placed(source) if isinstance(engine, ElasticsearchEngine) else source
    engine.load(placed, RECORDS)
    for value in VALUES:
        if engine.siem == "splunk" and len(value) >= 5000:
            continue  # Splunk itself extracts no field from behind the first 5,000 bytes of an event.
        rows = [dict(row) for row in answer(engine, query(value, engine.siem, placed))]
        assert [(row["user.id"], row["calls"]) for row in rows] == [(value, 1)], value


def test_in_duckdb() -> None:
    with DuckDBEngine() as engine:
        check(engine)


def test_in_kql() -> None:
    with KustoLocalEngine(CONVERTER.taxonomy) as engine:
        check(engine)


def test_in_spl() -> None:
    with SplunkLocalEngine() as engine:
        check(engine)


@pytest.mark.elasticsearch
def test_in_esql(elasticsearch_url: str) -> None:
    with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
        check(engine)
