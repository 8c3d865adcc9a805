"""The engine around the interpreter: what it stores, the time range, and how it says that it can't."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.expr.tree import Literal
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Filter, Scan
from sigmagen.problems import SigmagenError
from sigmagen.rules.load import load_rules
from sigmagen.sources import source_names
from sigmagen.targets.splunk.printer import SplunkPrinter
from tests.canonical_events import EVER
from tests.native_logs import logged

CONVERTER = Converter.load(mappings_folder())
START = 1_786_440_000_123


def record(source: str, number: int = 0, **attributes: Any) -> dict[str, Any]:
    return logged(source, time=START + number, id=f"c{number}", principal="p", **attributes)


@pytest.fixture
def engine() -> SplunkLocalEngine:
    return SplunkLocalEngine()


KEPT = [name for name in source_names() if "splunk" in CONVERTER.sources[name].stored]
"""The sources that Splunk keeps."""


@pytest.mark.parametrize("source", KEPT)
def test_every_source_keeps_its_raw_text_its_time_and_its_sourcetype(source: str, engine: SplunkLocalEngine) -> None:
    engine.load(CONVERTER.source(source), [record(source)])
    (row,) = engine.execute(CONVERTER.source(source).stored["splunk"].location, *EVER)
    assert row["_time"] == pytest.approx(START / 1000, abs=1)
    assert row["_raw"].startswith("{")
    assert row["index"] == "main"


def test_a_source_is_not_found_by_the_search_of_another(engine: SplunkLocalEngine) -> None:
    for source in KEPT:
        engine.load(CONVERTER.source(source), [record(source), record(source, 1)])
    for source in KEPT:
        location = CONVERTER.source(source).stored["splunk"].location
        assert engine.execute(f"{location} | stats count", *EVER) == [{"count": 2.0}]


def test_loading_again_replaces_a_source(engine: SplunkLocalEngine) -> None:
    source = CONVERTER.source("canonical")
    for number in (3, 1):
        engine.load(source, [record("canonical", n) for n in range(number)])
        assert engine.execute("* | stats count", *EVER) == [{"count": float(number)}]


def test_the_range_takes_its_start_and_leaves_its_end(engine: SplunkLocalEngine) -> None:
    engine.load(CONVERTER.source("canonical"), [record("canonical", n) for n in range(5)])
    text = "* | eval id='event.id' | table id"
    assert engine.execute(text, START + 1, START + 3) == [{"id": "c2"}, {"id": "c1"}]
    assert engine.execute(text, START + 3, START + 9) == [{"id": "c4"}, {"id": "c3"}]
    assert engine.execute(text, START + 5, START + 9) == []


def test_an_event_without_a_time_is_left_out(engine: SplunkLocalEngine) -> None:
    records = [record("litellm") | {"startTime": time} for time in (None, "soon", -1, 1e30, [1], START / 1000)]
    engine.load(CONVERTER.source("litellm"), records)
    assert engine.execute("* | stats count", *EVER) == [{"count": 1.0}]


def test_many_searches_in_turn_give_what_they_gave(engine: SplunkLocalEngine) -> None:
    engine.load(CONVERTER.source("canonical"), [record("canonical", n) for n in range(9)])
    texts = [f"* | eval x={n} | head {n} | eval x=x+1 | stats sum(x) AS s" for n in range(1, 9)]
    first = [engine.execute(text, *EVER) for text in texts]
    assert [engine.execute(text, *EVER) for text in texts] == first
    assert first[2] == [{"s": 12.0}]


def test_what_is_refused_says_where(engine: SplunkLocalEngine) -> None:
    with pytest.raises(SigmagenError, match=r"line 2, column 10: now\(\)") as error:
        engine.execute("*\n| eval x=now()", *EVER)
    assert error.value.problems[0].hint == "in `| eval x=now()`"
    engine.load(CONVERTER.source("canonical"), [record("canonical")])
    with pytest.raises(SigmagenError, match="line 1, column 17: substr"):
        engine.execute("* | eval x=1, y=substr(x, 0)", *EVER)


def test_a_call_with_a_prompt_longer_than_splunk_extracts_is_still_counted(engine: SplunkLocalEngine) -> None:
    """Azure's operation and status come after the prompt: only _raw has them."""
    loaded = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder())
    file = next(file for file in loaded.files if file.path.stem == "call_count")
    source = CONVERTER.source("apim")
    records = [record("apim", n, prompt="x" * 6000) for n in range(600)]
    found = {}
    for runner in (DuckDBEngine(), engine):
        runner.load(source, records)
        found[runner.name] = runner.run(CONVERTER.convert(file.subjects[0], source, runner.siem), *EVER)
    assert found["splunk-local"] == found["duckdb"]
    assert found["duckdb"]


TWO_COUNTS = """title: Any
name: any
logsource: {category: ai_inference}
detection: {selection: {gen_ai.operation.name: chat}, condition: selection}
---
title: Organizations
name: organizations
correlation:
  type: value_count
  rules: [any]
  group-by: [user.id]
  timespan: 1h
  condition: {field: organization.id, gte: 2}
---
title: Prompts
name: prompts
correlation:
  type: value_count
  rules: [any]
  group-by: [user.id]
  timespan: 1h
  condition: {field: gen_ai.prompt.hash, gte: 2}
---
title: Both
name: both
correlation: {type: temporal, rules: [organizations, prompts], group-by: [user.id], timespan: 1h}
"""


def test_an_event_without_the_value_of_one_count_counts_for_the_other(
    engine: SplunkLocalEngine, tmp_path: Path
) -> None:
    """stats BY drops rows with a missing value, so the query has to keep them."""
    path = tmp_path / "rule.yml"
    path.write_text(TWO_COUNTS)
    rule = load_rules([path], rules_folder=tmp_path, mappings_folder=mappings_folder()).files[0].subjects[0]
    values = [
        {"organization.id": "a"},
        {"organization.id": "b"},
        {"gen_ai.prompt.hash": "x"},
        {"gen_ai.prompt.hash": "y"},
    ]
    records = [
        {"@timestamp": f"2026-08-11T09:00:0{n}Z", "user.id": "u", "gen_ai.operation.name": "chat"} | value
        for n, value in enumerate(values)
    ]
    source = CONVERTER.source("canonical")
    found = {}
    for runner in (DuckDBEngine(), engine):
        runner.load(source, records)
        found[runner.name] = runner.run(CONVERTER.convert(rule, source, runner.siem), *EVER)
    assert found["duckdb"]
    assert found["splunk-local"] == found["duckdb"]


@pytest.mark.parametrize(("always", "rows"), [(True, 1), (False, 0)])
def test_a_condition_that_is_settled_is_written_as_a_condition(
    engine: SplunkLocalEngine, always: bool, rows: int
) -> None:
    source = CONVERTER.source("canonical")
    engine.load(source, [record("canonical")])
    plan = Plan(None, source, source.stored["splunk"], "hunt", (Scan(), Filter(Literal(always))))
    assert len(engine.execute(SplunkPrinter(plan).text(), *EVER)) == rows
