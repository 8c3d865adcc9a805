"""Sliding windows compared with clock-aligned buckets: the same rule, events and engine, many panes or one a window.

A million events over two days, of 5,000 principals (a few of them busy) and 100,000 prompt templates (all about
equally rare). The ratio compares the best of three runs each, taken in turn; `not pruned` is the same query without
dropping small groups first.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.measure import Row, measure_best
from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.durations import iso
from sigmagen.plan import correlate
from sigmagen.plan.window import Window
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation

EVENTS = 1_000_000
START = 1_786_406_400_000
LENGTH = 2 * 86_400_000
TOKENS = "gen_ai.usage.output_tokens"
GROUPS = {"5,000 principals": "user.id", "100,000 templates": "gen_ai.prompt.template.hash"}
PRUNED = ("count", "sum", "distinct")
TYPES = {
    "count": ("event_count", "{gte: 60}"),
    "sum": ("value_sum", f"{{field: {TOKENS}, gte: 30000}}"),
    "avg": ("value_avg", f"{{field: {TOKENS}, gte: 700}}"),
    "distinct": ("value_count", "{field: gen_ai.prompt.hash, gte: 60}"),
    "percentile": ("value_percentile", f"{{field: {TOKENS}, gte: 990, percentile: 90}}"),
}


_PROMISES = {
    ("Elasticsearch", "count"): "at most 2 x",
    **{("DuckDB", kind): "at most 1.5 x" for kind in ("count", "sum", "avg")},
}


def load_rule(kind: str, condition: str, group: str) -> Correlation:
    """A rule of a type over answered calls, by a field and hour."""
    text = f"""title: Answered
name: answered
logsource: {{category: ai_inference}}
detection: {{selection: {{event.outcome: success}}, condition: selection}}
---
title: Bench
name: bench
correlation:
  {{type: {kind}, rules: [answered], group-by: [{group}], timespan: 1h, condition: {condition}}}
"""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rule.yml"
        path.write_text(text)
        loaded = load_rules([path], rules_folder=path.parent, mappings_folder=mappings_folder())
    subject = loaded.files[0].subjects[0]
    assert isinstance(subject, Correlation)
    return subject


def events(number: int) -> Iterator[dict[str, Any]]:
    """Canonical events in order of time, the same on every run."""
    dice = random.Random(4)
    for index in range(number):
        yield {
            "@timestamp": iso(START + index * LENGTH // number),
            "event.id": f"e{index}",
            "event.outcome": "success" if dice.random() < 0.95 else "failure",
            "user.id": f"principal-{int(dice.paretovariate(1.2)) % 5000}",
            "gen_ai.prompt.hash": f"{dice.randrange(200_000):064x}",
            "gen_ai.prompt.template.hash": f"{dice.randrange(100_000):064x}",
            TOKENS: dice.randrange(1000),
        }


def convert_variants(converter: Converter, siem: str, kind: str, group: str) -> tuple[Query, ...]:
    """The query with panes, with one pane a window (as converters that bucket by the clock do), and not pruned."""
    subject, source = load_rule(*TYPES[kind], group), converter.source("canonical")
    sliding = converter.convert(subject, source, siem)
    with patch.object(Window, "over", classmethod(lambda cls, timespan: cls(timespan, timespan))):
        bucketed = converter.convert(subject, source, siem)
    with patch.object(correlate, "_prune", lambda *arguments: []):
        unpruned = converter.convert(subject, source, siem)
    return (sliding, bucketed, unpruned) if kind in PRUNED else (sliding, bucketed)


def measure_duckdb(converter: Converter) -> Iterator[Row]:
    """Ratios on DuckDB."""
    from sigmagen.engines.duckdb import DuckDBEngine

    with DuckDBEngine() as engine:
        engine.load(converter.source("canonical"), list(events(EVENTS)))
        for title, group in GROUPS.items():
            for kind in TYPES:
                yield _row(
                    "DuckDB", kind, title, _measure_times(engine, convert_variants(converter, "duckdb", kind, group))
                )


def measure_elasticsearch(converter: Converter) -> Iterator[Row]:
    """Ratios on the Elasticsearch at SIGMAGEN_ELASTICSEARCH_URL, if it is set."""
    url = os.environ.get("SIGMAGEN_ELASTICSEARCH_URL")
    if not url:
        yield Row("panes / buckets on Elasticsearch", "needs SIGMAGEN_ELASTICSEARCH_URL", "not run", "")
        return
    from sigmagen.engines.elasticsearch import ElasticsearchEngine

    with ElasticsearchEngine(url, converter.taxonomy) as engine:
        engine.load(converter.source("canonical"), list(events(EVENTS)))
        for title, group in GROUPS.items():
            for kind in TYPES:
                found = convert_variants(converter, "elastic", kind, group)
                times = _measure_times(engine, found)
                yield _row("Elasticsearch", kind, title, times)
                if times[0] is None or times[1] is None:
                    continue
                used = [_measure_server_cpu(engine, query) for query in found[:2]]
                name = f"panes / buckets, {kind}, {title}, Elasticsearch"
                yield Row(name, "CPU of all threads, best of 3", f"{used[0] / used[1]:.2f} x ({used[0]:.2f} s)", "")


def _measure_times(engine: Any, found: Sequence[Query]) -> list[float | None]:
    """Seconds of each query; None for a query that the engine can't run."""
    runs: dict[int, Callable[[], object]] = {}
    for number, query in enumerate(found):
        run = partial(engine.run, query, START, START + LENGTH)
        with suppress(SigmagenError):
            run()
            runs[number] = run
    taken = dict(zip(runs, measure_best(*runs.values()), strict=True))
    return [taken.get(number) for number, _ in enumerate(found)]


def _measure_server_cpu(engine: Any, query: Query) -> float:
    """Seconds of CPU that the server reports for all threads; the least of three runs."""
    params = [{"_tstart": iso(START)}, {"_tend": iso(START + LENGTH)}] if query.ranged else None
    runs = [engine.client.esql.query(query=query.text, params=params, profile=True) for _ in range(3)]
    return min(sum(driver["cpu_nanos"] for driver in run["profile"]["drivers"]) for run in runs) / 1e9


def _row(engine: str, kind: str, groups: str, times: Sequence[float | None]) -> Row:
    sliding, bucketed, *unpruned = times
    promise = _PROMISES.get((engine, kind), "")
    method = f"wall, best of 3, {EVENTS:,} events"
    if sliding is None or bucketed is None:
        return Row(f"panes / buckets, {kind}, {groups}, {engine}", method, "not run: the engine fails", promise)
    figure = f"{sliding / bucketed:.2f} x ({sliding:.2f} s)"
    for seconds in unpruned:
        figure += "; not pruned: fails" if seconds is None else f"; not pruned {seconds / bucketed:.2f} x"
    return Row(f"panes / buckets, {kind}, {groups}, {engine}", method, figure, promise)


def measure_memory(converter: Converter) -> Row:
    """The memory that DuckDB holds after one hunt, including the stored events."""
    from sigmagen.engines.duckdb import DuckDBEngine

    with DuckDBEngine() as engine:
        engine.load(converter.source("canonical"), list(events(EVENTS // 10)))
        sliding, _ = convert_variants(converter, "duckdb", "count", "user.id")[:2]
        engine.run(sliding, START, START + LENGTH)
        held = engine.connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchone()
    megabytes = (held[0] if held else 0) / 2**20
    return Row("memory held by DuckDB", f"{EVENTS // 10:,} events stored, after a hunt", f"{megabytes:.0f} MB", "")
