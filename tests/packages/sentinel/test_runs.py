"""The package's KQL, executed on kusto-local (an emulation): the right alerts, from the files as they are.

That engine knows neither `_GetWatchlist` nor `ingestion_time()` nor the workspace's functions, so these are inlined:
a watchlist by its items, the arrival of a record by a time five minutes later.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sigmagen.content.detections import PackageContent, SourceDetection
from sigmagen.convert.converter import Query
from sigmagen.durations import MINUTE
from sigmagen.engines.alert import Alert
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.packages.sentinel.package import Package
from tests.canonical_events import EVER
from tests.native_logs import attack, converter, example, reference_alerts
from tests.packages.sentinel.conftest import Documents
from tests.packages.sentinel.test_content import minutes

GET = re.compile(r'\(_GetWatchlist\("(\w+)"\) \| project Value\)')


@pytest.fixture(scope="module")
def engine() -> Iterator[KustoLocalEngine]:
    with KustoLocalEngine(converter().taxonomy) as engine:
        yield engine


def watchlists_inlined(text: str, folder: Path) -> str:
    """The query with each watchlist's items as a list of constants."""
    return GET.sub(lambda found: f"({items(folder, found[1])})", text)


def items(folder: Path, alias: str) -> str:
    """A watchlist's items as KQL constants."""
    with (folder / "watchlists" / f"{alias}.csv").open(encoding="utf-8", newline="") as file:
        return ", ".join(json.dumps(row["Value"]) for row in csv.DictReader(file))


def groups(alerts: Iterable[Alert]) -> set[tuple[tuple[str, str], ...]]:
    return {alert.group for alert in alerts}


def scheduled_run(engine: KustoLocalEngine, query: Query, rule: dict[str, Any], text: str, due: int) -> list[Alert]:
    """One run of an analytics rule, over its own query period."""
    return engine.run(replace(query, text=text), due - minutes(rule["queryPeriod"]) * MINUTE, due)


