"""Sliding windows against clock-aligned buckets: the same rule, events and engine, panes against one pane a window.

A million events of 5,000 principals over two days. The ratio is of the best of three runs each, taken in turn.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.measure import Row, best_of
from sigmagen.content import mappings_folder
from sigmagen.convert import Converter, Query
from sigmagen.plan.window import Window, iso
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation

EVENTS = 1_000_000
START = 1_786_406_400_000
LENGTH = 2 * 86_400_000
TOKENS = "gen_ai.usage.output_tokens"
TYPES = {
    "count": ("event_count", "{gte: 60}"),
    "sum": ("value_sum", f"{{field: {TOKENS}, gte: 30000}}"),
    "avg": ("value_avg", f"{{field: {TOKENS}, gte: 700}}"),
    "distinct": ("value_count", "{field: gen_ai.prompt.hash, gte: 60}"),
    "percentile": ("value_percentile", f"{{field: {TOKENS}, gte: 990, percentile: 90}}"),
}


def rule(kind: str, condition: str) -> Correlation:
    """A rule of a type over answered calls, by principal and hour."""
    text = f"""title: Answered
name: answered
logsource: {{category: ai_inference}}
detection: {{selection: {{event.outcome: success}}, condition: selection}}
---
title: Bench
name: bench
correlation:
  {{type: {kind}, rules: [answered], group-by: [user.id], timespan: 1h, condition: {condition}}}
"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rule.yml"
        path.write_text(text)
        loaded = load_rules([path], rules_folder=path.parent, mappings_folder=mappings_folder())
    subject = loaded.files[0].subjects[0]
    assert isinstance(subject, Correlation)
    return subject


def events(number: int) -> Iterator[dict[str, Any]]:
    """Canonical events, in order of time, the same on every run."""
    dice = random.Random(4)
    for index in range(number):
        yield {
            "@timestamp": iso(START + index * LENGTH // number),
            "event.id": f"e{index}",
            "event.outcome": "success" if dice.random() < 0.95 else "failure",
            "user.id": f"principal-{int(dice.paretovariate(1.2)) % 5000}",
            "gen_ai.prompt.hash": f"{dice.randrange(200_000):064x}",
            TOKENS: dice.randrange(1000),
        }


def queries(converter: Converter, siem: str, kind: str) -> tuple[Query, Query]:
    """The query with panes, and with one pane a window: what converters that bucket by the clock make."""
    subject, source = rule(*TYPES[kind]), converter.source("canonical")
    sliding = converter.convert(subject, source, siem)
    with patch.object(Window, "over", classmethod(lambda cls, timespan: cls(timespan, timespan))):
        return sliding, converter.convert(subject, source, siem)


def on_duckdb(converter: Converter) -> Iterator[Row]:
    """Ratios on DuckDB."""
    from sigmagen.engines.duckdb import DuckDBEngine

    with DuckDBEngine() as engine:
        engine.load(converter.source("canonical"), list(events(EVENTS)))
        for kind in TYPES:
            sliding, bucketed = queries(converter, "duckdb", kind)
            yield _row("DuckDB", kind, *_pair(engine, sliding, bucketed))


def on_elasticsearch(converter: Converter) -> Iterator[Row]:
    """Ratios on the Elasticsearch at SIGMAGEN_ELASTICSEARCH_URL; nothing where there is none."""
    url = os.environ.get("SIGMAGEN_ELASTICSEARCH_URL")
    if not url:
        yield Row("panes / buckets on Elasticsearch", "needs SIGMAGEN_ELASTICSEARCH_URL", "not run", "")
        return
    from sigmagen.engines.elasticsearch import ElasticsearchEngine

    with ElasticsearchEngine(url, converter.taxonomy) as engine:
        engine.load(converter.source("canonical"), list(events(EVENTS)))
        for kind in TYPES:
            sliding, bucketed = queries(converter, "elastic", kind)
            try:
                yield _row("Elasticsearch", kind, *_pair(engine, sliding, bucketed))
                used = [_server_cpu(engine, query) for query in (sliding, bucketed)]
                name, figure = f"panes / buckets, {kind}, Elasticsearch", f"{used[0] / used[1]:.2f} x ({used[0]:.2f} s)"
                yield Row(name, "CPU of all threads, best of 3", figure, "")
            except SigmagenError as error:
                limit = f"not run: {error.problems[0].message}"
                yield Row(f"panes / buckets, {kind}, Elasticsearch", f"{EVENTS:,} events", limit, "")


def _pair(engine: Any, sliding: Query, bucketed: Query) -> tuple[float, float]:
    span = (START, START + LENGTH)
    return best_of(lambda: engine.run(sliding, *span), lambda: engine.run(bucketed, *span))


def _server_cpu(engine: Any, query: Query) -> float:
    """Seconds of CPU that the server says it took, over its threads; the least of three runs."""
    params = [{"_tstart": iso(START)}, {"_tend": iso(START + LENGTH)}] if query.ranged else None
    runs = [engine.client.esql.query(query=query.text, params=params, profile=True) for _ in range(3)]
    return min(sum(driver["cpu_nanos"] for driver in run["profile"]["drivers"]) for run in runs) / 1e9


def _row(engine: str, kind: str, sliding: float, bucketed: float) -> Row:
    promise = "at most 1.3 x" if kind in ("count", "sum", "avg") else ""
    figure = f"{sliding / bucketed:.2f} x ({sliding:.2f} s)"
    return Row(f"panes / buckets, {kind}, {engine}", f"wall, best of 3, {EVENTS:,} events", figure, promise)


def memory_of_a_hunt(converter: Converter) -> Row:
    """The most memory that DuckDB holds while one hunt runs over the events, the stored events included."""
    from sigmagen.engines.duckdb import DuckDBEngine

    with DuckDBEngine() as engine:
        engine.load(converter.source("canonical"), list(events(EVENTS // 10)))
        sliding, _ = queries(converter, "duckdb", "count")
        engine.run(sliding, START, START + LENGTH)
        held = engine.connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchone()
    megabytes = (held[0] if held else 0) / 2**20
    return Row("memory held by DuckDB", f"{EVENTS // 10:,} events stored, after a hunt", f"{megabytes:.0f} MB", "")
