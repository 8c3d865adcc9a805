"""Paths of keys with dots, times as numbers, and texts of a field that are made in one expression."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.mapping.expression import parse_path
from sigmagen.mapping.signatures import is_path
from sigmagen.mapping.source import Source, parse_source
from sigmagen.plan.build import build_view
from sigmagen.plan.model import Plan
from sigmagen.rules.model import LogSource
from sigmagen.targets.duckdb.printer import DuckDBPrinter
from sigmagen.targets.splunk.printer import SplunkPrinter
from tests.canonical_events import EVER
from tests.native_logs import converter

TIME = "2026-08-11T09:20:00Z"


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("messages[-1].role", ("messages", -1, "role")),
        ("[gen_ai.request.model]", ("gen_ai.request.model",)),
        ("attributes[user.id]", ("attributes", "user.id")),
        ("attributes[finish.reasons][0].x-y", ("attributes", "finish.reasons", 0, "x-y")),
    ],
)
def test_a_key_with_dots_stands_in_brackets(path: str, segments: tuple[str | int, ...]) -> None:
    assert is_path(path)
    assert parse_path(path) == segments


@pytest.mark.parametrize("text", ["[model]", "a[b]", "[0]", "a..b", "a[b.]", "a['b.c']", "[a.b", "a[b.c]]", ""])
def test_other_brackets_are_not_paths(text: str) -> None:
    assert not is_path(text)


def source(**data: Any) -> Source:
    """A source of the tests with these fields."""
    part = {"search": "index=main", "record": "_raw", "delay": "5m"}
    given = {"title": "t", "recognise": {"id": "present"}, "logsources": [{"category": "ai_inference"}]}
    return parse_source("gateway", {**given, "time": "time", "event_id": "id", "targets": {"splunk": part}, **data})


def view(found: Source, siem: str, field: str) -> Plan:
    entry = found.entry_for(LogSource(category="ai_inference"))
    assert entry is not None
    return build_view(found, siem, converter().taxonomy, (field,), entry)


def derived(expression: Any, record: dict[str, Any], field: str) -> Any:
    """What DuckDB derives for a field of one record."""
    found = source(fields={field: expression})
    with DuckDBEngine() as engine:
        engine.load(found, [{"id": "a", "time": TIME, **record}])
        engine.select(found, *EVER)
        (row,) = engine.connection.execute(DuckDBPrinter(view(found, "duckdb", field)).text()).fetchall()
    return row[-1]


def test_duckdb_reads_a_key_with_dots() -> None:
    record = {"attributes": {"gen_ai.request.model": "GPT-4o"}}
    assert derived("attributes[gen_ai.request.model]", record, "gen_ai.request.model") == "gpt-4o"


def test_splunk_reads_a_key_with_dots_exactly() -> None:
    found = source(fields={"gen_ai.request.model": "attributes[gen_ai.request.model]"})
    text = SplunkPrinter(view(found, "splunk", "gen_ai.request.model")).text()
    assert 'json_extract_exact(json_extract(_raw, "attributes"), "gen_ai.request.model")' in text


def test_two_texts_of_one_field_are_two_columns() -> None:
    expression = {"coalesce": [{"address": ["first"]}, {"address": ["second"]}]}
    assert derived(expression, {"second": "203.0.113.77"}, "source.ip") == "203.0.113.77"


def test_a_field_without_some_texts_is_lower_cased_like_any_other() -> None:
    expression = {"not_in": ["model", "UNSPECIFIED"]}
    assert derived(expression, {"model": "GPT"}, "gen_ai.request.model") == "gpt"
    assert derived(expression, {"model": "UNSPECIFIED"}, "gen_ai.request.model") is None


@pytest.mark.parametrize(
    ("time", "value", "expected"),
    [
        ({"epoch_milliseconds": ["t"]}, 1786440000341, "2026-08-11 09:20:00.341000"),
        ({"epoch_milliseconds": ["t"]}, "1786440000341", "2026-08-11 09:20:00.341000"),
        ({"epoch_milliseconds": ["t"]}, 10**18, "None"),
        ({"epoch_nanoseconds": ["t"]}, "1786440000341999999", "2026-08-11 09:20:00.341000"),
        ({"epoch_nanoseconds": ["t"]}, 1786440000341000000, "2026-08-11 09:20:00.341000"),
        ({"epoch_nanoseconds": ["t"]}, "soon", "None"),
    ],
)
def test_epochs_are_exact_to_the_millisecond(time: Any, value: Any, expected: str) -> None:
    found = source(time=time)
    with DuckDBEngine() as engine:
        engine.append(found, [orjson.dumps({"id": "a", "t": value}).decode()])
        rows = engine.connection.execute(f"SELECT timestamp FROM {engine.table(found)}").fetchall()
    assert [str(row[0]) for row in rows] == ([] if expected == "None" else [expected])
