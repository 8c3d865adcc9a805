"""A rule across two log sources: each source's records under its own names, one time line for both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Engine
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.local.detect import Detector
from sigmagen.mapping.source import Source
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation, LogSource
from sigmagen.sources import render
from sigmagen.sources.call import Call
from tests.canonical_events import EVER

CONVERTER = Converter.load(mappings_folder())
MINUTE = 60_000
START = 1_786_440_000_000
RULE = """title: Denied
name: denied
logsource: {product: aws, service: cloudtrail}
detection: {selection: {errorCode: AccessDeniedException}, condition: selection}
---
title: Long
name: long
logsource: {category: ai_inference}
detection: {selection: {gen_ai.usage.output_tokens|gte: 500}, condition: selection}
---
title: Denied, then a long answer in the same account
name: denied_then_long
correlation:
  type: temporal_ordered
  rules: [denied, long]
  group-by: [account]
  timespan: 1h
  aliases: {account: {denied: recipientAccountId, long: cloud.account.id}}
"""
FOUND, LATE, BACKWARDS, SHORT = "111122223333", "444455556666", "777788889999", "000011112222"


@pytest.fixture
def rule(tmp_path: Path) -> Correlation:
    path = tmp_path / "rule.yml"
    path.write_text(RULE)
    loaded = load_rules([path], rules_folder=tmp_path, mappings_folder=mappings_folder())
    assert not loaded.problems
    subject = loaded.files[0].subjects[0]
    assert isinstance(subject, Correlation)
    return subject


def calls() -> dict[str, list[Call]]:
    """The calls that CloudTrail has, and those that the invocation log has."""

    def denied(account: str, minute: int) -> Call:
        failed = {"outcome": "failure", "status": 403, "error": "AccessDeniedException"}
        return Call(time=START + minute * MINUTE, id=f"d{account}", principal="u", organization=account, **failed)  # type: ignore[arg-type]

    def answered(account: str, minute: int, tokens: int = 600) -> Call:
        time = START + minute * MINUTE
        return Call(time=time, id=f"a{account}", principal="u", organization=account, output_tokens=tokens)

    return {
        "cloudtrail": [denied(FOUND, 0), denied(LATE, 0), denied(BACKWARDS, 30), denied(SHORT, 0)],
        "bedrock_invocation": [
            answered(FOUND, 20),
            answered(LATE, 75),
            answered(BACKWARDS, 0),
            answered(SHORT, 20, tokens=499),
        ],
    }


def both(rule: Correlation) -> Source:
    return next(s for s in CONVERTER.feeding(rule) if s.name == "cloudtrail+bedrock_invocation")


def alerting(engine: Engine, rule: Correlation) -> set[str]:
    source = both(rule)
    for part in source.parts:
        engine.load(part, [record for call in calls()[part.name] if (record := render(part.name, call)) is not None])
    query = CONVERTER.convert(rule, source, engine.siem)
    return {alert.group_dict()["account"] for alert in engine.run(query, *EVER)}


@pytest.fixture(params=["duckdb", "kusto", "splunk", pytest.param("elasticsearch", marks=pytest.mark.elasticsearch)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param == "duckdb":
        made: Engine = DuckDBEngine()
    elif request.param == "kusto":
        made = KustoLocalEngine(CONVERTER.taxonomy)
    elif request.param == "splunk":
        made = SplunkLocalEngine()
    else:
        made = ElasticsearchEngine(request.getfixturevalue("elasticsearch_url"), CONVERTER.taxonomy)
    with made as running:
        yield running


def test_only_the_account_that_was_denied_and_then_answered_within_the_hour_alerts(
    engine: Engine, rule: Correlation
) -> None:
    assert alerting(engine, rule) == {FOUND}


def test_every_choice_of_sources_is_offered(rule: Correlation) -> None:
    names = {source.name for source in CONVERTER.feeding(rule)}
    of_calls = {name for name, each in CONVERTER.sources.items() if each.entry_for(LogSource(category="ai_inference"))}
    assert names == {"cloudtrail", *(f"cloudtrail+{name}" for name in of_calls - {"cloudtrail"})}


def test_the_slower_source_decides_on_the_look_back(rule: Correlation) -> None:
    source = both(rule)
    delays = [part.stored["sentinel"].delay for part in source.parts]
    schedule = CONVERTER.convert(rule, source, "sentinel", "alert").schedule
    assert schedule is not None
    assert schedule.ingest_delay == max(delays)


def test_local_detection_shows_the_events_of_both(rule: Correlation) -> None:
    with DuckDBEngine() as engine:
        detector = Detector(CONVERTER, engine)
        source = both(rule)
        for part in source.parts:
            engine.load(part, [r for call in calls()[part.name] if (r := render(part.name, call)) is not None])
            detector.sources[part.name] = part
        found = [item for item in detector.run([rule]) if item.source == source.name]
    assert [dict(item.group) for item in found] == [{"account": FOUND}]
    assert [event["account"] for event in found[0].events] == [FOUND, FOUND]
    assert sum(found[0].panes) == 2