def proven(engine: KustoLocalEngine, item: SourceDetection, rule: dict[str, Any], text: str) -> int:
    """Hold a rule's runs to the reference's hunt; returns how many of its alerts were due."""
    expected = reference_alerts(item.file.path.stem, item.source.name)
    assert expected
    frequency = minutes(rule["queryFrequency"]) * MINUTE
    window = sum(part.timespan for part in item.alert.windows)
    delay = minutes(rule["queryPeriod"]) * MINUTE - window - frequency
    last = {alert.group: alert.window_end for alert in expected}
    for group, window_end in sorted(last.items()):
        # The run that is due next once the events have arrived.
        due = -(-(window_end + delay) // frequency) * frequency
        found = groups(scheduled_run(engine, item.alert, rule, text, due))
        assert group in found, item.name
        assert found <= groups(expected), item.name
    early = min(alert.window_start for alert in expected) - 10 * minutes(rule["queryPeriod"]) * MINUTE
    assert not scheduled_run(engine, item.alert, rule, text, early)
    return len(last)


@pytest.mark.thorough
def test_every_hunt_and_every_rule_at_its_own_schedule_find_what_the_reference_finds(
    built_in: PackageContent, rule_files: Documents, hunt_files: Documents, engine: KustoLocalEngine
) -> None:
    due = 0
    for item in built_in.detections:
        stem, source = item.file.path.stem, item.source.name
        engine.load(item.source, attack(stem, source))
        hunt = engine.run(replace(item.hunt, text=hunt_files[item.name]["query"]), *EVER)
        assert hunt == list(reference_alerts(stem, source)), item.name
        due += proven(engine, item, rule_files[item.name], rule_files[item.name]["query"])
    assert due >= len(built_in.detections)


@pytest.mark.thorough
def test_a_rule_that_reads_watchlists_finds_the_same(
    built_in: PackageContent, folder: Path, watchlist_rule_files: Documents, engine: KustoLocalEngine
) -> None:
    chosen = [item for item in built_in.detections if item.name in watchlist_rule_files]
    assert len(chosen) == len(watchlist_rule_files) > 10
    for item in chosen:
        rule = watchlist_rule_files[item.name]
        assert GET.search(rule["query"])
        engine.load(item.source, attack(item.file.path.stem, item.source.name))
        proven(engine, item, rule, watchlists_inlined(rule["query"], folder))


def test_all_alerts_of_one_burst_join_one_incident_and_the_window_alone_would_be_too_short(
    built_in: PackageContent, rule_files: Documents, engine: KustoLocalEngine
) -> None:
    """Counted the strict way: an incident takes alerts for the grouping's duration from its first alert on."""
    item = next(item for item in built_in.detections if item.name == "logit_bias_churn.litellm")
    rule = rule_files[item.name]
    key = reference_alerts(item.file.path.stem, "litellm")[0].group_dict()["gen_ai.api_key.id"]
    mine = [call for call in attack(item.file.path.stem, "litellm") if call["metadata"]["user_api_key_hash"] == key]
    # All of them within seconds, ending just before a tick, and here at once.
    start = 1_786_439_990.0
    engine.load(item.source, [call | {"startTime": start + number / 100} for number, call in enumerate(mine[:100])])
    frequency, period = (minutes(rule[name]) * MINUTE for name in ("queryFrequency", "queryPeriod"))
    grouping = minutes(rule["incidentConfiguration"]["groupingConfiguration"]["lookbackDuration"]) * MINUTE
    begin = int(start * 1000) // frequency * frequency
    runs = range(begin, begin + 2 * period, frequency)
    alerted = [due for due in runs if groups(scheduled_run(engine, item.alert, rule, rule["query"], due))]
    window = sum(part.timespan for part in item.alert.windows)
    assert window < alerted[-1] - alerted[0] <= grouping
    assert alerted == list(range(alerted[0], alerted[-1] + 1, frequency))


def loaded(engine: KustoLocalEngine, source: str) -> list[dict[str, Any]]:
    """Load a source's fixture, and return the canonical events that were written by hand for it."""
    lines = (example(source)).read_text("utf-8").splitlines()
    engine.load(converter().sources[source], [json.loads(line) for line in lines if line])
    engine.select(*EVER)
    expected = json.loads((example(source, "canonical.json")).read_text("utf-8"))
    return [event for event in expected if event is not None]


def rows(engine: KustoLocalEngine, text: str, source: str) -> list[dict[str, Any]]:
    columns, found = engine.execute(text, converter().sources[source])
    return [dict(zip(columns, row, strict=True)) for row in found]


@pytest.mark.parametrize("source", ["apim", "bedrock_invocation", "cloudtrail", "litellm"])
def test_a_parser_function_yields_the_events_that_were_written_by_hand(source: str, function_files: Documents) -> None:
    with KustoLocalEngine(converter().taxonomy) as engine:
        expected = loaded(engine, source)
        found = rows(engine, function_files[f"sigmagen_{source}"]["FunctionQuery"], source)
    assert len(found) >= len({event.get("event.id") for event in expected}) > 0
    seen = 0
    for event in expected:
        mine = next(row for row in found if row["event_id"] == event["event.id"])
        for name, value in event.items():
            column = name.replace(".", "_")
            if column in mine and isinstance(value, str) and name not in ("@timestamp",):
                seen += 1
                assert str(mine[column]) == value, (event["event.id"], name)
    assert seen > 3 * len(expected)


@pytest.mark.parametrize("source", ["apim", "bedrock_invocation", "cloudtrail", "litellm"])
def test_a_readiness_query_counts_events_delays_and_shares(source: str, package: Package) -> None:
    query = next(item for part in package.parts for item in part.readiness if item.whole and item.name == source).query
    # Of the stored record itself: after a join or a summary there is no time of arrival.
    assert query.splitlines()[1] == "| extend ingested_at = ingestion_time()"
    assert query.count("ingestion_time()") == 1
    text = query.replace("ingestion_time()", "TimeGenerated + 5m")
    with KustoLocalEngine(converter().taxonomy) as engine:
        expected = loaded(engine, source)
        (row,) = rows(engine, text, source)
    assert row["events"] >= len(expected)
    assert (row["delay_p50_seconds"], row["delay_p99_seconds"]) == (300, 300)
    assert row["last_event"] is not None
    shares = {name: share for name, share in row.items() if name.endswith("_share")}
    assert len(shares) > 3
    assert all(0 <= share <= 100 for share in shares.values())
    assert shares["user_id_share"] > 0


def test_readiness_sees_what_was_redacted_and_what_was_cut(package: Package) -> None:
    records = [json.loads(line) for line in (example("apim")).read_text("utf-8").splitlines() if line]
    sound = next(item for item in records if item["properties"].get("backendRequestBody", "").startswith("{"))
    body = json.loads(sound["properties"]["backendRequestBody"])

    def like(number: int, text: str) -> dict[str, Any]:
        properties = sound["properties"] | {"backendRequestBody": text}
        return {**sound, "correlationId": f"call-{number}", "properties": properties}

    marked = json.dumps(body | {"messages": [{"role": "user", "content": "[REDACTED]"}]})
    whole = json.dumps(body | {"messages": [{"role": "user", "content": "hello"}]})
    native = [like(1, whole), like(2, marked), like(3, whole[:-20]), like(4, whole)]
    query = next(item for part in package.parts for item in part.readiness if item.name == "apim").query
    with KustoLocalEngine(converter().taxonomy) as engine:
        engine.load(converter().sources["apim"], native)
        engine.select(*EVER)
        (row,) = rows(engine, query.replace("ingestion_time()", "TimeGenerated"), "apim")
    assert (row["events"], row["redacted_share"], row["cut_share"]) == (4, 25, 25)
    assert row["gen_ai_prompt_hash_share"] == 50


def test_readiness_counts_a_record_that_was_cut_as_a_whole(package: Package) -> None:
    path = example("bedrock_invocation")
    record = path.read_text("utf-8").splitlines()[0]
    query = next(item for part in package.parts for item in part.readiness if item.name == "bedrock_invocation").query
    with KustoLocalEngine(converter().taxonomy) as engine:
        engine.load(converter().sources["bedrock_invocation"], [json.loads(record)])
        insert = 'INSERT INTO stored."AWSCloudWatch" SELECT TimeGenerated, ? FROM stored."AWSCloudWatch" LIMIT 1'
        engine.connection.execute(insert, [record[:-40]])
        engine.connection.execute(insert, ["some other log"])
        engine.select(*EVER)
        (row,) = rows(engine, query.replace("ingestion_time()", "TimeGenerated"), "bedrock_invocation")
    assert (row["events"], row["cut_share"]) == (2, 50)


@pytest.mark.parametrize("source", ["apim", "bedrock_invocation", "cloudtrail", "litellm"])
def test_silence_rule_alerts_only_without_events(source: str, rule_files: Documents) -> None:
    rule = rule_files[f"silent.{source}"]
    assert (rule["triggerOperator"], rule["triggerThreshold"], rule["queryPeriod"]) == ("gt", 0, "1d")
    with KustoLocalEngine(converter().taxonomy) as engine:
        loaded(engine, source)
        assert rows(engine, rule["query"], source) == []
        engine.select(0, 1)
        assert rows(engine, rule["query"], source) == [{"sigmagen_source": source, "events": 0}]
