"""Readiness and silence give the same answer in every SIEM for the same stored events: a count in plain Python."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pytest

from sigmagen.content.readiness import load_losses, plan_readiness
from sigmagen.content.records import Records, merged, records_of
from sigmagen.content.silence import plan_silence
from sigmagen.convert.render import render
from sigmagen.durations import DAY
from sigmagen.mapping.source import LogsourceEntry, Source, load_sources
from sigmagen.plan.model import Plan
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation, LogSource
from tests.content.stored_events import DELAY, Elasticsearch, Kusto, Splunk
from tests.native_logs import attack, converter

Record = dict[str, Any]
Engine = Splunk | Kusto | Elasticsearch

EVER = (0, 4_000_000_000_000)
CALLS = 90
"""Few enough that a share needs rounding."""
FIELDS = ("user.id", "gen_ai.request.model", "event.outcome")

# By hand, from each native format: the places of a field, of which the first that has a value counts.
PLACES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "litellm": {
        "user.id": ["metadata.user_api_key_user_id", "metadata.user_api_key_hash"],
        "gen_ai.request.model": ["model"],
        "event.outcome": ["status"],
    },
    "bedrock_invocation": {"user.id": ["identity.arn"], "gen_ai.request.model": ["modelId"]},
    "cloudtrail": {"user.id": ["userIdentity.arn"], "gen_ai.request.model": ["requestParameters.modelId"]},
    "canonical": {name: [name] for name in FIELDS},
}


def value(record: Record, path: str) -> Any:
    found: Any = record
    for key in [path] if path in record else path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def without(record: Record, path: str, *, empty: bool) -> None:
    """Take a value out of a record, or leave an empty text in its place."""
    *parents, last = [path] if path in record else path.split(".")
    inner = reduce(lambda found, key: found[key], parents, record)
    if empty:
        inner[last] = ""
    else:
        inner.pop(last, None)


def with_holes(source: str) -> list[Record]:
    """Ninety calls; 18 have no user, of which nine have an empty one, and every seventh has no model."""
    found = deepcopy(attack("call_count", source)[:CALLS])
    for number, record in enumerate(found):
        if number % 5 == 0:
            for path in PLACES[source]["user.id"]:
                without(record, path, empty=number % 10 == 0)
        if number % 7 == 0:
            without(record, PLACES[source]["gen_ai.request.model"][0], empty=False)
    return found


def counted(source: str, native: Sequence[Record]) -> dict[str, float]:
    """The percentage of records that have a value, by field."""
    shares = {}
    for name, paths in PLACES[source].items():
        having = sum(any(value(record, path) for path in paths) for record in native)
        shares[f"{name}.share"] = round(100 * having / len(native), 1)
    return shares


def calls_of(source: Source) -> LogsourceEntry:
    entry = source.entry_for(LogSource(category="ai_inference"))
    assert entry is not None
    return entry


def readiness_plan(siem: str, source: Source, fields: Sequence[str] = FIELDS) -> Plan:
    losses = load_losses(converter().mappings, siem)
    return plan_readiness(Records(source, calls_of(source), tuple(fields)), siem, converter().taxonomy, losses).plan


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made: Callable[[], Engine] = request.param
    if request.param is Elasticsearch:
        with Elasticsearch(request.getfixturevalue("elasticsearch_url")) as found:
            yield found
    else:
        with made() as other:
            yield other


on_every_engine = pytest.mark.parametrize(
    "engine",
    [Splunk, Kusto, pytest.param(Elasticsearch, marks=pytest.mark.elasticsearch)],
    ids=["splunk", "sentinel", "elastic"],
    indirect=True,
)


def loaded(engine: Engine, source: str, native: Sequence[Record]) -> Source:
    placed = engine.placed(converter().sources[source])
    engine.load(placed, native)
    return placed


@on_every_engine
@pytest.mark.parametrize("source", PLACES)
def test_readiness_equals_a_plain_count(source: str, engine: Engine) -> None:
    native = with_holes(source)
    placed = loaded(engine, source, native)
    (row,) = engine.rows(readiness_plan(engine.siem, placed), placed, *EVER)
    assert row["events"] == CALLS
    assert (row["delay_p50_seconds"], row["delay_p99_seconds"]) == (DELAY, DELAY)
    expected = counted(source, native)
    assert {name: row[name] for name in expected} == expected
    assert expected["user.id.share"] == 80
    assert row["event.outcome.share"] == 100


@on_every_engine
def test_last_event_is_the_time_of_the_last_record(engine: Engine) -> None:
    native = with_holes("litellm")
    placed = loaded(engine, "litellm", native)
    (row,) = engine.rows(readiness_plan(engine.siem, placed), placed, *EVER)
    last = row["last_event"]
    seconds = last if isinstance(last, float | int) else _seconds(last)
    assert seconds == pytest.approx(max(record["startTime"] for record in native), abs=0.001)


def _seconds(time: Any) -> float:
    moment = time if isinstance(time, datetime) else datetime.fromisoformat(str(time))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@on_every_engine
def test_readiness_without_events_has_no_shares(engine: Engine) -> None:
    placed = loaded(engine, "litellm", with_holes("litellm"))
    (row,) = engine.rows(readiness_plan(engine.siem, placed), placed, 0, 1)
    assert row["events"] == 0
    assert {row.get(name) for name in row if name.endswith(".share")} <= {None}


@on_every_engine
def test_redacted_prompts_are_counted(engine: Engine) -> None:
    native = with_holes("litellm")
    for record in native[:25]:
        record["messages"] = [{"role": "user", "content": "redacted-by-litellm"}]
    placed = loaded(engine, "litellm", native)
    fields = ("user.id",) if engine.siem == "elastic" else ("user.id", "gen_ai.prompt.hash")
    (row,) = engine.rows(readiness_plan(engine.siem, placed, fields), placed, *EVER)
    assert row["redacted.share"] == 27.8
    assert row.get("gen_ai.prompt.hash.share", 72.2) == 72.2


@pytest.mark.parametrize("engine", [Splunk, Kusto], ids=["splunk", "sentinel"], indirect=True)
def test_cut_bodies_are_counted(engine: Engine) -> None:
    native = [record for record in deepcopy(attack("call_count", "apim")) if "GatewayLogs" in json.dumps(record)][:40]
    for record in native[:10]:
        record["properties"]["backendRequestBody"] = record["properties"]["backendRequestBody"][:-20]
    placed = loaded(engine, "apim", native)
    (row,) = engine.rows(readiness_plan(engine.siem, placed), placed, *EVER)
    assert (row["events"], row["cut.share"]) == (40, 25)


def test_check_that_a_language_lacks_is_left_out_with_the_reason() -> None:
    source = converter().sources["litellm"]
    found = plan_readiness(Records(source, calls_of(source), FIELDS), "elastic", converter().taxonomy)
    assert "cut.share" not in render(found.plan, "elastic").columns.values()
    assert found.without == {"cut.share": "ES|QL 8.19 has no function that reads JSON"}


@on_every_engine
@pytest.mark.parametrize("source", PLACES)
@pytest.mark.parametrize("whole", [True, False], ids=["any record", "of a logsource"])
def test_silence_has_a_row_only_without_events(source: str, whole: bool, engine: Engine) -> None:
    placed = loaded(engine, source, with_holes(source))
    records = Records(placed) if whole else Records(placed, calls_of(placed))
    plan = plan_silence(records, engine.siem, converter().taxonomy)
    assert engine.rows(plan, placed, *EVER) == []
    assert engine.rows(plan, placed, 0, 1) == [{"sigmagen.source": source, "events": 0}]


@on_every_engine
def test_records_of_another_logsource_do_not_break_a_silence(engine: Engine) -> None:
    native = deepcopy(attack("call_count", "cloudtrail")[:10])
    for record in native:
        record["eventName"] = "ListFoundationModels"
    placed = loaded(engine, "cloudtrail", native)
    taxonomy = converter().taxonomy
    assert engine.rows(plan_silence(Records(placed), engine.siem, taxonomy), placed, *EVER) == []
    only_calls = Records(placed, calls_of(placed))
    assert len(engine.rows(plan_silence(only_calls, engine.siem, taxonomy), placed, *EVER)) == 1


def test_silence_is_a_day_unless_a_mapping_says_otherwise() -> None:
    stored = [part for source in load_sources(converter().mappings).values() for part in source.stored.values()]
    assert {part.silent_after for part in stored} == {DAY}


def test_records_of_a_rule_are_its_logsource_and_fields() -> None:
    files = load_rules(
        None, rules_folder=converter().mappings.parent / "rules", mappings_folder=converter().mappings
    ).files
    (rule,) = (rule for file in files for rule in file.subjects if rule.name == "call_count")
    assert isinstance(rule, Correlation)
    (found,) = records_of(rule, converter().sources["litellm"], "splunk", converter().taxonomy)
    assert found.key == ("litellm", LogSource(category="ai_inference"))
    assert {"user.id", "gen_ai.request.model"} <= set(found.fields)
    other = replace(found, fields=("source.ip", "user.id"))
    assert merged([found, other])[0].fields == (*found.fields, "source.ip")
